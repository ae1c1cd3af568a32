/* The weight gradient as packed products over images in place: see op_conv_sweep.c.
 *
 * The image's lines, transposed, times the output's gradient, packed. Where pixels lie far apart, so that every step of
 * such a product would read another page, some channels of them are gathered first. A task owns a block of the gradient that stays in
 * its core's second-level cache while pixels pass: some runs of taps, or some channels of one, by some output channels.
 * Where there are too few blocks to share out, pixels are cut as well: each part sums into a partial gradient of its own,
 * and those are added in order. Called through the kernel table of op_conv.c. */
#include "config.h"

#include <string.h>

#include "conv.h"
#include "conv_sweep.h"
#include "pass.h"
#include "split.h"
#include "thaw/tensor/product.h"

enum {
    BLOCK_FLOATS = 96 * 1024, /* of the gradient */
    BLOCK_ROWS = 768,
    PARTIAL_FLOATS = 2 << 20, /* partial gradients take 8 MiB at most */
    GATHERED_ROWS = 96,       /* channels, a multiple of PRODUCT_ROWS */
    FAR = 512,                /* floats from one pixel to the next */
    LINES = SWEEP_ROWS,       /* of a task's band: at least a pixel each */
};

struct blocks {
    struct sweep sweep; /* how the image is read */
    const struct op_call *call;
    int pieces;   /* of the gradient's rows: of runs, or of the channels of a run */
    int per_run;  /* pieces of a run; 0: a piece is several runs */
    int columns;  /* blocks of output channels */
    int bands;    /* all of them: of lines, or of a matrix' rows */
    int partials; /* parts of the bands */
    size_t count, stride;
    bool gathers;
    size_t scratch, packed, gathered; /* floats of a worker: source lines, packed output gradient, gathered channels */
};

static int whole(int a, int b)
{
    return (a + b - 1) / b;
}

/* Bands of more pixels than a sweep takes: it wants its source near, here sums over few pixels would read and write the
 * gradient too often. */
static void widen(struct sweep *s)
{
    int line = s->x.targets, lines = s->images * whole(s->y.targets, s->bands), wanted = whole(SWEEP_ROWS, line);
    if (s->flat || lines >= wanted)
        return;
    s->bands = split_parts((size_t)s->y.targets, (size_t)wanted, s->y.targets);
    s->images = s->bands > 1 ? 1 : wanted / s->y.targets;
    s->images = s->images > s->to.n ? s->to.n : s->images < 1 ? 1 : s->images;
    s->parts = whole(s->to.n, s->images);
    s->rows = (whole(s->y.targets, s->bands) - 1) * s->y.from_step + (s->y.taps - 1) * s->y.distance + 1;
    s->scratch = s->scratch ? split_line((size_t)s->images * (size_t)s->rows * s->line) : 0;
}

static struct blocks blocks_plan(const struct conv *conv)
{
    struct blocks b = {.sweep = sweep_plan(conv, false, 0, SWEEP_TASKS), .columns = 1};
    const struct sweep *s = &b.sweep;
    b.gathers = s->x.from_step * s->from.c >= FAR;
    if (b.gathers)
        widen(&b.sweep);
    int rows = s->run * s->fan_in;
    b.count = (size_t)(s->taps * s->fan_in) * (size_t)conv->out.c;
    b.stride = split_line(b.count);
    if (rows > BLOCK_ROWS) {
        b.per_run = whole(rows, BLOCK_ROWS);
        b.pieces = b.per_run * s->segments;
        rows = whole(rows, b.per_run);
    } else {
        int runs = BLOCK_ROWS / rows < s->segments ? BLOCK_ROWS / rows : s->segments;
        b.pieces = whole(s->segments, runs);
        rows *= runs;
    }
    if (conv->attrs->groups == 1)
        b.columns = split_parts((size_t)rows * (size_t)s->fan_out, BLOCK_FLOATS, product_panels(s->fan_out));
    size_t pixels = conv->pixels;
    b.bands = s->flat ? split_parts(pixels, SWEEP_ROWS, 1 << 24) : s->parts * s->bands;
    int most = (int)(PARTIAL_FLOATS / b.stride);
    b.partials = whole(SWEEP_TASKS, b.pieces * b.columns);
    b.partials = b.partials > most ? most : b.partials;
    b.partials = b.partials > b.bands ? b.bands : b.partials < 1 ? 1 : b.partials;
    b.scratch = s->flat ? 0 : s->scratch;
    size_t band =
        s->flat ? (size_t)SWEEP_ROWS + 1 : (size_t)(s->images * whole(s->y.targets, s->bands)) * (size_t)s->x.targets;
    int panels = whole(product_panels(s->fan_out), b.columns);
    b.packed = split_line(band * (size_t)panels * PRODUCT_LANES);
    b.gathered = b.gathers ? split_line(band * GATHERED_ROWS) : 0;
    return b;
}

