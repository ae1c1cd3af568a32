/* A recorded run at its own pace or another: the file's events, each held until its time has come on a clock that can be
 * stopped, hastened and set. Nothing is computed. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "link_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

/* A pause of the run's (a night between two halves) is no more than this on the replay's clock, seconds. */
static const double gap_most = 5;
static const double speed_least = 1e-3, speed_most = 1e6;

struct replay_link {
    struct link link;
    struct event_file file;
    int timer;
    double speed, clock, set; /* the replay's clock, seconds of the run, as it stood at clock_monotonic `set` */
    double due;               /* on that clock, of the event that waits */
    double last_time;         /* of the event before, wall clock */
    bool waiting;             /* an event is in `next` */
    struct link_message next;
    uint64_t seek_event; /* hand out all before it at once; UINT64_MAX: none */
    int seek_epoch;      /* the same by epoch; 0: none */
    bool reset;          /* to be told first */
};

static struct replay_link *own_of(const struct link *link)
{
    return (struct replay_link *)link;
}

static void set_clock(struct replay_link *own)
{
    double now = clock_monotonic();
    own->clock += (now - own->set) * own->speed;
    own->set = now;
}

static void drop_waiting(struct replay_link *own)
{
    if (own->waiting)
        event_finish(&own->next.event);
    own->waiting = false;
}

/* All from the beginning. */
static void go_back(struct replay_link *own)
{
    drop_waiting(own);
    event_file_rewind(&own->file);
    own->link.events = 0;
    own->due = own->clock = own->last_time = 0;
    own->set = clock_monotonic();
    own->reset = true;
    link_set_state(&own->link, LINK_LIVE, "%s", "");
}

/* Reads the next event into `next`. */
static bool read_next(struct replay_link *own)
{
    const char *line;
    size_t length;
    enum event_file_got got;
    while (!own->waiting && (got = event_file_next(&own->file, &line, &length)) != EVENT_FILE_NOTHING) {
        if (got == EVENT_FILE_CUT) {
            go_back(own);
            return false;
        }
        if (!link_take_event(&own->link, &own->next, line, length))
            continue;
        double step = own->next.number && own->last_time > 0 ? own->next.event.time - own->last_time : 0;
        own->last_time = own->next.event.time;
        own->due += step > 0 && isfinite(step) ? fmin(step, gap_most) : 0;
        own->waiting = true;
    }
    return own->waiting;
}

/* Whether the event that waits lies before where the replay was sent to. */
static bool is_before_goal(struct replay_link *own)
{
    bool before = (own->seek_event != UINT64_MAX && own->next.number < own->seek_event) ||
                  (own->seek_epoch > 0 && own->next.event.epoch < own->seek_epoch);
    if (before) {
        own->clock = own->due;
        own->set = clock_monotonic();
    } else {
        own->seek_event = UINT64_MAX;
        own->seek_epoch = 0;
    }
    return before;
}

static void set_timer(struct replay_link *own)
{
    double left = own->speed > 0 ? (own->due - own->clock) / own->speed : 0;
    struct itimerspec at = {{0, 0}, {0, 0}};
    if (own->waiting && own->speed > 0) {
        left = left > 1e-4 ? left : 1e-4;
        at.it_value.tv_sec = (time_t)left;
        at.it_value.tv_nsec = (long)((left - floor(left)) * 1e9);
    }
    timerfd_settime(own->timer, 0, &at, NULL);
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct replay_link *own = own_of(link);
    uint64_t ticks;
    ssize_t unused = read(own->timer, &ticks, sizeof ticks);
    (void)unused;
    set_clock(own);
    bool there = !own->reset && read_next(own);
    if (own->reset) {
        own->reset = false;
        return LINK_RESET;
    }
    if (!there) {
        link_set_state(link, LINK_ENDED, "%s", "");
        return LINK_NOTHING;
    }
    if (is_before_goal(own) || (own->speed > 0 && own->due <= own->clock)) {
        *message = own->next;
        own->waiting = false;
        return LINK_EVENT;
    }
    set_timer(own);
    return LINK_NOTHING;
}

static void destroy(struct link *link)
{
    struct replay_link *own = own_of(link);
    drop_waiting(own);
    event_file_close(&own->file);
    if (own->timer >= 0)
        close(own->timer);
}

static const struct link_row row = {next, NULL, destroy};

struct link *link_replay(const char *run, double speed, struct error *error)
{
    struct replay_link *own = mem_alloc(sizeof *own);
    own->file.fd = own->timer = -1;
    if (!link_init(&own->link, &row, run, "", error)) {
        mem_free(own);
        return NULL;
    }
    own->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (!event_file_open(&own->file, run, error) || own->timer < 0 || !link_watch(&own->link, own->timer, EPOLLIN)) {
        if (own->file.fd >= 0)
            error_set_errno(error, ERROR_FAILED, errno, "%s: cannot be replayed", run);
        link_destroy(&own->link);
        return NULL;
    }
    own->set = clock_monotonic();
    own->seek_event = speed > 0 ? UINT64_MAX : UINT64_MAX - 1;
    own->link.state = LINK_LIVE;
    link_set_speed(&own->link, speed > 0 ? speed : 1);
    return &own->link;
}

bool link_is_replay(const struct link *link)
{
    return link->row == &row;
}

double link_speed(const struct link *link)
{
    return link_is_replay(link) ? own_of(link)->speed : 0;
}

/* Whoever polls is woken to look at the new pace. */
static void look_now(struct replay_link *own)
{
    struct itimerspec soon = {{0, 0}, {0, 1}};
    timerfd_settime(own->timer, 0, &soon, NULL);
}

void link_set_speed(struct link *link, double speed)
{
    if (!link_is_replay(link))
        return;
    set_clock(own_of(link));
    own_of(link)->speed = speed > 0 ? fmin(fmax(speed, speed_least), speed_most) : 0;
    look_now(own_of(link));
}

void link_seek_event(struct link *link, uint64_t number)
{
    struct replay_link *own = own_of(link);
    if (!link_is_replay(link))
        return;
    uint64_t at = link->events - (own->waiting ? 1 : 0); /* of the next one that is handed out */
    if (number < at)
        go_back(own);
    own->seek_event = number;
    own->seek_epoch = 0;
    look_now(own);
}

void link_seek_epoch(struct link *link, int epoch)
{
    if (!link_is_replay(link))
        return;
    go_back(own_of(link));
    own_of(link)->seek_epoch = epoch > 1 ? epoch : 0;
    own_of(link)->seek_event = UINT64_MAX;
    look_now(own_of(link));
}
