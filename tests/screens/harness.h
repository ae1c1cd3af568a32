/* A terminal for tests: starts a program on a pseudo-terminal with libvterm behind it, types, clicks, resizes, and reads
 * what the screen shows. For whole-program tests; what needs no terminal is tested on the canvas (stage.h). All waiting
 * has a limit, and a test that runs into it fails with the screen as it is. */
#ifndef THAW_TESTS_SCREENS_HARNESS_H
#define THAW_TESTS_SCREENS_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct harness;

struct harness_options {
    const char *const *argv; /* the program first; NULL ends */
    const char *const *env;  /* "NAME=value" sets, "NAME" removes; NULL ends; may be NULL. Over TERM=xterm-256color and
                                LC_ALL=C.UTF-8, NO_COLOR, COLORTERM and STY removed */
    int width, height;
};
struct harness *harness_start(const struct harness_options *options);
void harness_stop(struct harness *harness); /* kills what still runs */
/* Closes the terminal under the program, waits for its end and frees. Fails the test after 10 s. */
void harness_hang_up(struct harness *harness);

/* Keys by name parted by blanks, as ui_type takes them: "j Down C-l : q u i t Enter". */
void harness_type(struct harness *harness, const char *keys);
void harness_click(struct harness *harness, int button, int x, int y); /* press and release */
void harness_wheel(struct harness *harness, bool up, int x, int y);
void harness_drag(struct harness *harness, int x0, int y0, int x1, int y1);
void harness_resize(struct harness *harness, int width, int height);
void harness_signal(struct harness *harness, int number);
void harness_wipe(struct harness *harness); /* clears what is seen, as another program would */

/* Takes in output until the text is on the screen. */
bool harness_sees(struct harness *harness, const char *text, double seconds);
void harness_wait(struct harness *harness, const char *text); /* fails the test after 10 s */
/* Takes in output until none came for 100 ms (at most 5 s). */
void harness_settle(struct harness *harness);
/* Waits for the program's end; its wait status. Fails the test after 10 s. */
int harness_end(struct harness *harness);
size_t harness_bytes(const struct harness *harness); /* written by the program so far */

struct harness_cell {
    uint32_t code;
    int fg, bg; /* index; -1: the terminal's own; 0x1000000 | rrggbb */
    bool bold, reverse, underline;
};
struct harness_cell harness_cell(struct harness *harness, int x, int y);
char *harness_text(struct harness *harness); /* rows joined by newlines, trailing blanks cut; caller frees */
/* Compares with tests/screens/golden/<name>.txt; UPDATE=1 rewrites it. */
void harness_check(struct harness *harness, const char *name);
/* As a shell would want it: no alternate screen, the cursor seen, the mouse off, echo and line editing on. */
bool harness_is_sane(struct harness *harness);
/* Waits for the end, frees the harness, and fails unless the program exited by itself with this code and left a sane
 * terminal. */
void harness_leave(struct harness *harness, int code);

#endif
