/* Sliding windows: output sizes and, along one axis, which outputs meet which inputs.
 *
 * An output o reads inputs o * stride - padding + k * dilation for k in 0..kernel-1. Called by the conv and pool
 * families. Sums are made in 64 bits: attributes may come out of a file. */
#include "config.h"

#include "window.h"

#include "split.h"

enum { SIZE_MAX_SIDE = 1 << 24 }; /* no image side comes near; keeps every product of coordinates in range */

static bool axis_shape(const char *op, const char *axis, int64_t in, int64_t kernel, int64_t stride, int64_t before,
                       int64_t after, int64_t dilation, bool ceil_mode, int *out, struct error *error)
{
    if (kernel < 1 || stride < 1 || dilation < 1 || before < 0 || after < 0)
        return error_set(error, ERROR_FAILED,
                         "%s: kernel, stride and dilation must be at least 1 and padding at least 0 along the %s", op,
                         axis);
    if (kernel > SIZE_MAX_SIDE || stride > SIZE_MAX_SIDE || dilation > SIZE_MAX_SIDE || before > SIZE_MAX_SIDE ||
        after > SIZE_MAX_SIDE)
        return error_set(error, ERROR_FAILED, "%s: kernel, stride, dilation or padding along the %s is absurdly large",
                         op, axis);
    int64_t extent = dilation * (kernel - 1) + 1, room = in + before + after - extent;
    if (room < 0)
        return error_set(error, ERROR_FAILED,
                         "%s: a window of %lld does not fit into an image %s of %lld with padding %lld and %lld", op,
                         (long long)extent, axis, (long long)in, (long long)before, (long long)after);
    int64_t size = room / stride + 1;
    if (ceil_mode && room % stride != 0 && size * stride < in + before)
        size++; /* the extra window is kept only where it starts inside the image or the padding before it */
    *out = (int)size;
    return true;
}

bool window_shape(const char *op, const struct op_attrs *attrs, struct shape4 in, struct shape4 *out,
                  struct error *error)
{
    return axis_shape(op, "height", in.h, attrs->kernel_h, attrs->stride_h, attrs->pad_top, attrs->pad_bottom,
                      attrs->dilation_h, attrs->ceil_mode, &out->h, error) &&
           axis_shape(op, "width", in.w, attrs->kernel_w, attrs->stride_w, attrs->pad_left, attrs->pad_right,
                      attrs->dilation_w, attrs->ceil_mode, &out->w, error);
}

/* For every target coordinate 0..targets-1 the taps that fall inside 0..sources-1, `kernel` slots each; count[target]
 * of them are filled, in order of k. Forward: targets are outputs, sources inputs. Backward: the other way round. */
static void window_taps(bool backward, int targets, int sources, int kernel, int stride, int padding, int dilation,
                        int *count, struct window_tap *taps)
{
    for (int t = 0; t < targets; t++, taps += kernel) {
        count[t] = 0;
        for (int k = 0; k < kernel; k++) {
            int at = backward ? t + padding - k * dilation : t * stride - padding + k * dilation;
            if (at < 0 || (backward && at % stride != 0))
                continue;
            at = backward ? at / stride : at;
            if (at < sources)
                taps[count[t]++] = (struct window_tap){k, at};
        }
    }
}

size_t window_axis_floats(int targets, int kernel)
{
    size_t bytes = (size_t)targets * (sizeof(int) + (size_t)kernel * sizeof(struct window_tap));
    return split_line(bytes / sizeof(float));
}

void window_axes(bool backward, const struct op_attrs *a, struct shape4 to, struct shape4 from, float *room,
                 struct window_axis *y, struct window_axis *x)
{
    y->count = (int *)(void *)room;
    y->taps = (struct window_tap *)(y->count + to.h);
    x->count = (int *)(void *)(room + window_axis_floats(to.h, a->kernel_h));
    x->taps = (struct window_tap *)(x->count + to.w);
    window_taps(backward, to.h, from.h, a->kernel_h, a->stride_h, a->pad_top, a->dilation_h, y->count, y->taps);
    window_taps(backward, to.w, from.w, a->kernel_w, a->stride_w, a->pad_left, a->dilation_w, x->count, x->taps);
}
