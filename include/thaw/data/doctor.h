/* The doctor: reads every image of a dataset in full and lists what would spoil a training or its figures. */
#ifndef THAW_DATA_DOCTOR_H
#define THAW_DATA_DOCTOR_H

#include <stddef.h>

#include "thaw/data/dataset.h"

enum doctor_kind {
    DOCTOR_UNREADABLE, /* set aside by the header, or fails in the full decoding */
    DOCTOR_LEAK,       /* the same file in two parts: figures of validation and test flatter */
    DOCTOR_LABELS,     /* the same file under two classes */
    DOCTOR_DUPLICATE,  /* the same file twice in one class and part */
    DOCTOR_NEAR_LEAK,  /* files that differ, but look the same (src/data/near.h), as above */
    DOCTOR_NEAR_LABELS,
    DOCTOR_NEAR_DUPLICATE,
    DOCTOR_EMPTY,     /* a class without images in a part */
    DOCTOR_TINY,      /* a class with fewer than DOCTOR_FEW training images, but some */
    DOCTOR_IMBALANCE, /* the largest class has over DOCTOR_RATIO times the images of the smallest */
    DOCTOR_NAMES,     /* two classes whose names differ in case, blanks and the like, or in one letter, alone */
    DOCTOR_SIZE,      /* over DOCTOR_LONG times as long as wide, or under 1 / DOCTOR_SMALL of the median's pixels */
    DOCTOR_KINDS
};
const char *doctor_kind_name(enum doctor_kind kind); /* "unreadable" */

enum { DOCTOR_RATIO = 10, DOCTOR_FEW = 10, DOCTOR_LONG = 4, DOCTOR_SMALL = 16 };

struct doctor_finding {
    enum doctor_kind kind;
    char *text;                              /* a sentence that names the file or class */
    const struct dataset_item *item, *other; /* the files: of a pair both, in the dataset's order; NULL: none */
};
struct doctor_report {
    struct doctor_finding *finding; /* by kind, then in the order of the dataset */
    size_t findings, count[DOCTOR_KINDS];
    size_t images;                  /* read without a fault */
    int width[2], height[2];        /* least and most; 0 where no image was read */
    size_t class_least, class_most; /* readable training images of the smallest and largest class */
    float *weight; /* [classes]: images / (classes x images of the class), as train.class_weights = balanced; 0: none */
    bool *kept;    /* [images of all parts, in their order]: doctor_fix's, see there */
};

/* Reads everything on `threads` threads (0: all cores). progress is called now and then from one of them; it may be
 * NULL. Finish the report. */
void doctor_examine(const struct dataset *dataset, int threads, void (*progress)(void *context, int done, int total),
                    void *context, struct doctor_report *report) THAW_NONNULL_ARGS(1, 5);
/* Writes a table (thaw-experiment(5)) of the images that stay, with whole paths, their classes and parts. Left out, and
 * counted with those that the dataset set aside: what cannot be read; all of the same file under two classes; but for one, all
 * of the same file; of images of one class that look the same in two parts, that which is nearer to training. ERROR_USAGE: the
 * file is there; ERROR_DATA: images in archives or tables of pixels; ERROR_FAILED: not written. */
bool doctor_fix(const struct dataset *dataset, const struct doctor_report *report, const char *path, size_t *left_out,
                struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void doctor_finish(struct doctor_report *report) THAW_NONNULL;

#endif
