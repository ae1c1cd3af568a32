/* The program against hostile arguments and files: each must end with its documented exit code and a sentence on stderr,
 * leave stdout to results, and write no escape bytes into a pipe. Starts $THAW_BUILDDIR/thaw, without a shell. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>

#include "cli.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* --- what must be refused --- */

struct refusal {
    int code;
    const char *sentence; /* a part of it */
    const char *words[WORDS_MAX];
};

static const struct refusal refusals[] = {
    /* usage */
    {2, "a model is needed", {"eval"}},
    {2, "unknown option --bogus", {"eval", "--bogus"}},
    {2, "unknown option --json=yes", {"eval", "--json=yes"}},
    {2, "--weights needs a value", {"eval", "--weights"}},
    {2, "--data", {"eval", "--model", "resnet20"}},
    {2, "from 1 to 65536, not 0", {"eval", "--model", "resnet20", "--data", "@good", "--batch", "0"}},
    {2, "not 1.5", {"eval", "--model", "resnet20", "--data", "@good", "--batch", "1.5"}},
    {2, "not nan", {"eval", "--model", "resnet20", "--data", "@good", "--batch", "nan"}},
    {2, "not 1e99", {"eval", "--model", "resnet20", "--data", "@good", "--threads", "1e99"}},
    {2, "resnet20", {"eval", "--model", "resnet2O", "--data", "@good"}},
    {2, "2 names, and the model has 10", {"eval", "--model", "resnet20", "--data", "@good", "--labels", "@two.txt"}},
    {2, "missing.txt", {"eval", "--model", "resnet20", "--data", "@good", "--labels", "@missing.txt"}},
    {2, "is not expected", {"eval", "--model", "resnet20", "@good"}},
    {2, "\"sharp\": not one of auto", {"eval", "--model", "resnet20", "--data", "@good", "--preprocess", "sharp"}},
    {2, "preprocess needs images: --data", {"models", "preprocess", "resnet20"}},
    {2, "--data is for preprocess", {"models", "show", "resnet20", "--data", "@good"}},
    {2, "trained on nothing", {"models", "preprocess", "resnet20", "--data", "@good"}},
    {2, "\"mean 1\": not one of auto", {"predict", "--model", "resnet20", "--preprocess", "mean 1", "@good"}},
    {2, "one image", {"predict", "--model", "resnet20"}},
    {2, "a model is needed", {"predict", "@good/a/0.png"}},
    {2, "--top takes", {"predict", "--model", "resnet20", "--top", "0", "@good/a/0.png"}},
    {2, "`check` and one folder", {"data"}},
    {2, "`check` and one folder", {"data", "chekc", "@good"}},
    {2, "`check` and one folder", {"data", "check"}},
    {2, "character 8: there is no column", {"models", "resnet", "topp1>3"}},
    {2, "character 2: there is no column", {"models", "--json", "-x:y"}},
    {2, "no column \"colour\" to sort by; it can be model,", {"models", "--sort", "-colour"}},
    {2, "--sort is for the list", {"models", "show", "resnet18", "--sort", "top1"}},
    {2, "--offline is for pull", {"models", "--offline"}},
    {2, "pull needs", {"models", "pull"}},
    {2, "time needs", {"models", "time", "--json"}},
    {2, "compare needs two", {"models", "compare", "resnet18"}},
    {2, "not in the list", {"models", "compare", "resnet18", "nothing"}},
    {2, "no weights of that name", {"models", "pull", "nothing"}},
    {1, "no network is to be used", {"models", "pull", "--offline", "resnet18"}},
    {1, "by hand: curl -L --fail -o ", {"models", "pull", "--offline", "resnet18-imagenet1k_v1"}},
    {4, "`thaw models pull resnet18-imagenet1k_v1`", {"eval", "--weights", "resnet18-imagenet1k_v1", "--data", "@"}},
    {4, "`thaw models pull resnet50-imagenet1k_v2`", {"models", "verify", "resnet50"}},
    {4, "no weights file thaw knows", {"models", "verify", "@garbage.pth"}},
    {2, "show needs", {"models", "show"}},
    {2, "no_such_network", {"models", "show", "no_such_network"}},
    {2, "no such folder", {"runs", "--runs", "@missing"}},
    {2, "character 1: there is no column \"bset\" to compare; the nearest is best", {"runs", "bset>3"}},
    {2, "character 3: there is no column \"colour\" to look into", {"runs", "a", "colour:red"}},
    {2, "block-cached or full", {"bench", "--regime", "sideways"}},
    {2, "give --layers", {"bench", "--every-kernel"}},
    {2, "--steps takes", {"bench", "--steps", "0"}},
    {2, "--threads takes", {"bench", "--threads", "-1"}},
    {2, "--seconds takes", {"bench", "--seconds", "nan"}},
    {2, "--size takes", {"bench", "--size", "0"}},
    {2, "one experiment file", {"train"}},
    {2, "epochs", {"train", "@unknown.ini"}},
    {2, "frozen.ini: freeze.upto and freeze.frozen are both set", {"train", "@frozen.ini"}},
    {2,
     "frozen.ini with --set: train.lr = 0",
     {"train", "@frozen.ini", "--set", "freeze.upto=", "--set", "train.lr=0"}},
    {2, "one run is needed", {"resume"}},
    {2, "missing: there is no such run directory", {"resume", "@missing"}},
    {2, "not a run directory (no events.jsonl in it)", {"resume", "@good"}},
    {2, "there are no runs in it", {"resume", "last", "--runs", "@good"}},
    {2, "there are no runs in it", {"runs", "delete", "some", "--runs", "@good"}},
    {2, "rename needs a run and its new name", {"runs", "rename", "some"}},
    {2, "tag needs a run", {"runs", "tag"}},
    {2, "delete needs a run", {"runs", "delete"}},
    {2, "empty-trash needs no more", {"runs", "empty-trash", "now"}},
    {2, "--yes is for empty-trash", {"runs", "delete", "some", "--yes"}},
    {2, "no column \"bset\" to sort by; it can be best,", {"runs", "--sort", "bset"}},
    {2, "--sort is for the list", {"runs", "delete", "x", "--sort", "best"}},
    {2, "--trash is for the list", {"runs", "tag", "some", "--trash"}},
    {2, "--runs is for show, verify and preprocess", {"models", "compare", "a", "b", "--runs", "@good"}},
    /* what stands in the wrong place, or is no option */
    {2, "the verb comes first: thaw runs", {"--samples", "X", "runs"}},
    {2, "the verb comes first: thaw runs --json", {"--json", "runs"}},
    {2, "type it without dashes: thaw tell RUN stop now", {"tell", "last", "--now", "stop"}},
    {2, "type it without dashes: thaw tell RUN pause", {"tell", "--pause", "last"}},
    {2, "`thaw runs tag:WORD` lists those with a tag", {"runs", "--tag", "x"}},
    {2, "usage: thaw tell RUN COMMAND", {"tell", "last", "-x", "pause"}},
    {2, "there are no runs in it", {"attach", "nothing-is-called-so", "--runs", "@good"}},
    {2, "there are no runs in it", {"replay", "--runs", "@good"}},
    /* what was probably meant */
    {2, "the nearest is train", {"trian", "@short.ini"}},
    {2, "the nearest is resume", {"rusume"}},
    {2, "there is no such file", {"@missing.ini"}},
    {2, "there is no such file", {"missing.ini"}},
    {2, "the nearest is --offline", {"--ofline"}},
    {2, "the nearest is --json", {"train", "@short.ini", "--josn"}},
    {2, "the nearest is --json", {"resume", "@run", "--jsn"}},
    {2, "the nearest is --sort", {"models", "--srot=top1"}},
    {2, "the nearest is --threads", {"data", "check", "@good", "--thread", "2"}},
    {2, "the nearest is --labels", {"eval", "--label", "@ten.txt"}},
    {2, "the nearest is --logits", {"predict", "--logit"}},
    {2, "the nearest is --runs", {"runs", "--run", "@good"}},
    {2, "the nearest is --clear", {"cache", "--claer"}},
    {2, "the nearest is --layers", {"bench", "--layer"}},
    {2, "the nearest is --american", {"samples", "@drawn", "--americans", "3"}},
    {2, "the nearest is top1", {"models", "--sort", "topp1"}},
    {2, "the nearest is resnet18", {"models", "compare", "resnet18", "resnet81"}},
    {2, "the nearest is block-cached", {"bench", "--regime", "block-cach"}},
    {2, "the nearest is train.lr", {"train", "@short.ini", "--set", "train.learning_rate=1"}},
    {2, "lr=1: not section.key=value; the nearest is train.lr=1", {"train", "@short.ini", "--set", "lr=1"}},
    {2, "the nearest is train.epochs=2000", {"train", "@short.ini", "--set", "train.epochs 2000"}},
    {2, "the nearest is train.epochs=2", {"train", "@short.ini", "--set", "epoch=2"}},
    {2, "the nearest is --clear", {"cache", "clear"}},
    {2, "no weights of that name; the nearest is resnet18", {"models", "pull", "resnet81"}},
    {2, "missing.json: No such file", {"bench", "--compare", "@missing.json"}},
    {4, "there is no such file", {"models", "time", "./nope.pth"}},
    {2, "there are no runs in it", {"eval", "--model", "last", "--data", "@good", "--runs", "@good"}},
    {2, "the nearest is train.early_stop", {"train", "@short.ini", "--set", "train.patience=1"}},
    {2, "the nearest is data.val", {"train", "@short.ini", "--set", "data.validation_share=1"}},
    {2, "thaw-experiment(5)", {"train", "@short.ini", "--set", "train.xyzzy=1"}},
    {2, "the nearest are resnet18 and", {"models", "show", "resnet81"}},
    /* what looks like a path is no name */
    {4, "nope.pth: there is no such file", {"eval", "--model", "@nope.pth", "--data", "@good"}},
    {4, "nope.pth: there is no such file", {"predict", "--model", "nope.pth", "@good/a/0.png"}},
    {4, "/nope: there is no such file", {"predict", "--model", "./nope", "@good/a/0.png"}},
    {4, "nope.onnx: there is no such file", {"bench", "--model", "nope.onnx"}},
    {4, "nope.h5: there is no such file", {"models", "show", "nope.h5"}},
    {4, "nope.keras: there is no such file", {"models", "verify", "nope.keras"}},
    {4, "/nope: there is no such file", {"train", "@named.ini"}},
    {4, "nope.pt: there is no such file", {"train", "@short.ini", "--run", "@lost", "--set", "model.weights=nope.pt"}},
    /* data */
    {3, "?[31m", {"predict", "--model", "resnet20", "@\033[31mx.png"}},
    {3, "missing", {"data", "check", "@missing"}},
    {3, "neither a folder of images", {"data", "check", "@nothing"}},
    {3, "no class folders", {"data", "check", "@empty"}},
    {3, "only one class", {"data", "check", "@one"}},
    {3, "none of the 2 files", {"data", "check", "@noise"}},
    {3, "only one class has images (c)", {"data", "check", "@hollow"}},
    {3, "only one class has images (c)", {"train", "@hollow.ini", "--runs", "@refused"}},
    {3, "called Cat in the validation images and cat in the training", {"data", "check", "@near"}},
    {3, "images and labels lie beside each other: detection", {"eval", "--model", "resnet20", "--data", "@boxes"}},
    {2, "--set train.lr=1: settings of [data]", {"data", "check", "@good", "--set", "train.lr=1"}},
    {2, "not one of auto", {"data", "check", "@good", "--set", "data.layout=heap"}},
    {2, "--split takes train, val, test or all", {"eval", "--model", "resnet20", "--data", "@good", "--split", "x"}},
    {3, "it has no test part", {"eval", "--model", "resnet20", "--data", "@good", "--split", "test"}},
    {3, "missing", {"eval", "--model", "resnet20", "--data", "@missing"}},
    {3, "none of the 2 files", {"eval", "--model", "resnet20", "--data", "@noise"}},
    {3, "11 classes, and the model has 10", {"eval", "--model", "resnet20", "--data", "@many"}},
    {3,
     "the class a is not among the model's 10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
     {"eval", "--model", "resnet20", "--data", "@good", "--labels", "@ten.txt"}},
    {2,
     "strange.json: JSON without a list",
     {"eval", "--model", "resnet20", "--data", "@good", "--labels", "@strange.json"}},
    {3, "nothing", {"predict", "--model", "resnet20", "@nothing"}},
    {3, "missing.png", {"predict", "--model", "resnet20", "@missing.png"}},
    /* weights */
    {4, "missing.pth", {"eval", "--weights", "@missing.pth", "--data", "@good"}},
    {4, "nothing", {"eval", "--weights", "@nothing", "--data", "@good"}},
    {4, "lying.safetensors", {"eval", "--weights", "@lying.safetensors", "--data", "@good"}},
    {4, "garbage.pth", {"predict", "--model", "@garbage.pth", "@good/a/0.png"}},
    {4, "a folder in which there is no weights file", {"predict", "--model", "@run", "@good/a/0.png"}},
    {4, "is an image (PNG), not weights; images are named with --data", {"models", "show", "@good/a/0.png"}},
    {4, "no weights file; images are named with --data", {"eval", "--weights", "@good", "--data", "@good"}},
    {4, "garbage.pth", {"models", "show", "@garbage.pth"}},
    {4, "lying.safetensors", {"bench", "--model", "@lying.safetensors"}},
    {2, "garbage.pth: line 1", {"bench", "--compare", "@garbage.pth"}},
    {2, "\"thaw-peers-1\"", {"bench", "--compare", "@strange.json"}},
    {2, "entry 1 of \"layers\"", {"bench", "--compare", "@peers.json"}},
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(refusals); i++) {
        const struct refusal *of = &refusals[i];
        struct outcome outcome = cli_run(of->words);
        bool good = outcome.code == of->code && !outcome.out[0] && strstr(outcome.err, of->sentence) &&
                    !strncmp(outcome.err, "thaw: ", 6) && !strchr(outcome.err, '\033');
        if (!good)
            fail_msg("%s %s ...: exit %d, %d wanted\nstdout: %s\nstderr: %s", of->words[0],
                     of->words[1] ? of->words[1] : "", outcome.code, of->code, outcome.out, outcome.err);
        cli_finish(&outcome);
    }
}

