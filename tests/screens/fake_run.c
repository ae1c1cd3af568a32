/* The scripted session's runs: a live one that makes some steps with each session_pump along fixed curves, and recorded
 * ones to reopen. Linked with fake_session.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_state.h"
#include "thaw/base/mem.h"
#include "thaw/run/command.h"

/* --- the run --- */

bool fake_is_live(const struct session *session)
{
    return session_phase_is_live(session->status.phase);
}

void fake_note(struct session *session, enum event_kind kind, const char *text)
{
    if (session->notes == NOTES_MAX)
        return;
    struct story_note *note = &session->note[session->notes++];
    note->x = (double)session->status.step / FAKE_STEPS_EPOCH;
    note->kind = kind;
    note->text = session->note_text[session->notes - 1];
    snprintf(note->text, sizeof session->note_text[0], "%s", text);
}

static void add_point(struct session *session, enum session_curve curve, double y)
{
    if (session->points[curve] < POINTS_MAX)
        session->curve[curve][session->points[curve]++] =
            (struct story_point){(double)session->status.step / FAKE_STEPS_EPOCH, y};
}

static double noise(uint64_t step)
{
    uint64_t h = step * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
    return (double)(h >> 40) / (double)(1 << 24) - 0.5;
}

static int surer_first(const void *a, const void *b)
{
    const struct session_judged *one = a, *two = b;
    return (one->confidence < two->confidence) - (one->confidence > two->confidence);
}

/* An image for each count of the confusions. */
static void fill_judged(struct session *session)
{
    size_t count = 0;
    session->judged = mem_grow(session->judged, session->results.images + 1, sizeof *session->judged);
    session->judged_path = mem_grow(session->judged_path, session->results.images + 1, sizeof *session->judged_path);
    for (size_t i = 0; i < session->confusion_row[FAKE_CLASSES]; i++)
        for (unsigned n = 0; n < session->confusion[i].count; n++, count++) {
            const struct session_confusion *cell = &session->confusion[i];
            snprintf(session->judged_path[count], sizeof *session->judged_path, "/data/samples/indian/val/%s/%04zu.png",
                     fake_class_names[cell->truth], count);
            session->judged[count] = (struct session_judged){session->judged_path[count], cell->truth, cell->predicted,
                                                             0.6 + 0.7 * fabs(noise(count))};
        }
    qsort(session->judged, count, sizeof *session->judged, surer_first);
    session->results.judged = session->judged;
}

bool session_picture(struct session *session, const char *path, int *width, int *height, uint8_t **rgb,
                     struct error *error)
{
    char unused[160];
    if (strstr(path, "0013"))
        return error_set(error, ERROR_FAILED, "%s: it is not there", path);
    bool had = session->has_data;
    session->has_data = true;
    bool good = session_preview(session, true, 0, 0, width, height, rgb, unused, sizeof unused, error);
    session->has_data = had;
    return good;
}

static void fill_results(struct session *session, double accuracy)
{
    struct session_confusion *cell = session->confusion;
    session->results = (struct session_results){.classes = FAKE_CLASSES,
                                                .class_name = fake_class_names,
                                                .confusion = cell,
                                                .row = session->confusion_row,
                                                .epoch = session->status.best_epoch,
                                                .best = true,
                                                .version = ++session->evaluations};
    for (int t = 0; t < FAKE_CLASSES; t++) {
        unsigned total = (unsigned)fake_classes[t].val;
        unsigned right = (unsigned)lround(total * fmin(1, accuracy + 0.06 * noise((uint64_t)t + 3)));
        unsigned row[FAKE_CLASSES] = {[0] = 0};
        row[t] = right;
        row[(t + 1) % FAKE_CLASSES] += (total - right + 1) / 2;
        row[(t * 3 + 4) % FAKE_CLASSES] += (total - right) / 2;
        session->results.images += total;
        session->results.correct += row[t];
        session->confusion_row[t] = (size_t)(cell - session->confusion);
        for (int p = 0; p < FAKE_CLASSES; p++)
            if (row[p] > 0)
                *cell++ = (struct session_confusion){t, p, row[p]};
    }
    session->confusion_row[FAKE_CLASSES] = (size_t)(cell - session->confusion);
    fill_judged(session);
}

