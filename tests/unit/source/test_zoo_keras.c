/* The zoo's Keras architectures: counts against keras.applications' own, in both conventions, and the properties of the
 * dialect that shapes alone do not show. Numbers are held in tests/reference. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/source/zoo.h"

static struct graph *outline(const char *name, struct zoo_options options)
{
    struct error error;
    struct graph *graph = zoo_outline(name, &options, &error);
    if (!graph)
        fail_msg("%s: %s", name, error.text);
    return graph;
}

/* Learnable values, all values as Keras counts them (moving statistics too), and billions of multiply-adds at the
 * original size, taken from the models that Keras 3.15 builds. */
static const struct {
    const char *name;
    size_t learnable, with_statistics;
    double gmacs;
} known[] = {
    {"keras_vgg16", 138357544, 138357544, 15.47},
    {"keras_vgg19", 143667240, 143667240, 19.632},
    {"keras_resnet50", 25583592, 25636712, 3.858},
    {"keras_resnet101", 44601832, 44707176, 7.5702},
    {"keras_resnet152", 60268520, 60419944, 11.282},
    {"keras_resnet50_2015", 25583592, 25636712, 3.858},
    {"keras_resnet50v2", 25568360, 25613800, 3.4823},
    {"keras_resnet101v2", 44577896, 44675560, 7.1945},
    {"keras_resnet152v2", 60236904, 60380648, 10.907},
    {"keras_inception_v3", 23817352, 23851784, 5.7132},
    {"keras_xception", 22855952, 22910480, 8.3574},
    {"keras_mobilenet_0.25", 470072, 475544, 0.04103},
    {"keras_mobilenet_0.5", 1331592, 1342536, 0.1495},
    {"keras_mobilenet_0.75", 2585560, 2601976, 0.3254},
    {"keras_mobilenet_1.0", 4231976, 4253864, 0.56874},
    {"keras_mobilenet_v2", 3504872, 3538984, 0.30077},
    {"keras_mobilenet_v2_0.35", 1677128, 1691208, 0.059286},
    {"keras_mobilenet_v2_0.5", 1968680, 1987224, 0.097132},
    {"keras_mobilenet_v2_0.75", 2636424, 2663064, 0.20907},
    {"keras_mobilenet_v2_1.3", 5386792, 5431048, 0.50937},
    {"keras_mobilenet_v2_1.4", 6108776, 6156712, 0.5822},
    {"keras_mobilenet_v3_small", 2542856, 2554968, 0.05651},
    {"keras_mobilenet_v3_large", 5483032, 5507432, 0.21659},
    {"keras_densenet121", 7978856, 8062504, 2.8342},
    {"keras_densenet169", 14149480, 14307880, 3.3598},
    {"keras_densenet201", 20013928, 20242984, 4.2914},
    {"keras_efficientnet_b0", 5288548, 5330571 - 7, 0.38581}, /* Keras counts Normalization's 3 + 3 + 1, too */
    {"keras_efficientnet_b1", 7794184, 7856239 - 7, 0.6868},
    {"keras_efficientnet_b2", 9109994, 9177569 - 7, 0.99356},
    {"keras_efficientnet_b3", 12233232, 12320535 - 7, 1.8271},
    {"keras_efficientnet_b4", 19341616, 19466823 - 7, 4.3938},
    {"keras_efficientnet_b5", 30389784, 30562527 - 7, 10.266},
    {"keras_efficientnet_b6", 43040704, 43265143 - 7, 19.068},
    {"keras_efficientnet_b7", 66347960, 66658687 - 7, 37.746},
    {"keras_nasnet_mobile", 5289978, 5326716, 0.56364},
    {"keras_mnist_convnet", 34826, 34826, 0.00244096},
    {"keras_cifar10_cnn", 122570, 122570, 0.004548608},
    {"keras_flowers_cnn", 3989285, 3989285, 0.092611968},
};

