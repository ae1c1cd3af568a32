/* Lists of class names as they go round: each file, and the form of it in which the names are these. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "files_for_tests.h"
#include "thaw/data/labels.h"

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

static bool read_text(struct labels *labels, const char *text, struct error *error)
{
    char *path = path_join(folder, "labels");
    put_file(folder, "labels", text, strlen(text));
    bool good = labels_read(labels, path, error);
    mem_free(path);
    return good;
}

/* Whether some form has these names, joined by bars. */
static bool has_form(const struct labels *labels, const char *names)
{
    bool found = false;
    for (int f = 0; f < labels->forms && !found; f++) {
        char joined[256] = "";
        for (int i = 0; i < labels->count; i++) {
            size_t used = strlen(joined);
            snprintf(joined + used, sizeof joined - used, "%s%s", i ? "|" : "", labels->name[f][i]);
        }
        found = strcmp(joined, names) == 0;
    }
    return found;
}

static const struct {
    const char *text, *names;
} rows[] = {
    {"cat\ndog\n", "cat|dog"},
    {"\xef\xbb\xbf"
     "cat\r\ndog\r\n\r\n\n",
     "cat|dog"},
    {"cat\n\ndog", "cat||dog"},
    {"0 cat\n1 dog\n", "cat|dog"},
    {"0 cat\n1 dog\n", "0 cat|1 dog"}, /* folders may be called so */
    {"0: cat\n1: dog\n", "cat|dog"},
    {"0:cat\n1:dog\n", "cat|dog"},
    {"1,dog\n0,cat\n", "cat|dog"},
    {" 1. cat\n 2. dog\n", "cat|dog"},
    {"0\tgreat cat\n1\tdog\n", "great cat|dog"},
    {"n01440764 tench, Tinca tinca\nn01443537 goldfish\n", "n01440764|n01443537"},
    {"n01440764 tench, Tinca tinca\nn01443537 goldfish\n", "tench|goldfish"},
    {"n02099601-golden_retriever\nn02111889-Samoyed\n", "golden_retriever|Samoyed"},
    {"0 n01440764 tench\n1 n01443537 goldfish\n", "n01440764|n01443537"},
    {"tench, Tinca tinca\ngoldfish\n", "tench|goldfish"},
    {"[\"cat\", \"dog\"]", "cat|dog"},
    {"{\"1\": \"dog\", \"0\": \"cat\"}", "cat|dog"},
    {"{\"cat\": 0, \"dog\": 1}", "cat|dog"},
    {"{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01443537\", \"goldfish\"]}", "tench|goldfish"},
    {"{\"0\": [\"n01440764\", \"tench\"], \"1\": [\"n01443537\", \"goldfish\"]}", "n01440764|n01443537"},
    {"{\"model_type\": \"resnet\", \"id2label\": {\"0\": \"cat\", \"1\": \"dog\"}}", "cat|dog"},
    {"{\"label2id\": {\"dog\": 1, \"cat\": 0}}", "cat|dog"},
    {" {\"class_to_idx\": {\"dog\": 1, \"cat\": 0}}", "cat|dog"},
    {"{\"labels\": [\"cat\", \"dog\"], \"imageSize\": 224}", "cat|dog"},
};

static void test_lists(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct labels labels;
        struct error error = {0};
        if (!read_text(&labels, rows[i].text, &error))
            fail_msg("%s: %s", rows[i].text, error.text);
        if (!has_form(&labels, rows[i].names))
            fail_msg("no form of %s is %s", rows[i].text, rows[i].names);
        labels_finish(&labels);
    }
}

/* Numbers that are no numbering stay in the names. */
static void test_no_numbering(void **state)
{
    (void)state;
    static const char *const texts[] = {"0 cat\n2 dog\n", "5 cat\n6 dog\n", "0 cat\n0 dog\n", "0 cat\ndog\n", "0\n1\n"};
    for (size_t i = 0; i < THAW_LENGTH(texts); i++) {
        struct labels labels;
        struct error error = {0};
        assert_true(read_text(&labels, texts[i], &error));
        assert_int_equal(labels.forms, 1);
        assert_int_equal(labels.count, 2);
        labels_finish(&labels);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        {"{\"cat\": 0,", "labels: no valid JSON in line 1"},
        {"{\"cat\": 0, \"dog\": 2}", "labels: JSON without a list of classes: "},
        {"{\"cat\": 0, \"dog\": 0}", "labels: JSON without a list of classes: "},
        {"{\"cat\": 0, \"dog\": -1}", "labels: JSON without a list of classes: "},
        {"{\"cat\": 0, \"dog\": 1e30}", "labels: JSON without a list of classes: "},
        {"{\"0\": \"cat\", \"99999999999999999999\": \"dog\"}", "labels: JSON without a list of classes: "},
        {"[[[[[]]]]]", "labels: JSON without a list of classes: "},
        {"{}", "labels: JSON without a list of classes: "},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct labels labels;
        struct error error = {0};
        if (read_text(&labels, cases[i].text, &error))
            fail_msg("%s: was read", cases[i].text);
        if (error.kind != ERROR_USAGE || !strstr(error.text, cases[i].sentence))
            fail_msg("%s: %s", cases[i].text, error.text);
        labels_finish(&labels);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_no_numbering),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
