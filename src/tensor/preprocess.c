/* Words of struct preprocess: names of interpolations, and the text by which a user states steps 2 and 3. */
#include "config.h"

#include "thaw/tensor/preprocess.h"

#include <math.h>
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

static const struct scheme {
    const char *name;
    bool raw, bgr;
    float mean[3], std[3];
} schemes[] = {
    {"torch", false, false, {0.485f, 0.456f, 0.406f}, {0.229f, 0.224f, 0.225f}},
    {"tf", true, false, {127.5f, 127.5f, 127.5f}, {127.5f, 127.5f, 127.5f}},
    {"caffe", true, true, {103.939f, 116.779f, 123.68f}, {1, 1, 1}},
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

static bool read_statistics(const char *text, struct scheme *scheme)
{
    if (!read_numbers(&text, "mean", scheme->mean) || !read_numbers(&text, "std", scheme->std))
        return false;
    return text[strspn(text, " ")] == '\0' && scheme->std[0] > 0 && scheme->std[1] > 0 && scheme->std[2] > 0;
}

bool preprocess_parse(struct preprocess *preprocess, const char *text, struct error *error)
{
    struct scheme own = {.name = text};
    const struct scheme *scheme = NULL;
    if (!*text || strcmp(text, "auto") == 0)
        return true;
    for (size_t i = 0; i < THAW_LENGTH(schemes) && !scheme; i++)
        if (strcmp(text, schemes[i].name) == 0)
            scheme = &schemes[i];
    if (!scheme && read_statistics(text, &own))
        scheme = &own;
    if (!scheme)
        return error_set(
            error, ERROR_USAGE,
            "preprocessing \"%.100s\": not one of auto, torch, tf, caffe, unit, raw, or \"mean A B C std D E "
            "F\" of values from 0 to 1",
            text);
    preprocess->raw = scheme->raw;
    preprocess->bgr = scheme->bgr;
    memcpy(preprocess->mean, scheme->mean, sizeof scheme->mean);
    memcpy(preprocess->std, scheme->std, sizeof scheme->std);
    if (preprocess->channels == 1) {
        preprocess->bgr = false;
        preprocess->mean[0] = (scheme->mean[0] + scheme->mean[1] + scheme->mean[2]) / 3;
        preprocess->std[0] = (scheme->std[0] + scheme->std[1] + scheme->std[2]) / 3;
    }
    return true;
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
