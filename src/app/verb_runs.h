/* The actions of thaw runs; the folder of runs in the call is there. */
#ifndef THAW_APP_VERB_RUNS_H
#define THAW_APP_VERB_RUNS_H

#include "app.h"

extern const struct verb_action runs_actions[];

#endif
