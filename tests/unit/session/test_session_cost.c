/* What the session tells of costs: bytes at once and those that the run then tells; seconds once what they depend on has
 * been measured behind the caller's back, which is remembered; nothing is measured unasked, or beside a run.
 */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/session/session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"
#include "thaw/session/session.h"

static char folder[] = "/tmp/thaw-test-cost-XXXXXX";
static char samples[128], data[160], runs[128];
static struct session *session;

static void must(bool done, const struct error *error)
{
    if (!done)
        fail_msg("%s", error->text);
}

static struct session *open_session(bool measures)
{
    struct error error = {0};
    struct session_options options = {
        .samples = samples, .runs = runs, .models = folder, .threads = 2, .measures = measures};
    struct session *opened = session_create(&options, &error);
    must(opened != NULL, &error);
    must(session_choose_model_file(opened, "resnet20", &error), &error);
    must(session_set(opened, "train.kernels=measured", &error), &error);
    return opened;
}

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    if (!mkdtemp(folder))
        return -1;
    snprintf(samples, sizeof samples, "%s/samples", folder);
    snprintf(data, sizeof data, "%s/indian", samples);
    snprintf(runs, sizeof runs, "%s/runs", folder);
    char *cache = path_join(folder, "cache");
    setenv("XDG_CACHE_HOME", cache, 1);
    mem_free(cache);
    return roadsigns_write(ROADSIGNS_INDIAN, data, 1, 16, 4, 2, NULL, NULL, &error) ? 0 : -1;
}

