/* See the header. Read, not mapped: a resume may cut the file while it is looked at. */
#include "config.h"

#include "event_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { BLOCK = 1 << 16 };

bool event_file_open(struct event_file *file, const char *run, struct error *error)
{
    char *path = path_join(run, RUNDIR_EVENTS);
    *file = (struct event_file){.fd = file_open(path, O_RDONLY | O_NOFOLLOW, 0, error)};
    int fault = errno;
    mem_free(path);
    errno = fault;
    return file->fd >= 0;
}

void event_file_close(struct event_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    mem_free(file->buffer);
    *file = (struct event_file){.fd = -1};
}

void event_file_rewind(struct event_file *file)
{
    file->have = file->at = file->last_length = 0;
    file->offset = 0;
    file->number = 0;
    file->sum = (struct event_sum){0};
    file->skipping = false;
}

off_t event_file_offset(const struct event_file *file)
{
    return file->offset + (off_t)file->at;
}

off_t event_file_size(const struct event_file *file)
{
    struct stat status;
    return fstat(file->fd, &status) == 0 ? status.st_size : 0;
}

/* Whether the last line that was handed out still stands where it stood; of a line without end nothing is known but that
 * the file does not end before it. */
static bool still_there(const struct event_file *file)
{
    char now[EVENT_FILE_LAST];
    off_t end = file->offset + (off_t)file->at;
    if (file->skipping)
        return event_file_size(file) >= end;
    if (event_file_size(file) < file->offset + (off_t)file->have)
        return false;
    ssize_t got = pread(file->fd, now, file->last_length, end - (off_t)file->last_length);
    return got == (ssize_t)file->last_length && memcmp(now, file->last, file->last_length) == 0;
}

/* Reads on behind what is in the buffer; false: nothing more is there. Of a line without end only its length is kept. */
static bool read_more(struct event_file *file)
{
    file->skipping = file->skipping || file->have - file->at > EVENT_LINE_MAX;
    size_t keep = file->skipping ? 0 : file->have - file->at;
    if (keep > 0)
        memmove(file->buffer, file->buffer + file->at, keep);
    file->offset += (off_t)(file->have - keep);
    file->have = keep;
    file->at = 0;
    if (file->have + BLOCK > file->room) {
        file->room = file->have + 2 * BLOCK;
        file->buffer = mem_grow(file->buffer, file->room, 1);
    }
    ssize_t got = pread(file->fd, file->buffer + file->have, BLOCK, file->offset + (off_t)file->have);
    file->fault = got < 0 ? errno : 0;
    if (got > 0)
        file->have += (size_t)got;
    return got > 0;
}

static void hand_out(struct event_file *file, const char *end, const char **line, size_t *length)
{
    *line = file->buffer + file->at;
    *length = (size_t)(end - *line);
    file->at += *length + 1;
    file->number++;
    file->last_length = *length + 1 < EVENT_FILE_LAST ? *length + 1 : EVENT_FILE_LAST;
    memcpy(file->last, file->buffer + file->at - file->last_length, file->last_length);
    bool good = event_sum_next(&file->sum, *line, *length) && *length <= EVENT_LINE_MAX && !file->skipping;
    if (good && file->sum.has) { /* the brace that closes the line moves to where its sum begins */
        *length -= EVENT_SUM_TAIL - 1;
        file->buffer[(size_t)(*line - file->buffer) + *length - 1] = '}';
    }
    *length = good ? *length : 0;
    file->skipping = false;
}

/* A flipped newline at the end of the file is not what a kill leaves: behind a whole line with its sum any byte ends it. */
static const char *strange_end(const struct event_file *file)
{
    uint32_t unused;
    const char *line = file->buffer + file->at;
    size_t left = file->have - file->at;
    bool whole = left > 0 && !file->skipping && event_sum_read(line, left - 1, &unused);
    return whole ? line + left - 1 : NULL;
}

/* A line's beginning is not kept for the next look: whoever goes on with a run that was killed removes it first. */
static enum event_file_got nothing_more(struct event_file *file)
{
    if (!file->skipping)
        file->have = file->at;
    return EVENT_FILE_NOTHING;
}

enum event_file_got event_file_next(struct event_file *file, const char **line, size_t *length)
{
    size_t looked = 0;
    bool checked = false, ended = false;
    for (;;) {
        size_t left = file->have - file->at;
        const char *end = left > looked ? memchr(file->buffer + file->at + looked, '\n', left - looked) : NULL;
        if (!end && ended)
            end = strange_end(file);
        if (end) {
            hand_out(file, end, line, length);
            return EVENT_FILE_LINE;
        }
        if (ended)
            return nothing_more(file);
        if (!checked && !still_there(file)) {
            event_file_rewind(file);
            return EVENT_FILE_CUT;
        }
        checked = true;
        ended = !read_more(file);
        looked = file->skipping ? 0 : left;
    }
}
