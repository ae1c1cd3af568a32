/* A scripted session: implements session.h with fixed data; its runs, which advance with session_pump, are in fake_run.c.
 * Nothing depends on the clock, the machine or files, so that what screens draw from it can be compared with golden
 * text. Linked into the screen tests in place of the engine's. */
#include "config.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_state.h"
#include "thaw/base/mem.h"

const char *const fake_class_names[FAKE_CLASSES] = {
    "stop",       "give way",  "no entry",    "speed limit 30", "speed limit 50",
    "no parking", "left turn", "men at work", "level crossing", "pedestrian crossing ahead"};
const struct session_class fake_classes[FAKE_CLASSES] = {
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

/* --- life and wake-ups --- */

static void set_value(struct session_setting *setting, const char *value)
{
    char *text = mem_string(value);
    mem_free((char *)setting->value);
    setting->value = text;
}

static void set_setting(struct session_setting *setting, const char *key, const char *value, const char *values,
                        const char *help)
{
    snprintf(setting->key, sizeof setting->key, "%s", key);
    set_value(setting, value);
    setting->values = values;
    setting->help = help;
    setting->choice = strstr(values, " | ") != NULL;
    setting->path = strcmp(values, "folder") == 0;
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
    set_setting(s++, "data.path", "/data/samples/indian", "folder", "images, one folder a class");
    set_setting(s++, "run.name", "indian", "text", "part of the run's folder name");
    set_setting(s++, "thaw.epoch", "", "N layers [@ lr*F]", "adds a thaw");
}

struct session *session_create(const struct session_options *options, struct error *error)
{
    (void)options;
    struct session *session = mem_alloc(sizeof *session);
    if (pipe(session->pipe) != 0) {
        error_set(error, ERROR_FAILED, "no pipe");
        mem_free(session);
        return NULL;
    }
    fcntl(session->pipe[0], F_SETFL, O_NONBLOCK);
    session->model = -1;
    session->timing = -1;
    session->model_column = SESSION_MODEL_COLUMNS;
    session->steps = 1;
    session->shown = -1;
    for (int c = 0; c < SESSION_CURVES; c++)
        session->curve[c] = mem_array(POINTS_MAX, sizeof(struct story_point));
    init_settings(session->setting);
    fake_init_runs(session);
    fake_own_runs(session);
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
    for (size_t i = 0; i < THAW_LENGTH(session->setting); i++)
        mem_free((char *)session->setting[i].value);
    mem_free(session->judged);
    mem_free(session->judged_path);
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

void fake_session_fail_pull(struct session *session)
{
    session->pull_fails = true;
}

void fake_session_catalog_fault(struct session *session)
{
    session->catalog_fault = true;
}

void fake_session_opening(struct session *session, const char *what)
{
    session->opened = what == NULL;
    session->opening = what;
}

const char *session_opening(const struct session *session)
{
    return session->opening;
}

const struct error *session_opening_fault(const struct session *session)
{
    (void)session;
    return NULL;
}

void fake_session_empty(struct session *session)
{
    session->empty = true;
    session->model = -1;
    session->has_data = false;
}

/* The rows of the chosen model, frozen as a fresh choice is. */
void fake_build_layers(struct session *session)
{
    session->layers = fake_layers_make(fake_models[session->model].arch, session->has_data ? FAKE_CLASSES : 12,
                                       session->layer, session->present);
    for (size_t i = 0; i < session->layers; i++)
        session->fixed[i] =
            session->layer[i].in_head || fake_models[session->model].weights[0] == '\0' ? 0 : session->present[i];
    session->undos = 0;
    fake_update_marks(session);
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

void fake_update_marks(struct session *session)
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
        bool moves = fake_is_live(session) && session->status.step > 0 && row->params > 0 &&
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
    bool untold = session->layers_untold && session->subject == SESSION_SHOWN_RUN;
    *layers = session->layer;
    return session->model < 0 || untold ? 0 : session->layers;
}

void session_freeze_counts(const struct session *session, struct session_freeze_counts *counts)
{
    memset(counts, 0, sizeof *counts);
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
    }
}

void session_cost(struct session *session, struct session_cost *cost)
{
    struct session_freeze_counts counts;
    *cost = (struct session_cost){0};
    session_freeze_counts(session, &counts);
    for (size_t i = 0; session->model >= 0 && i < session->layers; i++)
        if (!session->layer[i].is_stage)
            cost->bytes +=
                4 * session->layer[i].params + (counts.frozen > 0 ? 8 : 64) * session->layer[i].activation_bytes;
    if (!session->has_data || session->model < 0 || session->subject == SESSION_SHOWN_RUN)
        return;
    cost->later = 93 * counts.macs_backward / 40e9 + 0.1;
    cost->first = cost->later + 93 * counts.macs_forward / 40e9;
    cost->firsts = 1;
}

static void push_undo(struct session *session)
{
    if (session->undos == UNDO_MAX) {
        memmove(session->undo[0], session->undo[1], sizeof session->undo[0] * (UNDO_MAX - 1));
        session->undos--;
    }
    memcpy(session->undo[session->undos++], session->fixed, sizeof session->fixed);
}

static void note_freeze(struct session *session, bool frozen, const char *what)
{
    char text[128];
    if (!fake_is_live(session))
        return;
    snprintf(text, sizeof text, "%s %s", frozen ? "froze" : "thawed", what);
    fake_note(session, EVENT_THAW, text);
    session->has_notice = session->notice.good = true;
    snprintf(session->notice.text, sizeof session->notice.text, "%s %s", frozen ? "freeze" : "thaw", what);
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
    fake_update_marks(session);
    return true;
}

bool session_freeze_upto(struct session *session, size_t row, struct error *error)
{
    (void)error;
    push_undo(session);
    for (size_t i = 0; i < session->layers; i++)
        session->fixed[i] = i < row_end(session, row) ? session->present[i] : 0;
    note_freeze(session, true, session->layer[row].name);
    fake_update_marks(session);
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
    fake_update_marks(session);
    return true;
}

bool session_undo_freeze(struct session *session, struct error *error)
{
    if (session->undos == 0)
        return error_set(error, ERROR_USAGE, "nothing to undo");
    memcpy(session->fixed, session->undo[--session->undos], sizeof session->fixed);
    fake_update_marks(session);
    return true;
}

/* --- data --- */

const struct session_data *session_data(const struct session *session)
{
    static char *note[] = {"1 class without validation images: left turn"};
    static struct session_data data = {.path = "/data/samples/indian",
                                       .class_row = fake_classes,
                                       .classes = FAKE_CLASSES,
                                       .train = 93,
                                       .val = 498,
                                       .bad = bad_rows,
                                       .bad_count = 4,
                                       .own_validation = true,
                                       .layout = "class folders below train/ and val/",
                                       .note = note,
                                       .notes = THAW_LENGTH(note)};
    data.val = session->no_validation ? 0 : 498;
    return session->has_data ? &data : NULL;
}

bool session_choose_data(struct session *session, const char *path, struct error *error)
{
    bool known = false;
    for (size_t i = 0; i < THAW_LENGTH(places); i++)
        known = known || strcmp(path, places[i]) == 0;
    if (!known)
        return error_set(error, ERROR_DATA, "%s: no such folder", path);
    session->has_data = true;
    snprintf(session->data_path, sizeof session->data_path, "%s", path);
    if (session->model >= 0)
        fake_build_layers(session);
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
    const struct session_class *row = &fake_classes[label];
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

bool session_input(const struct session *session, struct session_input *input, struct error *error)
{
    *input = (struct session_input){.width = 32, .height = 32, .input_width = 24, .input_height = 24};
    if (!session_preview((struct session *)(uintptr_t)session, false, 0, 1, &input->width, &input->height,
                         &input->picture, input->path, sizeof input->path, error))
        return false;
    input->input = mem_alloc(24 * 24 * 3);
    for (int i = 0; i < 24 * 24; i++) { /* the middle, blue first */
        const uint8_t *from = input->picture + 3 * ((i / 24 + 4) * 32 + i % 24 + 4);
        for (int c = 0; c < 3; c++)
            input->input[3 * i + c] = from[2 - c];
    }
    strcpy(input->words, "caffe");
    input->least = -123.68f;
    input->most = 151.061f;
    return true;
}

void session_input_finish(struct session_input *input)
{
    mem_free(input->picture);
    mem_free(input->input);
    *input = (struct session_input){0};
}

/* --- settings --- */

size_t session_settings(const struct session *session, const struct session_setting **settings)
{
    *settings = session->setting;
    return SETTINGS + (size_t)session->thaws + 1;
}

/* "8" and "layer2"; no layers: it is removed. */
static void set_thaw(struct session *session, int epoch, const char *layers)
{
    char key[32];
    int at = 0;
    struct session_setting *row = session->setting + SETTINGS;
    snprintf(key, sizeof key, "thaw.epoch %d", epoch);
    while (at < session->thaws && strcmp(row[at].key, key) != 0)
        at++;
    if (layers[0] && (at < session->thaws || session->thaws < THAWS)) {
        session->thaws += at == session->thaws;
        set_setting(&row[at], key, layers, "layers [@ lr*F]", "thawed at the beginning of that epoch");
    } else if (at < session->thaws) {
        mem_free((char *)row[at].value);
        memmove(row + at, row + at + 1, (size_t)(session->thaws - at) * sizeof *row);
        row[session->thaws--].value = NULL;
    }
    set_setting(&row[session->thaws], "thaw.epoch", "", "N layers [@ lr*F]", "adds a thaw");
}

bool session_set(struct session *session, const char *assignment, struct error *error)
{
    const char *equals = strchr(assignment, '=');
    int epoch, used = 0;
    if (sscanf(assignment, "thaw.epoch=%d %n", &epoch, &used) == 1 && used > 0) {
        set_thaw(session, epoch, assignment + used);
        return true;
    }
    if (sscanf(assignment, "thaw.epoch %d%n", &epoch, &used) == 1 && assignment[used] == '=') {
        set_thaw(session, epoch, assignment + used + 1);
        return true;
    }
    for (int i = 0; equals != NULL && i < SETTINGS; i++) {
        struct session_setting *setting = &session->setting[i];
        if (strncmp(setting->key, assignment, (size_t)(equals - assignment)) != 0)
            continue;
        char *end = NULL;
        strtod(equals + 1, &end);
        bool number = strchr("0123456789", setting->value[0]) != NULL;
        if (number && (end == equals + 1 || *end != '\0'))
            return error_set(error, ERROR_USAGE, "%s: \"%s\" is not a number", setting->key, equals + 1);
        set_value(setting, equals + 1);
        return true;
    }
    return error_set(error, ERROR_USAGE, "%s: no such setting", assignment);
}

bool session_load_experiment(struct session *session, const char *path, struct error *error)
{
    (void)session;
    return error_set(error, ERROR_USAGE, "%s: no such file", path);
}

bool session_save_experiment(struct session *session, const char *path, struct error *error)
{
    if (session->model < 0 || !session->has_data)
        return error_set(error, ERROR_USAGE, "%s: nothing to write yet", path);
    return true;
}

size_t session_recent_experiments(const struct session *session, const char *const **paths)
{
    static const char *const recent[] = {"/home/user/flowers.ini", "/home/user/signs.ini"};
    *paths = recent;
    return session->empty ? 0 : THAW_LENGTH(recent);
}

void session_remember_experiment(const char *path)
{
    (void)path;
}

const struct error *session_opened_none(const struct session *session)
{
    (void)session;
    return NULL;
}

const struct error *session_opened_instead(const struct session *session)
{
    (void)session;
    return NULL;
}
