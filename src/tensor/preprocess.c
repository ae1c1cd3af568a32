/* Words of struct preprocess: names of interpolations, and the text by which a user states steps 2 and 3. */
#include "config.h"

#include "thaw/tensor/preprocess.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const interpolation_names[] = {"bilinear", "bicubic"};
_Static_assert(THAW_LENGTH(interpolation_names) == INTERPOLATIONS, "one name an interpolation");

const char *interpolation_name(enum interpolation interpolation)
{
    return interpolation_names[interpolation];
}

static bool interpolation_find(const char *name, enum interpolation *interpolation)
{
    for (enum interpolation i = 0; i < INTERPOLATIONS; i++) {
        if (strcmp(name, interpolation_names[i]) == 0) {
            *interpolation = i;
            return true;
        }
    }
    return false;
}

/* mean, std: of red, green and blue, in whichever order they are fed. */
static const struct scheme {
    const char *name;
    bool raw, bgr;
    float mean[3], std[3];
} schemes[] = {
    {"torch", false, false, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
    {"tf", true, false, {127.5f, 127.5f, 127.5f}, {127.5f, 127.5f, 127.5f}},
    {"caffe", true, true, {123.68f, 116.779f, 103.939f}, {1, 1, 1}},
    {"unit", false, false, {0, 0, 0}, {1, 1, 1}},
    {"raw", true, false, {0, 0, 0}, {1, 1, 1}},
};

/* One number or three behind a word, at *text, which moves behind them. */
static bool read_numbers(const char **text, const char *word, float number[3])
{
    size_t length = strlen(word);
    *text += strspn(*text, " ");
    if (strncmp(*text, word, length) != 0 || (*text)[length] != ' ')
        return false;
    *text += length;
    int count = 0;
    for (char *end; count < 3; count++, *text = end) {
        number[count] = strtof(*text, &end);
        if (end == *text)
            break;
        if (!isfinite(number[count]))
            return false;
    }
    if (count == 1)
        number[1] = number[2] = number[0];
    return count == 1 || count == 3;
}

/* The order of channels that is said behind all else, at *text, which moves behind it; without it *bgr stays. */
static void read_order(const char **text, bool *bgr)
{
    *text += strspn(*text, " ");
    bool is_bgr = strncmp(*text, "bgr", 3) == 0;
    if (!is_bgr && strncmp(*text, "rgb", 3) != 0)
        return;
    *bgr = is_bgr;
    *text += 3;
}

static bool read_statistics(const char **text, struct scheme *scheme)
{
    return read_numbers(text, "mean", scheme->mean) && read_numbers(text, "std", scheme->std) && scheme->std[0] > 0 &&
           scheme->std[1] > 0 && scheme->std[2] > 0;
}

static bool read_scheme(const char *text, struct scheme *scheme)
{
    size_t length = strcspn(text, " ");
    bool found = false;
    for (size_t i = 0; i < THAW_LENGTH(schemes) && !found; i++) {
        found = strlen(schemes[i].name) == length && strncmp(text, schemes[i].name, length) == 0;
        if (found)
            *scheme = schemes[i];
    }
    if (found)
        text += length;
    if (!found && !read_statistics(&text, scheme))
        return false;
    read_order(&text, &scheme->bgr);
    return text[strspn(text, " ")] == '\0';
}

bool preprocess_parse(struct preprocess *preprocess, const char *text, struct error *error)
{
    struct scheme scheme = {.raw = false};
    if (!*text || strcmp(text, "auto") == 0)
        return true;
    if (!read_scheme(text, &scheme))
        return error_set(
            error, ERROR_USAGE,
            "preprocessing \"%.100s\": not one of auto, torch, tf, caffe, unit, raw, or \"mean A B C std D E "
            "F\" of values from 0 to 1, and bgr behind it where blue comes first",
            text);
    preprocess->raw = scheme.raw;
    preprocess->bgr = scheme.bgr && preprocess->channels == 3;
    for (int c = 0; c < 3; c++) {
        preprocess->mean[c] = scheme.mean[scheme.bgr ? 2 - c : c];
        preprocess->std[c] = scheme.std[scheme.bgr ? 2 - c : c];
    }
    if (preprocess->channels == 1) {
        preprocess->mean[0] = (scheme.mean[0] + scheme.mean[1] + scheme.mean[2]) / 3;
        preprocess->std[0] = (scheme.std[0] + scheme.std[1] + scheme.std[2]) / 3;
    }
    return true;
}

void preprocess_take(struct preprocess *to, const struct preprocess *from)
{
    struct preprocess own = *from;
    bool square = to->height == to->width;
    if (to->height != from->height || to->width != from->width)
        own.resize = square && from->height > 0
                         ? (int)(((int64_t)from->resize * to->height + from->height / 2) / from->height)
                         : 0;
    own.height = to->height;
    own.width = to->width;
    own.channels = to->channels;
    if (to->channels == 1 && from->channels == 3) {
        own.bgr = false;
        own.mean[0] = (from->mean[0] + from->mean[1] + from->mean[2]) / 3;
        own.std[0] = (from->std[0] + from->std[1] + from->std[2]) / 3;
    }
    *to = own;
}

static bool is_scheme(const struct preprocess *p, const char *words)
{
    struct error unused;
    struct preprocess made = {.channels = p->channels};
    if (!preprocess_parse(&made, words, &unused) || made.raw != p->raw || made.bgr != p->bgr)
        return false;
    for (int c = 0; c < p->channels; c++)
        if (made.mean[c] != p->mean[c] || made.std[c] != p->std[c])
            return false;
    return true;
}

/* " 0.5" where all channels share it, else one number each, red first. */
static int add_numbers(char *text, size_t room, const struct preprocess *p, const float *of, int digits)
{
    bool shared = p->channels == 1 || (of[0] == of[1] && of[1] == of[2]);
    double scale = p->raw ? 255 : 1;
    int used = 0;
    for (int c = 0; c < (shared ? 1 : 3) && (size_t)used < room; c++)
        used += snprintf(text + used, room - (size_t)used, " %.*g", digits, (double)of[p->bgr ? 2 - c : c] / scale);
    return used;
}

const char *preprocess_words(const struct preprocess *p, int digits, char text[PREPROCESS_WORDS])
{
    static const char *const orders[] = {"", " bgr", " rgb"};
    for (size_t i = 0; i < THAW_LENGTH(schemes); i++)
        for (size_t order = 0; order < (p->channels == 3 ? THAW_LENGTH(orders) : 1); order++) {
            snprintf(text, PREPROCESS_WORDS, "%s%s", schemes[i].name, orders[order]);
            if (is_scheme(p, text))
                return text;
        }
    int used = snprintf(text, PREPROCESS_WORDS, "mean");
    used += add_numbers(text + used, PREPROCESS_WORDS - (size_t)used, p, p->mean, digits);
    used += snprintf(text + used, PREPROCESS_WORDS - (size_t)used, " std");
    used += add_numbers(text + used, PREPROCESS_WORDS - (size_t)used, p, p->std, digits);
    snprintf(text + used, PREPROCESS_WORDS - (size_t)used, "%s", p->bgr ? " bgr" : "");
    return text;
}

void preprocess_to_text(char text[PREPROCESS_TEXT], const struct preprocess *p)
{
    snprintf(text, PREPROCESS_TEXT,
             "size %dx%dx%d resize %d raw %d bgr %d mean %.9g %.9g %.9g std %.9g %.9g %.9g interpolation %s", p->height,
             p->width, p->channels, p->resize, p->raw, p->bgr, (double)p->mean[0], (double)p->mean[1],
             (double)p->mean[2], (double)p->std[0], (double)p->std[1], (double)p->std[2],
             interpolation_name(p->interpolation));
}

/* Files of old say nothing about interpolation: they meant bilinear. */
bool preprocess_from_text(const char *text, struct preprocess *p)
{
    static const char interpolation[] = " interpolation ";
    int raw, bgr, end = 0;
    memset(p, 0, sizeof *p);
    int fields = sscanf(text, "size %5dx%5dx%1d resize %5d raw %1d bgr %1d mean %f %f %f std %f %f %f%n", &p->height,
                        &p->width, &p->channels, &p->resize, &raw, &bgr, &p->mean[0], &p->mean[1], &p->mean[2],
                        &p->std[0], &p->std[1], &p->std[2], &end);
    if (fields != 12)
        return false;
    text += end;
    size_t length = sizeof interpolation - 1;
    bool named = strncmp(text, interpolation, length) == 0;
    if (named ? !interpolation_find(text + length, &p->interpolation) : *text != '\0')
        return false;
    p->raw = raw;
    p->bgr = bgr;
    bool good = p->height > 0 && p->width > 0 && (p->channels == 1 || p->channels == 3) && p->resize >= 0;
    for (int c = 0; c < p->channels; c++)
        good = good && isfinite(p->mean[c]) && isfinite(p->std[c]) && p->std[c] > 0;
    return good;
}
