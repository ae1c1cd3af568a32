/* A scripted session: implements all of session.h with fixed data and a run whose curves advance with session_pump.
 * Nothing depends on the clock, the machine or files, so that what screens draw from it can be compared with golden
 * text. Linked into the screen tests in place of the engine's. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_session.h"
#include "thaw/base/mem.h"

enum { POINTS_MAX = 20000, NOTES_MAX = 64, UNDO_MAX = 32, CLASSES = 10, SETTINGS = 12, RUNS = 4 };

struct session {
    int pipe[2];
    bool empty;
    long model;
    struct session_layer layer[FAKE_LAYERS_MAX];
    unsigned present[FAKE_LAYERS_MAX], fixed[FAKE_LAYERS_MAX];
    size_t layers;
    unsigned undo[UNDO_MAX][FAKE_LAYERS_MAX];
    int undos;
    bool has_data;
    char data_path[256];
    struct session_setting setting[SETTINGS];
    struct session_status status;
    struct session_point *curve[SESSION_CURVES];
    size_t points[SESSION_CURVES];
    struct session_note note[NOTES_MAX];
    size_t notes;
    int steps;
    bool stopping, break_proof, finish;
    unsigned confusion[CLASSES * CLASSES];
    struct session_results results;
};

static const struct session_model models[] = {
    {"resnet20 american signs", "resnet20", "ResNet (CIFAR)", "ResNet-20, trained on 12 American road signs",
     "/data/samples/resnet20-american.safetensors", "safetensors", "32x32x3", 12, 270000, 40.8e6, 551000},
    {"resnet20 cifar10", "resnet20", "ResNet (CIFAR)", "ResNet-20, trained on CIFAR-10",
     "/data/weights/cifar_resnet20.th", "torch", "32x32x3", 10, 269722, 40.8e6, 1101000},
    {"resnet18", "resnet18", "ResNet", "ResNet-18, from scratch", "", "", "224x224x3", 0, 11689512, 1814e6, 0},
    {"resnet50", "resnet50", "ResNet", "ResNet-50, from scratch", "", "", "224x224x3", 0, 25557032, 4089e6, 0},
    {"vgg16_bn", "vgg16_bn", "VGG", "VGG-16 with batch norm, from scratch", "", "", "224x224x3", 0, 138365992, 15470e6,
     0},
    {"vgg_slim american signs", "vgg_slim", "VGG", "slim VGG, trained on 12 American road signs",
     "/data/samples/vgg_slim-american.safetensors", "safetensors", "32x32x3", 12, 594000, 62.1e6, 1190000},
    {"mobilenet_v1_0.25", "mobilenet_v1_0.25", "MobileNet", "MobileNet v1, alpha 0.25, trained on ImageNet",
     "/data/weights/mobilenet_v1_0.25_224.safetensors", "safetensors", "224x224x3", 1000, 475544, 41.0e6, 1902176},
};

static const char *const class_names[CLASSES] = {
    "stop",       "give way",  "no entry",    "speed limit 30", "speed limit 50",
    "no parking", "left turn", "men at work", "level crossing", "pedestrian crossing ahead"};
static const struct session_class class_rows[CLASSES] = {
    {"stop", 10, 50},           {"give way", 10, 50},
    {"no entry", 9, 50},        {"speed limit 30", 10, 50},
    {"speed limit 50", 10, 50}, {"no parking", 4, 50},
    {"left turn", 10, 48},      {"men at work", 10, 50},
    {"level crossing", 10, 50}, {"pedestrian crossing ahead", 10, 50}};
static const struct session_bad bad_rows[] = {
    {"/data/samples/indian/train/no entry/0007.png", "truncated: ends in the middle of a chunk"},
    {"/data/samples/indian/train/stop/notes.txt", "not an image"},
    {"/data/samples/indian/val/left turn/0031.png", "empty file"},
    {"/data/samples/indian/val/left turn/0044.jpg", "70000x70000 pixels: more than the limit of 178956970"},
};
static const char *const places[] = {"/data/samples/indian", "/data/samples/american", "/home/user/photos/hymenoptera"};

static const struct session_run run_rows[RUNS] = {
    {"/data/runs/20261120-0912-indian-head", "indian-head", "resnet20 american signs", "/data/samples/indian",
     1795165920, 9.4, 20, 20, 0.936, 0.934, 650, 269066, "finished"},
    {"/data/runs/20261120-0930-indian-scratch", "indian-scratch", "resnet20", "/data/samples/indian", 1795167000, 58,
     20, 20, 0.612, 0.604, 269716, 0, "finished"},
    {"/data/runs/20261121-1405-ants-bees", "ants-bees", "mobilenet_v1_0.25", "/home/user/photos/hymenoptera",
     1795269900, 33, 7, 15, 0.915, 0.902, 514, 475544, "stopped"},
    {"/data/runs/20261121-1411-vgg-american", "vgg-american", "vgg_slim american signs", "/data/samples/american",
     1795270260, 412.5, 3, 30, -1, -1, 594000, 0, "broken off"},
};

/* --- life and wake-ups --- */

