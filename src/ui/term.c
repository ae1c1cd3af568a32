/* The terminal through ncurses, which term_private.h alone includes; keys and mouse are in term_input.c. ncurses knows the
 * terminal's sequences, its keys and its mouse; what is drawn goes past it (term_output.c), for it has no colours beyond
 * those that terminfo knows and is generous with attributes. A blit compares the canvas with what was sent before. Signals:
 * a fatal one writes a prepared string that restores the terminal, for endwin is not safe in a handler; the others wake the
 * main loop through a pipe. That is why this file has the program's only static state: handlers can see nothing else.
 * Called by ui.c and ui_loop.c. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "colour.h"
#include "term_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static struct {
    volatile sig_atomic_t got;
    int pipe[2];
    struct termios modes;
    char restore[256];
    size_t restore_size;
} caught = {.pipe = {-1, -1}};

static const int fatal_signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
static const int wake_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH, SIGCONT};

/* --- signals --- */
static void end_by(int number)
{
    sigset_t own;
    signal(number, SIG_DFL);
    (void)!write(STDOUT_FILENO, caught.restore, caught.restore_size);
    tcsetattr(STDIN_FILENO, TCSANOW, &caught.modes);
    sigemptyset(&own);
    sigaddset(&own, number);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    raise(number);
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (number != SIGBUS || !file_guard_mend(info->si_code, info->si_addr))
        end_by(number);
}

static void on_wake(int number)
{
    int saved = errno;
    bool ends = number != SIGWINCH && number != SIGCONT;
    if (ends && caught.got) /* one was not looked at: whatever holds the program up ends with this one */
        end_by(number);
    if (ends)
        caught.got = number;
    char byte = number == SIGWINCH ? 'w' : number == SIGCONT ? 'c' : 's';
    (void)!write(caught.pipe[1], &byte, 1);
    errno = saved;
}

static void catch_signals(struct term *term)
{
    struct sigaction fatal = {.sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_NODEFER};
    struct sigaction wake = {.sa_handler = on_wake, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < THAW_LENGTH(fatal_signals); i++)
        sigaction(fatal_signals[i], &fatal, &term->old_fatal[i]);
    for (size_t i = 0; i < THAW_LENGTH(wake_signals); i++)
        sigaction(wake_signals[i], &wake, &term->old_wake[i]);
}

static void release_signals(struct term *term)
{
    for (size_t i = 0; i < THAW_LENGTH(fatal_signals); i++)
        sigaction(fatal_signals[i], &term->old_fatal[i], NULL);
    for (size_t i = 0; i < THAW_LENGTH(wake_signals); i++)
        sigaction(wake_signals[i], &term->old_wake[i], NULL);
}

static void remember(const char *sequence)
{
    size_t length = sequence && sequence != (char *)-1 ? strlen(sequence) : 0;
    if (caught.restore_size + length > sizeof caught.restore)
        return;
    memcpy(caught.restore + caught.restore_size, sequence ? sequence : "", length);
    caught.restore_size += length;
}

/* Mouse off, attributes off, cursor on, keypad off, back to the shell's screen. */
static void prepare_restore(bool mouse)
{
    caught.restore_size = 0;
    remember(mouse ? "\033[?1002l\033[?1000l\033[?1006l" : "");
    remember(tigetstr("sgr0"));
    remember(tigetstr("cnorm"));
    remember(tigetstr("rmkx"));
    remember(tigetstr("rmcup"));
    remember("\r\n");
}

/* --- start and end --- */
static bool make_pipe(struct error *error)
{
    if (pipe(caught.pipe) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "no pipe for signals");
    for (int i = 0; i < 2; i++) {
        fcntl(caught.pipe[i], F_SETFL, O_NONBLOCK);
        fcntl(caught.pipe[i], F_SETFD, FD_CLOEXEC);
    }
    return true;
}

static void close_pipe(void)
{
    close(caught.pipe[0]);
    close(caught.pipe[1]);
    caught.pipe[0] = caught.pipe[1] = -1;
}

