/* Event kinds and their fields, as tables. A new field is one row here and one member in struct event; a new kind is
 * one enum value, one struct and one row of `kind_table`. event_json.c, event_copy and event_finish walk the tables. */
#include "config.h"

#include "event_fields.h"

#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/text.h"

#define FIELD(json, kind, member)                                                                                      \
    {                                                                                                                  \
        json, kind, offsetof(struct event, member), sizeof(((struct event *)0)->member)                                \
    }

static const struct event_field common_fields[] = {
    FIELD("time", EVENT_FIELD_SECONDS, time),
    FIELD("elapsed", EVENT_FIELD_SECONDS, elapsed),
    FIELD("epoch", EVENT_FIELD_INT, epoch),
    FIELD("step", EVENT_FIELD_U64, step),
};
static const struct event_field run_fields[] = {
    FIELD("version", EVENT_FIELD_INT, u.run.version),
    FIELD("program", EVENT_FIELD_TEXT, u.run.program),
    FIELD("task", EVENT_FIELD_TEXT, u.run.task),
    FIELD("model", EVENT_FIELD_TEXT, u.run.model),
    FIELD("data", EVENT_FIELD_TEXT, u.run.data),
    FIELD("layout", EVENT_FIELD_LONG, u.run.layout),
    FIELD("split", EVENT_FIELD_HASH, u.run.split),
    FIELD("classes", EVENT_FIELD_INT, u.run.classes),
    FIELD("batch", EVENT_FIELD_INT, u.run.batch),
    FIELD("train_images", EVENT_FIELD_INT, u.run.train_images),
    FIELD("val_images", EVENT_FIELD_INT, u.run.val_images),
    FIELD("epochs", EVENT_FIELD_INT, u.run.epochs),
    FIELD("steps_per_epoch", EVENT_FIELD_INT, u.run.steps_per_epoch),
    FIELD("params_trainable", EVENT_FIELD_U64, u.run.params_trainable),
    FIELD("params_frozen", EVENT_FIELD_U64, u.run.params_frozen),
    FIELD("seed", EVENT_FIELD_U64, u.run.seed),
    FIELD("memory", EVENT_FIELD_U64, u.run.memory),
    FIELD("recomputed", EVENT_FIELD_INT, u.run.recomputed),
    FIELD("recomputed_share", EVENT_FIELD_DOUBLE, u.run.recomputed_share),
    FIELD("weights", EVENT_FIELD_TEXT, u.run.weights),
    FIELD("parent", EVENT_FIELD_TEXT, u.run.parent),
    FIELD("metrics", EVENT_FIELD_DEFINITIONS, u.run.metrics),
    FIELD("thaws", EVENT_FIELD_LONG, u.run.thaws),
};
static const struct event_field layers_fields[] = {
    FIELD("layers", EVENT_FIELD_LAYERS, u.layers.layer),
    FIELD("fixed", EVENT_FIELD_LONG, u.layers.fixed),
};
static const struct event_field step_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.step_.loss),
    FIELD("lr", EVENT_FIELD_DOUBLE, u.step_.lr),
    FIELD("images_per_second", EVENT_FIELD_DOUBLE, u.step_.images_per_second),
    FIELD("images", EVENT_FIELD_INT, u.step_.images),
    FIELD("metrics", EVENT_FIELD_METRICS, u.step_.metrics),
};
static const struct event_field epoch_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.epoch_.loss),
    FIELD("metrics", EVENT_FIELD_METRICS, u.epoch_.metrics),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.epoch_.seconds),
};
static const struct event_field eval_fields[] = {
    FIELD("loss", EVENT_FIELD_DOUBLE, u.eval.loss),       FIELD("metrics", EVENT_FIELD_METRICS, u.eval.metrics),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.eval.seconds), FIELD("images", EVENT_FIELD_INT, u.eval.images),
    FIELD("best", EVENT_FIELD_BOOL, u.eval.best),
};
static const struct event_field lr_fields[] = {
    FIELD("from", EVENT_FIELD_DOUBLE, u.lr.from),
    FIELD("to", EVENT_FIELD_DOUBLE, u.lr.to),
};
static const struct event_field thaw_fields[] = {
    FIELD("layers", EVENT_FIELD_LONG, u.thaw.layers),
    FIELD("fixed", EVENT_FIELD_LONG, u.thaw.fixed),
    FIELD("frozen", EVENT_FIELD_BOOL, u.thaw.frozen),
    FIELD("by_hand", EVENT_FIELD_BOOL, u.thaw.by_hand),
    FIELD("lr_factor", EVENT_FIELD_DOUBLE, u.thaw.lr_factor),
    FIELD("params_trainable", EVENT_FIELD_U64, u.thaw.params_trainable),
    FIELD("params_frozen", EVENT_FIELD_U64, u.thaw.params_frozen),
};
static const struct event_field updates_fields[] = {
    FIELD("ratios", EVENT_FIELD_RATIOS, u.updates.ratio),
};
static const struct event_field phase_fields[] = {
    FIELD("phase", EVENT_FIELD_PHASE, u.phase.phase),
    FIELD("done", EVENT_FIELD_INT, u.phase.done),
    FIELD("all", EVENT_FIELD_INT, u.phase.all),
};
static const struct event_field features_fields[] = {
    FIELD("validation", EVENT_FIELD_BOOL, u.features.validation), FIELD("images", EVENT_FIELD_INT, u.features.images),
    FIELD("computed", EVENT_FIELD_INT, u.features.computed),      FIELD("from", EVENT_FIELD_TEXT, u.features.from),
    FIELD("in_memory", EVENT_FIELD_BOOL, u.features.in_memory),   FIELD("bytes", EVENT_FIELD_U64, u.features.bytes),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.features.seconds),
};
static const struct event_field proof_fields[] = {
    FIELD("tensors", EVENT_FIELD_INT, u.proof.tensors),
    FIELD("digest", EVENT_FIELD_HASH, u.proof.digest),
    FIELD("held", EVENT_FIELD_BOOL, u.proof.held),
    FIELD("moved", EVENT_FIELD_TEXT, u.proof.moved),
};
static const struct event_field checkpoint_fields[] = {
    FIELD("file", EVENT_FIELD_TEXT, u.checkpoint.file),
    FIELD("best", EVENT_FIELD_BOOL, u.checkpoint.best),
};
static const struct event_field warning_fields[] = {
    FIELD("text", EVENT_FIELD_TEXT, u.warning.text),
};
static const struct event_field pause_fields[] = {
    FIELD("paused", EVENT_FIELD_BOOL, u.pause.paused),
};
static const struct event_field epochs_fields[] = {
    FIELD("from", EVENT_FIELD_INT, u.epochs.from),
    FIELD("to", EVENT_FIELD_INT, u.epochs.to),
};
static const struct event_field note_fields[] = {
    FIELD("text", EVENT_FIELD_LONG, u.note.text),
    FIELD("by", EVENT_FIELD_TEXT, u.note.by),
};
static const struct event_field command_fields[] = {
    FIELD("command", EVENT_FIELD_LONG, u.command.command), FIELD("by", EVENT_FIELD_TEXT, u.command.by),
    FIELD("done", EVENT_FIELD_BOOL, u.command.done),       FIELD("sentence", EVENT_FIELD_TEXT, u.command.sentence),
    FIELD("number", EVENT_FIELD_INT, u.command.number),    FIELD("batch", EVENT_FIELD_INT, u.command.batch),
};
static const struct event_field fork_fields[] = {
    FIELD("from", EVENT_FIELD_TEXT, u.fork.from),
};
static const struct event_field done_fields[] = {
    FIELD("how", EVENT_FIELD_HOW, u.done.how),
    FIELD("best", EVENT_FIELD_DOUBLE, u.done.best),
    FIELD("best_epoch", EVENT_FIELD_INT, u.done.best_epoch),
    FIELD("val_loss", EVENT_FIELD_DOUBLE, u.done.val_loss),
    FIELD("seconds", EVENT_FIELD_DOUBLE, u.done.seconds),
    FIELD("text", EVENT_FIELD_TEXT, u.done.text),
};

