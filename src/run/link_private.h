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
    size_t put_first; /* bytes of `put` that went before others, or are the rest of a line that has begun to go */
};
void link_lines_init(struct link_lines *lines, int in, int out) THAW_NONNULL;
void link_lines_finish(struct link_lines *lines) THAW_NONNULL; /* closes */
/* Reads what is there. false: the other end is gone, or sends a line without end. */
bool link_lines_read(struct link_lines *lines) THAW_NONNULL;
/* The next whole line, borrowed until the next read. */
bool link_lines_next(struct link_lines *lines, const char **line, size_t *length) THAW_NONNULL;
void link_lines_put(struct link_lines *lines, const char *line, size_t length) THAW_NONNULL; /* adds the newline */
/* The same, before all that has not begun to be written, but behind what was put so before. */
void link_lines_put_first(struct link_lines *lines, const char *line, size_t length) THAW_NONNULL;
/* Writes what can be written. false: the other end is gone. */
bool link_lines_flush(struct link_lines *lines) THAW_NONNULL;
size_t link_lines_pending(const struct link_lines *lines) THAW_NONNULL; /* bytes not written yet */

/* --- the client's half of the protocol, thaw-run(5) --- */
struct link_protocol {
    struct link_lines lines;
    bool greeted, ended;              /* the other end has said so */
    bool writes;                      /* it takes commands that write, by its greeting */
    char *run;                        /* the run's directory by its greeting, where it is absolute; NULL: not told */
    char why[256];                    /* it ended */
    uint64_t skipped, skipped_in_all; /* events left out for want of room: before the next one, and since the first */
};
void link_protocol_begin(struct link_protocol *protocol, int in, int out) THAW_NONNULL;
void link_protocol_end(struct link_protocol *protocol) THAW_NONNULL; /* closes; what was said of the end stays */
/* Asks for events from the link's next one on. rate: bytes a second at most while it trains; 0: all. */
void link_protocol_watch(const struct link *link, struct link_protocol *protocol, double rate) THAW_NONNULL;
void link_protocol_post(struct link_protocol *protocol, const struct run_command *command) THAW_NONNULL;
/* Takes lines until one is a message. LINK_NOTHING: no line more. */
enum link_got link_protocol_next(struct link *link, struct link_protocol *protocol,
                                 struct link_message *message) THAW_NONNULL;
/* Reads and writes what can be. false: the other end is gone; lines may still be there to take. */
bool link_protocol_serve(struct link_protocol *protocol) THAW_NONNULL;

/* --- the file's row, which others fall back to --- */
/* from, last_time: of a link that knows the events before `from`. Where the last of them is another in the file, all are
 * told again. */
struct link *link_open_file(const char *run, uint64_t from, double last_time,
                            struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
