/* Events: every kind and every field goes through a JSON line and comes back to the bit; what a newer or an older
 * program wrote is read as far as it is known; nonsense is refused with a sentence. */
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

#include "src/run/event_fields.h"
#include "thaw/base/mem.h"
#include "thaw/base/rng.h"

/* Lists of a length that the bits say. */
static void fill_list(struct event *event, const struct event_field *field, uint64_t bits)
{
    void *at = (char *)event + field->offset;
    int count = (int)(bits % METRICS_MAX);
    struct metrics *metrics = at;
    struct metric_definitions *definitions = at;
    if (field->type == EVENT_FIELD_METRICS || field->type == EVENT_FIELD_DEFINITIONS) {
        for (int i = 0; i < count; i++) {
            char name[METRIC_NAME];
            snprintf(name, sizeof name, "m%d\"", i);
            if (field->type == EVENT_FIELD_METRICS)
                metrics_set(metrics, name, (double)(bits >> 11) / (i + 3));
            else
                definitions->of[definitions->count++] = (struct metric_definition){"x", "share", bits & 1};
        }
        return;
    }
    *event_count_of(event, field) = count;
    if (field->type == EVENT_FIELD_RATIOS) {
        float *ratio = mem_array((size_t)count + 1, sizeof *ratio);
        for (int i = 0; i < count; i++)
            ratio[i] = i % 2 ? -1 : strtof("1.23e-4", NULL);
        *(float **)at = ratio;
        return;
    }
    struct event_layer *layer = mem_array((size_t)count + 1, sizeof *layer);
    for (int i = 0; i < count; i++)
        layer[i] = (struct event_layer){"layer1.0.conv1", "layer1", "conv 3x3", "8x8x16", i & 1, 432, 1e9, 4096, 5};
    *(struct event_layer **)at = layer;
}

static void assert_list_equal(const struct event *a, const struct event *b, const struct event_field *field)
{
    const void *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    if (field->type == EVENT_FIELD_METRICS || field->type == EVENT_FIELD_DEFINITIONS) {
        assert_memory_equal(left, right, field->size);
        return;
    }
    int count = *event_count_of((struct event *)a, field);
    assert_int_equal(count, *event_count_of((struct event *)b, field));
    size_t item = field->type == EVENT_FIELD_RATIOS ? sizeof(float) : sizeof(struct event_layer);
    if (count > 0)
        assert_memory_equal(*(void *const *)left, *(void *const *)right, (size_t)count * item);
}

/* Any value that the field can hold, from a generator. */
static void fill_field(struct event *event, const struct event_field *field, struct rng *rng)
{
    void *at = (char *)event + field->offset;
    union {
        uint64_t bits;
        double value;
    } any = {rng_next(rng)};
    switch (field->type) {
    case EVENT_FIELD_INT:
        *(int *)at = (int)(any.bits & INT_MAX);
        break;
    case EVENT_FIELD_U64:
        *(uint64_t *)at = any.bits;
        break;
    case EVENT_FIELD_SECONDS:
        *(double *)at = rng_uniform(rng) * 1e11;
        break;
    case EVENT_FIELD_DOUBLE:
        *(double *)at = isnan(any.value) ? 0.1 : any.value;
        break;
    case EVENT_FIELD_BOOL:
        *(bool *)at = any.bits & 1;
        break;
    case EVENT_FIELD_TEXT:
        snprintf(at, field->size, "\"a\" \\\n\t%u \xc3\xa9", (unsigned)(any.bits & 0xffff));
        break;
    case EVENT_FIELD_HASH:
        *(struct hash *)at = (struct hash){any.bits, ~any.bits};
        break;
    case EVENT_FIELD_HOW:
        *(enum event_done *)at = (enum event_done)(any.bits % EVENT_DONES);
        break;
    case EVENT_FIELD_PHASE:
        *(enum event_phase *)at = (enum event_phase)(any.bits % EVENT_PHASES);
        break;
    case EVENT_FIELD_LONG:
        *(char **)at = any.bits % 3 ? mem_format("%0*d \"\xc3\xa9\"", (int)(any.bits % 2000) + 1, 7) : NULL;
        break;
    default:
        fill_list(event, field, any.bits);
        break;
    }
}

