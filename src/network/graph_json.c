/* Graphs to JSON and back. Called by bind's export and by the import of such files.
 *
 * {"version": 1, "arch": "net", "input": [h, w, c], "preprocess": "size ...", "trunk": "fc1",
 *  "stages": [{"name": "features", "first": 0}, ...],
 *  "nodes": [{"name": "conv1", "op": "conv", "in": [0], "kernel_h": 3, ...}, ...]}
 * The input is node 0 and not among "nodes". Attributes stand where they differ from op_attrs_default, booleans as 0
 * or 1. A stage's "first" is the number of its first node. */
#include "config.h"

#include "thaw/network/graph_json.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { TEXT_VERSION = 1, NODES_MAX = 10000, INPUTS_MAX = 64, SIDE_MAX = 1 << 16, FLOAT_DIGITS = 9 };

enum field_type { FIELD_INT, FIELD_BOOL, FIELD_FLOAT };

/* Every member of struct op_attrs. */
#define FIELD(type, name)                                                                                              \
    {                                                                                                                  \
#name, type, offsetof(struct op_attrs, name)                                                                   \
    }
static const struct field {
    const char *name;
    enum field_type type;
    size_t offset;
} fields[] = {
    FIELD(FIELD_INT, kernel_h),     FIELD(FIELD_INT, kernel_w),   FIELD(FIELD_INT, stride_h),
    FIELD(FIELD_INT, stride_w),     FIELD(FIELD_INT, pad_top),    FIELD(FIELD_INT, pad_left),
    FIELD(FIELD_INT, pad_bottom),   FIELD(FIELD_INT, pad_right),  FIELD(FIELD_INT, dilation_h),
    FIELD(FIELD_INT, dilation_w),   FIELD(FIELD_INT, groups),     FIELD(FIELD_INT, out_channels),
    FIELD(FIELD_BOOL, bias),        FIELD(FIELD_BOOL, ceil_mode), FIELD(FIELD_BOOL, count_padding),
    FIELD(FIELD_FLOAT, eps),        FIELD(FIELD_FLOAT, momentum), FIELD(FIELD_FLOAT, rate),
    FIELD(FIELD_BOOL, flatten_chw), FIELD(FIELD_INT, pad_before), FIELD(FIELD_INT, pad_after),
    FIELD(FIELD_BOOL, no_scale),    FIELD(FIELD_BOOL, no_shift),  FIELD(FIELD_FLOAT, alpha),
    FIELD(FIELD_FLOAT, beta),       FIELD(FIELD_FLOAT, low),      FIELD(FIELD_FLOAT, high),
    FIELD(FIELD_BOOL, constant),    FIELD(FIELD_INT, begin),      FIELD(FIELD_INT, end),
    FIELD(FIELD_FLOAT, pad_value),  FIELD(FIELD_INT, heads),      FIELD(FIELD_INT, tokens),
    FIELD(FIELD_INT, grid_h),       FIELD(FIELD_INT, grid_w),     FIELD(FIELD_BOOL, antialias),
    FIELD(FIELD_FLOAT, offset),
};

/* A member of op_attrs that is in no row above would be lost on the way: the test of this file sets all its bytes. */

/* --- to text --- */

static json_t *field_to_json(const struct field *field, const struct op_attrs *attrs)
{
    const void *at = (const char *)attrs + field->offset;
    switch (field->type) {
    case FIELD_INT:
        return json_integer(*(const int *)at);
    case FIELD_BOOL:
        return json_integer(*(const bool *)at);
    case FIELD_FLOAT:
        return json_real((double)*(const float *)at);
    }
    return NULL;
}

static bool field_is_default(const struct field *field, const struct op_attrs *attrs)
{
    static const size_t size[] = {sizeof(int), sizeof(bool), sizeof(float)};
    struct op_attrs own = op_attrs_default();
    return memcmp((const char *)attrs + field->offset, (const char *)&own + field->offset, size[field->type]) == 0;
}

