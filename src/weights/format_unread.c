/* Files that are known by sight but not read, so that the refusal says what the file is and what will work, with the line
 * to type. The table of weights.c asks here behind the formats that have a signature of their own, before ONNX and Darknet,
 * which have none; a reader for one of these files replaces its row.
 *
 * What marks each is said at its row or its function. The sentences follow "FILE: ". */
#include "config.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "format.h"
#include "thaw/base/zip.h"

enum { LOOK_INTO = 1 << 16 }; /* bytes of a text that are looked at */

#define BY_ONNX "torch.onnx.export(model, images, \"model.onnx\")"
#define BY_DICT "torch.save(model.state_dict(), \"weights.pth\")"
#define SAVED_MODEL                                                                                                    \
    "is a TensorFlow model (SavedModel or frozen graph), which is not read; convert it with `python -m "               \
    "tf2onnx.convert --saved-model FOLDER --output model.onnx`, or save it from Keras with "                           \
    "model.save(\"model.keras\")"
#define COREML                                                                                                         \
    "is a Core ML model, which is not read; export the model that it was converted from: " BY_ONNX                     \
    ", or from Keras model.save(\"model.keras\")"
#define NUMPY                                                                                                          \
    "holds NumPy arrays, which is not read as weights; give them their names in a state dict: "                        \
    "torch.save({\"conv1.weight\": torch.from_numpy(array), ...}, \"weights.pth\")"
#define ANNOTATIONS "describes what is to be seen on images, and is no weights file; data is named with --data"

/* --- binary files --- */

static bool starts_with(const struct file_map *map, const void *bytes, size_t size)
{
    return map->size >= size && memcmp(map->data, bytes, size) == 0;
}

static bool is_pickle(const struct file_map *map)
{
    return map->size >= 2 && map->data[0] == 0x80 && map->data[1] >= 2 && map->data[1] <= 5;
}

/* paddle.save puts a table of names behind the arrays. */
static bool is_paddle(const struct file_map *map)
{
    static const char key[] = "StructuredToParameterName@@";
    return is_pickle(map) && memmem(map->data, map->size, key, sizeof key - 1);
}

static bool is_webp(const struct file_map *map)
{
    return starts_with(map, "RIFF", 4) && map->size >= 12 && memcmp(map->data + 8, "WEBP", 4) == 0;
}

