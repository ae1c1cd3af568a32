/* The frame of the workbench: tabs above, a screen in the middle, messages and keys below, and the overlays. Events go to
 * the overlay that is open, else to the screen, else through the keymap to a command. Drawing is whole, into the canvas;
 * only what changed is sent. The loop that waits is in ui_loop.c; commands that no screen takes in ui_command.c. */
#include "config.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "component.h"
#include "key.h"
#include "overlay.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "undo.h"

static bool is_idle(struct ui *ui)
{
    return !ui_training(ui);
}

static bool shows_nothing(struct ui *ui)
{
    return session_shown_view(ui->session) < 0;
}

static bool run_waits(struct ui *ui)
{
    const struct session_running *running;
    return shows_nothing(ui) && session_running(ui->session, &running) > 0;
}

/* What trains already, and the way to it: once, as soon as it is known. */
static void tell_running(struct ui *ui)
{
    const struct session_running *running;
    char key[COMPONENT_KEY];
    if (ui->told_running || !shows_nothing(ui))
        return;
    size_t count = session_running(ui->session, &running), paused = 0;
    if (count == 0)
        return;
    ui->told_running = true;
    component_key(ui, "attach", key);
    const char *name = component_run_title(running[0].name);
    for (size_t i = 0; i < count; i++)
        paused += running[i].paused;
    if (count == 1)
        ui_say_while(ui, run_waits, UI_WARNING, "A run is %s: %s, epoch %d of %d. Press %s to attach",
                     paused ? "paused" : "training", name, running[0].epoch, running[0].epochs, key);
    else
        ui_say_while(ui, run_waits, UI_WARNING,
                     "%zu runs are training%s. Press %s to attach to %s, epoch %d of %d; Runs (6) has the others",
                     count, paused ? " or paused" : "", key, name, running[0].epoch, running[0].epochs);
}

/* What had to wait until nothing is being opened any more: a start, or the greeting that offers one. */
static void greet(struct ui *ui)
{
    if (session_opening(ui->session))
        return;
    const struct error *why = session_opened_instead(ui->session);
    const struct error *none = session_opened_none(ui->session);
    if (none && ui->greeting) {
        char models[COMPONENT_KEY], data[COMPONENT_KEY];
        ui_say(ui, UI_WARNING, "The sample could not be opened: %.300s. Press %s to choose a model, %s for data",
               none->text, component_key(ui, "models", models), component_key(ui, "data-screen", data));
    } else if (ui->starts)
        ui_do(ui, "start", "");
    else if (why && ui->greeting)
        ui_say(ui, UI_WARNING, "What was open last could not be opened: %s. The sample is open instead", why->text);
    else if (ui->greeting && !ui->message[0])
        ui_say_while(ui, is_idle, UI_INFO, "%s", ui->greeting);
    ui->starts = false;
    ui->greeting = NULL;
}

/* --- life --- */
struct ui *ui_create(const struct ui_options *options, struct session *session, struct term *term, struct error *error)
{
    struct ui *ui = mem_alloc(sizeof *ui);
    ui->session = session;
    ui->themes_folder = options->themes_folder;
    ui->term = term;
    ui->slow = options->slow;
    bool mono = options->no_colour || (term && term_colours(term) == 0), fault = false;
    if (mono)
        theme_init_mono(&ui->theme);
    else
        fault = !theme_load(&ui->theme, options->theme ? options->theme : "default", options->themes_folder, error);
    int width = options->width > 0 ? options->width : 80, height = options->height > 0 ? options->height : 24;
    if (term)
        term_size(term, &width, &height);
    ui->canvas = canvas_create(width, height);
    ui->canvas->ascii = options->ascii || (term && term_is_ascii(term));
    ui->canvas->console = term && term_is_console(term);
    ui->canvas->mono = mono;
    ui->layout = layout_frame(width, height);
    ui->keymap = keymap_create();
    ui->prompt = prompt_create();
    ui->question = question_create();
    ui->help = help_create();
    ui->chooser = chooser_create();
    ui->undo = undo_create();
    ui->current = options->start;
    ui_go(ui, options->start);
    ui->greeting = options->greeting;
    ui->sample = options->sample;
    ui->keep = options->keep;
    greet(ui);
    if (fault)
        ui_fail(ui, error);
    return ui;
}

