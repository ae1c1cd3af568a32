/* See the header. */
#include "config.h"

#include "run_lines.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/run/rundir.h"

void run_lines_init(struct run_lines *lines, FILE *out, bool quiet)
{
    *lines = (struct run_lines){.out = out, .terminal = !quiet && isatty(STDERR_FILENO), .quiet = quiet};
    story_init(&lines->story);
}

void run_lines_finish(struct run_lines *lines)
{
    story_finish(&lines->story);
}

/* --- the bar --- */

static void erase_bar(const struct run_lines *lines)
{
    if (lines->terminal && lines->bar_at > 0)
        say_bar_over();
}

static void draw_bar(struct run_lines *lines)
{
    enum { WIDTH = 30 };
    const struct story *story = &lines->story;
    double now = clock_monotonic();
    int batches, batch = story_batch(story, &batches);
    if (!lines->terminal || now - lines->bar_at < 0.1 || batches < 1)
        return;
    lines->bar_at = now;
    if (story->phase == EVENT_PHASE_FEATURES) {
        say_bar("frozen part: %d of %d images", story->phase_done, story->phase_all);
    } else {
        int filled = (int)((double)WIDTH * batch / batches);
        say_bar("epoch %d/%d [%.*s%.*s] %d/%d  loss %.4f  %.0f images/s", story->epoch, story->epochs, filled,
                "##############################", WIDTH - filled, "..............................", batch, batches,
                story->loss, story->rate);
    }
    fflush(stderr);
}

/* --- lines --- */

/* A figure as people read it: shares in per cent. */
static void put_figure(const struct run_lines *lines, double value)
{
    const struct metric_definition *metric = story_metric(&lines->story);
    bool share = metric && strcmp(metric->unit, "share") == 0;
    if (share)
        say_on(lines->out, "%.2f %%", 100 * value);
    else
        say_on(lines->out, "%.4g %s", value, metric ? metric->unit : "");
}

static const char *figure_name(const struct run_lines *lines)
{
    const struct metric_definition *metric = story_metric(&lines->story);
    return metric ? metric->name : "accuracy";
}

static void tell_run(const struct run_lines *lines)
{
    const struct event *run = &lines->story.run;
    say_on(lines->out, "%s on %s: %d classes, %d training and %d validation images\n", run->u.run.model,
           run->u.run.data, run->u.run.classes, run->u.run.train_images, run->u.run.val_images);
    if (run->u.run.layout)
        say_on(lines->out, "data: %s\n", run->u.run.layout);
    if (run->u.run.parent[0])
        say_on(lines->out, "forked from %s\n", run->u.run.parent);
    if (run->u.run.weights[0])
        say_on(lines->out, "weights: %s\n", run->u.run.weights);
    say_on(lines->out, "%llu parameters learn, %llu are frozen; %d epochs of %d steps, seed %llu\n",
           (unsigned long long)lines->story.trainable, (unsigned long long)lines->story.frozen, lines->story.epochs,
           run->u.run.steps_per_epoch, (unsigned long long)run->u.run.seed);
    if (run->u.run.memory > 0) /* runs of older versions do not say */
        say_on(lines->out, "takes %.0f MB of memory, decoded images apart", (double)run->u.run.memory / 1e6);
    if (run->u.run.recomputed > 0)
        say_on(lines->out,
               ", and to keep to that computes %d layers again: %.1f %% of the forward pass's multiply-adds",
               run->u.run.recomputed, 100 * run->u.run.recomputed_share);
    if (run->u.run.memory > 0)
        say_on(lines->out, "\n");
}

/* What the frozen part gives is known: from the cache, or computed now. */
static void tell_features(const struct run_lines *lines, const struct event *event)
{
    const char *images = event->u.features.validation ? "validation" : "training", *from = event->u.features.from;
    say_on(lines->out, "frozen part of %d %s images: ", event->u.features.images, images);
    if (event->u.features.computed == 0)
        say_on(lines->out, "all kept from before");
    else
        say_on(lines->out, "%d computed%s%s in %.1f s", event->u.features.computed, from[0] ? " from " : "", from,
               event->u.features.seconds);
    say_on(lines->out, ", %.1f MB%s\n", (double)event->u.features.bytes / 1e6,
           event->u.features.in_memory ? " in memory" : "");
}

