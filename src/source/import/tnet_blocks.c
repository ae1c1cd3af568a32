/* Blocks of torchvision and fastai inside a Sequential: who cuts the head off a ResNet, or trains it with fastai, saves such
 * lists. The parts of a block are layers of their own, called by the block's class in an order that only its source says.
 * Called by the table of tnet_layers.c.
 *
 * torchvision.models.resnet (He et al. 2015): BasicBlock and Bottleneck, the sum with what went in or with its
 * `downsample`. torchvision.models.mobilenetv2 (Sandler et al. 2018): InvertedResidual, a Sequential `conv`, and a sum
 * where use_res_connect says so. fastai: AdaptiveConcatPool2d, the maxima of the maps and then their means. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tnet.h"

/* The part's name behind the block's and a dot, or NULL. */
static const char *part_name(const struct tnet_layer *block, const json_t *part)
{
    const char *name = json_string_value(json_object_get(part, "name"));
    size_t length = strlen(block->name);
    return name && strncmp(name, block->name, length) == 0 && name[length] == '.' ? name + length + 1 : NULL;
}

static bool add_part(struct tnet *net, const struct tnet_layer *block, const char *name)
{
    const json_t *parts = json_object_get(block->json, "parts");
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *own = part_name(block, json_array_get(parts, i));
        if (own && strcmp(own, name) == 0)
            return tnet_add_layer(net, json_array_get(parts, i), false);
    }
    return tnet_refuse(net, block, "it has no %s", name);
}

/* The layers of a Sequential that is a part; *any tells whether there are some. */
static bool add_sequence(struct tnet *net, const struct tnet_layer *block, const char *name, bool *any)
{
    const json_t *parts = json_object_get(block->json, "parts");
    size_t length = strlen(name);
    *any = false;
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *own = part_name(block, json_array_get(parts, i));
        if (!own || strncmp(own, name, length) != 0 || own[length] != '.')
            continue;
        *any = true;
        if (!tnet_add_layer(net, json_array_get(parts, i), false))
            return false;
    }
    return true;
}

static void add_relu(struct tnet *net, const struct tnet_layer *block, int number)
{
    struct op_attrs attrs = op_attrs_default();
    char name[16];
    snprintf(name, sizeof name, "relu%d", number);
    tnet_add_node(net, block, name, OP_RELU, &attrs, 1, (const int[]){net->x});
}

static void add_sum(struct tnet *net, const struct tnet_layer *block, int other)
{
    struct op_attrs attrs = op_attrs_default();
    tnet_add_node(net, block, "add", OP_ADD, &attrs, 2, (const int[]){net->x, other});
}

/* `convs` times a convolution, its batch norm and, but for the last, a relu; the sum, and a relu. */
static bool add_residual(struct tnet *net, const struct tnet_layer *block, int convs)
{
    int from = net->x;
    if (net->flat)
        return tnet_refuse(net, block, "it reads maps, and stands behind a Flatten");
    for (int i = 1; i <= convs; i++) {
        char conv[16], norm[16];
        snprintf(conv, sizeof conv, "conv%d", i);
        snprintf(norm, sizeof norm, "bn%d", i);
        if (!add_part(net, block, conv) || !add_part(net, block, norm))
            return false;
        if (i < convs)
            add_relu(net, block, i);
    }
    int sum = net->x;
    bool shrinks;
    net->x = from;
    if (!add_sequence(net, block, "downsample", &shrinks))
        return false;
    int shortcut = net->x;
    net->x = sum;
    add_sum(net, block, shortcut);
    add_relu(net, block, convs);
    return true;
}

bool tnet_basic_block(struct tnet *net, const struct tnet_layer *layer)
{
    return add_residual(net, layer, 2);
}

bool tnet_bottleneck(struct tnet *net, const struct tnet_layer *layer)
{
    return add_residual(net, layer, 3);
}

bool tnet_inverted_residual(struct tnet *net, const struct tnet_layer *layer)
{
    int from = net->x;
    bool any;
    const json_t *sum = json_object_get(layer->json, "use_res_connect");
    if (!json_is_boolean(sum))
        return tnet_refuse(net, layer, "it does not say whether it adds what went in");
    if (!add_sequence(net, layer, "conv", &any))
        return false;
    if (!any)
        return tnet_refuse(net, layer, "it has no conv");
    if (json_is_true(sum))
        add_sum(net, layer, from);
    return true;
}

bool tnet_concat_pool(struct tnet *net, const struct tnet_layer *layer)
{
    struct op_attrs attrs = op_attrs_default();
    struct shape4 in = net->graph->node[net->x].shape;
    const json_t *size = json_object_get(layer->json, "size");
    int from = net->x, input[2];
    if (net->flat || (json_is_integer(size) && json_integer_value(size) != 1))
        return tnet_refuse(net, layer, "it is known for maps, and to one pixel only");
    net->adaptive = true;
    attrs.kernel_h = attrs.stride_h = in.h;
    attrs.kernel_w = attrs.stride_w = in.w;
    tnet_add_node(net, layer, "mp", OP_MAX_POOL, &attrs, 1, &from);
    input[0] = net->x;
    attrs = op_attrs_default();
    tnet_add_node(net, layer, "ap", OP_GLOBAL_AVG_POOL, &attrs, 1, &from);
    input[1] = net->x;
    tnet_add_node(net, layer, "concat", OP_CONCAT, &attrs, 2, input);
    return true;
}
