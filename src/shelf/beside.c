/* Reading what Hugging Face's libraries keep beside weights. preprocessor_config.json, as transformers' image processors
 * write it: do_resize, size (a side, {"shortest_edge"} or {"height", "width"}), crop_pct, do_center_crop, crop_size,
 * resample (Pillow's number), do_rescale, rescale_factor, do_normalize, image_mean, image_std, do_flip_channel_order,
 * and EfficientNet's include_top, which divides by the deviation twice. config.json, as timm writes it: pretrained_cfg
 * with input_size, crop_pct, interpolation, mean, std. Called by load, and by who names classes. */
#include "config.h"

#include "thaw/shelf/beside.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { JSON_BYTES = 8 << 20, SIDE_MOST = 4096, CLASSES_MOST = 100000 };

/* --- files --- */

/* Whether a file is called as the libraries call theirs. */
static bool is_library_name(const char *base)
{
    static const char *const starts[] = {"model.", "model-00", "pytorch_model.", "pytorch_model-00"};
    static const char *const ends[] = {".safetensors", ".bin", ".onnx", ".index.json"};
    bool starts_so = false, ends_so = false;
    for (size_t i = 0; i < THAW_LENGTH(starts); i++)
        starts_so = starts_so || strncmp(base, starts[i], strlen(starts[i])) == 0;
    for (size_t i = 0; i < THAW_LENGTH(ends); i++) {
        size_t length = strlen(base), end = strlen(ends[i]);
        ends_so = ends_so || (length > end && strcmp(base + length - end, ends[i]) == 0);
    }
    return starts_so && ends_so;
}

/* The object in NAME beside the weights, or above them where they lie in a folder of exports ("onnx"); NULL: it is not
 * there, or *error says why it cannot be read. */
static json_t *read_beside(const char *weights, const char *name, struct error *error)
{
    char *folder = mem_string(weights), *base = strrchr(folder, '/');
    if (!is_library_name(base ? base + 1 : weights)) {
        mem_free(folder);
        return NULL;
    }
    *(base ? base : folder) = '\0';
    size_t length = strlen(folder);
    bool is_export = length >= 5 && strcmp(folder + length - 5, "/onnx") == 0;
    char *path = !base       ? mem_string(name)
                 : is_export ? mem_format("%.*s/%s", (int)(length - 5), folder, name)
                             : mem_format("%s/%s", folder, name);
    json_error_t fault;
    char *text = file_exists(path) ? file_read_text(path, JSON_BYTES, error) : NULL;
    json_t *root = text ? json_loads(text, 0, &fault) : NULL;
    if (text && !json_is_object(root))
        error_set(error, ERROR_WEIGHTS, "%s: not the JSON that is expected beside the weights%s%.100s", path,
                  root ? "" : ": ", root ? "" : fault.text);
    mem_free(text);
    mem_free(path);
    mem_free(folder);
    if (json_is_object(root))
        return root;
    json_decref(root);
    return NULL;
}

/* --- values --- */

static bool is_true(const json_t *root, const char *key, bool absent)
{
    const json_t *value = json_object_get(root, key);
    return json_is_boolean(value) ? json_is_true(value) : absent;
}

static double number(const json_t *root, const char *key, double absent)
{
    const json_t *value = json_object_get(root, key);
    return json_is_number(value) && isfinite(json_number_value(value)) ? json_number_value(value) : absent;
}

static bool take_side(const json_t *value, int *side)
{
    json_int_t whole = json_integer_value(value);
    if (!json_is_integer(value) || whole < 1 || whole > SIDE_MOST)
        return false;
    *side = (int)whole;
    return true;
}

/* 224, {"shortest_edge": 224}, {"height": 224, "width": 224}: the latter two sides alike where `square` is wanted. */
static bool take_size(const json_t *size, int *height, int *width, bool *shortest)
{
    *shortest = false;
    if (take_side(size, height)) {
        *width = *height;
        return true;
    }
    if (take_side(json_object_get(size, "shortest_edge"), height)) {
        *width = *height;
        *shortest = true;
        return true;
    }
    return take_side(json_object_get(size, "height"), height) && take_side(json_object_get(size, "width"), width);
}

/* One number for each colour, red first. */
static bool take_colours(const json_t *list, float to[3])
{
    for (size_t c = 0; c < 3; c++) {
        const json_t *value = json_array_get(list, c);
        if (!json_is_number(value) || !isfinite(json_number_value(value)))
            return false;
        to[c] = (float)json_number_value(value);
    }
    return json_array_size(list) == 3;
}

static bool is_usable(const struct preprocess *p)
{
    bool good = p->height > 0 && p->width > 0;
    for (int c = 0; c < 3; c++)
        good = good && isfinite(p->mean[c]) && isfinite(p->std[c]) && p->std[c] > 0;
    return good;
}

/* The shorter side, of which the crop has so large a share; as both libraries, rounded down. 0: not cropped. */
static int side_before_crop(int crop, double share)
{
    return share >= 0.1 && share <= 1 ? (int)(crop / share) : 0;
}

/* --- transformers --- */

