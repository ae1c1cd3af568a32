/* Winograd's kernels over a table of shapes: forward, data gradient and weight gradient against the reference twin, the
 * same bits for teams of 1, 2, 3 and 5 threads and by prepared weights, and the error against double within its bound,
 * beside that of the kernels that sum plainly. Shapes for which others are faster are held too. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "conv_rig.h"
#include "thaw/base/rng.h"

#define ROW(n, h, w, in, out, top, left, bottom, right)                                                                \
    {                                                                                                                  \
        n, h, w, in, out, 3, 3, top, left, bottom, right, 0, 0, 0, 0, 0                                                \
    }

/* The shapes of the table: every size of image from 1 to 13 on each side, every padding, every remainder of channels by
 * a vector's width, drawn so that each meets each; then the ones that cut work in several blocks and ranges. */
enum { DRAWN = 180 };

static struct conv_layer drawn(int number)
{
    static const int channels[] = {1, 2, 3, 5, 7, 8, 12, 15, 16, 17, 19, 20, 24, 31, 32, 33, 40, 47, 48, 65};
    struct rng rng;
    rng_init(&rng, (uint64_t)number, RNG_INIT);
    struct conv_layer s = {.kernel_h = 3, .kernel_w = 3};
    do {
        s.n = 1 + (int)rng_below(&rng, 3);
        s.h = 1 + (int)rng_below(&rng, 13);
        s.w = number % 5 == 0 ? 1 : 1 + (int)rng_below(&rng, 13);
        s.top = (int)rng_below(&rng, 3);
        s.left = (int)rng_below(&rng, 3);
        s.bottom = (int)rng_below(&rng, 3);
        s.right = (int)rng_below(&rng, 3);
    } while (s.h + s.top + s.bottom < 3 || s.w + s.left + s.right < 3);
    s.in = channels[number % (int)THAW_LENGTH(channels)];
    s.out = channels[rng_below(&rng, THAW_LENGTH(channels))];
    return s;
}

static const struct conv_layer cut[] = {
    ROW(9, 20, 20, 16, 16, 1, 1, 1, 1),  ROW(2, 56, 56, 16, 20, 1, 1, 1, 1), ROW(1, 7, 7, 128, 96, 1, 1, 1, 1),
    ROW(3, 14, 14, 64, 80, 1, 1, 1, 1),  ROW(1, 100, 3, 33, 35, 2, 0, 1, 2), ROW(40, 5, 4, 17, 18, 1, 1, 1, 1),
    ROW(1, 50, 70, 20, 130, 0, 1, 2, 0), ROW(2, 30, 31, 96, 64, 1, 1, 1, 1),
};

static struct conv_layer shape_at(int number)
{
    return number < DRAWN ? drawn(number) : cut[number - DRAWN];
}

enum { SHAPES = DRAWN + (int)THAW_LENGTH(cut) };

/* Winograd's kernels of a job that fit; how many. */
static int winograd_kernels(const struct conv_rig *rig, enum op_job job, struct op_kernel list[OP_KERNELS_MAX])
{
    struct op_kernel every[OP_KERNELS_MAX];
    int all = conv_rig_kernels(rig, job, every), count = 0;
    for (int i = 0; i < all; i++)
        if (every[i].transforms)
            list[count++] = every[i];
    return count;
}

static void kernels_equal_their_references(void **state)
{
    (void)state;
    /* of few values, some of which may nearly cancel */
    static const struct conv_error bound = {.relative = 2e-5, .worst = 2e-4};
    struct team *team = team_create(2);
    int calls = 0;
    for (int i = 0; i < SHAPES; i++) {
        struct conv_layer s = shape_at(i);
        struct conv_rig rig;
        conv_rig_init(&rig, &s);
        conv_rig_fuse(&rig, i);
        conv_rig_reference(&rig);
        for (int job = 0; job < OP_JOBS; job++) {
            struct op_kernel list[OP_KERNELS_MAX];
            int count = winograd_kernels(&rig, (enum op_job)job, list);
            assert_int_equal(count, 2);
            for (int k = 0; k < count; k++) {
                conv_rig_run(&rig, (enum op_job)job, &list[k], team);
                conv_rig_expect(&rig, (enum op_job)job, &list[k], bound);
            }
        }
        calls += rig.calls;
        conv_rig_finish(&rig);
    }
    printf("%d shapes, %d kernel calls against the reference twins\n", SHAPES, calls);
    team_destroy(team);
}