void ui_destroy(struct ui *ui)
{
    if (!ui)
        return;
    for (int i = 0; i < SCREENS; i++)
        if (ui->state[i])
            screen_table[i]->destroy(ui->state[i]);
    undo_destroy(ui->undo);
    chooser_destroy(ui->chooser);
    help_destroy(ui->help);
    question_destroy(ui->question);
    prompt_destroy(ui->prompt);
    keymap_destroy(ui->keymap);
    canvas_destroy(ui->canvas);
    term_destroy(ui->term);
    mem_free(ui);
}

/* --- for screens --- */
void ui_dirty(struct ui *ui)
{
    ui->dirty = true;
}

static void say(struct ui *ui, enum ui_message_kind kind, const char *format, va_list args)
{
    vsnprintf(ui->message, sizeof ui->message, format, args);
    ui->message_kind = kind;
    ui->message_since = kind == UI_INFO || kind == UI_GOOD ? clock_monotonic() : 0;
    ui->message_holds = NULL;
    ui->dirty = ui->again = true;
}

void ui_again(struct ui *ui)
{
    ui->again = true;
}

void ui_say(struct ui *ui, enum ui_message_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(ui, kind, format, args);
    va_end(args);
}

void ui_say_while(struct ui *ui, bool (*holds)(struct ui *ui), enum ui_message_kind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(ui, kind, format, args);
    va_end(args);
    ui->message_holds = holds;
}

void ui_fail(struct ui *ui, const struct error *error)
{
    ui_say(ui, UI_ERROR, "%s", error->text);
    /* A sentence that begins with a file's name keeps it as it is. */
    size_t word = strcspn(ui->message, " ");
    if (!memchr(ui->message, '/', word) && !memchr(ui->message, '.', word) && !memchr(ui->message, ':', word))
        ui->message[0] = (char)toupper((unsigned char)ui->message[0]);
}

void ui_go(struct ui *ui, enum screen_id screen)
{
    ui->current = screen;
    const struct screen *row = screen_table[screen];
    if (!ui->state[screen])
        ui->state[screen] = row->create(ui);
    if (row->shown)
        row->shown(ui->state[screen], ui);
    ui->dirty = true;
}

void ui_ask(struct ui *ui, const struct ui_ask *ask)
{
    prompt_open(ui->prompt, ui, ask);
    ui->dirty = true;
}

void ui_choose(struct ui *ui, const struct ui_choice *choice)
{
    chooser_open(ui->chooser, choice);
    ui->dirty = true;
}

void ui_confirm(struct ui *ui, const char *text, void (*yes)(void *context, struct ui *ui), void *context)
{
    ui_confirm_while(ui, NULL, NULL, text, yes, context);
}

void ui_confirm_while(struct ui *ui, bool (*holds)(struct ui *ui), const char *why, const char *text,
                      void (*yes)(void *context, struct ui *ui), void *context)
{
    question_open(ui->question, text, yes, context);
    question_hold(ui->question, holds, why);
    ui->dirty = true;
}

/* What cannot be written is forgotten: it is no reason to be kept from starting or leaving. */
void ui_keep(struct ui *ui)
{
    struct error unused;
    if (!ui->keep || session_opening(ui->session) || session_chosen_model(ui->session) < 0 ||
        !session_data(ui->session))
        return;
    bool kept = session_save_experiment(ui->session, ui->keep, &unused);
    (void)kept;
}

bool ui_training(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    return session_phase_is_live(status.phase) && !status.replay;
}

enum session_subject ui_subject(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    enum screen_subject subject = screen_subject(screen_table[ui->current], ui->state[ui->current], ui);
    bool run = session_phase_is_live(status.phase) && subject != SUBJECT_NEXT_RUN;
    return run ? SESSION_SHOWN_RUN : SESSION_NEXT_RUN;
}

enum session_subject ui_mean(struct ui *ui, enum session_subject subject)
{
    enum session_subject before = session_subject(ui->session);
    session_set_subject(ui->session, subject);
    return before;
}

const char *ui_no_steering(const struct session_status *status)
{
    if (status->replay)
        return "a replay: nothing computes";
    if (status->phase == SESSION_IDLE)
        return "no run is shown";
    if (!session_phase_is_live(status->phase))
        return "it has ended";
    return status->writes ? "" : "read-only";
}

