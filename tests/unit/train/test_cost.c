/* What a run is told to cost: its bytes are those that the trainer then takes and tells in its first event, for any
 * settings; it is refused in the same words; its seconds put together what computing and reading take.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/train/trainer_private.h"
#include "tests/resume/world.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/train/cost.h"

enum { TRAIN = WORLD_CLASSES * WORLD_TRAIN, VAL = WORLD_CLASSES * WORLD_VAL };

/* An experiment opened as far as costs want it. */
struct opened {
    struct experiment experiment;
    struct dataset *dataset;
    struct graph *graph;
    struct freeze *freeze;
    struct kernel_table *kernels;
};

static void opened_init(struct opened *opened, const struct experiment *experiment)
{
    struct error error = {0};
    opened->experiment = *experiment;
    opened->dataset = dataset_open(experiment->data.path, NULL, 1, &error);
    world_must(opened->dataset, &error);
    struct load_request request = {.arch = experiment->model.name,
                                   .weights = experiment->model.weights,
                                   .classes = opened->dataset->classes,
                                   .size = experiment->data.size,
                                   .preprocess = experiment->model.preprocess,
                                   .seed = 1};
    opened->graph = load_graph(&request, NULL, &error);
    world_must(opened->graph, &error);
    opened->freeze = experiment_freeze(experiment, opened->graph, &error);
    world_must(opened->freeze, &error);
    opened->kernels = kernel_table_open(NULL);
}

static void opened_finish(struct opened *opened)
{
    kernel_table_close(opened->kernels);
    freeze_destroy(opened->freeze);
    graph_destroy(opened->graph);
    dataset_destroy(opened->dataset);
}

static struct train_cost_request request_of(const struct opened *opened)
{
    return (struct train_cost_request){.experiment = &opened->experiment,
                                       .graph = opened->graph,
                                       .freeze = opened->freeze,
                                       .dataset = opened->dataset,
                                       .threads = opened->experiment.train.threads,
                                       .kernels = opened->kernels};
}

static struct train_cost cost_of(const struct experiment *experiment)
{
    struct opened opened;
    struct error error = {0};
    struct train_cost cost;
    opened_init(&opened, experiment);
    struct train_cost_request request = request_of(&opened);
    world_must(train_cost(&cost, &request, &error), &error);
    opened_finish(&opened);
    return cost;
}

/* --- bytes --- */

/* What the trainer has at its first step. */
static struct taken {
    size_t plan, moments, kept;
    int recomputed;
} taken;

static void look(struct world_log *log, const struct event *event)
{
    const struct trainer *trainer = log->trainer;
    if (event->kind != EVENT_STEP || event->step != 1)
        return;
    taken = (struct taken){.plan = plan_bytes(trainer->plan), .recomputed = plan_recomputed(trainer->plan, NULL)};
    for (int p = 0; p < trainer->graph->params; p++)
        for (int s = 0; s < optim_slots(trainer->optim); s++)
            taken.moments += optim_slot(trainer->optim, p, s) ? trainer->graph->param[p].count * sizeof(float) : 0;
    for (int s = 0; s < DATASET_SPLITS; s++)
        taken.kept += trainer->feed[s].features ? feature_cache_bytes(trainer->feed[s].features) : 0;
}

static void assert_told(const struct experiment *experiment)
{
    struct world_log log = {.react = look};
    world_run(&log, experiment, NULL); /* measures kernels: the question comes with what is then known */
    struct train_cost cost = cost_of(experiment);
    assert_int_equal(cost.refused.kind, ERROR_NONE);
    assert_int_equal(cost.bytes.plan.bytes, taken.plan);
    assert_int_equal(cost.bytes.plan.recomputed, taken.recomputed);
    assert_int_equal(cost.bytes.moments, taken.moments);
    assert_int_equal(cost.kept, taken.kept);
    assert_int_equal(cost.bytes.all, log.last[EVENT_RUN].u.run.memory);
    const struct train_bytes *b = &cost.bytes;
    assert_int_equal(b->all, b->weights + b->moments + b->plan.bytes + b->batches + b->features + b->filling);
}

static void bytes_are_those_of_the_run(void **state)
{
    (void)state;
    static const char *const settings[][4] = {
        {"freeze.upto=none"},
        {"freeze.upto=none", "train.optimizer=adamw", "train.batch=3"},
        {"freeze.upto=none", "train.memory=7", "train.batch=16"},
        {"freeze.upto=trunk"},
        {"freeze.upto=trunk", "data.cache=off"},
        {"freeze.upto=trunk", "data.cache=f16", "data.cache_disk=0"},
        {"freeze.upto=layer1", "train.batch=30", "train.threads=1"},
        {"freeze.upto=layer2.0.bn1", "data.cache_disk=0", "train.threads=3"},
        {"freeze.upto=layer2", "data.cache_disk=0", "data.cache_memory=0"},
        {"freeze.upto=layer1", "data.augment=light", "data.views=0"},
        {"freeze.upto=layer1", "train.winograd=off", "train.optimizer=nesterov"},
        {"freeze.upto=layer3", "train.kernels=measured"},
        {"freeze.upto=none", "train.kernels=measured"},
        {"data.val=", "freeze.frozen=layer2", "freeze.upto="},
    };
    int again = 0;
    for (size_t i = 0; i < THAW_LENGTH(settings); i++) {
        struct experiment experiment = world_experiment();
        for (int k = 0; k < 4 && settings[i][k]; k++)
            world_set(&experiment, settings[i][k]);
        world_set(&experiment, "train.epochs=1");
        assert_told(&experiment);
        again += taken.recomputed > 0;
    }
    assert_true(again > 0);
}

