/* A line of text being edited, UTF-8. Offsets are bytes at the start of a character. Called by the prompt, the help's
 * filter and screens that edit settings. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "widget.h"

void input_set(struct input *input, const char *text)
{
    snprintf(input->text, sizeof input->text, "%s", text);
    input->cursor = (int)strlen(input->text);
    input->scroll = 0;
    input->replaced = false;
}

void input_offer(struct input *input, const char *text)
{
    input_set(input, text);
    input->replaced = *text != '\0';
}

static int before(const struct input *input, int at)
{
    if (at > 0)
        at--;
    while (at > 0 && ((unsigned char)input->text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static int after(const struct input *input, int at)
{
    const char *next = input->text + at;
    utf8_next(&next);
    return (int)(next - input->text);
}

static void cut(struct input *input, int from, int to)
{
    memmove(input->text + from, input->text + to, strlen(input->text + to) + 1);
    input->cursor = from;
}

static int word_start(const struct input *input)
{
    int at = input->cursor;
    while (at > 0 && input->text[at - 1] == ' ')
        at--;
    while (at > 0 && input->text[at - 1] != ' ')
        at--;
    return at;
}

static bool control_key(struct input *input, uint32_t key)
{
    switch (key) {
    case 'a':
        input->cursor = 0;
        return true;
    case 'e':
        input->cursor = (int)strlen(input->text);
        return true;
    case 'u':
        cut(input, 0, input->cursor);
        return true;
    case 'k':
        input->text[input->cursor] = 0;
        return true;
    case 'w':
        cut(input, word_start(input), input->cursor);
        return true;
    default:
        return false;
    }
}

static bool type_code(struct input *input, uint32_t code)
{
    char bytes[5];
    int count = utf8_put(bytes, code);
    size_t length = strlen(input->text);
    if (code_width(code) == 0 || length + (size_t)count >= sizeof input->text)
        return false;
    char *at = input->text + input->cursor;
    memmove(at + count, at, strlen(at) + 1);
    memcpy(at, bytes, (size_t)count);
    input->cursor += count;
    return true;
}

/* The first key decides about a text that was offered: what types or erases takes its place, what moves keeps it. */
static bool replaces(const struct input *input, const struct term_event *event)
{
    bool types = event->key < TERM_KEY_FIRST && !(event->modifiers & TERM_CTRL) && code_width(event->key) > 0;
    return input->replaced && (types || event->key == TERM_KEY_BACKSPACE || event->key == TERM_KEY_DELETE);
}

bool input_key(struct input *input, const struct term_event *event)
{
    if (event->kind != TERM_KEY || (event->modifiers & TERM_ALT))
        return false;
    bool replaced = replaces(input, event);
    input->replaced = false;
    if (replaced) {
        input_set(input, "");
        return event->key >= TERM_KEY_FIRST || type_code(input, event->key);
    }
    if (event->modifiers & TERM_CTRL)
        return control_key(input, event->key);
    switch (event->key) {
    case TERM_KEY_LEFT:
        input->cursor = before(input, input->cursor);
        return true;
    case TERM_KEY_RIGHT:
        input->cursor = after(input, input->cursor);
        return true;
    case TERM_KEY_HOME:
        input->cursor = 0;
        return true;
    case TERM_KEY_END:
        input->cursor = (int)strlen(input->text);
        return true;
    case TERM_KEY_BACKSPACE:
        cut(input, before(input, input->cursor), input->cursor);
        return true;
    case TERM_KEY_DELETE:
        cut(input, input->cursor, after(input, input->cursor));
        return true;
    default:
        return event->key < TERM_KEY_FIRST && type_code(input, event->key);
    }
}

/* Cells between two offsets. */
static int cells_between(const struct input *input, int from, int to)
{
    int cells = 0;
    for (const char *at = input->text + from; at < input->text + to;)
        cells += code_width(utf8_next(&at));
    return cells;
}

void input_draw(struct canvas *canvas, struct rect area, struct input *input, bool focused)
{
    if (area.w < 1 || area.h < 1)
        return;
    if (input->scroll > input->cursor || input->scroll > (int)strlen(input->text))
        input->scroll = input->cursor;
    while (cells_between(input, input->scroll, input->cursor) >= area.w)
        input->scroll = after(input, input->scroll);
    canvas_fill(canvas, (struct rect){area.x, area.y, area.w, 1}, ' ', THEME_INPUT, 0);
    const char *text = input->text + input->scroll;
    int x = 0;
    for (uint32_t code; (code = utf8_next(&text)) != 0; x += code_width(code)) {
        if (x + code_width(code) > area.w)
            break;
        canvas_put(canvas, area.x + x, area.y, code, input->replaced ? THEME_SELECTED : THEME_INPUT, 0);
    }
    if (focused) {
        canvas->cursor_x = area.x + cells_between(input, input->scroll, input->cursor);
        canvas->cursor_y = area.y;
    }
}
