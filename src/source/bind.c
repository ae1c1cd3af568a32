/* Bringing a weights file into a graph. First every tensor is matched by name and shape and the report is written; only
 * when the trunk is complete are values read and converted, so that a file that does not fit leaves the graph alone.
 *
 * The class head (the nodes behind graph->trunk) may be of another size or absent: then it starts fresh, layer by
 * layer, and the report says so. Called by load and by the checkpoints. */
#include "config.h"

#include "thaw/source/bind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

static const char *const outcome_names[] = {
    "loaded", "converted", "replaced", "does not fit", "missing", "unexpected", "ignored", "constant",
};
_Static_assert(THAW_LENGTH(outcome_names) == BIND_OUTCOMES, "one name an outcome");

const char *bind_outcome_name(enum bind_outcome outcome)
{
    return outcome_names[outcome];
}

void bind_report_finish(struct bind_report *report)
{
    mem_free(report->row);
    memset(report, 0, sizeof *report);
}

static const struct bind_row *first_row(const struct bind_report *report, enum bind_outcome outcome)
{
    for (size_t i = 0; i < report->rows; i++)
        if (report->row[i].outcome == outcome)
            return &report->row[i];
    return NULL;
}

const char *bind_report_sentence(const struct bind_report *report, const char *head, char text[BIND_SENTENCE])
{
    size_t loaded = report->count[BIND_LOADED] + report->count[BIND_CONVERTED];
    const struct bind_row *replaced = first_row(report, BIND_RESHAPED), *missing = first_row(report, BIND_MISSING);
    int used = snprintf(text, BIND_SENTENCE, "%zu tensors loaded", loaded);
    if (head && (replaced || missing))
        used += snprintf(text + used, BIND_SENTENCE - (size_t)used, "; %.64s comes from %.100s",
                         replaced ? replaced->name : missing->name, head);
    else if (replaced)
        used += snprintf(text + used, BIND_SENTENCE - (size_t)used, "; %.64s starts fresh: %.70s", replaced->name,
                         replaced->detail);
    else if (missing)
        used += snprintf(text + used, BIND_SENTENCE - (size_t)used, "; %.64s starts fresh: it is not in the file",
                         missing->name);
    for (enum bind_outcome outcome = BIND_UNEXPECTED; outcome <= BIND_IGNORED; outcome++)
        if (report->count[outcome])
            used += snprintf(text + used, BIND_SENTENCE - (size_t)used, "; %zu %s", report->count[outcome],
                             bind_outcome_name(outcome));
    return text;
}

/* One matching: which tensor each parameter takes. */
struct match {
    struct graph *graph;
    const struct weights *weights;
    enum weights_layout layout;
    const struct bind_index *index;
    long *tensor;  /* [params], -1: none */
    bool *resized; /* [params], an embedding of positions for another grid */
    bool *taken;   /* [tensors of the file] */
    struct bind_report *report;
    size_t room;
};

static struct bind_row *add_row(struct match *match, const char *name, enum bind_outcome outcome)
{
    struct bind_report *report = match->report;
    if (report->rows == match->room) {
        match->room = match->room ? 2 * match->room : 64;
        report->row = mem_grow(report->row, match->room, sizeof *report->row);
    }
    struct bind_row *row = &report->row[report->rows++];
    snprintf(row->name, sizeof row->name, "%s", name);
    row->outcome = outcome;
    row->detail[0] = '\0';
    return row;
}

static bool is_head(const struct match *match, int param)
{
    return match->graph->param[param].node > match->graph->trunk;
}

static void match_param(struct match *match, const struct bind_index *index, int param)
{
    const struct graph_param *wanted = &match->graph->param[param];
    long found = bind_index_find(index, wanted->name);
    enum bind_outcome absent = wanted->role == OP_ROLE_CONSTANT ? BIND_CONSTANT : BIND_MISSING;
    match->tensor[param] = found;
    struct bind_row *row = add_row(match, wanted->name, found < 0 ? absent : BIND_LOADED);
    if (found < 0)
        return;
    const struct weights_tensor *tensor = weights_get(match->weights, (size_t)found);
    struct shape shape = bind_file_shape(match->graph, param, match->layout);
    struct shape own = bind_index_shape(index, match->weights, (size_t)found);
    char have[SHAPE_TEXT], want[SHAPE_TEXT];
    for (long part = found; part >= 0; part = index->follower[part])
        match->taken[part] = true;
    if (!bind_param_fits(match->graph, param, match->layout, &own)) {
        row->outcome = is_head(match, param) ? BIND_RESHAPED : BIND_MISFIT;
        snprintf(row->detail, sizeof row->detail, "%.30s in the file, %.30s wanted", shape_text(have, &own),
                 shape_text(want, &shape));
        return;
    }
    bool other_type = tensor->type != TENSOR_F32;
    bool other_layout = bind_layout_differs(match->graph, param, match->layout);
    if (other_type || other_layout || !shape_equal(&own, &shape))
        row->outcome = BIND_CONVERTED;
    if (bind_position_changes(match->graph, param, match->weights, &own, row->detail, sizeof row->detail))
        match->resized[param] = true;
    else if (other_type)
        snprintf(row->detail, sizeof row->detail, "%s -> f32%s", tensor_type_name(tensor->type),
                 other_layout ? ", layout" : "");
    else if (other_layout)
        snprintf(row->detail, sizeof row->detail, "layout");
}

