/* Files under the names of other libraries, as these save them, against the logits that these give (names.txt and
 * towers.txt, which make_names.py and make_towers.py write): each is recognised by its tensors, bound with nothing missing
 * or left over, and gives the logits within 1e-4 of their norm. Weights and image are hashed from names and numbers on both sides. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hashed.h"
#include "src/weights/format.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

enum { CASES = 35, TOWERS = 21, TENSORS_MAX = 1024, NAME_MAX_HERE = 128 };
static const double tolerance = 1e-4;

#ifdef THAW_SANITIZED /* several times as slow; transformers of hundreds of megabytes run the code of the small ones */
static const size_t largest = 60000000;
#else
static const size_t largest = SIZE_MAX;
#endif

static struct bind_zoo *zoo; /* all cases' */

/* A case of the fixture: the file that the library saved. */
static struct file {
    char library[32], name[64], arch[64];
    int channels, side;
    int values_given;
    int features; /* that its values are of, 0: it has logits */
    size_t tensors;
    struct tensor {
        char name[NAME_MAX_HERE];
        struct shape shape;
        size_t at; /* in the values */
    } tensor[TENSORS_MAX];
    float *values;
    size_t count, room;
} file;

/* Values lie from middle - spread to middle + spread. */
static void find_range(const char *leaf, const struct shape *shape, double *middle, double *spread)
{
    bool vector = shape->rank == 1;
    *middle = 0;
    if (!vector) {
        *spread = sqrt(3.0 / (double)(shape_count(shape) / shape->dim[0]));
    } else if (!strcmp(leaf, "running_var") || !strcmp(leaf, "weight")) {
        *middle = 1;
        *spread = 0.25;
    } else if (!strcmp(leaf, "running_mean") || !strcmp(leaf, "bias")) {
        *spread = strcmp(leaf, "bias") ? 0.2 : 0.1;
    } else {
        *middle = 0.3;
        *spread = 0.2;
    }
}

static void add_tensor(const char *name, const struct shape *shape)
{
    assert_true(file.tensors < TENSORS_MAX);
    struct tensor *tensor = &file.tensor[file.tensors++];
    snprintf(tensor->name, sizeof tensor->name, "%s", name);
    tensor->shape = *shape;
    tensor->at = file.count;
    file.count += (size_t)shape_count(shape);
}

static void add_norm(const char *layer, const char *channels)
{
    static const char *const leaves[] = {"weight", "bias", "running_mean", "running_var"};
    struct shape shape = {1, {atoi(channels)}};
    for (size_t i = 0; i < THAW_LENGTH(leaves); i++) {
        char name[NAME_MAX_HERE];
        snprintf(name, sizeof name, "%.100s.%s", layer, leaves[i]);
        add_tensor(name, &shape);
    }
}

/* "NAME*N": so many, numbered in place of "{}". */
static void add_tensors(char *name, const struct shape *shape)
{
    char *star = strchr(name, '*');
    if (!star) {
        add_tensor(name, shape);
        return;
    }
    *star = '\0';
    const char *gap = strstr(name, "{}");
    assert_non_null(gap);
    for (int i = 0; i < atoi(star + 1); i++) {
        char own[NAME_MAX_HERE];
        snprintf(own, sizeof own, "%.*s%d%s", (int)(gap - name), name, i, gap + 2);
        add_tensor(own, shape);
    }
}

static void read_shape(struct shape *shape, char *text)
{
    char *rest = text;
    shape->rank = 0;
    while (*rest && shape->rank < SHAPE_RANK_MAX) {
        shape->dim[shape->rank++] = strtol(rest, &rest, 10);
        rest += *rest == 'x';
    }
}

/* Pages once touched are kept for the next case: touching them is half of the work. */
static void fill(void)
{
    if (file.room < file.count) {
        mem_free_floats(file.values);
        file.values = mem_floats(file.room = file.count);
    }
    for (size_t t = 0; t < file.tensors; t++) {
        const struct tensor *tensor = &file.tensor[t];
        const char *dot = strrchr(tensor->name, '.');
        uint64_t hash = hashed_name(tensor->name);
        double middle, spread;
        find_range(dot ? dot + 1 : tensor->name, &tensor->shape, &middle, &spread);
        hashed_fill(hash, middle, spread, file.values + tensor->at, (size_t)shape_count(&tensor->shape));
    }
}

/* Up to its logits; false at the end. */
static bool read_case(FILE *from)
{
    size_t tensors;
    char name[NAME_MAX_HERE], text[64];
    int fields = fscanf(from, " case %31s %63s %63s channels %d side %d tensors %zu", file.library, file.name,
                        file.arch, &file.channels, &file.side, &tensors);
    if (fields == EOF)
        return false;
    assert_int_equal(fields, 6);
    file.tensors = file.count = 0;
    while (file.tensors < tensors) {
        struct shape shape;
        assert_int_equal(fscanf(from, " %127s %63s", name, text), 2);
        if (strcmp(text, "norm") == 0) {
            assert_int_equal(fscanf(from, "%63s", text), 1);
            add_norm(name, text);
        } else {
            read_shape(&shape, text);
            add_tensors(name, &shape);
        }
    }
    assert_int_equal(file.tensors, tensors);
    assert_int_equal(fscanf(from, " %63s %d", text, &file.features), 2);
    file.values_given = file.features;
    if (strcmp(text, "features") != 0)
        file.features = 0;
    return true;
}