static void assert_field_equal(const struct event *a, const struct event *b, const struct event_field *field)
{
    const char *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    const char *const *text = (const void *)left, *const *other = (const void *)right;
    if (field->type == EVENT_FIELD_TEXT)
        assert_string_equal(left, right);
    else if (field->type == EVENT_FIELD_LONG)
        assert_true(*text ? *other && strcmp(*text, *other) == 0 : !*other);
    else if (field->type > EVENT_FIELD_LONG)
        assert_list_equal(a, b, field);
    else
        assert_memory_equal(left, right, field->size);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 7, 1);
    for (int round = 0; round < 200; round++) {
        for (int kind = 0; kind < EVENT_KINDS; kind++) {
            struct event event = {.kind = (enum event_kind)kind}, back;
            struct error error = {0};
            bool known = false;
            size_t commons, own;
            const struct event_field *common = event_fields_common(&commons);
            const struct event_field *field = event_fields(event.kind, &own);
            for (size_t i = 0; i < commons; i++)
                fill_field(&event, &common[i], &rng);
            for (size_t i = 0; i < own; i++)
                fill_field(&event, &field[i], &rng);
            char *line = event_to_json(&event);
            assert_null(strchr(line, '\n'));
            assert_true(event_from_json(&back, &known, line, strlen(line), &error));
            assert_true(known);
            assert_int_equal(back.kind, kind);
            for (size_t i = 0; i < commons; i++)
                assert_field_equal(&event, &back, &common[i]);
            for (size_t i = 0; i < own; i++)
                assert_field_equal(&event, &back, &field[i]);
            struct event copy = event_copy(&back);
            for (size_t i = 0; i < own; i++)
                assert_field_equal(&event, &copy, &field[i]);
            event_finish(&copy);
            event_finish(&back);
            event_finish(&event);
            mem_free(line);
        }
    }
}

/* A run of the version before: accuracies were fields of their own. */
static void version_1_is_read(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "{\"kind\":\"run\",\"version\":1,\"model\":\"resnet20\",\"epochs\":3}",
        "{\"kind\":\"step\",\"loss\":1.5,\"images\":32,\"correct\":24}",
        "{\"kind\":\"epoch\",\"loss\":1.25,\"accuracy\":0.5}",
        "{\"kind\":\"eval\",\"loss\":1,\"accuracy\":0.75,\"top5\":1,\"best\":true}",
        "{\"kind\":\"thaw\",\"layers\":\"layer4\",\"frozen\":false}",
        "{\"kind\":\"done\",\"how\":\"finished\",\"best_accuracy\":-1}",
    };
    struct event event[THAW_LENGTH(lines)];
    struct error error = {0};
    bool known;
    for (size_t i = 0; i < THAW_LENGTH(lines); i++)
        assert_true(event_from_json(&event[i], &known, lines[i], strlen(lines[i]), &error) && known);
    assert_string_equal(event[0].u.run.metrics.of[0].name, "accuracy");
    assert_true(event[0].u.run.metrics.of[0].up);
    assert_true(metrics_get(&event[1].u.step_.metrics, "accuracy") == 0.75);
    assert_true(metrics_get(&event[2].u.epoch_.metrics, "accuracy") == 0.5);
    assert_true(metrics_get(&event[3].u.eval.metrics, "accuracy") == 0.75);
    assert_true(metrics_get(&event[3].u.eval.metrics, "top5") == 1);
    assert_string_equal(event[4].u.thaw.layers, "layer4");
    assert_true(isnan(event[5].u.done.best));
    for (size_t i = 0; i < THAW_LENGTH(lines); i++)
        event_finish(&event[i]);
}

static void numbers_that_are_not_finite(void **state)
{
    (void)state;
    const double odd[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        struct event event = {.kind = EVENT_STEP, .u.step_.loss = odd[i]}, back;
        struct error error = {0};
        bool known;
        char *line = event_to_json(&event);
        assert_true(event_from_json(&back, &known, line, strlen(line), &error));
        assert_true(isnan(odd[i]) ? isnan(back.u.step_.loss) : back.u.step_.loss == odd[i]);
        mem_free(line);
    }
}

