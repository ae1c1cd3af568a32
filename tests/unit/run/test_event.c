/* Events: every kind and every field goes through a JSON line and comes back to the bit; what a newer or an older
 * program wrote is read as far as it is known; nonsense is refused with a sentence. */
#include "config.h"

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
        *(int *)at = (int)(uint32_t)any.bits;
        break;
    case EVENT_FIELD_U64:
        *(uint64_t *)at = any.bits;
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
        *(enum event_done *)at = (enum event_done)(any.bits % 5);
        break;
    }
}

static void assert_field_equal(const struct event *a, const struct event *b, const struct event_field *field)
{
    const char *left = (const char *)a + field->offset, *right = (const char *)b + field->offset;
    if (field->type == EVENT_FIELD_TEXT)
        assert_string_equal(left, right);
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
            mem_free(line);
        }
    }
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
    assert_true(read_line("{\"kind\":\"teleport\",\"x\":1}", &event, &known, &error));
    assert_false(known);
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
    assert_false(read_line("{\"kind\":\"done\",\"how\":\"bored\"}", &event, &known, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(numbers_that_are_not_finite),
        cmocka_unit_test(text_that_is_no_utf8),
        cmocka_unit_test(newer_older_and_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