/* A length of protobuf's at *at, which moves behind it. */
static bool read_length(const struct file_map *map, size_t *at, uint64_t *length)
{
    *length = 0;
    for (int shift = 0; shift < 63 && *at < map->size; shift += 7) {
        uint8_t byte = map->data[(*at)++];
        *length |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Field 1, a version of one byte, then field 2, a message; *inner and *length are its bytes. ONNX has a text there. */
static bool has_message(const struct file_map *map, size_t *inner, uint64_t *length)
{
    *inner = 3;
    return map->size > 4 && map->data[0] == 0x08 && map->data[1] < 0x80 && map->data[2] == 0x12 &&
           read_length(map, inner, length) && *inner < map->size;
}

/* The message is the description of the model: its first field an input, whose first is a name. */
static bool is_coreml(const struct file_map *map)
{
    size_t at;
    uint64_t length;
    if (!has_message(map, &at, &length) || map->data[at++] != 0x0a || !read_length(map, &at, &length))
        return false;
    return at < map->size && map->data[at] == 0x0a && length < LOOK_INTO;
}

/* The message is the one graph, and so is almost all of the file, and begins with what it says of itself. */
static bool is_saved_model(const struct file_map *map)
{
    size_t at;
    uint64_t length;
    return has_message(map, &at, &length) && map->data[1] == 1 && length >= map->size / 2 && map->data[at] == 0x0a;
}

/* Nodes from the first byte on: field 1, a message whose fields 1 and 2 are a name and an op. */
static bool is_frozen_graph(const struct file_map *map)
{
    size_t at = 1;
    uint64_t length, name;
    if (map->size < 8 || map->data[0] != 0x0a || !read_length(map, &at, &length) || at >= map->size ||
        map->data[at++] != 0x0a || !read_length(map, &at, &name) || name >= map->size - at)
        return false;
    at += (size_t)name;
    return map->data[at++] == 0x12 && read_length(map, &at, &name) && map->size - at >= name &&
           ((name == 11 && memcmp(map->data + at, "Placeholder", 11) == 0) ||
            (name == 5 && memcmp(map->data + at, "Const", 5) == 0));
}

/* Field 1, the network's name, then field 100, a layer, or 2, one of old. */
static bool is_caffe(const struct file_map *map)
{
    size_t at = 1;
    uint64_t length;
    if (map->size < 8 || map->data[0] != 0x0a || !read_length(map, &at, &length) || length >= map->size - at)
        return false;
    for (size_t i = at; i < at + length; i++)
        if (map->data[i] < 0x20 || map->data[i] > 0x7e)
            return false;
    at += (size_t)length;
    return map->size - at >= 2 && (map->data[at] == 0x12 || (map->data[at] == 0xa2 && map->data[at + 1] == 0x06));
}

/* TensorFlow's checkpoint.index is a table of LevelDB, which ends in a number. */
static bool is_tensorflow_index(const struct file_map *map)
{
    static const uint8_t magic[] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    return map->size >= 48 && memcmp(map->data + map->size - sizeof magic, magic, sizeof magic) == 0;
}

/* --- zip archives --- */

/* Whether an entry's name ends so. */
static bool zip_has(const struct file_map *map, const char *ending)
{
    struct error unused = {0};
    struct zip zip;
    struct zip_entry entry;
    size_t size = strlen(ending);
    if (!starts_with(map, "PK\3\4", 4) || !zip_open(&zip, map, &unused))
        return false;
    for (struct zip_walk walk = zip_walk(&zip); zip_next(&walk, &entry, &unused);)
        if (entry.name_size >= size &&
            strncasecmp((const char *)entry.name + entry.name_size - size, ending, size) == 0)
            return true;
    return false;
}

static bool is_zip_of_numpy(const struct file_map *map)
{
    return zip_has(map, ".npy");
}

static bool is_zip_of_saved_model(const struct file_map *map)
{
    return zip_has(map, "saved_model.pb");
}

static bool is_zip_of_coreml(const struct file_map *map)
{
    return zip_has(map, ".mlmodel");
}

/* TorchScript until PyTorch 1.3. */
static bool is_zip_of_old_script(const struct file_map *map)
{
    return zip_has(map, "/model.json") && zip_has(map, "/attributes.pkl");
}

static bool is_zip_of_images(const struct file_map *map)
{
    return zip_has(map, ".jpg") || zip_has(map, ".jpeg") || zip_has(map, ".png");
}

/* --- texts --- */

/* The first byte that is no blank, behind a byte order mark. */
static const char *text_of(const struct file_map *map, size_t *size)
{
    size_t at = starts_with(map, "\xef\xbb\xbf", 3) ? 3 : 0;
    while (at < map->size && map->data[at] && strchr(" \t\r\n", map->data[at]))
        at++;
    *size = map->size - at < LOOK_INTO ? map->size - at : LOOK_INTO;
    return (const char *)map->data + at;
}

static bool text_starts(const struct file_map *map, const char *start)
{
    size_t size;
    const char *text = text_of(map, &size);
    return size >= strlen(start) && strncasecmp(text, start, strlen(start)) == 0;
}

static bool text_has(const struct file_map *map, const char *word)
{
    size_t size;
    const char *text = text_of(map, &size);
    return memmem(text, size, word, strlen(word)) != NULL;
}

static bool is_web_page(const struct file_map *map)
{
    return text_starts(map, "<!doctype html") || text_starts(map, "<html");
}

/* An object, or a list of what is no word: "[net]" begins a Darknet cfg. */
static bool is_json(const struct file_map *map)
{
    size_t size, at = 1;
    const char *text = text_of(map, &size);
    while (at < size && isspace((unsigned char)text[at]))
        at++;
    return size > 0 && (text[0] == '{' || (text[0] == '[' && at < size && !isalpha((unsigned char)text[at])));
}

static bool is_tensorflow_js(const struct file_map *map)
{
    return is_json(map) && (text_has(map, "\"weightsManifest\"") || text_has(map, "\"modelTopology\""));
}

static bool is_keras_json(const struct file_map *map)
{
    return is_json(map) && text_has(map, "\"class_name\"") && text_has(map, "\"config\"");
}

static bool is_library_config(const struct file_map *map)
{
    return is_json(map) && (text_has(map, "\"model_type\"") || text_has(map, "\"architectures\"") ||
                            text_has(map, "\"pretrained_cfg\"") || text_has(map, "\"architecture\""));
}

static bool is_coco(const struct file_map *map)
{
    return is_json(map) && (text_has(map, "\"annotations\"") || text_has(map, "\"bbox\""));
}

static bool is_xml(const struct file_map *map)
{
    return text_starts(map, "<?xml") || text_starts(map, "<net ") || text_starts(map, "<annotation");
}

static bool is_openvino(const struct file_map *map)
{
    return is_xml(map) && text_has(map, "<net ");
}

static bool is_voc(const struct file_map *map)
{
    return is_xml(map) && text_has(map, "<annotation");
}

/* --- the table --- */

/* Asked in this order. `start` is what the file has at byte `at`; without one `is` tells. */
static const struct sight {
    const char *refusal, *start;
    size_t size, at;
    bool (*is)(const struct file_map *map);
} sights[] = {
    {"is a Git LFS pointer, not the file itself; fetch it with git lfs pull", "version https://git-lfs", 23, 0, NULL},
    {"is a web page, not the file itself: the link led to a page about it; download the file behind that page's own "
     "link (\"download\", \"raw\")",
     .is = is_web_page},
    {NUMPY, .is = is_zip_of_numpy},
    {SAVED_MODEL, .is = is_zip_of_saved_model},
    {COREML, .is = is_zip_of_coreml},
    {"is a TorchScript archive of PyTorch before 1.4; load it there with torch.jit.load, and save it anew with "
     "torch.jit.save",
     .is = is_zip_of_old_script},
    {"is a zip archive of images, not weights; unpack it with unzip, and name the folder with --data",
     .is = is_zip_of_images},
    {"is a zip archive, neither torch.save's nor a .keras one; unpack it with unzip, and name the weights inside",
     "PK\3\4", 4, 0, NULL},
    {"is a PaddlePaddle model, which is not read; export it with paddle.onnx.export(model, \"model\", input_spec=["
     "paddle.static.InputSpec([1, 3, 224, 224])])",
     .is = is_paddle},
    {"is a Python pickle that torch.save did not write; save the state dict with " BY_DICT, .is = is_pickle},
    {"is compressed by gzip; unpack it with gunzip (a .tar.gz with tar -xzf), and name the weights inside", "\x1f\x8b",
     2, 0, NULL},
    {"is compressed by xz; unpack it with unxz (a .tar.xz with tar -xJf), and name the weights inside",
     "\xfd"
     "7zXZ",
     5, 0, NULL},
    {"is compressed by bzip2; unpack it with bunzip2 (a .tar.bz2 with tar -xjf), and name the weights inside", "BZh", 3,
     0, NULL},
    {"is compressed by zstd; unpack it with unzstd, and name the weights inside", "\x28\xb5\x2f\xfd", 4, 0, NULL},
    {"is a 7-Zip archive; unpack it with 7z x, and name the weights inside", "7z\xbc\xaf\x27\x1c", 6, 0, NULL},
    {"is a RAR archive; unpack it with unrar x, and name the weights inside", "Rar!", 4, 0, NULL},
    {"is a TensorFlow Lite model, which is made to be run only; convert it with `python -m tf2onnx.convert --tflite "
     "model.tflite --output model.onnx`, or save the Keras model that it was made of with model.save(\"model.keras\")",
     "TFL3", 4, 4, NULL},
    {"is a GGUF file, weights of a language model for llama.cpp: there is no image network in it", "GGUF", 4, 0, NULL},
    {"is an MXNet model, which is not read; export it with mxnet.onnx.export_model(\"model-symbol.json\", "
     "\"model-0000.params\", [(1, 3, 224, 224)], onnx_file_path=\"model.onnx\")",
     "\x12\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, 0, NULL},
    {NUMPY, "\x93NUMPY", 6, 0, NULL},
    {"holds images or labels in MNIST's form (IDX): data, not weights, and named with --data", "\0\0\x08\1", 4, 0,
     NULL},
    {"holds images or labels in MNIST's form (IDX): data, not weights, and named with --data", "\0\0\x08\3", 4, 0,
     NULL},
    {"is an image (JPEG), not weights; images are named with --data, or behind thaw predict", "\xff\xd8\xff", 3, 0,
     NULL},
    {"is an image (PNG), not weights; images are named with --data, or behind thaw predict", "\x89PNG", 4, 0, NULL},
    {"is an image (GIF), not weights; images are named with --data, or behind thaw predict", "GIF8", 4, 0, NULL},
    {"is an image (TIFF), not weights; images are named with --data, or behind thaw predict", "II*\0", 4, 0, NULL},
    {"is an image (TIFF), not weights; images are named with --data, or behind thaw predict", "MM\0*", 4, 0, NULL},
    {"is an image (WebP), not weights; images are named with --data, or behind thaw predict", .is = is_webp},
    {"is a PDF document, not weights", "%PDF-", 5, 0, NULL},
    {SAVED_MODEL, .is = is_saved_model},
    {SAVED_MODEL, .is = is_frozen_graph},
    {COREML, .is = is_coreml},
    {"is a Caffe model, which is not read; convert it with `python -m caffe2onnx.convert --prototxt net.prototxt "
     "--caffemodel net.caffemodel --onnx model.onnx`",
     .is = is_caffe},
    {"is the index of a TensorFlow checkpoint, which has the values but not the network; load it there, and save the "
     "model with model.save(\"model.keras\")",
     .is = is_tensorflow_index},
    {"is the list of a TensorFlow training's checkpoints; load one there, and save the model with "
     "model.save(\"model.keras\")",
     "model_checkpoint_path:", 22, 0, NULL},
    {"is a TensorFlow.js model; convert it with `tensorflowjs_converter --input_format=tfjs_layers_model "
     "--output_format=keras model.json model.h5`, a graph model with `python -m tf2onnx.convert --tfjs model.json "
     "--output model.onnx`; Teachable Machine exports keras_model.h5 under Tensorflow, Keras",
     .is = is_tensorflow_js},
    {ANNOTATIONS, .is = is_coco},
    {"is the configuration of a model, whose weights are beside it: name their file (model.safetensors, "
     "pytorch_model.bin) or the folder",
     .is = is_library_config},
    {"is the architecture of a Keras model without its weights; save both with model.save(\"model.keras\")",
     .is = is_keras_json},
    {"is JSON text, not weights", .is = is_json},
    {"is an OpenVINO model, which is not read, nor is the .bin beside it; export the model that it was converted "
     "from: " BY_ONNX ", or from Keras model.save(\"model.keras\")",
     .is = is_openvino},
    {ANNOTATIONS, .is = is_voc},
};

static const char *refuse(const struct file_map *map)
{
    for (size_t i = 0; i < THAW_LENGTH(sights); i++) {
        const struct sight *sight = &sights[i];
        bool is = sight->start ? map->size >= sight->at + sight->size &&
                                     memcmp(map->data + sight->at, sight->start, sight->size) == 0
                               : sight->is(map);
        if (is)
            return sight->refusal;
    }
    return NULL;
}

static bool probe(const struct file_map *map)
{
    return refuse(map) != NULL;
}

const struct weights_format format_unread = {.name = "not read", .probe = probe, .refuse = refuse};
