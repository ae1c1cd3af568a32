/* The pseudo-terminal harness: see harness.h. The program's output goes into libvterm as it comes; what libvterm answers
 * (keys, mouse, replies) goes back to the program. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>
#include <vterm.h>

#include "harness.h"
#include "src/ui/canvas.h"
#include "src/ui/key.h"
#include "src/ui/term.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

struct harness {
    pid_t pid;
    bool ended;
    int status, fd, slave;
    int width, height;
    size_t bytes;
    VTerm *vterm;
    VTermScreen *screen;
    bool alternate, cursor;
    int mouse;
    char last[4], held[16]; /* for expand */
    size_t last_size, held_count;
};

/* --- libvterm --- */
static int on_property(VTermProp property, VTermValue *value, void *user)
{
    struct harness *harness = user;
    if (property == VTERM_PROP_ALTSCREEN)
        harness->alternate = value->boolean;
    else if (property == VTERM_PROP_CURSORVISIBLE)
        harness->cursor = value->boolean;
    else if (property == VTERM_PROP_MOUSE)
        harness->mouse = value->number;
    return 1;
}

static const VTermScreenCallbacks callbacks = {.settermprop = on_property};

static void write_back(const char *bytes, size_t length, void *user)
{
    struct harness *harness = user;
    while (length > 0) {
        ssize_t wrote = write(harness->fd, bytes, length);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return;
        bytes += wrote;
        length -= (size_t)wrote;
    }
}

/* libvterm 0.1 repeats a character (CSI n b) one column short of the edge wrongly, so repeats are written out for it. */
static void write_out(struct harness *harness, const char *held, size_t count)
{
    if (count > 3 && held[0] == '\033' && held[count - 1] == 'b') {
        for (int n = atoi(held + 2); n > 0; n--)
            vterm_input_write(harness->vterm, harness->last, harness->last_size);
        return;
    }
    vterm_input_write(harness->vterm, held, count);
    bool goes_on = ((unsigned char)held[0] & 0xc0) == 0x80; /* of a character in UTF-8 */
    harness->last_size = goes_on && harness->last_size < sizeof harness->last ? harness->last_size : 0;
    harness->last[harness->last_size++] = held[0];
}

static void expand(struct harness *harness, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char byte = bytes[i], *held = harness->held;
        held[harness->held_count++] = byte;
        size_t count = harness->held_count;
        bool open = count == 1   ? byte == '\033'
                    : count == 2 ? byte == '['
                                 : byte >= '0' && byte <= '9' && count < sizeof harness->held;
        if (open)
            continue;
        write_out(harness, held, count);
        harness->held_count = 0;
    }
}

static void make_screen(struct harness *harness)
{
    harness->cursor = true;
    harness->vterm = vterm_new(harness->height, harness->width);
    vterm_set_utf8(harness->vterm, 1);
    vterm_output_set_callback(harness->vterm, write_back, harness);
    harness->screen = vterm_obtain_screen(harness->vterm);
    vterm_screen_set_callbacks(harness->screen, &callbacks, harness);
    vterm_screen_enable_altscreen(harness->screen, 1);
    vterm_screen_reset(harness->screen, 1);
}

/* --- the program --- */
static void set_environment(const char *const *env)
{
    setenv("TERM", "xterm-256color", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("NO_COLOR");
    unsetenv("COLORTERM");
    unsetenv("STY");
    unsetenv("LINES");
    unsetenv("COLUMNS");
    for (; env && *env; env++) {
        const char *equals = strchr(*env, '=');
        char name[64];
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - *env) : (int)strlen(*env), *env);
        if (equals)
            setenv(name, equals + 1, 1);
        else
            unsetenv(name);
    }
}

