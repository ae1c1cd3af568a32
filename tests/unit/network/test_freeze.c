/* The freeze plan: marks, names and globs there and back, counts, the frontier, the proof of freeze. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "small_graph.h"
#include "thaw/base/mem.h"

struct fixture {
    struct graph *graph;
    struct freeze *freeze;
};

static int set_up(void **state)
{
    struct fixture *fixture = mem_alloc(sizeof *fixture);
    fixture->graph = small_graph();
    fixture->freeze = freeze_create(fixture->graph);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    freeze_destroy(fixture->freeze);
    graph_destroy(fixture->graph);
    mem_free(fixture);
    return 0;
}

static int node_of(const struct graph *graph, const char *name)
{
    int node = graph_find_node(graph, name);
    if (node < 0)
        fail_msg("no node %s", name);
    return node;
}

static void match(struct fixture *fixture, const char *patterns, bool fixed)
{
    struct error error = {0};
    if (!freeze_match(fixture->freeze, fixture->graph, patterns, fixed, &error))
        fail_msg("%s", error.text);
}

static void upto(struct fixture *fixture, const char *name)
{
    struct error error = {0};
    if (!freeze_upto(fixture->freeze, fixture->graph, name, &error))
        fail_msg("%s", error.text);
}

static void assert_described(const struct fixture *fixture, const char *wanted)
{
    char *text = freeze_describe(fixture->freeze, fixture->graph);
    assert_string_equal(text, wanted);
    mem_free(text);
}

static void nodes_have_their_marks(void **state)
{
    struct fixture *fixture = *state;
    const struct graph *graph = fixture->graph;
    assert_int_equal(freeze_marks(graph, 0), 0);
    assert_int_equal(freeze_marks(graph, node_of(graph, "stem.conv")), FREEZE_WEIGHTS);
    assert_int_equal(freeze_marks(graph, node_of(graph, "stem.bn")), FREEZE_AFFINE | FREEZE_STATISTICS);
    assert_int_equal(freeze_marks(graph, node_of(graph, "stem.relu")), 0);
    assert_int_equal(freeze_marks(graph, node_of(graph, "mix.dropout")), FREEZE_DROPOUT);
    assert_int_equal(freeze_marks(graph, node_of(graph, "fc")), FREEZE_WEIGHTS);
    int conv = node_of(graph, "stem.conv"), norm = node_of(graph, "stem.bn");
    freeze_set(fixture->freeze, graph, conv, FREEZE_ALL, true);
    assert_int_equal(fixture->freeze->fixed[conv], FREEZE_WEIGHTS); /* marks it does not have are not set */
    freeze_set(fixture->freeze, graph, norm, FREEZE_AFFINE, true);
    assert_false(freeze_is_frozen(fixture->freeze, graph, norm));
    assert_false(freeze_param_moves(fixture->freeze, graph, graph_find_param(graph, "stem.conv.weight")));
    assert_false(freeze_param_moves(fixture->freeze, graph, graph_find_param(graph, "stem.bn.weight")));
    assert_false(freeze_param_moves(fixture->freeze, graph, graph_find_param(graph, "stem.bn.bias")));
    assert_true(freeze_param_moves(fixture->freeze, graph, graph_find_param(graph, "stem.bn.running_mean")));
    assert_true(freeze_param_moves(fixture->freeze, graph, graph_find_param(graph, "fc.bias")));
    struct freeze *copy = freeze_copy(fixture->freeze);
    freeze_set(copy, graph, norm, FREEZE_STATISTICS, true);
    assert_true(freeze_is_frozen(copy, graph, norm));
    assert_false(freeze_is_frozen(fixture->freeze, graph, norm));
    freeze_destroy(copy);
}

