/* Experiments: defaults, loading (inih), assignments, the resolved text and the check for contradictions. The keys are
 * rows of experiment_keys.c; only the [thaw] section, whose keys are epochs, is read here.
 *
 * inih hands over lines of at most 199 bytes and goes on with the rest as if it were a new line. The reader below gives
 * it longer ones (long paths) in pieces, each as a continuation line, and puts the pieces together again.
 * Called by the session, the trainer and the command line. */
#include "config.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "experiment_keys.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/number.h"
#include "thaw/run/command.h"
#include "thaw/run/rundir.h"
#include "thaw/train/experiment.h"

enum { FILE_BYTES_MAX = 1 << 20, LINE_BYTES_MAX = 4096, PIECE_MAX = 150, PIECE_ROOM = PIECE_MAX + 5, VALUE_MAX = 2048 };

#define SEAM "\x01" /* no text has it */

void experiment_init(struct experiment *experiment)
{
    *experiment = (struct experiment){0};
    strcpy(experiment->model.head, "linear");
    strcpy(experiment->model.preprocess, "auto");
    experiment->data.image_memory = -1;
    experiment->data.fold = 1;
    experiment->train.epochs = 10;
    experiment->train.batch = 32;
    experiment->train.optimizer = OPTIMIZER_SGD;
    experiment->train.lr = 0.01;
    experiment->train.momentum = 0.9;
    experiment->train.weight_decay = 1e-4;
    experiment->train.schedule = SCHEDULE_COSINE;
    experiment->train.thaw_warmup = 0.5;
    experiment->train.step_epochs = 30;
    experiment->train.step_gamma = 0.1;
    experiment->train.seed = 1;
    experiment->data.cache_disk = 10000;
    experiment->data.cache_memory = 1000;
    experiment->run.checkpoint_every = 1;
}

struct dataset_request experiment_data(const struct experiment *experiment)
{
    return (struct dataset_request){.path = experiment->data.path,
                                    .val = experiment->data.val,
                                    .seed = experiment->train.seed,
                                    .layout = experiment->data.layout,
                                    .columns = experiment->data.columns,
                                    .pattern = experiment->data.pattern,
                                    .group = experiment->data.group,
                                    .folds = experiment->data.folds,
                                    .fold = experiment->data.fold,
                                    .trains = true};
}

/* --- [thaw] --- */

static char *trimmed(const char *from, size_t length)
{
    while (length && isspace((unsigned char)from[0]))
        from++, length--;
    while (length && isspace((unsigned char)from[length - 1]))
        length--;
    return mem_format("%.*s", (int)length, from);
}

static void remove_thaw(struct experiment *experiment, int at)
{
    experiment->thaws--;
    memmove(&experiment->thaw[at], &experiment->thaw[at + 1],
            (size_t)(experiment->thaws - at) * sizeof experiment->thaw[0]);
}

/* Kept in order of epochs; one an epoch. */
static bool store_thaw(struct experiment *experiment, const struct experiment_thaw *thaw, struct error *error)
{
    int at = 0;
    while (at < experiment->thaws && experiment->thaw[at].epoch < thaw->epoch)
        at++;
    if (at < experiment->thaws && experiment->thaw[at].epoch == thaw->epoch)
        remove_thaw(experiment, at);
    if (!thaw->layers[0])
        return true;
    if (experiment->thaws == EXPERIMENT_THAWS)
        return error_set(error, ERROR_USAGE, "[thaw] holds at most %d lines", EXPERIMENT_THAWS);
    memmove(&experiment->thaw[at + 1], &experiment->thaw[at],
            (size_t)(experiment->thaws - at) * sizeof experiment->thaw[0]);
    experiment->thaw[at] = *thaw;
    experiment->thaws++;
    return true;
}

/* Of "epoch 5". */
static bool thaw_epoch(const char *key, int *epoch)
{
    static const char word[] = "epoch ";
    long number;
    if (strncmp(key, word, sizeof word - 1) != 0 ||
        !number_whole(key + strspn(key + sizeof word - 1, " ") + sizeof word - 1, 1, EXPERIMENT_EPOCHS_MAX, &number,
                      NULL))
        return false;
    *epoch = (int)number;
    return true;
}

