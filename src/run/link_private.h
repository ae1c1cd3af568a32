/* What the kinds of links share: the row of functions each has, and the lines that go over sockets and pipes. */
#ifndef THAW_RUN_LINK_PRIVATE_H
#define THAW_RUN_LINK_PRIVATE_H

#include "event_file.h"
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

/* --- lines over a descriptor that does not block --- */
struct link_lines {
    int in, out; /* may be the same; -1: closed */
    char *got, *put;
    size_t got_room, got_size, got_at, put_room, put_size;
};
void link_lines_init(struct link_lines *lines, int in, int out) THAW_NONNULL;
void link_lines_finish(struct link_lines *lines) THAW_NONNULL; /* closes */
/* Reads what is there. false: the other end is gone, or sends a line without end. */
bool link_lines_read(struct link_lines *lines) THAW_NONNULL;
/* The next whole line, borrowed until the next read. */
bool link_lines_next(struct link_lines *lines, const char **line, size_t *length) THAW_NONNULL;
void link_lines_put(struct link_lines *lines, const char *line, size_t length) THAW_NONNULL; /* adds the newline */
/* Writes what can be written. false: the other end is gone. */
bool link_lines_flush(struct link_lines *lines) THAW_NONNULL;
size_t link_lines_pending(const struct link_lines *lines) THAW_NONNULL; /* bytes not written yet */

/* --- the client's half of the protocol, thaw-run(5) --- */
struct link_protocol {
    struct link_lines lines;
    bool greeted, ended;
    uint64_t skipped, skipped_in_all; /* events left out for want of room */
    double rate, last_time;           /* of the last event */
};
/* The first thing said: events from here on, where the last one that is known has this time. */
void link_protocol_watch(struct link *link, struct link_protocol *protocol, double rate) THAW_NONNULL;
void link_protocol_post(struct link_protocol *protocol, const struct run_command *command) THAW_NONNULL;
/* Takes lines until one is a message. LINK_NOTHING: no line more. */
enum link_got link_protocol_next(struct link *link, struct link_protocol *protocol,
                                 struct link_message *message) THAW_NONNULL;

/* --- the file's row, which others fall back to --- */
struct link *link_open_file(const char *run, uint64_t from, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The engine's door in a run directory: a connected descriptor that does not block, or -1. Paths of any length. */
int link_connect(const char *run, const char *name) THAW_NONNULL;

#endif
