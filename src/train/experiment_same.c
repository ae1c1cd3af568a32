/* What of an experiment may be another when a run goes on, and what may not. Called by the trainer. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "experiment_keys.h"
#include "thaw/base/mem.h"

/* Settings that change no result: what is used up, what is kept, names. Paths may be others where they lead to the same:
 * data and weights have digests. */
static const char *const free_keys[] = {
    "data.digest", "data.image_memory", "data.cache_disk",      "data.cache_memory", "train.threads",  "train.memory",
    "run.dir",     "run.name",          "run.checkpoint_every", "run.keep_last",     "run.keep_every",
};

static bool is_free(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(free_keys); i++)
        if (strcmp(free_keys[i], name) == 0)
            return true;
    return false;
}

/* How what was meant is done. */
static const char *advice(const char *name)
{
    if (strcmp(name, "train.lr") == 0)
        return "set it back, and change the rate of the run by `thaw tell RUN lr NUMBER`";
    if (strcmp(name, "train.epochs") == 0)
        return "set it back, and give `thaw resume --epochs`";
    return "set it back, or fork the run with the other value";
}

static bool refuse(const char *name, const char *was, const char *is, struct error *error)
{
    return error_set(error, ERROR_USAGE, "%s was %s and is %s: %s", name, was && was[0] ? was : "empty",
                     is && is[0] ? is : "empty", advice(name));
}

static bool same_value(const struct experiment_key *key, const struct experiment *was, const struct experiment *is,
                       struct error *error)
{
    char *name = mem_format("%s.%s", key->section, key->key);
    char *before = experiment_key_print(key, was), *now = experiment_key_print(key, is);
    bool paths = key->type == EXPERIMENT_PATH && experiment_is_path(before) && experiment_is_path(now);
    bool same = paths || is_free(name) || strcmp(before, now) == 0 || refuse(name, before, now, error);
    mem_free(before);
    mem_free(now);
    mem_free(name);
    return same;
}

static bool same_thaw(const struct experiment *was, const struct experiment *is, int epoch, struct error *error)
{
    char name[32];
    snprintf(name, sizeof name, "thaw.epoch %d", epoch);
    char *before = experiment_get(was, name), *now = experiment_get(is, name);
    bool same = strcmp(before ? before : "", now ? now : "") == 0 || refuse(name, before, now, error);
    mem_free(before);
    mem_free(now);
    return same;
}

bool experiment_same(const struct experiment *was, const struct experiment *is, struct error *error)
{
    size_t count;
    bool same = true;
    const struct experiment_key *keys = experiment_keys(&count);
    for (size_t i = 0; same && i < count; i++)
        same = same_value(&keys[i], was, is, error);
    for (int i = 0; same && i < was->thaws; i++)
        same = same_thaw(was, is, was->thaw[i].epoch, error);
    for (int i = 0; same && i < is->thaws; i++)
        same = same_thaw(was, is, is->thaw[i].epoch, error);
    return same;
}
