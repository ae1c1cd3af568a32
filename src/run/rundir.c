/* A run directory opened to write on: made with mode 0700, held by a lock, its event log appended to, repaired, rewound.
 * rundir_read.c reads runs that others may be writing.
 *
 * The lock is flock() on the file `lock`, which also holds the process id while it is taken, so that a second process
 * can say who is in the way; the kernel drops the lock when its holder dies, however it dies.
 * An event is one write() of one line on an O_APPEND descriptor. Where that write comes out short (disk full) the part
 * that arrived is cut off again, so that the file always ends with a whole line but for a kill or a power cut between
 * the two; rundir_open repairs that.
 * Called by the trainer only. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "event_sum.h"
#include "rundir_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

struct rundir {
    char *path;
    int folder; /* the directory itself, wherever it is moved to */
    int events, lock;
    double synced, took; /* when events.jsonl was last synced, and how long that took, seconds */
};

enum { LOCK_TRIES = 20, LOCK_WAIT_NS = 10 * 1000 * 1000, SAME_SECOND_MAX = 1000 };

/* A lister holds the lock for an instant while it looks, hence the tries. *lock is the caller's either way. */
static bool lock_open(const char *path, int *lock, struct error *error)
{
    char *file = path_join(path, RUNDIR_LOCK);
    *lock = file_open(file, O_RDWR | O_CREAT | O_NOFOLLOW, 0600, error);
    mem_free(file);
    if (*lock < 0)
        return error_wrap(error, "%s: cannot take its lock", path_base(path));
    for (int tries = 0; flock(*lock, LOCK_EX | LOCK_NB) != 0; tries++) {
        if (errno != EWOULDBLOCK)
            return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot lock it", path);
        if (tries == LOCK_TRIES)
            return error_set(error, ERROR_FAILED, "%s: run directory in use by process %ld", path,
                             rundir_lock_holder(*lock));
        nanosleep(&(struct timespec){0, LOCK_WAIT_NS}, NULL);
    }
    return true;
}

int rundir_hold(const char *path, struct error *error)
{
    int lock;
    if (lock_open(path, &lock, error))
        return lock;
    if (lock >= 0)
        close(lock);
    return -1;
}

static bool lock_take(struct rundir *rundir, struct error *error)
{
    if (!lock_open(rundir->path, &rundir->lock, error))
        return false;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(rundir->lock, 0) != 0 || pwrite(rundir->lock, text, (size_t)length, 0) != length)
        return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot write its lock file", rundir->path);
    return true;
}

static bool events_open(struct rundir *rundir, struct error *error)
{
    char *file = path_join(rundir->path, RUNDIR_EVENTS);
    rundir->events = file_open(file, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600, error);
    mem_free(file);
    return rundir->events >= 0;
}

static off_t events_size(const struct rundir *rundir)
{
    struct stat status;
    return fstat(rundir->events, &status) == 0 ? status.st_size : 0;
}

/* The end of a file of events, as far as a sum and the byte behind it take it. */
struct tail {
    char text[EVENT_SUM_TAIL + 2];
    size_t length;
};

static bool read_tail(const struct rundir *rundir, struct tail *tail)
{
    off_t size = events_size(rundir), wanted = size < (off_t)sizeof tail->text ? size : (off_t)sizeof tail->text;
    tail->length = (size_t)wanted;
    return pread(rundir->events, tail->text, tail->length, size - wanted) == wanted;
}

/* Where the last byte was to be a newline, it becomes one: a kill leaves nothing behind a whole line. */
static bool end_last_line(struct rundir *rundir)
{
    struct tail tail;
    uint32_t unused;
    int flags = fcntl(rundir->events, F_GETFL);
    bool strange = read_tail(rundir, &tail) && tail.length > 0 && tail.text[tail.length - 1] != '\n' &&
                   event_sum_read(tail.text, tail.length - 1, &unused);
    if (!strange)
        return true;
    /* on a descriptor that appends, pwrite does, too */
    bool good = fcntl(rundir->events, F_SETFL, flags & ~O_APPEND) == 0 &&
                pwrite(rundir->events, "\n", 1, events_size(rundir) - 1) == 1;
    return fcntl(rundir->events, F_SETFL, flags) == 0 && good;
}

/* Removes what a kill left behind the last newline. */
static bool events_repair(struct rundir *rundir, struct error *error)
{
    char block[4096];
    bool ended = end_last_line(rundir);
    off_t size = events_size(rundir), keep = size;
    for (bool found = false; keep > 0 && !found;) {
        off_t from = keep > (off_t)sizeof block ? keep - (off_t)sizeof block : 0;
        ssize_t got = pread(rundir->events, block, (size_t)(keep - from), from);
        if (got != keep - from)
            return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot read %s", rundir->path, RUNDIR_EVENTS);
        while (got > 0 && block[got - 1] != '\n')
            got--;
        found = got > 0;
        keep = from + got;
    }
    if (!ended || (keep < size && ftruncate(rundir->events, keep) != 0))
        return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot repair %s", rundir->path, RUNDIR_EVENTS);
    return true;
}

