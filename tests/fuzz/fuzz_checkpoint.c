/* What a checkpoint says of itself: the input is its JSON, in a small file with a digest that holds. Of what is taken every
 * number is within its bounds, and it comes back from a checkpoint that is written of it. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "src/train/checkpoint.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/network/graph.h"

const char fuzz_target[] = "checkpoint";

/* The tensors beside the text; all are zero. */
static const char tensors[] =
    "\"values.conv.weight\":{\"dtype\":\"F32\",\"shape\":[3,3,1,2],\"data_offsets\":[0,72]},"
    "\"momentum.conv.weight\":{\"dtype\":\"F32\",\"shape\":[3,3,1,2],\"data_offsets\":[72,144]},"
    "\"momentum.fc.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[144,168]},"
    "\"momentum.fc.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[168,180]}";
enum { VALUES = 180, LENGTH = 8, EPOCHS_MOST = 1000000 };

/* All that a checkpoint is taken of. */
struct taken {
    struct checkpoint at;
    struct graph *graph;
    struct freeze *freeze;
    struct optim *optim;
    struct team *team;
    bool *touched;
    struct plan_changes changes;
    struct recorded_commands recorded;
    char *settings;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static struct graph *make_graph(void)
{
    struct error error = {0};
    struct graph *graph = graph_create("net", 6, 6, 1);
    int conv = graph_add_conv(graph, "conv", 0, 2, 3, 1, 0, 1, false);
    int pool = graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, conv);
    graph_add_linear(graph, "fc", pool, 3);
    require(graph_finish(graph, &error));
    return graph;
}

static void begin(struct taken *taken)
{
    struct optim_settings settings = {.kind = OPTIMIZER_SGD, .momentum = 0.9};
    *taken = (struct taken){.graph = make_graph()};
    taken->team = team_create(1);
    taken->freeze = freeze_create(taken->graph);
    taken->optim = optim_create(taken->graph, &settings, taken->team);
    taken->touched = mem_array((size_t)taken->graph->params, sizeof *taken->touched);
}

static void finish(struct taken *taken)
{
    plan_changes_finish(&taken->changes);
    recorded_finish(&taken->recorded);
    optim_destroy(taken->optim);
    team_destroy(taken->team);
    freeze_destroy(taken->freeze);
    graph_destroy(taken->graph);
    mem_free(taken->touched);
    mem_free(taken->settings);
}

static bool take_all(struct taken *taken, const struct checkpoint_file *file, struct error *error)
{
    if (!checkpoint_values(file, taken->graph, taken->touched, error) ||
        !checkpoint_freeze(file, taken->freeze, error) ||
        !checkpoint_changes(file, taken->graph, &taken->changes, error))
        return false;
    optim_follow(taken->optim, taken->freeze, 0);
    const char *settings = checkpoint_settings(file);
    taken->settings = mem_string(settings ? settings : "");
    return checkpoint_optim(file, taken->graph, taken->optim, error) &&
           checkpoint_recorded(file, &taken->recorded, error);
}

/* false: refused with a sentence. */
static bool take(struct taken *taken, const uint8_t *bytes, size_t size)
{
    struct error error = {0};
    struct weights *weights = weights_open_memory(bytes, size, "memory", &error);
    struct checkpoint_file *file = weights ? checkpoint_take(weights, taken->graph, &taken->at, &error) : NULL;
    bool good = file && take_all(taken, file, &error);
    checkpoint_close(file);
    bool kind = error.kind == ERROR_DATA || error.kind == ERROR_WEIGHTS || error.kind == ERROR_FAILED;
    require(good || (kind && strncmp(error.text, "memory: ", 8) == 0));
    return good;
}

static void check(const struct taken *taken)
{
    const struct checkpoint *at = &taken->at;
    require(at->epoch >= 1 && at->epoch <= EPOCHS_MOST + 1 && at->batch >= 0 && at->batches >= 0);
    require(at->thaws_done >= 0 && at->thaws_done <= EXPERIMENT_THAWS && at->epochs >= 0 && at->stale >= 0);
    require(at->best_epoch >= 0 && at->best_epoch <= at->epoch && at->lr.base >= 0 && at->elapsed >= 0);
    for (size_t i = 0; i < taken->recorded.count; i++)
        require(taken->recorded.of[i].number > 0 && taken->recorded.of[i].epoch > 0);
    for (int node = 0; node < taken->freeze->nodes; node++)
        require(taken->freeze->fixed[node] <= FREEZE_ALL);
}

static void come_back(struct taken *taken)
{
    struct error error = {0};
    struct taken again;
    size_t size;
    const struct checkpoint_of of = {taken->graph,    taken->freeze,    taken->optim,   taken->touched,
                                     &taken->changes, &taken->recorded, taken->settings};
    char *bytes = checkpoint_bytes(&size, "memory", &taken->at, &of, &error);
    require(bytes);
    begin(&again);
    require(take(&again, (const uint8_t *)bytes, size));
    again.at.version = taken->at.version;
    require(memcmp(&again.at, &taken->at, sizeof again.at) == 0);
    require(again.recorded.count == taken->recorded.count && again.recorded.last == taken->recorded.last);
    require(strcmp(again.settings, taken->settings) == 0 && again.changes.count == taken->changes.count);
    finish(&again);
    mem_free(bytes);
}

static void read_settings(const char *text)
{
    struct error error = {0};
    struct experiment was, is;
    experiment_init(&is);
    bool same = experiment_parse(&was, text, &error) && experiment_same(&was, &is, &error);
    require(same || (error.kind == ERROR_USAGE && error.text[0]));
}

static uint8_t *make_file(const char *quoted, size_t *all)
{
    char digits[HASH_TEXT], *header = mem_format("{\"__metadata__\":{\"" WEIGHTS_DIGEST "\":\"" WEIGHTS_DIGEST_ROOM
                                                 "\",\"thaw.checkpoint\":%s},%s}",
                                                 quoted, tensors);
    size_t size = strlen(header);
    *all = LENGTH + size + VALUES;
    uint8_t *file = mem_alloc(*all);
    for (int i = 0; i < LENGTH; i++)
        file[i] = (uint8_t)((uint64_t)size >> (8 * i));
    memcpy(file + LENGTH, header, size);
    mem_free(header);
    size_t place = safetensors_digest(digits, file, *all);
    require(place > 0);
    memcpy(file + place, digits, HASH_TEXT - 1);
    return file;
}

int fuzz_mutations(void)
{
    return 2000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct taken taken;
    size_t all;
    json_t *json = json_stringn((const char *)data, size);
    char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;
    json_decref(json);
    if (!quoted)
        return 0; /* no UTF-8 */
    uint8_t *file = make_file(quoted, &all);
    free(quoted);
    begin(&taken);
    if (take(&taken, file, all)) {
        check(&taken);
        read_settings(taken.settings);
        come_back(&taken);
    }
    finish(&taken);
    mem_free(file);
    return 0;
}
