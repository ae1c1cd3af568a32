/* Plans that compute values again for want of memory: the same bits as plans that keep them, within the budget, and a
 * sentence where nothing fits.
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

#include "narrow.h"
#include "src/compile/plan_private.h"
#include "tests/unit/network/small_graph.h"
#include "thaw/base/hash.h"
#include "thaw/compile/exec.h"
#include "thaw/source/zoo.h"

#ifdef THAW_SANITIZED /* several times as slow: every second budget */
enum { COARSER = 2 };
#else
enum { COARSER = 1 };
#endif
enum { BATCH = 6, CLASSES = 5, STEPS = 2 };

struct net {
    struct graph *graph;
    struct freeze *freeze;
    float *values, *input, *logits_gradient; /* values: as they were at first */
    int batch;
};

static void net_open(struct net *net, struct graph *graph, int batch)
{
    size_t inputs = shape4_count(graph->node[0].shape) * (size_t)batch, logits = (size_t)batch * (size_t)graph->classes;
    *net = (struct net){.graph = graph, .freeze = freeze_create(graph), .batch = batch};
    net->values = mem_floats(graph->values_count);
    memcpy(net->values, graph->values, graph->values_count * sizeof(float));
    net->input = mem_floats(inputs);
    net->logits_gradient = mem_floats(logits);
    small_random(net->input, inputs, 1);
    small_random(net->logits_gradient, logits, 2);
}

static void net_close(struct net *net)
{
    mem_free_floats(net->values);
    mem_free_floats(net->input);
    mem_free_floats(net->logits_gradient);
    freeze_destroy(net->freeze);
    graph_destroy(net->graph);
}

static void open_arch(struct net *net, const char *arch, int side)
{
    struct error error = {0};
    struct graph *graph =
        zoo_build(arch, &(struct zoo_options){.classes = CLASSES, .height = side, .width = side}, &error);
    if (graph == NULL)
        fail_msg("%s", error.text);
    graph_initialise(graph, 3);
    net_open(net, graph, BATCH);
}

static void upto(struct net *net, const char *name)
{
    struct error error = {0};
    if (!freeze_upto(net->freeze, net->graph, name, &error))
        fail_msg("%s", error.text);
}

static struct plan *try_plan(struct net *net, int threads, size_t budget, struct team **team, struct error *error)
{
    *team = team_create(threads);
    memcpy(net->graph->values, net->values, net->graph->values_count * sizeof(float));
    struct plan_options options = {
        .batch = net->batch, .training = true, .fold = true, .poison = true, .team = *team, .budget = budget};
    return plan_create(net->graph, net->freeze, &options, error);
}

static size_t bits_count(const struct net *net)
{
    return 2 * net->graph->values_count + (size_t)net->batch * (size_t)net->graph->classes;
}

/* Training steps from the first values, the last one of fewer images: logits, gradients and values, moved statistics
 * among them. */
static float *bits_of(const struct net *net, struct plan *plan)
{
    const struct graph *graph = net->graph;
    float *bits = mem_floats(bits_count(net)), *at = bits + 2 * graph->values_count;
    for (int step = 0; step < STEPS; step++) {
        int n = net->batch - step;
        const float *logits = exec_forward(plan, net->input, n, true, 5, (uint64_t)step);
        memcpy(at, logits, (size_t)n * (size_t)graph->classes * sizeof(float));
        exec_backward(plan, net->logits_gradient, n);
        for (int p = 0; p < graph->params; p++) {
            const float *gradient = plan_gradient(plan, p);
            for (size_t i = 0; i < graph->param[p].count && gradient != NULL; i++) {
                bits[graph->param[p].offset + i] = gradient[i];
                graph_param_values(graph, p)[i] -= 1e-3f * gradient[i];
            }
        }
    }
    memcpy(bits + graph->values_count, graph->values, graph->values_count * sizeof(float));
    return bits;
}

static void expect_bits(const struct net *net, struct plan *plan, const float *wanted)
{
    float *bits = bits_of(net, plan);
    if (memcmp(bits, wanted, bits_count(net) * sizeof(float)) != 0)
        fail_msg("%s: other bits in %zu bytes", net->graph->arch, plan_bytes(plan));
    mem_free_floats(bits);
}

/* Of what is dropped and where everything lies: plans with the same layout are the same plan. */
static struct hash layout_of(const struct plan *plan)
{
    struct hash hash = hash_bytes(plan->dropped, (size_t)plan->graph->nodes * sizeof *plan->dropped, (struct hash){0});
    for (int i = 0; i < plan->buffers; i++)
        hash = hash_bytes(&plan->buffer[i].offset, sizeof plan->buffer[i].offset, hash);
    return hash;
}

/* With less and less memory until nothing fits, for so many threads up to 2; how many budgets something was computed
 * again for. */
static int check_budgets(struct net *net, int threads, double factor)
{
    int again = 0;
    for (; threads <= 2; threads++) {
        struct error error = {0};
        struct team *team;
        struct plan *plan = try_plan(net, threads, 0, &team, &error);
        if (plan == NULL)
            fail_msg("%s", error.text);
        size_t budget = plan_bytes(plan);
        double share = -1;
        assert_int_equal(plan_recomputed(plan, &share), 0);
        assert_true(share == 0);
        float *wanted = bits_of(net, plan);
        struct hash layout = layout_of(plan);
        plan_destroy(plan);
        team_destroy(team);
        while ((plan = try_plan(net, threads, budget, &team, &error)) != NULL) {
            struct hash before = layout;
            layout = layout_of(plan);
            assert_true(plan_bytes(plan) <= budget);
            again += plan_recomputed(plan, &share) > 0;
            assert_true(share >= 0 && share < 1);
            if (!hash_equal(layout, before))
                expect_bits(net, plan, wanted);
            plan_destroy(plan);
            team_destroy(team);
            budget = (size_t)((double)budget * pow(factor, COARSER));
        }
        assert_int_equal(error.kind, ERROR_FAILED);
        team_destroy(team);
        mem_free_floats(wanted);
    }
    return again;
}

