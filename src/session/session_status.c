/* What is read off the shown run's story: status, curves, marks. */
#include "config.h"

#include <math.h>
#include <stdio.h>

#include "session_private.h"
#include "thaw/base/mem.h"

bool session_phase_is_live(enum session_phase phase)
{
    return phase >= SESSION_STARTING && phase <= SESSION_VALIDATING;
}

enum session_phase view_phase(const struct view *view)
{
    static const enum session_phase phases[] = {
        [STORY_PREPARING] = SESSION_PREPARING,     [STORY_FEATURES] = SESSION_FEATURES,
        [STORY_TRAINING] = SESSION_RUNNING,        [STORY_PAUSED] = SESSION_PAUSED,
        [STORY_VALIDATING] = SESSION_VALIDATING,   [STORY_FINISHED] = SESSION_FINISHED,
        [STORY_STOPPED] = SESSION_STOPPED,         [STORY_EARLY] = SESSION_EARLY,
        [STORY_INTERRUPTED] = SESSION_INTERRUPTED, [STORY_FAILED] = SESSION_FAILED,
        [STORY_BROKEN_OFF] = SESSION_BROKEN_OFF,
    };
    _Static_assert(THAW_LENGTH(phases) == STORY_STATES, "one a state");
    enum link_state line = link_state(view->link);
    if (line == LINK_FAILED && view->story.done.kind != EVENT_DONE)
        return SESSION_FAILED;
    if (line == LINK_STARTING)
        return SESSION_STARTING;
    bool alive = line == LINK_LIVE || line == LINK_WAITING ||
                 (link_is_replay(view->link) && rundir_is_active(link_run(view->link)));
    return phases[story_state(&view->story, alive)];
}

const char *view_words(const struct view *view)
{
    enum session_phase phase = view_phase(view);
    bool alive = session_phase_is_live(phase);
    if (phase == SESSION_STARTING)
        return link_host(view->link)[0] ? "calling" : "starting";
    if (phase == SESSION_FAILED)
        return story_state_word(STORY_FAILED);
    return story_state_word(story_state(&view->story, alive));
}

static double or_none(double figure)
{
    return isnan(figure) ? -1 : figure;
}

static void fill_figures(const struct story *story, struct session_status *status)
{
    const struct metric_definition *metric = story_metric(story);
    status->accuracy = status->val_accuracy = -1;
    if (metric) {
        status->accuracy = or_none(metrics_get(&story->figures, metric->name));
        status->val_accuracy = or_none(metrics_get(&story->val_figures, metric->name));
    }
    status->best_accuracy = or_none(story->best);
    status->best_loss = or_none(story->best_loss);
    status->best_epoch = story->best_epoch;
    status->loss = story->loss;
    status->val_loss = isnan(story->val_loss) ? -1 : story->val_loss;
    status->val_judged = story->val_images;
    status->val_judged_most = story->val_images_most;
}

static void fill_story(const struct story *story, struct session_status *status)
{
    if (story->run.kind == EVENT_RUN) {
        snprintf(status->model, sizeof status->model, "%s", story->run.u.run.model);
        snprintf(status->data, sizeof status->data, "%s", story->run.u.run.data);
        status->val_images = story->run.u.run.val_images;
    }
    status->epoch = story->epoch;
    status->epochs = story->epochs;
    status->epochs_done = story->epochs_done;
    status->batch = story_batch(story, &status->batches);
    status->step = story->step;
    status->lr = story->lr;
    fill_figures(story, status);
    status->images_per_second = story->rate;
    status->elapsed = story->elapsed;
    status->trainable = (double)story->trainable;
    status->frozen = (double)story->frozen;
    status->features_kept = story_keeps_features(story);
    if (status->phase == SESSION_FEATURES) {
        status->features_done = (size_t)(story->phase_done > 0 ? story->phase_done : 0);
        status->features_all = (size_t)(story->phase_all > 0 ? story->phase_all : 0);
    }
    if (story->proof.kind == EVENT_FREEZE_PROOF) {
        status->proof_held = story->proof.u.proof.held;
        status->proof_tensors = story->proof.u.proof.tensors;
    }
}

