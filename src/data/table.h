/* Tables in text: CSV (RFC 4180), TSV, and lists of "path label" lines. Private to src/data and its tests.
 *
 * What parts the cells is what the first line has most of: tabs, commas, semicolons or bars; where there is none, the last
 * blank of each line, so that paths may hold some. Cells stand in quotation marks or not, marks in them are doubled; blanks
 * around others are left out. Empty lines are passed over; every other has as many cells as the first. */
#ifndef THAW_SRC_DATA_TABLE_H
#define THAW_SRC_DATA_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum { TABLE_COLUMNS_MAX = 1024 };
#define TABLE_BYTES_MAX ((size_t)1 << 30)

struct table {
    char *text;     /* the cells' */
    uint32_t *cell; /* [rows * columns], into text */
    uint32_t *line; /* [rows], in the file, from 1 */
    size_t rows, columns;
    char between; /* '\t' ',' ';' '|' ' '; '\0': there is one column */
};

/* Errors are ERROR_DATA, begin with "line N: " where there is one, and leave the file's name out. bytes may be NULL where size
 * is 0. Finish *table, also after a failure. */
bool table_read(struct table *table, const uint8_t *bytes, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
void table_finish(struct table *table) THAW_NONNULL;
const char *table_cell(const struct table *table, size_t row, size_t column) THAW_NONNULL;

#endif
