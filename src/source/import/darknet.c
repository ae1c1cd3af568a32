/* Darknet's networks: each layer of the cfg becomes its nodes, called as its tensors are ("conv3", "conv3.bn",
 * "conv3.leaky"). Called through the table of import.c.
 *
 * As Darknet computes them: maps are channels first, so that a connected layer reads c,h,w; images are resized by their
 * shorter side, cropped, and divided by 255. Its batch normalisation divides by sqrt(variance) + 1e-6: the nearest that
 * is to be had is an epsilon of 1e-12. The softmax at the end is left out, since training wants logits. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "importer.h"
#include "thaw/base/mem.h"
#include "thaw/weights/darknet.h"

struct walk {
    const struct darknet_net *net;
    struct graph *graph;
    int *node;        /* [layers]: what a layer's output became */
    int64_t smallest; /* pixels of the map where the stage began; 0: none has */
};

static int unary(struct walk *walk, const struct darknet_layer *layer, const char *part, enum op_kind kind,
                 const struct op_attrs *attrs, int input)
{
    char name[GRAPH_NAME_MAX];
    snprintf(name, sizeof name, "%s%s%s", layer->name, *part ? "." : "", part);
    return graph_add(walk->graph, name, kind, attrs, 1, &input);
}

static int activate(struct walk *walk, const struct darknet_layer *layer, int input)
{
    static const struct {
        const char *part;
        enum op_kind kind;
    } kinds[] = {
        [DARKNET_LINEAR] = {"", OP_INPUT},          [DARKNET_RELU] = {"relu", OP_RELU},
        [DARKNET_LEAKY] = {"leaky", OP_LEAKY_RELU}, [DARKNET_LOGISTIC] = {"logistic", OP_SIGMOID},
        [DARKNET_TANH] = {"tanh", OP_TANH},         [DARKNET_SWISH] = {"swish", OP_SILU},
    };
    _Static_assert(THAW_LENGTH(kinds) == DARKNET_ACTIVATIONS, "each activation is an op");
    struct op_attrs attrs = op_attrs_default();
    if (layer->activation == DARKNET_LINEAR)
        return input;
    if (layer->activation == DARKNET_LEAKY)
        attrs.alpha = 0.1f;
    return unary(walk, layer, kinds[layer->activation].part, kinds[layer->activation].kind, &attrs, input);
}

static int normalise(struct walk *walk, const struct darknet_layer *layer, int input)
{
    char name[GRAPH_NAME_MAX];
    if (!layer->batch_normalize)
        return input;
    snprintf(name, sizeof name, "%s.bn", layer->name);
    return graph_add_batch_norm(walk->graph, name, input, 1e-12f, 0.01f);
}

static int convolve(struct walk *walk, const struct darknet_layer *layer, int input)
{
    int x = graph_add_conv(walk->graph, layer->name, input, layer->filters, layer->size, layer->stride, layer->padding,
                           layer->groups, !layer->batch_normalize);
    return activate(walk, layer, normalise(walk, layer, x));
}

static int connect(struct walk *walk, const struct darknet_layer *layer, int input)
{
    struct op_attrs attrs = op_attrs_default();
    struct shape4 in = walk->graph->node[input].shape;
    if (in.h > 1 || in.w > 1) {
        attrs.flatten_chw = true;
        input = unary(walk, layer, "flatten", OP_FLATTEN, &attrs, input);
    }
    attrs = op_attrs_default();
    attrs.out_channels = layer->filters;
    attrs.bias = !layer->batch_normalize;
    return activate(walk, layer, normalise(walk, layer, unary(walk, layer, "", OP_LINEAR, &attrs, input)));
}

static int max_pool(struct walk *walk, const struct darknet_layer *layer, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.kernel_h = attrs.kernel_w = layer->size;
    attrs.stride_h = attrs.stride_w = layer->stride;
    attrs.pad_top = attrs.pad_left = layer->padding / 2;
    attrs.pad_bottom = attrs.pad_right = layer->padding - layer->padding / 2;
    return unary(walk, layer, "", OP_MAX_POOL, &attrs, input);
}

static int drop(struct walk *walk, const struct darknet_layer *layer, int input)
{
    struct op_attrs attrs = op_attrs_default();
    attrs.rate = (float)layer->probability;
    return unary(walk, layer, "", OP_DROPOUT, &attrs, input);
}