struct kind_row {
    const char *name;
    const struct event_field *field;
    size_t fields;
};
#define KIND(name, table)                                                                                              \
    {                                                                                                                  \
        name, table, THAW_LENGTH(table)                                                                                \
    }
static const struct kind_row kind_table[] = {
    [EVENT_RUN] = KIND("run", run_fields),
    [EVENT_LAYERS] = KIND("layers", layers_fields),
    [EVENT_STEP] = KIND("step", step_fields),
    [EVENT_EPOCH] = KIND("epoch", epoch_fields),
    [EVENT_EVAL] = KIND("eval", eval_fields),
    [EVENT_LR] = KIND("lr", lr_fields),
    [EVENT_THAW] = KIND("thaw", thaw_fields),
    [EVENT_UPDATES] = KIND("updates", updates_fields),
    [EVENT_PHASE] = KIND("phase", phase_fields),
    [EVENT_FEATURES] = KIND("features", features_fields),
    [EVENT_FREEZE_PROOF] = KIND("freeze-proof", proof_fields),
    [EVENT_CHECKPOINT] = KIND("checkpoint", checkpoint_fields),
    [EVENT_WARNING] = KIND("warning", warning_fields),
    [EVENT_PAUSE] = KIND("pause", pause_fields),
    [EVENT_EPOCHS] = KIND("epochs", epochs_fields),
    [EVENT_NOTE] = KIND("note", note_fields),
    [EVENT_COMMAND] = KIND("command", command_fields),
    [EVENT_FORK] = KIND("fork", fork_fields),
    [EVENT_DONE] = KIND("done", done_fields),
};
_Static_assert(THAW_LENGTH(kind_table) == EVENT_KINDS, "a row for each event kind");

