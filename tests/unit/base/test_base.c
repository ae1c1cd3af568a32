/* Errors, memory, hash, random numbers, queue: the small modules of base. */
#include "config.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "thaw/base/error.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"
#include "thaw/base/queue.h"
#include "thaw/base/rng.h"
#include "thaw/base/text.h"

/* One name in the two ways that systems write it, and in other case; a byte that is no UTF-8 is like itself alone. */
static void names_fold(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool strict, loose;
    } rows[] = {
        {"caf\xc3\xa9", "cafe\xcc\x81", true, true},
        {"cat", "Cat", false, true},
        {"great white shark", "Great_White-Shark", false, true},
        {"\xe1\xba\xad", "a\xcc\x82\xcc\xa3", true, true}, /* a with two accents, the other way round */
        {"\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", true, true}, /* a Hangul syllable and its letters */
        {"\xe3\x81\x8c", "\xe3\x81\x8b\xe3\x82\x99", true, true},             /* Japanese ga */
        {"\xc3\x85ngstr\xc3\xb6m", "a\xcc\x8angstro\xcc\x88m", false, true},
        {"\xce\xa3\xce\x9f\xce\xa3", "\xcf\x83\xce\xbf\xcf\x82", false, true}, /* Greek, with a final sigma */
        {"\xd0\x96\xd0\x81", "\xd0\xb6\xd1\x91", false, true},                 /* Cyrillic */
        {"caf\xe9", "caf\xe9", true, true},
        {"caf\xe9", "caf\xe8", false, false},
        {"caf\xe9", "caf\xc3\xa9", false, false},
        {"cat", "cats", false, false},
        {"", "", true, true},
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++)
        for (enum text_folding how = TEXT_FOLD_STRICT; how <= TEXT_FOLD_LOOSE; how++) {
            char *a = text_fold(rows[i].a, how), *b = text_fold(rows[i].b, how);
            assert_int_equal(strcmp(a, b) == 0, how == TEXT_FOLD_LOOSE ? rows[i].loose : rows[i].strict);
            mem_free(a);
            mem_free(b);
        }
}

static void errors_carry_sentence_and_kind(void **state)
{
    (void)state;
    struct error error = {0};
    assert_false(error_set(&error, ERROR_WEIGHTS, "%s: byte %d", "a.pth", 7));
    assert_string_equal(error.text, "a.pth: byte 7");
    assert_false(error_wrap(&error, "model %s", "resnet18"));
    assert_string_equal(error.text, "model resnet18: a.pth: byte 7");
    assert_int_equal(error.kind, ERROR_WEIGHTS);
    error_set(&error, ERROR_DATA, "again: %s", error.text); /* an argument inside the error itself */
    assert_string_equal(error.text, "again: model resnet18: a.pth: byte 7");
    static const int codes[][2] = {{ERROR_NONE, 0},    {ERROR_FAILED, 1},  {ERROR_USAGE, 2},        {ERROR_DATA, 3},
                                   {ERROR_WEIGHTS, 4}, {ERROR_STOPPED, 5}, {ERROR_INTERRUPTED, 130}};
    for (size_t i = 0; i < THAW_LENGTH(codes); i++)
        assert_int_equal(error_exit_code((enum error_kind)codes[i][0]), codes[i][1]);
}

