/* The session end to end on a small drawn world: a model chosen, layers frozen and undone, a run trained to its end,
 * its curves, results and reopening. */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/ui/undo.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"
#include "thaw/session/session.h"

static char folder[] = "/tmp/thaw-test-session-XXXXXX";
static char samples[128], runs[128];
static struct session *session;

static void must(bool done, const struct error *error)
{
    if (!done)
        fail_msg("%s", error->text);
}

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    snprintf(samples, sizeof samples, "%s/samples", folder);
    snprintf(runs, sizeof runs, "%s/runs", folder);
    char indian[160];
    snprintf(indian, sizeof indian, "%s/indian", samples);
    if (!roadsigns_write(ROADSIGNS_INDIAN, indian, 1, 16, 4, 2, NULL, NULL, &error))
        return -1;
    struct session_options options = {.samples = samples, .runs = runs, .models = folder, .threads = 2};
    session = session_create(&options, &error);
    return session ? 0 : -1;
}

static int drop_world(void **state)
{
    (void)state;
    session_destroy(session);
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void refuses_to_start_without_model_or_data(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(session_start(session, &error));
    assert_string_equal(error.text, "no model is chosen");
    assert_false(session_choose_model_file(session, "resnet19", &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    must(session_choose_model_file(session, "resnet20", &error), &error);
    assert_false(session_start(session, &error));
    assert_string_equal(error.text, "no data is chosen");
}

/* The pixels' own colours, blue first where that is how they are fed, and the values that they become. */
static void an_image_is_shown_as_the_network_gets_it(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_input plain, fed;
    char indian[160];
    snprintf(indian, sizeof indian, "%s/indian", samples);
    must(session_choose_data(session, indian, &error), &error);
    must(session_set(session, "model.preprocess=unit", &error), &error);
    must(session_input(session, &plain, &error), &error);
    must(session_set(session, "model.preprocess=caffe", &error), &error);
    must(session_input(session, &fed, &error), &error);
    assert_string_equal(fed.words, "caffe");
    assert_true(plain.least == 0 && plain.most == 1 && fed.input_width == 32 && fed.width > 0);
    assert_true(fed.least < -123 && fed.most > 151);
    for (size_t i = 0; i < 32 * 32; i++)
        assert_true(fed.input[3 * i] == plain.input[3 * i + 2] && fed.input[3 * i + 1] == plain.input[3 * i + 1]);
    session_input_finish(&plain);
    session_input_finish(&fed);
    must(session_set(session, "model.preprocess=auto", &error), &error);
}

static void counts_follow_the_freeze_plan(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_freeze_counts counts;
    must(session_choose_model_file(session, "resnet20", &error), &error);
    session_freeze_counts(session, &counts);
    assert_true(counts.frozen == 0 && counts.trainable > 269000);
    double backward = counts.macs_backward;
    must(session_freeze_match(session, "conv1 layer1 layer2", true, &error), &error);
    session_freeze_counts(session, &counts);
    assert_true(counts.frozen > 60000 && counts.macs_backward < backward);
    const struct session_layer *layers;
    size_t count = session_layers(session, &layers);
    assert_true(count > 20 && layers[0].is_stage && layers[0].all == SESSION_MARK_FROZEN);
    must(session_toggle_freeze(session, 0, SESSION_ALL, &error), &error);
    session_layers(session, &layers);
    assert_int_equal(layers[0].all, SESSION_MARK_THAWED);
    must(session_undo_freeze(session, &error), &error);
    session_layers(session, &layers);
    assert_int_equal(layers[0].all, SESSION_MARK_FROZEN);
    assert_false(session_freeze_match(session, "layer1 nothing.like.it", true, &error));
    must(session_undo_freeze(session, &error), &error);
    assert_false(session_undo_freeze(session, &error));
}

static const struct session_setting *setting_of(const char *key)
{
    const struct session_setting *setting;
    size_t count = session_settings(session, &setting);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(setting[i].key, key))
            return &setting[i];
    fail_msg("there is no %s", key);
    return NULL;
}

static void wait_for(enum session_phase phase)
{
    struct session_status status;
    for (int i = 0; i < 6000; i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
        session_status(session, &status);
        if (status.phase == SESSION_FAILED && phase != SESSION_FAILED)
            fail_msg("%s", status.error.text);
        if (status.phase == phase)
            return;
    }
    fail_msg("phase %d was not reached", phase);
}

/* Read anew, to the end. */
static size_t list_runs(bool trash, const struct session_run **list)
{
    unsigned before = session_runs_news(session, trash);
    session_read_runs(session, trash);
    for (int i = 0; i < 3000 && session_runs_news(session, trash) == before; i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
    }
    assert_true(session_runs_news(session, trash) != before);
    return session_runs(session, trash, list);
}

/* Each image once, the surest first, as the confusions count them; and it can be looked at. */
static void assert_judged(const struct session_results *results)
{
    struct error error = {0};
    size_t correct = 0;
    int width, height;
    uint8_t *rgb;
    for (size_t i = 0; i < results->images; i++) {
        const struct session_judged *judged = &results->judged[i];
        correct += judged->truth == judged->predicted;
        assert_true(judged->confidence > 0 && judged->confidence <= 1);
        assert_true(i == 0 || judged->confidence <= judged[-1].confidence);
        assert_non_null(strstr(judged->path, results->class_name[judged->truth])); /* class folders */
        must(session_picture(session, judged->path, &width, &height, &rgb, &error), &error);
        assert_true(width > 0 && width <= 512 && height > 0 && height <= 512);
        mem_free(rgb);
    }
    assert_int_equal(correct, results->correct);
    assert_false(session_picture(session, "/nonexistent/image.png", &width, &height, &rgb, &error));
    assert_non_null(strstr(error.text, "/nonexistent/image.png"));
}

static struct session_layer *copy_layers(size_t *count)
{
    const struct session_layer *layers;
    *count = session_layers(session, &layers);
    struct session_layer *copy = mem_array(*count + 1, sizeof *copy);
    memcpy(copy, layers, *count * sizeof *copy);
    return copy;
}

/* A run tells its layers as the session told them of the next run. */
static void assert_same_layers(const struct session_layer *planned, size_t count)
{
    const struct session_layer *layers;
    session_set_subject(session, SESSION_SHOWN_RUN);
    assert_int_equal(session_layers(session, &layers), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(layers[i].name, planned[i].name);
        assert_string_equal(layers[i].kind, planned[i].kind);
        assert_string_equal(layers[i].shape, planned[i].shape);
        assert_true(layers[i].params == planned[i].params && layers[i].macs == planned[i].macs &&
                    layers[i].activation_bytes == planned[i].activation_bytes);
        assert_int_equal(layers[i].in_head, planned[i].in_head);
    }
}

static void a_run_trains_and_is_reopened(void **state)
{
    (void)state;
    struct error error = {0};
    char indian[160];
    snprintf(indian, sizeof indian, "%s/indian", samples);
    must(session_set(session, "data.size=16", &error), &error);
    must(session_set(session, "train.epochs=3", &error), &error);
    must(session_set(session, "train.batch=8", &error), &error);
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_choose_data(session, indian, &error), &error);
    assert_int_equal(session_data(session)->classes, 10);
    must(session_freeze_match(session, "conv1 layer1", true, &error), &error);
    size_t layers;
    struct session_layer *planned = copy_layers(&layers);
    must(session_start(session, &error), &error);
    wait_for(SESSION_FINISHED);
    session_pump(session);
    assert_same_layers(planned, layers);
    mem_free(planned);
    const struct story_point *points;
    size_t steps = session_curve(session, SESSION_TRAIN_LOSS, &points);
    assert_int_equal(steps, 15);
    assert_true(points[14].x == 3);
    assert_int_equal(session_curve(session, SESSION_VAL_ACCURACY, &points), 3);
    const struct session_results *results = session_results(session);
    assert_non_null(results);
    assert_int_equal(results->images, 20);
    assert_judged(results);
    struct session_status live;
    session_status(session, &live);
    assert_true(results->best && results->epoch == live.best_epoch);
    assert_true((double)results->correct / 20 == live.best_accuracy);
    session_results_of(session, false);
    results = session_results(session);
    assert_true(!results->best && results->epoch == 3);
    assert_true((double)results->correct / 20 == live.val_accuracy);
    session_results_of(session, true);
    assert_true(live.proof_tensors > 0 && live.proof_held);
    const struct session_run *list;
    assert_int_equal(list_runs(false, &list), 1);
    for (int i = 0; i < 100 && strcmp(list[0].state, "running") == 0;
         i++) { /* its lock is let go behind the last event */
        poll(NULL, 0, 20);
        list_runs(false, &list);
    }
    assert_string_equal(list[0].state, "finished");
    must(session_open_run(session, list[0].path, false, &error), &error);
    struct session_status recorded;
    session_status(session, &recorded);
    assert_int_equal(recorded.phase, SESSION_FINISHED);
    assert_true(recorded.val_accuracy == live.val_accuracy && recorded.step == live.step);
    assert_int_equal(session_curve(session, SESSION_TRAIN_LOSS, &points), 15);
    assert_int_equal(session_results(session)->images, 20);
}

/* Read behind our back, and once more where that was asked for meanwhile; one that is read still does not keep anybody. */
static void runs_are_read_behind_our_back(void **state)
{
    (void)state;
    const struct session_run *list;
    size_t left;
    assert_int_equal(list_runs(false, &list), 1);
    unsigned before = session_runs_news(session, false);
    session_read_runs(session, false);
    session_read_runs(session, false);
    assert_int_equal(session_runs(session, false, &list), 1); /* the one before, or the new one */
    for (int i = 0; i < 3000 && session_runs_news(session, false) == before; i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
    }
    assert_false(session_runs_left(session, false, &left));
    assert_int_equal(session_runs(session, false, &list), 1);
    assert_string_equal(list[0].state, "finished");
    struct error error = {0};
    struct session *other = session_create(&(struct session_options){.runs = folder}, &error);
    assert_non_null(other);
    session_read_runs(other, false);
    session_read_runs(other, true);
    session_destroy(other);
}

/* A run of the list is looked at without being opened: what was shown before is shown still. */
static void a_listed_run_is_looked_at(void **state)
{
    (void)state;
    const struct session_run *list;
    const struct session_look *look = NULL;
    assert_int_equal(list_runs(false, &list), 1);
    struct session_status before, after;
    session_status(session, &before);
    assert_null(session_look(session, list[0].path)); /* it is read behind our back */
    for (int i = 0; i < 500 && (look = session_look(session, list[0].path)) == NULL; i++) {
        struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&ready, 1, 20);
        session_pump(session);
    }
    assert_non_null(look);
    assert_int_equal(look->story->train_loss.points, 15);
    assert_int_equal(look->story->val_figure[0].points, 3);
    assert_non_null(strstr(look->settings, "train.batch = 8"));
    assert_non_null(strstr(look->settings, "train.epochs = 3"));
    assert_null(strstr(look->settings, "data.path"));
    session_status(session, &after);
    assert_string_equal(before.run, after.run);
}

