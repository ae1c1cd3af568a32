/* See the header. */
#include "config.h"

#include "data_argument.h"

#include <string.h>

#include "thaw/train/experiment.h"

static bool set_data(struct experiment *experiment, const char *assignment, struct error *error)
{
    static const char section[] = "data.";
    return experiment_set(experiment, assignment, error) &&
           (strncmp(assignment, section, sizeof section - 1) == 0 ||
            error_set(error, ERROR_USAGE, "--set %s: settings of [data] are taken here, such as data.layout",
                      assignment));
}

struct dataset *data_argument_open(const char *path, const struct option_list *set, struct error *error)
{
    struct experiment experiment;
    experiment_init(&experiment);
    for (size_t i = 0; i < set->count; i++)
        if (!set_data(&experiment, set->item[i], error))
            return NULL;
    struct dataset_request request = experiment_data(&experiment);
    request.path = path;
    request.trains = false;
    return dataset_open_as(&request, error);
}