/* --- what must go well --- */

/* Calls `each` with the name of every verb that `thaw --help` lists. */
static void for_verbs(void (*each)(const char *verb))
{
    struct outcome outcome = cli_run((const char *const[]){"--help", NULL});
    char *at = strstr(outcome.out, "\nverbs:\n"), name[32];
    int count = 0;
    cli_expect_plain(&outcome, 0, "--help");
    assert_non_null(at);
    for (at += 8; sscanf(at, "  %31s", name) == 1 && !strncmp(at, "  ", 2); at = strchr(at, '\n') + 1, count++)
        each(name);
    assert_true(count >= 10);
    cli_finish(&outcome);
}

static void expect_help(const char *verb)
{
    char *usage = mem_format("usage: thaw %s ", verb);
    struct outcome outcome = cli_run((const char *const[]){verb, "--help", NULL});
    cli_expect_plain(&outcome, 0, verb);
    assert_int_equal(strncmp(outcome.out, usage, strlen(usage)), 0);
    assert_string_equal(outcome.err, "");
    mem_free(usage);
    cli_finish(&outcome);
}

static void helps(void **state)
{
    (void)state;
    for_verbs(expect_help);
}

/* Of every verb, whatever verbs there come to be: its name and its options are found near, and its output must arrive. */
static void expect_manners(const char *verb)
{
    char *misspelt = mem_format("%.*s%c", (int)strlen(verb) - 1, verb, verb[0] == 'x' ? 'y' : 'x');
    char *near = mem_format("the nearest is %s\n", verb);
    struct outcome option = cli_run((const char *const[]){verb, "--hlep", NULL});
    struct outcome name = cli_run((const char *const[]){misspelt, NULL});
    struct outcome full =
        cli_run_into((const char *const[]){verb, "--help", NULL}, open("/dev/full", O_WRONLY | O_CLOEXEC));
    if (option.code != 2 || !strstr(option.err, "unknown option --hlep; the nearest is --help\n"))
        fail_msg("%s --hlep: exit %d, %s", verb, option.code, option.err);
    if (name.code != 2 || !strstr(name.err, near))
        fail_msg("%s: exit %d, %s", misspelt, name.code, name.err);
    if (full.code != 1 || !strstr(full.err, "thaw: standard output: No space left on device\n"))
        fail_msg("%s --help > /dev/full: exit %d, %s", verb, full.code, full.err);
    cli_finish(&option);
    cli_finish(&name);
    cli_finish(&full);
    mem_free(misspelt);
    mem_free(near);
}

