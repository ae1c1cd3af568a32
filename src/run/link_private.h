/* What the kinds of links in this folder share: the lines that go over sockets and pipes. */
#ifndef THAW_RUN_LINK_PRIVATE_H
#define THAW_RUN_LINK_PRIVATE_H

#include "event_file.h"
#include "thaw/run/link_row.h"

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
