/* Tidying a draft: what an exporter wrote as several nodes becomes the one op it means, paddings and constant affines go
 * into the layers beside them, and what the output does not need is forgotten. Each step is exact but for rounding.
 * Called by onnx.c. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "onnx_net.h"

/* --- patterns --- */

static struct draft *input_of(struct net *net, const struct draft *draft, int index)
{
    return &net->draft[draft_at(net, draft->input[index])];
}

static bool is_kind(const struct draft *draft, int kind)
{
    return draft->kind == kind;
}

/* An affine of one scale and one shift for all channels. */
static bool is_affine(const struct draft *draft, double scale, double shift)
{
    if (draft->kind != OP_AFFINE)
        return false;
    for (int i = 0; i < draft->shape.c; i++) {
        if (fabs(draft->source[0].value[i] - scale) > 1e-6 || fabs(draft->source[1].value[i] - shift) > 1e-6)
            return false;
    }
    return true;
}

static void become(struct draft *draft, int kind, int input)
{
    draft->kind = kind;
    draft->attrs = op_attrs_default();
    draft->inputs = 1;
    draft->input[0] = input;
    draft->weight = NULL;
}

/* The two inputs of a product, in either order: `other` the one that is `map`'s. */
static struct draft *factor_of(struct net *net, const struct draft *product, int which, int *map)
{
    *map = draft_at(net, product->input[1 - which]);
    return input_of(net, product, which);
}

/* relu6(x + 3), x being node `map`. */
static bool is_shifted_relu6(struct net *net, const struct draft *draft, int *map)
{
    if (!is_kind(draft, OP_RELU6) || !is_affine(input_of(net, draft, 0), 1, 3))
        return false;
    *map = draft_at(net, input_of(net, draft, 0)->input[0]);
    return true;
}

/* x * relu6(x + 3), to be divided by 6; the node of x, or -1. */
static int shifted_product(struct net *net, const struct draft *draft)
{
    for (int which = 0; which < 2 && is_kind(draft, OP_MUL); which++) {
        int map, inner;
        if (is_shifted_relu6(net, factor_of(net, draft, which, &map), &inner) && inner == map)
            return map;
    }
    return -1;
}

/* relu6(x + 3) / 6 is the hard sigmoid; x * that the hard swish, which also comes as (x * relu6(x + 3)) / 6. */
static void tidy_hard(struct net *net, struct draft *draft)
{
    int map;
    if (is_affine(draft, 1.0 / 6, 0)) {
        struct draft *inner = input_of(net, draft, 0);
        if (is_shifted_relu6(net, inner, &map)) {
            become(draft, OP_HARD_SIGMOID, map);
            draft->attrs.alpha = 1.0f / 6;
            draft->attrs.beta = 0.5f;
        } else if ((map = shifted_product(net, inner)) >= 0) {
            become(draft, OP_HARD_SWISH, map);
        }
    }
}

/* x * sigmoid(x), x * hardsigmoid(x). */
static void tidy_product(struct net *net, struct draft *draft)
{
    for (int which = 0; which < 2 && is_kind(draft, OP_MUL); which++) {
        int map;
        const struct draft *factor = factor_of(net, draft, which, &map);
        bool same = factor->inputs == 1 && draft_at(net, factor->input[0]) == map;
        if (same && is_kind(factor, OP_SIGMOID))
            become(draft, OP_SILU, map);
        else if (same && is_kind(factor, OP_HARD_SIGMOID) && fabsf(factor->attrs.alpha - 1.0f / 6) < 1e-6f &&
                 factor->attrs.beta == 0.5f)
            become(draft, OP_HARD_SWISH, map);
    }
}

/* 1 + erf(x / sqrt 2), x being node `map`. */
static bool is_gelu_factor(struct net *net, const struct draft *draft, int *map)
{
    if (!is_affine(draft, 1, 1) || !is_kind(input_of(net, draft, 0), DRAFT_ERF))
        return false;
    const struct draft *scaled = input_of(net, input_of(net, draft, 0), 0);
    if (!is_affine(scaled, sqrt(0.5), 0))
        return false;
    *map = draft_at(net, scaled->input[0]);
    return true;
}

/* x * (1 + erf(x / sqrt 2)) / 2, the half standing behind the product or before it, at x. */
static void tidy_gelu(struct net *net, struct draft *draft)
{
    int map, inner;
    bool halved = is_affine(draft, 0.5, 0);
    const struct draft *product = halved ? input_of(net, draft, 0) : draft;
    for (int which = 0; which < 2 && is_kind(product, OP_MUL); which++) {
        if (!is_gelu_factor(net, factor_of(net, product, which, &map), &inner))
            continue;
        const struct draft *other = &net->draft[map];
        bool half_first = !halved && is_affine(other, 0.5, 0) && draft_at(net, other->input[0]) == inner;
        if ((halved && map == inner) || half_first) {
            become(draft, OP_GELU, inner);
            return;
        }
    }
}

/* --- neighbours --- */

static bool is_alone(const struct net *net, int draft)
{
    return net->draft[draft].uses == 1 && draft != net->output;
}

