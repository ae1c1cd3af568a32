/* A folder with runs in it, made of plain text, for the tests of what finds, lists and moves them. */
#ifndef THAW_TESTS_UNIT_RUN_SOME_RUNS_H
#define THAW_TESTS_UNIT_RUN_SOME_RUNS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static char folder[32]; /* of the test */

static inline char *in_folder(const char *name)
{
    return path_join(folder, name);
}

static inline void write_text(const char *name, const char *text)
{
    struct error error = {0};
    char *path = in_folder(name);
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

static inline char *read_text(const char *name)
{
    struct error error = {0};
    char *path = in_folder(name), *text = file_read_text(path, 1 << 20, &error);
    mem_free(path);
    return text;
}

/* A run that began at `time` and came to an accuracy. */
static inline void make_run(const char *name, double time, double accuracy)
{
    char *path = in_folder(name), *file = mem_format("%s/events.jsonl", name);
    char *text = mem_format("{\"kind\":\"run\",\"time\":%.3f,\"version\":1,\"model\":\"resnet20\",\"data\":\"signs\","
                            "\"classes\":4,\"epochs\":2}\n"
                            "{\"kind\":\"epoch\",\"time\":%.3f,\"epoch\":1,\"loss\":0.5,\"accuracy\":0.25}\n"
                            "{\"kind\":\"eval\",\"time\":%.3f,\"epoch\":1,\"loss\":0.5,\"accuracy\":%.17g}\n",
                            time, time + 1, time + 2, accuracy);
    mkdir(path, 0700);
    write_text(file, text);
    mem_free(text);
    mem_free(file);
    mem_free(path);
}

static inline int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/thaw-test-runs-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    return setenv("XDG_CACHE_HOME", folder, 1); /* below its folder thaw, which is no run */
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "chmod -R u+w '%s'; rm -rf '%s'", folder, folder);
    return system(command);
}

#endif
