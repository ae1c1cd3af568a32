/* Files read into memory, a whole one or a part. Called for what others may rewrite while it is used: images, digests of
 * weights, kept features. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

bool file_stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
    return a->size == b->size && a->seconds == b->seconds && a->nanoseconds == b->nanoseconds;
}

bool file_stamp_take(int fd, struct file_stamp *stamp)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return false;
    *stamp = (struct file_stamp){(uint64_t)status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
    return true;
}

int file_open_stamped(const char *path, int flags, struct file_stamp *stamp, struct error *error)
{
    int fd = file_open(path, O_RDONLY | flags, 0, error);
    if (fd < 0 || file_stamp_take(fd, stamp))
        return fd;
    error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    close(fd);
    return -1;
}

bool file_read_at(int fd, void *to, size_t size, uint64_t at)
{
    char *next = to;
    while (size > 0) {
        ssize_t got = pread(fd, next, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            errno = got < 0 ? errno : 0;
            return false;
        }
        next += got;
        at += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

/* One large file is no reason to keep its room for the small ones behind it. Without memory for what is small nothing goes
 * on: that a file cannot be read says something of the file to whoever hears it. */
static bool make_room(struct file_bytes *bytes, size_t size)
{
    enum { WORTH_KEEPING = 4 << 20, SMALL = 1 << 16 };
    if (size <= bytes->room && (bytes->room <= WORTH_KEEPING || size > bytes->room / 2))
        return true;
    mem_free(bytes->data);
    bytes->data = size <= SMALL ? mem_alloc(size) : mem_try(size);
    bytes->room = bytes->data ? size : 0;
    return bytes->data != NULL;
}

/* As many bytes as there are now; errno where that cannot be told. */
static bool take(struct file_bytes *bytes, int fd, size_t wanted)
{
    while (bytes->size < wanted) {
        ssize_t got = read(fd, bytes->data + bytes->size, wanted - bytes->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break; /* it was cut meanwhile, which its stamp shows */
        bytes->size += (size_t)got;
    }
    return file_stamp_take(fd, &bytes->stamp);
}

bool file_read(struct file_bytes *bytes, const char *path, size_t most, struct error *error)
{
    bytes->size = 0;
    int fd = file_open_stamped(path, 0, &bytes->stamp, error);
    if (fd < 0)
        return false;
    size_t wanted = bytes->stamp.size < most ? (size_t)bytes->stamp.size : most;
    bool good = make_room(bytes, wanted);
    if (!good)
        error_set(error, ERROR_FAILED, "%s: no memory for its %zu bytes", path, wanted);
    else if (!take(bytes, fd, wanted))
        good = error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    close(fd);
    return good;
}

void file_bytes_finish(struct file_bytes *bytes)
{
    mem_free(bytes->data);
    *bytes = (struct file_bytes){0};
}