/* An epoch's line, once all is known of it: with validation images only after they were judged. */
static void tell_epoch(const struct run_lines *lines, const struct event *event)
{
    const struct story *story = &lines->story;
    say_on(lines->out, "epoch %d/%d  loss %.4f  %s ", event->epoch, story->epochs, story->loss, figure_name(lines));
    put_figure(lines, metrics_get(&story->figures, figure_name(lines)));
    if (event->kind == EVENT_EVAL) {
        say_on(lines->out, "  validation loss %.4f  %s ", event->u.eval.loss, figure_name(lines));
        put_figure(lines, metrics_get(&event->u.eval.metrics, figure_name(lines)));
        say_on(lines->out, "%s", event->u.eval.best ? "  best" : "");
        if (event->u.eval.images > 0 && event->u.eval.images < story->val_images_most)
            say_on(lines->out, "  (on %d images of %d)", event->u.eval.images, story->val_images_most);
    }
    say_on(lines->out, "  %.1f s\n", event->elapsed);
}

static void tell_text(const struct run_lines *lines, FILE *to, const char *before, const char *text)
{
    (void)lines;
    say_on(to, "%s%s\n", before, text ? text : "");
}

static void tell_command(const struct run_lines *lines, const struct event *event)
{
    if (event->u.command.done || lines->story.notes == 0)
        return;
    tell_text(lines, lines->out, "", lines->story.note[lines->story.notes - 1].text);
}

/* The layers in the story's words: "thaw layer3". */
static void tell_plan(const struct run_lines *lines, bool frozen)
{
    const char *text = lines->story.note[lines->story.notes - 1].text;
    tell_text(lines, lines->out, frozen ? "froze " : "thawed ", text + strcspn(text, " ") + 1);
}

static void tell(const struct run_lines *lines, const struct event *event)
{
    switch (event->kind) {
    case EVENT_RUN:
        tell_run(lines);
        break;
    case EVENT_EPOCH:
        if (lines->story.run.kind == EVENT_RUN && lines->story.run.u.run.val_images == 0)
            tell_epoch(lines, event);
        break;
    case EVENT_EVAL:
        tell_epoch(lines, event);
        break;
    case EVENT_FEATURES:
        tell_features(lines, event);
        break;
    case EVENT_LR:
        say_on(lines->out, "learning rate %g -> %g\n", event->u.lr.from, event->u.lr.to);
        break;
    case EVENT_THAW:
        tell_plan(lines, event->u.thaw.frozen);
        say_on(lines->out, "%llu parameters learn\n", (unsigned long long)event->u.thaw.params_trainable);
        break;
    case EVENT_FREEZE_PROOF:
        if (!event->u.proof.held)
            tell_text(lines, stderr, "thaw: a frozen tensor moved: ", event->u.proof.moved);
        break;
    case EVENT_WARNING:
        tell_text(lines, stderr, "thaw: warning: ", event->u.warning.text);
        break;
    case EVENT_PAUSE:
        say_on(lines->out, "%s\n", event->u.pause.paused ? "paused" : "continued");
        break;
    case EVENT_EPOCHS:
        say_on(lines->out, "epochs %d -> %d\n", event->u.epochs.from, event->u.epochs.to);
        break;
    case EVENT_NOTE:
        tell_text(lines, lines->out, "note: ", event->u.note.text);
        break;
    case EVENT_COMMAND:
        tell_command(lines, event);
        break;
    case EVENT_FORK:
        tell_run(lines);
        tell_text(lines, lines->out, "going on from ", event->u.fork.from);
        break;
    default:
        break;
    }
}

void run_lines_tell(struct run_lines *lines, const struct event *event)
{
    if (event)
        story_add(&lines->story, event);
    if (lines->quiet)
        return;
    if (!event || event->kind == EVENT_STEP) {
        draw_bar(lines);
        return;
    }
    erase_bar(lines);
    tell(lines, event);
    fflush(lines->out);
}