static json_t *node_to_json(const struct graph_node *node)
{
    json_t *json = json_object(), *inputs = json_array();
    json_object_set_new(json, "name", json_string(node->name));
    json_object_set_new(json, "op", json_string(op_get(node->kind)->name));
    for (int i = 0; i < node->inputs; i++)
        json_array_append_new(inputs, json_integer(node->input[i]));
    json_object_set_new(json, "in", inputs);
    for (size_t i = 0; i < THAW_LENGTH(fields); i++) {
        if (!field_is_default(&fields[i], &node->attrs))
            json_object_set_new(json, fields[i].name, field_to_json(&fields[i], &node->attrs));
    }
    return json;
}

static json_t *stages_to_json(const struct graph *graph)
{
    json_t *stages = json_array();
    for (int i = 0; i < graph->stages; i++)
        json_array_append_new(
            stages, json_pack("{s:s, s:i}", "name", graph->stage[i].name, "first", graph->stage[i].first_node));
    return stages;
}

/* Compact, and the reference dropped. */
static char *dump(json_t *json)
{
    char *dumped = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(FLOAT_DIGITS));
    char *text = mem_string(dumped ? dumped : "");
    json_decref(json);
    free(dumped);
    return text;
}

char *graph_node_to_json(const struct graph *graph, int node)
{
    return dump(node_to_json(&graph->node[node]));
}

char *graph_to_json(const struct graph *graph)
{
    char preprocess[PREPROCESS_TEXT];
    preprocess_to_text(preprocess, &graph->preprocess);
    const struct shape4 *input = &graph->node[0].shape;
    json_t *nodes = json_array();
    for (int i = 1; i < graph->nodes; i++)
        json_array_append_new(nodes, node_to_json(&graph->node[i]));
    json_t *json = json_pack("{s:i, s:s, s:[iii], s:s, s:s, s:o, s:o}", "version", TEXT_VERSION, "arch", graph->arch,
                             "input", input->h, input->w, input->c, "preprocess", preprocess, "trunk",
                             graph->node[graph->trunk].name, "stages", stages_to_json(graph), "nodes", nodes);
    return dump(json);
}

/* --- from text --- */

static bool fault(struct error *error, const char *where, const char *what)
{
    return error_set(error, ERROR_WEIGHTS, "the graph it describes cannot be read: %.80s: %s", where, what);
}

/* An integer in [least, most]. */
static bool whole(const json_t *json, int least, int most, int *value)
{
    json_int_t number = json_integer_value(json);
    *value = (int)number;
    return json_is_integer(json) && number >= least && number <= most;
}

static bool field_from_json(const struct field *field, const json_t *json, struct op_attrs *attrs)
{
    void *at = (char *)attrs + field->offset;
    int number;
    switch (field->type) {
    case FIELD_INT:
        return whole(json, -(1 << 24), 1 << 24, at);
    case FIELD_BOOL:
        if (!whole(json, 0, 1, &number))
            return false;
        *(bool *)at = number;
        return true;
    case FIELD_FLOAT:
        *(float *)at = (float)json_number_value(json);
        return json_is_number(json) && isfinite(*(float *)at);
    }
    return false;
}

static bool read_kind(const char *name, enum op_kind *kind)
{
    for (int i = OP_INPUT + 1; i < OP_KINDS; i++) {
        *kind = (enum op_kind)i;
        if (strcmp(op_get(*kind)->name, name) == 0)
            return true;
    }
    return false;
}

static bool read_attrs(const json_t *json, const char *name, struct op_attrs *attrs, struct error *error)
{
    *attrs = op_attrs_default();
    for (size_t i = 0; i < THAW_LENGTH(fields); i++) {
        const json_t *value = json_object_get(json, fields[i].name);
        if (value && !field_from_json(&fields[i], value, attrs))
            return error_set(error, ERROR_WEIGHTS, "the graph it describes cannot be read: %.80s: %s is no such value",
                             name, fields[i].name);
    }
    return true;
}

