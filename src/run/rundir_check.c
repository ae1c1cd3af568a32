/* Whether the files of a run directory are files. One that came from elsewhere may hold links to whatever its maker
 * wanted read or overwritten. Called before anything is written to a run, and before files of it are handed to readers
 * that follow links, as those of weights and experiments must.
 *
 * Listings and links to runs need no such look: they open what they read by file_open with O_NOFOLLOW. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* All that thaw reads or appends to; what it replaces whole is safe, and sockets are the engine's. */
static const char *const names[] = {
    RUNDIR_EVENTS, RUNDIR_LOCK,        "experiment.ini",        "labels.json",       "parent",
    "kernels",     "predictions.json", "predictions-best.json", "model.safetensors", "thaw.log",
    "engine.log",
};

static bool refuse(const char *path, const char *folder, const char *name, mode_t mode, struct error *error)
{
    const char *kind = S_ISLNK(mode) ? "a symbolic link" : S_ISDIR(mode) ? "a directory" : "not a regular file";
    return error_set(error, ERROR_FAILED,
                     "%s/%s%s: %s, and a run has files of its own only: put the file itself there, or remove it", path,
                     folder, name, kind);
}

/* Checkpoints have names of many kinds; what lies in the folder beside them is nobody's business. */
static bool check_checkpoints(const char *path, int folder, struct error *error)
{
    DIR *list = fdopendir(folder);
    struct stat status;
    bool good = list || error_set_errno(error, ERROR_FAILED, errno, "%s/" RUNDIR_CHECKPOINTS, path);
    if (!list)
        close(folder);
    for (const struct dirent *entry; good && list && (entry = readdir(list));)
        if (path_has_ending(entry->d_name, ".safetensors") &&
            fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode))
            good = refuse(path, RUNDIR_CHECKPOINTS "/", entry->d_name, status.st_mode, error);
    if (list)
        closedir(list);
    return good;
}

bool rundir_check(const char *path, struct error *error)
{
    struct stat status;
    int run = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (run < 0 && errno == ENOENT) /* who reads it says what is missing */
        return true;
    if (run < 0)
        return error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    bool good = true;
    for (size_t i = 0; good && i < THAW_LENGTH(names); i++)
        if (fstatat(run, names[i], &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISREG(status.st_mode))
            good = refuse(path, "", names[i], status.st_mode, error);
    int folder = good ? openat(run, RUNDIR_CHECKPOINTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    if (folder >= 0)
        good = check_checkpoints(path, folder, error);
    else if (good && fstatat(run, RUNDIR_CHECKPOINTS, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(status.st_mode))
        good = refuse(path, "", RUNDIR_CHECKPOINTS, status.st_mode, error);
    close(run);
    return good;
}
