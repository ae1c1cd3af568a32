/* Convolution: the geometry of one call and the table of kernels to choose from. Seen by the conv family only. */
#ifndef THAW_OPS_CONV_H
#define THAW_OPS_CONV_H

#include "thaw/ops/op.h"

struct conv {
    const struct op_attrs *attrs;
    struct shape4 in, out;
    int group_in, group_out; /* channels of one group */
    int taps;                /* kernel_h * kernel_w */
    size_t pixels;           /* output pixels of the whole batch: rows of the matrix product */
    bool pointwise;          /* 1x1, stride 1, no padding: the input is the matrix already */
};
struct conv conv_geometry(const struct op_attrs *attrs, struct shape4 in, struct shape4 out);

struct conv_kernel {
    const char *name;
    enum op_job job;
    bool transforms; /* as in struct op_kernel */
    bool (*fits)(const struct conv *conv);
    bool (*pays)(const struct conv *conv); /* the built-in rule; NULL: wherever it fits */
    size_t (*workspace_floats)(const struct conv *conv, int threads);
    void (*run)(const struct conv *conv, const struct op_call *call);
    /* Forward kernels that read the weights in another form. NULL: none. In a call without op_call.prepared the kernel
     * does this itself, in its workspace. */
    size_t (*prepared_floats)(const struct conv *conv);
    void (*prepare)(const struct conv *conv, const struct op_call *call, float *prepared);
};
/* The kernel for a job on this shape: the one that attrs.kernel names, or the first row of the table that fits and
 * pays. */
const struct conv_kernel *conv_kernel_choose(const struct conv *conv, enum op_job job);

extern const struct conv_kernel conv_panels_forward, conv_panels_data, conv_panels_weights;
extern const struct conv_kernel conv_sweep_forward, conv_sweep_data, conv_sweep_weights;
extern const struct conv_kernel conv_narrow_forward, conv_narrow_data, conv_narrow_weights;
extern const struct conv_kernel conv_depthwise_forward, conv_depthwise_data, conv_depthwise_weights;

/* Columns of a panel: for the output pixels first..first+rows-1 and the kernel positions tap0..tap1-1, the `channels`
 * input channels from `channel` on; col (rows, tap1 - tap0, channels), zero where the window leaves the image. */
void conv_gather(const struct conv *conv, const float *in, size_t first, int rows, int channel, int channels, int tap0,
                 int tap1, float *col);
/* The adjoint: adds col into in (n,h,w,c), but only to input rows row0..row1-1 of each image. */
void conv_scatter(const struct conv *conv, float *in, size_t first, int rows, int channel, int channels, int tap0,
                  int tap1, const float *col, int row0, int row1);

#endif
