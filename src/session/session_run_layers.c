/* The layers of the shown run, as its story tells them: no graph is needed, so that a run on another machine has them
 * too. A change is asked for as a whole plan; what is shown is what the run says that it has. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/mem.h"

void run_layers_finish(struct view *view)
{
    mem_free(view->layer);
    mem_free(view->layer_row);
    view->layer = NULL;
    view->layer_row = NULL;
    view->layers = 0;
}

static void add_stage(struct view *view, const struct event_layer *first)
{
    int stage = view->stages++;
    view->layer_row[view->layers] = -1;
    struct session_layer *row = &view->layer[view->layers++];
    *row = (struct session_layer){.stage = stage, .is_stage = true, .update_ratio = -1};
    snprintf(row->name, sizeof row->name, "%s", first->stage);
}

static void add_layer(struct view *view, int index)
{
    const struct event_layer *layer = &view->story.layer[index];
    view->layer_row[view->layers] = index;
    view->layer[view->layers++] = layers_row(layer, view->stages - 1);
}

static void sum_stages(struct view *view)
{
    struct session_layer *stage = NULL;
    int inside = 0;
    for (size_t i = 0; i < view->layers; i++) {
        struct session_layer *row = &view->layer[i];
        if (row->is_stage) {
            stage = row;
            inside = 0;
            continue;
        }
        if (!stage)
            continue;
        layers_add_to_stage(stage, row, ++inside);
    }
}

static void build(struct view *view)
{
    const struct story *story = &view->story;
    size_t most = 2 * (size_t)story->layers + 1;
    view->layer = mem_array(most, sizeof *view->layer);
    view->layer_row = mem_array(most, sizeof *view->layer_row);
    view->layers = 0;
    view->stages = 0;
    for (int i = 0; i < story->layers; i++) {
        if (i == 0 || strcmp(story->layer[i].stage, story->layer[i - 1].stage) != 0)
            add_stage(view, &story->layer[i]);
        add_layer(view, i);
    }
    sum_stages(view);
}

size_t run_layers(struct view *view, const struct session_layer **layers)
{
    const struct story *story = &view->story;
    if (!view->layer)
        build(view);
    struct session_layer *stage = NULL;
    for (size_t i = 0; i < view->layers; i++) {
        struct session_layer *row = &view->layer[i];
        int at = view->layer_row[i];
        if (at < 0) {
            stage = layers_begin_stage(row);
            continue;
        }
        layers_fill_marks(row, (unsigned)story->layer[at].marks, story_fixed(story, at));
        row->update_ratio = session_phase_is_live(view_phase(view)) ? story->update[at] : -1;
        layers_join_stage(stage, row);
    }
    *layers = view->layer;
    return view->layers;
}

static bool can_learn(enum session_mark mark)
{
    return mark == SESSION_MARK_THAWED || mark == SESSION_MARK_PARTLY;
}

void run_layers_counts(struct view *view, struct session_freeze_counts *counts)
{
    const struct story *story = &view->story;
    const struct session_layer *rows;
    size_t count = run_layers(view, &rows);
    counts->trainable = (double)story->trainable;
    counts->frozen = (double)story->frozen;
    bool below = false;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].is_stage)
            continue;
        bool learns = can_learn(rows[i].weights) || can_learn(rows[i].affine);
        counts->macs_forward += rows[i].macs;
        counts->macs_backward += rows[i].macs * (learns + below); /* as of a chain: the rows do not tell branches */
        below = below || learns;
        if (rows[i].all == SESSION_MARK_FROZEN)
            counts->layers_frozen++;
        else if (rows[i].all != SESSION_MARK_NONE)
            counts->layers_trainable++;
    }
}

/* --- asking for changes --- */

/* The plan as it is now, to be changed and asked for; NULL: the run has not told its layers. */
static char *plan_now(const struct view *view, struct error *error)
{
    if (view->story.fixed)
        return mem_string(view->story.fixed);
    error_set(error, ERROR_FAILED, "the run has not told its layers yet");
    return NULL;
}

static unsigned digit_value(char digit)
{
    return digit >= 'a' ? (unsigned)(digit - 'a') + 10 : (unsigned)(digit - '0');
}

static bool ask_plan(struct session *session, char *plan, const char *verb, const char *what, struct error *error)
{
    struct run_command command = {.kind = RUN_PLAN, .text = plan};
    char words[96];
    snprintf(words, sizeof words, "%s %s", verb, what);
    bool good = view_post(session, &command, words, error);
    mem_free(plan);
    return good;
}

bool run_layers_toggle(struct session *session, size_t row, unsigned marks, struct error *error)
{
    struct view *view = view_shown(session);
    const struct session_layer *rows;
    size_t count = run_layers(view, &rows);
    char *plan = plan_now(view, error);
    if (!plan)
        return false;
    size_t first = rows[row].is_stage ? row + 1 : row, end = row + 1;
    while (rows[row].is_stage && end < count && !rows[end].is_stage)
        end++;
    unsigned touched = 0;
    bool all_fixed = true;
    for (size_t i = first; i < end; i++) {
        int at = view->layer_row[i];
        unsigned own = (unsigned)view->story.layer[at].marks & marks;
        touched |= own;
        all_fixed = all_fixed && (digit_value(plan[at]) & own) == own;
    }
    if (!touched) {
        mem_free(plan);
        return error_set(error, ERROR_USAGE, "%s has nothing of that kind to freeze", rows[row].name);
    }
    for (size_t i = first; i < end; i++) {
        int at = view->layer_row[i];
        unsigned own = (unsigned)view->story.layer[at].marks & marks, now = digit_value(plan[at]);
        plan[at] = "0123456789abcdef"[all_fixed ? now & ~own : now | own];
    }
    return ask_plan(session, plan, all_fixed ? "thaw" : "freeze", rows[row].name, error);
}

/* Behind the cut, batch-norm statistics stay as the run has them. */
bool run_layers_upto(struct session *session, size_t row, struct error *error)
{
    struct view *view = view_shown(session);
    const struct session_layer *rows;
    size_t count = run_layers(view, &rows), end = row + 1;
    char *plan = plan_now(view, error);
    if (!plan)
        return false;
    while (rows[row].is_stage && end < count && !rows[end].is_stage)
        end++;
    for (size_t i = 0; i < count; i++) {
        int at = view->layer_row[i];
        if (at < 0)
            continue;
        unsigned own = (unsigned)view->story.layer[at].marks;
        plan[at] = "0123456789abcdef"[i < end ? own : digit_value(plan[at]) & own & SESSION_STATISTICS];
    }
    return ask_plan(session, plan, "freeze all up to", rows[row].name, error);
}

bool run_layers_match(struct session *session, const char *patterns, bool frozen, struct error *error)
{
    struct run_command command = run_command_make(frozen ? RUN_FREEZE : RUN_THAW, frozen ? 0 : 1, patterns);
    bool good = view_post(session, &command, NULL, error);
    run_command_finish(&command);
    return good;
}

bool run_layers_undo(struct session *session, struct error *error)
{
    return view_post(session, &(struct run_command){.kind = RUN_UNDO}, NULL, error);
}
