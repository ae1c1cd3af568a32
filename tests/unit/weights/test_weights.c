/* Opening, finding and reading weights files: the small files of make_fixtures.py and the real ones. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/mem.h"
#include "thaw/weights/weights.h"

static struct weights *open_or_fail(const char *path)
{
    struct error error = {0};
    struct weights *weights = weights_open(path, &error);
    if (!weights)
        fail_msg("%s", error.text);
    return weights;
}

static char *fixture(const char *name)
{
    const char *source = getenv("THAW_SRCDIR");
    return mem_format("%s/tests/unit/weights/fixtures/%s", source ? source : ".", name);
}

static struct weights *open_fixture(const char *name)
{
    char *path = fixture(name);
    struct weights *weights = open_or_fail(path);
    mem_free(path);
    return weights;
}

/* Reads a tensor by name; *count gets its number of elements. The caller frees. */
static float *read_named(const struct weights *weights, const char *name, size_t *count)
{
    struct error error = {0};
    long index = weights_find(weights, name);
    if (index < 0)
        fail_msg("%s: no tensor %s", weights_path(weights), name);
    *count = (size_t)shape_count(&weights_get(weights, (size_t)index)->shape);
    float *values = mem_array(*count, sizeof *values);
    if (!weights_read(weights, (size_t)index, values, &error))
        fail_msg("%s", error.text);
    return values;
}

static void check_tensor(const struct weights *weights, const char *name, enum tensor_type type, const char *shape,
                         const float *expected)
{
    size_t count;
    char text[SHAPE_TEXT];
    float *values = read_named(weights, name, &count);
    const struct weights_tensor *tensor = weights_get(weights, (size_t)weights_find(weights, name));
    assert_string_equal(tensor->name, name);
    assert_int_equal(tensor->type, type);
    assert_string_equal(shape_text(text, &tensor->shape), shape);
    for (size_t i = 0; i < count; i++)
        if (values[i] != expected[i])
            fail_msg("%s element %zu is %.9g, not %.9g", name, i, (double)values[i], (double)expected[i]);
    mem_free(values);
}

static void check_every_kind(const char *name, const char *format)
{
    float whole[24], turned[24];
    for (int i = 0; i < 24; i++) {
        whole[i] = (float)i;
        /* element (a, b, c) of the permuted view (4, 2, 3) is element (b, c, a) of (2, 3, 4) */
        int a = i / 6, b = i / 3 % 2, c = i % 3;
        turned[i] = (float)(b * 12 + c * 4 + a);
    }
    struct weights *weights = open_fixture(name);
    assert_string_equal(weights_format(weights), format);
    assert_int_equal(weights_layout(weights), WEIGHTS_TORCH);
    assert_int_equal(weights_count(weights), 17);
    check_tensor(weights, "f32", TENSOR_F32, "2x2", (float[]){1.5f, -2.0f, 0.25f, 1e-3f});
    check_tensor(weights, "f16", TENSOR_F16, "3", (float[]){1.0f, -0.5f, 65504.0f});
    check_tensor(weights, "bf16", TENSOR_BF16, "2", (float[]){1.0f, -3.0f});
    check_tensor(weights, "f64", TENSOR_F64, "2", (float[]){0.1f, 0x1p-30f});
    check_tensor(weights, "i64", TENSOR_I64, "2", (float[]){-5.0f, 0x1p40f});
    check_tensor(weights, "i32", TENSOR_I32, "2", (float[]){7.0f, -7.0f});
    check_tensor(weights, "i16", TENSOR_I16, "2", (float[]){300.0f, -300.0f});
    check_tensor(weights, "i8", TENSOR_I8, "2", (float[]){-128.0f, 127.0f});
    check_tensor(weights, "u8", TENSOR_U8, "2", (float[]){0.0f, 255.0f});
    check_tensor(weights, "bool", TENSOR_BOOL, "2", (float[]){1.0f, 0.0f});
    check_tensor(weights, "scalar", TENSOR_I64, "scalar", (float[]){42.0f});
    check_tensor(weights, "empty", TENSOR_F32, "0x3", NULL);
    check_tensor(weights, "whole", TENSOR_F32, "2x3x4", whole);
    check_tensor(weights, "turned", TENSOR_F32, "4x2x3", turned);
    check_tensor(weights, "part", TENSOR_F32, "2x3", (float[]){7, 9, 11, 13, 15, 17});
    check_tensor(weights, "spread", TENSOR_F32, "2x3", (float[]){3, 3, 3, 4, 4, 4});
    check_tensor(weights, "parameter", TENSOR_F32, "2", (float[]){9.0f, 8.0f});
    assert_int_equal(weights_find(weights, "f3"), -1);
    assert_int_equal(weights_find(weights, "zzz"), -1);
    assert_null(weights_metadata(weights, "format"));
    weights_close(weights);
}

