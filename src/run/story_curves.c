/* What grows with a story: curves, marks, the thaws to come. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "story_private.h"
#include "thaw/base/mem.h"

void story_curve_add(struct story_curve *curve, double x, double y)
{
    if (!isfinite(x))
        return;
    while (curve->points && curve->point[curve->points - 1].x >= x)
        curve->points--;
    if (curve->points == curve->room) {
        curve->room = curve->room ? 2 * curve->room : 256;
        curve->point = mem_grow(curve->point, curve->room, sizeof *curve->point);
    }
    curve->point[curve->points++] = (struct story_point){x, y};
}

/* Room grows by doubling at the powers of two. */
void story_note_add(struct story *story, double x, const struct event *event, const char *text, const char *by)
{
    if ((story->notes & (story->notes + 1)) == 0 || story->notes == 0)
        story->note = mem_grow(story->note, 2 * (story->notes + 1), sizeof *story->note);
    struct story_note *note = &story->note[story->notes++];
    *note = (struct story_note){.x = x, .epoch = event->epoch, .kind = event->kind, .text = mem_string(text)};
    snprintf(note->by, sizeof note->by, "%s", by ? by : "");
}

double story_x(const struct story *story, const struct event *event)
{
    int steps = story->run.kind == EVENT_RUN ? story->run.u.run.steps_per_epoch : 0;
    return steps > 0 ? (double)event->step / steps : event->epoch;
}

void story_take_thaws(struct story *story, const char *lines)
{
    while (lines && *lines) {
        char *end;
        size_t length = strcspn(lines, "\n");
        long epoch = strtol(lines, &end, 10);
        size_t used = (size_t)(end - lines);
        if (used < length && epoch > 0 && epoch < 1000000) {
            end += *end == ' ';
            story->thaw = mem_grow(story->thaw, story->thaws + 1, sizeof *story->thaw);
            story->thaw[story->thaws++] =
                (struct story_thaw){.epoch = (int)epoch, .text = mem_format("%.*s", (int)(lines + length - end), end)};
        }
        lines += length + (lines[length] == '\n');
    }
}
