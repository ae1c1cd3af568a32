/* Run directories and files of our own that came from elsewhere: links to what their maker wants emptied, filled or read,
 * and things in the place of files that would be waited for. Nothing behind a link changes, and nothing hangs. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "folder.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/log.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"
#include "thaw/run/run_labels.h"
#include "thaw/run/rundir.h"
#include "thaw/weights/weights.h"

static const char precious[] = "{\"tags\": [\"somebody else's\"]}\n";

static char *put(const char *at, const char *name, const char *text)
{
    struct error error = {0};
    char *path = path_join(at, name);
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
    return path;
}

static void is_untouched(const char *path)
{
    struct error error = {0};
    char *text = file_read_text(path, 1 << 20, &error);
    assert_non_null(text);
    assert_string_equal(text, precious);
    mem_free(text);
}

/* A sound run in which nobody trains; caller frees its path. */
static char *make_run(void)
{
    struct error error = {0};
    struct event event = {.kind = EVENT_RUN, .u.run = {.version = EVENT_VERSION}};
    struct rundir *rundir = rundir_create(folder, "run", &error);
    if (!rundir || !rundir_append(rundir, &event, &error))
        fail_msg("%s", error.text);
    char *path = mem_string(rundir_path(rundir));
    rundir_close(rundir);
    mem_free(put(path, "experiment.ini", "[train]\nepochs = 1\n"));
    return path;
}

/* In the place of what is there. */
static void stand(const char *run, const char *name, const char *target)
{
    char *path = path_join(run, name);
    (void)!unlink(path);
    (void)!rmdir(path);
    assert_int_equal(target ? symlink(target, path) : mkfifo(path, 0600), 0);
    mem_free(path);
}

static void expect_refused(const char *run, const char *name)
{
    struct error error = {0};
    struct rundir *rundir = rundir_open(run, &error);
    if (rundir || error.kind != ERROR_FAILED || !strstr(error.text, name) || !strstr(error.text, run))
        fail_msg("%s: kind %d: %s", name, error.kind, error.text);
    error = (struct error){0};
    if (rundir_check(run, &error) || !strstr(error.text, name))
        fail_msg("%s: %s", name, error.text);
}

static const char *const owns[] = {
    "lock",   "events.jsonl", "experiment.ini",    "labels.json", "kernels",
    "parent", "thaw.log",     "model.safetensors", "checkpoints", "checkpoints/last.safetensors"};

/* Whatever thaw would write to or read from: the run is refused before anything is done. */
static void links_in_runs_lead_nowhere(void **state)
{
    (void)state;
    char *victim = put(folder, "victim", precious), *elsewhere = path_join(folder, "elsewhere");
    assert_int_equal(mkdir(elsewhere, 0700), 0);
    char *litter = put(elsewhere, "last.safetensors.12.tmp", precious);
    for (size_t i = 0; i < THAW_LENGTH(owns); i++) {
        char *run = make_run();
        stand(run, owns[i], !strcmp(owns[i], "checkpoints") ? elsewhere : victim);
        expect_refused(run, owns[i]);
        is_untouched(victim);
        is_untouched(litter);
        mem_free(run);
    }
    mem_free(litter);
    mem_free(elsewhere);
    mem_free(victim);
}

/* Refused as well, and neither opening nor listing waits for who writes into them. */
static void nothing_is_waited_for(void **state)
{
    (void)state;
    struct error error = {0};
    for (size_t i = 0; i < THAW_LENGTH(owns); i++) {
        char *run = make_run();
        size_t count;
        stand(run, owns[i], NULL);
        expect_refused(run, owns[i]);
        assert_false(rundir_is_active(run));
        struct rundir_summary *list = rundir_list(folder, &count, &error);
        assert_non_null(list);
        rundir_list_free(list, count);
        mem_free(run);
    }
}

