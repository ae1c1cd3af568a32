/* Graphs and the zoo: counts against torchvision's, where trunk and stages lie, what is refused. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "thaw/base/mem.h"
#include "thaw/source/zoo.h"

static struct graph *outline(const char *name, struct zoo_options options)
{
    struct error error;
    struct graph *graph = zoo_outline(name, &options, &error);
    if (!graph)
        fail_msg("%s: %s", name, error.text);
    return graph;
}

/* Learnable values, and billions of multiply-adds at the original size, as torchvision documents them (its Inception v3
 * less the auxiliary head); the CIFAR ResNets, MobileNets and digit readers from their papers, counted by hand where
 * those round. */
/* clang-format off */
static const struct {
    const char *name;
    size_t params;
    double gmacs;
} known[] = {
    {"resnet18", 11689512, 1.814},
    {"resnet34", 21797672, 3.664},
    {"resnet50", 25557032, 4.089},
    {"resnet101", 44549160, 7.801},
    {"resnet152", 60192808, 11.514},
    {"resnext50_32x4d", 25028904, 4.23},
    {"resnext101_32x8d", 88791336, 16.414},
    {"resnext101_64x4d", 83455272, 15.46},
    {"wide_resnet50_2", 68883240, 11.398},
    {"wide_resnet101_2", 126886696, 22.753},
    {"resnet20", 269722, 0.04055},
    {"resnet32", 464154, 0.06886},
    {"resnet44", 658586, 0.09717},
    {"resnet56", 853018, 0.12548},
    {"resnet20_projection", 272474, 0.04081},
    {"resnet32_projection", 466906, 0.06912},
    {"resnet44_projection", 661338, 0.09743},
    {"resnet56_projection", 855770, 0.12574},
    {"vgg11", 132863336, 7.609},
    {"vgg11_bn", 132868840, 7.609},
    {"vgg13", 133047848, 11.308},
    {"vgg13_bn", 133053736, 11.308},
    {"vgg16", 138357544, 15.47},
    {"vgg16_bn", 138365992, 15.47},
    {"vgg19", 143667240, 19.632},
    {"vgg19_bn", 143678248, 19.632},
    {"vgg11_slim", 579098, 0.00988},
    {"mobilenet_v1_0.25", 470072, 0.0412},
    {"mobilenet_v1_0.5", 1331592, 0.1496},
    {"mobilenet_v1_0.75", 2585560, 0.3252},
    {"mobilenet_v1_1.0", 4231976, 0.5688},
    {"alexnet", 61100840, 0.714},
    {"squeezenet1_0", 1248424, 0.819},
    {"squeezenet1_1", 1235496, 0.349},
    {"googlenet", 6624904, 1.498},
    {"inception_v3", 23834568, 5.713},
    {"densenet121", 7978856, 2.834},
    {"densenet169", 14149480, 3.36},
    {"densenet201", 20013928, 4.291},
    {"densenet161", 28681000, 7.728},
    {"mobilenet_v2", 3504872, 0.301},
    {"mnasnet0_5", 2218512, 0.104},
    {"mnasnet0_75", 3170208, 0.215},
    {"mnasnet1_0", 4383312, 0.314},
    {"mnasnet1_3", 6282256, 0.526},
    {"mobilenet_v3_large", 5483032, 0.217},
    {"mobilenet_v3_small", 2542856, 0.057},
    {"shufflenet_v2_x0_5", 1366792, 0.04},
    {"shufflenet_v2_x1_0", 2278604, 0.145},
    {"shufflenet_v2_x1_5", 3503624, 0.296},
    {"shufflenet_v2_x2_0", 7393996, 0.583},
    {"efficientnet_b0", 5288548, 0.386},
    {"efficientnet_b1", 7794184, 0.687},
    {"efficientnet_b2", 9109994, 1.088},
    {"efficientnet_b3", 12233232, 1.827},
    {"efficientnet_b4", 19341616, 4.394},
    {"efficientnet_b5", 30389784, 10.266},
    {"efficientnet_b6", 43040704, 19.068},
    {"efficientnet_b7", 66347960, 37.746},
    {"efficientnet_v2_s", 21458488, 8.366},
    {"efficientnet_v2_m", 54139356, 24.582},
    {"efficientnet_v2_l", 118515272, 56.08},
    {"regnet_y_400mf", 4344144, 0.402},
    {"regnet_y_800mf", 6432512, 0.834},
    {"regnet_y_1_6gf", 11202430, 1.612},
    {"regnet_y_3_2gf", 19436338, 3.176},
    {"regnet_y_8gf", 39381472, 8.473},
    {"regnet_y_16gf", 83590140, 15.912},
    {"regnet_y_32gf", 145046770, 32.28},
    {"regnet_x_400mf", 5495976, 0.414},
    {"regnet_x_800mf", 7259656, 0.8},
    {"regnet_x_1_6gf", 9190136, 1.603},
    {"regnet_x_3_2gf", 15296552, 3.177},
    {"regnet_x_8gf", 39572648, 7.995},
    {"regnet_x_16gf", 54278536, 15.941},
    {"regnet_x_32gf", 107811560, 31.736},
    {"convnext_tiny", 28589128, 4.456},
    {"convnext_small", 50223688, 8.684},
    {"convnext_base", 88591464, 15.355},
    {"convnext_large", 197767336, 34.361},
    {"cifar10_tutorial", 62006, 0.00065172},
    {"mnist_example", 1199882, 0.011992448},
    {"mnist_example_2018", 431080, 0.002293},
    {"lenet5", 61706, 0.00041652},
    {"lenet5_d2l", 61706, 0.00041652},
    {"vgg11_cifar", 9231114, 0},
    {"vgg13_cifar", 9416010, 0},
    {"vgg16_cifar", 14728266, 0},
    {"vgg19_cifar", 20040522, 0},
    {"resnet18_cifar", 11173962, 0},
    {"resnet34_cifar", 21282122, 0},
    {"resnet50_cifar", 23520842, 0},
    /* learnable values alone, as timm and, at the end, transformers count them */
    {"convnext_atto", 3695520, 0},
    {"convnext_femto", 5217784, 0},
    {"convnext_nano", 15593560, 0},
    {"convnext_pico", 9045672, 0},
    {"convnext_xlarge", 350196968, 0},
    {"efficientnet_lite0", 4652008, 0},
    {"efficientnetv2_rw_s", 23941296, 0},
    {"efficientnetv2_rw_t", 13649388, 0},
    {"mobilenetv2_050", 1968680, 0},
    {"mobilenetv2_110d", 4516520, 0},
    {"mobilenetv2_120d", 5831144, 0},
    {"mobilenetv2_140", 6108776, 0},
    {"mobilenetv3_large_100", 5483032, 0},
    {"mobilenetv3_small_050", 1593224, 0},
    {"mobilenetv3_small_075", 2041872, 0},
    {"mobilenetv3_small_100", 2542856, 0},
    {"regnetx_002", 2684792, 0},
    {"regnetx_004", 5157512, 0},
    {"regnetx_006", 6196040, 0},
    {"regnetx_040", 22118248, 0},
    {"regnetx_064", 26209256, 0},
    {"regnetx_120", 46106056, 0},
    {"regnety_002", 3162996, 0},
    {"regnety_006", 6055160, 0},
    {"regnety_008", 6263168, 0},
    {"regnety_040", 20646656, 0},
    {"regnety_064", 30583252, 0},
    {"regnety_080", 39180068, 0},
    {"regnety_120", 51822544, 0},
    {"regnety_640", 281378786, 0},
    {"resnet101c", 44568392, 0},
    {"resnet101d", 44568392, 0},
    {"resnet101s", 44672936, 0},
    {"resnet10t", 5435488, 0},
    {"resnet14t", 10081632, 0},
    {"resnet152c", 60212040, 0},
    {"resnet152d", 60212040, 0},
    {"resnet152s", 60316584, 0},
    {"resnet18d", 11708744, 0},
    {"resnet200d", 64693064, 0},
    {"resnet26", 15995176, 0},
    {"resnet26d", 16014408, 0},
    {"resnet26t", 16011872, 0},
    {"resnet34d", 21816904, 0},
    {"resnet50c", 25576264, 0},
    {"resnet50d", 25576264, 0},
    {"resnet50s", 25680808, 0},
    {"resnet50t", 25573728, 0},
    {"resnetrs101", 63618696, 0},
    {"resnetrs152", 86621576, 0},
    {"resnetrs200", 93209992, 0},
    {"resnetrs270", 129861448, 0},
    {"resnetrs350", 163956168, 0},
    {"resnetrs420", 191891656, 0},
    {"resnetrs50", 35691912, 0},
    {"resnext101_32x16d", 194026792, 0},
    {"resnext101_32x32d", 468530472, 0},
    {"resnext101_32x4d", 44177704, 0},
    {"resnext50d_32x4d", 25048136, 0},
    {"seresnet152d", 66841080, 0},
    {"seresnet50", 28088024, 0},
    {"seresnext101_32x4d", 48955416, 0},
    {"seresnext101_32x8d", 93569048, 0},
    {"seresnext101_64x4d", 88232984, 0},
    {"seresnext101d_32x8d", 93588280, 0},
    {"seresnext26d_32x4d", 16809512, 0},
    {"seresnext26t_32x4d", 16806976, 0},
    {"seresnext50_32x4d", 27559896, 0},
    {"tf_efficientnet_b0", 5288548, 0},
    {"tf_efficientnet_b1", 7794184, 0},
    {"tf_efficientnet_b2", 9109994, 0},
    {"tf_efficientnet_b3", 12233232, 0},
    {"tf_efficientnet_b4", 19341616, 0},
    {"tf_efficientnet_b5", 30389784, 0},
    {"tf_efficientnet_b6", 43040704, 0},
    {"tf_efficientnet_b7", 66347960, 0},
    {"tf_efficientnet_b8", 87413142, 0},
    {"tf_efficientnet_l2", 480309308, 0},
    {"tf_efficientnet_lite0", 4652008, 0},
    {"tf_efficientnet_lite1", 5416680, 0},
    {"tf_efficientnet_lite2", 6092072, 0},
    {"tf_efficientnet_lite3", 8197096, 0},
    {"tf_efficientnet_lite4", 13006568, 0},
    {"tf_efficientnetv2_b0", 7139704, 0},
    {"tf_efficientnetv2_b1", 8141052, 0},
    {"tf_efficientnetv2_b2", 10096086, 0},
    {"tf_efficientnetv2_b3", 14358406, 0},
    {"tf_efficientnetv2_l", 118515272, 0},
    {"tf_efficientnetv2_m", 54139356, 0},
    {"tf_efficientnetv2_s", 21458488, 0},
    {"tf_efficientnetv2_xl", 208119808, 0},
    {"tf_mobilenetv3_large_075", 3993528, 0},
    {"tf_mobilenetv3_large_100", 5483032, 0},
    {"tf_mobilenetv3_large_minimal_100", 3924288, 0},
    {"tf_mobilenetv3_small_075", 2041872, 0},
    {"tf_mobilenetv3_small_100", 2542856, 0},
    {"tf_mobilenetv3_small_minimal_100", 2044736, 0},
    {"timm_efficientnet_b5", 30389784, 0},
    {"convnext_large_mlp", 200128168, 0},
    {"convnext_xxlarge", 846471016, 0},
    {"efficientnet_el", 10589712, 0},
    {"efficientnet_em", 6899496, 0},
    {"efficientnet_es", 5438392, 0},
    {"legacy_xception", 22855952, 0},
    {"regnety_1280", 644812894, 0},
    {"resnetaa101d", 44568392, 0},
    {"resnetaa50", 25557032, 0},
    {"resnetaa50d", 25576264, 0},
    {"seresnextaa101d_32x8d", 93588280, 0},
    {"seresnextaa201d_32x8d", 149394904, 0},
    {"tf_efficientnet_el", 10589712, 0},
    {"tf_efficientnet_em", 6899496, 0},
    {"tf_efficientnet_es", 5438392, 0},
    {"tf_mobilenet_v2_0.35", 1678409, 0},
    {"tf_mobilenet_v2_0.75", 2637705, 0},
    {"tf_mobilenet_v2_1.0", 3506153, 0},
    {"tf_mobilenet_v2_1.4", 6110569, 0},
    {"mnasnet_small", 2030264, 0},
    {"semnasnet_075", 2912278, 0},
    {"semnasnet_100", 3887038, 0},
    {"spnasnet_100", 4421616, 0},
    {"fbnetc_100", 5572200, 0},
    {"mobilenetv1_100", 4231976, 0},
    {"mobilenetv3_rw", 5479918, 0},
    {"mobilenetv4_conv_small", 3774024, 0},
    {"mobilenetv4_conv_medium", 9715512, 0},
    {"mobilenetv4_conv_large", 32590864, 0},
    {"mobilenetv4_conv_aa_medium", 9715512, 0},
    {"mobilenetv4_conv_aa_large", 32590864, 0},
    {"dla34", 15742104, 0},
    {"dla46_c", 1301400, 0},
    {"dla46x_c", 1068440, 0},
    {"dla60", 22036632, 0},
    {"dla60x_c", 1319832, 0},
    {"dla60x", 17352344, 0},
    {"dla102", 33268888, 0},
    {"dla102x", 26309272, 0},
    {"dla102x2", 41282200, 0},
    {"dla169", 53389720, 0},
    {"hgnet_tiny", 14735864, 0},
    {"hgnet_small", 24360872, 0},
    {"hgnet_base", 71578184, 0},
    {"hgnetv2_b4", 19796680, 0},
    {"hgnetv2_b5", 39569064, 0},
    {"hgnetv2_b6", 75256776, 0},
    {"dla60_res2net", 20848072, 0},
    {"dla60_res2next", 17032984, 0},
    {"res2net50_14w_8s", 25059816, 0},
    {"res2net50_26w_4s", 25699120, 0},
    {"res2net50_26w_6s", 37051448, 0},
    {"res2net50_26w_8s", 48403776, 0},
    {"res2net50_48w_2s", 25287304, 0},
    {"res2net101_26w_4s", 45206688, 0},
    {"res2next50", 24671464, 0},
    {"selecsls42b", 32458248, 0},
    {"selecsls60", 30670768, 0},
    {"selecsls60b", 32774064, 0},
    {"vit_ti_16", 5717416, 1.2537}, /* torchvision's three, the others counted by its rules in timm's modules */
    {"vit_s_16", 22050664, 4.5989},
    {"vit_b_16", 86567656, 17.564},
    {"vit_l_16", 304326632, 61.555},
    {"vit_s_32", 22878952, 1.1429},
    {"vit_b_32", 88224232, 4.409},
    {"vit_l_32", 306535400, 15.378},
    {"deit_ti_16", 5717416, 1.2537},
    {"deit_s_16", 22050664, 4.5989},
    {"deit_b_16", 86567656, 17.564},
    {"dinov2_s_14", 22013800, 6.1239},
    {"dinov2_b_14", 86493928, 23.162},
    {"dinov2_s_14_reg", 22015336, 6.2204},
    {"dinov2_b_14_reg", 86497000, 23.540},
    /* timm's and transformers' modules, with a class layer; two heads are one layer with one bias */
    {"deit_ti_16_distilled", 5909800, 0},
    {"deit_s_16_distilled", 22435432, 0},
    {"deit_b_16_distilled", 87337192, 0},
    {"deit_ti_16_distilled_class", 5717800, 0},
    {"deit_s_16_distilled_class", 22051432, 0},
    {"deit_b_16_distilled_class", 86569192, 0},
    {"clip_b_32", 88362216, 0},
    {"clip_b_32_gelu", 88362216, 0},
    {"clip_b_32_features", 88225000, 0},
    {"clip_b_32_gelu_features", 88225000, 0},
    {"clip_b_32_mean", 88223464, 0},
    {"clip_b_32_gelu_mean", 88223464, 0},
    {"clip_b_16", 86705640, 0},
    {"clip_b_16_gelu", 86705640, 0},
    {"clip_b_16_features", 86568424, 0},
    {"clip_b_16_gelu_features", 86568424, 0},
    {"clip_b_16_mean", 86566888, 0},
    {"clip_b_16_gelu_mean", 86566888, 0},
    {"clip_l_14", 304735208, 0},
    {"clip_l_14_gelu", 304735208, 0},
    {"clip_l_14_features", 304204776, 0},
    {"clip_l_14_gelu_features", 304204776, 0},
    {"clip_l_14_mean", 304202728, 0},
    {"clip_l_14_gelu_mean", 304202728, 0},
    {"siglip_b_16", 93653224, 0},
    {"siglip_b_16_mean", 86566120, 0},
    {"siglip_so400m_14", 428833704, 0},
    {"siglip_so400m_14_mean", 413595352, 0},
    {"swin_t", 28288354, 0}, /* torchvision's */
    {"swin_s", 49606258, 0},
    {"swin_b", 87768224, 0},
    {"lenet", 21840, 0.0004805},
    {"mnist_bn", 87850, 0.013213},
};
/* clang-format on */

