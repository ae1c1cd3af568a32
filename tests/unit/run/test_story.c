/* The story: what each kind of event changes in it, runs that were gone on with, runs of version 1, numbers from a
 * hostile hand, and that the file tells what was told live. */
#include "config.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "same_story.h"
#include "some_events.h"
#include "thaw/base/mem.h"

/* Takes it in and finishes it. */
static void take(struct story *story, struct event event)
{
    story_add(story, &event);
    event_finish(&event);
}

static void take_line(struct story *story, const char *line)
{
    struct event event;
    struct error error = {0};
    bool known;
    if (!event_from_json(&event, &known, line, strlen(line), &error))
        fail_msg("%s: %s", line, error.text);
    take(story, event);
}

static void begin(struct story *story)
{
    struct event event;
    story_init(story);
    some_run(&event);
    take(story, event);
    some_layers(&event);
    take(story, event);
}

static struct event at(enum event_kind kind, uint64_t step)
{
    return (struct event){.kind = kind,
                          .time = 1e9 + (double)step,
                          .elapsed = (double)step,
                          .step = step,
                          .epoch = 1 + (int)((step - 1) / SOME_STEPS)};
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    struct story story;
    int batches;
    story_init(&story);
    assert_null(story_metric(&story));
    assert_int_equal(story_batch(&story, &batches), 0);
    assert_true(story_remaining(&story) == -1);
    assert_int_equal(story_fixed(&story, 0), 0);
    assert_false(story_keeps_features(&story));
    assert_int_equal(story_state(&story, true), STORY_PREPARING);
    assert_int_equal(story_state(&story, false), STORY_BROKEN_OFF);
    assert_true(isnan(story.best) && isnan(story.val_loss));
    story_finish(&story);
}

static void run_and_layers(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    assert_int_equal(story.events, 2);
    assert_string_equal(story_metric(&story)->name, "accuracy");
    assert_int_equal(story.epochs, SOME_EPOCHS);
    assert_int_equal(story.trainable, 100);
    assert_int_equal(story.frozen, 900);
    assert_int_equal(story.layers, SOME_LAYERS);
    assert_string_equal(story.fixed, "ff0");
    assert_string_equal(story.fixed_first, "ff0");
    assert_int_equal(story_fixed(&story, 0), 15);
    assert_int_equal(story_fixed(&story, 2), 0);
    assert_int_equal(story_fixed(&story, 3), 0);
    assert_int_equal(story_fixed(&story, -1), 0);
    assert_true(story.update[1] == -1);
    assert_int_equal(story.thaws, 3);
    assert_int_equal(story.thaw[0].epoch, 2);
    assert_string_equal(story.thaw[0].text, "layer2 @ lr*0.5");
    assert_string_equal(story.thaw[2].text, "layer3");
    story_finish(&story);
}