/* Events, tags and lock are asked for when runs are listed and looked at, without rundir_check. */
static void links_are_not_read_through(void **state)
{
    (void)state;
    char *run = make_run(), *victim = put(folder, "victim", precious);
    struct error error = {0};
    struct run_labels labels;
    stand(run, "labels.json", victim);
    assert_false(run_labels_read(&labels, run, &error));
    assert_non_null(strstr(error.text, "labels.json: not a regular file but a symbolic link"));
    run_labels_finish(&labels);
    stand(run, "events.jsonl", victim);
    assert_null(link_open(run, 0, &error));
    assert_non_null(strstr(error.text, "events.jsonl: not a regular file but a symbolic link"));
    struct event_sink sink = {0};
    assert_false(rundir_read(run, &sink, NULL, &error));
    mem_free(run);
    mem_free(victim);
}

/* --- events that cannot be --- */

#define TOLD "\"time\":1,\"elapsed\":1,\"epoch\":1,\"step\":1"

static const char *const cannot_be[] = {
    "{\"kind\":\"epoch\",\"time\":-1,\"epoch\":1}",
    "{\"kind\":\"epoch\",\"time\":1e300,\"epoch\":1}",
    "{\"kind\":\"epoch\",\"time\":\"nan\",\"epoch\":1}",
    "{\"kind\":\"epoch\",\"elapsed\":\"inf\",\"epoch\":1}",
    "{\"kind\":\"epoch\",\"elapsed\":-1e-300,\"epoch\":1}",
    "{\"kind\":\"epoch\",\"epoch\":-1}",
    "{\"kind\":\"epoch\",\"epoch\":2147483648}",
    "{\"kind\":\"epoch\",\"epoch\":1.5}",
    "{\"kind\":\"epoch\",\"epoch\":1e400}",
    "{\"kind\":\"epoch\",\"epoch\":1,\"step\":18446744073709551616}",
    "{\"kind\":\"epoch\",\"epoch\":1,\"step\":\"18446744073709551616\"}",
    "{\"kind\":\"epoch\",\"epoch\":1,\"step\":-1}",
    "{\"kind\":\"epochs\"," TOLD ",\"from\":1,\"to\":-5}",
    "{\"kind\":\"done\"," TOLD ",\"how\":\"won\"}",
    "{\"kind\":\"phase\"," TOLD ",\"phase\":\"sleeping\"}",
    "{\"kind\":\"layers\"," TOLD
    ",\"layers\":[{\"name\":\"a\",\"stage\":\"a\",\"kind\":\"c\",\"shape\":\"1\",\"params\":-1,"
    "\"macs\":1,\"activation_bytes\":1,\"marks\":1}],\"fixed\":\"0\"}",
    "{\"kind\":\"updates\"," TOLD ",\"ratios\":\"1 2 x\"}",
    "{\"kind\":7}",
    "[1,2]",
    "{\"kind\":\"note\",\"text\":\"\\ud800\"}",
};

/* Each is one line of a run that has ended: it is said which, and the rest counts. */
static void numbers_out_of_range(void **state)
{
    (void)state;
    static const char start[] = "{\"kind\":\"run\",\"time\":1,\"version\":2,\"epochs\":3}\n";
    static const char end[] = "{\"kind\":\"done\",\"time\":2,\"how\":\"stopped\"}\n";
    for (size_t i = 0; i < THAW_LENGTH(cannot_be); i++) {
        struct error error = {0};
        struct rundir_summary summary;
        char *run = make_run(), *text = mem_format("%s%s\n%s", start, cannot_be[i], end);
        mem_free(put(run, "events.jsonl", text));
        assert_true(rundir_summarise(run, &summary, &error));
        if (strcmp(summary.damage, "line 2 of 3 is not as it was written; the others say that it is stopped") != 0)
            fail_msg("%s: %s", cannot_be[i], summary.damage);
        assert_true(summary.done && summary.epochs == 3 && summary.epochs_done == 0 && summary.step == 0);
        rundir_summary_finish(&summary);
        mem_free(text);
        mem_free(run);
    }
}

