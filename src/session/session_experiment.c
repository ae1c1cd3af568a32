/* The experiment: the settings of the next run, as rows, as assignments, and as a file. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

void experiment_rows_finish(struct draft *draft)
{
    mem_free(draft->setting);
    draft->setting = NULL;
}

size_t session_settings(const struct session *session, const struct session_setting **settings)
{
    struct session *own = (struct session *)session;
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    experiment_rows_finish(own->draft);
    own->draft->setting = mem_array(count, sizeof *own->draft->setting);
    for (size_t i = 0; i < count; i++) {
        struct session_setting *row = &own->draft->setting[i];
        snprintf(row->key, sizeof row->key, "%s.%s", keys[i].section, keys[i].key);
        char *value = experiment_get(&session->draft->experiment, row->key);
        snprintf(row->value, sizeof row->value, "%s", value ? value : "");
        mem_free(value);
        row->values = keys[i].values;
        row->help = keys[i].help;
        row->choice = keys[i].type == EXPERIMENT_ENUM;
        row->path = keys[i].type == EXPERIMENT_PATH;
    }
    *settings = own->draft->setting;
    return count;
}

static bool choose_named(struct session *session, struct error *error)
{
    char arch[64], weights[512];
    snprintf(arch, sizeof arch, "%s", session->draft->experiment.model.name);
    snprintf(weights, sizeof weights, "%s", session->draft->experiment.model.weights);
    if (load_is_scratch(weights))
        weights[0] = '\0';
    if (!arch[0] && !weights[0])
        return true;
    const struct catalog *catalog = session->draft->catalog;
    if (catalog && !load_find_weights(weights, sizeof weights, catalog, error))
        return false;
    if (!models_choose(session, arch, weights, error))
        return false;
    session->draft->chosen = listing_find(session, session->draft->graph->arch, weights);
    if (session->draft->chosen < 0 && weights[0] && listing_open_file(session, weights))
        session->draft->chosen = listing_find(session, session->draft->graph->arch, weights);
    return true;
}

bool session_set(struct session *session, const char *assignment, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    struct experiment before = session->draft->experiment;
    if (!experiment_set(&session->draft->experiment, assignment, error))
        return false;
    if (!strncmp(assignment, "freeze.upto=", 12)) /* one says all that the other does */
        session->draft->experiment.freeze.frozen[0] = '\0';
    else if (!strncmp(assignment, "freeze.frozen=", 14))
        session->draft->experiment.freeze.upto[0] = '\0';
    bool done = true;
    if (!strncmp(assignment, "model.", 6) || !strncmp(assignment, "data.size", 9))
        done = choose_named(session, error);
    else if (!strncmp(assignment, "data.", 5) && session->draft->experiment.data.path[0])
        done = session_choose_data(session, session->draft->experiment.data.path, error);
    else if (!strncmp(assignment, "freeze.", 7) && session->draft->graph)
        done = layers_from_experiment(session, error);
    if (!done)
        session->draft->experiment = before;
    return done;
}

bool session_load_experiment(struct session *session, const char *path, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    struct experiment experiment, before = session->draft->experiment;
    experiment_init(&experiment);
    if (!experiment_load(&experiment, path, error))
        return false;
    if (!experiment.train.threads)
        experiment.train.threads = session->threads;
    session->draft->experiment = experiment;
    bool done = (!experiment.data.path[0] || data_choose(session, experiment.data.path, error)) &&
                choose_named(session, error) && (!session->draft->graph || layers_from_experiment(session, error));
    if (!done)
        session->draft->experiment = before;
    else if (session->draft->dataset)
        data_remember(session);
    return done;
}

bool session_save_experiment(struct session *session, const char *path, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    if (!session->draft->graph || !session->draft->dataset)
        return error_set(error, ERROR_USAGE, "a model and data are to be chosen before an experiment can be written");
    struct experiment before = session->draft->experiment;
    bool done = layers_to_experiment(session, error);
    struct experiment experiment = session->draft->experiment;
    session->draft->experiment = before;
    if (!done)
        return false;
    if (experiment.train.threads == session->threads) /* said at the start, not by the experiment */
        experiment.train.threads = 0;
    char *text = experiment_text(&experiment);
    done = file_write_atomic(path, text, strlen(text), error);
    mem_free(text);
    return done;
}
