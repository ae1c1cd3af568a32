/* Real trained networks on real images against the logits that PyTorch and Keras give: MobileNetV1 0.25,
 * EfficientNet-Lite0 and a MobileNetV2 with a head of its user's on six photographs, ResNet-20 on four CIFAR-10 images. From the file to the logits, through every layer of the engine: weights
 * recognised and bound, image decoded and normalised, graph folded and run. Needs THAW_REAL_DATA. */
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
#include <jansson.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/compile/exec.h"
#include "thaw/data/image.h"
#include "thaw/shelf/load.h"

static const double tolerance = 1e-3;

static const char *need_data(void)
{
    const char *data = getenv("THAW_REAL_DATA");
    if (!data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    return data;
}

struct network {
    struct graph *graph;
    struct plan *plan;
    struct team *team;
    float *input;
    bool cropped; /* the middle of the image is what it sees, without resizing */
};

/* A file with the same weights as its neighbours. */
struct golden_file {
    const char *path, *arch, *preprocess; /* NULL: as bound to the weights */
};

/* The architecture is not named: the file must tell. */
static struct network open_network(const char *data, const struct golden_file *file)
{
    struct network network = {.cropped = false};
    struct error error;
    char *path = path_join(data, file->path);
    network.graph = load_graph(&(struct load_request){.weights = path, .preprocess = file->preprocess}, NULL, &error);
    mem_free(path);
    if (!network.graph)
        fail_msg("%s", error.text);
    assert_string_equal(network.graph->arch, file->arch);
    network.team = team_create(0);
    struct plan_options options = {.batch = 1, .fold = true, .team = network.team};
    network.plan = plan_create(network.graph, NULL, &options, &error);
    if (!network.plan)
        fail_msg("%s", error.text);
    network.input = mem_floats(shape4_count(network.graph->node[0].shape));
    return network;
}

static void close_network(struct network *network)
{
    plan_destroy(network->plan);
    graph_destroy(network->graph);
    team_destroy(network->team);
    mem_free_floats(network->input);
}

static const float *run_image(struct network *network, const char *data, const char *folder, const char *file)
{
    struct error error;
    struct image image;
    char *path = mem_format("%s/%s%s", data, folder, file);
    if (!image_load(&image, path, &error))
        fail_msg("%s", error.text);
    struct preprocess preprocess = network->graph->preprocess;
    if (image.width == preprocess.width && image.height == preprocess.height)
        preprocess.resize = 0; /* the golden photographs are cropped already */
    else if (network->cropped)
        preprocess.resize = image.height;
    image_to_input(&image, &preprocess, network->input);
    image_finish(&image);
    mem_free(path);
    return exec_forward(network->plan, network->input, 1, false, 0, 0);
}

static json_t *read_golden(const char *data, const char *file, const char *key)
{
    json_error_t fault;
    char *path = mem_format("%s/golden/%s.json", data, file);
    json_t *all = json_load_file(path, 0, &fault);
    mem_free(path);
    if (!all)
        fail_msg("%s.json: %s", file, fault.text);
    json_t *images = json_incref(json_object_get(json_object_get(all, key), "images"));
    json_decref(all);
    return images;
}

static double check_logits(const float *logits, const json_t *want)
{
    double worst = 0;
    for (size_t i = 0; i < json_array_size(want); i++) {
        double error = fabs((double)logits[i] - json_number_value(json_array_get(want, i)));
        worst = error > worst ? error : worst;
    }
    assert_true(worst < tolerance);
    return worst;
}

static void check_top5(const float *logits, int classes, const json_t *want)
{
    float below = INFINITY;
    assert_int_equal(json_array_size(want), 5);
    for (size_t rank = 0; rank < 5; rank++) {
        int best = -1;
        for (int c = 0; c < classes; c++) {
            if (logits[c] < below && (best < 0 || logits[c] > logits[best]))
                best = c;
        }
        assert_int_equal(best, json_integer_value(json_array_get(want, rank)));
        below = logits[best];
    }
}

/* The same weights through several readers; ONNX brings its network, too. */
static void mobilenet_sees_what_torch_sees(void **state)
{
    (void)state;
    static const struct golden_file files[] = {
        {"models/safetensors/mobilenet_v1_0.25_224.safetensors", "mobilenet_v1_0.25", NULL},
        {"models/torch_legacy/mobilenet_v1_0.25_224.legacy.pth", "mobilenet_v1_0.25", NULL},
#ifdef HAVE_ONNX
        {"models/onnx/mobilenet_v1_0.25_224.onnx", "mobilenet_v1_0.25_224", "tf"},
#endif
    };
    const char *data = need_data();
    for (size_t f = 0; f < THAW_LENGTH(files); f++) {
        struct network network = open_network(data, &files[f]);
        json_t *images = read_golden(data, "golden", "mobilenet_v1_0.25_224"), *image;
        size_t i;
        double worst = 0;
        assert_int_equal(json_array_size(images), 6);
        json_array_foreach(images, i, image)
        {
            const char *file = json_string_value(json_object_get(image, "file"));
            const float *logits = run_image(&network, data, "golden/", file);
            worst = fmax(worst, check_logits(logits, json_object_get(image, "logits_first10")));
            int top = (int)json_integer_value(json_object_get(image, "top1"));
            assert_true(fabs((double)logits[top] - json_number_value(json_object_get(image, "logit_max"))) < tolerance);
            check_top5(logits, network.graph->classes, json_object_get(image, "top5"));
        }
        print_message("%s: logits within %.2g\n", files[f].path, worst);
        json_decref(images);
        close_network(&network);
    }
}

/* Names of efficientnet_pytorch, TensorFlow's padding, an input of its own. */
static void efficientnet_lite0_sees_what_torch_sees(void **state)
{
    (void)state;
    static const struct golden_file file = {"models/torch_legacy/efficientnet-lite0-57934424.pth",
                                            "tf_efficientnet_lite0", NULL};
    const char *data = need_data();
    struct network network = open_network(data, &file);
    json_t *images = read_golden(data, "efficientnet_lite0", "efficientnet_lite0"), *image;
    size_t i;
    double worst = 0;
    assert_int_equal(json_array_size(images), 6);
    json_array_foreach(images, i, image)
    {
        const char *name = json_string_value(json_object_get(image, "file"));
        const float *logits = run_image(&network, data, "golden/", name);
        worst = fmax(worst, check_logits(logits, json_object_get(image, "logits_first10")));
        check_top5(logits, network.graph->classes, json_object_get(image, "top5"));
    }
    print_message("%s: logits within %.2g\n", file.path, worst);
    json_decref(images);
    close_network(&network);
}

/* A whole model of Keras 3 whose scaling no layer and no attribute states, but its trunk. */
static void dog_breeds_are_told_as_keras_tells_them(void **state)
{
    (void)state;
    static const struct golden_file file = {"models/keras_h5/dog_breed_mobilenetv2.h5", "dog_breed_mobilenetv2", NULL};
    const char *data = need_data();
    struct network network = open_network(data, &file);
    json_t *images = read_golden(data, "dog_breed_mobilenetv2", "dog_breed_mobilenetv2"), *image;
    size_t i;
    double worst = 0;
    network.cropped = true;
    assert_int_not_equal(network.graph->preprocess_basis, PREPROCESS_GUESSED);
    assert_int_equal(json_array_size(images), 6);
    json_array_foreach(images, i, image)
    {
        const char *name = json_string_value(json_object_get(image, "file"));
        const float *logits = run_image(&network, data, "golden/", name);
        assert_int_equal(json_array_size(json_object_get(image, "logits")), network.graph->classes);
        worst = fmax(worst, check_logits(logits, json_object_get(image, "logits")));
    }
    print_message("%s: logits within %.2g\n", file.path, worst);
    json_decref(images);
    close_network(&network);
}

static void resnet20_sees_what_torch_sees(void **state)
{
    (void)state;
    static const struct golden_file files[] = {
        {"models/safetensors/resnet20_cifar10_akamaster.safetensors", "resnet20", NULL},
        {"models/torch_legacy/resnet20-12fca82f.th", "resnet20", NULL},
#ifdef HAVE_ONNX
        {"models/onnx/resnet20_cifar10_akamaster.onnx", "resnet20_cifar10_akamaster", "torch"},
#endif
    };
    const char *data = need_data();
    for (size_t f = 0; f < THAW_LENGTH(files); f++) {
        struct network network = open_network(data, &files[f]);
        json_t *images = read_golden(data, "golden", "resnet20_cifar10_akamaster"), *image;
        size_t i;
        double worst = 0;
        assert_int_equal(json_array_size(images), 4);
        json_array_foreach(images, i, image)
        {
            const char *file = json_string_value(json_object_get(image, "file"));
            const float *logits = run_image(&network, data, "", file);
            assert_int_equal(json_array_size(json_object_get(image, "logits")), network.graph->classes);
            worst = fmax(worst, check_logits(logits, json_object_get(image, "logits")));
        }
        print_message("%s: logits within %.2g\n", files[f].path, worst);
        json_decref(images);
        close_network(&network);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mobilenet_sees_what_torch_sees),
        cmocka_unit_test(efficientnet_lite0_sees_what_torch_sees),
#ifdef HAVE_HDF5
        cmocka_unit_test(dog_breeds_are_told_as_keras_tells_them),
#endif
        cmocka_unit_test(resnet20_sees_what_torch_sees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
