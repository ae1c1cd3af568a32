/* Reads what Keras stores as HDF5: weights alone or a whole model, of Keras 1 to 3. Called through the table of formats
 * in weights.c, and by format_keras_zip.c for the file inside a .keras archive. How HDF5 itself is read: h5file.h.
 *
 * The layouts:
 * 1. weights: the top group has the attribute layer_names; each layer has a group with the attribute weight_names,
 *    whose texts are the paths of its datasets below that group, in the order in which Keras loads them.
 * 2. whole model (.h5): the same in the group model_weights; the top group has model_config, the architecture as JSON.
 *    optimizer_weights is left aside.
 * 3. Keras 3 weights (.weights.h5): datasets layers/GROUP/vars/NUMBER, nested models layers/GROUP/layers/GROUP/..., in
 *    newer files with the layer's own name as an attribute of its vars; Keras 2.12 has _layer_checkpoint_dependencies
 *    for layers, on Windows with a backslash. The optimizer's and the random generators' are left aside.
 * A list that does not fit one attribute is cut into layer_names0, layer_names1, ...
 *
 * Refused: HDF5 that is neither, a name that leads to no dataset, values that are no numbers or in another file. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format_keras.h"
#include "h5file.h"
#include "keras_names.h"
#include "thaw/base/mem.h"

/* Layers that the outline does not know come behind the others. */
enum { ORDER_UNKNOWN = 1 << 20 };

/* A tensor to be. */
struct entry {
    const struct h5_dataset *dataset;
    char *name;
    size_t order; /* of its layer in the outline */
};

struct reader {
    struct h5_list list;
    struct keras_outline outline; /* empty where the file has none */
    struct entry *entry;
    size_t entries;
};

/* Takes the name over. */
static void add_entry(struct reader *reader, const struct h5_dataset *dataset, char *name, size_t order)
{
    size_t count = reader->entries;
    if ((count & (count - 1)) == 0) /* room for a power of two */
        reader->entry = mem_grow(reader->entry, count ? 2 * count : 1, sizeof *reader->entry);
    reader->entry[reader->entries++] = (struct entry){dataset, name, order};
}

