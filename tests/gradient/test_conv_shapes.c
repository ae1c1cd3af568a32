/* Every kernel of the convolution's table against the reference twin over 500 shapes: forward, data gradient and weight
 * gradient, each shape by all kernels that fit it, called as a plan calls them; the same bits for teams of 1, 2 and 3
 * threads on a fifth of the shapes, and by prepared weights on all. The table of shapes itself is held to what it promises,
 * and each kernel to having been met. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "conv_rig.h"
#include "conv_shapes.h"

/* In the Euclidean norm, and of the largest difference over the root mean square. The twin sums gradients in float too,
 * in one run over all pixels, and has most of the plain error. Winograd's own test bounds its error in layers as networks
 * have them; here there are few values, some of which may nearly cancel. */
static const struct conv_error bound_plain = {.relative = 5e-6, .worst = 2e-5};
static const struct conv_error bound_transforms = {.relative = 2e-5, .worst = 2e-4};

enum { TEAMS = 3, SHAPES_LEAST = 20 };

/* What one kernel of the table met. */
struct met {
    const char *name;
    enum op_job job;
    int shapes, fused, prepared;
    struct conv_error worst;
};

/* One shape by one kernel. */
static void hold(struct conv_rig *rig, enum op_job job, const struct op_kernel *kernel, int number,
                 struct team *const teams[TEAMS], struct met *met)
{
    int first = number % TEAMS;
    conv_rig_run(rig, job, kernel, teams[first]);
    struct conv_error e = conv_rig_expect(rig, job, kernel, kernel->transforms ? bound_transforms : bound_plain);
    for (int t = 0; t < TEAMS && number % 5 == 0; t++)
        if (t != first)
            conv_rig_run_again(rig, job, kernel, teams[t]);
    met->name = kernel->name;
    met->job = job;
    met->shapes++;
    met->fused += rig->add[0];
    met->prepared += job == OP_JOB_FORWARD && conv_rig_run_prepared(rig, kernel, teams[first]);
    met->worst.relative = e.relative > met->worst.relative ? e.relative : met->worst.relative;
    met->worst.worst = e.worst > met->worst.worst ? e.worst : met->worst.worst;
}

/* Numbers are places in the table, whose last rows fit every shape: one that is missing below the highest was not met. */
static void expect_all_met(const struct met met[CONV_NUMBERS])
{
    int last = CONV_NUMBERS - 1;
    while (last > 0 && met[last].shapes == 0)
        last--;
    for (int i = 1; i <= last; i++) {
        if (met[i].shapes == 0)
            fail_msg("kernel %d of the table fits no shape", i);
        printf("%-12s %-15s %3d shapes, error %.2g (norm), %.2g (largest)\n", met[i].name, conv_job_name(met[i].job),
               met[i].shapes, met[i].worst.relative, met[i].worst.worst);
        if (met[i].shapes < SHAPES_LEAST || met[i].fused < SHAPES_LEAST / 4 ||
            met[i].shapes - met[i].fused < SHAPES_LEAST / 4)
            fail_msg("%s %s: met by %d shapes only, %d of them fused or added", met[i].name, conv_job_name(met[i].job),
                     met[i].shapes, met[i].fused);
    }
}

static void kernels_equal_their_references(void **state)
{
    (void)state;
    struct met met[CONV_NUMBERS] = {0};
    struct team *teams[TEAMS];
    int calls = 0, prepared = 0;
    for (int t = 0; t < TEAMS; t++)
        teams[t] = team_create(t + 1);
    for (int i = 0; i < CONV_SHAPES; i++) {
        struct conv_layer layer = conv_shape(i);
        struct conv_rig rig;
        conv_rig_init(&rig, &layer);
        conv_rig_fuse(&rig, i);
        conv_rig_reference(&rig);
        for (int job = 0; job < OP_JOBS; job++) {
            struct op_kernel list[OP_KERNELS_MAX];
            int count = conv_rig_kernels(&rig, (enum op_job)job, list);
            for (int k = 0; k < count; k++) {
                assert_in_range(list[k].number, 1, CONV_NUMBERS - 1);
                hold(&rig, (enum op_job)job, &list[k], i, teams, &met[list[k].number]);
            }
        }
        calls += rig.calls;
        conv_rig_finish(&rig);
    }
    for (int i = 0; i < CONV_NUMBERS; i++)
        prepared += met[i].prepared;
    expect_all_met(met);
    printf("%d shapes, %d kernel calls, %d of them by prepared weights\n", CONV_SHAPES, calls, prepared);
    assert_true(prepared > CONV_SHAPES / 2);
    for (int t = 0; t < TEAMS; t++)
        team_destroy(teams[t]);
}

