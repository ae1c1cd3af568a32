/* Activations, elementwise: what the activation ops run and what conv, linear and add fuse into their last pass. Called
 * from tasks, on a task's own stretch; vectorised, and the same bits however a range is cut. */
#ifndef THAW_OPS_ACTIVATE_H
#define THAW_OPS_ACTIVATE_H

#include <stddef.h>

#include "thaw/ops/op.h"

/* out (count) = activation(in); out may be in. */
void activate(enum op_activation activation, const struct op_attrs *attrs, float *out, const float *in, size_t count);
/* to (count) = or += gradient * slope. value: forward's output, or its input where the op's row says OP_NEEDS_IN. to
 * may be gradient. */
void activate_gradient(enum op_activation activation, const struct op_attrs *attrs, float *to, const float *value,
                       const float *gradient, size_t count, bool add);

/* True, and between what, where the activation holds its argument to low..high and does nothing else. */
bool activate_bounds(enum op_activation activation, const struct op_attrs *attrs, float *low, float *high);
/* Whether activate_gradient takes its slope at the output; else it does at the input. */
bool activate_slope_is_of_output(enum op_activation activation);

/* The reference twins: the definition and its slope at x, in double. */
double activate_reference(enum op_activation activation, const struct op_attrs *attrs, double x);
double activate_slope_reference(enum op_activation activation, const struct op_attrs *attrs, double x);

#endif