static bool is_known(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(known); i++) {
        if (strcmp(known[i].name, name) == 0)
            return true;
    }
    return false;
}

static void counts_are_those_of_keras(void **state)
{
    (void)state;
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        if (strncmp(arch->name, "keras_", 6) == 0 && !is_known(arch->name))
            fail_msg("%s is not in the table of counts", arch->name);
    }
    for (size_t i = 0; i < THAW_LENGTH(known); i++) {
        struct graph *graph = outline(known[i].name, (struct zoo_options){0});
        struct graph_totals totals = graph_totals(graph);
        if (totals.params != known[i].learnable || totals.params + totals.buffers != known[i].with_statistics)
            fail_msg("%s has %zu parameters, %zu with statistics, not %zu and %zu", known[i].name, totals.params,
                     totals.params + totals.buffers, known[i].learnable, known[i].with_statistics);
        if (fabs(totals.macs * 1e-9 / known[i].gmacs - 1) > 1e-4)
            fail_msg("%s has %g GMACs, not %g", known[i].name, totals.macs * 1e-9, known[i].gmacs);
        graph_destroy(graph);
    }
}

static const struct op_attrs *attrs_of(const struct graph *graph, const char *name)
{
    int node = graph_find_node(graph, name);
    if (node < 0)
        fail_msg("%s has no %s", graph->arch, name);
    return &graph->node[node].attrs;
}

/* What a file without top (include_top=False) holds ends where the trunk does. */
static void the_trunk_is_what_files_without_top_hold(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *trunk;
        size_t learnable;
    } cases[] = {
        {"keras_vgg16", "block5_pool", 14714688},
        {"keras_vgg19", "block5_pool", 20024384},
        {"keras_mobilenet_0.25", "global_average_pooling2d", 213072},
        {"keras_mobilenet_v2", "global_average_pooling2d", 2223872},
        {"keras_densenet121", "avg_pool", 6953856},
        {"keras_mobilenet_v3_large", "global_average_pooling2d", 2971952},
        {"keras_efficientnet_b0", "avg_pool", 4007548},
        {"keras_nasnet_mobile", "global_average_pooling2d", 4232978},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct graph *graph = outline(cases[i].arch, (struct zoo_options){0});
        size_t learnable = 0;
        for (int p = 0; p < graph->params; p++) {
            const struct graph_param *param = &graph->param[p];
            if (param->node <= graph->trunk && param->role != OP_ROLE_STATISTICS && param->role != OP_ROLE_CONSTANT)
                learnable += param->count;
        }
        assert_string_equal(graph->node[graph->trunk].name, cases[i].trunk);
        assert_int_equal(learnable, cases[i].learnable);
        graph_destroy(graph);
    }
}

static void dialects_are_stated(void **state)
{
    (void)state;
    struct graph *graph = outline("keras_resnet50", (struct zoo_options){0});
    assert_int_equal(attrs_of(graph, "conv3_block1_1_conv")->stride_h, 2); /* torchvision: on the 3x3 */
    assert_int_equal(attrs_of(graph, "conv3_block1_2_conv")->stride_h, 1);
    assert_true(attrs_of(graph, "conv3_block1_2_conv")->bias);
    assert_true(fabsf(attrs_of(graph, "conv1_bn")->eps - 1.001e-5f) < 1e-9f);
    assert_true(graph->preprocess.bgr && graph->preprocess.raw);
    assert_true(fabsf(graph->preprocess.mean[0] - 103.939f) < 1e-4f); /* of blue */
    graph_destroy(graph);

    graph = outline("keras_resnet50v2", (struct zoo_options){0});
    assert_int_equal(attrs_of(graph, "conv2_block3_2_conv")->stride_h, 2);
    assert_int_equal(attrs_of(graph, "conv3_block1_1_conv")->stride_h, 1);
    assert_false(attrs_of(graph, "conv3_block1_1_conv")->bias);
    assert_true(attrs_of(graph, "conv3_block1_3_conv")->bias);
    assert_true(graph->preprocess.raw && !graph->preprocess.bgr);
    graph_destroy(graph);

    graph = outline("keras_inception_v3", (struct zoo_options){0});
    assert_true(attrs_of(graph, "batch_normalization_94")->no_scale);
    assert_false(attrs_of(graph, "mixed0_pool")->count_padding);
    assert_int_equal(graph->node[graph_find_node(graph, "batch_normalization_94")].shape.h, 8);
    graph_destroy(graph);

    graph = outline("keras_vgg16", (struct zoo_options){0});
    assert_false(attrs_of(graph, "flatten")->flatten_chw);
    graph_destroy(graph);

    graph = outline("keras_densenet121", (struct zoo_options){0});
    assert_true(fabsf(attrs_of(graph, "bn")->eps - 1.001e-5f) < 1e-9f);
    assert_false(graph->preprocess.bgr || graph->preprocess.raw);
    graph_destroy(graph);
}

