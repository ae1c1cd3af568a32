/* Graphs: nodes appended in execution order, shapes inferred as they come, parameters laid out in one flat block.
 *
 * Everything about an op (how many inputs, what shape, which parameters) is asked of the op table; this file knows none
 * of them but the input. Shapes are kept for one image (n = 1). Building faults are sticky, so that the zoo's files
 * read like tables without a check on every line. Called by the zoo, the plan, bind, freeze and the trainer. */
#include "config.h"

#include "thaw/network/graph.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

enum { ALIGN_FLOATS = MEM_ALIGN / sizeof(float), NODE_INPUTS_MAX = 64 };

static int fault(struct graph *graph, const char *format, ...) THAW_PRINTF(2, 3);

/* The first fault stays: what follows it is noise. Returns 0, the index every adder returns after a fault. */
static int fault(struct graph *graph, const char *format, ...)
{
    if (graph->build_error.kind == ERROR_NONE) {
        char text[ERROR_TEXT_MAX / 2];
        va_list list;
        va_start(list, format);
        vsnprintf(text, sizeof text, format, list);
        va_end(list);
        error_set(&graph->build_error, ERROR_USAGE, "%s: %s", graph->arch, text);
    }
    return 0;
}

static bool is_faulty(const struct graph *graph)
{
    return graph->build_error.kind != ERROR_NONE;
}

/* The next free element of a growing array, zeroed. */
static void *grow(void **items, int *count, int *room, size_t size)
{
    if (*count == *room) {
        *room = *room ? 2 * *room : 32;
        *items = mem_grow(*items, (size_t)*room, size);
    }
    char *item = (char *)*items + (size_t)*count * size;
    memset(item, 0, size);
    ++*count;
    return item;
}

static struct graph_node *new_node(struct graph *graph)
{
    void *items = graph->node;
    struct graph_node *node = grow(&items, &graph->nodes, &graph->nodes_room, sizeof *node);
    graph->node = items;
    return node;
}

/* Where the node of that name is listed, or the free place where it would be. The input, node 0, is looked for apart. */
static int *name_slot(const struct graph *graph, const char *name)
{
    unsigned mask = (unsigned)graph->name_slots - 1;
    unsigned at = (unsigned)hash_bytes(name, strlen(name), (struct hash){0, 0}).low & mask;
    while (graph->name_slot[at] != 0 && strcmp(graph->node[graph->name_slot[at]].name, name) != 0)
        at = (at + 1) & mask;
    return &graph->name_slot[at];
}

static void list_name(struct graph *graph, int node)
{
    if (2 * graph->nodes > graph->name_slots) {
        mem_free(graph->name_slot);
        graph->name_slots = graph->name_slots > 0 ? 4 * graph->name_slots : 128;
        graph->name_slot = mem_array((size_t)graph->name_slots, sizeof *graph->name_slot);
        for (int i = 1; i < node; i++)
            *name_slot(graph, graph->node[i].name) = i;
    }
    *name_slot(graph, graph->node[node].name) = node;
}

struct graph *graph_create(const char *arch, int height, int width, int channels)
{
    struct graph *graph = mem_alloc(sizeof *graph);
    snprintf(graph->arch, sizeof graph->arch, "%s", arch);
    graph->trunk = -1;
    struct graph_node *node = new_node(graph);
    strcpy(node->name, "input");
    node->kind = OP_INPUT;
    node->attrs = op_attrs_default();
    node->shape = (struct shape4){1, height, width, channels};
    if (height < 1 || width < 1 || channels < 1)
        fault(graph, "an input of %dx%dx%d is not an image", height, width, channels);
    return graph;
}

void graph_destroy(struct graph *graph)
{
    if (!graph)
        return;
    for (int i = 0; i < graph->nodes; i++)
        mem_free(graph->node[i].input);
    mem_free(graph->node);
    mem_free(graph->param);
    mem_free(graph->stage);
    mem_free(graph->name_slot);
    for (int i = 0; i < graph->constants; i++)
        mem_free(graph->constant[i].values);
    mem_free(graph->constant);
    mem_free(graph->note);
    mem_free_floats(graph->values);
    mem_free(graph);
}

