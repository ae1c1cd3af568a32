/* The table of layouts. Called by dataset_open.c. */
#include "config.h"

#include "layout.h"

const char *const dataset_layout_names[] = {"auto", "folders", "table", "list", "names", "idx", "cifar", "npz", NULL};
_Static_assert(THAW_LENGTH(dataset_layout_names) == DATASET_LAYOUTS + 1, "a name for each");

/* In the order in which they are tried. */
/* clang-format off */
static const struct layout layouts[] = {
    {DATASET_NAMES, layout_names_fit, layout_names_fill},
    {DATASET_IDX, layout_idx_fits, layout_idx_fill},
    {DATASET_CIFAR, layout_cifar_fits, layout_cifar_fill},
    {DATASET_NPZ, layout_npz_fits, layout_npz_fill},
    {DATASET_TABLE, layout_table_fits, layout_table_fill},
    {DATASET_LIST, layout_list_fits, layout_list_fill},
    {DATASET_FOLDERS, layout_folders_fit, layout_folders_fill},
};
/* clang-format on */
_Static_assert(THAW_LENGTH(layouts) == DATASET_LAYOUTS - 1, "a row for each but AUTO");

const struct layout *layout_of(const struct layout_site *site)
{
    const struct layout *last = &layouts[THAW_LENGTH(layouts) - 1];
    for (const struct layout *row = layouts; row < last; row++)
        if (row->kind == site->request->layout || (site->request->layout == DATASET_AUTO && row->fits(site)))
            return row;
    return last;
}
