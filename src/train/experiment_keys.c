/* The table of experiment keys: one row a key serves the file, --set, the settings form, help and the resolved copy.
 * Below it, values to and from text by type. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_keys.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/number.h"
#include "thaw/weights/weights.h"

static const char *const bn_names[] = {"moving", "fixed", NULL};
static const char *const decode_names[] = {"exact", "fast", NULL};
static const char *const cache_names[] = {"f32", "f16", "off", NULL};
static const char *const digest_names[] = {"sample", "all", "names", NULL};
static const char *const memory_names[] = {"auto", NULL};
static const char *const winograd_names[] = {"on", "off", NULL};
static const char *const kernel_names[] = {"measured", "built-in", NULL};
static const char *const weighting_names[] = {"none", "balanced", NULL};
static const char *const optimizer_names[] = {"sgd", "nesterov", "adamw", NULL};
static const char *const schedule_names[] = {"constant", "step", "cosine", NULL};
_Static_assert(THAW_LENGTH(bn_names) == BN_STATS_KINDS + 1, "a name for each");
_Static_assert(THAW_LENGTH(decode_names) == IMAGE_DECODES + 1, "a name for each");
_Static_assert(THAW_LENGTH(cache_names) == CACHE_KINDS + 1, "a name for each");
_Static_assert(THAW_LENGTH(digest_names) == DIGEST_EXTENTS + 1, "a name for each");
_Static_assert(THAW_LENGTH(winograd_names) == WINOGRAD_USES + 1, "a name for each");
_Static_assert(THAW_LENGTH(kernel_names) == KERNEL_CHOICES + 1, "a name for each");
_Static_assert(THAW_LENGTH(weighting_names) == CLASS_WEIGHTINGS + 1, "a name for each");
_Static_assert(THAW_LENGTH(optimizer_names) == OPTIMIZERS + 1, "a name for each");
_Static_assert(THAW_LENGTH(schedule_names) == SCHEDULES + 1, "a name for each");

#define AT(member) offsetof(struct experiment, member), sizeof(((struct experiment *)0)->member)
#define TEXT(section, key, member, values, help)                                                                       \
    {                                                                                                                  \
        section, key, EXPERIMENT_STRING, AT(member), 0, 0, NULL, values, help                                          \
    }
#define PATH(section, key, member, values, help)                                                                       \
    {                                                                                                                  \
        section, key, EXPERIMENT_PATH, AT(member), 0, 0, NULL, values, help                                            \
    }
#define INT(section, key, member, least, most, values, help)                                                           \
    {                                                                                                                  \
        section, key, EXPERIMENT_INT, AT(member), least, most, NULL, values, help                                      \
    }
#define INT_OR(section, key, member, least, most, names, values, help)                                                 \
    {                                                                                                                  \
        section, key, EXPERIMENT_INT, AT(member), least, most, names, values, help                                     \
    }
#define U64(section, key, member, values, help)                                                                        \
    {                                                                                                                  \
        section, key, EXPERIMENT_U64, AT(member), 0, 0, NULL, values, help                                             \
    }
#define REAL(section, key, member, least, most, values, help)                                                          \
    {                                                                                                                  \
        section, key, EXPERIMENT_REAL, AT(member), least, most, NULL, values, help                                     \
    }
#define ENUM(section, key, member, names, values, help)                                                                \
    {                                                                                                                  \
        section, key, EXPERIMENT_ENUM, AT(member), 0, 0, names, values, help                                           \
    }

/* clang-format off */
static const struct experiment_key keys[] = {
    TEXT("model", "name", model.name, "architecture", "the network; empty: recognised from the weights"),
    PATH("model", "weights", model.weights, "path | catalog name | none", "pretrained weights to start from"),
    TEXT("model", "head", model.head, "linear", "what is put on the trunk for this dataset's classes"),
    TEXT("model", "preprocess", model.preprocess, "auto | torch | tf | caffe | unit | raw | mean A B C std D E F [bgr]",
         "how pixels become the network's input; auto: as bound to the weights"),
    TEXT("freeze", "upto", freeze.upto, "stage | layer | trunk | none",
         "freeze all up to and including this; empty: trunk with weights, none without"),
    TEXT("freeze", "frozen", freeze.frozen, "patterns", "freeze the layers that match, instead of upto"),
    ENUM("freeze", "bn_stats", freeze.bn_stats, bn_names, "moving | fixed",
         "running means and variances of batch norms that learn"),
    PATH("data", "path", data.path, "folder", "images, one folder a class"),
    PATH("data", "val", data.val, "folder | fraction", "validation images; empty: the val folder that comes with the data"),
    ENUM("data", "layout", data.layout, dataset_layout_names, "auto | folders | table | list | names | idx | cifar | npz",
         "how images and labels lie; auto: their content tells"),
    TEXT("data", "columns", data.columns, "PATH, LABEL, SPLIT, WEIGHT",
         "columns of a table, by name or number; empty: found by their names"),
    TEXT("data", "pattern", data.pattern, "regular expression",
         "finds the class in a file's name, as (.+?)_\\d+ does by its first group"),
    TEXT("data", "group", data.group, "regular expression",
         "what names of one patient or video share; a split keeps them together"),
    INT("data", "folds", data.folds, 0, 1000, "folds", "of cross-validation that the training images are split into; 0: none"),
    INT("data", "fold", data.fold, 1, 1000, "number", "which of the folds is the validation part"),
    ENUM("data", "augment", data.augment, augment_names, "none | light | standard", "random views of the training images"),
    ENUM("data", "decode", data.decode, decode_names, "exact | fast",
         "large training images: as the reference decodes, or shrunk while decoding"),
    INT("data", "image_memory", data.image_memory, -1, 1e9, "MB",
        "decoded images kept in memory; -1: an eighth of the machine's"),
    ENUM("data", "digest", data.digest, digest_names, "sample | all | names",
         "what is looked at of the images to know them again when the run goes on"),
    INT("data", "size", data.size, 0, 4096, "pixels", "side of the network's input; 0: as bound to the weights"),
    INT("data", "views", data.views, 0, 1000, "views",
        "random views of an image that epochs take in turn; 0: fresh ones every epoch"),
    ENUM("data", "cache", data.cache, cache_names, "f32 | f16 | off", "keeps what the frozen part computes of an image"),
    INT("data", "cache_disk", data.cache_disk, 0, 1e9, "MB", "disk that kept features of all runs may take; 0: none"),
    INT("data", "cache_memory", data.cache_memory, 0, 1e9, "MB",
        "memory that kept features may take where there is no file"),
    INT("train", "epochs", train.epochs, 1, EXPERIMENT_EPOCHS_MAX, "epochs", "passes over the training images"),
    INT("train", "batch", train.batch, 1, 65536, "images", "images a step"),
    ENUM("train", "optimizer", train.optimizer, optimizer_names, "sgd | nesterov | adamw", "rule of the update"),
    REAL("train", "lr", train.lr, 0, 1e6, "number", "base learning rate"),
    REAL("train", "momentum", train.momentum, 0, 0.9999, "number", "momentum of sgd and nesterov"),
    REAL("train", "weight_decay", train.weight_decay, 0, 1e3, "number",
         "decay of weights; biases and batch norm have none"),
    REAL("train", "label_smoothing", train.label_smoothing, 0, 0.999, "fraction", "spread over the other classes"),
    ENUM("train", "schedule", train.schedule, schedule_names, "constant | step | cosine", "learning rate over the run"),
    REAL("train", "warmup", train.warmup, 0, 1e6, "epochs", "linear rise of the learning rate at the start"),
    REAL("train", "thaw_warmup", train.thaw_warmup, 0, 1e6, "epochs",
         "linear rise of the learning rate of layers that are thawed in the run; 0: none"),
    INT("train", "step_epochs", train.step_epochs, 1, 1e6, "epochs", "step schedule: every so many epochs ..."),
    REAL("train", "step_gamma", train.step_gamma, 0, 1e3, "factor", "... the learning rate is multiplied by this"),
    ENUM("train", "class_weights", train.class_weights, weighting_names, "none | balanced",
         "weight of a class in the loss"),
    INT("train", "early_stop", train.early_stop, 0, 1e6, "epochs", "stop after so many without a better one; 0: never"),
    U64("train", "seed", train.seed, "number", "of everything random"),
    INT("train", "threads", train.threads, 0, 1024, "threads", "that compute; 0: all cores"),
    INT_OR("train", "memory", train.memory, 1, 1e9, memory_names, "auto or MB",
           "memory a step may take; auto: the machine's; less: layers are computed again"),
    ENUM("train", "winograd", train.winograd, winograd_names, "on | off",
         "3x3 convolutions by Winograd's transform; off: summed plainly, slower"),
    ENUM("train", "kernels", train.kernels, kernel_names, "measured | built-in",
         "measured: the fastest here; built-in: the same on every machine"),
    PATH("run", "dir", run.dir, "folder", "where run directories go; empty: the data home"),
    TEXT("run", "name", run.name, "name", "last part of the run directory's name; empty: model and data"),
    INT("run", "checkpoint_every", run.checkpoint_every, 1, 1e6, "epochs", "from one checkpoint to the next"),
    INT("run", "keep_last", run.keep_last, 0, 1e6, "checkpoints", "that are kept of the last ones, beside last and best"),
    INT("run", "keep_every", run.keep_every, 0, 1e6, "epochs", "whose checkpoints are kept for good; 0: none"),
};
/* clang-format on */