static void set_setting(struct session_setting *setting, const char *key, const char *value, const char *values,
                        const char *help)
{
    snprintf(setting->key, sizeof(setting->key), "%s", key);
    snprintf(setting->value, sizeof(setting->value), "%s", value);
    setting->values = values;
    setting->help = help;
}

static void init_settings(struct session_setting *s)
{
    set_setting(s++, "train.epochs", "20", "epochs", "times through the training images");
    set_setting(s++, "train.batch", "32", "images", "images in a step");
    set_setting(s++, "train.optimizer", "nesterov", "sgd | nesterov | adamw", "how gradients become updates");
    set_setting(s++, "train.lr", "0.05", "number", "learning rate at its highest");
    set_setting(s++, "train.schedule", "cosine", "constant | step | cosine", "how the learning rate changes");
    set_setting(s++, "train.warmup", "1", "epochs", "the learning rate climbs to its height over these");
    set_setting(s++, "train.weight_decay", "0.0005", "number", "pull of the weights towards zero");
    set_setting(s++, "train.label_smoothing", "0", "0 .. 1", "share of each target given to the other classes");
    set_setting(s++, "train.early_stop", "0", "epochs", "stop after so many epochs without a better one; 0: never");
    set_setting(s++, "data.augment", "light", "none | light | standard", "random changes to training images");
    set_setting(s++, "train.seed", "1", "number", "the same seed gives the same run");
    set_setting(s++, "run.name", "indian", "text", "part of the run's folder name");
}

struct session *session_create(const struct session_options *options, struct error *error)
{
    (void)options;
    struct session *session = mem_alloc(sizeof(*session));
    if (pipe(session->pipe) != 0) {
        error_set(error, ERROR_FAILED, "no pipe");
        mem_free(session);
        return NULL;
    }
    fcntl(session->pipe[0], F_SETFL, O_NONBLOCK);
    session->model = -1;
    session->steps = 1;
    for (int c = 0; c < SESSION_CURVES; c++)
        session->curve[c] = mem_array(POINTS_MAX, sizeof(struct session_point));
    init_settings(session->setting);
    session->status.val_accuracy = session->status.best_accuracy = session->status.accuracy = -1;
    session->status.remaining = -1;
    return session;
}

void session_destroy(struct session *session)
{
    if (session == NULL)
        return;
    close(session->pipe[0]);
    close(session->pipe[1]);
    for (int c = 0; c < SESSION_CURVES; c++)
        mem_free(session->curve[c]);
    mem_free(session);
}

int session_wake_fd(const struct session *session)
{
    return session->pipe[0];
}

void fake_session_steps(struct session *session, int steps)
{
    session->steps = steps;
}

void fake_session_empty(struct session *session)
{
    session->empty = true;
    session->model = -1;
    session->has_data = false;
}

/* --- models --- */

size_t session_models(const struct session *session, const struct session_model **rows)
{
    *rows = models;
    return session->empty ? 0 : THAW_LENGTH(models);
}

void session_rescan_models(struct session *session)
{
    session->empty = false;
}

static void update_marks(struct session *session);