static bool check_terminal(struct error *error)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(
            error, ERROR_USAGE,
            "the workbench needs a terminal on input and output; without one use thaw train, thaw runs and "
            "the other commands (thaw --help)");
    const char *name = getenv("TERM");
    if (!name || !*name)
        return error_set(error, ERROR_USAGE, "TERM is not set; try TERM=xterm-256color, or TERM=vt100");
    return true;
}

/* Whether the terminal takes true colours though terminfo does not say so. A GNU screen inherits the variable of the
 * terminal around it. */
static bool is_true_colour(void)
{
    const char *says = getenv("COLORTERM"), *name = getenv("TERM");
    bool inherited = getenv("STY") && !strncmp(name, "screen", 6);
    return says && (!strcmp(says, "truecolor") || !strcmp(says, "24bit")) && !inherited;
}

static void start_colours(struct term *term, bool wanted)
{
    const char *no_color = getenv("NO_COLOR");
    if ((no_color && *no_color) || !wanted || !has_colors())
        return;
    start_color();
    term->colours = COLORS > 256 || (term->output.codes.ansi && is_true_colour()) ? 1 << 24 : COLORS;
    if (term->colours < 8)
        term->colours = 0;
}

/* --- sequences --- */
static const char *capability(const char *name)
{
    const char *code = tigetstr(name);
    return code && code != (char *)-1 ? code : "";
}

/* Without the delays that terminals of metal needed: "$<5/>". */
static void copy_code(char to[32], const char *code)
{
    size_t used = 0;
    for (; *code && used < 31; code++) {
        const char *end = code[0] == '$' && code[1] == '<' ? strchr(code, '>') : NULL;
        if (end)
            code = end;
        else
            to[used++] = *code;
    }
    to[used] = 0;
}

static void move_code(char code[32], int x, int y)
{
    copy_code(code, tparm(capability("cup"), (long)y, (long)x, 0L, 0L, 0L, 0L, 0L, 0L, 0L));
}

static void colour_code(char code[32], bool ground, int colour)
{
    if (colour & COLOUR_RGB)
        snprintf(code, 32, "\033[%d;2;%d;%d;%dm", ground ? 48 : 38, colour >> 16 & 255, colour >> 8 & 255,
                 colour & 255);
    else if (COLORS > 256 && colour >= 8) /* such a terminal counts true colours */
        snprintf(code, 32, "\033[%d;5;%dm", ground ? 48 : 38, colour);
    else
        copy_code(code, tparm(capability(ground ? "setab" : "setaf"), (long)colour, 0L, 0L, 0L, 0L, 0L, 0L, 0L, 0L));
}

static void learn_codes(struct output_codes *codes)
{
    static const struct {
        int terminfo;
        unsigned attr;
    } videos[] = {{2, CELL_UNDERLINE}, {4, CELL_REVERSE}, {16, CELL_DIM}, {32, CELL_BOLD}};
    char home[32];
    codes->move = move_code;
    codes->colour = colour_code;
    copy_code(codes->off, capability("sgr0"));
    copy_code(codes->bold, capability("bold"));
    copy_code(codes->dim, capability("dim"));
    copy_code(codes->reverse, capability("rev"));
    copy_code(codes->underline, capability("smul"));
    move_code(home, 0, 0);
    codes->ansi = strcmp(home, "\033[1;1H") == 0 && strstr(codes->off, "\033[") && !strcmp(capability("el"), "\033[K");
    if (codes->ansi) /* what more terminfo says ends a character set that is never begun */
        snprintf(codes->off, sizeof codes->off, "\033[m");
    codes->repeat = codes->ansi && *capability("rep");
    codes->corner = tigetflag("am") <= 0 || tigetflag("xenl") > 0;
    int without = tigetnum("ncv");
    for (size_t i = 0; without > 0 && i < THAW_LENGTH(videos); i++)
        codes->without_colour |= without & videos[i].terminfo ? videos[i].attr : 0;
}

static const char mouse_moves[] = "\033[?1002h"; /* while a button is held; ncurses itself asks for clicks only */

