/* A tidy draft as a graph, and its values. Called through the table of import.c, by way of onnx.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "onnx_net.h"
#include "thaw/base/mem.h"

/* --- the graph --- */

static void set_constants(struct graph *graph, const struct draft *draft)
{
    const struct graph_node *node = &graph->node[draft->built];
    for (int slot = 0; slot < node->params; slot++) {
        const struct graph_param *param = &graph->param[node->first_param + slot];
        if (param->role != OP_ROLE_CONSTANT || !draft->source[slot].value)
            continue;
        float *values = mem_array(param->count, sizeof *values);
        for (size_t i = 0; i < param->count; i++)
            values[i] = (float)draft->source[slot].value[i];
        graph_set_constant(graph, draft->built, slot, values, param->count);
        mem_free(values);
    }
}

static void add_node(const struct net *net, struct graph *graph, const struct draft *draft)
{
    int input[NET_INPUTS_MAX];
    for (int i = 0; i < draft->inputs; i++)
        input[i] = net->draft[draft->input[i]].built;
    int added = graph_add(graph, draft->name, (enum op_kind)draft->kind, &draft->attrs, draft->inputs, input);
    if (added == draft->built)
        set_constants(graph, draft);
}

struct graph *net_build(struct net *net)
{
    char name[GRAPH_NAME_MAX];
    import_name(net->weights, name);
    const struct shape4 *input = &net->draft[0].shape;
    struct graph *graph = graph_create(name, input->h, input->w, input->c);
    graph->preprocess = net->preprocess;
    struct net_stages *stages = net_stages_create(net);
    for (int i = 1; i < net->drafts; i++) {
        if (net->draft[i].built < 1)
            continue;
        net_stages_begin(stages, graph, i);
        add_node(net, graph, &net->draft[i]);
    }
    net_stages_destroy(stages);
    if (graph_seal(graph, net->error))
        return graph;
    graph_destroy(graph);
    return NULL;
}

/* --- values --- */

struct binding {
    struct graph *graph;
    const struct net *net;
    struct bind_report *report;
    size_t room;
    bool *used; /* [tensors of the file] */
    float *from;
};

static struct bind_row *add_row(struct binding *binding, const char *name, enum bind_outcome outcome)
{
    struct bind_report *report = binding->report;
    if (report->rows == binding->room) {
        binding->room = binding->room ? 2 * binding->room : 64;
        report->row = mem_grow(report->row, binding->room, sizeof *report->row);
    }
    struct bind_row *row = &report->row[report->rows++];
    import_text(row->name, sizeof row->name, name);
    row->outcome = outcome;
    row->detail[0] = '\0';
    report->count[outcome]++;
    return row;
}

static size_t source_count(const struct source *source, const struct graph_param *param)
{
    return source->tensor ? (size_t)shape_count(&source->tensor->shape) : param->count;
}

/* The values as the file has them, checked. */
static bool read_source(struct binding *binding, const struct source *source, const struct graph_param *param,
                        struct error *error)
{
    size_t count = param->count;
    if (source->tensor)
        tensor_to_f32(binding->from, source->tensor->values, source->tensor->type, count);
    for (size_t i = 0; i < count; i++) {
        double value = source->tensor ? (double)binding->from[i] : source->value ? source->value[i] : source->fill;
        binding->from[i] = (float)(value * source->factor);
        if (!isfinite(binding->from[i]))
            return error_set(error, ERROR_WEIGHTS, "%s: the values of %s are not finite: element %zu of %zu is %s",
                             weights_path(binding->net->weights), param->name, i, count,
                             isnan(binding->from[i]) ? "NaN" : "infinite or beyond float32");
    }
    return true;
}

/* To native layout, output channels scaled; they are the last dimension of every native shape. */
static void store(struct binding *binding, const struct source *source, int param)
{
    struct graph *graph = binding->graph;
    float *values = graph_param_values(graph, param);
    size_t count = graph->param[param].count;
    if (source->turned)
        memcpy(values, binding->from, count * sizeof *values);
    else
        bind_from_torch(graph, param, binding->from, values);
    size_t channels = (size_t)graph->param[param].shape.dim[graph->param[param].shape.rank - 1];
    for (size_t i = 0; source->scale && i < count; i++)
        values[i] = (float)((double)values[i] * source->scale[i % channels]);
}

