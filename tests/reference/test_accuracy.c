/* Trained networks from all over, each through one `thaw eval` line on its whole test set: the accuracy that its makers
 * or other programs tell, within a tenth of a point. Files whose formats or preprocessing were misread lose points
 * here, whatever else agrees. Needs THAW_REAL_DATA. */
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

#include "thaw/base/macros.h"
#include "thaw/base/mem.h"

/* The words are what a user would have to know beside the file. */
static const struct trained {
    const char *weights, *data, *words;
    double top1; /* percent */
} trained[] = {
    {"torch_zip/lenet_mnist_cuda_storages.pth", "mnist", "", 97.61},
    {"torch_zip/lenet_mnist_whole_module_refuse.pth", "mnist", "", 98.69},
    {"safetensors/mnist.safetensors", "mnist", "", 99.16},
    {"onnx/opt-mnist.onnx", "mnist", "--preprocess unit", 98.91},
    {"keras_v3/cifar10_model.keras", "cifar10", "--preprocess unit", 71.0},
    {"keras_h5/pretrainedResnet.h5", "cifar10", "--preprocess raw", 87.19},
    {"torch_legacy/resnet20-12fca82f.th", "cifar10", "", 91.73},
    {"torch_zip/resnet20_projection_cifar10.pth", "cifar10", "", 91.60},
};

#ifdef THAW_SANITIZED /* which is slow: every tenth picture goes the ways that all go, the figures are held without it */
enum { EVERY = 10 };
static const double within = 4;
#else
enum { EVERY = 1 };
static const double within = 0.1;
#endif

/* A data set of each EVERY-th validation image, in a folder that the caller removes and frees. */
static char *make_part(const char *data)
{
    char *folder = mem_string("/tmp/thaw-test-accuracy-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char *command = mem_format("cd '%s' && for c in '%s'/*/*; do mkdir -p ${c#'%s'/} && "
                               "ls -d $c/* | awk 'NR %% %d == 0' | xargs ln -s -t ${c#'%s'/} || exit 1; done",
                               folder, data, data, EVERY, data);
    assert_int_equal(system(command), 0);
    mem_free(command);
    return folder;
}

static void drop_part(char *folder)
{
    if (!folder)
        return;
    char *command = mem_format("rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    mem_free(command);
    mem_free(folder);
}

/* Percent, or -1 where the program gave no object with it. part: of the images in folders, or NULL. */
static double evaluate(const char *build, const char *data, const char *part, const struct trained *of)
{
    char *images =
        part && strcmp(of->data, "cifar10") == 0 ? mem_string(part) : mem_format("%s/datasets/%s", data, of->data);
    char *command = mem_format("'%s/thaw' eval --json --weights '%s/models/%s' --data '%s' %s", build, data,
                               of->weights, images, of->words);
    mem_free(images);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    json_t *object = json_loadf(pipe, 0, NULL);
    int status = pclose(pipe);
    const json_t *top1 = json_object_get(object, "top1");
    double percent = status == 0 && json_is_number(top1) ? 100 * json_number_value(top1) : -1;
    json_decref(object);
    mem_free(command);
    return percent;
}

static void accuracies_are_those_told(void **state)
{
    (void)state;
    const char *build = getenv("THAW_BUILDDIR"), *data = getenv("THAW_REAL_DATA");
    int wrong = 0;
    if (!data || !build) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    char *cifar10 = mem_format("%s/datasets/cifar10", data), *part = EVERY > 1 ? make_part(cifar10) : NULL;
    for (size_t i = 0; i < THAW_LENGTH(trained); i++) {
        double percent = evaluate(build, data, part, &trained[i]);
        bool good = fabs(percent - trained[i].top1) < within;
        print_message("%s: %.2f %%%s\n", trained[i].weights, percent, good ? "" : ", WRONG");
        wrong += !good;
    }
    drop_part(part);
    mem_free(cifar10);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(accuracies_are_those_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
