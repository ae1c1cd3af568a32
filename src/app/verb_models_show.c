/* thaw models show: one network layer by layer, its preprocessing, and how its weights file matched. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/session/session.h"
#include "thaw/shelf/catalog.h"
#include "thaw/shelf/load.h"
#include "thaw/source/zoo.h"
#include "verb_models.h"

/* What is shown: where its graph comes from, and what the catalog says of it. */
struct shown {
    struct model_source source;
    struct catalog *catalog;
    const struct catalog_row *row; /* or NULL */
};

/* A row of the list by its name: its weights file, where it has one. */
static bool find_listed(struct model_source *source, const char *name, struct error *error)
{
    struct session_options options = {0};
    struct session *session = session_create(&options, error);
    if (!session)
        return false;
    const struct session_model *models;
    size_t count = session_models(session, &models);
    for (size_t i = 0; i < count && !source->weights; i++)
        if (!strcmp(models[i].name, name) && models[i].weights[0])
            source->weights = mem_string(models[i].weights);
    session_destroy(session);
    return true;
}

static bool find_shown(struct shown *shown, const char *name, const char *runs, struct error *error)
{
    struct zoo_arch room;
    *shown = (struct shown){.catalog = catalog_open(NULL, error)};
    if (!shown->catalog)
        return false;
    const struct catalog_row *row = file_exists(name) ? NULL : catalog_find(shown->catalog, name);
    if (row && !zoo_find(name, &room)) { /* by its name: pulled or not */
        shown->row = row;
        shown->source.weights = catalog_locate(shown->catalog, row);
        shown->source.arch = row->arch;
        if (shown->source.weights || zoo_find(row->arch, &room))
            return true;
    }
    if (!model_source_known(&shown->source, name, error) ||
        (!shown->source.weights && !find_listed(&shown->source, name, error)) ||
        !model_source_run(&shown->source, runs, error))
        return false;
    if (shown->source.weights)
        shown->row = catalog_match(shown->catalog, shown->source.weights);
    return true;
}

static void finish_shown(struct shown *shown)
{
    catalog_close(shown->catalog);
    mem_free(shown->source.weights);
}

/* Without weights the outline is enough: no memory for values. */
static struct graph *open_graph(struct shown *shown, struct bind_report *report, struct error *error)
{
    struct load_request request = {.weights = shown->source.weights, .seed = 1};
    struct zoo_options options = {0};
    const struct catalog_row *row = shown->row;
    *report = (struct bind_report){0};
    if (!shown->source.weights && row && row->input > 0)
        options.height = options.width = row->input;
    struct graph *graph =
        shown->source.weights ? load_graph(&request, report, error) : zoo_outline(shown->source.arch, &options, error);
    if (graph && row && row->arch[0] && strcmp(row->arch, graph->arch) != 0)
        shown->row = NULL; /* another network under that name */
    else if (graph && row && !shown->source.weights)
        catalog_preprocess(row, &graph->preprocess);
    return graph;
}

/* --- plain --- */

static void show_line(const char *label, const char *text)
{
    if (text[0])
        say("%-10s%s\n", label, text);
}

static void show_catalog(const struct shown *shown)
{
    char hash[DIGEST_SENTENCE], figures[96] = "";
    const struct catalog_row *row = shown->row;
    digest_print(hash, &row->hash);
    if (isfinite(row->top1) && isfinite(row->top5))
        snprintf(figures, sizeof figures, "top-1 %.2f %%, top-5 %.2f %% on ImageNet, as published", row->top1,
                 row->top5);
    show_line("catalog:", row->name);
    show_line("source:", row->source);
    show_line("licence:", row->licence);
    show_line("accuracy:", figures);
    show_line("file:", shown->source.weights ? shown->source.weights : "not on this disk");
    show_line("address:", row->url);
    show_line("digest:", row->hash.kind == DIGEST_NONE ? "none published" : hash);
    show_line("notes:", row->notes);
    say("\n");
}

