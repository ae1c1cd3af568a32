/* The op table: everything a network is made of. One row an op: shape rule, parameters, cost, forward, backward, and a
 * plain-loop reference twin of both that tests hold the fast kernels against.
 *
 * Activations are NHWC float32. Parameters are stored ready for GEMM ("native" layout):
 *   conv    weight (kh, kw, c_in / groups, c_out), bias (c_out)      [depthwise: (kh, kw, 1, c)]
 *   linear  weight (c_in, c_out), bias (c_out)
 *   batch norm  weight, bias, running_mean, running_var (c); layer norm, affine  weight, bias (c)
 * Kernels split work over the team by shape only, so that any team size gives the same bits. */
#ifndef THAW_OPS_OP_H
#define THAW_OPS_OP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/base/parallel.h"
#include "thaw/ops/attrs.h"
#include "thaw/tensor/tensor.h"

enum op_role {
    OP_ROLE_WEIGHT,     /* conv and linear weight, affine scale */
    OP_ROLE_BIAS,       /* conv, linear and affine bias: frozen with the weight */
    OP_ROLE_AFFINE,     /* gamma and beta of norms */
    OP_ROLE_STATISTICS, /* batch-norm running mean and variance: no gradient, moved by training */
    OP_ROLE_CONSTANT,   /* part of the architecture: never moves, no gradient, counted nowhere, wanted of no file */
    OP_ROLES
};
enum op_init {
    OP_INIT_ZERO,
    OP_INIT_ONE,
    OP_INIT_HE,
    OP_INIT_LINEAR
}; /* HE: normal, fan out; LINEAR: torch's uniform */

enum { OP_PARAMS_MAX = 4 };
struct op_param {
    const char *name; /* "weight", "bias", "running_mean", "running_var" */
    enum op_role role;
    enum op_init init;
    struct shape shape; /* native layout */
    int fan;            /* for the initialiser */
};

/* For the shapes given (their n included). */
struct op_cost {
    double macs;        /* multiply-adds of the forward pass, as torchvision counts: conv and linear only */
    double out_bytes;   /* of the output */
    double param_bytes; /* float32 */
};

/* A way to do a job. */
struct op_kernel {
    unsigned char number; /* for op_attrs.kernel; 0 stands for the first of op_def.kernels */
    const char *name;     /* "panels" */
    bool transforms;      /* sums in another domain (Winograd): rounds about ten times as much */
};
enum { OP_KERNELS_MAX = 8 };

/* One call of a kernel. The caller owns every buffer. */
struct op_call {
    const struct op_attrs *attrs;
    int inputs;
    const struct shape4 *in_shape; /* [inputs] */
    const float *const *in;        /* [inputs] */
    struct shape4 out_shape;
    float *out; /* forward writes it; backward finds forward's values if the op asked for them (OP_NEEDS_OUT) */
    float *const *param; /* [OP_PARAMS_MAX]; forward with `training` may write OP_ROLE_STATISTICS, nothing else */

    /* backward only */
    const float *out_grad;
    float *const *in_grad;    /* [inputs]; NULL: not needed */
    const bool *in_grad_add;  /* [inputs]; true: add to what is there, false: overwrite */
    float *const *param_grad; /* [OP_PARAMS_MAX]; NULL: not needed; overwritten */

    const float
        *prepared; /* forward: what op_def.prepare wrote of these parameters; NULL: it is made in the workspace */

    float *saved;     /* op_def.saved_floats floats, from forward to its backward; NULL when no backward follows */
    float *workspace; /* op_def.workspace_floats floats, MEM_ALIGNed, contents undefined */

    /* fused into the last pass of conv, linear, add and batch norm: out = activation(op(in) + residual); of affine the
     * activation alone. Inference only, but of batch norm, whose backward goes through them: it reads out if there were
     * both, and of the residual's values nothing */
    enum op_activation activation;
    const struct op_attrs *activation_attrs; /* of the fused op; may be NULL for those that have none */
    const float *residual;                   /* of out_shape, or NULL; must not overlap out */
    float *residual_grad;                    /* NULL: not needed; may be out_grad (unless residual_grad_add) */
    bool residual_grad_add;

    bool batch_statistics; /* batch norm: normalise by this batch and move the running statistics */
    bool again;          /* forward of a step that ran before on the same values: `saved` is as it was left, batch norm
                              takes its statistics from there and moves none */
    bool drop;           /* dropout: active */
    uint64_t seed, step; /* dropout: the mask is a pure function of (seed, step, salt, element) */
    uint64_t salt;       /* differs from node to node */
    struct team *team;
};

enum op_needs { OP_NEEDS_IN = 1, OP_NEEDS_OUT = 2 }; /* what backward reads of forward's values */

struct op_def {
    const char *name;           /* "conv" */
    int inputs_min, inputs_max; /* max -1: any number */
    unsigned needs;             /* op_needs bits */
    /* Forward allows out == in[0] (not where a backward follows that needs in), backward in_grad[0] == out_grad (unless
     * in_grad_add). */
    bool in_place;
    enum op_activation activation; /* what it is called as an epilogue; OP_ACT_NONE: no activation */

    /* Writes the output shape, or says what does not fit. in[i].n are equal. */
    bool (*shape)(const struct op_attrs *attrs, int inputs, const struct shape4 *in, struct shape4 *out,
                  struct error *error);
    /* Fills param, returns how many (0..OP_PARAMS_MAX). NULL: none. */
    int (*params)(const struct op_attrs *attrs, const struct shape4 *in, struct op_param param[OP_PARAMS_MAX]);
    void (*cost)(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, struct op_cost *cost);
    /* Floats needed between forward and backward; NULL: 0. */
    size_t (*saved_floats)(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out);
    /* Scratch floats of one call of either direction by a team of that many threads, enough for fewer images too (the
     * last batch of an epoch); NULL: 0. */
    size_t (*workspace_floats)(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, int threads,
                               bool backward);
    /* The ways to do a job on these shapes, the one that the built-in rule takes first; how many. NULL: there is one. */
    int (*kernels)(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out, enum op_job job,
                   struct op_kernel list[OP_KERNELS_MAX]);
    /* Weights in the form in which the forward kernel of attrs reads them, for a plan whose weights do not move: floats of
     * it, and the pass that writes it (attrs, shapes, param and team of the call are read). NULL or 0 floats: none. A call by
     * one thread that has them needs as many floats less of workspace. */
    size_t (*prepared_floats)(const struct op_attrs *attrs, const struct shape4 *in, struct shape4 out);
    void (*prepare)(const struct op_call *call, float *prepared);
    /* The kernels. Buffers of a call do not overlap but as in_place allows. OP_INPUT has none, and no shape rule: the
     * graph states its shape and the executor supplies its values. */
    void (*forward)(const struct op_call *call);
    void (*backward)(const struct op_call *call);
    void (*forward_reference)(const struct op_call *call); /* plain loops, one thread, no workspace */
    void (*backward_reference)(const struct op_call *call);
};

const struct op_def *op_get(enum op_kind kind); /* the table's row; static */

#endif
