/* Images in cells. A picture is scaled (box filter down, nearest up) to a grid of pixels that fits the area, then each
 * cell shows what it can: two coloured pixels (half block), eight dots (braille, ordered dither), or one shade of ASCII.
 * A cell counts as twice as high as wide. Called by the Data and Results screens. */
#include "config.h"

#include "canvas.h"
#include "layout.h"
#include "thaw/base/mem.h"

static void box_pixel(uint8_t out[3], const uint8_t *rgb, int width, int height, int x, int y, int columns, int rows)
{
    int x0 = (int)((long)x * width / columns), x1 = (int)((long)(x + 1) * width / columns);
    int y0 = (int)((long)y * height / rows), y1 = (int)((long)(y + 1) * height / rows);
    if (x1 <= x0)
        x1 = x0 + 1;
    if (y1 <= y0)
        y1 = y0 + 1;
    unsigned long sum[3] = {0};
    for (int v = y0; v < y1; v++)
        for (int u = x0; u < x1; u++)
            for (int c = 0; c < 3; c++)
                sum[c] += rgb[((size_t)v * (size_t)width + (size_t)u) * 3 + (size_t)c];
    unsigned long count = (unsigned long)(x1 - x0) * (unsigned long)(y1 - y0);
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)((sum[c] + count / 2) / count);
}

static uint8_t *scale(const uint8_t *rgb, int width, int height, int columns, int rows)
{
    uint8_t *out = mem_array((size_t)columns * (size_t)rows, 3);
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++)
            box_pixel(out + ((size_t)y * (size_t)columns + (size_t)x) * 3, rgb, width, height, x, y, columns, rows);
    return out;
}

static int grey(const uint8_t *pixel)
{
    return (pixel[0] * 299 + pixel[1] * 587 + pixel[2] * 114) / 1000;
}

static void draw_blocks(struct canvas *canvas, int left, int top, const uint8_t *pixels, int columns, int rows)
{
    for (int y = 0; y < rows; y += 2)
        for (int x = 0; x < columns; x++) {
            const uint8_t *upper = pixels + ((size_t)y * (size_t)columns + (size_t)x) * 3;
            const uint8_t *lower = y + 1 < rows ? upper + (size_t)columns * 3 : NULL;
            int cx = left + x, cy = top + y / 2;
            if (!rect_holds(canvas->clip, cx, cy))
                continue;
            canvas_put(canvas, cx, cy, 0x2580, THEME_TEXT, 0);
            struct cell *cell = canvas->cell + (size_t)cy * (size_t)canvas->width + cx;
            cell->rgb = true;
            for (int c = 0; c < 3; c++) {
                cell->fg[c] = upper[c];
                cell->bg[c] = lower ? lower[c] : upper[c];
            }
        }
}

static void draw_dots(struct canvas *canvas, int left, int top, const uint8_t *pixels, int columns, int rows)
{
    static const uint8_t bit[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    static const uint8_t bayer[4][4] = {{0, 8, 2, 10}, {12, 4, 14, 6}, {3, 11, 1, 9}, {15, 7, 13, 5}};
    for (int cy = 0; cy * 4 < rows; cy++)
        for (int cx = 0; cx * 2 < columns; cx++) {
            unsigned dots = 0;
            for (int v = 0; v < 4; v++)
                for (int u = 0; u < 2; u++) {
                    int x = cx * 2 + u, y = cy * 4 + v;
                    if (x < columns && y < rows &&
                        grey(pixels + ((size_t)y * (size_t)columns + (size_t)x) * 3) > bayer[y & 3][x & 3] * 16 + 8)
                        dots |= bit[v][u];
                }
            canvas_put(canvas, left + cx, top + cy, 0x2800 + dots, THEME_TEXT, 0);
        }
}

static void draw_shades(struct canvas *canvas, int left, int top, const uint8_t *pixels, int columns, int rows)
{
    static const char shades[] = " .:-=+*#%@";
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < columns; x++) {
            int level = grey(pixels + ((size_t)y * (size_t)columns + (size_t)x) * 3) * 10 / 256;
            canvas_put(canvas, left + x, top + y, (uint32_t)shades[level], THEME_TEXT, 0);
        }
}

void canvas_image(struct canvas *canvas, struct rect area, const uint8_t *rgb, int width, int height)
{
    if (area.w < 1 || area.h < 1 || width < 1 || height < 1)
        return;
    bool shades = canvas->ascii || (canvas->mono && canvas->console);
    int across = shades ? 1 : canvas->mono ? 2 : 1; /* pixels a cell */
    int down = shades ? 1 : canvas->mono ? 4 : 2;
    /* In units of half a cell's height everything is square. */
    double fit_w = area.w / (double)width, fit_h = area.h * 2.0 / (double)height;
    double fit = fit_w < fit_h ? fit_w : fit_h;
    int columns = (int)(width * fit * across + 0.5), rows = (int)(height * fit * down / 2.0 + 0.5);
    columns = columns < 1 ? 1 : columns > area.w * across ? area.w * across : columns;
    rows = rows < 1 ? 1 : rows > area.h * down ? area.h * down : rows;
    uint8_t *pixels = scale(rgb, width, height, columns, rows);
    int left = area.x + (area.w - (columns + across - 1) / across) / 2;
    int top = area.y + (area.h - (rows + down - 1) / down) / 2;
    if (shades)
        draw_shades(canvas, left, top, pixels, columns, rows);
    else if (canvas->mono)
        draw_dots(canvas, left, top, pixels, columns, rows);
    else
        draw_blocks(canvas, left, top, pixels, columns, rows);
    mem_free(pixels);
}