static bool takes_nothing(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    return ui_no_steering(&status)[0] != 0;
}

bool ui_may_steer(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    const char *why = ui_no_steering(&status);
    if (why[0] && status.phase == SESSION_IDLE)
        ui_say_while(ui, takes_nothing, UI_WARNING, "No run is training");
    else if (why[0])
        ui_say_while(ui, takes_nothing, UI_WARNING, "%s takes no commands: %s", component_run_title(status.run), why);
    return !why[0];
}

void ui_tell(struct ui *ui, const char *command, const char *argument)
{
    struct error error;
    if (!ui_may_steer(ui))
        return;
    char *words = mem_format("%s%s%s", command, argument[0] ? " " : "", argument);
    if (!session_tell(ui->session, words, &error))
        ui_fail(ui, &error);
    mem_free(words);
}

void ui_show(const struct command_call *call)
{
    for (int i = 0; i < SCREENS; i++)
        if (&screen_table[i]->go == call->command)
            ui_go(call->ui, (enum screen_id)i);
}

/* --- events --- */
static void on_click(struct ui *ui, const struct term_event *event)
{
    for (int i = 0; i < SCREENS; i++)
        if (rect_holds(ui->tab_hit[i], event->x, event->y)) {
            ui_go(ui, (enum screen_id)i);
            return;
        }
    for (int i = 0; i < ui->hints; i++)
        if (rect_holds(ui->hint_hit[i], event->x, event->y)) {
            ui_call(ui, ui->hint_command[i], "");
            return;
        }
}

static void on_mouse(struct ui *ui, const struct term_event *event)
{
    const struct screen *screen = screen_table[ui->current];
    if (rect_holds(ui->layout.body, event->x, event->y) || event->mouse == TERM_DRAG || event->mouse == TERM_RELEASE) {
        if (screen->mouse)
            screen->mouse(ui->state[ui->current], ui, event);
    } else if (event->button == 1 && (event->mouse == TERM_PRESS || event->mouse == TERM_DOUBLE))
        on_click(ui, event);
}

static void on_key(struct ui *ui, const struct term_event *event)
{
    const struct command *command = keymap_find(ui->keymap, (int)ui->current, event);
    if (command)
        ui_call(ui, command, "");
}

/* Whether something lies over the screen and took the event. */
static bool overlay_event(struct ui *ui, const struct term_event *event)
{
    if (question_is_open(ui->question))
        question_event(ui->question, ui, event);
    else if (chooser_is_open(ui->chooser))
        chooser_event(ui->chooser, ui, event);
    else if (help_is_open(ui->help))
        help_event(ui->help, ui, event);
    else
        return prompt_is_open(ui->prompt) && prompt_event(ui->prompt, ui, event);
    return true;
}

/* What the session has to say of what was done; the last stays. */
static void take_notices(struct ui *ui)
{
    struct session_notice notice;
    while (session_take_notice(ui->session, &notice))
        ui_say(ui, notice.good ? UI_GOOD : UI_ERROR, "%s", notice.text);
}

static void take_event(struct ui *ui, const struct term_event *event)
{
    if (event->kind == TERM_KEY || event->mouse == TERM_PRESS)
        ui->message[0] = 0;     /* it was seen, and what comes now has more to say */
    if (ui->layout.too_small) { /* nothing is to be seen: only leaving makes sense */
        const struct command *command = keymap_find(ui->keymap, (int)ui->current, event);
        if (command && strcmp(command->name, "quit") == 0 && !session_leaving_stops(ui->session))
            ui->quit = true;
    } else if (overlay_event(ui, event))
        return;
    else if (event->kind == TERM_KEY)
        on_key(ui, event);
    else if (event->kind == TERM_MOUSE)
        on_mouse(ui, event);
}

void ui_event(struct ui *ui, const struct term_event *event)
{
    ui->dirty = true;
    if (event->kind == TERM_RESIZE) {
        ui_resize(ui, event->width, event->height);
        return;
    }
    take_event(ui, event);
    take_notices(ui);
}

