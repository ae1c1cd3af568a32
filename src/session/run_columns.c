/* The columns of runs. Called by `thaw runs`. */
#include "config.h"

#include "thaw/session/run_columns.h"

#include <math.h>

#include "thaw/base/clock.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"

#define NUMBER(name, expression)                                                                                       \
    static double ask_##name(const void *row)                                                                          \
    {                                                                                                                  \
        const struct rundir_summary *run = row;                                                                        \
        return expression;                                                                                             \
    }
#define TEXT(name, expression)                                                                                         \
    static const char *ask_##name(const void *row)                                                                     \
    {                                                                                                                  \
        const struct rundir_summary *run = row;                                                                        \
        return expression;                                                                                             \
    }

static double percent(double share)
{
    return share >= 0 ? 100 * share : NAN;
}

NUMBER(best, percent(run->best_accuracy))
NUMBER(last, percent(run->last_accuracy))
NUMBER(epochs, run->epochs_done)
NUMBER(params, (double)run->params_trainable)
NUMBER(minutes, run->seconds / 60)
NUMBER(days, (clock_wall() - run->started) / 86400)
TEXT(name, run->name)
TEXT(model, run->model)
TEXT(data, run->data)
TEXT(state, run_state_word(run->active, run->done, run->how))
TEXT(tag, run->labels.all)
TEXT(note, run->labels.note)

static bool ask_tagged(const void *row)
{
    return ((const struct rundir_summary *)row)->labels.tags > 0;
}

const struct query_column run_columns[] = {
    {"best", QUERY_NUMBER, 1, "best validation accuracy, per cent", ask_best, NULL, NULL},
    {"last", QUERY_NUMBER, 1, "last validation accuracy, per cent", ask_last, NULL, NULL},
    {"epochs", QUERY_NUMBER, 1, "epochs done", ask_epochs, NULL, NULL},
    {"params", QUERY_NUMBER, 1e6, "values that learn; bare numbers count M", ask_params, NULL, NULL},
    {"minutes", QUERY_NUMBER, 1, "of training", ask_minutes, NULL, NULL},
    {"days", QUERY_NUMBER, 1, "since it began", ask_days, NULL, NULL},
    {"name", QUERY_TEXT, 0, "part of the name", NULL, ask_name, NULL},
    {"model", QUERY_TEXT, 0, "part of the architecture's name", NULL, ask_model, NULL},
    {"data", QUERY_TEXT, 0, "part of the path of its images", NULL, ask_data, NULL},
    {"state", QUERY_TEXT, 0, "running, finished, stopped, early, interrupted, failed, broken", NULL, ask_state, NULL},
    {"tag", QUERY_TEXT, 0, "part of its tags", NULL, ask_tag, NULL},
    {"note", QUERY_TEXT, 0, "part of its note", NULL, ask_note, NULL},
    {"tagged", QUERY_FLAG, 0, "has a tag", NULL, NULL, ask_tagged},
    {NULL, QUERY_FLAG, 0, NULL, NULL, NULL, NULL},
};
