/* Writing and reading checkpoints; the layout is in checkpoint.h. The fields are a table, so that a new one is one row
 * and one member. Called by the trainer. */
#include "config.h"

#include "checkpoint.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

#define METADATA_KEY  "thaw.checkpoint"
#define VALUES_PREFIX "values"

enum { NAME_MAX_BYTES = GRAPH_NAME_MAX + 48 };

enum field_type { FIELD_INT, FIELD_U64, FIELD_DOUBLE, FIELD_TEXT, FIELD_HASH };
struct field {
    const char *name;
    enum field_type type;
    size_t offset, size;
};
#define FIELD(json, type, member)                                                                                      \
    {                                                                                                                  \
        json, type, offsetof(struct checkpoint, member), sizeof(((struct checkpoint *)0)->member)                      \
    }
static const struct field fields[] = {
    FIELD("epoch", FIELD_INT, epoch),
    FIELD("batch", FIELD_INT, batch),
    FIELD("step", FIELD_U64, step),
    FIELD("thaws_done", FIELD_INT, thaws_done),
    FIELD("sum_loss", FIELD_DOUBLE, sums.loss),
    FIELD("sum_images", FIELD_U64, sums.images),
    FIELD("sum_correct", FIELD_U64, sums.correct),
    FIELD("sum_correct5", FIELD_U64, sums.correct5),
    FIELD("epoch_seconds", FIELD_DOUBLE, epoch_seconds),
    FIELD("elapsed", FIELD_DOUBLE, elapsed),
    FIELD("base_lr", FIELD_DOUBLE, base_lr),
    FIELD("val_loss", FIELD_DOUBLE, val_loss),
    FIELD("val_accuracy", FIELD_DOUBLE, val_accuracy),
    FIELD("best_accuracy", FIELD_DOUBLE, best_accuracy),
    FIELD("best_epoch", FIELD_INT, best_epoch),
    FIELD("stale", FIELD_INT, stale),
    FIELD("mark", FIELD_U64, mark),
    FIELD("seed", FIELD_U64, seed),
    FIELD("images_batch", FIELD_INT, images_batch),
    FIELD("arch", FIELD_TEXT, arch),
    FIELD("base_path", FIELD_TEXT, base_path),
    FIELD("base_hash", FIELD_HASH, base_hash),
    FIELD("data_hash", FIELD_HASH, data_hash),
};

struct checkpoint_file {
    struct weights *weights;
    json_t *object;
};

/* --- writing --- */

static json_t *field_to_json(const struct checkpoint *checkpoint, const struct field *field)
{
    const void *at = (const char *)checkpoint + field->offset;
    char text[64];
    switch (field->type) {
    case FIELD_INT:
        return json_integer(*(const int *)at);
    case FIELD_U64:
        snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)at);
        return json_string(text);
    case FIELD_DOUBLE:
        snprintf(text, sizeof text, "%a", *(const double *)at);
        return json_string(text);
    case FIELD_TEXT:
        return json_string(at);
    case FIELD_HASH:
        hash_text(text, *(const struct hash *)at);
        return json_string(text);
    }
    return NULL;
}

static char *describe(const struct checkpoint *checkpoint, const struct graph *graph, const struct freeze *freeze,
                      struct optim *optim)
{
    json_t *object = json_object(), *fixed = json_array(), *updates = json_array();
    json_object_set_new(object, "version", json_integer(CHECKPOINT_VERSION));
    for (size_t i = 0; i < THAW_LENGTH(fields); i++)
        json_object_set_new(object, fields[i].name, field_to_json(checkpoint, &fields[i]));
    for (int node = 0; node < freeze->nodes; node++)
        json_array_append_new(fixed, json_integer(freeze->fixed[node]));
    for (int p = 0; p < graph->params; p++)
        json_array_append_new(updates, json_integer((json_int_t)*optim_updates(optim, p)));
    json_object_set_new(object, "fixed", fixed);
    json_object_set_new(object, "updates", updates);
    char *dumped = json_dumps(object, JSON_COMPACT), *text = mem_string(dumped);
    free(dumped);
    json_decref(object);
    return text;
}

