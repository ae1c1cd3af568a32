/* Models: the zoo's architectures, and the weights files found in the samples, the models folder and wherever the user
 * opened one. Choosing one builds its graph and binds its weights. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/model/import.h"
#include "thaw/model/zoo.h"

static struct session_model *add_row(struct session *session)
{
    if (session->models == session->models_room) {
        session->models_room = session->models_room ? 2 * session->models_room : 32;
        session->model = mem_grow(session->model, session->models_room, sizeof *session->model);
    }
    struct session_model *row = &session->model[session->models++];
    memset(row, 0, sizeof *row);
    return row;
}

static void preprocess_text(char *text, size_t room, const struct preprocess *p)
{
    int used = p->resize ? snprintf(text, room, "resize %d, crop %dx%d", p->resize, p->width, p->height)
                         : snprintf(text, room, "stretch to %dx%d", p->width, p->height);
    if (p->interpolation != INTERPOLATION_BILINEAR)
        used += snprintf(text + used, room - (size_t)used, ", %s", interpolation_name(p->interpolation));
    const char *order = p->channels == 1 ? "grey" : p->bgr ? "BGR" : "RGB";
    used += snprintf(text + used, room - (size_t)used, ", %s%s, mean", order, p->raw ? " 0..255" : "");
    for (int i = 0; i < p->channels && (size_t)used < room; i++)
        used += snprintf(text + used, room - (size_t)used, " %.3g", (double)p->mean[i]);
    if ((size_t)used < room)
        used += snprintf(text + used, room - (size_t)used, ", deviation");
    for (int i = 0; i < p->channels && (size_t)used < room; i++)
        used += snprintf(text + used, room - (size_t)used, " %.3g", (double)p->std[i]);
}

/* What the graph knows of a row; without values, only for its sizes: a VGG has 550 MB of them. */
static void describe_graph(struct session_model *row, const struct graph *graph)
{
    struct graph_totals totals = graph_totals(graph);
    row->params = (double)totals.params;
    row->macs = totals.macs;
    const struct shape4 *input = &graph->node[0].shape;
    snprintf(row->input, sizeof row->input, "%dx%dx%d", input->w, input->h, input->c);
    snprintf(row->arch, sizeof row->arch, "%s", graph->arch);
    preprocess_text(row->preprocess, sizeof row->preprocess, &graph->preprocess);
}

static bool describe(struct session_model *row, const struct zoo_arch *arch, const struct zoo_options *options,
                     const struct weights *weights)
{
    struct error unused;
    struct graph *graph = zoo_outline(arch->name, options, &unused);
    if (!graph)
        return false;
    if (weights)
        bind_preprocess(graph, weights);
    describe_graph(row, graph);
    snprintf(row->family, sizeof row->family, "%s", arch->family);
    snprintf(row->title, sizeof row->title, "%s", arch->title);
    graph_destroy(graph);
    return true;
}

/* A network that the file itself describes. */
static bool describe_import(struct session_model *row, const struct weights *weights)
{
    struct error unused;
    struct bind_report report;
    struct load_request request = {0};
    struct graph *graph = import_graph(weights, &request, false, &report, &unused);
    bind_report_finish(&report);
    if (!graph)
        return false;
    describe_graph(row, graph);
    row->classes = graph->classes;
    snprintf(row->family, sizeof row->family, "imported");
    snprintf(row->title, sizeof row->title, "%s, as its file describes it", graph->arch);
    graph_destroy(graph);
    return true;
}

static bool describe_recognised(struct session *session, struct session_model *row, const struct weights *weights)
{
    struct error unused;
    struct zoo_arch room;
    struct bind_identity identity;
    if (!session->zoo)
        session->zoo = bind_zoo_create();
    if (!bind_recognise(weights, session->zoo, &identity, &unused))
        return false;
    row->classes = identity.classes;
    struct zoo_options options = {.classes = identity.classes, .channels = identity.channels};
    const struct zoo_arch *arch = zoo_find(identity.arch, &room);
    return arch && describe(row, arch, &options, weights);
}

/* The file's name without its ending, '-' and '_' as they are: what people call their weights. */
static void name_of_file(char *name, size_t room, const char *path)
{
    snprintf(name, room, "%s", path_base(path));
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
}

static bool add_file(struct session *session, const char *path)
{
    struct error unused;
    for (size_t i = 0; i < session->models; i++)
        if (!strcmp(session->model[i].weights, path))
            return true;
    struct weights *weights = weights_open(path, &unused);
    if (!weights)
        return false;
    struct session_model *row = add_row(session);
    bool known = import_possible(weights) ? describe_import(row, weights) : describe_recognised(session, row, weights);
    name_of_file(row->name, sizeof row->name, path);
    snprintf(row->weights, sizeof row->weights, "%s", path);
    snprintf(row->format, sizeof row->format, "%s", weights_format(weights));
    struct stat status;
    if (stat(path, &status) == 0)
        row->file_bytes = (double)status.st_size;
    if (!known)
        session->models--;
    weights_close(weights);
    return known;
}

static void add_folder(struct session *session, const char *folder)
{
    struct error unused;
    struct file_list list;
    if (!file_list_read(&list, folder, &unused))
        return; /* no such folder: nothing there */
    for (size_t i = 0; i < list.count; i++) {
        if (!weights_is_file_name(list.name[i]))
            continue;
        char *path = path_join(folder, list.name[i]);
        add_file(session, path);
        mem_free(path);
    }
    file_list_free(&list);
}