static bool read_node(struct graph *graph, const json_t *json, struct error *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *op = json_string_value(json_object_get(json, "op"));
    const json_t *in = json_object_get(json, "in");
    int input[INPUTS_MAX], inputs = (int)json_array_size(in);
    enum op_kind kind;
    struct op_attrs attrs;
    if (!name || !op || !json_is_array(in))
        return fault(error, name ? name : "a node", "its name, op or inputs are missing");
    if (!read_kind(op, &kind))
        return fault(error, name, "its op is not known to this version");
    if (json_array_size(in) > INPUTS_MAX)
        return fault(error, name, "it has too many inputs");
    for (int i = 0; i < inputs; i++) {
        if (!whole(json_array_get(in, (size_t)i), 0, graph->nodes - 1, &input[i]))
            return fault(error, name, "an input does not precede it");
    }
    if (!read_attrs(json, name, &attrs, error))
        return false;
    graph_add(graph, name, kind, &attrs, inputs, input);
    return true;
}

/* Stages in the order of their first nodes, the first one at the input. */
static bool read_nodes(struct graph *graph, const json_t *root, struct error *error)
{
    const json_t *stages = json_object_get(root, "stages"), *nodes = json_object_get(root, "nodes");
    size_t stage = 0, count = json_array_size(nodes);
    if (count < 1 || count > NODES_MAX || json_array_size(stages) < 1 || json_array_size(stages) > count)
        return fault(error, "nodes", "none, too many, or fewer than stages");
    for (size_t i = 0; i < count; i++) {
        const json_t *next = json_array_get(stages, stage);
        int first = 0;
        const char *name = json_string_value(json_object_get(next, "name"));
        if (next && (!name || !whole(json_object_get(next, "first"), 0, NODES_MAX, &first)))
            return fault(error, "stages", "one without a name or a first node");
        if (next && first <= graph->nodes) {
            graph_begin_stage(graph, name);
            stage++;
        }
        if (!read_node(graph, json_array_get(nodes, i), error))
            return false;
        if (graph->build_error.kind != ERROR_NONE)
            return fault(error, "nodes", graph->build_error.text);
    }
    return stage == json_array_size(stages) || fault(error, "stages", "one is empty");
}

static bool read_graph(struct graph *graph, const json_t *root, struct error *error)
{
    const char *preprocess = json_string_value(json_object_get(root, "preprocess"));
    const char *trunk = json_string_value(json_object_get(root, "trunk"));
    const struct shape4 *input = &graph->node[0].shape;
    struct preprocess *own = &graph->preprocess;
    if (!preprocess || !preprocess_from_text(preprocess, own) || own->height != input->h || own->width != input->w ||
        own->channels != input->c)
        return fault(error, "preprocess", "missing, or not of the input's size");
    if (!read_nodes(graph, root, error))
        return false;
    int last = trunk ? graph_find_node(graph, trunk) : -1;
    if (last < 0)
        return fault(error, "trunk", "no such node");
    graph_mark_trunk(graph, last);
    return graph_seal(graph, error) || fault(error, "nodes", graph->build_error.text);
}

static struct graph *create(const json_t *root, struct error *error)
{
    const json_t *input = json_object_get(root, "input");
    const char *arch = json_string_value(json_object_get(root, "arch"));
    int version, side[3];
    if (!whole(json_object_get(root, "version"), 1, TEXT_VERSION, &version)) {
        fault(error, "version", "this program reads version 1");
        return NULL;
    }
    for (size_t i = 0; i < 3; i++) {
        if (!whole(json_array_get(input, i), 1, SIDE_MAX, &side[i])) {
            fault(error, "input", "not an image's height, width and channels");
            return NULL;
        }
    }
    if (!arch || !arch[0] || strlen(arch) >= GRAPH_NAME_MAX) {
        fault(error, "arch", "no name, or a long one");
        return NULL;
    }
    return graph_create(arch, side[0], side[1], side[2]);
}

struct graph *graph_from_json(const char *text, struct error *error)
{
    json_error_t where;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    struct graph *graph = NULL;
    if (!root)
        fault(error, "its text is no JSON", where.text);
    else
        graph = create(root, error);
    bool good = graph && read_graph(graph, root, error);
    json_decref(root);
    if (good)
        return graph;
    graph_destroy(graph);
    return NULL;
}
