/* A stage for screen tests: the scripted session and the frame without a terminal, in one process. */
#ifndef THAW_TESTS_SCREENS_STAGE_H
#define THAW_TESTS_SCREENS_STAGE_H

#include "fake_session.h"
#include "ui.h"

struct stage {
    struct session *session;
    struct ui *ui;
};

void stage_prepare(void); /* once: a fixed time zone */
void stage_open(struct stage *stage, int width, int height, bool ascii);
void stage_close(struct stage *stage);
/* Draws before each key, as a user sees each key's effect before the next; "" does nothing. */
void stage_type(struct stage *stage, const char *keys);
void stage_click(struct stage *stage, enum term_mouse mouse, int x, int y);
void stage_train(struct stage *stage, int steps); /* one pump that makes so many steps */
void stage_check(struct stage *stage, const char *golden);
/* Whether the drawn screen holds the text; fails the test with the screen when it does not. */
void stage_expect(struct stage *stage, const char *text);
/* No text is cut, but for cells of tables; and of the selected row those are told in full. */
void stage_expect_whole(struct stage *stage);
/* Where the text begins, of several the last. */
void stage_find(struct stage *stage, const char *text, int *x, int *y);
void stage_expect_not(struct stage *stage, const char *text);

#endif