static void counts_are_those_of_the_originals(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(known); i++) {
        struct graph *graph = outline(known[i].name, (struct zoo_options){0});
        struct graph_totals totals = graph_totals(graph);
        if (totals.params != known[i].params)
            fail_msg("%s has %zu parameters, not %zu", known[i].name, totals.params, known[i].params);
        if (known[i].gmacs == 0) {
            graph_destroy(graph);
            continue;
        }
        double rounding = known[i].gmacs < 0.03 ? 0 : 0.0005; /* torchvision tells three decimals */
        if (fabs(totals.macs * 1e-9 - known[i].gmacs) > 0.01 * known[i].gmacs + rounding)
            fail_msg("%s has %g GMACs, not %g", known[i].name, totals.macs * 1e-9, known[i].gmacs);
        graph_destroy(graph);
    }
}

static void every_architecture_is_counted(void **state)
{
    (void)state;
    const struct zoo_arch *arch;
    for (size_t i = 0; (arch = zoo_at(i)); i++) {
        size_t row = 0;
        if (strncmp(arch->name, "keras_", 6) == 0) /* those are in test_zoo_keras.c */
            continue;
        while (row < THAW_LENGTH(known) && strcmp(known[row].name, arch->name) != 0)
            row++;
        if (row == THAW_LENGTH(known))
            fail_msg("%s has no figures in the table above", arch->name);
    }
}