/* A layer of the head loads whole or not at all: what fits of one that does not is left aside too. */
static void settle_head(struct match *match)
{
    struct graph *graph = match->graph;
    for (int n = graph->trunk + 1; n < graph->nodes; n++) {
        const struct graph_node *node = &graph->node[n];
        bool whole = true;
        for (int p = node->first_param; p < node->first_param + node->params; p++) {
            enum bind_outcome outcome = match->report->row[p].outcome;
            whole = whole && (outcome == BIND_LOADED || outcome == BIND_CONVERTED || outcome == BIND_CONSTANT);
        }
        for (int p = node->first_param; !whole && p < node->first_param + node->params; p++) {
            struct bind_row *row = &match->report->row[p];
            if (row->outcome == BIND_LOADED || row->outcome == BIND_CONVERTED) {
                row->outcome = BIND_RESHAPED;
                snprintf(row->detail, sizeof row->detail, "left aside with the rest of its layer");
            }
        }
    }
}

/* Whether a tensor of that name belongs to a layer that holds its values as constants (Keras: normalization.mean). */
static bool is_in_constant(const struct graph *graph, const char *name)
{
    char node[GRAPH_NAME_MAX];
    const char *dot = strrchr(name, '.');
    if (!dot || dot - name >= GRAPH_NAME_MAX)
        return false;
    snprintf(node, sizeof node, "%.*s", (int)(dot - name), name);
    int index = graph_find_node(graph, node);
    return index >= 0 && graph->node[index].kind == OP_AFFINE && graph->node[index].attrs.constant;
}

const char *bind_reason_to_ignore(const struct graph *graph, const char *name)
{
    static const struct {
        const char *suffix, *reason;
    } known[] = {
        {"num_batches_tracked", ""},
        {"relative_position_index", "known by the window's size"},
        {"attn_mask", "known by the window's size"},
    };
    for (int i = 0; i < graph->lefts_out; i++) {
        if (strncmp(name, graph->left_out[i].prefix, strlen(graph->left_out[i].prefix)) == 0)
            return graph->left_out[i].reason;
    }
    if (is_in_constant(graph, name))
        return "the layer's constants are made of it";
    for (size_t i = 0; i < THAW_LENGTH(known); i++) {
        size_t length = strlen(name), ending = strlen(known[i].suffix);
        if (length >= ending && strcmp(name + length - ending, known[i].suffix) == 0)
            return known[i].reason;
    }
    return NULL;
}

/* What only the file has, in its order. */
static void report_rest(struct match *match, const struct bind_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        if (match->taken[i])
            continue;
        const char *reason = bind_reason_to_ignore(match->graph, index->name[i]);
        struct bind_row *row =
            add_row(match, weights_get(match->weights, i)->name, reason ? BIND_IGNORED : BIND_UNEXPECTED);
        snprintf(row->detail, sizeof row->detail, "%s", reason ? reason : "");
    }
}

static void match_all(struct match *match, const struct bind_index *index)
{
    for (int p = 0; p < match->graph->params; p++)
        match_param(match, index, p);
    settle_head(match);
    report_rest(match, index);
    for (size_t i = 0; i < match->report->rows; i++)
        match->report->count[match->report->row[i].outcome]++;
}

/* What the file seems to be where it is not what it is said to be: "; these look like the weights of resnet34". */
static bool looks_otherwise(const struct match *match, char hint[2 * GRAPH_NAME_MAX])
{
    struct bind_identity looks;
    struct error ignored;
    hint[0] = '\0';
    if (!bind_recognise(match->weights, NULL, &looks, &ignored) || strcmp(looks.arch, match->graph->arch) == 0)
        return false;
    snprintf(hint, 2 * GRAPH_NAME_MAX, "; these look like the weights of %s", looks.arch);
    return true;
}

