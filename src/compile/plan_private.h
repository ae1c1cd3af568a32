/* Inside a plan: what plan*.c build and exec.c runs.
 *
 * Steps run in order; step s runs forward at time s and the loss is read at time `steps`. Call i of the backward pass, a
 * step's backward or, where its value was not kept, its forward once more, runs at time steps + 1 + i. The time after the
 * last of them (plan_last_time) is the end of a training step; what lives until then is never reused. */
#ifndef THAW_SRC_COMPILE_PLAN_PRIVATE_H
#define THAW_SRC_COMPILE_PLAN_PRIVATE_H

#include "thaw/base/mem.h"
#include "thaw/compile/plan.h"

enum { PLAN_ALIGN = MEM_ALIGN / sizeof(float), PLAN_NONE = -1 };

/* A stretch of the arena and the times, first and last, at which its contents matter. Values that an op transforms in
 * place share one. */
struct plan_buffer {
    size_t floats, offset; /* floats from the start of the arena; of a portion: for the first lane */
    int start, end;
    bool portion;  /* holds no more than a portion: each lane has its own */
    size_t within; /* floats from the start of a lane, of a portion */
};

/* Who runs a portion: the team together (the first lane), or each worker a portion of its own. */
struct plan_lane {
    struct team *team;
    size_t shift, workspace; /* floats: added to the offset of a portion's buffer; where its workspace lies */
    struct shape4 *in_shape; /* [most inputs of a step] */
    const float **in;        /* [most inputs of a step] */
};

/* One call of an op, with what is folded into it. */
struct plan_step {
    int node;     /* whose op it is and whose inputs it reads */
    int out_node; /* whose value it writes: `node`, or the last node folded into it */
    int norm;     /* the batch norm or affine folded into its weights, or PLAN_NONE */
    int residual; /* the node whose value is added before the activation, or PLAN_NONE */
    enum op_activation activation;
    const struct op_attrs *activation_attrs; /* the graph's */
    struct op_attrs attrs;
    int images;                       /* it runs so many at a time, together with ... */
    int stretch_end;                  /* ... the steps up to and including this one */
    bool lanes;                       /* portions are as many as workers: each may run one by itself */
    bool backward;                    /* has a backward call */
    unsigned needs;                   /* what that reads of the forward pass's values (op_needs bits) */
    bool moves_statistics, may_drop;  /* when run with `train` */
    int back, again;                  /* times of its backward call, and of its second forward; PLAN_NONE: without */
    int saved;                        /* buffer, or PLAN_NONE */
    size_t folded[2];                 /* offsets of folded weight and bias; used where norm is set */
    size_t prepared;                  /* offset of the weights as the kernel reads them; SIZE_MAX: it takes param */
    float *param[OP_PARAMS_MAX];      /* in graph->values, or folded */
    float *param_grad[OP_PARAMS_MAX]; /* NULL: does not move */
    struct shape4 *in_shape;          /* [inputs], n set by each call */
    float **in_grad;                  /* [inputs]; NULL: not needed */
    bool *in_grad_add;                /* [inputs] */
    float *residual_grad;             /* NULL: not needed */
    bool residual_grad_add;
};

/* A call of the backward pass. */
struct plan_call {
    int step;
    bool again; /* its forward once more; else its backward */
};

struct plan {
    const struct graph *graph;
    struct team *team; /* NULL: a dry plan */
    int threads;
    const struct kernel_table *kernels; /* until the plan is made */
    int batch, portion, start;
    size_t budget;
    enum plan_half half;
    bool training, fold, poison, no_winograd;
    int frontier;     /* nodes below it are inference only */
    int steps;        /* all */
    int frozen_steps; /* of them, those below the frontier */
    struct plan_step *step;
    int calls; /* of the backward pass */
    struct plan_call *call;
    unsigned char *fixed; /* [nodes] freeze marks, as they were at creation */
    bool *reaches;        /* [nodes] the logits depend on it */
    bool *whole;          /* [nodes] its value has room for the whole batch, not for a portion of its step's images */
    bool *wants_grad;     /* [nodes] the gradient of its output is needed */
    bool *dropped;        /* [nodes] its value is not kept for the backward pass, but computed again there */
    size_t *node_floats;  /* [nodes] of its value for the whole batch */
    int *producer;        /* [nodes] the step that writes its value; PLAN_NONE: none here */
    int *value;           /* [nodes] buffer of its output; PLAN_NONE: folded away, or the caller's input */
    int *again;           /* [nodes] buffer of its output as computed again; PLAN_NONE: it is not */
    int *gradient;        /* [nodes] buffer of its output's gradient; PLAN_NONE: not needed, or the caller's */
    int buffers, buffers_room;
    struct plan_buffer *buffer;
    int crossings;
    int *crossing;    /* [crossings] nodes */
    bool reads_input; /* the thawed half reads the caller's input */
    int *param_grad;  /* [params] buffer of its gradient; PLAN_NONE: does not move */
    size_t workspace, workspace_floats;
    int lanes_buffer;       /* of all lanes' portions; PLAN_NONE: there are none */
    size_t lane_floats;     /* of one */
    size_t lane_workspace;  /* floats of a worker that runs by itself */
    struct plan_lane *lane; /* [1 + threads]: the team, then each worker */
    struct team *alone;     /* of one */
    size_t permanent;       /* floats at the start of the arena that are no planned buffer */
    size_t floats;          /* of the arena */
    bool beyond;            /* what the machine has: floats are the least that it would take, nothing has a place */
    struct arena *arena;

