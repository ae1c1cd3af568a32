/* The help: every command with its keys, filtered while typing by key, name or words; Enter runs what is selected. Rows
 * are those of the command table: first what works on this screen alone, then what works everywhere, then (dim) what
 * other screens do. Called by the frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "layout.h"
#include "overlay.h"
#include "thaw/base/mem.h"

struct help {
    bool open;
    enum screen_id screen;
    struct input filter;
    struct list list;
    enum command row[COMMANDS];
};

struct help *help_create(void)
{
    return mem_alloc(sizeof(struct help));
}

void help_destroy(struct help *help)
{
    mem_free(help);
}

bool help_is_open(const struct help *help)
{
    return help->open;
}

/* 0: this screen's own, 1: everywhere, 2: other screens' */
static int group_of(const struct help *help, const struct command_row *row)
{
    return row->where == IN_ALL ? 1 : row->where >> help->screen & 1 ? 0 : 2;
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
    int count = 0;
    for (int pass = 0; pass < 6; pass++) /* what a typed key means here comes first */
        for (int i = 1; i < COMMANDS; i++) {
            const struct command_row *row = command_row((enum command)i);
            char keys[64], text[256];
            keymap_all_keys(ui->keymap, row->command, keys, sizeof(keys));
            snprintf(text, sizeof(text), "%s %s %s %s", keys, row->name, row->label, row->help);
            bool key = is_key(keys, help->filter.text);
            if (group_of(help, row) + (key ? 0 : 3) == pass && (key || filter_match(help->filter.text, text)))
                help->row[count++] = row->command;
        }
    list_set_rows(&help->list, count);
}

void help_open(struct help *help, struct ui *ui)
{
    *help = (struct help){.open = true, .screen = ui->current};
    fill_rows(help, ui);
}

static void run_selected(struct help *help, struct ui *ui)
{
    if (help->list.selected < 0)
        return;
    const struct command_row *row = command_row(help->row[help->list.selected]);
    help->open = false;
    if (row->argument != ARGUMENT_NONE) {
        char line[64];
        snprintf(line, sizeof(line), "%s ", row->name);
        ui_ask_command(ui, line);
    } else
        ui_do_line(ui, row->name);
}

static enum command list_key(const struct term_event *event)
{
    switch (event->key) {
    case TERM_KEY_UP:
        return COMMAND_UP;
    case TERM_KEY_DOWN:
        return COMMAND_DOWN;
    case TERM_KEY_PAGE_UP:
        return COMMAND_PAGE_UP;
    case TERM_KEY_PAGE_DOWN:
        return COMMAND_PAGE_DOWN;
    default:
        return COMMAND_NONE;
    }
}

void help_event(struct help *help, struct ui *ui, const struct term_event *event)
{
    if (event->kind == TERM_MOUSE) {
        if (list_mouse(&help->list, event) == LIST_OPENED)
            run_selected(help, ui);
        return;
    }
    if (event->kind != TERM_KEY)
        return;
    bool empty = !help->filter.text[0];
    if (event->key == TERM_KEY_ESCAPE && !empty) {
        input_set(&help->filter, "");
        fill_rows(help, ui);
    } else if (event->key == TERM_KEY_ESCAPE || event->key == TERM_KEY_F1 || (event->key == '?' && empty))
        help->open = false;
    else if (event->key == TERM_KEY_ENTER)
        run_selected(help, ui);
    else if (list_key(event) != COMMAND_NONE)
        list_command(&help->list, list_key(event));
    else if (input_key(&help->filter, event)) {
        list_select(&help->list, 0);
        fill_rows(help, ui);
    }
}

struct fill_context {
    struct help *help;
    struct ui *ui;
};

static void fill_cell(void *context, int row, int column, struct table_cell *cell)
{
    struct fill_context *fill = context;
    const struct command_row *command = command_row(fill->help->row[row]);
    bool other = group_of(fill->help, command) == 2;
    cell->role = other ? THEME_DIM : column == 0 ? THEME_KEY : THEME_TEXT;
    if (column == 0)
        keymap_all_keys(fill->ui->keymap, command->command, cell->text, sizeof(cell->text));
    else if (column == 1)
        snprintf(cell->text, sizeof(cell->text), ":%s", command->name);
    else if (!other)
        snprintf(cell->text, sizeof(cell->text), "%s", command->help);
    else
        for (int i = 0; i < SCREENS; i++)
            if (command->where >> i & 1) {
                snprintf(cell->text, sizeof(cell->text), "%s: %s", screen_table[i]->title, command->help);
                return;
            }
}

void help_draw(struct help *help, struct ui *ui, struct rect area)
{
    static const struct column columns[] = {
        {"key", 11, 0, ALIGN_LEFT, 3}, {"command", 19, 0, ALIGN_LEFT, 1}, {"what it does", 24, 1, ALIGN_LEFT, 2}};
    struct rect box = layout_centre(area, 100, area.h);
    canvas_fill(ui->canvas, box, ' ', THEME_TEXT, 0);
    char title[64];
    snprintf(title, sizeof(title), "Help: %s", screen_table[help->screen]->title);
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
    canvas_text(ui->canvas, foot.x, foot.y, foot.w, THEME_DIM, 0, "Enter runs the selected command, Esc closes");
}
