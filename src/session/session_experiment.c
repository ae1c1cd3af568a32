/* The experiment: the settings of the next run, as rows, as assignments, and as a file. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"

#define THAW_ADD "thaw.epoch"

/* As many as there ever are, so that they stay where they are. */
static size_t most_rows(void)
{
    size_t keys;
    experiment_keys(&keys);
    return keys + EXPERIMENT_THAWS + 1;
}

void experiment_rows_finish(struct draft *draft)
{
    for (size_t i = 0; draft->setting && i < most_rows(); i++)
        mem_free((char *)draft->setting[i].value);
    mem_free(draft->setting);
    draft->setting = NULL;
}

static void put_value(struct session_setting *row, const char *value)
{
    if (row->value && strcmp(row->value, value) == 0)
        return;
    mem_free((char *)row->value);
    row->value = mem_string(value);
}

/* The experiment as a run would record it: where layers were marked one by one, [freeze] names them. */
static void resolve_freeze(const struct session *session, struct experiment *shown)
{
    const struct draft *draft = session->draft;
    *shown = draft->experiment;
    if (!draft->graph)
        return;
    if (layers_are_named(session)) {
        if (!shown->freeze.upto[0] && !shown->freeze.frozen[0])
            snprintf(shown->freeze.upto, sizeof shown->freeze.upto, "%s", experiment_upto(shown));
        return;
    }
    char *frozen = freeze_describe(draft->freeze, draft->graph);
    snprintf(shown->freeze.frozen, sizeof shown->freeze.frozen, "%s", frozen);
    snprintf(shown->freeze.upto, sizeof shown->freeze.upto, "%s", frozen[0] ? "" : "none");
    mem_free(frozen);
}

static void fill_key(struct session_setting *row, const struct experiment_key *key, const struct experiment *shown)
{
    snprintf(row->key, sizeof row->key, "%s.%s", key->section, key->key);
    char *value = experiment_get(shown, row->key);
    put_value(row, value ? value : "");
    mem_free(value);
    row->values = key->values;
    row->help = key->help;
    row->choice = key->type == EXPERIMENT_ENUM;
    row->path = key->type == EXPERIMENT_PATH;
}

/* The schedule: a row a thaw, and one that takes another. */
static size_t fill_thaws(struct session_setting *row, const struct experiment *shown)
{
    for (int i = 0; i < shown->thaws; i++, row++) {
        snprintf(row->key, sizeof row->key, "thaw.epoch %d", shown->thaw[i].epoch);
        char *value = experiment_get(shown, row->key);
        put_value(row, value ? value : "");
        mem_free(value);
        row->choice = row->path = false;
        row->values = "layers [@ lr*F]";
        row->help = "thawed at the beginning of that epoch, with F times the rate; empty: not";
    }
    row->choice = row->path = false;
    row->values = "N layers [@ lr*F]";
    row->help = "adds a thaw at the beginning of epoch N";
    put_value(row, "");
    snprintf(row->key, sizeof row->key, "%s", THAW_ADD);
    return (size_t)shown->thaws + 1;
}

