/* When what runs by itself is drawn: no more often than a person can read it, nor than the line carries it. Time is the
 * caller's, in seconds of any clock that only goes on. */
#ifndef THAW_UI_BEAT_H
#define THAW_UI_BEAT_H

#include <stdbool.h>
#include <stddef.h>

struct pace {
    double frame, clock; /* seconds between two drawings: of what the session says, of clocks that tick */
    double rate;         /* bytes a second that the drawings which no key asked for may take together */
    bool grows;          /* with the terminal's size, from 80 x 24 */
};
extern const struct pace pace_usual, pace_slow;

struct beat {
    const struct pace *pace;
    double drawn;   /* when last */
    double carried; /* when the line will have carried what it was given */
};
/* When the next drawing may come by itself; news: the session said something, else only clocks tick. */
double beat_next(const struct beat *beat, bool news);
/* That so many bytes were drawn on a terminal of so many cells. asked: by a key, which is no part of the budget. */
void beat_drew(struct beat *beat, double now, size_t bytes, double cells, bool asked);

#endif
