/* What the preloaded library and the tests that start programs under it agree on: variables of the environment and the
 * log's records. The library is compiled by itself, without anything of thaw. */
#ifndef THAW_TESTS_FAULTS_PRELOAD_H
#define THAW_TESTS_FAULTS_PRELOAD_H

#include <stdint.h>

/* FAULTS_BELOW    the folder whose files are watched; what is elsewhere is nobody's business
 * FAULTS_KIND     of calls, a name of the list below
 * FAULTS_AT       the how manieth of that kind, from 1
 * FAULTS_HOW      once, on (from then on), half (half of what was to be written, then nothing more), kill (SIGKILL in
 *                 the place of the call), torn (half of what was to be written, then SIGKILL)
 * FAULTS_ERRNO    a number
 * FAULTS_TOLD     a file: the call that failed is written there
 * FAULTS_COUNTS   a file: how many there were of each kind, one a line, in the list's order, once the program ends
 * FAULTS_LOG      a file: everything that changed what is below, see struct fault_record */
#define FAULT_KIND_LIST(X)                                                                                             \
    X(OPEN, "open")                                                                                                    \
    X(WRITE, "write")                                                                                                  \
    X(SYNC, "sync")                                                                                                    \
    X(TRUNCATE, "truncate")                                                                                            \
    X(RENAME, "rename")                                                                                                \
    X(UNLINK, "unlink")                                                                                                \
    X(MKDIR, "mkdir")                                                                                                  \
    X(MAP, "map")                                                                                                      \
    X(ALLOCATE, "allocate")

/* open: for writing. rename: links, too. unlink: directories, too. map: of files below, and large ones of memory by the
 * program itself. allocate: small blocks, by the program itself. */
enum fault_kind {
#define X(name, text) FAULT_##name,
    FAULT_KIND_LIST(X)
#undef X
        FAULT_KINDS
};

enum fault_record_type {
    RECORD_CREATE = 1,  /* path, file */
    RECORD_WRITE,       /* file, at, data */
    RECORD_TRUNCATE,    /* file, at: its new size */
    RECORD_SYNC,        /* file */
    RECORD_SYNC_FOLDER, /* path */
    RECORD_RENAME,      /* path, to */
    RECORD_LINK,        /* path, to */
    RECORD_UNLINK,      /* path */
    RECORD_MKDIR,       /* path */
    RECORD_RMDIR        /* path */
};

/* Behind it path_bytes, to_bytes and data_bytes bytes, texts without a NUL. */
struct fault_record {
    uint32_t type, path_bytes, to_bytes, data_bytes;
    uint64_t file, at; /* inode */
};

#endif
