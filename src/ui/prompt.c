/* The prompt: asks for a line at the bottom of the screen, and shows at once what was used before where it asks for a file.
 * Tab fills in what is common to all completions, then walks through them; Up and Down walk through what was typed before under the same history name. Called by the frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "overlay.h"
#include "thaw/base/mem.h"

enum { HISTORIES = 8, HISTORY_LINES = 32, LINE = sizeof(((struct input *)0)->text) };

struct history {
    char name[24];
    int count;
    char *line[HISTORY_LINES]; /* oldest first */
};

struct prompt {
    bool open;
    struct ui_ask ask;
    char label[64], setting[48];
    struct input input;
    struct history history[HISTORIES];
    struct history *past; /* of this question; NULL: none */
    int at;               /* line of the history shown; past->count: what was typed */
    char typed[LINE];
    struct completions *offered;
    int chosen;                          /* completion in the line; -1: none */
    bool unasked;                        /* they came by themselves */
    int screen;                          /* it was opened on */
    struct rect line, hit[COMPLETE_MAX]; /* as last drawn: what it asks on, and each completion */
};

struct prompt *prompt_create(void)
{
    struct prompt *prompt = mem_alloc(sizeof *prompt);
    prompt->offered = mem_alloc(sizeof *prompt->offered);
    return prompt;
}

void prompt_destroy(struct prompt *prompt)
{
    if (!prompt)
        return;
    for (int i = 0; i < HISTORIES; i++)
        for (int j = 0; j < prompt->history[i].count; j++)
            mem_free(prompt->history[i].line[j]);
    mem_free(prompt->offered);
    mem_free(prompt);
}

static struct history *find_history(struct prompt *prompt, const char *name)
{
    for (int i = 0; name && i < HISTORIES; i++) {
        struct history *history = &prompt->history[i];
        if (!history->name[0])
            snprintf(history->name, sizeof history->name, "%s", name);
        if (strcmp(history->name, name) == 0)
            return history;
    }
    return NULL;
}

/* What it asks for is offered before Tab is pressed, where that is not every command or what is there already. */
static void offer_at_once(struct prompt *prompt, struct ui *ui)
{
    const struct ui_ask *ask = &prompt->ask;
    if (ask->setting || ask->complete == ARGUMENT_NONE ||
        (ask->initial && *ask->initial) != (ask->complete == ARGUMENT_COMMAND))
        return;
    complete(prompt->offered, ui, ask->complete, prompt->input.text);
    prompt->unasked = prompt->offered->count > 0;
}

void prompt_open(struct prompt *prompt, struct ui *ui, const struct ui_ask *ask)
{
    prompt->open = true;
    prompt->ask = *ask;
    snprintf(prompt->label, sizeof prompt->label, "%s", ask->label);
    snprintf(prompt->setting, sizeof prompt->setting, "%s", ask->setting ? ask->setting : "");
    if (ask->complete == ARGUMENT_COMMAND) /* its beginning is typed on */
        input_set(&prompt->input, ask->initial);
    else
        input_offer(&prompt->input, ask->initial ? ask->initial : "");
    prompt->past = find_history(prompt, ask->history);
    prompt->at = prompt->past ? prompt->past->count : 0;
    prompt->offered->count = 0;
    prompt->chosen = -1;
    prompt->unasked = false;
    prompt->screen = (int)ui->current;
    offer_at_once(prompt, ui);
}

bool prompt_is_open(const struct prompt *prompt)
{
    return prompt->open;
}

static void remember(struct history *history, const char *line)
{
    if (!history || !*line)
        return;
    if (history->count > 0 && strcmp(history->line[history->count - 1], line) == 0)
        return;
    if (history->count == HISTORY_LINES) {
        mem_free(history->line[0]);
        memmove(history->line, history->line + 1, sizeof history->line[0] * (HISTORY_LINES - 1));
        history->count--;
    }
    history->line[history->count++] = mem_string(line);
}

