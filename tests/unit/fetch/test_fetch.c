/* Downloads against a server that drops, stalls, lies, sends other files and sends one in circles. Whatever it does: the
 * file appears whole and with the right digest, or not at all, and what was good of it is gone on with. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "server.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/fetch/fetch.h"

static char folder[] = "/tmp/thaw-test-fetch-XXXXXX";
static int port;
static struct digest right;

static char *in_folder(const char *name)
{
    return path_join(folder, name);
}

static bool is_there(const char *name)
{
    char *path = in_folder(name);
    bool there = file_exists(path);
    mem_free(path);
    return there;
}

static void write_bytes(const char *name, const void *bytes, size_t size)
{
    struct error error;
    char *path = in_folder(name);
    if (!file_write_atomic(path, bytes, size, &error))
        fail_msg("%s", error.text);
    mem_free(path);
}

static void forget(const char *name)
{
    static const char *const endings[] = {"", ".part", ".part.from", ".bad"};
    for (size_t i = 0; i < THAW_LENGTH(endings); i++) {
        char *path = mem_format("%s/%s%s", folder, name, endings[i]);
        unlink(path);
        mem_free(path);
    }
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
}

static int start(void **state)
{
    (void)state;
    struct error error;
    unsetenv("THAW_MIRROR");
    setenv("no_proxy", "*", 1);
    port = server_start();
    if (port < 0 || !mkdtemp(folder))
        return -1;
    write_bytes("right", server_file, SERVER_BYTES);
    char *path = in_folder("right");
    right.kind = DIGEST_SHA256;
    bool good = digest_file(right.hex, DIGEST_SHA256, path, NULL, NULL, &error);
    right.hex[8] = '\0'; /* as the published names have it */
    mem_free(path);
    return good ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    char command[96];
    server_stop();
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A fetch of the server's path to a file of the same name; short patience. */
static struct fetch *begin(const char *path, const struct fetch_request *wanted)
{
    struct error error;
    struct fetch_request request = *wanted;
    char *url = request.url ? mem_string(request.url) : mem_format("http://127.0.0.1:%d%s", port, path);
    char *to = in_folder(path + 1);
    request.url = url;
    request.path = to;
    request.stall_seconds = request.stall_seconds > 0 ? request.stall_seconds : 1;
    request.retry_seconds = 0.02;
    struct fetch *fetch = fetch_create(&request, &error);
    if (!fetch)
        fail_msg("%s", error.text);
    mem_free(url);
    mem_free(to);
    return fetch;
}

static struct fetch_progress finish(struct fetch *fetch)
{
    struct fetch_progress progress;
    double began = clock_monotonic();
    do {
        nap();
        fetch_progress(fetch, &progress);
        if (clock_monotonic() - began > 30)
            fail_msg("still in phase %d after 30 seconds", (int)progress.phase);
    } while (!fetch_ended(progress.phase));
    fetch_destroy(fetch);
    return progress;
}

static struct fetch_progress run(const char *path)
{
    return finish(begin(path, &(struct fetch_request){.hash = right}));
}

/* The file is there, byte for byte, and nothing else is left. */
static void assert_whole(const char *name, const struct fetch_progress *progress)
{
    if (progress->phase != FETCH_DONE)
        fail_msg("%s: phase %d: %s", name, (int)progress->phase, progress->error.text);
    struct error error;
    struct file_map map;
    char *path = in_folder(name);
    assert_true(file_map_open(&map, path, &error));
    assert_int_equal(map.size, SERVER_BYTES);
    assert_memory_equal(map.data, server_file, SERVER_BYTES);
    file_map_close(&map);
    mem_free(path);
    char part[64];
    snprintf(part, sizeof part, "%s.part", name);
    assert_false(is_there(part));
    snprintf(part, sizeof part, "%s.part.from", name);
    assert_false(is_there(part));
    assert_true(progress->received == SERVER_BYTES && progress->total == SERVER_BYTES);
}

static void assert_failed(const char *name, const struct fetch_progress *progress, const char *sentence)
{
    assert_int_equal(progress->phase, FETCH_FAILED);
    assert_false(is_there(name));
    if (!strstr(progress->error.text, sentence))
        fail_msg("\"%s\" is not in \"%s\"", sentence, progress->error.text);
}

/* --- what must succeed --- */