struct harness *harness_start(const struct harness_options *options)
{
    struct harness *harness = mem_alloc(sizeof *harness);
    struct winsize size = {.ws_row = (unsigned short)options->height, .ws_col = (unsigned short)options->width};
    harness->width = options->width;
    harness->height = options->height;
    int master, slave;
    if (openpty(&master, &slave, NULL, NULL, &size) != 0)
        fail_msg("no pseudo-terminal: %s", strerror(errno));
    fcntl(master, F_SETFD, FD_CLOEXEC);
    harness->pid = fork();
    if (harness->pid < 0)
        fail_msg("no process: %s", strerror(errno));
    if (harness->pid == 0) {
        close(master);
        login_tty(slave);
        set_environment(options->env);
        execv(options->argv[0], (char *const *)(uintptr_t)options->argv);
        _exit(127);
    }
    /* The slave stays open here, so that the terminal's modes can be asked after the program's end. */
    harness->fd = master;
    harness->slave = slave;
    fcntl(slave, F_SETFD, FD_CLOEXEC);
    make_screen(harness);
    return harness;
}

/* cmocka cuts messages at 1 KiB, and a screen is longer. */
static void fail_with_screen(struct harness *harness, const char *what)
{
    char *shown = harness_text(harness);
    fprintf(stderr, "%s:\n%s\n", what, shown);
    mem_free(shown);
    harness_stop(harness);
    fail_msg("%s", what);
}

static bool has_ended(struct harness *harness)
{
    if (!harness->ended && waitpid(harness->pid, &harness->status, WNOHANG) == harness->pid)
        harness->ended = true;
    return harness->ended;
}

void harness_stop(struct harness *harness)
{
    if (!has_ended(harness)) {
        kill(harness->pid, SIGKILL);
        waitpid(harness->pid, &harness->status, 0);
    }
    close(harness->fd);
    close(harness->slave);
    vterm_free(harness->vterm);
    mem_free(harness);
}

void harness_hang_up(struct harness *harness)
{
    double until = clock_monotonic() + 10;
    close(harness->fd);
    close(harness->slave);
    harness->fd = harness->slave = -1;
    while (!has_ended(harness) && clock_monotonic() < until)
        poll(NULL, 0, 10);
    bool ended = has_ended(harness);
    harness_stop(harness);
    assert_true(ended);
}

/* Takes in what comes within `seconds`; false when nothing did. */
static bool take_in(struct harness *harness, double seconds)
{
    struct pollfd fd = {.fd = harness->fd, .events = POLLIN};
    char bytes[8192];
    if (poll(&fd, 1, (int)(seconds * 1000)) <= 0 || !(fd.revents & POLLIN))
        return false;
    ssize_t got = read(harness->fd, bytes, sizeof bytes);
    if (got <= 0)
        return false;
    harness->bytes += (size_t)got;
    expand(harness, bytes, (size_t)got);
    return true;
}

void harness_settle(struct harness *harness)
{
    double start = clock_monotonic();
    while (take_in(harness, 0.1) && clock_monotonic() - start < 5)
        continue;
}

bool harness_sees(struct harness *harness, const char *text, double seconds)
{
    double start = clock_monotonic();
    for (;;) {
        char *shown = harness_text(harness);
        bool found = strstr(shown, text) != NULL;
        mem_free(shown);
        if (found)
            return true;
        if (clock_monotonic() - start > seconds)
            return false;
        if (!take_in(harness, 0.02) && has_ended(harness) && !take_in(harness, 0.02))
            seconds = 0; /* one last look */
    }
}

void harness_wait(struct harness *harness, const char *text)
{
    if (harness_sees(harness, text, 10))
        return;
    char what[128];
    snprintf(what, sizeof what, "\"%s\" did not come", text);
    fail_with_screen(harness, what);
}

int harness_end(struct harness *harness)
{
    double start = clock_monotonic();
    while (!has_ended(harness) && clock_monotonic() - start < 10)
        take_in(harness, 0.02);
    while (take_in(harness, 0.02))
        continue;
    if (!harness->ended)
        fail_with_screen(harness, "the program does not end");
    return harness->status;
}

