/* What our own files say in their metadata: preprocessing and class names. Called by load, by the checkpoints and by
 * whoever names classes. */
#include "config.h"

#include <string.h>

#include "bind_private.h"
#include "thaw/base/mem.h"

bool bind_file_preprocess(const struct weights *weights, struct preprocess *preprocess)
{
    const char *text = weights_metadata(weights, BIND_KEY_PREPROCESS);
    return text && preprocess_from_text(text, preprocess);
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