static void plain_files_come(void **state)
{
    (void)state;
    static const char *const paths[] = {"/whole", "/plain", "/nolength", "/moved"};
    for (size_t i = 0; i < THAW_LENGTH(paths); i++) {
        struct fetch_progress progress = run(paths[i]);
        assert_whole(paths[i] + 1, &progress);
        forget(paths[i] + 1);
    }
}

static void broken_off_goes_on(void **state)
{
    (void)state;
    struct fetch_progress progress = run("/drop");
    assert_whole("drop", &progress);
    assert_int_equal(server_requests("/drop"), 2);
    assert_string_equal(server_last_range(), "bytes=150000-");
    assert_string_equal(server_last_if_range(), "\"one\"");
    progress = run("/stall");
    assert_whole("stall", &progress);
    assert_int_equal(server_requests("/stall"), 2);
    progress = run("/deaf"); /* knows no ranges: twice half, then all of it */
    assert_whole("deaf", &progress);
    assert_int_equal(server_requests("/deaf"), 3);
    progress = run("/busy");
    assert_whole("busy", &progress);
    assert_int_equal(server_requests("/busy"), 3);
    progress = run("/twisted"); /* a part from elsewhere is thrown away */
    assert_whole("twisted", &progress);
    assert_int_equal(server_requests("/twisted"), 3);
}

static void replaced_files_come_anew(void **state)
{
    (void)state;
    struct fetch_progress progress = run("/changes");
    assert_whole("changes", &progress);
    assert_int_equal(server_requests("/changes"), 2);
    /* without ETags halves of two files meet; only the digest can tell */
    progress = run("/sly");
    assert_whole("sly", &progress);
    assert_int_equal(server_requests("/sly"), 3);
}

/* What an earlier process left. */
static void leftovers_are_used_or_not(void **state)
{
    (void)state;
    char *from = mem_format("http://127.0.0.1:%d/whole\n\"one\"\n%d\n", port, SERVER_BYTES);
    forget("whole");
    write_bytes("whole.part", server_file, 1000);
    write_bytes("whole.part.from", from, strlen(from));
    struct fetch_progress progress = run("/whole");
    assert_whole("whole", &progress);
    assert_string_equal(server_last_range(), "bytes=1000-");
    forget("whole");
    write_bytes("whole.part", server_file, SERVER_BYTES); /* stopped just before its digest was taken */
    write_bytes("whole.part.from", from, strlen(from));
    int before = server_requests("/whole");
    progress = run("/whole");
    assert_whole("whole", &progress);
    assert_int_equal(server_requests("/whole"), before);
    forget("whole");
    write_bytes("whole.part", server_other, 1000); /* rotten: found by the digest, all comes anew */
    write_bytes("whole.part.from", from, strlen(from));
    progress = run("/whole");
    assert_whole("whole", &progress);
    assert_non_null(strstr(progress.note, "from the beginning"));
    forget("whole");
    write_bytes("whole.part", server_other, 1000); /* of unknown origin */
    progress = run("/whole");
    assert_whole("whole", &progress);
    assert_string_equal(server_last_range(), "");
    forget("whole");
    from[21]++; /* of another port, so of another server */
    write_bytes("whole.part", server_file, 1000);
    write_bytes("whole.part.from", from, strlen(from));
    progress = run("/whole");
    assert_whole("whole", &progress);
    assert_string_equal(server_last_range(), "");
    forget("whole");
    from[21]--;
    write_bytes("whole.part", server_other, 1000); /* rotten, and no digest to tell */
    write_bytes("whole.part.from", from, strlen(from));
    progress = finish(begin("/whole", &(struct fetch_request){.url = NULL}));
    assert_whole("whole", &progress);
    assert_string_equal(server_last_range(), "");
    forget("whole");
    mem_free(from);
}

static void present_files_are_checked(void **state)
{
    (void)state;
    write_bytes("whole", server_file, SERVER_BYTES);
    int before = server_requests("/whole");
    struct fetch_progress progress = run("/whole");
    assert_int_equal(progress.phase, FETCH_DONE);
    assert_int_equal(server_requests("/whole"), before);
    write_bytes("whole", server_other, SERVER_BYTES);
    progress = run("/whole");
    assert_int_equal(progress.phase, FETCH_FAILED);
    assert_int_equal(progress.error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(progress.error.text, "move it away"));
    assert_true(is_there("whole")); /* the user's own is not touched */
    forget("whole");
}

/* --- what must fail, and how --- */

