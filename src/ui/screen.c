/* The table of screens, in the order of their numbers. A new screen is a row here, one in enum screen_id and its file. */
#include "config.h"

#include "screen.h"
#include "screens.h"

const struct screen *const screen_table[] = {
    &screen_models, &screen_layers, &screen_data, &screen_train, &screen_results, &screen_runs,
};
_Static_assert(sizeof(screen_table) / sizeof(screen_table[0]) == SCREENS, "one row a screen");