static void build_layers(struct session *session)
{
    session->layers = fake_layers_make(models[session->model].arch, session->has_data ? CLASSES : 12, session->layer,
                                       session->present);
    for (size_t i = 0; i < session->layers; i++)
        session->fixed[i] =
            session->layer[i].in_head || models[session->model].weights[0] == '\0' ? 0 : session->present[i];
    session->undos = 0;
    update_marks(session);
}

bool session_choose_model(struct session *session, size_t row, struct error *error)
{
    if (row == 3)
        return error_set(error, ERROR_WEIGHTS,
                         "resnet50.safetensors: tensor layer1.0.conv1.weight has shape 64x64x3x3, 64x64x1x1 wanted");
    session->model = (long)row;
    build_layers(session);
    return true;
}

bool session_choose_model_file(struct session *session, const char *path, struct error *error)
{
    for (size_t i = 0; i < THAW_LENGTH(models); i++)
        if (strcmp(models[i].weights, path) == 0 || strcmp(models[i].name, path) == 0)
            return session_choose_model(session, i, error);
    return error_set(error, ERROR_WEIGHTS, "%s: no such file, and no architecture of that name", path);
}

long session_chosen_model(const struct session *session)
{
    return session->model;
}

size_t session_matches(const struct session *session, const struct session_match **rows)
{
    static const struct session_match match[] = {
        {"conv1.weight", "loaded", ""},
        {"bn1.weight", "loaded", ""},
        {"bn1.bias", "loaded", ""},
        {"layer1.0.conv1.weight", "converted", "f16 -> f32"},
        {"layer2.0.conv1.weight", "converted", "f16 -> f32"},
        {"layer3.0.conv1.weight", "converted", "f16 -> f32"},
        {"fc.weight", "reshaped", "12x64 in the file, 10x64 wanted"},
        {"fc.bias", "reshaped", "12 in the file, 10 wanted"},
        {"bn1.num_batches_tracked", "ignored", ""},
    };
    *rows = match;
    return session->model < 0 || models[session->model].weights[0] == '\0' ? 0 : THAW_LENGTH(match);
}

/* --- layers --- */

static enum session_mark mark_of(unsigned present, unsigned fixed, unsigned which)
{
    present &= which;
    fixed &= present;
    if (present == 0)
        return SESSION_MARK_NONE;
    return fixed == present ? SESSION_MARK_FROZEN : fixed == 0 ? SESSION_MARK_THAWED : SESSION_MARK_PARTLY;
}

static enum session_mark mark_join(enum session_mark a, enum session_mark b)
{
    if (a == SESSION_MARK_NONE || a == b)
        return b;
    return b == SESSION_MARK_NONE ? a : SESSION_MARK_PARTLY;
}

static bool is_live(const struct session *session)
{
    return session->status.phase >= SESSION_PREPARING && session->status.phase <= SESSION_VALIDATING;
}

static void update_marks(struct session *session)
{
    struct session_layer *stage = NULL;
    for (size_t i = 0; i < session->layers; i++) {
        struct session_layer *row = &session->layer[i];
        unsigned present = session->present[i], fixed = session->fixed[i];
        if (row->is_stage) {
            stage = row;
            row->weights = row->affine = row->statistics = row->dropout = row->all = SESSION_MARK_NONE;
            row->update_ratio = -1;
            continue;
        }
        row->weights = mark_of(present, fixed, SESSION_WEIGHTS);
        row->affine = mark_of(present, fixed, SESSION_AFFINE);
        row->statistics = mark_of(present, fixed, SESSION_STATISTICS);
        row->dropout = mark_of(present, fixed, SESSION_DROPOUT);
        row->all = mark_of(present, fixed, SESSION_ALL);
        bool moves = is_live(session) && session->status.step > 0 && row->params > 0 &&
                     (row->weights == SESSION_MARK_THAWED || row->affine == SESSION_MARK_THAWED);
        row->update_ratio = moves ? (float)pow(10, -1.5 - 0.35 * (double)(session->layers - i) / 6) : -1;
        stage->weights = mark_join(stage->weights, row->weights);
        stage->affine = mark_join(stage->affine, row->affine);
        stage->statistics = mark_join(stage->statistics, row->statistics);
        stage->dropout = mark_join(stage->dropout, row->dropout);
        stage->all = mark_join(stage->all, row->all);
        stage->update_ratio = fmaxf(stage->update_ratio, row->update_ratio);
    }
}

