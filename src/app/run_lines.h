/* A run as plain lines: what `thaw train`, `resume` and `follow` print of its events, with its story as they go. */
#ifndef THAW_APP_RUN_LINES_H
#define THAW_APP_RUN_LINES_H

#include <jansson.h>
#include <stdio.h>

#include "thaw/run/story.h"

struct run_lines {
    FILE *out;     /* the lines */
    bool terminal; /* stderr is one: a progress bar, too */
    bool quiet;    /* only the story is kept */
    struct story story;
    double bar_at; /* clock_monotonic */
    bool was_over; /* it had ended when that was folded which was there already, behind this step */
    uint64_t was_at;
};
void run_lines_init(struct run_lines *lines, FILE *out, bool quiet);
void run_lines_finish(struct run_lines *lines);
/* An event, printed and folded. NULL: time has passed, the bar may be drawn again. */
void run_lines_tell(struct run_lines *lines, const struct event *event);
/* What is there of a run already, folded without a word. */
bool run_lines_catch_up(struct run_lines *lines, const char *run, struct error *error);
/* The last lines, or the object of --json. Returns the exit code of how it ended: 0, 5 stopped, 130 interrupted, 1 failed
 * or broken off. */
int run_lines_end(struct run_lines *lines, const char *run, bool json);
int run_lines_code(const struct run_lines *lines); /* that alone */

#endif
