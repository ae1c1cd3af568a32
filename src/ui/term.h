/* The terminal: the only door to ncurses. Everything else draws into a canvas and reads `struct term_event`, so that
 * tests need no terminal. */
#ifndef THAW_UI_TERM_H
#define THAW_UI_TERM_H

#include <stdbool.h>
#include <stdint.h>

#include "canvas.h"
#include "thaw/base/error.h"
#include "theme.h"

enum term_event_kind { TERM_NONE, TERM_KEY, TERM_MOUSE, TERM_RESIZE };

/* A key is a Unicode code point as typed ('a', 'A', ' '), or one of these. Control keys are the lower-case letter with
 * TERM_CTRL; Enter, Tab, Escape and Backspace have names of their own. TERM_SHIFT is only set with named keys. */
enum term_key_name {
    TERM_KEY_FIRST = 0x110000,
    TERM_KEY_UP = TERM_KEY_FIRST,
    TERM_KEY_DOWN,
    TERM_KEY_LEFT,
    TERM_KEY_RIGHT,
    TERM_KEY_HOME,
    TERM_KEY_END,
    TERM_KEY_PAGE_UP,
    TERM_KEY_PAGE_DOWN,
    TERM_KEY_INSERT,
    TERM_KEY_DELETE,
    TERM_KEY_BACKSPACE,
    TERM_KEY_ENTER,
    TERM_KEY_TAB,
    TERM_KEY_ESCAPE,
    TERM_KEY_F1,
    TERM_KEY_F12 = TERM_KEY_F1 + 11,
    TERM_KEY_END_OF_NAMES
};
enum { TERM_CTRL = 1, TERM_ALT = 2, TERM_SHIFT = 4 };

enum term_mouse { TERM_PRESS, TERM_RELEASE, TERM_DOUBLE, TERM_DRAG, TERM_WHEEL_UP, TERM_WHEEL_DOWN };

struct term_event {
    enum term_event_kind kind;
    uint32_t key;       /* TERM_KEY */
    unsigned modifiers; /* TERM_CTRL | TERM_ALT | TERM_SHIFT; keys and mouse */
    enum term_mouse mouse;
    int button;        /* 1 left, 2 middle, 3 right */
    int x, y;          /* TERM_MOUSE: cell */
    int width, height; /* TERM_RESIZE: cells */
};

struct term;
struct term_options {
    bool ascii;     /* no line drawing, no braille; also chosen by itself when the locale is not UTF-8 */
    bool no_colour; /* mono; also when NO_COLOR is set and not empty */
    bool no_mouse;
};
/* Takes over the terminal. From here to term_destroy a fatal signal restores it before the program dies; SIGINT,
 * SIGTERM and SIGHUP are left to term_signal. Fails with a sentence when TERM is unknown or there is no terminal. */
struct term *term_create(const struct term_options *options, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void term_destroy(struct term *term); /* restores the terminal; takes NULL */

/* SIGINT, SIGTERM or SIGHUP since the last call, 0 for none. The descriptor of term_wake_fd becomes readable too. */
int term_signal(struct term *term) THAW_NONNULL;
int term_fd(const struct term *term) THAW_NONNULL;      /* poll for keys */
int term_wake_fd(const struct term *term) THAW_NONNULL; /* poll for signals and resizes */
/* The next event that is already there; false: none. Never blocks longer than the Escape delay (25 ms). */
bool term_read(struct term *term, struct term_event *event) THAW_NONNULL;

void term_size(const struct term *term, int *width, int *height) THAW_NONNULL;
bool term_is_ascii(const struct term *term) THAW_NONNULL;
bool term_is_console(const struct term *term) THAW_NONNULL; /* the Linux console, which has no braille */
int term_colours(const struct term *term) THAW_NONNULL;     /* 0 mono, 8, 16, 256, 1 << 24 */
/* Sends the cells that changed since the last blit. */
void term_blit(struct term *term, const struct canvas *canvas, const struct theme *theme) THAW_NONNULL;
size_t term_bytes(const struct term *term) THAW_NONNULL; /* sent by blits so far */
void term_forget(struct term *term) THAW_NONNULL;        /* the next blit redraws everything (Ctrl-L) */

#endif