static void add_output(struct weights_output *output, const char *prefix, const struct graph_param *param,
                       const float *values)
{
    *output = (struct weights_output){
        .name = mem_format("%s.%s", prefix, param->name),
        .type = TENSOR_F32,
        .shape = param->shape,
        .values = values,
    };
}

/* To the file, or, with `bytes`, to memory. */
static bool write_to(char **bytes, size_t *size, const char *path, const struct checkpoint *checkpoint,
                     const struct graph *graph, const struct freeze *freeze, struct optim *optim, const bool *touched,
                     struct error *error)
{
    size_t count = 0, room = (size_t)graph->params * (1 + OPTIM_SLOTS_MAX);
    struct weights_output *outputs = mem_array(room, sizeof *outputs);
    for (int p = 0; p < graph->params; p++) {
        if (touched[p])
            add_output(&outputs[count++], VALUES_PREFIX, &graph->param[p], graph_param_values(graph, p));
        for (int s = 0; s < optim_slots(optim); s++)
            if (optim_slot(optim, p, s))
                add_output(&outputs[count++], optim_slot_name(optim, s), &graph->param[p], optim_slot(optim, p, s));
    }
    char *text = describe(checkpoint, graph, freeze, optim);
    const char *metadata[] = {METADATA_KEY, text, NULL};
    bool good = true;
    if (bytes)
        good = (*bytes = safetensors_bytes(size, path, outputs, count, metadata, error)) != NULL;
    else
        good = safetensors_write(path, outputs, count, metadata, error);
    for (size_t i = 0; i < count; i++)
        mem_free((char *)outputs[i].name);
    mem_free(outputs);
    mem_free(text);
    return good;
}

bool checkpoint_write(const char *path, const struct checkpoint *checkpoint, const struct graph *graph,
                      const struct freeze *freeze, struct optim *optim, const bool *touched, struct error *error)
{
    return write_to(NULL, NULL, path, checkpoint, graph, freeze, optim, touched, error);
}

char *checkpoint_bytes(size_t *size, const char *path, const struct checkpoint *checkpoint, const struct graph *graph,
                       const struct freeze *freeze, struct optim *optim, const bool *touched, struct error *error)
{
    char *bytes = NULL;
    return write_to(&bytes, size, path, checkpoint, graph, freeze, optim, touched, error) ? bytes : NULL;
}

/* --- reading --- */

static bool json_to_field(const json_t *json, struct checkpoint *checkpoint, const struct field *field)
{
    void *at = (char *)checkpoint + field->offset;
    const char *text = json_string_value(json);
    char *end = "";
    if (field->type == FIELD_INT) {
        *(int *)at = (int)json_integer_value(json);
        return json_is_integer(json);
    }
    if (!text)
        return false;
    if (field->type == FIELD_U64)
        *(uint64_t *)at = strtoull(text, &end, 10);
    else if (field->type == FIELD_DOUBLE)
        *(double *)at = strtod(text, &end);
    else if (field->type == FIELD_HASH)
        return hash_parse(at, text);
    else if (strlen(text) < field->size)
        strcpy(at, text);
    else
        return false;
    return *end == '\0';
}

static bool read_fields(struct checkpoint_file *file, const struct graph *graph, struct checkpoint *checkpoint,
                        struct error *error)
{
    const char *path = weights_path(file->weights);
    const char *text = weights_metadata(file->weights, METADATA_KEY);
    if (!text)
        return error_set(error, ERROR_WEIGHTS, "%s: not a checkpoint of a run", path);
    file->object = json_loads(text, 0, NULL);
    json_int_t version = json_integer_value(json_object_get(file->object, "version"));
    if (version != CHECKPOINT_VERSION)
        return error_set(error, ERROR_WEIGHTS, "%s: a checkpoint of version %d, this program reads %d", path,
                         (int)version, CHECKPOINT_VERSION);
    for (size_t i = 0; i < THAW_LENGTH(fields); i++)
        if (!json_to_field(json_object_get(file->object, fields[i].name), checkpoint, &fields[i]))
            return error_set(error, ERROR_WEIGHTS, "%s: \"%s\" of the checkpoint is missing or of another kind", path,
                             fields[i].name);
    if (strcmp(checkpoint->arch, graph->arch) != 0)
        return error_set(error, ERROR_WEIGHTS, "%s: a checkpoint of %s, wanted is %s", path, checkpoint->arch,
                         graph->arch);
    return true;
}