void ui_resize(struct ui *ui, int width, int height)
{
    canvas_resize(ui->canvas, width, height);
    ui->layout = layout_frame(width, height);
    ui->dirty = true;
}

/* That a run has begun to train, is paused or has ended is seen at once; that it goes from training to validating and back
 * comes again and again, and may wait for the line. */
static void notice_phase(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    enum session_phase phase = status.phase == SESSION_VALIDATING ? SESSION_RUNNING : status.phase;
    ui->again = ui->again || phase != ui->phase;
    ui->phase = phase;
}

void ui_pump(struct ui *ui)
{
    if (session_pump(ui->session) == 0)
        return;
    take_notices(ui);
    notice_phase(ui);
    ui->dirty = true;
    const char *why = question_settle(ui->question, ui);
    why = why ? why : chooser_settle(ui->chooser, ui);
    if (why)
        ui_say(ui, UI_WARNING, "%s", why);
    tell_running(ui);
    greet(ui);
    ui_thaw_waiting(ui);
    for (int i = 0; i < SCREENS; i++)
        if (ui->state[i] && screen_table[i]->changed)
            screen_table[i]->changed(ui->state[i], ui);
}

bool ui_type(struct ui *ui, const char *keys)
{
    char word[64];
    int used;
    while (sscanf(keys, " %63s%n", word, &used) == 1) {
        keys += used;
        struct term_event event = {.kind = TERM_KEY};
        if (key_parse(word, &event.key, &event.modifiers)) {
            ui_event(ui, &event);
            continue;
        }
        const char *at = word;
        while ((event.key = utf8_next(&at)) != 0) {
            if (event.key == 0xfffd)
                return false;
            event.modifiers = 0;
            ui_event(ui, &event);
        }
    }
    return true;
}

/* --- drawing --- */
/* Above the keys; what does not fit takes lines of the body, for sentences are no use cut. */
static void draw_lines(struct ui *ui, enum theme_role role, const char *text)
{
    struct rect line = ui->layout.message;
    int lines = paragraph_height(line.w, text);
    lines = lines > 5 ? 5 : lines;
    line.y -= lines - 1;
    line.h = lines;
    canvas_fill(ui->canvas, line, ' ', THEME_TEXT, 0);
    paragraph_draw(ui->canvas, line, role, 0, text);
}

/* Without a message: that the line to the shown run is gone, or what the selected row has no room for. */
static void draw_message(struct ui *ui)
{
    static const enum theme_role roles[] = {THEME_TEXT, THEME_GOOD, THEME_WARNING, THEME_ERROR};
    struct session_status status;
    bool old = ui->message_since > 0 && clock_monotonic() - ui->message_since > UI_MESSAGE_SECONDS;
    if (old || (ui->message_holds && !ui->message_holds(ui)))
        ui->message[0] = 0;
    session_status(ui->session, &status);
    status.line[0] = (char)toupper((unsigned char)status.line[0]);
    if (ui->message[0])
        draw_lines(ui, roles[ui->message_kind], ui->message);
    else if (status.line[0])
        draw_lines(ui, THEME_WARNING, status.line);
    else if (ui->canvas->whole[0])
        draw_lines(ui, THEME_DIM, ui->canvas->whole);
}

static void draw_hint(struct ui *ui, int *x, int end, const char *name, const char *label)
{
    char key[16];
    const struct command *command = command_named(name, (int)ui->current);
    keymap_first_key(ui->keymap, command, key);
    label = label ? label : command->label;
    int width = text_width(key) + 1 + text_width(label);
    if (!key[0] || *x + width > end || ui->hints == (int)THAW_LENGTH(ui->hint_hit))
        return;
    int y = ui->layout.keys.y;
    int used = canvas_text(ui->canvas, *x, y, end - *x, THEME_KEY, 0, key) + 1;
    canvas_text(ui->canvas, *x + used, y, end - *x - used, THEME_KEY_TEXT, 0, label);
    ui->hint_hit[ui->hints] = (struct rect){*x, y, width, 1};
    ui->hint_command[ui->hints++] = command;
    *x += width + 2;
}