/* Pixels go in as they are; the layers that rescale them never learn and count nowhere. */
static void rescaling_is_part_of_the_network(void **state)
{
    (void)state;
    static const char *const archs[] = {"keras_mobilenet_v3_small", "keras_efficientnet_b0"};
    for (size_t i = 0; i < THAW_LENGTH(archs); i++) {
        for (int channels = 1; channels <= 3; channels += 2) {
            struct graph *graph = outline(archs[i], (struct zoo_options){.channels = channels});
            assert_true(graph->preprocess.raw && graph->preprocess.std[0] == 1 && graph->preprocess.mean[0] == 0);
            assert_true(attrs_of(graph, "rescaling")->constant);
            assert_int_equal(graph->param[0].role, OP_ROLE_CONSTANT);
            assert_int_equal(graph->param[0].count, channels);
            graph_destroy(graph);
        }
    }
}

/* At stride 2 an even side is padded behind alone, an odd one on both sides; Keras's MobileNetV1 pads behind whatever
 * the side is, but for its stem. */
static void padding_is_asymmetric(void **state)
{
    (void)state;
    struct graph *graph = outline("keras_mobilenet_v2", (struct zoo_options){.height = 98, .width = 96});
    const struct op_attrs *attrs = attrs_of(graph, "block_1_depthwise"); /* sees 49x48 */
    assert_int_equal(attrs->pad_top, 1);
    assert_int_equal(attrs->pad_bottom, 1);
    assert_int_equal(attrs->pad_left, 0);
    assert_int_equal(attrs->pad_right, 1);
    graph_destroy(graph);

    graph = outline("keras_mobilenet_0.25", (struct zoo_options){.height = 97, .width = 98});
    attrs = attrs_of(graph, "conv1");
    assert_int_equal(attrs->pad_top, 1);
    assert_int_equal(attrs->pad_left, 0);
    attrs = attrs_of(graph, "conv_dw_2"); /* sees 49x49 */
    assert_int_equal(attrs->pad_top, 0);
    assert_int_equal(attrs->pad_bottom, 1);
    assert_int_equal(graph->node[graph_find_node(graph, "conv_dw_2")].shape.h, 24);
    graph_destroy(graph);
}

static void mobilenet_takes_any_width(void **state)
{
    (void)state;
    struct graph *graph = outline("keras_mobilenet_0.4", (struct zoo_options){0});
    assert_string_equal(graph->arch, "keras_mobilenet_0.4");
    assert_int_equal(graph->node[graph_find_node(graph, "conv_pw_13")].shape.c, 409);
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_those_of_keras), cmocka_unit_test(the_trunk_is_what_files_without_top_hold),
        cmocka_unit_test(dialects_are_stated),       cmocka_unit_test(rescaling_is_part_of_the_network),
        cmocka_unit_test(padding_is_asymmetric),     cmocka_unit_test(mobilenet_takes_any_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
