/* Files of other libraries, and files that are no weights at all: each is named for what it is, with what will work. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "src/weights/format.h"
#include "thaw/base/macros.h"

#define BYTES(text) text, sizeof(text) - 1

static void expect(const char *what, const void *bytes, size_t size, const char *const sentence[2])
{
    struct error error = {0};
    struct weights *weights = weights_open_memory(bytes, size, "net.file", &error);
    if (weights)
        fail_msg("%s was read", what);
    if (error.kind != ERROR_WEIGHTS || strncmp(error.text, "net.file: ", 10) != 0)
        fail_msg("%s: kind %d: %s", what, error.kind, error.text);
    for (int i = 0; i < 2; i++)
        if (sentence[i] && !strstr(error.text, sentence[i]))
            fail_msg("%s: %s", what, error.text);
}

/* The first bytes of each as its library writes them, and two parts of the sentence: what it is, what to do. */
static const struct {
    const char *what, *bytes;
    size_t size;
    const char *sentence[2];
} files[] = {
    {"TFLite", BYTES("\x1c\0\0\0TFL3\x14\0\x20\0"), {"is a TensorFlow Lite model", "tf2onnx.convert --tflite"}},
    {"SavedModel",
     BYTES("\x08\1\x12\x1d\x0a\x12\x12\x06\x0a\x04\x0a\x02Op\x2a\x08tensorfl\x12\x07 nodes "),
     {"is a TensorFlow model", "tf2onnx.convert --saved-model"}},
    {"frozen graph",
     BYTES("\x0a\x16\x0a\x05input\x12\x0bPlaceholder*\0\x0a\x10\x0a\x01w\x12\x05"
           "Const"),
     {"is a TensorFlow model", "model.save(\"model.keras\")"}},
    {"TensorFlow's list of checkpoints", BYTES("model_checkpoint_path: \"model-3\"\n"), {"checkpoints", "model.keras"}},
    {"TensorFlow's index",
     BYTES("\0\0\1\2____________________________________________\x57\xfb\x80\x8b\x24\x75\x47\xdb"),
     {"index of a TensorFlow checkpoint", "model.keras"}},
    {"TensorFlow.js",
     BYTES("{\"format\": \"layers-model\", \"modelTopology\": {}, \"weightsManifest\": []}"),
     {"is a TensorFlow.js model", "tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras"}},
    {"Keras' JSON",
     BYTES("{\"class_name\": \"Sequential\", \"config\": {}, \"keras_version\": \"2.4\"}"),
     {"without its weights", "model.save(\"model.keras\")"}},
    {"Core ML",
     BYTES("\x08\4\x12\x1a\x0a\x0e\x0a\x05image\x1a\5\x22\3\x08\xe0\1\x52\x08\x0a\6output\xba\2"),
     {"is a Core ML model", "torch.onnx.export"}},
    {"OpenVINO",
     BYTES("<?xml version=\"1.0\" ?>\n<net name=\"m\" version=\"11\"><layers></layers></net>"),
     {"is an OpenVINO model", "torch.onnx.export"}},
    {"PaddlePaddle",
     BYTES("\x80\2}q\0X\x1b\0\0\0StructuredToParameterName@@q\1}s."),
     {"is a PaddlePaddle model", "paddle.onnx.export"}},
    {"MXNet", BYTES("\x12\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2\0"), {"is an MXNet model", "mxnet.onnx.export_model"}},
    {"Caffe",
     BYTES("\x0a\7"
           "AlexNet\xa2\6\x10\x0a\4"
           "data"),
     {"is a Caffe model", "caffe2onnx.convert"}},
    {"GGUF", BYTES("GGUF\3\0\0\0\x23\1"), {"is a GGUF file", "language model"}},
    {"NumPy", BYTES("\x93NUMPY\1\0v\0{'descr': '<f4'}"), {"holds NumPy arrays", "torch.save({"}},
    {"gzip", BYTES("\x1f\x8b\x08\0\0\0\0\0\0\3"), {"is compressed by gzip", "gunzip"}},
    {"xz",
     BYTES("\xfd"
           "7zXZ\0\0\4"),
     {"is compressed by xz", "unxz"}},
    {"bzip2", BYTES("BZh91AY&SY"), {"is compressed by bzip2", "bunzip2"}},
    {"zstd", BYTES("\x28\xb5\x2f\xfd\x24\0"), {"is compressed by zstd", "unzstd"}},
    {"7-Zip", BYTES("7z\xbc\xaf\x27\x1c\0\4"), {"is a 7-Zip archive", "7z x"}},
    {"RAR", BYTES("Rar!\x1a\7\1\0"), {"is a RAR archive", "unrar x"}},
    {"a web page", BYTES("\n<!DOCTYPE html>\n<html lang=\"en\">"), {"is a web page, not the file itself", "download"}},
    {"LFS pointer",
     BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
     {"is a Git LFS pointer", "git lfs pull"}},
    {"Hugging Face's configuration",
     BYTES("{\"architectures\": [\"ResNetForImageClassification\"], \"model_type\": \"resnet\"}"),
     {"is the configuration of a model", "model.safetensors"}},
    {"timm's configuration",
     BYTES("{\n  \"architecture\": \"resnet18\", \"num_classes\": 10}"),
     {"is the configuration of a model", "folder"}},
    {"COCO",
     BYTES("{\"images\": [], \"annotations\": [], \"categories\": []}"),
     {"describes what is to be seen on images", "--data"}},
    {"VOC",
     BYTES("<annotation>\n<folder>x</folder></annotation>"),
     {"describes what is to be seen on images", "--data"}},
    {"JSON", BYTES("{\"a\": 1}"), {"is JSON text, not weights", NULL}},
    {"JPEG", BYTES("\xff\xd8\xff\xe0\0\x10JFIF"), {"is an image (JPEG), not weights", "--data"}},
    {"PNG", BYTES("\x89PNG\r\n\x1a\n"), {"is an image (PNG), not weights", "thaw predict"}},
    {"WebP", BYTES("RIFF\x24\0\0\0WEBPVP8 "), {"is an image (WebP), not weights", NULL}},
    {"IDX", BYTES("\0\0\x08\3\0\0\0\2\0\0\0\1\0\0\0\1\1\2"), {"in MNIST's form (IDX)", "--data"}},
    {"a pickle",
     BYTES("\x80\4]."),
     {"is a Python pickle that torch.save did not write", "torch.save(model.state_dict(), \"weights.pth\")"}},
    {"text",
     BYTES("Hello, this is not a model at all\n"),
     {"is no weights file thaw knows", "torch.save(model.state_dict(), \"weights.pth\")"}},
    {"empty", BYTES(""), {"is empty", "download or save it again"}},
};

