/* Taking back: the last changes of the model, of what is frozen and of settings, in the order in which they were made. The session keeps
 * the states of freezing; of a setting its values before are kept here, with those of settings that changed along. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "undo.h"

enum { STEPS = 64 };

struct change {
    char *key, *value; /* before */
};
struct step {
    struct change *change; /* [changes]; none, and no model: a change of what is frozen */
    size_t changes;
    struct session_kept_model *model; /* before another one was chosen; NULL: none was */
};
struct undo {
    struct step step[STEPS]; /* the newest last */
    int steps;
};

struct undo *undo_create(void)
{
    return mem_alloc(sizeof(struct undo));
}

static void drop(struct step *step)
{
    for (size_t i = 0; i < step->changes; i++) {
        mem_free(step->change[i].key);
        mem_free(step->change[i].value);
    }
    mem_free(step->change);
    session_forget_model(step->model);
}

void undo_forget(struct undo *undo)
{
    while (undo->steps > 0)
        drop(&undo->step[--undo->steps]);
}

void undo_destroy(struct undo *undo)
{
    if (undo)
        undo_forget(undo);
    mem_free(undo);
}

static struct step *push(struct undo *undo)
{
    if (undo->steps == STEPS) {
        drop(&undo->step[0]);
        memmove(undo->step, undo->step + 1, sizeof undo->step[0] * (STEPS - 1));
        undo->steps--;
    }
    undo->step[undo->steps] = (struct step){0};
    return &undo->step[undo->steps++];
}

void undo_froze(struct undo *undo)
{
    push(undo);
}

struct session_kept_model *undo_before_model(struct session *session)
{
    return session_keep_model(session);
}

void undo_chose(struct undo *undo, struct session_kept_model *before, bool chosen)
{
    if (chosen && before)
        push(undo)->model = before;
    else
        session_forget_model(before);
}

/* What all settings are; the rows of the session change with the next assignment, some come and go. */
static struct change *read_all(struct session *session, size_t *count)
{
    const struct session_setting *setting;
    *count = session_settings(session, &setting);
    struct change *all = mem_array(*count + 1, sizeof *all);
    for (size_t i = 0; i < *count; i++)
        all[i] = (struct change){mem_string(setting[i].key), mem_string(setting[i].value)};
    return all;
}

static const struct change *find(const struct change *all, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].key, key) == 0)
            return &all[i];
    return NULL;
}

static void keep(struct step *step, const char *key, const char *value)
{
    step->change = mem_grow(step->change, step->changes + 1, sizeof *step->change);
    step->change[step->changes++] = (struct change){mem_string(key), mem_string(value)};
}

static bool is_assigned(const char *assignment, const char *key)
{
    size_t length = strlen(key);
    return strncmp(assignment, key, length) == 0 && assignment[length] == '=';
}

/* What was another value before, with none where there was no such row; a row that is gone had its value. What was
 * assigned is first: the step is named by it. */
static struct step compare(const struct step *before, const struct step *after, const char *assignment)
{
    struct step changed = {0};
    for (size_t i = 0; i < before->changes; i++) {
        const struct change *was = &before->change[i], *is = find(after->change, after->changes, was->key);
        if (!is || strcmp(was->value, is->value) != 0)
            keep(&changed, was->key, was->value);
    }
    for (size_t i = 0; i < after->changes; i++)
        if (!find(before->change, before->changes, after->change[i].key))
            keep(&changed, after->change[i].key, "");
    for (size_t i = 1; i < changed.changes; i++)
        if (is_assigned(assignment, changed.change[i].key)) {
            struct change first = changed.change[0];
            changed.change[0] = changed.change[i];
            changed.change[i] = first;
        }
    return changed;
}

/* Another model takes its layers along. */
static bool is_of_model(const struct step *changed)
{
    return find(changed->change, changed->changes, "model.name") ||
           find(changed->change, changed->changes, "model.weights");
}

bool undo_set(struct undo *undo, struct session *session, const char *assignment, struct error *error)
{
    struct step before = {0}, after = {0}, changed = {0};
    struct session_kept_model *model = strncmp(assignment, "model.", 6) == 0 ? session_keep_model(session) : NULL;
    before.change = read_all(session, &before.changes);
    bool done = session_set(session, assignment, error);
    if (done) {
        after.change = read_all(session, &after.changes);
        changed = compare(&before, &after, assignment);
        drop(&after);
    }
    if (model && is_of_model(&changed)) {
        drop(&changed);
        push(undo)->model = model;
        model = NULL;
    } else if (changed.changes > 0) {
        *push(undo) = changed;
    }
    session_forget_model(model);
    drop(&before);
    return done;
}

/* Settings that exclude each other: what is emptied first does not empty the other again. */
static bool restore(struct session *session, const struct step *step, struct error *error)
{
    for (int filled = 0; filled < 2; filled++)
        for (size_t i = 0; i < step->changes; i++) {
            const struct change *change = &step->change[i];
            if ((change->value[0] != 0) != (filled == 1))
                continue;
            char *assignment = mem_format("%s=%s", change->key, change->value);
            bool done = session_set(session, assignment, error);
            mem_free(assignment);
            if (!done)
                return false;
        }
    return true;
}

/* By the name of its row in the list, or of its architecture. */
static void tell_model(struct session *session, char *what, size_t room)
{
    const struct session_model *models;
    size_t count = session_models(session, &models);
    long row = session_chosen_model(session);
    snprintf(what, room, "%s is chosen again", row >= 0 && (size_t)row < count ? models[row].name : "the model before");
}

enum undone undo_last(struct undo *undo, struct session *session, char *what, size_t room, struct error *error)
{
    while (undo->steps > 0) {
        struct step step = undo->step[--undo->steps];
        bool frozen = step.changes == 0 && !step.model, chosen = step.model != NULL;
        struct error unused;
        if (frozen && !session_undo_freeze(session, &unused)) { /* another model was chosen since */
            drop(&step);
            continue;
        }
        bool done =
            frozen || (chosen ? session_put_back_model(session, step.model, error) : restore(session, &step, error));
        if (chosen)
            tell_model(session, what, room);
        else if (frozen)
            snprintf(what, room, "the last freezing or thawing");
        else
            snprintf(what, room, "%s is %s again", step.change[0].key,
                     step.change[0].value[0] ? step.change[0].value : "empty");
        drop(&step);
        return !done ? UNDO_FAILED : chosen ? UNDO_MODEL : frozen ? UNDO_FROZE : UNDO_SET;
    }
    return UNDO_NOTHING;
}