static void teams_and_prepared_weights_give_the_same_bits(void **state)
{
    (void)state;
    enum { TEAMS = 4 };
    static const int sizes[TEAMS] = {1, 2, 3, 5};
    struct team *teams[TEAMS];
    for (int t = 0; t < TEAMS; t++)
        teams[t] = team_create(sizes[t]);
    for (int i = 0; i < SHAPES; i += i < DRAWN ? 5 : 1) {
        struct conv_layer s = shape_at(i);
        struct conv_rig rig;
        conv_rig_init(&rig, &s);
        for (int job = 0; job < OP_JOBS; job++) {
            struct op_kernel list[OP_KERNELS_MAX];
            int count = winograd_kernels(&rig, (enum op_job)job, list);
            for (int k = 0; k < count; k++) {
                conv_rig_run(&rig, (enum op_job)job, &list[k], teams[0]);
                for (int t = 1; t < TEAMS; t++)
                    conv_rig_run_again(&rig, (enum op_job)job, &list[k], teams[t]);
                if (job == OP_JOB_FORWARD)
                    assert_true(conv_rig_run_prepared(&rig, &list[k], teams[2]));
            }
        }
        conv_rig_finish(&rig);
    }
    for (int t = 0; t < TEAMS; t++)
        team_destroy(teams[t]);
}

/* --- accuracy --- */

/* One value of a job's result, summed in double. */
static double exact(const struct conv_rig *rig, enum op_job job, size_t index)
{
    struct shape4 in = rig->in_shape, out = rig->out_shape;
    size_t wide = (size_t)(job == OP_JOB_DATA_GRADIENT ? in.c : out.c), pixel = index / wide, channel = index % wide;
    double sum = 0;
    if (job == OP_JOB_WEIGHT_GRADIENT) {
        int i = (int)(pixel % (size_t)in.c), tap = (int)(pixel / (size_t)in.c);
        for (int n = 0; n < out.n; n++)
            for (int y = 0; y < out.h; y++)
                for (int x = 0; x < out.w; x++) {
                    int iy = y + tap / 3 - rig->attrs.pad_top, ix = x + tap % 3 - rig->attrs.pad_left;
                    if (iy >= 0 && iy < in.h && ix >= 0 && ix < in.w)
                        sum += (double)rig->in[((n * in.h + iy) * in.w + ix) * in.c + i] *
                               rig->out_grad[((n * out.h + y) * out.w + x) * out.c + (int)channel];
                }
        return sum;
    }
    bool data = job == OP_JOB_DATA_GRADIENT;
    struct shape4 to = data ? in : out, from = data ? out : in;
    int x = (int)(pixel % (size_t)to.w), y = (int)(pixel / (size_t)to.w % (size_t)to.h);
    int n = (int)(pixel / (size_t)to.w / (size_t)to.h);
    for (int tap = 0; tap < 9; tap++) {
        int dy = tap / 3 - rig->attrs.pad_top, dx = tap % 3 - rig->attrs.pad_left;
        int fy = data ? y - dy : y + dy, fx = data ? x - dx : x + dx;
        if (fy < 0 || fy >= from.h || fx < 0 || fx >= from.w)
            continue;
        for (int c = 0; c < from.c; c++) {
            int i = data ? (int)channel : c, o = data ? c : (int)channel;
            sum += (double)(data ? rig->out_grad : rig->in)[((n * from.h + fy) * from.w + fx) * from.c + c] *
                   rig->weight[(tap * in.c + i) * out.c + o];
        }
    }
    return sum;
}

