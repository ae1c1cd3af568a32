/* A run's events.jsonl, whatever is in it: folded at once, and folded by way of the file while it grows, in two halves.
 * Both give the same story, and whatever it is asked has an answer within its bounds. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_run.h"
#include "src/run/event_file.h"
#include "tests/unit/run/same_story.h"
#include "thaw/base/mem.h"
#include "thaw/run/story.h"

const char fuzz_target[] = "story";

int fuzz_mutations(void)
{
    return 800;
}

/* Two stories: a line of 17 bytes is a mark of a hundred and some in each, and room for as much again. */
size_t fuzz_budget(size_t size)
{
    return 32 * size + (1 << 20);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void add(struct story *story, const char *line, size_t length)
{
    struct error error = {0};
    struct event event;
    bool known;
    if (!event_from_json(&event, &known, line, length, &error))
        return;
    if (known)
        story_add(story, &event);
    event_finish(&event);
}

/* Where the last line has its sum, but no newline. */
static bool ends_strangely(const char *text, size_t size)
{
    uint32_t unused;
    const char *newline = size ? memrchr(text, '\n', size) : NULL, *line = newline ? newline + 1 : text;
    size_t left = size - (size_t)(line - text);
    return left > 0 && event_sum_read(line, left - 1, &unused);
}

static void fold_at_once(struct story *story, const char *text, size_t size)
{
    struct event_sum sum = {0};
    const char *end, *last = ends_strangely(text, size) ? text + size - 1 : NULL;
    for (; size && ((end = memchr(text, '\n', size)) || (end = last)); size -= (size_t)(end + 1 - text), text = end + 1)
        if (event_sum_next(&sum, text, (size_t)(end - text)))
            add(story, text, (size_t)(end - text));
}

/* What is there now; lines may be left without their end. */
static void fold_what_is_there(struct story *story, struct event_file *file)
{
    const char *line;
    size_t length;
    enum event_file_got got;
    while ((got = event_file_next(file, &line, &length)) == EVENT_FILE_LINE)
        add(story, line, length);
    require(got == EVENT_FILE_NOTHING);
}

static void fold_in_halves(struct story *story, const char *text, size_t size)
{
    struct event_file file;
    struct error error = {0};
    size_t half = size / 2;
    half -= ends_strangely(text, half); /* lines come whole, with their newlines */
    fuzz_run_write(text, half, false);
    require(event_file_open(&file, fuzz_run(), &error));
    fold_what_is_there(story, &file);
    fuzz_run_write(text + half, size - half, true);
    fold_what_is_there(story, &file);
    event_file_close(&file);
}

static void ask(const struct story *story)
{
    int batches = 0;
    require(story->layers >= 0 && (!story->fixed || strlen(story->fixed) == (size_t)story->layers));
    for (int i = 0; i < story->layers; i++)
        require(story_fixed(story, i) <= 15);
    for (int alive = 0; alive < 2; alive++)
        require(story_state_word(story_state(story, alive))[0]);
    require(story_batch(story, &batches) >= 0 && batches >= 0);
    double left = story_remaining(story);
    require(left == -1 || left >= 0);
    const struct metric_definition *metric = story_metric(story);
    require(!metric || story->run.u.run.metrics.count > 0);
    story_keeps_features(story);
    for (size_t i = 1; i < story->train_loss.points; i++)
        require(story->train_loss.point[i - 1].x < story->train_loss.point[i].x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct story once, halves;
    story_init(&once);
    story_init(&halves);
    fold_at_once(&once, (const char *)data, size);
    fold_in_halves(&halves, (const char *)data, size);
    require(!story_difference(&once, &halves));
    ask(&once);
    story_finish(&once);
    story_finish(&halves);
    return 0;
}
