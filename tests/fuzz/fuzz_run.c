/* See the header. */
#include "config.h"

#include "fuzz_run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char events[] = "events.jsonl";
static char folder[] = "/tmp/thaw-fuzz-XXXXXX";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void remove_all(void)
{
    DIR *names = opendir(folder);
    for (struct dirent *entry; names && (entry = readdir(names));)
        unlinkat(dirfd(names), entry->d_name, 0);
    if (names)
        closedir(names);
    rmdir(folder);
}

const char *fuzz_run(void)
{
    static bool ready;
    if (!ready)
        require(mkdtemp(folder) && atexit(remove_all) == 0);
    ready = true;
    return folder;
}

static void put(const char *name, const char *text, size_t size, int how)
{
    char path[sizeof folder + 40];
    snprintf(path, sizeof path, "%s/%s", fuzz_run(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | how, 0600);
    require(file >= 0 && write(file, text, size) == (ssize_t)size);
    close(file);
}

void fuzz_run_write(const char *text, size_t size, bool more)
{
    put(events, text, size, more ? O_APPEND : O_TRUNC);
}

void fuzz_run_put(const char *name, const char *text, size_t size)
{
    put(name, text, size, O_TRUNC);
}

void fuzz_run_is_untouched(const char *text, size_t size)
{
    static char now[1 << 16];
    char path[sizeof folder + 40];
    DIR *names = opendir(fuzz_run());
    int count = 0;
    require(names && size < sizeof now);
    for (struct dirent *entry; (entry = readdir(names));)
        count += entry->d_name[0] != '.';
    closedir(names);
    require(count == 1);
    snprintf(path, sizeof path, "%s/%s", folder, events);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    require(file >= 0 && read(file, now, sizeof now) == (ssize_t)size && memcmp(now, text, size) == 0);
    close(file);
}
