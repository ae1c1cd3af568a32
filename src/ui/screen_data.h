/* What the files of the Data screen share: the images of a class, one or as many as there is room for. */
#ifndef THAW_UI_SCREEN_DATA_H
#define THAW_UI_SCREEN_DATA_H

#include "component.h"

enum { PICTURES = 32 };

struct picture {
    bool tried;
    size_t number;
    int width, height;
    uint8_t *rgb; /* NULL: could not be read, error says why */
    char path[512];
    struct error error;
};

/* Zeroed is a good start; gallery_forget frees. */
struct gallery {
    bool val;
    int label;
    struct picture picture[PICTURES]; /* of that class; each number has its place */
    int across, down;                 /* as last drawn */
    size_t first;                     /* the first shown */
    struct rect tile[PICTURES];
};
void gallery_forget(struct gallery *gallery);
/* Images of a class around `number`, of `count`. Reading goes on with the next drawing when it takes long. root: the
 * data's folder, which captions leave out. */
void gallery_draw(struct gallery *gallery, struct ui *ui, struct canvas *canvas, struct rect area, const char *root,
                  bool val, int label, size_t number, size_t count);
/* The number of the image under a cell, -1: none. */
long gallery_at(const struct gallery *gallery, int x, int y);
/* The path inside the data's folder: what tells files apart. */
const char *gallery_inner_path(const char *root, const char *path);

#endif
