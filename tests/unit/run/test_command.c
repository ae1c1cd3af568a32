/* Commands and answers: words and JSON, both ways, and nonsense in either. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"
#include "thaw/run/command.h"

static struct run_command parsed(const char *words)
{
    struct run_command command;
    struct error error = {0};
    if (!run_command_parse(&command, words, &error))
        fail_msg("%s: %s", words, error.text);
    return command;
}

static void words_are_understood(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        enum run_command_kind kind;
        double value;
        const char *text, *back; /* back NULL: the same words */
    } rows[] = {
        {"lr 0.002", RUN_LR, 0.002, NULL, NULL},
        {"  lr\t1e-3 ", RUN_LR, 0.001, NULL, "lr 0.001"},
        {"pause", RUN_PAUSE, 0, NULL, NULL},
        {"continue", RUN_CONTINUE, 0, NULL, NULL},
        {"step", RUN_STEP, 1, NULL, "step 1"},
        {"step 25", RUN_STEP, 25, NULL, NULL},
        {"stop", RUN_STOP, 0, NULL, "stop now"},
        {"stop now", RUN_STOP, 0, NULL, NULL},
        {"stop epoch", RUN_STOP, 0, NULL, NULL},
        {"save", RUN_SAVE, 0, NULL, NULL},
        {"freeze layer4 fc", RUN_FREEZE, 0, "layer4 fc", NULL},
        {"thaw layer4", RUN_THAW, 1, "layer4", NULL},
        {"thaw layer4  layer3 @ lr*0.1", RUN_THAW, 0.1, "layer4  layer3", NULL},
        {"thaw layer4@lr * 0.5", RUN_THAW, 0.5, "layer4", "thaw layer4 @ lr*0.5"},
        {"undo", RUN_UNDO, 0, NULL, NULL},
        {"epochs 40", RUN_EPOCHS, 40, NULL, NULL},
        {"note it jumps here, \"why\"?", RUN_NOTE, 0, "it jumps here, \"why\"?", NULL},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct run_command command = parsed(rows[i].words);
        assert_int_equal(command.kind, rows[i].kind);
        assert_true(command.value == rows[i].value);
        assert_true(rows[i].text ? command.text && strcmp(command.text, rows[i].text) == 0 : !command.text);
        char *back = run_command_words(&command);
        assert_string_equal(back, rows[i].back ? rows[i].back : rows[i].words);
        mem_free(back);
        run_command_finish(&command);
    }
}