static bool list_tensors(struct weights *weights, struct error *error)
{
    for (size_t i = 0; i < file.tensors; i++) {
        const struct tensor *tensor = &file.tensor[i];
        struct weights_place place = {.first = weights_map(weights)->data + tensor->at * sizeof(float)};
        weights_place_dense(&place, &tensor->shape);
        if (!weights_add(weights, tensor->name, strlen(tensor->name), TENSOR_F32, &tensor->shape, &place, error))
            return false;
    }
    return true;
}

static const struct weights_format as_listed = {.name = "a list", .layout = WEIGHTS_TORCH, .open = list_tensors};

/* A file without a class layer: one that gives what it reads. */
static void show_features(struct graph *graph)
{
    int param = graph->node[graph_class_layer(graph)].first_param;
    float *weight = graph_param_values(graph, param);
    size_t side = (size_t)graph->classes;
    assert_int_equal(graph->param[param].count, side * side);
    memset(weight, 0, side * side * sizeof *weight);
    for (size_t i = 0; i < side; i++)
        weight[i * side + i] = 1;
    memset(graph_param_values(graph, param + 1), 0, side * sizeof *weight);
}

static struct graph *load(void)
{
    struct error error;
    struct bind_report report;
    struct bind_identity identity;
    struct weights *weights =
        weights_open_memory_as(&as_listed, file.values, file.count * sizeof(float), file.name, &error);
    if (!weights)
        fail_msg("%s: %s", file.arch, error.text);
    if (!bind_recognise(weights, zoo, &identity, &error))
        fail_msg("%s, %s: %s", file.library, file.arch, error.text);
    if (strcmp(identity.arch, file.arch) != 0)
        fail_msg("%s: %s is taken for %s", file.library, file.arch, identity.arch);
    struct zoo_options options = {.classes = file.features > 0 ? file.features : identity.classes,
                                  .height = file.side,
                                  .width = file.side,
                                  .channels = identity.channels};
    struct graph *graph = zoo_build(identity.arch, &options, &error);
    if (!graph || !bind_weights(graph, weights, 0, &report, &error))
        fail_msg("%s, %s: %s", file.library, file.arch, error.text);
    size_t head = file.features > 0 ? 2 : 0; /* weight and bias */
    size_t unused = report.count[BIND_MISSING] + report.count[BIND_UNEXPECTED] + report.count[BIND_RESHAPED] - head;
    if (unused > 0)
        fail_msg("%s, %s: %zu tensors missing or left over", file.library, file.arch, unused);
    if (file.features > 0)
        show_features(graph);
    bind_report_finish(&report);
    weights_close(weights);
    return graph;
}

/* Numbered c,h,w there, stored h,w,c here. */
static float *make_input(void)
{
    uint64_t hash = hashed_name("input.0");
    size_t pixels = (size_t)file.side * (size_t)file.side, channels = (size_t)file.channels;
    float *input = mem_floats(pixels * channels);
    for (size_t c = 0; c < channels; c++)
        for (size_t i = 0; i < pixels; i++)
            input[i * channels + c] = (float)(sqrt(3.0) * (2 * hashed_uniform(hash, c * pixels + i) - 1));
    return input;
}

static double compare(FILE *from, const float *logits, int classes)
{
    double square = 0, norm = 0;
    assert_int_equal(file.values_given, classes);
    for (int i = 0; i < classes; i++) {
        double want;
        assert_int_equal(fscanf(from, "%lf", &want), 1);
        square += pow(want - (double)logits[i], 2);
        norm += want * want;
    }
    return sqrt(square / norm);
}

static void skip_values(FILE *from)
{
    double value;
    for (int i = 0; i < file.values_given; i++)
        assert_int_equal(fscanf(from, "%lf", &value), 1);
}

static void run_cases(const char *fixture, int wanted)
{
    const char *top = getenv("THAW_SRCDIR");
    char *path = mem_format("%s/tests/reference/%s.txt", top ? top : ".", fixture);
    FILE *from = fopen(path, "r");
    if (!from)
        fail_msg("%s cannot be opened", path);
    mem_free(path);
    struct team *team = team_create(0);
    zoo = bind_zoo_create();
    int cases = 0;
    while (read_case(from)) {
        struct error error;
        cases++;
        if (file.count > largest) {
            skip_values(from);
            continue;
        }
        fill();
        struct graph *graph = load();
        struct plan *plan =
            plan_create(graph, NULL, &(struct plan_options){.batch = 1, .fold = true, .team = team}, &error);
        if (!plan)
            fail_msg("%s", error.text);
        float *input = make_input();
        double distance = compare(from, exec_forward(plan, input, 1, false, 0, 0), graph->classes);
        print_message("%s, %s: the logits are off by %.2g of their norm\n", file.library, file.arch, distance);
        if (!(distance < tolerance))
            fail_msg("%s, %s: the logits are off by %.2g of their norm", file.library, file.arch, distance);
        mem_free_floats(input);
        plan_destroy(plan);
        graph_destroy(graph);
    }
    mem_free_floats(file.values);
    file.values = NULL;
    file.room = 0;
    assert_int_equal(cases, wanted);
    bind_zoo_destroy(zoo);
    team_destroy(team);
    fclose(from);
}

static void other_libraries_files_give_their_logits(void **state)
{
    (void)state;
    run_cases("names", CASES);
}

static void towers_of_other_libraries_give_their_features(void **state)
{
    (void)state;
    run_cases("towers", TOWERS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_libraries_files_give_their_logits),
        cmocka_unit_test(towers_of_other_libraries_give_their_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
