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

static void add_notes(const struct net *net, struct graph *graph)
{
    char name[GRAPH_NAME_MAX];
    if (net->dropped)
        graph_add_note(graph, "the %s at its end is left out: training wants logits",
                       import_text(name, sizeof name, net->dropped->op));
    if (net->onnx->outputs > 1)
        graph_add_note(graph, "of its %zu outputs the first, %s, is taken", net->onnx->outputs,
                       import_text(name, sizeof name, net->onnx->output[0].name));
}

struct graph *net_build(struct net *net)
{
    char name[GRAPH_NAME_MAX];
    import_name(net->weights, name);
    const struct shape4 *input = &net->draft[0].shape;
    struct graph *graph = graph_create(name, input->h, input->w, input->c);
    graph->preprocess = net->preprocess;
    graph->preprocess_guessed = true;
    struct net_stages *stages = net_stages_create(net);
    for (int i = 1; i < net->drafts; i++) {
        if (net->draft[i].built < 1)
            continue;
        net_stages_begin(stages, graph, i);
        add_node(net, graph, &net->draft[i]);
    }
    net_stages_destroy(stages);
    add_notes(net, graph);
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

/* Large tensors go through a block of rows at a time, so that a model is never in memory twice. */
enum { BLOCK_FLOATS = 1 << 20, BLOCK_ROWS = 16 };

static struct bind_rows block_of(const struct graph *graph, const struct source *source, int param)
{
    struct shape shape = bind_torch_shape(graph, param);
    size_t count = graph->param[param].count;
    const struct shape *file = &source->tensor->shape;
    bool by_rows = file->rank > 0 && file->dim[0] > 0 && (source->turned || file->dim[0] == shape.dim[0]);
    size_t rows = by_rows ? (size_t)file->dim[0] : 1, floats = count / rows, fitting = BLOCK_FLOATS / floats;
    size_t block = fitting < BLOCK_ROWS ? BLOCK_ROWS : fitting / BLOCK_ROWS * BLOCK_ROWS;
    return (struct bind_rows){.count = block < rows ? block : rows, .floats = floats};
}

/* A tensor of the list, of as many values as the parameter. */
static bool read_tensor(struct binding *binding, const struct source *source, int param, struct error *error)
{
    struct graph *graph = binding->graph;
    float *values = graph_param_values(graph, param);
    struct bind_rows rows = block_of(graph, source, param);
    bool whole = rows.floats == graph->param[param].count;
    size_t end = graph->param[param].count / rows.floats, index = (size_t)source->tensor->index;
    for (; rows.first < end; rows.first += rows.count) {
        if (rows.count > end - rows.first)
            rows.count = end - rows.first;
        if (!(whole ? weights_read(binding->net->weights, index, binding->from, error)
                    : weights_read_rows(binding->net->weights, index, (int64_t)rows.first, (int64_t)rows.count,
                                        binding->from, error)))
            return false;
        if (source->turned)
            memcpy(values + rows.first * rows.floats, binding->from, rows.count * rows.floats * sizeof *values);
        else if (whole)
            bind_from_torch(graph, param, binding->from, values);
        else
            bind_rows_from_file(graph, param, WEIGHTS_TORCH, rows, binding->from, values);
    }
    return true;
}

/* A vector, or the one number of an attribute. */
static void compute_vector(struct binding *binding, const struct source *source, int param)
{
    const struct graph_param *of = &binding->graph->param[param];
    float *values = graph_param_values(binding->graph, param);
    if (source->tensor)
        tensor_to_f32(values, source->tensor->values, source->tensor->type, of->count);
    for (size_t i = 0; i < of->count && !source->tensor; i++)
        values[i] = (float)(source->value ? source->value[i] : source->fill);
}

/* To the graph, in its own layout, scaled; output channels are the last dimension of every native shape. */
static bool read_source(struct binding *binding, const struct source *source, int param, struct error *error)
{
    const struct graph_param *of = &binding->graph->param[param];
    float *values = graph_param_values(binding->graph, param);
    size_t channels = (size_t)of->shape.dim[of->shape.rank - 1];
    if (!source->tensor || source->tensor->index < 0)
        compute_vector(binding, source, param);
    else if (!read_tensor(binding, source, param, error))
        return false;
    for (size_t i = 0; i < of->count; i++) {
        if (source->scale || source->factor != 1)
            values[i] = (float)((double)values[i] * source->factor * (source->scale ? source->scale[i % channels] : 1));
        if (!isfinite(values[i]))
            return error_set(error, ERROR_WEIGHTS, "%s: the values of %s are not finite: element %zu of %zu is %s",
                             weights_path(binding->net->weights), of->name, i, of->count,
                             isnan(values[i]) ? "NaN" : "infinite or beyond float32");
    }
    return true;
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
        if (!read_source(binding, source, p, error))
            return false;
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
}

/* Room for the largest block. */
static bool take_room(struct binding *binding, struct error *error)
{
    const struct net *net = binding->net;
    size_t most = 1;
    for (int i = 1; i < net->drafts; i++) {
        const struct draft *draft = &net->draft[i];
        const struct graph_node *node = &binding->graph->node[draft->built < 1 ? 0 : draft->built];
        for (int slot = 0; slot < node->params; slot++) {
            const struct source *source = &draft->source[slot];
            struct bind_rows block = {0};
            if (source->tensor && source->tensor->index >= 0)
                block = block_of(binding->graph, source, node->first_param + slot);
            most = block.count * block.floats > most ? block.count * block.floats : most;
        }
    }
    binding->from = mem_try_floats(most);
    if (binding->from)
        return true;
    return error_set(error, ERROR_FAILED, "%s: no memory to read %zu values at a time", weights_path(net->weights),
                     most);
}

/* As it was for the outline, which may have had another size than the file's: its nodes are the graph's. */
static struct net *redraft(const struct graph *graph, const struct weights *weights, struct error *error)
{
    struct net *net = net_create(weights, 0, error);
    const struct shape4 *input = &graph->node[0].shape;
    if (!net || shape4_equal(net->draft[0].shape, *input))
        return net;
    net_destroy(net);
    return net_create(weights, input->h, error);
}

bool onnx_bind(struct graph *graph, const struct weights *weights, uint64_t seed, struct bind_report *report,
               struct error *error)
{
    struct net *net = redraft(graph, weights, error);
    struct binding binding = {
        .graph = graph, .net = net, .report = report, .used = mem_array(weights_count(weights) + 1, sizeof(bool))};
    bool good = net && take_room(&binding, error);
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
