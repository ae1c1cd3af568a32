/* How long weights files take to open and to load, and how much memory. One process a file, so that each has its own
 * peak. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/shelf/load.h"

static int fail(const struct error *error)
{
    fprintf(stderr, "%s\n", error->text);
    return 1;
}

static int measure(const char *path)
{
    struct error error = {0};
    struct file_map map;
    if (!file_map_open(&map, path, &error))
        return fail(&error);
    double bytes = (double)map.size, began = clock_monotonic();
    file_map_close(&map);
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        return fail(&error);
    double opened = clock_monotonic();
    size_t tensors = weights_count(weights);
    weights_close(weights);
    double closed = clock_monotonic();
    struct graph *graph = load_graph(&(struct load_request){.weights = path}, NULL, &error);
    if (!graph)
        return fail(&error);
    double loaded = clock_monotonic();
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double peak = (double)usage.ru_maxrss * 1024, values = (double)graph->values_count * sizeof(float);
    printf("%s: %s, %zu tensors, %.1f MB\n  list %.1f ms, load %.3f s, peak %.1f MB: %.2f of the file, %.2f of the "
           "values\n",
           path_base(path), graph->arch, tensors, bytes / 1e6, 1e3 * (opened - began), loaded - closed, peak / 1e6,
           peak / bytes, peak / values);
    graph_destroy(graph);
    return 0;
}

int main(int argc, char **argv)
{
    int status = 0;
    for (int i = 1; i < argc; i++) {
        pid_t child = fork();
        if (child == 0)
            exit(measure(argv[i]));
        int own = 1;
        if (child < 0 || waitpid(child, &own, 0) < 0 || own != 0)
            status = 1;
    }
    return status;
}