static void slim_vgg_fits_a_small_file(void **state)
{
    (void)state;
    struct graph *graph = outline("vgg11_slim", (struct zoo_options){.classes = 43});
    struct graph_totals totals = graph_totals(graph);
    assert_true(totals.params < 700000);
    assert_true(2 * totals.params + 4 * totals.buffers < 1500000);
    graph_destroy(graph);
}

/* Every architecture: a layer of `classes` channels behind the trunk, stages that tile the nodes, inputs first, names
 * that can be found again. */
static void graphs_are_well_formed(void **state)
{
    (void)state;
    const struct zoo_arch *arch;
    for (size_t a = 0; (arch = zoo_at(a)); a++) {
        struct graph *graph = outline(arch->name, (struct zoo_options){.classes = 7});
        assert_string_equal(graph->arch, arch->name);
        assert_int_equal(graph->classes, 7);
        int class_layer = graph_class_layer(graph);
        assert_true(class_layer > graph->trunk);
        assert_int_equal(graph->node[class_layer].attrs.out_channels, 7);
        assert_int_equal(graph->preprocess.height, graph->node[0].shape.h);
        int next = 0;
        for (int s = 0; s < graph->stages; s++) {
            assert_int_equal(graph->stage[s].first_node, next);
            assert_true(graph->stage[s].nodes > 0);
            next += graph->stage[s].nodes;
            assert_int_equal(graph->node[next - 1].stage, s);
            assert_int_equal(graph_find_stage(graph, graph->stage[s].name), s);
        }
        assert_int_equal(next, graph->nodes);
        for (int n = 1; n < graph->nodes; n++) {
            assert_int_equal(graph_find_node(graph, graph->node[n].name), n);
            for (int i = 0; i < graph->node[n].inputs; i++)
                assert_true(graph->node[n].input[i] < n);
        }
        for (int p = 0; p < graph->params; p++) {
            assert_int_equal(graph_find_param(graph, graph->param[p].name), p);
            assert_int_equal(graph->param[p].offset * sizeof(float) % MEM_ALIGN, 0);
        }
        graph_destroy(graph);
    }
}

