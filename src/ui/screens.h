/* The screens' rows, one in each screen_*.c, for the table in screen.c. */
#ifndef THAW_UI_SCREENS_H
#define THAW_UI_SCREENS_H

#include "screen.h"

extern const struct screen screen_models, screen_layers, screen_data, screen_train, screen_results, screen_runs;

#endif
