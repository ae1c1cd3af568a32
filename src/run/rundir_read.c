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
#include <time.h>
#include <unistd.h>

#include "event_file.h"
#include "run_cache.h"
#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_state.h"
#include "thaw/run/story.h"

static bool is_newer(const struct event *event)
{
    return event->kind == EVENT_RUN && event->u.run.version > EVENT_VERSION;
}

/* A line for the sink; false: it is of a newer version, of which nothing is read. */
static bool give(const struct event_sink *sink, struct run_damage *damage, const char *line, size_t length,
                 uint64_t number)
{
    struct error unused;
    struct event event;
    bool known;
    damage->lines = number + 1;
    if (!event_from_json(&event, &known, line, length, &unused)) {
        run_damage_add(damage, number);
        return true;
    }
    if (known && is_newer(&event))
        damage->version = event.u.run.version;
    else if (known)
        sink->emit(sink->context, &event);
    if (known)
        event_finish(&event);
    return !damage->version;
}

bool rundir_read_behind(const char *path, uint64_t mark, const struct event_sink *sink, struct run_damage *damage,
                        struct error *error)
{
    struct event_file file;
    struct run_damage own, *found = damage ? damage : &own;
    const char *line;
    size_t length;
    enum event_file_got got;
    char words[RUN_DAMAGE_TEXT];
    *found = (struct run_damage){0};
    if (!event_file_open(&file, path, error))
        return false;
    while ((got = event_file_next(&file, &line, &length)) == EVENT_FILE_LINE) {
        bool known = (uint64_t)event_file_offset(&file) <= mark && length > 0;
        if (known)
            found->lines = file.number;
        else if (!give(sink, found, line, length, file.number - 1))
            break;
    }
    event_file_close(&file);
    if (got == EVENT_FILE_CUT)
        return error_set(error, ERROR_FAILED, "%s: it was gone on with from a checkpoint meanwhile; try again", path);
    return !found->version || (run_damage_words(words, found) && error_set(error, ERROR_FAILED, "%s: %s", path, words));
}

bool rundir_read(const char *path, const struct event_sink *sink, struct run_damage *damage, struct error *error)
{
    return rundir_read_behind(path, 0, sink, damage, error);
}

