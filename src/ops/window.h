/* Sliding windows: what convolutions and pools have in common. */
#ifndef THAW_OPS_WINDOW_H
#define THAW_OPS_WINDOW_H

#include "thaw/ops/op.h"

/* Output height and width of a window over `in`, out->n and out->c untouched; false with a sentence when attrs are out
 * of range or the window does not fit. ceil_mode is honoured (torch's rule). */
bool window_shape(const char *op, const struct op_attrs *attrs, struct shape4 in, struct shape4 *out,
                  struct error *error) THAW_NONNULL;

/* Which kernel positions a coordinate of one axis meets: `at` is the partner's coordinate, `k` the kernel's. */
struct window_tap {
    int k, at;
};

/* The tap lists of one axis, in a call's workspace. */
struct window_axis {
    int *count;              /* [targets] */
    struct window_tap *taps; /* [targets][kernel] */
};
size_t window_axis_floats(int targets, int kernel);
/* The axes of an image written from an image read; `room` holds both, the rows' lists first. */
void window_axes(bool backward, const struct op_attrs *attrs, struct shape4 to, struct shape4 from, float *room,
                 struct window_axis *y, struct window_axis *x) THAW_NONNULL;

#endif
