/* Widgets by their text dumps and by what they do with commands, keys and clicks. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/ui/key.h"
#include "src/ui/widget.h"
#include "thaw/base/mem.h"

static void assert_dump(const struct canvas *canvas, const char *wanted)
{
    char *dump = canvas_dump(canvas);
    assert_string_equal(dump, wanted);
    mem_free(dump);
}

static void fill(void *context, int row, int column, struct table_cell *cell)
{
    (void)context;
    if (column == 2)
        cell->bar = row / 10.0;
    else
        snprintf(cell->text, sizeof cell->text, column == 0 ? "row %d" : "%d", row);
    if (column == 0) {
        cell->fold = row % 4 == 0 ? 1 + (row == 4) : 3;
        cell->indent = row % 4 == 0 ? 0 : 2;
    }
}

static const struct column columns[] = {
    {"name", 9, 1, ALIGN_LEFT, 3}, {"value", 5, 0, ALIGN_RIGHT, 2}, {"bar", 4, 0, ALIGN_LEFT, 1}};

static void test_table(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(24, 5);
    struct list list = {0};
    list_set_rows(&list, 10);
    table_draw(canvas, (struct rect){0, 0, 24, 5}, &list, columns, 3, fill, NULL, true);
    assert_dump(canvas, "name        value bar\n"
                        "▸ row 0         0 ···· █\n"
                        "    row 1       1 ▍··· │\n"
                        "    row 2       2 ▊··· │\n"
                        "    row 3       3 █▎·· │\n");
    assert_int_equal(canvas->cell[24].role, THEME_SELECTED);
    assert_int_equal(canvas->cell[48].role, THEME_TEXT);
    assert_true(list_move(&list, MOVE_LAST));
    canvas_clear(canvas);
    table_draw(canvas, (struct rect){0, 0, 24, 5}, &list, columns, 3, fill, NULL, true);
    assert_int_equal(list.top, 6);
    assert_int_equal(canvas->cell[4 * 24].role, THEME_SELECTED);
    assert_int_equal(table_column_at((struct rect){0, 0, 24, 5}, &list, columns, 3, 13, 0), 1);
    assert_int_equal(table_column_at((struct rect){0, 0, 24, 5}, &list, columns, 3, 13, 1), -1);
    canvas_destroy(canvas);
}

/* The least kept columns go first; the last one left takes what there is. */
static void test_narrow(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(16, 2);
    struct list list = {0};
    list_set_rows(&list, 1);
    table_draw(canvas, (struct rect){0, 0, 16, 2}, &list, columns, 3, fill, NULL, true);
    assert_dump(canvas, "name           ▸\n▸ row 0\n"); /* a sign for what is beside the table */
    canvas_clear(canvas);
    struct canvas *wider = canvas_create(19, 2);
    list.shift = 0;
    table_draw(wider, (struct rect){0, 0, 19, 2}, &list, columns, 3, fill, NULL, true);
    assert_dump(wider, "name        value ▸\n▸ row 0         0\n");
    assert_true(list_move(&list, MOVE_RIGHT)); /* the one behind it comes in its place */
    canvas_clear(wider);
    table_draw(wider, (struct rect){0, 0, 19, 2}, &list, columns, 3, fill, NULL, true);
    assert_int_equal(list.shift, 1);
    assert_false(list_move(&list, MOVE_RIGHT));
    assert_true(list_move(&list, MOVE_LEFT));
    canvas_destroy(wider);
    table_draw(canvas, (struct rect){0, 0, 6, 2}, &list, columns, 3, fill, NULL, true);
    assert_dump(canvas, "name\n▸ row…\n");
    canvas_destroy(canvas);
}

