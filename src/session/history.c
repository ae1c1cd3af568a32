/* Gathers events into curves and marks. The x of everything is epochs done, as a fraction, so that curves of runs with
 * different batch sizes lie over each other. */
#include "config.h"

#include "history.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/mem.h"

void history_init(struct history *history)
{
    *history = (struct history){.best_accuracy = -1};
    struct event *none[] = {&history->run,  &history->last_epoch, &history->last_eval, &history->last_proof,
                            &history->done, &history->last_step,  &history->last_thaw};
    for (size_t i = 0; i < THAW_LENGTH(none); i++)
        none[i]->kind = EVENT_KINDS;
}

void history_finish(struct history *history)
{
    for (int i = 0; i < SESSION_CURVES; i++)
        mem_free(history->curve[i].point);
    mem_free(history->note);
    history_init(history);
}

static void add_point(struct history *history, enum session_curve which, double x, double y)
{
    struct history_curve *curve = &history->curve[which];
    /* A resumed run tells the steps after its checkpoint again: the later telling holds. */
    while (curve->points && curve->point[curve->points - 1].x >= x)
        curve->points--;
    if (curve->points == curve->room) {
        curve->room = curve->room ? 2 * curve->room : 256;
        curve->point = mem_grow(curve->point, curve->room, sizeof *curve->point);
    }
    curve->point[curve->points++] = (struct session_point){x, y};
}

static void add_note(struct history *history, double x, enum event_kind kind, const char *text)
{
    if (history->notes == history->notes_room) {
        history->notes_room = history->notes_room ? 2 * history->notes_room : 16;
        history->note = mem_grow(history->note, history->notes_room, sizeof *history->note);
    }
    struct session_note *note = &history->note[history->notes++];
    *note = (struct session_note){.x = x, .kind = kind};
    snprintf(note->text, sizeof note->text, "%s", text);
}

static double epochs_done(const struct history *history, const struct event *event)
{
    int steps = history->run.kind == EVENT_RUN ? history->run.u.run.steps_per_epoch : 0;
    return steps > 0 ? (double)event->step / steps : event->epoch;
}

static void add_eval(struct history *history, const struct event *event, double x)
{
    add_point(history, SESSION_VAL_LOSS, x, event->u.eval.loss);
    add_point(history, SESSION_VAL_ACCURACY, x, event->u.eval.accuracy);
    history->last_eval = *event;
    if (event->u.eval.best || event->u.eval.accuracy > history->best_accuracy) {
        history->best_accuracy = event->u.eval.accuracy;
        history->best_epoch = event->epoch;
    }
}

void history_add(struct history *history, const struct event *event)
{
    char text[EVENT_TEXT_MAX];
    double x = epochs_done(history, event);
    if (event->elapsed > history->elapsed)
        history->elapsed = event->elapsed;
    switch (event->kind) {
    case EVENT_RUN:
        history->run = *event;
        break;
    case EVENT_STEP:
        add_point(history, SESSION_TRAIN_LOSS, x, event->u.step_.loss);
        add_point(history, SESSION_LR, x, event->u.step_.lr);
        if (event->u.step_.images > 0)
            add_point(history, SESSION_TRAIN_ACCURACY, x, (double)event->u.step_.correct / event->u.step_.images);
        history->last_step = *event;
        break;
    case EVENT_EPOCH:
        history->last_epoch = *event;
        break;
    case EVENT_EVAL:
        add_eval(history, event, x);
        break;
    case EVENT_LR:
        snprintf(text, sizeof text, "lr %.3g -> %.3g", event->u.lr.from, event->u.lr.to);
        add_note(history, x, EVENT_LR, text);
        break;
    case EVENT_THAW:
        snprintf(text, sizeof text, "%s %.200s", event->u.thaw.frozen ? "freeze" : "thaw", event->u.thaw.layers);
        add_note(history, x, EVENT_THAW, text);
        history->last_thaw = *event;
        break;
    case EVENT_FREEZE_PROOF:
        history->last_proof = *event;
        if (!event->u.proof.held) {
            snprintf(text, sizeof text, "frozen, but moved: %s", event->u.proof.moved);
            add_note(history, x, EVENT_FREEZE_PROOF, text);
        }
        break;
    case EVENT_WARNING:
        add_note(history, x, EVENT_WARNING, event->u.warning.text);
        break;
    case EVENT_PAUSE:
        history->paused = event->u.pause.paused;
        break;
    case EVENT_FORK:
        add_note(history, x, EVENT_FORK, "resumed");
        break;
    case EVENT_DONE:
        history->done = *event;
        break;
    case EVENT_CHECKPOINT:
    case EVENT_FEATURES:
    case EVENT_KINDS:
        break;
    }
}
