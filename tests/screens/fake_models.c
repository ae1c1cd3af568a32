/* The scripted session's models: a list that filters and sorts, a catalog row to pull, whose download advances by a tenth
 * with each step of session_pump, and one that is here. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fake_state.h"
#include "thaw/base/macros.h"
#include "thaw/base/mem.h"
#include "thaw/session/query.h"

const struct session_model fake_models[FAKE_MODELS] = {
    {.name = "resnet20 american signs",
     .arch = "resnet20",
     .family = "ResNet (CIFAR)",
     .title = "ResNet-20, trained on 12 American road signs",
     .weights = "/data/samples/resnet20-american.safetensors",
     .format = "safetensors",
     .input = "32x32x3",
     .classes = 12,
     .params = 270000,
     .macs = 40.8e6,
     .file_bytes = 551000,
     .preprocess = "RGB / 255, mean 0.5, deviation 0.25",
     .local = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "resnet20 cifar10",
     .arch = "resnet20",
     .family = "ResNet (CIFAR)",
     .title = "ResNet-20, trained on CIFAR-10",
     .weights = "/data/weights/cifar_resnet20.th",
     .format = "torch",
     .input = "32x32x3",
     .classes = 10,
     .params = 269722,
     .macs = 40.8e6,
     .file_bytes = 1101000,
     .preprocess = "RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .local = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "resnet18",
     .arch = "resnet18",
     .family = "ResNet",
     .title = "ResNet-18, from scratch",
     .weights = "",
     .format = "",
     .input = "224x224x3",
     .classes = 0,
     .params = 11689512,
     .macs = 1814e6,
     .file_bytes = 0,
     .preprocess = "resize 256, crop 224, RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .scratch = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "resnet50",
     .arch = "resnet50",
     .family = "ResNet",
     .title = "ResNet-50, from scratch",
     .weights = "",
     .format = "",
     .input = "224x224x3",
     .classes = 0,
     .params = 25557032,
     .macs = 4089e6,
     .file_bytes = 0,
     .preprocess = "resize 256, crop 224, RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .scratch = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "vgg16_bn",
     .arch = "vgg16_bn",
     .family = "VGG",
     .title = "VGG-16 with batch norm, from scratch",
     .weights = "",
     .format = "",
     .input = "224x224x3",
     .classes = 0,
     .params = 138365992,
     .macs = 15470e6,
     .file_bytes = 0,
     .preprocess = "resize 256, crop 224, RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .scratch = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "vgg_slim american signs",
     .arch = "vgg_slim",
     .family = "VGG",
     .title = "slim VGG, trained on 12 American road signs",
     .weights = "/data/samples/vgg_slim-american.safetensors",
     .format = "safetensors",
     .input = "32x32x3",
     .classes = 12,
     .params = 594000,
     .macs = 62.1e6,
     .file_bytes = 1190000,
     .preprocess = "RGB / 255, mean 0.5, deviation 0.25",
     .local = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "mobilenet_v1_0.25",
     .arch = "mobilenet_v1_0.25",
     .family = "MobileNet",
     .title = "MobileNet v1, alpha 0.25, trained on ImageNet",
     .weights = "/data/weights/mobilenet_v1_0.25_224.safetensors",
     .format = "safetensors",
     .input = "224x224x3",
     .classes = 1000,
     .params = 475544,
     .macs = 41.0e6,
     .file_bytes = 1902176,
     .preprocess = "resize 256, crop 224, RGB / 127.5 - 1",
     .local = true,
     .top1 = NAN,
     .top5 = NAN,
     .seconds = NAN},
    {.name = "resnet50-imagenet1k_v2",
     .arch = "resnet50",
     .family = "ResNet",
     .title = "ResNet-50 (He et al. 2015; stride on the 3x3)",
     .format = "torch",
     .input = "224x224x3",
     .classes = 1000,
     .params = 25557032,
     .macs = 4089e6,
     .file_bytes = 102540417,
     .preprocess = "resize 232, crop 224, RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .catalog = "resnet50-imagenet1k_v2",
     .source = "torchvision",
     .licence = "not stated",
     .url = "https://example.org/models/resnet50-11ad3fa6.pth",
     .top1 = 80.858,
     .top5 = 95.434,
     .seconds = NAN,
     .side = 224,
     .is_default = true},
    {.name = "resnet18-imagenet1k_v1",
     .arch = "resnet18",
     .family = "ResNet",
     .title = "ResNet-18 (He et al. 2015)",
     .weights = "/data/models/resnet18-f37072fd.pth",
     .format = "torch (zip)",
     .input = "224x224x3",
     .classes = 1000,
     .params = 11689512,
     .macs = 1814e6,
     .file_bytes = 46830571,
     .preprocess = "resize 256, crop 224, RGB / 255, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225",
     .catalog = "resnet18-imagenet1k_v1",
     .source = "torchvision",
     .licence = "not stated",
     .url = "https://example.org/models/resnet18-f37072fd.pth",
     .top1 = 69.758,
     .top5 = 89.078,
     .seconds = 0.0183,
     .side = 224,
     .local = true,
     .pulled = true,
     .is_default = true},
};

size_t session_models(const struct session *session, const struct session_model **rows)
{
    *rows = fake_models;
    return session->empty ? 0 : FAKE_MODELS;
}

void session_rescan_models(struct session *session)
{
    session->empty = false;
}

const char *session_catalog_fault(const struct session *session)
{
    return session->catalog_fault ? "models.d/mine.ini:3: unknown key \"arhc\"; the nearest is arch" : NULL;
}

bool session_choose_model(struct session *session, size_t row, struct error *error)
{
    if (row == 3)
        return error_set(error, ERROR_WEIGHTS,
                         "resnet50.safetensors: tensor layer1.0.conv1.weight has shape 64x64x3x3, 64x64x1x1 wanted");
    session->model = (long)row;
    fake_build_layers(session);
    return true;
}

/* Its row, and what was frozen of it. */
struct session_kept_model {
    long model;
    unsigned fixed[FAKE_LAYERS_MAX];
};

