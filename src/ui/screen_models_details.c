/* The Models screen's lower or right part: one model at length, or two side by side. Called by screen_models.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "screen_models.h"

enum { LABEL = 13, VALUE = 640 };

const struct session_pull *models_pull_of(const struct ui *ui, const char *catalog)
{
    const struct session_pull *pulls, *found = NULL;
    size_t count = session_pulls(ui->session, &pulls);
    for (size_t i = 0; i < count && catalog[0] != '\0'; i++)
        if (strcmp(pulls[i].name, catalog) == 0)
            found = &pulls[i];
    return found;
}

/* --- the match report --- */

static void summarise_matches(const struct session_match *match, size_t count, char *text, size_t room)
{
    /* outcomes in the order in which they come, each with its count */
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t before = 0, same = 0;
        for (size_t k = 0; k < count; k++)
            if (strcmp(match[k].outcome, match[i].outcome) == 0) {
                same++;
                before += k < i;
            }
        if (before > 0 || used >= room)
            continue;
        used += (size_t)snprintf(text + used, room - used, "%s%zu %s", used > 0 ? ", " : "", same, match[i].outcome);
    }
}

/* Converted is as good as loaded: the summary counts them. */
static bool is_plain(const struct session_match *match)
{
    return strcmp(match->outcome, "loaded") == 0 || strcmp(match->outcome, "converted") == 0;
}

/* What was not taken from the file, or not asked of it, while there is room. */
static void draw_matches(struct canvas *canvas, struct rect *area, const struct session_match *match, size_t count)
{
    char right[WORDS_MAX];
    size_t odd = 0, shown = 0;
    for (size_t i = 0; i < count; i++)
        odd += !is_plain(&match[i]);
    if (odd == 0 || area->h < 3)
        return;
    layout_cut_top(area, 1);
    snprintf(right, sizeof right, "%zu", odd);
    component_heading(canvas, area, "not taken as they are", right, false);
    for (size_t i = 0; i < count && area->h > 0; i++) {
        if (is_plain(&match[i]))
            continue;
        struct rect line = layout_cut_top(area, 1);
        if (area->h == 0 && odd - shown > 1) {
            canvas_format(canvas, line.x, line.y, line.w, THEME_DIM, 0, "and %zu more", odd - shown);
            return;
        }
        bool bad = strcmp(match[i].outcome, "missing") == 0 || strcmp(match[i].outcome, "does not fit") == 0;
        canvas_text(canvas, line.x, line.y, 12, bad ? THEME_WARNING : THEME_DIM, 0, match[i].outcome);
        int name = canvas_text(canvas, line.x + 13, line.y, line.w - 13, THEME_TEXT, 0, match[i].name);
        if (line.w - 15 - name > 4)
            canvas_text(canvas, line.x + 15 + name, line.y, line.w - 15 - name, THEME_DIM, 0, match[i].detail);
        shown++;
    }
}

/* --- a download --- */

static void draw_receiving(const struct session_pull *pull, struct canvas *canvas, struct rect line)
{
    char text[160], got[WORDS_MAX], all[WORDS_MAX], rate[WORDS_MAX], left[WORDS_MAX];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", words_bytes(got, pull->received));
    if (pull->total > 0)
        used += (size_t)snprintf(text + used, sizeof text - used, " of %s", words_bytes(all, pull->total));
    if (pull->rate > 0)
        used += (size_t)snprintf(text + used, sizeof text - used, ", %s/s", words_bytes(rate, pull->rate));
    if (pull->remaining >= 0)
        snprintf(text + used, sizeof text - used, ", %s left", words_seconds(left, pull->remaining));
    gauge_draw(canvas, line, pull->total > 0 ? pull->received / pull->total : 0, THEME_BAR, text);
}