static size_t node_params(const struct graph *graph, int node)
{
    size_t count = 0;
    for (int i = 0; i < graph->node[node].params; i++) {
        const struct graph_param *param = &graph->param[graph->node[node].first_param + i];
        count += param->role == OP_ROLE_STATISTICS || param->role == OP_ROLE_CONSTANT ? 0 : param->count;
    }
    return count;
}

static void show_stage(const struct graph *graph, int index)
{
    char text[PRINT_COUNT], number[PRINT_COUNT];
    const struct graph_stage *stage = &graph->stage[index];
    size_t params = 0;
    double macs = 0;
    for (int node = stage->first_node; node < stage->first_node + stage->nodes; node++) {
        params += node_params(graph, node);
        macs += graph_node_cost(graph, node, 1).macs;
    }
    say("%-40s %-13s %-13s %9s %9s\n", stage->name, "", "", print_count(number, (double)params),
        print_count(text, macs));
    for (int node = stage->first_node; node < stage->first_node + stage->nodes; node++) {
        const struct graph_node *of = &graph->node[node];
        char shape[48];
        snprintf(shape, sizeof shape, "%dx%dx%d", of->shape.h, of->shape.w, of->shape.c);
        say("  %-38s %-13s %-13s %9s %9s\n", of->name, op_get(of->kind)->name, shape,
            print_count(number, (double)node_params(graph, node)),
            print_count(text, graph_node_cost(graph, node, 1).macs));
    }
}

static void show_preprocess(const struct graph *graph)
{
    const struct preprocess *p = &graph->preprocess;
    say("input: ");
    if (p->resize)
        say("shorter side to %d, centre crop %dx%d", p->resize, p->height, p->width);
    else
        say("stretched to %dx%d", p->height, p->width);
    if (p->interpolation != INTERPOLATION_BILINEAR)
        say(", %s", interpolation_name(p->interpolation));
    say(", %s, %s", p->channels == 1 ? "grey" : p->bgr ? "BGR" : "RGB", p->raw ? "0 to 255" : "0 to 1");
    say("\nmean:     ");
    for (int c = 0; c < p->channels; c++)
        say(" %g", (double)p->mean[c]);
    say("\ndeviation:");
    for (int c = 0; c < p->channels; c++)
        say(" %g", (double)p->std[c]);
    say("\n");
    if (graph->preprocess_basis == PREPROCESS_GUESSED)
        say("          a guess: the file does not say; `thaw models preprocess FILE --data DIR` looks at images\n");
}

static void show_note(const char *note)
{
    for (const char *line = note; line && *line;) {
        size_t length = strcspn(line, "\n");
        char *text = mem_format("%.*s", (int)length, line);
        say("note: %s\n", text);
        mem_free(text);
        line += length + (line[length] == '\n');
    }
}

static void show_match(const struct bind_report *report)
{
    say("\nweights:");
    for (enum bind_outcome outcome = 0; outcome < BIND_OUTCOMES; outcome++)
        if (report->count[outcome])
            say(" %zu %s", report->count[outcome], bind_outcome_name(outcome));
    say("\n");
    for (size_t i = 0; i < report->rows; i++) {
        const struct bind_row *row = &report->row[i];
        if (row->outcome == BIND_LOADED)
            continue;
        say("  %-10s  %s%s%s\n", bind_outcome_name(row->outcome), row->name, row->detail[0] ? "  " : "", row->detail);
    }
}

static void show_plain(const struct shown *shown, const struct graph *graph, const struct bind_report *report)
{
    if (shown->row)
        show_catalog(shown);
    char params[PRINT_COUNT], macs[PRINT_COUNT], bytes[PRINT_COUNT];
    struct graph_totals totals = graph_totals(graph);
    say("%s: %d classes, %zu parameters (%s)\n", graph->arch, graph->classes, totals.params,
        print_count(params, (double)totals.params));
    if (totals.buffers)
        say("with %zu running statistics, which Keras counts too: %zu\n", totals.buffers,
            totals.params + totals.buffers);
    say("an image: %s MACs, %sB of activations\n", print_count(macs, totals.macs),
        print_count(bytes, totals.activation_bytes));
    show_preprocess(graph);
    show_note(graph->note);
    say("\n%-40s %-13s %-13s %9s %9s\n", "layer", "kind", "output", "params", "MACs");
    for (int stage = 0; stage < graph->stages; stage++)
        show_stage(graph, stage);
    if (report->rows)
        show_match(report);
}

