/* The main loop: waits for keys, signals, the session, or the clock; hands events to the ui; draws. A key is answered
 * with a drawing at once, and so is what is said, or that a run began, paused or ended; what else the session says is drawn
 * twice a second, which a person can read, and no more often than the line carries. Called by app/. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "beat.h"
#include "thaw/base/clock.h"
#include "ui.h"

/* Milliseconds until there is something to draw by itself; -1: only an event changes anything. */
static int patience(struct ui *ui, const struct beat *beat)
{
    double wait = -1, now = clock_monotonic();
    if (ui->again)
        return 0;
    if (ui->dirty || ui_training(ui)) /* clocks tick: elapsed, time left */
        wait = beat_next(beat, ui->dirty) - now;
    else if (ui->message[0] && ui->message_since > 0)
        wait = ui->message_since + UI_MESSAGE_SECONDS + 0.05 - now;
    else
        return -1;
    return wait > 0 ? (int)(wait * 1000) + 1 : 0;
}

static void draw(struct ui *ui, struct beat *beat, double now, bool asked)
{
    size_t before = term_bytes(ui->term);
    ui_draw(ui);
    beat_drew(beat, now, term_bytes(ui->term) - before, (double)ui->canvas->width * ui->canvas->height, asked);
}

/* An interrupt asks to leave as the key does; a second one does not ask. The others leave at once: a run stops only where
 * it trains in this process, saved. */
static void on_signal(struct ui *ui, int number, bool *asked)
{
    if (number == SIGINT && session_leaving_stops(ui->session) && !*asked) {
        *asked = true;
        ui_do(ui, "quit", "");
    } else if (number != 0)
        ui->quit = true;
}

static bool run(struct ui *ui, const struct pace *pace, struct error *error)
{
    bool interrupted = false, unfinished = false; /* unfinished: what a key asked for is not all drawn */
    struct beat beat = {.pace = pace};
    struct pollfd fds[3] = {{.fd = term_fd(ui->term), .events = POLLIN},
                            {.fd = term_wake_fd(ui->term), .events = POLLIN},
                            {.fd = session_wake_fd(ui->session), .events = POLLIN}};
    ui_draw(ui);
    while (!ui->quit) {
        int ready = poll(fds, 3, patience(ui, &beat));
        if (ready < 0 && errno != EINTR)
            return error_set_errno(error, ERROR_FAILED, errno, "cannot wait for the keyboard");
        for (int i = 0; i < 3 && ready <= 0; i++)
            fds[i].revents = 0;
        bool asked = unfinished;
        struct term_event event;
        while (!ui->quit && term_read(ui->term, &event)) {
            ui_event(ui, &event);
            asked = true;
        }
        on_signal(ui, term_signal(ui->term), &interrupted);
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
        bool due = (ui->dirty || ui_training(ui)) && now >= beat_next(&beat, ui->dirty);
        bool ages = ui->message_since > 0 && now - ui->message_since > UI_MESSAGE_SECONDS && ui->message[0];
        if (!ui->quit && (asked || ui->again || ages || due)) {
            draw(ui, &beat, now, asked);
            unfinished = asked && ui->again;
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
    bool done = run(ui, options->slow ? &pace_slow : &pace_usual, error);
    ui_keep(ui);
    ui_destroy(ui);
    return done;
}
