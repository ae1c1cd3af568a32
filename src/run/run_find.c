/* From what a user calls a run to its directory. Called by every verb that takes a run, and by the session. */
#include "config.h"

#include "thaw/run/run_find.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

enum { TOLD = 5 }; /* names in a sentence */

char *run_folder(const char *given)
{
    if (given)
        return path_expand(given);
    char *home = path_home(PATH_DATA), *folder = path_join(home, "runs");
    mem_free(home);
    return folder;
}

bool run_is(const char *path)
{
    char *events = path_join(path, RUNDIR_EVENTS);
    bool is = path[0] && faccessat(AT_FDCWD, events, F_OK, AT_SYMLINK_NOFOLLOW) == 0; /* a link, too, is shown */
    mem_free(events);
    return is;
}

size_t run_stamp(const char *name)
{
    static const char pattern[] = "00000000-000000-"; /* 0: any digit */
    size_t at = 0;
    while (pattern[at] && (pattern[at] == '0' ? isdigit((unsigned char)name[at]) != 0 : name[at] == pattern[at]))
        at++;
    return pattern[at] ? 0 : at;
}

/* --- how a name can be meant, the narrowest first --- */

static bool is_name(const char *run, const char *name)
{
    return !strcmp(run, name);
}

static bool is_label(const char *run, const char *name)
{
    return !strcmp(run + run_stamp(run), name);
}

static bool is_part(const char *run, const char *name)
{
    return strcasestr(run, name) != NULL;
}

static bool (*const meanings[])(const char *run, const char *name) = {is_name, is_label, is_part};

/* Names of the runs in a folder, the newest time stamp first; the list is the caller's. */
static void list_runs(struct file_list *list, const char *runs)
{
    struct error unused;
    size_t kept = 0;
    if (!file_is_directory(runs) || !file_list_read(list, runs, &unused)) {
        *list = (struct file_list){0};
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        char *path = path_join(runs, list->name[i]);
        if (run_is(path))
            list->name[kept++] = list->name[i];
        else
            mem_free(list->name[i]);
        mem_free(path);
    }
    list->count = kept;
    for (size_t i = 0; i < kept / 2; i++) {
        char *name = list->name[i];
        list->name[i] = list->name[kept - 1 - i];
        list->name[kept - 1 - i] = name;
    }
}

/* Leaves those that are meant, and returns how many. */
static size_t keep_meant(struct file_list *list, const char *name)
{
    size_t kept = 0;
    if (!name[0])
        return 0;
    for (size_t m = 0; m < THAW_LENGTH(meanings) && !kept; m++)
        for (size_t i = 0; i < list->count; i++)
            if (meanings[m](list->name[i], name)) {
                char *found = list->name[i];
                list->name[i] = list->name[kept];
                list->name[kept++] = found;
            }
    return kept;
}

static bool is_last(const char *name)
{
    return !strcmp(name, "last");
}

/* --- sentences --- */

static void tell_names(char *text, size_t room, const struct file_list *list, size_t count)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < count && i < TOLD; i++) {
        snprintf(text + length, room - length, "%s%s", i ? ", " : "", list->name[i]);
        length += strlen(text + length);
    }
    if (count > TOLD)
        snprintf(text + length, room - length, " and %zu more", count - TOLD);
}

static void refuse_absent(const char *runs, const char *name, const struct file_list *list, struct error *error)
{
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < list->count; i++)
        nearest_offer(&nearest, list->name[i] + (run_stamp(name) ? 0 : run_stamp(list->name[i])));
    if (!list->count) {
        error_set(error, ERROR_USAGE, "%s: there are no runs in it", runs);
        return;
    }
    char *newest = mem_format("the newest is %s", list->name[0]);
    error_set(error, ERROR_USAGE, "%s: it has no run \"%.128s\"", runs, name);
    nearest_tell(&nearest, 2, newest, error->text, sizeof error->text);
    mem_free(newest);
}

static void refuse_path(const char *path, struct error *error)
{
    if (file_exists(path))
        error_set(error, ERROR_USAGE, "%s: not a run directory (no %s in it)", path, RUNDIR_EVENTS);
    else
        error_set(error, ERROR_USAGE, "%s: there is no such run directory", path);
}

/* --- finding --- */

static char *find_last(const char *runs, struct error *error)
{
    size_t count;
    struct rundir_summary *list = rundir_list(runs, &count, error);
    char *path = list && count ? mem_string(list[0].path) : NULL;
    if (list && !count)
        error_set(error, ERROR_USAGE, "%s: there are no runs in it", runs);
    rundir_list_free(list, count);
    return path;
}

/* Puts the only one that trains in front; false: none does, or several do. */
static bool only_active(const char *runs, struct file_list *list, size_t count)
{
    size_t active = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        char *path = path_join(runs, list->name[i]);
        bool trains = rundir_is_active(path);
        mem_free(path);
        active += trains;
        at = trains ? i : at;
    }
    char *name = list->name[at];
    list->name[at] = list->name[0];
    list->name[0] = name;
    return active == 1;
}

static char *find_named(const char *runs, const char *name, bool live, struct error *error)
{
    struct file_list list = {0};
    list_runs(&list, runs);
    size_t kept = keep_meant(&list, name);
    if (kept > 1 && live && only_active(runs, &list, kept))
        kept = 1;
    char *path = kept == 1 ? path_join(runs, list.name[0]) : NULL;
    if (!kept) {
        refuse_absent(runs, name, &list, error);
    } else if (kept > 1) {
        error_set(error, ERROR_USAGE, "\"%.128s\" can be %zu runs: ", name, kept);
        tell_names(error->text, sizeof error->text, &list, kept);
    }
    file_list_free(&list);
    return path;
}

size_t run_matches(const char *runs, const char *name)
{
    struct file_list list = {0};
    if (run_is(name))
        return 1;
    list_runs(&list, runs);
    size_t count = is_last(name) ? list.count > 0 : keep_meant(&list, name);
    file_list_free(&list);
    return count;
}

static char *find(const char *runs, const char *name, bool live, struct error *error)
{
    if (run_is(name))
        return mem_string(name);
    if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, "..")) {
        refuse_path(name, error);
        return NULL;
    }
    return is_last(name) ? find_last(runs, error) : find_named(runs, name, live, error);
}

char *run_find(const char *runs, const char *name, struct error *error)
{
    return find(runs, name, false, error);
}

char *run_find_live(const char *runs, const char *name, struct error *error)
{
    return find(runs, name, true, error);
}