static void wrong_files_get_no_name(void **state)
{
    (void)state;
    struct fetch_progress progress = run("/wrong");
    assert_failed("wrong", &progress, "expected");
    assert_int_equal(progress.error.kind, ERROR_WEIGHTS);
    assert_non_null(strstr(progress.error.text, right.hex));
    assert_non_null(strstr(progress.error.text, "wrong.bad"));
    assert_true(is_there("wrong.bad"));
    assert_false(is_there("wrong.part"));
    progress = run("/html");
    assert_failed("html", &progress, "not the published file");
}

static void faults_are_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *path, *sentence;
        int requests; /* of one fetch */
    } cases[] = {
        {"/404", "the server answers 404: there is no such file", 1},
        {"/403", "the server answers 403: forbidden", 1},
        {"/always503", "the server answers 503: it is busy", 4},
        {"/loop", "sent on from address to address, more than 5 times", 6},
        {"/to-ftp", "sent on to an address that is not http or https, which is refused", 1},
        {"/to-file", "sent on to an address that is not http or https, which is refused", 1},
        {"/empty", "the server sends an empty file", 1},
        {"/huge", "no room on the disk: 1000000000.0 MB are to come", 1},
        {"/short", "the server announced 300000 bytes and ended after 150000", 5},
        {"/silent", "nothing came for 1 seconds", 4},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct fetch_progress progress = run(cases[i].path);
        assert_failed(cases[i].path + 1, &progress, cases[i].sentence);
        assert_int_equal(progress.error.kind, ERROR_FAILED);
        if (server_requests(cases[i].path) != cases[i].requests)
            fail_msg("%s: %d requests", cases[i].path, server_requests(cases[i].path));
        forget(cases[i].path + 1);
    }
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    struct fetch_request small = {.hash = right, .size = 1000};
    struct fetch_progress progress = finish(begin("/huge", &small));
    assert_failed("huge", &progress, "announces 1000000000.0 MB, 0.0 MB are expected");
    progress = finish(begin("/endless", &small));
    assert_failed("endless", &progress, "sends more than the 67.1 MB that can be right");
    forget("endless");
}