/* --- the table --- */

enum property {
    ODD_SIDES,
    ONE_WIDE,
    ONE_HIGH,
    SINGLE_PIXEL,
    NO_PADDING,
    ASYMMETRIC_PADDING,
    WINDOW_IN_PADDING,
    KERNEL_1X1,
    KERNEL_1XN,
    KERNEL_NX1,
    KERNEL_2X2,
    KERNEL_3X3,
    KERNEL_5X5,
    KERNEL_7X7,
    KERNEL_11X11,
    KERNEL_OVER_128,
    STRIDE_2,
    STRIDE_3,
    STRIDE_4,
    STRIDES_UNEQUAL,
    STRIDE_BEYOND_KERNEL,
    DILATION_2,
    DILATION_3,
    DILATIONS_UNEQUAL,
    GROUPS_ONE,
    GROUPS_SEVERAL,
    DEPTHWISE,
    DEPTHWISE_MULTIPLIER,
    ODD_CHANNELS,
    BATCH_1,
    BATCH_5,
    FAR_PIXELS,
    PITCH_FORWARD,
    PITCH_DATA,
    PROPERTIES
};
static const struct {
    const char *what;
    int least; /* shapes that have it */
} properties[] = {
    [ODD_SIDES] = {"odd sides", 50},
    [ONE_WIDE] = {"images 1 wide", 40},
    [ONE_HIGH] = {"images 1 high", 40},
    [SINGLE_PIXEL] = {"single pixels", 10},
    [NO_PADDING] = {"no padding", 50},
    [ASYMMETRIC_PADDING] = {"asymmetric padding", 50},
    [WINDOW_IN_PADDING] = {"padding as wide as the window", 50},
    [KERNEL_1X1] = {"kernel 1x1", 50},
    [KERNEL_1XN] = {"kernel 1xN", 50},
    [KERNEL_NX1] = {"kernel Nx1", 40},
    [KERNEL_2X2] = {"kernel 2x2", 20},
    [KERNEL_3X3] = {"kernel 3x3", 80},
    [KERNEL_5X5] = {"kernel 5x5", 20},
    [KERNEL_7X7] = {"kernel 7x7", 20},
    [KERNEL_11X11] = {"kernel 11x11", 20},
    [KERNEL_OVER_128] = {"more than 128 kernel positions", 5},
    [STRIDE_2] = {"stride 2", 50},
    [STRIDE_3] = {"stride 3", 50},
    [STRIDE_4] = {"stride 4", 50},
    [STRIDES_UNEQUAL] = {"unequal strides", 50},
    [STRIDE_BEYOND_KERNEL] = {"a stride beyond the kernel", 50},
    [DILATION_2] = {"dilation 2", 30},
    [DILATION_3] = {"dilation 3", 30},
    [DILATIONS_UNEQUAL] = {"unequal dilations", 30},
    [GROUPS_ONE] = {"one group", 100},
    [GROUPS_SEVERAL] = {"several groups", 50},
    [DEPTHWISE] = {"depthwise", 40},
    [DEPTHWISE_MULTIPLIER] = {"depthwise with a multiplier", 30},
    [ODD_CHANNELS] = {"odd channels on both sides", 100},
    [BATCH_1] = {"one image", 50},
    [BATCH_5] = {"five images", 50},
    [FAR_PIXELS] = {"windows at least 512 floats apart", 25},
    [PITCH_FORWARD] = {"windows a multiple of 1024 floats apart", 15},
    [PITCH_DATA] = {"gradients of outputs a multiple of 1024 floats apart", 5},
};
_Static_assert(THAW_LENGTH(properties) == PROPERTIES, "a row for each");

