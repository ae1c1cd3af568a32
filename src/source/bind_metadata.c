/* What files say in their metadata, our own and what others save: preprocessing and class names. Called by load, by the checkpoints and by
 * whoever names classes. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>
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
    struct preprocess file;
    if (bind_file_preprocess(weights, &file) && file.channels == graph->preprocess.channels)
        preprocess_take(&graph->preprocess, &file);
}

/* The text between quotes behind "NUMBER:", at *text, which moves behind it; NULL: it is not that number's. The caller
 * frees. Quotes are Python's, with a backslash before one inside. */
static char *read_name(const char **text, long number)
{
    char *end;
    *text += strspn(*text, " ,{");
    if (strtol(*text, &end, 10) != number || end == *text || *end != ':')
        return NULL;
    end += 1 + strspn(end + 1, " ");
    char quote = *end;
    if (quote != '\'' && quote != '"')
        return NULL;
    const char *from = ++end;
    while (*end && *end != quote)
        end += 1 + (*end == '\\' && end[1]);
    char *name = mem_format("%.*s", (int)(end - from), from), *to = name;
    for (const char *at = name; *at; at++) {
        at += *at == '\\' && at[1];
        *to++ = *at;
    }
    *to = '\0';
    *text = *end ? end + 1 : end;
    return name;
}

/* {0: 'ant', 1: 'bee'}, as exporters write a dictionary of Python's. */
static char **names_of_onnx(const struct weights *weights, int *count)
{
    const char *text = weights_metadata(weights, WEIGHTS_ONNX_NAMES);
    char **names = NULL;
    *count = 0;
    for (char *name; text && (name = read_name(&text, *count));) {
        names = mem_grow(names, (size_t)*count + 1, sizeof *names);
        names[(*count)++] = name;
    }
    return names;
}

/* ["ant", "bee"], what a checkpoint of PyTorch's has beside its model. */
static char **names_of_torch(const struct weights *weights, int *count)
{
    json_t *list = json_loads(weights_metadata(weights, WEIGHTS_TORCH_NAMES), 0, NULL);
    size_t names = json_array_size(list);
    char **name = mem_array(names + 1, sizeof *name);
    *count = (int)names;
    for (size_t i = 0; i < names; i++) {
        const char *text = json_string_value(json_array_get(list, i));
        name[i] = mem_string(text ? text : "");
    }
    json_decref(list);
    if (names > 0)
        return name;
    mem_free(name);
    return NULL;
}

char **bind_class_names(const struct weights *weights, int *count)
{
    if (weights_metadata(weights, WEIGHTS_TORCH_NAMES))
        return names_of_torch(weights, count);
    if (weights_metadata(weights, WEIGHTS_ONNX_NAMES))
        return names_of_onnx(weights, count);
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