static void test_legacy_every_kind(void **state)
{
    (void)state;
    check_every_kind("all.pth", "torch (legacy stream)");
}

static void test_legacy_protocol4(void **state)
{
    (void)state;
    check_every_kind("all_protocol4.pth", "torch (legacy stream)");
}

static void test_zip_every_kind(void **state)
{
    (void)state;
    check_every_kind("all_zip.pth", "torch (zip)");
    check_every_kind("all_deflated.pth", "torch (zip)");
    check_every_kind("all_flat.pth", "torch (zip)");
}

static void test_tar_every_kind(void **state)
{
    (void)state;
    check_every_kind("all_tar.pth", "torch (tar)");
}

/* Settings, figures and arrays beside the weights are passed over, and so are wrappers that hold no tensors. */
static void test_checkpoints(void **state)
{
    (void)state;
    static const char *const names[] = {"checkpoint.pth", "checkpoint_zip.pth"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct weights *weights = open_fixture(names[i]);
        assert_int_equal(weights_count(weights), 2);
        check_tensor(weights, "weight", TENSOR_F32, "2", (float[]){1.0f, 2.0f});
        check_tensor(weights, "bias", TENSOR_F32, "1", (float[]){3.0f});
        weights_close(weights);
    }
}

/* A best accuracy beside the state dict is a tensor, but not a weight. */
static void test_legacy_nested(void **state)
{
    (void)state;
    struct weights *weights = open_fixture("nested.pth");
    assert_int_equal(weights_count(weights), 2);
    assert_true(weights_find(weights, "weight") >= 0);
    assert_true(weights_find(weights, "bias") >= 0);
    assert_int_equal(weights_find(weights, "best_acc1"), -1);
    weights_close(weights);
}

/* A key that no list of wrappers has; moments of the optimiser lie deeper, and the loss beside it is one tensor. */
static void test_odd_key(void **state)
{
    (void)state;
    struct weights *weights = open_fixture("odd_key.pth");
    assert_int_equal(weights_count(weights), 2);
    assert_true(weights_find(weights, "weight") >= 0);
    assert_true(weights_find(weights, "bias") >= 0);
    weights_close(weights);
}

static void check_refused(const char *name, const char *sentence)
{
    struct error error = {0};
    char *path = fixture(name);
    struct weights *weights = weights_open(path, &error);
    assert_null(weights);
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    if (!strstr(error.text, sentence) || strncmp(error.text, path, strlen(path)) != 0)
        fail_msg("%s", error.text);
    mem_free(path);
}

/* Every value of a tensor counts from 1 on (filled, in make_fixtures.py). */
static void check_counting(const struct weights *weights, const char *name, enum tensor_type type, const char *shape)
{
    static const float counting[] = {1, 2, 3, 4};
    check_tensor(weights, name, type, shape, counting);
}

static void check_note(const struct weights *weights, const char *note)
{
    const char *said = weights_metadata(weights, WEIGHTS_NOTE);
    if (!said || strcmp(said, note) != 0)
        fail_msg("%s: %s", weights_path(weights), said ? said : "no note");
}

/* A module's tensors as its state_dict() names and orders them: one that has two names under both, a buffer that is not
 * persistent under none. */
