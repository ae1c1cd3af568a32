/* Data: places to start from, the chosen dataset's classes, and single images as the network sees them. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

void data_finish(struct draft *draft)
{
    dataset_destroy(draft->dataset);
    draft->dataset = NULL;
    mem_free(draft->data_class);
    mem_free(draft->data_bad);
    draft->data_class = NULL;
    draft->data_bad = NULL;
    for (size_t i = 0; i < draft->places; i++)
        mem_free(draft->place[i]);
    mem_free(draft->place);
    draft->place = NULL;
    draft->places = 0;
}

static void describe(struct session *session)
{
    const struct dataset *dataset = session->draft->dataset;
    session->draft->data_class = mem_array((size_t)dataset->classes, sizeof *session->draft->data_class);
    session->draft->data = (struct session_data){
        .path = dataset->path,
        .class_row = session->draft->data_class,
        .classes = dataset->classes,
        .train = dataset->images[DATASET_TRAIN].items,
        .val = dataset->images[DATASET_VAL].items,
        .bad_count = dataset->bad_count,
        .own_validation = dataset->own_validation,
        .test = dataset->images[DATASET_TEST].items,
        .layout = dataset->layout,
        .note = dataset->note,
        .notes = dataset->notes,
    };
    for (int i = 0; i < dataset->classes; i++)
        session->draft->data_class[i] = (struct session_class){
            .name = dataset->class_name[i],
            .train = dataset_class_count(dataset, DATASET_TRAIN, i),
            .val = dataset_class_count(dataset, DATASET_VAL, i),
        };
    session->draft->data_bad = mem_array(dataset->bad_count, sizeof *session->draft->data_bad);
    for (size_t i = 0; i < dataset->bad_count; i++)
        session->draft->data_bad[i] = (struct session_bad){dataset->bad[i].path, dataset->bad[i].reason};
    session->draft->data.bad = session->draft->data_bad;
}

bool data_choose(struct session *session, const char *path, struct error *error)
{
    char *full = path_expand(path);
    for (size_t length = strlen(full); length > 1 && full[length - 1] == '/'; length--)
        full[length - 1] = '\0'; /* as completion leaves it */
    struct dataset_request request = experiment_data(&session->draft->experiment);
    request.path = full;
    struct dataset *dataset = dataset_open_as(&request, error);
    if (dataset) {
        data_finish(session->draft);
        session->draft->dataset = dataset;
        describe(session);
        snprintf(session->draft->experiment.data.path, sizeof session->draft->experiment.data.path, "%s", full);
    }
    mem_free(full);
    return dataset != NULL;
}

/* A head of the right size belongs to the model as soon as the data is known. */
static bool fit_head(struct session *session, struct error *error)
{
    if (!session->draft->graph || session->draft->graph->classes == session->draft->dataset->classes)
        return true;
    char arch[64], weights[512];
    snprintf(arch, sizeof arch, "%s", session->draft->graph->arch);
    const char *file = session->draft->experiment.model.weights;
    snprintf(weights, sizeof weights, "%s", load_is_scratch(file) ? "" : file);
    return models_choose(session, arch, weights, error);
}

/* The samples are offered anyway. */
void data_remember(const struct session *session)
{
    const char *path = session->draft->dataset->path;
    size_t length = strlen(session->samples);
    if (strncmp(path, session->samples, length) != 0 || path[length] != '/')
        recent_add("data", path);
}

/* Takes settings behind a path into the experiment: "signs data.layout=folders". The path is cut before them. */
static bool take_settings(struct experiment *experiment, char *path, struct error *error)
{
    static const char word[] = " data.";
    for (char *at = strstr(path, word), *next; at; at = next) {
        *at++ = '\0';
        next = strstr(at, word);
        char *assignment = mem_format("%.*s", (int)(next ? next - at : (long)strlen(at)), at);
        bool good = experiment_set(experiment, assignment, error);
        mem_free(assignment);
        if (!good)
            return false;
    }
    return true;
}

/* How other data lie is not how these do. */
static void forget_layout(struct experiment *experiment, const char *path)
{
    char *full = path_expand(path);
    bool same = path_is_same(full, experiment->data.path);
    mem_free(full);
    if (same)
        return;
    experiment->data.layout = DATASET_AUTO;
    experiment->data.columns[0] = '\0';
    experiment->data.pattern[0] = '\0';
}

static bool choose_with_settings(struct session *session, const char *text, struct error *error)
{
    struct experiment *experiment = &session->draft->experiment, before = *experiment;
    char *path = mem_string(text), *settings = strstr(path, " data.");
    char *plain = mem_format("%.*s", (int)(settings ? settings - path : (long)strlen(path)), path);
    forget_layout(experiment, plain);
    bool chosen = take_settings(experiment, path, error) && data_choose(session, plain, error);
    if (!chosen)
        *experiment = before;
    mem_free(plain);
    mem_free(path);
    return chosen;
}

bool session_choose_data(struct session *session, const char *path, struct error *error)
{
    if (!opening_settle(session, error))
        return false;
    char *before = session->draft->dataset ? mem_string(session->draft->dataset->path) : NULL;
    bool chosen = choose_with_settings(session, path, error) && fit_head(session, error);
    if (chosen && before && !path_is_same(before, session->draft->dataset->path))
        experiment_data_changed(session, before);
    if (chosen)
        data_remember(session);
    mem_free(before);
    return chosen;
}

const struct session_data *session_data(const struct session *session)
{
    return session->draft->dataset ? &session->draft->data : NULL;
}

static void add_place(struct session *session, const char *path)
{
    for (size_t i = 0; i < session->draft->places; i++)
        if (!strcmp(session->draft->place[i], path))
            return;
    session->draft->place = mem_grow(session->draft->place, session->draft->places + 1, sizeof *session->draft->place);
    session->draft->place[session->draft->places++] = mem_string(path);
}

size_t session_data_places(const struct session *session, const char *const **paths)
{
    struct session *own = (struct session *)session;
    if (!own->draft->places) {
        struct error unused;
        struct file_list list = {0};
        if (file_list_read(&list, own->samples, &unused))
            for (size_t i = 0; i < list.count; i++) {
                char *path = path_join(own->samples, list.name[i]);
                if (file_is_directory(path))
                    add_place(own, path);
                mem_free(path);
            }
        file_list_free(&list);
        char *recent[RECENT_MAX];
        for (size_t i = 0, count = recent_read("data", recent); i < count; i++) {
            add_place(own, recent[i]);
            mem_free(recent[i]);
        }
        if (own->draft->dataset)
            add_place(own, own->draft->dataset->path);
    }
    *paths = (const char *const *)own->draft->place;
    return own->draft->places;
}
