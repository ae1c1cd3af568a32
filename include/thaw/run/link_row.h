/* For those who make a kind of link: what all links have, and the row of functions each kind brings. */
#ifndef THAW_RUN_LINK_ROW_H
#define THAW_RUN_LINK_ROW_H

#include "thaw/run/link.h"

struct link_row {
    enum link_got (*next)(struct link *link, struct link_message *message);
    bool (*post)(struct link *link, const struct run_command *command, struct error *error); /* NULL: takes none */
    void (*destroy)(struct link *link); /* of what the kind added; link_destroy frees the rest */
};

/* Every kind begins with it. */
struct link {
    const struct link_row *row;
    int epoll;
    enum link_state state;
    bool changed; /* state, since link_next told so */
    bool writes;
    char sentence[512];
    char *run, *host;
    uint64_t commands; /* ids given out */
    uint64_t events;   /* number of the next event */
};

/* Sets up the shared part. ERROR_FAILED: no descriptor. */
bool link_init(struct link *link, const struct link_row *row, const char *run, const char *host,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void link_set_state(struct link *link, enum link_state state, const char *format, ...) THAW_PRINTF(3, 4)
    THAW_NONNULL_ARGS(1, 3);
bool link_watch(struct link *link, int fd, unsigned events) THAW_NONNULL; /* adds to the epoll set, or changes it */
void link_unwatch(struct link *link, int fd) THAW_NONNULL;
/* A line of the run's file as a message; false: nothing that this program knows. Counts it. */
bool link_take_event(struct link *link, struct link_message *message, const char *line,
                     size_t length) THAW_NONNULL THAW_MUST_CHECK;

#endif
