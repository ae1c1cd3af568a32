/* Names: what a source library calls a tensor, and what a graph calls the parameter. Called by bind and by recognition. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "bind_private.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

uint64_t bind_name_digest(const char *name)
{
    return hash_bytes(name, strlen(name), (struct hash){0, 0}).low;
}

/* What wrappers put before the names of the network inside. */
static const char *const wrappers[] = {"module.", "model.", "backbone.", "net.", "_orig_mod."};

static const char *strip_wrappers(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(wrappers); i++) {
        size_t length = strlen(wrappers[i]);
        if (strncmp(name, wrappers[i], length) == 0)
            return strip_wrappers(name + length);
    }
    return name;
}

/* DenseNets saved by the torch of old: "denselayer1.norm.1.weight" is "denselayer1.norm1.weight" since. The dot goes. */
static void join_dense_number(char *name)
{
    static const char *const parts[] = {".norm.", ".conv."};
    char *layer = strstr(name, ".denselayer");
    for (size_t i = 0; layer && i < THAW_LENGTH(parts); i++) {
        char *dot = strstr(layer, parts[i]);
        if (!dot)
            continue;
        dot += strlen(parts[i]) - 1;
        if ((dot[1] == '1' || dot[1] == '2') && dot[2] == '.')
            memmove(dot, dot + 1, strlen(dot));
    }
}

/* ConvNeXt's scale is a parameter of the block itself, where ours are a layer's: "layer_scale" for
 * "layer_scale.weight". */
static bool is_bare(const char *name)
{
    static const char scale[] = ".layer_scale";
    size_t length = strlen(name), ending = sizeof scale - 1;
    return length > ending && strcmp(name + length - ending, scale) == 0;
}

const char *bind_torch_name(const struct graph *graph, int param)
{
    const char *layer = graph->node[graph->param[param].node].name;
    return is_bare(layer) ? layer : graph->param[param].name;
}

static char *torch_name(const char *name)
{
    const char *own = strip_wrappers(name);
    if (is_bare(own))
        return mem_format("%s.weight", own);
    char *canonical = mem_string(own);
    join_dense_number(canonical);
    return canonical;
}

/* The name a graph would have for it; the caller frees. */
static char *canonical_name(const struct weights *weights, const char *name)
{
    return weights_layout(weights) == WEIGHTS_KERAS ? bind_keras_name(weights, name) : torch_name(name);
}

/* The slot of that name, or the free one where it would be. name NULL: of that digest. */
static long *find_slot(const struct bind_index *index, const char *name, uint64_t digest)
{
    size_t at = digest & (index->slots - 1);
    while (index->slot[at] >= 0) {
        long tensor = index->slot[at];
        if (index->digest[tensor] == digest && (!name || strcmp(index->name[tensor], name) == 0))
            break;
        at = (at + 1) & (index->slots - 1);
    }
    return &index->slot[at];
}

void bind_index_renew(struct bind_index *index)
{
    for (size_t i = 0; i < index->slots; i++)
        index->slot[i] = -1;
    for (size_t i = 0; i < index->count; i++) {
        index->digest[i] = bind_name_digest(index->name[i]);
        long *slot = find_slot(index, index->name[i], index->digest[i]);
        if (*slot < 0)
            *slot = (long)i;
    }
}

void bind_index_init(struct bind_index *index, const struct weights *weights)
{
    index->count = weights_count(weights);
    index->name = mem_array(index->count + 1, sizeof *index->name);
    index->digest = mem_array(index->count + 1, sizeof *index->digest);
    index->slots = 8;
    while (index->slots < 2 * index->count)
        index->slots *= 2;
    index->slot = mem_array(index->slots, sizeof *index->slot);
    for (size_t i = 0; i < index->count; i++)
        index->name[i] = canonical_name(weights, weights_get(weights, i)->name);
    bind_index_renew(index);
}

void bind_index_finish(struct bind_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        mem_free(index->name[i]);
    mem_free(index->name);
    mem_free(index->digest);
    mem_free(index->slot);
    *index = (struct bind_index){0};
}

long bind_index_find(const struct bind_index *index, const char *name)
{
    return *find_slot(index, name, bind_name_digest(name));
}

long bind_index_find_digest(const struct bind_index *index, uint64_t digest)
{
    return *find_slot(index, NULL, digest);
}