static void stages_read_well(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *stages;
    } cases[] = {
        {"resnet18", "conv1 layer1 layer2 layer3 layer4 fc"},
        {"resnet20", "conv1 layer1 layer2 layer3 linear"},
        {"vgg16_bn", "block1 block2 block3 block4 block5 classifier"},
        {"vgg11_slim", "block1 block2 block3 block4 block5 classifier"},
        {"shufflenet_v2_x1_0", "conv1 stage2 stage3 stage4 conv5 fc"},
        {"regnet_y_400mf", "stem block1 block2 block3 block4 fc"},
        {"efficientnet_b0", "features.0 features.1 features.2 features.3 features.4 features.5 features.6 features.7 "
                            "features.8 classifier"},
        {"convnext_tiny", "features.0 features.1 features.2 features.3 features.4 features.5 features.6 features.7 "
                          "classifier"},
        {"alexnet", "conv1 conv2 conv3 conv4 conv5 classifier"},
        {"squeezenet1_1", "stem fire2 fire3 fire4 fire5 fire6 fire7 fire8 fire9 classifier"},
        {"googlenet", "conv1 conv2 inception3a inception3b inception4a inception4b inception4c inception4d inception4e "
                      "inception5a inception5b fc"},
        {"inception_v3",
         "stem Mixed_5b Mixed_5c Mixed_5d Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e Mixed_7a Mixed_7b "
         "Mixed_7c fc"},
        {"densenet121", "stem denseblock1 transition1 denseblock2 transition2 denseblock3 transition3 denseblock4 "
                        "classifier"},
        {"mnasnet0_5", "stem stack1 stack2 stack3 stack4 stack5 stack6 last classifier"},
        {"lenet", "conv1 conv2 fc1 fc2"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct graph *graph = outline(cases[i].arch, (struct zoo_options){0});
        char text[256] = "";
        for (int s = 0; s < graph->stages; s++)
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", s ? " " : "", graph->stage[s].name);
        assert_string_equal(text, cases[i].stages);
        graph_destroy(graph);
    }
    struct graph *graph = outline("vgg16_bn", (struct zoo_options){0});
    assert_string_equal(graph->node[graph->trunk].name, "classifier.5");
    graph_destroy(graph);
    graph = outline("resnet50", (struct zoo_options){0});
    assert_string_equal(graph->node[graph->trunk].name, "avgpool");
    assert_true(graph_find_param(graph, "layer2.0.downsample.1.running_var") >= 0);
    assert_int_equal(graph->node[graph_find_node(graph, "layer2.0.conv2")].attrs.stride_h, 2);
    graph_destroy(graph);
}

