/* The detective: networks whose batch norms learned their statistics under some preprocessing tell which it was, from
 * other images; what nobody can tell stays as is usual. THAW_TEST_ZOO=all asks every architecture of the zoo. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/data/files_for_tests.h"
#include "thaw/base/rng.h"
#include "thaw/compile/exec.h"
#include "thaw/shelf/load.h"
#include "thaw/source/zoo.h"
#include "thaw/train/detective.h"

enum { SIDE = 64, TRAIN = 8, VAL = 8, CLASSES = 2 };

static char *folder;
static struct dataset *dataset;

/* A wave of colours, redder than blue and rough as photographs are. */
static void put_picture(const char *split, int label, int number)
{
    static const double base[3] = {0.6, 0.45, 0.3}, swing[3] = {0.3, 0.25, 0.2};
    struct rng rng;
    char name[64], bytes[16 + SIDE * SIDE * 3];
    int used = snprintf(bytes, sizeof bytes, "P6\n%d %d\n255\n", SIDE, SIDE);
    rng_init(&rng, (uint64_t)(label * 100 + number), split[0] == 't');
    double turn = rng_range(&rng, 0, 6), step = rng_range(&rng, 0.02, 0.3), light = rng_range(&rng, -0.2, 0.2);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        int x = i / 3 % SIDE, y = i / 3 / SIDE, c = i % 3;
        double value = base[c] + light + swing[c] * sin(turn + step * (x + 2 * y) + c) + rng_range(&rng, -0.1, 0.1);
        bytes[used++] = (char)(int)(255 * fmin(fmax(value, 0), 1));
    }
    snprintf(name, sizeof name, "%s/class%d/%d.ppm", split, label, number);
    put_file(folder, name, bytes, (size_t)used);
}

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    folder = new_folder();
    for (int label = 0; label < CLASSES; label++)
        for (int number = 0; number < TRAIN + VAL; number++)
            put_picture(number < TRAIN ? "train" : "val", label, number);
    dataset = dataset_open(folder, NULL, 0, &error);
    if (!dataset)
        fail_msg("%s", error.text);
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    dataset_destroy(dataset);
    remove_folder(folder);
    mem_free(folder);
    return 0;
}

/* The training images as `words` make them inputs, (items, h, w, channels); the caller frees. */
static float *make_inputs(const struct graph *graph, const char *words)
{
    struct error error = {0};
    struct preprocess preprocess = graph->preprocess;
    const struct dataset_images *images = &dataset->images[DATASET_TRAIN];
    size_t floats = (size_t)preprocess.height * (size_t)preprocess.width * (size_t)preprocess.channels;
    float *inputs = mem_array(images->items * floats, sizeof *inputs);
    assert_true(preprocess_parse(&preprocess, words, &error));
    for (size_t i = 0; i < images->items; i++) {
        struct image image = {0};
        assert_true(dataset_load(&images->item[i], &image, &error));
        image_to_input(&image, &preprocess, inputs + i * floats);
        image_finish(&image);
    }
    return inputs;
}

/* Gives the batch norms the statistics of the training images under `words`, as a training would. */
static void learn_statistics(struct graph *graph, const char *words)
{
    struct error error = {0};
    int n = (int)dataset->images[DATASET_TRAIN].items;
    struct team *team = team_create(2);
    struct plan_options options = {.batch = n, .training = true, .fold = true, .team = team};
    float *inputs = make_inputs(graph, words);
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].kind == OP_BATCH_NORM)
            graph->node[i].attrs.momentum = 1;
    struct plan *plan = plan_create(graph, NULL, &options, &error);
    if (!plan)
        fail_msg("%s", error.text);
    exec_forward(plan, inputs, n, true, 1, 1);
    plan_destroy(plan);
    team_destroy(team);
    mem_free(inputs);
}

static struct graph *untrained(const char *arch, int channels)
{
    struct error error = {0};
    const struct zoo_options options = {.classes = 7, .height = SIDE, .width = SIDE, .channels = channels};
    struct graph *graph = zoo_build(arch, &options, &error);
    if (graph)
        graph_initialise(graph, 5);
    return graph;
}

static struct detective_finding look(const struct graph *graph, int threads)
{
    struct error error = {0};
    struct detective_finding finding;
    const struct detective_request request = {
        .graph = graph, .images = &dataset->images[DATASET_VAL], .classes = CLASSES, .threads = threads};
    if (!detective_look(&request, &finding, &error))
        fail_msg("%s", error.text);
    return finding;
}

