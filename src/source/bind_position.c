/* Embeddings of positions for another grid of patches than the file's. The rows of the tokens in front stay as they are;
 * those of the patches are an image, which is resized, by one of two rules:
 *   antialiased   bicubic (a = -0.5), its support widened where it shrinks: as timm does, for ViT and DeiT; and the
 *                 authors of DINOv2 with registers
 *   offset        bicubic (a = -0.75) of four neighbours, the scale being that of sides larger by the offset: the authors of DINOv2
 * Files that hold no rows for the tokens have added them to the tokens themselves (timm's with registers): those are 0.
 * Called by bind. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

struct grid {
    int h, w;
};

static const struct graph_node *node_of(const struct graph *graph, int param)
{
    return &graph->node[graph->param[param].node];
}

bool bind_is_position(const struct graph *graph, int param)
{
    return node_of(graph, param)->kind == OP_POSITION;
}

static int64_t rows_of(const struct shape *shape)
{
    return shape->rank >= 2 ? shape->dim[shape->rank - 2] : 0;
}

static bool is_square(int64_t rows, struct grid *grid)
{
    int side = (int)lround(sqrt((double)rows));
    *grid = (struct grid){side, side};
    return rows > 0 && rows <= INT32_MAX && (int64_t)side * side == rows;
}

/* The file's grid, and whether its tokens have rows. false: no rows, or of no grid. */
static bool find_grid(const struct graph *graph, int param, const struct shape *file, struct grid *grid, bool *tokens)
{
    int in_front = node_of(graph, param)->attrs.tokens;
    int64_t rows = rows_of(file);
    bool fits = file->rank <= 3 && shape_count(file) == rows * node_of(graph, param)->shape.c;
    *tokens = is_square(rows - in_front, grid);
    return fits && (*tokens || is_square(rows, grid));
}

bool bind_position_fits(const struct graph *graph, int param, const struct shape *file)
{
    struct grid grid;
    bool tokens;
    return bind_is_position(graph, param) && find_grid(graph, param, file, &grid, &tokens);
}

bool bind_position_changes(const struct graph *graph, int param, const struct weights *weights,
                           const struct shape *file, char *detail, size_t size)
{
    struct grid grid;
    struct preprocess own;
    bool tokens;
    const struct op_attrs *attrs = &node_of(graph, param)->attrs;
    bool same = rows_of(file) == graph->param[param].shape.dim[0];
    /* what thaw wrote for sides that differ has as many rows, and is meant so */
    bool meant = same && bind_file_preprocess(weights, &own) && own.height == graph->node[0].shape.h &&
                 own.width == graph->node[0].shape.w;
    if (!bind_is_position(graph, param) || meant || !find_grid(graph, param, file, &grid, &tokens))
        return false;
    if (tokens && grid.h == attrs->grid_h && grid.w == attrs->grid_w)
        return false;
    snprintf(detail, size, "%dx%d positions -> %dx%d", grid.h, grid.w, attrs->grid_h, attrs->grid_w);
    return true;
}

/* --- resizing: weights [out][in] of one side --- */

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static void weigh_antialiased(double *weight, int out, int in)
{
    double scale = (double)in / out, wide = scale > 1 ? scale : 1;
    for (int o = 0; o < out; o++, weight += in) {
        double centre = scale * (o + 0.5), sum = 0;
        int first = (int)(centre - 2 * wide + 0.5), last = (int)(centre + 2 * wide + 0.5);
        for (int i = first < 0 ? 0 : first; i < in && i < last; i++)
            sum += weight[i] = cubic((i - centre + 0.5) / wide, -0.5);
        for (int i = 0; i < in; i++)
            weight[i] /= sum;
    }
}

static void weigh_neighbours(double *weight, int out, int in, double offset)
{
    double scale = in / (out + offset);
    for (int o = 0; o < out; o++, weight += in) {
        double at = scale * (o + 0.5) - 0.5;
        int below = (int)floor(at);
        for (int i = below - 1; i <= below + 2; i++)
            weight[i < 0 ? 0 : i >= in ? in - 1 : i] += cubic(at - i, -0.75);
    }
}

static double *make_weights(const struct op_attrs *attrs, int out, int in)
{
    double *weight = mem_array((size_t)out * (size_t)in, sizeof *weight);
    if (attrs->antialias)
        weigh_antialiased(weight, out, in);
    else
        weigh_neighbours(weight, out, in, (double)attrs->offset);
    return weight;
}

/* to [c] = the patch of row y and column x. */
static void resample(const double *rows, const double *columns, struct grid from, const float *patches, size_t c,
                     double *sum, float *to)
{
    memset(sum, 0, c * sizeof *sum);
    for (int i = 0; i < from.h * from.w; i++) {
        double weight = rows[i / from.w] * columns[i % from.w];
        for (size_t k = 0; k < c && weight != 0; k++)
            sum[k] += weight * (double)patches[(size_t)i * c + k];
    }
    for (size_t k = 0; k < c; k++)
        to[k] = (float)sum[k];
}

void bind_position_resize(const struct graph *graph, int param, const struct shape *file, const float *values)
{
    struct grid grid;
    bool tokens;
    const struct op_attrs *attrs = &node_of(graph, param)->attrs;
    if (!find_grid(graph, param, file, &grid, &tokens))
        return;
    float *to = graph_param_values(graph, param);
    size_t c = (size_t)node_of(graph, param)->shape.c, front = (size_t)attrs->tokens * c;
    double *rows = make_weights(attrs, attrs->grid_h, grid.h), *columns = make_weights(attrs, attrs->grid_w, grid.w);
    double *sum = mem_array(c, sizeof *sum);
    memset(to, 0, front * sizeof *to);
    if (tokens)
        memcpy(to, values, front * sizeof *to);
    for (int i = 0; i < attrs->grid_h * attrs->grid_w; i++)
        resample(rows + i / attrs->grid_w * grid.h, columns + i % attrs->grid_w * grid.w, grid,
                 values + (tokens ? front : 0), c, sum, to + front + (size_t)i * c);
    mem_free(rows);
    mem_free(columns);
    mem_free(sum);
}