static void nobody_there(void **state)
{
    (void)state;
    struct fetch_request request = {.url = "http://127.0.0.1:1/x.pth", .tries = 2};
    struct fetch_progress progress = finish(begin("/x", &request));
    assert_failed("x", &progress, "127.0.0.1");
    struct error error;
    request = (struct fetch_request){.url = "gopher://somewhere/x", .path = "/tmp/x"};
    assert_null(fetch_create(&request, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    request.url = "https://host/folder/";
    assert_null(fetch_create(&request, &error));
}

static void disk_faults_keep_the_part(void **state)
{
    (void)state;
    struct rlimit before, small = {.rlim_cur = 100000, .rlim_max = 0};
    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    struct fetch_progress progress = run("/whole");
    setrlimit(RLIMIT_FSIZE, &before);
    assert_failed("whole", &progress, "cannot write");
    assert_true(is_there("whole.part"));
    progress = run("/whole");
    assert_whole("whole", &progress);
    assert_string_equal(server_last_range(), "bytes=100000-");
    forget("whole");
    struct fetch_request request = {.hash = right};
    chmod(folder, 0500);
    if (access(folder, W_OK) != 0) { /* not for root */
        progress = finish(begin("/whole", &request));
        assert_failed("whole", &progress, "cannot write");
    }
    chmod(folder, 0700);
}

/* --- from outside --- */

static void cancelled_and_gone_on(void **state)
{
    (void)state;
    struct fetch_progress progress;
    struct fetch *fetch = begin("/slow", &(struct fetch_request){.hash = right});
    do {
        nap();
        fetch_progress(fetch, &progress);
    } while (progress.received < 50000);
    assert_int_equal(progress.phase, FETCH_RECEIVING);
    assert_true(progress.total == SERVER_BYTES);
    double began = clock_monotonic();
    fetch_cancel(fetch);
    progress = finish(fetch);
    assert_true(clock_monotonic() - began < 0.5);
    assert_int_equal(progress.phase, FETCH_CANCELLED);
    assert_true(is_there("slow.part"));
    assert_false(is_there("slow"));
    fetch = begin("/silent", &(struct fetch_request){.stall_seconds = 60}); /* destroyed in the middle */
    nap();
    began = clock_monotonic();
    fetch_destroy(fetch);
    assert_true(clock_monotonic() - began < 0.5);
    forget("slow");
}

static void count_change(void *context)
{
    __atomic_fetch_add((int *)context, 1, __ATOMIC_SEQ_CST);
}

static void two_at_once_fetch_once(void **state)
{
    (void)state;
    int changes = 0, before = server_requests("/slow");
    struct fetch_progress progress;
    struct fetch *one =
        begin("/slow", &(struct fetch_request){.hash = right, .changed = count_change, .context = &changes});
    do {
        nap();
        fetch_progress(one, &progress);
    } while (progress.received < 10000);
    struct fetch *two = begin("/slow", &(struct fetch_request){.hash = right});
    do {
        nap();
        fetch_progress(two, &progress);
    } while (progress.phase == FETCH_CONNECTING);
    assert_int_equal(progress.phase, FETCH_WAITING);
    bool rated = false;
    do {
        nap();
        fetch_progress(one, &progress);
        rated = rated || (progress.rate > 50000 && progress.rate < 2e6 && progress.remaining > 0);
    } while (!fetch_ended(progress.phase));
    assert_true(rated);
    progress = finish(one);
    assert_whole("slow", &progress);
    progress = finish(two);
    assert_int_equal(progress.phase, FETCH_DONE);
    assert_false(is_there("slow.part"));
    assert_int_equal(server_requests("/slow"), before + 1);
    assert_true(changes >= 5 && changes <= 40);
    forget("slow");
}

static void mirrors_and_offline(void **state)
{
    (void)state;
    char *mirror = mem_format("http://127.0.0.1:%d", port);
    struct fetch_request request = {.url = "https://nowhere.invalid/models/whole", .hash = right, .mirror = mirror};
    struct fetch_progress progress = finish(begin("/whole", &request));
    assert_whole("whole", &progress);
    request.mirror = NULL;
    request.offline = true;
    progress = finish(begin("/whole", &request)); /* there already */
    assert_int_equal(progress.phase, FETCH_DONE);
    char *moved = in_folder("moved-away"), *whole = in_folder("whole");
    assert_int_equal(rename(whole, moved), 0);
    progress = finish(begin("/whole", &request));
    assert_failed("whole", &progress, "no network is to be used");
    char *local = mem_format("file://%s", folder); /* a folder is no network */
    request.mirror = local;
    request.url = "https://nowhere.invalid/models/moved-away";
    progress = finish(begin("/whole", &request));
    assert_whole("whole", &progress);
    setenv("THAW_MIRROR", mirror, 1);
    char *address = fetch_address("https://host/a/b/c.pth", NULL);
    assert_string_equal(path_base(address), "c.pth");
    assert_memory_equal(address, mirror, strlen(mirror));
    mem_free(address);
    address = fetch_address("https://host/a/b/c.pth", "");
    assert_string_equal(address, "https://host/a/b/c.pth");
    unsetenv("THAW_MIRROR");
    mem_free(address);
    mem_free(mirror);
    mem_free(local);
    mem_free(moved);
    mem_free(whole);
    forget("whole");
}

static void line_for_the_shell(void **state)
{
    (void)state;
    char *command = fetch_by_hand("https://host/a.pth", "/home/me/models/a.pth");
    assert_string_equal(command, "curl -L --fail -o /home/me/models/a.pth https://host/a.pth");
    mem_free(command);
    command = fetch_by_hand("https://host/a.pth?x=1&y=2", "/tmp/it's here/a.pth");
    assert_string_equal(command, "curl -L --fail -o '/tmp/it'\\''s here/a.pth' 'https://host/a.pth?x=1&y=2'");
    mem_free(command);
}

int main(void)
{
    if (!fetch_available()) {
        puts("SKIPPED: this build has no downloads");
        return 77;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_files_come),
        cmocka_unit_test(broken_off_goes_on),
        cmocka_unit_test(replaced_files_come_anew),
        cmocka_unit_test(leftovers_are_used_or_not),
        cmocka_unit_test(present_files_are_checked),
        cmocka_unit_test(wrong_files_get_no_name),
        cmocka_unit_test(faults_are_sentences),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(nobody_there),
        cmocka_unit_test(disk_faults_keep_the_part),
        cmocka_unit_test(cancelled_and_gone_on),
        cmocka_unit_test(two_at_once_fetch_once),
        cmocka_unit_test(mirrors_and_offline),
        cmocka_unit_test(line_for_the_shell),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