static size_t blocks_floats(const struct conv *conv, int threads)
{
    struct blocks b = blocks_plan(conv);
    return (b.partials > 1 ? b.stride * (size_t)b.partials : 0) + (b.scratch + b.packed + b.gathered) * (size_t)threads;
}

/* What a task reads of one band. */
struct band {
    const float *a, *gradient; /* source from the first window on; output gradient of its pixels */
    int lines, width;          /* segments of the product, pixels of each */
    size_t segment[LINES];
    size_t line_step;
};

static void read_band(const struct blocks *b, int number, float *scratch, struct band *band)
{
    const struct sweep *s = &b->sweep;
    const struct op_call *call = b->call;
    if (s->flat) {
        size_t first = split_at(s->conv->pixels, b->bands, number),
               last = split_at(s->conv->pixels, b->bands, number + 1);
        *band = (struct band){.a = call->in[0] + first * (size_t)s->from.c,
                              .gradient = call->out_grad + first * (size_t)s->to.c,
                              .lines = 1,
                              .width = (int)(last - first)};
        return;
    }
    int part = number / s->bands, image = part * s->images;
    int images = s->to.n - image < s->images ? s->to.n - image : s->images;
    int first = (int)split_at((size_t)s->y.targets, s->bands, number % s->bands);
    int lines = (int)split_at((size_t)s->y.targets, s->bands, number % s->bands + 1) - first;
    size_t image_step;
    band->a = sweep_lines(s, call->in[0], image, images, first, lines, scratch, &image_step, &band->line_step);
    band->gradient =
        call->out_grad + ((size_t)image * (size_t)s->to.h + (size_t)first) * (size_t)s->to.w * (size_t)s->to.c;
    band->lines = images * lines;
    band->width = s->to.w;
    for (int i = 0; i < band->lines; i++)
        band->segment[i] = (size_t)(i / lines) * image_step + (size_t)(i % lines * s->y.from_step) * band->line_step;
}

/* Channels from a on of a band's pixels, in groups of PRODUCT_ROWS: to [group][pixel][channel]. */
static void gather(const struct band *band, const float *a, size_t step, int rows, float *to)
{
    size_t group = (size_t)band->lines * (size_t)band->width * PRODUCT_ROWS;
    for (int line = 0; line < band->lines; line++) {
        const float *from = a + (band->lines > 1 ? band->segment[line] : 0);
        for (int x = 0; x < band->width; x++, from += step, to += PRODUCT_ROWS) {
            int row = 0;
            for (; row + PRODUCT_ROWS <= rows; row += PRODUCT_ROWS)
                memcpy(to + (size_t)(row / PRODUCT_ROWS) * group, from + row, PRODUCT_ROWS * sizeof *to);
            if (row < rows)
                memcpy(to + (size_t)(row / PRODUCT_ROWS) * group, from + row, (size_t)(rows - row) * sizeof *to);
        }
    }
}

/* Rows of the gradient by the channels gathered for them. */
static void multiply_gathered(const struct band *band, const float *a, int rows, struct product p, float *gathered)
{
    size_t step = p.k_step;
    p.segments = 1;
    p.segment = NULL;
    p.k = band->lines * band->width;
    p.k_step = PRODUCT_ROWS;
    p.a_line = (size_t)p.k * PRODUCT_ROWS;
    p.c_line = PRODUCT_ROWS * p.ldc;
    for (int row = 0; row < rows; row += GATHERED_ROWS) {
        int some = rows - row < GATHERED_ROWS ? rows - row : GATHERED_ROWS;
        gather(band, a + row, step, some, gathered);
        float *c = p.c;
        p.a = gathered;
        p.lines = some / PRODUCT_ROWS;
        p.rows = PRODUCT_ROWS;
        product_run(&p);
        p.rows = some % PRODUCT_ROWS;
        if (p.rows) {
            p.a += (size_t)p.lines * p.a_line;
            p.c += (size_t)p.lines * p.c_line;
            p.lines = 1;
            product_run(&p);
        }
        p.c = c + (size_t)some * p.ldc;
    }
}

