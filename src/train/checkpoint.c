/* Writing and reading checkpoints; the layout is in checkpoint.h. The fields are a table, so that a new one is one row
 * and one member. Called by the trainer. */
#include "config.h"

#include "checkpoint.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
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
    FIELD("epochs", FIELD_INT, epochs),
    FIELD("sum_loss", FIELD_DOUBLE, sums.loss),
    FIELD("sum_images", FIELD_U64, sums.images),
    FIELD("sum_0", FIELD_DOUBLE, sums.of[0]),
    FIELD("sum_1", FIELD_DOUBLE, sums.of[1]),
    FIELD("sum_2", FIELD_DOUBLE, sums.of[2]),
    FIELD("sum_3", FIELD_DOUBLE, sums.of[3]),
    FIELD("epoch_seconds", FIELD_DOUBLE, epoch_seconds),
    FIELD("elapsed", FIELD_DOUBLE, elapsed),
    FIELD("base_lr", FIELD_DOUBLE, lr.base),
    FIELD("lr_anchor", FIELD_U64, lr.anchor),
    FIELD("val_loss", FIELD_DOUBLE, val_loss),
    FIELD("best", FIELD_DOUBLE, best),
    FIELD("best_epoch", FIELD_INT, best_epoch),
    FIELD("stale", FIELD_INT, stale),
    FIELD("mark", FIELD_U64, mark),
    FIELD("seed", FIELD_U64, seed),
    FIELD("images_batch", FIELD_INT, images_batch),
    FIELD("batches", FIELD_INT, batches),
    FIELD("parent", FIELD_TEXT, parent),
    FIELD("classes_hash", FIELD_HASH, classes_hash),
    FIELD("arch", FIELD_TEXT, arch),
    FIELD("base_path", FIELD_TEXT, base_path),
    FIELD("base_hash", FIELD_HASH, base_hash),
    FIELD("data_hash", FIELD_HASH, data_hash),
};

_Static_assert(TASK_SUMS == 4, "a row for each sum");

struct checkpoint_file {
    struct weights *weights;
    json_t *object;
};

/* --- changes of the plan --- */

void plan_changes_push(struct plan_changes *changes, struct plan_change change)
{
    if (changes->count == PLAN_CHANGES_MAX) {
        freeze_destroy(changes->change[0].before);
        memmove(changes->change, changes->change + 1, (PLAN_CHANGES_MAX - 1) * sizeof change);
        changes->count--;
    }
    changes->change[changes->count++] = change;
}

void plan_changes_finish(struct plan_changes *changes)
{
    while (changes->count > 0)
        freeze_destroy(changes->change[--changes->count].before);
}

/* --- writing --- */

static json_t *double_to_json(double value)
{
    char text[64];
    snprintf(text, sizeof text, "%a", value);
    return json_string(text);
}

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
        return double_to_json(*(const double *)at);
    case FIELD_TEXT:
        return json_string(at);
    case FIELD_HASH:
        hash_text(text, *(const struct hash *)at);
        return json_string(text);
    }
    return NULL;
}

static json_t *freeze_to_json(const struct freeze *freeze)
{
    json_t *fixed = json_array();
    for (int node = 0; node < freeze->nodes; node++)
        json_array_append_new(fixed, json_integer(freeze->fixed[node]));
    return fixed;
}

static json_t *changes_to_json(const struct plan_changes *changes)
{
    json_t *list = json_array();
    for (int i = 0; i < changes->count; i++) {
        const struct plan_change *change = &changes->change[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "fixed", freeze_to_json(change->before), "lr_from",
                                              double_to_json(change->lr_from), "lr_to", double_to_json(change->lr_to)));
    }
    return list;
}

static json_t *recorded_to_json(const struct recorded_commands *recorded)
{
    json_t *list = json_array();
    for (size_t i = 0; i < recorded->count; i++) {
        const struct recorded_command *of = &recorded->of[i];
        char *line = run_command_to_json(&of->command);
        json_array_append_new(list, json_pack("{s:i, s:i, s:i, s:s}", "number", of->number, "epoch", of->epoch, "batch",
                                              of->batch, "command", line));
        mem_free(line);
    }
    return list;
}

