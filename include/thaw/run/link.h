/* A link to a run: events come out, commands go in, whatever lies between: a thread of this process, a file that grows
 * or is replayed, a socket of the run's engine, a pipe through ssh. One row of functions for each.
 *
 * One caller thread. Nothing here blocks: poll link_fd for reading, then call link_next until it says LINK_NOTHING. */
#ifndef THAW_RUN_LINK_H
#define THAW_RUN_LINK_H

#include "thaw/run/command.h"
#include "thaw/run/event.h"
#include "thaw/run/run_damage.h"

enum link_got {
    LINK_NOTHING,
    LINK_EVENT,  /* finish it */
    LINK_ANSWER, /* to one of this link's commands */
    LINK_RESET,  /* forget all events: they are told again from the first one on */
    LINK_CHANGED /* link_state is another one */
};
struct link_message {
    struct event event;
    uint64_t number; /* of the event in the run, from 0; those that were left out for want of room count */
    struct run_answer answer;
};

enum link_state {
    LINK_STARTING, /* an engine is being started, or a host called */
    LINK_LIVE,     /* a process trains in the run */
    LINK_WAITING,  /* the line is gone; it is tried again */
    LINK_ENDED,    /* nobody trains in it: all that there is was told, or will be without waiting */
    LINK_FAILED    /* there is nothing to be had from it; the sentence says why */
};

/* What is wanted of a link, bits. */
enum link_how {
    LINK_READ_ONLY = 1,   /* no command goes through, even where it could */
    LINK_ANSWERS_ONLY = 2 /* no events are told */
};

struct link;
/* To the run in a directory on this machine: its engine's socket where one serves, else its file; and from one to the
 * other where an engine comes or goes while the link is there. ERROR_FAILED: not a run. */
struct link *link_open(const char *run, unsigned how, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The engine's door of a run on this machine: a connected descriptor that does not block, or -1. Paths of any length.
 * *writes: it takes commands that write. */
int link_connect(const char *run, bool *writes) THAW_NONNULL;
/* To a run on another machine, through `ssh HOST thaw stream RUN` ($THAW_SSH in place of ssh): begins to call and
 * returns. The line is tried again with growing pauses, and goes on behind the last event that came. rate: bytes a second
 * that events may take while it trains, 0: all. */
struct link *link_call(const char *host, const char *run, unsigned how, double rate,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* A recorded run at `speed` times its own pace (0: all at once, then paused at its end). */
struct link *link_replay(const char *run, double speed, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void link_destroy(struct link *link); /* takes NULL; the run goes on */

enum { LINK_HOST = 128 };
/* Parts "HOST:RUN": a colon before any slash, where no file of that name is here. false: it names a run here. */
bool link_split(const char *name, char host[LINK_HOST], const char **run) THAW_NONNULL;

int link_fd(const struct link *link) THAW_NONNULL; /* an epoll descriptor */
enum link_got link_next(struct link *link, struct link_message *message) THAW_NONNULL;
/* Sends a command and gives it an id, which is returned; 0: it cannot be sent, and the error says why (read-only, ended,
 * the line is gone). One answer comes by link_next: the run's, or the link's own where the line is lost before. */
uint64_t link_post(struct link *link, const struct run_command *command, struct error *error) THAW_NONNULL;
enum link_state link_state(const struct link *link) THAW_NONNULL;
/* Of the lines that have come: what among them was no event. Of a newer format nothing is told; the link fails. */
struct run_damage link_damage(const struct link *link) THAW_NONNULL;
const char *link_sentence(const struct link *link) THAW_NONNULL; /* of WAITING and FAILED, else "" */
/* The run's directory, here or on its host; as it was named, or "", while it is not known. */
const char *link_run(const struct link *link) THAW_NONNULL;
const char *link_host(const struct link *link) THAW_NONNULL; /* "" here */
bool link_writes(const struct link *link) THAW_NONNULL;      /* commands go through */

/* --- replaying --- */
bool link_is_replay(const struct link *link) THAW_NONNULL;
double link_speed(const struct link *link) THAW_NONNULL;
void link_set_speed(struct link *link, double speed) THAW_NONNULL; /* 0: paused */
/* Goes to the beginning of an epoch (1..), or to an event's number. Back is a LINK_RESET first. */
void link_seek_epoch(struct link *link, int epoch) THAW_NONNULL;
void link_seek_event(struct link *link, uint64_t number) THAW_NONNULL;

#endif