static void mobilenet_takes_any_width_and_pads_as_tensorflow(void **state)
{
    (void)state;
    struct graph *graph = outline("mobilenet_v1_0.4", (struct zoo_options){0});
    assert_string_equal(graph->arch, "mobilenet_v1_0.4");
    assert_int_equal(graph->node[graph_find_node(graph, "pw.12.conv")].shape.c, 409);
    graph_destroy(graph);
    graph = outline("mobilenet_v1_0.25", (struct zoo_options){.height = 97, .width = 97});
    assert_string_equal(graph->arch, "mobilenet_v1_0.25");
    /* an odd side pads both ends, an even one only the far end */
    const struct op_attrs *stem = &graph->node[graph_find_node(graph, "stem.conv")].attrs;
    assert_int_equal(stem->pad_top, 1);
    assert_int_equal(stem->pad_bottom, 1);
    graph_destroy(graph);
    graph = outline("mobilenet_v1_0.25", (struct zoo_options){0});
    stem = &graph->node[graph_find_node(graph, "stem.conv")].attrs;
    assert_int_equal(stem->pad_top, 0);
    assert_int_equal(stem->pad_bottom, 1);
    assert_int_equal(graph->preprocess.resize, 256);
    assert_true(graph->preprocess.raw);
    graph_destroy(graph);
}