const struct experiment_key *experiment_keys(size_t *count)
{
    *count = THAW_LENGTH(keys);
    return keys;
}

bool experiment_parse_real(const char *text, double *value)
{
    char *end;
    if (!text[0] || isspace((unsigned char)text[0]))
        return false;
    *value = strtod(text, &end);
    return *end == '\0' && isfinite(*value);
}

bool experiment_is_path(const char *value)
{
    double fraction;
    return value[0] && strcmp(value, "none") != 0 && !experiment_parse_real(value, &fraction);
}

static bool refuse(const struct experiment_key *key, const char *value, const char *why, struct error *error)
{
    return error_set(error, ERROR_USAGE, "%s.%s = %s: %s", key->section, key->key, value, why);
}

bool experiment_value_returns(const char *value)
{
    size_t length = strlen(value);
    for (size_t i = 0; i < length; i++)
        if (value[i] == ';' && (i == 0 || isspace((unsigned char)value[i - 1])))
            return false;
    return !strpbrk(value, "\n\r") && (length == 0 || !isspace((unsigned char)value[length - 1]));
}

static bool parse_text(const struct experiment_key *key, char *field, const char *value, struct error *error)
{
    size_t length = strlen(value);
    if (length >= key->size)
        return error_set(error, ERROR_USAGE, "%s.%s: longer than %zu bytes", key->section, key->key, key->size - 1);
    if (!experiment_value_returns(value))
        return refuse(key, value, EXPERIMENT_NO_RETURN, error);
    memmove(field, value, length + 1);
    return true;
}

