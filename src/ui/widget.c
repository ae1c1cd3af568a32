/* Small widgets: bars, gauges, sparks, paragraphs, tabs, and numbers in words. Stateless: each draws what it is given
 * into cells. Called by screens and the frame. Lists and tables are in widget_list.c, text fields in widget_input.c. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "layout.h"
#include "widget.h"

void bar_draw(struct canvas *canvas, int x, int y, int width, double share, enum theme_role role)
{
    if (!(share >= 0))
        share = 0;
    int eighths = (int)((share > 1 ? 1 : share) * width * 8 + 0.5);
    for (int i = 0; i < width; i++, eighths -= 8) {
        if (eighths >= 8)
            canvas_put(canvas, x + i, y, 0x2588, role, 0);
        else if (eighths > 0 && !canvas->ascii)
            canvas_put(canvas, x + i, y, 0x2590 - (uint32_t)eighths, role, 0); /* left one to seven eighths */
        else
            canvas_put(canvas, x + i, y, canvas->ascii ? '.' : 0x00b7, THEME_BAR_EMPTY, 0);
    }
}

void gauge_draw(struct canvas *canvas, struct rect area, double share, enum theme_role role, const char *text)
{
    if (area.w < 1 || area.h < 1)
        return;
    bar_draw(canvas, area.x, area.y, area.w, share, role);
    int cells = text_width(text);
    if (cells == 0 || cells + 2 > area.w)
        return;
    int x = area.x + (area.w - cells - 2) / 2;
    canvas_format(canvas, x, area.y, cells + 2, THEME_TITLE, 0, " %s ", text);
}

int paragraph_draw(struct canvas *canvas, struct rect area, enum theme_role role, unsigned attrs, const char *text)
{
    int line = 0;
    while (*text) {
        size_t fits = 0, blank = 0;
        int cells = 0;
        const char *at = text;
        while (*at && *at != '\n') {
            const char *start = at;
            uint32_t code = utf8_next(&at);
            if (cells + code_width(code) > area.w && cells > 0) {
                at = start;
                break;
            }
            cells += code_width(code);
            fits = (size_t)(at - text);
            if (code == ' ')
                blank = (size_t)(start - text);
        }
        bool whole = *at == 0 || *at == '\n';
        size_t length = whole || *at == ' ' || blank == 0 ? fits : blank;
        if (line < area.h)
            canvas_format(canvas, area.x, area.y + line, area.w, role, attrs, "%.*s", (int)length, text);
        line++;
        text += length;
        if (*text == '\n')
            text++;
        else
            while (*text == ' ')
                text++;
    }
    return line;
}

int paragraph_height(int width, const char *text)
{
    return paragraph_draw(NULL, (struct rect){0, 0, width, 0}, THEME_TEXT, 0, text);
}

void field_draw(struct canvas *canvas, int x, int y, int width, int label_width, const char *label, const char *value)
{
    canvas_text(canvas, x, y, label_width < width ? label_width : width, THEME_DIM, 0, label);
    if (width > label_width)
        canvas_text(canvas, x + label_width, y, width - label_width, THEME_TEXT, 0, value);
}

int tab_width(const struct tab *tab)
{
    return text_width(tab->text) + (tab->number ? 4 : 0);
}

void tabs_draw(struct canvas *canvas, struct rect area, const struct tab *tabs, int count, struct rect *hit)
{
    int x = area.x;
    for (int i = 0; i < count; i++) {
        const struct tab *tab = &tabs[i];
        int width = tab_width(tab);
        if (x + width > area.x + area.w) {
            hit[i] = (struct rect){0, 0, 0, 0};
            continue;
        }
        hit[i] = (struct rect){x, area.y, width, 1};
        if (tab->number)
            canvas_format(canvas, x, area.y, width, tab->active ? THEME_TAB_ACTIVE : THEME_TAB, 0, " %d %s ",
                          tab->number, tab->text);
        else
            canvas_text(canvas, x, area.y, width, tab->active ? THEME_TITLE : THEME_DIM, 0, tab->text);
        x += width;
    }
}

char *words_count(char text[WORDS_MAX], double value)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, " T"}, {1e9, " G"}, {1e6, " M"}, {1e3, " k"}};
    for (size_t i = 0; i < THAW_LENGTH(units); i++)
        if (fabs(value) >= units[i].unit * 0.99995) {
            double scaled = value / units[i].unit;
            snprintf(text, WORDS_MAX,
                     fabs(scaled) < 9.995   ? "%.2f%s"
                     : fabs(scaled) < 99.95 ? "%.1f%s"
                                            : "%.0f%s",
                     scaled, units[i].name);
            return text;
        }
    snprintf(text, WORDS_MAX, "%.0f", value);
    return text;
}

char *words_bytes(char text[WORDS_MAX], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1023.5 && unit + 1 < THAW_LENGTH(units)) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, WORDS_MAX, unit == 0 || bytes >= 99.95 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return text;
}

char *words_seconds(char text[WORDS_MAX], double seconds)
{
    long whole = seconds > 0 && seconds < 1e9 ? (long)(seconds + 0.5) : 0;
    if (!(seconds >= 0))
        snprintf(text, WORDS_MAX, "-");
    else if (seconds > 0 && seconds < 0.00095)
        snprintf(text, WORDS_MAX, "< 1 ms");
    else if (seconds < 0.9995)
        snprintf(text, WORDS_MAX, "%.0f ms", seconds * 1000);
    else if (seconds < 9.95)
        snprintf(text, WORDS_MAX, "%.1f s", seconds);
    else if (whole < 60)
        snprintf(text, WORDS_MAX, "%ld s", whole);
    else if (whole < 3600)
        snprintf(text, WORDS_MAX, "%ld:%02ld", whole / 60, whole % 60);
    else
        snprintf(text, WORDS_MAX, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
    return text;
}

static bool holds(const char *text, const char *word, size_t length)
{
    for (; *text; text++)
        if (strncasecmp(text, word, length) == 0)
            return true;
    return length == 0;
}

bool filter_match(const char *pattern, const char *text)
{
    while (*pattern) {
        while (isspace((unsigned char)*pattern))
            pattern++;
        bool wanted = *pattern != '!' && *pattern != '-';
        pattern += !wanted;
        size_t length = strcspn(pattern, " \t");
        if (length > 0 && holds(text, pattern, length) != wanted)
            return false;
        pattern += length;
    }
    return true;
}
