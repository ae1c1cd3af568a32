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
    DOCTOR_EMPTY,      /* a class without images in a part */
    DOCTOR_IMBALANCE,  /* the largest class has over DOCTOR_RATIO times the images of the smallest */
    DOCTOR_KINDS
};
const char *doctor_kind_name(enum doctor_kind kind); /* "unreadable" */

enum { DOCTOR_RATIO = 10 };

struct doctor_finding {
    enum doctor_kind kind;
    char *text; /* a sentence that names the file or class */
};
struct doctor_report {
    struct doctor_finding *finding; /* by kind, then in the order of the dataset */
    size_t findings, count[DOCTOR_KINDS];
    size_t images;                  /* read without a fault */
    int width[2], height[2];        /* least and most; 0 where no image was read */
    size_t class_least, class_most; /* readable training images of the smallest and largest class */
};

/* Reads everything on `threads` threads (0: all cores). progress is called now and then from one of them; it may be
 * NULL. Finish the report. */
void doctor_examine(const struct dataset *dataset, int threads, void (*progress)(void *context, int done, int total),
                    void *context, struct doctor_report *report) THAW_NONNULL_ARGS(1, 5);
void doctor_finish(struct doctor_report *report) THAW_NONNULL;

#endif
