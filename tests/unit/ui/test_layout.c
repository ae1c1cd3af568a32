/* Layout: over every size from 60 x 15 to 300 x 100 the parts lie inside and never overlap. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "src/ui/layout.h"
#include "thaw/base/macros.h"

static void assert_inside(struct rect part, struct rect whole)
{
    if (rect_empty(part))
        return;
    assert_true(part.x >= whole.x && part.y >= whole.y);
    assert_true(part.x + part.w <= whole.x + whole.w && part.y + part.h <= whole.y + whole.h);
}

static void assert_apart(const struct rect *parts, int count, struct rect whole)
{
    for (int i = 0; i < count; i++) {
        assert_inside(parts[i], whole);
        for (int j = 0; j < i; j++)
            assert_true(rect_empty(rect_intersect(parts[i], parts[j])));
    }
}

static void test_frame(void **state)
{
    (void)state;
    for (int w = 60; w <= 300; w++)
        for (int h = 15; h <= 100; h++) {
            struct layout layout = layout_frame(w, h);
            struct rect parts[4] = {layout.tabs, layout.body, layout.message, layout.keys};
            assert_false(layout.too_small);
            assert_apart(parts, 4, (struct rect){0, 0, w, h});
            int cells = 0;
            for (int i = 0; i < 4; i++)
                cells += parts[i].w * parts[i].h;
            assert_int_equal(cells, w * h); /* nothing lies waste */
        }
    assert_true(layout_frame(59, 15).too_small);
    assert_true(layout_frame(60, 14).too_small);
    assert_int_equal(layout_frame(0, 0).body.w, 0);
}

static void test_splits(void **state)
{
    (void)state;
    for (int size = 0; size <= 300; size++)
        for (int tenth = 0; tenth <= 10; tenth++) {
            struct rect parts[2], wide = {3, 5, size, 20}, tall = {3, 5, 20, size};
            layout_columns(wide, tenth / 10.0, 20, 30, 1, &parts[0], &parts[1]);
            assert_apart(parts, 2, wide);
            assert_true(size < 51 ? parts[1].w == 0 && parts[0].w == size
                                  : parts[0].w >= 20 && parts[1].w >= 30 && parts[0].w + 1 + parts[1].w == size);
            layout_rows(tall, tenth / 10.0, 4, 6, 0, &parts[0], &parts[1]);
            assert_apart(parts, 2, tall);
            assert_true(size < 10 ? parts[1].h == 0 && parts[0].h == size
                                  : parts[0].h >= 4 && parts[1].h >= 6 && parts[0].h + parts[1].h == size);
        }
}

static void test_cuts(void **state)
{
    (void)state;
    struct rect whole = {2, 3, 40, 20}, left = whole, parts[5];
    parts[0] = layout_cut_top(&left, 3);
    parts[1] = layout_cut_bottom(&left, 2);
    parts[2] = layout_cut_left(&left, 10);
    parts[3] = layout_cut_right(&left, 5);
    parts[4] = left;
    assert_apart(parts, 5, whole);
    assert_int_equal(left.w, 25);
    assert_int_equal(left.h, 15);
    struct rect more = layout_cut_top(&left, 99);
    assert_int_equal(more.h, 15);
    assert_true(rect_empty(left));
    assert_true(rect_empty(layout_inset((struct rect){0, 0, 2, 2}, 1, 1)));
    struct rect centre = layout_centre(whole, 10, 99);
    assert_inside(centre, whole);
    assert_int_equal(centre.x, 17);
    assert_int_equal(centre.h, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_frame), cmocka_unit_test(test_splits),
                                       cmocka_unit_test(test_cuts)};
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
