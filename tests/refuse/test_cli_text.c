/* What others wrote reaches no terminal as it is: names of files, classes, runs, models and layers, notes and words of the
 * command line, with sequences that steer, in every verb, in errors, lines, JSON and logs. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* A title's sequence, CSI as one character, an override and an isolate of direction, DEL. */
#define H    "x\033]0;t\007\302\2332J\342\200\256gpj\342\201\246\177y"
#define BAD  H "\377\233" /* and bytes that are no UTF-8 */
#define LINE "z\nthaw: forged"

/* The first byte that must not be there; NULL: none. */
static const char *steering(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool control = (*at < 0x20 && *at != '\n' && *at != '\t') || *at == 0x7f;
        bool c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        bool override = at[0] == 0xe2 && at[1] == 0x80 && at[2] >= 0xaa && at[2] <= 0xae;
        bool isolate = at[0] == 0xe2 && at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9;
        if (control || c1 || override || isolate)
            return (const char *)at;
    }
    json_t *utf8 = json_string(text);
    json_decref(utf8);
    return utf8 ? NULL : text;
}

static void expect_tame(const char *const *words)
{
    struct outcome outcome = cli_run(words);
    const char *bad = steering(outcome.out);
    bad = bad ? bad : steering(outcome.err);
    if (bad || outcome.code < 0 || strstr(outcome.out, "\nthaw: forged") || strstr(outcome.err, "\nthaw: forged"))
        fail_msg("%s %s: exit %d, byte %02x of\n%s\n%s", words[0], words[1], outcome.code,
                 bad ? (unsigned char)*bad : 0, outcome.out, outcome.err);
    for (int i = 0; words[i] && outcome.code == 0; i++) {
        if (strcmp(words[i], "--json") != 0 || strcmp(words[0], "follow") == 0)
            continue;
        json_error_t error;
        json_t *object = json_loads(outcome.out, 0, &error);
        if (!object)
            fail_msg("%s %s: %s: %s", words[0], words[1], error.text, outcome.out);
        json_decref(object);
    }
    cli_finish(&outcome);
}

static void copy_image(const char *to)
{
    char *from = cli_path("good/a/0.png"), *there = cli_path(to);
    if (link(from, there) != 0)
        fail_msg("%s: %s", to, strerror(errno));
    mem_free(from);
    mem_free(there);
}

