/* The columns of runs. Called by `thaw runs` and the session's list. */
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
        const char *text = expression;                                                                                 \
        return text ? text : "";                                                                                       \
    }

#define FLAG(name, expression)                                                                                         \
    static bool ask_##name(const void *row)                                                                            \
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
NUMBER(loss, run->val_loss)
NUMBER(classes, run->classes)
NUMBER(images, run->train_images)
NUMBER(params, (double)run->params_trainable)
NUMBER(minutes, run->seconds / 60)
NUMBER(days, (clock_wall() - run->started) / 86400)
TEXT(name, run->name)
TEXT(model, run->model)
TEXT(data, run->data)
TEXT(state, run_state_word(run))
TEXT(weights, run->weights)
TEXT(parent, run->parent)
TEXT(fault, run->fault)
TEXT(tag, run->labels.all)
TEXT(note, run->labels.note)

FLAG(tagged, run->labels.tags > 0)
FLAG(resumed, run->resumed > 0)
FLAG(forked, run->parent[0] != '\0')
FLAG(damaged, run->damage[0] != '\0')

const struct query_column run_columns[] = {
    {"best", QUERY_NUMBER, 1, "best validation accuracy, per cent", ask_best, NULL, NULL},
    {"last", QUERY_NUMBER, 1, "last validation accuracy, per cent", ask_last, NULL, NULL},
    {"loss", QUERY_NUMBER, 1, "last validation loss", ask_loss, NULL, NULL},
    {"epochs", QUERY_NUMBER, 1, "epochs done", ask_epochs, NULL, NULL},
    {"params", QUERY_NUMBER, 1e6, "values that learn; bare numbers count M", ask_params, NULL, NULL},
    {"classes", QUERY_NUMBER, 1, "of its images", ask_classes, NULL, NULL},
    {"images", QUERY_NUMBER, 1, "training images", ask_images, NULL, NULL},
    {"minutes", QUERY_NUMBER, 1, "of training", ask_minutes, NULL, NULL},
    {"days", QUERY_NUMBER, 1, "since it began", ask_days, NULL, NULL},
    {"name", QUERY_TEXT, 0, "part of the name", NULL, ask_name, NULL},
    {"model", QUERY_TEXT, 0, "part of the architecture's name", NULL, ask_model, NULL},
    {"data", QUERY_TEXT, 0, "part of the path of its images", NULL, ask_data, NULL},
    {"state", QUERY_TEXT, 0, "running, paused, finished, stopped, early, interrupted, failed, broken, damaged, newer",
     NULL, ask_state, NULL},
    {"weights", QUERY_TEXT, 0, "part of how its weights matched", NULL, ask_weights, NULL},
    {"parent", QUERY_TEXT, 0, "part of the name of what it was forked from", NULL, ask_parent, NULL},
    {"fault", QUERY_TEXT, 0, "part of why it failed", NULL, ask_fault, NULL},
    {"tag", QUERY_TEXT, 0, "part of its tags", NULL, ask_tag, NULL},
    {"note", QUERY_TEXT, 0, "part of its note", NULL, ask_note, NULL},
    {"tagged", QUERY_FLAG, 0, "has a tag", NULL, NULL, ask_tagged},
    {"resumed", QUERY_FLAG, 0, "was gone on with", NULL, NULL, ask_resumed},
    {"forked", QUERY_FLAG, 0, "began from another run's checkpoint", NULL, NULL, ask_forked},
    {"damaged", QUERY_FLAG, 0, "not all of its events, or its labels, can be read", NULL, NULL, ask_damaged},
    {NULL, QUERY_FLAG, 0, NULL, NULL, NULL, NULL},
};