static void *copy_of(const void *items, int count, size_t size)
{
    void *copy = mem_array((size_t)count, size);
    if (count > 0)
        memcpy(copy, items, (size_t)count * size);
    return copy;
}

struct graph *graph_outline(const struct graph *graph)
{
    struct graph *outline = mem_alloc(sizeof *outline);
    *outline = *graph;
    outline->node = copy_of(graph->node, graph->nodes, sizeof *graph->node);
    outline->param = copy_of(graph->param, graph->params, sizeof *graph->param);
    outline->stage = copy_of(graph->stage, graph->stages, sizeof *graph->stage);
    outline->name_slot = copy_of(graph->name_slot, graph->name_slots, sizeof *graph->name_slot);
    for (int i = 0; i < graph->nodes; i++)
        outline->node[i].input = copy_of(graph->node[i].input, graph->node[i].inputs, sizeof(int));
    outline->nodes_room = graph->nodes;
    outline->params_room = graph->params;
    outline->stages_room = graph->stages;
    outline->constant = NULL;
    outline->constants = outline->constants_room = 0;
    outline->values = NULL;
    outline->note = NULL;
    return outline;
}

void graph_begin_stage(struct graph *graph, const char *name)
{
    if (is_faulty(graph))
        return;
    if (strlen(name) >= GRAPH_NAME_MAX || graph_find_stage(graph, name) >= 0) {
        fault(graph, "stage name %s is taken or too long", name);
        return;
    }
    void *items = graph->stage;
    struct graph_stage *stage = grow(&items, &graph->stages, &graph->stages_room, sizeof *stage);
    graph->stage = items;
    strcpy(stage->name, name);
    /* the input has no stage of its own: the first one takes it */
    stage->first_node = graph->stages == 1 ? 0 : graph->nodes;
    stage->nodes = graph->nodes - stage->first_node;
}

/* Between a layer's name and a parameter's. torch's MultiheadAttention has no layer of its own for what makes queries,
 * keys and values, but parameters called in_proj_weight and in_proj_bias. */
static char joint_of(const char *layer)
{
    static const char joined[] = ".in_proj";
    size_t length = strlen(layer), ending = sizeof joined - 1;
    return length > ending && strcmp(layer + length - ending, joined) == 0 ? '_' : '.';
}

static void add_param(struct graph *graph, int node, int slot, const struct op_param *from)
{
    void *items = graph->param;
    struct graph_param *param = grow(&items, &graph->params, &graph->params_room, sizeof *param);
    graph->param = items;
    snprintf(param->name, sizeof param->name, "%s%c%s", graph->node[node].name, joint_of(graph->node[node].name),
             from->name);
    param->node = node;
    param->slot = slot;
    param->role = from->role;
    param->init = from->init;
    param->fan = from->fan;
    param->shape = from->shape;
    param->offset = graph->values_count;
    int64_t count = shape_count(&from->shape);
    if (count < 1) {
        fault(graph, "%s would have no values", param->name);
        return;
    }
    param->count = (size_t)count;
    graph->values_count += (param->count + ALIGN_FLOATS - 1) / ALIGN_FLOATS * ALIGN_FLOATS;
}

static bool are_inputs_good(struct graph *graph, const char *name, const struct op_def *def, int inputs,
                            const int *input)
{
    bool too_many = inputs > NODE_INPUTS_MAX || (def->inputs_max >= 0 && inputs > def->inputs_max);
    if (inputs < def->inputs_min || inputs < 1 || too_many) {
        fault(graph, "%s: a %s cannot take %d inputs", name, def->name, inputs);
        return false;
    }
    for (int i = 0; i < inputs; i++) {
        if (input[i] < 0 || input[i] >= graph->nodes) {
            fault(graph, "%s: input %d is node %d, which does not precede it", name, i, input[i]);
            return false;
        }
    }
    return true;
}

static bool is_name_good(struct graph *graph, const char *name)
{
    if (name[0] == '\0' || strlen(name) >= GRAPH_NAME_MAX) {
        fault(graph, "node name \"%s\" is empty or longer than %d characters", name, GRAPH_NAME_MAX - 1);
        return false;
    }
    if (graph_find_node(graph, name) >= 0) {
        fault(graph, "two nodes are called %s", name);
        return false;
    }
    return true;
}