/* What is shown is looked at in its new place, and not at all once it is deleted. */
static void runs_are_moved_under_the_view(void **state)
{
    (void)state;
    struct error error = {0};
    const struct session_run *list;
    struct session_status status;
    list_runs(false, &list);
    char *path = mem_string(list[0].path);
    must(session_tag_run(path, "good, old", &error), &error);
    must(session_note_run(path, "the first", &error), &error);
    must(session_rename_run(session, path, "first", &error), &error);
    session_status(session, &status);
    assert_non_null(strstr(status.run, "-first"));
    assert_int_equal(status.phase, SESSION_FINISHED);
    assert_int_equal(list_runs(false, &list), 1);
    assert_string_equal(list[0].tags, "good, old");
    assert_string_equal(list[0].note, "the first");
    must(session_delete_run(session, list[0].path, &error), &error);
    assert_int_equal(session_shown_view(session), -1);
    assert_int_equal(list_runs(false, &list), 0);
    assert_int_equal(list_runs(true, &list), 1);
    mem_free(path);
    path = mem_string(list[0].path);
    must(session_restore_run(session, path, &error), &error);
    assert_int_equal(list_runs(true, &list), 0);
    assert_int_equal(list_runs(false, &list), 1);
    mem_free(path);
}

static void a_run_goes_on_and_is_forked(void **state)
{
    (void)state;
    struct error error = {0};
    const struct session_run *list;
    const char *checkpoint;
    list_runs(false, &list);
    must(session_open_run(session, list[0].path, false, &error), &error);
    size_t views = session_views(session);
    must(session_resume(session, list[0].path, 4, &error), &error);
    assert_int_equal(session_views(session), views); /* in the place of what was looked at */
    wait_for(SESSION_FINISHED);
    list_runs(false, &list);
    assert_int_equal(list[0].epochs_done, 4);
    char *checkpoints = session_checkpoints(list[0].path, &error);
    assert_string_equal(checkpoints, "last | best");
    mem_free(checkpoints);
    must(session_fork(session, list[0].path, "last", &error), &error);
    assert_non_null(strstr(session_forks(session, &checkpoint), "-first"));
    assert_string_equal(setting_of("train.epochs")->value, "14"); /* of the 4 that it came to none is left there */
    assert_string_equal(setting_of("run.name")->value, "first-fork");
    must(session_set(session, "train.epochs=5", &error), &error);
    must(session_start(session, &error), &error);
    assert_non_null(strstr(session_forks(session, &checkpoint), "-first")); /* it may yet be refused */
    wait_for(SESSION_FINISHED);
    assert_string_equal(session_forks(session, &checkpoint), ""); /* the next one is none, unless it is asked for */
    assert_int_equal(list_runs(false, &list), 2);
    const struct session_run *fork = list[0].parent[0] ? &list[0] : &list[1];
    if (!strstr(fork->parent, "-first/checkpoints/last"))
        fail_msg("it was forked from \"%s\"", fork->parent);
    assert_int_equal(fork->epochs_done, 5);
    must(session_fork(session, fork->path, "best", &error), &error);
    must(session_set(session, "model.name=resnet32", &error), &error); /* that checkpoint is not of it */
    assert_string_equal(session_forks(session, &checkpoint), "");
    must(session_set(session, "model.name=resnet20", &error), &error);
}