static void has_manners(void **state)
{
    (void)state;
    for_verbs(expect_manners);
}

struct result {
    int code;
    const char *key, *words[WORDS_MAX]; /* key: one of the object's */
};

static const struct result results[] = {
    {0, "top1", {"eval", "--model", "resnet20", "--data", "@good", "--json"}},
    {0, "top1", {"eval", "--model", "resnet20", "--data", "@good", "--json", "--labels", "@numbered.txt"}},
    {0, "top1", {"eval", "--model", "resnet20", "--data", "@good", "--json", "--labels", "@labels.json"}},
    {0, "images", {"predict", "--model", "resnet20", "--json", "@good/a/0.png"}},
    {3, "images", {"predict", "--json", "--model", "resnet20", "@nothing", "@good/a/0.png", "--", "-missing"}},
    {0, "models", {"models", "--json"}},
    {0, "models", {"models", "--json", "top1>75 macs<2", "--sort=-top1"}},
    {0, "rows", {"models", "compare", "resnet18", "resnet18-imagenet1k_v1", "--json"}},
    {0, "layers", {"models", "show", "resnet20", "--json"}},
    {0, "catalog", {"models", "show", "resnet50-imagenet1k_v2", "--json"}},
    {0, "findings", {"data", "check", "@hostile", "--json"}},
    {0, "folder", {"samples", "@\377drawn", "--american", "1", "--json"}},
    {0, "runs", {"runs", "--runs", "@good", "--json"}},
    {0, "runs", {"runs", "--runs", "@good", "--json", "-failed", "best>=50", "tag:x", "--trash"}},
    {0, "removed", {"runs", "empty-trash", "--runs", "@good", "--json"}},
    {0, "regimes", {"bench", "--model", "resnet20", "--batch", "1", "--seconds", "0", "--json"}},
    {0,
     "layers",
     {"bench", "--model", "resnet20", "--layers", "--no-limits", "--steps", "1", "--batch", "1", "--json"}},
};