size_t session_layers(const struct session *session, const struct session_layer **layers)
{
    *layers = session->layer;
    return session->model < 0 ? 0 : session->layers;
}

void session_freeze_counts(const struct session *session, struct session_freeze_counts *counts)
{
    memset(counts, 0, sizeof(*counts));
    bool above = false;
    for (size_t i = 0; session->model >= 0 && i < session->layers; i++) {
        const struct session_layer *row = &session->layer[i];
        if (row->is_stage)
            continue;
        bool moves = row->weights == SESSION_MARK_THAWED || row->affine == SESSION_MARK_THAWED;
        *(moves ? &counts->trainable : &counts->frozen) += row->params;
        if (row->all == SESSION_MARK_THAWED || row->all == SESSION_MARK_PARTLY)
            counts->layers_trainable++;
        else if (row->all == SESSION_MARK_FROZEN)
            counts->layers_frozen++;
        counts->macs_forward += row->macs;
        counts->macs_backward += moves ? (above ? 2 : 1) * row->macs : above ? row->macs : 0;
        above = above || moves;
        counts->train_bytes += 4 * row->params + (above ? 64 : 8) * row->activation_bytes;
    }
    if (session->has_data)
        counts->seconds_epoch = 93 * (counts->macs_forward + counts->macs_backward) / 40e9 + 0.1;
}

static void push_undo(struct session *session)
{
    if (session->undos == UNDO_MAX) {
        memmove(session->undo[0], session->undo[1], sizeof(session->undo[0]) * (UNDO_MAX - 1));
        session->undos--;
    }
    memcpy(session->undo[session->undos++], session->fixed, sizeof(session->fixed));
}

static void add_note(struct session *session, enum event_kind kind, const char *text)
{
    if (session->notes == NOTES_MAX)
        return;
    struct session_note *note = &session->note[session->notes++];
    note->x = (double)session->status.step / FAKE_STEPS_EPOCH;
    note->kind = kind;
    snprintf(note->text, sizeof(note->text), "%s", text);
}

static void note_freeze(struct session *session, bool frozen, const char *what)
{
    char text[128];
    if (!is_live(session))
        return;
    snprintf(text, sizeof(text), "%s %s", frozen ? "froze" : "thawed", what);
    add_note(session, EVENT_THAW, text);
}

static size_t row_end(const struct session *session, size_t row)
{
    size_t end = row + 1;
    while (session->layer[row].is_stage && end < session->layers && !session->layer[end].is_stage)
        end++;
    return end;
}

bool session_toggle_freeze(struct session *session, size_t row, unsigned marks, struct error *error)
{
    if ((session->present[row] & marks) == 0)
        return error_set(error, ERROR_USAGE, "%s has nothing of that kind to freeze", session->layer[row].name);
    bool all = true;
    for (size_t i = row; i < row_end(session, row); i++)
        if (!session->layer[i].is_stage && (session->present[i] & marks & ~session->fixed[i]) != 0)
            all = false;
    push_undo(session);
    for (size_t i = row; i < row_end(session, row); i++)
        session->fixed[i] = all ? session->fixed[i] & ~marks : session->fixed[i] | (session->present[i] & marks);
    note_freeze(session, !all, session->layer[row].name);
    update_marks(session);
    return true;
}

bool session_freeze_upto(struct session *session, size_t row, struct error *error)
{
    (void)error;
    push_undo(session);
    for (size_t i = 0; i < session->layers; i++)
        session->fixed[i] = i < row_end(session, row) ? session->present[i] : 0;
    note_freeze(session, true, session->layer[row].name);
    update_marks(session);
    return true;
}

static bool matches(const char *pattern, const char *name)
{
    size_t length = strlen(pattern);
    if (length > 0 && pattern[length - 1] == '*')
        return strncmp(pattern, name, length - 1) == 0;
    return strcmp(pattern, name) == 0;
}

