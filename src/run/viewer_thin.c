/* Thinning: a line over ssh carries at most so many bytes a second while the run trains, however fast its steps are. */
#include "config.h"

#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "viewer_private.h"

enum { FIRST_ROOM = 48 << 10, SECONDS_SAVED = 2 };

/* Those that a later one of the same kind makes good for. */
static bool is_repeated(enum event_kind kind)
{
    switch (kind) {
    case EVENT_STEP:
    case EVENT_EPOCH:
    case EVENT_EVAL:
    case EVENT_UPDATES:
    case EVENT_PHASE:
    case EVENT_FREEZE_PROOF:
    case EVENT_CHECKPOINT:
    case EVENT_FEATURES:
        return true;
    default:
        return false;
    }
}

/* By the line's beginning, {"kind":"step"; EVENT_KINDS: none that is known. */
static enum event_kind kind_of(const char *line, size_t length)
{
    static const char start[] = "{\"kind\":\"";
    enum { START = sizeof start - 1 };
    if (length < START || memcmp(line, start, START) != 0)
        return EVENT_KINDS;
    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        const char *name = event_kind_name((enum event_kind)kind);
        size_t size = strlen(name);
        if (length > START + size && memcmp(line + START, name, size) == 0 && line[START + size] == '"')
            return (enum event_kind)kind;
    }
    return EVENT_KINDS;
}

void viewer_thin_finish(struct viewer_thin *thin)
{
    for (int i = 0; i < EVENT_KINDS; i++)
        mem_free(thin->held[i].line);
    *thin = (struct viewer_thin){0};
}

/* What is there already is sent at once, up to a limit: the picture comes before the line is kept thin. */
void viewer_thin_start(struct viewer_thin *thin, double rate, double bytes)
{
    viewer_thin_finish(thin);
    thin->rate = rate;
    thin->room = bytes < FIRST_ROOM ? bytes + rate : FIRST_ROOM;
    thin->filled = clock_monotonic();
}

static void fill_room(struct viewer_thin *thin)
{
    double now = clock_monotonic(), most = SECONDS_SAVED * thin->rate;
    double more = (now - thin->filled) * thin->rate;
    thin->filled = now;
    if (thin->room < most)
        thin->room = thin->room + more < most ? thin->room + more : most;
}

static void hold(struct viewer_held *held, uint64_t number, const char *line, size_t length)
{
    held->line = mem_grow(held->line, length + 1, 1);
    memcpy(held->line, line, length);
    held->length = length;
    held->number = number;
}

void viewer_thin_flush(struct viewer_thin *thin, bool all, viewer_send *send, void *context)
{
    if (thin->rate <= 0)
        return;
    fill_room(thin);
    while (all || thin->room > 0) {
        struct viewer_held *first = NULL;
        for (int i = 0; i < EVENT_KINDS; i++)
            if (thin->held[i].line && (!first || thin->held[i].number < first->number))
                first = &thin->held[i];
        if (!first)
            return;
        send(context, first->number, first->line, first->length);
        thin->room -= (double)first->length;
        mem_free(first->line);
        first->line = NULL;
    }
}

void viewer_thin_take(struct viewer_thin *thin, uint64_t number, const char *line, size_t length, viewer_send *send,
                      void *context)
{
    enum event_kind kind = thin->rate > 0 ? kind_of(line, length) : EVENT_KINDS;
    if (kind < EVENT_KINDS && is_repeated(kind)) {
        hold(&thin->held[kind], number, line, length);
        viewer_thin_flush(thin, false, send, context);
        return;
    }
    viewer_thin_flush(thin, true, send, context); /* in the order of the file */
    send(context, number, line, length);
    thin->room -= (double)length;
}