static bool set_thaw(struct experiment *experiment, const char *key, const char *value, struct error *error)
{
    struct experiment_thaw thaw = {.lr_factor = 1};
    if (!thaw_epoch(key, &thaw.epoch))
        return error_set(error, ERROR_USAGE,
                         "thaw.%s: a key of [thaw] is \"epoch N\", N from 1 to %d, as in epoch 5 = layer4 @ lr*0.1",
                         key, EXPERIMENT_EPOCHS_MAX);
    const char *at = strchr(value, '@');
    char *layers = trimmed(value, at ? (size_t)(at - value) : strlen(value));
    char *factor = at ? trimmed(at + 1, strlen(at + 1)) : mem_string("lr*1");
    bool good = strlen(layers) < sizeof thaw.layers;
    if (!good)
        error_set(error, ERROR_USAGE, "thaw.%s: more than %zu bytes of layers", key, sizeof thaw.layers - 1);
    else if (!experiment_value_returns(layers))
        good = error_set(error, ERROR_USAGE, "thaw.%s = %s: %s", key, value, EXPERIMENT_NO_RETURN);
    else if (!run_command_factor(factor, &thaw.lr_factor))
        good =
            error_set(error, ERROR_USAGE, "thaw.%s = %s: behind @ comes a factor, as in layer4 @ lr*0.1", key, value);
    else
        good = strcpy(thaw.layers, layers) && store_thaw(experiment, &thaw, error);
    mem_free(layers);
    mem_free(factor);
    return good;
}

/* --- keys by name --- */

static const struct experiment_key *find_key(const char *section, const char *key)
{
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0)
            return &keys[i];
    return NULL;
}

static bool refuse_section(const char *section, struct error *error)
{
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    struct nearest nearest = {.wanted = section};
    for (size_t i = 0; i < count; i++)
        nearest_offer(&nearest, keys[i].section);
    nearest_offer(&nearest, "thaw");
    return error_set(error, ERROR_USAGE, "unknown section [%.64s]; the nearest is [%s]", section, nearest.name[0]);
}

enum { OTHER_SECTION = 10 }; /* a key of the same section is nearer by this */

static bool refuse_key(const char *section, const char *key, struct error *error)
{
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count), *nearest = NULL;
    int least = NEAREST_MEANT + 1;
    for (size_t i = 0; i < count; i++) {
        int far = nearest_far(key, keys[i].key) + (strcmp(section, keys[i].section) == 0 ? 0 : OTHER_SECTION);
        if (far < least) {
            nearest = &keys[i];
            least = far;
        }
    }
    if (!nearest)
        return error_set(error, ERROR_USAGE, "unknown key %s.%.64s; thaw-experiment(5) lists them", section, key);
    return error_set(error, ERROR_USAGE, "unknown key %s.%.64s; the nearest is %s.%s", section, key, nearest->section,
                     nearest->key);
}

static bool is_section(const char *section)
{
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(keys[i].section, section) == 0)
            return true;
    return strcmp(section, "thaw") == 0;
}

static bool set_value(struct experiment *experiment, const char *section, const char *key, const char *value,
                      const char *folder, struct error *error)
{
    if (!is_section(section))
        return refuse_section(section, error);
    if (strcmp(section, "thaw") == 0)
        return set_thaw(experiment, key, value, error);
    const struct experiment_key *row = find_key(section, key);
    return row ? experiment_key_parse(row, experiment, value, folder, error) : refuse_key(section, key, error);
}

/* What was meant is told whole, with its value: of a key without its section, and where a blank parts the two. */
static bool refuse_assignment(const char *assignment, struct error *error)
{
    size_t count, length = strcspn(assignment, "= \t");
    const struct experiment_key *keys = experiment_keys(&count), *meant = NULL;
    char *key = trimmed(assignment, length);
    const char *dot = strchr(key, '.'), *value = assignment + length + strspn(assignment + length, "= \t");
    int least = NEAREST_MEANT + 1;
    for (size_t i = 0; i < count; i++) {
        bool other = dot && strncmp(key, keys[i].section, (size_t)(dot - key)) != 0;
        int far = nearest_far(dot ? dot + 1 : key, keys[i].key) + (other ? OTHER_SECTION : 0);
        if (far < least) {
            meant = &keys[i];
            least = far;
        }
    }
    mem_free(key);
    if (!meant)
        return error_set(error, ERROR_USAGE, "%s: not section.key=value", assignment);
    return error_set(error, ERROR_USAGE, "%s: not section.key=value; the nearest is %s.%s%s%s", assignment,
                     meant->section, meant->key, *value ? "=" : "", value);
}