/* rescale * x, less mean, over std, as values of 0 to 1 where x / 255 is what it comes to. */
static bool take_colour_rule(const json_t *root, struct preprocess *p)
{
    double factor = is_true(root, "do_rescale", true) ? number(root, "rescale_factor", 1 / 255.0) : 1;
    bool normalise = is_true(root, "do_normalize", true), twice = is_true(root, "include_top", false);
    float mean[3] = {0, 0, 0}, std[3] = {1, 1, 1};
    if (factor <= 0 || (normalise && (!take_colours(json_object_get(root, "image_mean"), mean) ||
                                      !take_colours(json_object_get(root, "image_std"), std))))
        return false;
    /* x * factor is either x / 255, or brought to x of 0 to 255 by taking mean and deviation over factor */
    p->raw = fabs(factor * 255 - 1) > 1e-6;
    double scale = p->raw ? 1 / factor : 1, shift = is_true(root, "rescale_offset", false) ? 1 : 0;
    p->bgr = is_true(root, "do_flip_channel_order", false);
    for (int c = 0; c < 3; c++) {
        int from = p->bgr ? 2 - c : c;
        p->mean[c] = (float)(((double)mean[from] + shift) * scale);
        p->std[c] = (float)((double)std[from] * (twice ? (double)std[from] : 1) * scale);
    }
    return true;
}

static bool read_processor(const json_t *root, struct preprocess *p)
{
    bool shortest = false, unused;
    int height = 0, width = 0;
    if (!take_size(json_object_get(root, "size"), &height, &width, &shortest))
        return false;
    p->height = height;
    p->width = width;
    p->resize =
        shortest ? side_before_crop(height, number(root, "crop_pct", 1)) : 0; /* ConvNeXt's: `size` is the crop's */
    if (is_true(root, "do_center_crop", json_object_get(root, "crop_size") != NULL) &&
        take_size(json_object_get(root, "crop_size"), &p->height, &p->width, &unused))
        p->resize = height;
    p->interpolation = number(root, "resample", 2) == 3 ? INTERPOLATION_BICUBIC : INTERPOLATION_BILINEAR;
    return take_colour_rule(root, p) && is_usable(p);
}

/* --- timm --- */

static const json_t *timm_object(const json_t *root)
{
    const json_t *own = json_object_get(root, "pretrained_cfg");
    return own ? own : json_object_get(root, "architecture") ? root : NULL;
}

static bool read_timm(const json_t *root, struct preprocess *p)
{
    const json_t *own = timm_object(root), *size = json_object_get(own, "input_size");
    if (!own || !take_side(json_array_get(size, 1), &p->height) || !take_side(json_array_get(size, 2), &p->width) ||
        !take_colours(json_object_get(own, "mean"), p->mean) || !take_colours(json_object_get(own, "std"), p->std))
        return false;
    const char *way = json_string_value(json_object_get(own, "interpolation"));
    const char *mode = json_string_value(json_object_get(own, "crop_mode"));
    double share = number(own, "crop_pct", 0.875);
    bool squash = mode && strcmp(mode, "squash") == 0;
    p->resize = squash ? 0 : side_before_crop(p->height, share);
    p->interpolation = way && strcmp(way, "bicubic") == 0 ? INTERPOLATION_BICUBIC : INTERPOLATION_BILINEAR;
    p->raw = p->bgr = false;
    return is_usable(p);
}

bool beside_preprocess(const char *weights, struct preprocess *preprocess, struct error *error)
{
    static const struct {
        const char *name;
        bool (*read)(const json_t *root, struct preprocess *p);
    } files[] = {{"preprocessor_config.json", read_processor}, {"config.json", read_timm}};
    for (size_t i = 0; i < THAW_LENGTH(files) && error->kind == ERROR_NONE; i++) {
        struct preprocess found = {.channels = 3};
        json_t *root = read_beside(weights, files[i].name, error);
        bool good = root && files[i].read(root, &found);
        json_decref(root);
        if (good) {
            *preprocess = found;
            return true;
        }
    }
    return false;
}

/* --- classes --- */

/* {"0": "tench", "1": ...} */
static char **take_id2label(const json_t *labels, size_t count)
{
    char **name = mem_array(count, sizeof *name);
    bool whole = true;
    for (size_t i = 0; i < count && whole; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        const char *text = json_string_value(json_object_get(labels, key));
        whole = text != NULL;
        name[i] = text ? mem_string(text) : NULL;
    }
    for (size_t i = 0; i < count && !whole; i++)
        mem_free(name[i]);
    if (whole)
        return name;
    mem_free(name);
    return NULL;
}

static char **take_list(const json_t *list, size_t count)
{
    char **name = mem_array(count, sizeof *name);
    bool whole = true;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        whole = whole && text;
        name[i] = text ? mem_string(text) : NULL;
    }
    for (size_t i = 0; i < count && !whole; i++)
        mem_free(name[i]);
    if (whole)
        return name;
    mem_free(name);
    return NULL;
}

char **beside_class_names(const char *weights, int *count)
{
    struct error unused = {0};
    json_t *root = read_beside(weights, "config.json", &unused);
    const json_t *own = root ? timm_object(root) : NULL, *labels = json_object_get(root, "id2label");
    const json_t *list = json_object_get(own, "label_names") ? json_object_get(own, "label_names")
                                                             : json_object_get(root, "label_names");
    size_t size = json_is_object(labels) ? json_object_size(labels) : json_array_size(list);
    char **name = NULL;
    if (size > 0 && size <= CLASSES_MOST)
        name = json_is_object(labels) ? take_id2label(labels, size) : take_list(list, size);
    json_decref(root);
    *count = name ? (int)size : 0;
    return name;
}
