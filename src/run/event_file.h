/* Reading events.jsonl line by line while it may be written: whole lines only, and a look at each call whether what was
 * read is still there (a run that is resumed cuts its file back). */
#ifndef THAW_RUN_EVENT_FILE_H
#define THAW_RUN_EVENT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "event_sum.h"
#include "thaw/base/error.h"

enum { EVENT_LINE_MAX = 8 << 20, EVENT_FILE_LAST = 256 };

struct event_file {
    int fd;
    char *buffer; /* [room], what was read and not handed out is at `at`.. `have` */
    size_t room, have, at;
    off_t offset;               /* of buffer[0] in the file */
    uint64_t number;            /* of the next line, from 0 */
    char last[EVENT_FILE_LAST]; /* the end of the last line handed out, to know it again */
    size_t last_length;
    struct event_sum sum;
    int fault;     /* errno of the last look at the file, 0: it could be read up to its end */
    bool skipping; /* a line over EVENT_LINE_MAX, up to its end */
};

enum event_file_got {
    EVENT_FILE_LINE,
    EVENT_FILE_NOTHING, /* no whole line more, for now */
    EVENT_FILE_CUT      /* what was read is no longer there: it begins again with line 0 */
};

/* Opens <run>/events.jsonl, following no link in the last place; only regular files. ERROR_FAILED, and errno. */
bool event_file_open(struct event_file *file, const char *run, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void event_file_close(struct event_file *file) THAW_NONNULL;
/* The next line without its newline and its sum, borrowed until the next call. A line over EVENT_LINE_MAX, and one that is
 * not as it was written, is handed out empty, so that it is no event for anybody. */
enum event_file_got event_file_next(struct event_file *file, const char **line, size_t *length) THAW_NONNULL;
void event_file_rewind(struct event_file *file) THAW_NONNULL;
/* The time that a line says, NAN: none that can be read; and whether two of them are the same: what a link knows of the
 * last event that it has, to go on behind it. */
double event_line_time(const char *line, size_t length) THAW_NONNULL;
bool event_same_time(double a, double b);
/* Where the line that was handed out last ends. */
off_t event_file_offset(const struct event_file *file) THAW_NONNULL;
/* Bytes in the file now. */
off_t event_file_size(const struct event_file *file) THAW_NONNULL;

#endif
