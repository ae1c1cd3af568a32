/* The canvas by its text dump: text and its cut, wide characters and their halves, the clip, ASCII, images. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "src/ui/canvas.h"
#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

static void assert_dump(const struct canvas *canvas, const char *wanted)
{
    char *dump = canvas_dump(canvas);
    assert_string_equal(dump, wanted);
    mem_free(dump);
}

static void test_utf8(void **state)
{
    (void)state;
    static const uint32_t codes[] = {'a', 0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff};
    for (size_t i = 0; i < THAW_LENGTH(codes); i++) {
        char bytes[5];
        const char *at = bytes;
        int count = utf8_put(bytes, codes[i]);
        assert_int_equal(utf8_next(&at), codes[i]);
        assert_int_equal(at - bytes, count);
        assert_int_equal(utf8_next(&at), 0);
        assert_int_equal(at - bytes, count);
    }
    /* Bare continuation, overlong, cut short, surrogate, too large: one U+FFFD for the first byte. */
    static const char *const bad[] = {"\x80", "\xc0\xaf", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xff"};
    for (size_t i = 0; i < THAW_LENGTH(bad); i++) {
        const char *at = bad[i];
        assert_int_equal(utf8_next(&at), 0xfffd);
        assert_int_equal(at - bad[i], 1);
    }
    assert_int_equal(text_width("a漢e\xcc\x81"), 4); /* a combining accent takes no cell */
    char tail[32];
    assert_string_equal(text_tail(tail, sizeof tail, "/data/漢字", 10), "/data/漢字");
    assert_string_equal(text_tail(tail, sizeof tail, "/data/漢字", 8), "…ta/漢字");
    assert_string_equal(text_tail(tail, sizeof tail, "/data/漢字", 4), "…字"); /* half of one cannot be shown */
}

static void test_text(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(10, 3);
    assert_int_equal(canvas_text(canvas, 0, 0, 10, THEME_TEXT, 0, "ten chars."), 10);
    assert_int_equal(canvas_text(canvas, 0, 1, 6, THEME_TEXT, 0, "too long"), 6);
    assert_int_equal(canvas_text(canvas, 7, 2, 10, THEME_TEXT, 0, "over the edge"), 10);
    assert_dump(canvas, "ten chars.\ntoo l…\n       ove\n");
    canvas_clear(canvas);
    canvas_text(canvas, -2, 0, 10, THEME_TEXT, 0, "abcdef");
    canvas_text(canvas, 0, -1, 10, THEME_TEXT, 0, "above");
    canvas_text(canvas, 0, 3, 10, THEME_TEXT, 0, "below");
    canvas_text(canvas, 0, 1, 10, THEME_TEXT, 0, "a\tb\nc");
    assert_dump(canvas, "cdef\na b c\n\n");
    assert_int_equal(canvas_text(canvas, 0, 2, 0, THEME_TEXT, 0, "none"), 0);
    canvas_destroy(canvas);
}

/* Whatever the locale knows of them, no characters come to the terminal that turn the direction of what follows. */
static void test_steering(void **state)
{
    (void)state;
    static const char *const codes[] = {"\u200e", "\u2028", "\u2029", "\u202a",  "\u202e",
                                        "\u2066", "\u2069", "\u061c", "\xc2\x9b"};
    for (size_t i = 0; i < THAW_LENGTH(codes); i++) {
        struct canvas *canvas = canvas_create(12, 1);
        canvas_format(canvas, 0, 0, 12, THEME_TEXT, 0, "ab%scd", codes[i]);
        char *dump = canvas_dump(canvas);
        if (strstr(dump, codes[i]))
            fail_msg("%zu is drawn", i);
        mem_free(dump);
        canvas_destroy(canvas);
    }
}

static void test_wide(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(6, 1);
    assert_int_equal(canvas_text(canvas, 0, 0, 6, THEME_TEXT, 0, "漢字漢"), 6);
    assert_dump(canvas, "漢字漢\n");
    canvas_put(canvas, 1, 0, 'x', THEME_TEXT, 0); /* over a right half: the left goes too */
    assert_dump(canvas, " x字漢\n");
    canvas_put(canvas, 2, 0, 'y', THEME_TEXT, 0); /* over a left half: the right goes too */
    assert_dump(canvas, " xy 漢\n");
    canvas_put(canvas, 5, 0, 0x6f22, THEME_TEXT, 0); /* no room for its right half */
    assert_dump(canvas, " xy\n");
    canvas_clear(canvas);
    assert_int_equal(canvas_text(canvas, 0, 0, 5, THEME_TEXT, 0, "漢字漢"), 5); /* cut at a whole character */
    assert_dump(canvas, "漢字…\n");
    canvas_destroy(canvas);
}

