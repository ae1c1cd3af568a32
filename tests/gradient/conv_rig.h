/* The rig of the convolution tests: all buffers of one convolution of any geometry, fenced, and the ways to run each of its
 * jobs by each kernel through the op table, as a plan does, beside the reference twin. Failures go to cmocka. */
#ifndef THAW_TESTS_GRADIENT_CONV_RIG_H
#define THAW_TESTS_GRADIENT_CONV_RIG_H

#include "thaw/ops/op.h"

struct conv_layer {
    int n, h, w, in, out; /* images, their sides, channels */
    int kernel_h, kernel_w;
    int top, left, bottom, right;                           /* padding */
    int stride_h, stride_w, dilation_h, dilation_w, groups; /* 0 stands for 1 */
};

/* The geometry as the op table has it; false if no window fits into the image. */
bool conv_layer_shape(const struct conv_layer *layer, struct op_attrs *attrs, struct shape4 *in, struct shape4 *out);

/* By job: the output, the input's gradient, the weights' gradient. */
struct conv_rig {
    struct op_attrs attrs;
    struct shape4 in_shape, out_shape;
    bool bias;
    float *in, *weight, *bias_value, *residual, *out_grad; /* read */
    float *start;                                          /* what the input's gradient is added to */
    float *result[OP_JOBS], *expected[OP_JOBS];
    size_t count[OP_JOBS], bias_count;
    int calls; /* of kernels, so far */

    const float *in_list[1];
    float *param[OP_PARAMS_MAX];
    bool add[1];
    struct op_call call;
};
/* In place: call points into the rig. */
void conv_rig_init(struct conv_rig *rig, const struct conv_layer *layer);
void conv_rig_finish(struct conv_rig *rig); /* fails if anything was written behind a buffer */

/* What is fused into the forward pass, and whether the input's gradient is added. Numbers go through CONV_FUSIONS
 * combinations; 0 is a bias alone. */
enum { CONV_FUSIONS = 8 };
void conv_rig_fuse(struct conv_rig *rig, int number);

/* The kernels that fit; how many. Their numbers are below CONV_NUMBERS. */
enum { CONV_NUMBERS = 64 };
int conv_rig_kernels(const struct conv_rig *rig, enum op_job job, struct op_kernel list[OP_KERNELS_MAX]);

/* Writes `expected` by the reference twin. */
void conv_rig_reference(struct conv_rig *rig);
/* Writes `result` of a job; what it overwrites and its workspace are NaN before. */
void conv_rig_run(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team);
/* Runs once more, and fails unless the bits of `result` stay. */
void conv_rig_run_again(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, struct team *team);
/* The same of the forward pass by weights prepared beforehand; the weights themselves are NaN meanwhile. False: this kernel
 * prepares none. */
bool conv_rig_run_prepared(struct conv_rig *rig, const struct op_kernel *kernel, struct team *team);

/* Of `result` against `expected`. Sums may nearly cancel, and behind an activation's bound little may be left: values count
 * as at least about a third as large as sums of independent draws are on average. */
struct conv_error {
    double relative; /* in the Euclidean norm */
    double worst;    /* the largest difference over the root mean square */
};
struct conv_error conv_rig_error(const struct conv_rig *rig, enum op_job job);
/* Fails where the error is not below the bound; gives it. */
struct conv_error conv_rig_expect(const struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel,
                                  struct conv_error bound);

const char *conv_job_name(enum op_job job); /* "data gradient" */
enum { CONV_TEXT = 200 };
/* For a message; without a kernel, of all jobs. */
void conv_rig_describe(char text[CONV_TEXT], const struct conv_rig *rig, enum op_job job,
                       const struct op_kernel *kernel);

#endif
