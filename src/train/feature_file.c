/* Files of frozen features; the layout and its rules are in feature_file.h. Called by feature_cache.c, and by
 * feature_store.c for the folder they lie in.
 *
 * A new file is made whole under another name and then linked to its own, so that of two processes that make it at once
 * one takes the other's. A file that is no good is unlinked, never cut: whoever has it open keeps it. Others may cut one all
 * the same, so it is read with pread: what is missing is an error then, where a map would end the process. */
#include "config.h"

#include "feature_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

static const char magic[8] = "THAWFEAT";
enum { FILE_VERSION = 1, PAGE = 4096, OPEN_TRIES = 8, KEY_MAX = 1 << 16 };

struct file_header {
    char magic[8];
    uint32_t version, key_bytes; /* the text behind the header, without a NUL */
    uint64_t items, row_bytes;
    uint32_t block_rows, blocks;
    uint64_t table_at, data_at, size; /* bytes from the start */
    struct hash digest;               /* of the fields before this one, then the text */
};
struct block_entry {
    struct hash digest; /* of the rows, seeded with the block's number and `bad` */
    uint32_t bad, there;
    uint64_t unused;
};
_Static_assert(sizeof(struct file_header) == 80 && sizeof(struct block_entry) == 32, "as on the disk");
_Static_assert(FEATURE_BLOCK <= 32, "a bit for each row");
static const uint32_t is_there = 0x57A7ED0C;

struct feature_file {
    size_t items, row_bytes, blocks;
    size_t table_at, data_at, size;
    char *path; /* NULL: in memory */
    int fd;
    float *memory; /* rows, in place of the file */
    bool *valid;   /* [blocks] */
    uint32_t *bad; /* [blocks] */
};

/* --- layout --- */

static struct file_header make_header(const struct feature_layout *layout)
{
    size_t key_bytes = strlen(layout->key), blocks = (layout->items + FEATURE_BLOCK - 1) / FEATURE_BLOCK;
    struct file_header header = {
        .version = FILE_VERSION, .key_bytes = (uint32_t)key_bytes, .block_rows = FEATURE_BLOCK};
    memcpy(header.magic, magic, sizeof magic);
    header.items = layout->items;
    header.row_bytes = layout->row_bytes;
    header.blocks = (uint32_t)blocks;
    header.table_at = (sizeof header + key_bytes + 63) / 64 * 64;
    header.data_at = (header.table_at + blocks * sizeof(struct block_entry) + PAGE - 1) / PAGE * PAGE;
    header.size = header.data_at + layout->items * layout->row_bytes;
    header.digest = hash_bytes(&header, offsetof(struct file_header, digest), (struct hash){0});
    header.digest = hash_bytes(layout->key, key_bytes, header.digest);
    return header;
}

size_t feature_file_bytes(const struct feature_layout *layout)
{
    return make_header(layout).size;
}

char *feature_file_path(const char *folder, const char *key)
{
    char text[HASH_TEXT];
    hash_text(text, hash_bytes(key, strlen(key), (struct hash){0}));
    return mem_format("%s/%s.features", folder, text);
}

static struct feature_file *new_file(const struct feature_layout *layout)
{
    struct file_header header = make_header(layout);
    struct feature_file *file = mem_alloc(sizeof *file);
    *file = (struct feature_file){.items = layout->items,
                                  .row_bytes = layout->row_bytes,
                                  .blocks = header.blocks,
                                  .table_at = header.table_at,
                                  .data_at = header.data_at,
                                  .size = header.size,
                                  .fd = -1};
    file->valid = mem_array(file->blocks, sizeof *file->valid);
    file->bad = mem_array(file->blocks, sizeof *file->bad);
    return file;
}

struct feature_file *feature_file_memory(const struct feature_layout *layout)
{
    struct feature_file *file = new_file(layout);
    file->memory = mem_try_floats((layout->items * layout->row_bytes + sizeof(float) - 1) / sizeof(float));
    if (file->memory)
        return file;
    feature_file_close(file);
    return NULL;
}

void feature_file_close(struct feature_file *file)
{
    if (!file)
        return;
    if (file->fd >= 0)
        close(file->fd);
    mem_free_floats(file->memory);
    mem_free(file->path);
    mem_free(file->valid);
    mem_free(file->bad);
    mem_free(file);
}

/* --- opening and making --- */

