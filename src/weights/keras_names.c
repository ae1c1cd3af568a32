/* Names of Keras' values. The rules are read from what Keras 1.2, 2.x and 3.x write. Called by format_keras_h5.c. */
#include "config.h"

#include "keras_names.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { DEPTH_MAX = 16, LAYERS_MAX = 4096, NAME_MAX_BYTES = 255, SNAKE = 64 };

/* Suffixes before those they end with. */
static const struct {
    const char *name, *leaf;
} leaves[] = {
    {"depthwise_kernel", "depthwise_kernel"},
    {"pointwise_kernel", "pointwise_kernel"},
    {"kernel", "kernel"},
    {"W", "kernel"},
    {"bias", "bias"},
    {"b", "bias"},
    {"gamma", "gamma"},
    {"beta", "beta"},
    {"moving_mean", "moving_mean"},
    {"running_mean", "moving_mean"},
    {"mean", "mean"},
    {"moving_variance", "moving_variance"},
    {"running_std", "moving_variance"},
    {"variance", "variance"},
    {"count", "count"},
    {"alpha", "alpha"},
};

/* Length of the last part of a name, without ":0" behind it. */
static size_t last_part(const char *name, const char **part)
{
    const char *slash = strrchr(name, '/');
    *part = slash ? slash + 1 : name;
    size_t length = strlen(*part);
    const char *colon = strrchr(*part, ':');
    if (colon && colon > *part && strspn(colon + 1, "0123456789") == strlen(colon + 1))
        length = (size_t)(colon - *part);
    return length;
}

static const char *match_leaf(const char *part, size_t length)
{
    for (size_t i = 0; i < THAW_LENGTH(leaves); i++) {
        size_t ending = strlen(leaves[i].name);
        if (length < ending || memcmp(part + length - ending, leaves[i].name, ending) != 0)
            continue;
        if (length == ending || part[length - ending - 1] == '_')
            return leaves[i].leaf;
    }
    return NULL;
}

const char *keras_leaf(const char *name)
{
    const char *part;
    size_t length = last_part(name, &part);
    const char *leaf = match_leaf(part, length);
    if (leaf)
        return leaf;
    size_t digits = length;
    while (digits > 0 && isdigit((unsigned char)part[digits - 1]))
        digits--;
    return digits < length && digits > 1 && part[digits - 1] == '_' ? match_leaf(part, digits - 1) : NULL;
}

/* --- classes --- */

/* The values of a layer in the order they are made; one that the layer's configuration can leave out has the key. */
static const struct layer_class {
    const char *name, *group;
    struct {
        const char *leaf, *key;
    } value[4];
} classes[] = {
    {"Conv2D", "conv2d", {{"kernel", NULL}, {"bias", "use_bias"}}},
    {"Dense", "dense", {{"kernel", NULL}, {"bias", "use_bias"}}},
    {"DepthwiseConv2D", "depthwise_conv2d", {{"depthwise_kernel", NULL}, {"bias", "use_bias"}}},
    {"SeparableConv2D",
     "separable_conv2d",
     {{"depthwise_kernel", NULL}, {"pointwise_kernel", NULL}, {"bias", "use_bias"}}},
    {"BatchNormalization",
     "batch_normalization",
     {{"gamma", "scale"}, {"beta", "center"}, {"moving_mean", NULL}, {"moving_variance", NULL}}},
    {"LayerNormalization", "layer_normalization", {{"gamma", "scale"}, {"beta", "center"}}},
    {"LayerScale", "layer_scale", {{"gamma", NULL}}},
    {"Normalization", "normalization", {{"mean", NULL}, {"variance", NULL}, {"count", NULL}}},
    {"PReLU", "p_re_lu", {{"alpha", NULL}}},
};
enum { VALUES_MAX = 4 };

/* Whether the layer has a value that it can be without. Where the configuration is not known: what it leaves out is
 * told by the count, the first that may be missing being the likeliest (batch norm: gamma before beta). */