int graph_add(struct graph *graph, const char *name, enum op_kind kind, const struct op_attrs *attrs, int inputs,
              const int *input)
{
    if (is_faulty(graph))
        return 0;
    if (kind <= OP_INPUT || kind >= OP_KINDS)
        return fault(graph, "%s: op %d cannot be added", name, (int)kind);
    const struct op_def *def = op_get(kind);
    if (!is_name_good(graph, name) || !are_inputs_good(graph, name, def, inputs, input))
        return 0;
    struct shape4 in[NODE_INPUTS_MAX], out;
    for (int i = 0; i < inputs; i++)
        in[i] = graph->node[input[i]].shape;
    struct error error = {ERROR_NONE, ""};
    if (!def->shape(attrs, inputs, in, &out, &error))
        return fault(graph, "%s: %s", name, error.text);
    if (graph->stages == 0)
        graph_begin_stage(graph, "network");

    int index = graph->nodes;
    struct graph_node *node = new_node(graph);
    strcpy(node->name, name);
    list_name(graph, index);
    node->kind = kind;
    node->attrs = *attrs;
    node->inputs = inputs;
    node->input = mem_array((size_t)inputs, sizeof *node->input);
    memcpy(node->input, input, (size_t)inputs * sizeof *input);
    node->shape = out;
    node->stage = graph->stages - 1;
    node->first_param = graph->params;
    graph->stage[node->stage].nodes++;
    struct op_param param[OP_PARAMS_MAX];
    node->params = def->params ? def->params(attrs, in, param) : 0;
    for (int i = 0; i < node->params; i++)
        add_param(graph, index, i, &param[i]);
    return index;
}

int graph_add_unary(struct graph *graph, const char *name, enum op_kind kind, int input)
{
    struct op_attrs attrs = op_attrs_default();
    return graph_add(graph, name, kind, &attrs, 1, &input);
}

int graph_add_conv(struct graph *graph, const char *name, int input, int out_channels, int kernel, int stride,
                   int padding, int groups, bool bias)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = kernel;
    attrs.stride_h = attrs.stride_w = stride;
    attrs.pad_top = attrs.pad_left = attrs.pad_bottom = attrs.pad_right = padding;
    attrs.groups = groups;
    attrs.out_channels = out_channels;
    attrs.bias = bias;
    return graph_add(graph, name, OP_CONV, &attrs, 1, &input);
}

int graph_add_batch_norm(struct graph *graph, const char *name, int input, float eps, float momentum)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.eps = eps;
    attrs.momentum = momentum;
    return graph_add(graph, name, OP_BATCH_NORM, &attrs, 1, &input);
}

int graph_add_linear(struct graph *graph, const char *name, int input, int out_features)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.out_channels = out_features;
    attrs.bias = true;
    return graph_add(graph, name, OP_LINEAR, &attrs, 1, &input);
}

int graph_add_binary(struct graph *graph, const char *name, enum op_kind kind, int a, int b)
{
    struct op_attrs attrs = op_attrs_default();
    return graph_add(graph, name, kind, &attrs, 2, (int[]){a, b});
}

void graph_set_constant(struct graph *graph, int node, int slot, const float *values, size_t count)
{
    if (is_faulty(graph))
        return;
    if (node < 0 || node >= graph->nodes || slot < 0 || slot >= graph->node[node].params) {
        fault(graph, "a constant for parameter %d of node %d, which does not exist", slot, node);
        return;
    }
    int index = graph->node[node].first_param + slot;
    const struct graph_param *param = &graph->param[index];
    if (param->role != OP_ROLE_CONSTANT || param->count != count) {
        fault(graph, "%s cannot be set to %zu constant values: it %s", param->name, count,
              param->role != OP_ROLE_CONSTANT ? "learns" : "has another number of them");
        return;
    }
    void *items = graph->constant;
    struct graph_constant *constant = grow(&items, &graph->constants, &graph->constants_room, sizeof *constant);
    graph->constant = items;
    constant->param = index;
    constant->values = mem_array(count, sizeof *values);
    memcpy(constant->values, values, count * sizeof *values);
}

