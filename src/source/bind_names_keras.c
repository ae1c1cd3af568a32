/* Names that Keras gave its layers: as graphs made from a file's own configuration have them, and as the zoo has. Called
 * by bind and recognition.
 *
 * Tensors are listed as "LAYER/LEAF" (weights/keras_names.h). The zoo has the names of today's keras.applications; in
 * files there are also
 *   "mobilenetv2_1.00_224/Conv1"       the network was one layer of a larger model
 *   "conv1/conv"                       for "conv1_conv": slashes were parts of names (DenseNet, the first ResNets)
 *   "expanded_conv/expand/BatchNorm"   for "expanded_conv_expand_bn": MobileNetV3 as TensorFlow called it
 *   "mobl1_conv_1_expand"              for "block_1_expand": the first MobileNetV2
 *   "probs", "fc1000", "Logits"        for "predictions": the class layer of some years
 *   "conv2d", "conv2d_95"              layers without a name are counted through a session, here from 1 */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

/* Keras: "LAYER/LEAF", as format_keras_h5.c lists it. A separable convolution is two of ours, one behind the other. */
static const struct {
    const char *leaf, *param, *of_separable;
} leaves[] = {
    {"kernel", "weight", "weight"},
    {"depthwise_kernel", "weight", "depthwise.weight"},
    {"pointwise_kernel", "weight", "pointwise.weight"},
    {"bias", "bias", "pointwise.bias"},
    {"gamma", "weight", "weight"},
    {"beta", "bias", "bias"},
    {"moving_mean", "running_mean", "running_mean"},
    {"moving_variance", "running_var", "running_var"},
};

enum { KERAS_LAYER_MAX = 48, KERAS_LAYER_TAIL = 39 }; /* room for ".hard_sigmoid" and the like */

const char *bind_keras_layer(char name[GRAPH_NAME_MAX], const char *path)
{
    size_t length = strlen(path);
    if (length <= KERAS_LAYER_MAX)
        strcpy(name, path);
    else
        snprintf(name, GRAPH_NAME_MAX, "%08x~%s", (unsigned)(bind_name_digest(path) & 0xffffffff),
                 path + length - KERAS_LAYER_TAIL);
    return name;
}

/* What a graph calls the value. */
static const char *param_name(const struct weights *weights, const char *name, const char *slash)
{
    char *pointwise = mem_format("%.*s/pointwise_kernel", (int)(slash - name), name);
    bool separable = weights_find(weights, pointwise) >= 0;
    mem_free(pointwise);
    for (size_t i = 0; i < THAW_LENGTH(leaves); i++)
        if (strcmp(slash + 1, leaves[i].leaf) == 0)
            return separable ? leaves[i].of_separable : leaves[i].param;
    return slash + 1;
}

char *bind_keras_name(const struct weights *weights, const char *name)
{
    const char *slash = strrchr(name, '/');
    if (!slash)
        return mem_string(name);
    char layer[GRAPH_NAME_MAX], *path = mem_format("%.*s", (int)(slash - name), name);
    char *own = mem_format("%s.%s", bind_keras_layer(layer, path), param_name(weights, name, slash));
    mem_free(path);
    return own;
}

/* --- as the zoo has them --- */