static void speaks_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(results); i++) {
        struct outcome outcome = cli_run(results[i].words);
        cli_expect_plain(&outcome, results[i].code, results[i].words[0]);
        json_error_t error;
        json_t *object = json_loads(outcome.out, 0, &error); /* refuses anything behind the object */
        if (!object)
            fail_msg("%s: %s\n%s", results[i].words[0], error.text, outcome.out);
        assert_non_null(json_object_get(object, results[i].key));
        json_decref(object);
        cli_finish(&outcome);
    }
}

/* A full disk is no success, whatever was to be written. */
static void needs_its_output(void **state)
{
    (void)state;
    static const struct result more[] = {
        {1, NULL, {"--help"}},
        {1, NULL, {"--version"}},
        {1, NULL, {"train", "--help"}},
        {1, NULL, {"train", "@short.ini", "--run", "@unheard"}},
        {1, NULL, {"models", "resnet20"}},
        {1, NULL, {"models", "show", "resnet20"}},
        {1, NULL, {"models", "compare", "resnet18", "resnet34"}},
        {1, NULL, {"models", "time", "resnet20"}},
        {1, NULL, {"data", "check", "@good"}},
        {1, NULL, {"eval", "--model", "resnet20", "--data", "@good"}},
        {1, NULL, {"predict", "--model", "resnet20", "@good/a/0.png"}},
        {1, NULL, {"runs", "--runs", "@good"}},
        {1, NULL, {"cache"}},
        {1, NULL, {"cache", "--clear", "--json"}},
        {1,
         NULL,
         {"bench", "--model", "resnet20", "--batch", "1", "--regime", "forward", "--steps", "1", "--no-limits"}},
        {1, NULL, {"samples", "@drawn", "--american", "1"}},
        {1, NULL, {"samples", "@drawn", "--american", "1", "--json"}},
    };
    for (size_t i = 0; i < THAW_LENGTH(more) + THAW_LENGTH(results); i++) {
        const struct result *of = i < THAW_LENGTH(more) ? &more[i] : &results[i - THAW_LENGTH(more)];
        if (of->key && !strcmp(of->words[0], "bench"))
            continue; /* which takes longest, and is among them without its object */
        struct outcome outcome = cli_run_into(of->words, open("/dev/full", O_WRONLY | O_CLOEXEC));
        if (outcome.code != (of->code ? of->code : 1) || !strstr(outcome.err, "thaw: standard output: "))
            fail_msg("%s %s ...: exit %d\nstderr: %s", of->words[0], of->words[1] ? of->words[1] : "", outcome.code,
                     outcome.err);
        cli_finish(&outcome);
    }
}