static void test_clip(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(8, 3);
    struct rect before = canvas_clip(canvas, (struct rect){2, 1, 4, 99});
    canvas_fill(canvas, (struct rect){0, 0, 8, 3}, '#', THEME_TEXT, 0);
    assert_dump(canvas, "\n  ####\n  ####\n");
    canvas_clip(canvas, before);
    canvas_box(canvas, (struct rect){0, 0, 8, 3}, THEME_BORDER, "t");
    assert_dump(canvas, "┌─ t ──┐\n│ #### │\n└──────┘\n");
    canvas_destroy(canvas);
}

static void test_ascii(void **state)
{
    (void)state;
    struct canvas *canvas = canvas_create(14, 3);
    canvas->ascii = true;
    canvas_box(canvas, (struct rect){0, 0, 14, 3}, THEME_BORDER, NULL);
    canvas_text(canvas, 1, 1, 12, THEME_TEXT, 0, "▸漢é●…⣿");
    char *dump = canvas_dump(canvas);
    for (const char *at = dump; *at; at++)
        assert_true((unsigned char)*at < 0x80);
    assert_string_equal(dump, "+------------+\n|>? ?*~.     |\n+------------+\n");
    mem_free(dump);
    canvas_destroy(canvas);
}

static void test_images(void **state)
{
    (void)state;
    /* Left half black, right half white; one red pixel above, blue below at the left. */
    uint8_t rgb[4][4][3];
    for (int y = 0; y < 4; y++)
        for (int x = 0; x < 4; x++)
            memset(rgb[y][x], x < 2 ? 0 : 255, 3);
    rgb[0][0][0] = 255;
    rgb[1][0][2] = 200;
    struct canvas *canvas = canvas_create(8, 2);
    canvas_image(canvas, (struct rect){0, 0, 8, 2}, &rgb[0][0][0], 4, 4);
    assert_dump(canvas, "  ▀▀▀▀\n  ▀▀▀▀\n"); /* centred, square */
    struct cell first = canvas->cell[2], last = canvas->cell[5];
    assert_true(first.rgb && first.fg[0] == 255 && first.fg[2] == 0 && first.bg[2] == 200);
    assert_true(last.fg[0] == 255 && last.fg[1] == 255 && last.bg[2] == 255);
    canvas_clear(canvas);
    canvas->mono = true;
    canvas_image(canvas, (struct rect){2, 0, 4, 2}, &rgb[0][0][0], 4, 4);
    assert_int_equal(canvas->cell[5].code, 0x28ff);
    assert_int_equal(canvas->cell[8 + 2].code, 0x2800);
    canvas_clear(canvas);
    canvas->ascii = true;
    canvas_image(canvas, (struct rect){0, 0, 8, 2}, &rgb[0][0][0], 4, 4);
    assert_int_equal(canvas->cell[8 + 5].code, '@');
    assert_int_equal(canvas->cell[8 + 3].code, ' ');
    canvas_destroy(canvas);
}

/* A box filter keeps the mean: a checkerboard becomes grey. */
static void test_scaling(void **state)
{
    (void)state;
    enum { SIDE = 64 };
    static uint8_t rgb[SIDE][SIDE][3];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            memset(rgb[y][x], (x + y) % 2 ? 255 : 0, 3);
    struct canvas *canvas = canvas_create(16, 8);
    canvas_image(canvas, (struct rect){0, 0, 16, 8}, &rgb[0][0][0], SIDE, SIDE);
    for (int i = 0; i < 16 * 8; i++) {
        assert_true(canvas->cell[i].rgb);
        assert_in_range(canvas->cell[i].fg[1], 127, 128);
        assert_in_range(canvas->cell[i].bg[1], 127, 128);
    }
    /* Any shape in any area stays inside. */
    for (int w = 1; w < 20; w += 3)
        for (int h = 1; h < 12; h += 2)
            for (int form = 0; form < 3; form++) {
                canvas_clear(canvas);
                canvas->ascii = form == 1;
                canvas->mono = form == 2;
                canvas_image(canvas, (struct rect){3, 2, 10, 5}, &rgb[0][0][0], w, h);
                for (int y = 0; y < 8; y++)
                    for (int x = 0; x < 16; x++)
                        if (x < 3 || x >= 13 || y < 2 || y >= 7)
                            assert_int_equal(canvas->cell[y * 16 + x].code, ' ');
            }
    canvas_destroy(canvas);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),    cmocka_unit_test(test_text),     cmocka_unit_test(test_wide),
        cmocka_unit_test(test_clip),    cmocka_unit_test(test_ascii),    cmocka_unit_test(test_images),
        cmocka_unit_test(test_scaling), cmocka_unit_test(test_steering),
    };
    return cmocka_run_group_tests_name("canvas", tests, NULL, NULL);
}
