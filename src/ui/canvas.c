/* The canvas: cells, text, boxes and its text dump. Coordinates are cells, x to the right, y down, from 0. Whatever
 * falls outside the clip is not drawn, so callers need not check. Called by every widget and screen; knows no terminal.
 * Images are in canvas_image.c. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "canvas.h"
#include "layout.h"
#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

struct canvas *canvas_create(int width, int height)
{
    struct canvas *canvas = mem_alloc(sizeof *canvas);
    canvas_resize(canvas, width, height);
    return canvas;
}

void canvas_destroy(struct canvas *canvas)
{
    if (!canvas)
        return;
    mem_free(canvas->cell);
    mem_free(canvas);
}

void canvas_resize(struct canvas *canvas, int width, int height)
{
    mem_free(canvas->cell);
    canvas->width = width > 0 ? width : 0;
    canvas->height = height > 0 ? height : 0;
    canvas->cell = mem_array((size_t)canvas->width * (size_t)canvas->height + 1, sizeof *canvas->cell);
    canvas_clear(canvas);
}

void canvas_clear(struct canvas *canvas)
{
    canvas->clip = (struct rect){0, 0, canvas->width, canvas->height};
    canvas->cursor_x = canvas->cursor_y = -1;
    canvas->cuts = 0;
    canvas->whole[0] = 0;
    canvas_fill(canvas, canvas->clip, ' ', THEME_TEXT, 0);
}

struct rect canvas_clip(struct canvas *canvas, struct rect clip)
{
    struct rect before = canvas->clip;
    canvas->clip = rect_intersect(clip, (struct rect){0, 0, canvas->width, canvas->height});
    return before;
}

/* What stands for a character where only ASCII can be shown. */
static uint32_t ascii_of(uint32_t code)
{
    static const struct {
        uint32_t code;
        char ascii;
    } look[] = {
        {0x2026, '~'}, {0x00b7, '.'},  {0x2022, '*'},  {0x25cf, '*'}, {0x25cb, 'o'}, {0x25d0, '%'}, {0x25c6, '#'},
        {0x25c7, 'o'}, {0x25b8, '>'},  {0x25be, 'v'},  {0x25b6, '>'}, {0x25bc, 'v'}, {0x25b2, '^'}, {0x25b4, '^'},
        {0x25c0, '<'}, {0x25c2, '<'},  {0x2190, '<'},  {0x2191, '^'}, {0x2192, '>'}, {0x2193, 'v'}, {0x2713, 'v'},
        {0x2714, 'v'}, {0x2717, 'x'},  {0x2718, 'x'},  {0x00d7, 'x'}, {0x2744, '*'}, {0x273b, '*'}, {0x2013, '-'},
        {0x2014, '-'}, {0x2018, '\''}, {0x2019, '\''}, {0x201c, '"'}, {0x201d, '"'}, {0x00b1, '~'}, {0x2248, '~'},
        {0x00a0, ' '}, {0x2605, '*'},  {0x2606, '*'},  {0x2588, '#'}, {0x2593, '#'}, {0x2592, '+'}, {0x2591, '.'},
        {0x2580, '^'}, {0x2584, '_'},  {0x25a0, '#'},  {0x25a1, 'o'}, {0x2265, '>'}, {0x2264, '<'}, {0x2215, '/'},
        {0x00b5, 'u'},
    };
    if (code < 0x80)
        return code;
    if (code >= 0x2500 && code < 0x2580) { /* line drawing */
        if (code == 0x2502 || code == 0x2503 || code == 0x2506 || code == 0x250a || code == 0x254e || code == 0x2551)
            return '|';
        return code < 0x250c || code == 0x254c || code == 0x2550 ? '-' : '+';
    }
    if (code > 0x2800 && code < 0x2900)
        return '.';
    if (code == 0x2800)
        return ' ';
    if (code > 0x2580 && code < 0x2588)
        return code < 0x2583 ? '.' : code < 0x2585 ? '-' : '=';
    if (code > 0x2588 && code <= 0x258f)
        return code < 0x258d ? '#' : ' ';
    for (size_t i = 0; i < THAW_LENGTH(look); i++)
        if (look[i].code == code)
            return (uint32_t)look[i].ascii;
    return '?';
}

/* What stands for a character where there are lines, blocks and Latin alone. */
static uint32_t console_of(uint32_t code)
{
    if (code < 0x250 || code == 0x2580 || code == 0x2584 || code == 0x2588 || code == 0x258c)
        return code;
    if (code > 0x2588 && code < 0x2590) /* eighths: a half, or all, or nothing */
        return code < 0x258b ? 0x2588 : code < 0x258e ? 0x258c : ' ';
    bool light = code == 0x2500 || code == 0x2502 || (code >= 0x250c && code <= 0x253c && (code & 3) == 0);
    return light ? code : code == 0x250a ? 0x2502 : ascii_of(code);
}

