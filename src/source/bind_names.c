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

/* Modules that wrap others in place and add a part to every name inside, wherever they stand: DataParallel, torch.compile. */
static const char *const wrapping[] = {"module.", "_orig_mod."};

static void drop_wrapping(char *name)
{
    for (char *part = name; part; part = strchr(part, '.')) {
        part += *part == '.';
        for (size_t i = 0; i < THAW_LENGTH(wrapping); i++) {
            size_t length = strlen(wrapping[i]);
            if (strncmp(part, wrapping[i], length) != 0)
                continue;
            memmove(part, part + length, strlen(part + length) + 1);
            i = (size_t)-1; /* they wrap each other */
        }
    }
}

/* What stands before a network that is a member of another object, even where not all names have it. */
static const char *const members[] = {"model.", "backbone."};

static const char *strip_members(const char *name)
{
    for (size_t i = 0; i < THAW_LENGTH(members); i++) {
        size_t length = strlen(members[i]);
        if (strncmp(name, members[i], length) == 0)
            return strip_members(name + length);
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

/* Parameters of a block or of the network itself, where ours are a layer's: "layer_scale" for "layer_scale.weight". */
static const char *const bare[] = {
    "layer_scale",      "class_token",        "pos_embedding", "cls_token",  "pos_embed",       "register_tokens",
    "ls1.gamma",        "ls2.gamma",          "dist_token",    "head.probe", "class_embedding", "positional_embedding",
    "attn_pool.latent", "distillation_token",
};

static bool is_bare(const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < THAW_LENGTH(bare); i++) {
        size_t ending = strlen(bare[i]);
        bool ends = length >= ending && strcmp(name + length - ending, bare[i]) == 0;
        if (ends && (length == ending || name[length - ending - 1] == '.'))
            return true;
    }
    return false;
}

const char *bind_torch_name(const struct graph *graph, int param)
{
    const char *layer = graph->node[graph->param[param].node].name;
    return is_bare(layer) ? layer : graph->param[param].name;
}

static char *torch_name(const char *name)
{
    char *whole = mem_string(name);
    drop_wrapping(whole);
    const char *own = strip_members(whole);
    char *canonical = is_bare(own) ? mem_format("%s.weight", own) : mem_string(own);
    join_dense_number(canonical);
    mem_free(whole);
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
    index->follower = mem_array(index->count + 1, sizeof *index->follower);
    index->inner[0] = index->head[0] = '\0';
    index->joint = mem_array(index->count + 1, sizeof *index->joint);
    index->slots = 8;
    while (index->slots < 2 * index->count)
        index->slots *= 2;
    index->slot = mem_array(index->slots, sizeof *index->slot);
    for (size_t i = 0; i < index->count; i++) {
        index->name[i] = canonical_name(weights, weights_get(weights, i)->name);
        index->follower[i] = -1;
    }
    bind_index_renew(index);
}

void bind_index_copy(struct bind_index *to, const struct bind_index *from)
{
    *to = *from;
    to->name = mem_array(to->count + 1, sizeof *to->name);
    to->digest = mem_array(to->count + 1, sizeof *to->digest);
    to->follower = mem_array(to->count + 1, sizeof *to->follower);
    to->joint = mem_array(to->count + 1, sizeof *to->joint);
    to->slot = mem_array(to->slots, sizeof *to->slot);
    for (size_t i = 0; i < to->count; i++) {
        to->name[i] = mem_string(from->name[i]);
        to->follower[i] = from->follower[i];
        to->joint[i] = from->joint[i];
    }
    bind_index_renew(to);
}

void bind_index_finish(struct bind_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        mem_free(index->name[i]);
    mem_free(index->name);
    mem_free(index->digest);
    mem_free(index->follower);
    mem_free(index->joint);
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

/* --- prefixes --- */

/* The part behind a prefix, up to and with its dot; 0: the name has another prefix, or is no longer than a layer's. */
static size_t next_part(const char *name, const char *prefix, size_t length)
{
    if (strncmp(name, prefix, length) != 0)
        return 0;
    const char *dot = strchr(name + length, '.');
    return dot ? (size_t)(dot + 1 - name) - length : 0;
}

/* Votes among the names: what stands in more than half of them is left at the end, and may be another (Boyer and Moore). */
static const char *elect(const struct bind_index *index, const char *prefix, size_t length, size_t *part)
{
    const char *leader = NULL;
    size_t votes = 0;
    for (size_t i = 0; i < index->count; i++) {
        size_t own = next_part(index->name[i], prefix, length);
        if (own == 0)
            continue;
        bool same = leader && own == *part && memcmp(leader, index->name[i] + length, own) == 0;
        if (votes == 0 && !same) {
            leader = index->name[i] + length;
            *part = own;
            same = true;
        }
        votes += same ? 1 : (size_t)-1;
    }
    return leader;
}

bool bind_index_next_prefix(const struct bind_index *index, char prefix[BIND_PREFIX_MAX])
{
    size_t length = strlen(prefix), part = 0, count = 0, parts = 0;
    for (const char *dot = prefix; (dot = strchr(dot, '.')); dot++)
        parts++;
    if (parts == BIND_PREFIX_PARTS)
        return false;
    const char *leader = elect(index, prefix, length, &part);
    if (!leader || length + part >= BIND_PREFIX_MAX)
        return false;
    for (size_t i = 0; i < index->count; i++)
        count +=
            next_part(index->name[i], prefix, length) == part && memcmp(index->name[i] + length, leader, part) == 0;
    if (2 * count <= index->count)
        return false;
    memcpy(prefix + length, leader, part);
    prefix[length + part] = '\0';
    return true;
}

void bind_index_rename(struct bind_index *index, size_t tensor, char *name)
{
    mem_free(index->name[tensor]);
    index->name[tensor] = name;
}

void bind_index_strip(struct bind_index *index, const char *prefix)
{
    size_t length = strlen(prefix);
    for (size_t i = 0; length > 0 && i < index->count; i++)
        if (strncmp(index->name[i], prefix, length) == 0)
            bind_index_rename(index, i, mem_string(index->name[i] + length));
    if (length > 0)
        bind_index_renew(index);
}
