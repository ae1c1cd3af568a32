/* Class names in what torch.save wrote: fastai's learners have them deep within their loaders, Ultralytics' models as an
 * attribute, training scripts beside the state dict. Called by torch_state.c.
 *
 * Values may hold themselves, and one string may be in a list a million times, so steps and bytes are counted. */
#include "config.h"

#include "torch_names.h"

#include <jansson.h>
#include <stdlib.h>

#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "torch_modules.h"

enum { NAMES_MAX = 1 << 16, NAME_BYTES_MAX = 512, STEPS_MAX = 1 << 18, QUEUE_MAX = 1 << 12 };
enum { BYTES_A_NAME = 160, BYTES_A_LETTER = 8 }; /* about what Jansson takes, and the text made of it */

static const char *const keys[] = {"vocab", "classes", "class_names", "names", "class_to_idx", "idx_to_class"};

struct search {
    size_t steps, memory;              /* left */
    const struct pickle_value **queue; /* [QUEUE_MAX] */
    const struct pickle_value **seen;  /* [2 * QUEUE_MAX], a table of what has been in the queue */
    size_t first, end;
};

/* Whether so many may be looked at. */
static bool charge(struct search *search, size_t steps)
{
    bool fits = steps <= search->steps;
    search->steps = fits ? search->steps - steps : 0;
    return fits;
}

/* --- names --- */

struct names {
    const struct pickle_value **name; /* [count] */
    size_t count;
};

static bool put(struct names *names, const struct pickle_value *number, const struct pickle_value *name)
{
    if (number->kind != PICKLE_INT || number->integer < 0 || (uint64_t)number->integer >= names->count)
        return false;
    const struct pickle_value **place = &names->name[number->integer];
    if (name->kind != PICKLE_STRING || *place)
        return false;
    *place = name;
    return true;
}

/* In the order of the logits; false: these are no names. */
static bool fill(struct names *names, const struct pickle_value *from)
{
    bool dict = from->kind == PICKLE_DICT, good = true;
    for (size_t i = 0; i < names->count && good && dict; i++) {
        const struct pickle_value *key = from->list.item[2 * i], *value = from->list.item[2 * i + 1];
        good = key->kind == PICKLE_INT ? put(names, key, value) : put(names, value, key);
    }
    for (size_t i = 0; i < names->count && good && !dict; i++) {
        names->name[i] = from->list.item[i];
        good = names->name[i]->kind == PICKLE_STRING;
    }
    return good;
}

/* As a JSON array, or NULL; free with free(). */
static char *text_of(const struct names *names, size_t memory)
{
    json_t *list = json_array();
    size_t bytes = 0;
    bool good = true;
    for (size_t i = 0; i < names->count && good; i++) {
        size_t size = names->name[i]->text.size;
        bytes += size;
        good = size > 0 && size <= NAME_BYTES_MAX && bytes <= memory / BYTES_A_LETTER &&
               json_array_append_new(list, json_stringn((const char *)names->name[i]->text.bytes, size)) == 0;
    }
    char *text = good ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    return text;
}

/* Lists of lists, tensors and the like are no names: NULL. */
static char *read_names(struct search *search, const struct pickle_value *value)
{
    enum { WRAPPED_MAX = 4 }; /* fastai: a map of categories around a list of its own around a list */
    for (int i = 0; value && value->kind == PICKLE_OBJECT && i < WRAPPED_MAX; i++) {
        const struct pickle_value *own = pickle_attributes(value);
        value = own ? pickle_find(own, "items") : NULL;
    }
    bool dict = value && value->kind == PICKLE_DICT,
         list = value && (value->kind == PICKLE_LIST || value->kind == PICKLE_TUPLE);
    size_t count = dict ? value->list.count / 2 : list ? value->list.count : 0;
    if (count < 2 || count > NAMES_MAX || count > search->memory / 2 / BYTES_A_NAME || !charge(search, count))
        return NULL;
    struct names names = {.name = mem_array(count, sizeof *names.name), .count = count};
    char *text = fill(&names, value) ? text_of(&names, search->memory / 2) : NULL;
    mem_free(names.name);
    return text;
}

/* --- the search, from the top down --- */

/* fastai's learners, loaders and callbacks all hold each other. */
static bool is_seen(struct search *search, const struct pickle_value *value)
{
    size_t slots = 2 * QUEUE_MAX, slot = hash_bytes(&value, sizeof value, (struct hash){0, 0}).low % slots;
    while (search->seen[slot] && search->seen[slot] != value)
        slot = (slot + 1) % slots;
    bool seen = search->seen[slot] == value;
    search->seen[slot] = value;
    return seen;
}

static void enqueue(struct search *search, const struct pickle_value *value)
{
    bool holds = value->kind == PICKLE_DICT || value->kind == PICKLE_LIST || value->kind == PICKLE_TUPLE ||
                 value->kind == PICKLE_OBJECT;
    if (holds && search->end < QUEUE_MAX && !is_seen(search, value))
        search->queue[search->end++] = value;
}

static char *look_in_dict(struct search *search, const struct pickle_value *dict)
{
    for (size_t k = 0; k < THAW_LENGTH(keys); k++)
        for (size_t i = 0; charge(search, 1) && i + 1 < dict->list.count; i += 2) {
            char *text =
                pickle_is_text(dict->list.item[i], keys[k]) ? read_names(search, dict->list.item[i + 1]) : NULL;
            if (text)
                return text;
        }
    return NULL;
}

static char *find_names(struct search *search, const struct pickle_value *object)
{
    enqueue(search, object);
    for (char *text; search->first < search->end;) {
        const struct pickle_value *value = search->queue[search->first++];
        if (torch_is_module(value))
            continue;
        if (value->kind == PICKLE_OBJECT) {
            const struct pickle_value *own = pickle_attributes(value);
            enqueue(search, own ? own : value->object->args);
            if (value->object->items)
                enqueue(search, value->object->items);
            continue;
        }
        if (value->kind == PICKLE_DICT && (text = look_in_dict(search, value)))
            return text;
        size_t first = value->kind == PICKLE_DICT, step = first + 1;
        for (size_t i = first; i < value->list.count && charge(search, 1); i += step)
            enqueue(search, value->list.item[i]);
    }
    return NULL;
}

void torch_names_add(struct weights *weights, const struct pickle_value *object, const struct pickle_value *model,
                     size_t memory)
{
    struct search search = {.steps = STEPS_MAX,
                            .memory = memory,
                            .queue = mem_array(QUEUE_MAX, sizeof *search.queue),
                            .seen = mem_array(2 * QUEUE_MAX, sizeof *search.seen)};
    const struct pickle_value *own = model ? pickle_attributes(model) : NULL,
                              *names = own ? pickle_find(own, "names") : NULL;
    char *text = names ? read_names(&search, names) : NULL;
    if (!text)
        text = find_names(&search, object);
    if (text)
        weights_add_metadata(weights, WEIGHTS_TORCH_NAMES, text);
    free(text);
    mem_free(search.queue);
    mem_free(search.seen);
}
