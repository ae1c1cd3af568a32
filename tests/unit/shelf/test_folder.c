/* Folders in the place of a weights file: which file is taken, and what is said where none is. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/data/files_for_tests.h"
#include "thaw/shelf/folder.h"
#include "thaw/shelf/load.h"

/* Files of a folder, and what it stands for: a file of it, or a part of the sentence. */
static const struct {
    const char *file[4], *stands_for;
    bool refused;
} rows[] = {
    {{"config.json", "model.safetensors", "pytorch_model.bin"}, "model.safetensors", false},
    {{"config.json", "pytorch_model.bin", "other.pth"}, "pytorch_model.bin", false},
    {{"model.safetensors.index.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"},
     "model.safetensors.index.json",
     false},
    {{"onnx/model.onnx", "config.json"}, "onnx/model.onnx", false},
    {{"weights/last.pt", "weights/best.pt", "args.yaml"}, "weights/best.pt", false},
    {{"model.json", "group1-shard1of1.bin"}, "model.json", false},
    {{"net.pth", "README.md"}, "net.pth", false},
    {{"one.pth", "two.h5", "README.md"},
     "a folder with 2 weights files, one of which is to be named: one.pth, two.h5",
     true},
    {{"README.md"}, "a folder in which there is no weights file; images are named with --data", true},
    {{"saved_model.pb", "variables/variables.index"},
     "a TensorFlow SavedModel, which is not read; convert it with `python -m tf2onnx.convert --saved-model",
     true},
    {{"Manifest.json", "Data/com.apple.CoreML/model.mlmodel"}, "a Core ML package, which is not read; export", true},
    {{"events.jsonl", "checkpoints/last"},
     "a run with no model.safetensors yet: it has one once it has ended or saved",
     true},
    {{"train/cat/1.jpg"}, "a dataset, not weights; data is named with --data", true},
};

static void test_folders(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct error error = {0};
        char *folder = new_folder();
        for (size_t f = 0; f < THAW_LENGTH(rows[i].file) && rows[i].file[f]; f++)
            put_file(folder, rows[i].file[f], "x", 1);
        char *path = folder_weights(folder, &error);
        if (rows[i].refused != !path)
            fail_msg("%s: %s", rows[i].file[0], path ? path : error.text);
        if (path)
            assert_string_equal(path + strlen(folder) + 1, rows[i].stands_for);
        else if (error.kind != ERROR_WEIGHTS || strncmp(error.text, folder, strlen(folder)) != 0 ||
                 !strstr(error.text, rows[i].stands_for))
            fail_msg("%s", error.text);
        mem_free(path);
        remove_folder(folder);
        mem_free(folder);
    }
}

/* Wherever weights are named: of an experiment, the folder's place is taken by its file's. */
static void test_named(void **state)
{
    (void)state;
    struct error error = {0};
    char *folder = new_folder(), room[512];
    put_file(folder, "model.safetensors", "x", 1);
    snprintf(room, sizeof room, "%s", folder);
    if (!load_find_weights(room, sizeof room, NULL, &error))
        fail_msg("%s", error.text);
    assert_string_equal(room + strlen(folder), "/model.safetensors");
    char *path = load_weights_path(folder, &error);
    assert_string_equal(path, room);
    mem_free(path);
    remove_folder(folder);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folders), cmocka_unit_test(test_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
