/* Beside the chosen model's details: an image of the chosen data, and the same as the network gets it. Read when it is
 * first drawn, and again where model, data or preprocessing are others. Called by screen_models_details.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "screen_models.h"
#include "thaw/base/mem.h"

enum { HEIGHT_LEAST = 10, WIDTH_LEAST = 40, GAP = 2 };

void models_input_forget(struct models_input *input)
{
    session_input_finish(&input->image);
    *input = (struct models_input){0};
}

/* What the pictures depend on. */
static void make_key(const struct ui *ui, const struct session_model *model, char key[MODELS_INPUT_KEY])
{
    const struct session_data *data = session_data(ui->session);
    snprintf(key, MODELS_INPUT_KEY, "%s %s %s %s", model->arch, model->weights, model->preprocess,
             data != NULL ? data->path : "");
}

static void draw_one(struct canvas *canvas, struct rect area, const char *title, const uint8_t *rgb, int width,
                     int height)
{
    struct rect line = layout_cut_top(&area, 1);
    canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, title);
    area.h = area.h < area.w / 2 ? area.h : area.w / 2; /* the tallest that a square one can be */
    canvas_image(canvas, area, rgb, width, height);
}

void models_draw_input(struct models_input *input, struct ui *ui, struct canvas *canvas, struct rect area,
                       const struct session_model *model)
{
    char key[MODELS_INPUT_KEY], title[160];
    struct session_input *image = &input->image;
    if (ui->slow || session_data(ui->session) == NULL || area.h < HEIGHT_LEAST || area.w < WIDTH_LEAST)
        return;
    make_key(ui, model, key);
    if (strcmp(key, input->key) != 0) {
        models_input_forget(input);
        snprintf(input->key, sizeof input->key, "%s", key);
        input->known = session_input(ui->session, image, &input->error);
    }
    layout_cut_top(&area, 1);
    component_heading(canvas, &area, "what it gets of an image", "", false);
    if (!input->known) {
        paragraph_draw(canvas, area, THEME_ERROR, 0, input->error.text);
        return;
    }
    struct rect left = {area.x, area.y, (area.w - GAP) / 2, area.h};
    struct rect right = {area.x + left.w + GAP, area.y, area.w - GAP - left.w, area.h};
    snprintf(title, sizeof title, "%dx%d, as it is", image->width, image->height);
    draw_one(canvas, left, title, image->picture, image->width, image->height);
    snprintf(title, sizeof title, "%dx%d, %s, %.3g to %.3g", image->input_width, image->input_height, image->words,
             (double)image->least, (double)image->most);
    draw_one(canvas, right, title, image->input, image->input_width, image->input_height);
}
