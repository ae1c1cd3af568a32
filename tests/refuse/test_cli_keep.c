/* The program on runs that lost something, and on names that many runs have. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

/* How many directories below the folder end with this. */
static int count_runs(const char *folder, const char *end)
{
    struct error error = {0};
    struct file_list list = {0};
    char *path = cli_path(folder);
    int count = 0;
    if (!file_list_read(&list, path, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count; i++) {
        size_t length = strlen(list.name[i]), own = strlen(end);
        count += length >= own && strcmp(list.name[i] + length - own, end) == 0;
    }
    file_list_free(&list);
    mem_free(path);
    return count;
}

/* Each fork has a name of its own, and goes on where its parent had ended; what was asked for holds. */
static void forks_have_names_of_their_own(void **state)
{
    (void)state;
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--run", "@names", "--set", "run.name=one"), NULL, NULL);
    cli_expect_text(EXPECT(0, "runs", "rename", "one", "signs", "--runs", "@names"), NULL, NULL);
    cli_expect_text(EXPECT(0, "fork", "signs", "--runs", "@names"), "epoch 11/11", "10 epochs more, train.epochs = 11");
    assert_int_equal(count_runs("names", "-signs-fork"), 1);
    cli_expect_text(EXPECT(0, "fork", "signs-fork", "--runs", "@names", "--set", "train.epochs=12"), "epoch 12/12", "");
    assert_int_equal(count_runs("names", "-signs-fork2"), 1);
    cli_expect_text(EXPECT(2, "fork", "signs", "--runs", "@names", "--set", "train.epochs=1"), NULL,
                    "train.epochs = 1 leaves nothing to train");
}

/* A start that is refused leaves nothing, whatever was written before. */
static void refused_starts_leave_nothing(void **state)
{
    (void)state;
    static const char names[] = "four/a/0.png four/a/1.png four/b/2.png four/b/3.png";
    cli_make_folder("four/a");
    cli_make_folder("four/b");
    for (const char *at = names; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
        char *name = mem_format("%.*s", (int)strcspn(at, " "), at);
        cli_write_image(name, 40 + name[7]);
        mem_free(name);
    }
    char *folder = cli_path("four"), *data = mem_format("data.path=%s", folder);
    cli_expect_text(EXPECT(2, "train", "@short.ini", "--run", "@refused", "--set", data, "--set", "data.val=0.5",
                           "--set", "freeze.frozen=nothing_of_it", "--set", "freeze.upto="),
                    NULL, "nothing_of_it");
    assert_int_equal(count_runs("refused", ""), 0);
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--run", "@refused", "--set", data, "--set", "data.val=0.5"), NULL,
                    NULL);
    assert_int_equal(count_runs("refused", "-resnet20-four"), 1);
    mem_free(data);
    mem_free(folder);
}

/* What nobody chose needs no quoting. */
static void automatic_names_are_plain(void **state)
{
    (void)state;
    cli_make_folder("odd (1)");
    cli_make_folder("odd (1)/a");
    cli_make_folder("odd (1)/b");
    cli_write_image("odd (1)/a/0.png", 40);
    cli_write_image("odd (1)/b/0.png", 41);
    char *folder = cli_path("odd (1)"), *data = mem_format("data.path=%s", folder);
    cli_expect_text(EXPECT(0, "train", "@short.ini", "--run", "@plain", "--set", data), NULL, NULL);
    assert_int_equal(count_runs("plain", "-resnet20-odd-1"), 1);
    mem_free(data);
    mem_free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_have_names_of_their_own),
        cmocka_unit_test(refused_starts_leave_nothing),
        cmocka_unit_test(automatic_names_are_plain),
    };
    return cmocka_run_group_tests(tests, cli_make_files, cli_remove_files);
}