static void wait_for_notice(struct session_notice *notice)
{
    while (!session_take_notice(session, notice)) {
        struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
        assert_true(poll(&wake, 1, 60000) > 0);
        session_pump(session);
    }
}

static void a_run_without_its_data_stays_as_it_was(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_status status;
    struct session_notice notice = {.good = true};
    const struct session_run *list;
    char *data = path_join(samples, "indian"), *away = path_join(folder, "away");
    list_runs(false, &list);
    must(session_open_run(session, list[0].path, false, &error), &error);
    wait_for(SESSION_FINISHED);
    while (session_take_notice(session, &notice))
        continue;
    assert_int_equal(rename(data, away), 0);
    must(session_resume(session, list[0].path, 9, &error), &error);
    wait_for_notice(&notice);
    assert_int_equal(rename(away, data), 0);
    assert_true(!notice.good && strstr(notice.text, "does not go on: "));
    wait_for(SESSION_FINISHED);
    session_status(session, &status);
    assert_string_equal(status.run, list[0].path);
    assert_int_equal(status.epochs_done, list[0].epochs_done);
    mem_free(away);
    mem_free(data);
}

/* There would be nothing in its view, not even its name. */
static void a_run_that_cannot_begin_is_not_looked_at(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_status status;
    struct session_notice notice = {.good = true};
    const struct session_run *list;
    char *data = path_join(samples, "indian"), *away = path_join(folder, "away");
    size_t views = session_views(session);
    list_runs(false, &list);
    assert_int_equal(rename(data, away), 0);
    must(session_start(session, &error), &error);
    wait_for_notice(&notice);
    assert_int_equal(rename(away, data), 0);
    assert_true(!notice.good && strstr(notice.text, "The run does not begin: "));
    assert_int_equal(session_views(session), views);
    session_status(session, &status);
    assert_string_equal(status.run, list[0].path);
    mem_free(away);
    mem_free(data);
}

