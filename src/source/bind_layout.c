/* Layouts: a parameter between the order of its elements here ("native", see ops/op.h) and in the source libraries.
 *
 *   torch   conv (out, in / groups, kh, kw), linear (out, in)
 *   keras   conv (kh, kw, in, out), depthwise (kh, kw, c, multiplier), linear (in, out): native but for shapes, except
 *           that a linear layer behind a flattened image has its rows in h,w,c order, ours follow the graph's flatten
 * One-dimensional parameters are the same everywhere. Called by bind and by its export. */
#include "config.h"

#include <string.h>

#include "bind_private.h"
#include "thaw/base/macros.h"
#include "thaw/base/sanitize.h"

static enum op_kind kind_of(const struct graph *graph, int param)
{
    return graph->param[param].role == OP_ROLE_WEIGHT ? graph->node[graph->param[param].node].kind : OP_KINDS;
}

/* Floats of a cache line: what is turned goes by squares of them, so that each line is read and written once. */
enum { LINE = 16 };

static size_t line_end(size_t at, size_t most)
{
    return at + LINE < most ? at + LINE : most;
}

/* Native (outer, c_in, c_out) to (c_out, c_in, outer). outer: kh * kw, 1 for linear. */
THAW_UNCHECKED static void swap_ends(const float *from, float *to, size_t outer, size_t c_in, size_t c_out)
{
    for (size_t j0 = 0; j0 < c_in; j0 += LINE)
        for (size_t k0 = 0; k0 < c_out; k0 += LINE)
            for (size_t k = k0; k < line_end(k0, c_out); k++)
                for (size_t j = j0; j < line_end(j0, c_in); j++)
                    for (size_t i = 0; i < outer; i++)
                        to[(k * c_in + j) * outer + i] = from[(i * c_in + j) * c_out + k];
}

/* The three lengths of a native kernel as swap_ends takes it; false where there is nothing to swap. */
static bool kernel_lengths(const struct graph *graph, int param, size_t length[3])
{
    const struct shape *shape = &graph->param[param].shape;
    enum op_kind kind = kind_of(graph, param);
    if (kind != OP_CONV && kind != OP_LINEAR)
        return false;
    length[0] = kind == OP_CONV ? (size_t)(shape->dim[0] * shape->dim[1]) : 1;
    length[1] = (size_t)shape->dim[shape->rank - 2];
    length[2] = (size_t)shape->dim[shape->rank - 1];
    return true;
}

struct shape bind_torch_shape(const struct graph *graph, int param)
{
    return bind_file_shape(graph, param, WEIGHTS_TORCH);
}

void bind_to_torch(const struct graph *graph, int param, const float *native, float *torch)
{
    size_t length[3];
    check_floats(native, graph->param[param].count);
    check_floats(torch, graph->param[param].count);
    if (kernel_lengths(graph, param, length))
        swap_ends(native, torch, length[0], length[1], length[2]);
    else
        memcpy(torch, native, graph->param[param].count * sizeof *torch);
}

void bind_from_torch(const struct graph *graph, int param, const float *torch, float *native)
{
    bind_from_file(graph, param, WEIGHTS_TORCH, torch, native);
}

static bool is_depthwise(const struct graph *graph, int param)
{
    const struct graph_node *node = &graph->node[graph->param[param].node];
    return node->attrs.groups > 1 && node->attrs.groups == graph->node[node->input[0]].shape.c;
}

struct shape bind_file_shape(const struct graph *graph, int param, enum weights_layout layout)
{
    struct shape native = graph->param[param].shape;
    const int64_t *dim = native.dim;
    enum op_kind kind = kind_of(graph, param);
    if (kind == OP_CONV && layout == WEIGHTS_TORCH && graph->node[graph->param[param].node].attrs.linear_weight)
        return shape_make(2, (int64_t[]){dim[3], dim[2]});
    if (kind == OP_AFFINE && layout == WEIGHTS_TORCH && !graph->node[graph->param[param].node].attrs.linear_weight)
        return shape_make(3, (int64_t[]){dim[0], 1, 1}); /* a scale there is spread over (n, c, h, w) */
    if ((kind == OP_TOKENS || kind == OP_POSITION) && layout == WEIGHTS_TORCH) /* and rows over n */
        return shape_make(3, (int64_t[]){1, dim[0], dim[1]});
    if (kind == OP_CONV && layout == WEIGHTS_TORCH)
        return shape_make(4, (int64_t[]){dim[3], dim[2], dim[0], dim[1]});
    if (kind == OP_LINEAR && layout == WEIGHTS_TORCH)
        return shape_make(2, (int64_t[]){dim[1], dim[0]});
    if (kind == OP_CONV && is_depthwise(graph, param)) {
        int64_t groups = graph->node[graph->param[param].node].attrs.groups;
        return shape_make(4, (int64_t[]){dim[0], dim[1], groups, dim[3] / groups});
    }
    return native;
}