static void test_whole_modules(void **state)
{
    (void)state;
    static const char *const files[] = {"tree.pth", "tree_zip.pth"};
    static const char *const names[] = {
        "scale",
        "kept",
        "block.0.weight",
        "block.0.bias",
        "block.1.weight",
        "block.1.bias",
        "block.1.running_mean",
        "block.1.running_var",
        "block.1.num_batches_tracked",
        "again.weight",
        "again.bias",
    };
    for (size_t f = 0; f < THAW_LENGTH(files); f++) {
        struct weights *weights = open_fixture(files[f]);
        assert_int_equal(weights_count(weights), THAW_LENGTH(names));
        for (size_t i = 0; i < THAW_LENGTH(names); i++)
            assert_string_equal(weights_get(weights, i)->name, names[i]);
        check_counting(weights, "scale", TENSOR_F32, "2");
        check_counting(weights, "again.weight", TENSOR_F32, "2x1x1x1");
        check_counting(weights, "block.1.running_var", TENSOR_F32, "2");
        check_note(weights, "the weights are those of a whole module, mine.models.Tree; nothing of its code is run");
        assert_null(weights_metadata(weights, WEIGHTS_TORCH_LAYERS)); /* of a class of its own nobody knows the order */
        weights_close(weights);
    }
}

/* What PyTorch 1.13 itself wrote of a module of one linear layer, in all three ways. */
static void test_whole_modules_of_old(void **state)
{
    (void)state;
    static const char *const files[] = {"module.pth", "module_zip.pth", "script.pth"};
    for (size_t f = 0; f < THAW_LENGTH(files); f++) {
        struct weights *weights = open_fixture(files[f]);
        bool script = f == 2;
        assert_int_equal(weights_count(weights), 2);
        assert_true(weights_find(weights, script ? "weight" : "fc.weight") >= 0);
        assert_true(weights_find(weights, script ? "bias" : "fc.bias") >= 0);
        weights_close(weights);
    }
}

static void test_scripts(void **state)
{
    (void)state;
    struct weights *weights = open_fixture("script_tree.pth");
    assert_int_equal(weights_count(weights), 7);
    check_counting(weights, "0.weight", TENSOR_F32, "2x1x1x1");
    check_counting(weights, "1.running_mean", TENSOR_F32, "2");
    check_note(weights, "the weights are those of a whole TorchScript module, torch.nn.modules.container.Sequential; "
                        "nothing of its code is run");
    weights_close(weights);
    check_refused("script_frozen.pth", "holds a module without a tensor: was it frozen (torch.jit.freeze)");
}

/* A module somewhere in what a library saves: which it was is told. */
static void test_modules_in_checkpoints(void **state)
{
    (void)state;
    static const struct {
        const char *file, *weight, *note;
        enum tensor_type type;
    } cases[] = {
        {"ultralytics.pt", "model.0.weight", ", ultralytics.nn.tasks.ClassificationModel, taken from \"ema\";",
         TENSOR_F16},
        {"ultralytics_last.pt", "model.0.weight", ", ultralytics.nn.tasks.ClassificationModel, taken from \"model\";",
         TENSOR_F16},
        {"learner.pkl", "weight", ", torch.nn.modules.linear.Linear, taken from \"model\";", TENSOR_F32},
        {"learner_protocol4.pkl", "weight", ", torch.nn.modules.linear.Linear, taken from \"model\";", TENSOR_F32},
        {"lightning.ckpt", "model.weight", NULL, TENSOR_F32},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct weights *weights = open_fixture(cases[i].file);
        const char *note = weights_metadata(weights, WEIGHTS_NOTE);
        assert_int_equal(weights_count(weights), 2);
        check_counting(weights, cases[i].weight, cases[i].type, "1x2");
        assert_true(cases[i].note ? note && strstr(note, cases[i].note) : !note);
        const char *names = weights_metadata(weights, WEIGHTS_TORCH_NAMES);
        assert_true(cases[i].note ? names && !strcmp(names, "[\"ant\",\"bee\"]") : !names);
        weights_close(weights);
    }
}