void session_rescan_models(struct session *session)
{
    char chosen_weights[512] = "", chosen_arch[64] = "";
    if (session->chosen >= 0) {
        snprintf(chosen_weights, sizeof chosen_weights, "%s", session->model[session->chosen].weights);
        snprintf(chosen_arch, sizeof chosen_arch, "%s", session->model[session->chosen].arch);
    }
    session->models = 0;
    add_folder(session, session->samples);
    add_folder(session, session->models_folder);
    for (size_t i = 0; i < session->opened_count; i++)
        add_file(session, session->opened[i]);
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        struct session_model *row = add_row(session);
        snprintf(row->name, sizeof row->name, "%s", arch->name);
        if (!describe(row, arch, &(struct zoo_options){0}, NULL))
            session->models--;
    }
    session->chosen = -1;
    for (size_t i = 0; i < session->models && chosen_arch[0]; i++)
        if (!strcmp(session->model[i].weights, chosen_weights) && !strcmp(session->model[i].arch, chosen_arch)) {
            session->chosen = (long)i;
            break;
        }
}

size_t session_models(const struct session *session, const struct session_model **models)
{
    *models = session->model;
    return session->models;
}

long session_chosen_model(const struct session *session)
{
    return session->chosen;
}

static void keep_matches(struct session *session, const struct bind_report *report)
{
    mem_free(session->match);
    session->matches = report->rows;
    session->match = mem_array(report->rows, sizeof *session->match);
    for (size_t i = 0; i < report->rows; i++) {
        struct session_match *match = &session->match[i];
        snprintf(match->name, sizeof match->name, "%s", report->row[i].name);
        snprintf(match->outcome, sizeof match->outcome, "%s", bind_outcome_name(report->row[i].outcome));
        snprintf(match->detail, sizeof match->detail, "%s", report->row[i].detail);
    }
}

bool models_choose(struct session *session, const char *arch, const char *weights, struct error *error)
{
    struct load_request request = {
        .arch = arch,
        .weights = weights,
        .classes = session->dataset ? session->dataset->classes : 0,
        .size = session->experiment.data.size,
        .preprocess = session->experiment.model.preprocess,
        .seed = session->experiment.train.seed,
    };
    struct bind_report report;
    struct graph *graph = load_graph(&request, &report, error);
    if (graph) {
        keep_matches(session, &report);
        graph_destroy(session->graph);
        session->graph = graph;
        snprintf(session->experiment.model.name, sizeof session->experiment.model.name, "%s", graph->arch);
        snprintf(session->experiment.model.weights, sizeof session->experiment.model.weights, "%s",
                 weights[0] ? weights : "none");
        layers_reset(session);
    }
    bind_report_finish(&report);
    return graph != NULL;
}

bool session_choose_model(struct session *session, size_t row, struct error *error)
{
    if (row >= session->models)
        return error_set(error, ERROR_USAGE, "there is no model %zu", row + 1);
    char arch[64], weights[512]; /* choosing may rescan */
    snprintf(arch, sizeof arch, "%s", session->model[row].arch);
    snprintf(weights, sizeof weights, "%s", session->model[row].weights);
    if (!models_choose(session, arch, weights, error))
        return false;
    session->chosen = (long)row;
    return true;
}

static long find_row(const struct session *session, const char *name)
{
    for (size_t i = 0; i < session->models; i++)
        if (!strcmp(session->model[i].weights, name) ||
            (!session->model[i].weights[0] && !strcmp(session->model[i].name, name)))
            return (long)i;
    return -1;
}

bool session_choose_model_file(struct session *session, const char *path_or_name, struct error *error)
{
    long row = find_row(session, path_or_name);
    if (row < 0 && file_exists(path_or_name)) {
        if (!add_file(session, path_or_name)) { /* again, for the sentence */
            return models_choose(session, "", path_or_name, error);
        }
        session->opened = mem_grow(session->opened, session->opened_count + 1, sizeof *session->opened);
        session->opened[session->opened_count++] = mem_string(path_or_name);
        row = find_row(session, path_or_name);
    }
    if (row >= 0)
        return session_choose_model(session, (size_t)row, error);
    if (!models_choose(session, path_or_name, "", error))
        return false;
    struct zoo_arch room; /* a zoo name outside the list, such as another alpha */
    const struct zoo_arch *arch = zoo_find(path_or_name, &room);
    if (arch) {
        struct session_model *added = add_row(session);
        describe(added, arch, &(struct zoo_options){0}, NULL);
        snprintf(added->name, sizeof added->name, "%s", path_or_name);
        session->chosen = (long)session->models - 1;
    }
    return true;
}

size_t session_matches(const struct session *session, const struct session_match **rows)
{
    *rows = session->match;
    return session->matches;
}

void models_finish(struct session *session)
{
    for (size_t i = 0; i < session->opened_count; i++)
        mem_free(session->opened[i]);
    mem_free(session->opened);
    mem_free(session->model);
    bind_zoo_destroy(session->zoo);
    mem_free(session->match);
    graph_destroy(session->graph);
}