/* A file can hold all that is wanted and be another architecture's still: a ResNet-34's has all tensors of a
 * ResNet-18's, and an ECA-ResNet's, which is not known, all of a ResNet's. */
static bool check_rest(const struct match *match, struct error *error)
{
    char hint[2 * GRAPH_NAME_MAX];
    struct zoo_arch room;
    const struct bind_row *first = first_row(match->report, BIND_UNEXPECTED);
    if (!first)
        return true;
    if (!looks_otherwise(match, hint)) {
        size_t amiss = 0;
        bool own = !zoo_find(match->graph->arch, &room); /* imported: it was made of the file */
        size_t count = own ? 0 : bind_count_rest(match->index, match->graph, match->weights, &amiss);
        return count == 0 || bind_refuse_rest(match->graph->arch, match->weights, count, amiss, error);
    }
    return error_set(
        error, ERROR_WEIGHTS, "%s: not the weights of %s: %zu of its tensors have no place there, as %.80s%s",
        weights_path(match->weights), match->graph->arch, match->report->count[BIND_UNEXPECTED], first->name, hint);
}

/* Names the first trunk tensor that keeps the file from being used, and the architecture it seems to be. */
static bool check_trunk(const struct match *match, struct error *error)
{
    const struct bind_report *report = match->report;
    const struct bind_row *first = NULL;
    int missing = 0, misfit = 0, trunk = 0;
    for (int p = 0; p < match->graph->params; p++) {
        const struct bind_row *row = &report->row[p];
        if (is_head(match, p))
            continue;
        trunk++;
        missing += row->outcome == BIND_MISSING;
        misfit += row->outcome == BIND_MISFIT;
        if (!first && (row->outcome == BIND_MISSING || row->outcome == BIND_MISFIT))
            first = row;
    }
    if (!first)
        return check_rest(match, error);
    char hint[2 * GRAPH_NAME_MAX];
    looks_otherwise(match, hint);
    return error_set(error, ERROR_WEIGHTS,
                     "%s: not the weights of %s: %s is %s (of %d tensors %d are missing, %d of another shape)%s",
                     weights_path(match->weights), match->graph->arch, first->name,
                     first->outcome == BIND_MISSING ? "missing" : first->detail, trunk, missing, misfit, hint);
}

/* Large tensors go through a block of rows at a time, so that a model is never in memory twice. */
enum { BLOCK_FLOATS = 1 << 20, BLOCK_ROWS = 16 };

static struct bind_rows block_of(const struct match *match, int param)
{
    const struct weights_tensor *tensor = weights_get(match->weights, (size_t)match->tensor[param]);
    size_t count = tensor->shape.rank ? (size_t)tensor->shape.dim[0] : 1;
    size_t floats = (size_t)shape_count(&tensor->shape) / count, fitting = BLOCK_FLOATS / floats;
    size_t block = fitting < BLOCK_ROWS ? BLOCK_ROWS : fitting / BLOCK_ROWS * BLOCK_ROWS;
    block = match->resized[param] ? count : block;
    return (struct bind_rows){.count = block < count ? block : count, .floats = floats};
}

/* A parameter whose tensors do not lie as its rows do, all at once. */
static bool read_joined(const struct match *match, int param, struct error *error)
{
    float *whole = bind_index_read(match->index, match->weights, (size_t)match->tensor[param], error);
    if (whole)
        bind_from_file(match->graph, param, match->layout, whole, graph_param_values(match->graph, param));
    mem_free_floats(whole);
    return whole != NULL;
}

static bool read_param(const struct match *match, int param, float *room, struct error *error)
{
    struct graph *graph = match->graph;
    if (match->index->joint[match->tensor[param]] != BIND_ROWS)
        return read_joined(match, param, error);
    size_t begin = 0; /* of the tensor's rows in the parameter's */
    for (long part = match->tensor[param]; part >= 0; part = match->index->follower[part]) {
        const struct shape *shape = &weights_get(match->weights, (size_t)part)->shape;
        struct bind_rows rows = block_of(match, param);
        size_t end = (size_t)shape_count(shape) / rows.floats;
        for (size_t first = 0; first < end; first += rows.count) {
            if (rows.count > end - first)
                rows.count = end - first;
            if (!weights_read_rows(match->weights, (size_t)part, (int64_t)first, (int64_t)rows.count, room, error))
                return false;
            rows.first = begin + first;
            if (match->resized[param])
                bind_position_resize(graph, param, shape, room);
            else
                bind_rows_from_file(graph, param, match->layout, rows, room, graph_param_values(graph, param));
        }
        begin += end;
    }
    return true;
}

