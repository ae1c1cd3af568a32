/* The data that `thaw data check` and `thaw eval` look at. */
#ifndef THAW_APP_DATA_ARGUMENT_H
#define THAW_APP_DATA_ARGUMENT_H

#include "app.h"
#include "thaw/data/dataset.h"

/* Opens a path as settings of [data] say ("data.layout=folders"); others are ERROR_USAGE. */
struct dataset *data_argument_open(const char *path, const struct option_list *set, struct error *error);

/* Of --set, for the help of those verbs. */
#define DATA_SET_HELP                                                                                                  \
    "  --set data.K=V     how the data lie, as in an experiment's [data] (thaw-experiment(5)): layout, val ...\n"

#endif