/* `done` may ask again, so this prompt is closed first. */
static void finish(struct prompt *prompt, struct ui *ui, bool accepted)
{
    char line[LINE];
    snprintf(line, sizeof line, "%s", prompt->input.text);
    if (accepted)
        remember(prompt->past, line);
    prompt->open = false;
    if (prompt->ask.done)
        prompt->ask.done(prompt->ask.context, ui, line, accepted);
}

static void edited(struct prompt *prompt, struct ui *ui)
{
    if (prompt->ask.changed)
        prompt->ask.changed(prompt->ask.context, ui, prompt->input.text);
}

static size_t common_length(const struct completions *offered)
{
    size_t length = strlen(offered->text[0]);
    for (int i = 1; i < offered->count; i++) {
        size_t same = 0;
        while (same < length && offered->text[i][same] == offered->text[0][same])
            same++;
        length = same;
    }
    while (length > 0 && ((unsigned char)offered->text[0][length] & 0xc0) == 0x80)
        length--; /* not in the middle of a character */
    return length;
}

static void complete_line(struct prompt *prompt, struct ui *ui, int step)
{
    struct completions *offered = prompt->offered;
    if (prompt->chosen < 0) {
        prompt->unasked = false;
        if (prompt->ask.setting)
            complete_value(offered, ui, prompt->setting, prompt->input.text);
        else
            complete(offered, ui, prompt->ask.complete, prompt->input.text);
        if (offered->count == 0)
            return;
        size_t common = common_length(offered);
        bool longer = common > strlen(prompt->input.text);
        if (longer || offered->count == 1) {
            char line[LINE];
            snprintf(line, sizeof line, "%.*s", (int)common, offered->text[0]);
            input_set(&prompt->input, line);
            if (offered->count == 1)
                offered->count = 0;
            edited(prompt, ui);
            return;
        }
    }
    if (prompt->chosen < 0)
        prompt->chosen = step > 0 ? 0 : offered->count - 1;
    else
        prompt->chosen = (prompt->chosen + step + offered->count) % offered->count;
    input_set(&prompt->input, offered->text[prompt->chosen]);
    edited(prompt, ui);
}

static void walk_history(struct prompt *prompt, struct ui *ui, int step)
{
    struct history *past = prompt->past;
    if (!past || prompt->at + step < 0 || prompt->at + step > past->count)
        return;
    if (prompt->at == past->count)
        snprintf(prompt->typed, sizeof prompt->typed, "%s", prompt->input.text);
    prompt->at += step;
    input_set(&prompt->input, prompt->at == past->count ? prompt->typed : past->line[prompt->at]);
    edited(prompt, ui);
}

static void forget_offers(struct prompt *prompt)
{
    prompt->offered->count = 0;
    prompt->chosen = -1;
}

static void on_key(struct prompt *prompt, struct ui *ui, const struct term_event *event)
{
    bool control_c = event->key == 'c' && event->modifiers == TERM_CTRL;
    if (event->key == TERM_KEY_TAB) {
        complete_line(prompt, ui, event->modifiers & TERM_SHIFT ? -1 : 1);
        return;
    }
    if (event->key == TERM_KEY_ESCAPE && prompt->offered->count > 0 && !prompt->unasked) {
        forget_offers(prompt);
        return;
    }
    forget_offers(prompt);
    if (event->key == TERM_KEY_ENTER)
        finish(prompt, ui, true);
    else if (event->key == TERM_KEY_ESCAPE || control_c)
        finish(prompt, ui, false);
    else if (event->key == TERM_KEY_UP || event->key == TERM_KEY_DOWN)
        walk_history(prompt, ui, event->key == TERM_KEY_UP ? -1 : 1);
    else if (event->key == TERM_KEY_BACKSPACE && !prompt->input.text[0] && prompt->ask.complete == ARGUMENT_COMMAND)
        finish(prompt, ui, false); /* as vi does: back over the colon */
    else if (input_key(&prompt->input, event))
        edited(prompt, ui);
}

