/* One stage of 80 x 24 for tests of keys and clicks: see stage_keys.h. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "stage_keys.h"

struct stage stage;

int open_stage(void **state)
{
    (void)state;
    stage_open(&stage, 80, 24, false);
    return 0;
}

int close_stage(void **state)
{
    (void)state;
    stage_close(&stage);
    return 0;
}

void type(const char *keys)
{
    stage_type(&stage, keys);
}

void see(const char *text)
{
    stage_expect(&stage, text);
}

void miss(const char *text)
{
    stage_expect_not(&stage, text);
}

void click_tab(const char *tab)
{
    int x, y;
    stage_find(&stage, tab, &x, &y);
    assert_int_equal(y, 0);
    stage_click(&stage, TERM_PRESS, x, y);
}

struct session_status status_now(void)
{
    struct session_status status;
    session_status(stage.session, &status);
    return status;
}

double trainable_now(void)
{
    struct session_freeze_counts counts;
    session_freeze_counts(stage.session, &counts);
    return counts.trainable;
}

void begin_run(void)
{
    type("Enter 3 Enter 4 r");
    assert_int_equal(status_now().phase, SESSION_PREPARING);
    stage_train(&stage, 30);
    assert_int_equal(status_now().phase, SESSION_RUNNING);
}
