/* The tab line: the screens grouped by whose they are, the next run's or the shown run's, and at its right what that run
 * does. Layers and Train change groups with what they show. Called by the frame. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "component.h"
#include "overlay.h"

enum { LABELS = SUBJECTS, ITEMS = SCREENS + 2 * LABELS, STATUS_LEAST = 9, NAME_SPARE = 40 };

struct line {
    struct tab tab[ITEMS];
    int screen[ITEMS]; /* -1: a label */
    int count;
};

static enum screen_subject subject_of(struct ui *ui, int id)
{
    return screen_subject(screen_table[id], ui->state[id], ui);
}

static void add(struct line *line, const char *text, int screen, bool active)
{
    if (!text[0])
        return;
    line->screen[line->count] = screen;
    line->tab[line->count++] = (struct tab){text, screen + 1, active};
}

/* Groups in their order, each behind its label; groups without screens are left out. */
static void arrange(struct line *line, struct ui *ui, const char *const labels[LABELS])
{
    line->count = 0;
    enum screen_subject active = subject_of(ui, (int)ui->current);
    for (enum screen_subject subject = 0; subject < SUBJECTS; subject++) {
        bool begun = false;
        for (int id = 0; id < SCREENS; id++) {
            if (subject_of(ui, id) != subject)
                continue;
            if (!begun && line->count > 0)
                add(line, "│", -1, false);
            if (!begun)
                add(line, labels[subject], -1, subject == active);
            begun = true;
            add(line, screen_table[id]->title, id, id == (int)ui->current);
        }
    }
}

static int width_of(const struct line *line)
{
    int width = 0;
    for (int i = 0; i < line->count; i++)
        width += tab_width(&line->tab[i]);
    return width;
}

/* Labels as long as there is room for, with the run's name where that is plenty. */
static void choose_labels(struct line *line, struct ui *ui, const struct session_status *status, int room,
                          char named[160])
{
    const char *kind = status->phase == SESSION_IDLE ? " no run" : status->replay ? " replay" : " run";
    const char *name = status->phase == SESSION_IDLE ? "" : component_run_title(status->run);
    int others = ui_training(ui) ? STATUS_LEAST : 0;
    const char *host = status->phase == SESSION_IDLE ? "" : status->host;
    snprintf(named, 160, "%s%s%.30s%s%.100s", kind, name[0] ? " " : "", host, host[0] ? ":" : "", name);
    const char *const forms[][LABELS] = {
        {" next run", named, ""}, {" next run", kind, ""}, {" next", kind, ""}, {"", "", ""}};
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        arrange(line, ui, forms[i]);
        if (width_of(line) + others + (i == 0 ? NAME_SPARE : 0) <= room)
            return;
    }
}

/* What a training run says on every screen: as much as there is room for. */
static void draw_status(struct ui *ui, const struct session_status *status, struct rect line)
{
    char forms[4][96], percent[24] = "", phase[40] = "";
    bool lost = status->line[0], known = status->epochs > 0 && status->epoch > 0;
    const char *sign = lost ? "○" : "●";
    if (!ui_training(ui))
        return;
    if (lost || status->phase != SESSION_RUNNING)
        snprintf(phase, sizeof phase, "%s ", lost ? "no line" : status->words);
    if (status->val_accuracy >= 0)
        snprintf(percent, sizeof percent, "  %.1f%%", status->val_accuracy * 100);
    snprintf(forms[0], sizeof forms[0], "%s %sepoch %d/%d%s", sign, phase, status->epoch, status->epochs, percent);
    snprintf(forms[1], sizeof forms[1], "%s %s%d/%d%s", sign, phase, status->epoch, status->epochs, percent);
    snprintf(forms[2], sizeof forms[2], "%s %d/%d", sign, status->epoch, status->epochs);
    if (!known || lost)
        for (int i = 0; i < 3; i++)
            snprintf(forms[i], sizeof forms[i], "%s %.*s", sign, (int)strcspn(phase, "\n"), phase);
    snprintf(forms[3], sizeof forms[3], "%s", sign);
    for (size_t i = 0; i < THAW_LENGTH(forms); i++) {
        int width = text_width(forms[i]);
        if (width > line.w)
            continue;
        canvas_text(ui->canvas, line.x + line.w - width - (width < line.w), line.y, width,
                    lost ? THEME_WARNING : THEME_GOOD, 0, forms[i]);
        return;
    }
}

void tab_line_draw(struct ui *ui)
{
    struct line line;
    struct rect hit[ITEMS], rest = ui->layout.tabs;
    struct session_status status;
    char named[160];
    session_status(ui->session, &status);
    choose_labels(&line, ui, &status, rest.w, named);
    tabs_draw(ui->canvas, rest, line.tab, line.count, hit);
    for (int i = 0; i < line.count; i++) {
        if (line.screen[i] >= 0)
            ui->tab_hit[line.screen[i]] = hit[i];
        layout_cut_left(&rest, hit[i].w);
    }
    draw_status(ui, &status, rest);
}