static char *describe(const struct checkpoint *checkpoint, const struct checkpoint_of *of)
{
    json_t *object = json_object(), *updates = json_array(), *warmups = json_array();
    json_object_set_new(object, "version", json_integer(CHECKPOINT_VERSION));
    for (size_t i = 0; i < THAW_LENGTH(fields); i++)
        json_object_set_new(object, fields[i].name, field_to_json(checkpoint, &fields[i]));
    for (int p = 0; p < of->graph->params; p++) {
        json_array_append_new(updates, json_integer((json_int_t)*optim_updates(of->optim, p)));
        json_array_append_new(warmups, json_integer((json_int_t)*optim_warmup(of->optim, p)));
    }
    json_object_set_new(object, "fixed", freeze_to_json(of->freeze));
    json_object_set_new(object, "changes", changes_to_json(of->changes));
    json_object_set_new(object, "recorded", recorded_to_json(of->recorded));
    json_object_set_new(object, "recorded_last", json_integer(of->recorded->last));
    json_object_set_new(object, "updates", updates);
    json_object_set_new(object, "warmups", warmups);
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
                     const struct checkpoint_of *of, struct error *error)
{
    const struct graph *graph = of->graph;
    size_t count = 0, room = (size_t)graph->params * (1 + OPTIM_SLOTS_MAX);
    struct weights_output *outputs = mem_array(room, sizeof *outputs);
    for (int p = 0; p < graph->params; p++) {
        if (of->touched[p])
            add_output(&outputs[count++], VALUES_PREFIX, &graph->param[p], graph_param_values(graph, p));
        for (int s = 0; s < optim_slots(of->optim); s++)
            if (optim_slot(of->optim, p, s))
                add_output(&outputs[count++], optim_slot_name(of->optim, s), &graph->param[p],
                           optim_slot(of->optim, p, s));
    }
    char *text = describe(checkpoint, of);
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

bool checkpoint_write(const char *path, const struct checkpoint *checkpoint, const struct checkpoint_of *of,
                      struct error *error)
{
    return write_to(NULL, NULL, path, checkpoint, of, error);
}

char *checkpoint_bytes(size_t *size, const char *path, const struct checkpoint *checkpoint,
                       const struct checkpoint_of *of, struct error *error)
{
    char *bytes = NULL;
    return write_to(&bytes, size, path, checkpoint, of, error) ? bytes : NULL;
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

/* Version 1 knew accuracies only, and counts of images; none was -1. */
static void take_version_1(json_t *object)
{
    static const char *const names[][2] = {{"sum_correct", "sum_0"}, {"sum_correct5", "sum_1"}};
    const char *best = json_string_value(json_object_get(object, "best_accuracy"));
    char anchor[24], none[HASH_TEXT];
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        json_object_set(object, names[i][1], json_object_get(object, names[i][0]));
    json_object_set_new(object, "sum_2", double_to_json(0));
    json_object_set_new(object, "sum_3", double_to_json(0));
    json_object_set_new(object, "best", double_to_json(best && strtod(best, NULL) >= 0 ? strtod(best, NULL) : NAN));
    snprintf(anchor, sizeof anchor, "%" PRIu64, SCHEDULE_NO_ANCHOR);
    json_object_set_new(object, "lr_anchor", json_string(anchor));
    json_object_set_new(object, "epochs", json_integer(0));
    json_object_set_new(object, "batches", json_integer(0));
    json_object_set_new(object, "parent", json_string(""));
    hash_text(none, (struct hash){0, 0});
    json_object_set_new(object, "classes_hash", json_string(none));
    json_object_set_new(object, "changes", json_array());
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
    if (version < 1 || version > CHECKPOINT_VERSION)
        return error_set(error, ERROR_WEIGHTS, "%s: a checkpoint of version %d, this program reads up to %d", path,
                         (int)version, CHECKPOINT_VERSION);
    if (version == 1)
        take_version_1(file->object);
    checkpoint->version = (int)version;
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

static bool json_to_freeze(const json_t *fixed, struct freeze *freeze, const char *path, struct error *error)
{
    if ((int)json_array_size(fixed) != freeze->nodes)
        return error_set(error, ERROR_WEIGHTS, "%s: freeze marks of %d layers, wanted are %d", path,
                         (int)json_array_size(fixed), freeze->nodes);
    for (int node = 0; node < freeze->nodes; node++)
        freeze->fixed[node] =
            (unsigned char)(json_integer_value(json_array_get(fixed, (size_t)node)) & (json_int_t)FREEZE_ALL);
    return true;
}

bool checkpoint_freeze(const struct checkpoint_file *file, struct freeze *freeze, struct error *error)
{
    return json_to_freeze(json_object_get(file->object, "fixed"), freeze, weights_path(file->weights), error);
}

static bool json_to_double(const json_t *json, double *value)
{
    const char *text = json_string_value(json);
    char *end = "";
    *value = text ? strtod(text, &end) : 0;
    return text && *end == '\0';
}

bool checkpoint_changes(const struct checkpoint_file *file, const struct graph *graph, struct plan_changes *changes,
                        struct error *error)
{
    const json_t *list = json_object_get(file->object, "changes");
    const char *path = weights_path(file->weights);
    plan_changes_finish(changes);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        struct plan_change change = {.before = freeze_create(graph)};
        bool good = json_to_freeze(json_object_get(row, "fixed"), change.before, path, error);
        if (good && (!json_to_double(json_object_get(row, "lr_from"), &change.lr_from) ||
                     !json_to_double(json_object_get(row, "lr_to"), &change.lr_to)))
            good = error_set(error, ERROR_WEIGHTS, "%s: a change of its freeze plan has no learning rates", path);
        if (!good) {
            freeze_destroy(change.before);
            return false;
        }
        plan_changes_push(changes, change);
    }
    return true;
}

bool checkpoint_optim(const struct checkpoint_file *file, const struct graph *graph, struct optim *optim,
                      struct error *error)
{
    const json_t *updates = json_object_get(file->object, "updates");
    const json_t *warmups = json_object_get(file->object, "warmups"); /* none of version 1 */
    for (int p = 0; p < graph->params; p++) {
        *optim_updates(optim, p) = (uint64_t)json_integer_value(json_array_get(updates, (size_t)p));
        *optim_warmup(optim, p) = (uint64_t)json_integer_value(json_array_get(warmups, (size_t)p));
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

void checkpoint_recorded(const struct checkpoint_file *file, struct recorded_commands *recorded)
{
    const json_t *list = json_object_get(file->object, "recorded");
    recorded_finish(recorded);
    recorded->last = (int)json_integer_value(json_object_get(file->object, "recorded_last"));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const char *line = json_string_value(json_object_get(row, "command"));
        struct recorded_command of = {.number = (int)json_integer_value(json_object_get(row, "number")),
                                      .epoch = (int)json_integer_value(json_object_get(row, "epoch")),
                                      .batch = (int)json_integer_value(json_object_get(row, "batch"))};
        struct error unused;
        if (line && run_command_from_json(&of.command, line, strlen(line), &unused))
            recorded_add(recorded, &of);
    }
}