static void start_mouse(struct term *term, bool wanted)
{
    const char *kmous = tigetstr("kmous");
    if (!wanted || !kmous || kmous == (char *)-1)
        return;
    mouseinterval(0);
    /* No clicks: ncurses would make them of a press and a release that come together, and hold both back. */
    term->mouse = mousemask(BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON2_PRESSED | BUTTON2_RELEASED | BUTTON3_PRESSED |
                                BUTTON3_RELEASED | BUTTON4_PRESSED | BUTTON5_PRESSED | BUTTON_SHIFT | BUTTON_CTRL |
                                BUTTON_ALT | REPORT_MOUSE_POSITION,
                            NULL) != 0;
    if (term->mouse) {
        fputs(mouse_moves, stdout);
        fflush(stdout);
    }
}

struct term *term_create(const struct term_options *options, struct error *error)
{
    if (!setlocale(LC_CTYPE, ""))
        setlocale(LC_CTYPE, "C");
    if (!check_terminal(error) || !make_pipe(error))
        return NULL;
    struct term *term = mem_alloc(sizeof *term);
    tcgetattr(STDIN_FILENO, &caught.modes);
    set_escdelay(25);
    term->screen = newterm(NULL, stdout, stdin);
    const char *cup = term->screen ? tigetstr("cup") : NULL;
    if (!cup || cup == (char *)-1) {
        if (term->screen) {
            endwin();
            delscreen(term->screen);
        }
        close_pipe();
        mem_free(term);
        error_set(error, ERROR_USAGE,
                  "TERM=%s is not a terminal thaw can draw on; try TERM=xterm-256color, or TERM=vt100", getenv("TERM"));
        return NULL;
    }
    term->ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    cbreak();
    noecho();
    nonl();
    term->keys = newpad(1, 1);
    keypad(term->keys, TRUE);
    nodelay(term->keys, TRUE);
    curs_set(0);
    learn_codes(&term->output.codes);
    start_colours(term, !options->no_colour);
    refresh(); /* ncurses sets the terminal up here; the mouse comes after */
    start_mouse(term, !options->no_mouse);
    prepare_restore(term->mouse);
    term_define_keys();
    catch_signals(term);
    return term;
}

void term_destroy(struct term *term)
{
    if (!term)
        return;
    if (term->mouse) {
        fputs("\033[?1002l", stdout);
        fflush(stdout);
        mousemask(0, NULL);
    }
    curs_set(1);
    delwin(term->keys);
    endwin();
    release_signals(term);
    delscreen(term->screen);
    close_pipe();
    output_finish(&term->output);
    mem_free(term->sent);
    mem_free(term);
}

int term_signal(struct term *term)
{
    (void)term;
    int number = caught.got;
    caught.got = 0;
    return number;
}

int term_fd(const struct term *term)
{
    (void)term;
    return STDIN_FILENO;
}

int term_wake_fd(const struct term *term)
{
    (void)term;
    return caught.pipe[0];
}

/* Behind a stop the shell has had the screen and the modes, of which ncurses restores its own where Ctrl-Z stopped it. */
static void go_on(struct term *term)
{
    reset_prog_mode();
    refresh();
    if (term->mouse)
        fputs(mouse_moves, stdout);
    fputs(capability("civis"), stdout);
    fflush(stdout);
    term->cursor = false;
    term->resized = true;
}

bool term_take_resize(struct term *term)
{
    char byte;
    while (read(caught.pipe[0], &byte, 1) == 1) {
        if (byte == 'c')
            go_on(term);
        term->resized = term->resized || byte == 'w';
    }
    if (!term->resized)
        return false;
    term->resized = false;
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return false;
    resizeterm(size.ws_row, size.ws_col);
    term_forget(term);
    return true;
}

void term_size(const struct term *term, int *width, int *height)
{
    (void)term;
    *width = COLS;
    *height = LINES;
}

bool term_is_ascii(const struct term *term)
{
    return term->ascii;
}

bool term_is_console(const struct term *term)
{
    const char *name = getenv("TERM");
    return !term->ascii && name && strncmp(name, "linux", 5) == 0;
}

int term_colours(const struct term *term)
{
    return term->colours;
}