static void test_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(files); i++)
        expect(files[i].what, files[i].bytes, files[i].size, files[i].sentence);
}

/* Every prefix of each, over copies of the exact size: any sentence will do. */
static void test_prefixes(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(files); i++)
        for (size_t size = 0; size < files[i].size; size++) {
            static const char *const any[2] = {NULL, NULL};
            char *copy = malloc(size + 1);
            assert_non_null(copy);
            memcpy(copy + 1, files[i].bytes, size);
            expect(files[i].what, copy + 1, size, any);
            free(copy);
        }
}

/* A zip archive with empty entries of these names. */
static size_t make_zip(uint8_t *to, const char *const *name, size_t count)
{
    size_t size = 0, at[2];
    for (size_t i = 0; i < count; i++) {
        at[i] = size;
        memcpy(to + size, "PK\3\4", 4);
        memset(to + size + 4, 0, 26);
        to[size + 26] = (uint8_t)strlen(name[i]);
        memcpy(to + size + 30, name[i], strlen(name[i]));
        size += 30 + strlen(name[i]);
    }
    size_t directory = size;
    for (size_t i = 0; i < count; i++) {
        memset(to + size, 0, 46);
        memcpy(to + size, "PK\1\2", 4);
        to[size + 28] = (uint8_t)strlen(name[i]);
        to[size + 42] = (uint8_t)at[i];
        memcpy(to + size + 46, name[i], strlen(name[i]));
        size += 46 + strlen(name[i]);
    }
    memset(to + size, 0, 22);
    memcpy(to + size, "PK\5\6", 4);
    to[size + 8] = to[size + 10] = (uint8_t)count;
    to[size + 12] = (uint8_t)(size - directory);
    to[size + 16] = (uint8_t)directory;
    return size + 22;
}

static void test_zips(void **state)
{
    (void)state;
    static const struct {
        const char *name[2], *sentence[2];
    } zips[] = {
        {{"a.npy", "b.npy"}, {"holds NumPy arrays", "torch.save({"}},
        {{"m/saved_model.pb", "m/x"}, {"is a TensorFlow model", "tf2onnx.convert --saved-model"}},
        {{"m.mlpackage/Manifest.json", "m.mlpackage/Data/m.mlmodel"}, {"is a Core ML model", NULL}},
        {{"m/model.json", "m/attributes.pkl"}, {"is a TorchScript archive of PyTorch before 1.4", "torch.jit.load"}},
        {{"cats/1.JPG", "dogs/1.jpg"}, {"is a zip archive of images, not weights", "--data"}},
        {{"net.pth", "README"}, {"is a zip archive, neither torch.save's nor a .keras one", "unzip"}},
    };
    for (size_t i = 0; i < THAW_LENGTH(zips); i++) {
        uint8_t bytes[512];
        size_t size = make_zip(bytes, zips[i].name, 2);
        expect(zips[i].name[0], bytes, size, zips[i].sentence);
    }
}

/* What has no signature is told by its name. */
static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *name, *sentence;
    } names[] = {
        {"net.pdiparams", "paddle.onnx.export"},
        {"net.engine", "name the ONNX file that it was built of"},
        {"net.bin", "of an OpenVINO or ncnn model"},
        {"net.weird", "torch.onnx.export(model, images, \"model.onnx\")"},
    };
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        struct error error = {0};
        assert_null(weights_open_memory("\x07\x06\x05\x04\x03\x02", 6, names[i].name, &error));
        if (!strstr(error.text, names[i].sentence))
            fail_msg("%s", error.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_zips),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