struct session_kept_model *session_keep_model(struct session *session)
{
    if (session->model < 0)
        return NULL;
    struct session_kept_model *kept = mem_alloc(sizeof *kept);
    kept->model = session->model;
    memcpy(kept->fixed, session->fixed, sizeof kept->fixed);
    return kept;
}

bool session_put_back_model(struct session *session, const struct session_kept_model *kept, struct error *error)
{
    if (!session_choose_model(session, (size_t)kept->model, error))
        return false;
    memcpy(session->fixed, kept->fixed, sizeof session->fixed);
    fake_update_marks(session);
    return true;
}

void session_forget_model(struct session_kept_model *kept)
{
    mem_free(kept);
}

bool session_choose_model_file(struct session *session, const char *path, struct error *error)
{
    for (size_t i = 0; i < FAKE_MODELS; i++)
        if (strcmp(fake_models[i].weights, path) == 0 || strcmp(fake_models[i].name, path) == 0)
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
    return session->model < 0 || fake_models[session->model].weights[0] == '\0' ? 0 : THAW_LENGTH(match);
}

/* --- as it is looked at --- */

static const char *ask_text(const void *row)
{
    static char text[512];
    const struct session_model *model = row;
    snprintf(text, sizeof text, "%s %s %s %s", model->name, model->arch, model->title, model->input);
    return text;
}

static const char *ask_family(const void *row)
{
    return ((const struct session_model *)row)->family;
}

static double ask_top1(const void *row)
{
    return ((const struct session_model *)row)->top1;
}

static bool ask_local(const void *row)
{
    return ((const struct session_model *)row)->local;
}

static const struct query_column asked[] = {
    {"text", QUERY_TEXT, 1, "all of it", NULL, ask_text, NULL},
    {"family", QUERY_TEXT, 1, "the family", NULL, ask_family, NULL},
    {"top1", QUERY_NUMBER, 1, "per cent", ask_top1, NULL, NULL},
    {"local", QUERY_FLAG, 1, "on this disk", NULL, NULL, ask_local},
    {NULL, QUERY_FLAG, 1, NULL, NULL, NULL, NULL},
};

bool session_filter_models(struct session *session, const char *filter, struct error *error)
{
    struct query *query = query_create(filter, asked, error);
    if (query == NULL)
        return false;
    query_destroy(query);
    snprintf(session->model_filter, sizeof session->model_filter, "%s", filter);
    return true;
}

void session_sort_models(struct session *session, enum session_model_column column, bool reverse)
{
    session->model_column = column;
    session->model_reverse = reverse;
}

static double figure(const struct session_model *model, enum session_model_column column)
{
    switch (column) {
    case SESSION_MODEL_PARAMS:
        return model->params;
    case SESSION_MODEL_MACS:
        return model->macs;
    case SESSION_MODEL_TOP1:
        return model->top1;
    case SESSION_MODEL_TOP5:
        return model->top5;
    case SESSION_MODEL_SIZE:
        return model->file_bytes;
    case SESSION_MODEL_SECONDS:
        return model->seconds;
    case SESSION_MODEL_LOCAL:
        return model->local;
    default:
        return 0;
    }
}

