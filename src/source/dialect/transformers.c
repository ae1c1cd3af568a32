/* Names of transformers (Hugging Face), less the model's own name that all layers of a trunk have before them ("resnet.",
 * "efficientnet."), which goes as any such prefix. Its MobileNets and EfficientNets are those of TensorFlow. */
#include "config.h"

#include "dialect.h"
#include "thaw/base/macros.h"

/* clang-format off */
static const struct dialect_rule resnet[] = {
    {"conv1", "embedder.embedder.convolution"},
    {"bn1", "embedder.embedder.normalization"},
    {"layer{s}.{b}.conv{i}", "encoder.stages.{s-1}.layers.{b}.layer.{i-1}.convolution"},
    {"layer{s}.{b}.bn{i}", "encoder.stages.{s-1}.layers.{b}.layer.{i-1}.normalization"},
    {"layer{s}.{b}.downsample.0", "encoder.stages.{s-1}.layers.{b}.shortcut.convolution"},
    {"layer{s}.{b}.downsample.1", "encoder.stages.{s-1}.layers.{b}.shortcut.normalization"},
    {"fc", "classifier.1"},
};

#define REGNET_BLOCK "encoder.stages.{s-1}.layers.{b}."
#define REGNET(last) \
    {"stem.0", "embedder.embedder.convolution"}, \
    {"stem.1", "embedder.embedder.normalization"}, \
    {"trunk_output.block{s}.block{t}-{b}.proj.0", REGNET_BLOCK "shortcut.convolution"}, \
    {"trunk_output.block{s}.block{t}-{b}.proj.1", REGNET_BLOCK "shortcut.normalization"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.a.0", REGNET_BLOCK "layer.0.convolution"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.a.1", REGNET_BLOCK "layer.0.normalization"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.b.0", REGNET_BLOCK "layer.1.convolution"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.b.1", REGNET_BLOCK "layer.1.normalization"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.se.fc1", REGNET_BLOCK "layer.2.attention.0"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.se.fc2", REGNET_BLOCK "layer.2.attention.2"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.c.0", REGNET_BLOCK "layer." last ".convolution"}, \
    {"trunk_output.block{s}.block{t}-{b}.f.c.1", REGNET_BLOCK "layer." last ".normalization"}, \
    {"fc", "classifier.1"}
static const struct dialect_rule regnet_x[] = {REGNET("2")}, regnet_y[] = {REGNET("3")};

static const struct dialect_rule convnext[] = {
    {"features.0.0", "embeddings.patch_embeddings"},
    {"features.0.1", "embeddings.layernorm"},
    {"features.{a}.{b}.block.0", "encoder.stages.{a/2}.layers.{b}.dwconv"},
    {"features.{a}.{b}.block.2", "encoder.stages.{a/2}.layers.{b}.layernorm"},
    {"features.{a}.{b}.block.3", "encoder.stages.{a/2}.layers.{b}.pwconv1"},
    {"features.{a}.{b}.block.5", "encoder.stages.{a/2}.layers.{b}.pwconv2"},
    {"features.{a}.{b}.layer_scale.weight", "encoder.stages.{a/2}.layers.{b}.layer_scale_parameter"},
    {"features.{a}.{b}", "encoder.stages.{a/2}.downsampling_layer.{b}"},
    {"classifier.0", "layernorm"},
    {"classifier.2", "classifier"},
};

static const struct dialect_rule mobilenet_v1[] = {
    {"stem.conv", "conv_stem.convolution"},
    {"stem.bn", "conv_stem.normalization"},
    {"dw.{n}.conv", "layer.{n*2}.convolution"},
    {"dw.{n}.bn", "layer.{n*2}.normalization"},
    {"pw.{n}.conv", "layer.{n*2+1}.convolution"},
    {"pw.{n}.bn", "layer.{n*2+1}.normalization"},
};

static const struct dialect_rule mobilenet_v2[] = {
    {"stem.conv", "conv_stem.first_conv.convolution"},
    {"stem.norm", "conv_stem.first_conv.normalization"},
    {"block.{s}.{b}.{n}.ds.depthwise.conv", "conv_stem.conv_3x3.convolution"},
    {"block.{s}.{b}.{n}.ds.depthwise.norm", "conv_stem.conv_3x3.normalization"},
    {"block.{s}.{b}.{n}.ds.project.conv", "conv_stem.reduce_1x1.convolution"},
    {"block.{s}.{b}.{n}.ds.project.norm", "conv_stem.reduce_1x1.normalization"},
    {"block.{s}.{b}.{n}.mb.expand.conv", "layer.{n-1}.expand_1x1.convolution"},
    {"block.{s}.{b}.{n}.mb.expand.norm", "layer.{n-1}.expand_1x1.normalization"},
    {"block.{s}.{b}.{n}.mb.depthwise.conv", "layer.{n-1}.conv_3x3.convolution"},
    {"block.{s}.{b}.{n}.mb.depthwise.norm", "layer.{n-1}.conv_3x3.normalization"},
    {"block.{s}.{b}.{n}.mb.project.conv", "layer.{n-1}.reduce_1x1.convolution"},
    {"block.{s}.{b}.{n}.mb.project.norm", "layer.{n-1}.reduce_1x1.normalization"},
    {"head.{s}.conv", "conv_1x1.convolution"},
    {"head.{s}.norm", "conv_1x1.normalization"},
    {"classes", "classifier"},
};

static const struct dialect_rule efficientnet[] = {
    {"stem.conv", "embeddings.convolution"},
    {"stem.norm", "embeddings.batchnorm"},
    {"block.{s}.{b}.{n}.mb.expand.conv", "encoder.blocks.{n}.expansion.expand_conv"},
    {"block.{s}.{b}.{n}.mb.expand.norm", "encoder.blocks.{n}.expansion.expand_bn"},
    {"block.{s}.{b}.{n}.mb.depthwise.conv", "encoder.blocks.{n}.depthwise_conv.depthwise_conv"},
    {"block.{s}.{b}.{n}.mb.depthwise.norm", "encoder.blocks.{n}.depthwise_conv.depthwise_norm"},
    {"block.{s}.{b}.{n}.mb.reduce.conv", "encoder.blocks.{n}.squeeze_excite.reduce"},
    {"block.{s}.{b}.{n}.mb.excite.conv", "encoder.blocks.{n}.squeeze_excite.expand"},
    {"block.{s}.{b}.{n}.mb.project.conv", "encoder.blocks.{n}.projection.project_conv"},
    {"block.{s}.{b}.{n}.mb.project.norm", "encoder.blocks.{n}.projection.project_bn"},
    {"block.{s}.{b}.{n}.ds.depthwise.conv", "encoder.blocks.{n}.depthwise_conv.depthwise_conv"},
    {"block.{s}.{b}.{n}.ds.depthwise.norm", "encoder.blocks.{n}.depthwise_conv.depthwise_norm"},
    {"block.{s}.{b}.{n}.ds.reduce.conv", "encoder.blocks.{n}.squeeze_excite.reduce"},
    {"block.{s}.{b}.{n}.ds.excite.conv", "encoder.blocks.{n}.squeeze_excite.expand"},
    {"block.{s}.{b}.{n}.ds.project.conv", "encoder.blocks.{n}.projection.project_conv"},
    {"block.{s}.{b}.{n}.ds.project.norm", "encoder.blocks.{n}.projection.project_bn"},
    {"head.{s}.conv", "encoder.top_conv"},
    {"head.{s}.norm", "encoder.top_bn"},
    {"classes", "classifier"},
};
/* clang-format on */

const struct dialect dialects_transformers[] = {
    {.library = "transformers",
     .archs = "resnet18 resnet26 resnet34 resnet50 resnet101 resnet152",
     DIALECT_RULES(resnet)},
    {.library = "transformers", .archs = "regnet_x_* regnetx_*", DIALECT_RULES(regnet_x)},
    {.library = "transformers", .archs = "regnet_y_* regnety_*", DIALECT_RULES(regnet_y)},
    {.library = "transformers", .archs = "convnext*", DIALECT_RULES(convnext)},
    {.library = "transformers", .archs = "mobilenet_v1_*", DIALECT_RULES(mobilenet_v1)},
    {.library = "transformers",
     .archs = "tf_mobilenet_v2_*",
     .home = "tf_mobilenet_v2_*",
     .member = "mobilenet_v2.",
     .roles = true,
     DIALECT_RULES(mobilenet_v2)},
    {.library = "transformers", .archs = "tf_efficientnet_b*", .roles = true, DIALECT_RULES(efficientnet)},
    {.library = NULL},
};
