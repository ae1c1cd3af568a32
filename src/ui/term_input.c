/* What the terminal's keys and mouse say, by way of ncurses. Called by ui_loop.c. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "term_private.h"
#include "thaw/base/clock.h"

/* Codes of our own for keys with modifiers: EXTENDED + 8 * index + modifiers. */
enum { EXTENDED = 0x4000 };
static const struct {
    const char *name; /* terminfo's, without the number behind it */
    enum term_key_name key;
} extended[] = {
    {"kUP", TERM_KEY_UP},     {"kDN", TERM_KEY_DOWN},   {"kLFT", TERM_KEY_LEFT},    {"kRIT", TERM_KEY_RIGHT},
    {"kHOM", TERM_KEY_HOME},  {"kEND", TERM_KEY_END},   {"kPRV", TERM_KEY_PAGE_UP}, {"kNXT", TERM_KEY_PAGE_DOWN},
    {"kDC", TERM_KEY_DELETE}, {"kIC", TERM_KEY_INSERT},
};

void term_define_keys(void)
{
    for (size_t i = 0; i < THAW_LENGTH(extended); i++)
        for (int bits = 1; bits < 8; bits++) { /* xterm numbers them 1 + shift + 2 alt + 4 control */
            char name[16];
            snprintf(name, sizeof name, "%s%d", extended[i].name, bits + 1);
            const char *sequence = tigetstr(name);
            if (sequence && sequence != (char *)-1)
                define_key(sequence, EXTENDED + (int)i * 8 + bits);
        }
}

static bool extended_key(struct term_event *event, wint_t code)
{
    if (code < EXTENDED || code >= EXTENDED + 8 * THAW_LENGTH(extended))
        return false;
    unsigned bits = (code - EXTENDED) % 8;
    event->key = extended[(code - EXTENDED) / 8].key;
    event->modifiers = (bits & 1 ? TERM_SHIFT : 0u) | (bits & 2 ? TERM_ALT : 0u) | (bits & 4 ? TERM_CTRL : 0u);
    return true;
}

static bool named_key(struct term_event *event, wint_t code)
{
    static const struct {
        wint_t code;
        uint32_t key;
        unsigned modifiers;
    } names[] = {
        {KEY_UP, TERM_KEY_UP, 0},
        {KEY_DOWN, TERM_KEY_DOWN, 0},
        {KEY_LEFT, TERM_KEY_LEFT, 0},
        {KEY_RIGHT, TERM_KEY_RIGHT, 0},
        {KEY_HOME, TERM_KEY_HOME, 0},
        {KEY_END, TERM_KEY_END, 0},
        {KEY_PPAGE, TERM_KEY_PAGE_UP, 0},
        {KEY_NPAGE, TERM_KEY_PAGE_DOWN, 0},
        {KEY_IC, TERM_KEY_INSERT, 0},
        {KEY_DC, TERM_KEY_DELETE, 0},
        {KEY_BACKSPACE, TERM_KEY_BACKSPACE, 0},
        {KEY_ENTER, TERM_KEY_ENTER, 0},
        {KEY_BTAB, TERM_KEY_TAB, TERM_SHIFT},
        {KEY_SLEFT, TERM_KEY_LEFT, TERM_SHIFT},
        {KEY_SRIGHT, TERM_KEY_RIGHT, TERM_SHIFT},
        {KEY_SR, TERM_KEY_UP, TERM_SHIFT},
        {KEY_SF, TERM_KEY_DOWN, TERM_SHIFT},
        {KEY_SHOME, TERM_KEY_HOME, TERM_SHIFT},
        {KEY_SEND, TERM_KEY_END, TERM_SHIFT},
        {KEY_SPREVIOUS, TERM_KEY_PAGE_UP, TERM_SHIFT},
        {KEY_SNEXT, TERM_KEY_PAGE_DOWN, TERM_SHIFT},
        {KEY_SDC, TERM_KEY_DELETE, TERM_SHIFT},
    };
    if (code >= KEY_F(1) && code <= KEY_F(12)) {
        event->key = TERM_KEY_F1 + (uint32_t)(code - KEY_F(1));
        return true;
    }
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (names[i].code == code) {
            event->key = names[i].key;
            event->modifiers = names[i].modifiers;
            return true;
        }
    return extended_key(event, code);
}

