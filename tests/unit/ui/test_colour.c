/* Fitting colours: exact where the terminal has them, the nearest where not, greys never onto the ground. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "src/ui/colour.h"

static void test_exact(void **state)
{
    (void)state;
    static const int colours[] = {0, 8, 16, 256, 1 << 24};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(colour_fit(colours[i], -1, NULL), -1);
        for (int c = 0; c < colours[i] && c < 256; c++)
            assert_int_equal(colour_fit(colours[i], c, NULL), c);
    }
    assert_int_equal(colour_fit(0, 33, NULL), -1);
    assert_int_equal(colour_fit(1 << 24, COLOUR_RGB | 0x123456, NULL), COLOUR_RGB | 0x123456);
}

/* Every colour of the cube and of the grey ramp is nearest to itself. */
static void test_nearest_256(void **state)
{
    (void)state;
    static const int level[6] = {0, 95, 135, 175, 215, 255};
    for (int i = 0; i < 216; i++) {
        int r = level[i / 36], g = level[i / 6 % 6], b = level[i % 6];
        assert_int_equal(colour_fit(256, COLOUR_RGB | r << 16 | g << 8 | b, NULL), 16 + i);
    }
    for (int i = 0; i < 24; i++)
        assert_int_equal(colour_fit(256, COLOUR_RGB | (8 + 10 * i) * 0x010101, NULL), 232 + i);
}

static void test_few(void **state)
{
    (void)state;
    bool dim = false;
    assert_int_equal(colour_fit(16, COLOUR_RGB | 0xff0000, &dim), 9);
    assert_int_equal(colour_fit(8, COLOUR_RGB | 0xff0000, &dim), 1);
    assert_false(dim);
    assert_int_equal(colour_fit(8, 244, &dim), -1);
    assert_true(dim);
    assert_int_equal(colour_fit(16, 255, &dim), -1);
    assert_false(dim);
    assert_int_equal(colour_fit(8, COLOUR_RGB | 0x050505, NULL), 0);
    /* Training and validation stay apart on 8 colours. */
    assert_int_not_equal(colour_fit(8, 33, &dim), colour_fit(8, 166, &dim));
    assert_int_not_equal(colour_fit(16, 33, &dim), colour_fit(16, 166, &dim));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact), cmocka_unit_test(test_nearest_256),
                                       cmocka_unit_test(test_few)};
    return cmocka_run_group_tests_name("colour", tests, NULL, NULL);
}
