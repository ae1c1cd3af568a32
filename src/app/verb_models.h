/* The two halves of thaw models. */
#ifndef THAW_APP_VERB_MODELS_H
#define THAW_APP_VERB_MODELS_H

#include <stdbool.h>

/* Prints one model in full; name: of the list, a weights file or a run directory. Returns the exit code. */
int models_show(const char *name, bool json);

#endif
