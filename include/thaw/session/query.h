/* Filters over the rows of a table, as a user types them: words that must all hold.
 *
 *   resnet            somewhere in the row's text          -resnet, !resnet   nowhere in it
 *   top1>75           a comparison: < <= > >= = !=         params<10M         with a unit: k, M, G, or the column's own
 *   family:resnet     in that column's text                local              a property of the row
 *
 * Upper and lower case are alike. A figure that is not known holds in no comparison. */
#ifndef THAW_SESSION_QUERY_H
#define THAW_SESSION_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

enum query_kind {
    QUERY_NUMBER, /* compared */
    QUERY_TEXT,   /* name:part */
    QUERY_FLAG,   /* its bare name */
};
/* What can be asked; a NULL name ends the list. A row is the caller's, handed through. */
struct query_column {
    const char *name;
    enum query_kind kind;
    double unit;                          /* NUMBER: what a bare number counts, 1e9 for "macs<2" */
    const char *help;                     /* "multiply-adds of an image; bare numbers count G" */
    double (*number)(const void *row);    /* NAN: not known */
    const char *(*text)(const void *row); /* TEXT; a bare word looks into every one of these */
    bool (*flag)(const void *row);
};

struct query;
/* "" matches all. ERROR_USAGE tells the place and what could have been meant. columns outlive the query. */
struct query *query_create(const char *text, const struct query_column *columns,
                           struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void query_destroy(struct query *query); /* takes NULL */
bool query_match(const struct query *query, const void *row) THAW_NONNULL;

/* The column of this name that rows can be sorted by, a figure or a text; NULL: ERROR_USAGE with those there are. */
const struct query_column *query_sort_column(const struct query_column *columns, const char *name,
                                             struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* As qsort wants it: the smaller first, reverse: the larger. What is not known comes last either way. */
int query_order(const struct query_column *column, bool reverse, const void *a, const void *b) THAW_NONNULL;

#endif
