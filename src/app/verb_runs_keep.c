/* thaw runs rename, tag, note, delete, restore, empty-trash: order among runs, by their names. */
#include "config.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_labels.h"
#include "verb_runs.h"

/* --- moving --- */

static void warn_of_heirs(const char *path)
{
    char *heirs = run_heirs(path);
    if (heirs)
        say_on(stderr, "thaw: warning: began from its model and cannot go on without it there: %s\n",
               heirs ? heirs : "");
    mem_free(heirs);
}

static void tell_move(const char *from, const char *to, const char *format)
{
    say(format, path_base(from), to);
}

static json_t *move_object(const char *from, const char *to)
{
    return json_pack("{s:o, s:o}", "run", text_to_json(to), "was", text_to_json(from));
}

static int rename_run(const struct verb_call *call)
{
    struct error error = {0};
    char *from = run_find(call->runs, call->word[0], &error);
    char *to = from ? run_rename(from, call->word[1], &error) : NULL;
    if (to) {
        warn_of_heirs(from);
        if (call->json)
            app_json(move_object(from, to));
        else
            tell_move(from, to, "%s is now %s\n");
    }
    mem_free(from);
    mem_free(to);
    return to ? 0 : app_fail(&error);
}

/* What is done to each run, all of which are found before the first is touched. */
struct moving {
    const char *folder; /* where they are looked for */
    char *(*move)(const char *path, struct error *error);
    const char *told;
    bool warns;
};

static int move_runs(const struct verb_call *call, const struct moving *moving)
{
    struct error error = {0};
    json_t *list = json_array();
    char **path = mem_array((size_t)call->words, sizeof *path);
    bool good = true;
    for (int i = 0; good && i < call->words; i++)
        good = (path[i] = run_find(moving->folder, call->word[i], &error)) != NULL;
    for (int i = 0; good && i < call->words; i++) {
        if (moving->warns)
            warn_of_heirs(path[i]);
        char *to = moving->move(path[i], &error);
        good = to != NULL;
        if (good && call->json)
            json_array_append_new(list, move_object(path[i], to));
        else if (good)
            tell_move(path[i], to, moving->told);
        mem_free(to);
    }
    for (int i = 0; i < call->words; i++)
        mem_free(path[i]);
    mem_free(path);
    if (call->json && (good || json_array_size(list)))
        app_json(json_pack("{s:O}", "runs", list));
    json_decref(list);
    return good ? 0 : app_fail(&error);
}

static int delete_runs(const struct verb_call *call)
{
    struct moving moving = {call->runs, run_delete, "%s is in the trash: %s\n", true};
    return move_runs(call, &moving);
}

static int restore_runs(const struct verb_call *call)
{
    char *trash = run_trash(call->runs);
    struct moving moving = {trash, run_restore, "%s is back: %s\n", false};
    int code = move_runs(call, &moving);
    mem_free(trash);
    return code;
}

/* --- the trash --- */

static bool agrees(size_t count, uint64_t bytes)
{
    char answer[8] = "";
    say_on(stderr, "Remove %zu deleted run%s, %.1f MB, for good? [y/N] ", count, count == 1 ? "" : "s",
           (double)bytes / 1e6);
    say_flush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static int empty_trash(const struct verb_call *call)
{
    struct error error = {0};
    size_t count;
    uint64_t bytes;
    bool terminal = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
    if (!run_trash_count(call->runs, &count, &bytes, &error))
        return app_fail(&error);
    if (count && !call->yes && !terminal)
        return app_usage(&verb_runs, "empty-trash removes %zu run%s for good: --yes says so without a terminal", count,
                         count == 1 ? "" : "s");
    if (count && !call->yes && !agrees(count, bytes))
        return error_exit_code(ERROR_STOPPED);
    bool good = run_trash_empty(call->runs, &count, &bytes, &error);
    if (call->json)
        app_json(json_pack("{s:I, s:I}", "removed", (json_int_t)count, "bytes", (json_int_t)bytes));
    else
        say("%zu removed, %.1f MB\n", count, (double)bytes / 1e6);
    return good ? 0 : app_fail(&error);
}

/* --- labels --- */

static void tell_labels(const char *path, const struct run_labels *labels, bool json)
{
    if (json) {
        app_json(json_pack("{s:o, s:o, s:o}", "run", text_to_json(path), "tags",
                           print_json_texts(labels->tag, labels->tags), "note", print_json_told(labels->note)));
        return;
    }
    say("%s\ntags: %s\nnote: %s\n", path_base(path), labels->all[0] ? labels->all : "none",
        labels->note[0] ? labels->note : "none");
}

/* Without more words: what there is. */
static int label(const struct verb_call *call,
                 bool (*put)(const char *path, const struct verb_call *call, struct error *error))
{
    struct error error = {0};
    struct run_labels labels = {0};
    char *path = run_find(call->runs, call->word[0], &error);
    bool good = path && (call->words == 1 || put(path, call, &error)) && run_labels_read(&labels, path, &error);
    if (good)
        tell_labels(path, &labels, call->json);
    run_labels_finish(&labels);
    mem_free(path);
    return good ? 0 : app_fail(&error);
}

static bool put_tags(const char *path, const struct verb_call *call, struct error *error)
{
    return run_tag(path, (const char *const *)call->word + 1, (size_t)call->words - 1, error);
}

static bool put_note(const char *path, const struct verb_call *call, struct error *error)
{
    char *text = app_words(call->word + 1, call->words - 1);
    bool good = run_note(path, text, error);
    mem_free(text);
    return good;
}

static int tag_run(const struct verb_call *call)
{
    return label(call, put_tags);
}

static int note_run(const struct verb_call *call)
{
    return label(call, put_note);
}

/* --- the actions --- */

const struct verb_action runs_actions[] = {
    {"rename", 2, 2, "a run and its new name", rename_run},
    {"tag", 1, INT_MAX, "a run", tag_run},
    {"note", 1, INT_MAX, "a run", note_run},
    {"delete", 1, INT_MAX, "a run", delete_runs},
    {"restore", 1, INT_MAX, "a run", restore_runs},
    {"empty-trash", 0, 0, "no more", empty_trash},
    {NULL, 0, 0, NULL, NULL},
};