static bool read_all(const struct match *match, uint64_t seed, struct error *error)
{
    const struct graph *graph = match->graph;
    size_t most = 1;
    for (int p = 0; p < graph->params; p++) {
        enum bind_outcome outcome = match->report->row[p].outcome;
        if (outcome != BIND_LOADED && outcome != BIND_CONVERTED)
            continue;
        struct bind_rows block = block_of(match, p);
        most = block.count * block.floats > most ? block.count * block.floats : most;
    }
    float *room = mem_try_floats(most);
    if (!room)
        return error_set(error, ERROR_FAILED, "%s: no memory to read %zu values at a time",
                         weights_path(match->weights), most);
    bool good = true;
    for (int p = 0; p < graph->params && good; p++) {
        enum bind_outcome outcome = match->report->row[p].outcome;
        if (outcome == BIND_LOADED || outcome == BIND_CONVERTED)
            good = read_param(match, p, room, error);
        else
            graph_initialise_param(match->graph, p, seed);
    }
    mem_free_floats(room);
    return good;
}

/* Values that are not read into the graph, but must be those it was built with: else the file is of another network. */
static bool check_expected(const struct match *match, const struct bind_index *index, struct error *error)
{
    const struct graph *graph = match->graph;
    for (int i = 0; i < graph->lefts_out; i++) {
        float have[4] = {0};
        const struct graph_left_out *known = &graph->left_out[i];
        long found = known->values ? bind_index_find(index, known->prefix) : -1;
        if (found < 0)
            continue;
        const struct weights_tensor *tensor = weights_get(match->weights, (size_t)found);
        bool same = known->count <= THAW_LENGTH(have) && shape_count(&tensor->shape) == (int64_t)known->count;
        if (same && !weights_read(match->weights, (size_t)found, have, error))
            return false;
        for (size_t c = 0; c < known->count && same; c++)
            same = fabsf(have[c] - known->values[c]) <= 1e-4f * (1 + fabsf(known->values[c]));
        if (!same)
            return error_set(error, ERROR_WEIGHTS,
                             "%s: %s holds other values than %s has: %s; a model saved whole, with its configuration, "
                             "would say what it does instead",
                             weights_path(match->weights), tensor->name, graph->arch, known->reason);
    }
    return true;
}

/* The class layer, where the graph's has two outputs and the file's one: then it is described as the file's. */
static int begin_single(struct match *match, const struct bind_index *index)
{
    struct graph *graph = match->graph;
    int node = bind_single_layer(graph), param = node < 0 ? 0 : graph->node[node].first_param;
    long found = node < 0 ? -1 : bind_index_find(index, graph->param[param].name);
    if (found < 0)
        return -1;
    struct shape shape = bind_index_shape(index, match->weights, (size_t)found);
    if (bind_param_fits(graph, param, match->layout, &shape))
        return -1;
    bind_single_begin(graph, node);
    if (bind_param_fits(graph, param, match->layout, &shape))
        return node;
    bind_single_end(graph, node, false, 0, match->report);
    return -1;
}

bool bind_weights(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
                  struct error *error)
{
    struct bind_index index;
    struct match match = {
        .graph = graph,
        .weights = weights,
        .layout = weights_layout(weights),
        .index = &index,
        .tensor = mem_array((size_t)graph->params + 1, sizeof *match.tensor),
        .resized = mem_array((size_t)graph->params + 1, sizeof *match.resized),
        .taken = mem_array(weights_count(weights) + 1, sizeof *match.taken),
        .report = report,
    };
    memset(report, 0, sizeof *report);
    bind_index_init(&index, weights);
    struct zoo_arch room;
    char told[BIND_TOLD] = "";
    if (zoo_find(graph->arch, &room)) { /* else the file's own names are the graph's */
        bind_index_as_zoo(&index, weights);
        bind_index_by_order(&index, graph, weights);
        bind_index_as_graph(&index, graph, weights, told);
    }
    int single = begin_single(&match, &index);
    match_all(&match, &index);
    bool good = check_trunk(&match, error) && check_expected(&match, &index, error);
    if (good && told[0])
        graph_add_note(graph, "%s", told);

    struct preprocess unused;
    const char *text = weights_metadata(weights, BIND_KEY_PREPROCESS);
    if (good && text && !preprocess_from_text(text, &unused))
        good = error_set(error, ERROR_WEIGHTS, "%s: the metadata's " BIND_KEY_PREPROCESS " \"%.100s\" cannot be read",
                         weights_path(weights), text);
    good = good && read_all(&match, seed, error);
    if (single >= 0)
        bind_single_end(graph, single, good, seed, report);
    bind_index_finish(&index);
    mem_free(match.tensor);
    mem_free(match.resized);
    mem_free(match.taken);
    return good;
}
