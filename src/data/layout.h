/* Layouts: the ways in which images and their labels lie, one row each with its handler. Private to src/data. */
#ifndef THAW_SRC_DATA_LAYOUT_H
#define THAW_SRC_DATA_LAYOUT_H

#include "thaw/data/dataset.h"
#include "tree.h"

/* What is to be opened. */
struct layout_site {
    const struct dataset_request *request;
    const struct tree *tree;
    struct tree_node *at; /* what the path stands for: the tree's root, or a file in it */
};

struct layout {
    enum dataset_layout kind;
    /* Whether the content is of this layout, as far as a look at names and first bytes shows. */
    bool (*fits)(const struct layout_site *site);
    /* Fills classes and parts, and dataset->layout. */
    bool (*fill)(struct dataset *dataset, const struct layout_site *site, struct error *error);
};
/* The row that is asked for, or the first that fits; the last one says why nothing does. */
const struct layout *layout_of(const struct layout_site *site) THAW_NONNULL;

bool layout_folders_fit(const struct layout_site *site) THAW_NONNULL;
bool layout_folders_fill(struct dataset *dataset, const struct layout_site *site,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether folders would do as classes though a table says something else of the images in them: they are not called parts of
 * something, or images. *parts: they lie in folders called train, test and the like. */
bool layout_folders_plausible(const struct layout_site *site, bool *parts) THAW_NONNULL;
bool layout_table_fits(const struct layout_site *site) THAW_NONNULL;
bool layout_table_fill(struct dataset *dataset, const struct layout_site *site,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* For a folder that is of no layout: what a text file in it lacks that names images which are there; NULL: none does. Caller
 * frees. */
char *layout_table_hint(const struct layout_site *site) THAW_NONNULL;
bool layout_list_fits(const struct layout_site *site) THAW_NONNULL;
bool layout_list_fill(struct dataset *dataset, const struct layout_site *site,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool layout_names_fit(const struct layout_site *site) THAW_NONNULL;
bool layout_names_fill(struct dataset *dataset, const struct layout_site *site,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* For a folder of nothing but images: "; by data.pattern = ... their names would give 2 classes", or ""; caller frees. */
char *layout_names_hint(const struct tree_node *folder) THAW_NONNULL;
bool layout_idx_fits(const struct layout_site *site) THAW_NONNULL;
bool layout_idx_fill(struct dataset *dataset, const struct layout_site *site,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool layout_cifar_fits(const struct layout_site *site) THAW_NONNULL;
bool layout_cifar_fill(struct dataset *dataset, const struct layout_site *site,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool layout_npz_fits(const struct layout_site *site) THAW_NONNULL;
bool layout_npz_fill(struct dataset *dataset, const struct layout_site *site,
                     struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Appends a sentence to dataset->note. */
void dataset_note(struct dataset *dataset, const char *format, ...) THAW_NONNULL_ARGS(1, 2) THAW_PRINTF(2, 3);

#endif
