/* Winograd's rows of the kernel table, and the rule that says where they are taken. Seen by the conv family only. */
#ifndef THAW_OPS_CONV_WINOGRAD_H
#define THAW_OPS_CONV_WINOGRAD_H

#include "conv.h"

/* What the kernels compute: 3x3, stride 1, no dilation, one group, paddings of 0 to 2. */
bool conv_winograd_fits(const struct conv *conv);

/* Where F(4x4) is taken. Measured at batch 32 on the layers of ResNet, VGG, SqueezeNet and CIFAR ResNet-20, it was the
 * fastest from 16 channels on; the bound on pixels only keeps single small images out. */
bool conv_winograd_pays(const struct conv *conv);
/* F(2x2) is for those who name it: it rounds like a plain sum, and saves half as much. */
bool conv_winograd_2_pays(const struct conv *conv);

extern const struct conv_kernel conv_winograd_4_forward, conv_winograd_4_data, conv_winograd_4_weights;
extern const struct conv_kernel conv_winograd_2_forward, conv_winograd_2_data, conv_winograd_2_weights;

#endif
