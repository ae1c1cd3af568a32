/* The link to a file: all that it holds, then what is added while a process trains in the run, looked for four times a
 * second. Where nobody does, nothing waits and nothing ticks. */
#include "config.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "link_private.h"
#include "rundir_private.h"
#include "thaw/base/mem.h"

enum { LOOK_NS = 250 * 1000 * 1000 };

struct file_link {
    struct link link;
    struct event_file file;
    uint64_t skip; /* lines at the beginning that are known, the last of them by its time */
    int timer;
    bool read_all; /* since nobody trains in it any more */
};

static void stop_looking(struct file_link *own)
{
    struct itimerspec never = {{0, 0}, {0, 0}};
    timerfd_settime(own->timer, 0, &never, NULL);
}

/* At the end of what is there: waits for more, or has come to the end. true: look once more, as the lock was found free
 * behind the last look. */
static bool look_again(struct file_link *own)
{
    uint64_t ticks;
    ssize_t unused = read(own->timer, &ticks, sizeof ticks);
    (void)unused;
    if (own->link.state == LINK_ENDED || rundir_is_active(own->link.run))
        return false;
    if (!own->read_all) {
        own->read_all = true;
        return true;
    }
    stop_looking(own);
    link_set_state(&own->link, LINK_ENDED, "%s", "");
    return false;
}

/* What was known of it is no longer so. */
static enum link_got begin_again(struct file_link *own)
{
    own->skip = own->link.events = 0;
    event_file_rewind(&own->file);
    return LINK_RESET;
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct file_link *own = (struct file_link *)link;
    const char *line;
    size_t length;
    for (;;) {
        switch (event_file_next(&own->file, &line, &length)) {
        case EVENT_FILE_LINE:
            if (own->file.number == own->skip && !event_same_time(event_line_time(line, length), link->last_time))
                return begin_again(own);
            if (own->file.number > own->skip && link_take_event(link, message, line, length))
                return LINK_EVENT;
            continue;
        case EVENT_FILE_CUT:
            return begin_again(own);
        case EVENT_FILE_NOTHING:
            if (own->file.number < own->skip)
                return begin_again(own);
            if (!look_again(own))
                return LINK_NOTHING;
        }
    }
}

static void destroy(struct link *link)
{
    struct file_link *own = (struct file_link *)link;
    event_file_close(&own->file);
    if (own->timer >= 0)
        close(own->timer);
}

static const struct link_row row = {next, NULL, destroy};

struct link *link_open_file(const char *run, uint64_t from, double last_time, struct error *error)
{
    struct file_link *own = mem_alloc(sizeof *own);
    own->file.fd = own->timer = -1;
    if (!link_init(&own->link, &row, run, "", error)) {
        mem_free(own);
        return NULL;
    }
    own->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    /* The first look is due at once: a file has its lines already. */
    struct itimerspec often = {{0, LOOK_NS}, {0, 1}};
    if (!event_file_open(&own->file, run, error) || own->timer < 0 ||
        timerfd_settime(own->timer, 0, &often, NULL) != 0 || !link_watch(&own->link, own->timer, EPOLLIN)) {
        if (own->file.fd >= 0)
            error_set_errno(error, ERROR_FAILED, errno, "%s: cannot be watched", run);
        link_destroy(&own->link);
        return NULL;
    }
    own->skip = own->link.events = from;
    own->link.last_time = last_time;
    own->link.state = LINK_LIVE;
    return &own->link;
}