static void steps_epochs_and_evaluations(void **state)
{
    (void)state;
    struct story story;
    int batches;
    begin(&story);
    struct event step = at(EVENT_STEP, 1);
    step.u.step_.loss = 2;
    step.u.step_.lr = 0.5;
    step.u.step_.images = 8;
    step.u.step_.images_per_second = 100;
    metrics_set(&step.u.step_.metrics, "accuracy", 0.25);
    take(&story, step);
    step.step = 2;
    step.u.step_.images = 24;
    step.u.step_.loss = 1;
    step.u.step_.images_per_second = 200;
    metrics_set(&step.u.step_.metrics, "accuracy", 0.75);
    take(&story, step);
    assert_true(story.loss == (8 * 2 + 24 * 1) / 32.0); /* weighed by images */
    assert_true(metrics_get(&story.figures, "accuracy") == (8 * 0.25 + 24 * 0.75) / 32);
    assert_true(story.rate == 0.9 * 100 + 0.1 * 200);
    assert_true(story.lr == 0.5);
    assert_int_equal(story.train_loss.points, 2);
    assert_true(story.train_loss.point[1].x == 2.0 / SOME_STEPS && story.train_loss.point[1].y == 1);
    assert_int_equal(story.train_figure[0].points, 2);
    assert_int_equal(story.train_figure[1].points, 0);
    assert_int_equal(story_batch(&story, &batches), 2);
    assert_int_equal(batches, SOME_STEPS);
    assert_true(fabs(story_remaining(&story) - (SOME_EPOCHS - 0.2) * 80 / story.rate) < 1e-9);

    struct event epoch = at(EVENT_EPOCH, SOME_STEPS);
    epoch.u.epoch_.loss = 1.5;
    take(&story, epoch);
    assert_int_equal(story.epochs_done, 1);
    assert_true(story.loss == 1.5);
    assert_int_equal(story_batch(&story, &batches), SOME_STEPS);

    struct event eval = at(EVENT_EVAL, SOME_STEPS);
    eval.u.eval.loss = 1;
    eval.u.eval.seconds = 3;
    eval.u.eval.images = 40;
    metrics_set(&eval.u.eval.metrics, "accuracy", 0.5);
    take(&story, eval);
    eval.step = 2 * SOME_STEPS;
    eval.epoch = 2;
    eval.u.eval.loss = 0.5;
    eval.u.eval.images = 30;
    metrics_set(&eval.u.eval.metrics, "accuracy", 0.4);
    take(&story, eval);
    assert_true(story.best == 0.5 && story.best_loss == 1 && story.best_epoch == 1);
    assert_true(story.val_loss == 0.5 && metrics_get(&story.val_figures, "accuracy") == 0.4);
    assert_int_equal(story.val_images, 30);
    assert_int_equal(story.val_images_most, 40);
    assert_int_equal(story.val_loss_curve.points, 2);
    step.step = 2 * SOME_STEPS + 1; /* a new epoch's means begin anew */
    step.epoch = 3;
    take(&story, step);
    assert_true(story.loss == 1 && story.images == 24);
    story_finish(&story);
}

static void freezing_and_thawing(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    story.rate = 50;
    story.proof.kind = EVENT_FREEZE_PROOF;
    story.keeps_features = true;
    struct event thaw = at(EVENT_THAW, 5);
    thaw.u.thaw.layers = mem_string("layer2");
    thaw.u.thaw.fixed = mem_string("f00");
    thaw.u.thaw.params_trainable = 400;
    thaw.u.thaw.by_hand = true;
    story_add(&story, &thaw);
    assert_string_equal(story.fixed, "f00");
    assert_string_equal(story.fixed_first, "ff0");
    assert_int_equal(story.trainable, 400);
    assert_true(story.rate == 0);
    assert_int_equal(story.proof.kind, EVENT_KINDS); /* it was of the plan before */
    assert_false(story_keeps_features(&story));
    assert_int_equal(story.notes, 1);
    assert_string_equal(story.note[0].text, "thaw layer2");
    assert_true(story.note[0].x == 0.5);
    assert_false(story.thaw[0].made); /* by hand */
    thaw.u.thaw.by_hand = false;
    story_add(&story, &thaw); /* epoch 1: none of its is due */
    assert_false(story.thaw[0].made);
    thaw.epoch = 3;
    story_add(&story, &thaw);
    assert_true(story.thaw[0].made && !story.thaw[1].made);
    event_finish(&thaw);
    thaw.u.thaw.layers = mem_string("layer3"); /* that of layer1 could not be made */
    thaw.u.thaw.fixed = mem_string("00");      /* of another network */
    take(&story, thaw);
    assert_true(!story.thaw[1].made && story.thaw[2].made);
    assert_string_equal(story.fixed, "f00");
    /* a change that has no words but its layers: as many as become others */
    thaw.u.thaw.layers = mem_string("layer1.0.conv1 layer1.0.bn1 layer1.1.conv1 layer1.1.bn1");
    thaw.u.thaw.fixed = mem_string("fff");
    thaw.u.thaw.frozen = true;
    take(&story, thaw);
    assert_string_equal(story.note[story.notes - 1].text, "freeze 2 layers");
    struct event updates = at(EVENT_UPDATES, 30);
    float ratio[5] = {0.5f, -1, 2, 7, 8};
    updates.u.updates.ratio = ratio;
    updates.u.updates.count = 5; /* more than it has layers */
    story_add(&story, &updates);
    assert_true(story.update[0] == 0.5f && story.update[1] == -1 && story.update[2] == 2);
    story_finish(&story);
}