static void end_epoch(struct session *session)
{
    struct session_status *status = &session->status;
    double e = status->epoch;
    status->val_loss = 0.25 + 1.9 * exp(-e / 4) + 0.06 * noise(status->step + 7);
    status->val_accuracy = 0.94 - 0.78 * exp(-e / 3.5) + 0.02 * noise(status->step + 11);
    add_point(session, SESSION_VAL_LOSS, status->val_loss);
    add_point(session, SESSION_VAL_ACCURACY, status->val_accuracy);
    if (status->val_accuracy > status->best_accuracy) {
        status->best_accuracy = status->val_accuracy;
        status->best_epoch = status->epoch;
    }
    fill_results(session, status->val_accuracy);
    if (status->epoch >= status->epochs) {
        fake_phase(session, SESSION_FINISHED);
        fake_note(session, EVENT_DONE, "finished");
    }
}

static void make_step(struct session *session)
{
    struct session_status *status = &session->status;
    fake_phase(session, SESSION_RUNNING);
    status->step++;
    double e = (double)status->step / FAKE_STEPS_EPOCH;
    status->epoch = (int)((status->step - 1) / FAKE_STEPS_EPOCH) + 1;
    status->batch = (int)((status->step - 1) % FAKE_STEPS_EPOCH) + 1;
    status->loss = 0.12 + 2.2 * exp(-e / 3) + 0.3 * noise(status->step) * exp(-e / 6);
    status->accuracy = fmin(1, fmax(0, 0.97 - 0.85 * exp(-e / 3) + 0.2 * noise(status->step + 99)));
    status->elapsed = 0.5 * (double)status->step;
    status->remaining = 0.5 * (status->epochs * FAKE_STEPS_EPOCH - (double)status->step);
    status->images_per_second = 412 + 40 * noise(status->step + 5);
    status->proof_tensors = 62;
    status->proof_held = !session->break_proof;
    add_point(session, SESSION_TRAIN_LOSS, status->loss);
    add_point(session, SESSION_TRAIN_ACCURACY, status->accuracy);
    add_point(session, SESSION_LR, status->lr);
    if (status->batch == FAKE_STEPS_EPOCH)
        end_epoch(session);
}

size_t session_pump(struct session *session)
{
    struct session_status *status = &session->status;
    size_t made = 0;
    char wakes[64];
    while (read(session->pipe[0], wakes, sizeof wakes) > 0)
        continue;
    fake_pump_pull(session);
    if (session->opened) {
        session->opened = false;
        return 1;
    }
    bool may = (status->phase == SESSION_PREPARING || status->phase == SESSION_RUNNING) && !status->replay;
    for (int i = 0; may && i < session->steps && status->phase != SESSION_FINISHED; i++, made++)
        make_step(session);
    if (session->finish || (session->stopping && fake_is_live(session))) {
        fake_phase(session, session->finish ? SESSION_FINISHED : SESSION_STOPPED);
        status->remaining = -1;
        fake_note(session, EVENT_DONE, session->finish ? "finished" : "stopped by hand");
        session->stopping = session->finish = false;
        made++;
    }
    made += session->has_notice;
    struct session_freeze_counts counts;
    session_freeze_counts(session, &counts);
    status->trainable = counts.trainable;
    status->frozen = counts.frozen;
    fake_update_marks(session);
    return made;
}

void session_status(struct session *session, struct session_status *status)
{
    *status = session->status;
    if (!status->words)
        status->words = "idle";
    bool whole = !session_phase_is_live(status->phase) && status->batch == FAKE_STEPS_EPOCH;
    status->epochs_done = status->epoch - !whole;
}

/* --- views --- */

static void keep(struct session *session)
{
    if (session->shown >= 0)
        session->kept[session->shown] = session->status;
}

/* What is shown from here on is a view of its own, in the place of one that has ended where there is no room. */
static void add_view(struct session *session)
{
    keep(session);
    if (session->views < VIEWS)
        session->views++;
    session->shown = (long)session->views - 1;
}

size_t session_views(struct session *session)
{
    return session->views;
}

