/* Writing and reading checkpoints; the layout is in checkpoint.h. The fields are a table, so that a new one is one row
 * and one member. What a file says is checked against its row's bounds, and its bytes against their digest. Called by
 * the trainer. */
#include "config.h"

#include "checkpoint.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/weights/weights.h"

#define METADATA_KEY  "thaw.checkpoint"
#define VALUES_PREFIX "values"

enum { NAME_MAX_BYTES = GRAPH_NAME_MAX + 48 };

/* COUNT: whole, within the row's bounds, in an int; U64: up to its bound; AMOUNT: finite, not negative; FIGURE: any. */
enum field_type { FIELD_COUNT, FIELD_U64, FIELD_AMOUNT, FIELD_FIGURE, FIELD_TEXT, FIELD_HASH };
struct field {
    const char *name;
    enum field_type type;
    uint64_t least, most;
    size_t offset, size;
};
#define FIELD(json, type, least, most, member)                                                                         \
    {                                                                                                                  \
        json, type, least, most, offsetof(struct checkpoint, member), sizeof(((struct checkpoint *)0)->member)         \
    }
#define COUNT(json, least, most, member) FIELD(json, FIELD_COUNT, least, most, member)
#define U64(json, most, member)          FIELD(json, FIELD_U64, 0, most, member)
#define AMOUNT(json, member)             FIELD(json, FIELD_AMOUNT, 0, 0, member)
#define FIGURE(json, member)             FIELD(json, FIELD_FIGURE, 0, 0, member)
#define TEXT(json, member)               FIELD(json, FIELD_TEXT, 0, 0, member)
#define HASH(json, member)               FIELD(json, FIELD_HASH, 0, 0, member)

/* More images a batch than an experiment may have, more batches than an int counts, more steps than a double does there
 * are not. */
enum { BATCH_MOST = 65536 };
#define STEPS_MOST (UINT64_C(1) << 53)

static const struct field fields[] = {
    COUNT("epoch", 1, EXPERIMENT_EPOCHS_MAX + 1, epoch),
    COUNT("batch", 0, INT_MAX, batch),
    U64("step", STEPS_MOST, step),
    COUNT("thaws_done", 0, EXPERIMENT_THAWS, thaws_done),
    COUNT("epochs", 0, EXPERIMENT_EPOCHS_MAX, epochs),
    AMOUNT("sum_loss", sums.loss),
    U64("sum_images", STEPS_MOST, sums.images),
    FIGURE("sum_0", sums.of[0]),
    FIGURE("sum_1", sums.of[1]),
    FIGURE("sum_2", sums.of[2]),
    FIGURE("sum_3", sums.of[3]),
    AMOUNT("epoch_seconds", epoch_seconds),
    AMOUNT("elapsed", elapsed),
    AMOUNT("base_lr", lr.base),
    U64("lr_anchor", UINT64_MAX, lr.anchor),
    FIGURE("val_loss", val_loss),
    FIGURE("best", best),
    COUNT("best_epoch", 0, EXPERIMENT_EPOCHS_MAX, best_epoch),
    COUNT("stale", 0, EXPERIMENT_EPOCHS_MAX, stale),
    U64("mark", INT64_MAX, mark),
    U64("seed", UINT64_MAX, seed),
    COUNT("images_batch", 1, BATCH_MOST, images_batch),
    COUNT("batches", 0, INT_MAX, batches),
    TEXT("parent", parent),
    HASH("classes_hash", classes_hash),
    TEXT("arch", arch),
    TEXT("base_path", base_path),
    HASH("base_hash", base_hash),
    HASH("data_hash", data_hash),
    COUNT("data_extent", 0, DIGEST_EXTENTS - 1, data.extent),
    HASH("data_names", data.names),
    HASH("data_sizes", data.sizes),
    HASH("data_stored", data.stored),
};

_Static_assert(TASK_SUMS == 4, "a row for each sum");