static int drop_world(void **state)
{
    (void)state;
    session_destroy(session);
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static struct session_cost cost_of(struct session *of)
{
    struct session_cost cost;
    session_cost(of, &cost);
    return cost;
}

/* Pumps until nothing is being measured. */
static struct session_cost wait_for_measuring(struct session *of)
{
    double began = clock_monotonic();
    while (cost_of(of).measuring && clock_monotonic() - began < 300) {
        struct pollfd wake = {.fd = session_wake_fd(of), .events = POLLIN};
        poll(&wake, 1, 1000);
        session_pump(of);
    }
    assert_false(cost_of(of).measuring);
    return cost_of(of);
}

/* Without data there are no epochs; who does not ask for measurements has none. */
static void bytes_come_at_once(void **state)
{
    (void)state;
    struct error error = {0};
    struct session *quiet = open_session(false);
    double full = cost_of(quiet).bytes;
    assert_true(full > 1e6);
    must(session_freeze_match(quiet, "conv1 layer1 layer2", true, &error), &error);
    double some = cost_of(quiet).bytes;
    assert_true(some < full);
    must(session_undo_freeze(quiet, &error), &error);
    assert_true(cost_of(quiet).bytes == full);
    must(session_set(quiet, "train.batch=64", &error), &error);
    assert_true(cost_of(quiet).bytes > 1.5 * full);
    must(session_choose_data(quiet, data, &error), &error);
    assert_true(cost_of(quiet).first == 0 && !cost_of(quiet).measuring);
    /* a plan for less memory is searched behind the caller's back, and where there is none that is said */
    must(session_set(quiet, "train.memory=50", &error), &error);
    double most = cost_of(quiet).bytes;
    assert_true(cost_of(quiet).measuring && most > 50e6);
    struct session_cost cost = wait_for_measuring(quiet);
    if (!(cost.bytes <= most && cost.bytes > 0.8 * most))
        fail_msg("%g of at most %g: %s", cost.bytes, most, cost.refused);
    assert_string_equal(cost.refused, "");
    must(session_set(quiet, "train.memory=1", &error), &error);
    assert_string_equal(cost_of(quiet).refused, "");
    assert_non_null(strstr(wait_for_measuring(quiet).refused, "may take 1 MiB"));
    must(session_set(quiet, "train.memory=auto", &error), &error);
    assert_string_equal(cost_of(quiet).refused, "");
    must(session_freeze_match(quiet, "*", true, &error), &error);
    assert_string_equal(cost_of(quiet).refused, "every layer would be frozen: nothing is left to train");
    assert_true(cost_of(quiet).bytes == 0);
    session_destroy(quiet);
}

static void seconds_come_once_they_are_measured(void **state)
{
    (void)state;
    struct error error = {0};
    session = open_session(true);
    assert_false(cost_of(session).measuring);
    must(session_choose_data(session, data, &error), &error);
    assert_true(cost_of(session).measuring);
    struct session_cost cost = wait_for_measuring(session);
    assert_true(cost.first > 0 && cost.later > 0 && cost.first >= cost.later);
    /* another freeze plan wants other kernels; meanwhile there is an estimate */
    must(session_freeze_match(session, "conv1 layer1 layer2", true, &error), &error);
    assert_true(cost_of(session).first > 0 && cost_of(session).measuring);
    cost = wait_for_measuring(session);
    assert_true(cost.first > cost.later); /* features are kept */
    must(session_set(session, "data.cache=off", &error), &error);
    assert_true(cost_of(session).later > cost.later);
    assert_false(cost_of(session).measuring); /* nothing else is needed for that */
    must(session_set(session, "data.cache=f32", &error), &error);
    assert_true(cost_of(session).later == cost.later);
    /* behind each thaw an epoch takes longer, and a run that is started knows */
    struct view_stage stage[EXPERIMENT_THAWS];
    assert_int_equal(cost_stages(session, stage), 0);
    must(session_set(session, "thaw.epoch 2=layer2", &error), &error);
    must(session_set(session, "thaw.epoch 4=conv1 layer1", &error), &error);
    assert_int_equal(cost_stages(session, stage), 2);
    assert_true(stage[0].epoch == 2 && stage[1].epoch == 4);
    assert_true(stage[0].later > cost.later && stage[1].later > stage[0].later);
    must(session_set(session, "thaw.epoch 2=", &error), &error);
    must(session_set(session, "thaw.epoch 4=", &error), &error);
}

/* All but the images' time, which is read anew: so it is soon there. */
static void what_was_measured_is_remembered(void **state)
{
    (void)state;
    struct error error = {0};
    struct session *other = open_session(true);
    must(session_choose_data(other, data, &error), &error);
    double began = clock_monotonic();
    assert_true(cost_of(other).measuring);
    struct session_cost cost = wait_for_measuring(other);
    assert_true(cost.first > 0 && clock_monotonic() - began < 5);
    session_destroy(other);
}

static void the_run_takes_what_was_told(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_status status;
    must(session_set(session, "train.epochs=1", &error), &error);
    must(session_set(session, "train.batch=8", &error), &error);
    double told = cost_of(session).bytes;
    must(session_start(session, &error), &error);
    do {
        struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
        poll(&wake, 1, 1000);
        session_pump(session);
        session_status(session, &status);
        if (session_phase_is_live(status.phase) && session_subject(session) == SESSION_SHOWN_RUN)
            assert_false(cost_of(session).measuring);
    } while (session_phase_is_live(status.phase));
    session_set_subject(session, SESSION_SHOWN_RUN);
    assert_true(cost_of(session).bytes == told);
    session_set_subject(session, SESSION_NEXT_RUN);
    assert_true(cost_of(session).bytes == told);
}

/* Leaving does not wait for what is being measured. */
static void leaving_cancels(void **state)
{
    (void)state;
    struct error error = {0};
    struct session *other = open_session(true);
    must(session_set(other, "train.threads=1", &error), &error); /* of which nothing is known */
    must(session_choose_data(other, data, &error), &error);
    assert_true(cost_of(other).measuring);
    session_destroy(other);
    other = open_session(true);
    must(session_set(other, "train.threads=1", &error), &error);
    must(session_choose_data(other, data, &error), &error);
    assert_true(cost_of(other).first == 0); /* nothing half measured was remembered */
    session_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_at_once),
        cmocka_unit_test(seconds_come_once_they_are_measured),
        cmocka_unit_test(what_was_measured_is_remembered),
        cmocka_unit_test(the_run_takes_what_was_told),
        cmocka_unit_test(leaving_cancels),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
