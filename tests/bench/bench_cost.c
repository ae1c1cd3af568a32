/* What a run is told to cost beside what it then takes. Each experiment is asked about as the session asks, with all
 * that is measured in the background measured first; then it is trained. Features are kept in a folder of its own, so
 * that none are there before. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/kernel_table.h"
#include "thaw/shelf/load.h"
#include "thaw/train/cost.h"
#include "thaw/train/trainer.h"

/* --- asking --- */

struct asked {
    struct train_cost cost;
    double asking, pace; /* seconds of a question; of reading the sample */
};

static bool ask(struct asked *asked, const struct experiment *experiment, struct dataset *dataset, struct graph *graph,
                struct freeze *freeze, struct error *error)
{
    struct team *team = team_create(experiment->train.threads);
    struct kernel_table *kernels = kernel_table_open(NULL);
    struct speed speed;
    struct data_pace pace[DATASET_SPLITS] = {{0}};
    struct train_cost_request request = {.experiment = experiment,
                                         .graph = graph,
                                         .freeze = freeze,
                                         .dataset = dataset,
                                         .threads = experiment->train.threads,
                                         .kernels = kernels,
                                         .speed = &speed,
                                         .pace = pace};
    bool good = true;
    if (!speed_read(&speed, experiment->train.threads))
        (void)speed_measure(&speed, team, NULL, NULL);
    kernel_table_measure(kernels, graph, freeze, team);
    double began = clock_monotonic();
    for (int s = 0; s < DATASET_SPLITS && good; s++) {
        struct loader_options loading = train_cost_loading(&request, (enum dataset_split)s);
        if (dataset->images[s].items > 0)
            good = data_pace_measure(&pace[s], &dataset->images[s], &loading, error);
    }
    double read = clock_monotonic();
    good = good && train_cost(&asked->cost, &request, error);
    asked->asking = clock_monotonic() - read;
    asked->pace = read - began;
    kernel_table_close(kernels);
    team_destroy(team);
    return good;
}

static bool open_and_ask(struct asked *asked, const struct experiment *experiment, struct error *error)
{
    const char *val = experiment->data.val[0] ? experiment->data.val : NULL;
    struct dataset *dataset = dataset_open(experiment->data.path, val, experiment->train.seed, error);
    struct load_request request = {.arch = experiment->model.name,
                                   .weights = experiment->model.weights,
                                   .classes = dataset ? dataset->classes : 0,
                                   .size = experiment->data.size,
                                   .preprocess = experiment->model.preprocess,
                                   .seed = experiment->train.seed};
    struct graph *graph = dataset ? load_graph(&request, NULL, error) : NULL;
    struct freeze *freeze = graph ? experiment_freeze(experiment, graph, error) : NULL;
    bool good = freeze && ask(asked, experiment, dataset, graph, freeze, error);
    freeze_destroy(freeze);
    graph_destroy(graph);
    dataset_destroy(dataset);
    return good;
}

/* --- training --- */

enum { EPOCHS_MOST = 1000 };
struct took {
    double end[EPOCHS_MOST]; /* elapsed at the end of each epoch */
    int epochs;
    double memory;
};

/* An epoch's time runs to its last event: those of its evaluation carry the same. */
static void take(void *context, const struct event *event)
{
    struct took *took = context;
    if (event->kind == EVENT_RUN)
        took->memory = (double)event->u.run.memory;
    if (event->kind == EVENT_EPOCH && took->epochs < EPOCHS_MOST)
        took->end[took->epochs++] = event->elapsed;
}

static bool train(const struct experiment *experiment, struct took *took, struct error *error)
{
    struct event_sink sink = {.emit = take, .context = took};
    const struct trainer_options options = {.experiment = experiment, .sink = &sink};
    struct trainer *trainer = trainer_create(&options, error);
    bool good = trainer && trainer_start(trainer, error);
    struct trainer_status status = {0};
    if (good) {
        trainer_join(trainer);
        trainer_status(trainer, &status);
        good = status.state == TRAINER_DONE;
        *error = status.error;
    }
    trainer_destroy(trainer);
    return good;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* The median of the epochs that computed no features. */
static double later_of(const struct took *took, int firsts)
{
    double epoch[EPOCHS_MOST];
    int count = 0;
    for (int e = firsts; e < took->epochs; e++)
        epoch[count++] = took->end[e] - took->end[e - 1];
    qsort(epoch, (size_t)count, sizeof epoch[0], compare);
    return count > 0 ? epoch[count / 2] : 0;
}

static int measure(const struct experiment *experiment, const char *name)
{
    struct error error = {0};
    struct asked asked = {0};
    struct took took = {.epochs = 0};
    if (!open_and_ask(&asked, experiment, &error) || !train(experiment, &took, &error)) {
        fprintf(stderr, "%s: %s\n", name, error.text);
        return 1;
    }
    const struct train_seconds *told = &asked.cost.seconds;
    double first = took.end[0], later = later_of(&took, told->firsts), bytes = (double)asked.cost.bytes.all;
    printf("| %s | %.1f | %.1f | %.3f | %.3f | %.2f | %.4f | %.4f | %.2f | %.2f |\n", name, bytes / 1e6,
           took.memory / 1e6, told->first, first, told->first / first, told->later, later,
           later > 0 ? told->later / later : 0, 1e3 * asked.asking);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv)
{
    struct experiment experiment;
    struct error error = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: bench_cost NAME FILE.ini [SECTION.KEY=VALUE...]\n");
        return 2;
    }
    bool good = (experiment_init(&experiment), experiment_load(&experiment, argv[2], &error));
    for (int i = 3; i < argc && good; i++)
        good = experiment_set(&experiment, argv[i], &error);
    if (!good || !experiment_check(&experiment, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 2;
    }
    return measure(&experiment, argv[1]);
}