static void test_legacy_refused(void **state)
{
    (void)state;
    check_refused("no_tensors.pth", "holds a dict without tensors (its keys: epoch, lr), not a state dict; save its "
                                    "weights with torch.save(model.state_dict(), \"weights.pth\")");
    check_refused("no-such-file", "No such file or directory");
}

/* Megabytes of mapped files that this process holds. */
static long mapped_megabytes(void)
{
    char line[128];
    long kilobytes = -1;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "RssFile: %ld", &kilobytes) == 1)
            break;
    if (status)
        fclose(status);
    return kilobytes < 0 ? -1 : kilobytes >> 10;
}

/* A file of 256 MB, most of it a hole: opening touches its header only, and what has been read is let go. */
static void test_a_large_file_is_not_kept(void **state)
{
    (void)state;
    enum { ROWS = 1 << 16, COLUMNS = 1 << 10, BLOCK = 1 << 10 };
    static const char header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[65536,1024],\"data_offsets\":[0,268435456]}}";
    char path[] = "/tmp/thaw-large-XXXXXX";
    struct error error = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    uint8_t length[8] = {sizeof header - 1};
    float last = 7;
    off_t end = (off_t)(8 + sizeof header - 1) + (off_t)ROWS * COLUMNS * 4;
    assert_int_equal(pwrite(file, length, 8, 0), 8);
    assert_int_equal(pwrite(file, header, sizeof header - 1, 8), sizeof header - 1);
    assert_int_equal(pwrite(file, &last, 4, end - 4), 4);
    close(file);
    long before = mapped_megabytes();
    if (before < 0)
        skip();
    struct weights *weights = open_or_fail(path);
    assert_true(mapped_megabytes() - before <= 1);
    float *values = mem_array((size_t)BLOCK * COLUMNS, sizeof *values);
    for (int64_t row = 0; row < ROWS; row += BLOCK) {
        assert_true(weights_read_rows(weights, 0, row, BLOCK, values, &error));
        assert_true(mapped_megabytes() - before <= 8);
    }
    assert_true(values[BLOCK * COLUMNS - 1] == 7 && values[0] == 0);
    mem_free(values);
    weights_close(weights);
    unlink(path);
}

/* Real files. */