void session_view(struct session *session, size_t view, struct session_view *found)
{
    keep(session);
    const struct session_status *status = &session->kept[view];
    *found = (struct session_view){
        .phase = status->phase, .words = status->words, .epoch = status->epoch, .epochs = status->epochs};
    snprintf(found->name, sizeof found->name, "%.120s", strrchr(status->run, '/') + 1);
    snprintf(found->attach, sizeof found->attach, "%s", found->name);
    found->here = session->here;
    found->replay = status->replay;
}

long session_shown_view(const struct session *session)
{
    return session->shown;
}

void session_show_view(struct session *session, size_t view)
{
    keep(session);
    session->shown = (long)view;
    session->status = session->kept[view];
    session->subject = fake_is_live(session) ? SESSION_SHOWN_RUN : SESSION_NEXT_RUN;
}

void session_close_view(struct session *session, size_t view)
{
    keep(session);
    memmove(session->kept + view, session->kept + view + 1, (session->views - view - 1) * sizeof session->kept[0]);
    session->shown = -1;
    if (--session->views > 0) {
        session_show_view(session, session->views - 1);
        return;
    }
    fake_phase(session, SESSION_IDLE);
}

static void reset_run(struct session *session)
{
    memset(session->points, 0, sizeof session->points);
    session->notes = 0;
    session->results.classes = 0;
    struct session_status *status = &session->status;
    memset(status, 0, sizeof *status);
    status->accuracy = status->val_accuracy = status->best_accuracy = status->remaining = -1;
}

bool session_start(struct session *session, struct error *error)
{
    if (session->model < 0)
        return error_set(error, ERROR_USAGE, "no model chosen");
    if (!session->has_data)
        return error_set(error, ERROR_USAGE, "no data chosen");
    if (session_leaving_stops(session))
        return error_set(error, ERROR_USAGE, "a run is training already");
    add_view(session);
    reset_run(session);
    struct session_status *status = &session->status;
    session->recorded = false;
    fake_phase(session, SESSION_PREPARING);
    snprintf(status->run, sizeof status->run, "/data/runs/20261123-1000-%.400s", session->setting[SETTINGS - 1].value);
    snprintf(status->model, sizeof status->model, "%s", fake_models[session->model].name);
    snprintf(status->data, sizeof status->data, "%s", session->data_path);
    status->epochs = atoi(session->setting[0].value);
    status->batches = FAKE_STEPS_EPOCH;
    status->val_images = 498;
    status->epoch = 1;
    status->lr = atof(session->setting[3].value);
    return true;
}

static void answer(struct session *session, bool good, const char *words, const char *sentence)
{
    session->has_notice = true;
    session->notice.good = good;
    snprintf(session->notice.text, sizeof session->notice.text, "%.150s%s%.500s", words, sentence[0] ? ": " : "",
             sentence);
}

static void set_lr(struct session *session, double lr)
{
    char text[64];
    snprintf(text, sizeof text, "lr %g -> %g", session->status.lr, lr);
    session->status.lr = lr;
    fake_note(session, EVENT_LR, text);
}

static void do_command(struct session *session, const struct run_command *command)
{
    switch (command->kind) {
    case RUN_PAUSE:
    case RUN_CONTINUE:
        fake_phase(session, command->kind == RUN_PAUSE ? SESSION_PAUSED : SESSION_RUNNING);
        fake_note(session, EVENT_PAUSE, command->kind == RUN_PAUSE ? "paused" : "continued");
        break;
    case RUN_STOP:
        session->stopping = command->when == RUN_STOP_NOW;
        break;
    case RUN_SAVE:
        fake_note(session, EVENT_CHECKPOINT, "saved by hand");
        break;
    case RUN_LR:
        set_lr(session, command->rate > 0 ? session->status.lr * command->rate : command->value);
        break;
    case RUN_EPOCHS:
        session->status.epochs = (int)command->value;
        break;
    case RUN_NOTE:
        fake_note(session, EVENT_NOTE, command->text);
        break;
    default:
        break;
    }
}

