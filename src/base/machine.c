/* The machine: the name of its processor; its memory by sysconf, /proc/meminfo, and the limits of control groups of
 * either version. Called by plans, by the trainer for their budget, and by what remembers times. */
#include "config.h"

#include "thaw/base/machine.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

void machine_name(char *name, size_t room)
{
    struct utsname system;
    struct error unused;
    char *text = file_read_text("/proc/cpuinfo", 4 << 20, &unused);
    const char *at = text ? strstr(text, "model name") : NULL;
    at = at ? strchr(at, ':') : NULL;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (at)
        snprintf(name, room, "%.*s, %ld cores", (int)strcspn(at + 2, "\n"), at + 2, cores);
    else
        snprintf(name, room, "%s, %ld cores", uname(&system) == 0 ? system.machine : "unknown", cores);
    mem_free(text);
}

size_t machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    return pages > 0 && page > 0 ? (size_t)pages * (size_t)page : 0;
}

/* The number behind a name at the start of a line of `folder`/`file`; name "": the first line's. false: there is none,
 * or the word "max". */
static bool read_number(const char *folder, const char *file, const char *name, size_t *number)
{
    char line[256], *path = mem_format("%s/%s", folder, file);
    FILE *stream = fopen(path, "r");
    bool found = false;
    size_t length = strlen(name);
    while (stream != NULL && !found && fgets(line, sizeof line, stream) != NULL)
        found = strncmp(line, name, length) == 0 && sscanf(line + length, " %zu", number) == 1;
    if (stream != NULL)
        fclose(stream);
    mem_free(path);
    return found;
}

/* The files of a control group's memory, by version. */
static const struct group_files {
    const char *controller, *mount, *limit, *usage, *cached;
} group_files[] = {
    {"", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"},
    {"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"},
};

/* What a group leaves, of it and of those around it; files' pages that are not in use count as left. */
static size_t left_in_groups(const char *root, const struct group_files *files, char *group)
{
    size_t left = SIZE_MAX;
    for (;;) {
        size_t limit, usage = 0, cached = 0;
        char *folder = mem_format("%s%s%s", root, files->mount, group);
        if (read_number(folder, files->limit, "", &limit)) {
            (void)read_number(folder, files->usage, "", &usage);
            (void)read_number(folder, "memory.stat", files->cached, &cached);
            usage -= cached < usage ? cached : usage;
            size_t here = usage < limit ? limit - usage : 1;
            left = here < left ? here : left;
        }
        mem_free(folder);
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return left;
        *slash = '\0';
    }
}

/* Lines "number:controllers:/group"; no controllers in version 2. */
static size_t left_in_all_groups(const char *root)
{
    char line[4096], *path = mem_format("%s/proc/self/cgroup", root);
    FILE *stream = fopen(path, "r");
    size_t least = SIZE_MAX;
    while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
        char *controller = strchr(line, ':'), *group = controller != NULL ? strchr(controller + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        for (size_t i = 0; i < THAW_LENGTH(group_files); i++) {
            size_t left = strcmp(controller + 1, group_files[i].controller) == 0
                              ? left_in_groups(root, &group_files[i], group)
                              : SIZE_MAX;
            least = left < least ? left : least;
        }
    }
    if (stream != NULL)
        fclose(stream);
    mem_free(path);
    return least;
}

size_t machine_memory_available(const char *root)
{
    size_t kib, left = left_in_all_groups(root);
    char *proc = mem_format("%s/proc", root);
    bool known = read_number(proc, "meminfo", "MemAvailable:", &kib);
    mem_free(proc);
    if (known && kib < left / 1024)
        return kib * 1024;
    return left < SIZE_MAX ? left : 0;
}
