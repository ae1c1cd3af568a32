/* The help: every command with its keys, filtered while typing by key, name or words; Enter runs what is selected. Rows
 * are those of the tables of commands: first what works on this screen alone, then what works everywhere, then (dim, with
 * the screen's name in the keys' place) what other screens do. Called by the frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "overlay.h"
#include "thaw/base/mem.h"

struct help {
    bool open;
    int screen; /* it was asked for on */
    struct input filter;
    struct list list;
    struct rect box;
    int *row; /* [list.rows] commands by number */
};

struct help *help_create(void)
{
    return mem_alloc(sizeof(struct help));
}

void help_destroy(struct help *help)
{
    if (help)
        mem_free(help->row);
    mem_free(help);
}

bool help_is_open(const struct help *help)
{
    return help->open;
}

/* 0: this screen's own, 1: everywhere, 2: other screens' */
static int group_of(const struct help *help, int screen)
{
    return screen < 0 ? 1 : screen == help->screen ? 0 : 2;
}

/* One that stands behind the screen's own of the same name. */
static bool is_hidden(const struct help *help, const struct command *row, int screen)
{
    return screen < 0 && command_named(row->name, help->screen) != row;
}

/* One of the command's keys, whole. */
static bool is_key(const char *keys, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = keys; length > 0 && (at = strstr(at, word)) != NULL; at++)
        if ((at == keys || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0))
            return true;
    return false;
}

static void fill_rows(struct help *help, struct ui *ui)
{
    int count = 0, screen, all = 0;
    const struct command *row;
    while (command_at(all, NULL))
        all++;
    help->row = mem_grow(help->row, (size_t)all, sizeof *help->row);
    for (int pass = 0; pass < 6; pass++) /* what a typed key means here comes first */
        for (int i = 0; (row = command_at(i, &screen)) != NULL; i++) {
            char keys[64], text[256];
            keymap_all_keys(ui->keymap, row, keys, sizeof keys);
            snprintf(text, sizeof text, "%s %s %s %s", keys, row->name, row->label, row->help);
            bool key = is_key(keys, help->filter.text), shown = key || filter_match(help->filter.text, text);
            if (shown && !is_hidden(help, row, screen) && group_of(help, screen) + (key ? 0 : 3) == pass)
                help->row[count++] = i;
        }
    list_set_rows(&help->list, count);
}

void help_open(struct help *help, struct ui *ui)
{
    int *row = help->row;
    *help = (struct help){.open = true, .screen = (int)ui->current, .row = row};
    fill_rows(help, ui);
}

static void run_selected(struct help *help, struct ui *ui)
{
    if (help->list.selected < 0)
        return;
    help->open = false;
    ui_call(ui, command_at(help->row[help->list.selected], NULL), "");
}

void help_event(struct help *help, struct ui *ui, const struct term_event *event)
{
    if (event->kind == TERM_MOUSE) {
        if (list_mouse(&help->list, event) == LIST_OPENED)
            run_selected(help, ui);
        else if (event->mouse == TERM_PRESS && !rect_holds(help->box, event->x, event->y))
            help->open = false;
        return;
    }
    if (event->kind != TERM_KEY)
        return;
    bool empty = !help->filter.text[0];
    enum move move;
    if (event->key == TERM_KEY_ESCAPE && !empty) {
        input_set(&help->filter, "");
        fill_rows(help, ui);
    } else if (event->key == TERM_KEY_ESCAPE || event->key == TERM_KEY_F1 || (event->key == '?' && empty))
        help->open = false;
    else if (event->key == TERM_KEY_ENTER)
        run_selected(help, ui);
    else if (move_of_key(event, &move))
        list_move(&help->list, move);
    else if (input_key(&help->filter, event)) {
        list_select(&help->list, 0);
        fill_rows(help, ui);
    }
}

int help_keys(struct overlay_key keys[OVERLAY_KEYS])
{
    keys[0] = (struct overlay_key){"Enter", "run"};
    keys[1] = (struct overlay_key){"Esc", "close"};
    return 2;
}

struct fill_context {
    struct help *help;
    struct ui *ui;
};

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    struct fill_context *fill = context;
    int screen;
    const struct command *command = command_at(fill->help->row[row], &screen);
    bool other = group_of(fill->help, screen) == 2;
    cell->role = other ? THEME_DIM : column == 0 ? THEME_KEY : THEME_TEXT;
    if (column == 0 && other)
        snprintf(cell->text, sizeof cell->text, "%s", screen_table[screen]->title);
    else if (column == 0)
        keymap_all_keys(fill->ui->keymap, command, cell->text, sizeof cell->text);
    else
        snprintf(cell->text, sizeof cell->text, "%s%s", column == 1 ? ":" : "",
                 column == 1 ? command->name : command->help);
}

void help_draw(struct help *help, struct ui *ui, struct rect area)
{
    static const struct column columns[] = {
        {"key", 8, 0, ALIGN_LEFT, 3}, {"command", 18, 0, ALIGN_LEFT, 1}, {"what it does", 24, 1, ALIGN_LEFT, 2}};
    struct rect box = help->box = layout_centre(area, 100, area.h);
    canvas_fill(ui->canvas, box, ' ', THEME_TEXT, 0);
    char title[64];
    snprintf(title, sizeof title, "Help: %s", screen_table[help->screen]->title);
    canvas_box(ui->canvas, box, THEME_BORDER, title);
    struct rect inside = layout_inset(box, 2, 1), line = layout_cut_top(&inside, 1);
    struct rect foot = layout_cut_bottom(&inside, 1);
    struct rect label = layout_cut_left(&line, 15);
    canvas_text(ui->canvas, label.x, label.y, label.w, THEME_DIM, 0, "type to filter");
    input_draw(ui->canvas, line, &help->filter, true);
    struct fill_context context = {help, ui};
    table_draw(ui->canvas, inside, &help->list, columns, 3, fill_cell, &context, true);
    if (help->list.rows == 0)
        canvas_text(ui->canvas, inside.x, inside.y + 1, inside.w, THEME_DIM, 0, "no command has these words");
    canvas_text(ui->canvas, foot.x, foot.y, foot.w, THEME_DIM, 0,
                help->filter.text[0] ? "Enter runs the selected command, Esc clears the filter, again closes"
                                     : "Enter runs the selected command, Esc closes");
}