bool session_freeze_match(struct session *session, const char *patterns, bool frozen, struct error *error)
{
    bool any = false;
    for (size_t i = 0; i < session->layers; i++)
        any = any || matches(patterns, session->layer[i].name);
    if (!any)
        return error_set(error, ERROR_USAGE, "no layer matches \"%s\"; nearest: layer1, layer2", patterns);
    push_undo(session);
    for (size_t i = 0; i < session->layers; i++)
        for (size_t k = i; matches(patterns, session->layer[i].name) && k < row_end(session, i); k++)
            session->fixed[k] = frozen ? session->present[k] : 0;
    note_freeze(session, frozen, patterns);
    update_marks(session);
    return true;
}

bool session_undo_freeze(struct session *session)
{
    if (session->undos == 0)
        return false;
    memcpy(session->fixed, session->undo[--session->undos], sizeof(session->fixed));
    update_marks(session);
    return true;
}

/* --- data --- */

const struct session_data *session_data(const struct session *session)
{
    static struct session_data data = {"/data/samples/indian", class_rows, CLASSES, 93, 498, bad_rows, 4, true};
    return session->has_data ? &data : NULL;
}

bool session_choose_data(struct session *session, const char *path, struct error *error)
{
    for (size_t i = 0; i < THAW_LENGTH(places); i++)
        if (strcmp(path, places[i]) == 0)
            session->has_data = true;
    if (!session->has_data || path[0] != '/')
        return error_set(error, ERROR_DATA, "%s: no such folder", path);
    snprintf(session->data_path, sizeof(session->data_path), "%s", path);
    if (session->model >= 0)
        build_layers(session);
    return true;
}

size_t session_data_places(const struct session *session, const char *const **paths)
{
    *paths = places;
    return session->empty ? 0 : THAW_LENGTH(places);
}

bool session_preview(struct session *session, bool val, int label, size_t number, int *width, int *height,
                     uint8_t **rgb, char *path, size_t path_room, struct error *error)
{
    const struct session_class *row = &class_rows[label];
    if (!session->has_data || number >= (val ? row->val : row->train))
        return error_set(error, ERROR_DATA, "no image of that number");
    *width = *height = 32;
    *rgb = mem_alloc(32 * 32 * 3);
    for (int y = 0; y < 32; y++) {
        for (int x = 0; x < 32; x++) {
            uint8_t *pixel = *rgb + 3 * (y * 32 + x);
            bool inside = (x - 16) * (x - 16) + (y - 16) * (y - 16) < 120;
            pixel[0] = (uint8_t)(inside ? 250 - 20 * (label % 5) : 4 * x);
            pixel[1] = (uint8_t)(inside ? 250 : 4 * y);
            pixel[2] = (uint8_t)(inside ? 250 : (40 + 13 * (int)number) % 256);
        }
    }
    snprintf(path, path_room, "/data/samples/indian/%s/%s/%04zu.png", val ? "val" : "train", row->name, number);
    return true;
}

/* --- settings --- */

size_t session_settings(const struct session *session, const struct session_setting **settings)
{
    *settings = session->setting;
    return SETTINGS;
}

bool session_set(struct session *session, const char *assignment, struct error *error)
{
    const char *equals = strchr(assignment, '=');
    for (int i = 0; equals != NULL && i < SETTINGS; i++) {
        struct session_setting *setting = &session->setting[i];
        if (strncmp(setting->key, assignment, (size_t)(equals - assignment)) != 0)
            continue;
        char *end = NULL;
        strtod(equals + 1, &end);
        bool number = strchr("0123456789", setting->value[0]) != NULL;
        if (number && (end == equals + 1 || *end != '\0'))
            return error_set(error, ERROR_USAGE, "%s: \"%s\" is not a number", setting->key, equals + 1);
        snprintf(setting->value, sizeof(setting->value), "%s", equals + 1);
        return true;
    }
    return error_set(error, ERROR_USAGE, "%s: no such setting", assignment);
}

bool session_load_experiment(struct session *session, const char *path, struct error *error)
{
    (void)session;
    return error_set(error, ERROR_USAGE, "%s: no such file", path);
}

/* --- the run --- */

