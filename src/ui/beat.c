/* When what runs by itself is drawn. What cannot wait for that is drawn at once and owed: the line carries it before
 * anything else that no key asks for. Called by ui_loop.c. */
#include "config.h"

#include "beat.h"

const struct pace pace_usual = {0.5, 1, 1600, true}, pace_slow = {3, 5, 180, false};

double beat_next(const struct beat *beat, bool news)
{
    double next = beat->drawn + (news ? beat->pace->frame : beat->pace->clock);
    return next > beat->carried ? next : beat->carried;
}

void beat_drew(struct beat *beat, double now, size_t bytes, double cells, bool asked)
{
    double size = cells / (80.0 * 24);
    double rate = beat->pace->rate * (beat->pace->grows && size > 1 ? size : 1);
    beat->drawn = now;
    if (!asked)
        beat->carried = (beat->carried > now ? beat->carried : now) + (double)bytes / rate;
}
