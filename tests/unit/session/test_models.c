/* The list of models: filters, sorting, comparing, what the catalog adds; pulling from a server of our own while the
 * session goes on; an image's time measured and remembered. */
#include "config.h"

#include <math.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/fetch/server.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/fetch/fetch.h"
#include "thaw/session/query.h"
#include "thaw/session/session.h"

static char folder[] = "/tmp/thaw-test-models-XXXXXX";
static char models_folder[128];
static struct session *session;

static void must(bool done, const struct error *error)
{
    if (!done)
        fail_msg("%s", error->text);
}

/* --- filters alone --- */

struct fruit {
    const char *name, *colour;
    double weight;
    bool ripe;
};
static double ask_weight(const void *row)
{
    return ((const struct fruit *)row)->weight;
}
static const char *ask_name(const void *row)
{
    return ((const struct fruit *)row)->name;
}
static const char *ask_colour(const void *row)
{
    return ((const struct fruit *)row)->colour;
}
static bool ask_ripe(const void *row)
{
    return ((const struct fruit *)row)->ripe;
}
static const struct query_column fruit_columns[] = {
    {"weight", QUERY_NUMBER, 1e3, "", ask_weight, NULL, NULL},
    {"name", QUERY_TEXT, 0, "", NULL, ask_name, NULL},
    {"colour", QUERY_TEXT, 0, "", NULL, ask_colour, NULL},
    {"ripe", QUERY_FLAG, 0, "", NULL, NULL, ask_ripe},
    {NULL, QUERY_FLAG, 0, NULL, NULL, NULL, NULL},
};

static void filters_match(void **state)
{
    (void)state;
    static const struct fruit fruit[] = {
        {"Red apple", "red", 150, true}, {"pear", "green", 180e3, false}, {"cherry-red", "dark", NAN, true}};
    static const struct {
        const char *filter, *matches; /* a letter a fruit */
    } cases[] = {
        {"", "yyy"},
        {"   ", "yyy"},
        {"RED", "yny"},
        {"-red", "nyn"},
        {"ripe", "yny"},
        {"-ripe", "nyn"},
        {"ripe green", "nnn"},
        {"colour:red", "ynn"},
        {"-colour:red", "nyy"},
        {"Colour:", "yyy"},
        {"weight<1", "ynn"},
        {"weight>1", "nyn"},
        {"weight<=0.15", "ynn"},
        {"weight=150B", "ynn"},
        {"weight=180", "nyn"},
        {"weight!=180k", "ynn"},
        {"weight>=.1M", "nyn"},
        {"-weight<1", "nyn"},
        {"weight>0 ripe", "ynn"},
        {"name:y-r", "nny"},
        {"-", "nny"},
        {"weight=0.2M", "nyn"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error;
        struct query *query = query_create(cases[i].filter, fruit_columns, &error);
        must(query, &error);
        for (size_t k = 0; k < THAW_LENGTH(fruit); k++)
            if (query_match(query, &fruit[k]) != (cases[i].matches[k] == 'y'))
                fail_msg("\"%s\" and %s", cases[i].filter, fruit[k].name);
        query_destroy(query);
    }
}

static void faults_tell_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *sentence;
    } cases[] = {
        {"red wieght>3", "character 5: there is no column \"wieght\" to compare; the nearest is weight"},
        {"name>3", "character 1: there is no column \"name\" to compare; the nearest is weight"},
        {"color:red", "character 1: there is no column \"color\" to look into; the nearest is colour"},
        {"weight:3", "there is no column \"weight\" to look into"},
        {"weight>", "character 8: a number is to stand behind weight>"},
        {"weight>heavy", "character 8: a number is to stand behind weight>"},
        {"weight>3 apples weight>4x", "character 24: a number"},
        {"weight=>3", "character 7: \"=>\" is none of"},
        {"-weight<>3", "character 8: \"<>\" is none of"},
        {"> 3", "character 1: a comparison is written in one word, such as top1>75"},
        {"weight > 3", "character 8: a comparison is written in one word"},
        {"weight>-3", "character 8: a number"},
        {"weight>1e999", "character 8: a number"},
    };
    for (size_t i = 0; i < THAW_LENGTH(cases); i++) {
        struct error error = {0};
        assert_null(query_create(cases[i].filter, fruit_columns, &error));
        assert_int_equal(error.kind, ERROR_USAGE);
        if (!strstr(error.text, cases[i].sentence))
            fail_msg("\"%s\": \"%s\" is not in \"%s\"", cases[i].filter, cases[i].sentence, error.text);
    }
}

