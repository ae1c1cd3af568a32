/* Names: what a source library calls a tensor, and what a graph calls the parameter. Called by bind and by recognition. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bind_parts.h"
#include "thaw/base/mem.h"

/* What wrappers put before the names of the network inside. */
static const char *const wrappers[] = {"module.", "model.", "backbone."};

static const char *strip_wrappers(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(wrappers); i++) {
        size_t length = strlen(wrappers[i]);
        if (strncmp(name, wrappers[i], length) == 0)
            return strip_wrappers(name + length);
    }
    return name;
}

/* The name a graph would have for it; the caller frees. */
static char *canonical_name(const char *name)
{
    return mem_string(strip_wrappers(name));
}

/* By name; of twins the first in the file wins, the other is reported as unexpected. */
static int compare_entries(const void *a, const void *b)
{
    const struct bind_entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

void bind_index_init(struct bind_index *index, const struct weights *weights)
{
    index->count = weights_count(weights);
    index->entry = mem_array(index->count ? index->count : 1, sizeof *index->entry);
    for (size_t i = 0; i < index->count; i++)
        index->entry[i] = (struct bind_entry){canonical_name(weights_get(weights, i)->name), i};
    qsort(index->entry, index->count, sizeof *index->entry, compare_entries);
}

void bind_index_finish(struct bind_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        mem_free(index->entry[i].name);
    mem_free(index->entry);
    index->entry = NULL;
    index->count = 0;
}

long bind_index_find(const struct bind_index *index, const char *name)
{
    size_t low = 0, high = index->count; /* the first of equal names lies in [low, high] */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(index->entry[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->count || strcmp(index->entry[low].name, name) != 0)
        return -1;
    return (long)index->entry[low].tensor;
}