/* A wide character that loses one half must not leave the other. */
static void free_halves(struct canvas *canvas, int x, int y)
{
    struct cell *cell = canvas->cell + (size_t)y * (size_t)canvas->width + x;
    if (cell->code == 0 && x > 0)
        cell[-1].code = ' ';
    if (x + 1 < canvas->width && cell[1].code == 0)
        cell[1].code = ' ';
}

void canvas_put(struct canvas *canvas, int x, int y, uint32_t code, enum theme_role role, unsigned attrs)
{
    if (!rect_holds(canvas->clip, x, y))
        return;
    int width = code_width(code);
    if (canvas->ascii && code >= 0x80)
        code = ascii_of(code);
    else if (canvas->console)
        code = console_of(code);
    if (width == 0 || (width == 2 && !rect_holds(canvas->clip, x + 1, y)))
        code = ' ';
    struct cell *cell = canvas->cell + (size_t)y * (size_t)canvas->width + x;
    free_halves(canvas, x, y);
    *cell = (struct cell){.code = code, .role = (uint16_t)role, .attrs = (uint8_t)attrs};
    if (width == 2 && code != ' ') {
        free_halves(canvas, x + 1, y);
        cell[1] = *cell;
        cell[1].code = canvas->ascii ? ' ' : 0;
    }
}

int canvas_text(struct canvas *canvas, int x, int y, int width, enum theme_role role, unsigned attrs, const char *text)
{
    int used = 0, total = text_width(text);
    int room = total > width ? width - 1 : width;
    uint32_t code;
    while ((code = utf8_next(&text)) != 0) {
        if (code < 0x20 || code == 0x7f)
            code = ' ';
        int cells = code_width(code);
        if (cells == 0)
            continue;
        if (used + cells > room)
            break;
        canvas_put(canvas, x + used, y, code, role, attrs);
        used += cells;
    }
    if (total > width && width > 0) {
        canvas_put(canvas, x + used++, y, 0x2026, role, attrs);
        canvas->cuts++;
    }
    return used;
}

int canvas_format(struct canvas *canvas, int x, int y, int width, enum theme_role role, unsigned attrs,
                  const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return canvas_text(canvas, x, y, width, role, attrs, text);
}

void canvas_fill(struct canvas *canvas, struct rect area, uint32_t code, enum theme_role role, unsigned attrs)
{
    area = rect_intersect(area, canvas->clip);
    for (int y = area.y; y < area.y + area.h; y++)
        for (int x = area.x; x < area.x + area.w; x++)
            canvas_put(canvas, x, y, code, role, attrs);
}

void canvas_box(struct canvas *canvas, struct rect area, enum theme_role role, const char *title)
{
    if (area.w < 2 || area.h < 2)
        return;
    int right = area.x + area.w - 1, bottom = area.y + area.h - 1;
    for (int x = area.x + 1; x < right; x++) {
        canvas_put(canvas, x, area.y, 0x2500, role, 0);
        canvas_put(canvas, x, bottom, 0x2500, role, 0);
    }
    for (int y = area.y + 1; y < bottom; y++) {
        canvas_put(canvas, area.x, y, 0x2502, role, 0);
        canvas_put(canvas, right, y, 0x2502, role, 0);
    }
    canvas_put(canvas, area.x, area.y, 0x250c, role, 0);
    canvas_put(canvas, right, area.y, 0x2510, role, 0);
    canvas_put(canvas, area.x, bottom, 0x2514, role, 0);
    canvas_put(canvas, right, bottom, 0x2518, role, 0);
    if (title && *title && area.w > 6) {
        int used = canvas_text(canvas, area.x + 3, area.y, area.w - 6, THEME_TITLE, 0, title);
        canvas_put(canvas, area.x + 2, area.y, ' ', role, 0);
        canvas_put(canvas, area.x + 3 + used, area.y, ' ', role, 0);
    }
}

char *canvas_dump(const struct canvas *canvas)
{
    char *text = mem_alloc((size_t)canvas->height * ((size_t)canvas->width * 4 + 1) + 1), *out = text;
    for (int y = 0; y < canvas->height; y++) {
        const struct cell *row = canvas->cell + (size_t)y * (size_t)canvas->width;
        char *end = out;
        for (int x = 0; x < canvas->width; x++) {
            if (row[x].code == 0)
                continue;
            char bytes[5];
            int count = utf8_put(bytes, row[x].code);
            memcpy(out, bytes, (size_t)count);
            out += count;
            if (row[x].code != ' ')
                end = out;
        }
        out = end;
        *out++ = '\n';
    }
    *out = 0;
    return text;
}