/* Rows by a column: what is not known comes last in either direction; a property is no order. */
static void columns_sort(void **state)
{
    (void)state;
    static const struct fruit light = {"apple", "Red", 150, true}, heavy = {"Pear", "green", 180e3, false},
                              unknown = {"cherry", "dark", NAN, true};
    struct error error = {0};
    const struct query_column *weight = query_sort_column(fruit_columns, "Weight", &error);
    const struct query_column *name = query_sort_column(fruit_columns, "name", &error);
    assert_true(query_order(weight, false, &light, &heavy) < 0 && query_order(weight, true, &light, &heavy) > 0);
    assert_true(query_order(weight, false, &unknown, &light) > 0 && query_order(weight, true, &unknown, &light) > 0);
    assert_true(query_order(weight, false, &light, &unknown) < 0 && query_order(weight, true, &light, &unknown) < 0);
    assert_int_equal(query_order(weight, true, &unknown, &unknown), 0);
    assert_true(query_order(name, false, &light, &unknown) < 0 && query_order(name, false, &unknown, &heavy) < 0);
    assert_null(query_sort_column(fruit_columns, "ripe", &error));
    assert_null(query_sort_column(fruit_columns, "wieght", &error));
    assert_string_equal(error.text, "there is no column \"wieght\" to sort by; it can be weight, name, colour; the "
                                    "nearest is weight");
}

/* --- the session's list --- */

static void write_text(const char *path, const char *text)
{
    struct error error;
    must(file_write_atomic(path, text, strlen(text), &error), &error);
}

