/* The list of models: the weights files found in the samples, the models folder and wherever the user opened one, each
 * recognised; what the catalog has beyond them; and the zoo's architectures. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/source/import.h"
#include "thaw/source/zoo.h"

enum { FOLDERS = 3 }; /* one in another below the models folder */

static struct session_model *add_row(struct session *session)
{
    if (session->draft->models == session->draft->models_room) {
        session->draft->models_room = session->draft->models_room ? 2 * session->draft->models_room : 256;
        session->draft->model =
            mem_grow(session->draft->model, session->draft->models_room, sizeof *session->draft->model);
    }
    struct session_model *row = &session->draft->model[session->draft->models++];
    *row = (struct session_model){.params = NAN, .macs = NAN, .file_bytes = NAN, .top1 = NAN, .top5 = NAN};
    row->seconds = NAN;
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

/* --- what is known of a row --- */

/* What a graph says of it; without values, only for its sizes: a VGG has 550 MB of them. */
static void describe_graph(const struct session *session, struct session_model *row, const struct graph *graph)
{
    struct graph_totals totals = graph_totals(graph);
    row->params = (double)totals.params;
    row->macs = totals.macs;
    row->side = graph->node[0].shape.w;
    char input[REMEMBER_INPUT];
    remember_input(input, graph);
    snprintf(row->input, sizeof row->input, "%s", input);
    snprintf(row->arch, sizeof row->arch, "%s", graph->arch);
    preprocess_text(row->preprocess, sizeof row->preprocess, &graph->preprocess);
    size_t used = strlen(row->preprocess);
    if (graph->preprocess_basis == PREPROCESS_GUESSED)
        snprintf(row->preprocess + used, sizeof row->preprocess - used, " (a guess, until images are looked at)");
    double seconds = remembered_time(&session->draft->remembered, graph->arch, input);
    row->seconds = seconds > 0 ? seconds : NAN;
}

/* What the catalog says of it. */
static void describe_catalog(struct session_model *row, const struct catalog_row *from)
{
    snprintf(row->name, sizeof row->name, "%s", from->name);
    snprintf(row->catalog, sizeof row->catalog, "%s", from->name);
    snprintf(row->source, sizeof row->source, "%s", from->source);
    snprintf(row->licence, sizeof row->licence, "%s", from->licence);
    snprintf(row->url, sizeof row->url, "%s", from->url);
    snprintf(row->notes, sizeof row->notes, "%s", from->notes);
    row->top1 = from->top1;
    row->top5 = from->top5;
    row->is_default = from->is_default;
    if (from->classes >= 0)
        row->classes = from->classes;
}

/* A head that the weights do not have counts for nothing. */
static void leave_out_head(struct session_model *row, const struct graph *graph)
{
    for (int i = 0; i < graph->params; i++)
        if (graph->param[i].node > graph->trunk && graph->param[i].role != OP_ROLE_STATISTICS &&
            graph->param[i].role != OP_ROLE_CONSTANT)
            row->params -= (double)graph->param[i].count;
    for (int node = graph->trunk + 1; node < graph->nodes; node++)
        row->macs -= graph_node_cost(graph, node, 1).macs;
}

static bool describe_zoo(const struct session *session, struct session_model *row, const struct zoo_arch *arch,
                         const struct zoo_options *options, const struct catalog_row *from,
                         const struct weights *weights)
{
    struct error unused;
    struct graph *graph = zoo_outline(arch->name, options, &unused);
    if (!graph)
        return false;
    if (from)
        catalog_preprocess(from, &graph->preprocess);
    if (weights)
        bind_preprocess(graph, weights);
    describe_graph(session, row, graph);
    if (from && from->classes == 0)
        leave_out_head(row, graph);
    snprintf(row->family, sizeof row->family, "%s", arch->family);
    snprintf(row->title, sizeof row->title, "%s", arch->title);
    graph_destroy(graph);
    return true;
}

/* --- files --- */

/* A network that the file itself describes. */
static bool describe_import(const struct session *session, struct session_model *row, const struct weights *weights)
{
    struct error unused;
    struct bind_report report;
    struct load_request request = {0};
    struct graph *graph = import_graph(weights, &request, false, &report, &unused);
    bind_report_finish(&report);
    if (!graph)
        return false;
    describe_graph(session, row, graph);
    row->classes = graph->classes;
    snprintf(row->family, sizeof row->family, "imported");
    snprintf(row->title, sizeof row->title, "%s, as its file describes it", graph->arch);
    graph_destroy(graph);
    return true;
}

static bool describe_recognised(struct session *session, struct session_model *row, const struct catalog_row **from,
                                const struct weights *weights)
{
    struct error unused;
    struct zoo_arch room;
    struct bind_identity identity;
    if (!session->draft->zoo)
        session->draft->zoo = bind_zoo_create();
    if (!bind_recognise(weights, session->draft->zoo, &identity, &unused))
        return false;
    if (*from && (*from)->arch[0] && strcmp((*from)->arch, identity.arch) != 0)
        *from = NULL; /* another network under that name */
    struct zoo_options options = {.classes = identity.classes, .channels = identity.channels};
    if (*from && (*from)->input > 0)
        options.height = options.width = (*from)->input;
    row->classes = identity.classes;
    const struct zoo_arch *arch = zoo_find(identity.arch, &room);
    return arch && describe_zoo(session, row, arch, &options, *from, weights);
}

/* The file's name without its ending, '-' and '_' as they are: what people call their weights. */
static void name_of_file(char *name, size_t room, const char *path)
{
    snprintf(name, room, "%s", path_base(path));
    char *dot = strrchr(name, '.');
    if (dot && dot != name)
        *dot = '\0';
}

static bool is_listed(const struct session *session, const char *catalog)
{
    for (size_t i = 0; i < session->draft->models; i++)
        if (!strcmp(session->draft->model[i].catalog, catalog))
            return true;
    return false;
}

static void describe_file(const struct session *session, struct session_model *row, const char *path)
{
    struct stat status;
    size_t folder = strlen(session->models_folder);
    snprintf(row->weights, sizeof row->weights, "%s", path);
    if (stat(path, &status) == 0)
        row->file_bytes = (double)status.st_size;
    row->local = true;
    row->pulled = !strncmp(path, session->models_folder, folder) && path[folder] == '/';
    row->used = remembered_use(&session->draft->remembered, path);
}

bool listing_add_file(struct session *session, const char *path)
{
    struct error unused;
    for (size_t i = 0; i < session->draft->models; i++)
        if (!strcmp(session->draft->model[i].weights, path))
            return true;
    struct weights *weights = weights_open(path, &unused);
    if (!weights)
        return false;
    const struct catalog_row *from = session->draft->catalog ? catalog_match(session->draft->catalog, path) : NULL;
    struct session_model *row = add_row(session);
    bool known = import_possible(weights) ? describe_import(session, row, weights)
                                          : describe_recognised(session, row, &from, weights);
    name_of_file(row->name, sizeof row->name, path);
    snprintf(row->format, sizeof row->format, "%s", weights_format(weights));
    int classes = row->classes;
    if (from && !is_listed(session, from->name))
        describe_catalog(row, from);
    row->classes = classes;
    describe_file(session, row, path);
    if (!known)
        session->draft->models--;
    weights_close(weights);
    return known;
}

/* A link that leads back to where it lies. */
static bool leads_back(const char *folder, const char *path)
{
    char *from = realpath(folder, NULL), *to = realpath(path, NULL);
    size_t length = to ? strlen(to) : 0;
    bool back = !from || !to || (strncmp(from, to, length) == 0 && (from[length] == '/' || !from[length]));
    free(from);
    free(to);
    return back;
}

/* Files of one name in several folders are told apart; of what is too long the end. */
static void name_inside(struct session_model *row, const char *inside)
{
    if (!inside[0] || row->catalog[0])
        return;
    char *name = mem_format("%s%s", inside, row->name);
    size_t length = strlen(name), most = sizeof row->name - 1;
    snprintf(row->name, sizeof row->name, "%s", name + (length > most ? length - most : 0));
    mem_free(name);
}

/* under: folders below it that are looked into, too; inside: how they stand before its files' names. */
static void add_folder(struct session *session, const char *folder, int under, const char *inside)
{
    struct error unused;
    struct file_list list;
    if (!file_list_read(&list, folder, &unused))
        return; /* no such folder: nothing there */
    for (size_t i = 0; i < list.count; i++) {
        size_t before = session->draft->models;
        char *path = path_join(folder, list.name[i]);
        bool is_folder = under > 0 && list.name[i][0] != '.' && file_is_directory(path);
        if (is_folder && !leads_back(folder, path)) {
            char *name = mem_format("%s%s/", inside, list.name[i]);
            add_folder(session, path, under - 1, name);
            mem_free(name);
        } else if (!is_folder && weights_is_file_name(list.name[i])) {
            listing_add_file(session, path);
        }
        if (!is_folder && session->draft->models > before)
            name_inside(&session->draft->model[before], inside);
        mem_free(path);
    }
    file_list_free(&list);
}

/* --- what is not on this disk --- */

static void add_absent(struct session *session, const struct catalog_row *from)
{
    struct zoo_arch room;
    struct session_model *row = add_row(session);
    describe_catalog(row, from);
    row->file_bytes = from->size;
    const char *family = weights_name_family(from->file);
    snprintf(row->format, sizeof row->format, "%s", family ? family : "");
    const struct zoo_arch *arch = from->arch[0] ? zoo_find(from->arch, &room) : NULL;
    struct zoo_options options = {.classes = from->classes > 0 ? from->classes : 0};
    if (from->input > 0)
        options.height = options.width = from->input;
    if (arch && describe_zoo(session, row, arch, &options, from, NULL))
        return;
    row->params = from->params; /* as its source counts */
    row->macs = from->macs;
    snprintf(row->arch, sizeof row->arch, "%s", from->arch);
    if (from->input > 0)
        snprintf(row->input, sizeof row->input, "%dx%dx3", from->input, from->input);
    row->side = from->input > 0 ? from->input : 0;
}

bool listing_add_arch(struct session *session, const char *name)
{
    struct zoo_arch room;
    const struct zoo_arch *arch = zoo_find(name, &room);
    if (!arch)
        return false;
    struct session_model *row = add_row(session);
    snprintf(row->name, sizeof row->name, "%s", name);
    row->scratch = true;
    row->used = remembered_use(&session->draft->remembered, name);
    if (describe_zoo(session, row, arch, &(struct zoo_options){0}, NULL, NULL))
        return true;
    session->draft->models--;
    return false;
}

/* --- the list --- */

static void open_catalog(struct session *session)
{
    struct catalog_places places = {.models = session->models_folder, .samples = session->samples};
    catalog_close(session->draft->catalog);
    session->draft->catalog_fault = (struct error){.kind = ERROR_NONE};
    session->draft->catalog = catalog_open(&places, &session->draft->catalog_fault);
}

const char *session_catalog_fault(const struct session *session)
{
    return session->draft->catalog ? NULL : session->draft->catalog_fault.text;
}

static void list_all(struct session *session)
{
    session->draft->models = 0;
    add_folder(session, session->samples, 0, "");
    add_folder(session, session->models_folder, FOLDERS, "");
    for (size_t i = 0; i < session->draft->opened_count; i++)
        listing_add_file(session, session->draft->opened[i]);
    size_t count = 0;
    const struct catalog_row *row = session->draft->catalog ? catalog_rows(session->draft->catalog, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (!is_listed(session, row[i].name))
            add_absent(session, &row[i]);
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++)
        listing_add_arch(session, arch->name);
}

long listing_find(const struct session *session, const char *arch, const char *weights)
{
    for (size_t i = 0; i < session->draft->models; i++) {
        const struct session_model *model = &session->draft->model[i];
        if ((model->scratch || model->local) && !strcmp(model->weights, weights) && !strcmp(model->arch, arch))
            return (long)i;
    }
    return -1;
}

bool listing_open_file(struct session *session, const char *path)
{
    size_t before = session->draft->models;
    if (!listing_add_file(session, path))
        return false;
    if (session->draft->models > before) {
        session->draft->opened =
            mem_grow(session->draft->opened, session->draft->opened_count + 1, sizeof *session->draft->opened);
        session->draft->opened[session->draft->opened_count++] = mem_string(path);
    }
    return true;
}

void session_rescan_models(struct session *session)
{
    char chosen_weights[512] = "", chosen_arch[64] = "";
    struct error unused;
    if (!opening_settle(session, &unused)) /* it looks itself */
        return;
    if (session->draft->chosen >= 0) {
        snprintf(chosen_weights, sizeof chosen_weights, "%s", session->draft->model[session->draft->chosen].weights);
        snprintf(chosen_arch, sizeof chosen_arch, "%s", session->draft->model[session->draft->chosen].arch);
    }
    open_catalog(session);
    remembered_free(&session->draft->remembered);
    remembered_read(&session->draft->remembered);
    list_all(session);
    session->draft->chosen = chosen_arch[0] ? listing_find(session, chosen_arch, chosen_weights) : -1;
    session->shown_known = false;
}

size_t session_models(const struct session *session, const struct session_model **models)
{
    *models = session->draft->model;
    return session->draft->models;
}

void listing_finish(struct draft *draft)
{
    for (size_t i = 0; i < draft->opened_count; i++)
        mem_free(draft->opened[i]);
    mem_free(draft->opened);
    mem_free(draft->model);
    bind_zoo_destroy(draft->zoo);
    catalog_close(draft->catalog);
    remembered_free(&draft->remembered);
}
