/* Verifying weights: probes as other programs make them, digests that do not depend on the container, the samples and the
 * real networks against PyTorch's figures; and that what is wrong is called wrong. */
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

#include "../../../src/shelf/verify_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/verify.h"
#include "thaw/source/bind.h"

static char folder[] = "/tmp/thaw-test-verify-XXXXXX";
static struct catalog *catalog;
static struct team *team;

static void must(bool done, const struct error *error)
{
    if (!done)
        fail_msg("%s", error->text);
}

static char *sample(const char *name)
{
    return mem_format("%s/samples/%s", getenv("THAW_SRCDIR"), name);
}

static void write_text(const char *name, const char *text)
{
    struct error error;
    char *path = path_join(folder, name);
    must(file_write_atomic(path, text, strlen(text), &error), &error);
    mem_free(path);
}

static int open_world(void **state)
{
    (void)state;
    struct error error;
    if (!mkdtemp(folder))
        return -1;
    char *installed = mem_format("%s/catalog", getenv("THAW_SRCDIR"));
    write_text("rows.ini", "[named]\nfile = named.safetensors\nhash = sha256-prefix:00000000\n"
                           "[old]\nfile = old-12345678.pth\nalso = old-ba7816bf.pth\nhash = sha256-prefix:12345678\n"
                           "[misfit]\nfile = misfit.safetensors\nreference = norm 1 0 1 99 1 | norm 1 | norm 1\n");
    struct catalog_places places = {.installed = installed, .user = folder, .models = folder, .samples = folder};
    catalog = catalog_open(&places, &error);
    mem_free(installed);
    team = team_create(1);
    return catalog ? 0 : -1;
}

static int close_world(void **state)
{
    (void)state;
    catalog_close(catalog);
    team_destroy(team);
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* Figures of tests/reference/make_verify.py. */
static void probes_are_as_agreed(void **state)
{
    (void)state;
    static const struct {
        int probe, x, y, channel, width, height, value;
    } pixels[] = {
        {0, 0, 0, 0, 32, 32, 0},        {0, 31, 0, 1, 32, 32, 0},        {0, 17, 5, 2, 32, 32, 189},
        {0, 223, 223, 2, 224, 224, 85}, {0, 100, 7, 0, 224, 160, 114},   {1, 0, 0, 0, 32, 32, 0},
        {1, 31, 0, 1, 32, 32, 173},     {1, 17, 5, 2, 32, 32, 83},       {1, 223, 223, 2, 224, 224, 133},
        {1, 100, 7, 0, 224, 160, 80},   {2, 0, 0, 0, 32, 32, 0},         {2, 31, 0, 1, 32, 32, 178},
        {2, 17, 5, 2, 32, 32, 129},     {2, 223, 223, 2, 224, 224, 250}, {2, 100, 7, 0, 224, 160, 62},
    };
    for (size_t i = 0; i < THAW_LENGTH(pixels); i++)
        assert_int_equal(verify_pixel(pixels[i].probe, pixels[i].x, pixels[i].y, pixels[i].channel, pixels[i].width,
                                      pixels[i].height),
                         pixels[i].value);
    for (int probe = 0; probe < VERIFY_PROBES; probe++)
        for (int x = 0; x < 7; x++)
            for (int channel = 0; channel < 3; channel++) { /* the smallest sizes, too */
                int value = verify_pixel(probe, x, 0, channel, 7, 1);
                assert_true(value >= 0 && value <= 255);
                value = verify_pixel(probe, 0, x, channel, 1, 7);
                assert_true(value >= 0 && value <= 255);
            }
}

static struct verify_report run(const char *path)
{
    struct error error;
    struct verify_report report;
    must(verify_run(catalog, path, team, &report, &error), &error);
    return report;
}

static void samples_give_the_figures(void **state)
{
    (void)state;
    static const char *const names[] = {"resnet20-american", "vgg11-slim-american"};
    for (size_t i = 0; i < THAW_LENGTH(names); i++) {
        char *file = mem_format("%s.safetensors", names[i]), *path = sample(file);
        struct verify_report report = run(path);
        assert_string_equal(report.name, names[i]);
        assert_int_equal(report.verdict, VERIFY_SAME);
        assert_true(report.error < 2e-5 && report.error > 0);
        assert_int_equal(report.file, VERIFY_FILE_UNKNOWN);
        assert_false(report.by_tensors || report.headless);
        assert_true(verify_good(&report));
        assert_string_equal(report.tensors, catalog_find(catalog, names[i])->tensors);
        mem_free(file);
        mem_free(path);
    }
}

/* The graph of the sample under another name, one value of it changed. */
static void save(const char *name, double change)
{
    struct error error;
    char *from = sample("resnet20-american.safetensors"), *to = path_join(folder, name);
    struct graph *graph = load_graph(&(struct load_request){.weights = from}, NULL, &error);
    must(graph, &error);
    graph_param_values(graph, graph_find_param(graph, "layer2.0.bn1.weight"))[3] += (float)change;
    must(bind_export(graph, to, TENSOR_F32, NULL, &error), &error);
    graph_destroy(graph);
    mem_free(from);
    mem_free(to);
}

static struct verify_report run_saved(const char *name)
{
    char *path = path_join(folder, name);
    struct verify_report report = run(path);
    mem_free(path);
    return report;
}

static void known_by_tensors(void **state)
{
    (void)state;
    save("anything.safetensors", 0);
    struct verify_report report = run_saved("anything.safetensors");
    assert_string_equal(report.name, "resnet20-american");
    assert_true(report.by_tensors);
    assert_int_equal(report.verdict, VERIFY_SAME);
}

static void changes_are_seen(void **state)
{
    (void)state;
    save("resnet20-american.safetensors", 0.5);
    struct verify_report report = run_saved("resnet20-american.safetensors");
    assert_int_equal(report.verdict, VERIFY_OTHER);
    assert_true(report.error > 0.02);
    assert_false(verify_good(&report));
    save("resnet20-american.safetensors", 1e-3);
    report = run_saved("resnet20-american.safetensors");
    assert_int_equal(report.verdict, VERIFY_NEAR);
    assert_true(verify_good(&report));
    save("changed.safetensors", 0.5); /* no row: nothing is claimed */
    report = run_saved("changed.safetensors");
    assert_string_equal(report.name, "");
    assert_int_equal(report.verdict, VERIFY_FINITE);
    assert_true(isnan(report.error) && verify_good(&report));
    save("misfit.safetensors", 0); /* figures for a class that is not there */
    report = run_saved("misfit.safetensors");
    assert_int_equal(report.verdict, VERIFY_OTHER);
}

static void files_are_held_against_digests(void **state)
{
    (void)state;
    struct error error;
    struct verify_report report;
    save("named.safetensors", 0);
    report = run_saved("named.safetensors");
    assert_int_equal(report.file, VERIFY_FILE_WRONG);
    assert_string_equal(report.expected, "sha256-prefix:00000000");
    assert_int_equal(strlen(report.found), 64);
    assert_int_equal(report.verdict, VERIFY_SAME); /* the right numbers in another file */
    assert_false(verify_good(&report));
    write_text("old-12345678.pth", "abc"); /* neither weights nor the file: both are said */
    char *path = path_join(folder, "old-12345678.pth");
    assert_false(verify_run(catalog, path, team, &report, &error));
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(error.text, "sha256-prefix:12345678 expected, ba7816bf8f01cfea"));
    mem_free(path);
    write_text("old-ba7816bf.pth", "abc"); /* the digest is the one in its own name */
    path = path_join(folder, "old-ba7816bf.pth");
    assert_false(verify_run(catalog, path, team, &report, &error));
    assert_int_equal(report.file, VERIFY_FILE_OTHER_NAME);
    assert_null(strstr(error.text, "expected"));
    mem_free(path);
}

