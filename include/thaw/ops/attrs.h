/* What a network is made of: the kinds of ops and what a node of each needs beyond its inputs. The table of their kernels
 * is ops/op.h. */
#ifndef THAW_OPS_ATTRS_H
#define THAW_OPS_ATTRS_H

#include <stdbool.h>

enum op_kind {
    OP_INPUT,
    OP_CONV,
    OP_LINEAR,
    OP_BATCH_NORM,
    OP_RELU,
    OP_RELU6,
    OP_MAX_POOL,
    OP_AVG_POOL,
    OP_GLOBAL_AVG_POOL, /* (n,h,w,c) -> (n,1,1,c) */
    OP_ADD,             /* two or more equal shapes */
    OP_CONCAT,          /* along channels */
    OP_FLATTEN,         /* (n,h,w,c) -> (n,1,1,h*w*c); order below */
    OP_DROPOUT,
    OP_SUBSAMPLE, /* every stride-th pixel, zero channels before and after: the option-A shortcut (He et al. 2015) */
    OP_SIGMOID,
    OP_HARD_SIGMOID, /* alpha * x + beta, held to 0..1 */
    OP_SILU,         /* x * sigmoid(x); also called swish */
    OP_HARD_SWISH,   /* x * relu6(x + 3) / 6 */
    OP_LEAKY_RELU,   /* alpha * x below 0 */
    OP_GELU,         /* x times the normal distribution's cumulative function: the exact form, by erf */
    OP_TANH,
    OP_CLIP,       /* held to low..high */
    OP_MUL,        /* two equal shapes, or the second (n,1,1,c): squeeze-and-excitation (Hu et al. 2018) */
    OP_AFFINE,     /* x * weight + bias for each channel */
    OP_LAYER_NORM, /* over the channels of each pixel (Ba et al. 2016) */
    OP_SLICE,      /* channels begin <= c < end */
    OP_SHUFFLE,    /* channels (groups, c / groups) transposed (Zhang et al. 2018) */
    OP_PAD,        /* paddings of pad_value around the image; a negative one crops */
    OP_QUICK_GELU, /* x * sigmoid(1.702 x): OpenAI's stand-in for gelu */
    OP_ATTENTION, /* (n,h,w,3c) -> (n,h,w,c): pixels are tokens, their channels query, key and value (Vaswani et al. 2017) */
    OP_TOKENS,           /* (n,h,w,c) -> (n,1,h*w+tokens,c): rows that learn, the same for all images */
    OP_POSITION,         /* x + weight, (h*w,c), the same for all images */
    OP_WINDOW_ATTENTION, /* attention within windows of kernel_h x kernel_w, shifted by pad_top and pad_left, with a bias for
                            each distance (Liu et al. 2021) */
    OP_GELU_TANH,        /* gelu with the cumulative function approximated by tanh (Hendrycks and Gimpel 2016) */
    OP_KINDS
};

enum op_activation {
    OP_ACT_NONE,
    OP_ACT_RELU,
    OP_ACT_RELU6,
    OP_ACT_SIGMOID,
    OP_ACT_HARD_SIGMOID,
    OP_ACT_SILU,
    OP_ACT_HARD_SWISH,
    OP_ACT_LEAKY_RELU,
    OP_ACT_GELU,
    OP_ACT_TANH,
    OP_ACT_CLIP,
    OP_ACT_QUICK_GELU,
    OP_ACT_GELU_TANH,
    OP_ACTIVATIONS
};

/* The computations of a node that may each be done in several ways. */
enum op_job { OP_JOB_FORWARD, OP_JOB_DATA_GRADIENT, OP_JOB_WEIGHT_GRADIENT, OP_JOBS };

/* What a node of some kind needs beyond its inputs; fields not of its kind are zero. */
struct op_attrs {
    /* conv, pools: window; strides, dilations >= 1; paddings per side, pixels. Pools: kernel + stride + padding. */
    int kernel_h, kernel_w;
    int stride_h, stride_w;
    int pad_top, pad_left, pad_bottom, pad_right;
    int dilation_h, dilation_w;
    int groups;
    int out_channels;    /* conv, linear */
    bool bias;           /* conv, linear, affine */
    bool linear_weight;  /* conv 1x1: a linear layer over each pixel's channels, and so is its weight in files; affine:
                                (c) there, not (c,1,1) */
    bool ceil_mode;      /* pools: round the output size up (torch's rule: no window starts in the right padding) */
    bool count_padding;  /* average pool: padding counts in the divisor (torch: count_include_pad) */
    float eps, momentum; /* norms; momentum in torch's sense: new = (1 - m) * old + m * batch */
    bool no_scale, no_shift;   /* batch norm: weight stays 1, bias stays 0 (OP_ROLE_CONSTANT) */
    float rate;                /* dropout: probability of zero */
    bool flatten_chw;          /* flatten in c,h,w order, as torch weights of a following linear expect it */
    int pad_before, pad_after; /* subsample: zero channels on each side */
    float alpha, beta;         /* hard sigmoid; leaky relu: alpha >= 0 */
    float low, high;           /* clip */
    bool constant;             /* affine: never learns (OP_ROLE_CONSTANT) */
    int begin, end;            /* slice: channels; tokens: the row they are put before */
    float pad_value;           /* pad */
    int heads;                 /* attention */
    int tokens;         /* tokens: how many; position: those in front of the patches; attention: 0, or the first so
                                  many ask and the others are asked: out is (n,1,tokens,c) */
    int grid_h, grid_w; /* position: the patches behind the tokens */
    bool antialias;     /* position: how those of another grid become these, see bind_position.c */
    float offset;
    /* No part of the architecture, zero in a graph: how a plan has each job of a conv done, an op_kernel's number. */
    unsigned char kernel[OP_JOBS];
};
struct op_attrs op_attrs_default(void); /* neutral values: strides, dilations, groups 1, the rest 0 */

#endif