static bool has_value(const struct layer_class *of, const json_t *config, size_t value, size_t *spare)
{
    const char *key = of->value[value].key;
    if (!key)
        return true;
    if (config)
        return !json_is_false(json_object_get(config, key));
    if (*spare == 0)
        return true;
    --*spare;
    return false;
}

static const char *leaf_of(const struct layer_class *of, const json_t *config, size_t count, size_t index)
{
    size_t all = 0, at = 0;
    while (all < VALUES_MAX && of->value[all].leaf)
        all++;
    size_t spare = all > count ? all - count : 0;
    for (size_t i = 0; i < all; i++) {
        if (!has_value(of, config, i, &spare))
            continue;
        if (at++ == index)
            return of->value[i].leaf;
    }
    return NULL;
}

const char *keras_leaf_at(const char *class_name, const json_t *config, size_t count, size_t index)
{
    for (size_t i = 0; i < THAW_LENGTH(classes); i++)
        if (strcmp(classes[i].name, class_name) == 0)
            return leaf_of(&classes[i], config, count, index);
    return NULL;
}

const char *keras_class_of_group(const char *group)
{
    size_t length = strlen(group);
    while (length > 0 && isdigit((unsigned char)group[length - 1]))
        length--;
    if (length == strlen(group) || length == 0 || group[length - 1] != '_') /* not counted: the first of its class */
        length = strlen(group);
    else
        length--;
    for (size_t i = 0; i < THAW_LENGTH(classes); i++)
        if (strlen(classes[i].group) == length && memcmp(classes[i].group, group, length) == 0)
            return classes[i].name;
    return NULL;
}

/* "BatchNormalization" to "batch_normalization", as Keras does it: first a word's capital that small letters follow,
 * then a capital behind a small letter. */
static void snake_case(char snake[SNAKE], const char *name)
{
    size_t used = 0;
    for (size_t i = 0; name[i] && used + 3 < SNAKE; i++) {
        unsigned char c = (unsigned char)name[i];
        bool capital = isupper(c), before = i > 0;
        bool word = before && capital && islower((unsigned char)name[i + 1]);
        bool turn = before && capital && islower((unsigned char)name[i - 1]);
        if (!isalnum(c) && c != '_')
            continue;
        if (word || turn)
            snake[used++] = '_';
        snake[used++] = (char)tolower(c);
    }
    snake[used] = '\0';
}

/* --- outline --- */

static const json_t *keras_config_layers(const json_t *model)
{
    const json_t *config = json_object_get(model, "config");
    const json_t *layers = json_is_array(config) ? config : json_object_get(config, "layers");
    return json_is_array(layers) ? layers : NULL;
}

static void add_layer(struct keras_outline *outline, const char *path, const char *group, const char *class_name,
                      const json_t *config)
{
    size_t count = outline->layers;
    if ((count & (count - 1)) == 0) /* room for a power of two */
        outline->layer = mem_grow(outline->layer, count ? 2 * count : 1, sizeof *outline->layer);
    outline->layer[outline->layers++] = (struct keras_layer){
        .path = mem_string(path),
        .group = mem_string(group),
        .class_name = class_name,
        .config = config,
        .order = count,
    };
}

/* How often each class was met among the layers of one model. */
struct class_count {
    char snake[SNAKE];
    int count;
};

/* How many layers of the class came before: the first is "conv2d", the second "conv2d_1". */
static int count_class(struct class_count **seen, size_t *kinds, const char *snake)
{
    for (size_t i = 0; i < *kinds; i++)
        if (strcmp((*seen)[i].snake, snake) == 0)
            return ++(*seen)[i].count;
    *seen = mem_grow(*seen, ++*kinds, sizeof **seen);
    strcpy((*seen)[*kinds - 1].snake, snake);
    (*seen)[*kinds - 1].count = 0;
    return 0;
}

static bool add_layers(struct keras_outline *outline, const json_t *model, const char *path, const char *group,
                       int depth);

