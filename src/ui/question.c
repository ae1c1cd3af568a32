/* The question: a dialog in the middle of the screen with two buttons. "No" is chosen at first, so that an Enter too many
 * harms nothing. Called by the frame. */
#include "config.h"

#include <stdio.h>

#include "layout.h"
#include "overlay.h"
#include "thaw/base/mem.h"

enum { WIDTH = 56 };

struct question {
    bool open, on_yes;
    char text[512];
    void (*yes)(void *context, struct ui *ui);
    void *context;
    bool (*holds)(struct ui *ui);
    const char *why;
    struct rect box, yes_hit, no_hit;
};

struct question *question_create(void)
{
    return mem_alloc(sizeof(struct question));
}

void question_destroy(struct question *question)
{
    mem_free(question);
}

void question_open(struct question *question, const char *text, void (*yes)(void *context, struct ui *ui),
                   void *context)
{
    *question = (struct question){.open = true, .yes = yes, .context = context};
    snprintf(question->text, sizeof question->text, "%s", text);
}

void question_hold(struct question *question, bool (*holds)(struct ui *ui), const char *why)
{
    question->holds = holds;
    question->why = why;
}

const char *question_settle(struct question *question, struct ui *ui)
{
    if (!question->open || !question->holds || question->holds(ui))
        return NULL;
    question->open = false;
    return question->why;
}

bool question_is_open(const struct question *question)
{
    return question->open;
}

/* `yes` may ask again, so this question is closed first. */
static void answer(struct question *question, struct ui *ui, bool yes)
{
    question->open = false;
    if (yes)
        question->yes(question->context, ui);
}

static void on_key(struct question *question, struct ui *ui, const struct term_event *event)
{
    switch (event->key) {
    case 'y':
    case 'Y':
        answer(question, ui, true);
        break;
    case 'n':
    case 'N':
    case 'q':
    case TERM_KEY_ESCAPE:
        answer(question, ui, false);
        break;
    case TERM_KEY_ENTER:
        answer(question, ui, question->on_yes);
        break;
    case 'h':
    case 'l':
    case TERM_KEY_LEFT:
    case TERM_KEY_RIGHT:
    case TERM_KEY_TAB:
        question->on_yes = !question->on_yes;
        break;
    default:
        break;
    }
}

void question_event(struct question *question, struct ui *ui, const struct term_event *event)
{
    if (event->kind == TERM_KEY)
        on_key(question, ui, event);
    else if (event->kind == TERM_MOUSE && event->mouse == TERM_PRESS) {
        if (rect_holds(question->yes_hit, event->x, event->y))
            answer(question, ui, true);
        else if (rect_holds(question->no_hit, event->x, event->y) || !rect_holds(question->box, event->x, event->y))
            answer(question, ui, false);
    }
}

int question_keys(struct overlay_key keys[OVERLAY_KEYS])
{
    keys[0] = (struct overlay_key){"y", "yes"};
    keys[1] = (struct overlay_key){"n", "no"};
    keys[2] = (struct overlay_key){"Tab", "the other"};
    keys[3] = (struct overlay_key){"Enter", "the marked one"};
    return 4;
}

void question_draw(struct question *question, struct canvas *canvas, struct rect area)
{
    int lines = paragraph_height(WIDTH - 6, question->text);
    struct rect box = layout_centre(area, WIDTH, lines + 5);
    question->box = box;
    canvas_fill(canvas, box, ' ', THEME_TEXT, 0);
    canvas_box(canvas, box, THEME_WARNING, NULL);
    struct rect text = layout_inset(box, 3, 1);
    paragraph_draw(canvas, text, THEME_TEXT, 0, question->text);
    int y = box.y + box.h - 2, x = box.x + box.w / 2;
    question->yes_hit = (struct rect){x - 11, y, 9, 1};
    question->no_hit = (struct rect){x + 2, y, 8, 1};
    bool yes = question->on_yes;
    canvas_text(canvas, x - 11, y, 9, yes ? THEME_SELECTED : THEME_KEY, 0, " [y] yes ");
    canvas_text(canvas, x + 2, y, 8, yes ? THEME_KEY : THEME_SELECTED, 0, " [n] no ");
}
