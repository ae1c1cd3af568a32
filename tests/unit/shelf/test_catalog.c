/* The catalog: the installed file's facts, the user's files over them, faults with file and line, files told from names
 * and from content, preprocessing and class names of a row. */
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

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/catalog.h"
#include "thaw/shelf/load.h"
#include "thaw/source/bind.h"
#include "thaw/source/zoo.h"

static char folder[] = "/tmp/thaw-test-catalog-XXXXXX";
static char user[64], models[64], samples[64], installed[512];

static void write_text(const char *directory, const char *name, const char *text)
{
    struct error error;
    char *path = path_join(directory, name);
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

static int make_places(void **state)
{
    (void)state;
    struct error error;
    const char *source = getenv("THAW_SRCDIR");
    if (!mkdtemp(folder))
        return -1;
    snprintf(user, sizeof user, "%s/models.d", folder);
    snprintf(models, sizeof models, "%s/models", folder);
    snprintf(samples, sizeof samples, "%s/samples", folder);
    snprintf(installed, sizeof installed, "%s/catalog", source ? source : ".");
    return file_make_directories(user, &error) && file_make_directories(models, &error) ? 0 : -1;
}

static int drop_places(void **state)
{
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct catalog *open_places(struct error *error)
{
    struct catalog_places places = {installed, user, models, samples};
    return catalog_open(&places, error);
}

static struct catalog *must_open(void)
{
    struct error error;
    struct catalog *catalog = open_places(&error);
    if (!catalog)
        fail_msg("%s", error.text);
    return catalog;
}

static void forget_user_file(void)
{
    char *path = path_join(user, "mine.ini");
    remove(path);
    mem_free(path);
}

/* Facts of the installed file, counted by source. */
static void installed_facts(void **state)
{
    (void)state;
    struct catalog *catalog = must_open();
    size_t count, torchvision = 0, keras = 0, timm = 0, heads = 0, hashes = 0, defaults = 0;
    const struct catalog_row *row = catalog_rows(catalog, &count);
    for (size_t i = 0; i < count; i++) {
        torchvision += !strcmp(row[i].source, "torchvision");
        keras += !strcmp(row[i].source, "keras");
        timm += !strcmp(row[i].source, "timm");
        if (!strcmp(row[i].source, "timm")) {
            assert_true(row[i].input > 0 && row[i].resize >= row[i].input && row[i].top5 > row[i].top1);
            assert_true(row[i].classes == 1000 && row[i].preprocess[0] && row[i].interpolation >= 0);
            assert_non_null(strstr(row[i].url, row[i].file));
            assert_true(row[i].hash.kind == DIGEST_NONE || strstr(row[i].file, row[i].hash.hex));
        }
        if (strcmp(row[i].source, "torchvision") && strcmp(row[i].source, "keras"))
            continue;
        heads += row[i].classes == 1000;
        hashes += row[i].hash.kind != DIGEST_NONE;
        defaults += row[i].is_default;
        assert_true(row[i].input > 0 && row[i].preprocess[0]);
        assert_string_equal(row[i].licence, "not stated");
        assert_non_null(strstr(row[i].url, row[i].file));
        for (size_t k = i + 1; k < count; k++) {
            assert_string_not_equal(row[i].file, row[k].file);
            assert_false(row[i].is_default && row[k].is_default && !strcmp(row[i].arch, row[k].arch));
        }
    }
    assert_int_equal(torchvision, 95);
    assert_int_equal(keras, 38);
    assert_int_equal(timm, 92);
    assert_int_equal(heads, 114);
    assert_int_equal(hashes, 129);
    assert_int_equal(defaults, 90);
    catalog_close(catalog);
}

static void rows_by_name(void **state)
{
    (void)state;
    struct catalog *catalog = must_open();
    const struct catalog_row *row = catalog_find(catalog, "resnet50-imagenet1k_v1");
    assert_non_null(row);
    assert_string_equal(row->arch, "resnet50");
    assert_string_equal(row->file, "resnet50-0676ba61.pth");
    assert_string_equal(row->hash.hex, "0676ba61");
    assert_int_equal(row->hash.kind, DIGEST_SHA256);
    assert_true(row->params == 25557032 && fabs(row->macs - 4.089e9) < 1 && row->top1 == 76.13 && row->top5 == 92.862);
    assert_true(fabs(row->size - 97.781 * 1048576) < 1 && fabs(row->size_slack - 524.288) < 1e-6);
    assert_true(row->resize == 256 && row->input == 224 && !row->is_default);
    assert_string_equal(catalog_find(catalog, "resnet50")->name, "resnet50-imagenet1k_v2");
    assert_string_equal(catalog_find(catalog, "resnet50-19c8e357.pth")->name, "resnet50-imagenet1k_v1");
    assert_null(catalog_find(catalog, "resnet50-19c8e357"));
    assert_null(catalog_find(catalog, ""));
    catalog_close(catalog);
}

static void user_overrides_and_adds(void **state)
{
    (void)state;
    write_text(
        user, "mine.ini",
        "; mine\n[resnet18-imagenet1k_v1]\ntop1 = 12.5\nhash = none\n\n[leaves]\nurl = http://localhost/leaves.onnx\n"
        "classes = 3\nclasses_file = leaves.txt\nnotes = first part\n    and the second\npreprocess = tf\n");
    write_text(user, "leaves.txt", "oak\nash\r\nbeech\n");
    write_text(user, "notes.md", "not read\n");
    struct catalog *catalog = must_open();
    const struct catalog_row *row = catalog_find(catalog, "resnet18-imagenet1k_v1");
    assert_true(row->top1 == 12.5 && row->top5 == 89.078 && row->hash.kind == DIGEST_NONE);
    row = catalog_find(catalog, "leaves");
    assert_string_equal(row->file, "leaves.onnx");
    assert_string_equal(row->notes, "first part and the second");
    assert_true(isnan(row->top1) && row->input == -1);
    struct error error;
    char **names = catalog_class_names(catalog, row, 3, &error);
    assert_non_null(names);
    assert_string_equal(names[1], "ash");
    bind_free_class_names(names, 3);
    assert_null(catalog_class_names(catalog, row, 4, &error)); /* another head: not these names, and no fault */
    assert_int_equal(error.kind, ERROR_NONE);
    write_text(user, "leaves.txt", "oak\nash\n");
    assert_null(catalog_class_names(catalog, row, 3, &error));
    assert_non_null(strstr(error.text, "2 names"));
    catalog_close(catalog);
    forget_user_file();
}

static void faults_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } faults[] = {
        {"[a]\nfile = a.pth\ntop_1 = 3\n", "mine.ini:3: there is no key \"top_1\"; the nearest is top1"},
        {"top1 = 3\n", "mine.ini:1: a key stands before the first [section]"},
        {"[a]\nfile = a.pth\ntop1 = 101\n", "mine.ini:3: top1 = 101: must be from 0 to 100"},
        {"[a]\ntop1 = high\n", "mine.ini:2: top1 = high: not a number"},
        {"[a]\ninput = 22.5\n", "mine.ini:2: input = 22.5: not a whole number"},
        {"[a]\nsize = 3 apples\n", "mine.ini:2: size = 3 apples: not a number with a unit"},
        {"[a]\nsize = -3 MB\n", "mine.ini:2: size = -3 MB: not a number with a unit"},
        {"[a]\nhash = sha256-prefix:f370\n", "mine.ini:2: hash = sha256-prefix:f370: not sha256-prefix:"},
        {"[a]\nhash = md5:f37072fdf37072fd\n", "mine.ini:2: hash = md5:"},
        {"[a]\npreprocess = troch\n", "mine.ini:2: preprocessing \"troch\": not one of"},
        {"[a]\ninterpolation = bikubic\n", "mine.ini:2: interpolation = bikubic: the nearest it can be is bicubic"},
        {"[a]\nmean = 1 2\n", "mine.ini:2: mean = 1 2: not three numbers"},
        {"[a]\nstd = 1 0 1\n", "mine.ini:2: std = 1 0 1: must be from"},
        {"[a]\ndefault = maybe\n", "mine.ini:2: default = maybe"},
        {"[a]\nfile = a\nfile = b\n", "mine.ini:3: [a]: file is given twice"},
        {"[a]\nwhat is this\n", "mine.ini:2: neither [section], key = value nor a comment"},
        {"[a b]\nfile = x\n", "mine.ini:2: [a b]: a name has"},
        {"[a]\ntop1 = 50\n", "mine.ini: [a]: file must be the name"},
        {"[a]\nfile = ../a.pth\n", "mine.ini: [a]: file must be the name"},
        {"[a]\nfile = a.pth\ntensors = xyz\n", "not hex digits"},
    };
    for (size_t i = 0; i < THAW_LENGTH(faults); i++) {
        struct error error = {0};
        write_text(user, "mine.ini", faults[i].text);
        assert_null(open_places(&error));
        assert_int_equal(error.kind, ERROR_USAGE);
        if (!strstr(error.text, faults[i].sentence))
            fail_msg("\"%s\" is not in \"%s\"", faults[i].sentence, error.text);
    }
    char longer[512] = "[a]\nfile = a.pth\nnotes = ";
    memset(longer + strlen(longer), 'x', 300);
    struct error error = {0};
    write_text(user, "mine.ini", longer);
    assert_null(open_places(&error));
    assert_non_null(strstr(error.text, "mine.ini:3: line longer"));
    forget_user_file();
}