static void other_inputs_carry_over(void **state)
{
    (void)state;
    struct graph *graph = outline("resnet18", (struct zoo_options){.height = 112, .width = 112, .channels = 1});
    assert_int_equal(graph->preprocess.resize, 128);
    assert_int_equal(graph->preprocess.channels, 1);
    assert_true(fabsf(graph->preprocess.mean[0] - 0.449f) < 1e-6f);
    assert_int_equal(graph->param[0].shape.dim[2], 1);
    graph_destroy(graph);
    graph = outline("vgg11", (struct zoo_options){.height = 448, .width = 32});
    const struct op_attrs *pool = &graph->node[graph_find_node(graph, "avgpool")].attrs;
    assert_int_equal(pool->kernel_h, 2);
    assert_int_equal(pool->stride_w, 1);
    assert_int_equal(graph->node[graph_find_node(graph, "flatten")].shape.c, 7 * 7 * 512);
    graph_destroy(graph);
}

static void refusals_say_why(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct zoo_options options;
        const char *sentence;
    } cases[] = {
        {"resnet81", {0}, "the nearest are resnet18 and"},
        {"mobilenet_v1_0", {0}, "no architecture is called"},
        {"mobilenet_v1_0.25x", {0}, "the nearest are mobilenet_v1_0.25 and"},
        {"mobilenet_v1_99", {0}, "no architecture is called"},
        {"resnet18", {.classes = -1}, "-1 classes"},
        {"resnet18", {.channels = 2}, "3 channels or 1, not 2"},
        {"resnet18", {.height = -5}, "-5x224"},
        {"vgg16", {.height = 160, .width = 160}, "leaves 5x5 cells"},
        {"vgg16", {.height = 16, .width = 16}, "vgg16: "},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error = {0};
        assert_null(zoo_build(cases[i].name, &cases[i].options, &error));
        assert_int_equal(error.kind, ERROR_USAGE);
        if (!strstr(error.text, cases[i].sentence))
            fail_msg("\"%s\" does not say \"%s\"", error.text, cases[i].sentence);
    }
}

