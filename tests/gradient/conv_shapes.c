/* The table of convolutions. Drawn ones let every property meet every other; picked ones are edges that draws do not reach,
 * and shapes large enough to be cut into several tasks each way. Small as each cut allows: the reference twin is slow. */
#include "config.h"

#include "conv_shapes.h"
#include "thaw/base/rng.h"

#define CONV(n_, h_, w_, in_, out_, kernel_h_, kernel_w_, ...)                                                         \
    {                                                                                                                  \
        .n = n_, .h = h_, .w = w_, .in = in_, .out = out_, .kernel_h = kernel_h_, .kernel_w = kernel_w_, __VA_ARGS__   \
    }
#define PADS(t, l, b, r) .top = t, .left = l, .bottom = b, .right = r
#define PAD(all)         PADS(all, all, all, all)
#define STRIDE(y, x)     .stride_h = y, .stride_w = x
#define DILATION(y, x)   .dilation_h = y, .dilation_w = x
#define GROUPS(count)    .groups = count

static const struct conv_layer picked[] = {
    /* Neighbouring windows a multiple of 1024 floats apart, which op_conv_sweep.c copies apart: 1x1 as a matrix, */
    CONV(1, 7, 5, 1024, 17, 1, 1, PAD(0)),
    CONV(2, 3, 3, 1024, 33, 1, 1, PAD(0)),
    CONV(1, 15, 13, 1024, 3, 1, 1, PAD(0)),
    CONV(1, 9, 7, 2048, 5, 1, 1, PAD(0)),
    CONV(5, 1, 1, 2048, 3, 1, 1, PAD(0)),
    CONV(3, 1, 1, 1024, 1024, 1, 1, PAD(0)),
    /* the same of the output's gradient, */
    CONV(1, 4, 5, 3, 1024, 1, 1, PAD(0)),
    CONV(2, 3, 4, 33, 1024, 1, 1, PAD(0)),
    CONV(1, 5, 6, 7, 2048, 1, 1, PAD(0), STRIDE(2, 2)),
    CONV(1, 3, 3, 5, 1024, 3, 3, PAD(1)),
    CONV(1, 5, 5, 3, 1024, 3, 3, PAD(1), STRIDE(2, 2)),
    /* 1x1 that picks pixels, */
    CONV(1, 7, 7, 512, 15, 1, 1, PAD(0), STRIDE(2, 2)),
    CONV(2, 6, 5, 512, 33, 1, 1, PAD(0), STRIDE(2, 2)),
    CONV(1, 9, 5, 512, 17, 1, 1, PAD(0), STRIDE(1, 2)),
    CONV(1, 9, 5, 1024, 5, 1, 1, PAD(0), STRIDE(2, 1)),
    CONV(1, 8, 9, 256, 9, 1, 1, PAD(0), STRIDE(4, 4)),
    CONV(1, 7, 10, 1024, 3, 1, 1, PAD(0), STRIDE(3, 3)),
    /* 1x1 between zeros, */
    CONV(1, 8, 8, 512, 7, 1, 1, PAD(1), STRIDE(2, 2)),
    CONV(1, 4, 5, 1024, 9, 1, 1, PADS(1, 0, 2, 1)),
    /* several kernel positions, */
    CONV(1, 5, 5, 512, 9, 3, 3, PAD(1), STRIDE(2, 2)),
    CONV(1, 7, 6, 512, 3, 3, 3, PADS(0, 1, 1, 0), STRIDE(2, 2)),
    CONV(2, 4, 4, 512, 5, 3, 3, PAD(0), STRIDE(1, 2)),
    CONV(1, 4, 3, 1024, 5, 3, 3, PAD(1)),
    CONV(1, 6, 6, 1024, 3, 3, 3, PAD(2), DILATION(2, 2)),
    /* and groups, which are not copied. */
    CONV(1, 5, 5, 1024, 8, 1, 1, PAD(0), GROUPS(4)),
    /* Pixels so far apart that weight gradients gather channels, no multiple of a tile's rows, and groups of them. */
    CONV(3, 3, 4, 517, 7, 3, 3, PAD(1)),
    CONV(3, 7, 5, 261, 9, 2, 2, PAD(0), STRIDE(2, 2)),
    CONV(2, 9, 9, 522, 6, 1, 1, PAD(0), STRIDE(2, 2), GROUPS(3)),
    CONV(1, 70, 3, 523, 3, 1, 1, PADS(0, 1, 1, 0)),
    CONV(5, 2, 3, 620, 5, 1, 1, PAD(0)),
    CONV(1, 20, 19, 129, 3, 3, 2, PADS(2, 0, 0, 1), STRIDE(3, 4)),
    /* More than 128 kernel positions, which panels alone compute of dense ones; then just fewer. */
    CONV(1, 13, 14, 3, 5, 12, 12, PADS(5, 6, 6, 5)),
    CONV(2, 140, 1, 2, 3, 129, 1, PADS(3, 0, 3, 0)),
    CONV(1, 1, 160, 5, 7, 1, 131, PADS(0, 2, 0, 9), STRIDE(1, 3)),
    CONV(1, 30, 30, 1, 2, 13, 13, PAD(12), STRIDE(3, 3), DILATION(2, 2)),
    CONV(1, 20, 20, 4, 4, 12, 12, PAD(0), STRIDE(2, 2), GROUPS(4)),
    CONV(1, 16, 14, 6, 12, 11, 12, PAD(5), GROUPS(6)),
    CONV(1, 20, 19, 30, 20, 12, 11, PAD(6), STRIDE(4, 3), GROUPS(2)),
    CONV(1, 35, 33, 3, 17, 11, 11, PAD(2), STRIDE(4, 4)),
    CONV(1, 14, 15, 7, 5, 11, 11, PAD(5)),
    CONV(1, 23, 23, 3, 5, 11, 11, PAD(10), STRIDE(2, 2), DILATION(2, 2)),
    CONV(1, 128, 2, 3, 5, 128, 1, PADS(4, 0, 4, 0)),
    /* Single pixels, and windows that see nothing but padding. */
    CONV(1, 1, 1, 1, 1, 1, 1, PAD(0)),
    CONV(5, 1, 1, 65, 31, 1, 1, PAD(0)),
    CONV(1, 1, 1, 3, 5, 3, 3, PAD(1)),
    CONV(1, 1, 1, 2, 2, 3, 3, PAD(2)),
    CONV(4, 1, 1, 5, 3, 5, 5, PADS(4, 4, 0, 0)),
    CONV(3, 1, 1, 7, 7, 3, 3, PAD(1), GROUPS(7)),
    CONV(1, 1, 1, 6, 9, 3, 3, PAD(3), DILATION(3, 3), GROUPS(3)),
    CONV(1, 3, 3, 3, 5, 1, 1, PAD(2)),
    CONV(1, 2, 2, 4, 6, 2, 2, PAD(5), STRIDE(3, 3)),
    CONV(2, 2, 3, 15, 15, 2, 2, PAD(4), STRIDE(1, 2), GROUPS(15)),
    CONV(1, 2, 3, 8, 16, 2, 3, PAD(6), STRIDE(2, 4), GROUPS(4)),
    /* Strides beyond the kernel: inputs that no output reads. Dilation beyond the image. */
    CONV(1, 9, 9, 5, 7, 1, 1, PAD(0), STRIDE(4, 4)),
    CONV(2, 13, 9, 3, 8, 2, 2, PAD(0), STRIDE(4, 3)),
    CONV(1, 13, 12, 17, 17, 2, 2, PAD(0), STRIDE(4, 4), GROUPS(17)),
    CONV(1, 12, 13, 6, 12, 1, 2, PAD(1), STRIDE(3, 4), GROUPS(3)),
    CONV(1, 4, 4, 3, 5, 3, 3, PAD(3), DILATION(3, 3)),
    /* Many pixels: several panels, bands of lines, parts of a batch. */
    CONV(1, 40, 41, 3, 8, 3, 3, PAD(1)),
    CONV(1, 50, 3, 16, 17, 3, 3, PADS(2, 0, 1, 2)),
    CONV(5, 17, 15, 5, 7, 5, 5, PAD(2)),
    CONV(1, 47, 45, 3, 33, 7, 7, PAD(3), STRIDE(2, 2)),
    CONV(2, 50, 50, 7, 9, 1, 1, PAD(0)),
    CONV(1, 61, 60, 3, 5, 2, 2, PADS(0, 0, 1, 1)),
    CONV(1, 1, 700, 5, 3, 1, 5, PADS(0, 2, 0, 2)),
    CONV(1, 900, 1, 3, 2, 4, 1, PAD(0), STRIDE(2, 1)),
    CONV(40, 3, 3, 15, 17, 3, 3, PAD(1)),
    /* Large weights: blocks of channels. */
    CONV(1, 4, 4, 130, 140, 3, 3, PAD(1)),
    CONV(1, 3, 3, 300, 260, 1, 1, PAD(0)),
    CONV(1, 9, 9, 70, 150, 3, 3, PAD(0), STRIDE(2, 2), GROUPS(2)),
    CONV(1, 2, 2, 800, 31, 1, 1, PAD(0)),
    /* Depthwise and narrow groups at widths that have loops of their own, and in many tasks. */
    CONV(2, 14, 14, 33, 33, 3, 3, PAD(1), GROUPS(33)),
    CONV(1, 14, 13, 65, 65, 5, 5, PAD(2), STRIDE(2, 2), GROUPS(65)),
    CONV(1, 13, 15, 31, 31, 7, 7, PAD(3), GROUPS(31)),
    CONV(5, 28, 28, 8, 8, 3, 3, PAD(1), STRIDE(2, 2), GROUPS(8)),
    CONV(3, 30, 30, 16, 16, 3, 3, PAD(1), GROUPS(16)),
    CONV(1, 9, 9, 7, 21, 3, 3, PAD(1), GROUPS(7)),
    CONV(1, 12, 12, 16, 32, 3, 3, PAD(1), GROUPS(16)),
    CONV(1, 12, 12, 32, 16, 3, 3, PAD(1), GROUPS(16)),
    CONV(1, 14, 15, 128, 128, 3, 3, PAD(1), GROUPS(32)),
    CONV(2, 8, 8, 64, 64, 3, 3, PAD(1), STRIDE(2, 2), GROUPS(8)),
    CONV(5, 40, 9, 12, 18, 3, 3, PAD(1), GROUPS(6)),
    CONV(2, 7, 8, 3, 27, 3, 3, PAD(1), GROUPS(3)),
};
enum { PICKED = (int)THAW_LENGTH(picked), MACS_MOST = 1000000 };
_Static_assert(PICKED < CONV_SHAPES / 4, "most are drawn");

