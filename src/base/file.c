/* Files: maps, atomic writes, listings. Called by every layer that touches the disk. */
#include "config.h"

#include "thaw/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thaw/base/mem.h"

bool file_map_open(struct file_map *map, const char *path, struct error *error)
{
    *map = (struct file_map){.faults = file_guard_faults()};
    map->file = file_open_regular(path, &map->stamp, error);
    if (map->file < 0) {
        *map = (struct file_map){0};
        return false;
    }
    map->size = (size_t)map->stamp.size;
    if (map->size) {
        void *data = mmap(NULL, map->size, PROT_READ, MAP_PRIVATE, map->file, 0);
        if (data == MAP_FAILED) {
            error_set_errno(error, ERROR_FAILED, errno, "%s", path);
            map->data = NULL;
            file_map_close(map);
            return false;
        }
        map->data = data;
    }
    return true;
}

void file_map_close(struct file_map *map)
{
    if (map->data && map->file > 0)
        munmap((void *)(uintptr_t)map->data, map->size);
    if (map->file > 0)
        close(map->file);
    *map = (struct file_map){0};
}

void file_map_forget(const struct file_map *map, const uint8_t *from, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), begin = (uintptr_t)from, end = begin + size;
    if (map->file <= 0 || begin < (uintptr_t)map->data || end > (uintptr_t)map->data + map->size)
        return;
    begin = (begin + page - 1) / page * page;
    end = end / page * page;
    if (begin < end)
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED);
}

char *file_read_text(const char *path, size_t limit, struct error *error)
{
    FILE *stream = fopen(path, "re");
    if (!stream) {
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
        return NULL;
    }
    size_t used = 0, room = 4096;
    char *text = mem_alloc(room);
    for (;;) {
        size_t got = fread(text + used, 1, room - used - 1, stream);
        used += got;
        if (got == 0)
            break;
        if (used > limit) {
            error_set(error, ERROR_FAILED, "%s: larger than the %zu bytes expected at most", path, limit);
            goto fail;
        }
        if (room - used < 2) {
            room *= 2;
            text = mem_grow(text, room, 1);
        }
    }
    if (ferror(stream)) {
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
        goto fail;
    }
    text[used] = '\0';
    fclose(stream);
    return text;
fail:
    fclose(stream);
    mem_free(text);
    return NULL;
}

bool file_atomic_begin(struct file_atomic *file, const char *path, struct error *error)
{
    file->path = mem_string(path);
    file->temporary = mem_format("%s.%ld.tmp", path, (long)getpid());
    file->stream = fopen(file->temporary, "we");
    if (file->stream)
        return true;
    error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
    file_atomic_abandon(file);
    return false;
}

bool file_atomic_commit(struct file_atomic *file, struct error *error)
{
    FILE *stream = file->stream;
    bool written = !ferror(stream) && fflush(stream) == 0 && fsync(fileno(stream)) == 0;
    int code = errno;
    if (fclose(stream) != 0 && written) {
        written = false;
        code = errno;
    }
    file->stream = NULL;
    if (written && rename(file->temporary, file->path) != 0) {
        written = false;
        code = errno;
    }
    if (!written) {
        error_set_errno(error, ERROR_FAILED, code, "cannot write %s", file->path);
        file_atomic_abandon(file);
        return false;
    }
    mem_free(file->path);
    mem_free(file->temporary);
    *file = (struct file_atomic){0};
    return true;
}

void file_atomic_abandon(struct file_atomic *file)
{
    if (file->stream)
        fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary);
    mem_free(file->path);
    mem_free(file->temporary);
    *file = (struct file_atomic){0};
}

bool file_write_atomic(const char *path, const void *data, size_t size, struct error *error)
{
    struct file_atomic file;
    if (!file_atomic_begin(&file, path, error))
        return false;
    if (size && fwrite(data, 1, size, file.stream) != size) {
        error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
        file_atomic_abandon(&file);
        return false;
    }
    return file_atomic_commit(&file, error);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool file_make_directories(const char *path, struct error *error)
{
    char *part = mem_string(path);
    bool made = true;
    for (char *at = part + 1; made; at++) {
        if (*at != '/' && *at)
            continue;
        char kept = *at;
        *at = '\0';
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            made = error_set_errno(error, ERROR_FAILED, errno, "cannot make the directory %s", part);
        *at = kept;
        if (!kept)
            break;
    }
    mem_free(part);
    if (made && !file_is_directory(path))
        return error_set_errno(error, ERROR_FAILED, ENOTDIR, "cannot make the directory %s", path);
    return made;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool file_list_read(struct file_list *list, const char *directory, struct error *error)
{
    *list = (struct file_list){0};
    DIR *stream = opendir(directory);
    if (!stream)
        return error_set_errno(error, ERROR_FAILED, errno, "%s", directory);
    size_t room = 0;
    const struct dirent *entry;
    while ((entry = readdir(stream))) {
        if (entry->d_name[0] == '.')
            continue;
        if (list->count == room) {
            room = room ? 2 * room : 64;
            list->name = mem_grow(list->name, room, sizeof *list->name);
        }
        list->name[list->count++] = mem_string(entry->d_name);
    }
    closedir(stream);
    if (list->count)
        qsort(list->name, list->count, sizeof *list->name, compare_names);
    return true;
}

void file_list_free(struct file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        mem_free(list->name[i]);
    mem_free(list->name);
    *list = (struct file_list){0};
}