static void make_normal(float *values, size_t count, uint64_t seed, double deviation, bool positive)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_INIT);
    for (size_t i = 0; i < count; i++) {
        double v = rng_normal(&rng) * deviation;
        values[i] = (float)(positive && v < 0 ? 0 : v);
    }
}

/* The relative error in the Euclidean norm of about 2000 values of a job's result. */
static double error_against_double(const struct conv_rig *rig, enum op_job job)
{
    double differences = 0, squares = 0;
    for (size_t i = 0; i < rig->count[job]; i += rig->count[job] / 2000 + 1) {
        double expected = exact(rig, job, i);
        differences += (rig->result[job][i] - expected) * (rig->result[job][i] - expected);
        squares += expected * expected;
    }
    return sqrt(differences / squares);
}

/* The errors of a kernel over the layers, by its number. */
struct range {
    const char *name, *job;
    double least, most;
};

static void widen(struct range *range, const char *name, const char *job, double error)
{
    range->least = range->name && range->least < error ? range->least : error;
    range->most = range->most > error ? range->most : error;
    range->name = name;
    range->job = job;
}

/* As in a network: weights as He et al. initialise them, images that a relu has left, gradients around 0. The bounds are
 * those stated in HACKING.md, whose figures are what this prints. */
static void errors_stay_within_their_bound(void **state)
{
    (void)state;
    struct range ranges[CONV_NUMBERS] = {0};
    static const struct conv_layer layers[] = {
        ROW(1, 56, 56, 64, 64, 1, 1, 1, 1),  ROW(2, 32, 32, 16, 16, 1, 1, 1, 1), ROW(1, 28, 28, 128, 128, 1, 1, 1, 1),
        ROW(2, 14, 14, 256, 64, 1, 1, 1, 1), ROW(4, 7, 7, 512, 128, 1, 1, 1, 1), ROW(1, 27, 25, 48, 33, 0, 2, 1, 1),
    };
    struct team *team = team_create(2);
    for (size_t l = 0; l < THAW_LENGTH(layers); l++) {
        struct conv_rig rig;
        conv_rig_init(&rig, &layers[l]);
        rig.bias = false;
        make_normal(rig.in, rig.count[OP_JOB_DATA_GRADIENT], 1, 1, true);
        make_normal(rig.weight, rig.count[OP_JOB_WEIGHT_GRADIENT], 2, sqrt(2.0 / (9 * layers[l].in)), false);
        make_normal(rig.out_grad, rig.count[OP_JOB_FORWARD], 3, 1, false);
        for (int job = 0; job < OP_JOBS; job++) {
            struct op_kernel list[OP_KERNELS_MAX];
            int count = conv_rig_kernels(&rig, (enum op_job)job, list);
            for (int k = 0; k < count; k++) {
                char text[CONV_TEXT];
                conv_rig_run(&rig, (enum op_job)job, &list[k], team);
                double error = error_against_double(&rig, (enum op_job)job);
                conv_rig_describe(text, &rig, (enum op_job)job, &list[k]);
                if (!(error < (strcmp(list[k].name, "winograd 4x4") == 0 ? 5e-6 : 1e-6)))
                    fail_msg("%s: relative error %g", text, error);
                assert_in_range(list[k].number, 1, CONV_NUMBERS - 1);
                widen(&ranges[list[k].number], list[k].name, conv_job_name((enum op_job)job), error);
            }
        }
        conv_rig_finish(&rig);
    }
    for (int i = 0; i < CONV_NUMBERS; i++)
        if (ranges[i].name)
            printf("%-12s %-15s relative error %.1e to %.1e\n", ranges[i].name, ranges[i].job, ranges[i].least,
                   ranges[i].most);
    team_destroy(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_equal_their_references),
        cmocka_unit_test(teams_and_prepared_weights_give_the_same_bits),
        cmocka_unit_test(errors_stay_within_their_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