/* --- blit --- */
static void style_roles(struct term *term, const struct theme *theme)
{
    if (term->styled && memcmp(&term->theme, theme, sizeof *theme) == 0)
        return;
    term->theme = *theme;
    term->styled = true;
    for (int i = 0; i < THEME_ROLES; i++) {
        struct theme_style style = theme->style[i];
        bool dim = false;
        term->role[i] = (struct glyph){.fg = colour_fit(term->colours, style.fg, &dim),
                                       .bg = colour_fit(term->colours, style.bg, NULL)};
        term->role[i].attrs = style.attrs | (dim ? CELL_DIM : 0u);
    }
}

static int image_colour(const struct term *term, const uint8_t rgb[3])
{
    return colour_fit(term->colours, COLOUR_RGB | rgb[0] << 16 | rgb[1] << 8 | rgb[2], NULL);
}

static struct glyph glyph_of(const struct term *term, const struct cell *cell)
{
    struct glyph glyph = {.code = cell->code, .attrs = cell->attrs};
    if (cell->code >= 0x80 && term->ascii)
        glyph.code = '?';
    if (cell->rgb && term->colours) {
        glyph.fg = image_colour(term, cell->fg);
        glyph.bg = image_colour(term, cell->bg);
        return glyph;
    }
    const struct glyph *role = &term->role[cell->role < THEME_ROLES ? cell->role : THEME_TEXT];
    glyph.fg = role->fg;
    glyph.bg = role->bg;
    glyph.attrs |= role->attrs;
    return glyph;
}

/* All of it, however slow the line is; a terminal that is gone is noticed by poll. */
static void send(struct output *output)
{
    size_t sent = 0;
    while (sent < output->count) {
        ssize_t wrote = write(STDOUT_FILENO, output->bytes + sent, output->count - sent);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            break;
        sent += wrote > 0 ? (size_t)wrote : 0;
    }
    output->count = 0;
}

size_t term_bytes(const struct term *term)
{
    return term->bytes;
}

void term_forget(struct term *term)
{
    mem_free(term->sent);
    term->sent = NULL;
}

/* An empty screen, in the terminal and in `sent`. */
static void start_over(struct term *term, const struct canvas *canvas)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    char clear[32];
    mem_free(term->sent);
    term->sent = mem_array(count + 1, sizeof *term->sent);
    term->sent_width = canvas->width;
    term->sent_height = canvas->height;
    for (size_t i = 0; i < count; i++)
        term->sent[i] = (struct glyph){.code = ' ', .fg = -1, .bg = -1};
    output_forget(&term->output);
    copy_code(clear, capability("clear"));
    output_text(&term->output, term->output.codes.off);
    output_text(&term->output, clear);
}

/* The text cursor; most screens have none. */
static void show_cursor(struct term *term, const struct canvas *canvas)
{
    char code[32];
    bool cursor = canvas->cursor_x >= 0 && canvas->cursor_y >= 0;
    struct output *output = &term->output;
    if (cursor != term->cursor) {
        copy_code(code, capability(cursor ? "cnorm" : "civis"));
        output_text(output, code);
        term->cursor = cursor;
    }
    if (!cursor || (output->x == canvas->cursor_x && output->y == canvas->cursor_y))
        return;
    move_code(code, canvas->cursor_x, canvas->cursor_y);
    output_text(output, code);
    output->x = canvas->cursor_x;
    output->y = canvas->cursor_y;
}

void term_blit(struct term *term, const struct canvas *canvas, const struct theme *theme)
{
    style_roles(term, theme);
    if (!term->sent || term->sent_width != canvas->width || term->sent_height != canvas->height)
        start_over(term, canvas);
    size_t width = (size_t)canvas->width;
    struct glyph *line = mem_array(width + 1, sizeof *line);
    for (int y = 0; y < canvas->height; y++) {
        struct glyph *sent = term->sent + (size_t)y * width;
        for (size_t x = 0; x < width; x++)
            line[x] = glyph_of(term, &canvas->cell[(size_t)y * width + x]);
        output_line(&term->output, y, line, sent, canvas->width, y + 1 == canvas->height);
        memcpy(sent, line, width * sizeof *line);
    }
    mem_free(line);
    show_cursor(term, canvas);
    term->bytes += term->output.count;
    send(&term->output);
}
