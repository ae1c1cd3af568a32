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
/* Files that are read where they are in another. */
struct archive;

struct dataset_item {
    char *path; /* of the image file; of one of many images in a file: the file, '#' and its number */
    int label;
    const struct dataset_pixels *pixels; /* NULL: an image file */
    struct archive *archive;             /* that the image file is in; NULL: on disk */
    size_t number;                       /* within the pixels or the archive */
    struct file_stamp stamp;             /* of the file or archive when the dataset was opened; all zero: not known */
    float weight;                        /* in the loss, where the dataset is `weighted` */
};
/* What a run looks at is below DATASET_SPLITS; the test part is kept apart from it. */
enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_TEST, DATASET_PARTS, DATASET_SPLITS = DATASET_TEST };

struct dataset_bad {
    char *path;
    enum dataset_split split; /* DATASET_PARTS: not known */
    int label; /* of the class that it should be an image of; -1: it looks like no image, or none is known */
    char reason[160];
};
struct dataset_images {
    struct dataset_item *item; /* sorted by class, then by name */
    size_t items;
};
struct dataset {
    char *path;
    char **class_name; /* sorted by byte value, as torchvision's ImageFolder */
    int classes;
    struct dataset_images images[DATASET_PARTS];
    struct dataset_bad *bad; /* set aside, with the reason */
    size_t bad_count;
    bool own_validation; /* the data came with validation images, or with test images that serve as such */
    bool test_validates; /* the latter */
    bool split_off;      /* validation images were split off the training images */
    char *layout;        /* how the data lie, in words: "class folders below train/ and val/" */
    char **note;         /* sentences: what is odd in the data, and what of it is not used */
    size_t notes;
    struct dataset_pixels **pixels; /* what items lie in that are no files of their own */
    size_t pixels_count;
    struct archive **archive;
    size_t archives;
    bool numbered; /* class names are numbers, in their order */
    bool weighted; /* the data say how much each image weighs */
};

/* How data lie; AUTO: their content tells. */
/* clang-format off */
enum dataset_layout {
    DATASET_AUTO, DATASET_FOLDERS, DATASET_TABLE, DATASET_LIST, DATASET_NAMES, DATASET_IDX, DATASET_CIFAR, DATASET_NPZ,
    DATASET_LAYOUTS
};
/* clang-format on */
extern const char *const dataset_layout_names[]; /* "folders"; NULL at the end */

struct dataset_request {
    const char *path;
    const char *val; /* NULL or "": as the data say; a share such as "0.2"; or where validation images lie */
    uint64_t seed;   /* of a share */
    enum dataset_layout layout;
    const char *columns; /* of a table: "PATH, LABEL, SPLIT, WEIGHT", names or numbers; NULL or "": found by name */
    const char *pattern; /* of names that hold their class (thaw/base/pattern.h); NULL or "": none */
    const char *group;   /* a pattern: images whose names hold the same stay in one part; NULL or "": each is alone */
    int folds, fold;     /* the fold-th of so many, from 1, is the validation part; folds 0: none */
    bool trains; /* a class folder without any image is no class, and one of whose files none can be read is refused */
};

/* Opens a dataset. Its layout is one of the table in src/data/layout.c, found by content:
 *
 * Folders: path/CLASS/..., or path/PART/CLASS/... where PART is called train, val or test (in any case, and what else
 * people call them), or path/CLASS/PART/...; folders within a class included. A folder that holds nothing but one other
 * that holds the data is gone into. Every file is opened and its header checked; what cannot be an image is set aside, and
 * so are GIFs: they are drawings and animations, and training tools leave them out by custom (so counts compare with
 * theirs).
 *
 * IDX: MNIST's files, plain or gzip's: a folder that holds NAME-images-idx3-ubyte with NAME-labels-idx1-ubyte beside it,
 * or such a file of images itself. Those called t10k or test are the test part. Classes are "0" to the highest label. A
 * fault in these files is an error, nothing is set aside.
 *
 * Where there are no validation images, a share of each class of the training images is split off; without a share the
 * test images serve as such. A share divides the only part there is.
 *
 * ERROR_DATA: nothing is left, fewer than two classes have images, or the data are not what a training would take them for
 * (class names that differ between the parts in case alone, siblings that hold the same folders): the sentence says what
 * to do. ERROR_USAGE for a share outside 0 to 1. */
struct dataset *dataset_open_as(const struct dataset_request *request,
                                struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same by path, share and seed alone. */
struct dataset *dataset_open(const char *path, const char *val, uint64_t seed, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
void dataset_destroy(struct dataset *dataset);
/* Whether there is a path of data: a file, a folder, or one within an archive ("signs.zip/train"). */
bool dataset_path_exists(const char *path) THAW_NONNULL;
/* An item that outlives its dataset, and the end of it; not one of pixels in memory. */
struct dataset_item dataset_item_copy(const struct dataset_item *item) THAW_NONNULL;
void dataset_item_finish(struct dataset_item *item) THAW_NONNULL;
/* Bytes of an item as they are stored, when the dataset was opened; of pixels in memory 0. */
uint64_t dataset_item_size(const struct dataset_item *item) THAW_NONNULL;
/* The bytes of an image file. Errors are ERROR_FAILED, or ERROR_DATA where its archive is damaged, and name it. */
bool dataset_item_read(const struct dataset_item *item, struct file_bytes *bytes,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The image of an item, decoded; the caller finishes *image, also after a failure. Errors are ERROR_DATA and begin with the
 * item's path. Safe from several threads. */
bool dataset_load(const struct dataset_item *item, struct image *image,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The digest of an item's bytes as they are stored, undecoded; of an image file of more than `most` bytes that of its two
 * ends. false: it cannot be read, and *hash stays. */
bool dataset_stored(const struct dataset_item *item, size_t most, struct hash *hash) THAW_NONNULL;
/* The validation part as a list: lines of the path below the dataset's, a tab, and the class; caller frees. */
char *dataset_validation_list(const struct dataset *dataset) THAW_NONNULL;
/* Images of a class in a part. */
size_t dataset_class_count(const struct dataset *dataset, enum dataset_split split, int label) THAW_NONNULL;
/* Maps a class list (one name a line, e.g. of a trained model) onto this dataset's labels: labels are rewritten to
 * positions in `names`. Afterwards the dataset's classes are `names`. A class that has images
 * but is not among them is ERROR_DATA. */
bool dataset_relabel(struct dataset *dataset, const char *const *names, int count,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
