/* Paths and the XDG directories (XDG Base Directory Specification 0.8). */
#include "config.h"

#include "thaw/base/file.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

char *path_join(const char *directory, const char *name)
{
    if (name[0] == '/' || !directory[0])
        return mem_string(name);
    size_t length = strlen(directory);
    return mem_format(directory[length - 1] == '/' ? "%s%s" : "%s/%s", directory, name);
}

char *path_of_descriptor(int fd)
{
    static const char removed[] = " (deleted)";
    char link[32], path[4096];
    struct stat own, there;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0 || path[0] != '/')
        return NULL;
    path[length] = '\0';
    if ((size_t)length >= sizeof removed && strcmp(path + length - (sizeof removed - 1), removed) == 0)
        return NULL;
    bool same =
        fstat(fd, &own) == 0 && stat(path, &there) == 0 && own.st_ino == there.st_ino && own.st_dev == there.st_dev;
    return same ? mem_string(path) : NULL;
}

char *path_whole(const char *path)
{
    char *here = path[0] == '/' ? NULL : realpath(".", NULL), *whole = path_join(here ? here : ".", path);
    free(here);
    return whole;
}

bool path_is_same(const char *a, const char *b)
{
    struct stat one, other;
    return strcmp(a, b) == 0 ||
           (stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

/* $HOME, else what the list of accounts says; NULL: neither. */
static char *home_folder(void)
{
    const char *set = getenv("HOME");
    char room[4096];
    struct passwd account, *found = NULL;
    if (set && set[0])
        return mem_string(set);
    bool told = getpwuid_r(getuid(), &account, room, sizeof room, &found) == 0 && found && found->pw_dir;
    return told && found->pw_dir[0] == '/' && file_is_directory(found->pw_dir) ? mem_string(found->pw_dir) : NULL;
}

char *path_expand(const char *path)
{
    char *home = path[0] == '~' && (path[1] == '/' || !path[1]) ? home_folder() : NULL;
    char *expanded = home ? mem_format("%s%s", home, path + 1) : mem_string(path);
    mem_free(home);
    return expanded;
}

const char *path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool path_has_ending(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static const struct {
    const char *variable, *fallback;
} homes[] = {
    [PATH_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
    [PATH_DATA] = {"XDG_DATA_HOME", ".local/share"},
    [PATH_CACHE] = {"XDG_CACHE_HOME", ".cache"},
    [PATH_STATE] = {"XDG_STATE_HOME", ".local/state"},
};

/* Where it counts: a relative one is as good as none. */
static const char *home_set(enum path_home which)
{
    const char *set = getenv(homes[which].variable);
    return set && set[0] == '/' ? set : NULL;
}

bool path_has_homes(struct error *error)
{
    char *home = home_folder();
    bool all = home != NULL;
    mem_free(home);
    for (size_t i = 0; !all && i < THAW_LENGTH(homes); i++)
        if (!home_set((enum path_home)i))
            return error_set(error, ERROR_USAGE,
                             "there is no home folder: neither HOME nor %s is set, and the list of accounts names none",
                             homes[i].variable);
    return true;
}

char *path_home(enum path_home which)
{
    const char *set = home_set(which);
    if (set)
        return path_join(set, "thaw");
    char *home = home_folder(), *path = mem_format("%s/%s/thaw", home ? home : ".", homes[which].fallback);
    mem_free(home);
    return path;
}

/* The folder of this program, with the slash; NULL where the system does not tell. */
static char *own_folder(void)
{
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0)
        return NULL;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    slash[1] = '\0';
    return mem_string(path);
}

char *path_installed(const char *name)
{
    const char *set = getenv("THAW_DATADIR");
    if (set && set[0])
        return path_join(set, name);
    char *own = own_folder();
    if (own) {
        /* Run from a build folder inside its source tree. */
        char *mark = mem_format("%s../src/app/main.c", own), *beside = mem_format("%s../%s", own, name);
        bool in_tree = file_exists(mark) && file_is_directory(beside);
        mem_free(mark);
        mem_free(own);
        if (in_tree)
            return beside;
        mem_free(beside);
    }
    return path_join(THAW_DATADIR, name);
}