bool experiment_set(struct experiment *experiment, const char *assignment, struct error *error)
{
    const char *equals = strchr(assignment, '='), *dot = strchr(assignment, '.');
    if (!equals || !dot || dot > equals)
        return refuse_assignment(assignment, error);
    char *section = trimmed(assignment, (size_t)(dot - assignment));
    char *key = trimmed(dot + 1, (size_t)(equals - dot - 1));
    char *value = trimmed(equals + 1, strlen(equals + 1));
    bool good = set_value(experiment, section, key, value, "", error);
    mem_free(section);
    mem_free(key);
    mem_free(value);
    return good;
}

static char *thaw_text(const struct experiment_thaw *thaw)
{
    if (thaw->lr_factor == 1)
        return mem_string(thaw->layers);
    char *factor = experiment_number(thaw->lr_factor);
    char *text = mem_format("%s @ lr*%s", thaw->layers, factor);
    mem_free(factor);
    return text;
}

char *experiment_get(const struct experiment *experiment, const char *key)
{
    const char *dot = strchr(key, '.');
    int epoch;
    if (!dot)
        return NULL;
    bool is_thaw = !strncmp(key, "thaw.", 5) && thaw_epoch(dot + 1, &epoch);
    for (int i = 0; is_thaw && i < experiment->thaws; i++)
        if (experiment->thaw[i].epoch == epoch)
            return thaw_text(&experiment->thaw[i]);
    char *section = trimmed(key, (size_t)(dot - key));
    const struct experiment_key *row = find_key(section, dot + 1);
    mem_free(section);
    return row ? experiment_key_print(row, experiment) : NULL;
}

/* --- the file --- */

struct reader {
    struct experiment *experiment;
    char *folder;
    const char *at; /* in the file's text */
    int line;       /* of the file, of what inih was handed last */
    bool inside;    /* in the middle of a long line */
    bool piece;     /* what was handed last goes on with a long line */
    size_t left;    /* bytes of that line to be handed over */
    struct error *error;
    bool good;
    /* The assignment being put together; inih tells no end of it. */
    char section[64], key[64], value[VALUE_MAX];
    int value_line;
};

/* What a line says before its comment, without the blanks that inih would drop. */
static size_t said_length(const char *line, size_t length)
{
    size_t said = 0;
    bool comment = false;
    for (size_t i = 0; i < length && !comment; i++) {
        bool blank = isspace((unsigned char)line[i]);
        comment = (line[i] == ';' && (i == 0 || isspace((unsigned char)line[i - 1]))) || (line[i] == '#' && said == 0);
        said = blank || comment ? said : i + 1;
    }
    return said;
}

/* fgets for inih: one line of the text, or one piece of a long one, whose seams are marked lest inih drops blanks there. */
static char *read_line(char *to, int room, void *context)
{
    struct reader *reader = context;
    if (!*reader->at || room < PIECE_ROOM)
        return NULL;
    reader->piece = reader->inside;
    if (!reader->piece) {
        reader->line++;
        reader->left = said_length(reader->at, strcspn(reader->at, "\n"));
    } else {
        to = stpcpy(to, " " SEAM);
    }
    size_t length = reader->left < PIECE_MAX ? reader->left : PIECE_MAX;
    memcpy(to, reader->at, length);
    reader->left -= length;
    reader->at += length;
    reader->inside = reader->left > 0;
    strcpy(to + length, reader->inside ? SEAM "\n" : "\n");
    if (!reader->inside) {
        reader->at += strcspn(reader->at, "\n");
        reader->at += *reader->at == '\n';
    }
    return to;
}

/* What stands before the first section is hardly a setting. */
static const char *no_experiment(const struct reader *reader)
{
    return reader->section[0] ? "" : "; this is no experiment file (thaw-experiment(5) tells of them)";
}

static bool finish_assignment(struct reader *reader)
{
    if (!reader->key[0])
        return true;
    reader->good = set_value(reader->experiment, reader->section, reader->key,
                             reader->value + strspn(reader->value, " \t"), reader->folder, reader->error);
    if (!reader->good) {
        error_wrap(reader->error, "%s:%d", reader->experiment->source, reader->value_line);
        size_t used = strlen(reader->error->text);
        snprintf(reader->error->text + used, sizeof reader->error->text - used, "%s", no_experiment(reader));
    }
    reader->key[0] = '\0';
    return reader->good;
}

