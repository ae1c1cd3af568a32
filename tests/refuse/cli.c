/* See the header. */
#include "config.h"

#include "cli.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/image.h"

extern char **environ;

enum { HANG_SECONDS = 300 };

char cli_directory[] = "/tmp/thaw-cli-XXXXXX";
static char *program;

char *cli_path(const char *name)
{
    return path_join(cli_directory, name);
}

void cli_write(const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = cli_path(name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

void cli_write_image(const char *name, int side)
{
    struct error error = {0};
    struct image image;
    char *path = cli_path(name);
    assert_true(image_create(&image, side, side));
    memset(image.rgb, side, (size_t)(side * side * 3));
    if (!image_save_png(&image, path, &error))
        fail_msg("%s", error.text);
    image_finish(&image);
    mem_free(path);
}

void cli_make_folder(const char *name)
{
    struct error error = {0};
    char *path = cli_path(name);
    if (!file_make_directories(path, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

/* Words starting with '@' stand in the test's directory. The last is NULL. out: standard output, closed here. */
struct outcome cli_run_into(const char *const *words, int out)
{
    char *argv[WORDS_MAX + 2] = {program}, *err = cli_path("stderr");
    int count = 0, status = 0;
    for (; words[count]; count++)
        argv[count + 1] = words[count][0] == '@' ? cli_path(words[count] + 1) : mem_string(words[count]);
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

struct outcome cli_run(const char *const *words)
{
    struct error error = {0};
    char *out = cli_path("stdout");
    int file = open(out, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(file >= 0);
    struct outcome outcome = cli_run_into(words, file);
    mem_free(outcome.out);
    outcome.out = file_read_text(out, 1 << 24, &error);
    mem_free(out);
    assert_non_null(outcome.out);
    return outcome;
}

void cli_finish(struct outcome *outcome)
{
    mem_free(outcome->out);
    mem_free(outcome->err);
}

/* clang-format off */
static const char *const folders[] = {
    "good/a", "good/b", "hostile/\033[31mred", "hostile/b", "one/a", "empty", "noise/a", "noise/b", "run", "hollow/a",
    "hollow/b", "hollow/c", "near/train/cat", "near/train/dog", "near/val/Cat", "near/val/dog", "boxes/train/images",
    "boxes/train/labels", "gaps/Training/a", "gaps/Training/b", "gaps/Testing/a",
};
/* clang-format on */

static const struct {
    const char *name;
    int side;
} images[] = {
    {"good/a", 40},          {"good/b", 50},         {"hostile/\033[31mred", 40}, {"hostile/b", 50},
    {"one/a", 40},           {"hollow/c", 41},       {"near/train/cat", 42},      {"near/train/dog", 43},
    {"near/val/Cat", 44},    {"near/val/dog", 45},   {"boxes/train/images", 46},  {"gaps/Training/a", 47},
    {"gaps/Training/b", 48}, {"gaps/Testing/a", 49},
};

#define SCRATCH "[model]\nname = resnet20\nweights = none\n[data]\npath = "
static const struct {
    const char *name, *text;
} texts[] = {
    {"hostile/b/\033[2Jbroken.png", "no image"},
    {"noise/a/0.png", "no image"},
    {"noise/b/0.jpg", ""},
    {"nothing", ""},
    {"lying.safetensors", "\377\377\377\377\377\377\377\177{}"},
    {"strange.json", "{\"results\": []}"},
    {"peers.json", "{\"format\": \"thaw-peers-1\", \"layers\": [7]}"},
    {"garbage.pth", "this is no weights file, it is a sentence"},
    {"unknown.ini", "[train]\nepohcs = 3\n"},
    {"short.ini", SCRATCH "good\nval = good\n[train]\nepochs = 1\nbatch = 2\n"},
    {"frozen.ini", "[model]\nname = resnet20\n[data]\npath = good\n[freeze]\nupto = layer1\nfrozen = layer2\n"},
    {"numbered.txt", "0 a\n1 b\n2 c\n3 d\n4 e\n5 f\n6 g\n7 h\n8 i\n9 j\n"},
    {"labels.json", "{\"id2label\":{\"0\":\"b\",\"1\":\"a\",\"2\":\"c\",\"3\":\"d\",\"4\":\"e\","
                    "\"5\":\"f\",\"6\":\"g\",\"7\":\"h\",\"8\":\"i\",\"9\":\"j\"}}"},
    {"unjudged.ini", SCRATCH "good\n[train]\nepochs = 2\nbatch = 2\n"},
    {"hollow.ini", SCRATCH "hollow\n"},
    {"gaps.ini", SCRATCH "gaps\n[train]\nepochs = 1\nbatch = 2\n"},
    {"named.ini", "[model]\nname = ./nope\n[data]\npath = good\nval = good\n[run]\ndir = lost\n"},
    {"ten.txt", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"},
    {"two.txt", "a\nb\n"},
};

static void put_image(const char *folder, int side)
{
    char *name = mem_format("%s/0.png", folder);
    cli_write_image(name, side);
    mem_free(name);
}

int cli_make_files(void **state)
{
    (void)state;
    const char *build = getenv("THAW_BUILDDIR");
    alarm(HANG_SECONDS); /* ends a test that hangs */
    if (!build || !mkdtemp(cli_directory))
        return -1;
    program = path_join(build, "thaw");
    setenv("XDG_DATA_HOME", cli_directory, 1);
    setenv("TERM", "xterm-256color", 1); /* colours would be possible, and must not come */
    for (size_t i = 0; i < THAW_LENGTH(folders); i++)
        cli_make_folder(folders[i]);
    for (size_t i = 0; i < THAW_LENGTH(images); i++)
        put_image(images[i].name, images[i].side);
    for (size_t i = 0; i < THAW_LENGTH(texts); i++)
        cli_write(texts[i].name, texts[i].text, strlen(texts[i].text));
    for (int c = 0; c < 11; c++) {
        char name[32];
        snprintf(name, sizeof name, "many/%c", 'a' + c);
        cli_make_folder(name);
        put_image(name, 40);
    }
    return 0;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

int cli_remove_files(void **state)
{
    (void)state;
    mem_free(program);
    return nftw(cli_directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void cli_expect_plain(const struct outcome *outcome, int code, const char *what)
{
    if (outcome->code != code || strchr(outcome->out, '\033') || strchr(outcome->err, '\033'))
        fail_msg("%s: exit %d, %d wanted, no escape bytes\nstdout: %s\nstderr: %s", what, outcome->code, code,
                 outcome->out, outcome->err);
}

struct outcome cli_expect(int code, const char *const *words)
{
    struct outcome outcome = cli_run(words);
    char *line = mem_string("");
    for (int i = 0; words[i]; i++) {
        char *longer = mem_format("%s %s", line, words[i]);
        mem_free(line);
        line = longer;
    }
    cli_expect_plain(&outcome, code, line);
    mem_free(line);
    return outcome;
}

void cli_expect_text(struct outcome outcome, const char *out, const char *err)
{
    if ((out && !strstr(outcome.out, out)) || (err && !strstr(outcome.err, err)))
        fail_msg("\"%s\" and \"%s\" are to be said\nstdout: %s\nstderr: %s", out ? out : "", err ? err : "",
                 outcome.out, outcome.err);
    cli_finish(&outcome);
}