/* Without ones at its ends: a 1x1 convolution is a linear layer in some files, (out, in) or (in, out). */
static struct shape trimmed(const struct shape *shape)
{
    int first = 0, last = shape->rank;
    while (last > first + 1 && shape->dim[last - 1] == 1)
        last--;
    while (last > first + 1 && shape->dim[first] == 1)
        first++;
    return shape_make(last - first, shape->dim + first);
}

bool bind_shape_fits(const struct shape *file, const struct shape *wanted)
{
    struct shape a = trimmed(file), b = trimmed(wanted);
    return shape_equal(&a, &b);
}

/* A linear layer over a flattened map as a convolution whose kernel is the map, (out, c, h, w): the order is the same. */
static bool is_flat_conv(const struct shape *file, const struct shape *linear)
{
    return file->rank == 4 && linear->rank == 2 && file->dim[0] == linear->dim[0] &&
           shape_count(file) == shape_count(linear);
}

bool bind_param_fits(const struct graph *graph, int param, enum weights_layout layout, const struct shape *file)
{
    struct shape wanted = bind_file_shape(graph, param, layout);
    return bind_shape_fits(file, &wanted) || bind_position_fits(graph, param, file) ||
           (layout == WEIGHTS_TORCH && kind_of(graph, param) == OP_LINEAR && is_flat_conv(file, &wanted)) ||
           (layout == WEIGHTS_KERAS && bind_shape_fits(file, &graph->param[param].shape));
}

/* The shape of the image that a linear layer sees flattened in c,h,w order, found through what keeps the order. */
static bool is_behind_chw(const struct graph *graph, int param, struct shape4 *image)
{
    if (kind_of(graph, param) != OP_LINEAR)
        return false;
    const struct graph_node *node = &graph->node[graph->node[graph->param[param].node].input[0]];
    while (op_get(node->kind)->activation != OP_ACT_NONE || node->kind == OP_DROPOUT)
        node = &graph->node[node->input[0]];
    if (node->kind != OP_FLATTEN || !node->attrs.flatten_chw)
        return false;
    *image = graph->node[node->input[0]].shape;
    return image->c > 1 && image->h * image->w > 1;
}

bool bind_layout_differs(const struct graph *graph, int param, enum weights_layout layout)
{
    size_t length[3];
    struct shape4 image;
    if (layout == WEIGHTS_KERAS)
        return is_behind_chw(graph, param, &image);
    return kernel_lengths(graph, param, length);
}

/* Rows of (c_out, c_in, outer) to their columns of native (outer, c_in, c_out). */
THAW_UNCHECKED static void turn_rows(const float *from, float *to, size_t row, size_t rows, const size_t length[3])
{
    size_t outer = length[0], c_in = length[1], c_out = length[2], row_floats = c_in * outer;
    for (size_t r0 = 0; r0 < rows; r0 += LINE)
        for (size_t q0 = 0; q0 < row_floats; q0 += LINE)
            for (size_t q = q0; q < line_end(q0, row_floats); q++) {
                float *column = to + (q % outer * c_in + q / outer) * c_out + row;
                for (size_t r = r0; r < line_end(r0, rows); r++)
                    column[r] = from[r * row_floats + q];
            }
}

void bind_rows_from_file(const struct graph *graph, int param, enum weights_layout layout, struct bind_rows rows,
                         const float *from, float *to)
{
    size_t length[3];
    struct shape4 image;
    check_floats(from, rows.count * rows.floats);
    check_floats(to, graph->param[param].count);
    if (layout == WEIGHTS_TORCH && kernel_lengths(graph, param, length)) {
        turn_rows(from, to, rows.first, rows.count, length);
    } else if (layout == WEIGHTS_KERAS && is_behind_chw(graph, param, &image)) {
        size_t pixels = (size_t)image.h * (size_t)image.w, channels = (size_t)image.c;
        size_t out = (size_t)graph->param[param].shape.dim[1];
        for (size_t r = 0; r < rows.count; r++) {
            size_t i = (rows.first + r) / channels, c = (rows.first + r) % channels;
            memcpy(to + (c * pixels + i) * out, from + r * out, out * sizeof *to);
        }
    } else {
        memcpy(to + rows.first * rows.floats, from, rows.count * rows.floats * sizeof *to);
    }
}

void bind_from_file(const struct graph *graph, int param, enum weights_layout layout, const float *from, float *to)
{
    struct shape shape = bind_file_shape(graph, param, layout);
    size_t count = shape.rank ? (size_t)shape.dim[0] : 1;
    struct bind_rows rows = {.count = count, .floats = graph->param[param].count / count};
    bind_rows_from_file(graph, param, layout, rows, from, to);
}
