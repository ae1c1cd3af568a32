/* See the header. Called by readers of runs, and by what shows them. */
#include "config.h"

#include "thaw/run/run_damage.h"

#include <stdio.h>

#include "thaw/run/event.h"

void run_damage_add(struct run_damage *damage, uint64_t number)
{
    if (damage->damaged == 0 || number + 1 < damage->first)
        damage->first = number + 1;
    damage->damaged++;
    if (damage->lines <= number)
        damage->lines = number + 1;
}

bool run_damage_words(char text[RUN_DAMAGE_TEXT], const struct run_damage *damage)
{
    unsigned long long lines = damage->lines, damaged = damage->damaged, first = damage->first;
    text[0] = '\0';
    if (damage->version)
        snprintf(text, RUN_DAMAGE_TEXT,
                 "its events are of format version %d, this program reads up to %d: a newer thaw reads them",
                 damage->version, EVENT_VERSION);
    else if (damaged == 1)
        snprintf(text, RUN_DAMAGE_TEXT, "line %llu of %llu is not as it was written", first, lines);
    else if (damaged > 1)
        snprintf(text, RUN_DAMAGE_TEXT, "%llu of %llu lines are not as they were written, the first of them line %llu",
                 damaged, lines, first);
    else if (damage->headless)
        snprintf(text, RUN_DAMAGE_TEXT, "its %llu events do not begin with a \"run\" line", lines);
    return text[0] != '\0';
}
