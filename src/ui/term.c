/* The terminal through ncurses: the only file that includes it. A blit compares the canvas with what was sent before and
 * hands ncurses only the cells that differ; input comes back as term events. Colours are asked of ncurses a pair at a
 * time (alloc_pair keeps its own cache). Signals: a fatal one writes a prepared string that restores the terminal, for
 * endwin is not safe in a handler; the others wake the main loop through a pipe. That is why this file has the program's
 * only static state: handlers can see nothing else. Input is decoded in term_input.c. Called by ui.c. */
#include "config.h"

#include <curses.h>
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

#include "term.h"
#include "term_curses.h"
#include "thaw/base/mem.h"

#define RGB 0x1000000

static struct {
    volatile sig_atomic_t got;
    int pipe[2];
    struct termios modes;
    char restore[256];
    size_t restore_size;
} caught = {.pipe = {-1, -1}};

static const int fatal_signals[] = {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};
static const int wake_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};

/* --- signals --- */
static void on_fatal(int number)
{
    int saved = errno;
    (void)!write(STDOUT_FILENO, caught.restore, caught.restore_size);
    tcsetattr(STDIN_FILENO, TCSANOW, &caught.modes);
    signal(number, SIG_DFL);
    raise(number);
    errno = saved;
}

static void on_wake(int number)
{
    int saved = errno;
    if (number != SIGWINCH)
        caught.got = number;
    char byte = number == SIGWINCH ? 'w' : 's';
    (void)!write(caught.pipe[1], &byte, 1);
    errno = saved;
}

static void catch_signals(struct term *term)
{
    struct sigaction fatal = {.sa_handler = on_fatal, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
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
    if (caught.restore_size + length > sizeof(caught.restore))
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

static void start_colours(struct term *term, bool wanted)
{
    const char *no_color = getenv("NO_COLOR");
    if ((no_color && *no_color) || !wanted || !has_colors())
        return;
    start_color();
    use_default_colors();
    term->colours = COLORS > 256 ? 1 << 24 : COLORS;
    if (term->colours < 8)
        term->colours = 0;
}

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
        fputs("\033[?1002h", stdout); /* moves while a button is held; ncurses itself asks for clicks only */
        fflush(stdout);
    }
}