static void upto_takes_stages_nodes_and_words(void **state)
{
    struct fixture *fixture = *state;
    upto(fixture, "block1");
    assert_described(fixture, "stem block1");
    upto(fixture, "stem.conv"); /* and thaws the rest */
    assert_described(fixture, "stem.conv");
    upto(fixture, "trunk");
    assert_described(fixture, "stem block1 block2 block3 mix");
    upto(fixture, "fc");
    assert_described(fixture, "stem block1 block2 block3 mix fc");
    upto(fixture, "none");
    assert_described(fixture, "");
}

static void patterns_freeze_and_thaw(void **state)
{
    struct fixture *fixture = *state;
    match(fixture, "stem  block2.*\tmix.conv", true);
    assert_described(fixture, "stem block2 mix.conv");
    match(fixture, "block2.downsample.*", false);
    assert_described(fixture, "stem block2.1.conv block2.1.bn block2.2.conv block2.2.bn mix.conv");
    match(fixture, "*.bn", false);
    assert_described(fixture, "stem.conv block2.1.conv block2.2.conv mix.conv");
    match(fixture, "*", true);
    assert_described(fixture, "stem block1 block2 block3 mix fc");
    match(fixture, "block[12]", false); /* a glob over stage names, where no node has such a name */
    assert_described(fixture, "stem block3 mix fc");
    match(fixture, "", true);
    assert_described(fixture, "stem block3 mix fc");
}

static void assert_there_and_back(const struct fixture *fixture)
{
    char *text = freeze_describe(fixture->freeze, fixture->graph);
    struct freeze *again = freeze_create(fixture->graph);
    struct error error = {0};
    if (!freeze_match(again, fixture->graph, text, true, &error))
        fail_msg("%s", error.text);
    assert_memory_equal(again->fixed, fixture->freeze->fixed, (size_t)again->nodes);
    freeze_destroy(again);
    mem_free(text);
}

/* What describe says freezes the same again, whatever is frozen: whole nodes, and marks in any mixture. */
static void descriptions_go_there_and_back(void **state)
{
    struct fixture *fixture = *state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        for (int node = 0; node < fixture->graph->nodes; node++)
            freeze_set(fixture->freeze, fixture->graph, node, FREEZE_ALL, (seed * 31 + (uint64_t)node * node) % 7 < 5);
        assert_there_and_back(fixture);
        small_random_marks(fixture->freeze, fixture->graph, 0.7, seed);
        assert_there_and_back(fixture);
    }
}