static void what_does_not_fit_is_refused_alike(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct trainer_status status;
    struct world_log log = {0};
    world_set(&experiment, "freeze.upto=none");
    world_set(&experiment, "train.memory=1");
    world_set(&experiment, "train.batch=1000");
    struct train_cost cost = cost_of(&experiment);
    assert_int_equal(cost.refused.kind, ERROR_FAILED);
    assert_true(cost.bytes.plan.bytes > 1 << 20);
    world_run_failing(&log, &experiment, &status);
    assert_string_equal(status.error.text, cost.refused.text);
}

/* --- seconds --- */

static double cores(int most)
{
    return team_cores(0) < most ? team_cores(0) : most;
}

/* A machine that computes in no time: what remains is reading. */
static struct train_seconds reading(const char *const settings[3], const struct data_pace *pace)
{
    struct experiment experiment = world_experiment();
    struct speed speed = {.threads = 2, .memory = 1e18, .touch = 1e18, .products = {1e18, 1e18}};
    struct opened opened;
    struct error error = {0};
    struct train_cost cost;
    for (int k = 0; k < 3 && settings[k]; k++)
        world_set(&experiment, settings[k]);
    world_set(&experiment, "train.threads=2");
    opened_init(&opened, &experiment);
    struct train_cost_request request = request_of(&opened);
    struct data_pace paces[DATASET_SPLITS] = {*pace, *pace};
    request.kernels = NULL;
    request.speed = &speed;
    request.pace = paces;
    world_must(train_cost(&cost, &request, &error), &error);
    opened_finish(&opened);
    assert_true(cost.seconds.known);
    return cost.seconds;
}

static void assert_close(double a, double b)
{
    if (fabs(a - b) > 1e-3 * (fabs(a) + fabs(b) + 1e-3))
        fail_msg("%g, not %g", a, b);
}

static void reading_is_in_the_seconds(void **state)
{
    (void)state;
    const struct data_pace pace = {.view = 3, .first = 5, .kept = 1, .bytes = WORLD_SIDE * WORLD_SIDE * 3};
    double two = cores(2), all = TRAIN + VAL;
    /* kept features: each image is read once */
    struct train_seconds told = reading((const char *const[3]){"freeze.upto=layer2"}, &pace);
    assert_close(told.first, 3 * all / two);
    assert_close(told.later, 0);
    assert_int_equal(told.firsts, 1);
    /* fresh views: pictures are decoded and kept first, then views of them are made; validation has its features */
    told = reading((const char *const[3]){"freeze.upto=layer2", "data.augment=light", "data.views=0"}, &pace);
    assert_close(told.first, (5 * TRAIN + 3 * VAL) / two);
    assert_close(told.later, 1 * TRAIN / two);
    /* several views: each of the first epochs makes one */
    told = reading((const char *const[3]){"freeze.upto=layer2", "data.augment=light", "data.views=3"}, &pace);
    assert_int_equal(told.firsts, 3);
    assert_close(told.first, 3 * all / two);
    assert_close(told.later, 0);
    /* nothing is frozen, and nothing decoded is kept */
    told = reading((const char *const[3]){"freeze.upto=none", "data.image_memory=0"}, &pace);
    assert_close(told.first, 3 * all / two);
    assert_close(told.later, 3 * all / two);
}

/* A convolution's seconds are known where it was measured; all epochs are longer on a slower machine. */
static void computing_is_in_the_seconds(void **state)
{
    (void)state;
    struct experiment experiment = world_experiment();
    struct opened opened;
    struct error error = {0};
    struct team *team = team_create(2);
    const struct data_pace pace[DATASET_SPLITS] = {{0}};
    struct speed speed = {.threads = 2, .call = 1e-3, .memory = 1e9, .touch = 1e9, .products = {1e9, 1e9}};
    struct train_cost cost, slower, cached;
    world_set(&experiment, "freeze.upto=layer1");
    world_set(&experiment, "data.cache=off");
    world_set(&experiment, "data.size=20"); /* shapes that no other test here has measured */
    opened_init(&opened, &experiment);
    struct train_cost_request request = request_of(&opened);
    request.speed = &speed;
    request.pace = pace;
    assert_true(train_cost(&cost, &request, &error));
    assert_true(cost.seconds.unknown > 0);
    kernel_table_measure(opened.kernels, opened.graph, opened.freeze, team);
    assert_true(train_cost(&cost, &request, &error));
    assert_int_equal(cost.seconds.unknown, 0);
    assert_true(cost.seconds.later > 0 && cost.seconds.first >= cost.seconds.later);
    assert_true(cost.seconds.training > 0.5 * cost.seconds.later && cost.seconds.training < cost.seconds.later);
    speed.call = 2e-3;
    speed.memory = 0.5e9;
    assert_true(train_cost(&slower, &request, &error));
    assert_true(slower.seconds.later > cost.seconds.later);
    speed.memory =
        1e11; /* what is kept is read in no time, so that what is saved outweighs it however fast kernels are */
    assert_true(train_cost(&slower, &request, &error));
    world_set(&opened.experiment, "data.cache=f32");
    assert_true(train_cost(&cached, &request, &error));
    assert_true(cached.seconds.later < slower.seconds.later && cached.seconds.first > cached.seconds.later);
    opened_finish(&opened);
    team_destroy(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_those_of_the_run),
        cmocka_unit_test(what_does_not_fit_is_refused_alike),
        cmocka_unit_test(reading_is_in_the_seconds),
        cmocka_unit_test(computing_is_in_the_seconds),
    };
    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
