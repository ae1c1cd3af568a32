/* The networks that whole modules of PyTorch describe: a Sequential of known layers and blocks, whose order is what is
 * computed (WEIGHTS_TORCH_LAYERS). Called through the table of import.c.
 *
 * What such a file does not say is how large its images are. Where a linear layer reads a flattened map, its inputs tell:
 * the first of the usual sides at which they come out is taken, else the smallest of all. Where the map is averaged
 * before, any side will do, and a usual one is taken. Nor does it say how pixels become the input: 0 to 1 is a guess, which
 * who has images can try (train/detective.h). Softmax, log-softmax and sigmoid at the end are left out, since training
 * wants logits. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/macros.h"
#include "tnet.h"

enum { SIDE_MAX = 1024, STRIDE_LARGE = 16 };

static bool add_layers(struct tnet *net, const json_t *layers)
{
    size_t count = json_array_size(layers);
    for (size_t i = 0; i < count; i++)
        if (!tnet_add_layer(net, json_array_get(layers, i), i + 1 == count))
            return false;
    return true;
}

/* All that is not known, in one sentence, before a side is looked for. */
static bool check_known(const json_t *layers, struct error *error)
{
    enum { LIST = 512, SHOWN = 60 };
    char list[LIST] = "";
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const char *class_name = json_string_value(json_object_get(json_array_get(layers, i), "class"));
        size_t used = strlen(list);
        if (class_name && !tnet_find_convert(class_name) && !strstr(list, class_name))
            snprintf(list + used, sizeof list - used, "%s%.*s", used ? ", " : "", SHOWN, class_name);
    }
    if (!list[0])
        return true;
    return error_set(error, ERROR_WEIGHTS,
                     "its network has layers that are not known: %s; export it with torch.onnx.export(model, images, "
                     "\"model.onnx\")",
                     list);
}

/* --- the input --- */

static int attribute(const json_t *layer, const char *key)
{
    return (int)json_integer_value(json_object_get(layer, key));
}

static const char *class_of(const json_t *layer)
{
    const char *name = json_string_value(json_object_get(layer, "class"));
    return name ? name : "";
}

static bool is_square(int64_t pixels)
{
    for (int64_t side = 1; side * side <= pixels && side <= SIDE_MAX; side++)
        if (side * side == pixels)
            return true;
    return false;
}

/* As the first convolution says; pixels that go straight into a linear layer are grey where they make a square. 0: neither. */
static int find_channels(const json_t *layers)
{
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *layer = json_array_get(layers, i);
        if (strcmp(class_of(layer), "Conv2d") == 0)
            return attribute(layer, "in_channels");
        if (strcmp(class_of(layer), "Linear") == 0)
            return is_square(attribute(layer, "in_features"))                                                   ? 1
                   : attribute(layer, "in_features") % 3 == 0 && is_square(attribute(layer, "in_features") / 3) ? 3
                                                                                                                : 0;
    }
    return 0;
}

/* By how much the strides shrink an image, up to some bound. */
static int find_stride(const json_t *layers)
{
    int stride = 1;
    for (size_t i = 0; i < json_array_size(layers) && stride < STRIDE_LARGE; i++) {
        const json_t *value = json_object_get(json_array_get(layers, i), "stride");
        int own = (int)json_integer_value(json_is_array(value) ? json_array_get(value, 0) : value);
        stride *= own < 1 ? 1 : own < STRIDE_LARGE ? own : STRIDE_LARGE;
    }
    return stride;
}

