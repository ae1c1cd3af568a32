/* A small file of things remembered by key, one line each: the newest last, the oldest dropped. For what may be lost: a
 * line that cannot be read is skipped, and of two processes that write at once one may forget what the other wrote. */
#ifndef THAW_BASE_LEDGER_H
#define THAW_BASE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

enum { LEDGER_LINES_MAX = 2000 };

struct ledger_line {
    char *key, *value;
};
struct ledger {
    struct ledger_line *line; /* the oldest first */
    size_t lines;
    size_t slots; /* a power of two, more than half of them empty */
    size_t *slot; /* [slots] lines by the hash of their keys: 1 + the newest line of that key, or 0 */
};
/* No such file, or none that can be read: empty. Free it. */
void ledger_read(struct ledger *ledger, const char *path) THAW_NONNULL;
void ledger_free(struct ledger *ledger) THAW_NONNULL;
const char *ledger_find(const struct ledger *ledger, const char *key) THAW_NONNULL; /* or NULL; borrowed */
/* Adds a line that stands before older ones of its key; the file is not touched. Both texts are copied. */
void ledger_add(struct ledger *ledger, const char *key, const char *value) THAW_NONNULL;

/* Puts key and value into the file, in the place of an older value; makes its folder. Tabs and line ends become spaces. */
bool ledger_put(const char *path, const char *key, const char *value, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same for several; none: the file is left as it is. */
bool ledger_put_all(const char *path, const struct ledger *lines, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