/* TensorFlow's own style, in capitals with "BatchNorm" as a part. */
static void shorten_batch_norm(char *layer)
{
    static const char long_name[] = "_batchnorm";
    for (char *c = layer; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    size_t length = strlen(layer), ending = sizeof long_name - 1;
    if (length >= ending && strcmp(layer + length - ending, long_name) == 0)
        strcpy(layer + length - ending, "_bn");
}

/* A name of the first MobileNetV2 or of a class layer, else NULL; the caller frees. */
static char *rename_old(const char *layer)
{
    static const struct {
        const char *format, *suffix;
    } styles[] = {{"mobl%d_conv_%d_%n", ""}, {"bn%d_conv_%d_bn_%n", "_BN"}};
    for (size_t i = 0; i < THAW_LENGTH(styles); i++) {
        int block, again, end = 0;
        if (sscanf(layer, styles[i].format, &block, &again, &end) != 2 || end == 0 || block != again)
            continue;
        if (block == 0)
            return mem_format("expanded_conv_%s%s", layer + end, styles[i].suffix);
        return mem_format("block_%d_%s%s", block, layer + end, styles[i].suffix);
    }
    static const char *const tops[] = {"probs", "fc1000", "Logits"};
    for (size_t i = 0; i < THAW_LENGTH(tops); i++)
        if (strcmp(layer, tops[i]) == 0)
            return mem_string("predictions");
    return NULL;
}

enum { COUNTED = 3, NUMBER_MAX = 1000000 };
static const char *const counted[COUNTED] = {"conv2d", "batch_normalization", "dense"};

struct style {
    char *nest;         /* what stands before more than half of all names, slash included; "" */
    bool tensorflow;    /* MobileNetV3 in TensorFlow's style */
    int least[COUNTED]; /* number of a counted layer; NUMBER_MAX where there is none */
};

/* The number of a counted layer ("conv2d" is 0), NUMBER_MAX where it is none; length: of its name. */
static int layer_number(const char *layer, size_t length, const char *stem)
{
    size_t own = strlen(stem);
    if (length < own || memcmp(layer, stem, own) != 0)
        return NUMBER_MAX;
    if (length == own)
        return 0;
    size_t digits = strspn(layer + own + 1, "0123456789");
    bool is_number = layer[own] == '_' && digits > 0 && digits < 7 && own + 1 + digits == length;
    return is_number ? atoi(layer + own + 1) : NUMBER_MAX;
}

/* The model that most tensors are in, if any: then the one in the middle of the file is in it, too. */
static char *find_nest(const struct weights *weights)
{
    size_t count = weights_count(weights), inside = 0;
    const char *middle = count > 0 ? weights_get(weights, count / 2)->name : "";
    const char *slash = strchr(middle, '/');
    if (!slash || slash == strrchr(middle, '/'))
        return mem_string("");
    char *nest = mem_format("%.*s", (int)(slash + 1 - middle), middle);
    for (size_t i = 0; i < count; i++)
        inside += strncmp(weights_get(weights, i)->name, nest, strlen(nest)) == 0;
    if (2 * inside <= count)
        nest[0] = '\0';
    return nest;
}

static const char *inside_nest(const struct style *style, const char *name)
{
    size_t length = strlen(style->nest);
    return strncmp(name, style->nest, length) == 0 ? name + length : name;
}

static struct style find_style(const struct weights *weights)
{
    struct style style = {.nest = find_nest(weights), .least = {NUMBER_MAX, NUMBER_MAX, NUMBER_MAX}};
    for (size_t i = 0; i < weights_count(weights); i++) {
        const char *name = inside_nest(&style, weights_get(weights, i)->name), *slash = strrchr(name, '/');
        style.tensorflow |= strstr(name, "/BatchNorm/") != NULL;
        for (int s = 0; s < COUNTED && slash; s++) {
            int number = layer_number(name, (size_t)(slash - name), counted[s]);
            style.least[s] = number < style.least[s] ? number : style.least[s];
        }
    }
    return style;
}

/* The zoo's name for a layer; the caller frees. */
static char *layer_name(const struct style *style, const char *layer, size_t length)
{
    for (int s = 0; s < COUNTED; s++) {
        int number = layer_number(layer, length, counted[s]);
        if (number < NUMBER_MAX)
            return mem_format("%s_%d", counted[s], number - style->least[s] + 1);
    }
    if (layer_number(layer, length, "normalization") < NUMBER_MAX) /* a network has but one */
        return mem_string("normalization");
    char *own = mem_format("%.*s", (int)length, layer);
    char *renamed = style->tensorflow ? NULL : rename_old(own);
    if (renamed) {
        mem_free(own);
        return renamed;
    }
    for (char *c = own; *c; c++)
        *c = *c == '/' ? '_' : *c;
    if (style->tensorflow)
        shorten_batch_norm(own);
    return own;
}

void bind_index_as_zoo(struct bind_index *index, const struct weights *weights)
{
    if (weights_layout(weights) != WEIGHTS_KERAS) {
        bind_index_as_vit(index, weights);
        return;
    }
    struct style style = find_style(weights);
    for (size_t i = 0; i < index->count; i++) {
        const char *name = weights_get(weights, i)->name, *slash = strrchr(name, '/');
        const char *layer = inside_nest(&style, name);
        if (!slash || layer > slash)
            continue;
        char *own = layer_name(&style, layer, (size_t)(slash - layer));
        mem_free(index->name[i]);
        index->name[i] = mem_format("%s.%s", own, param_name(weights, name, slash));
        mem_free(own);
    }
    mem_free(style.nest);
    bind_index_renew(index);
}
