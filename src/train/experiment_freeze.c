/* From an experiment's [freeze] section to the freeze plan that a run begins with. Called by the trainer and by the
 * session, which shows it before there is a run. */
#include "config.h"

#include "thaw/shelf/load.h"
#include "thaw/train/experiment.h"

bool experiment_is_scratch(const struct experiment *experiment)
{
    return load_is_scratch(experiment->model.weights);
}

const char *experiment_upto(const struct experiment *experiment)
{
    if (experiment->freeze.upto[0])
        return experiment->freeze.upto;
    return experiment->freeze.frozen[0] || experiment_is_scratch(experiment) ? "none" : "trunk";
}

struct freeze *experiment_freeze(const struct experiment *experiment, const struct graph *graph, struct error *error)
{
    const char *frozen = experiment->freeze.frozen;
    struct freeze *freeze = freeze_create(graph);
    bool good = freeze_upto(freeze, graph, experiment_upto(experiment), error);
    if (good) /* before the list, which may name statistics */
        freeze_statistics(freeze, graph, experiment->freeze.bn_stats == BN_STATS_FIXED);
    if (good && frozen[0])
        good = freeze_match(freeze, graph, frozen, true, error);
    if (good)
        return freeze;
    freeze_destroy(freeze);
    return NULL;
}

bool experiment_check_thaws(const struct experiment *experiment, const struct graph *graph, const struct freeze *freeze,
                            struct error *error)
{
    for (int i = 0; i < experiment->thaws; i++) {
        const struct experiment_thaw *thaw = &experiment->thaw[i];
        struct freeze *copy = freeze_copy(freeze);
        bool good = freeze_match(copy, graph, thaw->layers, false, error);
        freeze_destroy(copy);
        if (!good)
            return error_wrap(error, "[thaw] epoch %d = %s", thaw->epoch, thaw->layers);
    }
    return true;
}
