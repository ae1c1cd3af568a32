/* Reading a run's predictions.json into a confusion matrix. Its layout is told in train/trainer_save.c. */
#include "config.h"

#include "results.h"

#include <jansson.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { CLASSES_MAX = 100000, PREDICTIONS_BYTES_MAX = 1 << 30 };

static bool count_image(struct results_read *read, json_t *row)
{
    json_int_t label = json_integer_value(json_object_get(row, "label"));
    json_int_t predicted = json_integer_value(json_object_get(row, "predicted"));
    if (label < 0 || label >= read->classes || predicted < 0 || predicted >= read->classes)
        return false;
    read->confusion[(size_t)label * (size_t)read->classes + (size_t)predicted]++;
    read->images++;
    read->correct += label == predicted;
    return true;
}

static void drop(struct results_read *read)
{
    for (int i = 0; i < read->classes; i++)
        mem_free(read->class_name[i]);
    mem_free(read->class_name);
    mem_free(read->confusion);
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
    bool good = count > 0 && count <= CLASSES_MAX && json_is_array(images) &&
                (read->confusion = mem_try(count * count * sizeof *read->confusion)) != NULL;
    if (good) {
        json_t *item;
        read->classes = (int)count;
        read->epoch = (int)json_integer_value(json_object_get(root, "epoch"));
        read->class_name = mem_array(count, sizeof *read->class_name);
        json_array_foreach(classes, at, item)
        {
            const char *name = json_string_value(item);
            read->class_name[at] = mem_string(name ? name : "");
        }
        json_array_foreach(images, at, item) good = good && count_image(read, item);
    }
    json_decref(root);
    if (!good) {
        drop(read);
        error_set(error, ERROR_FAILED, "%s: no predictions to be read", path);
    }
    mem_free(path);
    return good;
}
