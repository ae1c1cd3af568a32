/* Deep layer aggregation (Yu et al. 2018), as timm builds and names it. A level is a tree: pairs of blocks whose outputs, and
 * those of the trees before them, are joined by a 1x1 convolution, the root. Bottlenecks may have groups (DLA-X). Stages:
 * base_layer, level0 to level5, fc. */
#include "config.h"

#include "family.h"

enum { LEVELS = 6, TREES = 4 /* levels that are trees */, CHILDREN = 8 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

/* clang-format off */
static const struct dla_row {
    const char *name;
    int levels[LEVELS], channels[LEVELS];
    int groups, width; /* of the bottlenecks; groups 0: blocks of two 3x3 */
    bool rooted;       /* a root adds the last block's output */
    int scale;         /* the parts of the 3x3 convolution, as in Res2Net; 0: whole */
} rows[] = {
    {"dla34", {1, 1, 1, 2, 2, 1}, {16, 32, 64, 128, 256, 512}, 0, 64, false, 0},
    {"dla46_c", {1, 1, 1, 2, 2, 1}, {16, 32, 64, 64, 128, 256}, 1, 64, false, 0},
    {"dla46x_c", {1, 1, 1, 2, 2, 1}, {16, 32, 64, 64, 128, 256}, 32, 4, false, 0},
    {"dla60", {1, 1, 1, 2, 3, 1}, {16, 32, 128, 256, 512, 1024}, 1, 64, false, 0},
    {"dla60x_c", {1, 1, 1, 2, 3, 1}, {16, 32, 64, 64, 128, 256}, 32, 4, false, 0},
    {"dla60x", {1, 1, 1, 2, 3, 1}, {16, 32, 128, 256, 512, 1024}, 32, 4, false, 0},
    {"dla102", {1, 1, 1, 3, 4, 1}, {16, 32, 128, 256, 512, 1024}, 1, 64, true, 0},
    {"dla102x", {1, 1, 1, 3, 4, 1}, {16, 32, 128, 256, 512, 1024}, 32, 4, true, 0},
    {"dla102x2", {1, 1, 1, 3, 4, 1}, {16, 32, 128, 256, 512, 1024}, 64, 4, true, 0},
    {"dla169", {1, 1, 2, 3, 5, 1}, {16, 32, 128, 256, 512, 1024}, 1, 64, true, 0},
    {"dla60_res2net", {1, 1, 1, 2, 3, 1}, {16, 32, 128, 256, 512, 1024}, 1, 28, false, 4},
    {"dla60_res2next", {1, 1, 1, 2, 3, 1}, {16, 32, 128, 256, 512, 1024}, 8, 4, false, 4},
};
/* clang-format on */

struct making {
    struct graph *graph;
    const struct dla_row *row;
};

static int add_relu(const struct making *m, const char *prefix, const char *name, int input)
{
    char full[ZOO_NAME];
    return graph_add_unary(m->graph, zoo_name(full, "%s%s", prefix, name), OP_RELU, input);
}

static int add_conv(const struct making *m, const char *conv, const char *norm, int input, struct zoo_conv shape)
{
    int x = graph_add_conv(m->graph, conv, input, shape.channels, shape.kernel, shape.stride, shape.kernel / 2,
                           shape.groups ? shape.groups : 1, false);
    return graph_add_batch_norm(m->graph, norm, x, bn_eps, bn_momentum);
}

/* PREFIXconvN and PREFIXbnN. */
static int add_numbered(const struct making *m, const char *prefix, int number, int input, struct zoo_conv shape)
{
    char conv[ZOO_NAME], norm[ZOO_NAME];
    return add_conv(m, zoo_name(conv, "%sconv%d", prefix, number), zoo_name(norm, "%sbn%d", prefix, number), input,
                    shape);
}

static int add_block(const struct making *m, const char *tree, const char *which, int input, int shortcut, int channels,
                     int stride)
{
    char prefix[ZOO_NAME], name[ZOO_NAME];
    zoo_name(prefix, "%s%s", tree, which);
    int x = input, groups = m->row->groups, wide = channels * m->row->width / 64 * groups / 2; /* of a part */
    if (groups == 0) {
        x = add_relu(m, prefix, "relu1", add_numbered(m, prefix, 1, x, (struct zoo_conv){channels, 3, stride, 1, 0}));
        x = add_numbered(m, prefix, 2, x, (struct zoo_conv){channels, 3, 1, 1, 0});
    } else {
        int scale = m->row->scale ? m->row->scale : 1;
        const struct zoo_split split = {wide, scale, groups, stride, stride > 1};
        x = add_relu(m, prefix, "relu1", add_numbered(m, prefix, 1, x, (struct zoo_conv){wide * scale, 1, 1, 1, 0}));
        if (scale > 1)
            x = zoo_split_convs(m->graph, prefix, x, &split);
        else
            x = add_relu(m, prefix, "relu2",
                         add_numbered(m, prefix, 2, x, (struct zoo_conv){wide, 3, stride, groups, 0}));
        x = add_numbered(m, prefix, 3, x, (struct zoo_conv){channels, 1, 1, 1, 0});
    }
    x = graph_add_binary(m->graph, zoo_name(name, "%sadd", prefix), OP_ADD, x, shortcut);
    return add_relu(m, prefix, "relu", x);
}

/* What the roots further in join, too. */
struct children {
    int node[CHILDREN], count;
};

static int add_root(const struct making *m, const char *tree, const struct children *children, int channels)
{
    char conv[ZOO_NAME], norm[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    int x =
        graph_add(m->graph, zoo_name(conv, "%sroot.concat", tree), OP_CONCAT, &attrs, children->count, children->node);
    x = add_conv(m, zoo_name(conv, "%sroot.conv", tree), zoo_name(norm, "%sroot.bn", tree), x,
                 (struct zoo_conv){channels, 1, 1, 1, 0});
    if (m->row->rooted)
        x = graph_add_binary(m->graph, zoo_name(conv, "%sroot.add", tree), OP_ADD, x, children->node[0]);
    return add_relu(m, tree, "root.relu", x);
}

/* Blocks of one level. */
static int add_pair(const struct making *m, const char *tree, int input, int channels, int stride,
                    const struct children *children)
{
    char conv[ZOO_NAME], norm[ZOO_NAME];
    struct children all = {.count = 2};
    int bottom = input;
    if (stride > 1)
        bottom = zoo_pool(m->graph, zoo_name(conv, "%sdownsample", tree), OP_MAX_POOL, input, stride, stride, 0);
    int shortcut = bottom;
    if (m->graph->node[input].shape.c != channels)
        shortcut = add_conv(m, zoo_name(conv, "%sproject.0", tree), zoo_name(norm, "%sproject.1", tree), bottom,
                            (struct zoo_conv){channels, 1, 1, 1, 0});
    all.node[1] = add_block(m, tree, "tree1.", input, shortcut, channels, stride);
    all.node[0] = add_block(m, tree, "tree2.", all.node[1], all.node[1], channels, 1);
    for (int i = 0; i < children->count; i++)
        all.node[all.count++] = children->node[i];
    return add_root(m, tree, &all, channels);
}

/* Depth is that of the table: at most five. */
static int add_tree(const struct making *m, const char *tree, int levels, int input, int channels, int stride,
                    struct children children)
{
    char name[ZOO_NAME];
    if (levels == 1)
        return add_pair(m, tree, input, channels, stride, &children);
    int x = add_tree(m, zoo_name(name, "%stree1.", tree), levels - 1, input, channels, stride,
                     (struct children){.count = 0});
    children.node[children.count++] = x;
    return add_tree(m, zoo_name(name, "%stree2.", tree), levels - 1, x, channels, 1, children);
}

/* A level; but for the first of the trees, what comes in is joined, too. */
static int add_level(const struct making *m, int level, int input)
{
    char tree[ZOO_NAME], name[ZOO_NAME];
    struct children children = {.count = 0};
    const struct dla_row *row = m->row;
    graph_begin_stage(m->graph, zoo_name(name, "level%d", level));
    if (level > LEVELS - TREES)
        children.node[children.count++] =
            zoo_pool(m->graph, zoo_name(name, "level%d.bottom", level), OP_MAX_POOL, input, 2, 2, 0);
    return add_tree(m, zoo_name(tree, "level%d.", level), row->levels[level], input, row->channels[level], 2, children);
}

/* Projections that the authors' files have, and nothing computes with. */
static const char *const unused[LEVELS] = {"", "", "level2.project.", "level3.project.", "level4.project.", ""};

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char conv[ZOO_NAME], norm[ZOO_NAME];
    const struct making m = {.graph = graph, .row = &rows[arch->depth]};
    graph_begin_stage(graph, "base_layer");
    int x = add_conv(&m, "base_layer.0", "base_layer.1", 0, (struct zoo_conv){m.row->channels[0], 7, 1, 1, 0});
    x = add_relu(&m, "base_layer.", "2", x);
    for (int level = 0; level < LEVELS - TREES; level++) {
        graph_begin_stage(graph, zoo_name(conv, "level%d", level));
        for (int i = 0; i < m.row->levels[level]; i++) {
            zoo_name(conv, "level%d.%d", level, 3 * i);
            zoo_name(norm, "level%d.%d", level, 3 * i + 1);
            x = add_conv(&m, conv, norm, x,
                         (struct zoo_conv){m.row->channels[level], 3, level > 0 && i == 0 ? 2 : 1, 1, 0});
            x = graph_add_unary(graph, zoo_name(conv, "level%d.%d", level, 3 * i + 2), OP_RELU, x);
        }
    }
    for (int level = LEVELS - TREES; level < LEVELS; level++) {
        x = add_level(&m, level, x);
        if (m.row->levels[level] > 1)
            graph_leave_out(graph, unused[level], "the original computes nothing with it");
    }
    graph_begin_stage(graph, "fc");
    x = graph_add_unary(graph, "global_pool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_add_conv(graph, "fc", x, options->classes, 1, 1, 0, 1, true);
}

/* clang-format off */
#define DLA(name, title, row) {name, "DLA", title " (Yu et al. 2018)", ZOO_TORCHVISION(224, 256), build, row, 0, true}
static const struct zoo_arch archs[] = {
    DLA("dla34", "DLA-34", 0),
    DLA("dla46_c", "DLA-46-C", 1),
    DLA("dla46x_c", "DLA-X-46-C, 32 groups of 4", 2),
    DLA("dla60", "DLA-60", 3),
    DLA("dla60x_c", "DLA-X-60-C, 32 groups of 4", 4),
    DLA("dla60x", "DLA-X-60, 32 groups of 4", 5),
    DLA("dla102", "DLA-102", 6),
    DLA("dla102x", "DLA-X-102, 32 groups of 4", 7),
    DLA("dla102x2", "DLA-X-102, 64 groups of 4", 8),
    DLA("dla169", "DLA-169", 9),
    DLA("dla60_res2net", "DLA-60 with Res2Net's blocks", 10),
    DLA("dla60_res2next", "DLA-60 with Res2NeXt's blocks, 8 groups of 4", 11),
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_dla = {archs, THAW_LENGTH(archs), NULL};