/* One block of the gradient, rows of piece `piece`, columns column..column+columns-1 of a group. `gathered` is room for
 * channels. */
static void multiply(const struct blocks *b, const struct band *band, int piece, int group, int column, int columns,
                     const float *packed, bool add, float *gathered, float *to)
{
    const struct sweep *s = &b->sweep;
    int rows = s->run * s->fan_in, pixels = band->lines * band->width;
    int first = b->per_run ? piece / b->per_run : (int)split_at((size_t)s->segments, b->pieces, piece);
    int last = b->per_run ? first + 1 : (int)split_at((size_t)s->segments, b->pieces, piece + 1);
    int row0 = 0, row1 = rows;
    if (b->per_run) {
        row0 = (int)split_at((size_t)rows, b->per_run, piece % b->per_run);
        row1 = (int)split_at((size_t)rows, b->per_run, piece % b->per_run + 1);
    }
    size_t start[SWEEP_SEGMENTS];
    sweep_segments(s, band->line_step, start);
    for (int run = first; run < last; run++) {
        const float *a = band->a + start[run] + row0 + group * s->fan_in;
        struct product p = {.images = 1,
                            .lines = 1,
                            .rows = row1 - row0,
                            .columns = columns,
                            .segments = band->lines,
                            .k = band->width,
                            .a = a,
                            .row_step = 1,
                            .k_step = (size_t)(s->x.from_step * s->from.c),
                            .segment = s->flat ? NULL : band->segment,
                            .packed = packed,
                            .panel = (size_t)pixels * PRODUCT_LANES,
                            .c = to + ((size_t)(run * rows) + (size_t)row0) * (size_t)s->to.c +
                                 (size_t)(group * s->fan_out + column),
                            .ldc = (size_t)s->to.c,
                            .add = add};
        if (b->gathers)
            multiply_gathered(band, a, row1 - row0, p, gathered);
        else
            product_run(&p);
    }
}

static void blocks_task(void *context, int task, int worker)
{
    const struct blocks *b = context;
    const struct sweep *s = &b->sweep;
    int piece = task % b->pieces, block = task / b->pieces % b->columns, partial = task / b->pieces / b->columns;
    float *partials = b->call->workspace, *to = b->call->param_grad[0], *scratch = partials;
    if (b->partials > 1) {
        to = partials + (size_t)partial * b->stride;
        scratch += (size_t)b->partials * b->stride;
    }
    scratch += (size_t)worker * (b->scratch + b->packed + b->gathered);
    float *packed = scratch + b->scratch;
    int panels = product_panels(s->fan_out), column = (int)split_at((size_t)panels, b->columns, block) * PRODUCT_LANES;
    int end = (int)split_at((size_t)panels, b->columns, block + 1) * PRODUCT_LANES;
    int columns = (end > s->fan_out ? s->fan_out : end) - column;
    int band0 = (int)split_at((size_t)b->bands, b->partials, partial);
    int band1 = (int)split_at((size_t)b->bands, b->partials, partial + 1);
    for (int number = band0; number < band1; number++) {
        struct band band;
        read_band(b, number, scratch, &band);
        int pixels = band.lines * band.width;
        for (int group = 0; group < s->conv->attrs->groups; group++) {
            product_pack(false, pixels, columns, band.gradient + group * s->fan_out + column, s->to.c, 0,
                         product_panels(columns), packed, (size_t)pixels * PRODUCT_LANES);
            multiply(b, &band, piece, group, column, columns, packed, number > band0, packed + b->packed, to);
        }
    }
}

static void weights(const struct conv *conv, const struct op_call *call)
{
    struct blocks b = blocks_plan(conv);
    b.call = call;
    team_run(call->team, b.partials * b.pieces * b.columns, blocks_task, &b);
    if (b.partials > 1)
        pass_sum_partials(call->team, call->param_grad[0], call->workspace, b.partials, b.stride, b.count);
}

static bool fits_segments(const struct conv *conv)
{
    return conv->taps <= SWEEP_SEGMENTS;
}

/* The gradient of so few rows is soon computed; packing the other side is not. */
static bool pays(const struct conv *conv)
{
    return !conv->pointwise || conv->group_in > 32;
}

const struct conv_kernel conv_sweep_weights = {.name = "sweep",
                                               .job = OP_JOB_WEIGHT_GRADIENT,
                                               .fits = fits_segments,
                                               .pays = pays,
                                               .workspace_floats = blocks_floats,
                                               .run = weights};
