/* Records: images with what was said of each, one by one, as they become a dataset. Private to src/data. */
#ifndef THAW_SRC_DATA_RECORDS_H
#define THAW_SRC_DATA_RECORDS_H

#include "listing.h"

struct record {
    struct tree_node *file;
    const char *label; /* borrowed */
    const char *from;  /* what says so: a file's name; borrowed */
    size_t line;       /* there; 0: no line */
    enum dataset_split split;
    float weight;
};
struct records {
    struct record *record;
    size_t count;
    size_t unlabelled; /* rows that say nothing of an image */
    bool weighted;
};
void records_finish(struct records *records) THAW_NONNULL;
void records_add(struct records *records, const struct record *record) THAW_NONNULL;
/* Adds the rows of a listing. split: of those that name none. Rows whose image is not there are set aside. */
bool records_take(struct records *records, const struct listing *listing, const struct listing_site *site,
                  enum dataset_split split, struct dataset *dataset, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Makes classes of the labels, by number where all are whole numbers, and images of the files. folder: in which a file may
 * name numbered classes. ERROR_DATA: an image with two labels, or no two that have the same. */
bool records_fill(struct records *records, const struct tree *tree, struct tree_node *folder, struct dataset *dataset,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