static void fold(void *context, const struct event *event)
{
    struct run_lines *lines = context;
    story_add(&lines->story, event);
}

bool run_lines_catch_up(struct run_lines *lines, const char *run, struct error *error)
{
    bool good = rundir_read(run, &(struct event_sink){.emit = fold, .context = lines}, NULL, error);
    enum story_state state = story_state(&lines->story, false);
    lines->was_over = state == STORY_FINISHED || state == STORY_EARLY;
    lines->was_at = lines->story.step;
    return good;
}

/* --- the end --- */

/* What is not known is null: NAN stands for it in a story. */
static json_t *count_json(bool known, uint64_t value)
{
    return known ? json_integer((json_int_t)value) : json_null();
}

static void end_json(const struct run_lines *lines, const char *run, const char *how)
{
    const struct story *story = &lines->story;
    const struct event *first = &story->run;
    bool began = first->kind == EVENT_RUN;
    const char *name = figure_name(lines);
    json_t *object = json_pack(
        "{s:o, s:s, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o}", "run", text_to_json(run), "how", how, "model",
        began ? print_json_told(first->u.run.model) : json_null(), "weights",
        began ? print_json_told(first->u.run.weights) : json_null(), "data",
        began ? print_json_told(first->u.run.data) : json_null(), "epochs", story->epochs_done, "classes",
        count_json(began, began ? (uint64_t)first->u.run.classes : 0), "best_accuracy", print_json_real(story->best),
        "best_epoch", count_json(story->best_epoch > 0, (uint64_t)story->best_epoch), "accuracy",
        print_json_real(metrics_get(&story->val_figures, name)), "loss", print_json_real(story->val_loss));
    bool passed = story->epochs_done > 0;
    json_t *more =
        json_pack("{s:o, s:o, s:f, s:o, s:o, s:o}", "train_accuracy",
                  print_json_real(passed ? metrics_get(&story->figures, name) : NAN), "train_loss",
                  print_json_real(passed ? story->loss : NAN), "seconds", story->elapsed, "params_trainable",
                  count_json(began, story->trainable), "params_frozen", count_json(began, story->frozen), "freeze_held",
                  story->proof.kind == EVENT_FREEZE_PROOF ? json_boolean(story->proof.u.proof.held) : json_null());
    json_object_update(object, more);
    json_decref(more);
    app_json(object);
}

static void end_plain(const struct run_lines *lines, const char *run, const char *how)
{
    const struct story *story = &lines->story;
    if (!isnan(story->best)) {
        say_on(lines->out, "best validation %s ", figure_name(lines));
        put_figure(lines, story->best);
        say_on(lines->out, " at epoch %d; ", story->best_epoch);
    }
    if (lines->was_over && lines->was_at == story->step)
        say_on(lines->out, "nothing was left to train, as it had %s; --epochs N gives it more\nrun: %s\n", how, run);
    else
        say_on(lines->out, "%s after %.1f s\nrun: %s\n", how, story->elapsed, run);
}

int run_lines_end(struct run_lines *lines, const char *run, bool json)
{
    enum story_state state = story_state(&lines->story, false);
    const char *how = story_state_word(lines->story.done.kind == EVENT_DONE ? state : STORY_FAILED);
    erase_bar(lines);
    if (json)
        end_json(lines, run, state == STORY_BROKEN_OFF ? story_state_word(state) : how);
    else if (lines->story.done.kind == EVENT_DONE)
        end_plain(lines, run, how);
    return run_lines_code(lines);
}

int run_lines_code(const struct run_lines *lines)
{
    switch (story_state(&lines->story, false)) {
    case STORY_FINISHED:
    case STORY_EARLY:
        return 0;
    case STORY_STOPPED:
        return error_exit_code(ERROR_STOPPED);
    case STORY_INTERRUPTED:
        return error_exit_code(ERROR_INTERRUPTED);
    default:
        return error_exit_code(ERROR_FAILED);
    }
}
