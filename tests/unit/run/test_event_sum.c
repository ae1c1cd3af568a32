/* The sums of events.jsonl: whatever becomes of a line is noticed, and nothing that thaw itself does to the file is taken
 * for damage, nor what programs wrote that knew no sums. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "some_events.h"
#include "some_runs.h"
#include "src/run/event_file.h"
#include "thaw/run/rundir.h"

static char *events; /* of the run */
static char *run;

/* --- a run --- */

/* Lines `first`.. of some_line, as a trainer writes them. */
static void append(struct rundir *rundir, uint64_t first, uint64_t count)
{
    struct error error = {0};
    struct event event;
    bool known;
    for (uint64_t i = first; i < first + count; i++) {
        char *line = some_line(i);
        assert_true(event_from_json(&event, &known, line, strlen(line), &error));
        assert_true(rundir_append(rundir, &event, &error));
        event_finish(&event);
        mem_free(line);
    }
}

static void append_fork(struct rundir *rundir)
{
    struct error error = {0};
    assert_true(rundir_append(rundir, &(struct event){.kind = EVENT_FORK}, &error));
}

static struct rundir *begin(uint64_t lines)
{
    struct error error = {0};
    struct rundir *rundir = rundir_create(folder, "sums", &error);
    assert_non_null(rundir);
    mem_free(run);
    mem_free(events);
    run = mem_string(rundir_path(rundir));
    events = rundir_file(rundir, "events.jsonl");
    append(rundir, 0, lines);
    return rundir;
}

static struct rundir *reopen(void)
{
    struct error error = {0};
    struct rundir *rundir = rundir_open(run, &error);
    if (!rundir)
        fail_msg("%s", error.text);
    return rundir;
}

static char *read_events(size_t *size)
{
    struct error error = {0};
    char *text = file_read_text(events, 1 << 20, &error);
    assert_non_null(text);
    *size = strlen(text);
    return text;
}