size_t harness_bytes(const struct harness *harness)
{
    return harness->bytes;
}

void harness_signal(struct harness *harness, int number)
{
    kill(harness->pid, number);
}

void harness_wipe(struct harness *harness)
{
    static const char wipe[] = "\033[m\033[2J\033[H";
    vterm_input_write(harness->vterm, wipe, sizeof wipe - 1);
}

/* --- input --- */
static VTermKey vterm_key(uint32_t key)
{
    switch (key) {
    case TERM_KEY_UP:
        return VTERM_KEY_UP;
    case TERM_KEY_DOWN:
        return VTERM_KEY_DOWN;
    case TERM_KEY_LEFT:
        return VTERM_KEY_LEFT;
    case TERM_KEY_RIGHT:
        return VTERM_KEY_RIGHT;
    case TERM_KEY_HOME:
        return VTERM_KEY_HOME;
    case TERM_KEY_END:
        return VTERM_KEY_END;
    case TERM_KEY_PAGE_UP:
        return VTERM_KEY_PAGEUP;
    case TERM_KEY_PAGE_DOWN:
        return VTERM_KEY_PAGEDOWN;
    case TERM_KEY_INSERT:
        return VTERM_KEY_INS;
    case TERM_KEY_DELETE:
        return VTERM_KEY_DEL;
    case TERM_KEY_BACKSPACE:
        return VTERM_KEY_BACKSPACE;
    case TERM_KEY_ENTER:
        return VTERM_KEY_ENTER;
    case TERM_KEY_TAB:
        return VTERM_KEY_TAB;
    case TERM_KEY_ESCAPE:
        return VTERM_KEY_ESCAPE;
    default:
        return (VTermKey)VTERM_KEY_FUNCTION((int)(key - TERM_KEY_F1 + 1));
    }
}

static void press(struct harness *harness, uint32_t key, unsigned modifiers)
{
    VTermModifier modifier =
        (VTermModifier)((modifiers & TERM_CTRL ? VTERM_MOD_CTRL : 0) | (modifiers & TERM_ALT ? VTERM_MOD_ALT : 0) |
                        (modifiers & TERM_SHIFT ? VTERM_MOD_SHIFT : 0));
    if (key < TERM_KEY_FIRST)
        vterm_keyboard_unichar(harness->vterm, key, modifier);
    else
        vterm_keyboard_key(harness->vterm, vterm_key(key), modifier);
}

/* An Escape is Alt with a key that comes at once, so wait until it was read and its delay is over. */
static void let_escape_pass(struct harness *harness)
{
    int unread = 1;
    double start = clock_monotonic(), gone = 0;
    while (clock_monotonic() - start < 5 && (gone == 0 || clock_monotonic() - gone < 0.08)) {
        take_in(harness, 0.01);
        if (gone == 0 && ioctl(harness->slave, FIONREAD, &unread) == 0 && unread == 0)
            gone = clock_monotonic();
    }
}

void harness_type(struct harness *harness, const char *keys)
{
    char word[64];
    int used;
    while (sscanf(keys, " %63s%n", word, &used) == 1) {
        uint32_t key;
        unsigned modifiers;
        keys += used;
        if (key_parse(word, &key, &modifiers)) {
            press(harness, key, modifiers);
            if (key == TERM_KEY_ESCAPE)
                let_escape_pass(harness);
            continue;
        }
        const char *at = word;
        while ((key = utf8_next(&at)) != 0)
            press(harness, key, 0);
    }
}

void harness_click(struct harness *harness, int button, int x, int y)
{
    vterm_mouse_move(harness->vterm, y, x, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, button, true, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, button, false, VTERM_MOD_NONE);
}

void harness_wheel(struct harness *harness, bool up, int x, int y)
{
    vterm_mouse_move(harness->vterm, y, x, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, up ? 4 : 5, true, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, up ? 4 : 5, false, VTERM_MOD_NONE);
}