/* Of what lies over the screen, which gets them all; false: nothing does. */
static bool draw_overlay_keys(struct ui *ui)
{
    struct overlay_key keys[OVERLAY_KEYS];
    struct rect line = ui->layout.keys;
    int count = question_is_open(ui->question) ? question_keys(keys)
                : chooser_is_open(ui->chooser) ? chooser_keys(keys)
                : help_is_open(ui->help)       ? help_keys(keys)
                : prompt_is_open(ui->prompt)   ? prompt_keys(ui->prompt, keys)
                                               : 0;
    for (int i = 0; i < count; i++) {
        int used = canvas_text(ui->canvas, line.x, line.y, line.w, THEME_KEY, 0, keys[i].key) + 1;
        layout_cut_left(&line, used);
        used = canvas_text(ui->canvas, line.x, line.y, line.w, THEME_KEY_TEXT, 0, keys[i].label) + 2;
        layout_cut_left(&line, used);
    }
    return count > 0;
}

/* The screen's best keys, with help and quit always there behind them. */
static void draw_keys(struct ui *ui)
{
    struct screen_hint hints[SCREEN_HINTS];
    ui->hints = 0;
    if (draw_overlay_keys(ui))
        return;
    memset(hints, 0, sizeof hints);
    struct rect line = ui->layout.keys;
    int count = screen_table[ui->current]->keys(ui->state[ui->current], ui, hints);
    char help[16], quit[16];
    keymap_first_key(ui->keymap, command_named("help", -1), help);
    keymap_first_key(ui->keymap, command_named("quit", -1), quit);
    int kept = text_width(help) + text_width(quit) + 4 + 4 + 2 + 2 + 2; /* and what parts them from what is before */
    int x = line.x, end = line.x + line.w;
    for (int i = 0; i < count; i++)
        draw_hint(ui, &x, end - kept, hints[i].command, hints[i].label);
    draw_hint(ui, &x, end, "help", NULL);
    draw_hint(ui, &x, end, "quit", NULL);
}

static void draw_small(struct ui *ui)
{
    struct session_status status;
    session_status(ui->session, &status);
    struct canvas *canvas = ui->canvas;
    int y = 0;
    if (ui_training(ui)) { /* what matters still fits */
        canvas_format(canvas, 0, y++, canvas->width, THEME_TEXT, 0, "epoch %d/%d", status.epoch, status.epochs);
        canvas_format(canvas, 0, y++, canvas->width, THEME_TRAIN, 0, "loss %.4f", status.loss);
        if (status.val_accuracy >= 0)
            canvas_format(canvas, 0, y++, canvas->width, THEME_VAL, 0, "accuracy %.1f%%", status.val_accuracy * 100);
    }
    char text[64];
    int length = snprintf(text, sizeof text, "%d x %d: thaw needs %d x %d", canvas->width, canvas->height,
                          LAYOUT_MIN_WIDTH, LAYOUT_MIN_HEIGHT);
    if (length > canvas->width)
        snprintf(text, sizeof text, "needs %d x %d", LAYOUT_MIN_WIDTH, LAYOUT_MIN_HEIGHT);
    canvas_text(canvas, 0, y, canvas->width, THEME_WARNING, 0, text);
}

void ui_draw(struct ui *ui)
{
    struct canvas *canvas = ui->canvas;
    canvas_clear(canvas);
    ui->dirty = ui->again = false;
    if (ui->layout.too_small) {
        draw_small(ui);
    } else {
        struct rect all = canvas_clip(canvas, ui->layout.body);
        screen_table[ui->current]->draw(ui->state[ui->current], ui, canvas, ui->layout.body);
        canvas_clip(canvas, all);
        tab_line_draw(ui);
        draw_keys(ui);
        if (help_is_open(ui->help) || chooser_is_open(ui->chooser))
            canvas->whole[0] = 0; /* what lies below is not looked at */
        if (help_is_open(ui->help))
            help_draw(ui->help, ui, ui->layout.body);
        if (prompt_is_open(ui->prompt))
            prompt_draw(ui->prompt, canvas, ui->layout.message, ui->layout.body);
        else
            draw_message(ui);
        if (chooser_is_open(ui->chooser))
            chooser_draw(ui->chooser, canvas, ui->layout.body);
        if (question_is_open(ui->question))
            question_draw(ui->question, canvas, ui->layout.body);
    }
    if (ui->term)
        term_blit(ui->term, canvas, &ui->theme);
}