/* Other people's hands, or another window: what is done to a run that is gone says so, and changes nothing. */
static void a_run_that_is_gone_is_said_to_be(void **state)
{
    (void)state;
    struct error error;
    const char *checkpoint;
    const struct session_run *list;
    assert_int_equal(list_runs(false, &list), 2);
    char *path = mem_string(list[0].path), *events = path_join(path, "events.jsonl"), *away = path_join(folder, "away");
    must(session_set(session, "train.epochs=7", &error), &error);
    assert_int_equal(rename(events, away), 0); /* its settings can be read, and that is not enough */
    assert_false(session_fork(session, path, "last", &error));
    assert_string_equal(session_forks(session, &checkpoint), "");
    assert_string_equal(setting_of("train.epochs")->value, "7");
    assert_int_equal(rename(away, events), 0);
    assert_int_equal(rename(path, away), 0);
    assert_null(session_checkpoints(path, &error));
    for (int i = 0; i < 8; i++) {
        bool done = i == 0   ? session_resume(session, path, 9, &error)
                    : i == 1 ? session_open_run(session, path, false, &error)
                    : i == 2 ? session_replay(session, path, 1, &error)
                    : i == 3 ? session_fork(session, path, "last", &error)
                    : i == 4 ? session_rename_run(session, path, "x", &error)
                    : i == 5 ? session_delete_run(session, path, &error)
                    : i == 6 ? session_tag_run(path, "x", &error)
                             : session_note_run(path, "x", &error);
        assert_false(done);
        if (!strstr(error.text, i < 3 ? "there is no such run directory" : "is not there any more"))
            fail_msg("%d: %s", i, error.text);
    }
    assert_int_equal(rename(away, path), 0);
    mem_free(away);
    mem_free(events);
    mem_free(path);
}

