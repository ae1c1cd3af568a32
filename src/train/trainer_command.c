/* Commands: taken from the queue between two batches, done or refused, answered, and left in the run as events. A change
 * that cannot be made leaves the run as it was and its sentence with whoever asked for it. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/train/layer_rows.h"
#include "trainer_private.h"

/* --- answers --- */

static void answer(struct trainer *trainer, const struct run_command *command, bool done, const char *sentence)
{
    struct run_answer answer = {.id = command->id, .done = done};
    snprintf(answer.sentence, sizeof answer.sentence, "%.*s", (int)sizeof answer.sentence - 1, sentence);
    if (trainer->sink.answer && !trainer->repeated)
        trainer->sink.answer(trainer->sink.context, &answer);
}

void trainer_tell_command(struct trainer *trainer, const struct run_command *command, bool done, const char *sentence)
{
    struct event event = {.kind = EVENT_COMMAND, .u.command = {.done = done, .batch = trainer->at.batch}};
    if (done)
        event.u.command.number = trainer->repeated ? trainer->repeated->number : ++trainer->recorded.last;
    event.u.command.command = run_command_to_json(command);
    snprintf(event.u.command.by, sizeof event.u.command.by, "%s", command->by);
    snprintf(event.u.command.sentence, sizeof event.u.command.sentence, "%.*s", EVENT_TEXT_MAX - 1, sentence);
    trainer_emit(trainer, &event);
    event_finish(&event);
}

static void accept(struct trainer *trainer, const struct run_command *command)
{
    trainer_tell_command(trainer, command, true, "");
}

static void refuse(struct trainer *trainer, const struct run_command *command, const char *sentence)
{
    if (run_command_row(command->kind)->writes && trainer->speaking && trainer->rundir)
        trainer_tell_command(trainer, command, false, sentence);
    answer(trainer, command, false, sentence);
}

/* --- the learning rate --- */

static uint64_t position(const struct trainer *trainer)
{
    const struct checkpoint *at = &trainer->at;
    return (uint64_t)(at->epoch - 1) * (uint64_t)trainer->feed[DATASET_TRAIN].batches + (uint64_t)at->batch;
}

double trainer_lr(const struct trainer *trainer)
{
    return schedule_lr(&trainer->experiment, trainer->at.lr, position(trainer), trainer->feed[DATASET_TRAIN].batches);
}

/* Says what has become of the next step's rate. */
static void tell_lr(struct trainer *trainer, double from)
{
    struct event event = {.kind = EVENT_LR, .u.lr = {.from = from, .to = trainer_lr(trainer)}};
    if (event.u.lr.to != from)
        trainer_emit(trainer, &event);
}

static bool change_lr(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    double from = trainer_lr(trainer), to = command->rate > 0 ? from * command->rate : command->value;
    if (!(to > 0) || !isfinite(to))
        return error_set(error, ERROR_USAGE, "a learning rate of %g cannot be set: it must be a number over 0", to);
    accept(trainer, command);
    trainer->at.lr = (struct schedule_base){.base = to, .anchor = position(trainer)};
    tell_lr(trainer, from);
    return true;
}

/* --- the freeze plan --- */

static void tell_plan(struct trainer *trainer, const struct run_command *command, char *layers, bool frozen,
                      double factor)
{
    struct freeze_counts counts = freeze_counts(trainer->freeze, trainer->graph);
    struct event event = {.kind = EVENT_THAW};
    event.u.thaw.layers = layers;
    event.u.thaw.fixed = layer_rows_plan(trainer->freeze, trainer->graph);
    event.u.thaw.frozen = frozen;
    event.u.thaw.by_hand = command != NULL;
    event.u.thaw.lr_factor = factor;
    event.u.thaw.params_trainable = counts.trainable;
    event.u.thaw.params_frozen = counts.frozen;
    if (!trainer_emit(trainer, &event))
        trainer->unheard = false; /* no checkpoint has a plan that no event tells of */
    mem_free(event.u.thaw.fixed);
}

