/* Inception v3 (Szegedy et al. 2015), as torchvision builds and names it: a stem, then modules of branches side by side.
 * Convolutions are 3x3 pairs, and 7x1 with 1x7, in place of larger ones; those that halve the size have no padding. The
 * auxiliary head, which only served the original's training, is left out. The preprocessing is GoogLeNet's, for the same
 * reason. Stages: stem, one a module, fc. */
#include "config.h"

#include "family.h"

enum { BRANCHES_MAX = 6 };

/* A module while it is built. */
struct module {
    struct graph *graph;
    const char *name; /* "Mixed_5b" */
    int input;        /* node */
    int branch[BRANCHES_MAX], branches;
};

/* A convolution at stride 1 that keeps the size. */
static int add(struct module *m, int input, const char *name, int channels, int kernel_h, int kernel_w)
{
    char full[ZOO_NAME];
    return zoo_basic_conv(m->graph, zoo_name(full, "%s.%s", m->name, name), input, channels, kernel_h, kernel_w, 1,
                          true);
}

/* A 3x3 at stride 2 without padding. */
static int halve(struct module *m, int input, const char *name, int channels)
{
    char full[ZOO_NAME];
    return zoo_basic_conv(m->graph, zoo_name(full, "%s.%s", m->name, name), input, channels, 3, 3, 2, false);
}

static void branch(struct module *m, int node)
{
    m->branch[m->branches++] = node;
}

static int pool(struct module *m, enum op_kind kind, int stride)
{
    char full[ZOO_NAME];
    return zoo_pool(m->graph, zoo_name(full, "%s.pool", m->name), kind, m->input, 3, stride, stride == 1);
}

/* Figure 5 of the paper: 35x35. */
static void add_a(struct module *m, int pooled)
{
    branch(m, add(m, m->input, "branch1x1", 64, 1, 1));
    int x = add(m, m->input, "branch5x5_1", 48, 1, 1);
    branch(m, add(m, x, "branch5x5_2", 64, 5, 5));
    x = add(m, m->input, "branch3x3dbl_1", 64, 1, 1);
    x = add(m, x, "branch3x3dbl_2", 96, 3, 3);
    branch(m, add(m, x, "branch3x3dbl_3", 96, 3, 3));
    branch(m, add(m, pool(m, OP_AVG_POOL, 1), "branch_pool", pooled, 1, 1));
}

/* Figure 10: from 35x35 to 17x17. */
static void add_b(struct module *m, int unused)
{
    (void)unused;
    branch(m, halve(m, m->input, "branch3x3", 384));
    int x = add(m, m->input, "branch3x3dbl_1", 64, 1, 1);
    x = add(m, x, "branch3x3dbl_2", 96, 3, 3);
    branch(m, halve(m, x, "branch3x3dbl_3", 96));
    branch(m, pool(m, OP_MAX_POOL, 2));
}

/* Figure 6: 17x17; `inner` channels between the 7x1 and 1x7. */
static void add_c(struct module *m, int inner)
{
    branch(m, add(m, m->input, "branch1x1", 192, 1, 1));
    int x = add(m, m->input, "branch7x7_1", inner, 1, 1);
    x = add(m, x, "branch7x7_2", inner, 1, 7);
    branch(m, add(m, x, "branch7x7_3", 192, 7, 1));
    x = add(m, m->input, "branch7x7dbl_1", inner, 1, 1);
    x = add(m, x, "branch7x7dbl_2", inner, 7, 1);
    x = add(m, x, "branch7x7dbl_3", inner, 1, 7);
    x = add(m, x, "branch7x7dbl_4", inner, 7, 1);
    branch(m, add(m, x, "branch7x7dbl_5", 192, 1, 7));
    branch(m, add(m, pool(m, OP_AVG_POOL, 1), "branch_pool", 192, 1, 1));
}

