/* See the header. */
#include "config.h"

#include "data_argument.h"

#include <string.h>

#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"
#include "thaw/train/experiment.h"
#include "thaw/train/trainer.h"

static bool set_data(struct experiment *experiment, const char *assignment, struct error *error)
{
    static const char section[] = "data.";
    return experiment_set(experiment, assignment, error) &&
           (strncmp(assignment, section, sizeof section - 1) == 0 ||
            error_set(error, ERROR_USAGE, "--set %s: settings of [data] are taken here, such as data.layout",
                      assignment));
}

/* The run's seed either way, so that a share that is asked for is split off as the run would. Settings that cannot be read
 * are needed only where they alone say which data are meant. */
static bool take_run(struct experiment *experiment, const char **path, const char *run, struct error *error)
{
    struct experiment was;
    struct error fault = {0};
    if (!rundir_check(run, &fault) || !experiment_load_run(&was, run, &fault)) {
        if (*path)
            say_on(stderr, "thaw: warning: %s: its split is not known: %s\n", run, fault.text);
        else
            *error = fault;
        return *path != NULL;
    }
    experiment->train.seed = was.train.seed;
    bool own = !*path || path_is_same(*path, was.data.path);
    if (own)
        experiment->data = was.data;
    else
        say_on(stderr, "thaw: %s learned from other data, %s; how it split those off is not asked here\n",
               path_base(run), was.data.path);
    *path = own ? experiment->data.path : *path;
    return true;
}

/* Images that came or went since move the borders of a split. */
static void check_split(const struct dataset *dataset, const char *run)
{
    struct error unused;
    char *file = path_join(run, TRAINER_SPLIT), *is = dataset_validation_list(dataset);
    char *was = file_exists(file) ? file_read_text_own(file, strlen(is) + 1, &unused) : NULL;
    if (file_exists(file) && (!was || strcmp(was, is) != 0))
        say_on(stderr,
               "thaw: warning: %s: not the split that %s was trained with (%s): some of its validation images may be "
               "among those that it learned from\n",
               dataset->path, path_base(run), file);
    mem_free(was);
    mem_free(is);
    mem_free(file);
}

struct dataset *data_argument_open(const char *path, const struct option_list *set, const char *run,
                                   struct error *error)
{
    struct experiment experiment;
    experiment_init(&experiment);
    if (run && !take_run(&experiment, &path, run, error))
        return NULL;
    for (size_t i = 0; i < set->count; i++)
        if (!set_data(&experiment, set->item[i], error))
            return NULL;
    struct dataset_request request = experiment_data(&experiment);
    request.path = path;
    request.trains = false;
    struct dataset *dataset = dataset_open_as(&request, error);
    if (dataset && run && path == experiment.data.path && dataset->split_off)
        check_split(dataset, run);
    return dataset;
}

char *data_argument_run(const char *weights)
{
    char *folder = mem_string(weights ? weights : "");
    for (int up = 0; up < 2; up++) { /* RUN/model.safetensors, RUN/checkpoints/best.safetensors */
        char *parent = mem_format("%.*s", (int)(path_base(folder) - folder), folder);
        size_t length = strlen(parent);
        while (length > 1 && parent[length - 1] == '/')
            parent[--length] = '\0';
        mem_free(folder);
        folder = parent[0] ? parent : mem_string(".");
        if (!parent[0])
            mem_free(parent);
        if (run_is(folder))
            return folder;
    }
    mem_free(folder);
    return NULL;
}
