/* The catalog's inside, shared by the catalog_*.c files only. */
#ifndef THAW_SRC_SHELF_CATALOG_PRIVATE_H
#define THAW_SRC_SHELF_CATALOG_PRIVATE_H

#include "thaw/shelf/catalog.h"

struct catalog {
    char *installed, *models, *samples;
    struct catalog_row *row;
    size_t rows, room;
};

/* catalog_file.c: reads one file into the catalog, over what is there. */
bool catalog_read(struct catalog *catalog, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The row of this very name, or NULL. */
struct catalog_row *catalog_row_named(const struct catalog *catalog, const char *name) THAW_NONNULL;

#endif