/* In place: runs keep their file. */
static void write_events(const char *text, size_t size)
{
    FILE *file = fopen(events, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

/* One byte of them. */
static void put_byte(size_t at, char byte)
{
    int file = open(events, O_WRONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(pwrite(file, &byte, 1, (off_t)at), 1);
    close(file);
}

/* --- what is read of it --- */

static void add_line(void *context, const struct event *event)
{
    char **all = context, *before = *all, *line = event_to_json(event);
    *all = mem_format("%s%s\n", before, line);
    mem_free(before);
    mem_free(line);
}

/* All events as text; the caller frees it. */
static char *fold(struct run_damage *damage)
{
    struct error error = {0};
    char *all = mem_string("");
    if (!rundir_read(run, &(struct event_sink){.emit = add_line, .context = &all}, damage, &error))
        fail_msg("%s", error.text);
    return all;
}

static void expect_words(const char *wanted, uint64_t lines)
{
    struct run_damage damage;
    char words[RUN_DAMAGE_TEXT], *all = fold(&damage);
    run_damage_words(words, &damage);
    if (strcmp(words, wanted) != 0 || damage.lines != lines)
        fail_msg("\"%s\" of %llu lines, where \"%s\" is to be said", words, (unsigned long long)damage.lines, wanted);
    mem_free(all);
}

/* --- damage --- */

/* Every bit of the file: what is read is the same, or it is said that something is damaged. */
static void every_flip_is_noticed(void **state)
{
    (void)state;
    struct run_damage damage;
    size_t size;
    rundir_close(begin(6));
    char *text = read_events(&size), *whole = fold(&damage);
    int silent = 0;
    assert_int_equal(damage.damaged, 0);
    for (size_t i = 0; i < 8 * size; i++) {
        put_byte(i / 8, (char)(text[i / 8] ^ 1 << i % 8));
        char *now = fold(&damage);
        bool same = strcmp(now, whole) == 0;
        if (!same && damage.damaged == 0)
            fail_msg("bit %zu of byte %zu of %zu", i % 8, i / 8, size);
        silent += damage.damaged == 0;
        mem_free(now);
        put_byte(i / 8, text[i / 8]);
    }
    /* the last newline, and the sum of the first line and of the last where it is none any more */
    assert_in_range(silent, 8, 8 + 2 * 8 * EVENT_SUM_TAIL);
    mem_free(whole);
    mem_free(text);
}

/* Line `at`, from 0, of a text of lines. */
static char *line_at(char *text, int at, size_t *length)
{
    for (; at > 0; at--)
        text = strchr(text, '\n') + 1;
    *length = strcspn(text, "\n") + 1;
    return text;
}

static const struct change {
    const char *name;
    int order[12]; /* of the lines, -1 behind the last one */
    const char *words;
    uint64_t lines;
} changes[] = {
    {"as it was", {0, 1, 2, 3, 4, 5, 6, 7, -1}, "", 8},
    {"cut", {0, 1, 2, 3, 4, -1}, "", 5}, /* as after a kill */
    {"lost", {0, 1, 2, 4, 5, 6, 7, -1}, "line 4 of 7 is not as it was written", 7},
    {"two lost", {0, 1, 4, 5, 6, 7, -1}, "line 3 of 6 is not as it was written", 6},
    {"first lost", {1, 2, 3, 4, 5, 6, 7, -1}, "line 1 of 7 is not as it was written", 7},
    {"doubled", {0, 1, 2, 3, 3, 4, 5, 6, 7, -1}, "line 5 of 9 is not as it was written", 9},
    {"last doubled", {0, 1, 2, 3, 4, 5, 6, 7, 7, -1}, "line 9 of 9 is not as it was written", 9},
    {"swapped", {0, 1, 2, 4, 3, 5, 6, 7, -1}, "3 of 8 lines are not as they were written, the first of them line 4", 8},
    {"again", {0, 1, 2, 3, 4, 2, 3, 4, 5, -1}, "line 6 of 9 is not as it was written", 9},
};

static void lines_out_of_place_are_noticed(void **state)
{
    (void)state;
    size_t size, length;
    rundir_close(begin(8));
    char *text = read_events(&size);
    for (size_t i = 0; i < THAW_LENGTH(changes); i++) {
        char *changed = mem_alloc(2 * size);
        size_t at = 0;
        for (const int *number = changes[i].order; *number >= 0; number++) {
            const char *line = line_at(text, *number, &length);
            memcpy(changed + at, line, length);
            at += length;
        }
        write_events(changed, at);
        expect_words(changes[i].words, changes[i].lines);
        mem_free(changed);
    }
    mem_free(text);
}

/* Only the line itself is lost, be it its text that is damaged or its sum. */
static void the_next_line_is_read(void **state)
{
    (void)state;
    static const long behind[] = {20, -22, -19, -6, -3}; /* of line 4's beginning; of its end: before, in its sum */
    size_t size, length;
    rundir_close(begin(8));
    char *text = read_events(&size);
    for (size_t i = 0; i < THAW_LENGTH(behind); i++) {
        char *line = line_at(text, 3, &length), *at = line + (behind[i] < 0 ? (long)length : 0) + behind[i];
        *at ^= 4;
        write_events(text, size);
        expect_words("line 4 of 8 is not as it was written", 8);
        *at ^= 4;
    }
    mem_free(text);
}

/* --- what is none --- */

static void cutting_back_is_no_damage(void **state)
{
    (void)state;
    struct error error = {0};
    struct rundir *rundir = begin(6);
    uint64_t mark = rundir_mark(rundir);
    append(rundir, 6, 5);
    rundir_close(rundir);
    FILE *file = fopen(events, "ae"); /* a kill in the middle of a line */
    fputs("{\"kind\":\"step\",\"ste", file);
    fclose(file);
    rundir = reopen();
    assert_true(rundir_rewind(rundir, mark, &error));
    append_fork(rundir);
    append(rundir, 6, 7);
    expect_words("", 14);
    rundir_close(rundir);
    rundir = reopen(); /* and from its very beginning */
    assert_true(rundir_rewind(rundir, 0, &error));
    append(rundir, 0, 7);
    expect_words("", 7);
    rundir_close(rundir);
}

/* What was written before there were sums is gone on with; and older programs go on with what has them. */
static void older_programs_write_none(void **state)
{
    (void)state;
    rundir_close(begin(0));
    some_lines(run, 0, 5, false);
    expect_words("", 5);
    struct rundir *rundir = reopen();
    append_fork(rundir);
    append(rundir, 5, 3);
    rundir_close(rundir);
    expect_words("", 9);
    FILE *file = fopen(events, "ae");
    fputs("{\"kind\":\"fork\",\"time\":5,\"from\":\"checkpoints/last.safetensors\"}\n", file);
    fclose(file);
    some_lines(run, 8, 3, true);
    expect_words("", 13);
    rundir = reopen();
    append_fork(rundir);
    append(rundir, 11, 3);
    rundir_close(rundir);
    expect_words("", 17);
    some_lines(run, 14, 1, true); /* lines without sums that begin with no fork are not theirs */
    expect_words("line 18 of 18 is not as it was written", 18);
}

/* The last line's end is made good, and what is appended is taken for what it is. */
static void a_damaged_end_is_gone_on_with(void **state)
{
    (void)state;
    struct run_damage damage;
    size_t size;
    rundir_close(begin(6));
    char *text = read_events(&size), *whole = fold(&damage);
    text[size - 1] = '\v';
    write_events(text, size);
    char *now = fold(&damage);
    assert_string_equal(whole, now);
    assert_int_equal(damage.damaged, 0);
    struct rundir *rundir = reopen();
    append(rundir, 6, 3);
    rundir_close(rundir);
    expect_words("", 9);
    for (size_t i = 3; i < 20; i += 8) { /* the sum of the last line: its digits, its name, and what is before it */
        text[size - 1] = '\n';
        text[size - i] ^= 1;
        write_events(text, size);
        rundir = reopen();
        append(rundir, 6, 3);
        rundir_close(rundir);
        expect_words("line 6 of 9 is not as it was written", 9);
        text[size - i] ^= 1;
    }
    mem_free(now);
    mem_free(whole);
    mem_free(text);
}

/* Lines are handed out as event_to_json made them. */
static void sums_stay_in_the_file(void **state)
{
    (void)state;
    struct error error = {0};
    struct event_file file;
    const char *line;
    size_t length;
    rundir_close(begin(30));
    assert_true(event_file_open(&file, run, &error));
    for (uint64_t i = 0; i < 30; i++) {
        char *wanted = some_line(i);
        assert_int_equal(event_file_next(&file, &line, &length), EVENT_FILE_LINE);
        assert_int_equal(length, strlen(wanted));
        assert_memory_equal(line, wanted, length);
        mem_free(wanted);
    }
    assert_int_equal(event_file_next(&file, &line, &length), EVENT_FILE_NOTHING);
    assert_int_equal(event_file_offset(&file), event_file_size(&file));
    event_file_close(&file);
}

static int finish(void **state)
{
    mem_free(run);
    mem_free(events);
    return remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flip_is_noticed),     cmocka_unit_test(lines_out_of_place_are_noticed),
        cmocka_unit_test(the_next_line_is_read),     cmocka_unit_test(cutting_back_is_no_damage),
        cmocka_unit_test(older_programs_write_none), cmocka_unit_test(a_damaged_end_is_gone_on_with),
        cmocka_unit_test(sums_stay_in_the_file),
    };
    return cmocka_run_group_tests(tests, make_folder, finish);
}