static const char *const truths[] = {"torch", "tf", "caffe", "unit", "raw", "torch bgr", "raw bgr"};

/* How many of the truths it finds. */
static int right_ones(struct graph *graph)
{
    int right = 0;
    for (size_t i = 0; i < THAW_LENGTH(truths); i++) {
        learn_statistics(graph, truths[i]);
        struct detective_finding finding = look(graph, 2);
        const char *words = finding.candidate[finding.best].words;
        bool found = strcmp(words, truths[i]) == 0 ||
                     (strcmp(words, "mean 0.5 std 0.5") == 0 && strcmp(truths[i], "tf") == 0); /* the same */
        right += found;
        if (!found)
            print_message("%s, %s: %s was found\n", graph->arch, truths[i], finding.candidate[finding.best].words);
        assert_int_equal(finding.evidence, DETECTIVE_NORMS);
    }
    return right;
}

static bool has_norms(const struct graph *graph)
{
    for (int i = 0; i < graph->nodes; i++)
        if (graph->node[i].kind == OP_BATCH_NORM)
            return true;
    return false;
}

static void norms_tell(void **state)
{
    (void)state;
    static const char *const some[] = {"resnet20", "mobilenet_v2", "shufflenet_v2_x0_5", "keras_mobilenet_0.25"};
    const char *wanted = getenv("THAW_TEST_ZOO");
    bool all = wanted && strcmp(wanted, "all") == 0;
    const struct zoo_arch *arch;
    int right = 0, asked = 0;
    for (size_t i = 0; all ? (arch = zoo_at(i)) != NULL : i < THAW_LENGTH(some); i++) {
        struct graph *graph = untrained(all ? arch->name : some[i], all ? 0 : 3);
        if (graph && has_norms(graph) && graph->preprocess.channels == 3) {
            right += right_ones(graph);
            asked += (int)THAW_LENGTH(truths);
        }
        graph_destroy(graph);
    }
    print_message("%d of %d found\n", right, asked);
    assert_true(asked >= (int)(THAW_LENGTH(some) * THAW_LENGTH(truths)));
    assert_true(all ? right >= 0.95 * asked : right == asked);
}

static void grey_is_found(void **state)
{
    (void)state;
    static const char *const grey[] = {"unit", "raw", "tf", "mean 0.1307 std 0.3081"};
    struct graph *graph = untrained("resnet20", 1);
    for (size_t i = 0; i < THAW_LENGTH(grey); i++) {
        learn_statistics(graph, grey[i]);
        struct detective_finding finding = look(graph, 1);
        assert_string_equal(finding.candidate[finding.best].words, grey[i]);
        assert_int_equal(finding.certainty, DETECTIVE_SURE);
    }
    graph_destroy(graph);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    struct graph *graph = untrained("mobilenet_v2", 3);
    learn_statistics(graph, "unit");
    struct detective_finding one = look(graph, 1), three = look(graph, 3);
    one.seconds = three.seconds = 0;
    assert_int_equal(one.candidates, three.candidates);
    for (int i = 0; i < one.candidates; i++)
        assert_true(one.candidate[i].distance == three.candidate[i].distance);
    graph_destroy(graph);
}

/* Norms that were never trained, and a head that the file did not bring, say nothing. */
static void nothing_is_made_up(void **state)
{
    (void)state;
    char sentence[DETECTIVE_SENTENCE];
    struct graph *graph = untrained("resnet20", 3);
    struct preprocess before = graph->preprocess;
    struct detective_finding finding = look(graph, 1);
    assert_int_equal(finding.evidence, DETECTIVE_NOTHING);
    assert_int_equal(finding.certainty, DETECTIVE_UNKNOWN);
    assert_int_equal(finding.best, 0);
    assert_string_equal(detective_sentence(&finding, sentence), "torch, which is usual: 16 images do not tell");
    graph->preprocess_basis = PREPROCESS_GUESSED;
    assert_false(detective_settle(graph, &finding));
    assert_memory_equal(&before, &graph->preprocess, sizeof before);
    graph_destroy(graph);
}