/* What a newer program wrote stays as it is: what is appended to it would be of another format. */
static bool check_version(const char *path, struct error *error)
{
    char words[RUN_DAMAGE_TEXT];
    int version = rundir_version(path);
    struct run_damage damage = {.version = version > EVENT_VERSION ? version : 0};
    return !run_damage_words(words, &damage) || error_set(error, ERROR_FAILED, "%s: %s", path, words);
}

static bool folder_open(struct rundir *rundir, struct error *error)
{
    rundir->folder = open(rundir->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return rundir->folder >= 0 || error_set_errno(error, ERROR_FAILED, errno, "%s", rundir->path);
}

static struct rundir *attach(char *path, struct error *error)
{
    struct rundir *rundir = mem_alloc(sizeof *rundir);
    *rundir = (struct rundir){.path = path, .folder = -1, .events = -1, .lock = -1};
    if (folder_open(rundir, error) && rundir_check(path, error) && check_version(path, error) &&
        lock_take(rundir, error) && events_open(rundir, error) && events_repair(rundir, error)) {
        char *checkpoints = path_join(path, RUNDIR_CHECKPOINTS);
        file_sweep(path, true);
        file_sweep(checkpoints, true);
        mem_free(checkpoints);
        return rundir;
    }
    /* A lock that is another's must keep its holder's number. */
    if (rundir->lock >= 0)
        close(rundir->lock);
    rundir->lock = -1;
    rundir_close(rundir);
    return NULL;
}

char *rundir_clean_name(const char *name)
{
    char *clean = mem_string(name[0] ? name : "run");
    for (char *c = clean; *c; c++) {
        bool bad = (unsigned char)*c <= ' ' || *c == 0x7f || strchr("/\\;:*?\"'<>|$`&", *c);
        if (bad || (*c == '.' && c == clean))
            *c = '-';
    }
    if (strlen(clean) > 100)
        clean[100] = '\0';
    return clean;
}

/* Makes the directory itself; the time in its name is local time, as a user reads it. Returns its path, or NULL. */
static char *make_directory(const char *runs, const char *name, struct error *error)
{
    char stamp[32], *clean = rundir_clean_name(name), *path = NULL;
    time_t now = (time_t)clock_wall();
    struct tm parts;
    localtime_r(&now, &parts);
    strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &parts);
    for (int number = 1; number <= SAME_SECOND_MAX; number++) {
        path = number == 1 ? mem_format("%s/%s-%s", runs, stamp, clean)
                           : mem_format("%s/%s-%s-%d", runs, stamp, clean, number);
        if (mkdir(path, 0700) == 0)
            break;
        int fault = errno;
        if (fault != EEXIST || number == SAME_SECOND_MAX) {
            error_set_errno(error, ERROR_FAILED, fault, "%s: cannot make the run directory", path);
            mem_free(path);
            path = NULL;
            break;
        }
        mem_free(path);
    }
    mem_free(clean);
    return path;
}

struct rundir *rundir_create(const char *runs, const char *name, struct error *error)
{
    if (!file_make_directories(runs, error))
        return NULL;
    char *path = make_directory(runs, name, error);
    if (!path)
        return NULL;
    char *checkpoints = path_join(path, RUNDIR_CHECKPOINTS);
    bool made = mkdir(checkpoints, 0700) == 0 && file_sync_folder(checkpoints) && file_sync_folder(path);
    if (!made)
        error_set_errno(error, ERROR_FAILED, errno, "%s: cannot make it", checkpoints);
    mem_free(checkpoints);
    if (!made) {
        char *inside = path_join(path, RUNDIR_CHECKPOINTS);
        rmdir(inside);
        mem_free(inside);
        rmdir(path);
        mem_free(path);
        return NULL;
    }
    return attach(path, error);
}

