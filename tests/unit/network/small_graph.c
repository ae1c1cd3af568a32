/* The network and the reference run that the tests of freeze, plan and exec share. */
#include "config.h"

#include "small_graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

void small_random(float *to, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (float)(2 * rng_uniform_at(seed, 77, i) - 1);
}

static void randomise(struct graph *graph)
{
    graph_initialise(graph, 11);
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        float *values = graph_param_values(graph, p);
        bool positive = strstr(param->name, "running_var") != NULL || param->init == OP_INIT_ONE;
        if (param->role == OP_ROLE_WEIGHT && !positive)
            continue;
        small_random(values, param->count, 100 + (uint64_t)p);
        for (size_t i = 0; i < param->count; i++)
            values[i] = positive ? 1 + 0.4f * values[i] : 0.3f * values[i];
    }
}

static int conv_norm(struct graph *graph, const char *name, int x, int channels, int kernel, int stride)
{
    char text[GRAPH_NAME_MAX];
    snprintf(text, sizeof text, "%s.conv", name);
    x = graph_add_conv(graph, text, x, channels, kernel, stride, kernel / 2, 1, false);
    snprintf(text, sizeof text, "%s.bn", name);
    return graph_add_batch_norm(graph, text, x, 1e-5f, 0.1f);
}

static int subsample(struct graph *graph, const char *name, int x, int pad)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.stride_h = attrs.stride_w = 2;
    attrs.pad_before = attrs.pad_after = pad;
    return graph_add(graph, name, OP_SUBSAMPLE, &attrs, 1, &x);
}

/* Two branches of 3x3 pixels side by side, then dropout. */
static int add_mix(struct graph *graph, int x)
{
    struct op_attrs pool = op_attrs_default();
    pool.kernel_h = pool.kernel_w = 3;
    pool.pad_top = pool.pad_left = pool.pad_bottom = pool.pad_right = 1;
    int a = graph_add(graph, "mix.pool", OP_MAX_POOL, &pool, 1, &x);
    int b = graph_add_conv(graph, "mix.conv", x, 6, 1, 1, 0, 1, true);
    b = graph_add_unary(graph, "mix.relu", OP_RELU, b);
    int c = graph_add_conv(graph, "mix.depthwise", x, 16, 3, 1, 1, 16, true);
    struct op_attrs attrs = op_attrs_default();
    x = graph_add(graph, "mix.concat", OP_CONCAT, &attrs, 3, (int[]){a, b, c});
    attrs.rate = 0.3f;
    return graph_add(graph, "mix.dropout", OP_DROPOUT, &attrs, 1, &x);
}

static struct graph *finish(struct graph *graph)
{
    struct error error = {0};
    if (!graph_finish(graph, &error)) {
        fprintf(stderr, "%s: %s\n", graph->arch, error.text);
        abort();
    }
    randomise(graph);
    return graph;
}

struct graph *small_graph(void)
{
    struct graph *graph = graph_create("small", SMALL_SIZE, SMALL_SIZE, SMALL_CHANNELS);
    graph_begin_stage(graph, "stem");
    int x = conv_norm(graph, "stem", 0, 4, 3, 1);
    int shortcut = x = graph_add_unary(graph, "stem.relu", OP_RELU, x);
    graph_begin_stage(graph, "block1"); /* identity */
    x = graph_add_unary(graph, "block1.relu1", OP_RELU, conv_norm(graph, "block1.1", x, 4, 3, 1));
    x = conv_norm(graph, "block1.2", x, 4, 3, 1);
    x = graph_add_binary(graph, "block1.add", OP_ADD, x, shortcut);
    shortcut = x = graph_add_unary(graph, "block1.relu", OP_RELU, x);
    graph_begin_stage(graph, "block2"); /* projected, the shortcut last */
    x = graph_add_unary(graph, "block2.relu1", OP_RELU6, conv_norm(graph, "block2.1", x, 8, 3, 2));
    x = conv_norm(graph, "block2.2", x, 8, 3, 1);
    shortcut = conv_norm(graph, "block2.downsample", shortcut, 8, 1, 2);
    x = graph_add_binary(graph, "block2.add", OP_ADD, x, shortcut);
    shortcut = x = graph_add_unary(graph, "block2.relu", OP_RELU, x);
    graph_begin_stage(graph, "block3"); /* option A */
    x = conv_norm(graph, "block3.1", x, 16, 3, 2);
    shortcut = subsample(graph, "block3.shortcut", shortcut, 4);
    x = graph_add_binary(graph, "block3.add", OP_ADD, x, shortcut);
    x = graph_add_unary(graph, "block3.relu", OP_RELU, x);
    graph_begin_stage(graph, "mix");
    x = graph_add_unary(graph, "gap", OP_GLOBAL_AVG_POOL, add_mix(graph, x));
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    x = graph_add_linear(graph, "fc", x, SMALL_CLASSES);
    return finish(graph);
}

