/* Reading run directories that may be written at this moment: every event through a sink, and the summaries that the
 * Runs screen lists. Takes no lock but for the instant of looking whether someone else holds it.
 *
 * Called by the session (reopened runs, the list) and by `thaw runs`. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "run_cache.h"
#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/story.h"

/* Walks the whole lines of events.jsonl. Read, not mapped: a resume may cut the file while it is looked at. */
struct lines {
    char *text;
    size_t size, at;
    int number;
};

enum { EVENTS_BYTES_MAX = 1 << 30 };

static bool lines_open(struct lines *lines, const char *path, struct error *error)
{
    char *file = path_join(path, RUNDIR_EVENTS);
    *lines = (struct lines){0};
    lines->text = file_read_text_own(file, EVENTS_BYTES_MAX, error);
    lines->size = lines->text ? strlen(lines->text) : 0;
    mem_free(file);
    return lines->text != NULL;
}

static const char *lines_next(struct lines *lines, size_t *length)
{
    const char *line = lines->text + lines->at;
    const char *end = memchr(line, '\n', lines->size - lines->at);
    if (!end)
        return NULL;
    *length = (size_t)(end - line);
    lines->at += *length + 1;
    lines->number++;
    return line;
}

static bool check_version(const struct event *event, const char *path, struct error *error)
{
    if (event->kind == EVENT_RUN && event->u.run.version > EVENT_VERSION)
        return error_set(error, ERROR_FAILED, "%s: its events are of format version %d, this program reads up to %d",
                         path, event->u.run.version, EVENT_VERSION);
    return true;
}

bool rundir_read(const char *path, const struct event_sink *sink, struct error *error)
{
    struct lines lines;
    struct event event;
    const char *line;
    size_t length;
    bool good = true, known;
    if (!lines_open(&lines, path, error))
        return false;
    while (good && (line = lines_next(&lines, &length))) {
        good = event_from_json(&event, &known, line, length, error);
        if (!good)
            error_wrap(error, "%s/%s: line %d", path, RUNDIR_EVENTS, lines.number);
        else if (known && (good = check_version(&event, path, error)))
            sink->emit(sink->context, &event);
        if (good && known)
            event_finish(&event);
    }
    mem_free(lines.text);
    return good;
}

long rundir_lock_holder(int lock)
{
    char text[32] = "";
    ssize_t got = pread(lock, text, sizeof text - 1, 0);
    return got > 0 ? strtol(text, NULL, 10) : 0;
}

/* A holder's number and a living process are not enough: numbers are given out again. The lock itself decides. */
bool rundir_is_active(const char *path)
{
    char *file = path_join(path, RUNDIR_LOCK);
    struct error unused;
    int lock = file_open(file, O_RDONLY | O_NOFOLLOW, 0, &unused);
    mem_free(file);
    if (lock < 0)
        return false;
    long holder = rundir_lock_holder(lock);
    bool active = holder > 0 && (kill((pid_t)holder, 0) == 0 || errno == EPERM) && flock(lock, LOCK_SH | LOCK_NB) != 0;
    close(lock);
    return active;
}

/* Steps make up nearly all lines and say nothing a summary needs, so they are not parsed, but for the last line. */
static bool is_step(const char *line, size_t length)
{
    static const char start[] = "{\"kind\":\"step\"";
    return length >= sizeof start - 1 && memcmp(line, start, sizeof start - 1) == 0;
}

static double or_none(double figure)
{
    return isnan(figure) ? -1 : figure;
}

static void replace_text(char **text, const char *by)
{
    mem_free(*text);
    *text = mem_string(by);
}

static void summarise_run(struct rundir_summary *summary, const struct story *story)
{
    const struct event *run = &story->run;
    memcpy(summary->model, run->u.run.model, sizeof summary->model);
    memcpy(summary->program, run->u.run.program, sizeof summary->program);
    replace_text(&summary->data, run->u.run.data);
    replace_text(&summary->weights, run->u.run.weights);
    replace_text(&summary->parent, run->u.run.parent);
    summary->started = run->time;
    summary->seed = run->u.run.seed;
    summary->classes = run->u.run.classes;
    summary->train_images = run->u.run.train_images;
    summary->val_images = run->u.run.val_images;
}

static void summarise_story(struct rundir_summary *summary, const struct story *story)
{
    const struct metric_definition *metric = story_metric(story);
    summarise_run(summary, story);
    summary->updated = story->time;
    summary->seconds = story->elapsed;
    summary->epochs = story->epochs;
    summary->epochs_done = story->epochs_done;
    summary->resumed = (int)story->resumed;
    summary->step = story->step;
    summary->params_trainable = story->trainable;
    summary->params_frozen = story->frozen;
    snprintf(summary->metric, sizeof summary->metric, "%s", metric ? metric->name : "");
    summary->last_accuracy = metric ? or_none(metrics_get(&story->val_figures, metric->name)) : -1;
    summary->best_accuracy = or_none(story->best);
    summary->best_epoch = story->best_epoch > 0 ? story->best_epoch : -1;
    summary->train_loss = story->epochs_done > 0 || story->step > 0 ? story->loss : NAN;
    summary->val_loss = story->val_loss;
    summary->done = story->done.kind == EVENT_DONE;
    summary->paused = story->paused;
    summary->how = summary->done ? story->done.u.done.how : EVENT_DONE_FAILED;
    replace_text(&summary->fault, summary->done ? story->done.u.done.text : "");
}