static void marks_behind_a_colon(void **state)
{
    struct fixture *fixture = *state;
    match(fixture, "stem", true);
    match(fixture, "*.bn:statistics", true);
    match(fixture, "block2:statistics", false);
    match(fixture, "block1.1.bn:statistics block1.2.bn:affine,statistics", false);
    match(fixture, "block1.2.bn:affine", true);
    assert_described(fixture, "stem block1.2.bn:affine block3.1.bn:statistics");
    struct error error = {0};
    assert_false(freeze_match(fixture->freeze, fixture->graph, "stem:wieghts", true, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_non_null(strstr(error.text, "weights, affine, statistics or dropout"));
    assert_false(freeze_match(fixture->freeze, fixture->graph, "stem:", true, &error));
}

/* ResNet's stage conv1 holds conv1 and bn1: the node alone must not read as the stage. */
static void a_node_named_like_its_stage_stays_alone(void **state)
{
    (void)state;
    struct graph *graph = graph_create("tiny", 4, 4, 3);
    graph_begin_stage(graph, "conv1");
    int x = graph_add_conv(graph, "conv1", 0, 4, 3, 1, 1, 1, false);
    x = graph_add_batch_norm(graph, "bn1", x, 1e-5f, 0.1f);
    graph_begin_stage(graph, "fc");
    x = graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x);
    graph_add_linear(graph, "fc", x, 2);
    struct error error = {0};
    assert_true(graph_finish(graph, &error));
    struct fixture fixture = {graph, freeze_create(graph)};
    match(&fixture, "conv[1]", true);
    assert_described(&fixture, "conv[1]");
    match(&fixture, "conv1", true);
    assert_described(&fixture, "conv1");
    assert_true(freeze_is_frozen(fixture.freeze, graph, node_of(graph, "bn1")));
    freeze_destroy(fixture.freeze);
    graph_destroy(graph);
}

static void unknown_names_are_refused_with_the_nearest(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    match(fixture, "stem", true);
    assert_false(freeze_upto(fixture->freeze, fixture->graph, "blok2", &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_string_equal(error.text, "small has no layer \"blok2\"; the nearest names are block2, block1, block3");
    assert_false(freeze_match(fixture->freeze, fixture->graph, "block1 mix.comv", true, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_non_null(strstr(error.text, "\"mix.comv\""));
    assert_non_null(strstr(error.text, "names are mix.conv,"));
    assert_described(fixture, "stem"); /* a refused list changes nothing */
    assert_false(freeze_match(fixture->freeze, fixture->graph, "layer*", true, &error));
    char longest[300];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_false(freeze_upto(fixture->freeze, fixture->graph, longest, &error));
}

static void statistics_follow_or_stay(void **state)
{
    struct fixture *fixture = *state;
    const struct graph *graph = fixture->graph;
    int stem = node_of(graph, "stem.bn"), later = node_of(graph, "block1.1.bn");
    upto(fixture, "stem");
    freeze_statistics(fixture->freeze, graph, true);
    assert_int_equal(fixture->freeze->fixed[later], FREEZE_STATISTICS);
    assert_int_equal(fixture->freeze->fixed[node_of(graph, "fc")], 0);
    freeze_statistics(fixture->freeze, graph, false);
    assert_int_equal(fixture->freeze->fixed[later], 0);
    assert_int_equal(fixture->freeze->fixed[stem], FREEZE_AFFINE | FREEZE_STATISTICS);
}

static void counts_add_up(void **state)
{
    struct fixture *fixture = *state;
    struct graph_totals totals = graph_totals(fixture->graph);
    struct freeze_counts none = freeze_counts(fixture->freeze, fixture->graph);
    assert_int_equal(none.trainable, totals.params);
    assert_int_equal(none.buffers_moving, totals.buffers);
    assert_int_equal(none.frozen + none.buffers_fixed + (size_t)none.layers_frozen, 0);
    upto(fixture, "stem");
    struct freeze_counts stem = freeze_counts(fixture->freeze, fixture->graph);
    assert_int_equal(stem.frozen, 3 * 3 * 3 * 4 + 4 + 4);
    assert_int_equal(stem.buffers_fixed, 8);
    assert_int_equal(stem.layers_frozen, 2);
    assert_int_equal(stem.layers_trainable, none.layers_trainable - 2);
    assert_int_equal(stem.trainable + stem.frozen, totals.params);
    /* thawed statistics alone: nothing to learn, but the layer moves */
    freeze_set(fixture->freeze, fixture->graph, node_of(fixture->graph, "stem.bn"), FREEZE_STATISTICS, false);
    stem = freeze_counts(fixture->freeze, fixture->graph);
    assert_int_equal(stem.frozen, 3 * 3 * 3 * 4 + 4 + 4);
    assert_int_equal(stem.buffers_fixed, 0);
    assert_int_equal(stem.layers_frozen, 1);
}

/* Constants are no parameters, no buffers and no layers; what is left of a batch norm without scale and shift moves or
 * not with its statistics. */
static void constants_are_nowhere(void **state)
{
    (void)state;
    struct graph *graph = modern_graph();
    struct freeze *freeze = freeze_create(graph);
    struct error error = {0};
    int norm = node_of(graph, "block1.1.bn"), scale = graph_find_param(graph, "block1.1.bn.weight");
    assert_int_equal(freeze_marks(graph, node_of(graph, "transform")), 0);
    assert_int_equal(freeze_marks(graph, node_of(graph, "stem.scale")), FREEZE_WEIGHTS);
    assert_int_equal(freeze_marks(graph, node_of(graph, "mix.norm")), FREEZE_AFFINE);
    assert_int_equal(freeze_marks(graph, norm), FREEZE_AFFINE | FREEZE_STATISTICS);
    assert_int_equal(graph->param[scale].role, OP_ROLE_CONSTANT);
    assert_false(freeze_param_moves(freeze, graph, scale));
    assert_true(freeze_param_moves(freeze, graph, scale + 1));
    size_t params = 0, constants = 0;
    for (int p = 0; p < graph->params; p++) {
        bool constant = graph->param[p].role == OP_ROLE_CONSTANT;
        constants += constant ? graph->param[p].count : 0;
        params += constant || graph->param[p].role == OP_ROLE_STATISTICS ? 0 : graph->param[p].count;
    }
    assert_int_equal(constants, 3 + 3 + 8 + 4);
    struct graph_totals totals = graph_totals(graph);
    struct freeze_counts counts = freeze_counts(freeze, graph);
    assert_int_equal(totals.params, params);
    assert_int_equal(counts.trainable, params);
    assert_int_equal(counts.frozen + (size_t)counts.layers_frozen, 0);
    assert_true(freeze_upto(freeze, graph, "fc", &error));
    counts = freeze_counts(freeze, graph);
    assert_int_equal(counts.frozen, params);
    assert_int_equal(counts.buffers_fixed, totals.buffers);
    struct freeze_proof *proof = freeze_proof_take(freeze, graph);
    int checked;
    graph_param_values(graph, scale)[0] += 1; /* the proof holds constants, too */
    assert_int_equal(freeze_proof_check(proof, graph, &checked), scale);
    assert_int_equal(checked, graph->params);
    freeze_proof_destroy(proof);
    freeze_destroy(freeze);
    graph_destroy(graph);
}

static void a_norm_without_scale_and_shift_keeps_its_statistics(void **state)
{
    (void)state;
    struct error error = {0};
    struct graph *graph = graph_create("bare", 4, 4, 2);
    struct op_attrs attrs = {.eps = 1e-3f, .momentum = 0.1f, .no_scale = true, .no_shift = true};
    int norm = graph_add(graph, "bn", OP_BATCH_NORM, &attrs, 1, &(int){0});
    graph_add_linear(graph, "fc", graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, norm), 2);
    assert_true(graph_finish(graph, &error));
    struct freeze *freeze = freeze_create(graph);
    assert_int_equal(freeze_marks(graph, norm), FREEZE_STATISTICS);
    freeze_statistics(freeze, graph, false);
    assert_false(freeze_is_frozen(freeze, graph, norm));
    assert_true(freeze_upto(freeze, graph, "bn", &error));
    freeze_statistics(freeze, graph, false);
    assert_true(freeze_is_frozen(freeze, graph, norm));
    freeze_destroy(freeze);
    graph_destroy(graph);
}

/* Building faults name the node and what does not fit. */
static void constants_must_fit(void **state)
{
    (void)state;
    static const float values[3] = {1, 2, 3};
    static const struct {
        int node, slot;
        size_t count;
        bool constant;
        const char *text;
    } cases[] = {
        {1, 0, 2, true, "another number"},
        {1, 0, 3, false, "it learns"},
        {1, 1, 3, true, "parameter 1 of node 1"},
        {7, 0, 3, true, "parameter 0 of node 7"},
        {-1, 0, 3, true, "node -1"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error = {0};
        struct graph *graph = graph_create("faulty", 4, 4, 3);
        struct op_attrs attrs = {.constant = cases[i].constant};
        int x = graph_add(graph, "scale", OP_AFFINE, &attrs, 1, &(int){0});
        graph_set_constant(graph, cases[i].node, cases[i].slot, values, cases[i].count);
        graph_add_linear(graph, "fc", graph_add_unary(graph, "pool", OP_GLOBAL_AVG_POOL, x), 2);
        assert_false(graph_finish(graph, &error));
        if (strstr(error.text, cases[i].text) == NULL)
            fail_msg("%s", error.text);
        graph_destroy(graph);
    }
}

static void the_frontier_is_the_first_that_moves(void **state)
{
    struct fixture *fixture = *state;
    const struct graph *graph = fixture->graph;
    assert_int_equal(freeze_frontier(fixture->freeze, graph), 1); /* the input moves nothing */
    upto(fixture, "stem"); /* relu has nothing to freeze and belongs to the prefix */
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "block1.1.conv"));
    upto(fixture, "block2");
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "block3.1.conv"));
    match(fixture, "block2.downsample.conv", false); /* a thawed side branch ends the prefix */
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "block2.downsample.conv"));
    upto(fixture, "trunk");
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "fc"));
    match(fixture, "mix.dropout", false); /* active dropout changes from step to step */
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "mix.dropout"));
    freeze_set(fixture->freeze, graph, node_of(graph, "block1.2.bn"), FREEZE_STATISTICS, false);
    assert_int_equal(freeze_frontier(fixture->freeze, graph), node_of(graph, "block1.2.bn"));
    upto(fixture, "fc");
    assert_int_equal(freeze_frontier(fixture->freeze, graph), graph->nodes);
}

