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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <jansson.h>
#include <math.h>
#include <spawn.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

extern char **environ;

enum { WORDS_MAX = 14, HANG_SECONDS = 300 };

static char directory[] = "/tmp/thaw-cli-XXXXXX";
static char *program;

static char *in_directory(const char *name)
{
    return path_join(directory, name);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = in_directory(name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

static void write_image(const char *name, int side)
{
    struct error error = {0};
    struct image image;
    char *path = in_directory(name);
    assert_true(image_create(&image, side, side));
    memset(image.rgb, side, (size_t)(side * side * 3));
    if (!image_save_png(&image, path, &error))
        fail_msg("%s", error.text);
    image_finish(&image);
    mem_free(path);
}

static void make_folder(const char *name)
{
    struct error error = {0};
    char *path = in_directory(name);
    if (!file_make_directories(path, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

/* One run of the program: what it wrote, NUL behind it, and how it ended. */
struct outcome {
    char *out, *err;
    int code; /* -1: ended by a signal */
};

/* Words starting with '@' stand in the test's directory. The last is NULL. out: standard output, closed here. */
static struct outcome run_into(const char *const *words, int out)
{
    char *argv[WORDS_MAX + 2] = {program}, *err = in_directory("stderr");
    int count = 0, status = 0;
    for (; words[count]; count++)
        argv[count + 1] = words[count][0] == '@' ? in_directory(words[count] + 1) : mem_string(words[count]);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    pid_t child;
    if (posix_spawn(&child, program, &files, NULL, argv, environ) || waitpid(child, &status, 0) != child)
        fail_msg("%s could not be run", program);
    posix_spawn_file_actions_destroy(&files);
    close(out);
    struct error error = {0};
    struct outcome outcome = {.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
    outcome.out = mem_string("");
    outcome.err = file_read_text(err, 1 << 24, &error);
    for (int i = 1; i <= count; i++)
        mem_free(argv[i]);
    mem_free(err);
    assert_non_null(outcome.out);
    assert_non_null(outcome.err);
    return outcome;
}

static struct outcome run(const char *const *words)
{
    struct error error = {0};
    char *out = in_directory("stdout");
    int file = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    struct outcome outcome = run_into(words, file);
    mem_free(outcome.out);
    outcome.out = file_read_text(out, 1 << 24, &error);
    mem_free(out);
    assert_non_null(outcome.out);
    return outcome;
}

static void finish(struct outcome *outcome)
{
    mem_free(outcome->out);
    mem_free(outcome->err);
}

/* --- the files that the cases name --- */

static int make_files(void **state)
{
    (void)state;
    const char *build = getenv("THAW_BUILDDIR");
    alarm(HANG_SECONDS); /* ends a test that hangs */
    if (!build || !mkdtemp(directory))
        return -1;
    program = path_join(build, "thaw");
    setenv("XDG_DATA_HOME", directory, 1);
    setenv("TERM", "xterm-256color", 1); /* colours would be possible, and must not come */
    static const char *const folders[] = {
        "good/a", "good/b", "hostile/\033[31mred", "hostile/b", "one/a", "empty", "noise/a", "noise/b", "run"};
    for (size_t i = 0; i < THAW_LENGTH(folders); i++)
        make_folder(folders[i]);
    write_image("good/a/0.png", 40);
    write_image("good/b/0.png", 50);
    write_image("hostile/\033[31mred/0.png", 40);
    write_image("hostile/b/0.png", 50);
    write_image("one/a/0.png", 40);
    write_file("hostile/b/\033[2Jbroken.png", "no image", 8);
    write_file("noise/a/0.png", "no image", 8);
    write_file("noise/b/0.jpg", "", 0);
    for (int c = 0; c < 11; c++) {
        char name[32];
        snprintf(name, sizeof name, "many/%c", 'a' + c);
        make_folder(name);
        snprintf(name, sizeof name, "many/%c/0.png", 'a' + c);
        write_image(name, 40);
    }
    static const char lying[] = "\377\377\377\377\377\377\377\177{}";
    static const char unknown_key[] = "[train]\nepohcs = 3\n";
    static const char short_run[] = "[model]\nname = resnet20\nweights = none\n[data]\npath = good\nval = good\n"
                                    "[train]\nepochs = 1\nbatch = 2\n";
    static const char unjudged[] = "[model]\nname = resnet20\nweights = none\n[data]\npath = good\n"
                                   "[train]\nepochs = 2\nbatch = 2\n";
    static const char named[] = "[model]\nname = ./nope\n[data]\npath = good\nval = good\n[run]\ndir = lost\n";
    static const char ten[] = "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", two[] = "a\nb\n";
    write_file("nothing", "", 0);
    write_file("lying.safetensors", lying, sizeof lying - 1);
    write_file("strange.json", "{\"results\": []}", 15);
    write_file("peers.json", "{\"format\": \"thaw-peers-1\", \"layers\": [7]}", 41);
    write_file("garbage.pth", "this is no weights file, it is a sentence", 41);
    write_file("unknown.ini", unknown_key, sizeof unknown_key - 1);
    write_file("short.ini", short_run, sizeof short_run - 1);
    write_file("unjudged.ini", unjudged, sizeof unjudged - 1);
    write_file("named.ini", named, sizeof named - 1);
    write_file("ten.txt", ten, sizeof ten - 1);
    write_file("two.txt", two, sizeof two - 1);
    return 0;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static int remove_files(void **state)
{
    (void)state;
    mem_free(program);
    return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

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
    {2, "--runs is for show and verify", {"models", "compare", "a", "b", "--runs", "@good"}},
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
    {2, "lr=1: not section.key=value; the nearest is train.lr", {"train", "@short.ini", "--set", "lr=1"}},
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
    {3, "not a folder", {"data", "check", "@nothing"}},
    {3, "no class folders", {"data", "check", "@empty"}},
    {3, "only one class", {"data", "check", "@one"}},
    {3, "none of the 2 files", {"data", "check", "@noise"}},
    {3, "missing", {"eval", "--model", "resnet20", "--data", "@missing"}},
    {3, "none of the 2 files", {"eval", "--model", "resnet20", "--data", "@noise"}},
    {3, "11 classes, and the model has 10", {"eval", "--model", "resnet20", "--data", "@many"}},
    {3, "not among", {"eval", "--model", "resnet20", "--data", "@good", "--labels", "@ten.txt"}},
    {3, "nothing", {"predict", "--model", "resnet20", "@nothing"}},
    {3, "missing.png", {"predict", "--model", "resnet20", "@missing.png"}},
    /* weights */
    {4, "missing.pth", {"eval", "--weights", "@missing.pth", "--data", "@good"}},
    {4, "nothing", {"eval", "--weights", "@nothing", "--data", "@good"}},
    {4, "lying.safetensors", {"eval", "--weights", "@lying.safetensors", "--data", "@good"}},
    {4, "garbage.pth", {"predict", "--model", "@garbage.pth", "@good/a/0.png"}},
    {4, "no model.safetensors", {"predict", "--model", "@run", "@good/a/0.png"}},
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
        struct outcome outcome = run(of->words);
        bool good = outcome.code == of->code && !outcome.out[0] && strstr(outcome.err, of->sentence) &&
                    !strncmp(outcome.err, "thaw: ", 6) && !strchr(outcome.err, '\033');
        if (!good)
            fail_msg("%s %s ...: exit %d, %d wanted\nstdout: %s\nstderr: %s", of->words[0],
                     of->words[1] ? of->words[1] : "", outcome.code, of->code, outcome.out, outcome.err);
        finish(&outcome);
    }
}

/* --- what must go well --- */

static void expect_plain(const struct outcome *outcome, int code, const char *what)
{
    if (outcome->code != code || strchr(outcome->out, '\033') || strchr(outcome->err, '\033'))
        fail_msg("%s: exit %d, %d wanted, no escape bytes\nstdout: %s\nstderr: %s", what, outcome->code, code,
                 outcome->out, outcome->err);
}

/* Calls `each` with the name of every verb that `thaw --help` lists. */
static void for_verbs(void (*each)(const char *verb))
{
    struct outcome outcome = run((const char *const[]){"--help", NULL});
    char *at = strstr(outcome.out, "\nverbs:\n"), name[32];
    int count = 0;
    expect_plain(&outcome, 0, "--help");
    assert_non_null(at);
    for (at += 8; sscanf(at, "  %31s", name) == 1 && !strncmp(at, "  ", 2); at = strchr(at, '\n') + 1, count++)
        each(name);
    assert_true(count >= 10);
    finish(&outcome);
}

static void expect_help(const char *verb)
{
    char *usage = mem_format("usage: thaw %s ", verb);
    struct outcome outcome = run((const char *const[]){verb, "--help", NULL});
    expect_plain(&outcome, 0, verb);
    assert_int_equal(strncmp(outcome.out, usage, strlen(usage)), 0);
    assert_string_equal(outcome.err, "");
    mem_free(usage);
    finish(&outcome);
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
    struct outcome option = run((const char *const[]){verb, "--hlep", NULL});
    struct outcome name = run((const char *const[]){misspelt, NULL});
    struct outcome full =
        run_into((const char *const[]){verb, "--help", NULL}, open("/dev/full", O_WRONLY | O_CLOEXEC));
    if (option.code != 2 || !strstr(option.err, "unknown option --hlep; the nearest is --help\n"))
        fail_msg("%s --hlep: exit %d, %s", verb, option.code, option.err);
    if (name.code != 2 || !strstr(name.err, near))
        fail_msg("%s: exit %d, %s", misspelt, name.code, name.err);
    if (full.code != 1 || !strstr(full.err, "thaw: standard output: No space left on device\n"))
        fail_msg("%s --help > /dev/full: exit %d, %s", verb, full.code, full.err);
    finish(&option);
    finish(&name);
    finish(&full);
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
        struct outcome outcome = run(results[i].words);
        expect_plain(&outcome, results[i].code, results[i].words[0]);
        json_error_t error;
        json_t *object = json_loads(outcome.out, 0, &error); /* refuses anything behind the object */
        if (!object)
            fail_msg("%s: %s\n%s", results[i].words[0], error.text, outcome.out);
        assert_non_null(json_object_get(object, results[i].key));
        json_decref(object);
        finish(&outcome);
    }
}

/* The directory of the only run below the folder, as the program is told of it; caller frees. */
static char *only_run(const char *runs)
{
    struct error error = {0};
    struct file_list list;
    char *path = in_directory(runs);
    if (!file_list_read(&list, path, &error) || list.count != 1)
        fail_msg("%s: one run expected", path);
    char *run = mem_format("@%s/%s", runs, list.name[0]);
    file_list_free(&list);
    mem_free(path);
    return run;
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
        struct outcome outcome = run_into(of->words, open("/dev/full", O_WRONLY | O_CLOEXEC));
        if (outcome.code != (of->code ? of->code : 1) || !strstr(outcome.err, "thaw: standard output: "))
            fail_msg("%s %s ...: exit %d\nstderr: %s", of->words[0], of->words[1] ? of->words[1] : "", outcome.code,
                     outcome.err);
        finish(&outcome);
    }
}

/* Whoever read what a training prints may go away: it trains on, and says at its end that it was not heard. */
static void trains_unheard(void **state)
{
    (void)state;
    static const char *const words[] = {"train", "@short.ini", "--run", "@piped", NULL};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    struct outcome outcome = run_into(words, ends[1]);
    char *name = only_run("piped"), *model = mem_format("%s/%s/model.safetensors", directory, name + 1);
    assert_int_equal(outcome.code, 1);
    assert_non_null(strstr(outcome.err, "thaw: standard output: "));
    assert_true(file_exists(model));
    mem_free(model);
    mem_free(name);
    finish(&outcome);
}

/* Names that would steer a terminal are shown without their control bytes. */
static void disarms_names(void **state)
{
    (void)state;
    static const char *const words[] = {"data", "check", "@hostile", NULL};
    struct outcome outcome = run(words);
    expect_plain(&outcome, 0, "data check");
    assert_non_null(strstr(outcome.out, "?[31mred"));
    assert_non_null(strstr(outcome.out, "?[2Jbroken.png"));
    finish(&outcome);
}

/* One bad image does not keep the others from being done. */
static void goes_on(void **state)
{
    (void)state;
    static const char *const words[] = {"predict", "--model", "resnet20", "@nothing", "@good/a/0.png", NULL};
    struct outcome outcome = run(words);
    expect_plain(&outcome, 3, "predict");
    assert_non_null(strstr(outcome.err, "nothing"));
    assert_non_null(strstr(outcome.out, "good/a/0.png\t"));
    finish(&outcome);
}

/* The logits on a line and in the object are the same ten, and their softmax is what is told without them. */
static void tells_logits(void **state)
{
    (void)state;
    static const char *const line[] = {"predict", "--logits", "--model", "resnet20", "@good/a/0.png", NULL};
    static const char *const whole[] = {"predict", "--logits", "--json", "--model", "resnet20", "@good/a/0.png", NULL};
    struct outcome plain = run(line), object = run(whole);
    expect_plain(&plain, 0, "predict --logits");
    expect_plain(&object, 0, "predict --logits --json");
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
    finish(&plain);
    finish(&object);
}

/* The object names the run's directory, so that a script finds what it wrote. */
static void names_the_run(void **state)
{
    (void)state;
    static const char *const words[] = {"train", "@short.ini", "--run", "@trained", "--json", NULL};
    struct outcome outcome = run(words);
    expect_plain(&outcome, 0, "train --json");
    json_t *object = json_loads(outcome.out, 0, NULL);
    const char *directory_of_run = json_string_value(json_object_get(object, "run"));
    assert_non_null(directory_of_run);
    char *events = path_join(directory_of_run, "events.jsonl");
    if (!file_exists(events))
        fail_msg("no such file: %s", events);
    mem_free(events);
    json_decref(object);
    finish(&outcome);
}

/* Without validation images there are lines an epoch all the same, and what is not known is null. */
static void tells_unjudged_runs(void **state)
{
    (void)state;
    static const char *const line[] = {"train", "@unjudged.ini", "--run", "@unjudged", NULL};
    static const char *const whole[] = {"train", "@unjudged.ini", "--run", "@unjudged", "--json", NULL};
    struct outcome plain = run(line), object = run(whole);
    expect_plain(&plain, 0, "train");
    expect_plain(&object, 0, "train --json");
    assert_non_null(strstr(plain.out, "\nepoch 1/2  loss "));
    assert_non_null(strstr(plain.out, "\nepoch 2/2  loss "));
    assert_non_null(strstr(plain.out, "\nfinished after "));
    assert_null(strstr(plain.out, "validation loss"));
    json_t *root = json_loads(object.out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "epochs")), 2);
    assert_true(json_real_value(json_object_get(root, "train_loss")) > 0);
    static const char *const unknown[] = {"loss", "accuracy", "best_accuracy", "best_epoch", "weights"};
    for (size_t i = 0; i < THAW_LENGTH(unknown); i++)
        assert_true(json_is_null(json_object_get(root, unknown[i])));
    json_decref(root);
    finish(&plain);
    finish(&object);
}

/* A run that goes on says of how many epochs, and its object is as full as the first one. */
static void tells_resumed_runs(void **state)
{
    (void)state;
    static const char *const first[] = {"train", "@short.ini", "--run", "@resumed", NULL};
    struct outcome outcome = run(first);
    expect_plain(&outcome, 0, "train");
    finish(&outcome);
    char *name = only_run("resumed");
    const char *const line[] = {"resume", name, "--epochs", "3", NULL}, *const whole[] = {"resume", name, "--json",
                                                                                          NULL};
    outcome = run(line);
    expect_plain(&outcome, 0, "resume");
    assert_non_null(strstr(outcome.out, "\nepoch 2/3  loss "));
    assert_non_null(strstr(outcome.out, "\nepoch 3/3  loss "));
    finish(&outcome);
    outcome = run(whole);
    expect_plain(&outcome, 0, "resume --json");
    json_t *root = json_loads(outcome.out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(root, "epochs")), 3);
    assert_string_equal(json_string_value(json_object_get(root, "model")), "resnet20");
    assert_int_equal(json_integer_value(json_object_get(root, "classes")), 2);
    assert_true(json_real_value(json_object_get(root, "loss")) > 0);
    json_decref(root);
    finish(&outcome);
    mem_free(name);
}

/* A fork begins where its parent stood, and nowhere else. */
static void forks_begin_at_a_checkpoint(void **state)
{
    (void)state;
    static const char *const first[] = {"train", "@short.ini", "--run", "@forked", NULL};
    struct outcome outcome = run(first);
    expect_plain(&outcome, 0, "train");
    finish(&outcome);
    char *name = only_run("forked");
    const char *const nowhere[] = {"fork", name, "--at", "bestt", NULL};
    const char *const there[] = {"fork", name, "--at", "last", "--set", "train.epochs=2", NULL};
    outcome = run(nowhere);
    expect_plain(&outcome, 2, "fork --at bestt");
    assert_non_null(strstr(outcome.err, "no checkpoint \"bestt\"; there are: "));
    finish(&outcome);
    outcome = run(there);
    expect_plain(&outcome, 0, "fork");
    assert_non_null(strstr(outcome.out, "forked from "));
    assert_null(strstr(outcome.out, "epoch 1/2"));
    assert_non_null(strstr(outcome.out, "epoch 2/2"));
    finish(&outcome);
    mem_free(name);
}

/* --- runs by name --- */

static struct outcome expect(int code, const char *const *words)
{
    struct outcome outcome = run(words);
    char *line = mem_string("");
    for (int i = 0; words[i]; i++) {
        char *longer = mem_format("%s %s", line, words[i]);
        mem_free(line);
        line = longer;
    }
    expect_plain(&outcome, code, line);
    mem_free(line);
    return outcome;
}
#define EXPECT(code, ...) expect(code, (const char *const[]){__VA_ARGS__, NULL})

static void expect_text(struct outcome outcome, const char *out, const char *err)
{
    if ((out && !strstr(outcome.out, out)) || (err && !strstr(outcome.err, err)))
        fail_msg("\"%s\" and \"%s\" are to be said\nstdout: %s\nstderr: %s", out ? out : "", err ? err : "",
                 outcome.out, outcome.err);
    finish(&outcome);
}

/* Every verb that takes a run takes it by name. */
static void takes_runs_by_name(void **state)
{
    (void)state;
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@named", "--set", "run.name=first"), NULL, NULL);
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@named", "--set", "run.name=second"), NULL, NULL);
    expect_text(EXPECT(0, "resume", "first", "--runs", "@named"), "resnet20 on", NULL);
    expect_text(EXPECT(0, "eval", "--model", "FIRS", "--runs", "@named", "--data", "@good"), "resnet20 on", "-first\n");
    expect_text(EXPECT(0, "predict", "--model", "second", "--runs", "@named", "@good/a/0.png"), "0.png\t", "-second\n");
    expect_text(EXPECT(0, "models", "show", "last", "--runs", "@named"), "resnet20: 2 classes", "-second\n");
    expect_text(EXPECT(0, "models", "verify", "last", "--runs", "@named"), "resnet20, 2 classes", "-second\n");
    expect_text(EXPECT(0, "bench", "--model", "first", "--runs", "@named", "--batch", "1", "--seconds", "0",
                       "--no-limits", "--regime", "forward"),
                "resnet20, 32x32x3", "-first\n");
    static const char *const verbs[][6] = {
        {"resume"},
        {"eval", "--data", "@good", "--model"},
        {"predict", "@good/a/0.png", "--model"},
        {"bench", "--model"},
        {"models", "show"},
        {"models", "verify"},
        {"runs", "delete"},
        {"runs", "tag"},
        {"runs", "note"},
        {"follow"},
        {"fork"},
    };
    for (size_t i = 0; i < THAW_LENGTH(verbs); i++) {
        const char *words[WORDS_MAX] = {0};
        int count = 0;
        while (verbs[i][count]) {
            words[count] = verbs[i][count];
            count++;
        }
        words[count] = "s"; /* first and second */
        words[count + 1] = "--runs";
        words[count + 2] = "@named";
        expect_text(expect(2, words), NULL, "\"s\" can be 2 runs: 2");
    }
}

/* What an architecture or a file is called counts before a run's name. */
static void prefers_networks_to_runs(void **state)
{
    (void)state;
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@shadow", "--set", "run.name=resnet20"), NULL, NULL);
    struct outcome outcome = EXPECT(0, "models", "show", "resnet20", "--runs", "@shadow");
    assert_non_null(strstr(outcome.out, "resnet20: 10 classes"));
    assert_string_equal(outcome.err, "");
    finish(&outcome);
    expect_text(EXPECT(2, "models", "show", "resnet2O", "--runs", "@shadow"), NULL, "the nearest are resnet20 and");
}

/* The run's directory is the only one below the folder that has this in its name. */
static bool has_run(const char *folder, const char *part)
{
    struct error error = {0};
    struct file_list list;
    char *path = in_directory(folder);
    bool has = false;
    if (!file_list_read(&list, path, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count; i++)
        has |= strstr(list.name[i], part) != NULL;
    file_list_free(&list);
    mem_free(path);
    return has;
}

static void keeps_order_among_runs(void **state)
{
    (void)state;
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@kept", "--set", "run.name=plain"), NULL, NULL);
    expect_text(EXPECT(0, "runs", "--sort", "-best", "--runs", "@kept"), "1 of 1 runs", NULL);
    expect_text(EXPECT(0, "runs", "rename", "plain", "better", "--runs", "@kept"), "-plain is now ", NULL);
    assert_true(has_run("kept", "-better"));
    expect_text(EXPECT(0, "resume", "better", "--runs", "@kept"), "going on from", NULL); /* nothing in it broke */
    expect_text(EXPECT(0, "eval", "--model", "better", "--runs", "@kept", "--data", "@good"), "top-1", NULL);
    expect_text(EXPECT(0, "runs", "tag", "better", "keep", "b-2", "--runs", "@kept"), "tags: keep, b-2\n", NULL);
    expect_text(EXPECT(0, "runs", "tag", "last", "-b-2", "--runs", "@kept"), "tags: keep\n", NULL);
    expect_text(EXPECT(0, "runs", "note", "last", "two", "words", "--runs", "@kept"), "note: two words\n", NULL);
    expect_text(EXPECT(0, "runs", "tag:keep", "--runs", "@kept"), "    two words\n1 of 1 runs", NULL);
    expect_text(EXPECT(0, "runs", "-tagged", "--runs", "@kept"), "0 of 1 runs", NULL);
    expect_text(EXPECT(0, "runs", "dlete", "last", "--runs", "@kept"), "0 of 1 runs", "the nearest is delete\n");
    expect_text(EXPECT(2, "runs", "tag", "last", "a b", "--runs", "@kept"), NULL, "cannot be a tag");
    expect_text(EXPECT(2, "runs", "rename", "last", "a/b", "--runs", "@kept"), NULL, "it could be \"a-b\"");
    expect_text(EXPECT(0, "runs", "delete", "better", "--runs", "@kept"), "-better is in the trash", NULL);
    assert_false(has_run("kept", "better"));
    expect_text(EXPECT(0, "runs", "--trash", "--runs", "@kept"), "1 of 1 runs", NULL);
    expect_text(EXPECT(0, "runs", "restore", "better", "--runs", "@kept"), "-better is back", NULL);
    assert_true(has_run("kept", "-better"));
    expect_text(EXPECT(0, "runs", "delete", "better", "--runs", "@kept"), NULL, NULL);
    expect_text(EXPECT(2, "runs", "empty-trash", "--runs", "@kept"), NULL, "--yes says so without a terminal");
    assert_true(has_run("kept/.trash", "-better"));
    expect_text(EXPECT(0, "runs", "empty-trash", "--yes", "--runs", "@kept"), "1 removed", NULL);
    assert_false(has_run("kept/.trash", "better"));
}

/* All of the runs named are there, or none is touched. */
static void deletes_all_or_none(void **state)
{
    (void)state;
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@several", "--set", "run.name=one"), NULL, NULL);
    expect_text(EXPECT(2, "runs", "delete", "one", "two", "--runs", "@several"), NULL, "has no run \"two\"");
    assert_true(has_run("several", "-one"));
}

/* Numbers of the objects are those of the files, to the last bit. */
static void tells_exact_numbers(void **state)
{
    (void)state;
    expect_text(EXPECT(0, "train", "@short.ini", "--runs", "@exact"), NULL, NULL);
    char *name = only_run("exact"), *events = mem_format("%s/%s/events.jsonl", directory, name + 1);
    struct error error = {0};
    struct outcome outcome = EXPECT(0, "runs", "--runs", "@exact", "--json");
    char *text = file_read_text(events, 1 << 24, &error);
    json_t *root = json_loads(outcome.out, 0, NULL), *first = json_loads(text, JSON_DISABLE_EOF_CHECK, NULL);
    const json_t *told = json_array_get(json_object_get(root, "runs"), 0);
    assert_true(json_real_value(json_object_get(told, "started")) == json_real_value(json_object_get(first, "time")));
    assert_true(json_real_value(json_object_get(told, "started")) > 1e9);
    assert_true(json_is_null(json_object_get(told, "note")));
    json_decref(root);
    json_decref(first);
    finish(&outcome);
    mem_free(text);
    mem_free(events);
    mem_free(name);
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
    char *pulled = in_directory("thaw/models/mobilenet_v1_0.25_224.legacy.pth");
    make_folder("thaw/models");
    assert_int_equal(symlink(weights, pulled), 0);
    for (size_t i = 0; i < THAW_LENGTH(photographs); i++) {
        char *image = mem_format("%s/golden/%s", data, photographs[i].image), names[256] = "";
        const char *model = i % 2 ? "mobilenet_v1_0.25_224" : weights;
        const char *const words[] = {"predict", "--model", model, image, NULL};
        struct outcome outcome = run(words);
        expect_plain(&outcome, 0, "predict");
        char *save = NULL, *field = strtok_r(outcome.out, "\t\n", &save);
        for (int n = 0; (field = strtok_r(NULL, "\t\n", &save)); n++)
            if (n % 2 == 0)
                snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", n ? " " : "", field);
        assert_string_equal(names, photographs[i].names);
        finish(&outcome);
        mem_free(image);
    }
    unlink(pulled);
    mem_free(pulled);
    mem_free(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(helps),
        cmocka_unit_test(has_manners),
        cmocka_unit_test(speaks_json),
        cmocka_unit_test(disarms_names),
        cmocka_unit_test(needs_its_output),
        cmocka_unit_test(trains_unheard),
        cmocka_unit_test(goes_on),
        cmocka_unit_test(tells_logits),
        cmocka_unit_test(names_the_run),
        cmocka_unit_test(names_photographs),
        cmocka_unit_test(takes_runs_by_name),
        cmocka_unit_test(prefers_networks_to_runs),
        cmocka_unit_test(keeps_order_among_runs),
        cmocka_unit_test(deletes_all_or_none),
        cmocka_unit_test(tells_exact_numbers),
        cmocka_unit_test(tells_unjudged_runs),
        cmocka_unit_test(tells_resumed_runs),
        cmocka_unit_test(forks_begin_at_a_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
