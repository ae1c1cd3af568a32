/* Pace: what no key asked for takes no more of the line than its share, whatever is drawn at once; and what a key asked for
 * makes nobody wait. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "src/ui/beat.h"
#include "thaw/base/rng.h"

/* Bytes of an hour of a session that always has news, drawn as soon as they may be, and of `answers` an hour that are drawn
 * at once. */
static double hour(const struct pace *pace, double cells, int answers)
{
    struct beat beat = {.pace = pace};
    struct rng rng;
    rng_init(&rng, 7, 0);
    double bytes = 0, answer = answers ? 3600.0 / answers : 1e9, every = answer;
    for (double now = 0; now < 3600;) {
        double next = beat_next(&beat, true);
        now = next < answer ? next : answer;
        answer += now == answer ? every : 0;
        size_t drawn = 200 + (size_t)(rng_uniform(&rng) * 1500);
        beat_drew(&beat, now, drawn, cells, false);
        bytes += (double)drawn;
    }
    return bytes;
}

static void test_shares_hold(void **state)
{
    (void)state;
    for (int answers = 0; answers <= 360; answers += 120) {
        double slow = hour(&pace_slow, 80 * 24, answers), usual = hour(&pace_usual, 80 * 24, answers);
        assert_true(slow <= 3600 * pace_slow.rate + 1700 && slow > 3600 * pace_slow.rate * 0.9);
        assert_true(usual <= 3600 * pace_usual.rate + 1700);
    }
    assert_true(pace_slow.rate < 300);
    assert_true(hour(&pace_slow, 200 * 60, 60) <= 3600 * pace_slow.rate + 1700);
}

static void test_what_was_asked_for_is_not_owed(void **state)
{
    (void)state;
    struct beat beat = {.pace = &pace_slow};
    beat_drew(&beat, 1, 360, 80 * 24, false); /* two seconds of the line */
    assert_true(beat_next(&beat, true) == 1 + pace_slow.frame);
    beat_drew(&beat, 2, 1000000, 80 * 24, true);
    assert_true(beat_next(&beat, true) == 2 + pace_slow.frame);
    assert_true(beat_next(&beat, false) == 2 + pace_slow.clock);
    beat_drew(&beat, 5, 1800, 80 * 24, false);
    beat_drew(&beat, 6, 180, 80 * 24, false); /* at once, and owed behind the other */
    assert_true(beat_next(&beat, true) == 16);
}

static void test_large_terminals_have_good_lines(void **state)
{
    (void)state;
    struct beat usual = {.pace = &pace_usual}, slow = {.pace = &pace_slow};
    beat_drew(&usual, 0, 16000, 800 * 24, false);
    beat_drew(&slow, 0, 1800, 800 * 24, false);
    assert_true(beat_next(&usual, true) == 1);
    assert_true(beat_next(&slow, true) == 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares_hold),
        cmocka_unit_test(test_what_was_asked_for_is_not_owed),
        cmocka_unit_test(test_large_terminals_have_good_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
