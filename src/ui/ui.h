/* The workbench's frame: session, theme, canvas, keys, the current screen, and what lies over it (prompt, question,
 * help). The terminal is optional: without one, feed events with ui_event and read the canvas, which is how golden tests
 * run. One thread. */
#ifndef THAW_UI_UI_H
#define THAW_UI_UI_H

#include <stdbool.h>

#include "canvas.h"
#include "keymap.h"
#include "layout.h"
#include "screen.h"
#include "term.h"
#include "thaw/session/session.h"
#include "theme.h"

struct ui_options {
    const char *theme;         /* name or path; NULL: "default" */
    const char *themes_folder; /* NULL: the installed one */
    bool ascii, no_colour, no_mouse;
    bool slow; /* the line is: what runs by itself is drawn every few seconds */
    enum screen_id start;
    const char *greeting; /* first message, once the experiment is open; NULL: none */
    const char *sample;   /* experiment that the command "sample" opens; NULL: none */
    const char *keep;     /* file that the next run is written to when a run starts and at the end; NULL: none */
    int width, height;    /* without a terminal only */
};

/* Takes over the terminal until the user quits. What app/ calls. false: could not start, or the terminal went away. */
bool ui_run(const struct ui_options *options, struct session *session, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 3) THAW_MUST_CHECK;

enum ui_message_kind { UI_INFO, UI_GOOD, UI_WARNING, UI_ERROR };

struct prompt;
struct help;
struct question;
struct chooser;
struct undo;

enum { UI_MESSAGE_SECONDS = 8 }; /* how long an info stays */
enum { UI_REPLAY_SPEED = 10 };   /* times, that a replay is played at unless it was told */

struct ui {
    struct session *session;
    struct theme theme;
    const char *themes_folder;
    struct canvas *canvas;
    struct term *term; /* NULL without a terminal */
    struct keymap *keymap;
    struct layout layout;
    enum screen_id current;
    void *state[SCREENS]; /* screens' own, made when first needed */
    bool dirty, quit;
    bool again;               /* draw at once, after a look at the keyboard */
    bool slow;                /* the line is */
    enum session_phase phase; /* of the shown run, when the session was last heard */
    enum ui_message_kind message_kind;
    char message[512];
    double replay_speed;                  /* times, that a replay goes on with; 0: as usual */
    int sought;                           /* epoch that a replay was brought to last; 0: none */
    double sought_at;                     /* clock_monotonic */
    double message_since;                 /* clock_monotonic; 0: stays until the next key */
    bool (*message_holds)(struct ui *ui); /* whether it is still true; NULL: it does not say */
    const char *greeting;                 /* to be said once all is open; NULL: it was */
    bool told_running;                    /* which runs train already */
    bool starts;                          /* the run, once all is open */
    bool thaws;                           /* the next stage, once the run has told its layers */
    const char *sample, *keep;            /* as in the options */
    struct prompt *prompt;                /* always there, open or not */
    struct help *help;
    struct question *question;
    struct chooser *chooser;
    struct undo *undo;
    struct rect tab_hit[SCREENS], hint_hit[SCREEN_HINTS + 4];
    const struct command *hint_command[SCREEN_HINTS + 4];
    int hints;
};

/* --- for screens --- */
void ui_dirty(struct ui *ui); /* draw again soon */
void ui_again(struct ui *ui); /* while drawing: not all is there yet, draw again at once unless a key comes first */
void ui_say(struct ui *ui, enum ui_message_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The same, gone as soon as it is no longer true. */
void ui_say_while(struct ui *ui, bool (*holds)(struct ui *ui), enum ui_message_kind kind, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void ui_fail(struct ui *ui, const struct error *error); /* says it as an error, with a capital and a full stop */
void ui_go(struct ui *ui, enum screen_id screen);
void ui_show(const struct command_call *call); /* of a screen's own `go` */
/* Does a command by its whole name, as the screen in front means it; by its row. One that needs an argument and was given
 * none asks for it; another screen's says where it works. */
void ui_do(struct ui *ui, const char *name, const char *argument);
void ui_call(struct ui *ui, const struct command *command, const char *argument);

/* Asks for a line at the bottom. `changed` (may be NULL) sees each edit, so that filters act while typing; `done` gets
 * the final text, accepted false on Esc. */
struct ui_ask {
    const char *label;   /* "filter: " */
    const char *initial; /* "" or what to edit */
    const char *history; /* lines of the same name share a history; NULL: none */
    enum command_argument complete;
    const char *setting; /* instead: completes values of this one; NULL: none */
    void (*changed)(void *context, struct ui *ui, const char *text);
    void (*done)(void *context, struct ui *ui, const char *text, bool accepted);
    void *context;
};
void ui_ask(struct ui *ui, const struct ui_ask *ask);
/* A list to choose a word from, over the screen; `done` runs when one is chosen. */
struct ui_choice {
    const char *title;
    const char *items; /* "sgd | nesterov | adamw" */
    const char *now;   /* the one that holds */
    void (*done)(void *context, struct ui *ui, const char *item);
    void *context;
    bool (*holds)(struct ui *ui); /* whether there is still something to choose; NULL: always */
    const char *why;              /* said where there is not, and the list closes */
};
void ui_choose(struct ui *ui, const struct ui_choice *choice);
/* A yes/no dialog in the middle; `yes` runs on y or Enter on "yes". `text` may have several lines. */
void ui_confirm(struct ui *ui, const char *text, void (*yes)(void *context, struct ui *ui), void *context);
/* The same, closed as soon as it no longer holds, which `why` then says. */
void ui_confirm_while(struct ui *ui, bool (*holds)(struct ui *ui), const char *why, const char *text,
                      void (*yes)(void *context, struct ui *ui), void *context);

void ui_keep(struct ui *ui);     /* writes down what the next run is, for the next start */
bool ui_training(struct ui *ui); /* preparing, running, paused or validating */
/* Whose layers a command changes: as the screen in front, but nobody changes a run that has ended. */
enum session_subject ui_subject(struct ui *ui);
/* Makes the session's calls about layers mean this subject; returns the one that they meant, to be put back. */
enum session_subject ui_mean(struct ui *ui, enum session_subject subject);
/* Whether the shown run takes commands from here; where it does not, says why. */
bool ui_may_steer(struct ui *ui);
/* Gives the shown run a command of run/command.h, where it takes any. What comes of it comes as a notice. */
void ui_tell(struct ui *ui, const char *command, const char *argument);
/* Gives it the thaw that was asked for before it had told its layers, once it has. */
void ui_thaw_waiting(struct ui *ui);
/* "ended", "read-only", ...: why it does not; "": it does. */
const char *ui_no_steering(const struct session_status *status);

/* --- the loop's parts, for ui_run and for tests without a terminal --- */
/* term may be NULL; otherwise the ui owns it from here on. */
struct ui *ui_create(const struct ui_options *options, struct session *session, struct term *term, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 4) THAW_MUST_CHECK;
void ui_destroy(struct ui *ui);
void ui_event(struct ui *ui, const struct term_event *event);
void ui_resize(struct ui *ui, int width, int height);
void ui_pump(struct ui *ui); /* takes in the session's events */
void ui_draw(struct ui *ui); /* into the canvas; blits when there is a terminal */
/* Keys by name parted by blanks, "2 j j Space : q u i t Enter"; a word that is no key's name is typed letter by letter.
 * false when a word cannot be typed. */
bool ui_type(struct ui *ui, const char *keys);

#endif
