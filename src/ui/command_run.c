/* The commands that a run takes, from every screen by name and by key on Train, with the names and helps of the run's own
 * table; and those of a replay, which are the same keys: slower, faster, back and on. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "component.h"
#include "overlay.h"
#include "thaw/base/clock.h"
#include "thaw/run/command.h"
#include "undo.h"

static bool is_replay(struct ui *ui, struct session_status *status)
{
    session_status(ui->session, status);
    return status->replay;
}

/* --- what the run takes as it stands --- */

/* A command whose name is the run's own. */
static void tell(const struct command_call *call)
{
    ui_tell(call->ui, call->command->name, call->argument);
}

/* One that is nothing without an argument: asks for it. */
static void ask(const struct command_call *call)
{
    char line[32];
    if (!ui_may_steer(call->ui))
        return;
    snprintf(line, sizeof line, "%s ", call->command->name);
    if (*call->argument)
        tell(call);
    else
        ui_ask_command(call->ui, line);
}

static void stop_when(void *context, struct ui *ui, const char *item)
{
    (void)context;
    if (strcmp(item, "at a time") == 0)
        ui_ask_command(ui, "stop ");
    else if (strcmp(item, "go on") != 0)
        ui_tell(ui, "stop", strcmp(item, "now") == 0 ? "now" : "epoch");
}

static bool takes_commands(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    return !ui_no_steering(&status)[0];
}

static void stop(const struct command_call *call)
{
    if (!ui_may_steer(call->ui))
        return;
    if (*call->argument)
        tell(call);
    else
        ui_choose(call->ui, &(struct ui_choice){.title = "Stop the run, saved",
                                                .items = "go on | now | at the epoch's end | at a time",
                                                .now = "go on",
                                                .done = stop_when,
                                                .holds = takes_commands,
                                                .why = "The run has ended meanwhile: there is nothing to stop"});
}

static void scale_lr(struct ui *ui, int per_cent)
{
    char rate[32];
    snprintf(rate, sizeof rate, "*%.3g", per_cent / 100.0);
    ui_tell(ui, "lr", rate);
}

/* --- pace: of a run its rate, of a replay its speed --- */

static void set_speed(struct ui *ui, double speed)
{
    session_replay_speed(ui->session, speed);
    if (speed > 0)
        ui->replay_speed = speed;
}

static void pause_replay(struct ui *ui, const struct session_status *status, bool pause)
{
    if (!pause && !session_phase_is_live(status->phase))
        session_replay_seek(ui->session, 1); /* it is at its end */
    set_speed(ui, pause ? 0 : ui->replay_speed > 0 ? ui->replay_speed : UI_REPLAY_SPEED);
}

static void go_on(const struct command_call *call)
{
    struct session_status status;
    if (is_replay(call->ui, &status))
        pause_replay(call->ui, &status, false);
    else
        tell(call);
}

/* What is paused it lets go on, so that one key is enough. */
static void pause_or_go_on(const struct command_call *call)
{
    struct session_status status;
    if (is_replay(call->ui, &status))
        pause_replay(call->ui, &status, status.speed > 0 && session_phase_is_live(status.phase));
    else
        ui_tell(call->ui, status.phase == SESSION_PAUSED ? "continue" : "pause", "");
}

/* value: by how many per cent the rate changes */
static void pace(const struct command_call *call)
{
    static const double speeds[] = {0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000};
    struct session_status status;
    if (!is_replay(call->ui, &status)) {
        scale_lr(call->ui, call->command->value);
        return;
    }
    double now = status.speed > 0             ? status.speed
                 : call->ui->replay_speed > 0 ? call->ui->replay_speed
                                              : UI_REPLAY_SPEED;
    double next = now;
    bool faster = call->command->value > 100;
    for (size_t i = 0; i < THAW_LENGTH(speeds); i++) {
        double at = speeds[faster ? THAW_LENGTH(speeds) - 1 - i : i];
        next = (faster ? at > now : at < now) ? at : next;
    }
    set_speed(call->ui, next);
    ui_say(call->ui, UI_INFO, "Replay %g times as fast as it was", next);
}

static bool needs_replay(struct ui *ui)
{
    struct session_status status;
    if (is_replay(ui, &status))
        return true;
    ui_say(ui, UI_WARNING, "No replay is shown: :replay plays a recorded run");
    return false;
}

static void speed(const struct command_call *call)
{
    char *end;
    if (!needs_replay(call->ui))
        return;
    double wanted = strtod(call->argument, &end);
    if (!*call->argument)
        ui_ask_command(call->ui, "speed ");
    else if (*end || !(wanted > 0 && wanted <= 1e6))
        ui_say(call->ui, UI_ERROR, "speed takes a number above 0, not %s", call->argument);
    else
        set_speed(call->ui, wanted);
}

static void seek_to(struct ui *ui, int epoch)
{
    session_replay_seek(ui->session, epoch);
    ui->sought = epoch;
    ui->sought_at = clock_monotonic();
}