static void times_to_stop_at(void **state)
{
    (void)state;
    double now = clock_wall();
    struct run_command command = parsed("stop +30");
    assert_int_equal(command.when, RUN_STOP_TIME);
    assert_true(fabs(command.value - now - 1800) < 60);
    for (int hour = 0; hour < 24; hour++) {
        char words[16];
        snprintf(words, sizeof words, "stop %d:%02d", hour, hour * 2);
        command = parsed(words);
        time_t at = (time_t)command.value;
        struct tm parts;
        localtime_r(&at, &parts);
        assert_true(command.value > now && command.value < now + 25.1 * 3600); /* the next one */
        assert_int_equal(parts.tm_hour, hour);
        assert_int_equal(parts.tm_min, hour * 2);
    }
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *words, *sentence;
    } rows[] = {
        {"", "there is no command \"\""},
        {"lr", "lr takes RATE"},
        {"lr -1", "lr takes RATE"},
        {"lr 0", "lr takes RATE"},
        {"lr nan", "lr takes RATE"},
        {"stop 4294967306:10", "stop takes"},
        {"stop 10:4294967306", "stop takes"},
        {"lr inf", "lr takes RATE"},
        {"lr 0.1x", "lr takes RATE"},
        {"lr 0.1 0.2", "lr takes RATE"},
        {"pause now", "pause takes nothing"},
        {"step 0", "step takes [N]"},
        {"step 1.5", "step takes [N]"},
        {"step -3", "step takes [N]"},
        {"stop never", "stop takes"},
        {"stop 24:00", "stop takes"},
        {"stop 12:60", "stop takes"},
        {"stop 12:30pm", "stop takes"},
        {"stop +0", "stop takes"},
        {"stop +nan", "stop takes"},
        {"stop +1e308", "stop takes"}, /* no clock goes so far */
        {"stop +5:30", "stop takes"},  /* minutes and seconds? a time of day? */
        {"freeze", "freeze takes PATTERNS"},
        {"thaw", "thaw takes PATTERNS"},
        {"thaw @ lr*0.1", "thaw takes PATTERNS"},
        {"thaw layer4 @ 0.1", "thaw takes PATTERNS"},
        {"thaw layer4 @ lr*0", "thaw takes PATTERNS"},
        {"thaw layer4 @ lr*-1", "thaw takes PATTERNS"},
        {"thaw layer4 @ lr*0.1x", "thaw takes PATTERNS"},
        {"epochs", "epochs takes N"},
        {"epochs many", "epochs takes N"},
        {"epochs 1e9", "epochs takes N"},
        {"note", "note takes TEXT"},
        {"watch 0", "there is no command \"watch\""}, /* nobody types these */
        {"interrupt", "there is no command \"interrupt\""},
        {"plan ff", "there is no command \"plan\""},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        struct run_command command;
        struct error error = {0};
        if (run_command_parse(&command, rows[i].words, &error))
            fail_msg("\"%s\" is taken", rows[i].words);
        assert_int_equal(error.kind, ERROR_USAGE);
        if (!strstr(error.text, rows[i].sentence))
            fail_msg("\"%s\": %s", rows[i].words, error.text);
    }
    struct run_command command;
    struct error error = {0};
    assert_false(run_command_parse(&command, "paus", &error));
    assert_non_null(strstr(error.text, "pause"));
}

static struct run_command any_command(struct rng *rng)
{
    struct run_command command = {.kind = (enum run_command_kind)rng_below(rng, RUN_COMMANDS), .id = rng_next(rng)};
    command.value = rng_below(rng, 3) ? (double)rng_below(rng, 1u << 31) / 1024 : 0;
    command.rate = rng_below(rng, 3) ? 0 : (double)rng_below(rng, 1000);
    command.when = command.kind == RUN_STOP ? (enum run_stop_when)rng_below(rng, 3) : RUN_STOP_NOW;
    command.text = rng_below(rng, 2) ? mem_format("%u \"\n\t\\ \xc3\xa9", rng_below(rng, 1000)) : NULL;
    snprintf(command.by, sizeof command.by, "%s", rng_below(rng, 2) ? "anna \"b\"" : "");
    return command;
}

static void json_comes_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 5, 1);
    for (int i = 0; i < 2000; i++) {
        struct run_command command = any_command(&rng), back;
        struct error error = {0};
        char *line = run_command_to_json(&command);
        assert_null(strchr(line, '\n'));
        if (!run_command_from_json(&back, line, strlen(line), &error))
            fail_msg("%s: %s", line, error.text);
        assert_int_equal(back.kind, command.kind);
        assert_true(back.id == command.id);
        assert_true(back.value == command.value && back.rate == command.rate);
        assert_int_equal(back.when, command.when);
        assert_true(command.text ? back.text && strcmp(back.text, command.text) == 0 : !back.text);
        assert_string_equal(back.by, command.by);
        struct run_command copy = run_command_copy(&back);
        char *again = run_command_to_json(&copy);
        assert_string_equal(line, again);
        mem_free(again);
        mem_free(line);
        run_command_finish(&copy);
        run_command_finish(&back);
        run_command_finish(&command);
    }
}