static int unary(struct graph *graph, const char *name, enum op_kind kind, struct op_attrs attrs, int x)
{
    return graph_add(graph, name, kind, &attrs, 1, &x);
}

static int conv_plain_norm(struct graph *graph, const char *name, int x, int channels, int groups, int stride,
                           bool no_scale, bool no_shift)
{
    char text[GRAPH_NAME_MAX];
    snprintf(text, sizeof text, "%s.conv", name);
    x = graph_add_conv(graph, text, x, channels, 3, stride, 1, groups, false);
    snprintf(text, sizeof text, "%s.bn", name);
    return unary(graph, text, OP_BATCH_NORM,
                 (struct op_attrs){.eps = 1e-3f, .momentum = 0.01f, .no_scale = no_scale, .no_shift = no_shift}, x);
}

/* An image normalised inside the network and cropped, then a scaled convolution. */
static int add_modern_stem(struct graph *graph)
{
    static const float scale[] = {0.9f, 1.1f, 0.8f}, shift[] = {0.1f, -0.1f, 0.2f};
    int x = unary(graph, "transform", OP_AFFINE, (struct op_attrs){.bias = true, .constant = true}, 0);
    graph_set_constant(graph, x, 0, scale, 3);
    graph_set_constant(graph, x, 1, shift, 3);
    x = unary(graph, "crop", OP_PAD, (struct op_attrs){.pad_top = -1, .pad_left = 1, .pad_right = -1, .pad_bottom = 1},
              x);
    x = graph_add_conv(graph, "stem.conv", x, 4, 3, 1, 1, 1, true);
    x = unary(graph, "stem.scale", OP_AFFINE, (struct op_attrs){.bias = true}, x);
    return graph_add_unary(graph, "stem.swish", OP_HARD_SWISH, x);
}

/* An inverted bottleneck with squeeze-and-excitation. */
static int add_excited(struct graph *graph, int shortcut)
{
    int x = conv_plain_norm(graph, "block1.1", shortcut, 8, 1, 1, true, false);
    x = graph_add_unary(graph, "block1.1.act", OP_SILU, x);
    x = conv_plain_norm(graph, "block1.2", x, 8, 8, 1, false, false);
    x = graph_add_unary(graph, "block1.2.act", OP_SILU, x);
    int s = graph_add_unary(graph, "block1.se.pool", OP_GLOBAL_AVG_POOL, x);
    s = graph_add_unary(graph, "block1.se.act", OP_SILU, graph_add_conv(graph, "block1.se.1", s, 2, 1, 1, 0, 1, true));
    s = graph_add_unary(graph, "block1.se.gate", OP_SIGMOID,
                        graph_add_conv(graph, "block1.se.2", s, 8, 1, 1, 0, 1, true));
    x = graph_add_binary(graph, "block1.se", OP_MUL, x, s);
    x = conv_plain_norm(graph, "block1.3", x, 4, 1, 1, false, true);
    return graph_add_binary(graph, "block1.add", OP_ADD, x, shortcut);
}

/* Half of the channels gated by the other half, then shuffled among them. */
static int add_gated(struct graph *graph, int x)
{
    int a = unary(graph, "block3.a", OP_SLICE, (struct op_attrs){.begin = 0, .end = 4}, x);
    int b = unary(graph, "block3.b", OP_SLICE, (struct op_attrs){.begin = 4, .end = 8}, x);
    b = conv_plain_norm(graph, "block3.1", b, 4, 1, 1, false, false);
    b = unary(graph, "block3.gate", OP_HARD_SIGMOID, (struct op_attrs){.alpha = 0.2f, .beta = 0.5f}, b);
    int gated = graph_add_binary(graph, "block3.mul", OP_MUL, a, b);
    x = graph_add_binary(graph, "block3.concat", OP_CONCAT, gated, a);
    return unary(graph, "block3.shuffle", OP_SHUFFLE, (struct op_attrs){.groups = 2}, x);
}

