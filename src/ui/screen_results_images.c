/* The Results screen's images: those of a cell or a class, or all that are wrong, the surest first, and the selected one
 * beside them. Called by screen_results.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen_data.h"
#include "screen_results.h"
#include "thaw/base/mem.h"

enum { IMAGE_PATH, IMAGE_TRUE, IMAGE_TAKEN, IMAGE_SURE, IMAGE_COLUMNS };

static bool is_wanted(const struct result_images *images, const struct session_judged *judged)
{
    if (images->truth < 0)
        return judged->truth != judged->predicted;
    return judged->truth == images->truth && (images->predicted < 0 || judged->predicted == images->predicted);
}

/* Wrong ones, the surest first; behind them, of a class, the right ones, the least sure first. */
static void collect(struct result_images *images, const struct session_results *now)
{
    int rows = 0;
    images->version = now->version;
    images->row = mem_grow(images->row, now->images + 1, sizeof *images->row);
    for (size_t i = 0; i < now->images; i++) {
        const struct session_judged *judged = &now->judged[i];
        if (is_wanted(images, judged) && (images->predicted >= 0 || judged->truth != judged->predicted))
            images->row[rows++] = i;
    }
    for (size_t i = now->images; i-- > 0 && images->truth >= 0 && images->predicted < 0;)
        if (is_wanted(images, &now->judged[i]) && now->judged[i].truth == now->judged[i].predicted)
            images->row[rows++] = i;
    list_set_rows(&images->list, rows);
}

static void forget_picture(struct result_images *images)
{
    mem_free(images->picture.rgb);
    images->picture.rgb = NULL;
    images->picture.path[0] = '\0';
}

void result_images_open(struct result_images *images, const struct session_results *now, int truth, int predicted)
{
    images->open = true;
    images->large = false;
    images->truth = truth;
    images->predicted = predicted;
    collect(images, now);
    list_select(&images->list, 0);
}

void result_images_refresh(struct result_images *images, const struct session_results *now)
{
    if (now == NULL || images->truth >= now->classes || images->predicted >= now->classes)
        images->open = false;
    else if (images->open && images->version != now->version)
        collect(images, now);
}

void result_images_back(struct result_images *images)
{
    if (images->large)
        images->large = false;
    else
        images->open = false;
    if (!images->open)
        forget_picture(images);
}

void result_images_finish(struct result_images *images)
{
    forget_picture(images);
    mem_free(images->row);
}

/* --- drawing --- */

struct fill {
    const struct result_images *images;
    const struct session_results *now;
    const char *root; /* of the data: left out of the paths */
};

static void fill_image(void *context, int index, int column, struct table_cell *cell)
{
    const struct fill *fill = context;
    const struct session_judged *judged = &fill->now->judged[fill->images->row[index]];
    bool right = judged->truth == judged->predicted;
    char words[WORDS_MAX];
    const char *text = "";
    switch (column) {
    case IMAGE_PATH:
        cell->tail = true;
        text = gallery_inner_path(fill->root, judged->path);
        break;
    case IMAGE_TRUE:
        text = fill->now->class_name[judged->truth];
        break;
    case IMAGE_TAKEN:
        cell->role = right ? THEME_GOOD : THEME_ERROR;
        text = fill->now->class_name[judged->predicted];
        break;
    case IMAGE_SURE:
        text = component_percent(words, judged->confidence);
        break;
    }
    size_t length = strlen(text), most = sizeof cell->text - 1;
    while (length > most && ((unsigned char)text[length - most] & 0xc0) == 0x80)
        most--; /* not in the middle of a character */
    snprintf(cell->text, sizeof cell->text, "%s", text + (length > most ? length - most : 0));
}

static void read_picture(struct result_images *images, struct ui *ui, const struct session_judged *judged)
{
    if (strncmp(images->picture.path, judged->path, sizeof images->picture.path - 1) == 0)
        return;
    forget_picture(images);
    snprintf(images->picture.path, sizeof images->picture.path, "%s", judged->path);
    if (!session_picture(ui->session, judged->path, &images->picture.width, &images->picture.height,
                         &images->picture.rgb, &images->picture.error))
        images->picture.rgb = NULL;
}

