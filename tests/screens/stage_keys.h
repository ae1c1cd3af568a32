/* One stage of 80 x 24, opened before each test and closed behind it, and short words for what tests of keys do with it. */
#ifndef THAW_TESTS_SCREENS_STAGE_KEYS_H
#define THAW_TESTS_SCREENS_STAGE_KEYS_H

#include "stage.h"

extern struct stage stage;
int open_stage(void **state);
int close_stage(void **state);
#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, open_stage, close_stage)

void type(const char *keys);
void see(const char *text);
void miss(const char *text);
void click_tab(const char *tab); /* as the tab line shows it: "4 Train" */
struct session_status status_now(void);
double trainable_now(void);
void begin_run(void); /* chooses a model and data, starts, makes a few steps */

#endif
