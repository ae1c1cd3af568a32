/* A peer's figures from a JSON file, as tests/bench/compare.py writes it:
 *   {"format": "thaw-peers-1",
 *    "results": [{"peer", "model", "regime", "batch", "threads", "images_per_second"}, ...],
 *    "layers": [{"peer", "in": [h, w, c], "out_channels", "kernel", "stride", "pass", "threads", "gflops"}, ...]}
 * Either list may be missing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static const char format[] = "thaw-peers-1";
enum { PEERS_BYTES_MAX = 64 << 20 };

struct bench_peers {
    json_t *object;
};

static bool list_is_sound(const json_t *object, const char *name, const char *path, struct error *error)
{
    const json_t *list = json_object_get(object, name), *row;
    size_t index;
    if (list && !json_is_array(list))
        return error_set(error, ERROR_USAGE, "%s: \"%s\" is no list", path, name);
    json_array_foreach(list, index, row)
    {
        if (!json_is_object(row))
            return error_set(error, ERROR_USAGE, "%s: entry %zu of \"%s\" is no object", path, index + 1, name);
    }
    return true;
}

bool bench_peers_open(struct bench_peers **peers, const char *path, struct error *error)
{
    json_error_t fault;
    *peers = NULL;
    if (!path)
        return true;
    char *text = file_read_text(path, PEERS_BYTES_MAX, error);
    if (!text) {
        error->kind = ERROR_USAGE;
        return false;
    }
    json_t *object = json_loads(text, 0, &fault);
    mem_free(text);
    if (!object)
        return error_set(error, ERROR_USAGE, "%s: line %d: %s", path, fault.line, fault.text);
    const char *said = json_string_value(json_object_get(object, "format"));
    bool good = said && !strcmp(said, format);
    if (!good)
        error_set(error, ERROR_USAGE, "%s: no file of a peer's figures; its \"format\" would be \"%s\"", path, format);
    good = good && list_is_sound(object, "results", path, error) && list_is_sound(object, "layers", path, error);
    if (!good) {
        json_decref(object);
        return false;
    }
    *peers = mem_alloc(sizeof **peers);
    (*peers)->object = object;
    return true;
}

void bench_peers_close(struct bench_peers *peers)
{
    if (!peers)
        return;
    json_decref(peers->object);
    mem_free(peers);
}

static bool says(const json_t *row, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(row, key));
    return value && !strcmp(value, text);
}

static bool counts(const json_t *row, const char *key, int number)
{
    return json_integer_value(json_object_get(row, key)) == number;
}

/* Takes the row's figure where it is the best so far. */
static void take_best(const json_t *row, const char *key, double *best, const char **name)
{
    double value = json_number_value(json_object_get(row, key));
    if (!(value > *best))
        return;
    *best = value;
    const char *peer = json_string_value(json_object_get(row, "peer"));
    if (name)
        *name = peer ? peer : "peer";
}

static double regime_rate(const struct bench_peers *peers, const char *model, const char *regime, int batch,
                          int threads, const char **name)
{
    double best = 0;
    size_t index;
    const json_t *row;
    json_array_foreach(json_object_get(peers->object, "results"), index, row)
    {
        if (says(row, "model", model) && says(row, "regime", regime) && counts(row, "batch", batch) &&
            counts(row, "threads", threads))
            take_best(row, "images_per_second", &best, name);
    }
    return best;
}

double bench_peer_rate(const struct bench_peers *peers, const char *model, const char *regime, int batch, int threads,
                       const char **name)
{
    static const char suffix[] = "-cached";
    if (!peers)
        return 0;
    double best = regime_rate(peers, model, regime, batch, threads, name);
    size_t length = strlen(regime), tail = sizeof suffix - 1;
    if (best > 0 || length <= tail || strcmp(regime + length - tail, suffix))
        return best;
    char *loop = mem_string(regime);
    loop[length - tail] = '\0';
    best = regime_rate(peers, model, loop, batch, threads, name);
    mem_free(loop);
    return best;
}

static bool is_shape(const json_t *row, struct shape4 in)
{
    const json_t *shape = json_object_get(row, "in");
    const int want[] = {in.h, in.w, in.c};
    for (size_t i = 0; i < 3; i++) {
        if (json_integer_value(json_array_get(shape, i)) != want[i])
            return false;
    }
    return true;
}

double bench_peer_layer(const struct bench_peers *peers, const struct op_attrs *attrs, struct shape4 in,
                        const char *pass, int threads, const char **name)
{
    double best = 0;
    size_t index;
    const json_t *row;
    if (!peers || attrs->groups != 1 || attrs->kernel_h != attrs->kernel_w || attrs->stride_h != attrs->stride_w)
        return 0;
    json_array_foreach(json_object_get(peers->object, "layers"), index, row)
    {
        if (is_shape(row, in) && counts(row, "out_channels", attrs->out_channels) &&
            counts(row, "kernel", attrs->kernel_h) && counts(row, "stride", attrs->stride_h) &&
            says(row, "pass", pass) && counts(row, "threads", threads))
            take_best(row, "gflops", &best, name);
    }
    return 1e9 * best;
}
