/* Names of smaller libraries and of authors: efficientnet_pytorch, the port that was the usual one before the large
 * libraries had theirs; ConvNeXt as its authors published it; fastai, whose body is a list of torchvision's children; MONAI's
 * DenseNets. What calls torchvision's trunks by torchvision's names needs nothing here: mmpretrain's ResNets, encoders of
 * segmentation_models_pytorch. */
#include "config.h"

#include "dialect.h"
#include "thaw/base/macros.h"

/* clang-format off */
static const struct dialect_rule efficientnet_pytorch[] = {
    {"stem.conv", "_conv_stem"},
    {"stem.norm", "_bn0"},
    {"block.{s}.{b}.{n}.mb.expand.conv", "_blocks.{n}._expand_conv"},
    {"block.{s}.{b}.{n}.mb.expand.norm", "_blocks.{n}._bn0"},
    {"block.{s}.{b}.{n}.mb.depthwise.conv", "_blocks.{n}._depthwise_conv"},
    {"block.{s}.{b}.{n}.mb.depthwise.norm", "_blocks.{n}._bn1"},
    {"block.{s}.{b}.{n}.mb.reduce.conv", "_blocks.{n}._se_reduce"},
    {"block.{s}.{b}.{n}.mb.excite.conv", "_blocks.{n}._se_expand"},
    {"block.{s}.{b}.{n}.mb.project.conv", "_blocks.{n}._project_conv"},
    {"block.{s}.{b}.{n}.mb.project.norm", "_blocks.{n}._bn2"},
    {"block.{s}.{b}.{n}.ds.depthwise.conv", "_blocks.{n}._depthwise_conv"},
    {"block.{s}.{b}.{n}.ds.depthwise.norm", "_blocks.{n}._bn1"},
    {"block.{s}.{b}.{n}.ds.reduce.conv", "_blocks.{n}._se_reduce"},
    {"block.{s}.{b}.{n}.ds.excite.conv", "_blocks.{n}._se_expand"},
    {"block.{s}.{b}.{n}.ds.project.conv", "_blocks.{n}._project_conv"},
    {"block.{s}.{b}.{n}.ds.project.norm", "_blocks.{n}._bn2"},
    {"head.{s}.conv", "_conv_head"},
    {"head.{s}.norm", "_bn1"},
    {"classes", "_fc"},
};

static const struct dialect_rule convnext_authors[] = {
    {"features.0.{a}", "downsample_layers.0.{a}"},
    {"features.{a}.{b}.block.0", "stages.{a/2}.{b}.dwconv"},
    {"features.{a}.{b}.block.2", "stages.{a/2}.{b}.norm"},
    {"features.{a}.{b}.block.3", "stages.{a/2}.{b}.pwconv1"},
    {"features.{a}.{b}.block.5", "stages.{a/2}.{b}.pwconv2"},
    {"features.{a}.{b}.layer_scale.weight", "stages.{a/2}.{b}.gamma"},
    {"features.{a}.{b}", "downsample_layers.{a/2}.{b}"},
    {"classifier.0", "norm"},
    {"classifier.2", "head"},
};

/* Behind a prefix "0.", as it is shared, or another, where its user made the list. */
static const struct dialect_rule children_of_resnet[] = {
    {"conv1", "0"},
    {"bn1", "1"},
    {"layer{s}", "{s+3}"},
    {"fc", "9"},
};
static const struct dialect_rule children_of_features[] = {
    {"features", "0"},
};

/* "pytorch-cifar-models" of torch.hub. */
static const struct dialect_rule cifar_models[] = {
    {"layer{a}.{b}.shortcut", "layer{a}.{b}.downsample"},
};

static const struct dialect_rule monai_densenet[] = {
    {"features.denseblock{a}.denselayer{b}", "features.denseblock{a}.denselayer{b}.layers"},
    {"classifier", "class_layers.out"},
};
/* And timm's of old; bind_vit.c has transformers' become these. */
static const struct dialect_rule swin_authors[] = {
    {"features.0.0", "patch_embed.proj"},
    {"features.0.2", "patch_embed.norm"},
    {"features.{a}.{b}.mlp.0", "layers.{a/2}.blocks.{b}.mlp.fc1"},
    {"features.{a}.{b}.mlp.3", "layers.{a/2}.blocks.{b}.mlp.fc2"},
    {"features.{a}.norm", "layers.{a/2-1}.downsample.norm"},
    {"features.{a}.reduction", "layers.{a/2-1}.downsample.reduction"},
    {"features.{a}.{b}", "layers.{a/2}.blocks.{b}"},
};
/* clang-format on */

const struct dialect dialects_others[] = {
    {.library = "efficientnet_pytorch",
     .archs = "tf_efficientnet_b* tf_efficientnet_lite*",
     .roles = true,
     DIALECT_RULES(efficientnet_pytorch)},
    {.library = "ConvNeXt's authors", .archs = "convnext*", DIALECT_RULES(convnext_authors)},
    {.library = "Swin's authors", .archs = "swin_*", DIALECT_RULES(swin_authors)},
    {.library = "fastai",
     .archs = "resnet18 resnet34 resnet50 resnet101 resnet152 resnext* wide_resnet*",
     DIALECT_RULES(children_of_resnet)},
    {.library = "fastai", .archs = "densenet* alexnet squeezenet* mobilenet_v2", DIALECT_RULES(children_of_features)},
    {.library = "pytorch-cifar-models",
     .archs = "resnet20_projection resnet32_projection resnet44_projection resnet56_projection",
     DIALECT_RULES(cifar_models)},
    {.library = "MONAI", .archs = "densenet*", DIALECT_RULES(monai_densenet)},
    {.library = NULL},
};