/* Names that would steer a terminal are shown without their control bytes. */
static void disarms_names(void **state)
{
    (void)state;
    static const char *const words[] = {"data", "check", "@hostile", NULL};
    struct outcome outcome = cli_run(words);
    cli_expect_plain(&outcome, 0, "data check");
    assert_non_null(strstr(outcome.out, "?[31mred"));
    assert_non_null(strstr(outcome.out, "?[2Jbroken.png"));
    cli_finish(&outcome);
}

/* One bad image does not keep the others from being done. */
static void goes_on(void **state)
{
    (void)state;
    static const char *const words[] = {"predict", "--model", "resnet20", "@nothing", "@good/a/0.png", NULL};
    struct outcome outcome = cli_run(words);
    cli_expect_plain(&outcome, 3, "predict");
    assert_non_null(strstr(outcome.err, "nothing"));
    assert_non_null(strstr(outcome.out, "good/a/0.png\t"));
    cli_finish(&outcome);
}

#ifndef THAW_SANITIZED /* which takes terabytes of address space */
/* Under a limit on address space (ulimit -v) what computes nothing runs as ever, and what does says what it lacks: OpenBLAS
 * alone would wait for ever in both. */
static void keeps_to_its_limits(void **state)
{
    (void)state;
    struct rlimit before, low;
    assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
    for (low = before, low.rlim_cur = 100 << 20; low.rlim_cur <= 160 << 20; low.rlim_cur += 30 << 20) {
        assert_int_equal(setrlimit(RLIMIT_AS, &low), 0);
        struct outcome lists = EXPECT(0, "models", "resnet20"),
                       computes = EXPECT(1, "predict", "--model", "resnet20", "@good/a/0.png");
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        cli_expect_text(lists, "resnet20", NULL);
        cli_expect_text(computes, NULL, "matrix products take 128 MiB of address space");
    }
}
#endif