static void building_faults_stick(void **state)
{
    (void)state;
    struct error error = {0};
    struct graph *graph = graph_create("toy", 8, 8, 3);
    int x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    graph_add_conv(graph, "a", x, 4, 3, 1, 1, 1, true);
    graph_add_linear(graph, "", 99, 2);
    assert_false(graph_finish(graph, &error));
    assert_string_equal(error.text, "toy: two nodes are called a");
    graph_destroy(graph);

    graph = graph_create("toy", 8, 8, 3);
    x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    assert_false(graph_finish(graph, &error));
    assert_non_null(strstr(error.text, "a gives 8x8x4 where one row of logits is wanted"));
    graph_destroy(graph);

    graph = graph_create("toy", 8, 8, 3);
    graph_add_binary(graph, "sum", OP_ADD, 0, 7);
    assert_false(graph_finish(graph, &error));
    assert_non_null(strstr(error.text, "does not precede it"));
    graph_destroy(graph);
}

static double deviation(const struct graph *graph, int param)
{
    const float *values = graph_param_values(graph, param);
    double sum = 0;
    for (size_t i = 0; i < graph->param[param].count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum / (double)graph->param[param].count);
}

/* As SqueezeNet ends: the classes' layer is a convolution, and what follows has no parameters. */
static void class_layer_is_found_behind_pooling(void **state)
{
    (void)state;
    struct error error = {0};
    struct graph *graph = graph_create("toy", 8, 8, 3);
    int x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    int classes = graph_add_conv(graph, "b", x, 5, 1, 1, 0, 1, true);
    x = graph_add_unary(graph, "relu", OP_RELU, classes);
    graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x);
    assert_true(graph_seal(graph, &error));
    assert_int_equal(graph_class_layer(graph), classes);
    assert_int_equal(graph->trunk, classes - 1);
    graph_destroy(graph);

    graph = graph_create("toy", 8, 8, 3); /* flattened pixels are no classes of a layer */
    x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    x = graph_add_unary(graph, "flatten", OP_FLATTEN, x);
    assert_true(graph_seal(graph, &error));
    assert_int_equal(graph_class_layer(graph), -1);
    graph_destroy(graph);

    graph = graph_create("toy", 8, 8, 3);
    x = graph_add_conv(graph, "a", 0, 4, 3, 1, 1, 1, true);
    graph_mark_trunk(graph, x);
    graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x);
    assert_false(graph_seal(graph, &error));
    assert_string_equal(error.text, "toy: the trunk ends at a, behind the classes' a");
    graph_destroy(graph);
}

