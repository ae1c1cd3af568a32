/* Parts that several screens draw. Positions are cells, inside the rectangle given. Called by the screens only. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "component.h"

char *component_key(const struct ui *ui, const char *command, char key[COMPONENT_KEY])
{
    const struct command *row = command_named(command, (int)ui->current);
    key[0] = '\0';
    if (!row->home || row->home == (int)ui->current + 1)
        keymap_first_key(ui->keymap, row, key);
    if (key[0] == '\0')
        snprintf(key, COMPONENT_KEY, ":%s", command);
    return key;
}

void component_empty(struct canvas *canvas, struct rect area, const char *title, const char *text)
{
    int width = area.w - 4 < 64 ? area.w - 4 : 64;
    if (width < 8 || area.h < 1)
        return;
    int lines = paragraph_height(width, text);
    struct rect box = layout_centre(area, width, lines + 2);
    canvas_text(canvas, box.x, box.y, box.w, THEME_TITLE, CELL_BOLD, title);
    box.y += 2;
    box.h -= 2;
    paragraph_draw(canvas, box, THEME_TEXT, 0, text);
}

bool component_opening(struct ui *ui, struct canvas *canvas, struct rect area)
{
    const char *opening = session_opening(ui->session);
    if (opening == NULL)
        return false;
    char title[128];
    snprintf(title, sizeof title, "%c%s ...", toupper((unsigned char)opening[0]), opening + 1);
    component_empty(canvas, area, title, "It comes here by itself, in a moment.");
    return true;
}

void component_heading(struct canvas *canvas, struct rect *area, const char *title, const char *right, bool focused)
{
    struct rect line = layout_cut_top(area, 1);
    if (rect_empty(line))
        return;
    canvas_fill(canvas, line, 0x2500, THEME_BORDER, 0);
    int tail = right == NULL || right[0] == '\0' ? 0 : text_width(right) + 1;
    int used = canvas_text(canvas, line.x, line.y, line.w - 1, focused ? THEME_TITLE : THEME_DIM,
                           focused ? CELL_BOLD : 0, title);
    canvas_put(canvas, line.x + used, line.y, ' ', THEME_BORDER, 0);
    if (tail > 0 && used + tail + 2 < line.w) {
        int x = line.x + line.w - tail;
        canvas_put(canvas, x, line.y, ' ', THEME_BORDER, 0);
        canvas_text(canvas, x + 1, line.y, tail - 1, THEME_DIM, 0, right);
    }
}

char *component_percent(char text[WORDS_MAX], double share)
{
    if (share < 0)
        snprintf(text, WORDS_MAX, "-");
    else
        snprintf(text, WORDS_MAX, "%.1f%%", 100 * share);
    return text;
}

char *component_epochs(char text[COMPONENT_TEXT], const struct session_cost *cost)
{
    static const double alike =
        1.15; /* a first epoch that is no longer than so many times a later one is not told apart */
    char first[WORDS_MAX], later[WORDS_MAX], many[WORDS_MAX] = "";
    const char *about = cost->measuring ? "about " : "";
    words_seconds(first, cost->first);
    words_seconds(later, cost->later);
    if (cost->firsts > 1)
        snprintf(many, sizeof many, "%d of ", cost->firsts);
    if (!(cost->first > 0))
        snprintf(text, COMPONENT_TEXT, "%s", cost->measuring ? "being measured" : "");
    else if (cost->first <= alike * cost->later || strcmp(first, later) == 0)
        snprintf(text, COMPONENT_TEXT, "%s%s", about, later);
    else
        snprintf(text, COMPONENT_TEXT, "%s%.15s%.15s, then %.15s", about, many, first, later);
    return text;
}

const char *component_leaf(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL || slash[1] == '\0' ? path : slash + 1;
}

const char *component_run_title(const char *run)
{
    const char *name = run[0] ? component_leaf(run) : "The run"; /* one whose start failed has no directory */
    size_t day = strspn(name, "0123456789");
    size_t second = day == 8 && name[day] == '-' ? strspn(name + day + 1, "0123456789") : 0;
    return second == 6 && name[15] == '-' && name[16] != '\0' ? name + 16 : name;
}

const char *component_mark_sign(enum session_mark mark)
{
    static const char *const sign[] = {
        [SESSION_MARK_NONE] = " ",
        [SESSION_MARK_FROZEN] = "✻",
        [SESSION_MARK_THAWED] = "≈",
        [SESSION_MARK_PARTLY] = "◐",
    };
    return sign[mark];
}

enum theme_role component_mark_role(enum session_mark mark)
{
    static const enum theme_role role[] = {
        [SESSION_MARK_NONE] = THEME_DIM,
        [SESSION_MARK_FROZEN] = THEME_FROZEN,
        [SESSION_MARK_THAWED] = THEME_THAWED,
        [SESSION_MARK_PARTLY] = THEME_PARTLY,
    };
    return role[mark];
}

const char *component_mark_name(enum session_mark mark)
{
    static const char *const name[] = {
        [SESSION_MARK_NONE] = "-",
        [SESSION_MARK_FROZEN] = "frozen",
        [SESSION_MARK_THAWED] = "thawed",
        [SESSION_MARK_PARTLY] = "partly",
    };
    return name[mark];
}

/* --- filters --- */

static void set_filter(struct component_filter *filter, struct ui *ui, const char *text)
{
    snprintf(filter->text, sizeof filter->text, "%s", text);
    filter->changed(filter->context, ui);
    ui_dirty(ui);
}

static void filter_changed(void *context, struct ui *ui, const char *text)
{
    set_filter(context, ui, text);
}

static void filter_done(void *context, struct ui *ui, const char *text, bool accepted)
{
    struct component_filter *filter = context;
    set_filter(filter, ui, accepted ? text : filter->before);
}

void component_filter_ask(struct component_filter *filter, struct ui *ui, const char *argument)
{
    if (argument[0] != '\0') {
        set_filter(filter, ui, argument);
        return;
    }
    snprintf(filter->before, sizeof filter->before, "%s", filter->text);
    ui_ask(ui, &(struct ui_ask){.label = "filter: ",
                                .initial = filter->text,
                                .history = "filter",
                                .complete = ARGUMENT_NONE,
                                .changed = filter_changed,
                                .done = filter_done,
                                .context = filter});
}

bool component_filter_clear(struct component_filter *filter, struct ui *ui)
{
    if (filter->text[0] == '\0')
        return false;
    set_filter(filter, ui, "");
    return true;
}

void component_no_match(struct canvas *canvas, struct rect area)
{
    paragraph_draw(canvas, area, THEME_DIM, 0, "Nothing matches. Esc clears the filter.");
}
