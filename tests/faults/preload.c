/* Preloaded into the program: counts its calls that change files below a folder, or take memory, and makes one of them
 * fail, or writes down what they change. Streams of stdio that write below the folder are given a cookie, as libc's own
 * calls of write(2) cannot be caught. The system is called directly, so that nothing here depends on what a sanitizer
 * puts in between. See preload.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PATH_BYTES = 4096, STREAMS = 64, LARGE_MAP = 1 << 20 };

enum how { HOW_NONE, HOW_ONCE, HOW_ON, HOW_HALF, HOW_KILL, HOW_TORN };
static const char *const kind_names[] = {
#define X(name, text) text,
    FAULT_KIND_LIST(X)
#undef X
};
static const char *const how_names[] = {"", "once", "on", "half", "kill", "torn"};

static struct {
    char below[PATH_BYTES];
    size_t below_length;
    int kind;
    enum how how;
    long at;
    int code, log, told;
    const char *counts;
    uintptr_t first, last; /* of the program's own text */
    long count[FAULT_KINDS];
} faults = {.kind = -1, .log = -1, .told = -1};
/* Over counts and log, so that the log has the order in which things happened. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- what is watched --- */

static bool is_below(const char *path)
{
    size_t length = faults.below_length;
    return length && strncmp(path, faults.below, length) == 0 && (path[length] == '/' || !path[length]);
}

static bool path_of(int fd, char path[PATH_BYTES])
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_BYTES - 1);
    path[length > 0 ? length : 0] = '\0';
    return length > 0;
}

static bool is_watched(int fd)
{
    int code = errno;
    char path[PATH_BYTES];
    bool watched = faults.below_length && path_of(fd, path) && is_below(path);
    errno = code;
    return watched;
}

/* The whole path of a name below a folder; false: not watched. */
static bool watched_path(int folder, const char *name, char path[PATH_BYTES])
{
    int code = errno;
    char base[PATH_BYTES] = "";
    if (!faults.below_length)
        return false;
    if (name[0] != '/' && folder != AT_FDCWD)
        path_of(folder, base);
    else if (name[0] != '/' && syscall(SYS_getcwd, base, sizeof base) < 0)
        base[0] = '\0';
    snprintf(path, PATH_BYTES, "%s%s%.2000s", base, name[0] == '/' ? "" : "/", name);
    errno = code;
    return is_below(path);
}

static bool is_own_call(const void *from)
{
    return (uintptr_t)from >= faults.first && (uintptr_t)from < faults.last;
}

static void out(int fd, const void *data, size_t size)
{
    for (const char *at = data; size > 0;) {
        ssize_t wrote = syscall(SYS_write, fd, at, size);
        if (wrote <= 0)
            return;
        at += wrote;
        size -= (size_t)wrote;
    }
}

static void die(void)
{
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        syscall(SYS_pause);
}

