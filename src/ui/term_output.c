/* From the glyphs of two frames to bytes. A line is walked once; the cursor goes over what is the same in the cheapest way,
 * which may be to write it again. Attributes go from one pen to the next by the shorter of what differs and of everything
 * anew. Blanks to the end of a line are erased, long blanks and repeated characters told by their count. Called by term.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "canvas.h"
#include "term_output.h"
#include "thaw/base/mem.h"

enum { SEQUENCE = 256 };

void output_finish(struct output *output)
{
    mem_free(output->bytes);
    output->bytes = NULL;
    output->count = output->room = 0;
}

static void add(struct output *output, const char *bytes, size_t length)
{
    if (output->count + length > output->room) {
        output->room = (output->count + length) * 2 + 4096;
        output->bytes = mem_grow(output->bytes, output->room, 1);
    }
    memcpy(output->bytes + output->count, bytes, length);
    output->count += length;
}

void output_text(struct output *output, const char *bytes)
{
    add(output, bytes, strlen(bytes));
}

void output_forget(struct output *output)
{
    output->x = -1;
    output->known = false;
}

/* --- pens --- */
static bool same_pen(const struct glyph *a, const struct glyph *b)
{
    return a->fg == b->fg && a->bg == b->bg && a->attrs == b->attrs;
}

/* Puts a sequence behind another; two that set attributes become one: CSI a m CSI b m is CSI a ; b m. */
static void join(char text[SEQUENCE], const char *code)
{
    size_t length = strlen(text);
    bool may = length > 2 && text[length - 1] == 'm' && strncmp(code, "\033[", 2) == 0 && code[strlen(code) - 1] == 'm';
    if (may) {
        text[length - 1] = ';';
        code += 2;
    }
    snprintf(text + length, SEQUENCE - length, "%s", code);
}

static void join_colour(const struct output *output, char text[SEQUENCE], bool ground, int colour)
{
    char code[32];
    if (colour < 0)
        return;
    output->codes.colour(code, ground, colour);
    join(text, code);
}