static int at_most(struct rng *rng, int most)
{
    return (int)rng_below(rng, (uint64_t)most + 1);
}

static int one_to(struct rng *rng, int most)
{
    return 1 + at_most(rng, most - 1);
}

/* On one side: none, half a window as is usual, any less than a window, or up to more than that. */
static int padding(struct rng *rng, int kind, int kernel, int dilation)
{
    int extent = dilation * (kernel - 1) + 1;
    return kind == 0 ? 0 : kind == 1 ? extent / 2 : at_most(rng, kind == 2 ? extent - 1 : extent + 1);
}

static void draw_window(struct rng *rng, int number, struct conv_layer *s)
{
    static const struct {
        int h, w;
    } kernels[] = {{1, 1}, {3, 3}, {2, 2}, {5, 5}, {1, 3},  {7, 1}, {3, 3}, {7, 7}, {1, 1},  {3, 2},
                   {4, 1}, {3, 3}, {1, 6}, {2, 5}, {1, 11}, {5, 3}, {3, 3}, {1, 1}, {11, 11}};
    s->kernel_h = kernels[number % (int)THAW_LENGTH(kernels)].h;
    s->kernel_w = kernels[number % (int)THAW_LENGTH(kernels)].w;
    bool even = at_most(rng, 1); /* no strides, dilations or windows in the padding: what Winograd takes of 3x3 */
    s->stride_h = even ? 1 : one_to(rng, 4);
    s->stride_w = even ? 1 : at_most(rng, 1) ? s->stride_h : one_to(rng, 4);
    s->dilation_h = even || at_most(rng, 1) ? 1 : one_to(rng, 3);
    s->dilation_w = even || at_most(rng, 1) ? 1 : one_to(rng, 3);
    int kind = at_most(rng, even ? 2 : 3);
    s->top = padding(rng, kind, s->kernel_h, s->dilation_h);
    s->left = padding(rng, kind, s->kernel_w, s->dilation_w);
    s->bottom = padding(rng, kind, s->kernel_h, s->dilation_h);
    s->right = padding(rng, kind, s->kernel_w, s->dilation_w);
}