struct checkpoint_file {
    struct weights *weights;
    enum weights_digest digest;
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
    case FIELD_COUNT:
        return json_integer(*(const int *)at);
    case FIELD_U64:
        snprintf(text, sizeof text, "%" PRIu64, *(const uint64_t *)at);
        return json_string(text);
    case FIELD_AMOUNT:
    case FIELD_FIGURE:
        return double_to_json(*(const double *)at);
    case FIELD_TEXT:
        return text_to_json(at);
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
    json_object_set_new(object, "settings", text_to_json(of->settings));
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
    const char *metadata[] = {WEIGHTS_DIGEST, WEIGHTS_DIGEST_ROOM, METADATA_KEY, text, NULL};
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

/* What is damaged may be told from what is another's: somebody may then go on from an older file. */
#define damaged(error, ...) error_set(error, ERROR_DATA, __VA_ARGS__)

static bool json_to_count(const json_t *json, json_int_t least, json_int_t most, int *value)
{
    json_int_t number = json_integer_value(json);
    if (!json_is_integer(json) || number < least || number > most)
        return false;
    *value = (int)number;
    return true;
}

static bool json_to_u64(const json_t *json, uint64_t most, uint64_t *value)
{
    const char *text = json_string_value(json);
    if (!text || !text[0] || text[strspn(text, "0123456789")])
        return false;
    errno = 0;
    *value = strtoull(text, NULL, 10);
    return errno == 0 && *value <= most;
}

static bool json_to_double(const json_t *json, double *value)
{
    const char *text = json_string_value(json);
    char *end = "";
    *value = text ? strtod(text, &end) : 0;
    return text && end != text && *end == '\0';
}

static bool json_to_amount(const json_t *json, double *value)
{
    return json_to_double(json, value) && isfinite(*value) && *value >= 0;
}

static bool json_to_text(const json_t *json, char *text, size_t size)
{
    const char *value = json_string_value(json);
    if (!value || strlen(value) >= size)
        return false;
    strcpy(text, value);
    return true;
}

static bool json_to_field(const json_t *json, struct checkpoint *checkpoint, const struct field *field)
{
    void *at = (char *)checkpoint + field->offset;
    switch (field->type) {
    case FIELD_COUNT:
        return json_to_count(json, (json_int_t)field->least, (json_int_t)field->most, at);
    case FIELD_U64:
        return json_to_u64(json, field->most, at);
    case FIELD_AMOUNT:
        return json_to_amount(json, at);
    case FIELD_FIGURE:
        return json_to_double(json, at);
    case FIELD_TEXT:
        return json_to_text(json, at, field->size);
    case FIELD_HASH:
        return json_is_string(json) && hash_parse(at, json_string_value(json));
    }
    return false;
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
    json_t *warmups = json_array();
    for (size_t i = 0; i < json_array_size(json_object_get(object, "updates")); i++)
        json_array_append_new(warmups, json_integer(0));
    json_object_set_new(object, "warmups", warmups);
}

/* Version 2 knew no settings and no digest of the data. */
static void take_version_2(json_t *object)
{
    static const char *const unknown[] = {"data_names", "data_sizes", "data_stored"};
    char none[HASH_TEXT];
    hash_text(none, (struct hash){0, 0});
    for (size_t i = 0; i < THAW_LENGTH(unknown); i++)
        json_object_set_new(object, unknown[i], json_string(none));
    json_object_set_new(object, "data_extent", json_integer(DIGEST_NAMES));
    json_object_del(object, "settings");
}

/* Numbers that are possible each, and together not. */
static const char *contradiction(const struct checkpoint *checkpoint)
{
    if (checkpoint->batches > 0 && checkpoint->batch > checkpoint->batches)
        return "batch";
    if (checkpoint->best_epoch > checkpoint->epoch)
        return "best_epoch";
    if (checkpoint->lr.anchor != SCHEDULE_NO_ANCHOR && checkpoint->lr.anchor > STEPS_MOST)
        return "lr_anchor";
    return NULL;
}

static bool take_fields(const struct checkpoint_file *file, struct checkpoint *checkpoint, struct error *error)
{
    const char *path = weights_path(file->weights), *wrong = NULL;
    for (size_t i = 0; !wrong && i < THAW_LENGTH(fields); i++)
        if (!json_to_field(json_object_get(file->object, fields[i].name), checkpoint, &fields[i]))
            wrong = fields[i].name;
    if (!wrong)
        wrong = contradiction(checkpoint);
    if (!wrong && checkpoint->version >= CHECKPOINT_DIGESTS && !checkpoint_settings(file))
        wrong = "settings";
    return !wrong || damaged(error, "%s: \"%s\" of the checkpoint is missing or cannot be what it says", path, wrong);
}

static bool read_object(struct checkpoint_file *file, struct error *error)
{
    const char *path = weights_path(file->weights), *text = weights_metadata(file->weights, METADATA_KEY);
    file->digest = weights_digest(file->weights);
    if (file->digest == WEIGHTS_DIGEST_BROKEN)
        return damaged(error, "%s: not what was written: its digest does not hold", path);
    if (!text)
        return error_set(error, ERROR_WEIGHTS, "%s: not a checkpoint of a run", path);
    if (weights_json_fits(file->weights, text))
        file->object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(file->object) || damaged(error, "%s: what it says of itself cannot be read", path);
}

static bool read_version(const struct checkpoint_file *file, int *version, struct error *error)
{
    const char *path = weights_path(file->weights);
    const json_t *json = json_object_get(file->object, "version");
    json_int_t number = json_integer_value(json);
    if (file->digest == WEIGHTS_DIGEST_NONE && number >= CHECKPOINT_DIGESTS && number <= CHECKPOINT_VERSION)
        return damaged(error, "%s: not what was written: its digest is not there", path);
    if (number > CHECKPOINT_VERSION)
        return error_set(error, ERROR_FAILED,
                         "%s: a checkpoint of version %lld, by a newer program; this one reads up to %d", path,
                         (long long)number, CHECKPOINT_VERSION);
    if (!json_is_integer(json) || number < 1)
        return damaged(error, "%s: \"version\" of the checkpoint cannot be what it says", path);
    *version = (int)number;
    return true;
}

static bool read_fields(struct checkpoint_file *file, const struct graph *graph, struct checkpoint *checkpoint,
                        struct error *error)
{
    if (!read_object(file, error) || !read_version(file, &checkpoint->version, error))
        return false;
    if (checkpoint->version == 1)
        take_version_1(file->object);
    if (checkpoint->version < CHECKPOINT_DIGESTS)
        take_version_2(file->object);
    if (!take_fields(file, checkpoint, error))
        return false;
    if (strcmp(checkpoint->arch, graph->arch) != 0)
        return error_set(error, ERROR_WEIGHTS, "%s: a checkpoint of %s, wanted is %s", weights_path(file->weights),
                         checkpoint->arch, graph->arch);
    return true;
}

struct checkpoint_file *checkpoint_take(struct weights *weights, const struct graph *graph,
                                        struct checkpoint *checkpoint, struct error *error)
{
    struct checkpoint_file *file = mem_alloc(sizeof *file);
    file->weights = weights;
    if (read_fields(file, graph, checkpoint, error))
        return file;
    checkpoint_close(file);
    return NULL;
}

struct checkpoint_file *checkpoint_open(const char *path, const struct graph *graph, struct checkpoint *checkpoint,
                                        struct error *error)
{
    struct weights *weights = weights_open(path, error);
    if (weights)
        return checkpoint_take(weights, graph, checkpoint, error);
    error->kind = ERROR_DATA;
    return NULL;
}

bool checkpoint_refuse_newer(const char *path, struct error *error)
{
    struct error unused = {0};
    int version;
    struct checkpoint_file file = {.weights = weights_open(path, &unused)};
    bool newer = file.weights && read_object(&file, &unused) && !read_version(&file, &version, &unused) &&
                 unused.kind == ERROR_FAILED;
    if (newer)
        *error = unused;
    weights_close(file.weights);
    json_decref(file.object);
    return !newer;
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
        return damaged(error, "%s: %s is %s %s, wanted is f32 %s", weights_path(file->weights), name,
                       tensor_type_name(tensor->type), shape_text(have, &tensor->shape),
                       shape_text(want, &param->shape));
    }
    if (weights_read(file->weights, (size_t)index, to, error))
        return true;
    error->kind = ERROR_DATA;
    return false;
}