static const struct view_stage *stage_of(const struct view *view, int epoch)
{
    for (int i = 0; i < view->stages_known; i++)
        if (view->stage[i].epoch == epoch)
            return &view->stage[i];
    return NULL;
}

/* The next thaw to come behind an epoch; 0: none comes any more. */
static int next_thaw(const struct story *story, int epoch)
{
    int next = 0;
    for (size_t i = 0; i < story->thaws; i++) {
        const struct story_thaw *thaw = &story->thaw[i];
        if (!thaw->made && thaw->epoch > epoch && thaw->epoch <= story->epochs && (!next || thaw->epoch < next))
            next = thaw->epoch;
    }
    return next;
}

/* Epochs behind a thaw take longer than those before it: as long as was reckoned for them, and where nothing was, at least
 * as long as now. */
static void fill_remaining(const struct view *view, struct session_status *status)
{
    const struct story *story = &view->story;
    int thaw = next_thaw(story, story->epoch);
    status->remaining = story_remaining_until(story, thaw ? thaw - 1 : story->epochs);
    double pace = thaw ? story_remaining_until(story, thaw) - status->remaining : 0;
    while (thaw && status->remaining >= 0) {
        const struct view_stage *stage = stage_of(view, thaw);
        int next = next_thaw(story, thaw), epochs = (next ? next : story->epochs + 1) - thaw;
        int firsts = stage && stage->firsts < epochs ? stage->firsts : epochs;
        status->remaining_least = status->remaining_least || !stage || stage->least;
        status->remaining += stage ? firsts * stage->first + (epochs - firsts) * stage->later : epochs * pace;
        thaw = next;
    }
}

/* Why it failed: the run's own last words, or the link's. */
static void fill_error(const struct view *view, struct session_status *status)
{
    const struct event *done = &view->story.done;
    if (status->phase != SESSION_FAILED)
        return;
    const char *why = done->kind == EVENT_DONE ? done->u.done.text : link_sentence(view->link);
    error_set(&status->error, ERROR_FAILED, "%s", why);
}

void session_status(struct session *session, struct session_status *status)
{
    const struct view *view = view_shown(session);
    *status = (struct session_status){.phase = SESSION_IDLE,
                                      .words = "idle",
                                      .accuracy = -1,
                                      .val_accuracy = -1,
                                      .best_accuracy = -1,
                                      .remaining = -1};
    if (!view)
        return;
    status->phase = view_phase(view);
    status->words = view_words(view);
    snprintf(status->run, sizeof status->run, "%s", link_run(view->link));
    snprintf(status->host, sizeof status->host, "%s", link_host(view->link));
    status->writes = link_writes(view->link) && session_phase_is_live(status->phase);
    status->replay = link_is_replay(view->link);
    status->speed = link_speed(view->link);
    view_line_words(view, status->line, sizeof status->line);
    fill_story(&view->story, status);
    fill_remaining(view, status);
    if (!session_phase_is_live(status->phase))
        status->remaining = -1;
    fill_error(view, status);
}

size_t session_curve(const struct session *session, enum session_curve curve, const struct story_point **points)
{
    const struct view *view = view_shown(session);
    *points = NULL;
    if (!view)
        return 0;
    const struct story *story = &view->story;
    const struct story_curve *curves[SESSION_CURVES] = {
        [SESSION_TRAIN_LOSS] = &story->train_loss,
        [SESSION_VAL_LOSS] = &story->val_loss_curve,
        [SESSION_TRAIN_ACCURACY] = &story->train_figure[0],
        [SESSION_VAL_ACCURACY] = &story->val_figure[0],
        [SESSION_LR] = &story->lr_curve,
    };
    *points = curves[curve]->point;
    return curves[curve]->points;
}

size_t session_notes(const struct session *session, const struct story_note **notes)
{
    const struct view *view = view_shown(session);
    *notes = view ? view->story.note : NULL;
    return view ? view->story.notes : 0;
}

size_t session_thaws(const struct session *session, const struct story_thaw **thaws)
{
    const struct view *view = view_shown(session);
    *thaws = view ? view->story.thaw : NULL;
    return view ? view->story.thaws : 0;
}