static void draw_pull(const struct session_pull *pull, struct canvas *canvas, struct rect *area)
{
    static const char *const words[SESSION_PULL_PHASES] = {
        [SESSION_PULL_WAITING] = "waiting: another thaw pulls this file",
        [SESSION_PULL_CONNECTING] = "connecting",
        [SESSION_PULL_RETRYING] = "trying again",
        [SESSION_PULL_CHECKING] = "checking its digest",
        [SESSION_PULL_DONE] = "pulled",
        [SESSION_PULL_CANCELLED] = "cancelled; what has come is kept, pulling goes on from there",
    };
    if (area->h < 2)
        return;
    layout_cut_top(area, 1);
    component_heading(canvas, area, "download", "", false);
    struct rect line = layout_cut_top(area, 1);
    if (pull->phase == SESSION_PULL_RECEIVING) {
        draw_receiving(pull, canvas, line);
    } else if (pull->phase == SESSION_PULL_FAILED) {
        struct rect text = {line.x, line.y, line.w, line.h + area->h};
        int lines = paragraph_draw(canvas, text, THEME_ERROR, 0, pull->error.text);
        layout_cut_top(area, lines - 1 < area->h ? lines - 1 : area->h);
        if (pull->by_hand[0] != '\0' && area->h > 1) {
            line = layout_cut_top(area, 1);
            canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, "by hand:");
            paragraph_draw(canvas, *area, THEME_TEXT, 0, pull->by_hand);
            area->h = 0;
        }
        return;
    } else {
        canvas_text(canvas, line.x, line.y, line.w, pull->phase == SESSION_PULL_DONE ? THEME_GOOD : THEME_TEXT, 0,
                    words[pull->phase]);
    }
    if (pull->note[0] != '\0' && area->h > 0) {
        line = layout_cut_top(area, 1);
        canvas_text(canvas, line.x, line.y, line.w, THEME_DIM, 0, pull->note);
    }
}

/* --- one model --- */

static void say_weights(const struct ui *ui, const struct session_model *model, int width, char value[VALUE])
{
    char words[WORDS_MAX], key[COMPONENT_KEY];
    if (model->weights[0] != '\0')
        text_tail(value, VALUE, model->weights, width);
    else if (model->scratch)
        snprintf(value, VALUE, "none: starts from random numbers");
    else if (model->url[0] != '\0')
        snprintf(value, VALUE, "not here; %s pulls it%s%s", component_key(ui, "pull", key),
                 isfinite(model->file_bytes) && model->file_bytes > 0 ? ", " : "",
                 isfinite(model->file_bytes) && model->file_bytes > 0 ? words_bytes(words, model->file_bytes) : "");
    else
        snprintf(value, VALUE, "not here");
}

static void say_speed(const struct ui *ui, const struct session_model *model, char value[VALUE])
{
    const struct session_model *all;
    session_models(ui->session, &all);
    char words[WORDS_MAX], key[COMPONENT_KEY];
    bool now = session_timing(ui->session) == model - all;
    if (now)
        snprintf(value, VALUE, "being measured ...");
    else if (isfinite(model->seconds))
        snprintf(value, VALUE, "%s an image on this machine", words_seconds(words, model->seconds));
    else if (model->local)
        snprintf(value, VALUE, "not measured; %s does", component_key(ui, "time", key));
}

static void say_head(const struct session_model *model, char value[VALUE])
{
    if (model->classes > 0)
        snprintf(value, VALUE, "trained on %d classes; replaced to fit your data", model->classes);
    else
        snprintf(value, VALUE, "made to fit your data");
}

static void say_published(const struct session_model *model, char value[VALUE])
{
    if (isfinite(model->top1))
        snprintf(value, VALUE, "ImageNet top-1 %.2f%%, top-5 %.2f%%, as published", model->top1, model->top5);
}

static void say_used(const struct session_model *model, char value[VALUE])
{
    struct tm local;
    time_t seconds = (time_t)model->used;
    if (model->used > 0 && localtime_r(&seconds, &local) != NULL)
        strftime(value, VALUE, "%Y-%m-%d %H:%M", &local);
}

enum { ARCH, WEIGHTS, HEAD, INPUT, PREPROCESS, PUBLISHED, SPEED, USED, LICENCE, NOTES, MATCH, FIELDS };

static void fill_fields(struct ui *ui, const struct session_model *model, int width, char value[FIELDS][VALUE])
{
    char words[WORDS_MAX];
    snprintf(value[ARCH], VALUE, "%s, %s parameters", model->arch, words_count(words, model->params));
    say_weights(ui, model, width, value[WEIGHTS]);
    say_head(model, value[HEAD]);
    snprintf(value[INPUT], VALUE, "%s, %s multiply-adds an image", model->input, words_count(words, model->macs));
    snprintf(value[PREPROCESS], VALUE, "%s", model->preprocess);
    say_published(model, value[PUBLISHED]);
    say_speed(ui, model, value[SPEED]);
    say_used(model, value[USED]);
    if (model->licence[0] != '\0')
        snprintf(value[LICENCE], VALUE, "%s%s%s", model->licence, model->source[0] != '\0' ? ", from " : "",
                 model->source);
    snprintf(value[NOTES], VALUE, "%s", model->notes);
}

/* Lines that the fields take in so many cells. */
static int fields_height(char value[FIELDS][VALUE], int width)
{
    int lines = 0;
    for (int i = 0; i < FIELDS; i++)
        lines += paragraph_height(width - LABEL, value[i]);
    return lines;
}