/* abc, whose digests are in the standards. */
static void files_by_name_and_content(void **state)
{
    (void)state;
    struct error error;
    write_text(user, "mine.ini",
               "[abc]\nfile = abc.pth\nsize = 3\nhash = sha256-prefix:ba7816bf\n"
               "[abc-md5]\nfile = other.pth\nsize = 4 B\nhash = md5:d41d8cd98f00b204e9800998ecf8427e\n");
    write_text(models, "renamed.bin", "abc");
    write_text(models, "abd.bin", "abd");
    write_text(models, "resnet18-5c106cde.pth", "not weights");
    write_text(models, "x_0.25_224.zip.pth", "");
    write_text(models, "x_0.25_224.zip.pth.part", "");
    struct catalog *catalog = must_open();
    char *path = path_join(models, "renamed.bin");
    assert_string_equal(catalog_match(catalog, path)->name, "abc");
    mem_free(path);
    path = path_join(models, "abd.bin");
    assert_null(catalog_match(catalog, path));
    mem_free(path);
    assert_string_equal(catalog_match(catalog, "/elsewhere/resnet18-f37072fd.pth")->name, "resnet18-imagenet1k_v1");
    path = catalog_weights(catalog, "resnet18", &error); /* under its old name */
    assert_non_null(path);
    assert_string_equal(path_base(path), "resnet18-5c106cde.pth");
    mem_free(path);
    path = catalog_weights(catalog, "x_0.25_224", &error);
    assert_non_null(path);
    assert_string_equal(path_base(path), "x_0.25_224.zip.pth");
    mem_free(path);
    struct {
        const char *said, *found; /* NULL: refused */
    } names[] = {
        {"", ""}, {"none", "none"}, {"./no.pth", "./no.pth"}, {"resnet18", "resnet18-5c106cde.pth"}, {"x_0", NULL}};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char weights[512];
        snprintf(weights, sizeof weights, "%s", names[i].said);
        assert_int_equal(load_find_weights(weights, sizeof weights, catalog, &error), names[i].found != NULL);
        const char *found = strchr(names[i].said, '/') ? weights : path_base(weights);
        assert_string_equal(found, names[i].found ? names[i].found : names[i].said);
        assert_int_equal(load_is_scratch(names[i].said), i < 2);
    }
    char small[] = "resnet18"; /* the path needs more room than the name has */
    assert_false(load_find_weights(small, sizeof small, catalog, &error));
    assert_non_null(strstr(error.text, "path too long"));
    assert_null(catalog_weights(catalog, "x_0", &error));
    assert_null(catalog_weights(catalog, "resnet34-imagenet1k_v1", &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_string_equal(error.text, "resnet34-imagenet1k_v1 is not on this disk; `thaw models pull "
                                    "resnet34-imagenet1k_v1` fetches its 87.3 MB");
    assert_null(catalog_weights(catalog, "abc", &error));
    assert_non_null(strstr(error.text, "put abc.pth into"));
    assert_null(catalog_weights(catalog, "resnet34-imagenet1k_v3", &error));
    assert_non_null(strstr(error.text, "the nearest is resnet34-imagenet1k_v1"));
    catalog_close(catalog);
    forget_user_file();
}

static void preprocessing_of_rows(void **state)
{
    (void)state;
    struct catalog *catalog = must_open();
    struct preprocess p = {.height = 224, .width = 224, .channels = 3};
    catalog_preprocess(catalog_find(catalog, "keras_vgg16-imagenet"), &p);
    assert_true(p.raw && p.bgr && p.mean[0] == 103.939f && p.std[2] == 1);
    assert_int_equal(p.resize, 0); /* not stated: as it was */
    catalog_preprocess(catalog_find(catalog, "efficientnet_b1-imagenet1k_v1"), &p);
    assert_true(!p.raw && !p.bgr && p.mean[0] == 0.485f && p.interpolation == INTERPOLATION_BICUBIC);
    assert_int_equal(p.resize, (256 * 224 + 120) / 240); /* the same share of another input */
    catalog_preprocess(catalog_find(catalog, "efficientnet_v2_l-imagenet1k_v1"), &p);
    assert_true(p.mean[1] == 0.5f && p.std[1] == 0.5f);
    catalog_preprocess(catalog_find(catalog, "keras_xception-imagenet"), &p);
    assert_true(p.raw && !p.bgr && p.mean[0] == 127.5f && p.std[0] == 127.5f);
    p = (struct preprocess){.height = 32, .width = 32, .channels = 1};
    catalog_preprocess(catalog_find(catalog, "keras_vgg16-imagenet"), &p);
    assert_true(!p.bgr && fabsf(p.mean[0] - 114.7993f) < 1e-3f);
    catalog_close(catalog);
}

static void imagenet_names(void **state)
{
    (void)state;
    struct catalog *catalog = must_open();
    struct error error;
    char **names = catalog_class_names(catalog, NULL, 1000, &error);
    assert_non_null(names);
    assert_string_equal(names[0], "tench");
    assert_string_equal(names[281], "tabby");
    assert_string_equal(names[999], "toilet tissue");
    const char *data = getenv("THAW_REAL_DATA");
    if (!data) {
        print_message("SKIPPED: the order of the names; THAW_REAL_DATA is not set\n");
    } else {
        /* lines "n02123045_tabby_cat": the first word behind the number is in our name */
        char *path = path_join(data, "datasets/imagenet_classes_wnid_order.txt");
        char *text = file_read_text(path, 1 << 20, &error);
        assert_non_null(text);
        int line = 0, alike = 0;
        for (char *at = text; *at && line < 1000; line++) {
            char first[64];
            size_t length = strcspn(at, "\n");
            assert_int_equal(sscanf(at + 10, "%63[^_\n]", first), 1);
            alike += strstr(names[line], first) != NULL;
            at += length + (at[length] == '\n');
        }
        assert_int_equal(line, 1000);
        assert_int_equal(alike, 1000);
        mem_free(text);
        mem_free(path);
    }
    bind_free_class_names(names, 1000);
    assert_null(catalog_class_names(catalog, NULL, 10, &error));
    assert_int_equal(error.kind, ERROR_NONE);
    catalog_close(catalog);
}

/* Learnable values and running statistics, without the head where the file has none. */
static void count_values(const struct graph *graph, bool head, double *learnable, double *statistics)
{
    *learnable = *statistics = 0;
    for (int p = 0; p < graph->params; p++) {
        const struct graph_param *param = &graph->param[p];
        if (!head && param->node > graph->trunk)
            continue;
        if (param->role == OP_ROLE_STATISTICS)
            *statistics += (double)param->count;
        else if (param->role != OP_ROLE_CONSTANT)
            *learnable += (double)param->count;
    }
}

/* The zoo builds every architecture of the catalog, and counts its values and multiply-adds as the source does. */
static void networks_are_as_stated(void **state)
{
    (void)state;
    struct catalog *catalog = must_open();
    size_t count;
    const struct catalog_row *row = catalog_rows(catalog, &count);
    for (size_t i = 0; i < count; i++) {
        struct error error;
        struct zoo_options options = {.height = row[i].input > 0 ? row[i].input : 0};
        options.width = options.height;
        struct graph *graph = zoo_outline(row[i].arch, &options, &error);
        if (!graph)
            fail_msg("%s: %s", row[i].name, error.text);
        double learnable, statistics;
        count_values(graph, row[i].classes != 0, &learnable, &statistics);
        bool keras = !strcmp(row[i].source, "keras");
        double counted = keras ? learnable + statistics : learnable;
        if (!strcmp(row[i].arch, "keras_efficientnet_b0")) /* its first layer has 3 means, 3 variances and a count */
            counted += 7;
        bool auxiliary = !strcmp(row[i].arch, "inception_v3"); /* its source counts the auxiliary head */
        if (isfinite(row[i].params) && !auxiliary && counted != row[i].params)
            fail_msg("%s: %.0f values, %.0f stated", row[i].name, counted, row[i].params);
        double macs = graph_totals(graph).macs;
        if (isfinite(row[i].macs) && fabs(macs - row[i].macs) > 0.02 * row[i].macs)
            fail_msg("%s: %.4g multiply-adds, %.4g stated", row[i].name, macs, row[i].macs);
        graph_destroy(graph);
    }
    catalog_close(catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed_facts),
        cmocka_unit_test(rows_by_name),
        cmocka_unit_test(user_overrides_and_adds),
        cmocka_unit_test(faults_name_file_and_line),
        cmocka_unit_test(files_by_name_and_content),
        cmocka_unit_test(preprocessing_of_rows),
        cmocka_unit_test(imagenet_names),
        cmocka_unit_test(networks_are_as_stated),
    };
    return cmocka_run_group_tests(tests, make_places, drop_places);
}
