/* The catalog: sets of pretrained weights that are known by name, with what one must know to use them. Facts come from
 * catalog/catalog.ini; the user's files in models.d beside the configuration override single keys and add sets. */
#ifndef THAW_SHELF_CATALOG_H
#define THAW_SHELF_CATALOG_H

#include "thaw/base/digest.h"
#include "thaw/base/hash.h"
#include "thaw/network/graph.h"

enum { CATALOG_NAME = 49, CATALOG_TEXT = 512, CATALOG_REFERENCE = 2048 };

/* One set of weights. Text that is not stated is "", a figure is NAN, a whole number -1. */
struct catalog_row {
    char name[CATALOG_NAME];   /* "resnet50-imagenet1k_v2" */
    char arch[GRAPH_NAME_MAX]; /* of the zoo; "": told by the file itself */
    char source[32], licence[64];
    char file[128], url[CATALOG_TEXT];
    char also[CATALOG_TEXT];  /* other names of the file, separated by spaces */
    char notes[CATALOG_TEXT]; /* for people */
    struct digest hash;
    double size, size_slack;         /* bytes, and how far off the source's rounding may be */
    double params, macs, top1, top5; /* as the source counts; per cent */
    int classes;                     /* of the head; 0: has none */
    char classes_file[CATALOG_TEXT]; /* path of the names, one a line */
    int resize, input;               /* pixels: shorter side, side of the crop */
    int interpolation;               /* enum interpolation, or -1 */
    char preprocess[96];             /* as preprocess_parse takes it */
    float mean[3], std[3];           /* of the same values; NAN: as usual */
    int is_default;                  /* what the architecture's bare name means */
    char tensors[HASH_TEXT];         /* digest of the values, see graph_digest */
    char reference[CATALOG_REFERENCE];
};

struct catalog;

/* Where things are; NULL stands for the usual place. */
struct catalog_places {
    const char *installed; /* folder of catalog.ini: path_installed("catalog"). Not there: nothing is known */
    const char *user;      /* folder of the user's .ini files: models.d below the configuration */
    const char *models;    /* folder of pulled files: models below the data home */
    const char *samples;   /* folder of the sample weights, looked into, too: samples below the data home */
};
/* places may be NULL. An unknown key or a value that cannot be read is ERROR_USAGE with file and line. */
struct catalog *catalog_open(const struct catalog_places *places, struct error *error)
    THAW_NONNULL_ARGS(2) THAW_MUST_CHECK;
void catalog_close(struct catalog *catalog); /* takes NULL */

/* All rows, in the order of the files. Borrowed. */
const struct catalog_row *catalog_rows(const struct catalog *catalog, size_t *count) THAW_NONNULL;
/* By the row's name, by an architecture's name (its default), by the file's name. NULL: not known. */
const struct catalog_row *catalog_find(const struct catalog *catalog, const char *name) THAW_NONNULL;
/* The row that a file on disk is: by its name, or by size and digest whatever it is called. NULL: none. */
const struct catalog_row *catalog_match(const struct catalog *catalog, const char *path) THAW_NONNULL;

/* Where the row's file is on this disk, in the models folder or among the samples; NULL: it is not. Caller frees. */
char *catalog_locate(const struct catalog *catalog, const struct catalog_row *row) THAW_NONNULL;
/* The weights file that `name` stands for: a path to a file or a folder (folder.h), a name that catalog_find knows, or the name of a file in
 * the models folder without its ending. Caller frees. NULL: ERROR_WEIGHTS with a sentence that says how to get it. */
char *catalog_weights(const struct catalog *catalog, const char *name,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Puts behind a sentence which name of the catalog's weights, or of an architecture that stands for its usual ones, may
 * have been meant; where there is none, that `thaw models` lists them. */
void catalog_tell_nearest(const struct catalog *catalog, const char *name, struct error *error) THAW_NONNULL;

/* Puts what the row states over what is in *preprocess; the input's size stays, and the resize keeps its share of it. */
void catalog_preprocess(const struct catalog_row *row, struct preprocess *preprocess) THAW_NONNULL;

/* Class names in the order of the logits: the row's (row may be NULL), else ImageNet's for a head of 1000. NULL where
 * there are none for this head. Free with bind_free_class_names. A classes file that cannot be read or has another
 * number of lines is an error. */
char **catalog_class_names(const struct catalog *catalog, const struct catalog_row *row, int classes,
                           struct error *error) THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;

#endif