static struct graph *build(const struct weights *weights, const json_t *layers, int side, bool *fixed,
                           struct error *error)
{
    char name[GRAPH_NAME_MAX];
    import_name(weights, name);
    int channels = find_channels(layers);
    struct tnet net = {.error = error, .weights = weights, .flat = false};
    net.graph = graph_create(name, side, side, channels);
    net.graph->preprocess = (struct preprocess){.height = side, .width = side, .channels = channels, .std = {1, 1, 1}};
    net.graph->preprocess_basis = PREPROCESS_GUESSED;
    if (weights_metadata(weights, WEIGHTS_NOTE))
        graph_add_note(net.graph, "%s", weights_metadata(weights, WEIGHTS_NOTE));
    bool good = add_layers(&net, layers);
    *fixed = net.fixed;
    if (good && net.graph->nodes == 1)
        good = error_set(error, ERROR_WEIGHTS, "its network has no layers");
    if (good && graph_class_layer(net.graph) < 0)
        good = error_set(error, ERROR_WEIGHTS,
                         "its network ends in features: save it together with the layer that gives the classes");
    if (good) {
        import_mark_trunk(net.graph);
        good = graph_seal(net.graph, error);
    }
    if (good)
        return net.graph->classes == 1 ? import_make_binary(net.graph, error) : net.graph;
    graph_destroy(net.graph);
    error->kind = ERROR_WEIGHTS;
    return NULL;
}

/* Usual sides, the likeliest first: for networks that shrink images much, for others, and of grey images. */
static const int sides[][10] = {
    {224, 256, 227, 299, 192, 160, 128, 384, 512, 96},
    {32, 64, 28, 48, 96, 128, 224, 160, 192, 256},
    {28, 32, 48, 64, 96, 128, 224, 160, 192, 256},
};

static struct graph *find_side(const struct weights *weights, const json_t *layers, bool *fixed, struct error *error)
{
    const int *usual = sides[find_stride(layers) >= STRIDE_LARGE ? 0 : find_channels(layers) == 1 ? 2 : 1];
    struct error first = {0};
    struct graph *graph = build(weights, layers, usual[0], fixed, &first);
    for (size_t i = 1; !graph && i < THAW_LENGTH(sides[0]); i++)
        graph = build(weights, layers, usual[i], fixed, error);
    for (int side = 1; !graph && side <= SIDE_MAX / 2; side++)
        graph = build(weights, layers, side, fixed, error);
    if (!graph)
        *error = first;
    return graph;
}

static void add_notes(struct graph *graph, bool found, bool fixed)
{
    int side = graph->node[0].shape.h;
    if (found)
        graph_add_note(graph,
                       fixed ? "the file does not say how large its images are: its linear layer allows %dx%d"
                             : "the file does not say how large its images are: %dx%d is taken, another is said with "
                               "--set data.size=N",
                       side, side);
    graph_add_note(graph, "the file does not say how images are fed: 0 to 1, no mean, is assumed until images tell");
}

static json_t *read_layers(const struct weights *weights, struct error *error)
{
    const char *text = weights_metadata(weights, WEIGHTS_TORCH_LAYERS);
    json_t *layers = weights_json_fits(weights, text) ? json_loads(text, 0, NULL) : NULL;
    if (!layers)
        error_set(error, ERROR_WEIGHTS, "its modules are more than a file of this size can hold");
    else if (check_known(layers, error)) {
        int channels = find_channels(layers);
        if (channels == 1 || channels == 3)
            return layers;
        error_set(error, ERROR_WEIGHTS, "its network does not begin with a convolution over images of 1 or 3 channels");
    }
    json_decref(layers);
    return NULL;
}

static struct graph *sized(const struct weights *weights, int side, struct error *error)
{
    json_t *layers = read_layers(weights, error);
    bool fixed = false;
    struct graph *graph = !layers ? NULL
                          : side  ? build(weights, layers, side, &fixed, error)
                                  : find_side(weights, layers, &fixed, error);
    if (graph)
        add_notes(graph, side == 0, fixed);
    json_decref(layers);
    return graph;
}

static struct graph *outline(const struct weights *weights, struct error *error)
{
    return sized(weights, 0, error);
}

static bool possible(const struct weights *weights)
{
    return weights_metadata(weights, WEIGHTS_TORCH_LAYERS) != NULL;
}

const struct importer import_torch = {.possible = possible, .outline = outline, .sized = sized, .shares = true};
