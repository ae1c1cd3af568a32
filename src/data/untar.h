/* Tar archives (POSIX.1-1988 ustar, GNU tar, and pax of POSIX.1-2001): blocks of 512 bytes, for each file a header and its
 * bytes, filled up to whole blocks. Private to src/data and its tests.
 *
 * A header, numbers in octal digits or, where their first bit is set, big endian: name at 0 (100 bytes), size at 124 (12),
 * the sum of all its bytes at 148 (8, which count as blanks), the kind at 156: '0' or 0 a file, '5' a folder, 'L' a long name
 * of the next one, 'x' and 'g' lines of "LENGTH KEY=VALUE\n" for the next one or all; what names begin with at 345 (155).
 * Two blocks of zeros end it. */
#ifndef THAW_SRC_DATA_UNTAR_H
#define THAW_SRC_DATA_UNTAR_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 4096 };

/* Where the bytes come from: read(context, at, to, size) from a place not before those that were asked for. false: it ends
 * before, or an error is set. */
struct tar_source {
    bool (*read)(void *context, uint64_t at, void *to, size_t size, struct error *error);
    void *context;
};

struct tar_entry {
    char name[TAR_NAME_MAX];
    uint64_t at, size; /* of its bytes */
    bool file;         /* an ordinary one; else a folder, a link or something else */
};

/* A walk through the entries. tar_next returns false at the end and at a fault; then error->kind tells which: it is
 * ERROR_NONE at the end. Errors are ERROR_DATA and leave the file's name out. */
struct tar_walk {
    struct tar_source source;
    uint64_t at;
};
bool tar_next(struct tar_walk *walk, struct tar_entry *entry, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether a first block is a header. */
bool tar_probe(const uint8_t *block, size_t size) THAW_NONNULL;

#endif
