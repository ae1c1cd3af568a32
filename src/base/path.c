/* Paths and the XDG directories (XDG Base Directory Specification 0.8). */
#include "config.h"

#include "thaw/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "thaw/base/mem.h"

char *path_join(const char *directory, const char *name)
{
    if (name[0] == '/' || !directory[0])
        return mem_string(name);
    size_t length = strlen(directory);
    return mem_format(directory[length - 1] == '/' ? "%s%s" : "%s/%s", directory, name);
}

char *path_expand(const char *path)
{
    const char *home = getenv("HOME");
    if (path[0] == '~' && (path[1] == '/' || !path[1]) && home)
        return mem_format("%s%s", home, path + 1);
    return mem_string(path);
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

char *path_home(enum path_home which)
{
    static const struct {
        const char *variable, *fallback;
    } homes[] = {
        [PATH_CONFIG] = {"XDG_CONFIG_HOME", ".config"},
        [PATH_DATA] = {"XDG_DATA_HOME", ".local/share"},
        [PATH_CACHE] = {"XDG_CACHE_HOME", ".cache"},
        [PATH_STATE] = {"XDG_STATE_HOME", ".local/state"},
    };
    const char *set = getenv(homes[which].variable);
    if (set && set[0] == '/')
        return path_join(set, "thaw");
    const char *home = getenv("HOME");
    return mem_format("%s/%s/thaw", home && home[0] ? home : ".", homes[which].fallback);
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