void graph_mark_trunk(struct graph *graph, int node)
{
    if (!is_faulty(graph))
        graph->trunk = node;
}

void graph_leave_out(struct graph *graph, const char *prefix, const char *reason)
{
    if (graph->lefts_out == GRAPH_LEFT_OUT_MAX)
        fault(graph, "no room to leave out %s", prefix);
    else
        graph->left_out[graph->lefts_out++] = (struct graph_left_out){.prefix = prefix, .reason = reason};
}

void graph_expect(struct graph *graph, const char *name, const float *values, size_t count, const char *reason)
{
    int before = graph->lefts_out;
    graph_leave_out(graph, name, reason);
    if (graph->lefts_out > before) {
        graph->left_out[before].values = values;
        graph->left_out[before].count = count;
    }
}

void graph_add_note(struct graph *graph, const char *format, ...)
{
    char text[ERROR_TEXT_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    char *longer = mem_format("%s%s%s", graph->note ? graph->note : "", graph->note ? "\n" : "", text);
    mem_free(graph->note);
    graph->note = longer;
}

/* A convolution that gives the classes starts as a linear layer does: by its few outputs He's rule would have its weights
 * around 1, and the first losses in the tens. */
static void soften_classes(struct graph *graph)
{
    int layer = graph_class_layer(graph);
    if (layer < 0 || graph->node[layer].kind != OP_CONV)
        return;
    struct graph_param *weight = &graph->param[graph->node[layer].first_param];
    weight->init = OP_INIT_LINEAR;
    weight->fan = (int)(shape_count(&weight->shape) / graph->classes);
}

bool graph_seal(struct graph *graph, struct error *error)
{
    graph->output = graph->nodes - 1;
    const struct graph_node *last = &graph->node[graph->output];
    int class_layer = graph_class_layer(graph);
    if (graph->trunk < 0) { /* unmarked: all before the class layer, or all but the last node */
        int head = class_layer > 0 ? class_layer : graph->output;
        graph->trunk = head > 0 ? head - 1 : 0;
    }
    if (graph->output < 1)
        fault(graph, "it has no nodes");
    else if (last->shape.h != 1 || last->shape.w != 1)
        fault(graph, "%s gives %dx%dx%d where one row of logits is wanted", last->name, last->shape.h, last->shape.w,
              last->shape.c);
    else if (graph->trunk >= graph->output)
        fault(graph, "the trunk ends at %s, which leaves no head", graph->node[graph->trunk].name);
    else if (class_layer >= 0 && class_layer <= graph->trunk)
        fault(graph, "the trunk ends at %s, behind the classes' %s", graph->node[graph->trunk].name,
              graph->node[class_layer].name);
    if (is_faulty(graph)) {
        *error = graph->build_error;
        return false;
    }
    graph->classes = last->shape.c;
    soften_classes(graph);
    return true;
}

static void initialise(struct graph *graph, int index, uint64_t seed)
{
    const struct graph_param *param = &graph->param[index];
    float *values = graph_param_values(graph, index);
    struct hash name = hash_bytes(param->name, strlen(param->name), (struct hash){0, RNG_INIT});
    double fan = param->fan > 0 ? param->fan : 1;
    struct rng rng;
    rng_init(&rng, seed, name.low);
    for (size_t i = 0; i < param->count; i++) {
        switch (param->init) {
        case OP_INIT_ZERO:
            values[i] = 0;
            break;
        case OP_INIT_ONE:
            values[i] = 1;
            break;
        case OP_INIT_HE: /* He et al. 2015: normal, deviation sqrt(2 / fan out) */
            values[i] = (float)(sqrt(2 / fan) * rng_normal(&rng));
            break;
        case OP_INIT_LINEAR: /* as torch.nn.Linear starts: uniform in +-1 / sqrt(fan in) */
            values[i] = (float)rng_range(&rng, -1 / sqrt(fan), 1 / sqrt(fan));
            break;
        }
    }
}

bool graph_finish(struct graph *graph, struct error *error)
{
    if (!graph_seal(graph, error))
        return false;
    graph->values = mem_try_floats(graph->values_count ? graph->values_count : 1);
    if (!graph->values)
        return error_set(error, ERROR_FAILED, "%s: no memory for %zu parameter values", graph->arch,
                         graph->values_count);
    for (int p = 0; p < graph->params; p++) {
        if (graph->param[p].role == OP_ROLE_CONSTANT)
            initialise(graph, p, 0);
    }
    for (int i = 0; i < graph->constants; i++) {
        const struct graph_param *param = &graph->param[graph->constant[i].param];
        memcpy(graph->values + param->offset, graph->constant[i].values, param->count * sizeof(float));
    }
    return true;
}

int graph_find_node(const struct graph *graph, const char *name)
{
    if (strcmp(graph->node[0].name, name) == 0)
        return 0;
    int found = graph->name_slots > 0 ? *name_slot(graph, name) : 0;
    return found > 0 ? found : -1;
}

int graph_find_param(const struct graph *graph, const char *name)
{
    for (int i = 0; i < graph->params; i++) {
        if (strcmp(graph->param[i].name, name) == 0)
            return i;
    }
    return -1;
}

int graph_find_stage(const struct graph *graph, const char *name)
{
    for (int i = 0; i < graph->stages; i++) {
        if (strcmp(graph->stage[i].name, name) == 0)
            return i;
    }
    return -1;
}

int graph_class_layer(const struct graph *graph)
{
    int index = graph->nodes - 1, classes = graph->node[index].shape.c;
    while (index > 0) {
        const struct graph_node *node = &graph->node[index];
        if (node->kind == OP_CONV || node->kind == OP_LINEAR)
            return index;
        if (node->inputs != 1 || graph->node[node->input[0]].shape.c != classes)
            return -1;
        index = node->input[0];
    }
    return -1;
}

bool graph_constant_is_own(const struct graph *graph, int param)
{
    const struct graph_param *row = &graph->param[param];
    const float *values = graph_param_values(graph, param), *own = NULL;
    for (int i = 0; i < graph->constants; i++)
        own = graph->constant[i].param == param ? graph->constant[i].values : own;
    bool same = true;
    for (size_t i = 0; i < row->count; i++)
        same = same && values[i] == (own ? own[i] : row->init == OP_INIT_ONE ? 1 : 0);
    return same;
}

float *graph_param_values(const struct graph *graph, int param)
{
    return graph->values + graph->param[param].offset;
}

void graph_initialise(struct graph *graph, uint64_t seed)
{
    for (int i = 0; i < graph->params; i++)
        graph_initialise_param(graph, i, seed);
}

void graph_initialise_param(struct graph *graph, int param, uint64_t seed)
{
    if (graph->param[param].role != OP_ROLE_CONSTANT)
        initialise(graph, param, seed);
}

struct op_cost graph_node_cost(const struct graph *graph, int index, int n)
{
    const struct graph_node *node = &graph->node[index];
    struct shape4 in[NODE_INPUTS_MAX], out = node->shape;
    struct op_cost cost = {0, 0, 0};
    out.n = n;
    if (node->kind == OP_INPUT) {
        cost.out_bytes = (double)shape4_count(out) * sizeof(float);
        return cost;
    }
    for (int i = 0; i < node->inputs; i++) {
        in[i] = graph->node[node->input[i]].shape;
        in[i].n = n;
    }
    op_get(node->kind)->cost(&node->attrs, in, out, &cost);
    return cost;
}

struct graph_totals graph_totals(const struct graph *graph)
{
    struct graph_totals totals = {0, 0, 0, 0};
    for (int i = 0; i < graph->nodes; i++) {
        struct op_cost cost = graph_node_cost(graph, i, 1);
        totals.macs += cost.macs;
        totals.activation_bytes += cost.out_bytes;
    }
    for (int i = 0; i < graph->params; i++) {
        if (graph->param[i].role == OP_ROLE_STATISTICS)
            totals.buffers += graph->param[i].count;
        else if (graph->param[i].role != OP_ROLE_CONSTANT)
            totals.params += graph->param[i].count;
    }
    return totals;
}