/* One that had come to its end would be there again before it is seen, so it waits. */
static void go_to_epoch(struct ui *ui, int epoch)
{
    struct session_status status;
    session_status(ui->session, &status);
    bool ended = !session_phase_is_live(status.phase);
    epoch = epoch < 1 ? 1 : status.epochs > 0 && epoch > status.epochs ? status.epochs : epoch;
    if (ended)
        set_speed(ui, 0);
    seek_to(ui, epoch);
    ui_say(ui, UI_INFO, "At the beginning of epoch %d%s", epoch, ended ? ", paused: p plays it" : "");
}

/* The epoch that is played, or comes next where one has just ended. Who has only now been brought somewhere is there still,
 * however fast it plays. */
static int epoch_played(const struct ui *ui, const struct session_status *status, bool *begun)
{
    static const double brought = 1; /* seconds */
    bool whole = status->batches > 0 && status->batch >= status->batches;
    *begun = status->batch > 1 && !whole;
    if (ui->sought > 0 && clock_monotonic() - ui->sought_at < brought) {
        *begun = false;
        return ui->sought;
    }
    return status->epoch + whole;
}

static void seek(const struct command_call *call)
{
    char *end;
    if (!needs_replay(call->ui))
        return;
    long epoch = strtol(call->argument, &end, 10);
    if (!*call->argument)
        ui_ask_command(call->ui, "seek ");
    else if (*end || epoch < 1 || epoch > 1000000)
        ui_say(call->ui, UI_ERROR, "seek takes an epoch, from 1 on, not %s", call->argument);
    else
        go_to_epoch(call->ui, (int)epoch);
}

static void epoch_back(const struct command_call *call)
{
    struct session_status status;
    bool begun;
    session_status(call->ui->session, &status);
    int epoch = epoch_played(call->ui, &status, &begun);
    if (needs_replay(call->ui))
        go_to_epoch(call->ui, begun ? epoch : epoch - 1);
}

/* A step of a run, an epoch of a replay; behind the last one is its end. */
static void step(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct session_status status;
    bool begun;
    if (!is_replay(ui, &status)) {
        tell(call);
        return;
    }
    int epoch = epoch_played(ui, &status, &begun) + 1;
    if (!session_phase_is_live(status.phase))
        ui_say(ui, UI_INFO, "It is at its end: , goes back");
    else if (status.epochs > 0 && epoch > status.epochs)
        seek_to(ui, epoch);
    else
        go_to_epoch(ui, epoch);
}

/* --- layers: of the next run or of the one shown, as the screen in front --- */

static void freeze_next(const struct command_call *call, bool frozen)
{
    struct ui *ui = call->ui;
    struct error error;
    if (strchr(call->argument, '@')) {
        ui_say(ui, UI_ERROR, "A rate's factor is a running run's: the next run has it in thaw.epoch N=LAYERS @ lr*F");
        return;
    }
    if (!session_freeze_match(ui->session, call->argument, frozen, &error)) {
        ui_fail(ui, &error);
        return;
    }
    undo_froze(ui->undo);
    struct session_freeze_counts counts;
    char trainable[WORDS_MAX], still[WORDS_MAX];
    session_freeze_counts(ui->session, &counts);
    ui_say(ui, UI_GOOD, "%s%s %s: %s values learn, %s are frozen",
           session_shown_view(ui->session) < 0 ? "" : "Next run: ", call->argument, frozen ? "frozen" : "thawed",
           words_count(trainable, counts.trainable), words_count(still, counts.frozen));
}

/* value: whether it freezes. What a run makes of it comes as a notice. */
static void freeze(const struct command_call *call)
{
    if (ui_subject(call->ui) == SESSION_SHOWN_RUN) {
        tell(call);
        return;
    }
    enum session_subject before = ui_mean(call->ui, SESSION_NEXT_RUN);
    freeze_next(call, call->command->value != 0);
    ui_mean(call->ui, before);
}

static void undo_next(struct ui *ui)
{
    struct error error;
    char what[160];
    switch (undo_last(ui->undo, ui->session, what, sizeof what, &error)) {
    case UNDO_NOTHING:
        ui_say(ui, UI_WARNING, "Nothing to undo");
        break;
    case UNDO_FAILED:
        ui_fail(ui, &error);
        break;
    case UNDO_FROZE:
    case UNDO_SET:
    case UNDO_MODEL:
        ui_say(ui, UI_INFO, "Undone: %s", what);
        break;
    }
}

static void undo(const struct command_call *call)
{
    if (ui_subject(call->ui) == SESSION_SHOWN_RUN) { /* its plan alone */
        tell(call);
        return;
    }
    enum session_subject before = ui_mean(call->ui, SESSION_NEXT_RUN);
    undo_next(call->ui);
    ui_mean(call->ui, before);
}

static bool waits_for_layers(struct ui *ui)
{
    return ui->thaws;
}

/* The deepest stage with something frozen in it: what gradual thawing takes next; "": none. Returns how many rows there
 * are. */
