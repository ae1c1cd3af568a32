/* Winograd's rows of the kernel table, and the rule that says where they are taken. Seen by the conv family only. */
#ifndef THAW_OPS_CONV_WINOGRAD_H
#define THAW_OPS_CONV_WINOGRAD_H

#include "conv.h"

/* What the kernels compute: 3x3, stride 1, no dilation, one group, paddings of 0 to 2. */
bool conv_winograd_fits(const struct conv *conv);

/* The one of them to take for a job on this shape, or NULL: another kernel is faster there, or `winograd` is off. */
const struct conv_kernel *conv_winograd_choose(const struct conv *conv, enum conv_job job, bool winograd);

extern const struct conv_kernel conv_winograd_4_forward, conv_winograd_4_data, conv_winograd_4_weights;
extern const struct conv_kernel conv_winograd_2_forward, conv_winograd_2_data, conv_winograd_2_weights;

#endif
