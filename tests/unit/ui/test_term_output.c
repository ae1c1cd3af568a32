/* From one frame to the next as bytes: random lines come out as they should on a terminal of a few lines of code that knows
 * ECMA-48, with everything such a terminal may have and with next to nothing; and what a change may cost. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/ui/canvas.h"
#include "src/ui/colour.h"
#include "src/ui/term_output.h"
#include "thaw/base/rng.h"

enum { WIDTH = 40, HEIGHT = 4 };

/* --- a terminal --- */
struct screen {
    struct glyph cell[HEIGHT][WIDTH], pen;
    int x, y;
    uint32_t last;
};

static void blank(struct screen *screen, int y, int from, int to)
{
    for (int x = from; x < to && x < WIDTH; x++)
        screen->cell[y][x] = (struct glyph){.code = ' ', .fg = -1, .bg = screen->pen.bg};
}

static void show(struct screen *screen, uint32_t code)
{
    if (screen->x >= WIDTH)
        fail_msg("a character behind the edge");
    screen->cell[screen->y][screen->x] = screen->pen;
    screen->cell[screen->y][screen->x].code = code;
    if (code_width(code) == 2)
        screen->cell[screen->y][screen->x + 1] = screen->pen;
    screen->x += code_width(code);
    screen->last = code;
}

static int next_number(const char **at)
{
    int number = (int)strtol(*at, (char **)at, 10);
    *at += **at == ';';
    return number;
}

static int extended(const char **at)
{
    if (next_number(at) == 5)
        return next_number(at);
    int r = next_number(at), g = next_number(at), b = next_number(at);
    return COLOUR_RGB | r << 16 | g << 8 | b;
}

static void set_attribute(struct screen *screen, int code, const char **at)
{
    static const struct {
        int code;
        unsigned on, off;
    } all[] = {{1, CELL_BOLD, 0},    {2, CELL_DIM, 0},        {4, CELL_UNDERLINE, 0},
               {7, CELL_REVERSE, 0}, {24, 0, CELL_UNDERLINE}, {22, 0, CELL_BOLD | CELL_DIM},
               {27, 0, CELL_REVERSE}};
    if (code == 0)
        screen->pen = (struct glyph){.fg = -1, .bg = -1};
    else if (code == 38)
        screen->pen.fg = extended(at);
    else if (code == 48)
        screen->pen.bg = extended(at);
    else if (code == 39)
        screen->pen.fg = -1;
    else if (code == 49)
        screen->pen.bg = -1;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].code == code)
            screen->pen.attrs = (screen->pen.attrs | all[i].on) & ~all[i].off;
}

/* CSI numbers letter; returns what is behind it. */
static const char *control(struct screen *screen, const char *at)
{
    const char *numbers = at;
    at += strspn(at, "0123456789;");
    int first = *numbers >= '0' && *numbers <= '9' ? atoi(numbers) : 0, some = first ? first : 1;
    switch (*at) {
    case 'H':
        screen->y = next_number(&numbers) - 1;
        screen->x = next_number(&numbers) - 1;
        break;
    case 'C':
        screen->x += some;
        break;
    case 'K':
        blank(screen, screen->y, screen->x, WIDTH);
        break;
    case 'X':
        blank(screen, screen->y, screen->x, screen->x + some);
        break;
    case 'b':
        for (int i = 0; i < some; i++)
            show(screen, screen->last);
        break;
    case 'm':
        do
            set_attribute(screen, next_number(&numbers), &numbers);
        while (numbers < at);
        break;
    default:
        fail_msg("CSI ... %c is not spoken here", *at);
    }
    return at + 1;
}

static void feed(struct screen *screen, struct output *output)
{
    output_text(output, "");
    char *text = malloc(output->count + 1);
    memcpy(text, output->bytes, output->count);
    text[output->count] = 0;
    for (const char *at = text; *at;) {
        if (at[0] == '\033' && at[1] == '[')
            at = control(screen, at + 2);
        else
            show(screen, utf8_next(&at));
    }
    free(text);
    output->count = 0;
}

/* --- what it can do --- */
static void move_code(char code[32], int x, int y)
{
    snprintf(code, 32, "\033[%d;%dH", y + 1, x + 1);
}

static void colour_code(char code[32], bool ground, int colour)
{
    if (colour & COLOUR_RGB)
        snprintf(code, 32, "\033[%d;2;%d;%d;%dm", ground ? 48 : 38, colour >> 16 & 255, colour >> 8 & 255,
                 colour & 255);
    else
        snprintf(code, 32, "\033[%d;5;%dm", ground ? 48 : 38, colour);
}

static const struct output_codes everything = {.ansi = true,
                                               .repeat = true,
                                               .corner = true,
                                               .off = "\033[m",
                                               .bold = "\033[1m",
                                               .dim = "\033[2m",
                                               .reverse = "\033[7m",
                                               .underline = "\033[4m",
                                               .move = move_code,
                                               .colour = colour_code};
static const struct output_codes little = {
    .off = "\033[0m", .bold = "\033[1m", .move = move_code, .colour = colour_code};

/* --- frames --- */
static struct glyph random_glyph(struct rng *rng)
{
    static const uint32_t codes[] = {' ', ' ', 'a', '0', 0x2588, 0x2801, 0x6f22};
    static const int colours[] = {-1, -1, -1, 33, COLOUR_RGB | 0x102030};
    static const unsigned attrs[] = {0, 0, 0, CELL_BOLD, CELL_DIM, CELL_REVERSE, CELL_UNDERLINE | CELL_BOLD};
    return (struct glyph){.code = codes[rng_below(rng, 7)],
                          .fg = colours[rng_below(rng, 5)],
                          .bg = colours[rng_below(rng, 5)],
                          .attrs = attrs[rng_below(rng, 7)]};
}