static void draw_fields(struct canvas *canvas, struct rect *area, char value[FIELDS][VALUE])
{
    static const char *const labels[FIELDS] = {"architecture", "weights", "head",    "input", "preprocess", "published",
                                               "speed",        "used",    "licence", "notes", "match"};
    for (int i = 0; i < FIELDS && area->h > 0; i++) {
        if (value[i][0] == '\0')
            continue;
        struct rect lines = layout_cut_top(area, paragraph_height(area->w - LABEL, value[i]));
        canvas_text(canvas, lines.x, lines.y, LABEL, THEME_DIM, 0, labels[i]);
        layout_cut_left(&lines, LABEL);
        paragraph_draw(canvas, lines, THEME_TEXT, 0, value[i]);
    }
}

/* Lines at the bottom for a download. */
static int pull_height(const struct session_pull *pull, int height)
{
    if (pull == NULL)
        return 0;
    if (pull->phase == SESSION_PULL_FAILED)
        return height > 10 ? 10 : height - 1;
    return height > 8 ? 5 : 3;
}

void models_draw_details(struct ui *ui, struct models_input *input, struct canvas *canvas, struct rect area, size_t row)
{
    const struct session_model *all;
    if (row >= session_models(ui->session, &all) || area.h < 2)
        return;
    const struct session_model *model = &all[row];
    const struct session_match *match = NULL;
    bool chosen = session_chosen_model(ui->session) == (long)row;
    size_t matches = chosen ? session_matches(ui->session, &match) : 0;
    char value[FIELDS][VALUE] = {{0}}, right[64], key[COMPONENT_KEY];
    fill_fields(ui, model, area.w - LABEL, value);
    summarise_matches(match, matches, value[MATCH], VALUE);
    const struct session_pull *pull = models_pull_of(ui, model->catalog);
    /* what belongs to now stands first when lines are few; the rest is a key away */
    struct rect below = layout_cut_bottom(&area, pull_height(pull, area.h));
    bool more = fields_height(value, area.w) + 2 > area.h;
    snprintf(right, sizeof right, "%s%s%s%s", chosen ? "chosen" : "", chosen && more ? ", " : "",
             more ? component_key(ui, "details", key) : "", more ? " shows all" : "");
    component_heading(canvas, &area, model->name, right, true);
    struct rect title = layout_cut_top(&area, 1);
    canvas_text(canvas, title.x, title.y, title.w, THEME_TEXT, 0, model->title);
    draw_fields(canvas, &area, value);
    if (pull != NULL)
        draw_pull(pull, canvas, &below);
    draw_matches(canvas, &area, match, matches);
    if (chosen)
        models_draw_input(input, ui, canvas, area, model);
}

/* --- two models --- */

static void draw_side(const struct session_difference *row, bool first, struct canvas *canvas, struct rect cell)
{
    bool better = row->better == (first ? -1 : 1);
    canvas_text(canvas, cell.x, cell.y, cell.w,
                better         ? THEME_GOOD
                : row->differs ? THEME_TEXT
                               : THEME_DIM,
                better ? CELL_BOLD : 0, first ? row->a : row->b);
}

void models_draw_comparison(struct ui *ui, struct canvas *canvas, struct rect area, size_t row, size_t with)
{
    const struct session_difference *rows;
    const struct session_model *all;
    size_t count = session_compare_models(ui->session, row, with, &rows);
    enum { WIDE = LABEL + 2 };
    if (area.h < 2 || area.w < WIDE + 8 || with >= session_models(ui->session, &all))
        return;
    component_heading(canvas, &area, "compared", "the better one is bright", true);
    int half = (area.w - WIDE - 2) / 2;
    struct rect names = layout_cut_top(&area, 1);
    canvas_text(canvas, names.x + WIDE, names.y, half, THEME_TITLE, CELL_BOLD, all[row].name);
    canvas_text(canvas, names.x + WIDE + half + 2, names.y, half, THEME_TITLE, CELL_BOLD, all[with].name);
    for (size_t i = 0; i < count && area.h > 0; i++) {
        struct rect line = layout_cut_top(&area, 1);
        canvas_text(canvas, line.x, line.y, WIDE - 1, THEME_DIM, 0, rows[i].label);
        draw_side(&rows[i], true, canvas, (struct rect){line.x + WIDE, line.y, half, 1});
        draw_side(&rows[i], false, canvas, (struct rect){line.x + WIDE + half + 2, line.y, half, 1});
    }
}