struct rundir *rundir_open(const char *path, struct error *error)
{
    char *events = path_join(path, RUNDIR_EVENTS);
    bool is_run = file_exists(events);
    mem_free(events);
    if (!is_run) {
        error_set(error, ERROR_FAILED, "%s: not a run directory (no %s in it)", path, RUNDIR_EVENTS);
        return NULL;
    }
    /* Without its last slash, so that its name can be told. */
    char *copy = mem_string(path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    return attach(copy, error);
}

void rundir_close(struct rundir *rundir)
{
    if (!rundir)
        return;
    if (rundir->events >= 0)
        close(rundir->events);
    if (rundir->lock >= 0) {
        /* An empty lock file tells a lister at once that nobody is here. */
        if (ftruncate(rundir->lock, 0) != 0)
            errno = 0;
        close(rundir->lock);
    }
    if (rundir->folder >= 0)
        close(rundir->folder);
    mem_free(rundir->path);
    mem_free(rundir);
}

void rundir_discard(struct rundir *rundir)
{
    static const char *const made[] = {RUNDIR_EVENTS,  "experiment.ini", "thaw.log", "engine.log",
                                       RUNDIR_CONTROL, RUNDIR_VIEW,      RUNDIR_LOCK};
    if (!rundir)
        return;
    for (size_t i = 0; i < THAW_LENGTH(made); i++) {
        char *file = path_join(rundir->path, made[i]);
        unlink(file);
        mem_free(file);
    }
    char *checkpoints = path_join(rundir->path, RUNDIR_CHECKPOINTS);
    rmdir(checkpoints);
    mem_free(checkpoints);
    rmdir(rundir->path);
    rundir_close(rundir);
}

const char *rundir_path(const struct rundir *rundir)
{
    return rundir->path;
}

char *rundir_file(struct rundir *rundir, const char *name)
{
    char *now = path_of_descriptor(rundir->folder), *real = now ? realpath(rundir->path, NULL) : NULL;
    if (now && (!real || strcmp(real, now) != 0)) { /* it was moved */
        mem_free(rundir->path);
        rundir->path = mem_string(now);
    }
    mem_free(now);
    free(real);
    return path_join(rundir->path, name);
}

/* Syncing at the ends of epochs takes at most one part in so many of the time, however short they are. */
enum { SYNC_PACE = 20 };

static bool event_is_synced(const struct rundir *rundir, enum event_kind kind)
{
    if (kind == EVENT_EPOCH || kind == EVENT_EVAL)
        return clock_monotonic() - rundir->synced >= SYNC_PACE * rundir->took;
    return kind == EVENT_RUN || kind == EVENT_CHECKPOINT || kind == EVENT_DONE;
}

static bool sync_events(struct rundir *rundir)
{
    rundir->synced = clock_monotonic();
    bool good = fsync(rundir->events) == 0 || errno == EINVAL;
    rundir->took = clock_monotonic() - rundir->synced;
    return good;
}

bool rundir_sync(struct rundir *rundir, struct error *error)
{
    return sync_events(rundir) ||
           error_set_errno(error, ERROR_FAILED, errno, "%s: cannot sync %s", rundir->path, RUNDIR_EVENTS);
}

/* With the sum that it gets behind the line that is the last one now, whoever wrote that; NULL: it cannot be read. */
static char *line_of(const struct rundir *rundir, const struct event *event)
{
    struct tail tail;
    uint32_t before;
    if (!read_tail(rundir, &tail))
        return NULL;
    event_sum_read(tail.text, tail.length > 0 ? tail.length - 1 : 0, &before);
    char *json = event_to_json(event), *line = event_sum_line(json, before);
    mem_free(json);
    return line;
}

bool rundir_append(struct rundir *rundir, const struct event *event, struct error *error)
{
    char *line = line_of(rundir, event);
    size_t length = line ? strlen(line) : 0;
    struct stat status = {.st_nlink = 1};
    off_t before = fstat(rundir->events, &status) == 0 ? status.st_size : 0;
    errno = line ? 0 : EIO;
    ssize_t wrote = -1;
    do
        wrote = line ? write(rundir->events, line, length) : -1;
    while (wrote < 0 && errno == EINTR);
    int fault = wrote < 0 ? errno : ENOSPC;
    mem_free(line);
    if (status.st_nlink == 0)
        return error_set(error, ERROR_FAILED, "%s: %s was removed: what the run does is kept nowhere", rundir->path,
                         RUNDIR_EVENTS);
    if (wrote != (ssize_t)length) {
        if (wrote > 0 && ftruncate(rundir->events, before) != 0)
            fault = errno;
        return error_set_errno(error, ERROR_FAILED, fault, "%s: cannot append to %s", rundir->path, RUNDIR_EVENTS);
    }
    return !event_is_synced(rundir, event->kind) || rundir_sync(rundir, error);
}

uint64_t rundir_mark(const struct rundir *rundir)
{
    return (uint64_t)events_size(rundir);
}

/* The end of the checkpoint's own lines right behind the mark (a file may have two names), or the mark. */
static off_t mark_with_checkpoint(const struct rundir *rundir, off_t mark)
{
    static const char start[] = "{\"kind\":\"checkpoint\"";
    char line[2048];
    for (;;) {
        ssize_t got = pread(rundir->events, line, sizeof line, mark);
        bool follows = got >= (ssize_t)sizeof start && memcmp(line, start, sizeof start - 1) == 0;
        const char *end = follows ? memchr(line, '\n', (size_t)got) : NULL;
        if (!end)
            return mark;
        mark += end - line + 1;
    }
}

bool rundir_rewind(struct rundir *rundir, uint64_t mark, struct error *error)
{
    char last = '\n';
    off_t at = (off_t)mark;
    if (at > events_size(rundir) || at < 0)
        return true;
    if (at > 0 && (pread(rundir->events, &last, 1, at - 1) != 1 || last != '\n'))
        return true;
    if (ftruncate(rundir->events, mark_with_checkpoint(rundir, at)) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot rewind %s", rundir->path, RUNDIR_EVENTS);
    return true;
}