static void what_people_do(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    take_line(&story, "{\"kind\":\"lr\",\"step\":5,\"epoch\":1,\"from\":0.1,\"to\":0.05}");
    assert_true(story.lr == 0.05);
    assert_string_equal(story.note[0].text, "lr 0.1 -> 0.05");
    take_line(&story, "{\"kind\":\"pause\",\"paused\":true}");
    assert_int_equal(story_state(&story, true), STORY_PAUSED);
    take_line(&story, "{\"kind\":\"pause\",\"paused\":false}");
    assert_int_equal(story_state(&story, true), STORY_TRAINING);
    take_line(&story, "{\"kind\":\"epochs\",\"from\":6,\"to\":9}");
    assert_int_equal(story.epochs, 9);
    take_line(&story, "{\"kind\":\"note\",\"text\":\"look here\",\"by\":\"anna\"}");
    assert_string_equal(story.note[story.notes - 1].text, "look here");
    assert_string_equal(story.note[story.notes - 1].by, "anna");
    size_t notes = story.notes;
    take_line(&story, "{\"kind\":\"command\",\"command\":\"{\\\"command\\\":\\\"freeze\\\",\\\"text\\\":\\\"x\\\"}\","
                      "\"by\":\"anna\",\"done\":false,\"sentence\":\"nothing is called so\"}");
    assert_int_equal(story.notes, notes + 1);
    assert_string_equal(story.note[notes].text, "freeze x: refused: nothing is called so");
    take_line(&story, "{\"kind\":\"command\",\"command\":\"{\\\"command\\\":\\\"pause\\\"}\",\"done\":true}");
    take_line(&story, "{\"kind\":\"command\",\"command\":\"{\\\"command\\\":\\\"dance\\\"}\",\"done\":false}");
    take_line(&story, "{\"kind\":\"command\",\"done\":false}");
    assert_int_equal(story.notes, notes + 1);
    assert_int_equal(story.command.kind, EVENT_COMMAND);
    story_finish(&story);
}

static void what_the_run_says(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    take_line(&story, "{\"kind\":\"phase\",\"phase\":\"features\",\"done\":3,\"all\":9}");
    assert_int_equal(story_state(&story, true), STORY_FEATURES);
    assert_int_equal(story.phase_done, 3);
    assert_int_equal(story.phase_all, 9);
    take_line(&story, "{\"kind\":\"features\",\"validation\":true,\"images\":20,\"computed\":20}");
    assert_false(story_keeps_features(&story)); /* steps begin at the images */
    take_line(&story, "{\"kind\":\"features\",\"images\":80,\"computed\":80,\"seconds\":2.5}");
    assert_true(story_keeps_features(&story) && story.fill_seconds == 2.5);
    take_line(&story, "{\"kind\":\"features\",\"validation\":true,\"images\":80,\"computed\":80,\"seconds\":7}");
    assert_true(story.fill_seconds == 2.5);
    take_line(&story, "{\"kind\":\"phase\",\"phase\":\"validating\"}");
    assert_int_equal(story_state(&story, true), STORY_VALIDATING);
    take_line(&story, "{\"kind\":\"freeze-proof\",\"tensors\":4,\"held\":true}");
    assert_int_equal(story.notes, 0);
    take_line(&story, "{\"kind\":\"freeze-proof\",\"tensors\":4,\"held\":false,\"moved\":\"conv1.weight\"}");
    assert_string_equal(story.note[0].text, "frozen, but moved: conv1.weight");
    take_line(&story, "{\"kind\":\"checkpoint\",\"file\":\"checkpoints/last.safetensors\"}");
    assert_int_equal(story.checkpoint.kind, EVENT_CHECKPOINT);
    take_line(&story, "{\"kind\":\"warning\",\"text\":\"one image is bad\"}");
    assert_string_equal(story.note[1].text, "one image is bad");
    take_line(&story, "{\"kind\":\"done\",\"how\":\"early\",\"best\":0.75,\"best_epoch\":3}");
    assert_int_equal(story_state(&story, true), STORY_EARLY);
    assert_string_equal(story_state_word(STORY_EARLY), "stopped early");
    assert_true(story_remaining(&story) == 0);
    story_finish(&story);
}

static void every_state_has_a_word(void **state)
{
    (void)state;
    for (int i = 0; i < STORY_STATES; i++) {
        assert_true(strlen(story_state_word((enum story_state)i)) > 3);
        assert_int_equal(story_state_is_live((enum story_state)i), i <= STORY_VALIDATING);
    }
}