static void test_list(void **state)
{
    (void)state;
    struct list list = {.visible = 5};
    assert_false(list_move(&list, MOVE_DOWN)); /* empty */
    list_set_rows(&list, 0);
    assert_int_equal(list.selected, -1);
    list_set_rows(&list, 20);
    assert_int_equal(list.selected, 0);
    assert_false(list_move(&list, MOVE_UP));
    assert_true(list_move(&list, MOVE_PAGE_DOWN));
    assert_int_equal(list.selected, 4);
    assert_int_equal(list.top, 0);
    assert_true(list_move(&list, MOVE_DOWN));
    assert_int_equal(list.top, 1);
    assert_true(list_move(&list, MOVE_LAST));
    assert_int_equal(list.top, 15);
    assert_false(list_move(&list, MOVE_LEFT));
    list_set_rows(&list, 3); /* rows went away */
    assert_int_equal(list.selected, 2);
    assert_int_equal(list.top, 0);
}

static void test_list_mouse(void **state)
{
    (void)state;
    struct list list = {.visible = 4, .area = {2, 3, 20, 4}};
    list_set_rows(&list, 10);
    struct term_event click = {.kind = TERM_MOUSE, .mouse = TERM_PRESS, .button = 1, .x = 5, .y = 5};
    assert_int_equal(list_mouse(&list, &click), LIST_SELECTED);
    assert_int_equal(list.selected, 2);
    assert_int_equal(list_mouse(&list, &click), LIST_OPENED);
    click.x = 1;
    assert_int_equal(list_mouse(&list, &click), LIST_MISS);
    struct term_event wheel = {.kind = TERM_MOUSE, .mouse = TERM_WHEEL_DOWN, .x = 5, .y = 5};
    assert_int_equal(list_mouse(&list, &wheel), LIST_SCROLLED);
    assert_int_equal(list.top, 3);
    assert_int_equal(list.selected, 3); /* stays in sight */
    for (int i = 0; i < 5; i++)
        list_mouse(&list, &wheel);
    assert_int_equal(list.top, 6);
    click = (struct term_event){.kind = TERM_MOUSE, .mouse = TERM_DOUBLE, .button = 1, .x = 5, .y = 6};
    assert_int_equal(list_mouse(&list, &click), LIST_OPENED);
    assert_int_equal(list.selected, 9);
}

static void type(struct input *input, const char *keys)
{
    char word[16];
    int used;
    for (; sscanf(keys, " %15s%n", word, &used) == 1; keys += used) {
        struct term_event event = {.kind = TERM_KEY};
        assert_true(key_parse(word, &event.key, &event.modifiers));
        assert_true(input_key(input, &event));
    }
}

static void test_input(void **state)
{
    (void)state;
    struct input input = {0};
    type(&input, "a ü 漢 b");
    assert_string_equal(input.text, "aü漢b");
    type(&input, "Left Backspace");
    assert_string_equal(input.text, "aüb");
    type(&input, "Left Left Del");
    assert_string_equal(input.text, "üb");
    type(&input, "End Space c C-w");
    assert_string_equal(input.text, "üb ");
    type(&input, "Home x C-k");
    assert_string_equal(input.text, "x");
    type(&input, "Backspace Backspace Del Left Right");
    assert_string_equal(input.text, "");
    type(&input, "p q C-a r C-e s C-u");
    assert_string_equal(input.text, "");
    struct term_event enter = {.kind = TERM_KEY, .key = TERM_KEY_ENTER};
    assert_false(input_key(&input, &enter));
    for (size_t i = 0; i < sizeof input.text + 10; i++)
        input_key(&input, &(struct term_event){.kind = TERM_KEY, .key = 0xfc});
    assert_int_equal(strlen(input.text), (sizeof input.text - 1) / 2 * 2);
}

static void test_input_scrolls(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(6, 1);
    struct input input = {0};
    input_set(&input, "abcdefgh");
    input_draw(canvas, (struct rect){0, 0, 6, 1}, &input, true);
    assert_dump(canvas, "defgh\n");
    assert_int_equal(canvas->cursor_x, 5);
    type(&input, "Home");
    input_draw(canvas, (struct rect){0, 0, 6, 1}, &input, true);
    assert_dump(canvas, "abcdef\n");
    assert_int_equal(canvas->cursor_x, 0);
    canvas_destroy(canvas);
}

