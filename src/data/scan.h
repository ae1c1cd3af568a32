/* Filling a dataset from folders and from IDX files. Private to src/data: dataset.c opens, split.c divides. */
#ifndef THAW_DATA_SCAN_H
#define THAW_DATA_SCAN_H

#include "thaw/data/dataset.h"

/* Adds the names of the class folders in `directory` to dataset->class_name, each once, sorted. A folder that is the
 * same as `except` (may be NULL) is not a class. */
bool scan_class_names(struct dataset *dataset, const char *directory, const char *except, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 4);
/* Adds the images of every class folder in `directory` to a part; what is none goes to dataset->bad. */
void scan_images(struct dataset *dataset, const char *directory, enum dataset_split split) THAW_NONNULL;

/* The IDX files of images that a path stands for, by part, NULL where there is none: the file itself, or what a folder
 * (or the folder "raw" in it, as torchvision leaves it) holds. The caller frees them, also after a failure. */
bool idx_find_images(const char *path, char *images[DATASET_SPLITS], struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Opens the images and their labels, and fills parts and classes. */
bool idx_fill(struct dataset *dataset, char *const images[DATASET_SPLITS],
              struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void dataset_pixels_destroy(struct dataset_pixels *pixels); /* takes NULL */
void dataset_pixels_load(const struct dataset_item *item, struct image *image) THAW_NONNULL;
void dataset_pixels_stored(const struct dataset_item *item, struct hash *hash) THAW_NONNULL;

/* Moves a share of each class from training to validation: at least one image, and at least one stays, where a class
 * has two. Depends on (seed, class name, number of images) only. */
void split_stratified(struct dataset *dataset, double share, uint64_t seed) THAW_NONNULL;

#endif
