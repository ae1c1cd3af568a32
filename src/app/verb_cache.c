/* thaw cache: what is kept of frozen networks for the images of past runs, and letting go of it. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "app.h"
#include "print.h"
#include "say.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/text.h"
#include "thaw/train/feature_store.h"

static json_t *entry_object(const struct feature_stored *entry)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:f, s:b}", "path", text_to_json(entry->path), "model",
                     text_to_json(entry->model), "images", text_to_json(entry->images), "view",
                     text_to_json(entry->view), "bytes", (json_int_t)entry->bytes, "used", entry->used, "in_use",
                     entry->in_use);
}

static void tell_entry(const struct feature_stored *entry)
{
    char when[32] = "in use";
    struct tm parts;
    time_t used = (time_t)entry->used;
    if (!entry->in_use && localtime_r(&used, &parts))
        strftime(when, sizeof when, "%Y-%m-%d %H:%M", &parts);
    say("%9.1f MB  %-16s  %s; %s%s%s\n", (double)entry->bytes / 1e6, when, entry->model[0] ? entry->model : "damaged",
        entry->images, strcmp(entry->view, "plain") ? "; " : "", strcmp(entry->view, "plain") ? entry->view : "");
}

static void tell_all(const char *folder, bool json)
{
    size_t count;
    uint64_t bytes = 0;
    struct feature_stored *list = feature_store_list(folder, &count);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++) {
        bytes += list[i].bytes;
        if (json)
            json_array_append_new(rows, entry_object(&list[i]));
        else
            tell_entry(&list[i]);
    }
    feature_store_free(list, count);
    if (json)
        app_json(
            json_pack("{s:o, s:I, s:O}", "folder", text_to_json(folder), "bytes", (json_int_t)bytes, "entries", rows));
    else
        say("%zu kept, %.1f MB in %s\n", count, (double)bytes / 1e6, folder);
    json_decref(rows);
}

static void clear(const char *folder, double keep, bool json)
{
    size_t count;
    uint64_t freed = feature_store_shrink(folder, (uint64_t)(keep * 1e6), &count);
    if (json)
        app_json(json_pack("{s:I, s:I}", "removed", (json_int_t)count, "bytes", (json_int_t)freed));
    else
        say("%zu removed, %.1f MB\n", count, (double)freed / 1e6);
}

static int refuse_word(const char *word)
{
    char hint[64] = "";
    struct nearest nearest = {.wanted = word};
    nearest_offer(&nearest, "--clear");
    nearest_offer(&nearest, "--keep");
    nearest_tell(&nearest, 1, NULL, hint, sizeof hint);
    return app_usage(&verb_cache, "no argument is known: %s%s", word, hint);
}

static int cache(int argc, char **argv)
{
    bool json = false, clears = false;
    const char *keep_text = NULL;
    double keep = 0;
    const struct option_row rows[] = {{.name = "--json", .flag = &json},
                                      {.name = "--clear", .flag = &clears},
                                      {.name = "--keep", .value = &keep_text}};
    argc = app_options(&verb_cache, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    if (argc != 1)
        return refuse_word(argv[1]);
    if (keep_text && (!clears || !app_number(keep_text, 0, 1e9, &keep)))
        return app_usage(&verb_cache, "--keep goes with --clear and takes megabytes");
    char *folder = feature_store_folder();
    if (clears)
        clear(folder, keep, json);
    else
        tell_all(folder, json);
    mem_free(folder);
    return 0;
}

const struct verb verb_cache = {
    .name = "cache",
    .synopsis = "[--clear [--keep MB]] [--json]",
    .help = "what is kept of frozen networks, and clearing it",
    .options = "  --clear     removes it, but for what a run has open; it is computed again when it is wanted\n"
               "  --keep MB   what was used last stays, up to so many megabytes\n"
               "  --json      one JSON object on stdout\n",
    .run = cache,
};
