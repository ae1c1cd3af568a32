/* The link to a trainer in this process: events are copied into a list under a lock, and a descriptor wakes whoever polls.
 * A busy run fills the list a thousand times a second, so steps wake nobody: a timer looks after them. */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "engine_private.h"
#include "thaw/base/mem.h"

enum { LOOK_NS = 50 * 1000 * 1000 };

struct thread_link {
    struct link link;
    struct trainer *trainer;
    int wake, timer;
    struct link_message *taken; /* what link_next hands out */
    size_t takens, taken_at;

    pthread_mutex_t lock; /* of what is below */
    struct link_message *inbox;
    size_t count, room;
};

static void push(struct thread_link *own, const struct link_message *message, bool wakes)
{
    pthread_mutex_lock(&own->lock);
    if (own->count == own->room) {
        own->room = own->room ? 2 * own->room : 64;
        own->inbox = mem_grow(own->inbox, own->room, sizeof *own->inbox);
    }
    own->inbox[own->count++] = *message;
    pthread_mutex_unlock(&own->lock);
    if (wakes)
        eventfd_write(own->wake, 1);
}

/* On the trainer's thread. */
static void take_event(void *context, const struct event *event)
{
    struct link_message message = {.event = event_copy(event), .answer.id = 0};
    push(context, &message, event->kind != EVENT_STEP);
}

static void take_answer(void *context, const struct run_answer *answer)
{
    struct link_message message = {.event.kind = EVENT_KINDS, .answer = *answer};
    push(context, &message, true);
}

struct event_sink thread_link_sink(struct link *link)
{
    return (struct event_sink){take_event, link, take_answer};
}

static bool refill(struct thread_link *own)
{
    uint64_t ticks;
    ssize_t unused = read(own->wake, &ticks, sizeof ticks);
    unused = read(own->timer, &ticks, sizeof ticks);
    (void)unused;
    mem_free(own->taken);
    own->taken_at = 0;
    pthread_mutex_lock(&own->lock);
    own->taken = own->inbox;
    own->takens = own->count;
    own->inbox = NULL;
    own->count = own->room = 0;
    pthread_mutex_unlock(&own->lock);
    return own->takens > 0;
}

/* The thread has ended: what it said is told to the end first. */
static void look_for_end(struct thread_link *own)
{
    struct trainer_status status;
    struct itimerspec never = {{0, 0}, {0, 0}};
    trainer_status(own->trainer, &status);
    if (status.state == TRAINER_RUNNING)
        return;
    if (refill(own))
        return;
    timerfd_settime(own->timer, 0, &never, NULL);
    if (status.state == TRAINER_FAILED)
        link_set_state(&own->link, LINK_FAILED, "%.500s", status.error.text);
    else
        link_set_state(&own->link, LINK_ENDED, "%s", "");
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct thread_link *own = (struct thread_link *)link;
    if (own->taken_at == own->takens && !refill(own) && own->trainer)
        look_for_end(own);
    if (own->taken_at == own->takens)
        return LINK_NOTHING;
    *message = own->taken[own->taken_at++];
    if (message->event.kind == EVENT_KINDS)
        return LINK_ANSWER;
    message->number = link->events++;
    return LINK_EVENT;
}

static bool post(struct link *link, const struct run_command *command, struct error *error)
{
    struct thread_link *own = (struct thread_link *)link;
    (void)error;
    trainer_post(own->trainer, command);
    return true;
}

static void destroy(struct link *link)
{
    struct thread_link *own = (struct thread_link *)link;
    trainer_destroy(own->trainer);
    refill(own);
    for (size_t i = 0; i < own->takens; i++)
        event_finish(&own->taken[i].event);
    mem_free(own->taken);
    pthread_mutex_destroy(&own->lock);
    close(own->wake);
    close(own->timer);
}

static const struct link_row row = {next, post, destroy};

struct link *thread_link_create(struct error *error)
{
    struct thread_link *own = mem_alloc(sizeof *own);
    own->wake = own->timer = -1;
    if (!link_init(&own->link, &row, "", "", error)) {
        mem_free(own);
        return NULL;
    }
    pthread_mutex_init(&own->lock, NULL);
    own->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    own->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    struct itimerspec often = {{0, LOOK_NS}, {0, LOOK_NS}};
    timerfd_settime(own->timer, 0, &often, NULL);
    if (own->wake < 0 || own->timer < 0 || !link_watch(&own->link, own->wake, EPOLLIN) ||
        !link_watch(&own->link, own->timer, EPOLLIN)) {
        error_set_errno(error, ERROR_FAILED, errno, "no descriptor is left");
        link_destroy(&own->link);
        return NULL;
    }
    own->link.writes = true;
    own->link.state = LINK_LIVE;
    return &own->link;
}

void thread_link_adopt(struct link *link, struct trainer *trainer)
{
    struct trainer_status status;
    ((struct thread_link *)link)->trainer = trainer;
    trainer_status(trainer, &status);
    mem_free(link->run);
    link->run = mem_string(status.run_path);
}

struct trainer *thread_link_trainer(const struct link *link)
{
    return ((const struct thread_link *)link)->trainer;
}
