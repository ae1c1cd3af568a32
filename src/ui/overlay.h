/* What lies over a screen: the line that asks, the question, the list to choose from, the help. Each is made once by the frame, and is open or
 * not; while one is open it gets the keys. Private to ui.c. */
#ifndef THAW_UI_OVERLAY_H
#define THAW_UI_OVERLAY_H

#include "ui.h"
#include "widget.h"

/* The keys of what is open, for the bottom line. */
struct overlay_key {
    const char *key, *label;
};
enum { OVERLAY_KEYS = 4 };

/* --- the prompt: a labelled text field on the message line, with completion and history (prompt.c) --- */
struct prompt *prompt_create(void);
void prompt_destroy(struct prompt *prompt);
void prompt_open(struct prompt *prompt, struct ui *ui, const struct ui_ask *ask);
bool prompt_is_open(const struct prompt *prompt);
/* Keys, and clicks on its line and on what it offers. A click elsewhere closes it and is not taken: false. */
bool prompt_event(struct prompt *prompt, struct ui *ui, const struct term_event *event);
int prompt_keys(const struct prompt *prompt, struct overlay_key keys[OVERLAY_KEYS]); /* returns how many */
/* line: where it asks; body: completions show on its last line. */
void prompt_draw(struct prompt *prompt, struct canvas *canvas, struct rect line, struct rect body);

/* --- completion (complete.c): whole lines that `text` may become, sorted as they come --- */
enum { COMPLETE_MAX = 64, COMPLETE_TEXT = 512 };
struct completions {
    int count;
    char text[COMPLETE_MAX][COMPLETE_TEXT];
};
void complete(struct completions *completions, struct ui *ui, enum command_argument kind, const char *text);
void complete_value(struct completions *completions, struct ui *ui, const char *setting, const char *text);

/* --- the question (question.c) --- */
struct question *question_create(void);
void question_destroy(struct question *question);
void question_open(struct question *question, const char *text, void (*yes)(void *context, struct ui *ui),
                   void *context);
/* It closes once this no longer holds; NULL: it stays. */
void question_hold(struct question *question, bool (*holds)(struct ui *ui), const char *why);
const char *question_settle(struct question *question, struct ui *ui); /* why it was closed; NULL: it was not */
bool question_is_open(const struct question *question);
int question_keys(struct overlay_key keys[OVERLAY_KEYS]);
void question_event(struct question *question, struct ui *ui, const struct term_event *event);
void question_draw(struct question *question, struct canvas *canvas, struct rect area);

/* --- the chooser (chooser.c) --- */
struct chooser *chooser_create(void);
void chooser_destroy(struct chooser *chooser);
void chooser_open(struct chooser *chooser, const struct ui_choice *choice);
bool chooser_is_open(const struct chooser *chooser);
const char *chooser_settle(struct chooser *chooser, struct ui *ui); /* as question_settle */
int chooser_keys(struct overlay_key keys[OVERLAY_KEYS]);
void chooser_event(struct chooser *chooser, struct ui *ui, const struct term_event *event);
void chooser_draw(struct chooser *chooser, struct canvas *canvas, struct rect area);

/* --- the help (help.c) --- */
struct help *help_create(void);
void help_destroy(struct help *help);
void help_open(struct help *help, struct ui *ui);
bool help_is_open(const struct help *help);
int help_keys(struct overlay_key keys[OVERLAY_KEYS]);
void help_event(struct help *help, struct ui *ui, const struct term_event *event);
void help_draw(struct help *help, struct ui *ui, struct rect area);

/* --- the tab line (ui_tabs.c); sets ui->tab_hit --- */
void tab_line_draw(struct ui *ui);

/* Opens the `:` line with a beginning. */
void ui_ask_command(struct ui *ui, const char *beginning);
/* Does a line of it: "lr 0.01". */
void ui_do_line(struct ui *ui, const char *line);

#endif
