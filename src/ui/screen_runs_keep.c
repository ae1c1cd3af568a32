/* What the Runs screen does to runs beside opening them: going on with one, forking and replaying it, naming, labelling,
 * deleting and bringing back. Called through the table in screen_runs.c. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen_runs.h"
#include "thaw/base/mem.h"

/* The selected run; what is asked about it is asked by its path, for the list may be read anew meanwhile. */
static const struct run *take(const struct command_call *call)
{
    struct runs *runs = call->state;
    const struct run *run = runs_selected(runs);
    if (run)
        snprintf(runs->asked, sizeof runs->asked, "%s", run->path);
    return run;
}

/* The same, where the list is of runs that are there. */
static const struct run *take_present(const struct command_call *call)
{
    struct runs *runs = call->state;
    if (runs->trash)
        ui_say(call->ui, UI_WARNING, "It is in the trash: U brings it back");
    return runs->trash ? NULL : take(call);
}

static void tell(struct runs *runs, struct ui *ui, bool done, const struct error *error, const char *what)
{
    if (!done) {
        runs_fail(runs, ui, error);
        return;
    }
    ui_say(ui, UI_GOOD, "%s %s", component_run_title(runs->asked), what);
    runs_refresh(runs, ui);
}

/* --- going on --- */

static void resume_with(struct runs *runs, struct ui *ui, int epochs)
{
    struct error error;
    if (!session_resume(ui->session, runs->asked, epochs, &error)) {
        runs_fail(runs, ui, &error);
        return;
    }
    ui_say(ui, UI_INFO, "%s is to go on", component_run_title(runs->asked)); /* the session says whether it does */
    ui_go(ui, SCREEN_TRAIN);
}

static void epochs_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    char *end;
    if (!accepted)
        return;
    long epochs = strtol(text, &end, 10);
    if (*end || end == text || epochs < 1 || epochs > 1000000)
        ui_say(ui, UI_ERROR, "Epochs are a number from 1 on, not \"%s\"", text);
    else
        resume_with(context, ui, (int)epochs);
}

/* One that came to its end goes on where it is given more epochs. */
void runs_resume(const struct command_call *call)
{
    const struct run *run = take_present(call);
    char initial[16];
    if (!run)
        return;
    if (run->trains) {
        ui_say(call->ui, UI_WARNING, "It trains: Enter attaches");
        return;
    }
    bool ended = run->done >= run->epochs || strcmp(run->state, "stopped early") == 0;
    if (!ended) {
        resume_with(call->state, call->ui, 0);
        return;
    }
    snprintf(initial, sizeof initial, "%d", run->done < run->epochs ? run->epochs : run->epochs + 10);
    ui_ask(call->ui, &(struct ui_ask){
                         .label = "epochs in all: ", .initial = initial, .done = epochs_done, .context = call->state});
}

static void fork_at(void *context, struct ui *ui, const char *checkpoint)
{
    struct runs *runs = context;
    struct error error;
    if (!session_fork(ui->session, runs->asked, checkpoint, &error)) {
        runs_fail(runs, ui, &error);
        return;
    }
    ui_go(ui, SCREEN_TRAIN);
    ui_do(ui, "settings", "");
    ui_say(ui, UI_GOOD, "The next run begins from %s of %s: change what is to be other, then r", checkpoint,
           component_run_title(runs->asked));
}

void runs_fork(const struct command_call *call)
{
    struct error error;
    const struct run *run = take_present(call);
    if (!run)
        return;
    char *checkpoints = session_checkpoints(run->path, &error);
    if (!checkpoints)
        runs_fail(call->state, call->ui, &error);
    else if (!checkpoints[0])
        ui_say(call->ui, UI_WARNING, "%s has no checkpoint to begin from", component_run_title(run->name));
    else if (!strchr(checkpoints, '|'))
        fork_at(call->state, call->ui, checkpoints);
    else
        ui_choose(call->ui, &(struct ui_choice){.title = "begin from the checkpoint",
                                                .items = checkpoints,
                                                .now = "last",
                                                .done = fork_at,
                                                .context = call->state});
    mem_free(checkpoints);
}