static const char *after_slash(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The last part of a value's name, without ":0": what it is called where its meaning is not known. */
static char *plain_leaf(const char *name)
{
    const char *part = after_slash(name);
    return mem_format("%.*s", (int)strcspn(part, ":"), part);
}

/* "LAYER/LEAF" of value `index` of the `count` of a layer; name: what the file calls the value. */
static char *value_name(const char *layer, const struct keras_layer *known, const char *class_name, const char *name,
                        size_t count, size_t index)
{
    const char *leaf = keras_leaf(name);
    if (!leaf && class_name)
        leaf = keras_leaf_at(class_name, known ? known->config : NULL, count, index);
    if (leaf)
        return mem_format("%s/%s", layer, leaf);
    char *plain = plain_leaf(name), *whole = mem_format("%s/%s", layer, plain);
    mem_free(plain);
    return whole;
}

/* --- layouts 1 and 2 --- */

/* A list of texts, whole or cut into numbered parts; the texts are borrowed. */
struct texts {
    const char **text;
    size_t count;
};

static void append_texts(struct texts *texts, const struct h5_attribute *attribute)
{
    const char *text = attribute->value;
    texts->text = mem_grow(texts->text, texts->count + attribute->count, sizeof *texts->text);
    for (size_t i = 0; i < attribute->count; i++, text += strlen(text) + 1)
        texts->text[texts->count++] = text;
}

static struct texts read_texts(const struct h5_list *list, const char *object, const char *name)
{
    struct texts texts = {NULL, 0};
    const struct h5_attribute *part = h5_find_attribute(list, object, name);
    if (part)
        append_texts(&texts, part);
    char numbered[64];
    for (int i = 0; !part || i > 0; i++) {
        snprintf(numbered, sizeof numbered, "%s%d", name, i);
        part = h5_find_attribute(list, object, numbered);
        if (!part)
            break;
        append_texts(&texts, part);
    }
    return texts;
}

static bool has_texts(const struct h5_list *list, const char *object, const char *name)
{
    struct texts texts = read_texts(list, object, name);
    mem_free(texts.text);
    return texts.count > 0;
}

/* What stands before a value's last part: "Conv1" of "Conv1/kernel:0". */
static size_t scope_length(const char *name)
{
    return (size_t)(after_slash(name) - name);
}

/* Whether a layer's group holds a model: as the outline says, else by its values being from different layers. */
static bool is_nested(const struct reader *reader, const char *layer, const struct texts *names)
{
    size_t first;
    if (keras_outline_find(&reader->outline, layer))
        return false;
    if (keras_outline_inside(&reader->outline, layer, &first) > 0)
        return true;
    for (size_t i = 1; i < names->count; i++) {
        size_t scope = scope_length(names->text[0]);
        if (scope_length(names->text[i]) != scope || strncmp(names->text[i], names->text[0], scope) != 0)
            return true;
    }
    return false;
}

/* The path of the layer inside `model` that a value is of: by its name in the outline, at whatever depth, else as a
 * layer right below. */
static char *nested_path(const struct reader *reader, const char *model, const char *name)
{
    size_t scope = scope_length(name), first, count = keras_outline_inside(&reader->outline, model, &first);
    char *inside = mem_format("%.*s", (int)(scope > 0 ? scope - 1 : 0), name), *path = NULL;
    const char *layer = after_slash(inside);
    for (size_t i = first; i < first + count && !path; i++) {
        const char *known = reader->outline.layer[i].path;
        if (strcmp(after_slash(known), layer) == 0)
            path = mem_string(known);
    }
    if (!path)
        path = mem_format("%s%s%s", model, layer[0] ? "/" : "", layer);
    mem_free(inside);
    return path;
}

static bool read_layer(struct reader *reader, const char *root, const char *layer, struct error *error)
{
    char *object = mem_format("%s%s%s", root, root[0] ? "/" : "", layer);
    struct texts names = read_texts(&reader->list, object, "weight_names");
    bool nested = is_nested(reader, layer, &names), good = true;
    for (size_t i = 0; i < names.count && good; i++) {
        char *path = mem_format("%s/%s", object, names.text[i]);
        const struct h5_dataset *dataset = h5_find_dataset(&reader->list, path);
        mem_free(path);
        if (!dataset || reader->entries == reader->list.datasets) { /* as many names as datasets, or one is twice */
            good = error_set(error, ERROR_WEIGHTS, "layer \"%.80s\" names a dataset \"%.80s\", which is not there",
                             layer, names.text[i]);
            break;
        }
        char *own = nested ? nested_path(reader, layer, names.text[i]) : mem_string(layer);
        const struct keras_layer *known = keras_outline_find(&reader->outline, own);
        const char *class_name = known && !nested ? known->class_name : NULL; /* else the order tells nothing */
        add_entry(reader, dataset, value_name(own, known, class_name, names.text[i], names.count, i), 0);
        mem_free(own);
    }
    mem_free(names.text);
    mem_free(object);
    return good;
}

static bool read_layers(struct reader *reader, const char *root, struct error *error)
{
    struct texts layers = read_texts(&reader->list, root, "layer_names");
    bool good = true;
    for (size_t i = 0; i < layers.count && good; i++)
        good = read_layer(reader, root, layers.text[i], error);
    mem_free(layers.text);
    return good;
}

/* --- layout 3 --- */

static bool is_container(const char *part)
{
    return strcmp(part, "layers") == 0 || strcmp(part, "_layer_checkpoint_dependencies") == 0;
}

/* The parts of "layers/functional/layers/conv2d/vars": the groups' names, and the names that attributes give them. */
struct location {
    char *group;  /* "functional/conv2d" */
    char *layer;  /* "mobilenetv2/Conv1", a part that has no attribute as in group */
    bool aside;   /* not a layer's: the optimizer's, a random generator's, the model's own */
    bool unnamed; /* not every part had its attribute */
};

static void append_part(char **path, const char *part)
{
    char *longer = *path ? mem_format("%s/%s", *path, part) : mem_string(part);
    mem_free(*path);
    *path = longer;
}

static bool is_aside(const char *part)
{
    static const char *const names[] = {"optimizer", "seed_generator", "generator", "random_generator"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (strcmp(part, names[i]) == 0)
            return true;
    return false;
}

/* directory: as in the file, ending with "vars". */
static struct location locate(const struct reader *reader, const char *directory)
{
    struct location location = {NULL, NULL, false, false};
    char *text = mem_string(directory), *rest = NULL;
    for (char *c = text; *c; c++)
        if (*c == '\\')
            *c = '/';
    for (char *part = strtok_r(text, "/", &rest); part && rest && *rest; part = strtok_r(NULL, "/", &rest)) {
        if (is_container(part))
            continue;
        location.aside |= is_aside(part);
        append_part(&location.group, part);
        char *vars = mem_format("%.*s/vars", (int)(part + strlen(part) - text), directory);
        const struct h5_attribute *name = h5_find_attribute(&reader->list, vars, "name");
        mem_free(vars);
        bool named = name && name->count == 1 && name->value[0];
        location.unnamed |= !named;
        append_part(&location.layer, named ? name->value : part);
    }
    mem_free(text);
    location.aside |= !location.group;
    return location;
}

/* The layer of the outline at a location: by its name where the file tells it, else by its group's. */
static const struct keras_layer *locate_layer(const struct reader *reader, const struct location *location)
{
    if (location->unnamed)
        return keras_outline_find_group(&reader->outline, location->group);
    return keras_outline_find(&reader->outline, location->layer);
}

/* The values of one layer: `count` datasets from `first` on in one directory. */
static void read_vars(struct reader *reader, const char *directory, size_t first, size_t count)
{
    struct location location = locate(reader, directory);
    if (!location.aside) {
        const struct keras_layer *known = locate_layer(reader, &location);
        const char *layer = known ? known->path : location.layer;
        const char *class_name = known ? known->class_name : keras_class_of_group(after_slash(location.group));
        size_t order = known ? known->order : ORDER_UNKNOWN + first;
        for (size_t i = first; i < first + count; i++) {
            const struct h5_dataset *dataset = &reader->list.dataset[i];
            size_t index = (size_t)strtoul(after_slash(dataset->path), NULL, 10);
            add_entry(reader, dataset, value_name(layer, known, class_name, dataset->path, count, index),
                      order << 16 | (index & 0xffff));
        }
    }
    mem_free(location.group);
    mem_free(location.layer);
}

static bool is_vars(const char *directory)
{
    size_t length = strlen(directory);
    return length >= 4 && strcmp(directory + length - 4, "vars") == 0 &&
           (length == 4 || directory[length - 5] == '/' || directory[length - 5] == '\\');
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return strcmp(x->dataset->path, y->dataset->path);
}

/* Datasets are sorted by path, so that those of one directory are neighbours. */
static bool read_all_vars(struct reader *reader)
{
    const struct h5_list *list = &reader->list;
    bool any = false;
    for (size_t i = 0, next; i < list->datasets; i = next) {
        const char *path = list->dataset[i].path;
        char *directory = mem_format("%.*s", (int)(scope_length(path) > 0 ? scope_length(path) - 1 : 0), path);
        for (next = i + 1; next < list->datasets; next++)
            if (scope_length(list->dataset[next].path) != scope_length(path) ||
                strncmp(list->dataset[next].path, path, scope_length(path)) != 0)
                break;
        if (is_vars(directory)) {
            read_vars(reader, directory, i, next - i);
            any = true;
        }
        mem_free(directory);
    }
    if (reader->entries > 1)
        qsort(reader->entry, reader->entries, sizeof *reader->entry, compare_entries);
    return any;
}

/* --- both --- */

static void keep_metadata(struct weights *weights, const struct reader *reader, const char *root, const char *config)
{
    static const char *const keys[][2] = {{"keras_version", WEIGHTS_KERAS_VERSION}, {"backend", WEIGHTS_KERAS_BACKEND}};
    if (config)
        weights_add_metadata(weights, WEIGHTS_KERAS_CONFIG, config);
    for (size_t i = 0; i < THAW_LENGTH(keys); i++) {
        const struct h5_attribute *text = h5_find_attribute(&reader->list, root, keys[i][0]);
        if (!text)
            text = h5_find_attribute(&reader->list, "", keys[i][0]);
        if (text && text->count == 1)
            weights_add_metadata(weights, keys[i][1], text->value);
    }
    if (reader->list.datasets > reader->entries) {
        char note[128];
        snprintf(note, sizeof note, "%zu values of the optimizer and other helpers of training are left aside",
                 reader->list.datasets - reader->entries);
        weights_add_metadata(weights, WEIGHTS_NOTE, note);
    }
}

static bool add_tensor(struct weights *weights, const struct entry *entry, const uint8_t *file,
                       const struct h5_block *block, struct error *error)
{
    const struct h5_dataset *dataset = entry->dataset;
    if (dataset->where == H5_NO_NUMBER)
        return error_set(error, ERROR_WEIGHTS, "dataset \"%.80s\" holds something else than numbers", dataset->path);
    if (dataset->where == H5_ELSEWHERE)
        return error_set(error, ERROR_WEIGHTS, "the values of dataset \"%.80s\" are in another file, which is not read",
                         dataset->path);
    const uint8_t *base = dataset->where == H5_IN_PLACE ? file : block ? block->data : NULL;
    struct weights_place place = {.first = base ? base + dataset->offset : NULL};
    weights_place_dense(&place, &dataset->shape);
    return weights_add(weights, entry->name, strlen(entry->name), dataset->type, &dataset->shape, &place, error);
}

static bool add_tensors(struct weights *weights, struct reader *reader, const uint8_t *file, size_t size,
                        struct error *error)
{
    struct h5_block *block;
    bool *wanted = mem_array(reader->list.datasets, sizeof *wanted);
    for (size_t i = 0; i < reader->entries; i++)
        wanted[reader->entry[i].dataset - reader->list.dataset] = true;
    bool good = h5_decode(&reader->list, wanted, file, size, &block, error);
    mem_free(wanted);
    if (good && block)
        weights_keep(weights, block, h5_block_release);
    for (size_t i = 0; i < reader->entries && good; i++)
        good = add_tensor(weights, &reader->entry[i], file, block, error);
    return good;
}

static bool read_list(struct weights *weights, struct reader *reader, const char *config, struct error *error)
{
    const struct h5_attribute *own = h5_find_attribute(&reader->list, "", "model_config");
    if (!config && own && own->count == 1)
        config = own->value;
    if (config && weights_json_fits(weights, config))
        keras_outline_read(&reader->outline, config); /* one that cannot be read names nothing */
    const char *root = has_texts(&reader->list, "", "layer_names") ? "" : "model_weights";
    bool good = true;
    if (has_texts(&reader->list, root, "layer_names"))
        good = read_layers(reader, root, error);
    else if (!read_all_vars(reader))
        good = error_set(error, ERROR_WEIGHTS,
                         "is an HDF5 file, but not one of Keras: it has neither layer_names nor vars; save the weights "
                         "with Keras, or as safetensors");
    if (good)
        keep_metadata(weights, reader, root, config);
    return good;
}

bool keras_h5_read(struct weights *weights, const uint8_t *file, size_t size, const char *config, struct error *error)
{
    struct reader reader = {.entries = 0};
    bool good = h5_list_read(&reader.list, file, size, error) && read_list(weights, &reader, config, error) &&
                add_tensors(weights, &reader, file, size, error);
    for (size_t i = 0; i < reader.entries; i++)
        mem_free(reader.entry[i].name);
    mem_free(reader.entry);
    keras_outline_finish(&reader.outline);
    h5_list_finish(&reader.list);
    return good;
}

static bool probe(const struct file_map *map)
{
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    return map->size >= 8 && memcmp(map->data, signature, 8) == 0;
}

static bool open_keras_h5(struct weights *weights, struct error *error)
{
    const struct file_map *map = weights_map(weights);
    return keras_h5_read(weights, map->data, map->size, NULL, error);
}

const struct weights_format format_keras_h5 = {
    .name = "Keras (HDF5)",
    .layout = WEIGHTS_KERAS,
    .probe = probe,
    .open = open_keras_h5,
};