static int make_world(void **state)
{
    (void)state;
    struct error error = {0};
    char path[160], text[1024];
    int port = server_start();
    if (port < 0 || !mkdtemp(folder))
        return -1;
    setenv("XDG_CONFIG_HOME", folder, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    setenv("XDG_STATE_HOME", folder, 1);
    setenv("no_proxy", "*", 1);
    unsetenv("THAW_MIRROR");
    snprintf(models_folder, sizeof models_folder, "%s/models", folder);
    snprintf(path, sizeof path, "%s/thaw/models.d", folder);
    if (!file_make_directories(path, &error))
        return -1;
    snprintf(path, sizeof path, "%s/served", folder);
    if (!file_make_directories(path, &error))
        return -1;
    char *sample = mem_format("%s/samples/resnet20-american.safetensors", getenv("THAW_SRCDIR"));
    struct file_map map;
    if (!file_map_open(&map, sample, &error))
        return -1;
    mem_free(sample);
    /* a file of the server's that is none of a model, and a real model that a folder serves */
    snprintf(path, sizeof path, "%s/served/served.safetensors", folder);
    if (!file_write_atomic(path, map.data, map.size, &error))
        return -1;
    snprintf(path, sizeof path, "%s/thaw/models.d/test.ini", folder);
    snprintf(text, sizeof text,
             "[test-model]\narch = resnet20\nurl = file://%s/served/served.safetensors\nsize = %zu\ntop1 = 99.5\n"
             "[test-stall]\narch = resnet56\nurl = http://127.0.0.1:%d/stall\n"
             "[test-absent]\nurl = http://127.0.0.1:%d/404\n"
             "[test-here-only]\nfile = here.pth\n",
             folder, map.size, port, port);
    file_map_close(&map);
    write_text(path, text);
    struct session_options options = {.samples = folder, .runs = folder, .models = models_folder, .threads = 1};
    session = session_create(&options, &error);
    return session ? 0 : -1;
}

static int drop_world(void **state)
{
    (void)state;
    session_destroy(session);
    server_stop();
    char command[160];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static const struct session_model *find(const char *name)
{
    const struct session_model *models;
    size_t count = session_models(session, &models);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(models[i].name, name))
            return &models[i];
    fail_msg("%s is not listed", name);
    return NULL;
}

static size_t row_of(const char *name)
{
    const struct session_model *models;
    session_models(session, &models);
    return (size_t)(find(name) - models);
}

static size_t filter(const char *text, const size_t **rows)
{
    struct error error;
    must(session_filter_models(session, text, &error), &error);
    return session_shown_models(session, rows);
}

static void rows_say_what_is_known(void **state)
{
    (void)state;
    assert_null(session_catalog_fault(session));
    const struct session_model *model = find("resnet50-imagenet1k_v1");
    assert_string_equal(model->arch, "resnet50");
    assert_string_equal(model->family, "ResNet");
    assert_string_equal(model->source, "torchvision");
    assert_string_equal(model->licence, "not stated");
    assert_string_equal(model->catalog, model->name);
    assert_true(model->params == 25557032 && model->top1 == 76.13 && model->side == 224 && model->classes == 1000);
    assert_true(fabs(model->macs - 4.089e9) < 1e7 && fabs(model->file_bytes - 102.53e6) < 1e5);
    assert_false(model->local || model->scratch || model->is_default);
    assert_true(isnan(model->seconds));
    model = find("resnet50");
    assert_true(model->scratch && !model->local && isnan(model->top1) && !model->catalog[0]);
    /* weights without a head count without it: 25.6 M less 2048 x 1000 + 1000 */
    model = find("test-here-only");
    assert_true(isnan(model->params) && !model->url[0]);
    struct error error;
    assert_false(session_choose_model(session, row_of("resnet50-imagenet1k_v1"), &error));
    assert_non_null(strstr(error.text, "pull it first"));
}

static void filtered_and_sorted(void **state)
{
    (void)state;
    const struct session_model *models;
    const size_t *rows;
    size_t all = session_models(session, &models);
    assert_int_equal(filter("", &rows), all);
    for (size_t i = 0; i < all; i++)
        assert_int_equal(rows[i], i); /* as found */
    size_t count = filter("source:torchvision arch:50 top1>=76.13 params<30M -arch:wide", &rows);
    assert_int_equal(count, 4); /* ResNet-50 and ResNeXt-50, each twice */
    session_sort_models(session, SESSION_MODEL_TOP1, true);
    count = session_shown_models(session, &rows);
    assert_string_equal(models[rows[0]].name, "resnext50_32x4d-imagenet1k_v2");
    assert_string_equal(models[rows[3]].name, "resnet50-imagenet1k_v1");
    session_sort_models(session, SESSION_MODEL_PARAMS, false);
    count = filter("", &rows);
    for (size_t i = 1; i < count; i++) /* unknown ones last, equal ones as found */
        assert_true(isnan(models[rows[i]].params) || models[rows[i - 1]].params < models[rows[i]].params ||
                    (models[rows[i - 1]].params == models[rows[i]].params && rows[i - 1] < rows[i]));
    session_sort_models(session, SESSION_MODEL_PARAMS, true);
    session_shown_models(session, &rows);
    assert_true(isnan(models[rows[count - 1]].params) && models[rows[0]].params > 1e8);
    session_sort_models(session, SESSION_MODEL_NAME, false);
    session_shown_models(session, &rows);
    assert_true(strcmp(models[rows[0]].name, models[rows[1]].name) <= 0);
    session_sort_models(session, SESSION_MODEL_COLUMNS, false);
    struct error error;
    assert_false(session_filter_models(session, "top1>>3", &error));
    assert_int_equal(session_shown_models(session, &rows), all); /* the old filter stays */
    enum session_model_column column;
    assert_true(session_model_column_find("top5", &column) && column == SESSION_MODEL_TOP5);
    assert_false(session_model_column_find("top6", &column));
    filter("", &rows);
}

static void two_side_by_side(void **state)
{
    (void)state;
    const struct session_difference *rows;
    size_t count =
        session_compare_models(session, row_of("resnet50-imagenet1k_v1"), row_of("resnet18-imagenet1k_v1"), &rows);
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        if (!strcmp(rows[i].label, "top-1")) {
            assert_string_equal(rows[i].a, "76.13 %");
            assert_true(rows[i].differs && rows[i].better == -1);
            found = true;
        }
        if (!strcmp(rows[i].label, "parameters"))
            assert_true(rows[i].differs && rows[i].better == 1);
        if (!strcmp(rows[i].label, "family"))
            assert_true(!rows[i].differs && !rows[i].better);
    }
    assert_true(found);
    assert_int_equal(session_compare_models(session, 0, 1000000, &rows), 0);
}

/* --- pulling --- */

static const struct session_pull *pull_named(const char *name)
{
    const struct session_pull *pulls;
    size_t count = session_pulls(session, &pulls);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(pulls[i].name, name))
            return &pulls[i];
    return NULL;
}

static const struct session_pull *follow(const char *name, double until)
{
    struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
    for (int i = 0; i < 200; i++) {
        const struct session_pull *pull = pull_named(name);
        if (session_pull_ended(pull->phase) || pull->received >= until)
            return pull;
        assert_int_not_equal(poll(&wake, 1, 10000), 0); /* woken, not timed out */
        session_pump(session);
    }
    fail_msg("%s does not end", name);
    return NULL;
}

