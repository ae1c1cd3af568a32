/* The chooser: a list over the screen to choose one of a few words from; the one that holds now is marked. Nothing is
 * changed before Enter or a click on a word. Called by the frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "overlay.h"
#include "thaw/base/mem.h"

enum { ITEMS = 32, ITEM = 160 };

struct chooser {
    bool open;
    char title[64], item[ITEMS][ITEM];
    int now; /* item that holds; -1: none of them */
    struct list list;
    struct rect box;
    void (*done)(void *context, struct ui *ui, const char *item);
    void *context;
    bool (*holds)(struct ui *ui);
    const char *why;
};

struct chooser *chooser_create(void)
{
    return mem_alloc(sizeof(struct chooser));
}

void chooser_destroy(struct chooser *chooser)
{
    mem_free(chooser);
}

bool chooser_is_open(const struct chooser *chooser)
{
    return chooser->open;
}

const char *chooser_settle(struct chooser *chooser, struct ui *ui)
{
    if (!chooser->open || !chooser->holds || chooser->holds(ui))
        return NULL;
    chooser->open = false;
    return chooser->why;
}

void chooser_open(struct chooser *chooser, const struct ui_choice *choice)
{
    *chooser = (struct chooser){.open = true,
                                .now = -1,
                                .done = choice->done,
                                .context = choice->context,
                                .holds = choice->holds,
                                .why = choice->why};
    snprintf(chooser->title, sizeof chooser->title, "%s", choice->title);
    int count = 0;
    for (const char *at = choice->items; at && count < ITEMS;) {
        const char *bar = strstr(at, " | ");
        snprintf(chooser->item[count], ITEM, "%.*s", bar ? (int)(bar - at) : (int)strlen(at), at);
        if (strcmp(chooser->item[count], choice->now) == 0)
            chooser->now = count;
        count++;
        at = bar ? bar + 3 : NULL;
    }
    chooser->list.visible = count;
    list_set_rows(&chooser->list, count);
    list_select(&chooser->list, chooser->now);
}

/* `done` may open another, so this one is closed first. */
static void choose(struct chooser *chooser, struct ui *ui)
{
    chooser->open = false;
    if (chooser->list.selected >= 0)
        chooser->done(chooser->context, ui, chooser->item[chooser->list.selected]);
}

void chooser_event(struct chooser *chooser, struct ui *ui, const struct term_event *event)
{
    enum move move;
    if (event->kind == TERM_MOUSE) {
        enum list_hit hit = list_mouse(&chooser->list, event);
        if (hit == LIST_SELECTED || hit == LIST_OPENED)
            choose(chooser, ui);
        else if (event->mouse == TERM_PRESS && !rect_holds(chooser->box, event->x, event->y))
            chooser->open = false;
    } else if (event->key == TERM_KEY_ENTER)
        choose(chooser, ui);
    else if (event->key == TERM_KEY_ESCAPE || event->key == 'q')
        chooser->open = false;
    else if (event->key == 'j' || event->key == 'k')
        list_move(&chooser->list, event->key == 'j' ? MOVE_DOWN : MOVE_UP);
    else if (move_of_key(event, &move))
        list_move(&chooser->list, move);
}

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    const struct chooser *chooser = context;
    if (column == 0)
        snprintf(cell->text, sizeof cell->text, "%s", row == chooser->now ? "●" : "");
    else
        snprintf(cell->text, sizeof cell->text, "%s", chooser->item[row]);
}

int chooser_keys(struct overlay_key keys[OVERLAY_KEYS])
{
    keys[0] = (struct overlay_key){"Enter", "choose"};
    keys[1] = (struct overlay_key){"Esc", "close"};
    return 2;
}

void chooser_draw(struct chooser *chooser, struct canvas *canvas, struct rect area)
{
    static const struct column columns[] = {{"", 1, 0, ALIGN_LEFT, 1}, {"", 8, 1, ALIGN_LEFT, 2}};
    static const char foot[] = "Enter chooses, Esc leaves it";
    int width = text_width(foot), title = text_width(chooser->title) + 2;
    for (int i = 0; i < chooser->list.rows; i++) {
        int cells = text_width(chooser->item[i]) + 4;
        width = cells > width ? cells : width;
    }
    width = title > width ? title : width;
    chooser->box = layout_centre(area, width + 6, chooser->list.rows + 4);
    canvas_fill(canvas, chooser->box, ' ', THEME_TEXT, 0);
    canvas_box(canvas, chooser->box, THEME_BORDER, chooser->title);
    struct rect inside = layout_inset(chooser->box, 3, 1), line = layout_cut_bottom(&inside, 1);
    table_draw(canvas, inside, &chooser->list, columns, 2, fill_cell, chooser, true);
    canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, foot);
}