static void freezing_while_it_trains_reaches_the_trainer(void **state)
{
    (void)state;
    struct error error = {0};
    must(session_set(session, "train.epochs=200", &error), &error);
    must(session_start(session, &error), &error);
    wait_for(SESSION_RUNNING);
    assert_int_equal(session_subject(session), SESSION_SHOWN_RUN);
    must(session_freeze_match(session, "layer2", true, &error), &error);
    must(session_tell(session, "lr 0.003", &error), &error);
    must(session_tell(session, "pause", &error), &error);
    wait_for(SESSION_PAUSED);
    must(session_tell(session, "stop", &error), &error);
    wait_for(SESSION_STOPPED);
    session_pump(session);
    const struct story_note *notes;
    size_t count = session_notes(session, &notes);
    bool froze = false, rate = false;
    for (size_t i = 0; i < count; i++) {
        froze |= notes[i].kind == EVENT_THAW && strstr(notes[i].text, "freeze layer2");
        rate |= notes[i].kind == EVENT_LR;
    }
    assert_true(froze && rate);
}

static double frozen_values(void)
{
    struct session_freeze_counts counts;
    session_freeze_counts(session, &counts);
    return counts.frozen;
}

/* The next run begins as this one did. */
static void what_the_schedule_thaws_is_frozen_again(void **state)
{
    (void)state;
    struct error error = {0};
    must(session_set(session, "freeze.upto=layer2", &error), &error);
    must(session_set(session, "thaw.epoch 2=layer2", &error), &error);
    must(session_set(session, "train.epochs=2", &error), &error);
    double before = frozen_values();
    must(session_start(session, &error), &error);
    wait_for(SESSION_FINISHED);
    session_pump(session);
    struct session_status status;
    session_status(session, &status);
    assert_true(before > 60000 && status.frozen < before);
    assert_true(frozen_values() == before);
}

static void settings_tell_choices_from_texts(void **state)
{
    (void)state;
    struct error error = {0};
    assert_true(setting_of("train.optimizer")->choice && setting_of("train.winograd")->choice);
    assert_true(setting_of("train.class_weights")->choice);
    assert_false(setting_of("freeze.upto")->choice || setting_of("data.val")->choice); /* for all their bars */
    assert_false(setting_of("train.memory")->choice);
    must(session_set(session, "freeze.frozen=conv1", &error), &error);
    must(session_set(session, "freeze.upto=layer1", &error), &error);
    assert_string_equal(setting_of("freeze.frozen")->value, ""); /* one says all that the other does */
}

