/* The chosen model: choosing builds its graph and binds its weights. The list it is chosen from is session_listing.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

long session_chosen_model(const struct session *session)
{
    return session->draft->chosen;
}

static void keep_matches(struct session *session, const struct bind_report *report)
{
    mem_free(session->draft->match);
    session->draft->matches = report->rows;
    session->draft->match = mem_array(report->rows, sizeof *session->draft->match);
    for (size_t i = 0; i < report->rows; i++) {
        struct session_match *match = &session->draft->match[i];
        snprintf(match->name, sizeof match->name, "%s", report->row[i].name);
        snprintf(match->outcome, sizeof match->outcome, "%s", bind_outcome_name(report->row[i].outcome));
        snprintf(match->detail, sizeof match->detail, "%s", report->row[i].detail);
    }
}

bool models_choose(struct session *session, const char *arch, const char *weights, struct error *error)
{
    struct load_request request = {
        .arch = arch,
        .weights = weights,
        .classes = session->draft->dataset ? session->draft->dataset->classes : 0,
        .size = session->draft->experiment.data.size,
        .preprocess = session->draft->experiment.model.preprocess,
        .seed = session->draft->experiment.train.seed,
    };
    struct bind_report report;
    struct graph *graph = load_graph(&request, &report, error);
    if (graph) {
        keep_matches(session, &report);
        struct graph *before = session->draft->graph;
        session->draft->graph = graph;
        snprintf(session->draft->experiment.model.name, sizeof session->draft->experiment.model.name, "%s",
                 graph->arch);
        snprintf(session->draft->experiment.model.weights, sizeof session->draft->experiment.model.weights, "%s",
                 weights[0] ? weights : "none");
        layers_reset(session, before);
        graph_destroy(before);
    }
    bind_report_finish(&report);
    return graph != NULL;
}

bool models_changed(struct session *session, const struct experiment *before)
{
    struct experiment *now = &session->draft->experiment;
    if (!before->model.name[0] || strcmp(now->model.name, before->model.name) == 0)
        return true;
    fork_finish(session->draft); /* it has the other network's checkpoint */
    bool had = now->thaws > 0 || now->run.name[0] || now->freeze.upto[0] || now->freeze.frozen[0];
    now->thaws = 0;
    now->run.name[0] = now->freeze.upto[0] = now->freeze.frozen[0] = '\0';
    if (had)
        view_notice(session, true,
                    "%s is chosen; the thaws, the frozen layers and the run's name that were set for %s are gone",
                    now->model.name, before->model.name);
    return true;
}

bool session_choose_model(struct session *session, size_t row, struct error *error)
{
    struct experiment before;
    if (!opening_settle(session, error))
        return false;
    if (row >= session->draft->models)
        return error_set(error, ERROR_USAGE, "there is no model %zu", row + 1);
    const struct session_model *model = &session->draft->model[row];
    if (!model->scratch && !model->local)
        return error_set(error, ERROR_WEIGHTS, "%s is not on this disk; pull it first", model->name);
    before = session->draft->experiment;
    if (!models_choose(session, model->arch, model->weights, error))
        return false;
    models_changed(session, &before);
    session->draft->chosen = (long)row;
    remember_use(model->scratch ? model->arch : model->weights);
    session->draft->model[row].used = clock_wall();
    return true;
}

/* A file by its path, an architecture by its name, weights of the catalog by theirs. */
static long find_row(const struct session *session, const char *name)
{
    for (size_t i = 0; i < session->draft->models; i++) {
        const struct session_model *model = &session->draft->model[i];
        if (!strcmp(model->weights, name) || ((model->scratch || model->catalog[0]) && !strcmp(model->name, name)))
            return (long)i;
    }
    return -1;
}

bool session_choose_model_file(struct session *session, const char *path_or_name, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    long row = find_row(session, path_or_name);
    if (row < 0 && file_exists(path_or_name)) {
        if (!listing_open_file(session, path_or_name))
            return models_choose(session, "", path_or_name, error); /* again, for the sentence */
        row = find_row(session, path_or_name);
    }
    if (row >= 0)
        return session_choose_model(session, (size_t)row, error);
    struct experiment before = session->draft->experiment;
    if (!models_choose(session, path_or_name, "", error))
        return false;
    models_changed(session, &before);
    if (listing_add_arch(session, path_or_name)) /* a zoo name outside the list, such as another alpha */
        session->draft->chosen = (long)session->draft->models - 1;
    return true;
}

size_t session_matches(const struct session *session, const struct session_match **rows)
{
    *rows = session->draft->match;
    return session->draft->matches;
}

void models_finish(struct draft *draft)
{
    mem_free(draft->match);
    graph_destroy(draft->graph);
}