static bool on_mouse(struct prompt *prompt, struct ui *ui, const struct term_event *event)
{
    if (event->mouse != TERM_PRESS)
        return event->mouse == TERM_RELEASE || event->mouse == TERM_DRAG;
    for (int i = 0; i < prompt->offered->count; i++)
        if (rect_holds(prompt->hit[i], event->x, event->y)) {
            input_set(&prompt->input, prompt->offered->text[i]);
            prompt->chosen = i;
            edited(prompt, ui);
            return true;
        }
    if (rect_holds(prompt->line, event->x, event->y))
        return true;
    /* What has acted while it was typed stays as it is seen. */
    finish(prompt, ui, prompt->ask.changed != NULL);
    return false;
}

bool prompt_event(struct prompt *prompt, struct ui *ui, const struct term_event *event)
{
    if (event->kind == TERM_MOUSE)
        return on_mouse(prompt, ui, event);
    on_key(prompt, ui, event);
    return true;
}

/* The part of a completion that tells it from the others: behind the last blank or slash. */
static const char *last_part(const char *text)
{
    const char *part = text;
    for (const char *at = text; *at; at++)
        if ((*at == ' ' || *at == '/') && at[1])
            part = at + 1;
    return part;
}

/* What the command that is being typed takes, and what it does with it. */
static void draw_command(const struct prompt *prompt, struct canvas *canvas, struct rect row)
{
    char name[48];
    size_t length = strcspn(prompt->input.text, " ");
    if (prompt->ask.complete != ARGUMENT_COMMAND || prompt->input.text[length] != ' ')
        return;
    snprintf(name, sizeof name, "%.*s", (int)length, prompt->input.text);
    const struct command *command = command_find(name, prompt->screen, NULL);
    if (!command)
        return;
    bool takes = command->takes && command->takes[0];
    canvas_fill(canvas, row, ' ', THEME_TEXT, 0);
    canvas_format(canvas, row.x, row.y, row.w, THEME_DIM, 0, "%s%s%s", takes ? command->takes : "", takes ? ": " : "",
                  command->help);
}

int prompt_keys(const struct prompt *prompt, struct overlay_key keys[OVERLAY_KEYS])
{
    int count = 0;
    keys[count++] = (struct overlay_key){"Enter", "done"};
    keys[count++] = (struct overlay_key){"Esc", "cancel"};
    if (prompt->ask.setting || prompt->ask.complete != ARGUMENT_NONE)
        keys[count++] = (struct overlay_key){"Tab", "complete"};
    if (prompt->past && prompt->past->count > 0)
        keys[count++] = (struct overlay_key){"Up", "earlier ones"};
    return count;
}

void prompt_draw(struct prompt *prompt, struct canvas *canvas, struct rect line, struct rect body)
{
    prompt->line = line;
    memset(prompt->hit, 0, sizeof prompt->hit);
    canvas_fill(canvas, line, ' ', THEME_TEXT, 0);
    int used = canvas_text(canvas, line.x, line.y, line.w / 2, THEME_TITLE, 0, prompt->label);
    layout_cut_left(&line, used);
    input_draw(canvas, line, &prompt->input, true);
    const struct completions *offered = prompt->offered;
    if (rect_empty(body))
        return;
    struct rect row = layout_cut_bottom(&body, 1);
    if (offered->count < (prompt->unasked ? 1 : 2)) {
        draw_command(prompt, canvas, row);
        return;
    }
    canvas_fill(canvas, row, ' ', THEME_TEXT, 0);
    int x = row.x, end = row.x + row.w, first = prompt->chosen > 0 ? prompt->chosen : 0, width = 0;
    /* As many before the chosen one as keep it in sight. */
    for (; first > 0; first--) {
        width += text_width(last_part(offered->text[first])) + 2;
        if (width > row.w - 4)
            break;
    }
    for (int i = first; i < offered->count; i++) {
        const char *part = last_part(offered->text[i]);
        int cells = text_width(part), more = i + 1 < offered->count ? 5 : 0; /* room to say that there are more */
        if (x + cells + more > end && i > first) {
            canvas_format(canvas, x, row.y, end - x, THEME_DIM, 0, "+%d", offered->count - i);
            return;
        }
        prompt->hit[i] = (struct rect){x, row.y, cells, 1};
        x += canvas_text(canvas, x, row.y, end - x, i == prompt->chosen ? THEME_SELECTED : THEME_DIM, 0, part) + 2;
    }
}
