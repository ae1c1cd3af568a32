/* A stage for screen tests: see stage.h. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "golden.h"
#include "stage.h"
#include "thaw/base/mem.h"

void stage_prepare(void)
{
    setenv("TZ", "UTC", 1);
    tzset();
}

void stage_open(struct stage *stage, int width, int height, bool ascii)
{
    struct error error = {0};
    const struct session_options nothing = {0};
    const struct ui_options options = {.ascii = ascii, .start = SCREEN_MODELS, .width = width, .height = height};
    stage->session = session_create(&nothing, &error);
    assert_non_null(stage->session);
    stage->ui = ui_create(&options, stage->session, NULL, &error);
    if (stage->ui == NULL)
        fail_msg("%s", error.text);
    ui_draw(stage->ui);
}

void stage_close(struct stage *stage)
{
    ui_destroy(stage->ui);
    session_destroy(stage->session);
}

void stage_type(struct stage *stage, const char *keys)
{
    char word[64];
    while (*keys != '\0') {
        size_t length = strcspn(keys, " ");
        assert_true(length < sizeof word);
        snprintf(word, sizeof word, "%.*s", (int)length, keys);
        if (length > 0 && !ui_type(stage->ui, word))
            fail_msg("\"%s\" cannot be typed", word);
        ui_draw(stage->ui);
        keys += length + (keys[length] == ' ');
    }
}

void stage_click(struct stage *stage, enum term_mouse mouse, int x, int y)
{
    ui_event(stage->ui, &(struct term_event){.kind = TERM_MOUSE, .mouse = mouse, .button = 1, .x = x, .y = y});
    ui_draw(stage->ui);
}

void stage_train(struct stage *stage, int steps)
{
    fake_session_steps(stage->session, steps);
    ui_pump(stage->ui);
    ui_draw(stage->ui);
}

void stage_check(struct stage *stage, const char *golden)
{
    ui_draw(stage->ui);
    golden_check(golden, stage->ui->canvas);
}

static void expect(struct stage *stage, const char *text, bool wanted)
{
    ui_draw(stage->ui);
    char *dump = canvas_dump(stage->ui->canvas);
    bool found = strstr(dump, text) != NULL;
    if (found != wanted)
        fprintf(stderr, "%s\n", dump);
    mem_free(dump);
    if (found != wanted)
        fail_msg("the screen %s \"%s\"", wanted ? "lacks" : "has", text);
}

void stage_expect(struct stage *stage, const char *text)
{
    expect(stage, text, true);
}

void stage_expect_not(struct stage *stage, const char *text)
{
    expect(stage, text, false);
}

void stage_find(struct stage *stage, const char *text, int *x, int *y)
{
    stage_expect(stage, text);
    char *dump = canvas_dump(stage->ui->canvas), *line = dump;
    for (int row = 0; *line != '\0'; row++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        char *found = strstr(line, text);
        if (found != NULL) {
            *found = '\0';
            *x = text_width(line);
            *y = row;
        }
        line = end + 1;
    }
    mem_free(dump);
}

void stage_expect_whole(struct stage *stage)
{
    struct ui *ui = stage->ui;
    ui_draw(ui);
    const struct canvas *canvas = ui->canvas;
    char *dump = canvas_dump(canvas);
    bool cut = canvas->cuts > 0;
    for (int y = ui->layout.body.y; y < ui->layout.body.y + ui->layout.body.h; y++)
        for (int x = 0; x < canvas->width; x++) {
            const struct cell *cell = &canvas->cell[y * canvas->width + x];
            bool selected = cell->role == THEME_SELECTED && (cell->attrs & CELL_DIM) == 0;
            cut = cut || (selected && cell->code == 0x2026 && canvas->whole[0] == '\0');
        }
    /* it stands above the keys, unless a message does */
    if (canvas->whole[0] != '\0' && ui->message[0] == '\0' && !cut) {
        char first[24];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(canvas->whole, " "), canvas->whole);
        cut = strstr(dump, first) == NULL;
    }
    if (cut)
        fprintf(stderr, "%s\n", dump);
    mem_free(dump);
    if (cut)
        fail_msg("%d texts are cut, or the selected row is", canvas->cuts);
}