/* Whether all of the values can be had, so that none is taken of a file that is damaged further on. */
static bool check_values(const struct checkpoint_file *file, const struct graph *graph, struct error *error)
{
    size_t most = 0;
    bool good = true, found;
    for (int p = 0; p < graph->params; p++)
        most = graph->param[p].count > most ? graph->param[p].count : most;
    float *room = mem_floats(most);
    for (int p = 0; good && p < graph->params; p++)
        good = read_tensor(file, VALUES_PREFIX, &graph->param[p], room, &found, error);
    mem_free_floats(room);
    return good;
}

bool checkpoint_values(const struct checkpoint_file *file, struct graph *graph, bool *touched, struct error *error)
{
    if (!check_values(file, graph, error))
        return false;
    for (int p = 0; p < graph->params; p++) {
        bool found;
        if (!read_tensor(file, VALUES_PREFIX, &graph->param[p], graph_param_values(graph, p), &found, error))
            return false;
        if (touched)
            touched[p] = found;
    }
    return true;
}

bool checkpoint_has(const struct checkpoint_file *file, const struct graph *graph, int param)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s.%s", VALUES_PREFIX, graph->param[param].name);
    return weights_find(file->weights, name) >= 0;
}

static bool json_to_freeze(const json_t *fixed, struct freeze *freeze, const char *path, struct error *error)
{
    if (!json_is_array(fixed) || json_array_size(fixed) != (size_t)freeze->nodes)
        return damaged(error, "%s: freeze marks of %zu layers, wanted are %d", path, json_array_size(fixed),
                       freeze->nodes);
    for (int node = 0; node < freeze->nodes; node++) {
        int marks;
        if (!json_to_count(json_array_get(fixed, (size_t)node), 0, FREEZE_ALL, &marks))
            return damaged(error, "%s: layer %d has freeze marks that there are not", path, node + 1);
        freeze->fixed[node] = (unsigned char)marks;
    }
    return true;
}