struct term *term_create(const struct term_options *options, struct error *error)
{
    if (!setlocale(LC_CTYPE, ""))
        setlocale(LC_CTYPE, "C");
    if (!check_terminal(error) || !make_pipe(error))
        return NULL;
    struct term *term = mem_alloc(sizeof(*term));
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
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    leaveok(stdscr, FALSE);
    curs_set(0);
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
    endwin();
    release_signals(term);
    delscreen(term->screen);
    close_pipe();
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

/* Whether the window has changed its size; tells ncurses. */
bool term_take_resize(struct term *term)
{
    char byte;
    while (read(caught.pipe[0], &byte, 1) == 1)
        if (byte == 'w')
            term->resized = true;
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

int term_colours(const struct term *term)
{
    return term->colours;
}

/* --- colours --- */
static const uint8_t basic[16][3] = {
    {0, 0, 0},     {205, 0, 0},     {0, 205, 0},     {205, 205, 0},   {0, 0, 238}, {205, 0, 205},
    {0, 205, 205}, {229, 229, 229}, {127, 127, 127}, {255, 0, 0},     {0, 255, 0}, {255, 255, 0},
    {92, 92, 255}, {255, 0, 255},   {0, 255, 255},   {255, 255, 255},
};

static int cube_level(int value)
{
    return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}

static void rgb_of(int colour, int rgb[3])
{
    static const int level[6] = {0, 95, 135, 175, 215, 255};
    for (int c = 0; c < 3; c++)
        rgb[c] = colour & RGB    ? colour >> (16 - 8 * c) & 255
                 : colour < 16   ? basic[colour][c]
                 : colour >= 232 ? (colour - 232) * 10 + 8
                                 : level[(colour - 16) /
                                         (c == 0   ? 36
                                          : c == 1 ? 6
                                                   : 1) %
                                         6];
}

static int distance(const int a[3], const int b[3])
{
    int r = a[0] - b[0], g = a[1] - b[1], b_ = a[2] - b[2];
    return r * r * 3 + g * g * 4 + b_ * b_ * 2;
}

static int nearest_256(const int rgb[3])
{
    int cube = 16 + 36 * cube_level(rgb[0]) + 6 * cube_level(rgb[1]) + cube_level(rgb[2]);
    int mean = (rgb[0] + rgb[1] + rgb[2]) / 3, step = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    int of_cube[3], of_grey[3];
    rgb_of(cube, of_cube);
    rgb_of(232 + step, of_grey);
    return distance(rgb, of_grey) < distance(rgb, of_cube) ? 232 + step : cube;
}

static int nearest_basic(const int rgb[3], int count)
{
    int best = 0, least = -1;
    for (int i = 0; i < count; i++) {
        int of_basic[3] = {basic[i][0], basic[i][1], basic[i][2]}, far = distance(rgb, of_basic);
        if (least < 0 || far < least) {
            best = i;
            least = far;
        }
    }
    return best;
}

/* A theme's colour (-1, 0..255, RGB | rrggbb) as this terminal numbers it. With 8 or 16 colours a grey becomes the
 * terminal's own colour, dimmed, for a basic grey may be the ground itself. */
static int fit_colour(const struct term *term, int colour, bool *dim)
{
    if (colour < 0)
        return -1;
    int rgb[3];
    rgb_of(colour, rgb);
    if (term->colours > 256)
        return !(colour & RGB) && colour < 8 ? colour : rgb[0] << 16 | rgb[1] << 8 | rgb[2];
    if (!(colour & RGB) && colour < term->colours)
        return colour;
    if (term->colours == 256)
        return nearest_256(rgb);
    if (dim && rgb[0] == rgb[1] && rgb[1] == rgb[2]) {
        *dim = rgb[0] < 180;
        return -1;
    }
    return nearest_basic(rgb, term->colours >= 16 ? 16 : 8);
}

static void style_roles(struct term *term, const struct theme *theme)
{
    if (term->styled && memcmp(&term->theme, theme, sizeof(*theme)) == 0)
        return;
    term->theme = *theme;
    term->styled = true;
    for (int i = 0; i < THEME_ROLES; i++) {
        struct theme_style style = theme->style[i];
        bool dim = false;
        int fg = term->colours ? fit_colour(term, style.fg, &dim) : -1;
        int bg = term->colours ? fit_colour(term, style.bg, NULL) : -1;
        term->role_pair[i] = fg < 0 && bg < 0 ? 0 : alloc_pair(fg, bg);
        term->role_attrs[i] = style.attrs | (dim ? CELL_DIM : 0u);
    }
    term_forget(term);
}

static int rgb_pair(const struct term *term, const struct cell *cell)
{
    int fg = RGB | cell->fg[0] << 16 | cell->fg[1] << 8 | cell->fg[2];
    int bg = RGB | cell->bg[0] << 16 | cell->bg[1] << 8 | cell->bg[2];
    return alloc_pair(fit_colour(term, fg, NULL), fit_colour(term, bg, NULL));
}

/* --- blit --- */
static bool same_cell(const struct cell *a, const struct cell *b)
{
    return a->code == b->code && a->role == b->role && a->attrs == b->attrs && a->rgb == b->rgb &&
           (!a->rgb || (memcmp(a->fg, b->fg, 3) == 0 && memcmp(a->bg, b->bg, 3) == 0));
}

static void send_cell(struct term *term, int x, int y, const struct cell *cell)
{
    wchar_t text[2] = {(wchar_t)cell->code, 0};
    if (cell->code >= 0x80 && term->ascii)
        text[0] = L'?';
    unsigned bits = cell->attrs;
    int pair = 0;
    if (cell->rgb && term->colours) {
        pair = rgb_pair(term, cell);
    } else {
        pair = term->role_pair[cell->role];
        bits |= term->role_attrs[cell->role];
    }
    attr_t attrs = (bits & CELL_BOLD ? A_BOLD : 0) | (bits & CELL_REVERSE ? A_REVERSE : 0) |
                   (bits & CELL_UNDERLINE ? A_UNDERLINE : 0) | (bits & CELL_DIM ? A_DIM : 0);
    cchar_t out;
    if (setcchar(&out, text, attrs, (short)0, &pair) == OK)
        mvadd_wch(y, x, &out);
}

void term_forget(struct term *term)
{
    mem_free(term->sent);
    term->sent = NULL;
    clearok(curscr, TRUE);
}

void term_blit(struct term *term, const struct canvas *canvas, const struct theme *theme)
{
    style_roles(term, theme);
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    bool all = !term->sent || term->sent_width != canvas->width || term->sent_height != canvas->height;
    if (all) {
        mem_free(term->sent);
        term->sent = mem_array(count + 1, sizeof(*term->sent));
        term->sent_width = canvas->width;
        term->sent_height = canvas->height;
        erase();
    }
    for (int y = 0; y < canvas->height && y < LINES; y++)
        for (int x = 0; x < canvas->width && x < COLS; x++) {
            size_t at = (size_t)y * (size_t)canvas->width + (size_t)x;
            if (!all && same_cell(&canvas->cell[at], &term->sent[at]))
                continue;
            if (canvas->cell[at].code != 0)
                send_cell(term, x, y, &canvas->cell[at]);
            term->sent[at] = canvas->cell[at];
        }
    bool cursor = canvas->cursor_x >= 0 && canvas->cursor_y >= 0;
    if (cursor != term->cursor) {
        curs_set(cursor ? 1 : 0);
        term->cursor = cursor;
    }
    if (cursor)
        move(canvas->cursor_y, canvas->cursor_x);
    refresh();
}