static void small_networks_have_the_same_bits(void **state)
{
    (void)state;
    static const char *const cuts[] = {"none", "stem", "block1", "block2.1.conv", "block3"};
    for (int modern = 0; modern < 2; modern++) {
        struct net net;
        int again = 0;
        net_open(&net, modern ? modern_graph() : small_graph(), SMALL_BATCH);
        for (size_t i = 0; i < THAW_LENGTH(cuts); i++) {
            upto(&net, cuts[i]);
            again += check_budgets(&net, 1, 0.96);
        }
        assert_true(again > 20 / COARSER);
        for (uint64_t i = 0; i < 25; i++) {
            small_random_marks(net.freeze, net.graph, 0.2 * (double)(i % 5), 70 + i);
            check_budgets(&net, 1, 0.88);
        }
        net_close(&net);
    }
}

/* Every way in which values meet, with the budgets close together and either team. */
static void narrow_networks_have_the_same_bits(void **state)
{
    (void)state;
    static const char *const blocks[] = {"residual", "depthwise", "dense", "gates", "fire"};
    for (size_t i = 0; i < THAW_LENGTH(blocks); i++) {
        struct net net;
        net_open(&net, narrow_graph(blocks[i]), BATCH);
        int whole = check_budgets(&net, 1, 0.88);
        upto(&net, "stage1");
        int cut = check_budgets(&net, 1, 0.92);
        print_message("%s: something computed again for %d budgets, with the first stage frozen for %d\n", blocks[i],
                      whole, cut);
        assert_true(whole >= 8 / COARSER && cut >= 6 / COARSER);
        net_close(&net);
    }
}

/* Real depths and widths, where the search has hundreds of steps to choose among. */
static void real_networks_have_the_same_bits(void **state)
{
    (void)state;
    static const char *const archs[] = {"resnet20", "mobilenet_v2", "densenet121", "efficientnet_b0", "squeezenet1_1"};
    for (size_t i = 0; i < THAW_LENGTH(archs); i++) {
        struct net net;
        open_arch(&net, archs[i], 48);
        assert_true(check_budgets(&net, 2, pow(0.9, 1.0 / COARSER)) >= 1); /* few budgets fit: all of them */
        net_close(&net);
    }
}

/* Batch norms and what costs no multiply-adds come first, and whole segments for less than that. */
static void cheap_steps_come_first(void **state)
{
    (void)state;
    struct net net;
    struct error error = {0};
    struct team *team;
    double shares[2];
    open_arch(&net, "resnet20", 64);
    struct plan *plan = try_plan(&net, 2, 0, &team, &error);
    size_t all = plan_bytes(plan);
    plan_destroy(plan);
    team_destroy(team);
    for (int i = 0; i < 2; i++) {
        plan = try_plan(&net, 2, i == 0 ? all / 5 * 4 : all / 2, &team, &error);
        if (plan == NULL)
            fail_msg("%s", error.text);
        assert_true(plan_recomputed(plan, &shares[i]) > 0);
        plan_destroy(plan);
        team_destroy(team);
    }
    assert_true(shares[0] < 0.05 && shares[0] <= shares[1]);
    net_close(&net);
}

/* The sentence names a size that is enough indeed. */
static void what_cannot_fit_is_refused_with_a_sentence(void **state)
{
    (void)state;
    struct net net;
    struct error error = {0};
    struct team *team;
    unsigned long long needs = 0;
    open_arch(&net, "resnet20", 64);
    assert_null(try_plan(&net, 1, (size_t)2 << 20, &team, &error));
    team_destroy(team);
    assert_int_equal(error.kind, ERROR_FAILED);
    if (sscanf(error.text, "resnet20 needs at least %llu MiB of memory for a batch of 6 images", &needs) != 1 ||
        strstr(error.text, "may take 2 MiB: take a smaller batch, freeze more layers or let it take more") == NULL)
        fail_msg("\"%s\" does not say it", error.text);
    struct plan *plan = try_plan(&net, 1, (size_t)needs << 20, &team, &error);
    assert_non_null(plan);
    plan_destroy(plan);
    team_destroy(team);
    net_close(&net);
}

static void a_plan_that_only_infers_has_nothing_to_drop(void **state)
{
    (void)state;
    struct net net;
    struct error error = {0};
    open_arch(&net, "resnet20", 64);
    struct team *team = team_create(1);
    struct plan_options options = {.batch = BATCH, .fold = true, .team = team, .budget = 1 << 20};
    assert_null(plan_create(net.graph, NULL, &options, &error));
    assert_non_null(strstr(error.text, "take a smaller batch or let it take more"));
    team_destroy(team);
    net_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_networks_have_the_same_bits),
        cmocka_unit_test(narrow_networks_have_the_same_bits),
        cmocka_unit_test(real_networks_have_the_same_bits),
        cmocka_unit_test(cheap_steps_come_first),
        cmocka_unit_test(what_cannot_fit_is_refused_with_a_sentence),
        cmocka_unit_test(a_plan_that_only_infers_has_nothing_to_drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
