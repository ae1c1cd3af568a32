/* Times and uses of models, in two small files of the user's. Called by bench, predict, the models verb and the
 * session. */
#include "config.h"

#include "thaw/shelf/remember.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/machine.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/compile/exec.h"

enum { PASSES_LEAST = 3, PASSES_MOST = 200, KEY = 256 };

static int compare_seconds(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median_pass(struct plan *plan, const float *input, double seconds)
{
    double took[PASSES_MOST];
    int count = 0;
    exec_forward(plan, input, 1, false, 0, 0); /* touches fresh memory */
    double began = clock_monotonic();
    while (count < PASSES_MOST && (count < PASSES_LEAST || clock_monotonic() - began < seconds)) {
        double start = clock_monotonic();
        exec_forward(plan, input, 1, false, 0, 0);
        took[count++] = clock_monotonic() - start;
    }
    qsort(took, (size_t)count, sizeof *took, compare_seconds);
    return took[count / 2];
}

double remember_measure(const struct graph *graph, struct team *team, double seconds, struct error *error)
{
    struct plan_options options = {.batch = 1, .training = false, .fold = true, .team = team};
    struct plan *plan = plan_create(graph, NULL, &options, error);
    if (!plan)
        return -1;
    size_t count = shape4_count(graph->node[0].shape);
    float *input = mem_floats(count);
    for (size_t i = 0; i < count; i++)
        input[i] = (float)rng_uniform_at(1, 0, i) - 0.5f;
    double median = median_pass(plan, input, seconds);
    mem_free_floats(input);
    plan_destroy(plan);
    return median;
}

static void make_key(char key[KEY], const char *machine, const char *arch, const char *input)
{
    snprintf(key, KEY, "%s | %s | %s", machine, arch, input);
}

static char *home_file(enum path_home which, const char *name)
{
    char *home = path_home(which), *path = path_join(home, name);
    mem_free(home);
    return path;
}

/* What cannot be written is forgotten: the next time may be luckier. */
static void put(enum path_home which, const char *name, const char *key, const char *value)
{
    struct error unused;
    char *path = home_file(which, name);
    bool kept = ledger_put(path, key, value, &unused);
    (void)kept;
    mem_free(path);
}

void remember_time(const char *arch, const char *input, double seconds)
{
    char machine[128], key[KEY], value[32];
    machine_name(machine, sizeof machine);
    make_key(key, machine, arch, input);
    snprintf(value, sizeof value, "%.6f", seconds);
    put(PATH_CACHE, "times", key, value);
}

void remember_use(const char *weights_or_arch)
{
    char value[32], *path = realpath(weights_or_arch, NULL); /* NULL for an architecture */
    snprintf(value, sizeof value, "%.0f", clock_wall());
    put(PATH_STATE, "models", path ? path : weights_or_arch, value);
    free(path);
}

void remembered_read(struct remembered *remembered)
{
    char *times = home_file(PATH_CACHE, "times"), *uses = home_file(PATH_STATE, "models");
    ledger_read(&remembered->times, times);
    ledger_read(&remembered->uses, uses);
    machine_name(remembered->machine, sizeof remembered->machine);
    mem_free(times);
    mem_free(uses);
}

void remembered_free(struct remembered *remembered)
{
    ledger_free(&remembered->times);
    ledger_free(&remembered->uses);
}

double remembered_time(const struct remembered *remembered, const char *arch, const char *input)
{
    char key[KEY];
    make_key(key, remembered->machine, arch, input);
    const char *value = ledger_find(&remembered->times, key);
    double seconds = value ? strtod(value, NULL) : -1;
    return seconds > 0 && seconds < 1e6 ? seconds : -1;
}

double remembered_use(const struct remembered *remembered, const char *weights_or_arch)
{
    if (!remembered->uses.lines)
        return 0;
    char *path = realpath(weights_or_arch, NULL);
    const char *value = ledger_find(&remembered->uses, path ? path : weights_or_arch);
    double when = value ? strtod(value, NULL) : 0;
    free(path);
    return when > 0 ? when : 0;
}

void remember_input(char text[REMEMBER_INPUT], const struct graph *graph)
{
    const struct shape4 *input = &graph->node[0].shape;
    snprintf(text, REMEMBER_INPUT, "%dx%dx%d", input->w, input->h, input->c);
}
