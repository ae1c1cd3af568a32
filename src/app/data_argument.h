/* The data that `thaw data check` and `thaw eval` look at. */
#ifndef THAW_APP_DATA_ARGUMENT_H
#define THAW_APP_DATA_ARGUMENT_H

#include "app.h"
#include "thaw/data/dataset.h"

/* Opens a path as settings of [data] say ("data.layout=folders"); others are ERROR_USAGE. run: a run directory whose own
 * settings hold beneath these where the path is that of its data, and whose data are opened where path is NULL; NULL: none.
 * What is not as the run had it is told on stderr. */
struct dataset *data_argument_open(const char *path, const struct option_list *set, const char *run,
                                   struct error *error);
/* The run that a weights file (or NULL) is part of; caller frees; NULL: none. */
char *data_argument_run(const char *weights);

/* Of --set, for the help of those verbs. */
#define DATA_SET_HELP                                                                                                  \
    "  --set data.K=V     how the data lie, as in an experiment's [data] (thaw-experiment(5)): layout, val ...\n"

#endif
