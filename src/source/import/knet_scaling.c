/* How pixels become the input of a Keras model, where its own layers tell: one that rescales has the pixels as they are; one
 * that is built on a network of keras.applications, as a member or with its layers among the model's own, has them as that
 * network's weights were trained. Called by keras.c. */
#include "config.h"

#include <string.h>

#include "knet.h"
#include "knet_calls.h"
#include "thaw/base/macros.h"

/* Layers that only one network has, by the end of their name, so that they are found behind a prefix, too. */
static const struct trunk {
    const char *layer, *scheme, *title;
} trunks[] = {
    {"block_1_expand_BN", "tf", "MobileNetV2"},
    {"expanded_conv_1_expand_bn", "tf", "MobileNetV3"}, /* which rescales by itself unless asked not to */
    {"expanded_conv_1/expand/BatchNorm", "tf", "MobileNetV3"},
    {"conv_pw_13_bn", "tf", "MobileNetV1"},
    {"block14_sepconv2_bn", "tf", "Xception"},
    {"mixed10", "tf", "Inception v3"},
    {"conv_7b_bn", "tf", "Inception-ResNet v2"},
    {"conv2_block1_preact_bn", "tf", "ResNet V2"},
    {"normal_conv_1_0", "tf", "NASNet"},
    {"conv2_block1_out", "caffe", "ResNet"},
    {"res2a_branch2a", "caffe", "ResNet"},
    {"pool4_relu", "torch", "DenseNet"},
    {"block5_conv1", "caffe", "VGG"},
};

/* Layers that change the values of pixels: whatever comes in has been thought of. */
static const char *const scalers[] = {"Rescaling", "Normalization", "TrueDivide", "Subtract", "TFOpLambda"};
/* Where those of a network itself stand, in its activations. */
static const char *const own_arithmetic[] = {"MobileNetV3"};

struct findings {
    const struct trunk *trunk;
    bool rescales, counts;
};

static bool ends_in(const char *name, const char *ending)
{
    size_t length = strlen(name), own = strlen(ending);
    return length >= own && strcmp(name + length - own, ending) == 0;
}

static bool is_among(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

static void look_at(const json_t *layer, struct findings *found)
{
    const char *class_name = json_string_value(json_object_get(layer, "class_name")), *name = knet_layer_name(layer);
    if (class_name && is_among(class_name, scalers, 2))
        found->rescales = true;
    else if (class_name && is_among(class_name, scalers, THAW_LENGTH(scalers)))
        found->counts = true;
    for (size_t i = 0; i < THAW_LENGTH(trunks) && !found->trunk; i++)
        if (ends_in(name, trunks[i].layer))
            found->trunk = &trunks[i];
}

static void look_through(const json_t *model, int depth, struct findings *found)
{
    const json_t *config = json_object_get(model, "config"), *layer;
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    size_t i;
    if (depth == KNET_DEPTH_MAX)
        return;
    json_array_foreach(layers, i, layer)
    {
        look_at(layer, found);
        look_through(layer, depth + 1, found);
    }
}

bool knet_find_scaling(struct graph *graph, const json_t *model)
{
    struct findings found = {.trunk = NULL};
    struct error unused;
    look_through(model, 0, &found);
    bool counts = found.counts && !(found.trunk && is_among(found.trunk->title, own_arithmetic, 1));
    if (found.rescales || counts)
        return true;
    if (!found.trunk || graph->preprocess.channels != 3 ||
        !preprocess_parse(&graph->preprocess, found.trunk->scheme, &unused))
        return false;
    graph_add_note(graph, "pixels become its input as %s of Keras has them, whose layers it has", found.trunk->title);
    return true;
}
