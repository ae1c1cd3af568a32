/* The workbench on a terminal over the scripted session, which makes a step every few milliseconds: what the whole-program
 * tests drive, and a way to look at the screens without training anything. Options: --ascii, --no-mouse, --theme NAME,
 * --here, --start N, --every MILLISECONDS, --busy THREADS (that many threads compute all the while). */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fake_state.h"
#include "src/ui/ui.h"

struct ticker {
    int fd, every;
    atomic_bool stop;
};

static void *tick(void *context)
{
    struct ticker *ticker = context;
    while (!ticker->stop) {
        struct timespec pause = {0, ticker->every * 1000000L};
        nanosleep(&pause, NULL);
        if (write(ticker->fd, "s", 1) != 1)
            break;
    }
    return NULL;
}

static void *compute(void *context)
{
    struct ticker *ticker = context;
    volatile double x = 1;
    while (!ticker->stop)
        x = x * 1.0000001 + 1e-9;
    return NULL;
}

int main(int argc, char **argv)
{
    struct ui_options options = {.themes_folder = getenv("THAW_THEMES")};
    struct ticker ticker = {.every = 30};
    int busy = 0;
    bool here = false;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        options.ascii = options.ascii || strcmp(argv[i], "--ascii") == 0;
        options.no_mouse = options.no_mouse || strcmp(argv[i], "--no-mouse") == 0;
        here = here || strcmp(argv[i], "--here") == 0;
        if (strcmp(argv[i], "--theme") == 0)
            options.theme = value;
        else if (strcmp(argv[i], "--start") == 0)
            options.start = (enum screen_id)(atoi(value) - 1);
        else if (strcmp(argv[i], "--every") == 0)
            ticker.every = atoi(value);
        else if (strcmp(argv[i], "--busy") == 0)
            busy = atoi(value);
    }
    struct error error;
    const struct session_options nothing = {0};
    struct session *session = session_create(&nothing, &error);
    if (!session)
        return 1;
    if (here)
        fake_session_here(session);
    pthread_t thread, workers[8];
    ticker.fd = session->pipe[1];
    pthread_create(&thread, NULL, tick, &ticker);
    busy = busy > 8 ? 8 : busy;
    for (int i = 0; i < busy; i++)
        pthread_create(&workers[i], NULL, compute, &ticker);
    bool done = ui_run(&options, session, &error);
    ticker.stop = true;
    pthread_join(thread, NULL);
    for (int i = 0; i < busy; i++)
        pthread_join(workers[i], NULL);
    session_destroy(session);
    printf("%s\n", done ? "left" : error.text);
    return done ? 0 : 1;
}
