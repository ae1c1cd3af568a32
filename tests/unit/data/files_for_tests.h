/* Temporary folders with small images, for the tests of datasets and the loader. Included by one .c each. */
#ifndef THAW_TESTS_FILES_FOR_TESTS_H
#define THAW_TESTS_FILES_FOR_TESTS_H

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

static inline int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

static inline void remove_folder(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* A new empty folder; the caller frees the name and removes the folder. */
static inline char *new_folder(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = mem_format("%s/thaw-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void put_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = path_join(folder, name);
    *strrchr(path, '/') = '\0';
    assert_true(file_make_directories(path, &error));
    path[strlen(path)] = '/'; /* the cut slash again */
    assert_true(file_write_atomic(path, bytes, size, &error));
    mem_free(path);
}

/* A PPM whose bytes grow by one each, from `level` on. */
static inline void put_image(const char *folder, const char *name, int width, int height, uint8_t level)
{
    char header[64];
    int start = snprintf(header, sizeof header, "P6\n%d %d\n255\n", width, height);
    size_t pixels = (size_t)width * (size_t)height * 3;
    char *bytes = mem_alloc((size_t)start + pixels);
    memcpy(bytes, header, (size_t)start);
    for (size_t i = 0; i < pixels; i++)
        bytes[(size_t)start + i] = (char)(level + i);
    put_file(folder, name, bytes, (size_t)start + pixels);
    mem_free(bytes);
}

#endif