/* Runs of the same, some of them as before. */
static void change_line(struct rng *rng, struct glyph line[WIDTH])
{
    for (int x = 0; x < WIDTH;) {
        struct glyph glyph = random_glyph(rng);
        int run = 1 + (int)rng_below(rng, rng_below(rng, 2) ? 3 : 30);
        bool same = rng_below(rng, 2) == 0;
        for (; run > 0 && x < WIDTH; run--, x++) {
            if (same && line[x].code != 0 && code_width(line[x].code) == 1)
                continue;
            if (same && x + 1 < WIDTH) {
                x++;
                continue;
            }
            line[x] = glyph;
            if (code_width(glyph.code) < 2)
                continue;
            if (x + 1 == WIDTH)
                line[x].code = ' ';
            else {
                line[x + 1] = glyph;
                line[++x].code = 0;
            }
        }
        /* a wide one that lost a half */
        if (x < WIDTH && line[x].code == 0)
            line[x].code = ' ';
    }
}

static bool looks_same(const struct glyph *a, const struct glyph *b, unsigned attrs)
{
    bool blanks = a->code == ' ' && b->code == ' ';
    unsigned seen = blanks ? attrs & (CELL_REVERSE | CELL_UNDERLINE) : attrs;
    if (a->code != b->code || a->bg != b->bg || (a->attrs & seen) != (b->attrs & seen))
        return false;
    return a->fg == b->fg || (blanks && (a->attrs & seen) == 0);
}

static void play(const struct output_codes *codes, unsigned attrs)
{
    struct rng rng;
    rng_init(&rng, 7, 1);
    struct output output = {.codes = *codes};
    struct glyph before[HEIGHT][WIDTH], now[HEIGHT][WIDTH];
    struct screen screen = {.pen = {.fg = -1, .bg = -1}};
    for (int y = 0; y < HEIGHT; y++)
        blank(&screen, y, 0, WIDTH);
    memcpy(before, screen.cell, sizeof before);
    memcpy(now, before, sizeof now);
    output_forget(&output);
    for (int frame = 0; frame < 2000; frame++) {
        for (int y = 0; y < HEIGHT; y++) {
            change_line(&rng, now[y]);
            output_line(&output, y, now[y], before[y], WIDTH, y + 1 == HEIGHT);
        }
        feed(&screen, &output);
        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH - (y + 1 == HEIGHT && !codes->corner); x++)
                if (now[y][x].code != 0 && !looks_same(&now[y][x], &screen.cell[y][x], attrs))
                    fail_msg("frame %d, line %d, column %d: U+%04x for U+%04x", frame, y, x,
                             (unsigned)screen.cell[y][x].code, (unsigned)now[y][x].code);
        memcpy(before, now, sizeof before);
    }
    output_finish(&output);
}

static void test_everything(void **state)
{
    (void)state;
    play(&everything, CELL_BOLD | CELL_DIM | CELL_REVERSE | CELL_UNDERLINE);
}

static void test_little(void **state)
{
    (void)state;
    play(&little, CELL_BOLD);
}

/* --- costs --- */
static size_t cost(const char *from, const char *to)
{
    struct output output = {.codes = everything};
    struct glyph line[2][WIDTH];
    const char *text[2] = {from, to};
    for (int i = 0; i < 2; i++)
        for (int x = 0; x < WIDTH; x++)
            line[i][x] =
                (struct glyph){.code = x < (int)strlen(text[i]) ? (uint32_t)text[i][x] : ' ', .fg = -1, .bg = -1};
    output_forget(&output);
    output_line(&output, 0, line[1], line[0], WIDTH, false);
    size_t count = output.count;
    output_finish(&output);
    return count;
}

static void test_costs(void **state)
{
    (void)state;
    assert_int_equal(cost("nothing new", "nothing new"), 0);
    enum { START = sizeof("\033[1;9H\033[m") - 1 };
    assert_int_equal(cost("elapsed 12", "elapsed 97"), START + 2);
    assert_int_equal(cost("elapsed 1 2 3", "elapsed 2 2 4"), START + 5); /* what lies between is written again */
    assert_int_equal(cost("elapsed 1.......................", "elapsed 1"), START + 1 + 3); /* erased */
    assert_int_equal(cost("elapsed ", "elapsed ........................"), START + 1 + 5);  /* repeated */
}

/* A pen goes to the next by what differs, and a sequence is not begun twice. */
static void test_pens(void **state)
{
    (void)state;
    struct output output = {.codes = everything};
    struct glyph now[3] = {{'a', 33, -1, CELL_BOLD}, {'b', -1, -1, CELL_BOLD}, {'c', -1, -1, 0}};
    struct glyph before[3] = {{' ', -1, -1, 0}, {' ', -1, -1, 0}, {' ', -1, -1, 0}};
    output_forget(&output);
    output_line(&output, 0, now, before, 3, false);
    output_text(&output, "");
    static const char wanted[] = "\033[1;1H\033[;1;38;5;33ma\033[39mb\033[mc";
    assert_int_equal(output.count, sizeof wanted - 1);
    assert_memory_equal(output.bytes, wanted, sizeof wanted - 1);
    output_finish(&output);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_everything), cmocka_unit_test(test_little),
                                       cmocka_unit_test(test_costs), cmocka_unit_test(test_pens)};
    return cmocka_run_group_tests_name("term_output", tests, NULL, NULL);
}
