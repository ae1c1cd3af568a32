/* efficientnet_pytorch, the port of EfficientNet that was the usual one before the large libraries had theirs. */
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
/* clang-format on */

const struct dialect dialects_others[] = {
    {.library = "efficientnet_pytorch",
     .archs = "tf_efficientnet_b* tf_efficientnet_lite*",
     .roles = true,
     DIALECT_RULES(efficientnet_pytorch)},
    {.library = NULL},
};