static void gone_on_with(void **state)
{
    (void)state;
    struct story story;
    begin(&story);
    take_line(&story, "{\"kind\":\"step\",\"step\":7,\"epoch\":1,\"images\":8,\"loss\":1}");
    take_line(&story, "{\"kind\":\"pause\",\"step\":7,\"epoch\":1,\"paused\":true}");
    take_line(&story, "{\"kind\":\"done\",\"step\":7,\"epoch\":1,\"how\":\"stopped\"}");
    assert_int_equal(story_state(&story, false), STORY_STOPPED);
    take_line(&story, "{\"kind\":\"fork\",\"step\":4,\"epoch\":1,\"from\":\"checkpoints/last.safetensors\"}");
    assert_int_equal(story.resumed, 1);
    assert_int_equal(story.step, 4);
    assert_int_equal(story_state(&story, true), STORY_TRAINING);
    assert_int_equal(story_state(&story, false), STORY_BROKEN_OFF);
    take_line(&story, "{\"kind\":\"step\",\"step\":5,\"epoch\":1,\"images\":8,\"loss\":2}");
    assert_int_equal(story.train_loss.points, 1); /* what was told again holds */
    assert_true(story.train_loss.point[0].y == 2);
    /* Killed before its first checkpoint: it began again, and nothing from before holds. */
    struct event run;
    some_run(&run);
    run.u.run.epochs = 2;
    uint64_t before = story.events;
    take(&story, run);
    assert_int_equal(story.events, before + 1);
    assert_int_equal(story.epochs, 2);
    assert_int_equal(story.resumed, 0);
    assert_int_equal(story.notes, 0);
    assert_int_equal(story.train_loss.points, 0);
    assert_int_equal(story.layers, 0);
    story_finish(&story);
}

/* What its parent had done counts, from its first line on. */
static void a_fork_begins_where_its_parent_stood(void **state)
{
    (void)state;
    static const struct {
        uint64_t step;
        int epoch, done;
    } begun[] = {{6 * SOME_STEPS, 6, 6}, {6 * SOME_STEPS + 1, 7, 6}};
    for (size_t i = 0; i < THAW_LENGTH(begun); i++) {
        struct event run;
        struct story story;
        story_init(&story);
        some_run(&run);
        run.step = begun[i].step;
        run.epoch = begun[i].epoch;
        run.u.run.steps_per_epoch = SOME_STEPS;
        snprintf(run.u.run.parent, sizeof run.u.run.parent, "first/checkpoints/best");
        take(&story, run);
        assert_int_equal(story.epochs_done, begun[i].done);
        story_finish(&story);
    }
}

static void of_version_1(void **state)
{
    (void)state;
    static const char *const lines[] = {
        ("{\"kind\":\"run\",\"time\":1,\"version\":1,\"model\":\"resnet20\",\"data\":\"d\",\"classes\":4,\"epochs\":2,"
         "\"train_images\":64,\"steps_per_epoch\":2,\"params_trainable\":5}"),
        "{\"kind\":\"step\",\"step\":1,\"epoch\":1,\"loss\":2,\"lr\":0.1,\"images\":32,\"correct\":8}",
        "{\"kind\":\"step\",\"step\":2,\"epoch\":1,\"loss\":1,\"lr\":0.1,\"images\":32,\"correct\":24}",
        "{\"kind\":\"epoch\",\"step\":2,\"epoch\":1,\"loss\":1.5,\"accuracy\":0.5}",
        "{\"kind\":\"eval\",\"step\":2,\"epoch\":1,\"loss\":0.5,\"accuracy\":0.75,\"top5\":1,\"best\":true}",
        "{\"kind\":\"thaw\",\"step\":2,\"epoch\":2,\"layers\":\"layer4\",\"params_trainable\":9}",
        "{\"kind\":\"done\",\"step\":4,\"epoch\":2,\"how\":\"finished\",\"best_accuracy\":0.75,\"best_epoch\":1}",
    };
    struct story story;
    story_init(&story);
    for (size_t i = 0; i < THAW_LENGTH(lines); i++)
        take_line(&story, lines[i]);
    assert_true(story.best == 0.75 && story.best_epoch == 1);
    assert_true(metrics_get(&story.val_figures, "top5") == 1);
    assert_int_equal(story.train_figure[0].points, 2);
    assert_true(story.train_figure[0].point[1].y == 0.75);
    assert_int_equal(story.trainable, 9);
    assert_null(story.fixed);
    assert_int_equal(story_fixed(&story, 0), 0);
    assert_int_equal(story_state(&story, false), STORY_FINISHED);
    story_finish(&story);
}