/* The logits on a line and in the object are the same ten, and their softmax is what is told without them. */
static void tells_logits(void **state)
{
    (void)state;
    static const char *const line[] = {"predict", "--logits", "--model", "resnet20", "@good/a/0.png", NULL};
    static const char *const whole[] = {"predict", "--logits", "--json", "--model", "resnet20", "@good/a/0.png", NULL};
    struct outcome plain = cli_run(line), object = cli_run(whole);
    cli_expect_plain(&plain, 0, "predict --logits");
    cli_expect_plain(&object, 0, "predict --logits --json");
    json_t *root = json_loads(object.out, 0, NULL);
    const json_t *image = json_array_get(json_object_get(root, "images"), 0);
    const json_t *logits = json_object_get(image, "logits"), *top = json_array_get(json_object_get(image, "top"), 0);
    assert_int_equal(json_array_size(logits), 10);
    char *save = NULL;
    strtok_r(plain.out, "\t\n", &save); /* the path */
    double sum = 0,
           best = json_number_value(json_array_get(logits, (size_t)json_integer_value(json_object_get(top, "index"))));
    for (size_t i = 0; i < 10; i++) {
        const char *field = strtok_r(NULL, "\t\n", &save);
        double value = json_number_value(json_array_get(logits, i));
        assert_non_null(field);
        assert_true(fabs(strtod(field, NULL) - value) < 1e-6 * (1 + fabs(value)));
        assert_true(value <= best);
        sum += exp(value - best);
    }
    assert_null(strtok_r(NULL, "\t\n", &save));
    assert_true(fabs(json_number_value(json_object_get(top, "probability")) * sum - 1) < 1e-5);
    json_decref(root);
    cli_finish(&plain);
    cli_finish(&object);
}

