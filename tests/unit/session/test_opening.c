/* An experiment that is opened behind the front end's back: nothing of it before the first pump, all of it afterwards,
 * calls that need it wait, faults come out, and a session that goes meanwhile waits for nobody. */
#include "config.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/samples/roadsigns.h"
#include "thaw/session/session.h"

static char folder[] = "/tmp/thaw-test-opening-XXXXXX";
static char samples[128], experiment[160];
static atomic_bool held, drawing, drawn;

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(samples, sizeof samples, "%s/samples", folder);
    snprintf(experiment, sizeof experiment, "%s/small.ini", samples);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void write_text(const char *path, const char *text)
{
    struct error error = {0};
    if (!file_write_atomic(path, text, strlen(text), &error))
        fail_msg("%s", error.text);
}

/* A small world that is half drawn for as long as it is held. */
static bool make_samples(const char *path, void (*tell)(void *context, int done, int all), void *context,
                         struct error *error)
{
    char indian[160], text[400];
    snprintf(indian, sizeof indian, "%s/indian", path);
    snprintf(text, sizeof text, "[model]\nname = resnet20\n[data]\npath = %s\n[train]\nepochs = 7\n", indian);
    tell(context, 51, 100);
    atomic_store(&drawing, true);
    while (atomic_load(&held))
        usleep(1000);
    tell(context, 100, 100);
    bool done = roadsigns_write(ROADSIGNS_INDIAN, indian, 1, 16, 4, 2, NULL, NULL, error);
    if (done)
        write_text(experiment, text);
    atomic_store(&drawn, true);
    return done;
}

static struct session *begin(bool draw)
{
    struct error error = {0};
    struct session_options options = {.samples = samples,
                                      .runs = folder,
                                      .models = folder,
                                      .threads = 1,
                                      .experiment = experiment,
                                      .make_samples = draw ? make_samples : NULL};
    struct session *session = session_create(&options, &error);
    if (!session)
        fail_msg("%s", error.text);
    return session;
}

/* As a front end does, until all is open or failed. */
static void pump(struct session *session)
{
    struct pollfd ready = {.fd = session_wake_fd(session), .events = POLLIN};
    size_t changes = 0;
    while (session_opening(session)) {
        assert_int_equal(poll(&ready, 1, 10000), 1);
        changes = session_pump(session);
    }
    assert_true(changes > 0); /* the last one is told: the screens follow it */
}

static void all_comes_behind_the_first_pump(void **state)
{
    (void)state;
    const struct session_model *models;
    struct error error = {0};
    atomic_store(&held, true);
    struct session *session = begin(true);
    assert_string_equal(session_opening(session), "opening small.ini");
    usleep(20000);
    assert_false(atomic_load(&drawing));    /* the front end draws first */
    size_t changes = session_pump(session); /* which may see the first drawing already */
    while (!atomic_load(&drawing))
        usleep(1000);
    assert_true(changes + session_pump(session) > 0);
    assert_string_equal(session_opening(session), "drawing sample road signs: 51 of 100");
    assert_null(session_data(session));
    assert_int_equal(session_models(session, &models), 0);
    double before = clock_monotonic();
    assert_false(session_set(session, "train.epochs=3", &error));
    assert_true(clock_monotonic() - before < 3);
    assert_string_equal(error.text, "small.ini is still being opened");
    assert_false(session_start(session, &error));
    atomic_store(&held, false);
    pump(session);
    assert_null(session_opening_fault(session));
    assert_int_equal(session_data(session)->classes, 10);
    assert_true(session_models(session, &models) > 20);
    assert_true(session_chosen_model(session) >= 0);
    assert_true(session_set(session, "train.epochs=3", &error));
    session_destroy(session);
}

static void what_needs_it_waits(void **state)
{
    (void)state;
    struct error error = {0};
    struct session *session = begin(false);
    const struct session_setting *setting;
    size_t count = session_settings(session, &setting);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(setting[i].key, "train.epochs"))
            assert_string_equal(setting[i].value, "7"); /* the file itself is read at once */
    bool done = false;
    for (int i = 0; i < 30 && !done; i++) /* once, but where others have the machine */
        done = session_freeze_match(session, "layer1", true, &error);
    if (!done)
        fail_msg("%s", error.text);
    assert_null(session_opening(session));
    assert_int_equal(session_data(session)->classes, 10);
    assert_int_equal(session_pump(session), 1);
    assert_int_equal(session_pump(session), 0);
    session_destroy(session);
}

static void faults_come_out(void **state)
{
    (void)state;
    struct error error = {0};
    struct session_options options = {.samples = samples, .runs = folder, .models = folder, .experiment = experiment};
    write_text(experiment, "[model]\nname = resnet20\n[data]\npath = /nonexistent\n");
    struct session *session = begin(false);
    pump(session);
    assert_non_null(session_opening_fault(session));
    assert_int_equal(session_opening_fault(session)->kind, ERROR_DATA);
    assert_null(session_data(session));
    session_destroy(session);
    write_text(experiment, "[model]\nnonsense = 1\n");
    assert_null(session_create(&options, &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    unlink(experiment);
    assert_null(session_create(&options, &error));
}

static void leaving_waits_for_nobody(void **state)
{
    (void)state;
    atomic_store(&held, true);
    atomic_store(&drawing, false);
    atomic_store(&drawn, false);
    struct session *session = begin(true);
    session_destroy(session); /* never begun */
    session = begin(true);
    session_pump(session);
    while (!atomic_load(&drawing))
        usleep(1000);
    session_destroy(session);
    assert_false(atomic_load(&drawn));
    atomic_store(&held, false);
    while (!atomic_load(&drawn))
        usleep(1000);
    usleep(300000); /* its thread drops what it has opened */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_comes_behind_the_first_pump),
        cmocka_unit_test(what_needs_it_waits),
        cmocka_unit_test(faults_come_out),
        cmocka_unit_test(leaving_waits_for_nobody),
    };
    return cmocka_run_group_tests_name("opening", tests, make_folder, drop_folder);
}
