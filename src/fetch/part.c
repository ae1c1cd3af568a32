/* The unfinished file. Its lock is on the open file, so that it goes with the process; whoever gets it looks whether it
 * is still the file of that name, for the one before may have made it the finished one. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fetch_parts.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { ORIGIN_BYTES_MAX = 8192 };

/* Lines: address, validator, total bytes. Of another address, or unreadable: the bytes are of no use. */
static bool read_origin(struct part *part, const char *url)
{
    struct error unused;
    char *text = file_read_text(part->origin_path, ORIGIN_BYTES_MAX, &unused);
    if (!text)
        return false;
    char *line[3] = {NULL}, *save = NULL;
    int lines = 0;
    for (char *at = strtok_r(text, "\n", &save); at && lines < 3; at = strtok_r(NULL, "\n", &save))
        line[lines++] = at;
    bool same = lines == 3 && !strcmp(line[0], url) && strlen(line[1]) < sizeof part->validator;
    if (same) {
        strcpy(part->validator, strcmp(line[1], "-") ? line[1] : "");
        part->total = strtod(line[2], NULL);
        same = part->total >= 0 && (part->total == 0 || (double)part->bytes <= part->total);
    }
    mem_free(text);
    return same;
}

void part_keep_origin(const struct part *part, const char *url)
{
    struct error unused;
    char *text = mem_format("%s\n%s\n%.0f\n", url, part->validator[0] ? part->validator : "-", part->total);
    /* without it the next try starts from the beginning: no more than that is lost */
    if (!file_write_atomic(part->origin_path, text, strlen(text), &unused))
        unlink(part->origin_path);
    mem_free(text);
}

/* Opens and locks; false with errno where that is not to be, true with fd -1 where it is another's just now. */
static bool try_lock(struct part *part)
{
    struct stat own, named;
    part->fd = open(part->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (part->fd < 0)
        return false;
    bool locked = flock(part->fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK && errno != ENOLCK && errno != EOPNOTSUPP) {
        int code = errno;
        close(part->fd);
        errno = code;
        return false;
    }
    bool possible = locked || errno != EWOULDBLOCK; /* a file system without locks has to do */
    bool current = possible && fstat(part->fd, &own) == 0 && stat(part->path, &named) == 0 &&
                   own.st_ino == named.st_ino && own.st_dev == named.st_dev;
    if (current && S_ISREG(own.st_mode)) {
        part->bytes = (uint64_t)own.st_size;
        return true;
    }
    close(part->fd);
    part->fd = -1;
    errno = EINVAL;
    return !current;
}

bool part_open(struct part *part, struct fetch *fetch, struct error *error)
{
    *part = (struct part){.fd = -1};
    part->path = mem_format("%s.part", fetch->path);
    part->origin_path = mem_format("%s.part.from", fetch->path);
    while (part->fd < 0) {
        if (!try_lock(part))
            return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", part->path);
        if (part->fd >= 0)
            break;
        fetch_tell(fetch, FETCH_WAITING, 0, 0);
        if (!fetch_sleep(fetch, 0.1))
            return error_set(error, ERROR_STOPPED, "cancelled");
    }
    if (part->bytes && !read_origin(part, fetch->url))
        return part_restart(part, error);
    return true;
}

void part_close(struct part *part)
{
    if (part->fd >= 0) {
        if (!part->bytes) { /* nothing worth keeping */
            unlink(part->path);
            unlink(part->origin_path);
        }
        close(part->fd);
    }
    mem_free(part->path);
    mem_free(part->origin_path);
    *part = (struct part){.fd = -1};
}

bool part_restart(struct part *part, struct error *error)
{
    part->bytes = 0;
    part->validator[0] = '\0';
    part->total = 0;
    part->joined = false;
    unlink(part->origin_path);
    if (ftruncate(part->fd, 0) == 0)
        return true;
    return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", part->path);
}

bool part_has_room(const struct part *part, double bytes, struct error *error)
{
    struct statvfs system;
    if (fstatvfs(part->fd, &system) != 0)
        return true;
    double free_bytes = (double)system.f_bavail * (double)system.f_frsize;
    if (bytes <= free_bytes)
        return true;
    return error_set(error, ERROR_FAILED, "%s: no room on the disk: %.1f MB are to come, %.1f MB are free", part->path,
                     bytes / 1e6, free_bytes / 1e6);
}

bool part_write(struct part *part, const void *data, size_t size, struct error *error)
{
    const char *at = data;
    for (size_t left = size; left;) {
        ssize_t put = pwrite(part->fd, at, left, (off_t)part->bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT))
            return error_set(
                error, ERROR_FAILED,
                "%s: no room left on the disk after %.1f MB; make some and pull again, it goes on from here",
                part->path, (double)part->bytes / 1e6);
        if (put < 0)
            return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", part->path);
        at += put;
        left -= (size_t)put;
        part->bytes += (uint64_t)put;
    }
    return true;
}

bool part_become(struct part *part, const char *path, struct error *error)
{
    if (fsync(part->fd) != 0 || rename(part->path, path) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
    unlink(part->origin_path);
    close(part->fd);
    part->fd = -1;
    return true;
}

void part_set_aside(struct part *part, char *bad)
{
    if (rename(part->path, bad) != 0)
        unlink(part->path);
    unlink(part->origin_path);
    close(part->fd);
    part->fd = -1;
}