static void write_file(const char *name, const void *bytes, size_t size)
{
    struct error error = {0};
    char *path = cli_path(name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

/* One tensor, whose name steers. */
static void write_weights(const char *name)
{
    static const char header[] = "{\"x\\u001b]0;t\\u0007\\u009b\\u202e\\u2066\\u007f\\nthaw: forged\":"
                                 "{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
    char bytes[sizeof header + 11] = {(char)(sizeof header - 1)};
    memcpy(bytes + 8, header, sizeof header - 1);
    write_file(name, bytes, sizeof header - 1 + 12);
}

static int make(void **state)
{
    if (cli_make_files(state) != 0)
        return -1;
    cli_make_folder("data/" H);
    cli_make_folder("data/" LINE);
    cli_make_folder("latin/" BAD);
    cli_make_folder("latin/b");
    cli_make_folder("models");
    copy_image("data/" H "/" BAD ".png");
    copy_image("data/" LINE "/1.png");
    copy_image("latin/" BAD "/0.png");
    copy_image("latin/b/0.png");
    copy_image(H LINE ".png");
    copy_image(BAD ".png");
    write_file("data/" H "/broken" BAD ".png", "no image", 8);
    write_weights("models/" H ".safetensors");
    write_weights("models/" BAD ".safetensors");
    static const char ini[] = "[model]\nname = resnet20\nweights = none\n[data]\npath = data\nval = data\n"
                              "[train]\nepochs = 1\nbatch = 2\n[run]\nname = " H "\n";
    static const char latin[] = "[model]\nname = resnet20\nweights = none\n[data]\npath = latin\n";
    static const char wrong[] = "[model]\n" H " = 1\n";
    write_file("hostile.ini", ini, sizeof ini - 1);
    write_file("latin.ini", latin, sizeof latin - 1);
    write_file("wrong" H ".ini", wrong, sizeof wrong - 1);
    write_file("labels" H ".txt", H "\nb\n" BAD "\n", sizeof H "\nb\n" BAD "\n" - 1);
    return 0;
}

static const char *const lines[][WORDS_MAX] = {
    {"train", "@hostile.ini", "--runs", "@runs"},
    {"train", "@hostile.ini", "--runs", "@runs2", "--json"},
    {"train", "@latin.ini", "--runs", "@runs3"},
    {"train", "@wrong" H ".ini"},
    {"train", "@hostile.ini", "--set", "train." H "=1"},
    {"train", "@hostile.ini", "--set", "model.name=" BAD},
    {"train", "@" LINE ".ini"},
    {"train", "--" H},
    {H},
    {BAD ".ini"},
    {"runs", "--runs", "@runs"},
    {"runs", "--runs", "@runs", "--json"},
    {"runs", H, "--runs", "@runs"},
    {"runs", "note", "last", H LINE, "--runs", "@runs"},
    {"runs", "note", "last", "--runs", "@runs"},
    {"runs", "note", "last", "--runs", "@runs", "--json"},
    {"runs", "tag", "last", BAD, "--runs", "@runs"},
    {"runs", "tag", "last", H, "--runs", "@runs"},
    {"runs", "--runs", "@runs"},
    {"follow", "last", "--runs", "@runs"},
    {"follow", "last", "--runs", "@runs", "--json"},
    {"follow", BAD, "--runs", "@runs"},
    {"resume", "last", "--epochs", "2", "--runs", "@runs"},
    {"fork", "last", "--set", "train.epochs=3", "--runs", "@runs"},
    {"fork", "last", "--at", H, "--runs", "@runs"},
    {"runs", "rename", "last", H, "--runs", "@runs"},
    {"runs", "delete", "last", "--runs", "@runs"},
    {"runs", "--trash", "--runs", "@runs"},
    {"runs", "restore", "last", "--runs", "@runs"},
    {"tell", "last", "note", H, "--runs", "@runs"},
    {"tell", "last", H, "--runs", "@runs"},
    {"tell", BAD ":" H, "pause"},
    {"attach", H, "--runs", "@runs"},
    {"replay", BAD, "--runs", "@runs"},
    {"stream", H, "--runs", "@runs"},
    {"models", H},
    {"models", "show", "@models/" H ".safetensors"},
    {"models", "show", "@models/" BAD ".safetensors", "--json"},
    {"models", "show", "last", "--runs", "@runs"},
    {"models", "show", "last", "--runs", "@runs", "--json"},
    {"models", "verify", "@models/" H ".safetensors"},
    {"models", "verify", "last", "--runs", "@runs"},
    {"models", "compare", H, BAD},
    {"models", "pull", H, "--offline"},
    {"models", "time", BAD},
    {"data", "check", "@data"},
    {"data", "check", "@data", "--json"},
    {"data", "check", "@latin"},
    {"data", "check", "@latin", "--json"},
    {"data", "check", "@" BAD},
    {"eval", "--model", "last", "--data", "@data", "--runs", "@runs"},
    {"eval", "--model", "last", "--data", "@data", "--runs", "@runs", "--json"},
    {"eval", "--model", "resnet20", "--data", "@data", "--labels", "@labels" H ".txt"},
    {"eval", "--model", H, "--data", "@data"},
    {"predict", "--model", "last", "--runs", "@runs", "@" H LINE ".png", "@" BAD ".png", "@none" BAD},
    {"predict", "--model", "last", "--runs", "@runs", "--json", "@" H LINE ".png", "@" BAD ".png", "@none" BAD},
    {"bench", "--model", BAD},
    {"cache"},
    {"cache", H},
    {"samples", "@runs/" H LINE, "--american", "1"},
};

static void nothing_steers_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < THAW_LENGTH(lines); i++) {
        const char *words[WORDS_MAX + 1] = {NULL};
        memcpy(words, lines[i], sizeof lines[i]);
        expect_tame(words);
    }
}

/* What is told of a text in JSON is the text. */
static void json_is_exact(void **state)
{
    (void)state;
    struct outcome outcome = EXPECT(0, "runs", "note", "last", H, "--runs", "@runs", "--json");
    json_t *object = json_loads(outcome.out, 0, NULL);
    const char *note = json_string_value(json_object_get(object, "note"));
    assert_string_equal(note, H);
    json_decref(object);
    cli_finish(&outcome);
}

