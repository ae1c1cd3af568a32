/* Looks at listed runs that are not opened: their stories and settings, read on a thread one after another, for events of a
 * long run take a while. The last few are kept; those of a run that grows are read again now and then. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { LOOKS = 4 };
static const double patience = 3; /* seconds before a run that grows is read again */

struct look {
    char *path;
    long long size; /* of the events when they were read */
    double read, asked;
    struct story story;
    char *settings;
    struct session_look shown;
};
struct session_looks {
    struct look *look[LOOKS];
    struct look *coming; /* the job's until it has ended */
    struct job *job;     /* NULL: nothing is being read */
};

static void free_look(void *context)
{
    struct look *look = context;
    if (!look)
        return;
    story_finish(&look->story);
    mem_free(look->path);
    mem_free(look->settings);
    mem_free(look);
}

static long long events_size(const char *path)
{
    struct stat stat_of;
    char *file = path_join(path, "events.jsonl");
    long long size = stat(file, &stat_of) == 0 ? (long long)stat_of.st_size : -1;
    mem_free(file);
    return size;
}

/* --- on the job's thread --- */
static void take(void *context, const struct event *event)
{
    story_add(context, event);
}

/* Settings that are not what they are without being said, but for those that name the run's parts. */
static char *tell_settings(const char *path)
{
    static const char *const known[] = {"model.name", "model.weights", "data.path", "run.dir", "run.name"};
    struct experiment experiment, usual;
    struct error unused;
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    char *text = mem_string(""), *file = path_join(path, "experiment.ini");
    experiment_init(&experiment);
    experiment_init(&usual);
    bool good = experiment_load(&experiment, file, &unused);
    mem_free(file);
    for (size_t i = 0; good && i < count; i++) {
        char key[64];
        bool skip = false;
        snprintf(key, sizeof key, "%s.%s", keys[i].section, keys[i].key);
        for (size_t k = 0; k < THAW_LENGTH(known); k++)
            skip = skip || !strcmp(key, known[k]);
        char *value = experiment_get(&experiment, key), *before = experiment_get(&usual, key);
        if (!skip && strcmp(value, before) != 0) {
            char *longer = mem_format("%s%s%s = %s", text, *text ? "\n" : "", key, *value ? value : "-");
            mem_free(text);
            text = longer;
        }
        mem_free(value);
        mem_free(before);
    }
    return text;
}

static bool run_look(struct job *job, void *context, struct error *error)
{
    struct look *look = context;
    struct event_sink sink = {.emit = take, .context = &look->story};
    (void)job;
    look->size = events_size(look->path);
    bool good = rundir_check(look->path, error);
    look->settings = good ? tell_settings(look->path) : mem_string("");
    return good && rundir_read(look->path, &sink, NULL, error);
}

/* --- on the front end's --- */
static struct session_looks *looks_of(struct session *session)
{
    if (!session->looks)
        session->looks = mem_alloc(sizeof *session->looks);
    return session->looks;
}

static void begin(struct session *session, const char *path)
{
    struct session_looks *looks = looks_of(session);
    struct error unused;
    if (looks->job)
        return; /* the next drawing asks again */
    struct look *look = mem_alloc(sizeof *look);
    look->path = mem_string(path);
    story_init(&look->story);
    const struct job_request request = {
        .run = run_look, .context = look, .what = "look at a run", .wake = session->wake[1]};
    looks->job = job_start(&request, &unused);
    looks->coming = look;
    if (!looks->job)
        free_look(look);
}

/* In the place of the same run's, else of the one that was asked for longest ago. */
static void keep(struct session_looks *looks, struct look *look)
{
    int place = 0;
    for (int i = 0; i < LOOKS; i++) {
        const struct look *there = looks->look[i], *worst = looks->look[place];
        if (there && !strcmp(there->path, look->path)) {
            place = i;
            break;
        }
        if (worst && (!there || there->asked < worst->asked))
            place = i;
    }
    free_look(looks->look[place]);
    looks->look[place] = look;
}

size_t look_pump(struct session *session)
{
    struct session_looks *looks = session->looks;
    struct error error;
    if (!looks || !looks->job || !job_ended(looks->job))
        return 0;
    struct look *look = looks->coming;
    bool good = job_result(looks->job, &error); /* what was read before a fault is shown, too */
    (void)good;
    job_destroy(looks->job);
    looks->job = NULL;
    look->read = look->asked = clock_monotonic();
    look->shown = (struct session_look){&look->story, look->settings};
    keep(looks, look);
    return 1;
}

const struct session_look *session_look(struct session *session, const char *path)
{
    struct session_looks *looks = looks_of(session);
    double now = clock_monotonic();
    for (int i = 0; i < LOOKS; i++) {
        struct look *look = looks->look[i];
        if (!look || strcmp(look->path, path) != 0)
            continue;
        look->asked = now;
        if (now - look->read > patience && look->story.done.kind != EVENT_DONE && events_size(path) != look->size)
            begin(session, path);
        return &look->shown;
    }
    begin(session, path);
    return NULL;
}

void look_finish(struct session *session)
{
    struct session_looks *looks = session->looks;
    if (!looks)
        return;
    if (looks->job)
        job_abandon(looks->job, free_look);
    for (int i = 0; i < LOOKS; i++)
        free_look(looks->look[i]);
    mem_free(looks);
    session->looks = NULL;
}
