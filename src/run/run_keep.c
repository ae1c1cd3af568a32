/* Moving runs. Every move is one rename(2) within a file system, made while the run's lock is held: a run is wholly in one
 * place or in the other, and none that begins to train can lose its directory. Called by `thaw runs` and the session. */
#include "config.h"

#include "thaw/run/run_keep.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/quote.h"
#include "thaw/run/run_find.h"

enum { DEPTH_MAX = 16, EXPERIMENT_BYTES_MAX = 1 << 20 };

/* --- moving --- */

/* Without slashes at its end, so that its last part can be told. */
static char *trimmed(const char *path)
{
    char *copy = mem_string(path);
    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    return copy;
}

static char *folder_of(const char *path)
{
    size_t length = (size_t)(path_base(path) - path);
    return length ? mem_format("%.*s", (int)length, path) : mem_string("");
}

/* "." and ".." name a directory without saying what it is called. */
static bool has_name(const char *path, struct error *error)
{
    const char *name = path_base(path);
    bool named = name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    return named || error_set(error, ERROR_USAGE, "%s: name the run itself", path);
}

/* Its lock; one that trains is told how it ends. */
static int hold(const char *run, struct error *error)
{
    int lock = rundir_hold(run, error);
    if (lock < 0 && rundir_is_active(run)) {
        char *word = quote_word(path_base(run));
        error_wrap(error, "%s trains; `thaw tell %s stop` ends it", path_base(run), word);
        mem_free(word);
    }
    return lock;
}

/* rename(2) puts a directory into the place of an empty one, and refuses all else that is there. */
static bool move(const char *from, const char *to, struct error *error)
{
    int lock = hold(from, error);
    if (lock < 0)
        return false;
    bool good = !file_exists(to) || error_set(error, ERROR_USAGE, "%s: there is such a run already", to);
    good = good && file_rename(from, to, error);
    close(lock);
    return good;
}

static char *moved(char *from, char *to, struct error *error)
{
    bool good = has_name(from, error) && move(from, to, error);
    mem_free(from);
    if (good)
        return to;
    mem_free(to);
    return NULL;
}

char *run_rename(const char *path, const char *name, struct error *error)
{
    char *clean = rundir_clean_name(name), *from = trimmed(path), *folder = folder_of(from), *to = NULL;
    const char *old = path_base(from), *label = name + run_stamp(name);
    bool same_stamp = run_stamp(name) && run_stamp(old) && !strncmp(name, old, run_stamp(name));
    if (!name[0] || strcmp(clean, name) != 0)
        error_set(error, ERROR_USAGE, "a run cannot be called \"%.128s\"; it could be \"%s\"", name, clean);
    else if (run_stamp(name) && !same_stamp)
        error_set(error, ERROR_USAGE, "%s: a run keeps its time stamp; give the name behind it", name);
    else if (!label[0])
        error_set(error, ERROR_USAGE, "%s: a name is to stand behind the time stamp", name);
    else
        to = mem_format("%s%.*s%s", folder, (int)run_stamp(old), old, label);
    mem_free(clean);
    mem_free(folder);
    if (to)
        return moved(from, to, error);
    mem_free(from);
    return NULL;
}

char *run_delete(const char *path, struct error *error)
{
    char *from = trimmed(path), *folder = folder_of(from), *trash = run_trash(folder), *to = NULL;
    if (mkdir(trash, 0700) != 0 && errno != EEXIST)
        error_set_errno(error, ERROR_FAILED, errno, "%s: cannot make it", trash);
    else
        to = path_join(trash, path_base(from));
    /* One of that name was deleted before: both are kept. */
    for (int number = 2; to && file_exists(to); number++) {
        mem_free(to);
        to = mem_format("%s/%s-%d", trash, path_base(from), number);
    }
    mem_free(folder);
    mem_free(trash);
    if (to)
        return moved(from, to, error);
    mem_free(from);
    return NULL;
}

char *run_restore(const char *path, struct error *error)
{
    char *from = trimmed(path), *trash = folder_of(from), *bare = trimmed(trash), *runs = folder_of(bare);
    char *to = path_join(runs, path_base(from));
    bool in_trash = !strcmp(path_base(bare), RUN_TRASH);
    mem_free(trash);
    mem_free(bare);
    mem_free(runs);
    if (in_trash)
        return moved(from, to, error);
    error_set(error, ERROR_USAGE, "%s: not in a folder %s, where deleted runs are", path, RUN_TRASH);
    mem_free(from);
    mem_free(to);
    return NULL;
}