size_t session_settings(const struct session *session, const struct session_setting **settings)
{
    struct session *own = (struct session *)session;
    size_t count, rows = 0;
    const struct experiment_key *keys = experiment_keys(&count);
    struct experiment shown;
    resolve_freeze(session, &shown);
    if (!own->draft->setting)
        own->draft->setting = mem_array(most_rows(), sizeof *own->draft->setting);
    for (size_t i = 0; i < count; i++) {
        fill_key(&own->draft->setting[rows++], &keys[i], &shown);
        bool last = i + 1 == count || strcmp(keys[i + 1].section, keys[i].section) != 0;
        if (last && strcmp(keys[i].section, "freeze") == 0)
            rows += fill_thaws(&own->draft->setting[rows], &shown);
    }
    *settings = own->draft->setting;
    return rows;
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

/* "thaw.epoch=6 layer4" names the epoch in the value; experiments name it in the key. */
static bool set_one(struct experiment *experiment, const char *assignment, struct error *error)
{
    static const char add[] = THAW_ADD "=";
    long epoch;
    const char *layers;
    if (strncmp(assignment, add, sizeof add - 1) != 0)
        return experiment_set(experiment, assignment, error);
    const char *value = assignment + sizeof add - 1;
    if (!number_whole(value, 1, EXPERIMENT_EPOCHS_MAX, &epoch, &layers) || *layers != ' ' || !layers[1])
        return error_set(error, ERROR_USAGE, "a thaw is an epoch and layers, as in 6 layer4 @ lr*0.1, not \"%s\"",
                         value);
    char *named = mem_format("thaw.epoch %ld=%s", epoch, layers + strspn(layers, " "));
    bool good = experiment_set(experiment, named, error);
    mem_free(named);
    return good;
}

/* A thaw of layers that the model does not have is refused here, not when its epoch comes. */
static bool check_thaws(const struct session *session, struct error *error)
{
    const struct draft *draft = session->draft;
    return !draft->graph || experiment_check_thaws(&draft->experiment, draft->graph, draft->freeze, error);
}

bool session_set(struct session *session, const char *assignment, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    struct experiment before = session->draft->experiment;
    if (!set_one(&session->draft->experiment, assignment, error))
        return false;
    if (!strncmp(assignment, "freeze.upto=", 12)) /* one says all that the other does */
        session->draft->experiment.freeze.frozen[0] = '\0';
    else if (!strncmp(assignment, "freeze.frozen=", 14))
        session->draft->experiment.freeze.upto[0] = '\0';
    bool done = true;
    if (!strncmp(assignment, "thaw.", 5))
        done = check_thaws(session, error);
    else if (!strncmp(assignment, "model.", 6) || !strncmp(assignment, "data.size", 9))
        done = choose_named(session, error) && models_changed(session, &before);
    else if (!strncmp(assignment, "data.", 5) && session->draft->experiment.data.path[0])
        done = session_choose_data(session, session->draft->experiment.data.path, error);
    else if (!strncmp(assignment, "freeze.", 7) && session->draft->graph)
        done = layers_from_experiment(session, error);
    if (!done)
        session->draft->experiment = before;
    return done;
}

struct session_kept_model {
    struct experiment experiment;
    char *fork, *checkpoint;
};

struct session_kept_model *session_keep_model(struct session *session)
{
    struct error unused;
    struct draft *draft = session->draft;
    struct experiment now = draft->experiment;
    if (session_opening(session) || !draft->graph || !layers_to_experiment(session, &unused))
        return NULL;
    struct session_kept_model *kept = mem_alloc(sizeof *kept);
    kept->experiment = draft->experiment;
    draft->experiment = now;
    kept->fork = draft->fork ? mem_string(draft->fork) : NULL;
    kept->checkpoint = draft->checkpoint ? mem_string(draft->checkpoint) : NULL;
    return kept;
}

bool session_put_back_model(struct session *session, const struct session_kept_model *kept, struct error *error)
{
    struct draft *draft = session->draft;
    struct experiment before = draft->experiment, *now = &draft->experiment;
    if (!opening_settle(session, error))
        return false;
    now->model = kept->experiment.model;
    now->freeze = kept->experiment.freeze;
    memcpy(now->thaw, kept->experiment.thaw, sizeof now->thaw);
    now->thaws = kept->experiment.thaws;
    bool same_data = strcmp(now->data.path, kept->experiment.data.path) == 0;
    if (same_data || strcmp(kept->experiment.run.name, draft->name_of_data) != 0)
        memcpy(now->run.name, kept->experiment.run.name, sizeof now->run.name);
    if (!choose_named(session, error) || !layers_from_experiment(session, error)) {
        draft->experiment = before;
        return false;
    }
    fork_finish(draft);
    draft->fork = kept->fork ? mem_string(kept->fork) : NULL;
    draft->checkpoint = kept->checkpoint ? mem_string(kept->checkpoint) : NULL;
    return true;
}

void session_forget_model(struct session_kept_model *kept)
{
    if (!kept)
        return;
    mem_free(kept->fork);
    mem_free(kept->checkpoint);
    mem_free(kept);
}

/* "indian-transfer" is of indian, "indians" is not. */
static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; length > 0 && (at = strstr(at, word)) != NULL; at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[length]))
            return true;
    return false;
}

static void note_name(struct draft *draft)
{
    const char *name = draft->experiment.run.name, *path = draft->experiment.data.path;
    bool of_data = has_word(name, path_base(path));
    snprintf(draft->name_of_data, sizeof draft->name_of_data, "%s", of_data ? name : "");
}

void experiment_data_changed(struct session *session, const char *before)
{
    char *name = session->draft->experiment.run.name;
    if (!name[0] || strcmp(name, session->draft->name_of_data) != 0)
        return;
    view_notice(session, true, "The run's name, %s, was of %s: it is made of model and data now", name,
                path_base(before));
    name[0] = '\0';
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
    fork_finish(session->draft);
    bool done = (!experiment.data.path[0] || data_choose(session, experiment.data.path, error)) &&
                choose_named(session, error) && (!session->draft->graph || layers_from_experiment(session, error));
    if (!done) {
        session->draft->experiment = before;
        return false;
    }
    note_name(session->draft);
    layers_forget_undos(session->draft); /* they were of another experiment */
    if (session->draft->dataset)
        data_remember(session);
    return true;
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