/* What can be read off is asked for behind each event. */
static void read_off(const struct story *story)
{
    int batches, batch = story_batch(story, &batches);
    assert_true(batch >= 0 && batches >= 0 && (batches == 0 || batch <= batches));
    story_remaining(story);
    for (int i = -1; i <= story->layers; i++)
        assert_true(story_fixed(story, i) <= 15);
    assert_true(story_state(story, true) < STORY_STATES);
}

static void numbers_of_a_hostile_hand(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0",     "1",       "-1",      "2147483647", "9223372036854775807",
                                          "1e308", "\"nan\"", "\"inf\"", "\"-inf\"",   "\"18446744073709551615\"",
                                          "null",  "[]"};
    static const char *const keys[] = {"epoch",
                                       "step",
                                       "elapsed",
                                       "time",
                                       "epochs",
                                       "steps_per_epoch",
                                       "train_images",
                                       "images",
                                       "loss",
                                       "lr",
                                       "images_per_second",
                                       "seconds",
                                       "done",
                                       "all",
                                       "to",
                                       "from",
                                       "params_trainable",
                                       "best_epoch"};
    struct story story;
    begin(&story);
    for (int kind = 0; kind < EVENT_KINDS; kind++)
        for (size_t key = 0; key < THAW_LENGTH(keys); key++)
            for (size_t i = 0; i < THAW_LENGTH(numbers); i++) {
                struct event event;
                struct error error;
                bool known;
                char *line = mem_format("{\"kind\":\"%s\",\"%s\":%s}", event_kind_name((enum event_kind)kind),
                                        keys[key], numbers[i]);
                if (event_from_json(&event, &known, line, strlen(line), &error))
                    take(&story, event);
                mem_free(line);
                read_off(&story);
            }
    story_finish(&story);
}

/* Events as they come live and as they stand in the file, in any order: one story. */
static void the_file_tells_the_live_story(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3, 9);
    for (int round = 0; round < 60; round++) {
        struct story live, read;
        begin(&live);
        begin(&read);
        for (uint64_t step = 1; step <= 60; step++) {
            struct event event;
            enum event_kind kind = (enum event_kind)rng_below(&rng, EVENT_KINDS);
            if (kind == EVENT_RUN || (kind == EVENT_LAYERS && rng_below(&rng, 20)))
                kind = EVENT_STEP;
            if (kind == EVENT_LAYERS)
                some_layers(&event);
            else
                some_event(&event, &rng, kind, step);
            char *line = event_to_json(&event);
            struct event copy = event_copy(&event);
            take(&live, copy);
            take_line(&read, line);
            mem_free(line);
            event_finish(&event);
            const char *difference = story_difference(&live, &read);
            if (difference)
                fail_msg("round %d, step %d: %s", round, (int)step, difference);
        }
        story_finish(&live);
        story_finish(&read);
    }
}

/* The comparison itself sees what differs. */
static void a_difference_is_seen(void **state)
{
    (void)state;
    struct story a, b;
    begin(&a);
    begin(&b);
    assert_null(story_difference(&a, &b));
    take_line(&a, "{\"kind\":\"note\",\"text\":\"a\"}");
    take_line(&b, "{\"kind\":\"note\",\"text\":\"b\"}");
    assert_string_equal(story_difference(&a, &b), "note");
    a.note[0].text[0] = 'b';
    assert_null(story_difference(&a, &b));
    b.update[1] = 1;
    assert_string_equal(story_difference(&a, &b), "update");
    story_finish(&a);
    story_finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),
        cmocka_unit_test(run_and_layers),
        cmocka_unit_test(steps_epochs_and_evaluations),
        cmocka_unit_test(freezing_and_thawing),
        cmocka_unit_test(what_people_do),
        cmocka_unit_test(what_the_run_says),
        cmocka_unit_test(every_state_has_a_word),
        cmocka_unit_test(gone_on_with),
        cmocka_unit_test(a_fork_begins_where_its_parent_stood),
        cmocka_unit_test(of_version_1),
        cmocka_unit_test(numbers_of_a_hostile_hand),
        cmocka_unit_test(the_file_tells_the_live_story),
        cmocka_unit_test(a_difference_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