/* A plan to change to; command NULL: of a schedule. */
struct plan_wish {
    const struct run_command *command;
    struct freeze *plan; /* taken over */
    const char *layers;  /* how the event names the change; NULL: as what parts the plans */
    bool frozen;         /* of `layers` */
    double factor, base; /* of the learning rate; the base that it comes to */
    bool undoing;
};

/* Compiles for it and says so. */
static bool take_plan(struct trainer *trainer, const struct plan_wish *wish, struct error *error)
{
    bool frozen = wish->frozen;
    if (trainer->proving.owed)
        trainer_prove(trainer); /* of what is frozen until now */
    struct plan_change change = {.before = freeze_copy(trainer->freeze), .lr_from = trainer->at.lr.base};
    if (!trainer_replan(trainer, wish->plan, error)) {
        freeze_destroy(change.before);
        freeze_destroy(wish->plan);
        return false;
    }
    char *layers =
        wish->layers ? mem_string(wish->layers) : layer_rows_change(change.before, wish->plan, trainer->graph, &frozen);
    if (wish->command)
        accept(trainer, wish->command);
    tell_plan(trainer, wish->command, layers, frozen, wish->factor);
    if (wish->undoing) /* who asked did not name them */
        snprintf(error->text, sizeof error->text, "%s %.900s again", frozen ? "froze" : "thawed", layers);
    mem_free(layers);
    double from = trainer_lr(trainer);
    change.lr_to = trainer->at.lr.base = wish->base;
    tell_lr(trainer, from);
    if (wish->undoing)
        freeze_destroy(change.before);
    else
        plan_changes_push(&trainer->changes, change);
    return true;
}

static bool is_same_plan(const struct freeze *a, const struct freeze *b)
{
    return memcmp(a->fixed, b->fixed, (size_t)a->nodes) == 0;
}

/* What is so already is done, without a new plan. */
static bool change_plan(struct trainer *trainer, const struct plan_wish *wish, struct error *error)
{
    if (!is_same_plan(wish->plan, trainer->freeze) || wish->factor != 1)
        return take_plan(trainer, wish, error);
    freeze_destroy(wish->plan);
    if (wish->command)
        accept(trainer, wish->command);
    snprintf(error->text, sizeof error->text, "it is so already");
    return true;
}

/* The plan with the layers that match frozen or thawed; NULL: none does. */
static struct freeze *plan_of_patterns(const struct trainer *trainer, const char *layers, bool frozen,
                                       struct error *error)
{
    struct freeze *plan = freeze_copy(trainer->freeze);
    if (!freeze_match(plan, trainer->graph, layers, frozen, error)) {
        freeze_destroy(plan);
        return NULL;
    }
    if (trainer->statistics_fixed && !strchr(layers, ':')) /* a list of single marks is meant as it stands */
        freeze_statistics(plan, trainer->graph, true);
    return plan;
}

static bool change_layers(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    bool frozen = command->kind == RUN_FREEZE;
    const char *layers = command->text ? command->text : "";
    double factor = frozen || command->value == 0 ? 1 : command->value;
    if (!layers[strspn(layers, " \t\r\n")])
        return error_set(error, ERROR_USAGE, "no layers are named");
    if (!(factor > 0) || !isfinite(factor))
        return error_set(error, ERROR_USAGE, "a factor of %g for the learning rate: it must be a number over 0",
                         factor);
    struct freeze *plan = plan_of_patterns(trainer, layers, frozen, error);
    struct plan_wish wish = {command, plan, layers, frozen, factor, trainer->at.lr.base * factor, false};
    return plan && change_plan(trainer, &wish, error);
}

static bool change_whole_plan(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    struct plan_wish wish = {command, freeze_copy(trainer->freeze), NULL, false, 1, trainer->at.lr.base, false};
    if (layer_rows_parse(wish.plan, trainer->graph, command->text ? command->text : "", error))
        return change_plan(trainer, &wish, error);
    freeze_destroy(wish.plan);
    return false;
}

