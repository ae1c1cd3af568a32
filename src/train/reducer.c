/* The reducers, a row each. Called by the trainer between backward pass and update. */
#include "config.h"

#include "reducer.h"

const struct reducer reducer_team = {.name = "team"};