static void fresh_weights_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    struct error error;
    struct graph *a = zoo_build("resnet20", &(struct zoo_options){0}, &error);
    struct graph *b = zoo_build("resnet32", &(struct zoo_options){.classes = 3}, &error);
    assert_non_null(a);
    assert_non_null(b);
    graph_initialise(a, 1);
    graph_initialise(b, 1);
    int pa = graph_find_param(a, "layer2.1.conv2.weight"), pb = graph_find_param(b, "layer2.1.conv2.weight");
    size_t bytes = a->param[pa].count * sizeof(float);
    assert_memory_equal(graph_param_values(a, pa), graph_param_values(b, pb), bytes);
    /* He: sqrt(2 / (32 * 9)); linear: uniform of half-width 1/8 */
    assert_true(fabs(deviation(a, pa) / sqrt(2.0 / 288) - 1) < 0.05);
    int linear = graph_find_param(a, "linear.weight");
    assert_true(fabs(deviation(a, linear) / (0.125 / sqrt(3)) - 1) < 0.1);
    for (size_t i = 0; i < a->param[linear].count; i++)
        assert_true(fabsf(graph_param_values(a, linear)[i]) <= 0.125f);
    assert_true(deviation(a, graph_find_param(a, "linear.bias")) > 0);
    assert_true(deviation(a, graph_find_param(a, "bn1.running_mean")) == 0);
    assert_true(deviation(a, graph_find_param(a, "bn1.running_var")) == 1);
    assert_memory_not_equal(graph_param_values(a, pa),
                            graph_param_values(a, graph_find_param(a, "layer2.2.conv2.weight")), bytes);
    graph_initialise(b, 2);
    assert_memory_not_equal(graph_param_values(a, pa), graph_param_values(b, pb), bytes);
    graph_destroy(a);
    graph_destroy(b);
}

/* A network under another name, its norms folded away, is known by its convolutions; one that differs in a stride or in
 * how it is padded is not taken for it. */
static void alikes_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *arch, *alike;
    } rows[] = {{"mobilenet_v2", "mobilenet_v2"},
                {"keras_mobilenet_v2", "tf_mobilenet_v2_1.0"} /* of timm: the same but for names */,
                {"resnet50", "resnet50"},
                {"keras_resnet50", "keras_resnet50"},
                {"resnet20", "resnet20"},
                {"vgg16_bn", "vgg16"}};
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct graph *graph = outline(rows[i].arch, (struct zoo_options){.classes = 5});
        const struct zoo_arch *found = zoo_alike(graph);
        if (!found || strcmp(found->name, rows[i].alike) != 0)
            fail_msg("%s: taken for %s", rows[i].arch, found ? found->name : "none");
        for (int n = 0; n < graph->nodes; n++)
            if (graph->node[n].kind == OP_CONV && graph->node[n].attrs.kernel_h == 3)
                graph->node[n].attrs.dilation_h = 2;
        assert_null(zoo_alike(graph));
        graph_destroy(graph);
    }
    struct graph *small = outline("lenet", (struct zoo_options){0});
    assert_null(zoo_alike(small));
    graph_destroy(small);
}

/* A class layer that is a convolution starts with small weights, whatever its number of classes. */
static void classes_start_soft(void **state)
{
    (void)state;
    static const char *const archs[] = {"squeezenet1_1", "keras_mobilenet_0.25"};
    for (size_t i = 0; i < THAW_LENGTH(archs); i++) {
        struct error error;
        const struct zoo_options options = {.classes = 2, .height = 96, .width = 96};
        struct graph *graph = zoo_build(archs[i], &options, &error);
        assert_non_null(graph);
        graph_initialise(graph, 1);
        const struct graph_param *weight = &graph->param[graph->node[graph_class_layer(graph)].first_param];
        const float *values = graph->values + weight->offset;
        float most = 0;
        for (size_t k = 0; k < weight->count; k++)
            most = fmaxf(most, fabsf(values[k]));
        float bound = 1 / sqrtf((float)weight->count / 2); /* as torch.nn.Linear */
        assert_true(most <= bound && most > 0.8f * bound);
        graph_destroy(graph);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alikes_are_found),
        cmocka_unit_test(classes_start_soft),
        cmocka_unit_test(counts_are_those_of_the_originals),
        cmocka_unit_test(every_architecture_is_counted),
        cmocka_unit_test(slim_vgg_fits_a_small_file),
        cmocka_unit_test(graphs_are_well_formed),
        cmocka_unit_test(stages_read_well),
        cmocka_unit_test(mobilenet_takes_any_width_and_pads_as_tensorflow),
        cmocka_unit_test(other_inputs_carry_over),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(building_faults_stick),
        cmocka_unit_test(class_layer_is_found_behind_pooling),
        cmocka_unit_test(fresh_weights_depend_on_seed_and_name_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