/* Pixels as tokens: a class token in front, positions, and half a block of a transformer. */
static int add_attended(struct graph *graph, int x)
{
    struct shape4 map = graph->node[x].shape;
    struct op_attrs qkv = op_attrs_default();
    x = unary(graph, "attend.class_token", OP_TOKENS, (struct op_attrs){.tokens = 1}, x);
    int shortcut = x = unary(graph, "attend.position", OP_POSITION,
                             (struct op_attrs){.tokens = 1, .grid_h = map.h, .grid_w = map.w}, x);
    x = unary(graph, "attend.norm", OP_LAYER_NORM, (struct op_attrs){.eps = 1e-5f}, x);
    qkv.kernel_h = qkv.kernel_w = 1;
    qkv.out_channels = 3 * map.c;
    qkv.bias = qkv.linear_weight = true;
    x = unary(graph, "attend.in_proj", OP_CONV, qkv, x);
    x = unary(graph, "attend.attention", OP_ATTENTION, (struct op_attrs){.heads = 2}, x);
    x = graph_add_conv(graph, "attend.out_proj", x, map.c, 1, 1, 0, 1, true);
    return graph_add_binary(graph, "attend.add", OP_ADD, x, shortcut);
}

/* ConvNeXt's block, attention, then dropout. */
static int add_modern_mix(struct graph *graph, int shortcut)
{
    int x = graph_add_conv(graph, "mix.depthwise", shortcut, 8, 5, 1, 2, 8, true);
    x = unary(graph, "mix.norm", OP_LAYER_NORM, (struct op_attrs){.eps = 1e-5f}, x);
    x = graph_add_unary(graph, "mix.act", OP_GELU, graph_add_conv(graph, "mix.conv", x, 16, 1, 1, 0, 1, true));
    x = graph_add_conv(graph, "mix.project", x, 8, 1, 1, 0, 1, true);
    x = unary(graph, "mix.scale", OP_AFFINE, (struct op_attrs){0}, x);
    x = graph_add_binary(graph, "mix.add", OP_ADD, x, shortcut);
    x = unary(graph, "mix.clip", OP_CLIP, (struct op_attrs){.low = -1.5f, .high = 2}, x);
    x = add_attended(graph, x);
    return unary(graph, "mix.dropout", OP_DROPOUT, (struct op_attrs){.rate = 0.3f}, x);
}

struct graph *modern_graph(void)
{
    struct graph *graph = graph_create("modern", SMALL_SIZE, SMALL_SIZE, SMALL_CHANNELS);
    graph_begin_stage(graph, "stem");
    int x = add_modern_stem(graph);
    graph_begin_stage(graph, "block1");
    int shortcut = x = add_excited(graph, x);
    graph_begin_stage(graph, "block2");
    x = unary(graph, "block2.pre", OP_BATCH_NORM, (struct op_attrs){.eps = 1e-3f, .momentum = 0.1f}, x);
    x = graph_add_unary(graph, "block2.act0", OP_SILU, x);
    x = conv_plain_norm(graph, "block2.1", x, 8, 2, 2, false, false);
    x = unary(graph, "block2.act1", OP_LEAKY_RELU, (struct op_attrs){.alpha = 0.1f}, x);
    x = conv_plain_norm(graph, "block2.2", x, 8, 1, 1, false, false);
    x = graph_add_unary(graph, "block2.act2", OP_TANH, x);
    shortcut = conv_norm(graph, "block2.downsample", shortcut, 8, 1, 2);
    x = graph_add_binary(graph, "block2.add", OP_ADD, x, shortcut);
    x = graph_add_unary(graph, "block2.act3", OP_SILU, x);
    graph_begin_stage(graph, "block3");
    x = add_gated(graph, x);
    graph_begin_stage(graph, "mix");
    x = graph_add_unary(graph, "gap", OP_GLOBAL_AVG_POOL, add_modern_mix(graph, x));
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, SMALL_CLASSES);
    return finish(graph);
}

void small_random_marks(struct freeze *freeze, const struct graph *graph, double chance, uint64_t seed)
{
    for (int node = 0; node < graph->nodes; node++) {
        for (unsigned mark = 1; mark <= FREEZE_DROPOUT; mark <<= 1) {
            uint64_t index = (uint64_t)node * 16 + mark;
            freeze_set(freeze, graph, node, mark, rng_uniform_at(seed, 78, index) < chance);
        }
    }
}

static struct shape4 shape_of(const struct reference *reference, int node)
{
    struct shape4 shape = reference->graph->node[node].shape;
    shape.n = reference->n;
    return shape;
}

struct scratch {
    struct shape4 in_shape[8];
    const float *in[8];
    float *in_grad[8], *param[OP_PARAMS_MAX], *param_grad[OP_PARAMS_MAX];
    bool in_grad_add[8];
};

