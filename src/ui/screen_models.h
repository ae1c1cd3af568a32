/* What the files of the Models screen share. */
#ifndef THAW_UI_SCREEN_MODELS_H
#define THAW_UI_SCREEN_MODELS_H

#include "component_table.h"

/* screen_models_input.c: what the chosen model makes of an image of the chosen data, where there is room. */
enum { MODELS_INPUT_KEY = 2048 };
struct models_input {
    char key[MODELS_INPUT_KEY]; /* of what was read; "": nothing */
    bool known;
    struct session_input image;
    struct error error; /* where it is not known */
};
void models_draw_input(struct models_input *input, struct ui *ui, struct canvas *canvas, struct rect area,
                       const struct session_model *model);
void models_input_forget(struct models_input *input);

/* screen_models_details.c: one model, told at length; with its match report and its input where it is the chosen one,
 * and its download where there is one. */
void models_draw_details(struct ui *ui, struct models_input *input, struct canvas *canvas, struct rect area,
                         size_t row);
/* Two models side by side: what differs is bright, the better of each pair marked. */
void models_draw_comparison(struct ui *ui, struct canvas *canvas, struct rect area, size_t row, size_t with);
/* The newest download of this catalog name, or NULL. */
const struct session_pull *models_pull_of(const struct ui *ui, const char *catalog);

#endif
