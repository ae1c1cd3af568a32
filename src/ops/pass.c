/* Passes over memory shared by the ops: epilogues, sums, elementwise loops.
 *
 * Matrices are row-major with channels contiguous; loops vectorise over channels, so that each channel's sum has one
 * fixed order. Called by the op families, from tasks or from the thread that owns the call as pass.h says. */
#include "config.h"

#include "pass.h"

#include <math.h>
#include <string.h>

#include "activate.h"
#include "split.h"
#include "thaw/base/sanitize.h"

THAW_UNCHECKED static inline __attribute__((always_inline)) void epilogue_rows(float *restrict out, size_t stride,
                                                                               int rows, int cols,
                                                                               const float *restrict bias,
                                                                               const float *restrict residual,
                                                                               float low, float high)
{
    for (int r = 0; r < rows; r++, out += stride) {
        for (int c = 0; c < cols; c++) {
            float v = out[c];
            if (bias)
                v += bias[c];
            if (residual)
                v += residual[c];
            v = v < low ? low : v; /* in this order a NaN stays one */
            out[c] = v > high ? high : v;
        }
        if (residual)
            residual += stride;
    }
}

THAW_UNCHECKED THAW_SIMD static void epilogue(float *out, size_t stride, int rows, int cols, const float *bias,
                                              const float *residual, float low, float high)
{
    if (bias && residual)
        epilogue_rows(out, stride, rows, cols, bias, residual, low, high);
    else if (bias)
        epilogue_rows(out, stride, rows, cols, bias, NULL, low, high);
    else if (residual)
        epilogue_rows(out, stride, rows, cols, NULL, residual, low, high);
    else
        epilogue_rows(out, stride, rows, cols, NULL, NULL, low, high);
}

void pass_epilogue(float *out, size_t stride, int rows, int cols, const float *bias, const float *residual,
                   enum op_activation activation, const struct op_attrs *attrs)
{
    bool holds = activation == OP_ACT_RELU || activation == OP_ACT_RELU6; /* in the same pass */
    size_t floats = (size_t)(rows - 1) * stride + (size_t)cols;
    check_floats(out, floats);
    check_floats(residual, floats);
    check_floats(bias, (size_t)cols);
    if (bias || residual || holds)
        epilogue(out, stride, rows, cols, bias, residual, holds ? 0 : -INFINITY,
                 activation == OP_ACT_RELU6 ? 6 : INFINITY);
    if (holds || activation == OP_ACT_NONE)
        return;
    bool dense = stride == (size_t)cols;
    for (int r = 0; r < (dense ? 1 : rows); r++, out += stride)
        activate(activation, attrs, out, out, (size_t)cols * (size_t)(dense ? rows : 1));
}

THAW_UNCHECKED THAW_SIMD static void add_clones(float *restrict to, const float *restrict from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += from[i];
}

static void add_to(float *restrict to, const float *restrict from, size_t count)
{
    check_floats(to, count);
    check_floats(from, count);
    add_clones(to, from, count);
}

THAW_SIMD static void double_up(float *to, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] += to[i];
}

void pass_move(float *to, const float *from, size_t count, bool add)
{
    if (add && to == from)
        double_up(to, count);
    else if (add)
        add_to(to, from, count);
    else if (to != from)
        memcpy(to, from, count * sizeof *to);
}

struct move {
    float *to;
    const float *from;
    size_t count;
    bool add;
    int parts;
};

static void move_task(void *context, int task, int worker)
{
    (void)worker;
    const struct move *m = context;
    size_t first = split_at(m->count, m->parts, task), last = split_at(m->count, m->parts, task + 1);
    pass_move(m->to + first, m->from + first, last - first, m->add);
}

void pass_move_all(struct team *team, float *to, const float *from, size_t count, bool add)
{
    if (to == from && !add)
        return;
    struct move m = {to, from, count, add, split_parts(count, SPLIT_FLAT_GRAIN, SPLIT_FLAT_MOST)};
    team_run(team, m.parts, move_task, &m);
}

THAW_SIMD void pass_column_sums(double *restrict sum, const float *restrict x, size_t rows, int cols)
{
    for (size_t r = 0; r < rows; r++, x += cols)
        for (int c = 0; c < cols; c++)
            sum[c] += x[c];
}

struct bias {
    const float *gradient;
    size_t rows;
    int cols, parts;
    double *partial; /* (parts, cols) */
};

static void bias_task(void *context, int task, int worker)
{
    (void)worker;
    const struct bias *b = context;
    double *sum = b->partial + (size_t)task * (size_t)b->cols;
    memset(sum, 0, (size_t)b->cols * sizeof *sum);
    size_t first = split_at(b->rows, b->parts, task), last = split_at(b->rows, b->parts, task + 1);
    pass_column_sums(sum, b->gradient + first * (size_t)b->cols, last - first, b->cols);
}

size_t pass_bias_floats(size_t rows, int cols)
{
    return 2 * (size_t)cols * (size_t)split_parts(rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST);
}

void pass_bias(struct team *team, const float *gradient, size_t rows, int cols, float *workspace, float *to)
{
    struct bias b = {gradient, rows, cols, split_parts(rows, SPLIT_SUM_GRAIN, SPLIT_SUM_MOST), (double *)workspace};
    team_run(team, b.parts, bias_task, &b);
    for (int c = 0; c < cols; c++) {
        double sum = 0;
        for (int p = 0; p < b.parts; p++)
            sum += b.partial[(size_t)p * (size_t)cols + (size_t)c];
        to[c] = (float)sum;
    }
}

struct partials {
    float *to;
    const float *partial;
    size_t stride, count;
    int sums, parts;
};

static void partials_task(void *context, int task, int worker)
{
    (void)worker;
    const struct partials *p = context;
    size_t first = split_at(p->count, p->parts, task), count = split_at(p->count, p->parts, task + 1) - first;
    memcpy(p->to + first, p->partial + first, count * sizeof *p->to);
    for (int i = 1; i < p->sums; i++)
        add_to(p->to + first, p->partial + (size_t)i * p->stride + first, count);
}

void pass_sum_partials(struct team *team, float *to, const float *partial, int parts, size_t stride, size_t count)
{
    struct partials p = {to, partial, stride, count, parts, split_parts(count, SPLIT_FLAT_GRAIN / 4, SPLIT_FLAT_MOST)};
    team_run(team, p.parts, partials_task, &p);
}