/* Where the rate was not changed since by hand it comes back to the bit. */
static bool undo_plan(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    if (trainer->changes.count == 0)
        return error_set(error, ERROR_USAGE, "nothing was frozen or thawed in this run that could be taken back");
    struct plan_change *last = &trainer->changes.change[trainer->changes.count - 1];
    double base = trainer->at.lr.base, factor = last->lr_to > 0 ? last->lr_from / last->lr_to : 1;
    base = base == last->lr_to ? last->lr_from : base * factor;
    struct plan_wish wish = {command, freeze_copy(last->before), NULL, false, factor, base, true};
    if (!take_plan(trainer, &wish, error))
        return false;
    freeze_destroy(last->before);
    trainer->changes.count--;
    return true;
}

void trainer_scheduled_thaw(struct trainer *trainer, const struct experiment_thaw *thaw)
{
    struct error error = {0};
    struct freeze *plan = plan_of_patterns(trainer, thaw->layers, false, &error);
    double factor = thaw->lr_factor;
    struct plan_wish wish = {NULL, plan, thaw->layers, false, factor, trainer->at.lr.base * factor, false};
    if (!plan || !take_plan(trainer, &wish, &error))
        trainer_warn(trainer, "cannot thaw \"%.60s\": %s", thaw->layers, error.text);
}

/* --- going, waiting, ending --- */

static void set_pause(struct trainer *trainer, bool paused)
{
    struct event event = {.kind = EVENT_PAUSE, .u.pause.paused = paused};
    trainer->pause_behind = 0;
    if (trainer->paused == paused)
        return;
    trainer_tick(trainer, paused);
    trainer->paused = paused;
    trainer_emit(trainer, &event);
}

static bool change_pause(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    bool paused = command->kind == RUN_PAUSE;
    if (trainer->ending)
        return error_set(error, ERROR_USAGE, "the run is ending");
    if (!paused && trainer->pause_behind)
        snprintf(error->text, sizeof error->text, "it goes on behind step %llu, too",
                 (unsigned long long)trainer->pause_behind);
    else if (trainer->paused == paused)
        snprintf(error->text, sizeof error->text, paused ? "it is paused already" : "it is not paused");
    accept(trainer, command);
    set_pause(trainer, paused);
    return true;
}

static bool take_steps(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    double steps = command->value == 0 ? 1 : command->value;
    if (!(steps >= 1 && steps <= 1e6) || steps != floor(steps))
        return error_set(error, ERROR_USAGE, "%g steps cannot be made: a whole number from 1 to 1000000", steps);
    if (trainer->ending)
        return error_set(error, ERROR_USAGE, "the run is ending");
    accept(trainer, command);
    set_pause(trainer, false);
    trainer->pause_behind = trainer->at.step + (uint64_t)steps;
    return true;
}

static bool note(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    struct event event = {.kind = EVENT_NOTE, .u.note.text = command->text};
    if (!command->text || !command->text[0])
        return error_set(error, ERROR_USAGE, "a note without words");
    accept(trainer, command);
    memcpy(event.u.note.by, command->by, sizeof event.u.note.by);
    trainer_emit(trainer, &event);
    return true;
}

static bool end_now(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    (void)error;
    accept(trainer, command);
    trainer->ending = true;
    trainer->how = command->kind == RUN_STOP ? EVENT_DONE_STOPPED : EVENT_DONE_INTERRUPTED;
    return true;
}

/* The last one given counts: a stop at a time takes the place of one behind the epoch. */
static bool stop(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    if (command->when == RUN_STOP_NOW)
        return end_now(trainer, command, error);
    if (command->when == RUN_STOP_TIME && command->value <= clock_wall())
        return error_set(error, ERROR_USAGE, "the time to stop at has passed");
    accept(trainer, command);
    trainer->stop_behind = command->when == RUN_STOP_EPOCH;
    trainer->stop_time = command->when == RUN_STOP_TIME ? command->value : 0;
    return true;
}