/* From 17x17 to 8x8. */
static void add_d(struct module *m, int unused)
{
    (void)unused;
    int x = add(m, m->input, "branch3x3_1", 192, 1, 1);
    branch(m, halve(m, x, "branch3x3_2", 320));
    x = add(m, m->input, "branch7x7x3_1", 192, 1, 1);
    x = add(m, x, "branch7x7x3_2", 192, 1, 7);
    x = add(m, x, "branch7x7x3_3", 192, 7, 1);
    branch(m, halve(m, x, "branch7x7x3_4", 192));
    branch(m, pool(m, OP_MAX_POOL, 2));
}

/* Figure 7: 8x8, branches that fork. */
static void add_e(struct module *m, int unused)
{
    (void)unused;
    branch(m, add(m, m->input, "branch1x1", 320, 1, 1));
    int x = add(m, m->input, "branch3x3_1", 384, 1, 1);
    branch(m, add(m, x, "branch3x3_2a", 384, 1, 3));
    branch(m, add(m, x, "branch3x3_2b", 384, 3, 1));
    x = add(m, m->input, "branch3x3dbl_1", 448, 1, 1);
    x = add(m, x, "branch3x3dbl_2", 384, 3, 3);
    branch(m, add(m, x, "branch3x3dbl_3a", 384, 1, 3));
    branch(m, add(m, x, "branch3x3dbl_3b", 384, 3, 1));
    branch(m, add(m, pool(m, OP_AVG_POOL, 1), "branch_pool", 192, 1, 1));
}

static const struct inception_row {
    const char *name;
    void (*add)(struct module *module, int channels);
    int channels;
} rows[] = {
    {"Mixed_5b", add_a, 32},  {"Mixed_5c", add_a, 64},  {"Mixed_5d", add_a, 64},  {"Mixed_6a", add_b, 0},
    {"Mixed_6b", add_c, 128}, {"Mixed_6c", add_c, 160}, {"Mixed_6d", add_c, 160}, {"Mixed_6e", add_c, 192},
    {"Mixed_7a", add_d, 0},   {"Mixed_7b", add_e, 0},   {"Mixed_7c", add_e, 0},
};

static int add_module(struct graph *graph, const struct inception_row *row, int input)
{
    char name[ZOO_NAME];
    struct op_attrs attrs = op_attrs_default();
    struct module module = {.graph = graph, .name = row->name, .input = input};
    graph_begin_stage(graph, row->name);
    row->add(&module, row->channels);
    return graph_add(graph, zoo_name(name, "%s.concat", row->name), OP_CONCAT, &attrs, module.branches, module.branch);
}

static void build(struct graph *graph, const struct zoo_arch *arch, const struct zoo_options *options)
{
    (void)arch;
    graph_begin_stage(graph, "stem");
    int x = zoo_basic_conv(graph, "Conv2d_1a_3x3", 0, 32, 3, 3, 2, false);
    x = zoo_basic_conv(graph, "Conv2d_2a_3x3", x, 32, 3, 3, 1, false);
    x = zoo_basic_conv(graph, "Conv2d_2b_3x3", x, 64, 3, 3, 1, true);
    x = zoo_pool(graph, "maxpool1", OP_MAX_POOL, x, 3, 2, 0);
    x = zoo_basic_conv(graph, "Conv2d_3b_1x1", x, 80, 1, 1, 1, false);
    x = zoo_basic_conv(graph, "Conv2d_4a_3x3", x, 192, 3, 3, 1, false);
    x = zoo_pool(graph, "maxpool2", OP_MAX_POOL, x, 3, 2, 0);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        x = add_module(graph, &rows[i], x);
    x = graph_add_unary(graph, "avgpool", OP_GLOBAL_AVG_POOL, x);
    graph_mark_trunk(graph, x);
    graph_begin_stage(graph, "fc");
    x = zoo_dropout(graph, "dropout", x, 0.5f);
    graph_add_linear(graph, "fc", x, options->classes);
    graph_leave_out(graph, "AuxLogits.", ZOO_AUXILIARY);
}

/* clang-format off */
static const struct zoo_arch archs[] = {
    {"inception_v3", "Inception v3", "Inception v3 (Szegedy et al. 2015)", ZOO_HALVED(299, 342), build, 0, 0, true},
};
/* clang-format on */
const struct zoo_family zoo_inception = {archs, THAW_LENGTH(archs), NULL};