static void add_point(struct session *session, enum session_curve curve, double y)
{
    if (session->points[curve] < POINTS_MAX)
        session->curve[curve][session->points[curve]++] =
            (struct session_point){(double)session->status.step / FAKE_STEPS_EPOCH, y};
}

static double noise(uint64_t step)
{
    uint64_t h = step * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
    return (double)(h >> 40) / (double)(1 << 24) - 0.5;
}

static void fill_results(struct session *session, double accuracy)
{
    unsigned *cell = session->confusion;
    session->results = (struct session_results){CLASSES, class_names, cell, 0, 0};
    for (int t = 0; t < CLASSES; t++) {
        unsigned total = (unsigned)class_rows[t].val;
        unsigned right = (unsigned)lround(total * fmin(1, accuracy + 0.06 * noise((uint64_t)t + 3)));
        memset(cell + t * CLASSES, 0, sizeof(*cell) * CLASSES);
        cell[t * CLASSES + t] = right;
        cell[t * CLASSES + (t + 1) % CLASSES] += (total - right + 1) / 2;
        cell[t * CLASSES + (t * 3 + 4) % CLASSES] += (total - right) / 2;
        session->results.images += total;
        session->results.correct += cell[t * CLASSES + t];
    }
}

static void end_epoch(struct session *session)
{
    struct session_status *status = &session->status;
    double e = status->epoch;
    status->val_loss = 0.25 + 1.9 * exp(-e / 4) + 0.06 * noise(status->step + 7);
    status->val_accuracy = 0.94 - 0.78 * exp(-e / 3.5) + 0.02 * noise(status->step + 11);
    add_point(session, SESSION_VAL_LOSS, status->val_loss);
    add_point(session, SESSION_VAL_ACCURACY, status->val_accuracy);
    if (status->val_accuracy > status->best_accuracy) {
        status->best_accuracy = status->val_accuracy;
        status->best_epoch = status->epoch;
        char text[64];
        snprintf(text, sizeof(text), "best %.1f %%", 100 * status->best_accuracy);
        add_note(session, EVENT_EVAL, text);
    }
    fill_results(session, status->val_accuracy);
    if (status->epoch >= status->epochs) {
        status->phase = SESSION_DONE;
        add_note(session, EVENT_DONE, "finished");
    }
}

static void make_step(struct session *session)
{
    struct session_status *status = &session->status;
    status->phase = SESSION_RUNNING;
    status->step++;
    double e = (double)status->step / FAKE_STEPS_EPOCH;
    status->epoch = (int)((status->step - 1) / FAKE_STEPS_EPOCH) + 1;
    status->batch = (int)((status->step - 1) % FAKE_STEPS_EPOCH) + 1;
    status->loss = 0.12 + 2.2 * exp(-e / 3) + 0.3 * noise(status->step) * exp(-e / 6);
    status->accuracy = fmin(1, fmax(0, 0.97 - 0.85 * exp(-e / 3) + 0.2 * noise(status->step + 99)));
    status->elapsed = 0.5 * (double)status->step;
    status->remaining = 0.5 * (status->epochs * FAKE_STEPS_EPOCH - (double)status->step);
    status->images_per_second = 412 + 40 * noise(status->step + 5);
    status->proof_tensors = 62;
    status->proof_held = !session->break_proof;
    add_point(session, SESSION_TRAIN_LOSS, status->loss);
    add_point(session, SESSION_TRAIN_ACCURACY, status->accuracy);
    add_point(session, SESSION_LR, status->lr);
    if (status->batch == FAKE_STEPS_EPOCH)
        end_epoch(session);
}

size_t session_pump(struct session *session)
{
    struct session_status *status = &session->status;
    size_t made = 0;
    bool may = status->phase == SESSION_PREPARING || status->phase == SESSION_RUNNING;
    for (int i = 0; may && i < session->steps && status->phase != SESSION_DONE; i++, made++)
        make_step(session);
    if (session->finish || (session->stopping && is_live(session))) {
        status->phase = SESSION_DONE;
        status->remaining = -1;
        add_note(session, EVENT_DONE, session->finish ? "finished" : "stopped by hand");
        session->stopping = session->finish = false;
        made++;
    }
    struct session_freeze_counts counts;
    session_freeze_counts(session, &counts);
    status->trainable = counts.trainable;
    status->frozen = counts.frozen;
    update_marks(session);
    return made;
}