static bool watch(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    (void)trainer, (void)command;
    return error_set(error, ERROR_USAGE, "watching is a viewer's own: the run itself takes no such command");
}

/* Behind the last epoch there is no next step, and schedules are at their end: the rate was the last step's. */
static double lr_so_far(const struct trainer *trainer)
{
    uint64_t at = position(trainer);
    bool over = trainer->at.epoch > trainer->experiment.train.epochs && at > 0;
    return schedule_lr(&trainer->experiment, trainer->at.lr, over ? at - 1 : at, trainer->feed[DATASET_TRAIN].batches);
}

/* Where the patience of train.early_stop had come to its end, it begins anew. */
static bool change_epochs(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    struct checkpoint *at = &trainer->at;
    double wanted = command->value, from = lr_so_far(trainer);
    int now = trainer->experiment.train.epochs;
    if (!(wanted >= 1 && wanted <= 1e6) || wanted != floor(wanted))
        return error_set(error, ERROR_USAGE, "%g epochs: a whole number from 1 to 1000000", wanted);
    if (wanted < at->epoch)
        return error_set(error, ERROR_USAGE, "it cannot end behind epoch %d: epoch %d %s", (int)wanted, at->epoch,
                         at->epoch > now ? "would be the next" : "is running");
    accept(trainer, command);
    if (trainer_is_stale(trainer))
        at->stale = 0;
    else if (now == (int)wanted)
        snprintf(error->text, sizeof error->text, "it is so already");
    struct event event = {.kind = EVENT_EPOCHS, .u.epochs = {now, (int)wanted}};
    at->epochs = trainer->experiment.train.epochs = (int)wanted;
    if (now != at->epochs)
        trainer_emit(trainer, &event);
    tell_lr(trainer, from);
    return true;
}

/* --- doing --- */

/* Each does its command and leaves its event right before its effects, or refuses with a sentence. A sentence with
 * true is a remark for who asked. */
static bool (*const handlers[])(struct trainer *, const struct run_command *, struct error *) = {
    [RUN_LR] = change_lr,
    [RUN_PAUSE] = change_pause,
    [RUN_CONTINUE] = change_pause,
    [RUN_STEP] = take_steps,
    [RUN_STOP] = stop,
    [RUN_INTERRUPT] = end_now,
    [RUN_SAVE] = trainer_save_asked,
    [RUN_FREEZE] = change_layers,
    [RUN_THAW] = change_layers,
    [RUN_PLAN] = change_whole_plan,
    [RUN_UNDO] = undo_plan,
    [RUN_EPOCHS] = change_epochs,
    [RUN_NOTE] = note,
    [RUN_WATCH] = watch,
};
_Static_assert(THAW_LENGTH(handlers) == RUN_COMMANDS, "a row for each command");

static void obey(struct trainer *trainer, const struct run_command *command)
{
    struct error error = {0};
    if (!handlers[command->kind](trainer, command, &error))
        refuse(trainer, command, error.text);
    else if (trainer->failure.kind != ERROR_NONE)
        answer(trainer, command, false, trainer->failure.text);
    else
        answer(trainer, command, true, error.text);
}

void trainer_repeat(struct trainer *trainer)
{
    struct recorded_command command;
    while (trainer->failure.kind == ERROR_NONE &&
           recorded_take(&trainer->recorded, trainer->at.epoch, trainer->at.batch, &command)) {
        struct error error = {0};
        trainer->repeated = &command;
        if (!handlers[command.command.kind](trainer, &command.command, &error))
            trainer_warn(trainer, "a command of before cannot be done again: %s", error.text);
        trainer->repeated = NULL;
        run_command_finish(&command.command);
    }
}

static bool is_stop(const struct run_command *command)
{
    return command->kind == RUN_STOP || command->kind == RUN_INTERRUPT;
}