static void note_source(struct binding *binding, const struct source *source, const struct graph_param *param)
{
    struct bind_row *row = add_row(binding, param->name, param->role == OP_ROLE_CONSTANT ? BIND_CONSTANT : BIND_LOADED);
    if (!source->tensor) {
        snprintf(row->detail, sizeof row->detail, "computed from the graph's constants");
        return;
    }
    char name[GRAPH_NAME_MAX];
    import_text(name, sizeof name, source->tensor->name);
    bool other_name = strcmp(name, param->name) != 0;
    bool other_type = source->tensor->type != TENSOR_F32;
    if (other_name || other_type)
        snprintf(row->detail, sizeof row->detail, "%s%s%s%s%s", other_name ? "from " : "", other_name ? name : "",
                 other_name && other_type ? ", " : "", other_type ? tensor_type_name(source->tensor->type) : "",
                 other_type ? " -> f32" : "");
    if (source->tensor->index >= 0)
        binding->used[source->tensor->index] = true;
}

/* Whether the file's layer is of the size the graph's is: a head for other classes is not. */
static bool is_whole(const struct graph *graph, const struct draft *draft)
{
    const struct graph_node *node = &graph->node[draft->built];
    return shape4_equal(node->shape, draft->shape) || node->kind != (enum op_kind)draft->kind ||
           node->attrs.out_channels == draft->attrs.out_channels;
}

static bool bind_node(struct binding *binding, const struct draft *draft, uint64_t seed, struct error *error)
{
    struct graph *graph = binding->graph;
    const struct graph_node *node = &graph->node[draft->built];
    bool whole = is_whole(graph, draft);
    for (int slot = 0; slot < node->params; slot++) {
        int p = node->first_param + slot;
        const struct graph_param *param = &graph->param[p];
        const struct source *source = &draft->source[slot];
        if (!whole) {
            struct bind_row *row = add_row(binding, param->name, BIND_RESHAPED);
            snprintf(row->detail, sizeof row->detail, "%d classes in the file, %d wanted", draft->attrs.out_channels,
                     node->attrs.out_channels);
            if (source->tensor && source->tensor->index >= 0)
                binding->used[source->tensor->index] = true;
            graph_initialise_param(graph, p, seed);
            continue;
        }
        if (source_count(source, param) != param->count)
            return error_set(error, ERROR_WEIGHTS, "%s: %s has %zu values in the file, %zu are wanted",
                             weights_path(binding->net->weights), param->name, source_count(source, param),
                             param->count);
        note_source(binding, source, param);
        if (param->role == OP_ROLE_CONSTANT)
            continue; /* set with the outline */
        if (!read_source(binding, source, param, error))
            return false;
        store(binding, source, p);
    }
    return true;
}

/* Tensors that no layer has as they are: those that were computed with, shapes and axes, and what is left. */
static void report_rest(struct binding *binding)
{
    const struct weights *weights = binding->net->weights;
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_get(weights, i);
        if (binding->used[i])
            continue;
        bool number = !tensor_type_is_float(tensor->type) || shape_count(&tensor->shape) <= 1;
        bool computed = binding->net->computed[i];
        struct bind_row *row = add_row(binding, tensor->name, number || computed ? BIND_IGNORED : BIND_UNEXPECTED);
        snprintf(row->detail, sizeof row->detail, "%s",
                 number     ? "numbers of the graph"
                 : computed ? "is part of the layers beside it"
                            : "belongs to no layer that the output needs");
    }
    const struct onnx_node *dropped = binding->net->dropped;
    if (dropped) {
        struct bind_row *row = add_row(binding, dropped->name[0] ? dropped->name : dropped->op, BIND_IGNORED);
        snprintf(row->detail, sizeof row->detail, "%.30s at the end is left out: the loss has its own", dropped->op);
    }
}

bool onnx_bind(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
               struct error *error)
{
    struct net *net = net_create(weights, error); /* as it was for the outline: its nodes are the graph's */
    size_t most = 1;
    for (int p = 0; p < graph->params; p++)
        most = graph->param[p].count > most ? graph->param[p].count : most;
    struct binding binding = {
        .graph = graph, .net = net, .report = report, .used = mem_array(weights_count(weights) + 1, sizeof(bool))};
    binding.from = mem_try_floats(most);
    bool good = net != NULL;
    if (good && !binding.from)
        good =
            error_set(error, ERROR_FAILED, "%s: no memory to read a tensor of %zu values", weights_path(weights), most);
    for (int i = 1; good && i < net->drafts; i++) {
        if (net->draft[i].built > 0)
            good = bind_node(&binding, &net->draft[i], seed, error);
    }
    if (good)
        report_rest(&binding);
    mem_free_floats(binding.from);
    mem_free(binding.used);
    net_destroy(net);
    return good;
}
