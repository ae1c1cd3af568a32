/* Made datasets and what is expected of them, for the tests of layouts. Included by one .c each, behind files_for_tests.h. */
#ifndef THAW_TESTS_LAYOUTS_FOR_TESTS_H
#define THAW_TESTS_LAYOUTS_FOR_TESTS_H

#include "thaw/data/dataset.h"

/* "FOLDER*COUNT ...": so many images 000.ppm, 001.ppm, ... each, all different; a name without '*' is an empty folder. '+'
 * in a name stands for a blank. */
static inline void make_files(const char *folder, const char *files)
{
    static unsigned made;
    char *list = mem_string(files), *rest = NULL;
    for (char *name = strtok_r(list, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        char *star = strchr(name, '*');
        long count = star ? strtol(star + 1, NULL, 10) : 0;
        struct error error = {0};
        name[strcspn(name, "*")] = '\0';
        for (char *at = name; *at; at++)
            *at = *at == '+' ? ' ' : *at;
        char *path = path_join(folder, name);
        assert_true(file_make_directories(path, &error));
        mem_free(path);
        for (long i = 0; i < count; i++, made++) {
            char *image = mem_format("%s/%03ld.ppm", name, i);
            put_image(folder, image, 4 + (int)(made % 7), 3 + (int)(made / 256 % 5), (uint8_t)made);
            mem_free(image);
        }
    }
    mem_free(list);
}

/* "cat 2/1/0 dog 3/1/0": images of each class in the training, validation and test parts; caller frees. */
static inline char *counts_of(const struct dataset *dataset)
{
    char *text = mem_string("");
    for (int c = 0; c < dataset->classes; c++) {
        char *longer =
            mem_format("%s%s%s %zu/%zu/%zu", text, c ? " " : "", dataset->class_name[c],
                       dataset_class_count(dataset, DATASET_TRAIN, c), dataset_class_count(dataset, DATASET_VAL, c),
                       dataset_class_count(dataset, DATASET_TEST, c));
        mem_free(text);
        text = longer;
    }
    return text;
}

static inline struct dataset *open_or_fail(const struct dataset_request *request)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open_as(request, &error);
    if (!dataset)
        fail_msg("%s", error.text);
    return dataset;
}

/* says (may be NULL): in the words of the layout. */
static inline void expect_counts(const struct dataset_request *request, const char *what, const char *counts,
                                 const char *says)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open_as(request, &error);
    if (!dataset)
        fail_msg("%s: %s", what, error.text);
    char *found = counts_of(dataset);
    if (strcmp(found, counts) != 0)
        fail_msg("%s: \"%s\" is wanted, not \"%s\"", what, counts, found);
    if (says && !strstr(dataset->layout, says))
        fail_msg("%s: \"%s\" does not say \"%s\"", what, dataset->layout, says);
    mem_free(found);
    dataset_destroy(dataset);
}

static inline void expect_refusal(const struct dataset_request *request, const char *what, enum error_kind kind,
                                  const char *says)
{
    struct error error = {0};
    struct dataset *dataset = dataset_open_as(request, &error);
    if (dataset)
        fail_msg("%s: is not refused: %s", what, dataset->layout);
    if (error.kind != kind || !strstr(error.text, says))
        fail_msg("%s: kind %d: \"%s\" does not say \"%s\"", what, error.kind, error.text, says);
}

static inline void expect_note(const struct dataset *dataset, const char *says)
{
    for (size_t i = 0; i < dataset->notes; i++)
        if (strstr(dataset->note[i], says))
            return;
    fail_msg("no note says \"%s\"; the first of %zu: %s", says, dataset->notes, dataset->notes ? dataset->note[0] : "");
}

#endif