static bool is_before(const struct session *session, size_t first, size_t second)
{
    const struct session_model *a = &fake_models[first], *b = &fake_models[second];
    int order = 0;
    double x = figure(a, session->model_column), y = figure(b, session->model_column);
    if (session->model_column == SESSION_MODEL_COLUMNS)
        return false;
    if (session->model_column == SESSION_MODEL_NAME)
        order = strcmp(a->name, b->name);
    else if (session->model_column == SESSION_MODEL_FAMILY)
        order = strcmp(a->family, b->family);
    else if (isnan(x) != isnan(y))
        return isnan(y);
    else
        order = x < y ? -1 : x > y;
    return session->model_reverse ? order > 0 : order < 0;
}

size_t session_shown_models(struct session *session, const size_t **rows)
{
    struct error unused;
    size_t count = 0;
    struct query *query = query_create(session->model_filter, asked, &unused);
    for (size_t i = 0; !session->empty && i < FAKE_MODELS; i++) {
        if (!query_match(query, &fake_models[i]))
            continue;
        size_t at = count++;
        for (; at > 0 && is_before(session, i, session->model_row[at - 1]); at--)
            session->model_row[at] = session->model_row[at - 1];
        session->model_row[at] = i;
    }
    query_destroy(query);
    *rows = session->model_row;
    return count;
}

size_t session_compare_models(struct session *session, size_t a, size_t b, const struct session_difference **rows)
{
    struct session_difference *row = session->difference;
    const struct session_model *one = &fake_models[a], *other = &fake_models[b];
    memset(row, 0, sizeof session->difference);
    row[0] = (struct session_difference){.label = "architecture", .differs = strcmp(one->arch, other->arch) != 0};
    snprintf(row[0].a, sizeof row[0].a, "%s", one->arch);
    snprintf(row[0].b, sizeof row[0].b, "%s", other->arch);
    row[1] = (struct session_difference){.label = "multiply-adds", .differs = one->macs != other->macs};
    row[1].better = one->macs < other->macs ? -1 : one->macs > other->macs;
    snprintf(row[1].a, sizeof row[1].a, "%.0f M", one->macs / 1e6);
    snprintf(row[1].b, sizeof row[1].b, "%.0f M", other->macs / 1e6);
    *rows = row;
    return 2;
}

/* --- pulling --- */

bool session_pull_ended(enum session_pull_phase phase)
{
    return phase == SESSION_PULL_DONE || phase == SESSION_PULL_FAILED || phase == SESSION_PULL_CANCELLED;
}

bool session_pull(struct session *session, const char *name, struct error *error)
{
    if (strcmp(name, "resnet50-imagenet1k_v2") != 0)
        return error_set(error, ERROR_USAGE, "%s: not in the catalog", name);
    session->pull = (struct session_pull){.phase = SESSION_PULL_RECEIVING, .total = 102540417, .remaining = -1};
    snprintf(session->pull.name, sizeof session->pull.name, "%s", name);
    return true;
}

void session_cancel_pull(struct session *session, const char *name)
{
    if (strcmp(session->pull.name, name) == 0)
        session->pull.phase = SESSION_PULL_CANCELLED;
}

size_t session_pulls(const struct session *session, const struct session_pull **pulls)
{
    *pulls = &session->pull;
    return session->pull.name[0] != '\0';
}

void fake_pump_pull(struct session *session)
{
    struct session_pull *pull = &session->pull;
    if (pull->name[0] == '\0' || pull->phase != SESSION_PULL_RECEIVING)
        return;
    pull->received += session->steps * pull->total / 10;
    pull->rate = 5.5e6;
    pull->remaining = (pull->total - pull->received) / pull->rate;
    if (session->pull_fails && pull->received > pull->total / 2) {
        pull->phase = SESSION_PULL_FAILED;
        error_set(
            &pull->error, ERROR_FAILED,
            "resnet50-11ad3fa6.pth: its SHA-256 begins with 00c0ffee, 11ad3fa6 was expected: a damaged or another "
            "file; it was removed");
        snprintf(pull->by_hand, sizeof pull->by_hand,
                 "curl -L -C - -o resnet50-11ad3fa6.pth https://example.org/models/resnet50-11ad3fa6.pth");
    }
}

bool session_time_model(struct session *session, size_t row, struct error *error)
{
    if (fake_models[row].weights[0] == '\0' && !fake_models[row].scratch)
        return error_set(error, ERROR_USAGE, "%s: its weights are not on this disk", fake_models[row].name);
    session->timing = (long)row;
    return true;
}

long session_timing(const struct session *session)
{
    return session->timing;
}
