/* The folder that the files of frozen features lie in: listing, dropping the longest unused. Called by feature_cache.c before
 * it makes a file, and by the cache verb. */
#include "config.h"

#include "thaw/train/feature_store.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feature_file.h"
#include "feature_key.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* What a killed process left half made is litter after so many seconds. */
static const double litter_seconds = 3600;

char *feature_store_folder(void)
{
    char *home = path_home(PATH_CACHE), *folder = path_join(home, "features");
    mem_free(home);
    return folder;
}

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), last = strlen(end);
    return length > last && strcmp(name + length - last, end) == 0;
}

static int by_use(const void *a, const void *b)
{
    const struct feature_stored *left = a, *right = b;
    if (left->used != right->used)
        return left->used < right->used ? 1 : -1;
    return strcmp(left->path, right->path);
}

static void take(struct feature_stored *stored, char *path, const struct feature_summary *summary)
{
    *stored = (struct feature_stored){
        .path = path,
        .model = feature_key_line(summary->key, FEATURE_KEY_MODEL),
        .images = feature_key_line(summary->key, FEATURE_KEY_IMAGES),
        .view = feature_key_line(summary->key, FEATURE_KEY_VIEW),
        .bytes = summary->bytes,
        .used = summary->used,
        .in_use = summary->in_use,
    };
}

struct feature_stored *feature_store_list(const char *folder, size_t *count)
{
    struct file_list names;
    struct error unused = {0};
    struct feature_stored *list = NULL;
    *count = 0;
    if (!file_list_read(&names, folder, &unused))
        return NULL;
    for (size_t i = 0; i < names.count; i++) {
        struct feature_summary summary;
        char *path = path_join(folder, names.name[i]);
        bool good = feature_file_summarise(path, &summary);
        if (good && ends_in(path, ".features")) {
            list = mem_grow(list, *count + 1, sizeof *list);
            take(&list[(*count)++], path, &summary);
            path = NULL;
        } else if (good && ends_in(path, ".tmp") && clock_wall() - summary.used > litter_seconds) {
            unlink(path);
        }
        mem_free(summary.key);
        mem_free(path);
    }
    file_list_free(&names);
    if (*count)
        qsort(list, *count, sizeof *list, by_use);
    return list;
}

void feature_store_free(struct feature_stored *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i].path);
        mem_free(list[i].model);
        mem_free(list[i].images);
        mem_free(list[i].view);
    }
    mem_free(list);
}

uint64_t feature_store_shrink(const char *folder, uint64_t bytes, size_t *count)
{
    size_t files, gone = 0;
    struct feature_stored *list = feature_store_list(folder, &files);
    uint64_t all = 0, freed = 0;
    for (size_t i = 0; i < files; i++)
        all += list[i].bytes;
    for (size_t i = files; i-- > 0 && (bytes == 0 || all - freed > bytes);) {
        if (list[i].in_use || !feature_file_remove(list[i].path))
            continue;
        freed += list[i].bytes;
        gone++;
    }
    feature_store_free(list, files);
    if (count)
        *count = gone;
    return freed;
}
