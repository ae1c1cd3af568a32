/* Files: maps, atomic writes, listings. Called by every layer that touches the disk. */
#include "config.h"

#include "thaw/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "thaw/base/mem.h"
#include "thaw/base/number.h"

/* What stands in a file's place; mode as stat has it, or 0. */
static void refuse_kind(const char *path, mode_t mode, int code, struct error *error)
{
    const char *kind = S_ISFIFO(mode)   ? "a named pipe"
                       : S_ISSOCK(mode) ? "a socket"
                       : S_ISLNK(mode)  ? "a symbolic link, and none is followed here"
                                        : "a device";
    if (!mode || S_ISREG(mode) || S_ISDIR(mode))
        error_set_errno(error, ERROR_FAILED, code, "%s", path);
    else
        error_set(error, ERROR_FAILED, "%s: not a regular file but %s", path, kind);
}

int file_open(const char *path, int flags, unsigned mode, struct error *error)
{
    struct stat status = {0};
    /* a named pipe must not wait for its other end, nor a terminal become ours */
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, (mode_t)mode), code = errno;
    if (fd >= 0) {
        bool looked = fstat(fd, &status) == 0;
        if (looked && S_ISREG(status.st_mode))
            return fd;
        code = !looked ? errno : S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        close(fd);
    } else if ((code == ENXIO || (code == ELOOP && (flags & O_NOFOLLOW))) && lstat(path, &status) != 0) {
        status.st_mode = 0;
    }
    refuse_kind(path, status.st_mode, code, error);
    errno = code;
    return -1;
}

void *file_stream(const char *path, int flags, struct error *error)
{
    int fd = file_open(path, O_RDONLY | flags, 0, error);
    FILE *stream = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (fd >= 0 && !stream) {
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
        close(fd);
    }
    return stream;
}