/* --- JSON --- */

static json_t *layers_json(const struct graph *graph)
{
    json_t *layers = json_array();
    for (int node = 0; node < graph->nodes; node++) {
        const struct graph_node *of = &graph->node[node];
        json_array_append_new(
            layers, json_pack("{s:o, s:o, s:s, s:[i, i, i], s:I, s:f, s:b}", "name", text_to_json(of->name), "stage",
                              text_to_json(graph->stage[of->stage].name), "kind", op_get(of->kind)->name, "shape",
                              of->shape.h, of->shape.w, of->shape.c, "params", (json_int_t)node_params(graph, node),
                              "macs", graph_node_cost(graph, node, 1).macs, "head", node > graph->trunk));
    }
    return layers;
}

static json_t *channels_json(const float *value, int channels)
{
    json_t *list = json_array();
    for (int c = 0; c < channels; c++)
        json_array_append_new(list, json_real((double)value[c]));
    return list;
}

static json_t *preprocess_json(const struct preprocess *p)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:s, s:b, s:b, s:o, s:o}", "height", p->height, "width", p->width,
                     "channels", p->channels, "resize", p->resize, "interpolation",
                     interpolation_name(p->interpolation), "raw", p->raw, "bgr", p->bgr, "mean",
                     channels_json(p->mean, p->channels), "std", channels_json(p->std, p->channels));
}

static json_t *match_json(const struct bind_report *report)
{
    json_t *counts = json_object(), *rows = json_array();
    for (enum bind_outcome outcome = 0; outcome < BIND_OUTCOMES; outcome++)
        json_object_set_new(counts, bind_outcome_name(outcome), json_integer((json_int_t)report->count[outcome]));
    for (size_t i = 0; i < report->rows; i++)
        json_array_append_new(rows, json_pack("{s:o, s:s, s:o}", "name", text_to_json(report->row[i].name), "outcome",
                                              bind_outcome_name(report->row[i].outcome), "detail",
                                              text_to_json(report->row[i].detail)));
    return json_pack("{s:o, s:o}", "counts", counts, "rows", rows);
}

static json_t *catalog_json(const struct shown *shown)
{
    const struct catalog_row *row = shown->row;
    char hash[DIGEST_SENTENCE];
    if (!row)
        return json_null();
    digest_print(hash, &row->hash);
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "name", text_to_json(row->name), "source",
                     print_json_told(row->source), "licence", print_json_told(row->licence), "file",
                     print_json_told(row->file), "hash", hash, "url", print_json_told(row->url), "top1",
                     print_json_real(row->top1), "top5", print_json_real(row->top5), "notes",
                     print_json_told(row->notes));
}

static void show_json(const struct shown *shown, const struct graph *graph, const struct bind_report *report)
{
    struct graph_totals totals = graph_totals(graph);
    app_json(json_pack("{s:s, s:i, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:o}", "arch", graph->arch, "classes",
                       graph->classes, "params", (json_int_t)totals.params, "buffers", (json_int_t)totals.buffers,
                       "macs", totals.macs, "activation_bytes", totals.activation_bytes, "preprocess",
                       preprocess_json(&graph->preprocess), "catalog", catalog_json(shown), "layers",
                       layers_json(graph), "match", report->rows ? match_json(report) : json_null()));
}

int models_show(const char *name, const char *runs, bool json)
{
    struct error error = {0};
    struct shown shown;
    struct bind_report report = {0};
    struct graph *graph = NULL;
    if (find_shown(&shown, name, runs, &error))
        graph = open_graph(&shown, &report, &error);
    if (graph && json)
        show_json(&shown, graph, &report);
    else if (graph)
        show_plain(&shown, graph, &report);
    else if (report.rows && !json)
        show_match(&report); /* which tensors kept it from loading */
    int code = graph ? 0 : app_fail(&error);
    graph_destroy(graph);
    bind_report_finish(&report);
    finish_shown(&shown);
    return code;
}
