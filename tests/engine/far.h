/* Another machine, played by this one: a real sshd of the test's own on loopback, or, where there is none, a shell. */
#ifndef THAW_TESTS_ENGINE_FAR_H
#define THAW_TESTS_ENGINE_FAR_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

/* Sets $THAW_SSH to a script in the folder. By `ssh` where that can be, which is printed; keys, configuration and logs of
 * it are in the folder. false: there is none, and why was printed; the script calls a shell then. */
bool far_begin(const char *folder) THAW_NONNULL;
void far_end(void);
/* From now on what comes from there goes to a file, too. NULL: no more. */
void far_count(const char *file);
/* Kills the one connection that there is: the caller's end of it, or (served) the other one. false: there is none. */
bool far_cut(bool served);

#endif