/* What was set for one network is not done to another, and a thaw of layers that are not there is refused at once. */
static void what_belongs_to_a_model_goes_with_it(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_notice notice;
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_set(session, "thaw.epoch=2 layer3 @ lr*0.5", &error), &error);
    assert_string_equal(setting_of("thaw.epoch 2")->value, "layer3 @ lr*0.5");
    assert_string_equal(setting_of("thaw.epoch")->value, "");
    assert_false(session_set(session, "thaw.epoch=3 layer9", &error));
    assert_non_null(strstr(error.text, "layer9"));
    assert_false(session_set(session, "thaw.epoch=layer3", &error));
    must(session_set(session, "run.name=mine", &error), &error);
    while (session_take_notice(session, &notice))
        continue;
    must(session_choose_model_file(session, "lenet", &error), &error);
    const struct session_setting *setting;
    for (size_t i = session_settings(session, &setting); i-- > 0;)
        assert_int_not_equal(strncmp(setting[i].key, "thaw.epoch ", 11), 0);
    assert_string_equal(setting_of("run.name")->value, "");
    assert_true(session_take_notice(session, &notice) && strstr(notice.text, "resnet20"));
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_set(session, "thaw.epoch 2=layer3", &error), &error);
    must(session_set(session, "thaw.epoch 2=", &error), &error); /* and taken back */
}

/* Chosen again with its thaws, frozen layers and name; what was set since stays. */
static void a_model_is_put_back(void **state)
{
    (void)state;
    struct error error = {0};
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_set(session, "freeze.upto=layer2", &error), &error);
    must(session_freeze_match(session, "layer3.0.conv1", true, &error), &error);
    must(session_set(session, "thaw.epoch=2 layer3.0.conv1 @ lr*0.5", &error), &error);
    must(session_set(session, "run.name=mine", &error), &error);
    double frozen = frozen_values();
    struct session_kept_model *kept = session_keep_model(session);
    assert_non_null(kept);
    must(session_choose_model_file(session, "lenet", &error), &error);
    assert_string_equal(setting_of("model.name")->value, "lenet");
    must(session_set(session, "train.epochs=9", &error), &error);
    must(session_put_back_model(session, kept, &error), &error);
    assert_string_equal(setting_of("model.name")->value, "resnet20");
    assert_true(frozen_values() == frozen);
    assert_string_equal(setting_of("thaw.epoch 2")->value, "layer3.0.conv1 @ lr*0.5");
    assert_string_equal(setting_of("run.name")->value, "mine");
    assert_string_equal(setting_of("train.epochs")->value, "9");
    must(session_set(session, "thaw.epoch 2=", &error), &error);
    must(session_set(session, "run.name=", &error), &error);
    session_forget_model(kept);
}

/* The form says what is marked, whoever marked it. */
static void settings_say_what_is_frozen(void **state)
{
    (void)state;
    struct error error = {0};
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_set(session, "freeze.upto=", &error), &error);
    const struct session_setting *row = setting_of("freeze.upto"); /* it stays where it is */
    assert_string_equal(row->value, "none");
    must(session_set(session, "freeze.upto=layer1", &error), &error);
    assert_ptr_equal(setting_of("freeze.upto"), row);
    assert_string_equal(row->value, "layer1");
    must(session_freeze_match(session, "layer3", true, &error), &error);
    assert_string_equal(setting_of("freeze.upto")->value, "");
    assert_string_equal(setting_of("freeze.frozen")->value, "conv1 layer1 layer3");
    must(session_undo_freeze(session, &error), &error);
    assert_string_equal(setting_of("freeze.upto")->value, "layer1");
}

/* What is no other network keeps the plan and the plans before it, said in words or marked by hand. */
static void the_plan_outlives_other_settings(void **state)
{
    (void)state;
    struct error error = {0};
    must(session_choose_model_file(session, "resnet20", &error), &error);
    must(session_set(session, "freeze.upto=layer1", &error), &error);
    double named = frozen_values();
    must(session_set(session, "data.size=24", &error), &error);
    assert_true(frozen_values() == named);
    assert_string_equal(setting_of("freeze.upto")->value, "layer1");
    must(session_freeze_match(session, "layer3.0.conv1", true, &error), &error);
    double marked = frozen_values();
    must(session_set(session, "data.size=0", &error), &error);
    must(session_set(session, "model.preprocess=tf", &error), &error);
    must(session_set(session, "model.preprocess=auto", &error), &error);
    must(session_set(session, "model.name=resnet20", &error), &error);
    assert_true(frozen_values() == marked && marked > named);
    must(session_undo_freeze(session, &error), &error);
    assert_true(frozen_values() == named);
    must(session_choose_model_file(session, "resnet32", &error), &error); /* it has other layers */
    assert_true(frozen_values() == 0);
    assert_false(session_undo_freeze(session, &error));
    must(session_choose_model_file(session, "resnet20", &error), &error);
}