static void stop_in_time(struct trainer *trainer)
{
    if (trainer->stop_time > 0 && clock_wall() >= trainer->stop_time && !trainer->ending) {
        trainer->ending = true;
        trainer->how = EVENT_DONE_STOPPED;
    }
}

/* A queue cannot be waited for with an end, so who waits for a time looks now and then. */
static struct run_command *wait_for_command(struct trainer *trainer)
{
    struct run_command *command = NULL;
    if (trainer->stop_time == 0)
        return queue_pop(trainer->commands);
    while (!trainer->ending && !atomic_load(&trainer->abandoned) && !(command = queue_try_pop(trainer->commands))) {
        nanosleep(&(struct timespec){0, 100 * 1000 * 1000}, NULL);
        stop_in_time(trainer);
    }
    return command;
}

void trainer_extend(struct trainer *trainer, int epochs)
{
    struct error error = {0};
    struct run_command command = run_command_make(RUN_EPOCHS, epochs, NULL);
    trainer->event_epoch = trainer->at.epoch;
    if (!change_epochs(trainer, &command, &error))
        trainer_warn(trainer, "%s", error.text);
}

void trainer_collect(struct trainer *trainer, bool wait)
{
    stop_in_time(trainer);
    for (;;) {
        struct run_command *command = wait ? wait_for_command(trainer) : queue_try_pop(trainer->commands);
        if (atomic_load(&trainer->abandoned))
            trainer->ending = true;
        if (!command)
            return;
        wait = false;
        if (is_stop(command)) {
            obey(trainer, command);
            run_command_finish(command);
        } else {
            trainer->pending = mem_grow(trainer->pending, trainer->pendings + 1, sizeof *trainer->pending);
            trainer->pending[trainer->pendings++] = *command;
        }
        mem_free(command);
    }
}

void trainer_obey_pending(struct trainer *trainer)
{
    size_t done = 0;
    while (done < trainer->pendings && trainer->failure.kind == ERROR_NONE) {
        obey(trainer, &trainer->pending[done]);
        run_command_finish(&trainer->pending[done++]);
    }
    trainer->pendings -= done;
    if (done > 0)
        memmove(trainer->pending, trainer->pending + done, trainer->pendings * sizeof *trainer->pending);
}

bool trainer_obey(struct trainer *trainer)
{
    trainer_repeat(trainer);
    trainer_collect(trainer, false);
    for (;;) {
        trainer_obey_pending(trainer);
        if (trainer->pause_behind && trainer->at.step >= trainer->pause_behind)
            set_pause(trainer, true);
        if (trainer->ending || trainer->failure.kind != ERROR_NONE)
            return false;
        if (!trainer->paused)
            return true;
        trainer_collect(trainer, true);
    }
}

void trainer_close_commands(struct trainer *trainer)
{
    static const char over[] = "the run has ended";
    struct run_command *command;
    atomic_store(&trainer->closed, true);
    queue_close(trainer->commands);
    for (size_t i = 0; i < trainer->pendings; i++) {
        refuse(trainer, &trainer->pending[i], over);
        run_command_finish(&trainer->pending[i]);
    }
    trainer->pendings = 0;
    while ((command = queue_try_pop(trainer->commands))) {
        refuse(trainer, command, over);
        run_command_finish(command);
        mem_free(command);
    }
}

void trainer_post(struct trainer *trainer, const struct run_command *command)
{
    char sentence[96];
    struct run_command *copy = mem_alloc(sizeof *copy);
    *copy = run_command_copy(command);
    if (queue_try_push(trainer->commands, copy))
        return;
    run_command_finish(copy);
    mem_free(copy);
    snprintf(sentence, sizeof sentence, "%d commands are waiting already: try again", TRAINER_COMMANDS);
    answer(trainer, command, false, atomic_load(&trainer->closed) ? "the run has ended" : sentence);
}
