/* Names of timm (PyTorch Image Models, Wightman 2019). Its ResNets, DenseNets and Inception v3 are called as torchvision's.
 * Where its architecture is another than the zoo's of the same name, in a batch norm's eps alone for the larger
 * EfficientNets, the table does not cover it. */
#include "config.h"

#include "dialect.h"
#include "thaw/base/macros.h"

/* clang-format off */
#define INVERTED_RESIDUALS \
    {"stem.conv", "conv_stem"}, \
    {"stem.norm", "bn1"}, \
    {"block.{s}.{b}.{n}.mb.expand.conv", "blocks.{s}.{b}.conv_pw"}, \
    {"block.{s}.{b}.{n}.mb.expand.norm", "blocks.{s}.{b}.bn1"}, \
    {"block.{s}.{b}.{n}.mb.depthwise.conv", "blocks.{s}.{b}.conv_dw"}, \
    {"block.{s}.{b}.{n}.mb.depthwise.norm", "blocks.{s}.{b}.bn2"}, \
    {"block.{s}.{b}.{n}.mb.reduce.conv", "blocks.{s}.{b}.se.conv_reduce"}, \
    {"block.{s}.{b}.{n}.mb.excite.conv", "blocks.{s}.{b}.se.conv_expand"}, \
    {"block.{s}.{b}.{n}.mb.project.conv", "blocks.{s}.{b}.conv_pwl"}, \
    {"block.{s}.{b}.{n}.mb.project.norm", "blocks.{s}.{b}.bn3"}, \
    {"block.{s}.{b}.{n}.ds.depthwise.conv", "blocks.{s}.{b}.conv_dw"}, \
    {"block.{s}.{b}.{n}.ds.depthwise.norm", "blocks.{s}.{b}.bn1"}, \
    {"block.{s}.{b}.{n}.ds.reduce.conv", "blocks.{s}.{b}.se.conv_reduce"}, \
    {"block.{s}.{b}.{n}.ds.excite.conv", "blocks.{s}.{b}.se.conv_expand"}, \
    {"block.{s}.{b}.{n}.ds.project.conv", "blocks.{s}.{b}.conv_pw"}, \
    {"block.{s}.{b}.{n}.ds.project.norm", "blocks.{s}.{b}.bn2"}, \
    {"block.{s}.{b}.{n}.edge.expand.conv", "blocks.{s}.{b}.conv_exp"}, \
    {"block.{s}.{b}.{n}.edge.expand.norm", "blocks.{s}.{b}.bn1"}, \
    {"block.{s}.{b}.{n}.edge.project.conv", "blocks.{s}.{b}.conv_pwl"}, \
    {"block.{s}.{b}.{n}.edge.project.norm", "blocks.{s}.{b}.bn2"}, \
    {"block.{s}.{b}.{n}.plain.expand.conv", "blocks.{s}.{b}.conv"}, \
    {"block.{s}.{b}.{n}.plain.expand.norm", "blocks.{s}.{b}.bn1"}, \
    {"classes", "classifier"}

static const struct dialect_rule efficientnet[] = {
    INVERTED_RESIDUALS,
    {"head.{s}.conv", "conv_head"},
    {"head.{s}.norm", "bn2"},
};

static const struct dialect_rule mobilenet_v3[] = {
    INVERTED_RESIDUALS,
    {"head.{s}.conv", "blocks.{s}.0.conv"},
    {"head.{s}.norm", "blocks.{s}.0.bn1"},
    {"hidden", "conv_head"},
};

static const struct dialect_rule regnet[] = {
    {"stem.0", "stem.conv"},
    {"stem.1", "stem.bn"},
    {"trunk_output.block{s}.block{t}-{b}.proj.0", "s{s}.b{b+1}.downsample.conv"},
    {"trunk_output.block{s}.block{t}-{b}.proj.1", "s{s}.b{b+1}.downsample.bn"},
    {"trunk_output.block{s}.block{t}-{b}.f.a.0", "s{s}.b{b+1}.conv1.conv"},
    {"trunk_output.block{s}.block{t}-{b}.f.a.1", "s{s}.b{b+1}.conv1.bn"},
    {"trunk_output.block{s}.block{t}-{b}.f.b.0", "s{s}.b{b+1}.conv2.conv"},
    {"trunk_output.block{s}.block{t}-{b}.f.b.1", "s{s}.b{b+1}.conv2.bn"},
    {"trunk_output.block{s}.block{t}-{b}.f.se", "s{s}.b{b+1}.se"},
    {"trunk_output.block{s}.block{t}-{b}.f.c.0", "s{s}.b{b+1}.conv3.conv"},
    {"trunk_output.block{s}.block{t}-{b}.f.c.1", "s{s}.b{b+1}.conv3.bn"},
    {"fc", "head.fc"},
};

