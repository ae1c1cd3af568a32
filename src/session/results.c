/* Reading a run's predictions.json into a confusion matrix. Its layout is told in train/trainer_save.c. */
#include "config.h"

#include "results.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { CLASSES_MAX = 100000, PREDICTIONS_BYTES_MAX = 1 << 30 };

/* *end: where its path goes. */
static bool take_image(struct results_read *read, json_t *image, char **end)
{
    const char *path = json_string_value(json_object_get(image, "path"));
    json_int_t label = json_integer_value(json_object_get(image, "label"));
    json_int_t predicted = json_integer_value(json_object_get(image, "predicted"));
    if (label < 0 || label >= read->classes || predicted < 0 || predicted >= read->classes)
        return false;
    double confidence = json_number_value(json_object_get(image, "probability"));
    read->judged[read->images] = (struct session_judged){*end, (int)label, (int)predicted, confidence};
    *end = stpcpy(*end, path ? path : "") + 1;
    read->confusion[read->images++] = (struct session_confusion){(int)label, (int)predicted, 1};
    read->correct += label == predicted;
    return true;
}

static int compare(const void *a, const void *b)
{
    const struct session_confusion *one = a, *two = b;
    return one->truth != two->truth ? one->truth - two->truth : one->predicted - two->predicted;
}

/* From a cell an image to a cell a pair of classes: ten thousand classes have a hundred million pairs, and few images. */
static void count_images(struct results_read *read)
{
    struct session_confusion *cell = read->confusion;
    size_t cells = 0;
    if (read->images > 1)
        qsort(cell, read->images, sizeof *cell, compare);
    for (size_t i = 0; i < read->images; i++)
        if (cells > 0 && compare(&cell[cells - 1], &cell[i]) == 0)
            cell[cells - 1].count++;
        else
            cell[cells++] = cell[i];
    read->row = mem_array((size_t)read->classes + 1, sizeof *read->row);
    size_t at = 0;
    for (int truth = 0; truth <= read->classes; truth++) {
        while (at < cells && cell[at].truth < truth)
            at++;
        read->row[truth] = at;
    }
}

static int surer_first(const void *a, const void *b)
{
    const struct session_judged *one = a, *two = b;
    if (one->confidence != two->confidence)
        return one->confidence < two->confidence ? 1 : -1;
    return strcmp(one->path, two->path);
}

static size_t paths_room(json_t *images)
{
    size_t room = 0, at;
    json_t *item;
    json_array_foreach(images, at, item) room += json_string_length(json_object_get(item, "path")) + 1;
    return room;
}

void results_drop(struct results_read *read)
{
    for (int i = 0; i < read->classes; i++)
        mem_free(read->class_name[i]);
    mem_free(read->class_name);
    mem_free(read->confusion);
    mem_free(read->row);
    mem_free(read->judged);
    mem_free(read->paths);
    *read = (struct results_read){0};
}

bool results_read(struct results_read *read, const char *run, bool best, struct error *error)
{
    *read = (struct results_read){0};
    char *path = path_join(run, best ? "predictions-best.json" : "predictions.json");
    char *text = file_read_text_own(path, PREDICTIONS_BYTES_MAX, error);
    json_t *root = text ? json_loads(text, 0, NULL) : NULL;
    mem_free(text);
    json_t *classes = json_object_get(root, "classes"), *images = json_object_get(root, "images");
    size_t count = json_array_size(classes), at;
    bool good = count > 0 && count <= CLASSES_MAX && json_is_array(images);
    if (good) {
        json_t *item;
        read->classes = (int)count;
        read->epoch = (int)json_integer_value(json_object_get(root, "epoch"));
        read->class_name = mem_array(count, sizeof *read->class_name);
        read->confusion = mem_array(json_array_size(images) + 1, sizeof *read->confusion);
        json_array_foreach(classes, at, item)
        {
            const char *name = json_string_value(item);
            read->class_name[at] = mem_string(name ? name : "");
        }
        read->judged = mem_array(json_array_size(images) + 1, sizeof *read->judged);
        char *end = read->paths = mem_array(paths_room(images) + 1, 1);
        json_array_foreach(images, at, item) good = good && take_image(read, item, &end);
    }
    json_decref(root);
    if (good) {
        if (read->images > 1)
            qsort(read->judged, read->images, sizeof *read->judged, surer_first);
        count_images(read);
    } else {
        results_drop(read);
        error_set(error, ERROR_FAILED, "%s: no predictions to be read", path);
    }
    mem_free(path);
    return good;
}