void runs_replay(const struct command_call *call)
{
    const struct run *run = take_present(call);
    if (!run)
        return;
    ui_do(call->ui, "replay", run->path);
    if (call->ui->current == SCREEN_RUNS) /* it could not be */
        runs_refresh(call->state, call->ui);
}

/* --- names and labels --- */

static void name_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct runs *runs = context;
    struct error error;
    char *heirs = accepted ? session_run_heirs(runs->asked) : NULL;
    if (accepted) {
        bool done = session_rename_run(ui->session, runs->asked, text, &error);
        tell(runs, ui, done, &error, "has another name");
        if (done)
            ui_say(ui, heirs ? UI_WARNING : UI_GOOD, "It is %s now%s%s", text,
                   heirs ? "; these began from its model and cannot go on without it there: " : "", heirs ? heirs : "");
    }
    mem_free(heirs);
}

static void ask(const struct command_call *call, const char *label, const char *initial,
                void (*done)(void *context, struct ui *ui, const char *text, bool accepted))
{
    if (*call->argument)
        done(call->state, call->ui, call->argument, true);
    else
        ui_ask(call->ui, &(struct ui_ask){.label = label, .initial = initial, .done = done, .context = call->state});
}

void runs_rename(const struct command_call *call)
{
    const struct run *run = take_present(call);
    if (run)
        ask(call, "new name: ", component_run_title(run->name), name_done);
}

static void tags_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct runs *runs = context;
    struct error error;
    if (accepted && text[0])
        tell(runs, ui, session_tag_run(runs->asked, text, &error), &error, "is tagged");
}

void runs_tag(const struct command_call *call)
{
    if (take_present(call))
        ask(call, "tags, -word takes one off: ", "", tags_done);
}

static void note_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct runs *runs = context;
    struct error error;
    if (accepted)
        tell(runs, ui, session_note_run(runs->asked, text, &error), &error, text[0] ? "has a note" : "has no note");
}

void runs_note(const struct command_call *call)
{
    const struct run *run = take_present(call);
    if (run)
        ask(call, "note: ", run->note, note_done);
}

/* --- the trash --- */

static void delete_now(void *context, struct ui *ui)
{
    struct runs *runs = context;
    struct error error;
    tell(runs, ui, session_delete_run(ui->session, runs->asked, &error), &error, "is in the trash: t shows it");
}

void runs_delete(const struct command_call *call)
{
    const struct run *run = take_present(call);
    char question[400];
    if (!run)
        return;
    if (run->trains) {
        ui_say(call->ui, UI_WARNING, "It trains: stop it first");
        return;
    }
    char *heirs = session_run_heirs(run->path);
    snprintf(question, sizeof question, "Delete %s? It goes to the trash and can be brought back.%s%.200s",
             component_run_title(run->name), heirs ? " These began from its model and cannot go on without it: " : "",
             heirs ? heirs : "");
    ui_confirm(call->ui, question, delete_now, call->state);
    mem_free(heirs);
}

void runs_restore(const struct command_call *call)
{
    struct runs *runs = call->state;
    struct error error;
    if (!runs->trash)
        ui_say(call->ui, UI_WARNING, "It is not in the trash: t shows what is");
    else if (take(call))
        tell(runs, call->ui, session_restore_run(call->ui->session, runs->asked, &error), &error, "is back");
}

void runs_show_trash(const struct command_call *call)
{
    struct runs *runs = call->state;
    runs->trash = !runs->trash;
    runs->news = session_runs_news(call->ui->session, runs->trash) - 1; /* a copy of the other list */
    runs_refresh(runs, call->ui);
    list_select(&runs->table.list, 0);
}