static void tell(const char *call, const char *what)
{
    char line[PATH_BYTES + 64];
    int length = snprintf(line, sizeof line, "%s(%s)\n", call, what);
    if (faults.told >= 0)
        out(faults.told, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

/* Counts a call, with the lock held. What is to become of it; a failure's errno is set. */
static enum how next(enum fault_kind kind, const char *call, const char *what)
{
    long count = ++faults.count[kind];
    if ((int)kind != faults.kind || count < faults.at ||
        (count > faults.at && faults.how != HOW_ON && faults.how != HOW_HALF))
        return HOW_NONE;
    if (count == faults.at)
        tell(call, what);
    if (faults.how == HOW_KILL || (faults.how == HOW_TORN && kind != FAULT_WRITE))
        die();
    errno = faults.code;
    if ((faults.how == HOW_HALF || faults.how == HOW_TORN) && kind == FAULT_WRITE && count == faults.at)
        return faults.how;
    return HOW_ONCE;
}

static bool fails(enum fault_kind kind, const char *call, const char *what)
{
    return next(kind, call, what) != HOW_NONE;
}

/* --- the log --- */

static uint64_t file_of(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static void record(struct fault_record record, const char *path, const char *to, const void *data)
{
    int code = errno;
    if (faults.log < 0)
        return;
    record.path_bytes = (uint32_t)strlen(path);
    record.to_bytes = (uint32_t)strlen(to);
    out(faults.log, &record, sizeof record);
    out(faults.log, path, record.path_bytes);
    out(faults.log, to, record.to_bytes);
    out(faults.log, data, record.data_bytes);
    errno = code;
}

/* --- opening --- */

static int open_watched(int folder, const char *name, int flags, mode_t mode)
{
    char path[PATH_BYTES];
    bool writes = (flags & (O_WRONLY | O_RDWR)) && !(flags & O_PATH);
    if (!writes || !watched_path(folder, name, path))
        return (int)syscall(SYS_openat, folder, name, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat before;
    int code = errno, fd = -1;
    bool was_there = fstatat(folder, name, &before, AT_SYMLINK_NOFOLLOW) == 0;
    errno = code;
    if (!fails(FAULT_OPEN, "open", path))
        fd = (int)syscall(SYS_openat, folder, name, flags, mode);
    if (fd >= 0 && !was_there)
        record((struct fault_record){.type = RECORD_CREATE, .file = file_of(fd)}, path, "", "");
    else if (fd >= 0 && (flags & O_TRUNC))
        record((struct fault_record){.type = RECORD_TRUNCATE, .file = file_of(fd)}, "", "", "");
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN_AS(name, ...)                                                                                             \
    {                                                                                                                  \
        mode_t mode = 0;                                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        if (flags & (O_CREAT | O_TMPFILE))                                                                             \
            mode = va_arg(rest, mode_t);                                                                               \
        va_end(rest);                                                                                                  \
        return open_watched(__VA_ARGS__, flags, mode);                                                                 \
    }
int open(const char *path, int flags, ...) OPEN_AS(open, AT_FDCWD, path) int open64(const char *path, int flags, ...)
    OPEN_AS(open64, AT_FDCWD, path) int openat(int folder, const char *path, int flags, ...)
        OPEN_AS(openat, folder, path) int openat64(int folder, const char *path, int flags, ...)
            OPEN_AS(openat64, folder, path)

    /* --- writing --- */

    /* at < 0: where the descriptor stands. */
    static ssize_t put(int fd, const void *data, size_t size, off_t at)
{
    char path[PATH_BYTES] = "";
    if (!is_watched(fd))
        return at < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, at);
    path_of(fd, path);
    pthread_mutex_lock(&lock);
    enum how how = next(FAULT_WRITE, "write", path);
    ssize_t wrote = -1;
    if (how == HOW_HALF || how == HOW_TORN)
        size /= 2;
    if (how == HOW_NONE || ((how == HOW_HALF || how == HOW_TORN) && size > 0))
        wrote = at < 0 ? syscall(SYS_write, fd, data, size) : syscall(SYS_pwrite64, fd, data, size, at);
    if (how == HOW_TORN)
        die();
    if (wrote > 0 && faults.log >= 0) {
        off_t from = at < 0 ? lseek(fd, 0, SEEK_CUR) - wrote : at;
        record(
            (struct fault_record){
                .type = RECORD_WRITE, .file = file_of(fd), .at = (uint64_t)from, .data_bytes = (uint32_t)wrote},
            "", "", data);
    }
    pthread_mutex_unlock(&lock);
    return wrote;
}

ssize_t write(int fd, const void *data, size_t size)
{
    return put(fd, data, size, -1);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return put(fd, data, size, at);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    return put(fd, data, size, at);
}

static int truncate_watched(int fd, off_t size)
{
    char path[PATH_BYTES] = "";
    if (!is_watched(fd))
        return (int)syscall(SYS_ftruncate, fd, size);
    path_of(fd, path);
    pthread_mutex_lock(&lock);
    int result = fails(FAULT_TRUNCATE, "ftruncate", path) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
    if (result == 0)
        record((struct fault_record){.type = RECORD_TRUNCATE, .file = file_of(fd), .at = (uint64_t)size}, "", "", "");
    pthread_mutex_unlock(&lock);
    return result;
}

int ftruncate(int fd, off_t size)
{
    return truncate_watched(fd, size);
}

int ftruncate64(int fd, off64_t size)
{
    return truncate_watched(fd, size);
}

static int sync_watched(int fd, long number)
{
    char path[PATH_BYTES] = "";
    struct stat status;
    if (!is_watched(fd))
        return (int)syscall(number, fd);
    path_of(fd, path);
    pthread_mutex_lock(&lock);
    /* The disk itself takes its time, and nothing here needs it to be asked. */
    int result = fails(FAULT_SYNC, "fsync", path) ? -1 : 0;
    bool folder = fstat(fd, &status) == 0 && S_ISDIR(status.st_mode);
    if (result == 0 && folder)
        record((struct fault_record){.type = RECORD_SYNC_FOLDER}, path, "", "");
    else if (result == 0)
        record((struct fault_record){.type = RECORD_SYNC, .file = status.st_ino}, path, "", "");
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int fd)
{
    return sync_watched(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_watched(fd, SYS_fdatasync);
}

/* --- streams --- */

static struct stream {
    FILE *stream;
    int fd;
} streams[STREAMS];
static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;

static ssize_t stream_write(void *cookie, const char *data, size_t size)
{
    struct stream *stream = cookie;
    size_t done = 0;
    while (done < size) {
        ssize_t wrote = put(stream->fd, data + done, size - done, -1);
        if (wrote < 0)
            break;
        done += (size_t)wrote;
    }
    return (ssize_t)done; /* less: stdio takes it for a failure, as it would have */
}

static int stream_seek(void *cookie, off64_t *at, int whence)
{
    struct stream *stream = cookie;
    off_t now = lseek(stream->fd, *at, whence);
    *at = now;
    return now < 0 ? -1 : 0;
}

static int stream_close(void *cookie)
{
    struct stream *stream = cookie;
    int fd = stream->fd;
    pthread_mutex_lock(&streams_lock);
    *stream = (struct stream){NULL, -1};
    pthread_mutex_unlock(&streams_lock);
    return (int)syscall(SYS_close, fd);
}

static FILE *stream_make(int fd, const char *mode)
{
    static const cookie_io_functions_t functions = {.write = stream_write, .seek = stream_seek, .close = stream_close};
    pthread_mutex_lock(&streams_lock);
    struct stream *free = NULL;
    for (int i = 0; i < STREAMS && !free; i++)
        if (!streams[i].stream)
            free = &streams[i];
    if (free) {
        free->fd = fd;
        free->stream = fopencookie(free, mode[0] == 'a' ? "a" : "w", functions);
    }
    FILE *made = free ? free->stream : NULL;
    pthread_mutex_unlock(&streams_lock);
    return made;
}

static void *real(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static FILE *open_stream(const char *path, const char *mode)
{
    char whole[PATH_BYTES];
    FILE *(*open_real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) real("fopen");
    if (mode[0] == 'r' || strchr(mode, '+') || !watched_path(AT_FDCWD, path, whole))
        return open_real(path, mode);
    int flags = O_WRONLY | O_CREAT | (mode[0] == 'a' ? O_APPEND : O_TRUNC) | (strchr(mode, 'e') ? O_CLOEXEC : 0);
    int fd = open_watched(AT_FDCWD, path, flags | (strchr(mode, 'x') ? O_EXCL : 0), 0666);
    return fd < 0 ? NULL : stream_make(fd, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    return open_stream(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    return open_stream(path, mode);
}

FILE *fdopen(int fd, const char *mode)
{
    FILE *(*open_real)(int, const char *) = (FILE * (*)(int, const char *)) real("fdopen");
    return mode[0] == 'r' || strchr(mode, '+') || !is_watched(fd) ? open_real(fd, mode) : stream_make(fd, mode);
}

int fileno(FILE *stream)
{
    int fd = -1;
    pthread_mutex_lock(&streams_lock);
    for (int i = 0; i < STREAMS; i++)
        if (streams[i].stream == stream)
            fd = streams[i].fd;
    pthread_mutex_unlock(&streams_lock);
    int (*number)(FILE *) = (int (*)(FILE *))real("fileno");
    return fd >= 0 ? fd : number(stream);
}

/* --- names --- */

static int move_name(enum fault_record_type type, int from_folder, const char *from, int to_folder, const char *to,
                     long flags)
{
    char path[PATH_BYTES], target[PATH_BYTES];
    bool watched = watched_path(from_folder, from, path), also = watched_path(to_folder, to, target);
    pthread_mutex_lock(&lock);
    int result = -1;
    if (!(watched || also) || !fails(FAULT_RENAME, type == RECORD_LINK ? "link" : "rename", watched ? path : target)) {
        long number = type == RECORD_LINK ? SYS_linkat : SYS_renameat2;
        result = (int)syscall(number, from_folder, from, to_folder, to, flags);
        if (result == 0 && (watched || also))
            record((struct fault_record){.type = type}, path, target, "");
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *from, const char *to)
{
    return move_name(RECORD_RENAME, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return move_name(RECORD_RENAME, from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return move_name(RECORD_RENAME, from_folder, from, to_folder, to, (long)flags);
}

int link(const char *from, const char *to)
{
    return move_name(RECORD_LINK, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags)
{
    return move_name(RECORD_LINK, from_folder, from, to_folder, to, flags);
}

static int remove_name(int folder, const char *name, int flags)
{
    char path[PATH_BYTES];
    if (!watched_path(folder, name, path))
        return (int)syscall(SYS_unlinkat, folder, name, flags);
    pthread_mutex_lock(&lock);
    bool is_folder = flags & AT_REMOVEDIR;
    int result = -1;
    if (!fails(FAULT_UNLINK, is_folder ? "rmdir" : "unlink", path))
        result = (int)syscall(SYS_unlinkat, folder, name, flags);
    if (result == 0)
        record((struct fault_record){.type = is_folder ? RECORD_RMDIR : RECORD_UNLINK}, path, "", "");
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *name)
{
    return remove_name(AT_FDCWD, name, 0);
}

int unlinkat(int folder, const char *name, int flags)
{
    return remove_name(folder, name, flags);
}

int rmdir(const char *name)
{
    return remove_name(AT_FDCWD, name, AT_REMOVEDIR);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    char path[PATH_BYTES];
    if (!watched_path(folder, name, path))
        return (int)syscall(SYS_mkdirat, folder, name, mode);
    pthread_mutex_lock(&lock);
    int result = fails(FAULT_MKDIR, "mkdir", path) ? -1 : (int)syscall(SYS_mkdirat, folder, name, mode);
    if (result == 0)
        record((struct fault_record){.type = RECORD_MKDIR}, path, "", "");
    pthread_mutex_unlock(&lock);
    return result;
}

int mkdir(const char *name, mode_t mode)
{
    return mkdirat(AT_FDCWD, name, mode);
}

/* --- memory --- */

static bool memory_fails(enum fault_kind kind, const void *from, const char *call, size_t size)
{
    char what[32] = "";
    if (!is_own_call(from))
        return false;
    pthread_mutex_lock(&lock);
    if ((int)kind == faults.kind) /* there are very many */
        snprintf(what, sizeof what, "%zu", size);
    bool failed = fails(kind, call, what);
    pthread_mutex_unlock(&lock);
    return failed;
}

static void *map_watched(void *at, size_t size, int access, int flags, int fd, off_t from, const void *caller)
{
    bool anonymous = flags & MAP_ANONYMOUS;
    if ((anonymous && size >= LARGE_MAP && memory_fails(FAULT_MAP, caller, "mmap", size)) ||
        (!anonymous && is_watched(fd) && memory_fails(FAULT_MAP, caller, "mmap of a file", size)))
        return MAP_FAILED;
    return (void *)syscall(SYS_mmap, at, size, access, flags, fd, from);
}

void *mmap(void *at, size_t size, int access, int flags, int fd, off_t from)
{
    return map_watched(at, size, access, flags, fd, from, __builtin_return_address(0));
}

void *mmap64(void *at, size_t size, int access, int flags, int fd, off64_t from)
{
    return map_watched(at, size, access, flags, fd, from, __builtin_return_address(0));
}

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t align, size_t size);

#define NO_MEMORY(call, size) memory_fails(FAULT_ALLOCATE, __builtin_return_address(0), call, size)

void *malloc(size_t size)
{
    return NO_MEMORY("malloc", size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return NO_MEMORY("calloc", count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return NO_MEMORY("realloc", size) ? NULL : __libc_realloc(block, size);
}

void *aligned_alloc(size_t align, size_t size)
{
    return NO_MEMORY("aligned_alloc", size) ? NULL : __libc_memalign(align, size);
}

char *strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = NO_MEMORY("strdup", size) ? NULL : __libc_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

int vasprintf(char **text, const char *format, va_list rest)
{
    static int (*print)(char **, const char *, va_list);
    if (!print)
        print = (int (*)(char **, const char *, va_list))real("vasprintf");
    return NO_MEMORY("vasprintf", strlen(format)) ? -1 : print(text, format, rest);
}

/* --- beginning and end --- */

/* The first object is the program. */
static int take_range(struct dl_phdr_info *info, size_t size, void *unused)
{
    (void)size;
    (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++)
        if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
            faults.first = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
            faults.last = faults.first + info->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

static int find(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static int open_output(const char *name)
{
    const char *path = getenv(name);
    return path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *below = getenv("FAULTS_BELOW"), *at = getenv("FAULTS_AT"), *code = getenv("FAULTS_ERRNO");
    int how = find(how_names, sizeof how_names / sizeof *how_names, getenv("FAULTS_HOW"));
    if (!below || strlen(below) >= sizeof faults.below)
        return;
    faults.kind = find(kind_names, FAULT_KINDS, getenv("FAULTS_KIND"));
    faults.how = how > 0 ? (enum how)how : HOW_ONCE;
    faults.at = at ? atol(at) : 0;
    faults.code = code ? atoi(code) : EIO;
    faults.counts = getenv("FAULTS_COUNTS");
    faults.log = open_output("FAULTS_LOG");
    faults.told = open_output("FAULTS_TOLD");
    strcpy(faults.below, below);
    dl_iterate_phdr(take_range, NULL);
    faults.below_length = strlen(below); /* from here on */
}

__attribute__((destructor)) static void end(void)
{
    char line[32];
    int fd = faults.counts ? (int)syscall(SYS_openat, AT_FDCWD, faults.counts, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    for (int i = 0; fd >= 0 && i < FAULT_KINDS; i++)
        out(fd, line, (size_t)snprintf(line, sizeof line, "%ld\n", faults.count[i]));
}