static bool add_one(struct keras_outline *outline, const json_t *layer, const char *path, const char *group, int depth,
                    struct class_count **seen, size_t *kinds)
{
    const json_t *config = json_object_get(layer, "config");
    const char *class_name = json_string_value(json_object_get(layer, "class_name"));
    const char *name = json_string_value(json_object_get(config, "name"));
    if (!name)
        name = json_string_value(json_object_get(layer, "name"));
    if (!class_name || !name || !config || strlen(name) > NAME_MAX_BYTES || outline->layers == LAYERS_MAX)
        return false;
    char snake[SNAKE], number[16] = "";
    snake_case(snake, class_name);
    int before = count_class(seen, kinds, snake);
    if (before > 0)
        snprintf(number, sizeof number, "_%d", before);
    char *own_path = mem_format("%s%s%s", path, path[0] ? "/" : "", name);
    char *own_group = mem_format("%s%s%s%s", group, group[0] ? "/" : "", snake, number);
    bool good = true;
    if (keras_config_layers(layer))
        good = add_layers(outline, layer, own_path, own_group, depth + 1);
    else
        add_layer(outline, own_path, own_group, class_name, config);
    mem_free(own_path);
    mem_free(own_group);
    return good;
}

static bool add_layers(struct keras_outline *outline, const json_t *model, const char *path, const char *group,
                       int depth)
{
    const json_t *layers = keras_config_layers(model);
    struct class_count *seen = NULL;
    size_t kinds = 0;
    bool good = layers && depth < DEPTH_MAX;
    for (size_t i = 0; good && i < json_array_size(layers); i++)
        good = add_one(outline, json_array_get(layers, i), path, group, depth, &seen, &kinds);
    mem_free(seen);
    return good;
}

static int compare_paths(const void *a, const void *b)
{
    const struct keras_layer *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int compare_groups(const void *a, const void *b)
{
    const struct keras_layer *const *x = a, *const *y = b;
    return strcmp((*x)->group, (*y)->group);
}

bool keras_outline_read(struct keras_outline *outline, const char *text)
{
    *outline = (struct keras_outline){.root = json_loads(text, 0, NULL)};
    if (!outline->root || !add_layers(outline, outline->root, "", "", 0)) {
        keras_outline_finish(outline);
        return false;
    }
    outline->by_group = mem_array(outline->layers, sizeof(struct keras_layer *));
    if (outline->layers > 1)
        qsort(outline->layer, outline->layers, sizeof *outline->layer, compare_paths);
    for (size_t i = 0; i < outline->layers; i++)
        outline->by_group[i] = &outline->layer[i];
    if (outline->layers > 1)
        qsort(outline->by_group, outline->layers, sizeof *outline->by_group, compare_groups);
    return true;
}

void keras_outline_finish(struct keras_outline *outline)
{
    for (size_t i = 0; i < outline->layers; i++) {
        mem_free(outline->layer[i].path);
        mem_free(outline->layer[i].group);
    }
    mem_free(outline->layer);
    mem_free(outline->by_group);
    json_decref(outline->root);
    *outline = (struct keras_outline){0};
}

const struct keras_layer *keras_outline_find(const struct keras_outline *outline, const char *path)
{
    struct keras_layer key = {.path = (char *)(uintptr_t)path};
    if (outline->layers == 0)
        return NULL;
    return bsearch(&key, outline->layer, outline->layers, sizeof key, compare_paths);
}

const struct keras_layer *keras_outline_find_group(const struct keras_outline *outline, const char *group)
{
    struct keras_layer key = {.group = (char *)(uintptr_t)group};
    const struct keras_layer *wanted = &key, *const *found = NULL;
    if (outline->layers > 0)
        found = bsearch(&wanted, outline->by_group, outline->layers, sizeof wanted, compare_groups);
    return found ? *found : NULL;
}

size_t keras_outline_inside(const struct keras_outline *outline, const char *model, size_t *first)
{
    size_t low = 0, high = outline->layers, length = strlen(model), count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *path = outline->layer[middle].path;
        int order = strncmp(path, model, length);
        if (order < 0 || (order == 0 && (unsigned char)path[length] < '/'))
            low = middle + 1;
        else
            high = middle;
    }
    *first = low;
    while (low + count < outline->layers && strncmp(outline->layer[low + count].path, model, length) == 0 &&
           outline->layer[low + count].path[length] == '/')
        count++;
    return count;
}
