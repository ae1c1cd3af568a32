/* What each layer of a network of inverted residuals is there for, read from its convolutions in their order: MobileNetV2
 * and V3, MnasNet, EfficientNet and its like, however their builders number the layers. Called by dialect.c.
 *
 * A depthwise convolution filters what the 1x1 before it has widened, or the block's input; the 1x1 behind it narrows. A
 * plain convolution in their place is narrowed by a 1x1 without activation, or by nothing. What comes first is the stem,
 * what comes last the head. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "dialect.h"
#include "thaw/base/mem.h"

struct reading {
    const struct graph *graph;
    dialect_role *role;
    int *conv, convs; /* nodes of the trunk's convolutions, those of squeeze and excitation left out */
    const int *blocks;
    int stage, block, number; /* of the next block */
    int channels;             /* of the last block's output */
};

/* The first node that reads this one, or -1. */
static int reader_of(const struct graph *graph, int node)
{
    for (int n = node + 1; n < graph->nodes; n++)
        for (int i = 0; i < graph->node[n].inputs; i++)
            if (graph->node[n].input[i] == node)
                return n;
    return -1;
}

/* The batch norm behind a convolution, or -1. */
static int norm_of(const struct graph *graph, int conv)
{
    int reader = reader_of(graph, conv);
    return reader >= 0 && graph->node[reader].kind == OP_BATCH_NORM ? reader : -1;
}

static bool is_gate(const struct graph *graph, int node)
{
    const struct shape4 *map = &graph->node[graph->node[node].input[0]].shape;
    return map->h == 1 && map->w == 1 && graph->node[node].attrs.bias;
}

static bool is_depthwise(const struct reading *r, int i)
{
    if (i >= r->convs)
        return false;
    const struct graph_node *node = &r->graph->node[r->conv[i]];
    return node->attrs.groups > 1 && node->attrs.groups == r->graph->node[node->input[0]].shape.c;
}

/* Whether a norm without an activation follows. */
static bool is_linear(const struct reading *r, int i)
{
    int norm = norm_of(r->graph, r->conv[i]), reader = norm < 0 ? -1 : reader_of(r->graph, norm);
    return reader >= 0 && op_get(r->graph->node[reader].kind)->activation == OP_ACT_NONE;
}

static bool is_pointwise(const struct reading *r, int i)
{
    return i < r->convs && r->graph->node[r->conv[i]].attrs.kernel_h == 1 && !is_depthwise(r, i);
}

/* A convolution and its norm. */
static void name_pair(struct reading *r, int conv, const char *path)
{
    int norm = norm_of(r->graph, conv);
    snprintf(r->role[conv], sizeof *r->role, "%s.conv", path);
    if (norm >= 0)
        snprintf(r->role[norm], sizeof *r->role, "%s.norm", path);
}

/* The two convolutions between the depthwise one and the narrowing one. */
static void name_gates(struct reading *r, const char *prefix, int first, int last)
{
    static const char *const parts[] = {"reduce", "excite"};
    int part = 0;
    for (int n = first + 1; n < last && part < 2; n++)
        if (r->graph->node[n].kind == OP_CONV && is_gate(r->graph, n))
            snprintf(r->role[n], sizeof *r->role, "%s.%s.conv", prefix, parts[part++]);
}

/* Before a block of `parts` convolutions from i on: it begins a stage where it halves the image or changes the channels. */
static void next_stage(struct reading *r, int i, int parts)
{
    bool ended = r->channels != r->graph->node[r->conv[i + parts - 1]].shape.c;
    for (int p = 0; p < parts; p++)
        ended = ended || r->graph->node[r->conv[i + p]].attrs.stride_h > 1;
    if (r->blocks)
        ended = r->block == r->blocks[r->stage];
    if (r->number > 0 && ended) {
        r->stage++;
        r->block = 0;
    }
    r->channels = r->graph->node[r->conv[i + parts - 1]].shape.c;
}

/* Names the block that begins with convolution i of the list; returns how many it has. */
static int name_block(struct reading *r, int i)
{
    static const struct {
        const char *kind, *part[3];
        int parts;
    } kinds[] = {{"mb", {"expand", "depthwise", "project"}, 3},
                 {"ds", {"depthwise", "project"}, 2},
                 {"edge", {"expand", "project"}, 2},
                 {"plain", {"expand"}, 1}};
    char prefix[32];
    int kind = 3;
    if (is_depthwise(r, i))
        kind = 1;
    else if (is_pointwise(r, i) && is_depthwise(r, i + 1))
        kind = 0;
    else if (is_pointwise(r, i + 1) && is_linear(r, i + 1))
        kind = 2;
    int parts = kinds[kind].parts, last = i + parts - 1;
    if (last >= r->convs)
        return parts;
    next_stage(r, i, parts);
    snprintf(prefix, sizeof prefix, "block.%d.%d.%d.%s", r->stage, r->block++, r->number++, kinds[kind].kind);
    for (int p = 0; p < parts; p++) {
        char path[48];
        snprintf(path, sizeof path, "%s.%s", prefix, kinds[kind].part[p]);
        name_pair(r, r->conv[i + p], path);
    }
    name_gates(r, prefix, r->conv[i], r->conv[last]);
    return parts;
}

static void name_linears(struct reading *r)
{
    int classes = graph_class_layer(r->graph);
    for (int n = 1; n < r->graph->nodes; n++)
        if (r->graph->node[n].kind == OP_LINEAR)
            strcpy(r->role[n], n == classes ? "classes" : "hidden");
    if (classes > 0)
        strcpy(r->role[classes], "classes");
}

void dialect_find_roles(const struct graph *graph, const int *blocks, dialect_role *role)
{
    struct reading r = {
        .graph = graph, .role = role, .conv = mem_array((size_t)graph->nodes, sizeof *r.conv), .blocks = blocks};
    for (int n = 1; n <= graph->trunk; n++)
        if (graph->node[n].kind == OP_CONV && !is_gate(graph, n))
            r.conv[r.convs++] = n;
    int i = 1;
    while (i < r.convs - 1)
        i += name_block(&r, i);
    char head[32];
    snprintf(head, sizeof head, "head.%d", r.stage + 1);
    if (r.convs > 1)
        name_pair(&r, r.conv[r.convs - 1], head);
    if (r.convs > 0)
        name_pair(&r, r.conv[0], "stem");
    name_linears(&r);
    mem_free(r.conv);
}