static void draw_picture(struct result_images *images, struct ui *ui, const struct fill *fill, struct canvas *canvas,
                         struct rect area)
{
    char path[512], words[WORDS_MAX];
    if (rect_empty(area) || area.h < 4 || images->list.selected < 0)
        return;
    const struct session_judged *judged = &fill->now->judged[images->row[images->list.selected]];
    const char *truth = fill->now->class_name[judged->truth], *taken = fill->now->class_name[judged->predicted];
    bool right = judged->truth == judged->predicted;
    struct rect line = layout_cut_bottom(&area, 1);
    canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0,
                text_tail(path, sizeof path, gallery_inner_path(fill->root, judged->path), line.w));
    line = layout_cut_bottom(&area, 1);
    component_percent(words, judged->confidence);
    if (right)
        canvas_format(canvas, line.x, line.y, line.w, THEME_GOOD, 0, "%s, %s sure", truth, words);
    else
        canvas_format(canvas, line.x, line.y, line.w, THEME_ERROR, 0, "%s, not %s: %s sure", taken, truth, words);
    read_picture(images, ui, judged);
    if (images->picture.rgb == NULL)
        paragraph_draw(canvas, area, THEME_ERROR, 0, images->picture.error.text);
    else
        canvas_image(canvas, area, images->picture.rgb, images->picture.width, images->picture.height);
}

static void draw_title(const struct result_images *images, const struct session_results *now, struct canvas *canvas,
                       struct rect line)
{
    int rows = images->list.rows, wrong = 0;
    const char *truth = images->truth < 0 ? "" : now->class_name[images->truth];
    for (int i = 0; i < rows; i++)
        wrong += now->judged[images->row[i]].truth != now->judged[images->row[i]].predicted;
    if (images->truth < 0)
        canvas_format(canvas, line.x, line.y, line.w, THEME_TITLE, CELL_BOLD, "%d wrong images, the surest first",
                      rows);
    else if (images->predicted < 0)
        canvas_format(canvas, line.x, line.y, line.w, THEME_TITLE, CELL_BOLD,
                      "%d of %d \"%s\" are wrong: these first, the surest above", wrong, rows, truth);
    else if (images->truth == images->predicted)
        canvas_format(canvas, line.x, line.y, line.w, THEME_TITLE, CELL_BOLD, "%d \"%s\" are right, the surest first",
                      rows, truth);
    else
        canvas_format(canvas, line.x, line.y, line.w, THEME_TITLE, CELL_BOLD,
                      "%d \"%s\" are taken for \"%s\", the surest first", rows, truth,
                      now->class_name[images->predicted]);
}

void result_images_draw(struct result_images *images, struct ui *ui, const struct session_results *now,
                        struct canvas *canvas, struct rect area)
{
    static const struct column columns[IMAGE_COLUMNS] = {
        [IMAGE_PATH] = {"image", 14, 3, ALIGN_LEFT, 9},
        [IMAGE_TRUE] = {"true", 10, 1, ALIGN_LEFT, 3},
        [IMAGE_TAKEN] = {"taken for", 12, 1, ALIGN_LEFT, 6},
        [IMAGE_SURE] = {"sure", 6, 0, ALIGN_RIGHT, 8},
    };
    struct session_status status;
    session_status(ui->session, &status);
    struct fill fill = {images, now, status.data};
    struct rect left, right;
    draw_title(images, now, canvas, layout_cut_top(&area, 1));
    images->list.area = (struct rect){0, 0, 0, 0};
    if (images->list.rows == 0) {
        component_empty(canvas, area, "", images->truth < 0 ? "None: every image is right." : "No such image.");
        return;
    }
    if (images->large) {
        draw_picture(images, ui, &fill, canvas, area);
        return;
    }
    layout_columns(area, 0.56, 44, 32, 2, &left, &right);
    table_draw(canvas, left, &images->list, columns, IMAGE_COLUMNS, fill_image, &fill, true);
    draw_picture(images, ui, &fill, canvas, right);
}