static bool write_all(int fd, const void *bytes, size_t size, size_t at)
{
    const char *from = bytes;
    while (size > 0) {
        ssize_t wrote = pwrite(fd, from, size, (off_t)at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0) {
            errno = wrote < 0 ? errno : ENOSPC;
            return false;
        }
        from += wrote;
        at += (size_t)wrote;
        size -= (size_t)wrote;
    }
    return true;
}

/* An empty file of this layout, under its name; one that came there meanwhile is as good. */
static bool make_file(const char *path, const struct feature_layout *layout, struct error *error)
{
    static atomic_uint number; /* of temporary names in this process */
    struct file_header header = make_header(layout);
    char *temporary = mem_format("%s.%ld-%u.tmp", path, (long)getpid(), atomic_fetch_add(&number, 1));
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool good = fd >= 0 && ftruncate(fd, (off_t)header.size) == 0 && write_all(fd, &header, sizeof header, 0) &&
                write_all(fd, layout->key, header.key_bytes, sizeof header) &&
                (link(temporary, path) == 0 || errno == EEXIST);
    if (!good)
        error_set_errno(error, ERROR_FAILED, errno, "%s: cannot make it", path);
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    mem_free(temporary);
    return good;
}

/* Whether what is open is the file of this layout and key, whole. */
static bool is_ours(int fd, const struct feature_layout *layout)
{
    struct file_header header = make_header(layout), found;
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size != header.size ||
        pread(fd, &found, sizeof found, 0) != sizeof found || memcmp(&found, &header, sizeof found) != 0)
        return false;
    char *key = mem_alloc(header.key_bytes + 1);
    bool same = pread(fd, key, header.key_bytes, sizeof header) == (ssize_t)header.key_bytes &&
                memcmp(key, layout->key, header.key_bytes) == 0;
    mem_free(key);
    return same;
}

/* Still under its name: it may have been dropped between open and lock. */
static bool is_at(int fd, const char *path)
{
    struct stat open_status, path_status;
    return fstat(fd, &open_status) == 0 && stat(path, &path_status) == 0 && open_status.st_ino == path_status.st_ino &&
           open_status.st_dev == path_status.st_dev;
}

/* Opened and locked, or -1 with errno. Where it may not be written it is still good to read. */
static int open_locked(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0 && (errno == EACCES || errno == EROFS))
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd >= 0)
        (void)flock(fd, LOCK_SH); /* waits for one that is dropping it; then is_at tells */
    return fd;
}

static int find_or_make(const char *path, const struct feature_layout *layout, bool make, struct error *error)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        int fd = open_locked(path);
        if (fd >= 0 && is_ours(fd, layout) && is_at(fd, path))
            return fd;
        int fault = errno;
        if (fd >= 0) {
            bool stale = !is_ours(fd, layout) && is_at(fd, path);
            close(fd);
            if (stale && make && unlink(path) != 0 && errno != ENOENT) {
                error_set_errno(error, ERROR_FAILED, errno, "%s: cannot replace it", path);
                return -1;
            }
            if (!make) {
                error_set(error, ERROR_FAILED, "%s: of another key, or damaged", path);
                return -1;
            }
        } else if (!make || fault != ENOENT) {
            error_set_errno(error, ERROR_FAILED, fault, "%s", path);
            return -1;
        }
        if (!make_file(path, layout, error))
            return -1;
    }
    error_set(error, ERROR_FAILED, "%s: others keep replacing it", path);
    return -1;
}

struct feature_file *feature_file_open(const char *folder, const struct feature_layout *layout, bool make,
                                       struct error *error)
{
    struct feature_file *file = new_file(layout);
    file->path = feature_file_path(folder, layout->key);
    file->fd = find_or_make(file->path, layout, make, error);
    if (file->fd >= 0) {
        (void)futimens(file->fd, (struct timespec[]){{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}});
        return file;
    }
    feature_file_close(file);
    return NULL;
}

/* --- blocks --- */

size_t feature_file_blocks(const struct feature_file *file)
{
    return file->blocks;
}

size_t feature_file_rows(const struct feature_file *file, size_t block)
{
    size_t left = file->items - block * FEATURE_BLOCK;
    return left < FEATURE_BLOCK ? left : FEATURE_BLOCK;
}

bool feature_file_valid(const struct feature_file *file, size_t block)
{
    return file->valid[block];
}

bool feature_file_complete(const struct feature_file *file)
{
    for (size_t block = 0; block < file->blocks; block++)
        if (!file->valid[block])
            return false;
    return true;
}