int rundir_version(const char *path)
{
    struct event_file file;
    struct error unused;
    struct event event;
    const char *line;
    size_t length;
    bool known;
    int version = 0;
    if (!event_file_open(&file, path, &unused))
        return 0;
    if (event_file_next(&file, &line, &length) == EVENT_FILE_LINE &&
        event_from_json(&event, &known, line, length, &unused) && known) {
        version = event.kind == EVENT_RUN ? event.u.run.version : 0;
        event_finish(&event);
    }
    event_file_close(&file);
    return version;
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

/* Steps make up nearly all lines and say nothing a summary needs, so they are not parsed, but for the last line. Where no
 * sum says that they are what was written, it is looked whether they are text from brace to brace: a block of a file that
 * was lost is zeros, or something else. */
static bool is_step(const char *line, size_t length, bool has_sum)
{
    static const char start[] = "{\"kind\":\"step\",";
    unsigned strange = 0;
    if (length < sizeof start || memcmp(line, start, sizeof start - 1) != 0 || line[length - 1] != '}')
        return false;
    for (size_t i = 0; i < length && !has_sum; i++)
        strange |= (unsigned char)(line[i] - ' ') > '~' - ' ';
    return !strange;
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

/* What a summary is made of. */
struct reading {
    struct story story;
    struct run_damage damage;
    char *step; /* [step_room], the last line where it is a step, of length `step_length`; 0: it is not */
    size_t step_room, step_length;
};

static void add(void *context, const struct event *event)
{
    story_add(context, event);
}

/* One line of the file; false: there is nothing to be read behind it. */
static bool take_line(struct reading *reading, const struct event_file *file, const char *line, size_t length)
{
    struct event_sink sink = {.emit = add, .context = &reading->story};
    uint64_t number = file->number - 1;
    if (number > 0 && is_step(line, length, file->sum.has)) {
        if (length > reading->step_room)
            reading->step = mem_grow(reading->step, reading->step_room = 2 * length, 1);
        memcpy(reading->step, line, length);
        reading->step_length = length;
        reading->damage.lines = number + 1;
        return true;
    }
    reading->step_length = 0;
    bool more = give(&sink, &reading->damage, line, length, number);
    if (number == 0)
        reading->damage.headless = more && reading->damage.damaged == 0 && reading->story.run.kind != EVENT_RUN;
    return more;
}

static void read_lines(struct reading *reading, struct event_file *file)
{
    const char *line;
    size_t length;
    enum event_file_got got;
    story_init(&reading->story);
    while ((got = event_file_next(file, &line, &length)) != EVENT_FILE_NOTHING) {
        if (got == EVENT_FILE_CUT) {
            story_finish(&reading->story);
            reading->damage = (struct run_damage){0};
            reading->step_length = 0;
        } else if (!take_line(reading, file, line, length)) {
            break;
        }
    }
    if (reading->step_length > 0) {
        struct event_sink sink = {.emit = add, .context = &reading->story};
        give(&sink, &reading->damage, reading->step, reading->step_length, reading->damage.lines - 1);
    }
}

/* In words, with what the readable part says of the end, which the state cannot say any more. */
static void summarise_damage(struct rundir_summary *summary, const struct reading *reading,
                             const struct event_file *file)
{
    char words[RUN_DAMAGE_TEXT], whole[RUN_DAMAGE_TEXT + 80];
    summary->newer = reading->damage.version > 0;
    if (!run_damage_words(words, &reading->damage) && reading->damage.lines == 0)
        snprintf(words, sizeof words, "there is no event in its %lld bytes", (long long)event_file_size(file));
    if (file->fault)
        snprintf(words, sizeof words, "it cannot be read behind line %llu: %s",
                 (unsigned long long)reading->damage.lines, strerror(file->fault));
    bool ended = words[0] && summary->done && !summary->newer;
    snprintf(whole, sizeof whole, "%s%s%s", words, ended ? "; the others say that it is " : "",
             ended ? run_done_word(summary->how) : "");
    replace_text(&summary->damage, whole);
}

/* Tags and a note that cannot be read are damage as events are. It is not kept with what the events came to. */
static void summarise_labels(struct rundir_summary *summary)
{
    struct error unused;
    if (run_labels_read(&summary->labels, summary->path, &unused))
        return;
    bool first = !summary->damage[0], ended = first && summary->done && !summary->newer;
    char *damage =
        mem_format("%s%sits tags and note in labels.json cannot be read%s%s", summary->damage, first ? "" : "; ",
                   ended ? "; its events say that it is " : "", ended ? run_done_word(summary->how) : "");
    mem_free(summary->damage);
    summary->damage = damage;
}

/* false: no event is there yet, or it is another user's. *read: all of it was, and would be again. */
static bool summarise_events(const char *path, struct rundir_summary *summary, bool *read, struct error *error)
{
    struct event_file file;
    struct reading reading = {0};
    *read = false;
    if (!event_file_open(&file, path, error)) {
        bool closed = errno == EACCES;
        replace_text(&summary->damage, error->text);
        return !closed;
    }
    bool good = event_file_size(&file) > 0 || error_set(error, ERROR_FAILED, "%s: no events in it yet", path);
    read_lines(&reading, &file);
    if (good && !reading.damage.version)
        summarise_story(summary, &reading.story);
    if (good)
        summarise_damage(summary, &reading, &file);
    *read = !file.fault;
    event_file_close(&file);
    story_finish(&reading.story);
    mem_free(reading.step);
    return good;
}

/* Of the stamp that runs have in their names, 0: it has none. */
static double time_of_name(const char *name)
{
    struct tm parts = {.tm_isdst = -1};
    if (!run_stamp(name) || !strptime(name, "%Y%m%d-%H%M%S", &parts))
        return 0;
    time_t time = mktime(&parts);
    return time > 0 ? (double)time : 0;
}

/* cache: NULL, or asked first, and told what it did not know. */
static bool summarise(const char *path, struct run_cache *cache, struct rundir_summary *summary, struct error *error)
{
    struct run_cache_key key;
    *summary = (struct rundir_summary){
        .best_accuracy = -1, .last_accuracy = -1, .best_epoch = -1, .train_loss = NAN, .val_loss = NAN};
    summary->path = mem_string(path);
    for (size_t length = strlen(path); length > 1 && summary->path[length - 1] == '/'; length--)
        summary->path[length - 1] = '\0';
    summary->name = mem_string(path_base(summary->path));
    char **const text[] = {&summary->data, &summary->weights, &summary->parent, &summary->fault, &summary->damage};
    for (size_t i = 0; i < THAW_LENGTH(text); i++)
        *text[i] = mem_string("");
    bool good = run_cache_key(path, &key), known = good && cache && run_cache_get(cache, &key, summary), read = false;
    if (!good)
        error_set(error, ERROR_FAILED, "%s: not a run directory (no %s in it)", path, RUNDIR_EVENTS);
    else if (!known)
        good = summarise_events(path, summary, &read, error);
    if (good && read && cache)
        run_cache_put(cache, &key, summary);
    if (!good) {
        rundir_summary_finish(summary);
        return false;
    }
    if (summary->started <= 0)
        summary->started = time_of_name(summary->name);
    summary->active = rundir_is_active(path);
    summarise_labels(summary);
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
    mem_free(summary->damage);
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

/* --- a folder of them --- */

struct rundir_listing {
    char *runs;
    struct file_list names;
    size_t left; /* names that were not looked at */
    struct run_cache *cache;
};

struct rundir_listing *rundir_listing_begin(const char *runs, struct error *error)
{
    struct file_list names = {0};
    if (file_is_directory(runs) && !file_list_read(&names, runs, error))
        return NULL;
    struct rundir_listing *listing = mem_alloc(sizeof *listing);
    *listing = (struct rundir_listing){
        .runs = mem_string(runs), .names = names, .left = names.count, .cache = run_cache_open()};
    return listing;
}

bool rundir_listing_next(struct rundir_listing *listing, struct rundir_summary *summary)
{
    struct error passed_over;
    bool found = false;
    while (!found && listing->left > 0) {
        char *path = path_join(listing->runs, listing->names.name[--listing->left]);
        found = summarise(path, listing->cache, summary, &passed_over);
        mem_free(path);
    }
    return found;
}

size_t rundir_listing_left(const struct rundir_listing *listing)
{
    return listing->left;
}

void rundir_listing_end(struct rundir_listing *listing)
{
    if (!listing)
        return;
    run_cache_close(listing->cache);
    file_list_free(&listing->names);
    mem_free(listing->runs);
    mem_free(listing);
}

void rundir_list_sort(struct rundir_summary *list, size_t count)
{
    if (count > 0)
        qsort(list, count, sizeof *list, newer_first);
}

struct rundir_summary *rundir_list(const char *runs, size_t *count, struct error *error)
{
    struct rundir_listing *listing = rundir_listing_begin(runs, error);
    *count = 0;
    if (!listing)
        return NULL;
    struct rundir_summary *list = mem_array(listing->left + 1, sizeof *list);
    while (rundir_listing_next(listing, &list[*count]))
        (*count)++;
    rundir_listing_end(listing);
    rundir_list_sort(list, *count);
    return list;
}

void rundir_list_free(struct rundir_summary *list, size_t count)
{
    for (size_t i = 0; list && i < count; i++)
        rundir_summary_finish(&list[i]);
    mem_free(list);
}