static bool is_kernel(const struct op_attrs *a, int side)
{
    return a->kernel_h == side && a->kernel_w == side;
}

static void find_properties(const struct conv_layer *layer, bool has[PROPERTIES])
{
    struct op_attrs a;
    struct shape4 in, out;
    assert_true(conv_layer_shape(layer, &a, &in, &out));
    int window_h = a.dilation_h * (a.kernel_h - 1) + 1, window_w = a.dilation_w * (a.kernel_w - 1) + 1;
    has[ODD_SIDES] = in.h % 2 && in.w % 2;
    has[ONE_WIDE] = in.w == 1;
    has[ONE_HIGH] = in.h == 1;
    has[SINGLE_PIXEL] = in.h == 1 && in.w == 1;
    has[NO_PADDING] = a.pad_top + a.pad_left + a.pad_bottom + a.pad_right == 0;
    has[ASYMMETRIC_PADDING] = a.pad_top != a.pad_bottom || a.pad_left != a.pad_right;
    has[WINDOW_IN_PADDING] =
        a.pad_top >= window_h || a.pad_left >= window_w || a.pad_bottom >= window_h || a.pad_right >= window_w;
    has[KERNEL_1X1] = is_kernel(&a, 1);
    has[KERNEL_1XN] = a.kernel_h == 1 && a.kernel_w > 1;
    has[KERNEL_NX1] = a.kernel_h > 1 && a.kernel_w == 1;
    has[KERNEL_2X2] = is_kernel(&a, 2);
    has[KERNEL_3X3] = is_kernel(&a, 3);
    has[KERNEL_5X5] = is_kernel(&a, 5);
    has[KERNEL_7X7] = is_kernel(&a, 7);
    has[KERNEL_11X11] = is_kernel(&a, 11);
    has[KERNEL_OVER_128] = a.kernel_h * a.kernel_w > 128;
    has[STRIDE_2] = a.stride_h == 2 || a.stride_w == 2;
    has[STRIDE_3] = a.stride_h == 3 || a.stride_w == 3;
    has[STRIDE_4] = a.stride_h == 4 || a.stride_w == 4;
    has[STRIDES_UNEQUAL] = a.stride_h != a.stride_w;
    has[STRIDE_BEYOND_KERNEL] = a.stride_h > window_h || a.stride_w > window_w;
    has[DILATION_2] = a.dilation_h == 2 || a.dilation_w == 2;
    has[DILATION_3] = a.dilation_h == 3 || a.dilation_w == 3;
    has[DILATIONS_UNEQUAL] = a.dilation_h != a.dilation_w;
    has[GROUPS_ONE] = a.groups == 1;
    has[GROUPS_SEVERAL] = a.groups > 1 && a.groups < in.c;
    has[DEPTHWISE] = a.groups > 1 && a.groups == in.c && out.c == in.c;
    has[DEPTHWISE_MULTIPLIER] = a.groups > 1 && a.groups == in.c && out.c > in.c;
    has[ODD_CHANNELS] = in.c % 2 && out.c % 2;
    has[BATCH_1] = in.n == 1;
    has[BATCH_5] = in.n == 5;
    has[FAR_PIXELS] = a.stride_w * in.c >= 512;
    has[PITCH_FORWARD] = a.groups == 1 && a.stride_w * in.c % 1024 == 0;
    has[PITCH_DATA] = a.groups == 1 && out.c % 1024 == 0;
}

static void the_table_has_every_kind_of_shape(void **state)
{
    (void)state;
    int count[PROPERTIES] = {0};
    for (int i = 0; i < CONV_SHAPES; i++) {
        struct conv_layer layer = conv_shape(i);
        bool has[PROPERTIES] = {false};
        find_properties(&layer, has);
        for (int p = 0; p < PROPERTIES; p++)
            count[p] += has[p];
    }
    for (int p = 0; p < PROPERTIES; p++)
        if (count[p] < properties[p].least)
            fail_msg("%s: %d shapes, at least %d are wanted", properties[p].what, count[p], properties[p].least);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_every_kind_of_shape),
        cmocka_unit_test(kernels_equal_their_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
