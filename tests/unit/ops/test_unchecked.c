/* Loops that go unchecked under the address sanitizer ask it for all that they will touch: where any of their buffers is
 * one float too short, the program ends. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/ops/norm_rows.h"
#include "src/ops/pass.h"
#include "src/ops/winograd_tiles.h"
#include "thaw/base/sanitize.h"
#include "thaw/tensor/product.h"

enum {
    BUFFERS = 5,
    ROWS = 3,
    C = 5,
    STRIDE = 8,
    M = 5,
    N = 20,
    K = 7,
    SIDE = 6, /* of an image, of 2 x 2 tiles; 16 channels */
    TILES = 4,
    DEEP = 16,
    IMAGE = SIDE * SIDE * DEEP,
    WEIGHTS = 9 * DEEP * DEEP,
};

static void multiply(float *const *b)
{
    product(M, N, K, b[0], K, b[1], K * PRODUCT_LANES, false, b[2], N);
}

static void moments(float *const *b)
{
    norm_moments((double *)b[0], b[1], b[2], ROWS, C);
}

static void gradient_moments(float *const *b)
{
    norm_gradient_moments((double *)b[0], b[1], b[2], b[3], &(struct norm_mask){b[4], b[4], 0, 6}, ROWS, C);
}

static void apply(float *const *b)
{
    norm_apply(b[0], b[1], b[2], &(struct norm_mask){b[3], b[4], 0, 6}, ROWS, C);
}

static void gradient(float *const *b)
{
    norm_gradient(b[0], b[1], b[2], NULL, b[3], b[4], b[4], ROWS, C, false);
}

static void add(float *const *b)
{
    pass_move(b[0], b[1], ROWS * C, true);
}

static void epilogue(float *const *b)
{
    pass_epilogue(b[0], STRIDE, ROWS, C, b[1], b[2], OP_ACT_RELU, NULL);
}

static struct winograd_grid grid(void)
{
    struct shape4 image = {1, SIDE, SIDE, DEEP};
    return winograd_grid(4, image, image, 1, 1);
}

static struct winograd_run all_tiles(float *block, const float *zeros)
{
    return (struct winograd_run){0, TILES, 0, DEEP, block, TILES * DEEP, DEEP, DEEP, zeros};
}

static void take(float *const *b)
{
    struct winograd_grid g = grid();
    struct winograd_run run = all_tiles(b[0], b[2]);
    winograd_take(&g, b[1], &run);
}

static void spread(float *const *b)
{
    struct winograd_grid g = grid();
    struct winograd_run run = all_tiles(b[0], b[2]);
    winograd_spread(&g, b[1], &run);
}

static void give(float *const *b)
{
    struct winograd_grid g = grid();
    struct winograd_run run = all_tiles(b[0], NULL);
    winograd_give(&g, &run, &(struct winograd_finish){b[3], b[2], 0, INFINITY, false}, b[1]);
}

static void weights(float *const *b)
{
    winograd_weights(4, false, b[0], DEEP, DEEP, 0, 1, b[1], DEEP * DEEP);
}

static void weights_of_data(float *const *b)
{
    winograd_weights(4, true, b[0], DEEP, DEEP, 0, 1, b[1], DEEP * DEEP);
}

static void weights_back(float *const *b)
{
    winograd_weights_back(4, b[0], DEEP * DEEP, DEEP, DEEP, 0, DEEP, 0, DEEP, b[1]);
}

static const struct row {
    const char *name;
    void (*run)(float *const *buffer);
    size_t floats[BUFFERS];
} rows[] = {
    {"product", multiply, {M * K, 2 * K *PRODUCT_LANES, M *N}},
    {"norm_moments", moments, {4 * C, ROWS *C, C}},
    {"norm_gradient_moments", gradient_moments, {4 * C, ROWS *C, ROWS *C, C, C}},
    {"norm_apply", apply, {ROWS * C, ROWS *C, ROWS *C, C, C}},
    {"norm_gradient", gradient, {ROWS * C, ROWS *C, ROWS *C, C, C}},
    {"pass_move", add, {ROWS * C, ROWS *C}},
    {"pass_epilogue", epilogue, {(ROWS - 1) * STRIDE + C, C, (ROWS - 1) * STRIDE + C}},
    {"winograd_take", take, {36 * TILES * DEEP, IMAGE, DEEP}},
    {"winograd_spread", spread, {36 * TILES * DEEP, IMAGE, DEEP}},
    {"winograd_give", give, {36 * TILES * DEEP, IMAGE, IMAGE, DEEP}},
    {"winograd_weights", weights, {WEIGHTS, 36 * DEEP *DEEP}},
    {"winograd_weights for data", weights_of_data, {WEIGHTS, 36 * DEEP *DEEP}},
    {"winograd_weights_back", weights_back, {36 * DEEP * DEEP, WEIGHTS}},
};

/* short_one: the buffer that is a float too short, or -1. */
static void run(const struct row *row, int short_one)
{
    float *buffer[BUFFERS] = {NULL};
    for (int i = 0; i < BUFFERS && row->floats[i]; i++) {
        size_t floats = row->floats[i] - (i == short_one);
        void *room = NULL;
        assert_int_equal(posix_memalign(&room, 64, floats * sizeof(float)), 0);
        buffer[i] = room;
        for (size_t k = 0; k < floats; k++)
            buffer[i][k] = 0;
    }
    row->run(buffer);
    for (int i = 0; i < BUFFERS; i++)
        free(buffer[i]);
}

static bool ends(const struct row *row, int short_one)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        run(row, short_one);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status != 0;
}

static void short_buffers_end_the_program(void **state)
{
    (void)state;
#ifdef THAW_CHECKED
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        if (ends(&rows[i], -1))
            fail_msg("%s ends with all that it touches", rows[i].name);
        for (int b = 0; b < BUFFERS && rows[i].floats[b]; b++)
            if (!ends(&rows[i], b))
                fail_msg("%s reads or writes past buffer %d, and nobody tells", rows[i].name, b);
    }
#else
    (void)ends;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        run(&rows[i], -1);
    skip(); /* without the address sanitizer */
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(short_buffers_end_the_program)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