static const struct dialect_rule convnext[] = {
    {"features.0.{a}", "stem.{a}"},
    {"features.{a}.{b}.block.0", "stages.{a/2}.blocks.{b}.conv_dw"},
    {"features.{a}.{b}.block.2", "stages.{a/2}.blocks.{b}.norm"},
    {"features.{a}.{b}.block.3", "stages.{a/2}.blocks.{b}.mlp.fc1"},
    {"features.{a}.{b}.block.5", "stages.{a/2}.blocks.{b}.mlp.fc2"},
    {"features.{a}.{b}.layer_scale.weight", "stages.{a/2}.blocks.{b}.gamma"},
    {"features.{a}.{b}", "stages.{a/2}.downsample.{b}"},
    {"classifier.0", "head.norm"},
    {"classifier.hidden", "head.pre_logits.fc"},
    {"classifier.2", "head.fc"},
};

static const struct dialect_rule vgg[] = {
    {"classifier.0", "pre_logits.fc1"},
    {"classifier.3", "pre_logits.fc2"},
    {"classifier.6", "head.fc"},
};

static const struct dialect_rule swin[] = {
    {"features.0.0", "patch_embed.proj"},
    {"features.0.2", "patch_embed.norm"},
    {"features.{a}.{b}.mlp.0", "layers.{a/2}.blocks.{b}.mlp.fc1"},
    {"features.{a}.{b}.mlp.3", "layers.{a/2}.blocks.{b}.mlp.fc2"},
    {"features.{a}.norm", "layers.{a/2}.downsample.norm"},
    {"features.{a}.reduction", "layers.{a/2}.downsample.reduction"},
    {"features.{a}.{b}", "layers.{a/2}.blocks.{b}"},
    {"head", "head.fc"},
};
/* clang-format on */

/* At half the widths two stages have equally many channels and no stride between them. */
static const int small_blocks[] = {1, 2, 3, 2, 3, 0}, large_blocks[] = {1, 2, 3, 4, 2, 3, 0};

static const char *const hidden_convs[] = {"hidden", NULL};
static const char *const scales[] = {"features.{a}.{b}.layer_scale", NULL};
static const char *const mlp_convs[] = {"features.{a}.{b}.block.3", "features.{a}.{b}.block.5", NULL};

const struct dialect dialects_timm[] = {
    {.library = "timm",
     .archs = "efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 timm_efficientnet_b5 "
              "efficientnet_es efficientnet_em efficientnet_el "
              "efficientnetv2_rw_* efficientnet_lite0 tf_efficientnet_* tf_efficientnetv2_* mobilenet_v2 mobilenetv2_* "
              "mnasnet0_* mnasnet1_*",
     .home =
         "timm_efficientnet_b5 efficientnet_es efficientnet_em efficientnet_el efficientnetv2_rw_* efficientnet_lite0 "
         "tf_efficientnet_* tf_efficientnetv2_* mobilenetv2_*",
     .roles = true,
     DIALECT_RULES(efficientnet)},
    {.library = "timm",
     .archs = "mobilenetv3_small_* tf_mobilenetv3_small_*",
     .home = "mobilenetv3_small_* tf_mobilenetv3_small_*",
     .convs = hidden_convs,
     .roles = true,
     .blocks = small_blocks,
     DIALECT_RULES(mobilenet_v3)},
    {.library = "timm",
     .archs = "mobilenetv3_large_* tf_mobilenetv3_large_*",
     .home = "mobilenetv3_large_* tf_mobilenetv3_large_*",
     .convs = hidden_convs,
     .roles = true,
     .blocks = large_blocks,
     DIALECT_RULES(mobilenet_v3)},
    {.library = "timm", .archs = "regnet*", .home = "regnetx_* regnety_*", DIALECT_RULES(regnet)},
    {.library = "timm",
     .archs = "convnext_tiny convnext_small convnext_base convnext_large convnext_xlarge convnext_large_mlp "
              "convnext_xxlarge",
     .home = "convnext_xlarge convnext_large_mlp convnext_xxlarge",
     .vectors = scales,
     DIALECT_RULES(convnext)},
    {.library = "timm",
     .archs = "convnext_atto convnext_femto convnext_pico convnext_nano",
     .home = "convnext_atto convnext_femto convnext_pico convnext_nano",
     .convs = mlp_convs,
     .vectors = scales,
     DIALECT_RULES(convnext)},
    {.library = "timm", .archs = "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn", DIALECT_RULES(vgg)},
    {.library = "timm", .archs = "swin_*", DIALECT_RULES(swin)},
    {.library = NULL},
};