    /* of the forward pass last run, for its backward */
    const float *input;
    bool train;
    uint64_t seed, op_step;
};

/* plan_fold.c: nodes to steps. */
void plan_lower(struct plan *plan) THAW_NONNULL;
/* Writes the folded weights into the arena. */
void plan_fold_weights(struct plan *plan) THAW_NONNULL;

/* plan_kernels.c: sets attrs.kernel of every step. */
void plan_choose_kernels(struct plan *plan) THAW_NONNULL;
/* See plan_kernel_name. */
const char *plan_step_kernel(const struct plan *plan, const struct plan_step *step, enum op_job job) THAW_NONNULL;
/* Floats of a frozen step's prepared weights; 0: its kernel takes them as they are. */
size_t plan_prepared_floats(const struct plan *plan, int step) THAW_NONNULL;
/* Writes them, from the step's parameters or, folded, from others. */
void plan_prepare_step(struct plan *plan, int step, float *const *param) THAW_NONNULL;

/* plan_portions.c: how many images the steps run together, and which values span the batch. */
void plan_portions(struct plan *plan) THAW_NONNULL;

/* plan_buffers.c: what is not planned by liveness, at the start of the arena: folded and prepared weights; behind them the
 * workspace that all calls share, whose size is asked for every number of images up to the batch and so takes a while. */
void plan_place_weights(struct plan *plan) THAW_NONNULL;
void plan_place_workspace(struct plan *plan) THAW_NONNULL;
/* Floats of the largest value that a step writes. */
size_t plan_largest_value(const struct plan *plan) THAW_NONNULL;
/* Lives of everything else for the values dropped now, and the most floats that live together: no layout takes less. */
size_t plan_lives(struct plan *plan) THAW_NONNULL;
/* Their places behind what is permanent; sets plan->floats. */
void plan_places(struct plan *plan) THAW_NONNULL;
/* Sets `needs` of every step. */
void plan_find_needs(struct plan *plan) THAW_NONNULL;

/* plan_recompute.c: the calls of the backward pass, for the values dropped now. */
void plan_schedule(struct plan *plan) THAW_NONNULL;
/* Drops values until the plan takes no more than `budget` bytes, with the least work that its search finds, and lays it
 * out. false: nothing fits; the plan is then laid out as small as the search can make it. */
bool plan_recompute(struct plan *plan, size_t budget) THAW_NONNULL THAW_MUST_CHECK;

/* Whether a node's half is in this plan. */
static inline bool plan_holds(const struct plan *plan, int node)
{
    return plan->half == PLAN_WHOLE || (plan->half == PLAN_FROZEN) == (node < plan->frontier);
}

static inline int plan_last_time(const struct plan *plan)
{
    return plan->steps + 1 + plan->calls;
}

static inline size_t plan_align(size_t floats)
{
    return (floats + PLAN_ALIGN - 1) / PLAN_ALIGN * PLAN_ALIGN;
}

static inline struct shape4 plan_shape(const struct plan *plan, int node, int n)
{
    struct shape4 shape = plan->graph->node[node].shape;
    shape.n = n;
    return shape;
}

static inline float *plan_floats(const struct plan *plan, size_t offset)
{
    return (float *)arena_at(plan->arena, 0) + offset;
}

/* The kernel that does a job of a node, a word for people and records: static; NULL: there is no choice, or no step.
 * Forward, and where gradients are computed the two others. */
const char *plan_kernel_name(const struct plan *plan, int node, enum op_job job) THAW_NONNULL;

#endif