/* A line of more than 8 MiB is passed over in pieces, and the next one is an event again. */
static void a_line_without_end(void **state)
{
    (void)state;
    enum { LONG = 9 << 20 };
    struct error error = {0};
    struct rundir_summary summary;
    char *run = make_run(), *path = path_join(run, "events.jsonl"), *line = mem_alloc(LONG + 1);
    memset(line, 'x', LONG);
    FILE *stream = fopen(path, "w"); /* all without sums: else the line behind it would count, too */
    fprintf(stream,
            "{\"kind\":\"run\",\"version\":2}\n{\"kind\":\"note\",\"text\":\"%s\"}\n"
            "{\"kind\":\"done\",\"how\":\"finished\"}\n",
            line);
    fclose(stream);
    assert_true(rundir_summarise(run, &summary, &error));
    assert_string_equal(summary.damage, "line 2 of 3 is not as it was written; the others say that it is finished");
    rundir_summary_finish(&summary);
    mem_free(line);
    mem_free(path);
    mem_free(run);
}

/* What is said to a run's door goes to nobody else's. */
static void a_door_is_no_link(void **state)
{
    (void)state;
    bool writes;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char *run = make_run(), *door = path_join(run, RUNDIR_CONTROL);
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/others.sock", folder);
    assert_true(length < (int)sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
    assert_int_equal(symlink(address.sun_path, door), 0);
    assert_int_equal(link_connect(run, &writes), -1);
    assert_int_equal(unlink(door), 0);
    assert_int_equal(link(address.sun_path, door), 0); /* the same socket, and no link */
    int there = link_connect(run, &writes);
    assert_true(there >= 0 && writes);
    close(there);
    close(fd);
    mem_free(door);
    mem_free(run);
}

/* Temporary files have names that can be told before. */
static void nothing_is_written_through_a_temporary_name(void **state)
{
    (void)state;
    struct error error = {0};
    char *victim = put(folder, "victim", precious), *path = path_join(folder, "written");
    char *temporary = mem_format("%s.%ld.tmp", path, (long)getpid());
    assert_int_equal(symlink(victim, temporary), 0);
    assert_true(file_write_atomic(path, "new", 3, &error));
    is_untouched(victim);
    char *text = file_read_text(path, 100, &error);
    assert_string_equal(text, "new");
    /* and where the file itself is a link, that is replaced */
    unlink(path);
    assert_int_equal(symlink(victim, path), 0);
    assert_true(file_write_atomic(path, "new", 3, &error));
    is_untouched(victim);
    mem_free(text);
    mem_free(temporary);
    mem_free(path);
    mem_free(victim);
}

static void caches_and_logs_are_no_links(void **state)
{
    (void)state;
    struct error error = {0};
    char *victim = put(folder, "victim", "key\tvalue\n"), *path = path_join(folder, "kept");
    struct ledger ledger;
    assert_int_equal(symlink(victim, path), 0);
    ledger_read(&ledger, path);
    assert_null(ledger_find(&ledger, "key"));
    ledger_free(&ledger);
    assert_null(log_open(path, LOG_INFO, &error));
    assert_non_null(strstr(error.text, "a symbolic link"));
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    ledger_read(&ledger, path);
    assert_int_equal(ledger.lines, 0);
    assert_null(log_open(path, LOG_INFO, &error));
    assert_non_null(strstr(error.text, "a named pipe"));
    mem_free(path);
    mem_free(victim);
}

/* What else has a path: text, maps; a device is no file either. */
static void only_regular_files_are_read(void **state)
{
    (void)state;
    struct error error = {0};
    struct file_map map;
    char *pipe = path_join(folder, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const struct {
        const char *path, *kind;
    } cases[] = {{pipe, "not a regular file but a named pipe"}, {"/dev/zero", "not a regular file but a device"}};
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        assert_null(file_read_text(cases[i].path, 1 << 20, &error));
        assert_non_null(strstr(error.text, cases[i].kind));
        error.text[0] = '\0';
        assert_false(file_map_open(&map, cases[i].path, &error));
        assert_non_null(strstr(error.text, cases[i].kind));
    }
    mem_free(pipe);
}

/* --- weights in several files --- */

static const char shard_header[] = "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}";
static const char shard_index[] = "{\"metadata\":{},\"weight_map\":{\"w\":\"one.safetensors\"}}";

static void put_shard(const char *path)
{
    struct error error = {0};
    char file[8 + sizeof shard_header - 1 + 4] = {(char)(sizeof shard_header - 1)};
    memcpy(file + 8, shard_header, sizeof shard_header - 1);
    assert_true(file_write_atomic(path, file, sizeof file, &error));
}

static void expect_index(const char *index, const char *fault)
{
    struct error error = {0};
    struct weights *weights = weights_open(index, &error);
    if ((weights != NULL) != !fault || (fault && (error.kind != ERROR_WEIGHTS || !strstr(error.text, fault))))
        fail_msg("%s: kind %d: %s", index, error.kind, error.text);
    weights_close(weights);
}

static void make_folders(const char *path)
{
    struct error error = {0};
    assert_true(file_make_directories(path, &error));
}

static void shards_stay_in_their_folder(void **state)
{
    (void)state;
    char *model = path_join(folder, "model"), *shard = path_join(model, "one.safetensors");
    char *inside = path_join(model, "files/one"), *outside = path_join(folder, "outside.safetensors");
    make_folders(model);
    char *below = path_join(model, "files");
    make_folders(below);
    char *index = put(model, "model.safetensors.index.json", shard_index);
    put_shard(outside);
    put_shard(inside);
    expect_index(index, "No such file");
    assert_int_equal(symlink(outside, shard), 0);
    expect_index(index, "outside of the model's own folder");
    unlink(shard);
    assert_int_equal(symlink("files/one", shard), 0);
    expect_index(index, NULL);
    mem_free(below);
    mem_free(inside);
    mem_free(outside);
    mem_free(shard);
    mem_free(index);
    mem_free(model);
}

/* Hugging Face's cache: links from snapshots/REVISION into blobs of the same repository, and of no other. */
static void hub_caches_are_read(void **state)
{
    (void)state;
    char *own = path_join(folder, "models--a--b/blobs"), *other = path_join(folder, "models--c--d/blobs");
    char *snapshot = path_join(folder, "models--a--b/snapshots/0123"), *shard = path_join(snapshot, "one.safetensors");
    make_folders(own);
    make_folders(other);
    make_folders(snapshot);
    char *index_blob = put(own, "11", shard_index), *index = path_join(snapshot, "model.safetensors.index.json");
    char *blob = path_join(own, "22"), *foreign = path_join(other, "22");
    put_shard(blob);
    put_shard(foreign);
    assert_int_equal(symlink("../../blobs/11", index), 0);
    assert_int_equal(symlink("../../blobs/22", shard), 0);
    expect_index(index, NULL);
    unlink(shard);
    assert_int_equal(symlink("../../../models--c--d/blobs/22", shard), 0);
    expect_index(index, "outside of the model's own folder");
    char *const paths[] = {own, other, snapshot, shard, index_blob, index, blob, foreign};
    for (size_t i = 0; i < THAW_LENGTH(paths); i++)
        mem_free(paths[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_in_runs_lead_nowhere),
        cmocka_unit_test(nothing_is_waited_for),
        cmocka_unit_test(links_are_not_read_through),
        cmocka_unit_test(numbers_out_of_range),
        cmocka_unit_test(a_line_without_end),
        cmocka_unit_test(a_door_is_no_link),
        cmocka_unit_test(nothing_is_written_through_a_temporary_name),
        cmocka_unit_test(caches_and_logs_are_no_links),
        cmocka_unit_test(only_regular_files_are_read),
        cmocka_unit_test(shards_stay_in_their_folder),
        cmocka_unit_test(hub_caches_are_read),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
