/* SelecSLS (Mehta et al. 2019), as timm has it: a block joins three stages of its own and what the first block of its level
 * gave. Stages: stem, features.0 and so on, head, fc. */
#include "config.h"

#include "family.h"

enum { BLOCKS_MAX = 9, HEADS = 4 };
static const float bn_eps = 1e-5f, bn_momentum = 0.1f;

static const struct selecsls_row {
    const char *name;
    int blocks;
    struct {
        int inner, channels;
        bool first; /* of its level: halves the image */
    } block[BLOCKS_MAX];
    struct {
        int channels, kernel, stride;
    } head[HEADS];
} rows[] = {
    {"selecsls42b",
     6,
     {{64, 64, true}, {64, 128, false}, {144, 144, true}, {144, 288, false}, {304, 304, true}, {304, 480, false}},
     {{960, 3, 2}, {1024, 3, 1}, {1280, 3, 2}, {1024, 1, 1}}},
    {"selecsls60",
     9,
     {{64, 64, true},
      {64, 128, false},
      {128, 128, true},
      {128, 128, false},
      {128, 288, false},
      {288, 288, true},
      {288, 288, false},
      {288, 288, false},
      {288, 416, false}},
     {{756, 3, 2}, {1024, 3, 1}, {1024, 3, 2}, {1280, 1, 1}}},
    {"selecsls60b",
     9,
     {{64, 64, true},
      {64, 128, false},
      {128, 128, true},
      {128, 128, false},
      {128, 288, false},
      {288, 288, true},
      {288, 288, false},
      {288, 288, false},
      {288, 416, false}},
     {{756, 3, 2}, {1024, 3, 1}, {1280, 3, 2}, {1024, 1, 1}}},
};

static int add_conv(struct graph *graph, const char *name, int input, int channels, int kernel, int stride)
{
    return zoo_conv_norm(graph, name, input, (struct zoo_conv){channels, kernel, stride, 1, OP_RELU},
                         (struct zoo_norm){bn_eps, bn_momentum});
}

/* passed: what the level's first block gave; -1: this is it. */
static int add_block(struct graph *graph, const char *prefix, int input, int passed, int inner, int channels)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    int joined[4] = {0}, x = input;
    x = joined[0] = add_conv(graph, zoo_name(name, "%s.conv1", prefix), x, inner, 3, passed < 0 ? 2 : 1);
    x = add_conv(graph, zoo_name(name, "%s.conv2", prefix), x, inner, 1, 1);
    x = joined[1] = add_conv(graph, zoo_name(name, "%s.conv3", prefix), x, inner / 2, 3, 1);
    x = add_conv(graph, zoo_name(name, "%s.conv4", prefix), x, inner, 1, 1);
    joined[2] = add_conv(graph, zoo_name(name, "%s.conv5", prefix), x, inner / 2, 3, 1);
    joined[3] = passed;
    x = graph_add(graph, zoo_name(name, "%s.concat", prefix), OP_CONCAT, &attrs, passed < 0 ? 3 : 4, joined);
    return add_conv(graph, zoo_name(name, "%s.conv6", prefix), x, channels, 1, 1);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    char name[ZOO_NAME];
    const struct selecsls_row *row = &rows[arch->depth];
    graph_begin_stage(graph, "stem");
    int x = add_conv(graph, "stem", 0, 32, 3, 2), passed = -1;
    for (int i = 0; i < row->blocks; i++) {
        graph_begin_stage(graph, zoo_name(name, "features.%d", i));
        bool first = row->block[i].first;
        x = add_block(graph, name, x, first ? -1 : passed, row->block[i].inner, row->block[i].channels);
        passed = first ? x : passed;
    }
    graph_begin_stage(graph, "head");
    for (int i = 0; i < HEADS; i++)
        x = add_conv(graph, zoo_name(name, "head.%d", i), x, row->head[i].channels, row->head[i].kernel,
                     row->head[i].stride);
    x = graph_add_unary(graph, "global_pool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    graph_add_linear(graph, "fc", x, options->classes);
}

/* clang-format off */
#define SELECSLS(name, title, row) {name, "SelecSLS", title " (Mehta et al. 2019)", ZOO_BICUBIC(224, 256), build, row, 0, true}
static const struct zoo_arch archs[] = {
    SELECSLS("selecsls42b", "SelecSLS-42b", 0),
    SELECSLS("selecsls60", "SelecSLS-60", 1),
    SELECSLS("selecsls60b", "SelecSLS-60b", 2),
};
_Static_assert(THAW_LENGTH(archs) == THAW_LENGTH(rows), "a row of the table each");
/* clang-format on */
const struct zoo_family zoo_selecsls = {archs, THAW_LENGTH(archs), NULL};