/* Zero borders in front of a convolution are its own padding. */
static void tidy_border(struct net *net, struct draft *conv)
{
    const struct draft *pad = input_of(net, conv, 0);
    const struct op_attrs *border = &pad->attrs;
    if (!is_kind(conv, OP_CONV) || !is_kind(pad, OP_PAD) || border->pad_value != 0 || border->pad_top < 0 ||
        border->pad_left < 0 || border->pad_bottom < 0 || border->pad_right < 0)
        return;
    conv->attrs.pad_top += border->pad_top;
    conv->attrs.pad_left += border->pad_left;
    conv->attrs.pad_bottom += border->pad_bottom;
    conv->attrs.pad_right += border->pad_right;
    conv->input[0] = draft_at(net, pad->input[0]);
}

/* Every second row and every second column, channels of zeros: one subsample. */
static void tidy_subsample(struct net *net, struct draft *second)
{
    int before = draft_at(net, second->input[0]);
    const struct draft *first = &net->draft[before];
    if (!is_kind(second, OP_SUBSAMPLE) || !is_kind(first, OP_SUBSAMPLE) || !is_alone(net, before))
        return;
    if ((int64_t)first->attrs.stride_h * second->attrs.stride_h > 1 << 16 ||
        (int64_t)first->attrs.stride_w * second->attrs.stride_w > 1 << 16)
        return;
    second->attrs.stride_h *= first->attrs.stride_h;
    second->attrs.stride_w *= first->attrs.stride_w;
    second->attrs.pad_before += first->attrs.pad_before;
    second->attrs.pad_after += first->attrs.pad_after;
    second->input[0] = draft_at(net, first->input[0]);
}

/* relu before relu6 changes nothing. */
static void tidy_relu(struct net *net, struct draft *draft)
{
    while (is_kind(draft, OP_RELU6) && is_kind(input_of(net, draft, 0), OP_RELU))
        draft->input[0] = draft_at(net, input_of(net, draft, 0)->input[0]);
}

/* A source of one value a channel as an array of them. */
static double *materialise(struct net *net, struct source *source, int count)
{
    double *values = net_room(net, (size_t)count, sizeof *values);
    if (source->tensor)
        net_note(net, source->tensor);
    for (int i = 0; values && i < count; i++) {
        float value = (float)(source->value ? source->value[i] : source->fill);
        if (source->tensor)
            tensor_to_f32(&value, source->tensor->values + (size_t)i * tensor_type_size(source->tensor->type),
                          source->tensor->type, 1);
        values[i] = (double)value * source->factor;
    }
    *source = (struct source){.value = values, .factor = 1};
    return values;
}

/* shift and scale of the layer that the affine stands behind: slots of what is multiplied and of what is added to. */
static bool absorb(struct net *net, struct draft *layer, const struct draft *affine)
{
    const double *scale = affine->source[0].value, *shift = affine->source[1].value;
    int channels = layer->shape.c;
    struct source *bias = &layer->source[1];
    double *values = materialise(net, bias, channels);
    if (!values)
        return false;
    for (int i = 0; i < channels; i++)
        values[i] = values[i] * scale[i] + shift[i];
    if (is_kind(layer, OP_BATCH_NORM) || is_kind(layer, OP_AFFINE)) {
        double *gamma = materialise(net, &layer->source[0], channels);
        for (int i = 0; gamma && i < channels; i++)
            gamma[i] *= scale[i];
        return gamma != NULL;
    }
    double *rows = layer->source[0].scale ? layer->source[0].scale : net_room(net, (size_t)channels, sizeof *rows);
    if (!rows)
        return false;
    for (int i = 0; i < channels; i++)
        rows[i] = (layer->source[0].scale ? rows[i] : 1) * scale[i];
    layer->source[0].scale = rows;
    layer->attrs.bias = true;
    return true;
}

/* An affine behind a layer that is used by it alone is part of that layer. */
static bool tidy_affine(struct net *net, int index)
{
    struct draft *affine = &net->draft[index];
    int before = draft_at(net, affine->input[0]);
    struct draft *layer = &net->draft[before];
    bool takes = is_kind(layer, OP_CONV) || is_kind(layer, OP_LINEAR) || is_kind(layer, OP_BATCH_NORM) ||
                 is_kind(layer, OP_AFFINE);
    if (!is_kind(affine, OP_AFFINE) || !takes || layer->uses != 1)
        return true;
    affine->instead = before;
    if (!layer->weight)
        layer->weight = affine->weight;
    return absorb(net, layer, affine);
}

/* --- all of it --- */

static bool check_left(struct net *net)
{
    for (int i = 0; i < net->drafts; i++) {
        const struct draft *draft = &net->draft[i];
        if (draft->uses && draft->instead < 0 && draft->kind >= (int)OP_KINDS)
            return net_refuse(net, draft->node, "the error function is only known as part of GELU");
    }
    return true;
}

bool net_tidy(struct net *net)
{
    net_count_uses(net);
    for (int i = 1; i < net->drafts; i++) {
        struct draft *draft = &net->draft[i];
        if (!draft->uses)
            continue;
        tidy_hard(net, draft);
        tidy_product(net, draft);
        tidy_gelu(net, draft);
        tidy_relu(net, draft);
        tidy_border(net, draft);
        tidy_subsample(net, draft);
    }
    net_count_uses(net);
    for (int i = 1; i < net->drafts; i++) {
        if (net->draft[i].uses && !tidy_affine(net, i))
            return false;
    }
    net_count_uses(net);
    int built = 1;
    for (int i = 1; i < net->drafts; i++)
        net->draft[i].built = net->draft[i].uses && net->draft[i].instead < 0 ? built++ : -1;
    return check_left(net);
}
