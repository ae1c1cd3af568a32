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

#include "fetch_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { ORIGIN_BYTES_MAX = 8192 };

/* Lines: address, validator, total bytes. Of another address, or unreadable: the bytes are of no use. */
static bool read_origin(struct partial *partial, const char *url)
{
    struct error unused;
    char *text = file_read_text_own(partial->origin_path, ORIGIN_BYTES_MAX, &unused);
    if (!text)
        return false;
    char *line[3] = {NULL}, *save = NULL;
    int lines = 0;
    for (char *at = strtok_r(text, "\n", &save); at && lines < 3; at = strtok_r(NULL, "\n", &save))
        line[lines++] = at;
    bool same = lines == 3 && !strcmp(line[0], url) && strlen(line[1]) < sizeof partial->validator;
    if (same) {
        strcpy(partial->validator, strcmp(line[1], "-") ? line[1] : "");
        partial->total = strtod(line[2], NULL);
        same = partial->total >= 0 && (partial->total == 0 || (double)partial->bytes <= partial->total);
    }
    mem_free(text);
    return same;
}

void partial_keep_origin(const struct partial *partial, const char *url)
{
    struct error unused;
    char *text = mem_format("%s\n%s\n%.0f\n", url, partial->validator[0] ? partial->validator : "-", partial->total);
    /* without it the next try starts from the beginning: no more than that is lost */
    if (!file_write_atomic(partial->origin_path, text, strlen(text), &unused))
        unlink(partial->origin_path);
    mem_free(text);
}

/* Opens and locks; false with errno where that is not to be, true with fd -1 where it is another's just now. */
static bool try_lock(struct partial *partial)
{
    struct error unused;
    struct stat own, named;
    partial->fd = file_open(partial->path, O_RDWR | O_CREAT | O_NOFOLLOW, 0666, &unused);
    if (partial->fd < 0)
        return false;
    bool locked = flock(partial->fd, LOCK_EX | LOCK_NB) == 0;
    if (!locked && errno != EWOULDBLOCK && errno != ENOLCK && errno != EOPNOTSUPP) {
        int code = errno;
        close(partial->fd);
        errno = code;
        return false;
    }
    bool possible = locked || errno != EWOULDBLOCK; /* a file system without locks has to do */
    bool current = possible && fstat(partial->fd, &own) == 0 && stat(partial->path, &named) == 0 &&
                   own.st_ino == named.st_ino && own.st_dev == named.st_dev;
    if (current && S_ISREG(own.st_mode)) {
        partial->bytes = (uint64_t)own.st_size;
        return true;
    }
    close(partial->fd);
    partial->fd = -1;
    errno = EINVAL;
    return !current;
}

bool partial_open(struct partial *partial, struct fetch *fetch, struct error *error)
{
    *partial = (struct partial){.fd = -1};
    partial->path = mem_format("%s.part", fetch->path);
    partial->origin_path = mem_format("%s.part.from", fetch->path);
    while (partial->fd < 0) {
        if (!try_lock(partial))
            return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", partial->path);
        if (partial->fd >= 0)
            break;
        fetch_tell(fetch, FETCH_WAITING, 0, 0);
        if (!fetch_sleep(fetch, 0.1))
            return error_set(error, ERROR_STOPPED, "cancelled");
    }
    /* Where the power went while it was written, zeros may stand for bytes: only a digest tells. */
    bool goes_on = partial->bytes && fetch->hash.kind != DIGEST_NONE && read_origin(partial, fetch->url);
    return !partial->bytes || goes_on || partial_restart(partial, error);
}

void partial_close(struct partial *partial)
{
    if (partial->fd >= 0) {
        if (!partial->bytes) { /* nothing worth keeping */
            unlink(partial->path);
            unlink(partial->origin_path);
        }
        close(partial->fd);
    }
    mem_free(partial->path);
    mem_free(partial->origin_path);
    *partial = (struct partial){.fd = -1};
}

bool partial_restart(struct partial *partial, struct error *error)
{
    partial->bytes = 0;
    partial->validator[0] = '\0';
    partial->total = 0;
    partial->joined = false;
    unlink(partial->origin_path);
    if (ftruncate(partial->fd, 0) == 0)
        return true;
    return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", partial->path);
}

bool partial_has_room(const struct partial *partial, double bytes, struct error *error)
{
    struct statvfs system;
    if (fstatvfs(partial->fd, &system) != 0)
        return true;
    double free_bytes = (double)system.f_bavail * (double)system.f_frsize;
    if (bytes <= free_bytes)
        return true;
    return error_set(error, ERROR_FAILED, "%s: no room on the disk: %.1f MB are to come, %.1f MB are free",
                     partial->path, bytes / 1e6, free_bytes / 1e6);
}

bool partial_write(struct partial *partial, const void *data, size_t size, struct error *error)
{
    const char *at = data;
    for (size_t left = size; left;) {
        ssize_t put = pwrite(partial->fd, at, left, (off_t)partial->bytes);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0 && (errno == ENOSPC || errno == EDQUOT))
            return error_set(
                error, ERROR_FAILED,
                "%s: no room left on the disk after %.1f MB; make some and pull again, it goes on from here",
                partial->path, (double)partial->bytes / 1e6);
        if (put < 0)
            return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", partial->path);
        at += put;
        left -= (size_t)put;
        partial->bytes += (uint64_t)put;
    }
    return true;
}

bool partial_become(struct partial *partial, const char *path, struct error *error)
{
    if (fsync(partial->fd) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "cannot write %s", path);
    if (!file_rename(partial->path, path, error))
        return false;
    unlink(partial->origin_path);
    close(partial->fd);
    partial->fd = -1;
    return true;
}

void partial_set_aside(struct partial *partial, char *bad)
{
    struct error unused;
    if (!file_rename(partial->path, bad, &unused))
        unlink(partial->path);
    unlink(partial->origin_path);
    close(partial->fd);
    partial->fd = -1;
}