static bool append_value(struct reader *reader, const char *value)
{
    size_t used = strlen(reader->value), length;
    value += reader->piece && *value == SEAM[0];
    length = strlen(value);
    length -= reader->inside && length && value[length - 1] == SEAM[0];
    int more = snprintf(reader->value + used, sizeof reader->value - used, "%.*s", (int)length, value);
    if ((size_t)more < sizeof reader->value - used)
        return true;
    reader->good = error_set(reader->error, ERROR_USAGE, "%s:%d: value longer than %d bytes",
                             reader->experiment->source, reader->line, VALUE_MAX - 1);
    return false;
}

/* inih's handler. The same key again without a piece is a continuation line of the user's own, or a second setting. */
static int take_assignment(void *context, const char *section, const char *key, const char *value)
{
    struct reader *reader = context;
    if (!reader->good)
        return 0;
    if (reader->piece)
        return append_value(reader, value);
    if (!finish_assignment(reader))
        return 0;
    if (strlen(section) >= sizeof reader->section || strlen(key) >= sizeof reader->key) {
        reader->good = error_set(reader->error, ERROR_USAGE, "%s:%d: unknown key [%.40s] %.40s%s",
                                 reader->experiment->source, reader->line, section, key, no_experiment(reader));
        return 0;
    }
    strcpy(reader->section, section);
    strcpy(reader->key, key);
    reader->value[0] = '\0';
    reader->value_line = reader->line;
    return append_value(reader, value);
}

static bool check_line_lengths(const char *text, const char *path, struct error *error)
{
    int line = 1;
    for (const char *at = text; *at; line++) {
        size_t length = strcspn(at, "\n");
        if (length > LINE_BYTES_MAX)
            return error_set(error, ERROR_USAGE, "%s:%d: line longer than %d bytes", path, line, LINE_BYTES_MAX);
        at += length + (at[length] == '\n');
    }
    return true;
}

/* The file's line of the n-th line or piece that inih was handed. */
static int line_of(const char *text, int n)
{
    struct reader reader = {.at = text};
    char line[PIECE_ROOM];
    while (n-- > 0 && read_line(line, sizeof line, &reader))
        ;
    return reader.line;
}

static bool parse_text(struct experiment *experiment, const char *text, const char *folder, struct error *error)
{
    struct reader reader = {.experiment = experiment, .at = text, .error = error, .good = true};
    reader.folder = mem_string(folder);
    int fault = ini_parse_stream(read_line, &reader, take_assignment, &reader);
    if (reader.good)
        finish_assignment(&reader);
    if (reader.good && fault)
        reader.good = error_set(error, ERROR_USAGE, "%s:%d: neither [section], key = value nor a comment%s",
                                experiment->source, line_of(text, fault), no_experiment(&reader));
    mem_free(reader.folder);
    return reader.good;
}

static char *folder_of(const char *path)
{
    size_t length = strlen(path) - strlen(path_base(path));
    return length ? mem_format("%.*s", (int)length, path) : mem_string("");
}

bool experiment_load(struct experiment *experiment, const char *path, struct error *error)
{
    char *text = file_read_lines(path, FILE_BYTES_MAX, error);
    if (!text) {
        error->kind = ERROR_USAGE;
        return false;
    }
    struct experiment loaded;
    experiment_init(&loaded);
    bool good = strlen(path) < sizeof loaded.source || error_set(error, ERROR_USAGE, "%s: path too long", path);
    if (good) {
        strcpy(loaded.source, path);
        char *folder = folder_of(path);
        good = check_line_lengths(text, path, error) && parse_text(&loaded, text, folder, error);
        mem_free(folder);
    }
    if (good)
        *experiment = loaded;
    mem_free(text);
    return good;
}

bool experiment_load_run(struct experiment *experiment, const char *run, struct error *error)
{
    struct rundir_summary summary;
    char *path = path_join(run, "experiment.ini");
    bool good = experiment_load(experiment, path, error) && rundir_summarise(run, &summary, error);
    mem_free(path);
    if (!good)
        return false;
    if (summary.epochs > 0) /* else it was not told yet */
        experiment->train.epochs = summary.epochs;
    rundir_summary_finish(&summary);
    return true;
}

