/* A folder for the hostile files of a test program, and an end for what hangs: set-up and tear-down of its group. */
#ifndef THAW_TESTS_REFUSE_FOLDER_H
#define THAW_TESTS_REFUSE_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HANG_SECONDS = 300 };

static char folder[] = "/tmp/thaw-refuse-XXXXXX";

static inline int make_folder(void **state)
{
    (void)state;
    alarm(HANG_SECONDS);
    return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

#endif