static void real_networks_give_the_figures(void **state)
{
    (void)state;
    static const struct {
        const char *file, *name;
        enum verify_file is;
    } files[] = {
        {"models/torch_legacy/resnet20-12fca82f.th", "resnet20-cifar10", VERIFY_FILE_RIGHT},
        {"models/torch_zip/resnet20_cifar10_akamaster.zip.pth", "resnet20-cifar10", VERIFY_FILE_REPACKED},
        {"models/torch_legacy/resnet56-4bfd9763.th", "resnet56-cifar10", VERIFY_FILE_RIGHT},
        {"models/torch_legacy/mobilenet_v1_0.25_224.legacy.pth", "mobilenet_v1_0.25_224", VERIFY_FILE_UNKNOWN},
        {"models/torch_zip/mobilenet_v1_0.25_224.zip.pth", "mobilenet_v1_0.25_224", VERIFY_FILE_UNKNOWN},
        {"models/safetensors/mobilenet_v1_0.25_224.safetensors", "mobilenet_v1_0.25_224", VERIFY_FILE_UNKNOWN},
    };
    const char *data = getenv("THAW_REAL_DATA");
    if (!data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    for (size_t i = 0; i < THAW_LENGTH(files); i++) {
        char *path = path_join(data, files[i].file);
        struct verify_report report = run(path);
        mem_free(path);
        assert_string_equal(report.name, files[i].name);
        assert_int_equal(report.file, files[i].is);
        assert_int_equal(report.verdict, VERIFY_SAME);
        assert_true(report.error < 5e-5 && verify_good(&report));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probes_are_as_agreed),
        cmocka_unit_test(samples_give_the_figures),
        cmocka_unit_test(known_by_tensors),
        cmocka_unit_test(changes_are_seen),
        cmocka_unit_test(files_are_held_against_digests),
        cmocka_unit_test(real_networks_give_the_figures),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
