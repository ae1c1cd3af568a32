/* The commands that are the frame's: leaving, help, the `:` line, screens, colours, and moving, which the screen in front
 * does. Their keys work on every screen; a screen may have a row of the same name that stands before one here. */
#include "config.h"

#include <string.h>

#include "overlay.h"

static void quit_now(void *context, struct ui *ui)
{
    (void)context;
    ui->quit = true;
}

static bool leaving_stops(struct ui *ui)
{
    return session_leaving_stops(ui->session);
}

static void quit(const struct command_call *call)
{
    if (session_leaving_stops(call->ui->session))
        ui_confirm_while(call->ui, leaving_stops, "The run has ended meanwhile: nothing is lost by leaving",
                         "A run is training. Stop it and leave? Its last state is saved and can be resumed.", quit_now,
                         NULL);
    else
        call->ui->quit = true;
}

static bool is_idle(struct ui *ui)
{
    return !ui_training(ui);
}

/* Leaves, but only where there is something to come back to. */
static void detach(const struct command_call *call)
{
    struct ui *ui = call->ui;
    char key[16];
    keymap_first_key(ui->keymap, command_named("quit", -1), key);
    if (session_leaving_stops(ui->session))
        ui_say(ui, UI_WARNING, "The run trains in this process and would stop: %s asks", key);
    else if (ui_training(ui))
        ui->quit = true;
    else
        ui_say_while(ui, is_idle, UI_WARNING, "No run is training: %s leaves", key);
}

/* What Esc closes has a row with its screen, or takes the keys itself: here nothing is open. */
static void back(const struct command_call *call)
{
    call->ui->message[0] = 0;
}

static void help(const struct command_call *call)
{
    help_open(call->ui->help, call->ui);
}

static void ask_command(const struct command_call *call)
{
    ui_ask_command(call->ui, "");
}

static void turn_screen(const struct command_call *call)
{
    ui_go(call->ui, (enum screen_id)(((int)call->ui->current + call->command->value + SCREENS) % SCREENS));
}

static void redraw(const struct command_call *call)
{
    if (call->ui->term)
        term_forget(call->ui->term);
}

static void change_theme(const struct command_call *call)
{
    struct ui *ui = call->ui;
    struct error error;
    if (ui->term && term_colours(ui->term) == 0) {
        ui_say(ui, UI_WARNING, "This terminal shows no colours");
        return;
    }
    if (theme_load(&ui->theme, call->argument, ui->themes_folder, &error))
        ui_say(ui, UI_INFO, "Theme %s", ui->theme.name);
    else
        ui_fail(ui, &error);
    ui->canvas->mono = strcmp(ui->theme.name, "mono") == 0;
}

static void move(const struct command_call *call)
{
    struct ui *ui = call->ui;
    screen_table[ui->current]->move(ui->state[ui->current], ui, (enum move)call->command->value);
}

static const struct command rows[] = {
    {"quit", "q", "quit", "leave thaw; a run that trains goes on", .run = quit},
    {"detach", "d", "detach", "leave the run training, to be attached again", .run = detach},
    {"back", "Esc", "back", "close what is open; never leaves the screen", .run = back},
    {"help", "? F1", "help", "list the commands; type to filter", .run = help},
    {"command", ":", "command", "type a command by name; Tab completes", .run = ask_command},
    {"next-screen", "]", "next", "go to the next screen", .run = turn_screen, .value = 1},
    {"previous-screen", "[", "previous", "go to the previous screen", .run = turn_screen, .value = -1},
    {"redraw", "C-l", "redraw", "draw the whole screen again", .run = redraw},
    {"theme", "", "theme", "colours: default, light, mono, or a file", .run = change_theme, .argument = ARGUMENT_THEME},
    {"up", "k Up", "up", "move up", .run = move, .value = MOVE_UP},
    {"down", "j Down", "down", "move down", .run = move, .value = MOVE_DOWN},
    {"left", "h Left", "left", "move left, fold, or move the cursor", .run = move, .value = MOVE_LEFT},
    {"right", "l Right", "right", "move right, unfold, or move the cursor", .run = move, .value = MOVE_RIGHT},
    {"page-up", "PgUp C-b", "page up", "move a page up", .run = move, .value = MOVE_PAGE_UP},
    {"page-down", "PgDn C-f", "page down", "move a page down", .run = move, .value = MOVE_PAGE_DOWN},
    {"first", "g Home", "first", "move to the first row", .run = move, .value = MOVE_FIRST},
    {"last", "G End", "last", "move to the last row", .run = move, .value = MOVE_LAST},
};
const struct command_table command_frame = COMMAND_TABLE(rows);