/* A real network tells photographs by their names: weights named by a path, and by their name once they lie in the
 * models folder. */
static void names_photographs(void **state)
{
    (void)state;
    static const struct {
        const char *image, *names; /* in their order behind the path, probabilities left out */
    } photographs[] = {
        {"n01440764_tench_224.png", "tench goldfish axolotl barracouta banded gecko"},
        {"n02123045_tabby_224.png", "Egyptian cat tabby tiger cat red fox weasel"},
        {"n04285008_sports_car_224.png", "sports car car wheel convertible minivan beach wagon"},
    };
    const char *data = getenv("THAW_REAL_DATA");
    if (!data) {
        print_message("SKIPPED: THAW_REAL_DATA is not set\n");
        skip();
    }
    char *weights = mem_format("%s/models/torch_legacy/mobilenet_v1_0.25_224.legacy.pth", data);
    char *pulled = cli_path("thaw/models/mobilenet_v1_0.25_224.legacy.pth");
    cli_make_folder("thaw/models");
    assert_int_equal(symlink(weights, pulled), 0);
    for (size_t i = 0; i < THAW_LENGTH(photographs); i++) {
        char *image = mem_format("%s/golden/%s", data, photographs[i].image), names[256] = "";
        const char *model = i % 2 ? "mobilenet_v1_0.25_224" : weights;
        const char *const words[] = {"predict", "--model", model, image, NULL};
        struct outcome outcome = cli_run(words);
        cli_expect_plain(&outcome, 0, "predict");
        char *save = NULL, *field = strtok_r(outcome.out, "\t\n", &save);
        for (int n = 0; (field = strtok_r(NULL, "\t\n", &save)); n++)
            if (n % 2 == 0)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", n ? " " : "", field);
        assert_string_equal(names, photographs[i].names);
        cli_finish(&outcome);
        mem_free(image);
    }
    unlink(pulled);
    mem_free(pulled);
    mem_free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifndef THAW_SANITIZED
        cmocka_unit_test(keeps_to_its_limits),
#endif
        cmocka_unit_test(refuses),
        cmocka_unit_test(helps),
        cmocka_unit_test(has_manners),
        cmocka_unit_test(speaks_json),
        cmocka_unit_test(disarms_names),
        cmocka_unit_test(needs_its_output),
        cmocka_unit_test(goes_on),
        cmocka_unit_test(tells_logits),
        cmocka_unit_test(names_photographs),
    };
    return cmocka_run_group_tests(tests, cli_make_files, cli_remove_files);
}