/* Each change is taken back by its name, the last first, with all that went along with it. */
static void changes_are_taken_back_by_name(void **state)
{
    (void)state;
    struct error error = {0};
    struct undo *undo = undo_create();
    char what[160];
    must(undo_set(undo, session, "freeze.frozen=conv1 layer3", &error), &error);
    double frozen = frozen_values();
    must(undo_set(undo, session, "freeze.upto=layer1", &error), &error);
    must(undo_set(undo, session, "data.size=24", &error), &error);
    must(undo_set(undo, session, "model.preprocess=tf", &error), &error);
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_SET);
    assert_string_equal(what, "model.preprocess is auto again");
    assert_string_equal(setting_of("model.preprocess")->value, "auto");
    assert_string_equal(setting_of("data.size")->value, "24");
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_SET);
    assert_string_equal(what, "data.size is 0 again");
    assert_string_equal(setting_of("data.size")->value, "0");
    assert_string_equal(setting_of("freeze.upto")->value, "layer1");
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_SET);
    assert_string_equal(what, "freeze.upto is empty again");
    assert_string_equal(setting_of("freeze.frozen")->value, "conv1 layer3");
    assert_true(frozen_values() == frozen);
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_SET);
    assert_true(frozen_values() == 0);
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_NOTHING);
    undo_destroy(undo);
}

/* Weights that an experiment names are in the list, wherever they lie. */
static void weights_of_an_experiment_are_listed(void **state)
{
    (void)state;
    struct error error = {0};
    const struct session_run *run;
    const struct session_model *models;
    assert_true(list_runs(false, &run) > 0);
    char *weights = path_join(run[0].path, "model.safetensors"), *path = path_join(folder, "again.ini");
    char *text = mem_format("[model]\nweights = %s\n", weights);
    must(file_write_atomic(path, text, strlen(text), &error), &error);
    must(session_freeze_match(session, "layer1", true, &error), &error);
    must(session_load_experiment(session, path, &error), &error);
    assert_false(session_undo_freeze(session, &error)); /* of the experiment before */
    size_t count = session_models(session, &models);
    long row = session_chosen_model(session);
    assert_true(row >= 0 && (size_t)row < count);
    assert_string_equal(models[row].weights, weights);
    assert_string_equal(setting_of("freeze.upto")->value, "trunk"); /* as it is where weights are gone on from */
    session_rescan_models(session);
    assert_true(session_chosen_model(session) >= 0);
    mem_free(weights);
    mem_free(path);
    mem_free(text);
}

/* A folder of images that was chosen is offered at the next start. */
static void a_folder_is_offered_again(void **state)
{
    (void)state;
    struct error error = {0};
    char mine[160];
    const char *const *places;
    snprintf(mine, sizeof mine, "%s/mine", folder);
    assert_true(roadsigns_write(ROADSIGNS_INDIAN, mine, 2, 16, 4, 2, NULL, NULL, &error));
    must(session_choose_data(session, mine, &error), &error);
    struct session_options options = {.samples = samples, .runs = runs, .models = folder, .threads = 1};
    struct session *next = session_create(&options, &error);
    must(next != NULL, &error);
    size_t count = session_data_places(next, &places), at = 0;
    while (at < count && strcmp(places[at], mine) != 0)
        at++;
    assert_true(at < count);
    session_destroy(next);
}

