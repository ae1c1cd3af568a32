/* Experiment files: every key goes through the file and comes back; faults name file, line and what was meant. */
#include "config.h"

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
#include "thaw/source/zoo.h"
#include "thaw/train/experiment.h"

static char folder[64], file[96];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/thaw-test-experiment-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof file, "%s/e.ini", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static bool load(struct experiment *experiment, const char *text, struct error *error)
{
    FILE *out = fopen(file, "w");
    fputs(text, out);
    fclose(out);
    return experiment_load(experiment, file, error);
}

static void load_good(struct experiment *experiment, const char *text)
{
    struct error error = {0};
    if (!load(experiment, text, &error))
        fail_msg("%s", error.text);
}

static void assert_refused(const char *text, const char *part)
{
    struct experiment experiment;
    struct error error = {0};
    experiment_init(&experiment);
    if (load(&experiment, text, &error))
        fail_msg("taken: %s", text);
    assert_int_equal(error.kind, ERROR_USAGE);
    if (!strstr(error.text, part) || !strstr(error.text, "e.ini"))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void set(struct experiment *experiment, const char *assignment)
{
    struct error error = {0};
    if (!experiment_set(experiment, assignment, &error))
        fail_msg("%s", error.text);
}

static void assert_value(const struct experiment *experiment, const char *key, const char *want)
{
    char *value = experiment_get(experiment, key);
    assert_non_null(value);
    assert_string_equal(value, want);
    mem_free(value);
}

static void documented_defaults(void **state)
{
    (void)state;
    struct experiment e;
    experiment_init(&e);
    assert_value(&e, "train.epochs", "10");
    assert_value(&e, "train.batch", "32");
    assert_value(&e, "train.optimizer", "sgd");
    assert_value(&e, "train.lr", "0.01");
    assert_value(&e, "train.momentum", "0.9");
    assert_value(&e, "train.weight_decay", "0.0001");
    assert_value(&e, "train.schedule", "cosine");
    assert_value(&e, "train.seed", "1");
    assert_value(&e, "data.augment", "none");
    assert_value(&e, "run.checkpoint_every", "1");
    assert_null(experiment_get(&e, "train.nothing"));
    assert_null(experiment_get(&e, "train"));
}

static void a_file_is_read(void **state)
{
    (void)state;
    struct experiment e;
    char want[128];
    load_good(&e, "; a comment\n[model]\nname = resnet18\nweights = ../w.safetensors ; behind it\n"
                  "[freeze]\nupto = layer3\nbn_stats = moving\n"
                  "[thaw]\nepoch 8 = layer3 @ lr*0.1\nepoch 5 = layer4 fc\n"
                  "[data]\npath = signs\nval = 0.2\naugment = light\n"
                  "[train]\noptimizer = adamw\nlr = 3e-4\nseed = 18446744073709551615\n");
    assert_string_equal(e.model.name, "resnet18");
    snprintf(want, sizeof want, "%s/../w.safetensors", folder);
    assert_string_equal(e.model.weights, want);
    snprintf(want, sizeof want, "%s/signs", folder);
    assert_string_equal(e.data.path, want);
    assert_string_equal(e.data.val, "0.2");
    assert_int_equal(e.freeze.bn_stats, BN_STATS_MOVING);
    assert_int_equal(e.train.optimizer, OPTIMIZER_ADAMW);
    assert_true(e.train.lr == 3e-4 && e.train.seed == UINT64_MAX && e.data.augment == AUGMENT_LIGHT);
    assert_int_equal(e.thaws, 2);
    assert_int_equal(e.thaw[0].epoch, 5);
    assert_string_equal(e.thaw[0].layers, "layer4 fc");
    assert_true(e.thaw[0].lr_factor == 1 && e.thaw[1].lr_factor == 0.1);
    assert_value(&e, "thaw.epoch 8", "layer3 @ lr*0.1");
    load_good(&e, "[model]\nname = resnet18\nweights = none\n");
    assert_string_equal(e.model.weights, "none");
    load_good(&e, "[model]\nweights = mobilenet_v1_0.25_224\n"); /* a name of the catalog, not a file beside it */
    assert_string_equal(e.model.weights, "mobilenet_v1_0.25_224");
    load_good(&e, "[model]\nweights = ./mobilenet_v1_0.25_224\n");
    assert_true(e.model.weights[0] == '/');
}

static void resolved_text_reads_back(void **state)
{
    (void)state;
    struct experiment e, back;
    struct error error = {0};
    size_t count;
    const struct experiment_key *keys = experiment_keys(&count);
    char path[400] = "data.path=/";
    for (int i = 0; strlen(path) < 360; i++)
        sprintf(path + strlen(path), "a long; folder%d/", i);
    experiment_init(&e);
    set(&e, path);
    set(&e, "model.weights=w.safetensors");
    set(&e, "train.lr=0.1234567890123456789");
    set(&e, "train.schedule=step");
    set(&e, "freeze.frozen=conv1 bn1 layer1.*");
    set(&e, "thaw.epoch 3 = layer4 @ lr * 0.25");
    set(&e, "thaw.epoch 2 = layer3");
    char *text = experiment_text(&e);
    load_good(&back, text);
    for (size_t i = 0; i < count; i++) {
        char key[64];
        snprintf(key, sizeof key, "%s.%s", keys[i].section, keys[i].key);
        if (strcmp(key, "model.weights") == 0)
            continue;
        char *value = experiment_get(&e, key);
        assert_value(&back, key, value);
        mem_free(value);
    }
    assert_true(back.model.weights[0] == '/');
    struct experiment named = back;
    set(&named, "model.weights=resnet50-imagenet1k_v2");
    char *named_text = experiment_text(&named);
    assert_non_null(strstr(named_text, "\nweights = resnet50-imagenet1k_v2\n"));
    mem_free(named_text);
    assert_int_equal(back.thaws, 2);
    assert_value(&back, "thaw.epoch 3", "layer4 @ lr*0.25");
    char *again = experiment_text(&back);
    assert_string_equal(text, again);
    mem_free(text);
    mem_free(again);
    set(&e, "thaw.epoch 3=");
    assert_int_equal(e.thaws, 1);
    assert_false(experiment_set(&e, "train.lr", &error));
}

static void faults_name_line_and_nearest(void **state)
{
    (void)state;
    assert_refused("[train]\nepochs = 3\nepocs = 3\n", "e.ini:3: unknown key train.epocs; the nearest is train.epochs");
    assert_refused("[trian]\nepochs = 3\n", "e.ini:2: unknown section [trian]; the nearest is [train]");
    assert_refused("[train]\noptimizer = adam\n", "the nearest is adamw");
    assert_refused("[train]\nepochs = many\n", "e.ini:2: train.epochs = many: not a whole number");
    assert_refused("[train]\nepochs = 0\n", "must be from 1");
    assert_refused("[train]\nlr = 0.1x\n", "not a number");
    assert_refused("[train]\nlr = nan\n", "not a number");
    assert_refused("[train]\nseed = -1\n", "not a whole number from 0");
    assert_refused("[data]\ncache = f8\n", "e.ini:2: data.cache = f8: not one of f32 | f16 | off; the nearest is f");
    assert_refused("[data]\ncache = on\n", "the nearest is off");
    assert_refused("[train]\nmemory = 0\n", "e.ini:2: train.memory = 0: must be from 1 to 1e+09 or auto");
    assert_refused("[train]\nmemory = much\n", "train.memory = much: not a whole number or auto");
    assert_refused("[train]\nmemory = 1.5\n", "not a whole number or auto");
    assert_refused("[data]\nviews = -1\n", "data.views = -1: must be from 0");
    assert_refused("[data]\nviews = 2.5\n", "not a whole number");
    assert_refused("[data]\ncache_disk = -5\n", "data.cache_disk = -5: must be from 0");
    assert_refused("[data]\ncache_memory = 10 GB\n", "data.cache_memory = 10 GB: not a whole number");
    assert_refused("[thaw]\nepoch x = layer4\n", "epoch N");
    assert_refused("[thaw]\nepoch 4294967297 = layer4\n",
                   "thaw.epoch 4294967297: a key of [thaw] is \"epoch N\", N from 1");
    assert_refused("[thaw]\nepoch 18446744073709551617 = layer4\n", "N from 1 to 1000000");
    assert_refused("[thaw]\n\nepoch 2 = layer4 @ 0.1\n", "e.ini:3: ");
    assert_refused("[train]\nepochs 3\n", "e.ini:2: neither");
    assert_refused("epochs = 3\n", "e.ini:1: unknown section []");
    assert_refused("# thaw\nA workbench: it trains what is on the shelf.\n", "this is no experiment file");
    assert_refused("# thaw\nA workbench.\n", "nor a comment; this is no experiment file");
    char text[900] = "[data]\npath = /";
    memset(text + strlen(text), 'p', 600);
    assert_refused(text, "e.ini:2: data.path: longer than 511 bytes");
    struct experiment e;
    struct error error = {0};
    assert_false(experiment_load(&e, "/nowhere/e.ini", &error));
    assert_int_equal(error.kind, ERROR_USAGE);
}

/* inih's lines end at 199 bytes. */
static void long_lines(void **state)
{
    (void)state;
    char path[500], comment[400], text[2000];
    memset(comment, 'c', sizeof comment);
    comment[sizeof comment - 1] = '\0';
    for (size_t i = 2; i + 2 < sizeof comment; i += 3)
        comment[i] = ' ';
    memset(path, ' ', sizeof path);
    memcpy(path, "/a[b", 4);
    memcpy(path + 250, ";", 1); /* behind a blank: begins a comment */
    memcpy(path + 200, "[c", 2);
    path[sizeof path - 1] = '\0';
    snprintf(text, sizeof text, "[data]\npath = %s\n# %s\n  ; %s\n[train]\nepochs = 7 ; %s\nlr = 0.5\n", path, comment,
             comment, comment);
    struct experiment e;
    struct error error = {0};
    experiment_init(&e);
    if (!experiment_parse(&e, text, &error))
        fail_msg("%s", error.text);
    path[202] = '\0';
    assert_string_equal(e.data.path, path);
    assert_int_equal(e.train.epochs, 7);
    assert_true(e.train.lr == 0.5);
}

static void assert_contradiction(const struct experiment *base, const char *assignment, const char *part)
{
    struct experiment e = *base;
    struct error error = {0};
    set(&e, assignment);
    if (experiment_check(&e, &error))
        fail_msg("taken: %s", assignment);
    assert_int_equal(error.kind, ERROR_USAGE);
    if (!strstr(error.text, part))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
}

static void contradictions(void **state)
{
    (void)state;
    struct experiment e;
    struct error error = {0};
    experiment_init(&e);
    set(&e, "model.name=resnet18");
    set(&e, "data.path=/signs");
    set(&e, "freeze.frozen=layer1");
    assert_true(experiment_check(&e, &error));
    assert_contradiction(&e, "freeze.upto=layer1", "both set");
    assert_contradiction(&e, "thaw.epoch 11=layer1", "behind the last epoch");
    assert_contradiction(&e, "data.val=1.5", "between 0 and 1");
    assert_contradiction(&e, "train.lr=0", "nothing would move");
    assert_contradiction(&e, "data.views=2", "without data.augment");
    assert_contradiction(&e, "data.path=", "data.path is not set");
    assert_contradiction(&e, "model.name=", "what to train");
    assert_contradiction(&e, "train.warmup=11", "longer than");
    assert_contradiction(&e, "model.head=quadratic", "linear");
    assert_contradiction(&e, "model.preprocess=sharp", "model.preprocess: preprocessing \"sharp\": not one of auto");
}

static void freeze_section_becomes_a_plan(void **state)
{
    (void)state;
    static const struct {
        const char *weights, *setting, *plan;
    } cases[] = {
        {"none", "freeze.upto=", ""},
        {"w.pth", "freeze.upto=", "conv1 layer1 layer2 layer3"},
        {"w.pth", "freeze.upto=none", ""},
        {"none", "freeze.upto=layer1", "conv1 layer1"},
        {"w.pth", "freeze.frozen=layer1 bn1:statistics", "bn1:statistics layer1"},
    };
    struct error error = {0};
    struct graph *graph = zoo_outline("resnet20", &(struct zoo_options){0}, &error);
    assert_non_null(graph);
    struct experiment e;
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        experiment_init(&e);
        snprintf(e.model.weights, sizeof e.model.weights, "%s", cases[i].weights);
        set(&e, "freeze.bn_stats=moving");
        set(&e, cases[i].setting);
        struct freeze *freeze = experiment_freeze(&e, graph, &error);
        assert_non_null(freeze);
        char *plan = freeze_describe(freeze, graph);
        assert_string_equal(plan, cases[i].plan);
        mem_free(plan);
        freeze_destroy(freeze);
    }
    set(&e, "freeze.frozen=layer7.*");
    assert_null(experiment_freeze(&e, graph, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    graph_destroy(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documented_defaults),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(resolved_text_reads_back),
        cmocka_unit_test(faults_name_line_and_nearest),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(freeze_section_becomes_a_plan),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
