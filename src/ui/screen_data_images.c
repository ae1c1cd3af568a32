/* The images of the Data screen: one in a small area and on slow lines, a page of them in a large one. Images are read while
 * they are drawn, for a few hundredths of a second at a time, so that keys are answered in between. Called by
 * screen_data.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen_data.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

enum { TILE_WIDTH = 26, TILE_GAP = 2 }; /* cells; a tile is half as high as wide, and a line for its name */
static const double patience = 0.02;    /* seconds of reading in one drawing */

void gallery_forget(struct gallery *gallery)
{
    for (int i = 0; i < PICTURES; i++)
        mem_free(gallery->picture[i].rgb);
    memset(gallery, 0, sizeof *gallery);
}

const char *gallery_inner_path(const char *root, const char *path)
{
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && path[length] == '/' ? path + length + 1 : path;
}

long gallery_at(const struct gallery *gallery, int x, int y)
{
    for (int i = 0; i < gallery->across * gallery->down; i++)
        if (rect_holds(gallery->tile[i], x, y))
            return (long)gallery->first + i;
    return -1;
}

/* NULL: not read yet, and time is up. */
static struct picture *read_picture(struct gallery *gallery, struct ui *ui, size_t number, double until)
{
    struct picture *picture = &gallery->picture[number % PICTURES];
    if (picture->tried && picture->number == number)
        return picture;
    if (clock_monotonic() > until)
        return NULL;
    mem_free(picture->rgb);
    *picture = (struct picture){.tried = true, .number = number};
    if (!session_preview(ui->session, gallery->val, gallery->label, number, &picture->width, &picture->height,
                         &picture->rgb, picture->path, sizeof picture->path, &picture->error))
        picture->rgb = NULL;
    return picture;
}

static void draw_picture(const struct picture *picture, struct canvas *canvas, struct rect area)
{
    if (picture->rgb == NULL)
        paragraph_draw(canvas, area, THEME_ERROR, 0, picture->error.text);
    else
        canvas_image(canvas, area, picture->rgb, picture->width, picture->height);
}

/* How many tiles fit; one where there is room for little more. */
static void arrange(struct gallery *gallery, const struct ui *ui, struct rect area, size_t number)
{
    int wide = TILE_WIDTH + TILE_GAP, high = TILE_WIDTH / 2 + 1;
    gallery->across = ui->slow ? 1 : (area.w + TILE_GAP) / wide;
    gallery->down = ui->slow ? 1 : area.h / high;
    if (gallery->across < 2 || gallery->down < 2)
        gallery->across = gallery->down = 1;
    while (gallery->across * gallery->down > PICTURES)
        gallery->down--;
    size_t page = (size_t)(gallery->across * gallery->down);
    gallery->first = number / page * page;
}

static void place_tile(struct gallery *gallery, struct rect area, int i)
{
    int column = i % gallery->across, row = i / gallery->across;
    int wide = (area.w + TILE_GAP) / gallery->across, high = area.h / gallery->down;
    gallery->tile[i] = (struct rect){area.x + column * wide, area.y + row * high, wide - TILE_GAP, high};
}

static void draw_tile(const struct picture *picture, struct canvas *canvas, struct rect tile, bool selected)
{
    char cut[160];
    struct rect line = layout_cut_bottom(&tile, 1);
    draw_picture(picture, canvas, tile);
    const char *name = text_middle(cut, sizeof cut, component_leaf(picture->path), line.w);
    int cells = text_width(name);
    canvas_text(canvas, line.x + (line.w - cells) / 2, line.y, cells, selected ? THEME_SELECTED : THEME_DIM, 0, name);
}

void gallery_draw(struct gallery *gallery, struct ui *ui, struct canvas *canvas, struct rect area, const char *root,
                  bool val, int label, size_t number, size_t count)
{
    char path[512];
    if (gallery->val != val || gallery->label != label)
        gallery_forget(gallery);
    gallery->val = val;
    gallery->label = label;
    struct rect line = layout_cut_bottom(&area, 1);
    memset(gallery->tile, 0, sizeof gallery->tile);
    arrange(gallery, ui, area, number);
    double until = clock_monotonic() + patience;
    const struct picture *now = read_picture(gallery, ui, number, until); /* that one first */
    int tiles = gallery->across * gallery->down;
    for (int i = 0; i < tiles && gallery->first + (size_t)i < count; i++) {
        size_t at = gallery->first + (size_t)i;
        const struct picture *picture = read_picture(gallery, ui, at, until);
        place_tile(gallery, area, i);
        if (picture == NULL)
            ui_again(ui);
        else if (tiles == 1)
            draw_picture(picture, canvas, gallery->tile[i]);
        else
            draw_tile(picture, canvas, gallery->tile[i], at == number);
    }
    if (now != NULL && now->rgb != NULL)
        canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0,
                    text_tail(path, sizeof path, gallery_inner_path(root, now->path), line.w));
}