bool experiment_is_weights_name(const struct experiment_key *key, const char *value)
{
    return !strcmp(key->key, "weights") && experiment_is_path(value) && !strchr(value, '/') &&
           !weights_is_file_name(value);
}

static bool parse_path(const struct experiment_key *key, char *field, const char *value, const char *folder,
                       struct error *error)
{
    if (!experiment_is_path(value) || experiment_is_weights_name(key, value))
        return parse_text(key, field, value, error);
    char *expanded = path_expand(value);
    char *path = folder[0] ? path_join(folder, expanded) : mem_string(expanded);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0'; /* a folder's name is the last part of its path */
    bool good = parse_text(key, field, path, error);
    mem_free(expanded);
    mem_free(path);
    return good;
}

static bool parse_number(const struct experiment_key *key, void *field, const char *value, struct error *error)
{
    double number;
    bool whole = key->type == EXPERIMENT_INT;
    const char *word = key->names ? key->names[0] : "", *between = key->names ? " or " : "";
    if (key->names && !strcmp(value, word)) {
        *(int *)field = 0;
        return true;
    }
    if (!experiment_parse_real(value, &number) || (whole && number != floor(number)))
        return error_set(error, ERROR_USAGE, "%s.%s = %s: not a %snumber%s%s", key->section, key->key, value,
                         whole ? "whole " : "", between, word);
    if (number < key->least || number > key->most)
        return error_set(error, ERROR_USAGE, "%s.%s = %s: must be from %g to %g%s%s", key->section, key->key, value,
                         key->least, key->most, between, word);
    if (whole)
        *(int *)field = (int)number;
    else
        *(double *)field = number;
    return true;
}

static bool parse_u64(const struct experiment_key *key, uint64_t *field, const char *value, struct error *error)
{
    char *end;
    errno = 0;
    uint64_t number = strtoull(value, &end, 10);
    if (!isdigit((unsigned char)value[0]) || *end || errno)
        return refuse(key, value, "not a whole number from 0 to 2^64 - 1", error);
    *field = number;
    return true;
}

/* Every enum of the experiment has an int's size and counts from 0. */
_Static_assert(sizeof(enum optimizer_kind) == sizeof(int) && sizeof(enum augment) == sizeof(int), "enums are ints");

static bool parse_enum(const struct experiment_key *key, void *field, const char *value, struct error *error)
{
    for (int i = 0; key->names[i]; i++)
        if (strcmp(key->names[i], value) == 0) {
            memcpy(field, &i, sizeof i);
            return true;
        }
    return error_set(error, ERROR_USAGE, "%s.%s = %s: not one of %s; the nearest is %s", key->section, key->key, value,
                     key->values, nearest_of(value, key->names));
}

bool experiment_key_parse(const struct experiment_key *key, struct experiment *experiment, const char *value,
                          const char *folder, struct error *error)
{
    void *field = (char *)experiment + key->offset;
    switch (key->type) {
    case EXPERIMENT_STRING:
        return parse_text(key, field, value, error);
    case EXPERIMENT_PATH:
        return parse_path(key, field, value, folder, error);
    case EXPERIMENT_INT:
    case EXPERIMENT_REAL:
        return parse_number(key, field, value, error);
    case EXPERIMENT_U64:
        return parse_u64(key, field, value, error);
    case EXPERIMENT_ENUM:
        return parse_enum(key, field, value, error);
    }
    return false;
}

char *experiment_number(double value)
{
    char text[NUMBER_TEXT];
    return mem_string(number_text(text, value));
}

char *experiment_key_print(const struct experiment_key *key, const struct experiment *experiment)
{
    const void *field = (const char *)experiment + key->offset;
    int number;
    switch (key->type) {
    case EXPERIMENT_STRING:
    case EXPERIMENT_PATH:
        return mem_string(field);
    case EXPERIMENT_INT:
        number = *(const int *)field;
        return key->names && number == 0 ? mem_string(key->names[0]) : mem_format("%d", number);
    case EXPERIMENT_U64:
        return mem_format("%" PRIu64, *(const uint64_t *)field);
    case EXPERIMENT_REAL:
        return experiment_number(*(const double *)field);
    case EXPERIMENT_ENUM:
        memcpy(&number, field, sizeof number);
        return mem_string(key->names[number]);
    }
    return mem_string("");
}