static void pulled_in_the_background(void **state)
{
    (void)state;
    struct error error;
    if (!fetch_available()) {
        print_message("SKIPPED: this build has no downloads\n");
        skip();
    }
    assert_false(session_pull(session, "nothing-like-it", &error));
    assert_int_equal(error.kind, ERROR_USAGE);
    assert_false(session_pull(session, "test-here-only", &error));
    assert_non_null(strstr(error.text, "put here.pth into"));
    must(session_pull(session, "test-model", &error), &error);
    must(session_pull(session, "test-stall", &error), &error);
    must(session_pull(session, "test-stall", &error), &error);            /* it goes on already */
    must(session_choose_model_file(session, "resnet20", &error), &error); /* meanwhile */
    const struct session_pull *pull = follow("test-model", INFINITY);
    if (pull->phase != SESSION_PULL_DONE)
        fail_msg("%s", pull->error.text);
    const struct session_model *model = find("test-model");
    assert_true(model->local && model->pulled && model->top1 == 99.5 && model->classes == 12);
    assert_string_equal(model->format, "safetensors");
    assert_string_equal(find("resnet20")->name, "resnet20");
    assert_true(session_chosen_model(session) == (long)row_of("resnet20")); /* the list moved, the choice did not */
    must(session_choose_model(session, row_of("test-model"), &error), &error);
    assert_true(find("test-model")->used > 1.7e9);
    assert_false(session_set(session, "model.weights=resnet20", &error)); /* not of the catalog */
    must(session_set(session, "model.name=", &error), &error);
    must(session_set(session, "model.weights=test-model", &error), &error);
    assert_true(session_chosen_model(session) == (long)row_of("test-model"));
    const size_t *rows;
    assert_int_equal(filter("pulled used", &rows), 1);
    filter("", &rows);
    follow("test-stall", 20000);
    session_cancel_pull(session, "test-stall");
    pull = follow("test-stall", INFINITY);
    assert_int_equal(pull->phase, SESSION_PULL_CANCELLED);
    assert_non_null(strstr(pull->by_hand, "curl -L --fail -o "));
    must(session_pull(session, "test-absent", &error), &error);
    pull = follow("test-absent", INFINITY);
    assert_int_equal(pull->phase, SESSION_PULL_FAILED);
    assert_non_null(strstr(pull->error.text, "404"));
    must(session_pull(session, "test-stall", &error), &error); /* destroyed in the middle, at the end of the tests */
}

static void measured_and_remembered(void **state)
{
    (void)state;
    struct error error;
    struct pollfd wake = {.fd = session_wake_fd(session), .events = POLLIN};
    must(session_time_model(session, row_of("resnet20"), &error), &error);
    assert_true(session_timing(session) == (long)row_of("resnet20"));
    assert_false(session_time_model(session, row_of("resnet56"), &error));
    for (int i = 0; i < 3000 && session_timing(session) >= 0; i++) {
        poll(&wake, 1, 10);
        session_pump(session);
    }
    double seconds = find("resnet20")->seconds;
    assert_true(seconds > 1e-5 && seconds < 10);
    session_rescan_models(session);
    assert_true(fabs(find("resnet20")->seconds - seconds) < 1e-5);   /* from the file */
    assert_true(fabs(find("test-model")->seconds - seconds) < 1e-5); /* the same network */
    assert_false(session_time_model(session, row_of("test-absent"), &error));
}

/* Whoever has many sorts them into folders, and a folder may lead back to itself. */
static void folders_are_looked_into(void **state)
{
    (void)state;
    char command[1024];
    const struct session_model *models;
    snprintf(
        command, sizeof command,
        "cd %s && mkdir -p models/signs/old models/.hidden models/1/2/3/4 && "
        "for d in signs signs/old .hidden 1/2/3/4; do cp served/served.safetensors models/$d/mine.safetensors; done"
        " && ln -s .. models/signs/back && ln -s ../../served models/signs/linked",
        folder);
    assert_int_equal(system(command), 0);
    size_t before = session_models(session, &models);
    session_rescan_models(session);
    assert_int_equal(session_models(session, &models), before + 3);
    assert_true(find("signs/mine")->local && find("signs/old/mine")->local && find("signs/linked/served")->local);
    snprintf(command, sizeof command, "%s/models/signs/old/mine.safetensors", folder);
    assert_string_equal(find("signs/old/mine")->weights, command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match),
        cmocka_unit_test(faults_tell_the_place),
        cmocka_unit_test(columns_sort),
        cmocka_unit_test(rows_say_what_is_known),
        cmocka_unit_test(filtered_and_sorted),
        cmocka_unit_test(two_side_by_side),
        cmocka_unit_test(pulled_in_the_background),
        cmocka_unit_test(measured_and_remembered),
        cmocka_unit_test(folders_are_looked_into),
    };
    return cmocka_run_group_tests(tests, make_world, drop_world);
}