static void hostile_json_is_refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "",
        "{",
        "[]",
        "7",
        "null",
        "{}",
        "{\"command\":7}",
        "{\"command\":\"dance\"}",
        "{\"command\":\"lr\",\"value\":\"0.1\"}",
        "{\"command\":\"lr\",\"value\":[]}",
        "{\"command\":\"lr\",\"value\":1e999}",
        "{\"command\":\"stop\",\"when\":\"soon\"}",
        "{\"command\":\"note\",\"text\":7}",
        "{\"command\":\"note\",\"text\":\"a\\u0000b\"}",
        "{\"command\":\"note\",\"text\":\"\xff\"}",
        "{\"command\":\"pause\",\"id\":\"x\"}",
        "{\"command\":\"pause\",\"id\":1.5}",
        "{\"command\":\"pause\",\"by\":[]}",
        "{\"command\":\"pause\"} and more",
        "{\"command\":\"watch\",\"rate\":\"slow\"}",
    };
    for (size_t i = 0; i < THAW_LENGTH(lines); i++) {
        struct run_command command;
        struct error error = {0};
        if (run_command_from_json(&command, lines[i], strlen(lines[i]), &error))
            fail_msg("%s is taken", lines[i]);
        assert_int_equal(error.kind, ERROR_USAGE);
        assert_true(error.text[0] != '\0');
        assert_null(command.text);
    }
    struct run_command command;
    struct error error = {0};
    static const char newer[] = "{\"id\":42,\"command\":\"teleport\"}"; /* its answer finds who asked */
    assert_false(run_command_from_json(&command, newer, sizeof newer - 1, &error));
    assert_int_equal(command.id, 42);
}

static void a_text_has_its_limit(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        struct run_command command;
        struct error error = {0};
        char *line = mem_format("{\"command\":\"note\",\"text\":\"%0*d\"}", RUN_COMMAND_TEXT_MAX + over, 1);
        assert_int_equal(run_command_from_json(&command, line, strlen(line), &error), !over);
        run_command_finish(&command);
        mem_free(line);
    }
}

static void answers_come_back(void **state)
{
    (void)state;
    struct run_answer answer = {.id = UINT64_MAX, .done = true, .sentence = "so \"be\" it\n\xc3\xa9"}, back;
    struct error error = {0};
    char *line = run_answer_to_json(&answer);
    assert_null(strchr(line, '\n'));
    assert_true(run_answer_from_json(&back, line, strlen(line), &error));
    assert_true(back.id == answer.id && back.done);
    assert_string_equal(back.sentence, answer.sentence);
    mem_free(line);
    static const char *const bad[] = {"", "{}", "[]", "{\"answer\":\"x\"}", "{\"answer\":1.5}", "{\"answer\":7"};
    for (size_t i = 0; i < THAW_LENGTH(bad); i++)
        assert_false(run_answer_from_json(&back, bad[i], strlen(bad[i]), &error));
    char *longer = mem_format("{\"answer\":1,\"done\":1,\"sentence\":\"%0*d\"}", 5000, 1);
    assert_true(run_answer_from_json(&back, longer, strlen(longer), &error));
    assert_false(back.done); /* only true is */
    assert_int_equal(strlen(back.sentence), sizeof back.sentence - 1);
    mem_free(longer);
}

/* Only the screens' own are not typed, only looking does not write. */
static void the_table_holds(void **state)
{
    (void)state;
    for (int i = 0; i < RUN_COMMANDS; i++) {
        const struct run_command_row *row = run_command_row((enum run_command_kind)i);
        assert_true(row->name[0] && row->help[0]);
        assert_int_equal(row->writes, i != RUN_WATCH);
        for (int k = 0; k < i; k++)
            assert_string_not_equal(row->name, run_command_row((enum run_command_kind)k)->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_understood),    cmocka_unit_test(times_to_stop_at),
        cmocka_unit_test(nonsense_is_refused),     cmocka_unit_test(json_comes_back),
        cmocka_unit_test(hostile_json_is_refused), cmocka_unit_test(a_text_has_its_limit),
        cmocka_unit_test(answers_come_back),       cmocka_unit_test(the_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