struct checkpoint_file *checkpoint_open(const char *path, const struct graph *graph, struct checkpoint *checkpoint,
                                        struct error *error)
{
    struct weights *weights = weights_open(path, error);
    if (!weights)
        return NULL;
    struct checkpoint_file *file = mem_alloc(sizeof *file);
    file->weights = weights;
    if (read_fields(file, graph, checkpoint, error))
        return file;
    checkpoint_close(file);
    return NULL;
}

void checkpoint_close(struct checkpoint_file *file)
{
    if (!file)
        return;
    weights_close(file->weights);
    json_decref(file->object);
    mem_free(file);
}

/* *found false: the file has no such tensor. */
static bool read_tensor(const struct checkpoint_file *file, const char *prefix, const struct graph_param *param,
                        float *to, bool *found, struct error *error)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s.%s", prefix, param->name);
    long index = weights_find(file->weights, name);
    *found = index >= 0;
    if (!*found)
        return true;
    const struct weights_tensor *tensor = weights_get(file->weights, (size_t)index);
    if (tensor->type != TENSOR_F32 || !shape_equal(&tensor->shape, &param->shape)) {
        char have[SHAPE_TEXT], want[SHAPE_TEXT];
        return error_set(error, ERROR_WEIGHTS, "%s: %s is %s %s, wanted is f32 %s", weights_path(file->weights), name,
                         tensor_type_name(tensor->type), shape_text(have, &tensor->shape),
                         shape_text(want, &param->shape));
    }
    return weights_read(file->weights, (size_t)index, to, error);
}

bool checkpoint_values(const struct checkpoint_file *file, struct graph *graph, bool *touched, struct error *error)
{
    for (int p = 0; p < graph->params; p++) {
        bool found;
        if (!read_tensor(file, VALUES_PREFIX, &graph->param[p], graph_param_values(graph, p), &found, error))
            return false;
        if (touched)
            touched[p] = found;
    }
    return true;
}

bool checkpoint_freeze(const struct checkpoint_file *file, struct freeze *freeze, struct error *error)
{
    const json_t *fixed = json_object_get(file->object, "fixed");
    if ((int)json_array_size(fixed) != freeze->nodes)
        return error_set(error, ERROR_WEIGHTS, "%s: freeze marks of %d layers, wanted are %d",
                         weights_path(file->weights), (int)json_array_size(fixed), freeze->nodes);
    for (int node = 0; node < freeze->nodes; node++)
        freeze->fixed[node] =
            (unsigned char)(json_integer_value(json_array_get(fixed, (size_t)node)) & (json_int_t)FREEZE_ALL);
    return true;
}

bool checkpoint_optim(const struct checkpoint_file *file, const struct graph *graph, struct optim *optim,
                      struct error *error)
{
    const json_t *updates = json_object_get(file->object, "updates");
    for (int p = 0; p < graph->params; p++) {
        *optim_updates(optim, p) = (uint64_t)json_integer_value(json_array_get(updates, (size_t)p));
        for (int s = 0; s < optim_slots(optim); s++) {
            bool found;
            float *state = optim_slot(optim, p, s);
            if (!state)
                continue;
            if (!read_tensor(file, optim_slot_name(optim, s), &graph->param[p], state, &found, error))
                return false;
            if (!found)
                return error_set(error, ERROR_WEIGHTS,
                                 "%s: no %s of %s in it: train.optimizer is not what the run began with",
                                 weights_path(file->weights), optim_slot_name(optim, s), graph->param[p].name);
        }
    }
    return true;
}