static void join_attributes(const struct output *output, char text[SEQUENCE], unsigned attrs)
{
    const struct output_codes *codes = &output->codes;
    const struct {
        unsigned bit;
        const char *code;
    } all[] = {{CELL_BOLD, codes->bold},
               {CELL_DIM, codes->dim},
               {CELL_REVERSE, codes->reverse},
               {CELL_UNDERLINE, codes->underline}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (attrs & all[i].bit && *all[i].code)
            join(text, all[i].code);
}

/* Everything anew. */
static void pen_whole(const struct output *output, char text[SEQUENCE], const struct glyph *pen)
{
    snprintf(text, SEQUENCE, "%s", output->codes.off);
    join_attributes(output, text, pen->attrs);
    join_colour(output, text, false, pen->fg);
    join_colour(output, text, true, pen->bg);
}

/* What differs; only ECMA-48 can take single attributes back. */
static void pen_step(const struct output *output, char text[SEQUENCE], const struct glyph *pen)
{
    const struct glyph *now = &output->pen;
    unsigned gone = now->attrs & ~pen->attrs, come = pen->attrs & ~now->attrs;
    text[0] = 0;
    if (gone & (CELL_BOLD | CELL_DIM)) { /* one code ends both */
        join(text, "\033[22m");
        come |= pen->attrs & (CELL_BOLD | CELL_DIM);
    }
    if (gone & CELL_UNDERLINE)
        join(text, "\033[24m");
    if (gone & CELL_REVERSE)
        join(text, "\033[27m");
    join_attributes(output, text, come);
    if (pen->fg != now->fg && pen->fg < 0)
        join(text, "\033[39m");
    else if (pen->fg != now->fg)
        join_colour(output, text, false, pen->fg);
    if (pen->bg != now->bg && pen->bg < 0)
        join(text, "\033[49m");
    else if (pen->bg != now->bg)
        join_colour(output, text, true, pen->bg);
}

/* Whether a glyph can be written with the pen as it is; a blank looks the same in any ink. */
static bool suits(const struct output *output, const struct glyph *glyph)
{
    const struct glyph *pen = &output->pen;
    if (!output->known)
        return false;
    bool blank = glyph->code == ' ' && glyph->attrs == 0 && (pen->attrs & (CELL_REVERSE | CELL_UNDERLINE)) == 0;
    return same_pen(pen, glyph) || (blank && pen->bg == glyph->bg);
}

static void take_pen(struct output *output, const struct glyph *pen)
{
    char whole[SEQUENCE], step[SEQUENCE];
    if (suits(output, pen))
        return;
    pen_whole(output, whole, pen);
    bool steps = output->known && output->codes.ansi;
    if (steps)
        pen_step(output, step, pen);
    output_text(output, steps && strlen(step) <= strlen(whole) ? step : whole);
    output->pen = *pen;
    output->known = true;
}

/* --- cells --- */
/* Without what does not show. */
static struct glyph plain(const struct output *output, struct glyph glyph)
{
    if (glyph.code == ' ') {
        glyph.fg = glyph.attrs & (CELL_REVERSE | CELL_UNDERLINE) ? glyph.fg : -1;
        glyph.attrs &= CELL_REVERSE | CELL_UNDERLINE;
    }
    if (glyph.fg >= 0 || glyph.bg >= 0)
        glyph.attrs &= ~output->codes.without_colour;
    return glyph;
}

static bool same_glyph(const struct glyph *a, const struct glyph *b)
{
    return a->code == b->code && same_pen(a, b);
}

static bool is_blank(const struct glyph *glyph)
{
    return glyph->code == ' ' && glyph->bg < 0 && glyph->attrs == 0;
}

static void put(struct output *output, const struct glyph *glyph)
{
    char bytes[5];
    take_pen(output, glyph);
    add(output, bytes, (size_t)utf8_put(bytes, glyph->code));
    output->x += code_width(glyph->code);
}

/* Bytes that writing [from, to) with the pen as it is would take; SEQUENCE: it cannot be done. */
static size_t rewriting(const struct output *output, const struct glyph *line, int from, int to)
{
    char bytes[5];
    size_t length = 0;
    if (to - from > 8)
        return SEQUENCE;
    for (int x = from; x < to; x++) {
        if (!suits(output, &line[x]) || line[x].code == 0)
            return SEQUENCE;
        length += (size_t)utf8_put(bytes, line[x].code);
    }
    return length;
}

static void go(struct output *output, const struct glyph *line, int x, int y)
{
    char move[32], step[32] = "";
    if (output->x == x && output->y == y)
        return;
    output->codes.move(move, x, y);
    if (output->codes.ansi && output->x >= 0 && output->y == y && x > output->x)
        snprintf(step, sizeof step, x - output->x == 1 ? "\033[C" : "\033[%dC", x - output->x);
    const char *code = *step && strlen(step) < strlen(move) ? step : move;
    if (output->x >= 0 && output->y == y && x > output->x && rewriting(output, line, output->x, x) <= strlen(code)) {
        while (output->x < x)
            put(output, &line[output->x]);
        return;
    }
    output_text(output, code);
    output->x = x;
    output->y = y;
}

/* Characters from x on that are the same as that at x. */
static int run_length(const struct glyph *line, int x, int width)
{
    int count = 1;
    while (x + count < width && same_glyph(&line[x], &line[x + count]))
        count++;
    return count;
}

/* Writes what begins at x; returns how many cells were done. */
static int write_run(struct output *output, const struct glyph *line, int x, int width)
{
    char code[32];
    int run = run_length(line, x, width);
    if (output->codes.ansi && is_blank(&line[x]) && run > 9) {
        take_pen(output, &line[x]);
        snprintf(code, sizeof code, "\033[%dX", run);
        output_text(output, code);
        return run;
    }
    put(output, &line[x]);
    if (code_width(line[x].code) == 2)
        return 2;
    char bytes[5];
    size_t each = (size_t)utf8_put(bytes, line[x].code);
    snprintf(code, sizeof code, "\033[%db", run - 1);
    /* never up to the edge: what follows there differs between terminals */
    if (!output->codes.repeat || run < 3 || x + run >= width || each * (size_t)(run - 1) <= strlen(code))
        return 1;
    output_text(output, code);
    output->x += run - 1;
    return run;
}

void output_line(struct output *output, int y, const struct glyph *now, const struct glyph *before, int width,
                 bool last)
{
    struct glyph *line = mem_array((size_t)width + 1, sizeof *line);
    int end = width; /* behind it all is blank */
    for (int x = 0; x < width; x++)
        line[x] = plain(output, now[x]);
    while (end > 0 && is_blank(&line[end - 1]))
        end--;
    int stop = last && !output->codes.corner ? width - 1 : width;
    for (int x = 0; x < stop;) {
        struct glyph was = plain(output, before[x]);
        if (line[x].code == 0 || same_glyph(&line[x], &was)) {
            x++;
            continue;
        }
        go(output, line, x, y);
        if (x >= end && width - x > 3 && output->codes.ansi) {
            take_pen(output, &line[x]);
            output_text(output, "\033[K");
            break;
        }
        x += write_run(output, line, x, stop);
        if (output->x >= width)
            output->x = -1; /* whether the cursor has left the line differs between terminals */
    }
    mem_free(line);
}
