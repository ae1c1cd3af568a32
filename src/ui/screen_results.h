/* What the files of the Results screen share: screen_results.c has the panes, screen_results_matrix.c draws one of them, and
 * screen_results_images.c lists images instead. */
#ifndef THAW_UI_SCREEN_RESULTS_H
#define THAW_UI_SCREEN_RESULTS_H

#include "component.h"

enum pane { PANE_MATRIX, PANE_CLASSES, PANE_PAIRS, PANES };
enum { CLASS_NAME, CLASS_IMAGES, CLASS_RECALL, CLASS_BAR, CLASS_PRECISION, CLASS_WORST, CLASS_COLUMNS };

struct class_row {
    int label;
    const char *name;
    double key; /* by which it is sorted, the smallest first; equal ones by name or label */
    unsigned images, predicted, right, most;
    int worst;                /* the class it is most often taken for; -1: never wrong */
    double recall, precision; /* -1: no images, never predicted */
};

struct pair_row {
    int truth, predicted;
    unsigned count;
    double share; /* of the true class */
};

/* The images of a cell, of a class, or all that are wrong, in the place of the panes. Zeroed is a good start. */
struct result_images {
    bool open, large;     /* large: one of them has all the room */
    int truth, predicted; /* -1: any; of both: those that are wrong */
    size_t *row;          /* [list.rows] in session_results->judged */
    struct list list;
    unsigned version; /* of the results that these are of */
    struct {
        char path[512]; /* ""; none yet */
        int width, height;
        uint8_t *rgb; /* NULL: it could not be read, error says why */
        struct error error;
    } picture;
};

struct results {
    enum pane pane;
    bool shares;
    int row, column;   /* the matrix's cursor */
    int top, left;     /* first row and column shown */
    struct rect cells; /* of the matrix, at the last draw */
    int cell_width;
    int rows_shown, columns_shown;
    struct list classes, pairs;
    int sort;                    /* CLASS_* */
    struct class_row *class_row; /* [classes], as sorted */
    struct pair_row *pair_row;
    unsigned *images; /* [classes], of each label */
    int longest;      /* cells of the longest name, at least 4 */
    unsigned version; /* of the results that all this is of; 0: of none */
    int sorted;       /* how, CLASS_* */
    struct rect tabs[PANES];
    struct result_images look;
};

/* How good a share is: of images that are right (diagonal), or of those that are taken for another class. */
enum theme_role results_rate_role(double rate, bool diagonal);

/* screen_results_matrix.c */
void results_draw_matrix(struct results *results, const struct session_results *now, struct canvas *canvas,
                         struct rect area);
void results_move_in_matrix(struct results *results, const struct session_results *now, enum move move);

/* screen_results_images.c */
void result_images_open(struct result_images *images, const struct session_results *now, int truth, int predicted);
/* Other results are there: the same of them. */
void result_images_refresh(struct result_images *images, const struct session_results *now);
void result_images_draw(struct result_images *images, struct ui *ui, const struct session_results *now,
                        struct canvas *canvas, struct rect area);
void result_images_back(struct result_images *images); /* from one to all, from all to the panes */
void result_images_finish(struct result_images *images);

#endif