static char *real_file(const char *name)
{
    const char *data = getenv("THAW_REAL_DATA");
    if (!data || !*data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    return mem_format("%s/models/%s", data, name);
}

static struct weights *open_real(const char *name)
{
    char *path = real_file(name);
    struct weights *weights = open_or_fail(path);
    assert_string_equal(weights_path(weights), path);
    mem_free(path);
    return weights;
}

static void read_all(const struct weights *weights)
{
    for (size_t i = 0; i < weights_count(weights); i++) {
        size_t count;
        mem_free(read_named(weights, weights_get(weights, i)->name, &count));
    }
}

static void test_real_resnet20_legacy(void **state)
{
    (void)state;
    struct weights *weights = open_real("torch_legacy/resnet20-12fca82f.th");
    assert_string_equal(weights_format(weights), "torch (legacy stream)");
    size_t parameters = 0;
    for (size_t i = 0; i < weights_count(weights); i++) {
        const struct weights_tensor *tensor = weights_get(weights, i);
        assert_memory_equal(tensor->name, "module.", 7);
        if (!strstr(tensor->name, "running_"))
            parameters += (size_t)shape_count(&tensor->shape);
    }
    assert_int_equal(parameters, 269722);
    read_all(weights);
    weights_close(weights);
    weights = open_real("torch_legacy/resnet56-4bfd9763.th");
    read_all(weights);
    weights_close(weights);
}

/* Compares every tensor of `a` named prefix + NAME with NAME in `b`, to the bit; returns how many there were. */
static size_t compare_files(const struct weights *a, const char *prefix, const struct weights *b)
{
    size_t compared = 0;
    for (size_t i = 0; i < weights_count(a); i++) {
        const char *name = weights_get(a, i)->name + strlen(prefix);
        long other = weights_find(b, name);
        if (other < 0)
            fail_msg("no %s in %s", name, weights_path(b));
        assert_true(shape_equal(&weights_get(a, i)->shape, &weights_get(b, (size_t)other)->shape));
        size_t count, other_count;
        float *values = read_named(a, weights_get(a, i)->name, &count);
        float *others = read_named(b, name, &other_count);
        assert_int_equal(count, other_count);
        assert_memory_equal(values, others, count * sizeof *values);
        mem_free(values);
        mem_free(others);
        compared++;
    }
    return compared;
}

static void check_same(const char *name, const char *prefix, const struct weights *safe, const char *format,
                       size_t tensors)
{
    struct weights *weights = open_real(name);
    assert_string_equal(weights_format(weights), format);
    assert_int_equal(compare_files(weights, prefix, safe), tensors);
    weights_close(weights);
}

static void test_real_same_in_all_formats(void **state)
{
    (void)state;
    struct weights *safe = open_real("safetensors/mobilenet_v1_0.25_224.safetensors");
    assert_string_equal(weights_format(safe), "safetensors");
    assert_string_equal(weights_metadata(safe, "format"), "pt");
    assert_int_equal(weights_count(safe), 164);
    check_same("torch_legacy/mobilenet_v1_0.25_224.legacy.pth", "", safe, "torch (legacy stream)", 164);
    check_same("torch_zip/mobilenet_v1_0.25_224.zip.pth", "", safe, "torch (zip)", 164);
    weights_close(safe);
    safe = open_real("safetensors/resnet20_cifar10_akamaster.safetensors");
    check_same("torch_legacy/resnet20-12fca82f.th", "module.", safe, "torch (legacy stream)", 97);
    check_same("torch_zip/resnet20_cifar10_akamaster.zip.pth", "", safe, "torch (zip)", 116);
    weights_close(safe);
}

static void check_real_count(const char *name, size_t tensors)
{
    struct weights *weights = open_real(name);
    assert_int_equal(weights_count(weights), tensors);
    read_all(weights);
    weights_close(weights);
}

static void test_real_zip(void **state)
{
    (void)state;
    check_real_count("torch_zip/resnet20_projection_cifar10.pth", 128);
    check_real_count("torch_zip/lenet_mnist_cuda_storages.pth", 8);
    check_real_count("torch_zip/lenet_mnist_whole_module_refuse.pth", 10);
}

static void test_real_mnist(void **state)
{
    (void)state;
    struct weights *weights = open_real("safetensors/mnist.safetensors");
    read_all(weights);
    long index = weights_find(weights, "layers.4.num_batches_tracked");
    assert_true(index >= 0);
    assert_int_equal(weights_get(weights, (size_t)index)->type, TENSOR_I64);
    weights_close(weights);
}

static void check_real_refused(const char *name, const char *sentence)
{
    struct error error = {0};
    char *path = real_file(name);
    assert_null(weights_open(path, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    if (!strstr(error.text, sentence))
        fail_msg("%s", error.text);
    mem_free(path);
}

static void test_real_refused(void **state)
{
    (void)state;
    check_real_refused("torch_legacy/LICENSE", "is no weights file thaw knows");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legacy_every_kind),
        cmocka_unit_test(test_legacy_protocol4),
        cmocka_unit_test(test_legacy_nested),
        cmocka_unit_test(test_odd_key),
        cmocka_unit_test(test_zip_every_kind),
        cmocka_unit_test(test_tar_every_kind),
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_a_large_file_is_not_kept),
        cmocka_unit_test(test_whole_modules),
        cmocka_unit_test(test_whole_modules_of_old),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_modules_in_checkpoints),
        cmocka_unit_test(test_legacy_refused),
        cmocka_unit_test(test_real_resnet20_legacy),
        cmocka_unit_test(test_real_same_in_all_formats),
        cmocka_unit_test(test_real_mnist),
        cmocka_unit_test(test_real_zip),
        cmocka_unit_test(test_real_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
