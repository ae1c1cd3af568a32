/* What Hugging Face's and timm's files say of preprocessing and classes, in the rules of those libraries; only beside
 * files that bear their names; and what becomes of a model that is loaded there. */
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

#include "tests/unit/data/files_for_tests.h"
#include "thaw/shelf/beside.h"
#include "thaw/shelf/load.h"

static char *folder;

static int make_folder(void **state)
{
    (void)state;
    folder = new_folder();
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    remove_folder(folder);
    mem_free(folder);
    return 0;
}

static char *put(const char *name, const char *text)
{
    put_file(folder, name, text, strlen(text));
    return path_join(folder, name);
}

static void forget(char *path)
{
    remove(path);
    mem_free(path);
}

#define COLOURS "\"image_mean\": [0.485, 0.456, 0.406], \"image_std\": [0.229, 0.224, 0.225]"

/* As the processors of transformers 4.44 and timm 1.0 treat the same text. */
static const struct {
    const char *file, *text;
    int height, width, resize;
    enum interpolation interpolation;
    const char *words;
} rows[] = {
    {"preprocessor_config.json", /* ViTFeatureExtractor, before sizes had names */
     "{\"do_normalize\": true, \"do_resize\": true, \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5], "
     "\"resample\": 2, \"size\": 224}",
     224, 224, 0, INTERPOLATION_BILINEAR, "mean 0.5 std 0.5"},
    {"preprocessor_config.json", /* ConvNextImageProcessor: to 224 / 0.875, then the centre */
     "{\"crop_pct\": 0.875, \"resample\": 3, \"size\": {\"shortest_edge\": 224}, " COLOURS "}", 224, 224, 256,
     INTERPOLATION_BICUBIC, "torch"},
    {"preprocessor_config.json", /* MobileNetV2ImageProcessor */
     "{\"crop_size\": {\"height\": 224, \"width\": 224}, \"do_center_crop\": true, \"rescale_factor\": "
     "0.00392156862745098, \"size\": {\"shortest_edge\": 256}, \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, "
     "0.5, 0.5]}",
     224, 224, 256, INTERPOLATION_BILINEAR, "mean 0.5 std 0.5"},
    {"preprocessor_config.json", /* EfficientNetImageProcessor: once more over the deviation */
     "{\"include_top\": true, \"size\": {\"height\": 380, \"width\": 380}, \"do_center_crop\": false, " COLOURS "}",
     380, 380, 0, INTERPOLATION_BILINEAR, "mean 0.485 0.456 0.406 std 0.052441 0.050176 0.050625"},
    {"preprocessor_config.json", /* MobileViTImageProcessor: blue first, not normalised */
     "{\"do_flip_channel_order\": true, \"do_normalize\": false, \"do_center_crop\": true, \"crop_size\": {\"height\": "
     "256, "
     "\"width\": 256}, \"size\": {\"shortest_edge\": 288}}",
     256, 256, 288, INTERPOLATION_BILINEAR, "unit bgr"},
    {"preprocessor_config.json", /* ViViT's and EfficientNet's offset: x / 127.5 - 1 */
     "{\"rescale_factor\": 0.00784313725490196, \"rescale_offset\": true, \"do_normalize\": false, \"size\": 96}", 96,
     96, 0, INTERPOLATION_BILINEAR, "tf"},
    {"config.json", /* timm: 224 / 0.95, rounded down */
     "{\"architecture\": \"resnet50\", \"pretrained_cfg\": {\"input_size\": [3, 224, 224], \"crop_pct\": 0.95, "
     "\"interpolation\": \"bicubic\", \"mean\": [0.485, 0.456, 0.406], \"std\": [0.229, 0.224, 0.225]}}",
     224, 224, 235, INTERPOLATION_BICUBIC, "torch"},
    {"config.json", /* timm, squashed */
     "{\"architecture\": \"x\", \"pretrained_cfg\": {\"input_size\": [3, 240, 320], \"crop_pct\": 1.0, \"crop_mode\": "
     "\"squash\", \"interpolation\": \"bilinear\", \"mean\": [0, 0, 0], \"std\": [1, 1, 1]}}",
     240, 320, 0, INTERPOLATION_BILINEAR, "unit"},
};

static void rules_are_those_of_the_libraries(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        struct preprocess p = {.channels = 3};
        char words[PREPROCESS_WORDS], *file = put(rows[i].file, rows[i].text);
        char *weights = path_join(folder, "model.safetensors"), *shard = path_join(folder, "onnx/model.onnx");
        if (!beside_preprocess(weights, &p, &error))
            fail_msg("%zu: %s", i, error.text);
        assert_string_equal(preprocess_words(&p, 6, words), rows[i].words);
        assert_true(p.height == rows[i].height && p.width == rows[i].width);
        assert_int_equal(p.resize, rows[i].resize);
        assert_int_equal(p.interpolation, rows[i].interpolation);
        assert_true(beside_preprocess(shard, &p, &error));
        mem_free(shard);
        mem_free(weights);
        forget(file);
    }
}

/* Anybody's config.json says nothing of a file that is called otherwise; one that says nothing is passed over; one that
 * is none is told. */
