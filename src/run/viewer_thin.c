/* Thinning: a line over ssh carries at most so many bytes a second while the run trains, however fast its steps are. */
#include "config.h"

#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "viewer_private.h"

enum { SECONDS_SAVED = 2 };

/* Bytes that what was there already may take at once, so that the picture comes before the line is kept thin. */
static const double past_room = 48 << 10;

/* Kinds that a later one of the same kind makes good for, with their shares of that room; the others always pass. */
static const double shares[VIEWER_KINDS] = {
    [EVENT_STEP] = 0.5,      [EVENT_EVAL] = 0.2,        [EVENT_EPOCH] = 0.15,
    [EVENT_UPDATES] = 0.03,  [EVENT_PHASE] = 0.02,      [EVENT_FREEZE_PROOF] = 0.02,
    [EVENT_FEATURES] = 0.02, [EVENT_CHECKPOINT] = 0.02, [VIEWER_BEST] = 0.04,
};

static bool is_repeated(int kind)
{
    return kind < VIEWER_KINDS && shares[kind] > 0;
}

/* By the line's beginning, {"kind":"step"; VIEWER_KINDS: none that is known. */
static int kind_of(const char *line, size_t length)
{
    static const char start[] = "{\"kind\":\"", best[] = "\"best\":true";
    enum { START = sizeof start - 1 };
    if (length < START || memcmp(line, start, START) != 0)
        return VIEWER_KINDS;
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        const char *name = event_kind_name((enum event_kind)kind);
        size_t size = strlen(name);
        if (length <= START + size || memcmp(line + START, name, size) != 0 || line[START + size] != '"')
            continue;
        return kind == EVENT_EVAL && memmem(line, length, best, sizeof best - 1) ? VIEWER_BEST : kind;
    }
    return VIEWER_KINDS;
}

void viewer_thin_finish(struct viewer_thin *thin)
{
    for (int i = 0; i < VIEWER_KINDS; i++)
        mem_free(thin->held[i].line);
    *thin = (struct viewer_thin){0};
}

void viewer_thin_start(struct viewer_thin *thin, double rate)
{
    viewer_thin_finish(thin);
    thin->rate = rate;
    thin->room = rate;
    thin->filled = clock_monotonic();
}

/* --- what was there --- */

/* What a kind does not need of its share is the steps'. */
static void share_out(struct viewer_thin *thin)
{
    double left = past_room;
    for (int i = 0; i < VIEWER_KINDS; i++) {
        struct viewer_past *past = &thin->past[i];
        past->share = shares[i] * past_room;
        if (i != EVENT_STEP)
            left -= past->bytes < past->share ? past->bytes : past->share;
    }
    thin->past[EVENT_STEP].share = left;
}

void viewer_thin_survey(struct viewer_thin *thin, struct event_file *file, uint64_t first)
{
    const char *line;
    size_t length;
    enum event_file_got got;
    event_file_rewind(file);
    while ((got = event_file_next(file, &line, &length)) != EVENT_FILE_NOTHING) {
        double end = (double)event_file_offset(file);
        if (got == EVENT_FILE_CUT) {
            memset(thin->past, 0, sizeof thin->past);
            continue;
        }
        int kind = file->number > first ? kind_of(line, length) : VIEWER_KINDS;
        if (file->number <= first)
            thin->from = end;
        if (!is_repeated(kind))
            continue;
        thin->past[kind].bytes += (double)length;
        thin->past[kind].last = end;
    }
    thin->to = (double)event_file_offset(file);
    event_file_rewind(file);
    share_out(thin);
}

/* Evenly over the bytes of the file, and the last of each kind in any case. */
static bool passes(struct viewer_thin *thin, int kind, const struct viewer_line *line)
{
    struct viewer_past *past = &thin->past[kind];
    double gone = (line->end - thin->from) / (thin->to - thin->from);
    double may = past->bytes <= past->share ? past->bytes : past->share * gone;
    bool good = past->sent + (double)line->length <= may || line->end == past->last;
    if (good)
        past->sent += (double)line->length;
    return good;
}

/* --- what comes --- */

static void fill_room(struct viewer_thin *thin)
{
    double now = clock_monotonic(), most = SECONDS_SAVED * thin->rate;
    double more = (now - thin->filled) * thin->rate;
    thin->filled = now;
    if (thin->room < most)
        thin->room = thin->room + more < most ? thin->room + more : most;
}

static void hold(struct viewer_held *held, const struct viewer_line *line)
{
    held->line = mem_grow(held->line, line->length + 1, 1);
    memcpy(held->line, line->text, line->length);
    held->length = line->length;
    held->number = line->number;
}

static struct viewer_held *first_held(struct viewer_thin *thin)
{
    struct viewer_held *first = NULL;
    for (int i = 0; i < VIEWER_KINDS; i++)
        if (thin->held[i].line && (!first || thin->held[i].number < first->number))
            first = &thin->held[i];
    return first;
}

/* Whether there is room for all that is held: one kind after the other would leave none for those that come last. */
static bool has_room(const struct viewer_thin *thin)
{
    double wanted = 0, most = SECONDS_SAVED * thin->rate;
    for (int i = 0; i < VIEWER_KINDS; i++)
        wanted += thin->held[i].line ? (double)thin->held[i].length : 0;
    return thin->room >= wanted || thin->room >= most;
}

void viewer_thin_flush(struct viewer_thin *thin, bool all, viewer_send *send, void *context)
{
    struct viewer_held *first;
    if (thin->rate <= 0)
        return;
    fill_room(thin);
    if (!all && !has_room(thin))
        return;
    while ((first = first_held(thin))) {
        thin->room -= (double)send(context, first->number, first->line, first->length);
        mem_free(first->line);
        first->line = NULL;
    }
}

void viewer_thin_take(struct viewer_thin *thin, const struct viewer_line *line, viewer_send *send, void *context)
{
    int kind = thin->rate > 0 ? kind_of(line->text, line->length) : VIEWER_KINDS;
    if (is_repeated(kind) && line->end <= thin->to) {
        if (passes(thin, kind, line))
            send(context, line->number, line->text, line->length);
    } else if (is_repeated(kind)) {
        hold(&thin->held[kind], line);
        viewer_thin_flush(thin, false, send, context);
    } else {
        bool now = line->end > thin->to;
        viewer_thin_flush(thin, true, send, context); /* in the order of the file */
        size_t took = send(context, line->number, line->text, line->length);
        thin->room -= now ? (double)took : 0;
    }
}
