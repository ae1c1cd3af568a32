/* For those who make a kind of link: what all links have, and the row of functions each kind brings. */
#ifndef THAW_RUN_LINK_ROW_H
#define THAW_RUN_LINK_ROW_H

#include "thaw/run/link.h"

struct link_row {
    enum link_got (*next)(struct link *link, struct link_message *message);
    /* Sends a command as it is, its id is the link's. NULL: takes none */
    bool (*post)(struct link *link, const struct run_command *command, struct error *error);
    void (*destroy)(struct link *link); /* of what the kind added; link_destroy frees the rest */
};

/* Every kind begins with it. */
struct link {
    const struct link_row *row;
    int epoll;
    enum link_state state;
    bool changed; /* state, since link_next told so */
    bool writes;
    char sentence[512], reason[256]; /* reason: why it takes no commands, where it does not */
    char *run, *host;
    uint64_t commands; /* ids given out */
    uint64_t *asked;   /* [askeds], those that wait for their answers */
    size_t askeds, asked_room;
    bool lost;        /* their answers will not come */
    uint64_t events;  /* number of the next event */
    double last_time; /* of the one before it; NAN: its line said none */
    struct run_damage damage;
};

/* Sets up the shared part. ERROR_FAILED: no descriptor. */
bool link_init(struct link *link, const struct link_row *row, const char *run, const char *host,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* WAITING, ENDED and FAILED: no answer comes any more. */
void link_set_state(struct link *link, enum link_state state, const char *format, ...) THAW_PRINTF(3, 4)
    THAW_NONNULL_ARGS(1, 3);
/* Whoever was to answer is gone: the link answers for him. */
void link_lose(struct link *link) THAW_NONNULL;
/* link_post with the id that the command has, for a link that stands before another. */
bool link_forward(struct link *link, const struct run_command *command, struct error *error) THAW_NONNULL;
bool link_watch(struct link *link, int fd, unsigned events) THAW_NONNULL; /* adds to the epoll set, or changes it */
void link_unwatch(struct link *link, int fd) THAW_NONNULL;
/* A line of the run's file as a message; false: nothing that this program knows. Counts it, and keeps its time. */
bool link_take_event(struct link *link, struct link_message *message, const char *line,
                     size_t length) THAW_NONNULL THAW_MUST_CHECK;

#endif