void session_status(struct session *session, struct session_status *status)
{
    *status = session->status;
}

static void reset_run(struct session *session)
{
    memset(session->points, 0, sizeof(session->points));
    session->notes = 0;
    session->results.classes = 0;
    struct session_status *status = &session->status;
    memset(status, 0, sizeof(*status));
    status->accuracy = status->val_accuracy = status->best_accuracy = status->remaining = -1;
}

bool session_start(struct session *session, struct error *error)
{
    if (session->model < 0)
        return error_set(error, ERROR_USAGE, "no model chosen");
    if (!session->has_data)
        return error_set(error, ERROR_USAGE, "no data chosen");
    if (is_live(session))
        return error_set(error, ERROR_USAGE, "a run is training already");
    reset_run(session);
    struct session_status *status = &session->status;
    status->phase = SESSION_PREPARING;
    snprintf(status->run, sizeof(status->run), "/data/runs/20261123-1000-%s", session->setting[SETTINGS - 1].value);
    snprintf(status->model, sizeof(status->model), "%s", models[session->model].name);
    snprintf(status->data, sizeof(status->data), "%s", session->data_path);
    status->epochs = atoi(session->setting[0].value);
    status->batches = FAKE_STEPS_EPOCH;
    status->epoch = 1;
    status->lr = atof(session->setting[3].value);
    return true;
}

void session_pause(struct session *session, bool paused)
{
    if (is_live(session)) {
        session->status.phase = paused ? SESSION_PAUSED : SESSION_RUNNING;
        add_note(session, EVENT_PAUSE, paused ? "paused" : "continued");
    }
}

void session_stop(struct session *session)
{
    session->stopping = true;
}

void session_save(struct session *session)
{
    add_note(session, EVENT_CHECKPOINT, "saved by hand");
}

void session_set_lr(struct session *session, double lr)
{
    char text[64];
    snprintf(text, sizeof(text), "lr %g -> %g", session->status.lr, lr);
    session->status.lr = lr;
    add_note(session, EVENT_LR, text);
}

void fake_session_fail(struct session *session, const char *sentence)
{
    session->status.phase = SESSION_FAILED;
    error_set(&session->status.error, ERROR_FAILED, "%s", sentence);
}

void fake_session_break_proof(struct session *session)
{
    session->break_proof = true;
}

void fake_session_finish_run(struct session *session)
{
    session->finish = true;
}

size_t session_curve(const struct session *session, enum session_curve curve, const struct session_point **points)
{
    *points = session->curve[curve];
    return session->points[curve];
}

size_t session_notes(const struct session *session, const struct session_note **notes)
{
    *notes = session->note;
    return session->notes;
}

const struct session_results *session_results(struct session *session)
{
    return session->results.classes > 0 ? &session->results : NULL;
}

/* --- runs --- */

size_t session_runs(struct session *session, const struct session_run **runs)
{
    *runs = run_rows;
    return session->empty ? 0 : RUNS;
}

bool session_open_run(struct session *session, const char *path, struct error *error)
{
    size_t row = 0;
    while (row < RUNS && strcmp(run_rows[row].path, path) != 0)
        row++;
    if (row == RUNS)
        return error_set(error, ERROR_FAILED, "%s: not a run directory", path);
    if (is_live(session))
        return error_set(error, ERROR_USAGE, "a run is training; stop it first");
    reset_run(session);
    struct session_status *status = &session->status;
    snprintf(status->run, sizeof(status->run), "%s", path);
    snprintf(status->model, sizeof(status->model), "%s", run_rows[row].model);
    snprintf(status->data, sizeof(status->data), "%s", run_rows[row].data);
    status->epochs = run_rows[row].epochs;
    status->batches = FAKE_STEPS_EPOCH;
    status->lr = 0.05;
    for (int i = 0; i < run_rows[row].epochs_done * FAKE_STEPS_EPOCH; i++)
        make_step(session);
    status->phase = SESSION_RECORDED;
    status->elapsed = run_rows[row].seconds;
    status->remaining = -1;
    return true;
}
