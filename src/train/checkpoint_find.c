/* What a run directory has to go on from; see the header. Called by the trainer before it goes on with a run. */
#include "config.h"

#include "checkpoint_find.h"

#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"
#include "thaw/run/rundir.h"
#include "trainer_private.h"

int checkpoint_kept_epoch(const char *name)
{
    static const char start[] = "epoch-";
    const char *end;
    long epoch;
    bool is = strncmp(name, start, sizeof start - 1) == 0 &&
              number_whole(name + sizeof start - 1, 1, EXPERIMENT_EPOCHS_MAX, &epoch, &end) &&
              strcmp(end, ".safetensors") == 0;
    return is ? (int)epoch : 0;
}

static int newer_first(const void *a, const void *b)
{
    return checkpoint_kept_epoch(*(char *const *)b) - checkpoint_kept_epoch(*(char *const *)a);
}

/* The epoch at whose end a checkpoint was written; 0: it cannot be read. */
static int epoch_of_file(const char *path, const struct graph *graph)
{
    struct checkpoint saved = {0};
    struct error unused;
    struct checkpoint_file *file = checkpoint_open(path, graph, &saved, &unused);
    checkpoint_close(file);
    return file ? saved.epoch - 1 : 0;
}

void checkpoint_others(struct file_list *list, const char *run, const struct graph *graph)
{
    struct error unused;
    struct file_list found;
    char *folder = path_join(run, "checkpoints"), *best = path_join(run, TRAINER_BEST);
    int best_epoch = epoch_of_file(best, graph);
    *list = (struct file_list){0};
    if (!file_list_read(&found, folder, &unused))
        found = (struct file_list){0};
    list->name = mem_array(found.count + 1, sizeof *list->name);
    if (found.count)
        qsort(found.name, found.count, sizeof *found.name, newer_first);
    for (size_t i = 0; i < found.count && checkpoint_kept_epoch(found.name[i]) > 0; i++) {
        if (best_epoch > checkpoint_kept_epoch(found.name[i])) {
            list->name[list->count++] = mem_string(TRAINER_BEST);
            best_epoch = 0;
        }
        list->name[list->count++] = path_join("checkpoints", found.name[i]);
    }
    if (best_epoch > 0)
        list->name[list->count++] = mem_string(TRAINER_BEST);
    file_list_free(&found);
    mem_free(folder);
    mem_free(best);
}

bool checkpoint_was_written(const char *run)
{
    static const char line[] = "\n{\"kind\":\"checkpoint\"";
    struct error unused;
    struct file_map map;
    char *events = path_join(run, "events.jsonl"), *parent = path_join(run, TRAINER_PARENT);
    bool opened = file_map_open(&map, events, &unused), is_fork = file_exists(parent);
    bool told = !opened || (map.size > 0 && (is_fork || memmem(map.data, map.size, line, sizeof line - 1)));
    if (opened)
        file_map_close(&map);
    mem_free(events);
    mem_free(parent);
    return told;
}

bool checkpoint_refuse_newer_run(const char *run, struct error *error)
{
    char *last = path_join(run, TRAINER_LAST);
    int version = rundir_version(run);
    bool good = version <= EVENT_VERSION ||
                error_set(error, ERROR_FAILED,
                          "%s: its events are of format version %d, by a newer program; this one reads up to %d", run,
                          version, EVENT_VERSION);
    good = good && checkpoint_refuse_newer(last, error);
    mem_free(last);
    return good;
}