void feature_file_forget(struct feature_file *file, size_t block)
{
    static const struct block_entry nothing;
    file->valid[block] = false;
    if (!file->memory)
        (void)write_all(file->fd, &nothing, sizeof nothing, file->table_at + block * sizeof nothing);
}

uint32_t feature_file_bad(const struct feature_file *file, size_t block)
{
    return file->bad[block];
}

static size_t row_at(const struct feature_file *file, size_t item)
{
    return file->data_at + item * file->row_bytes;
}

bool feature_file_read(const struct feature_file *file, size_t item, size_t from, void *to, size_t bytes)
{
    if (!file->memory)
        return file_read_at(file->fd, to, bytes, row_at(file, item) + from);
    memcpy(to, (const char *)file->memory + item * file->row_bytes + from, bytes);
    return true;
}

bool feature_file_whole(const struct feature_file *file)
{
    struct stat status;
    return file->memory || (fstat(file->fd, &status) == 0 && (uint64_t)status.st_size == file->size);
}

static struct hash digest_seed(size_t block, uint32_t bad)
{
    return (struct hash){bad, block + 1};
}

bool feature_file_look(struct feature_file *file, size_t block)
{
    struct block_entry entry;
    struct hash digest;
    if (file->valid[block] || file->memory)
        return file->valid[block];
    if (!file_read_at(file->fd, &entry, sizeof entry, file->table_at + block * sizeof entry) || entry.there != is_there)
        return false;
    if (!hash_descriptor(&digest, file->fd, row_at(file, block * FEATURE_BLOCK),
                         feature_file_rows(file, block) * file->row_bytes, digest_seed(block, entry.bad)) ||
        !hash_equal(entry.digest, digest))
        return false;
    file->bad[block] = entry.bad;
    file->valid[block] = true;
    return true;
}

static void look(void *context, int task, int worker)
{
    (void)worker;
    feature_file_look(context, (size_t)task);
}

void feature_file_check(struct feature_file *file, struct team *team)
{
    team_run(team, (int)file->blocks, look, file);
}

bool feature_file_write(struct feature_file *file, size_t block, const void *rows, uint32_t bad, struct error *error)
{
    size_t bytes = feature_file_rows(file, block) * file->row_bytes;
    if (file->memory) {
        memcpy((char *)file->memory + block * FEATURE_BLOCK * file->row_bytes, rows, bytes);
    } else {
        struct block_entry entry = {
            .digest = hash_bytes(rows, bytes, digest_seed(block, bad)), .bad = bad, .there = is_there};
        if (!write_all(file->fd, rows, bytes, row_at(file, block * FEATURE_BLOCK)) ||
            !write_all(file->fd, &entry, sizeof entry, file->table_at + block * sizeof entry))
            return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot write it", file->path);
    }
    file->bad[block] = bad;
    file->valid[block] = true;
    return true;
}

bool feature_file_lead(struct feature_file *file, bool want)
{
    struct flock first = {.l_type = want ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
    return file->memory || fcntl(file->fd, F_SETLK, &first) == 0 || (errno != EAGAIN && errno != EACCES);
}

const char *feature_file_name(const struct feature_file *file)
{
    return file->path ? file->path : "";
}

/* --- from outside --- */

bool feature_file_summarise(const char *path, struct feature_summary *summary)
{
    struct file_header header;
    struct stat status;
    *summary = (struct feature_summary){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        bool told = pread(fd, &header, sizeof header, 0) == sizeof header &&
                    memcmp(header.magic, magic, sizeof magic) == 0 && header.key_bytes <= KEY_MAX;
        summary->key = mem_alloc(told ? header.key_bytes + 1 : 1);
        if (told && pread(fd, summary->key, header.key_bytes, sizeof header) != (ssize_t)header.key_bytes)
            summary->key[0] = '\0';
        summary->bytes = (uint64_t)status.st_blocks * 512;
        summary->used = (double)status.st_mtim.tv_sec + 1e-9 * (double)status.st_mtim.tv_nsec;
        summary->in_use = flock(fd, LOCK_EX | LOCK_NB) != 0;
    }
    close(fd);
    return summary->key != NULL;
}

bool feature_file_remove(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    bool free_now = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
    bool gone = free_now && unlink(path) == 0;
    if (fd >= 0)
        close(fd);
    return gone;
}