static void test_bars(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(20, 3);
    bar_draw(canvas, 0, 0, 8, 0.5, THEME_BAR);
    bar_draw(canvas, 10, 0, 4, NAN, THEME_BAR);
    bar_draw(canvas, 0, 1, 8, 7, THEME_BAR);
    bar_draw(canvas, 10, 1, 8, 1.0 / 64, THEME_BAR);
    gauge_draw(canvas, (struct rect){0, 2, 20, 1}, 0.5, THEME_BAR, "3 of 6");
    assert_dump(canvas, "████····  ····\n"
                        "████████  ▏·······\n"
                        "██████ 3 of 6 ······\n");
    canvas_destroy(canvas);
}

static void test_paragraph(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(12, 5);
    int lines =
        paragraph_draw(canvas, (struct rect){0, 0, 12, 5}, THEME_TEXT, 0, "one two three four\nfive unbreakablewords");
    assert_int_equal(lines, 5);
    assert_dump(canvas, "one two\nthree four\nfive\nunbreakablew\nords\n");
    assert_int_equal(paragraph_draw(canvas, (struct rect){0, 0, 9, 0}, THEME_TEXT, 0, "one two three"), 2);
    canvas_destroy(canvas);
}

static void test_tabs(void **state)
{
    (void)state;
    static const struct tab tabs[] = {{"on", 0, true}, {"One", 1, false}, {"Two", 2, true}, {"Three", 3, false}};
    struct canvas *canvas = canvas_create(20, 1);
    struct rect hit[4];
    tabs_draw(canvas, (struct rect){0, 0, 20, 1}, tabs, 4, hit);
    assert_dump(canvas, "on 1 One  2 Two\n"); /* the third does not fit and cannot be hit */
    assert_int_equal(hit[2].x, 9);
    assert_int_equal(hit[3].w, 0);
    assert_int_equal(canvas->cell[1].role, THEME_TITLE);
    assert_int_equal(canvas->cell[10].role, THEME_TAB_ACTIVE);
    canvas_destroy(canvas);
}

static void test_words(void **state)
{
    (void)state;
    char text[WORDS_MAX];
    assert_string_equal(words_count(text, 0), "0");
    assert_string_equal(words_count(text, 950), "950");
    assert_string_equal(words_count(text, 999.96), "1.00 k");
    assert_string_equal(words_count(text, 11689512), "11.7 M");
    assert_string_equal(words_count(text, 1.8e9), "1.80 G");
    assert_string_equal(words_bytes(text, 44.6 * 1048576), "44.6 MiB");
    assert_string_equal(words_bytes(text, 512), "512 B");
    assert_string_equal(words_seconds(text, 3723), "1:02:03");
    assert_string_equal(words_seconds(text, 4.2), "4.2 s");
    assert_string_equal(words_seconds(text, 0.0123), "12 ms");
    assert_string_equal(words_seconds(text, 0.0003), "< 1 ms");
    assert_string_equal(words_seconds(text, 0.00096), "1 ms");
    assert_string_equal(words_seconds(text, 0), "0 ms");
    assert_string_equal(words_seconds(text, 75), "1:15");
    assert_string_equal(words_seconds(text, NAN), "-");
    assert_string_equal(words_seconds(text, -1), "-");
}

static void test_filter(void **state)
{
    (void)state;
    assert_true(filter_match("", "anything"));
    assert_true(filter_match("RES 18", "resnet18"));
    assert_false(filter_match("res 34", "resnet18"));
    assert_true(filter_match("res !34", "resnet18"));
    assert_false(filter_match("!18", "resnet18"));
    assert_true(filter_match(" ! ", "resnet18")); /* still being typed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_narrow),    cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_mouse), cmocka_unit_test(test_input),     cmocka_unit_test(test_input_scrolls),
        cmocka_unit_test(test_bars),       cmocka_unit_test(test_paragraph), cmocka_unit_test(test_tabs),
        cmocka_unit_test(test_words),      cmocka_unit_test(test_filter),
    };
    return cmocka_run_group_tests_name("widget", tests, NULL, NULL);
}
