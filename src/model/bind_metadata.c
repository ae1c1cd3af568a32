/* What our own files say in their metadata: preprocessing and class names. Called by load, by the checkpoints and by
 * whoever names classes. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bind_parts.h"
#include "thaw/base/mem.h"

void bind_preprocess_print(char text[BIND_PREPROCESS_TEXT], const struct preprocess *p)
{
    snprintf(text, BIND_PREPROCESS_TEXT,
             "size %dx%dx%d resize %d raw %d bgr %d mean %.9g %.9g %.9g std %.9g %.9g %.9g interpolation %s", p->height,
             p->width, p->channels, p->resize, p->raw, p->bgr, (double)p->mean[0], (double)p->mean[1],
             (double)p->mean[2], (double)p->std[0], (double)p->std[1], (double)p->std[2],
             interpolation_name(p->interpolation));
}

/* Files of old say nothing about interpolation: they meant bilinear. */
bool bind_preprocess_parse(const char *text, struct preprocess *p)
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

bool bind_file_preprocess(const struct weights *weights, struct preprocess *preprocess)
{
    const char *text = weights_metadata(weights, BIND_KEY_PREPROCESS);
    return text && bind_preprocess_parse(text, preprocess);
}

void bind_preprocess(struct graph *graph, const struct weights *weights)
{
    struct preprocess file, *own = &graph->preprocess;
    if (!bind_file_preprocess(weights, &file) || file.channels != own->channels)
        return;
    if (file.height != own->height || file.width != own->width) /* the same share of the image is cropped away */
        file.resize = own->height == own->width ? (file.resize * own->height + file.height / 2) / file.height : 0;
    file.height = own->height;
    file.width = own->width;
    *own = file;
}

char **bind_class_names(const struct weights *weights, int *count)
{
    const char *text = weights_metadata(weights, BIND_KEY_CLASS_NAMES);
    *count = 0;
    if (!text || !*text)
        return NULL;
    int lines = 1;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    char **names = mem_array((size_t)lines, sizeof *names);
    for (int i = 0; i < lines; i++) {
        size_t length = strcspn(text, "\n");
        names[i] = mem_format("%.*s", (int)length, text);
        text += length + 1;
    }
    *count = lines;
    return names;
}

void bind_free_class_names(char **names, int count)
{
    for (int i = 0; names && i < count; i++)
        mem_free(names[i]);
    mem_free(names);
}
