/* The main loop: waits for keys, signals, the session, or the clock; hands events to the ui; draws. A key is answered
 * with a drawing at once; what the session says is drawn at most 15 times a second. Called by app/. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "thaw/base/clock.h"
#include "ui.h"

static const double frame = 1.0 / 15, idle_frame = 0.5;

/* Milliseconds until there is something to draw by itself; -1: only an event changes anything. */
static int patience(struct ui *ui, double drawn)
{
    double since = clock_monotonic() - drawn, wait = -1;
    if (ui->dirty)
        wait = frame - since;
    else if (ui_training(ui)) /* clocks tick: elapsed, time left */
        wait = idle_frame - since;
    else if (ui->message[0] && ui->message_since > 0)
        wait = ui->message_since + UI_MESSAGE_SECONDS + 0.05 - clock_monotonic();
    else
        return -1;
    return wait > 0 ? (int)(wait * 1000) + 1 : 0;
}

/* An interrupt asks to leave as the key does; a second one does not ask. The others leave at once. */
static void on_signal(struct ui *ui, int number, bool *asked)
{
    if (number == SIGINT && ui_training(ui) && !*asked) {
        *asked = true;
        ui_do(ui, "quit", "");
    } else if (number != 0)
        ui->quit = true;
}

static bool run(struct ui *ui, struct error *error)
{
    bool asked = false;
    double drawn = 0;
    struct pollfd fds[3] = {{.fd = term_fd(ui->term), .events = POLLIN},
                            {.fd = term_wake_fd(ui->term), .events = POLLIN},
                            {.fd = session_wake_fd(ui->session), .events = POLLIN}};
    ui_draw(ui);
    while (!ui->quit) {
        int ready = poll(fds, 3, patience(ui, drawn));
        if (ready < 0 && errno != EINTR)
            return error_set_errno(error, ERROR_FAILED, errno, "cannot wait for the keyboard");
        for (int i = 0; i < 3 && ready <= 0; i++)
            fds[i].revents = 0;
        bool urgent = false;
        struct term_event event;
        while (!ui->quit && term_read(ui->term, &event)) {
            ui_event(ui, &event);
            urgent = true;
        }
        on_signal(ui, term_signal(ui->term), &asked);
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            return error_set(error, ERROR_INTERRUPTED, "the terminal went away");
        if (fds[2].revents & POLLIN)
            ui_pump(ui);
        const struct error *fault = session_opening_fault(ui->session);
        if (fault) {
            *error = *fault;
            return false;
        }
        double now = clock_monotonic();
        bool due = now - drawn >= (ui->dirty ? frame : idle_frame);
        bool ages = ui->message_since > 0 && now - ui->message_since > UI_MESSAGE_SECONDS && ui->message[0];
        if (!ui->quit && (urgent || ages || (due && (ui->dirty || ui_training(ui))))) {
            ui_draw(ui);
            drawn = now;
        }
    }
    return true;
}

bool ui_run(const struct ui_options *options, struct session *session, struct error *error)
{
    struct term_options terms = {options->ascii, options->no_colour, options->no_mouse};
    struct term *term = term_create(&terms, error);
    if (!term)
        return false;
    struct ui *ui = ui_create(options, session, term, error);
    bool done = run(ui, error);
    ui_destroy(ui);
    return done;
}