static void others_are_left_alone(void **state)
{
    (void)state;
    struct preprocess p = {.channels = 3};
    char *file = put("preprocessor_config.json", rows[0].text);
    static const char *const names[] = {"resnet18.pth", "model.pth", "my-model.safetensors", "model.safetensors.part"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        char *weights = path_join(folder, names[i]);
        assert_false(beside_preprocess(weights, &p, &error));
        assert_int_equal(error.kind, ERROR_NONE);
        mem_free(weights);
    }
    forget(file);
    static const struct {
        const char *text, *sentence;
    } faults[] = {
        {"{\"size\": 224}", NULL},
        {"{\"size\": 224, \"image_mean\": [0, 0, 0], \"image_std\": [1, 0, 1]}", NULL},
        {"{\"size\": 224, \"image_mean\": [0, 0], \"image_std\": [1, 1]}", NULL},
        {"{\"size\": 1e9, " COLOURS "}", NULL},
        {"{\"size\": -1, " COLOURS "}", NULL},
        {"{", "preprocessor_config.json: not the JSON that is expected beside the weights: "},
        {"[1]", "preprocessor_config.json: not the JSON that is expected beside the weights"},
    };
    for (size_t i = 0; i < THAW_LENGTH(faults); i++) {
        struct error error = {0};
        char *weights = path_join(folder, "model.safetensors");
        file = put("preprocessor_config.json", faults[i].text);
        assert_false(beside_preprocess(weights, &p, &error));
        assert_true(faults[i].sentence ? strstr(error.text, faults[i].sentence) != NULL : error.kind == ERROR_NONE);
        mem_free(weights);
        forget(file);
    }
}

static void classes_have_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count;
        const char *last;
    } files[] = {
        {"{\"id2label\": {\"1\": \"bee\", \"0\": \"ant\", \"2\": \"wasp\"}}", 3, "wasp"},
        {"{\"architecture\": \"x\", \"pretrained_cfg\": {\"label_names\": [\"n1\", \"n2\"]}}", 2, "n2"},
        {"{\"architecture\": \"x\", \"label_names\": [\"n1\", \"n2\"], \"pretrained_cfg\": {}}", 2, "n2"},
        {"{\"id2label\": {\"0\": \"ant\", \"2\": \"wasp\"}}", 0, NULL},
        {"{\"id2label\": {\"0\": 7}}", 0, NULL},
        {"{\"id2label\": {}}", 0, NULL},
        {"{}", 0, NULL},
    };
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        int count = -1;
        char *file = put("config.json", files[i].text), *weights = path_join(folder, "pytorch_model.bin");
        char **name = beside_class_names(weights, &count);
        assert_int_equal(count, files[i].count);
        if (files[i].last)
            assert_string_equal(name[count - 1], files[i].last);
        bind_free_class_names(name, count);
        mem_free(weights);
        forget(file);
    }
}

/* A ResNet-20 as others save it, without metadata, beside a processor of its own size. */
static void models_take_it(void **state)
{
    (void)state;
    struct error error = {0};
    struct load_request request = {.arch = "resnet20", .classes = 5, .seed = 3};
    struct graph *graph = load_graph(&request, NULL, &error);
    assert_non_null(graph);
    char *weights = path_join(folder, "model.safetensors");
    struct weights_output *tensor = mem_array((size_t)graph->params, sizeof *tensor);
    for (int p = 0; p < graph->params; p++) {
        float *values = mem_array(graph->param[p].count, sizeof *values);
        bind_to_torch(graph, p, graph_param_values(graph, p), values);
        tensor[p] = (struct weights_output){
            .name = graph->param[p].name, .type = TENSOR_F32, .shape = bind_torch_shape(graph, p), .values = values};
    }
    assert_true(safetensors_write(weights, tensor, (size_t)graph->params, NULL, &error));
    for (int p = 0; p < graph->params; p++)
        mem_free((void *)(uintptr_t)tensor[p].values);
    mem_free(tensor);
    graph_destroy(graph);
    request = (struct load_request){.weights = weights, .seed = 1};
    graph = load_graph(&request, NULL, &error);
    assert_int_equal(graph->preprocess_basis, PREPROCESS_USUAL);
    graph_destroy(graph);
    char *file =
        put("preprocessor_config.json", "{\"size\": {\"shortest_edge\": 56}, \"crop_size\": 48, \"do_rescale\": "
                                        "false, \"image_mean\": [1, 2, 3], \"image_std\": [4, 5, 6]}");
    graph = load_graph(&request, NULL, &error);
    assert_int_equal(graph->preprocess_basis, PREPROCESS_STATED);
    assert_true(graph->preprocess.height == 48 && graph->preprocess.resize == 56 && graph->preprocess.raw);
    assert_true(graph->preprocess.mean[2] == 3 && graph->preprocess.std[0] == 4);
    graph_destroy(graph);
    forget(file);
    file = put("preprocessor_config.json", "{");
    graph = load_graph(&request, NULL, &error);
    assert_non_null(strstr(graph->note, "preprocessor_config.json: not the JSON"));
    graph_destroy(graph);
    forget(file);
    mem_free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_those_of_the_libraries),
        cmocka_unit_test(others_are_left_alone),
        cmocka_unit_test(classes_have_names),
        cmocka_unit_test(models_take_it),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