/* What a verb says on a terminal of so many columns. */
enum { SAID = 1 << 15 };
static void say_on_terminal(const char *const *words, unsigned short columns, char said[SAID])
{
    int host = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(host >= 0 && grantpt(host) == 0 && unlockpt(host) == 0);
    int guest = open(ptsname(host), O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_int_equal(ioctl(guest, TIOCSWINSZ, &(struct winsize){.ws_row = 24, .ws_col = columns}), 0);
    struct termios raw;
    tcgetattr(guest, &raw);
    cfmakeraw(&raw);
    tcsetattr(guest, TCSANOW, &raw);
    struct outcome outcome = cli_run_into(words, dup(guest));
    size_t used = 0;
    fcntl(host, F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(host, said + used, SAID - 1 - used)) > 0;)
        used += (size_t)got;
    said[used] = '\0';
    close(guest);
    close(host);
    cli_finish(&outcome);
    for (const char *line = said; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL))
        if (strcspn(line, "\n") > columns)
            fail_msg("%.*s", (int)strcspn(line, "\n"), line);
}

/* On a terminal lines break between words. */
static void words_are_whole(void **state)
{
    (void)state;
    static const char *const words[][4] = {{"train", "--help"}, {"--help"}, {"train"}, {"models", "squeezenet"}};
    for (size_t i = 0; i < THAW_LENGTH(words); i++) {
        char said[SAID];
        struct outcome whole = cli_run(words[i]);
        assert_in_range(strlen(whole.out), 0, 3500); /* or it would wait for a reader */
        say_on_terminal(words[i], 50, said);
        /* the same words in the same order */
        char *left = NULL, *right = NULL, *a = whole.out, *b = said;
        for (char *x, *y; (x = strtok_r(a, " \n", &left)) && (y = strtok_r(b, " \n", &right)); a = b = NULL)
            assert_string_equal(x, y);
        cli_finish(&whole);
    }
}

/* A list of runs has the columns that fit; what is left out first says least. */
static void a_run_is_one_line(void **state)
{
    (void)state;
    static const struct {
        unsigned short columns;
        const char *line;
    } rows[] = {
        {120, "20261101-120000-resnet20-indian  finished     2/2  75.00 %  75.00 %     204 k  90 s  keep\n"},
        {80, "20261101-120000-resnet20-indian  finished     2/2  75.00 %  75.00 %  90 s  keep\n"},
        {63, "20261101-120000-resnet20-indian  finished     2/2  75.00 %\n    tags: keep\n"},
    };
    static const char events[] = "{\"kind\":\"run\",\"time\":1000,\"version\":2,\"model\":\"resnet20\",\"epochs\":2,"
                                 "\"params_trainable\":204000,\"metrics\":[{\"name\":\"accuracy\",\"unit\":\"share\","
                                 "\"better\":\"up\"}]}\n"
                                 "{\"kind\":\"epoch\",\"time\":1001,\"epoch\":2,\"loss\":1}\n"
                                 "{\"kind\":\"eval\",\"time\":1002,\"epoch\":2,\"metrics\":{\"accuracy\":0.75}}\n"
                                 "{\"kind\":\"done\",\"time\":1090,\"elapsed\":90,\"epoch\":2,\"how\":\"finished\"}\n";
    struct error error = {0};
    char *run = cli_path("narrow/20261101-120000-resnet20-indian"), said[SAID];
    assert_true(file_make_directories(run, &error));
    write_file("narrow/20261101-120000-resnet20-indian/events.jsonl", events, sizeof events - 1);
    write_file("narrow/20261101-120000-resnet20-indian/labels.json", "{\"tags\":[\"keep\"]}", 17);
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        say_on_terminal((const char *const[]){"runs", "--runs", "@narrow", NULL}, rows[i].columns, said);
        if (!strstr(said, rows[i].line))
            fail_msg("%s", said);
    }
    mem_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_steers_the_terminal),
        cmocka_unit_test(json_is_exact),
        cmocka_unit_test(words_are_whole),
        cmocka_unit_test(a_run_is_one_line),
    };
    return cmocka_run_group_tests(tests, make, cli_remove_files);
}