/* false: refused, as a run does. */
static bool change_layers(struct session *session, const struct run_command *command, struct error *error)
{
    if (command->kind == RUN_UNDO)
        return session_undo_freeze(session, error);
    return session_freeze_match(session, command->text, command->kind == RUN_FREEZE, error);
}

bool session_tell(struct session *session, const char *words, struct error *error)
{
    struct run_command command;
    if (!run_command_parse(&command, words, error))
        return false;
    if (!fake_is_live(session)) {
        run_command_finish(&command);
        return error_set(error, ERROR_FAILED, "nobody trains in it");
    }
    struct error refusal = {0};
    char *said = run_command_words(&command);
    bool freezes = command.kind == RUN_FREEZE || command.kind == RUN_THAW || command.kind == RUN_UNDO;
    if (freezes && !change_layers(session, &command, &refusal))
        answer(session, false, said, refusal.text);
    else
        answer(session, true, said, "");
    do_command(session, &command);
    mem_free(said);
    run_command_finish(&command);
    ssize_t unused = write(session->pipe[1], "", 1);
    (void)unused;
    return true;
}

bool session_take_notice(struct session *session, struct session_notice *notice)
{
    bool has = session->has_notice;
    *notice = session->notice;
    session->has_notice = false;
    return has;
}

void fake_session_keep_features(struct session *session)
{
    session->status.features_kept = true;
}

void fake_session_warns(struct session *session, const char *text)
{
    fake_note(session, EVENT_WARNING, text);
}

void fake_session_no_validation(struct session *session)
{
    session->status.val_images = 0;
    session->no_validation = true;
    memset(&session->results, 0, sizeof session->results);
}

void fake_session_here(struct session *session)
{
    session->here = true;
}

void fake_session_line(struct session *session, const char *sentence)
{
    snprintf(session->status.line, sizeof session->status.line, "%s", sentence);
}

void fake_session_read_only(struct session *session)
{
    session->status.writes = false;
}

void fake_session_runs_train(struct session *session, size_t count)
{
    session->training = count;
    session->opened = true;
}

void fake_session_hide_layers(struct session *session, bool hide)
{
    session->layers_untold = hide;
}

void fake_session_runs_pause(struct session *session)
{
    session->running_paused = true;
}

size_t session_running(struct session *session, const struct session_running **running)
{
    static struct session_running rows[] = {
        {"/data/runs/20261121-141100-vgg-american", "20261121-141100-vgg-american", 3, 30, false},
        {"/data/runs/20261121-140500-ants-bees", "20261121-140500-ants-bees", 8, 15, false}};
    rows[0].paused = session->running_paused;
    *running = rows;
    return session->training;
}

void session_look_for_running(struct session *session)
{
    (void)session; /* what the test says is so now */
}

bool session_leaving_stops(struct session *session)
{
    return fake_is_live(session) && session->here && !session->status.replay;
}

enum session_subject session_subject(const struct session *session)
{
    return session->subject;
}

void session_set_subject(struct session *session, enum session_subject subject)
{
    session->subject = subject;
}

bool session_resume(struct session *session, const char *run, int epochs, struct error *error)
{
    const struct session_run *row = fake_find_run(session, run);
    if (!row || !session_open_run(session, run, false, error))
        return row ? false : error_set(error, ERROR_FAILED, "%s: not a run directory", run);
    session->status.epochs = epochs ? epochs : row->epochs;
    fake_phase(session, SESSION_RUNNING);
    return true;
}

bool session_replay(struct session *session, const char *run, double speed, struct error *error)
{
    if (!session_open_run(session, run, true, error))
        return false;
    session_replay_seek(session, 1);
    session->subject = SESSION_NEXT_RUN;
    session->status.replay = true;
    session->status.speed = speed;
    return true;
}

void session_replay_speed(struct session *session, double speed)
{
    session->status.speed = speed;
}

void session_replay_seek(struct session *session, int epoch)
{
    bool end = epoch > session->status.epochs;
    session->status.epoch = end ? session->status.epochs : epoch;
    session->status.batch = end ? session->status.batches : 1;
    fake_phase(session, end ? SESSION_FINISHED : SESSION_RUNNING);
    session->status.writes = false;
}

