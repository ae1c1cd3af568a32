/* A run directory that came from somewhere, whatever is in it: listed, found, looked at, read, labelled and opened to go
 * on with. What is listed is what is read; and a file beside the run, to which links in it lead, is never touched.
 *
 * The input is its files: "@f NAME" before a file's bytes, "@p NAME" for a named pipe, "@l NAME" for a link; bytes before
 * the first of them are events.jsonl. Names that are none of ours count for nothing. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_run.h"
#include "src/session/results.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_labels.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"
#include "thaw/run/story.h"
#include "thaw/train/experiment.h"

const char fuzz_target[] = "rundir";

static const char victim_text[] = "{\"tags\":[\"somebody else's\"]}\n";
static const char *const names[] = {"events.jsonl",     "labels.json", "experiment.ini", "lock",
                                    "predictions.json", "checkpoints", "parent"};

static char *run, *victim;

int fuzz_mutations(void)
{
    return 500;
}

/* A summary and two stories, as in fuzz_story, and blocks that the files are read by. */
size_t fuzz_budget(size_t size)
{
    return 64 * size + (2 << 20);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void clear(void)
{
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char *path = path_join(run, names[i]);
        if (unlink(path) != 0)
            rmdir(path);
        mem_free(path);
    }
    rmdir(run);
}

static void finish(void)
{
    clear();
    mem_free(run);
    mem_free(victim);
}

static void begin(void)
{
    if (run) {
        clear();
    } else {
        run = path_join(fuzz_run(), "run");
        victim = path_join(fuzz_run(), "victim");
        require(atexit(finish) == 0);
    }
    require(mkdir(run, 0700) == 0);
    fuzz_run_put("victim", victim_text, sizeof victim_text - 1);
}

/* --- making it --- */

/* The name behind a mark, as it is in the table; NULL: this is no mark of a file of ours. */
static const char *name_at(const char *at, const char *end)
{
    for (size_t i = 0; end - at > 3 && at[0] == '@' && strchr("fpl", at[1]) && at[2] == ' ' && i < THAW_LENGTH(names);
         i++) {
        size_t length = strlen(names[i]);
        if ((size_t)(end - at) == 3 + length && memcmp(at + 3, names[i], length) == 0)
            return names[i];
    }
    return NULL;
}

/* true: something that is no file stands there now. */
static bool put(char kind, const char *name, const char *text, size_t size)
{
    char *path = path_join(run, name);
    unlink(path);
    if (kind == 'p')
        require(mkfifo(path, 0600) == 0);
    else if (kind == 'l')
        require(symlink(victim, path) == 0);
    int fd = kind == 'f' ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    require(kind != 'f' || (fd >= 0 && write(fd, text, size) == (ssize_t)size));
    if (fd >= 0)
        close(fd);
    mem_free(path);
    return kind != 'f' || !strcmp(name, "checkpoints");
}

/* true: rundir_check has to refuse it. */
static bool make_run(const char *text, size_t size)
{
    bool strange[THAW_LENGTH(names)] = {false}, any = false;
    const char *end = text + size, *from = text, *name = names[0], *next;
    char kind = 'f';
    for (const char *at = text; name; at = next) {
        const char *line_end = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL, *mark = NULL;
        line_end = line_end ? line_end : end;
        next = line_end < end ? line_end + 1 : end;
        if (at < end && !(mark = name_at(at, line_end)))
            continue;
        for (size_t i = 0; i < THAW_LENGTH(names); i++)
            if (names[i] == name)
                strange[i] = put(kind, name, from, (size_t)(at - from));
        kind = mark ? at[1] : 'f';
        name = mark;
        from = next;
    }
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        any = any || strange[i];
    return any;
}

/* --- asking it --- */

static void add(void *context, const struct event *event)
{
    story_add(context, event);
}

static void ask_summary(const struct rundir_summary *summary)
{
    struct tm parts;
    time_t started = (time_t)summary->started;
    localtime_r(&started, &parts);
    require(run_state_word(summary)[0] && summary->started >= 0 && summary->updated >= 0 && summary->seconds >= 0);
    require(summary->epochs >= 0 && summary->epochs_done >= 0 && summary->classes >= 0 && summary->train_images >= 0);
    require(!summary->newer || summary->damage[0]);
}

/* What a list says is what the events say. */
static void compare(const struct rundir_summary *summary)
{
    struct error error = {0};
    struct run_damage damage;
    struct story story;
    char words[RUN_DAMAGE_TEXT];
    story_init(&story);
    bool read = rundir_read(run, &(struct event_sink){.emit = add, .context = &story}, &damage, &error);
    require(read || error.text[0]);
    require(read || summary->damage[0]);
    require(!read || !summary->newer);
    bool damaged = run_damage_words(words, &damage);
    require(!summary->damage[0] || damaged || damage.lines == 0 || strstr(summary->damage, "do not begin") ||
            strstr(summary->damage, "labels.json"));
    if (read) {
        require(summary->done == (story.done.kind == EVENT_DONE) && summary->epochs_done == story.epochs_done);
        require(summary->epochs == story.epochs && summary->params_trainable == story.trainable);
    }
    story_finish(&story);
}

static void list(void)
{
    struct error error = {0};
    struct rundir_summary summary;
    size_t count;
    bool good = rundir_summarise(run, &summary, &error);
    require(good || error.text[0]);
    struct rundir_summary *all = rundir_list(fuzz_run(), &count, &error);
    require(all && count == (size_t)good);
    require(!good || !strcmp(all[0].damage, summary.damage));
    if (good) {
        ask_summary(&summary);
        compare(&summary);
        rundir_summary_finish(&summary);
    }
    rundir_list_free(all, count);
}

static void find(void)
{
    struct error error = {0};
    char *found = run_find(fuzz_run(), "run", &error), *heirs = run_heirs(run);
    require((found != NULL) == run_is(run));
    mem_free(found);
    mem_free(heirs);
}

static void label(void)
{
    struct error error = {0};
    struct run_labels labels;
    static const char *const word[] = {"kept"};
    bool read = run_labels_read(&labels, run, &error), tagged = run_tag(run, word, 1, &error);
    require(read || !tagged);
    run_labels_finish(&labels);
    if (!tagged)
        return;
    require(run_labels_read(&labels, run, &error) && labels.tags > 0 && strstr(labels.all, "kept"));
    run_labels_finish(&labels);
}

static void read_others(void)
{
    struct error error = {0};
    struct experiment experiment;
    struct results_read results;
    char *file = path_join(run, "experiment.ini");
    experiment_init(&experiment);
    if (!experiment_load(&experiment, file, &error))
        require(error.text[0]);
    if (results_read(&results, run, false, &error)) {
        require(results.correct <= results.images);
        results_drop(&results);
    }
    mem_free(file);
}

/* As a resume does; what is wrong in it stays but for a last line without its end. */
static void open_to_write(bool strange)
{
    struct error error = {0};
    bool sound = rundir_check(run, &error);
    require(sound == !strange);
    struct rundir *rundir = run_is(run) ? rundir_open(run, &error) : NULL;
    require(!rundir || sound);
    rundir_close(rundir);
}

static void is_untouched(void)
{
    struct error error = {0};
    char *text = file_read_text(victim, 1 << 10, &error);
    require(text && !strcmp(text, victim_text));
    mem_free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    bool strange = make_run((const char *)data, size);
    list();
    find();
    read_others();
    open_to_write(strange);
    if (size % 8 == 0) /* it is synced to the disk */
        label();
    list();
    is_untouched();
    return 0;
}