static void long_sentences_are_cut(void **state)
{
    (void)state;
    char text[3 * ERROR_TEXT_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    struct error error;
    error_set(&error, ERROR_FAILED, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
    error_set_errno(&error, ERROR_FAILED, 2, "%s", text);
    assert_int_equal(strlen(error.text), ERROR_TEXT_MAX - 1);
}

static void floats_are_aligned_and_zero(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 524288, 3000000};
    for (size_t i = 0; i < THAW_LENGTH(sizes); i++) {
        float *floats = mem_floats(sizes[i]);
        assert_int_equal((uintptr_t)floats % MEM_ALIGN, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_true(floats[k] == 0);
        mem_free_floats(floats);
    }
    assert_null(mem_try_floats(SIZE_MAX / 2));
    assert_null(arena_create(SIZE_MAX));
    struct arena *arena = arena_create(10000);
    memset(arena_at(arena, 0), 1, 10000);
    arena_destroy(arena);
}

static void hash_text_round_trips(void **state)
{
    (void)state;
    /* XXH3 128 of the empty input with seed 0, from the algorithm's own test vectors. */
    struct hash hash = hash_bytes("", 0, (struct hash){0});
    char text[HASH_TEXT];
    hash_text(text, hash);
    assert_string_equal(text, "99aa06d3014798d86001c324468d497f");
    struct hash back;
    assert_true(hash_parse(&back, text));
    assert_true(hash_equal(hash, back));
    assert_false(hash_parse(&back, "99aa"));
    assert_false(hash_parse(&back, "99aa06d3014798d86001c324468d497g"));
    static const char text_of_six[] = "pieces";
    for (size_t cut = 0; cut <= 6; cut++) { /* however it is cut */
        struct hash_stream *stream = hash_begin();
        hash_add(stream, text_of_six, cut);
        hash_add(stream, text_of_six + cut, 6 - cut);
        assert_true(hash_equal(hash_end(stream), hash_bytes(text_of_six, 6, (struct hash){0, 0})));
    }
    assert_false(hash_equal(hash_bytes("a", 1, hash), hash_bytes("a", 1, (struct hash){0})));
}

static void random_numbers_are_pure_and_even(void **state)
{
    (void)state;
    assert_int_equal(rng_at(1, 2, 3), rng_at(1, 2, 3));
    assert_int_not_equal(rng_at(1, 2, 3), rng_at(1, 3, 2));
    double sum = 0, squares = 0;
    struct rng rng;
    rng_init(&rng, 5, RNG_INIT);
    const int count = 100000;
    for (int i = 0; i < count; i++) {
        double x = rng_normal(&rng);
        sum += x;
        squares += x * x;
    }
    assert_true(sum / count > -0.02 && sum / count < 0.02);
    assert_true(squares / count > 0.97 && squares / count < 1.03);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    struct rng copy = rng; /* the state is plain data */
    assert_int_equal(rng_next(&copy), rng_next(&rng));
    uint32_t items[50];
    for (uint32_t i = 0; i < 50; i++)
        items[i] = i;
    rng_shuffle(&rng, items, 50);
    uint64_t found = 0;
    for (int i = 0; i < 50; i++)
        found |= (uint64_t)1 << items[i];
    assert_int_equal(found, ((uint64_t)1 << 50) - 1);
}

static void whole_numbers_do_not_wrap(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", "x", "-1", "+1", " 1", "1 ", "1x", "0x1", "4294967297", "18446744073709551617", "101"};
    const char *end;
    long number = 7;
    for (size_t i = 0; i < THAW_LENGTH(bad); i++)
        if (number_whole(bad[i], 1, 100, &number, NULL))
            fail_msg("%s is taken as %ld", bad[i], number);
    assert_int_equal(number, 7);
    assert_true(number_whole("100", 1, 100, &number, NULL) && number == 100);
    assert_true(number_whole("12:30", 0, 23, &number, &end) && number == 12 && *end == ':');
}

static void *fill(void *argument)
{
    for (uintptr_t i = 1; i <= 1000; i++)
        while (!queue_try_push(argument, (void *)i)) /* full */
            sched_yield();
    queue_close(argument);
    return NULL;
}

static void queue_keeps_order_between_threads(void **state)
{
    (void)state;
    struct queue *queue = queue_create(3);
    assert_null(queue_try_pop(queue));
    pthread_t thread;
    pthread_create(&thread, NULL, fill, queue);
    uintptr_t expected = 1;
    void *item;
    while ((item = queue_pop(queue)))
        assert_int_equal((uintptr_t)item, expected++);
    assert_int_equal(expected, 1001);
    pthread_join(thread, NULL);
    assert_false(queue_try_push(queue, state));
    queue_destroy(queue);
}

/* What a text is as UTF-8, for a terminal, and spelt out. */
static void foreign_text_steers_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain, *spelt; /* NULL: as the text */
        bool utf8;
    } rows[] = {
        {"", NULL, NULL, true},
        {"caf\xc3\xa9 \xe5\xad\x97 \xf0\x9f\x90\xb1", NULL, NULL, true},
        {"caf\xe9", "caf?", "caf\\xe9", false},
        {"a\033[31m\n\177", "a?[31m??", "a\\x1b[31m\\x0a\\x7f", true},
        {"\xc2\x9b"
         "2J",
         "?2J", "\\xc2\\x9b2J", true}, /* CSI in one character */
        {"\x9b"
         "2J",
         "?2J", "\\x9b2J", false}, /* and as a byte */
        {"\xe2\x80\xaegpj\xe2\x80\xac", "?gpj?", "\\xe2\\x80\\xaegpj\\xe2\\x80\\xac", true},
        {"\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8f\xd8\x9c\xe2\x80\xa8", "?????", NULL, true},
        {"\xc0\xaf", "??", "\\xc0\\xaf", false},           /* longer than need be */
        {"\xed\xa0\x80", "???", "\\xed\\xa0\\x80", false}, /* half of a pair */
        {"\xf4\x90\x80\x80", "????", NULL, false},         /* beyond the last */
        {"\xe5\xad", "??", "\\xe5\\xad", false},           /* cut off */
    };
    for (size_t i = 0; i < THAW_LENGTH(rows); i++) {
        char *plain = text_plain(rows[i].text), *spelt = text_spelt(rows[i].text);
        assert_string_equal(plain, rows[i].plain ? rows[i].plain : rows[i].text);
        if (rows[i].spelt || !rows[i].plain)
            assert_string_equal(spelt, rows[i].spelt ? rows[i].spelt : rows[i].text);
        assert_int_equal(text_is_utf8(rows[i].text), rows[i].utf8);
        json_t *json = text_to_json(rows[i].text);
        if (rows[i].utf8)
            assert_string_equal(json_string_value(json), rows[i].text);
        else
            assert_true(text_is_utf8(json_string_value(json)));
        json_decref(json);
        mem_free(plain);
        mem_free(spelt);
    }
    json_t *json = text_to_json("caf\xc3\xa9 caf\xe9"); /* only what is none goes */
    assert_string_equal(json_string_value(json), "caf\xc3\xa9 caf?");
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_carry_sentence_and_kind),
        cmocka_unit_test(long_sentences_are_cut),
        cmocka_unit_test(floats_are_aligned_and_zero),
        cmocka_unit_test(hash_text_round_trips),
        cmocka_unit_test(random_numbers_are_pure_and_even),
        cmocka_unit_test(queue_keeps_order_between_threads),
        cmocka_unit_test(names_fold),
        cmocka_unit_test(foreign_text_steers_nothing),
        cmocka_unit_test(whole_numbers_do_not_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
