/* Reads Darknet's classification networks (https://pjreddie.com/darknet): NAME.cfg, text that says what the layers are,
 * and NAME.weights beside it, their values without names. Either may be opened. Called through the table of formats in
 * weights.c.
 *
 * The bytes of NAME.weights, little endian:
 * 1. int32 major, minor, revision; then how many images were seen: 8 bytes where major * 10 + minor >= 2, else 4.
 * 2. float32, for each layer in order:
 *    convolutional  biases; scales, means and variances where it normalises by batch; weights (filters, c / groups, size,
 *                   size)
 *    connected      biases; weights (outputs, inputs); scales, means and variances where it normalises by batch
 *
 * A file may end behind any layer: those that follow have no values then. Refused: what darknet_cfg.h refuses, a file
 * that ends within a layer or goes on behind the last. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "darknet_cfg.h"
#include "format.h"
#include "thaw/base/mem.h"

enum { HEADER = 12, OLD_SEEN = 4, NEW_SEEN = 8, REVISION_MAX = 5 };

static uint32_t number(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static bool is_values(const struct file_map *map)
{
    if (map->size < HEADER + OLD_SEEN || map->size % 4 || number(map->data))
        return false;
    return number(map->data + 4) >= 1 && number(map->data + 4) <= 2 && number(map->data + 8) <= REVISION_MAX;
}

static bool probe(const struct file_map *map)
{
    return darknet_cfg_probe(map->data, map->size) || is_values(map);
}

/* The other file of the pair. */
static const struct file_map *map_other(struct weights *weights, const char *own, const char *other,
                                        struct error *error)
{
    const char *base = path_base(weights_path(weights));
    size_t length = strlen(base), ending = strlen(own);
    if (length > ending && strcmp(base + length - ending, own) == 0)
        length -= ending;
    char *name = mem_format("%.*s%s", (int)length, base, other);
    const struct file_map *map = weights_map_beside(weights, name, error);
    if (!map)
        error_wrap(error, "needs %s beside it", name);
    mem_free(name);
    return map;
}

/* The values as they are handed out. */
struct values {
    struct weights *weights;
    const uint8_t *at;
    size_t left; /* floats */
    struct error *error;
};

static bool add(struct values *values, const struct darknet_layer *layer, const char *part, const struct shape *shape)
{
    char name[DARKNET_NAME + 24];
    snprintf(name, sizeof name, "%s.%s", layer->name, part);
    uint64_t count = (uint64_t)shape_count(shape);
    if (count > values->left)
        return error_set(
            values->error, ERROR_WEIGHTS,
            "%s (line %d of the cfg) should have %llu values, but only %zu follow: is the file truncated, or "
            "of another cfg?",
            name, layer->line, (unsigned long long)count, values->left);
    struct weights_place place = {.first = values->at};
    weights_place_dense(&place, shape);
    values->at += count * sizeof(float);
    values->left -= (size_t)count;
    return weights_add(values->weights, name, strlen(name), TENSOR_F32, shape, &place, values->error);
}

static bool add_vector(struct values *values, const struct darknet_layer *layer, const char *part)
{
    struct shape shape = shape_make(1, (int64_t[]){layer->filters});
    return add(values, layer, part, &shape);
}

static bool add_statistics(struct values *values, const struct darknet_layer *layer)
{
    return add_vector(values, layer, "bn.weight") && add_vector(values, layer, "bn.running_mean") &&
           add_vector(values, layer, "bn.running_var");
}

static bool add_layer(struct values *values, const struct darknet_net *net, int index)
{
    const struct darknet_layer *layer = &net->layer[index];
    int64_t height = index ? layer[-1].height : net->height, width = index ? layer[-1].width : net->width;
    int64_t channels = index ? layer[-1].channels : net->channels;
    bool conv = layer->kind == DARKNET_CONVOLUTIONAL, normalised = layer->batch_normalize;
    if (!conv && layer->kind != DARKNET_CONNECTED)
        return true;
    struct shape shape =
        conv ? shape_make(4, (int64_t[]){layer->filters, channels / layer->groups, layer->size, layer->size})
             : shape_make(2, (int64_t[]){layer->filters, height * width * channels});
    return add_vector(values, layer, normalised ? "bn.bias" : "bias") &&
           (!conv || !normalised || add_statistics(values, layer)) && add(values, layer, "weight", &shape) &&
           (conv || !normalised || add_statistics(values, layer));
}

static bool add_all(struct weights *weights, const struct darknet_net *net, const struct file_map *map,
                    struct error *error)
{
    if (!is_values(map))
        return error_set(error, ERROR_WEIGHTS, "the .weights file does not begin as Darknet's do");
    uint32_t minor = number(map->data + 4);
    size_t header = HEADER + (minor >= 2 ? NEW_SEEN : OLD_SEEN);
    if (map->size < header)
        return error_set(error, ERROR_WEIGHTS, "the .weights file ends within its header");
    struct values values = {weights, map->data + header, (map->size - header) / sizeof(float), error};
    for (int i = 0; i < net->layers && values.left; i++)
        if (!add_layer(&values, net, i))
            return false;
    return values.left == 0 ||
           error_set(error, ERROR_WEIGHTS, "%zu values follow those of the cfg's last layer", values.left);
}

static bool open_darknet(struct weights *weights, struct error *error)
{
    const struct file_map *own = weights_map(weights), *cfg = own, *values = own;
    if (darknet_cfg_probe(own->data, own->size))
        values = map_other(weights, ".cfg", ".weights", error);
    else
        cfg = map_other(weights, ".weights", ".cfg", error);
    if (!cfg || !values)
        return false;
    struct darknet_net *net = mem_alloc(sizeof *net);
    weights_keep(weights, net, mem_free);
    bool ok = darknet_cfg_read(net, cfg->data, cfg->size, error);
    if (net->layer)
        weights_keep(weights, net->layer, mem_free);
    weights_set_darknet(weights, net);
    return ok && add_all(weights, net, values, error);
}

const struct weights_format format_darknet = {
    .name = "Darknet",
    .layout = WEIGHTS_TORCH,
    .probe = probe,
    .open = open_darknet,
};
