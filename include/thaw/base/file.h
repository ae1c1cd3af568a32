/* Files and paths: read-only maps, atomic writes, directory listings in a fixed order, XDG directories. */
#ifndef THAW_BASE_FILE_H
#define THAW_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

/* Opens a regular file as open(2) does (flags, mode; always close-on-exec) and nothing else: a named pipe, a socket or a
 * device in its place is never waited for, and refused with a sentence. With O_NOFOLLOW a symbolic link is refused, too:
 * so files of our own are opened, those of runs and caches, which may have come from elsewhere. -1 with errno. */
int file_open(const char *path, int flags, unsigned mode, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* As a stream of stdio (FILE *), for reading. */
void *file_stream(const char *path, int flags, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* What shows that a file was changed: compared, never ordered. All zero: not known. */
struct file_stamp {
    uint64_t size;
    int64_t seconds, nanoseconds; /* when it was last written */
};
bool file_stamp_take(int fd, struct file_stamp *stamp) THAW_NONNULL THAW_MUST_CHECK; /* false: errno says why */
bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b) THAW_NONNULL;

/* Bytes of a file in memory, for files that others may cut or rewrite meanwhile: what was read stays as it was. Room is
 * kept from file to file. */
struct file_bytes {
    uint8_t *data;
    size_t size, room;
    struct file_stamp stamp; /* as it was once these bytes had been read; its size is the whole file's */
};
/* The file from its beginning, `most` bytes at most. Finish *bytes in the end, also after a failure. */
bool file_read(struct file_bytes *bytes, const char *path, size_t most,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void file_bytes_finish(struct file_bytes *bytes) THAW_NONNULL;
/* file_open for reading, with the file's stamp. */
int file_open_stamped(const char *path, int flags, struct file_stamp *stamp,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Reads exactly so many bytes at that place. false, with errno (0: the file ends before). */
bool file_read_at(int fd, void *to, size_t size, uint64_t at) THAW_NONNULL_ARGS(2) THAW_MUST_CHECK;

/* A whole file mapped read-only. An empty file has size 0 and data NULL. What is cut off it while it is mapped reads as
 * zeros where file_guard is in place, and ends the process with SIGBUS where it is not. */
struct file_map {
    const uint8_t *data;
    size_t size;
    int file;        /* 0: bytes in memory, of no file */
    unsigned faults; /* as file_guard_faults was */
    struct file_stamp stamp;
};
bool file_map_open(struct file_map *map, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool file_map_open_own(struct file_map *map, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void file_map_close(struct file_map *map) THAW_NONNULL;
/* Whether what was read from the map is what was there when it was made: asked behind reading. */
bool file_map_holds(const struct file_map *map) THAW_NONNULL;

/* Handles SIGBUS by pages of zeros in the place of what a map has lost; to be called once, by the program. */
void file_guard(void);
/* For who handles SIGBUS himself: the same, by the signal's code and address. false: it is of something else. */
bool file_guard_mend(int code, void *address);
unsigned file_guard_faults(void); /* pages so far */
/* Lets go of the memory that holds whole pages of these bytes, if they are the map's: they come from the file again when
 * they are used again. For reading much once. */
void file_map_forget(const struct file_map *map, const uint8_t *from, size_t size) THAW_NONNULL;

/* The whole file as text with a NUL behind it; the caller frees. Refuses files over `limit` bytes. */
char *file_read_text(const char *path, size_t limit, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
char *file_read_text_own(const char *path, size_t limit, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The same of a file of lines: what stands behind a zero byte would be passed over, so that is an error, with its line. */
char *file_read_lines(const char *path, size_t limit, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* rename(2) that a power cut does not take back: the folders of both names are synced. */
bool file_rename(const char *from, const char *to, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Writes to a temporary file beside `path`, syncs, renames, syncs the folder: readers see the old file or the new one,
 * never a part. A link in the place of either is replaced, never written through.
 * A full disk or a read-only directory leaves the old file untouched. */
bool file_write_atomic(const char *path, const void *data, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;

/* The same without syncs, which take longer than to write a small file: of many such files, that a power cut may yet empty,
 * file_sync_all() makes sure at once, and of all else on the file system that this path is on. */
bool file_write_unsynced(const char *path, const void *data, size_t size, struct error *error)
    THAW_NONNULL_ARGS(1, 4) THAW_MUST_CHECK;
bool file_sync_all(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* file_write_atomic for writers that produce pieces: begin, write with stdio to *stream, then commit or abandon. */
struct file_atomic {
    void *stream; /* FILE * */
    char *path, *temporary;
};
bool file_atomic_begin(struct file_atomic *file, const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool file_atomic_commit(struct file_atomic *file, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void file_atomic_abandon(struct file_atomic *file) THAW_NONNULL;

/* Removes what atomic writes that were killed left in a folder: files named NAME.PROCESS.tmp, all of them where nobody else
 * may write there (alone: a lock is held), else those of this user, an hour old at least, whose process is no more. */
void file_sweep(const char *directory, bool alone) THAW_NONNULL;

bool file_exists(const char *path) THAW_NONNULL;
bool file_is_directory(const char *path) THAW_NONNULL;
/* Syncs the folder that a path is in: only then a name that was made there is there for good. errno says why not. */
bool file_sync_folder(const char *path) THAW_NONNULL THAW_MUST_CHECK;
bool file_make_directories(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK; /* mkdir -p, 0777 */

/* Names in a directory (no dot files), sorted by byte value, so that every machine sees the same order. */
struct file_list {
    char **name;
    size_t count;
};
bool file_list_read(struct file_list *list, const char *directory, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void file_list_free(struct file_list *list) THAW_NONNULL;

char *path_join(const char *directory, const char *name) THAW_NONNULL; /* caller frees; an absolute name wins */
char *path_whole(const char *path) THAW_NONNULL;                       /* from the root on; caller frees */
/* One file or folder, however it is written; where nothing is there, the same text. */
bool path_is_same(const char *a, const char *b) THAW_NONNULL;
char *path_expand(const char *path) THAW_NONNULL;     /* a leading ~/ ; caller frees */
const char *path_base(const char *path) THAW_NONNULL; /* borrowed, the part behind the last slash */
/* Whether a name ends so (".ini") and has more than that. */
bool path_has_ending(const char *path, const char *ending) THAW_NONNULL;

/* Where the open file or directory is by now; NULL: it was removed, or that is not told. Caller frees. */
char *path_of_descriptor(int fd);

enum path_home { PATH_CONFIG, PATH_DATA, PATH_CACHE, PATH_STATE };
/* false: there is no place for some of them; a program says so before it makes them where it stands. */
bool path_has_homes(struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* $XDG_..._HOME/thaw, or its default below $HOME or the account's home; caller frees. Not created. */
char *path_home(enum path_home which);
/* A folder that comes with the program ("themes"): in $THAW_DATADIR, beside the program in its source tree, or as
 * installed; caller frees. */
char *path_installed(const char *name) THAW_NONNULL;

#endif