static void draw_channels(struct rng *rng, int number, struct conv_layer *s)
{
    static const int channels[] = {1, 2, 3, 5, 7, 8, 12, 15, 16, 17, 19, 24, 31, 32, 33, 40, 47, 48, 65};
    int one = channels[at_most(rng, (int)THAW_LENGTH(channels) - 1)];
    int other = channels[at_most(rng, (int)THAW_LENGTH(channels) - 1)];
    s->in = one;
    s->out = other;
    s->groups = 1;
    switch (number % 8) {
    case 0: /* depthwise */
        s->out = s->groups = one;
        break;
    case 1: /* with a multiplier */
        s->groups = one;
        s->out = one * one_to(rng, 4);
        break;
    case 2: /* narrow groups */
        s->groups = one_to(rng, 12);
        s->in = s->groups * one_to(rng, 8);
        s->out = s->groups * one_to(rng, 8);
        break;
    case 3: /* any groups */
        s->groups = one_to(rng, 5);
        s->in *= s->groups;
        s->out *= s->groups;
        break;
    default:
        break;
    }
}

static double macs(const struct conv_layer *s)
{
    struct op_attrs attrs;
    struct op_cost cost;
    struct shape4 in, out;
    if (!conv_layer_shape(s, &attrs, &in, &out))
        return -1;
    op_get(OP_CONV)->cost(&attrs, &in, out, &cost);
    return cost.macs;
}

static struct conv_layer drawn(int number)
{
    struct rng rng;
    struct conv_layer s = {0};
    rng_init(&rng, (uint64_t)number, RNG_INIT);
    double cost;
    do { /* until a window fits, in few enough sums */
        draw_window(&rng, number, &s);
        draw_channels(&rng, number, &s);
        s.n = one_to(&rng, 5);
        s.h = number % 11 == 3 ? 1 : one_to(&rng, number % 3 ? 13 : 40);
        s.w = number % 11 == 7 ? 1 : one_to(&rng, number % 3 ? 13 : 40);
        cost = macs(&s);
    } while (cost < 0 || cost > MACS_MOST);
    return s;
}

struct conv_layer conv_shape(int number)
{
    return number < PICKED ? picked[number] : drawn(number - PICKED);
}