/* What was stated is never overruled; what is usual by norms that are sure of another; a guess by anything likely. */
static void findings_are_settled(void **state)
{
    (void)state;
    static const struct {
        enum preprocess_basis basis;
        enum detective_evidence evidence;
        enum detective_certainty certainty;
        bool taken;
    } rows[] = {
        {PREPROCESS_STATED, DETECTIVE_NORMS, DETECTIVE_SURE, false},
        {PREPROCESS_USUAL, DETECTIVE_NORMS, DETECTIVE_SURE, true},
        {PREPROCESS_USUAL, DETECTIVE_NORMS, DETECTIVE_LIKELY, false},
        {PREPROCESS_USUAL, DETECTIVE_LABELS, DETECTIVE_SURE, false},
        {PREPROCESS_GUESSED, DETECTIVE_LABELS, DETECTIVE_SURE, true},
        {PREPROCESS_GUESSED, DETECTIVE_ANSWERS, DETECTIVE_LIKELY, true},
        {PREPROCESS_GUESSED, DETECTIVE_NOTHING, DETECTIVE_UNKNOWN, false},
    };
    struct graph *graph = untrained("resnet20", 3);
    learn_statistics(graph, "raw");
    struct detective_finding finding = look(graph, 1);
    const struct preprocess usual = graph->preprocess;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        graph->preprocess = usual;
        graph->preprocess_basis = rows[i].basis;
        finding.evidence = rows[i].evidence;
        finding.certainty = rows[i].certainty;
        assert_int_equal(detective_settle(graph, &finding), rows[i].taken);
        assert_int_equal(graph->preprocess.raw, rows[i].taken);
    }
    graph_destroy(graph);
}

/* --- real files --- */

/* What the README of the real data says of each, found without a word. */
static void real_files(void **state)
{
    (void)state;
    static const struct {
        const char *file, *data, *words;
    } rows[] = {
        {"torch_legacy/resnet20-12fca82f.th", "cifar10", "torch"},
        {"torch_legacy/mobilenet_v1_0.25_224.legacy.pth", "hymenoptera", "tf"},
        {"onnx/resnet20_cifar10_akamaster.onnx", "cifar10", "torch"},
        {"onnx/mobilenet_v1_0.25_224.onnx", "hymenoptera", "tf"},
        {"onnx/opt-mnist.onnx", "mnist", "unit"},
        {"keras_h5/mobilenet_2_5_224_tf_no_top.h5", "hymenoptera", "tf"},
        {"keras_h5/dog_breed_mobilenetv2.h5", "hymenoptera", "tf"},
        {"keras_h5/pretrainedResnet.h5", "cifar10", "raw"},
        {"keras_v3/cifar10_model.keras", "cifar10", "unit"},
        {"safetensors/mnist.safetensors", "mnist", "raw"},
        {"torch_zip/lenet_mnist_cuda_storages.pth", "mnist", "unit"},
        {"torch_zip/resnet20_projection_cifar10.pth", "cifar10", "mean 0.491 0.482 0.447 std 0.247 0.243 0.262"},
    };
    const char *real = getenv("THAW_REAL_DATA");
    if (!real) {
        print_message("skipped: THAW_REAL_DATA is not set\n");
        skip();
    }
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct detective_finding finding;
        char path[512];
        snprintf(path, sizeof path, "%s/models/%s", real, rows[i].file);
        const struct load_request request = {.weights = path, .seed = 1};
        char *where = mem_format("%s/datasets/%s", real, rows[i].data);
        struct dataset *images = dataset_open(where, NULL, 0, &error);
        if (!images || !detective_look_at(&request, &images->images[DATASET_VAL], images->classes, 2, &finding, &error))
            fail_msg("%s", error.text);
        bool fits = false;
        for (int c = 0; c < finding.candidates; c++)
            fits = fits || (finding.candidate[c].fits && strcmp(finding.candidate[c].words, rows[i].words) == 0);
        print_message("%s: %s, %s, %s\n", rows[i].file, finding.candidate[finding.best].words,
                      detective_evidence_name(finding.evidence), detective_certainty_name(finding.certainty));
        if (!fits || (strncmp(rows[i].words, "mean", 4) != 0 &&
                      strcmp(finding.candidate[finding.best].words, rows[i].words) != 0))
            fail_msg("%s: %s is right", rows[i].file, rows[i].words);
        dataset_destroy(images);
        mem_free(where);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_tell),
        cmocka_unit_test(grey_is_found),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(nothing_is_made_up),
        cmocka_unit_test(findings_are_settled),
        cmocka_unit_test(real_files),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
