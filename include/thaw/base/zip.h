/* The directory of a zip archive in memory. Every number in it is checked against the archive before it is used, and
 * nothing is allocated but what zip_bytes unpacks. */
#ifndef THAW_BASE_ZIP_H
#define THAW_BASE_ZIP_H

#include "thaw/base/file.h"

struct zip {
    const uint8_t *data; /* borrowed from the map */
    uint64_t directory, end, entries;
};

struct zip_entry {
    const uint8_t *name; /* not terminated; in the archive */
    size_t name_size;
    uint64_t size, packed; /* bytes unpacked, and as they lie in the archive */
    uint64_t header;       /* where the header before the bytes starts */
    uint32_t crc;
    int method; /* 0: stored, 8: deflated */
};

/* Finds the directory. Errors here and below are ERROR_WEIGHTS (who reads data says otherwise) and leave the file's
 * name out. */
bool zip_open(struct zip *zip, const struct file_map *map, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* A walk through the directory in its order. zip_next returns false at the end and at a fault; then error->kind tells
 * which: it is ERROR_NONE at the end. */
struct zip_walk {
    const struct zip *zip;
    uint64_t at, left;
};
struct zip_walk zip_walk(const struct zip *zip) THAW_NONNULL;
bool zip_next(struct zip_walk *walk, struct zip_entry *entry, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The bytes of an entry, or NULL. A stored entry's are where they lie in the archive and *block is NULL; a deflated one
 * is unpacked into *block, which the caller frees with mem_free, if it has at most *budget bytes; *budget shrinks by
 * them. What is unpacked is checked against the entry's CRC-32; what is stored is not: it may be large. */
const uint8_t *zip_bytes(const struct zip *zip, const struct zip_entry *entry, size_t *budget, void **block,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The first `size` bytes of an entry, unpacked, into `to`; size: at most the entry's. All of it is checked against its CRC-32
 * where it is deflated. */
bool zip_read(const struct zip *zip, const struct zip_entry *entry, uint8_t *to, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 5) THAW_MUST_CHECK;

#endif