static void typed_key(struct term_event *event, wint_t code)
{
    event->modifiers = 0;
    if (code == '\r' || code == '\n')
        event->key = TERM_KEY_ENTER;
    else if (code == '\t')
        event->key = TERM_KEY_TAB;
    else if (code == 27)
        event->key = TERM_KEY_ESCAPE;
    else if (code == 8 || code == 127)
        event->key = TERM_KEY_BACKSPACE;
    else if (code < 32) {
        event->key = code == 0 ? ' ' : code <= 26 ? (uint32_t)code + 'a' - 1 : (uint32_t)code + 64;
        event->modifiers = TERM_CTRL;
    } else
        event->key = code;
}

static bool pressed(struct term *term, struct term_event *event, int button)
{
    double now = clock_monotonic();
    bool twice = event->x == term->press_x && event->y == term->press_y && now - term->press_time < 0.4;
    event->mouse = twice && button == 1 ? TERM_DOUBLE : TERM_PRESS;
    event->button = button;
    term->press_time = twice ? 0 : now;
    term->press_x = event->x;
    term->press_y = event->y;
    term->held = button;
    return true;
}

/* A press and its release often come in one breath: ncurses then says KEY_MOUSE once. */
static void fetch_mice(struct term *term)
{
    while (term->mice_count < (int)THAW_LENGTH(term->mice) && getmouse(&term->mice[term->mice_count]) == OK)
        term->mice_count++;
}

static bool mouse_event(struct term *term, struct term_event *event)
{
    MEVENT mouse = term->mice[--term->mice_count];
    event->kind = TERM_MOUSE;
    event->x = mouse.x;
    event->y = mouse.y;
    event->modifiers = (mouse.bstate & BUTTON_SHIFT ? TERM_SHIFT : 0u) | (mouse.bstate & BUTTON_CTRL ? TERM_CTRL : 0u) |
                       (mouse.bstate & BUTTON_ALT ? TERM_ALT : 0u);
    static const struct {
        mmask_t press, release;
    } buttons[] = {
        {BUTTON1_PRESSED, BUTTON1_RELEASED}, {BUTTON2_PRESSED, BUTTON2_RELEASED}, {BUTTON3_PRESSED, BUTTON3_RELEASED}};
    if (mouse.bstate & (BUTTON4_PRESSED | BUTTON5_PRESSED)) {
        event->mouse = mouse.bstate & BUTTON4_PRESSED ? TERM_WHEEL_UP : TERM_WHEEL_DOWN;
        return true;
    }
    for (int i = 0; i < 3; i++) {
        if (mouse.bstate & buttons[i].press)
            return pressed(term, event, i + 1);
        if (mouse.bstate & buttons[i].release) {
            event->mouse = TERM_RELEASE;
            event->button = i + 1;
            term->held = 0;
            return true;
        }
    }
    if (!(mouse.bstate & REPORT_MOUSE_POSITION) || !term->held)
        return false;
    event->mouse = TERM_DRAG;
    event->button = term->held;
    return true;
}

/* One code from ncurses; false: it says nothing to us. */
static bool decode(struct term *term, struct term_event *event, int kind, wint_t code)
{
    event->kind = TERM_KEY;
    if (kind == KEY_CODE_YES)
        return named_key(event, code);
    typed_key(event, code);
    if (code != 27)
        return true;
    /* Escape and a key in one breath is Alt. */
    wint_t next;
    int next_kind = wget_wch(term->keys, &next);
    if (next_kind == KEY_CODE_YES && next == KEY_MOUSE)
        fetch_mice(term);
    if (next_kind == ERR || (next_kind == KEY_CODE_YES && next == KEY_MOUSE))
        return true;
    if (next_kind == OK && next == 27)
        return true;
    if (next_kind == OK)
        typed_key(event, next);
    else if (!named_key(event, next))
        return false;
    event->modifiers |= TERM_ALT;
    return true;
}

bool term_read(struct term *term, struct term_event *event)
{
    for (;;) {
        memset(event, 0, sizeof *event);
        if (term_take_resize(term)) {
            event->kind = TERM_RESIZE;
            term_size(term, &event->width, &event->height);
            return true;
        }
        if (term->mice_count > 0) {
            if (mouse_event(term, event))
                return true;
            continue;
        }
        wint_t code = 0;
        int kind = wget_wch(term->keys, &code);
        if (kind == ERR)
            return false;
        if (kind == KEY_CODE_YES && code == KEY_MOUSE) {
            fetch_mice(term);
            continue;
        }
        if (kind == KEY_CODE_YES && code == KEY_RESIZE) {
            event->kind = TERM_RESIZE;
            term_size(term, &event->width, &event->height);
            return true;
        }
        if (decode(term, event, kind, code))
            return true;
    }
}