static size_t deepest_frozen(struct ui *ui, enum session_subject subject, char *name, size_t room)
{
    const struct session_layer *all;
    enum session_subject before = ui_mean(ui, subject);
    size_t layers = session_layers(ui->session, &all);
    name[0] = '\0';
    for (size_t i = layers; !name[0] && i-- > 0;)
        if (all[i].is_stage && (all[i].all == SESSION_MARK_FROZEN || all[i].all == SESSION_MARK_PARTLY))
            snprintf(name, room, "%s", all[i].name);
    ui_mean(ui, before);
    return layers;
}

/* A run that has not told its layers yet is asked as soon as it has. */
static void thaw_next(const struct command_call *call)
{
    struct ui *ui = call->ui;
    char name[sizeof((struct session_layer *)0)->name];
    struct session_status status;
    session_status(ui->session, &status);
    enum session_subject subject = ui_subject(ui);
    if (subject == SESSION_SHOWN_RUN && !ui_training(ui)) {
        ui_say(ui, UI_WARNING, "%s takes no commands: it %s", component_run_title(status.run),
               status.replay ? "is a replay" : "has ended");
        return;
    }
    size_t layers = deepest_frozen(ui, subject, name, sizeof name);
    ui->thaws = layers == 0 && subject == SESSION_SHOWN_RUN;
    if (ui->thaws)
        ui_say_while(ui, waits_for_layers, UI_INFO,
                     "The run has not told its layers yet: it is asked as soon as it has");
    else if (name[0])
        ui_do(ui, "thaw", name);
    else if (layers == 0)
        ui_say(ui, UI_WARNING, "There are no layers yet: choose a model first");
    else
        ui_say(ui, UI_WARNING, "Nothing is frozen any more");
}

void ui_thaw_waiting(struct ui *ui)
{
    char name[sizeof((struct session_layer *)0)->name];
    if (!ui->thaws)
        return;
    size_t layers = deepest_frozen(ui, SESSION_SHOWN_RUN, name, sizeof name);
    ui->thaws = layers == 0 && ui_training(ui);
    if (ui->thaws || !ui_training(ui))
        return;
    if (name[0])
        ui_tell(ui, "thaw", name);
    else
        ui_say(ui, UI_WARNING, "Nothing is frozen in the run");
}

/* --- the table --- */

#define WORDS(kind, name, synopsis, help)                                                                              \
    static const char name_##kind[] = name, takes_##kind[] = synopsis, help_##kind[] = help;
#define NO_WORDS(...)
RUN_COMMAND_LIST(WORDS, NO_WORDS)
#define OF_RUN(kind) .name = name_##kind, .takes = takes_##kind, .help = help_##kind
#define ON_TRAIN     .home = SCREEN_TRAIN + 1

/* A command that a person may give a run and that has no row here leaves its words unused, which the compiler tells. */
static const struct command rows[] = {
    {OF_RUN(PAUSE), .keys = "p", .label = "pause", .run = pause_or_go_on, ON_TRAIN},
    {OF_RUN(CONTINUE), .keys = "", .label = "go on", .run = go_on},
    {OF_RUN(STOP), .keys = "X", .label = "stop", .run = stop, .argument = ARGUMENT_TEXT, ON_TRAIN},
    {OF_RUN(SAVE), .keys = "w", .label = "save", .run = tell, ON_TRAIN},
    {OF_RUN(STEP), .keys = ".", .label = "step", .run = step, .argument = ARGUMENT_TEXT, ON_TRAIN},
    {OF_RUN(LR), .keys = "=", .label = "set rate", .run = ask, .argument = ARGUMENT_TEXT, ON_TRAIN},
    {"lr-up", ">", "rate up", "the rate a quarter up; a replay: faster", .run = pace, .value = 125, ON_TRAIN},
    {"lr-down", "<", "rate down", "the rate a fifth down; a replay: slower", .run = pace, .value = 80, ON_TRAIN},
    {OF_RUN(EPOCHS), .keys = "", .label = "epochs", .run = ask, .argument = ARGUMENT_TEXT},
    {OF_RUN(NOTE), .keys = "", .label = "note", .run = ask, .argument = ARGUMENT_TEXT},
    {OF_RUN(FREEZE), .keys = "", .label = "freeze", .run = freeze, .argument = ARGUMENT_LAYERS, .value = 1},
    {OF_RUN(THAW), .keys = "", .label = "thaw", .run = freeze, .argument = ARGUMENT_LAYERS},
    {"thaw-next", "t", "thaw next", "thaw the deepest stage still frozen", .run = thaw_next, ON_TRAIN},
    {OF_RUN(UNDO), .keys = "u", .label = "undo", .run = undo},
    {"speed", "", "speed", "play a replay so many times as fast", .takes = "FACTOR", .run = speed,
     .argument = ARGUMENT_TEXT},
    {"seek", "", "seek", "go to the beginning of a replay's epoch", .takes = "EPOCH", .run = seek,
     .argument = ARGUMENT_TEXT},
    {"epoch-back", ",", "epoch back", "an epoch back in a replay; . goes on by one", .run = epoch_back, ON_TRAIN},
};
const struct command_table command_run = COMMAND_TABLE(rows);