static const char *const done_names[] = {
    [EVENT_DONE_FINISHED] = "finished",       [EVENT_DONE_STOPPED] = "stopped", [EVENT_DONE_EARLY] = "early",
    [EVENT_DONE_INTERRUPTED] = "interrupted", [EVENT_DONE_FAILED] = "failed",
};

static const char *const phase_names[] = {
    [EVENT_PHASE_PREPARING] = "preparing",
    [EVENT_PHASE_FEATURES] = "features",
    [EVENT_PHASE_TRAINING] = "training",
    [EVENT_PHASE_VALIDATING] = "validating",
};
_Static_assert(THAW_LENGTH(phase_names) == EVENT_PHASES, "a name for each phase");
_Static_assert(THAW_LENGTH(done_names) == EVENT_DONES, "a name for each end");

const char *event_kind_name(enum event_kind kind)
{
    return kind_table[kind].name;
}

const char *event_done_name(enum event_done how)
{
    return (size_t)how < THAW_LENGTH(done_names) ? done_names[how] : NULL;
}

const char *event_phase_name(enum event_phase phase)
{
    return (size_t)phase < THAW_LENGTH(phase_names) ? phase_names[phase] : NULL;
}

static void clean_layers(struct event_layer *layer, int count)
{
    for (int i = 0; i < count; i++) {
        text_clean(layer[i].name);
        text_clean(layer[i].stage);
        text_clean(layer[i].kind);
        text_clean(layer[i].shape);
    }
}

static void copy_list(struct event *event, const struct event_field *field)
{
    size_t item = field->type == EVENT_FIELD_LAYERS ? sizeof(struct event_layer) : sizeof(float);
    void **block = (void **)((char *)event + field->offset);
    int count = *event_count_of(event, field);
    void *copy = count > 0 ? mem_array((size_t)count, item) : NULL;
    if (copy)
        memcpy(copy, *block, (size_t)count * item);
    *block = copy;
    if (field->type == EVENT_FIELD_LAYERS)
        clean_layers(copy, count);
}

/* The members that a copy needs of its own; and texts as they come back from the file. */
static void copy_field(struct event *event, const struct event_field *field)
{
    char *at = (char *)event + field->offset, **text = (char **)at;
    if (field->type == EVENT_FIELD_TEXT) {
        text_clean(at);
    } else if (field->type == EVENT_FIELD_LONG && *text) {
        *text = mem_string(*text);
        text_clean(*text);
    } else if (field->type == EVENT_FIELD_LAYERS || field->type == EVENT_FIELD_RATIOS) {
        copy_list(event, field);
    }
}

struct event event_copy(const struct event *event)
{
    struct event copy = *event;
    size_t count;
    const struct event_field *field = event_fields(event->kind, &count);
    for (size_t i = 0; i < count; i++)
        copy_field(&copy, &field[i]);
    return copy;
}

void event_finish(struct event *event)
{
    size_t count;
    const struct event_field *field = event_fields(event->kind, &count);
    for (size_t i = 0; i < count; i++) {
        enum event_field_type type = field[i].type;
        void **block = (void **)((char *)event + field[i].offset);
        if (type != EVENT_FIELD_LONG && type != EVENT_FIELD_LAYERS && type != EVENT_FIELD_RATIOS)
            continue;
        mem_free(*block);
        *block = NULL;
    }
}

int *event_count_of(struct event *event, const struct event_field *field)
{
    return (int *)((char *)event + field->offset + field->size);
}

const struct event_field *event_fields_common(size_t *count)
{
    *count = THAW_LENGTH(common_fields);
    return common_fields;
}

const struct event_field *event_fields(enum event_kind kind, size_t *count)
{
    bool known = kind < EVENT_KINDS; /* EVENT_KINDS stands for "none yet" */
    *count = known ? kind_table[kind].fields : 0;
    return known ? kind_table[kind].field : NULL;
}