static int join(struct walk *walk, const struct darknet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    int from[DARKNET_FROM_MAX];
    for (int i = 0; i < layer->froms; i++)
        from[i] = walk->node[layer->from[i]];
    return layer->froms == 1 ? from[0] : graph_add(walk->graph, layer->name, OP_CONCAT, &attrs, layer->froms, from);
}

static int add_layer(struct walk *walk, const struct darknet_layer *layer, int input)
{
    switch (layer->kind) {
    case DARKNET_CONVOLUTIONAL:
        return convolve(walk, layer, input);
    case DARKNET_CONNECTED:
        return connect(walk, layer, input);
    case DARKNET_MAXPOOL:
        return max_pool(walk, layer, input);
    case DARKNET_AVGPOOL:
        return graph_add_unary(walk->graph, layer->name, OP_GLOBAL_AVG_POOL, input);
    case DARKNET_DROPOUT:
        return drop(walk, layer, input);
    case DARKNET_SHORTCUT:
        return activate(walk, layer,
                        graph_add_binary(walk->graph, layer->name, OP_ADD, input, walk->node[layer->from[0]]));
    case DARKNET_ROUTE:
        return join(walk, layer);
    case DARKNET_SOFTMAX:
    case DARKNET_COST:
    case DARKNET_KINDS:
        break;
    }
    return input;
}

/* Stages are the sizes of the maps: "128x128", "64x64". One begins with the layer that leaves at most half the pixels. */
static void begin_stage(struct walk *walk, const struct darknet_layer *layer)
{
    char name[48];
    int64_t pixels = (int64_t)layer->height * layer->width;
    if (pixels == 1 || (walk->smallest && 2 * pixels > walk->smallest))
        return;
    snprintf(name, sizeof name, "%dx%d", layer->height, layer->width);
    graph_begin_stage(walk->graph, name);
    walk->smallest = pixels;
}

/* What the files do not say, or what is not as they say. */
static void add_notes(const struct darknet_net *net, struct graph *graph)
{
    for (int i = 0; i < net->layers; i++)
        if (net->layer[i].kind == DARKNET_SOFTMAX)
            graph_add_note(graph, "the softmax at its end is left out: training wants logits");
    graph_add_note(graph, "the file does not say how images are fed: 0 to 1, no mean, as Darknet does it, is assumed");
}

/* Nothing may read a softmax but the end. */
static bool check_end(const struct darknet_net *net, struct error *error)
{
    for (int i = 0, softmax = -1; i < net->layers; i++) {
        const struct darknet_layer *layer = &net->layer[i];
        if (softmax >= 0 && layer->kind != DARKNET_COST)
            return error_set(error, ERROR_WEIGHTS,
                             "its cfg, line %d: a layer behind the softmax, which is known at the end only",
                             layer->line);
        if (layer->kind == DARKNET_SOFTMAX)
            softmax = i;
    }
    return true;
}

static struct graph *build(const struct weights *weights)
{
    const struct darknet_net *net = weights_darknet(weights);
    char arch[GRAPH_NAME_MAX];
    import_name(weights, arch);
    int height = net->height, width = net->width;
    struct walk walk = {.graph = graph_create(arch, height, width, net->channels)};
    walk.graph->preprocess = (struct preprocess){.height = height,
                                                 .width = width,
                                                 .channels = net->channels,
                                                 .resize = height == width ? height : 0,
                                                 .std = {1, 1, 1}};
    walk.graph->preprocess_guessed = true;
    walk.node = mem_array((size_t)net->layers, sizeof *walk.node);
    for (int i = 0, x = 0; i < net->layers; i++) {
        begin_stage(&walk, &net->layer[i]);
        walk.node[i] = x = add_layer(&walk, &net->layer[i], x);
    }
    mem_free(walk.node);
    add_notes(net, walk.graph);
    return walk.graph;
}

static bool possible(const struct weights *weights)
{
    return weights_darknet(weights) != NULL;
}

static struct graph *outline(const struct weights *weights, struct error *error)
{
    const struct darknet_net *net = weights_darknet(weights);
    if (!check_end(net, error))
        return NULL;
    struct graph *graph = build(weights);
    if (graph_seal(graph, error))
        return graph;
    error->kind = ERROR_WEIGHTS;
    graph_destroy(graph);
    return NULL;
}

const struct importer import_darknet = {.possible = possible, .outline = outline};
