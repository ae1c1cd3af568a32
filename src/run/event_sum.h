/* The sum that a line of events.jsonl ends with, ,"sum":"xxxxxxxx"}: of all that stands before it in the line, and of the
 * sum of the line before, so that a line that is lost, doubled or out of its place is noticed as one that is changed. It
 * belongs to the file: who is handed a line out of the file gets it without. */
#ifndef THAW_RUN_EVENT_SUM_H
#define THAW_RUN_EVENT_SUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

/* Of the last line; all zero before the first one. */
struct event_sum {
    uint32_t told, found; /* what it says, 0: nothing; and what it should say */
    bool has;             /* it ends with one */
    bool chained;         /* so does the next line, unless a program that writes none went on with the run */
};
enum { EVENT_SUM_TAIL = 18 };

/* The line, with a newline, that is to stand behind one with the sum `before`; caller frees. json: an object. */
char *event_sum_line(const char *json, uint32_t before) THAW_NONNULL;
/* Whether a line ends with a sum, and with which; else 0. */
bool event_sum_read(const char *line, size_t length, uint32_t *told) THAW_NONNULL;
/* Whether the next line is as it was written, and where it was. */
bool event_sum_next(struct event_sum *sum, const char *line, size_t length) THAW_NONNULL;

#endif