/* The name that an experiment gave after its data is not that of other data; one that was typed is. */
static void a_name_goes_with_its_data(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_notice notice;
    struct undo *undo = undo_create();
    char what[160], *indian = path_join(samples, "indian"), *mine = path_join(folder, "mine");
    char *path = path_join(folder, "named.ini"), *own = mem_format("data.path=%s", mine);
    char *text = mem_format("[model]\nname = resnet20\n[data]\npath = %s\n[run]\nname = indian-transfer\n", indian);
    must(file_write_atomic(path, text, strlen(text), &error), &error);
    must(session_load_experiment(session, path, &error), &error);
    must(session_choose_data(session, indian, &error), &error);
    assert_string_equal(setting_of("run.name")->value, "indian-transfer");
    char *same = mem_format("%s/./indian", samples);
    must(session_choose_data(session, same, &error), &error);
    assert_string_equal(setting_of("run.name")->value, "indian-transfer");
    mem_free(same);
    while (session_take_notice(session, &notice))
        continue;
    must(undo_set(undo, session, own, &error), &error);
    assert_string_equal(setting_of("run.name")->value, "");
    assert_true(session_take_notice(session, &notice) && strstr(notice.text, "indian-transfer"));
    assert_int_equal(undo_last(undo, session, what, sizeof what, &error), UNDO_SET);
    assert_non_null(strstr(what, "data.path is "));
    assert_string_equal(setting_of("run.name")->value, "indian-transfer");
    must(session_choose_data(session, mine, &error), &error);
    assert_string_equal(setting_of("run.name")->value, "");
    must(session_set(session, "run.name=mine-first", &error), &error);
    must(session_choose_data(session, indian, &error), &error);
    assert_string_equal(setting_of("run.name")->value, "mine-first");
    undo_destroy(undo);
    mem_free(text);
    mem_free(own);
    mem_free(path);
    mem_free(mine);
    mem_free(indian);
}

/* Data that may be meant in two ways are refused until it is said how they lie, behind their path; that goes with them. */
static void data_are_told_how_they_lie(void **state)
{
    (void)state;
    struct error error = {0};
    char *mine = path_join(folder, "mine"), *twice = path_join(folder, "twice"), *said;
    static const char *const parts[] = {"one", "other"};
    for (size_t i = 0; i < THAW_LENGTH(parts); i++) { /* two folders that hold folders of the same names */
        char *part = mem_format("%s/%s", twice, parts[i]), *train = mem_format("%s/train", mine);
        must(file_make_directories(twice, &error), &error);
        assert_int_equal(symlink(train, part), 0);
        mem_free(train);
        mem_free(part);
    }
    must(session_choose_data(session, mine, &error), &error);
    assert_non_null(strstr(session_data(session)->layout, "class folders below train/ and val/"));
    assert_false(session_choose_data(session, twice, &error));
    assert_non_null(strstr(error.text, "data.layout = folders if they are classes"));
    assert_string_equal(session_data(session)->path, mine);
    said = mem_format("%s data.layout=folders data.val=0.5", twice);
    must(session_choose_data(session, said, &error), &error);
    assert_int_equal(session_data(session)->classes, 2);
    assert_string_equal(setting_of("data.layout")->value, "folders");
    assert_non_null(strstr(session_data(session)->layout, "50 % of each class split off"));
    must(session_set(session, "data.val=", &error), &error);
    assert_string_equal(setting_of("data.layout")->value, "folders");
    must(session_choose_data(session, mine, &error), &error);
    assert_string_equal(setting_of("data.layout")->value, "auto");
    mem_free(said);
    mem_free(twice);
    mem_free(mine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_to_start_without_model_or_data),
        cmocka_unit_test(an_image_is_shown_as_the_network_gets_it),
        cmocka_unit_test(counts_follow_the_freeze_plan),
        cmocka_unit_test(a_run_trains_and_is_reopened),
        cmocka_unit_test(runs_are_read_behind_our_back),
        cmocka_unit_test(a_listed_run_is_looked_at),
        cmocka_unit_test(runs_are_moved_under_the_view),
        cmocka_unit_test(a_run_goes_on_and_is_forked),
        cmocka_unit_test(a_run_without_its_data_stays_as_it_was),
        cmocka_unit_test(a_run_that_cannot_begin_is_not_looked_at),
        cmocka_unit_test(a_run_that_is_gone_is_said_to_be),
        cmocka_unit_test(freezing_while_it_trains_reaches_the_trainer),
        cmocka_unit_test(what_the_schedule_thaws_is_frozen_again),
        cmocka_unit_test(settings_tell_choices_from_texts),
        cmocka_unit_test(what_belongs_to_a_model_goes_with_it),
        cmocka_unit_test(a_model_is_put_back),
        cmocka_unit_test(settings_say_what_is_frozen),
        cmocka_unit_test(the_plan_outlives_other_settings),
        cmocka_unit_test(changes_are_taken_back_by_name),
        cmocka_unit_test(weights_of_an_experiment_are_listed),
        cmocka_unit_test(a_folder_is_offered_again),
        cmocka_unit_test(a_name_goes_with_its_data),
        cmocka_unit_test(data_are_told_how_they_lie),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