bool experiment_parse(struct experiment *experiment, const char *text, struct error *error)
{
    struct experiment parsed;
    experiment_init(&parsed);
    bool good = check_line_lengths(text, "experiment", error) && parse_text(&parsed, text, "", error);
    if (good)
        *experiment = parsed;
    return good;
}

/* --- the resolved copy --- */

static char *absolute_value(const struct experiment_key *key, const struct experiment *experiment)
{
    char *value = experiment_key_print(key, experiment);
    if (key->type != EXPERIMENT_PATH || !experiment_is_path(value) || value[0] == '/' ||
        experiment_is_weights_name(key, value))
        return value;
    char *path = path_whole(value);
    mem_free(value);
    return path;
}

char *experiment_text(const struct experiment *experiment)
{
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    char *text = mem_string("");
    for (size_t i = 0; i <= count; i++) {
        /* [thaw] stands behind [freeze], where a reader looks for it. */
        bool section_ends = i > 0 && (i == count || strcmp(keys[i].section, keys[i - 1].section) != 0);
        for (int t = 0; section_ends && strcmp(keys[i - 1].section, "freeze") == 0 && t < experiment->thaws; t++) {
            char *value = thaw_text(&experiment->thaw[t]);
            char *longer =
                mem_format("%s%sepoch %d = %s\n", text, t ? "" : "\n[thaw]\n", experiment->thaw[t].epoch, value);
            mem_free(text);
            mem_free(value);
            text = longer;
        }
        if (i == count)
            break;
        bool begins = i == 0 || section_ends;
        char *value = absolute_value(&keys[i], experiment);
        char *longer = mem_format("%s%s%s%s%s%s = %s\n", text, begins && i ? "\n" : "", begins ? "[" : "",
                                  begins ? keys[i].section : "", begins ? "]\n" : "", keys[i].key, value);
        mem_free(text);
        mem_free(value);
        text = longer;
    }
    return text;
}

/* --- contradictions --- */

bool experiment_check(const struct experiment *experiment, struct error *error)
{
    const struct experiment *e = experiment;
    double fraction;
    if (!e->data.path[0])
        return error_set(error, ERROR_USAGE, "data.path is not set: which images to train on");
    if (!e->model.name[0] && experiment_is_scratch(e))
        return error_set(error, ERROR_USAGE, "neither model.name nor model.weights is set: what to train");
    if (strcmp(e->model.head, "linear") != 0)
        return error_set(error, ERROR_USAGE, "model.head = %s: not one of linear", e->model.head);
    struct preprocess unused = {.channels = 3};
    if (!preprocess_parse(&unused, e->model.preprocess, error))
        return error_wrap(error, "model.preprocess");
    if (e->freeze.upto[0] && e->freeze.frozen[0])
        return error_set(error, ERROR_USAGE, "freeze.upto and freeze.frozen are both set: keep one of them");
    if (experiment_parse_real(e->data.val, &fraction) && (fraction <= 0 || fraction >= 1))
        return error_set(error, ERROR_USAGE, "data.val = %s: a fraction must be between 0 and 1", e->data.val);
    if (e->data.folds > 0 && (e->data.folds < 2 || e->data.fold < 1 || e->data.fold > e->data.folds))
        return error_set(error, ERROR_USAGE, "data.fold = %d: one from 1 to data.folds, which is %d, of 2 or more",
                         e->data.fold, e->data.folds);
    if (e->data.folds > 0 && e->data.val[0])
        return error_set(error, ERROR_USAGE, "data.folds and data.val are both set: keep one of them");
    if (e->data.views > 0 && e->data.augment == AUGMENT_NONE)
        return error_set(error, ERROR_USAGE, "data.views = %d without data.augment: every view would be the same",
                         e->data.views);
    if (e->train.lr <= 0)
        return error_set(error, ERROR_USAGE, "train.lr = 0: nothing would move");
    if (e->train.warmup > e->train.epochs)
        return error_set(error, ERROR_USAGE, "train.warmup = %g is longer than train.epochs = %d", e->train.warmup,
                         e->train.epochs);
    for (int i = 0; i < e->thaws; i++)
        if (e->thaw[i].epoch > e->train.epochs)
            return error_set(error, ERROR_USAGE, "[thaw] epoch %d lies behind the last epoch, train.epochs = %d",
                             e->thaw[i].epoch, e->train.epochs);
    return true;
}