/* --- who began from it --- */

static bool begins_from(const char *run, const char *line)
{
    struct error unused;
    char *file = path_join(run, "experiment.ini");
    char *text = run_is(run) ? file_read_text_own(file, EXPERIMENT_BYTES_MAX, &unused) : NULL;
    bool begins = text && strstr(text, line);
    mem_free(text);
    mem_free(file);
    return begins;
}

char *run_heirs(const char *path)
{
    struct file_list list = {0};
    struct error unused;
    char *whole = realpath(path, NULL), *heirs = NULL;
    char *folder = folder_of(whole ? whole : ""), *line = mem_format("\nweights = %s/", whole ? whole : "");
    bool listed = whole && file_list_read(&list, folder, &unused);
    for (size_t i = 0; listed && i < list.count; i++) {
        char *run = path_join(folder, list.name[i]), *before = heirs;
        if (begins_from(run, line)) {
            heirs = mem_format("%s%s%s", before ? before : "", before ? ", " : "", list.name[i]);
            mem_free(before);
        }
        mem_free(run);
    }
    if (listed)
        file_list_free(&list);
    free(whole);
    mem_free(folder);
    mem_free(line);
    return heirs;
}

/* --- the trash --- */

char *run_trash(const char *runs)
{
    return path_join(runs, RUN_TRASH);
}

/* What is done to everything in the trash; links are never followed. */
struct sweep {
    bool removes, good;
    uint64_t bytes;
    struct error *error;
};

static void sweep_fault(struct sweep *sweep, const char *name)
{
    if (sweep->good)
        error_set_errno(sweep->error, ERROR_FAILED, errno, "%s: cannot be removed from the trash", name);
    sweep->good = false;
}

static void sweep_folder(struct sweep *sweep, int folder, int depth);

static void sweep_entry(struct sweep *sweep, int folder, const char *name, int depth)
{
    struct stat status;
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        sweep_fault(sweep, name);
        return;
    }
    bool is_folder = S_ISDIR(status.st_mode);
    if (is_folder && depth < DEPTH_MAX)
        sweep_folder(sweep, openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), depth + 1);
    if (sweep->removes && unlinkat(folder, name, is_folder ? AT_REMOVEDIR : 0) != 0)
        sweep_fault(sweep, name);
    else if (S_ISREG(status.st_mode))
        sweep->bytes += (uint64_t)status.st_size;
}

/* Takes the descriptor over. */
static void sweep_folder(struct sweep *sweep, int folder, int depth)
{
    DIR *stream = folder < 0 ? NULL : fdopendir(folder);
    if (!stream && folder >= 0)
        close(folder);
    for (const struct dirent *entry; stream && (entry = readdir(stream));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            sweep_entry(sweep, dirfd(stream), entry->d_name, depth);
    if (stream)
        closedir(stream);
}

/* One that somebody goes on with, in the trash as it lies, stays. */
static void sweep_run(struct sweep *sweep, const char *path, int trash, const char *name)
{
    struct error error;
    char *run = path_join(path, name);
    bool locks = sweep->removes && run_is(run);
    int lock = locks ? hold(run, &error) : -1;
    if (lock >= 0 || !locks)
        sweep_entry(sweep, trash, name, 0);
    else if (sweep->good)
        *sweep->error = error;
    sweep->good = sweep->good && (lock >= 0 || !locks);
    if (lock >= 0)
        close(lock);
    mem_free(run);
}

/* Each thing in the trash with all that is in it. A trash that is a link is nobody's. */
static bool sweep_trash(const char *runs, bool removes, size_t *count, uint64_t *bytes, struct error *error)
{
    struct sweep sweep = {.removes = removes, .good = true, .error = error};
    char *path = run_trash(runs);
    int trash = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = trash < 0 ? NULL : fdopendir(trash);
    *count = 0;
    if (!stream && errno != ENOENT)
        sweep.good = error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    for (const struct dirent *entry; stream && (entry = readdir(stream));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        sweep_run(&sweep, path, trash, entry->d_name);
        *count += !removes || faccessat(trash, entry->d_name, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    }
    if (stream)
        closedir(stream);
    *bytes = sweep.bytes;
    mem_free(path);
    return sweep.good;
}

bool run_trash_count(const char *runs, size_t *count, uint64_t *bytes, struct error *error)
{
    return sweep_trash(runs, false, count, bytes, error);
}

bool run_trash_empty(const char *runs, size_t *count, uint64_t *bytes, struct error *error)
{
    return sweep_trash(runs, true, count, bytes, error);
}