static void text_that_is_no_utf8(void **state)
{
    (void)state;
    struct event event = {.kind = EVENT_WARNING, .u.warning.text = "a\xff\xc3\xa9\xc3"}, back;
    struct error error = {0};
    bool known;
    char *line = event_to_json(&event);
    assert_true(event_from_json(&back, &known, line, strlen(line), &error));
    assert_string_equal(back.u.warning.text, "a?\xc3\xa9?");
    mem_free(line);
    /* Who takes it live knows the same. */
    struct event copy = event_copy(&event);
    assert_string_equal(copy.u.warning.text, "a?\xc3\xa9?");
    char cut[] = "\xe0\x80\x80 \xed\xa0\x80 \xf4\x90\x80\x80 \xc1\xbf \xf0\x9f\x98\x80 \xe2\x82";
    struct event_layer layer = {.name = "\xffx"};
    struct event note = {.kind = EVENT_NOTE, .u.note.text = cut};
    struct event layers = {.kind = EVENT_LAYERS, .u.layers = {&layer, 1, NULL}};
    copy = event_copy(&note);
    assert_string_equal(copy.u.note.text, "??? ??? ???? ?? \xf0\x9f\x98\x80 ??");
    char *live = event_to_json(&copy), *written = event_to_json(&note);
    assert_string_equal(live, written);
    event_finish(&copy);
    copy = event_copy(&layers);
    assert_string_equal(copy.u.layers.layer[0].name, "?x");
    event_finish(&copy);
    mem_free(live);
    mem_free(written);
}

static bool read_line(const char *line, struct event *event, bool *known, struct error *error)
{
    return event_from_json(event, known, line, strlen(line), error);
}

static void newer_older_and_broken(void **state)
{
    (void)state;
    struct event event;
    struct error error = {0};
    bool known = true;
    assert_true(read_line("{\"kind\":\"teleport\",\"time\":12.5,\"x\":1}", &event, &known, &error));
    assert_false(known);
    assert_int_equal(event.kind, EVENT_KINDS);
    assert_true(event.time == 12.5);
    assert_true(read_line("{\"kind\":\"step\",\"loss\":2,\"mood\":[1]}", &event, &known, &error));
    assert_true(known);
    assert_true(event.u.step_.loss == 2 && event.u.step_.lr == 0);
    assert_false(read_line("{\"kind\":\"step\",\"loss\":[]}", &event, &known, &error));
    assert_non_null(strstr(error.text, "\"loss\""));
    assert_false(read_line("{\"loss\":1}", &event, &known, &error));
    assert_false(read_line("{\"kind\":\"st", &event, &known, &error));
    assert_false(read_line("", &event, &known, &error));
    assert_false(read_line("{\"kind\":\"run\",\"classes\":99999999999}", &event, &known, &error));
    assert_false(read_line("{\"kind\":\"run\",\"seed\":-1}", &event, &known, &error));
    assert_false(read_line("{\"kind\":\"run\",\"epochs\":-1}", &event, &known, &error));
    assert_false(read_line("{\"kind\":\"layers\",\"layers\":[{\"name\":\"a\"}]}", &event, &known, &error));
    for (int i = 0; i < 3; i++) {
        static const char *const amounts[] = {"-1", "\"nan\"", "1e300"};
        char line[256];
        snprintf(line, sizeof line,
                 "{\"kind\":\"layers\",\"layers\":[{\"name\":\"a\",\"stage\":\"\",\"kind\":\"\",\"shape\":\"\","
                 "\"params\":%s,\"macs\":1,\"activation_bytes\":1}]}",
                 amounts[i]);
        assert_false(read_line(line, &event, &known, &error));
    }
    assert_true(read_line("{\"kind\":\"updates\",\"ratios\":\"1 - inf nan 2\"}", &event, &known, &error));
    assert_int_equal(event.u.updates.count, 5);
    assert_true(event.u.updates.ratio[2] == -1 && event.u.updates.ratio[3] == -1 && event.u.updates.ratio[4] == 2);
    event_finish(&event);
    assert_false(read_line("{\"kind\":\"done\",\"how\":\"bored\"}", &event, &known, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),      cmocka_unit_test(version_1_is_read),
        cmocka_unit_test(numbers_that_are_not_finite), cmocka_unit_test(text_that_is_no_utf8),
        cmocka_unit_test(newer_older_and_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
