/* A dataset: classes and labelled images, split into training and validation. */
#ifndef THAW_DATA_DATASET_H
#define THAW_DATA_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/data/image.h"

/* Images that came together in one file, in memory. */
struct dataset_pixels;

struct dataset_item {
    char *path; /* of the image file; of one of many images in a file: the file, '#' and its number */
    int label;
    const struct dataset_pixels *pixels; /* NULL: an image file */
    size_t number;                       /* within the pixels */
    struct file_stamp stamp;             /* of the file when the dataset was opened; all zero: not known */
};
struct dataset_bad {
    char *path;
    char reason[160];
};
struct dataset_images {
    struct dataset_item *item; /* sorted by class, then by name */
    size_t items;
};
enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_SPLITS };

struct dataset {
    char *path;
    char **class_name; /* sorted by byte value, as torchvision's ImageFolder */
    int classes;
    struct dataset_images images[DATASET_SPLITS];
    struct dataset_bad *bad; /* set aside, with the reason */
    size_t bad_count;
    bool own_validation;                           /* the data came with a val folder */
    struct dataset_pixels *pixels[DATASET_SPLITS]; /* what items of IDX files lie in; NULL: none */
};

/* Opens a class-per-folder tree: path/{train,val}/CLASS/... (also valid, validation, test) or path/CLASS/..., folders
 * within a class included. `val`: a folder of classes; or a share such as "0.2" for a seeded stratified split, taken
 * only where there is no val folder; or NULL: the val folder if there is one, else no validation part.
 * Every file is opened and its header checked; what cannot be an image is set aside, and so are GIFs: they are
 * drawings and animations, and training tools leave them out by custom (so counts compare with theirs).
 *
 * Or opens MNIST's IDX files, plain or gzip's: a folder that holds NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte
 * beside it, or such a file of images itself. Those called t10k or test are the validation part, also where there are
 * no others; others are for training. `val` may be a file of images, too; a share divides the only pair there is.
 * Classes are "0" to the highest label. A fault in these files is an error, nothing is set aside.
 *
 * ERROR_DATA only when nothing is left, or there are fewer than two classes; ERROR_USAGE for a share outside 0 to 1. */
struct dataset *dataset_open(const char *path, const char *val, uint64_t seed, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
void dataset_destroy(struct dataset *dataset);
/* The image of an item, decoded; the caller finishes *image, also after a failure. Errors are ERROR_DATA and begin with the
 * item's path. Safe from several threads. */
bool dataset_load(const struct dataset_item *item, struct image *image,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The digest of an item's bytes as they are stored, undecoded; of an image file of more than `most` bytes that of its two
 * ends. false: it cannot be read, and *hash stays. */
bool dataset_stored(const struct dataset_item *item, size_t most, struct hash *hash) THAW_NONNULL;
/* Images of a class in a split. */
size_t dataset_class_count(const struct dataset *dataset, enum dataset_split split, int label) THAW_NONNULL;
/* Maps a class list (one name a line, e.g. of a trained model) onto this dataset's labels: labels are rewritten to
 * positions in `names`. Afterwards the dataset's classes are `names`. A class that has images
 * but is not among them is ERROR_DATA. */
bool dataset_relabel(struct dataset *dataset, const char *const *names, int count,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
