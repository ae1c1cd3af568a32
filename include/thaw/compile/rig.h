/* One node of a network by itself, on noise: what an op takes on this machine is measured with it. */
#ifndef THAW_COMPILE_RIG_H
#define THAW_COMPILE_RIG_H

#include "thaw/base/parallel.h"
#include "thaw/network/graph.h"

/* What is measured is this part of what it takes to know a machine: of a program that is built with sanitizers nobody
 * wants to know how fast it is. */
#ifdef THAW_SANITIZED
enum { RIG_PART = 8 };
#else
enum { RIG_PART = 1 };
#endif

/* What a rig runs. */
enum rig_pass {
    RIG_FORWARD,  /* as inference does it */
    RIG_TRAINED,  /* as a training step does it: statistics of the batch, active dropout */
    RIG_DATA,     /* backward, the inputs' gradients alone */
    RIG_WEIGHTS,  /* backward, the parameters' gradients alone */
    RIG_BACKWARD, /* both, behind a trained forward pass */
    RIG_PASSES
};

/* Buffers of a node for so many images, full of noise; parameters too, so the graph needs no values. Graph and team are
 * borrowed. */
struct rig;
struct rig *rig_create(const struct graph *graph, int node, int images, struct team *team) THAW_NONNULL;
void rig_destroy(struct rig *rig);

/* A way to run it: a pass, by a kernel of op_def.kernels (0: the built-in rule's). kept: forward with the weights in the
 * form that a frozen layer keeps them in, where the kernel has one. Borrows the rig; several ways share its buffers. */
struct rig_way;
struct rig_way *rig_way_create(struct rig *rig, enum rig_pass pass, unsigned char kernel, bool kept) THAW_NONNULL;
void rig_way_destroy(struct rig_way *way);
double rig_run(struct rig_way *way) THAW_NONNULL; /* once; seconds */
/* Seconds of a call: the least of `runs` behind one that touches fresh memory; of fewer, once one takes more than `most`.
 * Where others keep the team from its cores (or its threads were put on one), calls go on until they have left off, a tenth
 * of a second (over RIG_PART) at most. */
double rig_time(struct rig_way *way, int runs, double most) THAW_NONNULL;

#endif
