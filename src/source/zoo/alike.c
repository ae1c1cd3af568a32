/* Which architecture of the zoo a network is that came under other names: by its convolutions. Called for imported
 * networks, whose files say nothing of their preprocessing. */
#include "config.h"

#include <stdlib.h>

#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

enum { CONVS_LEAST = 5 }; /* fewer are many networks' */

/* The convolutions of a graph in their order, but for a class layer. */
struct convs {
    const struct graph_node **node;
    int count;
};

static struct convs list_convs(const struct graph *graph)
{
    int classes = graph_class_layer(graph);
    struct convs list = {mem_array((size_t)graph->nodes, sizeof *list.node), 0};
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].kind == OP_CONV && i != classes)
            list.node[list.count++] = &graph->node[i];
    return list;
}

static bool is_same_conv(const struct graph_node *a, const struct graph_node *b)
{
    return a->attrs.kernel_h == b->attrs.kernel_h && a->attrs.kernel_w == b->attrs.kernel_w &&
           a->attrs.stride_h == b->attrs.stride_h && a->attrs.stride_w == b->attrs.stride_w &&
           a->attrs.groups == b->attrs.groups && a->attrs.dilation_h == b->attrs.dilation_h && a->shape.c == b->shape.c;
}

/* Of a convolution, with what a padding before it adds. */
static int top_padding(const struct graph *graph, const struct graph_node *conv)
{
    const struct graph_node *before = &graph->node[conv->input[0]];
    return conv->attrs.pad_top + (before->kind == OP_PAD ? before->attrs.pad_top : 0);
}

/* 0: other convolutions; else 1, and one more for each that is padded alike. */
static int likeness(const struct graph *graph, const struct convs *own, const char *arch)
{
    struct error unused;
    const struct preprocess *input = &graph->preprocess;
    struct zoo_options options = {.height = input->height, .width = input->width, .channels = input->channels};
    struct graph *other = zoo_outline(arch, &options, &unused);
    if (!other)
        return 0;
    struct convs theirs = list_convs(other);
    int alike = theirs.count == own->count;
    for (int i = 0; alike && i < own->count; i++) {
        bool same = is_same_conv(own->node[i], theirs.node[i]);
        bool padded = same && top_padding(graph, own->node[i]) == top_padding(other, theirs.node[i]);
        alike = same ? alike + padded : 0;
    }
    mem_free(theirs.node);
    graph_destroy(other);
    return alike;
}

const struct zoo_arch *zoo_alike(const struct graph *graph)
{
    const struct zoo_arch *arch, *best = NULL;
    struct convs own = list_convs(graph);
    int most = 0;
    for (size_t i = 0; own.count >= CONVS_LEAST && (arch = zoo_at(i)); i++) {
        int alike = likeness(graph, &own, arch->name);
        if (alike > most) {
            most = alike;
            best = arch;
        }
    }
    mem_free(own.node);
    return best;
}
