/* Images that lie in memory as they are, many in one block: what IDX files and other arrays hold. Private to src/data. */
#ifndef THAW_SRC_DATA_PIXELS_H
#define THAW_SRC_DATA_PIXELS_H

#include "thaw/data/dataset.h"

struct dataset_pixels {
    const uint8_t *first;  /* of the first image's values */
    size_t images, stride; /* bytes from one image to the next */
    size_t width, height, channels;
    bool planar;             /* (channels, height, width), else (height, width, channels); 1 channel: grey */
    struct file_bytes bytes; /* what they lie in: one of these is owned, the other empty */
    void *block;
    struct file_stamp stamp; /* of their file */
};

/* ERROR_DATA: sizes that images cannot have. */
bool dataset_pixels_check(const struct dataset_pixels *pixels, const char *path,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The dataset's from here on; returns it. */
const struct dataset_pixels *dataset_pixels_add(struct dataset *dataset,
                                                const struct dataset_pixels *pixels) THAW_NONNULL;
/* Items of a part, called "PATH#NUMBER": image i of the block has the label label[i]. In the order of their labels, within
 * one that of the block, behind those that the part has. */
void dataset_pixels_items(struct dataset *dataset, enum dataset_split split, const struct dataset_pixels *pixels,
                          const int *label, const char *path) THAW_NONNULL;
void dataset_pixels_finish(struct dataset_pixels *pixels) THAW_NONNULL;
void dataset_pixels_load(const struct dataset_item *item, struct image *image) THAW_NONNULL;
void dataset_pixels_stored(const struct dataset_item *item, struct hash *hash) THAW_NONNULL;

#endif