/* One line into the story; those of a newer program and the first one are looked at. */
static bool take_line(struct story *story, const struct rundir_summary *summary, const char *line, size_t length,
                      int number, struct error *error)
{
    struct event event;
    bool known;
    if (!event_from_json(&event, &known, line, length, error))
        return error_wrap(error, "%s/%s: line %d", summary->path, RUNDIR_EVENTS, number);
    bool good = true;
    if (story->run.kind != EVENT_RUN && !(known && event.kind == EVENT_RUN))
        good = error_set(error, ERROR_FAILED, "%s: its events do not begin with a \"run\" line", summary->path);
    good = good && (!known || check_version(&event, summary->path, error));
    if (good && known)
        story_add(story, &event);
    if (known)
        event_finish(&event);
    return good;
}

static bool summarise_lines(struct lines *lines, struct rundir_summary *summary, struct error *error)
{
    struct story story;
    const char *line, *last_step = NULL;
    size_t length, last_length = 0;
    bool good = true;
    story_init(&story);
    while (good && (line = lines_next(lines, &length))) {
        last_step = is_step(line, length) && story.run.kind == EVENT_RUN ? line : NULL;
        last_length = length;
        if (!last_step)
            good = take_line(&story, summary, line, length, lines->number, error);
    }
    if (good && last_step)
        good = take_line(&story, summary, last_step, last_length, lines->number, error);
    if (good && story.run.kind != EVENT_RUN)
        good = error_set(error, ERROR_FAILED, "%s: no events in it yet", summary->path);
    if (good)
        summarise_story(summary, &story);
    story_finish(&story);
    return good;
}

static bool summarise_events(const char *path, struct rundir_summary *summary, struct error *error)
{
    struct lines lines;
    if (!lines_open(&lines, path, error))
        return false;
    bool good = summarise_lines(&lines, summary, error);
    mem_free(lines.text);
    return good;
}

/* cache: NULL, or asked first, and told what it did not know. */
static bool summarise(const char *path, struct run_cache *cache, struct rundir_summary *summary, struct error *error)
{
    struct error unused;
    struct run_cache_key key;
    *summary = (struct rundir_summary){
        .best_accuracy = -1, .last_accuracy = -1, .best_epoch = -1, .train_loss = NAN, .val_loss = NAN};
    summary->path = mem_string(path);
    for (size_t length = strlen(path); length > 1 && summary->path[length - 1] == '/'; length--)
        summary->path[length - 1] = '\0';
    summary->name = mem_string(path_base(summary->path));
    char **const text[] = {&summary->data, &summary->weights, &summary->parent, &summary->fault};
    for (size_t i = 0; i < THAW_LENGTH(text); i++)
        *text[i] = mem_string("");
    bool good = run_cache_key(path, &key), known = good && cache && run_cache_get(cache, &key, summary);
    if (!good)
        error_set(error, ERROR_FAILED, "%s: not a run directory (no %s in it)", path, RUNDIR_EVENTS);
    else if (!known)
        good = summarise_events(path, summary, error);
    if (good && !known && cache)
        run_cache_put(cache, &key, summary);
    if (!good) {
        rundir_summary_finish(summary);
        return false;
    }
    summary->active = rundir_is_active(path);
    bool labelled = run_labels_read(&summary->labels, path, &unused); /* else it is shown without */
    (void)labelled;
    return true;
}

bool rundir_summarise(const char *path, struct rundir_summary *summary, struct error *error)
{
    return summarise(path, NULL, summary, error);
}

void rundir_summary_finish(struct rundir_summary *summary)
{
    mem_free(summary->path);
    mem_free(summary->name);
    mem_free(summary->data);
    mem_free(summary->weights);
    mem_free(summary->parent);
    mem_free(summary->fault);
    run_labels_finish(&summary->labels);
    *summary = (struct rundir_summary){0};
}

static int newer_first(const void *a, const void *b)
{
    const struct rundir_summary *left = a, *right = b;
    if (left->started != right->started)
        return left->started < right->started ? 1 : -1;
    return strcmp(right->name, left->name);
}

struct rundir_summary *rundir_list(const char *runs, size_t *count, struct error *error)
{
    struct file_list names = {0};
    *count = 0;
    if (file_is_directory(runs) && !file_list_read(&names, runs, error))
        return NULL;
    struct run_cache *cache = run_cache_open();
    struct rundir_summary *list = mem_array(names.count + 1, sizeof *list);
    for (size_t i = 0; i < names.count; i++) {
        struct error passed_over = {0};
        char *path = path_join(runs, names.name[i]);
        if (summarise(path, cache, &list[*count], &passed_over))
            (*count)++;
        mem_free(path);
    }
    run_cache_close(cache);
    file_list_free(&names);
    qsort(list, *count, sizeof *list, newer_first);
    return list;
}

void rundir_list_free(struct rundir_summary *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        rundir_summary_finish(&list[i]);
    mem_free(list);
}