void harness_drag(struct harness *harness, int x0, int y0, int x1, int y1)
{
    vterm_mouse_move(harness->vterm, y0, x0, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, 1, true, VTERM_MOD_NONE);
    vterm_mouse_move(harness->vterm, y1, x1, VTERM_MOD_NONE);
    vterm_mouse_button(harness->vterm, 1, false, VTERM_MOD_NONE);
}

void harness_resize(struct harness *harness, int width, int height)
{
    struct winsize size = {.ws_row = (unsigned short)height, .ws_col = (unsigned short)width};
    harness->width = width;
    harness->height = height;
    vterm_set_size(harness->vterm, height, width);
    ioctl(harness->fd, TIOCSWINSZ, &size); /* the kernel sends SIGWINCH */
}

/* --- what is seen --- */
static int colour_of(const VTermColor *colour)
{
    if (VTERM_COLOR_IS_DEFAULT_FG(colour) || VTERM_COLOR_IS_DEFAULT_BG(colour))
        return -1;
    if (VTERM_COLOR_IS_INDEXED(colour))
        return colour->indexed.idx;
    return 0x1000000 | colour->rgb.red << 16 | colour->rgb.green << 8 | colour->rgb.blue;
}

struct harness_cell harness_cell(struct harness *harness, int x, int y)
{
    VTermScreenCell cell;
    memset(&cell, 0, sizeof cell);
    vterm_screen_get_cell(harness->screen, (VTermPos){.row = y, .col = x}, &cell);
    return (struct harness_cell){.code = cell.chars[0],
                                 .fg = colour_of(&cell.fg),
                                 .bg = colour_of(&cell.bg),
                                 .bold = cell.attrs.bold,
                                 .reverse = cell.attrs.reverse,
                                 .underline = cell.attrs.underline != 0};
}

char *harness_text(struct harness *harness)
{
    char *text = mem_alloc((size_t)harness->height * ((size_t)harness->width * 4 + 1) + 1), *out = text;
    for (int y = 0; y < harness->height; y++) {
        char *end = out;
        for (int x = 0; x < harness->width; x++) {
            uint32_t code = harness_cell(harness, x, y).code;
            if (code == (uint32_t)-1) /* the right half of a wide character */
                continue;
            char bytes[5];
            int count = utf8_put(bytes, code ? code : ' ');
            memcpy(out, bytes, (size_t)count);
            out += count;
            if (code && code != ' ')
                end = out;
        }
        out = end;
        *out++ = '\n';
    }
    *out = 0;
    return text;
}

void harness_check(struct harness *harness, const char *name)
{
    char *path = mem_format("%s/tests/screens/golden/%s.txt", getenv("THAW_SRCDIR"), name);
    char *shown = harness_text(harness);
    const char *update = getenv("UPDATE");
    struct error error;
    if (update && *update) {
        if (!file_write_atomic(path, shown, strlen(shown), &error))
            fail_msg("%s", error.text);
    } else {
        char *wanted = file_read_text(path, 1 << 20, &error);
        if (!wanted)
            fail_msg("%s (UPDATE=1 writes it)", error.text);
        if (strcmp(wanted, shown) != 0)
            fail_with_screen(harness, path);
        mem_free(wanted);
    }
    mem_free(shown);
    mem_free(path);
}

bool harness_is_sane(struct harness *harness)
{
    struct termios modes;
    if (tcgetattr(harness->slave, &modes) != 0)
        return false;
    return !harness->alternate && harness->cursor && harness->mouse == VTERM_PROP_MOUSE_NONE &&
           (modes.c_lflag & ECHO) && (modes.c_lflag & ICANON) && (modes.c_iflag & ICRNL);
}

void harness_leave(struct harness *harness, int code)
{
    int status = harness_end(harness);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    assert_true(harness_is_sane(harness));
    harness_stop(harness);
}