static struct op_call call_of(struct reference *reference, int node, struct scratch *scratch)
{
    const struct graph_node *row = &reference->graph->node[node];
    for (int i = 0; i < row->inputs; i++) {
        scratch->in_shape[i] = shape_of(reference, row->input[i]);
        scratch->in[i] = reference->value[row->input[i]];
        scratch->in_grad[i] = reference->gradient[row->input[i]];
        scratch->in_grad_add[i] = true;
    }
    for (int slot = 0; slot < row->params; slot++) {
        int param = row->first_param + slot;
        scratch->param[slot] = graph_param_values(reference->graph, param);
        enum op_role role = reference->graph->param[param].role;
        bool learns = role != OP_ROLE_STATISTICS && role != OP_ROLE_CONSTANT;
        scratch->param_grad[slot] = learns ? reference->param_grad[param] : NULL;
    }
    return (struct op_call){.attrs = &row->attrs,
                            .inputs = row->inputs,
                            .in_shape = scratch->in_shape,
                            .in = scratch->in,
                            .out_shape = shape_of(reference, node),
                            .out = reference->value[node],
                            .param = scratch->param,
                            .out_grad = reference->gradient[node],
                            .in_grad = scratch->in_grad,
                            .in_grad_add = scratch->in_grad_add,
                            .param_grad = scratch->param_grad,
                            .saved = reference->saved[node],
                            .salt = (uint64_t)node};
}

static struct reference *reference_create(const struct graph *graph, int n)
{
    struct reference *reference = mem_alloc(sizeof *reference);
    size_t nodes = (size_t)graph->nodes;
    reference->graph = graph;
    reference->n = n;
    reference->value = mem_array(nodes, sizeof(float *));
    reference->gradient = mem_array(nodes, sizeof(float *));
    reference->saved = mem_array(nodes, sizeof(float *));
    reference->param_grad = mem_array((size_t)graph->params, sizeof(float *));
    for (int node = 0; node < graph->nodes; node++) {
        const struct graph_node *row = &graph->node[node];
        reference->value[node] = mem_floats(shape4_count(shape_of(reference, node)));
        reference->gradient[node] = mem_floats(shape4_count(shape_of(reference, node)));
        if (node > 0 && op_get(row->kind)->saved_floats != NULL) {
            struct scratch scratch;
            struct op_call call = call_of(reference, node, &scratch);
            size_t floats = op_get(row->kind)->saved_floats(call.attrs, call.in_shape, call.out_shape);
            reference->saved[node] = mem_floats(floats);
        }
    }
    for (int p = 0; p < graph->params; p++)
        reference->param_grad[p] = mem_floats(graph->param[p].count);
    return reference;
}

struct reference *reference_run(const struct graph *graph, const struct freeze *freeze, const float *input,
                                const float *logits_gradient, int n, bool train, uint64_t seed, uint64_t step)
{
    struct reference *reference = reference_create(graph, n);
    float *before = mem_floats(graph->values_count);
    memcpy(before, graph->values, graph->values_count * sizeof(float));
    memcpy(reference->value[0], input, shape4_count(shape_of(reference, 0)) * sizeof(float));
    if (logits_gradient != NULL)
        memcpy(reference->gradient[graph->output], logits_gradient, (size_t)n * (size_t)graph->classes * sizeof(float));
    int passes = logits_gradient != NULL ? 2 : 1;
    for (int i = 1; i < passes * graph->nodes; i++) {
        bool backward = i >= graph->nodes;
        int node = backward ? 2 * graph->nodes - 1 - i : i;
        if (node == 0)
            continue;
        struct scratch scratch;
        struct op_call call = call_of(reference, node, &scratch);
        unsigned fixed = freeze != NULL ? freeze->fixed[node] : 0;
        call.batch_statistics = train && !(fixed & FREEZE_STATISTICS);
        call.drop = train && !(fixed & FREEZE_DROPOUT);
        call.seed = seed;
        call.step = step;
        const struct op_def *def = op_get(graph->node[node].kind);
        (backward ? def->backward_reference : def->forward_reference)(&call);
    }
    memcpy(graph->values, before, graph->values_count * sizeof(float));
    mem_free_floats(before);
    return reference;
}

void reference_destroy(struct reference *reference)
{
    for (int node = 0; node < reference->graph->nodes; node++) {
        mem_free_floats(reference->value[node]);
        mem_free_floats(reference->gradient[node]);
        mem_free_floats(reference->saved[node]);
    }
    for (int p = 0; p < reference->graph->params; p++)
        mem_free_floats(reference->param_grad[p]);
    mem_free(reference->value);
    mem_free(reference->gradient);
    mem_free(reference->saved);
    mem_free(reference->param_grad);
    mem_free(reference);
}

double relative_distance(const float *a, const float *b, size_t count)
{
    double apart = 0, size = 0;
    for (size_t i = 0; i < count; i++) {
        apart += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        size += (double)b[i] * b[i];
    }
    return isnan(apart) ? INFINITY : sqrt(apart / (size > 0 ? size : 1));
}
