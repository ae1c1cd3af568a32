/* What a plan takes, and what running it consists of. Of a dry plan as of any other: nothing here is guessed but what
 * speed.h says of times. */
#ifndef THAW_COMPILE_PLAN_COST_H
#define THAW_COMPILE_PLAN_COST_H

#include "thaw/compile/plan.h"

/* Bytes of a plan's memory by name. */
struct plan_cost {
    size_t bytes;     /* all: plan_bytes */
    size_t weights;   /* of these: folded, and packed as a kernel reads them */
    size_t workspace; /* of these: scratch that all calls share */
    size_t values;    /* of these: the rest, where what never lives together shares its place */
    size_t gradients; /* of parameters, among the values */
    int recomputed;   /* see plan_recomputed */
    double recomputed_share;
};
struct plan_cost plan_cost(const struct plan *plan) THAW_NONNULL;

/* A call that a training step makes of an op; of a convolution's and a linear layer's backward pass, each gradient. */
enum plan_pass {
    PLAN_PASS_FROZEN,  /* below the frontier */
    PLAN_PASS_FORWARD, /* above it */
    PLAN_PASS_AGAIN,   /* once more in the backward pass, for want of memory */
    PLAN_PASS_BACKWARD,
    PLAN_PASSES
};
struct plan_job {
    int node;
    enum plan_pass pass;
    enum op_job job;    /* where the op has several; else OP_JOB_FORWARD */
    const char *kernel; /* static; NULL: there is no choice */
    int images, calls;  /* of one call; calls for the whole batch */
    /* for the whole batch */
    double macs;                   /* multiply-adds */
    double floats;                 /* that come from memory and go there: values and gradients */
    double outputs;                /* floats put out */
    double weights;                /* floats of parameters */
    enum op_activation activation; /* folded into it */
    bool training;                 /* it moves statistics or drops, where a step trains */
};
/* Writes them in their order; returns how many. `list` NULL: only counts. */
int plan_jobs(const struct plan *plan, struct plan_job *list) THAW_NONNULL_ARGS(1);

#endif
