/* Listings: text files that say of images what they are, a line each: tables with path and label columns, and lists of
 * "path label". Private to src/data. */
#ifndef THAW_SRC_DATA_LISTING_H
#define THAW_SRC_DATA_LISTING_H

#include "finder.h"
#include "table.h"
#include "thaw/data/dataset.h"

/* Where its images are. */
struct listing_site {
    const struct tree *tree;
    struct finder *finder;
    const char *columns; /* as data.columns has them; "": found by name */
};

enum listing_column { LISTING_PATH, LISTING_LABEL, LISTING_SPLIT, LISTING_WEIGHT, LISTING_COLUMNS };

struct listing {
    struct tree_node *file;
    char *path; /* of the file, for sentences */
    struct table table;
    bool header;                 /* its first line names the columns */
    int column[LISTING_COLUMNS]; /* -1: there is none */
    bool boxes;                  /* it has columns of boxes: each line is an object in an image */
    size_t found;                /* of the first lines, how many name a file that is there */
};

/* Whether a file may be a listing, by its ending. */
bool listing_may_be(const struct tree_node *file) THAW_NONNULL;
/* Reads one. false: it is none, and the sentence says why. Close it either way. */
bool listing_open(struct listing *listing, const struct listing_site *site, struct tree_node *file,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void listing_close(struct listing *listing) THAW_NONNULL;
/* Of up to `most` rows, evenly spread, how many have a label that is the name of the folder their image lies in, and how many
 * have another; *row: the first of the latter. Folders that are called parts do not count. */
void listing_compare(const struct listing *listing, const struct listing_site *site, size_t most, size_t *same,
                     size_t *others, size_t *row) THAW_NONNULL;
/* "labels.csv (columns path and label)"; caller frees. */
char *listing_words(const struct listing *listing) THAW_NONNULL;
/* The part that a listing is of, by its name; DATASET_PARTS: it does not say. */
enum dataset_split listing_part(const struct tree_node *file) THAW_NONNULL;

#endif