void fake_session_schedule(struct session *session, bool scheduled)
{
    session->scheduled = scheduled;
}

/* One made, one to come. */
size_t session_thaws(const struct session *session, const struct story_thaw **thaws)
{
    static char made[] = "layer3", coming[] = "layer2 @ lr*0.1";
    static const struct story_thaw rows[] = {{2, made, true}, {9, coming, false}};
    *thaws = rows;
    return session->scheduled ? THAW_LENGTH(rows) : 0;
}

bool session_phase_is_live(enum session_phase phase)
{
    return phase >= SESSION_STARTING && phase <= SESSION_VALIDATING;
}

/* The subject follows as the session's own does. */
void fake_phase(struct session *session, enum session_phase phase)
{
    static const char *const words[SESSION_PHASES] = {
        [SESSION_IDLE] = "idle",
        [SESSION_STARTING] = "starting",
        [SESSION_PREPARING] = "preparing",
        [SESSION_RUNNING] = "training",
        [SESSION_PAUSED] = "paused",
        [SESSION_VALIDATING] = "validating",
        [SESSION_FINISHED] = "finished",
        [SESSION_STOPPED] = "stopped",
        [SESSION_EARLY] = "stopped early",
        [SESSION_FAILED] = "failed",
        [SESSION_INTERRUPTED] = "interrupted",
        [SESSION_BROKEN_OFF] = "broken off",
        [SESSION_FEATURES] = "computing features",
    };
    bool was = fake_is_live(session);
    session->status.phase = phase;
    session->status.words = words[phase];
    session->status.writes = fake_is_live(session) && (session->status.writes || !was);
    if (was != fake_is_live(session))
        session->subject = was ? SESSION_NEXT_RUN : SESSION_SHOWN_RUN;
}

void fake_session_fail(struct session *session, const char *sentence)
{
    fake_phase(session, SESSION_FAILED);
    error_set(&session->status.error, ERROR_FAILED, "%s", sentence);
}

void fake_session_break_proof(struct session *session)
{
    session->break_proof = true;
}

void fake_session_finish_run(struct session *session)
{
    session->finish = true;
}

size_t session_curve(const struct session *session, enum session_curve curve, const struct story_point **points)
{
    *points = session->curve[curve];
    return session->points[curve];
}

size_t session_notes(const struct session *session, const struct story_note **notes)
{
    *notes = session->note;
    return session->notes;
}

void session_results_of(struct session *session, bool best)
{
    session->results.best = best;
    session->results.version = ++session->evaluations;
    session->results.epoch = best ? session->status.best_epoch : session->status.epoch;
}

const struct session_results *session_results(struct session *session)
{
    return session->results.classes > 0 ? &session->results : NULL;
}

bool session_results_pending(const struct session *session)
{
    return session->reading;
}

void fake_session_read_results(struct session *session, bool reading)
{
    session->reading = reading;
    session->results.classes = reading ? 0 : FAKE_CLASSES;
}

/* --- runs --- */

bool session_open_run(struct session *session, const char *path, bool read_only, struct error *error)
{
    (void)read_only;
    const struct session_run *run = fake_find_run(session, path);
    if (!run)
        return error_set(error, ERROR_FAILED, "%s: not a run directory", path);
    add_view(session);
    reset_run(session);
    struct session_status *status = &session->status;
    snprintf(status->run, sizeof status->run, "%s", run->path);
    snprintf(status->model, sizeof status->model, "%s", run->model);
    snprintf(status->data, sizeof status->data, "%s", run->data);
    status->epochs = run->epochs;
    status->batches = FAKE_STEPS_EPOCH;
    status->val_images = 498;
    status->lr = 0.05;
    for (int i = 0; i < run->epochs_done * FAKE_STEPS_EPOCH; i++)
        make_step(session);
    fake_phase(session, strcmp(run->state, "stopped") == 0    ? SESSION_STOPPED
                        : strcmp(run->state, "finished") == 0 ? SESSION_FINISHED
                                                              : SESSION_BROKEN_OFF);
    session->recorded = true;
    session->subject = SESSION_NEXT_RUN;
    status->elapsed = run->seconds;
    status->remaining = -1;
    return true;
}