const char *checkpoint_settings(const struct checkpoint_file *file)
{
    return json_string_value(json_object_get(file->object, "settings"));
}

bool checkpoint_freeze(const struct checkpoint_file *file, struct freeze *freeze, struct error *error)
{
    return json_to_freeze(json_object_get(file->object, "fixed"), freeze, weights_path(file->weights), error);
}

bool checkpoint_changes(const struct checkpoint_file *file, const struct graph *graph, struct plan_changes *changes,
                        struct error *error)
{
    const json_t *list = json_object_get(file->object, "changes");
    const char *path = weights_path(file->weights);
    plan_changes_finish(changes);
    if (!json_is_array(list) || json_array_size(list) > PLAN_CHANGES_MAX)
        return damaged(error, "%s: \"changes\" of the checkpoint cannot be what it says", path);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        struct plan_change change = {.before = freeze_create(graph)};
        bool good = json_to_freeze(json_object_get(row, "fixed"), change.before, path, error);
        if (good && (!json_to_amount(json_object_get(row, "lr_from"), &change.lr_from) ||
                     !json_to_amount(json_object_get(row, "lr_to"), &change.lr_to)))
            good = damaged(error, "%s: a change of its freeze plan has no learning rates", path);
        if (!good) {
            freeze_destroy(change.before);
            return false;
        }
        plan_changes_push(changes, change);
    }
    return true;
}

/* Steps by parameter: whole numbers, one for each. */
static bool take_steps(const struct checkpoint_file *file, const char *name, struct optim *optim, int params,
                       uint64_t *(*of)(struct optim *, int), struct error *error)
{
    const json_t *list = json_object_get(file->object, name);
    bool good = json_is_array(list) && json_array_size(list) == (size_t)params;
    for (int p = 0; good && p < params; p++) {
        const json_t *json = json_array_get(list, (size_t)p);
        json_int_t number = json_integer_value(json);
        good = json_is_integer(json) && number >= 0 && (uint64_t)number <= STEPS_MOST;
        *of(optim, p) = (uint64_t)number;
    }
    return good || damaged(error, "%s: \"%s\" of the checkpoint is missing or cannot be what it says",
                           weights_path(file->weights), name);
}

bool checkpoint_optim(const struct checkpoint_file *file, const struct graph *graph, struct optim *optim,
                      struct error *error)
{
    if (!take_steps(file, "updates", optim, graph->params, optim_updates, error) ||
        !take_steps(file, "warmups", optim, graph->params, optim_warmup, error))
        return false;
    for (int p = 0; p < graph->params; p++)
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
    return true;
}

static bool take_recorded(const json_t *row, struct recorded_commands *recorded)
{
    const char *line = json_string_value(json_object_get(row, "command"));
    struct recorded_command of = {0};
    struct error unused;
    if (!line || !json_to_count(json_object_get(row, "number"), 1, INT_MAX, &of.number) ||
        !json_to_count(json_object_get(row, "epoch"), 1, EXPERIMENT_EPOCHS_MAX + 1, &of.epoch) ||
        !json_to_count(json_object_get(row, "batch"), 0, INT_MAX, &of.batch) ||
        !run_command_from_json(&of.command, line, strlen(line), &unused))
        return false;
    recorded_add(recorded, &of);
    return true;
}

bool checkpoint_recorded(const struct checkpoint_file *file, struct recorded_commands *recorded, struct error *error)
{
    const json_t *list = json_object_get(file->object, "recorded");
    const json_t *last = json_object_get(file->object, "recorded_last");
    recorded_finish(recorded);
    bool good = !last || json_to_count(last, 0, INT_MAX, &recorded->last);
    for (size_t i = 0; good && i < json_array_size(list); i++)
        good = take_recorded(json_array_get(list, i), recorded);
    return good ||
           damaged(error, "%s: a command that is to be done again cannot be what it says", weights_path(file->weights));
}