static void the_proof_names_what_moved(void **state)
{
    struct fixture *fixture = *state;
    struct graph *graph = fixture->graph;
    upto(fixture, "block1");
    struct freeze_proof *proof = freeze_proof_take(fixture->freeze, graph);
    struct hash hash = freeze_proof_hash(proof);
    int checked = 0, fixed = 0;
    assert_int_equal(freeze_proof_check(proof, graph, &checked), -1);
    for (int p = 0; p < graph->params; p++)
        fixed += !freeze_param_moves(fixture->freeze, graph, p);
    assert_int_equal(checked, fixed);
    for (int p = 0; p < graph->params; p++) {
        float *last = graph_param_values(graph, p) + graph->param[p].count - 1, kept = *last;
        *last = -kept;
        bool moves = freeze_param_moves(fixture->freeze, graph, p);
        assert_int_equal(freeze_proof_check(proof, graph, &checked), moves ? -1 : p);
        *last = kept;
    }
    /* a tensor that moved is not forgiven when the plan changes; a newly frozen one starts from where it is */
    int moved = graph_find_param(graph, "stem.bn.running_mean");
    graph_param_values(graph, moved)[0] += 1;
    upto(fixture, "block2");
    freeze_proof_update(proof, fixture->freeze, graph);
    assert_false(hash_equal(hash, freeze_proof_hash(proof)));
    assert_int_equal(freeze_proof_check(proof, graph, &checked), moved);
    assert_true(checked > fixed);
    graph_param_values(graph, moved)[0] -= 1;
    match(fixture, "stem", false);
    freeze_proof_update(proof, fixture->freeze, graph);
    graph_param_values(graph, moved)[0] += 1;
    assert_int_equal(freeze_proof_check(proof, graph, &checked), -1);
    freeze_proof_destroy(proof);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nodes_have_their_marks),
        TEST(upto_takes_stages_nodes_and_words),
        TEST(patterns_freeze_and_thaw),
        TEST(descriptions_go_there_and_back),
        TEST(marks_behind_a_colon),
        cmocka_unit_test(a_node_named_like_its_stage_stays_alone),
        TEST(unknown_names_are_refused_with_the_nearest),
        TEST(statistics_follow_or_stay),
        TEST(counts_add_up),
        cmocka_unit_test(constants_are_nowhere),
        cmocka_unit_test(a_norm_without_scale_and_shift_keeps_its_statistics),
        cmocka_unit_test(constants_must_fit),
        TEST(the_frontier_is_the_first_that_moves),
        TEST(the_proof_names_what_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
