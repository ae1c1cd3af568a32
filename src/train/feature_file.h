/* One file of frozen features: what crosses a frontier, a row an image, in blocks of FEATURE_BLOCK rows. Any number of
 * processes may read and fill a file at once: what belongs in a block is a function of the key alone, so two that fill
 * the same one write the same bytes, and a block counts only where its digest is that of its rows. Or the same in
 * memory, for want of a file.
 *
 * The file (little endian): struct file_header of feature_file.c, the key's text, a table of struct block_entry, and from
 * the next page on the rows. It is written with pwrite and read with pread, so a full disk and a file that others cut are
 * errors and not signals. It is locked (flock, shared) while open, so that only files out of use are dropped. */
#ifndef THAW_TRAIN_FEATURE_FILE_H
#define THAW_TRAIN_FEATURE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"
#include "thaw/base/parallel.h"

enum { FEATURE_BLOCK = 32 };

struct feature_layout {
    const char *key;         /* everything that decides the bytes, as text; compared when a file is opened */
    size_t items, row_bytes; /* of an image */
};

struct feature_file;

/* The file's path is folder/HASH.features, of the key. Opens it where it holds this key in this layout; with `make`,
 * anything else that has its name (another key with the same hash, a shorter or damaged file) is replaced by an empty
 * one. Knows no valid block before feature_file_check. ERROR_FAILED: it cannot be made or read, or (without `make`) is
 * not there. The folder exists. */
struct feature_file *feature_file_open(const char *folder, const struct feature_layout *layout, bool make,
                                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same in memory; NULL: not to be had. */
struct feature_file *feature_file_memory(const struct feature_layout *layout) THAW_NONNULL;
void feature_file_close(struct feature_file *file);
char *feature_file_path(const char *folder, const char *key) THAW_NONNULL; /* caller frees */
size_t feature_file_bytes(const struct feature_layout *layout) THAW_NONNULL;

/* Digests every block that is said to be there and takes those that hold. */
void feature_file_check(struct feature_file *file, struct team *team) THAW_NONNULL;
/* The same for one block: another process may have filled it meanwhile. */
bool feature_file_look(struct feature_file *file, size_t block) THAW_NONNULL;
size_t feature_file_blocks(const struct feature_file *file) THAW_NONNULL;
size_t feature_file_rows(const struct feature_file *file,
                         size_t block) THAW_NONNULL; /* FEATURE_BLOCK but for the last */
bool feature_file_valid(const struct feature_file *file, size_t block) THAW_NONNULL;
bool feature_file_complete(const struct feature_file *file) THAW_NONNULL;
void feature_file_forget(struct feature_file *file, size_t block) THAW_NONNULL; /* not valid any more, for anyone */
/* Rows of a valid block whose image could not be read, a bit each. */
uint32_t feature_file_bad(const struct feature_file *file, size_t block) THAW_NONNULL;
/* Copies bytes of a row of a valid block, `from` being the first of them, and of rows behind it, all in valid blocks.
 * false, with errno (0: the file was cut): they are not to be had any more. */
bool feature_file_read(const struct feature_file *file, size_t item, size_t from, void *to,
                       size_t bytes) THAW_NONNULL THAW_MUST_CHECK;
/* Whether the file still has its size: what is written to one that was cut leaves holes that look like rows. */
bool feature_file_whole(const struct feature_file *file) THAW_NONNULL;
/* Of the processes that fill a file at once one leads, from the front; the others come from the back. true: this one
 * does. `want` false: lets go of it. A matter of speed alone: nothing depends on there being one leader. */
bool feature_file_lead(struct feature_file *file, bool want) THAW_NONNULL;
const char *feature_file_name(const struct feature_file *file) THAW_NONNULL; /* its path; "" in memory */
/* Takes a whole block of rows, one behind the other. ERROR_FAILED (disk full): nothing changed. */
bool feature_file_write(struct feature_file *file, size_t block, const void *rows, uint32_t bad,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* What can be said of such a file without opening it for use. false: there is none. */
struct feature_summary {
    char *key;      /* its text, "" where it is damaged; caller frees */
    uint64_t bytes; /* on the disk */
    double used;    /* when it was last opened, seconds since 1970 */
    bool in_use;    /* a process has it open */
};
bool feature_file_summarise(const char *path, struct feature_summary *summary) THAW_NONNULL;
/* Removes a file unless it is in use. */
bool feature_file_remove(const char *path) THAW_NONNULL;

#endif