static bool map_file(struct file_map *map, const char *path, int flags, struct error *error)
{
    *map = (struct file_map){.faults = file_guard_faults()};
    map->file = file_open_stamped(path, flags, &map->stamp, error);
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

bool file_map_open(struct file_map *map, const char *path, struct error *error)
{
    return map_file(map, path, 0, error);
}

bool file_map_open_own(struct file_map *map, const char *path, struct error *error)
{
    return map_file(map, path, O_NOFOLLOW, error);
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

static char *read_text(const char *path, size_t limit, int flags, size_t *size, struct error *error)
{
    FILE *stream = file_stream(path, flags, error);
    if (!stream)
        return NULL;
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
    *size = used;
    fclose(stream);
    return text;
fail:
    fclose(stream);
    mem_free(text);
    return NULL;
}

char *file_read_text(const char *path, size_t limit, struct error *error)
{
    size_t unused;
    return read_text(path, limit, 0, &unused, error);
}

char *file_read_text_own(const char *path, size_t limit, struct error *error)
{
    size_t unused;
    return read_text(path, limit, O_NOFOLLOW, &unused, error);
}

char *file_read_lines(const char *path, size_t limit, struct error *error)
{
    size_t size, length;
    int line = 1;
    char *text = read_text(path, limit, 0, &size, error);
    if (!text || (length = strlen(text)) == size)
        return text;
    for (size_t i = 0; i < length; i++)
        line += text[i] == '\n';
    error_set(error, ERROR_FAILED, "%s:%d: a zero byte, which no text has", path, line);
    mem_free(text);
    return NULL;
}

/* A name is in its folder for good only once that is synced. File systems that cannot do so say EINVAL; a folder that
 * may be written and not read cannot be opened. */
bool file_sync_folder(const char *path)
{
    size_t length = (size_t)(path_base(path) - path);
    char *folder = length > 0 ? mem_format("%.*s", (int)length, path) : mem_string(".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd < 0 || fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP;
    int code = errno;
    if (fd >= 0)
        close(fd);
    mem_free(folder);
    errno = code;
    return good;
}

static bool same_folder(const char *a, const char *b)
{
    size_t length = (size_t)(path_base(a) - a);
    return length == (size_t)(path_base(b) - b) && strncmp(a, b, length) == 0;
}

/* errno says why not. */
static bool rename_for_good(const char *from, const char *to)
{
    return rename(from, to) == 0 && file_sync_folder(to) && (same_folder(from, to) || file_sync_folder(from));
}

static bool renamed(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

bool file_rename(const char *from, const char *to, struct error *error)
{
    return rename_for_good(from, to) ||
           error_set_errno(error, ERROR_FAILED, errno, "%s: cannot be moved to %s", from, to);
}

/* What is there under that name is a killed process's of our number, or was put there to be written through. */
static FILE *make_temporary(const char *path)
{
    enum { HOW = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
    int fd = open(path, HOW, 0666);
    if (fd < 0 && errno == EEXIST && unlink(path) == 0)
        fd = open(path, HOW, 0666);
    FILE *stream = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (fd >= 0 && !stream)
        close(fd);
    return stream;
}

bool file_atomic_begin(struct file_atomic *file, const char *path, struct error *error)
{
    file->path = mem_string(path);
    file->temporary = mem_format("%s.%ld.tmp", path, (long)getpid());
    file->stream = make_temporary(file->temporary);
    if (file->stream)
        return true;
    error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
    file_atomic_abandon(file);
    return false;
}

/* for_good: not even a power cut takes it back. */
static bool commit(struct file_atomic *file, bool for_good, struct error *error)
{
    FILE *stream = file->stream;
    bool written = !ferror(stream) && fflush(stream) == 0 && (!for_good || fsync(fileno(stream)) == 0);
    int code = errno;
    if (fclose(stream) != 0 && written) {
        written = false;
        code = errno;
    }
    file->stream = NULL;
    if (written && !(for_good ? rename_for_good : renamed)(file->temporary, file->path)) {
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

bool file_atomic_commit(struct file_atomic *file, struct error *error)
{
    return commit(file, true, error);
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

static bool write_atomic(const char *path, const void *data, size_t size, bool for_good, struct error *error)
{
    struct file_atomic file;
    if (!file_atomic_begin(&file, path, error))
        return false;
    if (size && fwrite(data, 1, size, file.stream) != size) {
        error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
        file_atomic_abandon(&file);
        return false;
    }
    return commit(&file, for_good, error);
}

bool file_write_atomic(const char *path, const void *data, size_t size, struct error *error)
{
    return write_atomic(path, data, size, true, error);
}

bool file_write_unsynced(const char *path, const void *data, size_t size, struct error *error)
{
    return write_atomic(path, data, size, false, error);
}

bool file_sync_all(const char *path, struct error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool good = fd >= 0 && syncfs(fd) == 0;
    int code = errno;
    if (fd >= 0)
        close(fd);
    return good || error_set_errno(error, ERROR_FAILED, code, "%s: cannot be synced to the disk", path);
}

/* "last.ini.4711.tmp": the process that wrote it; 0: another file. */
static long writer_of(const char *name)
{
    static const char end[] = ".tmp";
    const char *at = name + strlen(name), *stop;
    long process;
    if (!path_has_ending(name, end))
        return 0;
    for (at -= sizeof end - 1; at > name && at[-1] >= '0' && at[-1] <= '9';)
        at--;
    bool named = at - name > 1 && at[-1] == '.' && number_whole(at, 1, INT_MAX, &process, &stop);
    return named ? process : 0;
}

/* An hour: another machine may be writing there, whose processes are not known here. */
static bool is_stale(const char *path, long process)
{
    enum { STALE_SECONDS = 3600 };
    struct stat status;
    return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
           time(NULL) - status.st_mtime > STALE_SECONDS && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

void file_sweep(const char *directory, bool alone)
{
    struct file_list list;
    struct error unused;
    if (!file_list_read(&list, directory, &unused))
        return;
    for (size_t i = 0; i < list.count; i++) {
        long process = writer_of(list.name[i]);
        char *path = path_join(directory, list.name[i]);
        if (process && (alone || is_stale(path, process)))
            unlink(path);
        mem_free(path);
    }
    file_list_free(&list);
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
        bool is_new = mkdir(part, 0777) == 0;
        if (is_new ? !file_sync_folder(part) : errno != EEXIST)
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
