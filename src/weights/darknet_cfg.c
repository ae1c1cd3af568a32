/* Darknet's .cfg text: sections in square brackets, each a layer, with lines of key=value; blanks count nowhere, lines
 * that begin with # or ; not at all. The rules are those of Darknet's parser.c and of its layers. Called by
 * format_darknet.c. */
#include "config.h"

#include "darknet_cfg.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "thaw/base/mem.h"

enum { LINE_MAX_BYTES = 512, TEXT_MAX = 1 << 20, LAYERS_MAX = 2000, OPTIONS_MAX = 64, NUMBER_MAX = 1 << 16 };
enum { KEY = 32, VALUE = 256 };

struct option {
    char key[KEY], value[VALUE];
};

/* One section as it is read. */
struct section {
    char name[KEY];
    int line;
    struct option option[OPTIONS_MAX];
    int options;
};

struct reader {
    const uint8_t *text;
    size_t size, at;
    int line;
    struct darknet_net *net;
    struct section section;
    struct error *error;
};

static bool fault(struct reader *reader, int line, const char *format, ...) THAW_PRINTF(3, 4);
static bool fault(struct reader *reader, int line, const char *format, ...)
{
    char text[384];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return error_set(reader->error, ERROR_WEIGHTS, "its cfg, line %d: %s", line, text);
}

/* The next line that counts, without blanks; false at the end, or after a fault. */
static bool next_line(struct reader *reader, char line[LINE_MAX_BYTES])
{
    while (reader->at < reader->size) {
        size_t used = 0;
        bool fits = true;
        reader->line++;
        for (; reader->at < reader->size && reader->text[reader->at] != '\n'; reader->at++) {
            uint8_t byte = reader->text[reader->at];
            if (isspace(byte))
                continue;
            if (used + 1 < LINE_MAX_BYTES)
                line[used++] = (char)(byte >= 0x20 && byte < 0x7f ? byte : '?');
            else
                fits = false;
        }
        reader->at++;
        line[used] = '\0';
        if (line[0] == '#' || line[0] == ';' || line[0] == '\0')
            continue;
        return fits || fault(reader, reader->line, "over %d bytes long", LINE_MAX_BYTES - 1);
    }
    return false;
}

static const char *find(const struct section *section, const char *key)
{
    for (int i = section->options; i-- > 0;)
        if (strcmp(section->option[i].key, key) == 0)
            return section->option[i].value;
    return NULL;
}

static bool read_int(struct reader *reader, const char *key, int fallback, int least, int most, int *value)
{
    const char *text = find(&reader->section, key);
    *value = fallback;
    if (!text)
        return true;
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end || number < least || number > most)
        return fault(reader, reader->section.line, "[%s] has %s = %.40s; a whole number from %d to %d is wanted",
                     reader->section.name, key, text, least, most);
    *value = (int)number;
    return true;
}

static bool read_activation(struct reader *reader, enum darknet_activation fallback, enum darknet_activation *value)
{
    static const char *const names[] = {"linear", "relu", "leaky", "logistic", "tanh", "swish"};
    _Static_assert(THAW_LENGTH(names) == DARKNET_ACTIVATIONS, "one name an activation");
    const char *text = find(&reader->section, "activation");
    *value = fallback;
    if (!text)
        return true;
    for (size_t i = 0; i < THAW_LENGTH(names); i++)
        if (strcmp(names[i], text) == 0) {
            *value = (enum darknet_activation)i;
            return true;
        }
    return fault(reader, reader->section.line, "[%s] has the activation %.40s, which is not read", reader->section.name,
                 text);
}

/* Options that would make another network of it. */
static bool refuse_options(struct reader *reader, const char *const *keys)
{
    for (; *keys; keys++) {
        const char *text = find(&reader->section, *keys);
        if (text && strcmp(text, "0") != 0)
            return fault(reader, reader->section.line, "[%s] has %s = %.40s, which is not read", reader->section.name,
                         *keys, text);
    }
    return true;
}

/* --- layers: what each does to the map before it --- */

static bool check_map(struct reader *reader, const struct darknet_layer *layer)
{
    bool fits = layer->height >= 1 && layer->width >= 1 && layer->channels >= 1 && layer->height <= NUMBER_MAX &&
                layer->width <= NUMBER_MAX && layer->channels <= NUMBER_MAX;
    if (fits && (int64_t)layer->height * layer->width * layer->channels <= INT32_MAX)
        return true;
    return fault(reader, layer->line, "[%s] leaves a map of %d x %d with %d channels", reader->section.name,
                 layer->width, layer->height, layer->channels);
}

static bool read_convolutional(struct reader *reader, struct darknet_layer *layer)
{
    static const char *const others[] = {"binary", "xnor", "dilation", "stride_x", "stride_y",    "antialiasing",
                                         "deform", "sway", "rotate",   "stretch",  "share_index", NULL};
    int pad, in = layer->channels;
    if (!refuse_options(reader, others) || !read_int(reader, "filters", 1, 1, NUMBER_MAX, &layer->filters) ||
        !read_int(reader, "size", 1, 1, 64, &layer->size) || !read_int(reader, "stride", 1, 1, 64, &layer->stride) ||
        !read_int(reader, "pad", 0, 0, 1, &pad) || !read_int(reader, "padding", 0, 0, 64, &layer->padding) ||
        !read_int(reader, "groups", 1, 1, NUMBER_MAX, &layer->groups) ||
        !read_activation(reader, DARKNET_LOGISTIC, &layer->activation))
        return false;
    if (in % layer->groups || layer->filters % layer->groups)
        return fault(reader, layer->line, "%d groups do not divide %d channels and %d filters", layer->groups, in,
                     layer->filters);
    if (pad)
        layer->padding = layer->size / 2;
    int high = layer->height + 2 * layer->padding - layer->size, wide = layer->width + 2 * layer->padding - layer->size;
    layer->height = high < 0 ? 0 : high / layer->stride + 1;
    layer->width = wide < 0 ? 0 : wide / layer->stride + 1;
    layer->channels = layer->filters;
    return true;
}

static bool read_connected(struct reader *reader, struct darknet_layer *layer)
{
    if (!read_int(reader, "output", 1, 1, NUMBER_MAX, &layer->filters) ||
        !read_activation(reader, DARKNET_LOGISTIC, &layer->activation))
        return false;
    layer->height = layer->width = 1;
    layer->channels = layer->filters;
    return true;
}

static bool read_maxpool(struct reader *reader, struct darknet_layer *layer)
{
    static const char *const others[] = {"stride_x", "stride_y", "maxpool_depth", "antialiasing", NULL};
    if (!refuse_options(reader, others) || !read_int(reader, "stride", 1, 1, 64, &layer->stride) ||
        !read_int(reader, "size", layer->stride, 1, 64, &layer->size) ||
        !read_int(reader, "padding", layer->size - 1, 0, 64, &layer->padding))
        return false;
    int high = layer->height + layer->padding - layer->size, wide = layer->width + layer->padding - layer->size;
    layer->height = high < 0 ? 0 : high / layer->stride + 1;
    layer->width = wide < 0 ? 0 : wide / layer->stride + 1;
    return true;
}

static bool read_avgpool(struct reader *reader, struct darknet_layer *layer)
{
    (void)reader;
    layer->height = layer->width = 1;
    return true;
}

static bool read_dropout(struct reader *reader, struct darknet_layer *layer)
{
    const char *text = find(&reader->section, "probability");
    char *end = NULL;
    layer->probability = text ? strtod(text, &end) : 0.5;
    if (text && (end == text || *end || !(layer->probability >= 0 && layer->probability < 1)))
        return fault(reader, layer->line, "[dropout] has probability = %.40s; 0 up to, but not, 1 is wanted", text);
    return true;
}

/* "-1,-4": relative where negative. */
static bool read_from(struct reader *reader, struct darknet_layer *layer, const char *key)
{
    const char *all = find(&reader->section, key), *text = all;
    int own = reader->net->layers;
    while (text && layer->froms < DARKNET_FROM_MAX) {
        char *end;
        long number = strtol(text, &end, 10);
        long from = number < 0 ? own + number : number;
        if (end == text || (*end && *end != ',') || from < 0 || from >= own)
            break;
        layer->from[layer->froms++] = (int)from;
        if (!*end)
            return true;
        text = end + 1;
    }
    return fault(reader, layer->line, "[%s] has %s = %.40s: no list of up to %d layers before it", reader->section.name,
                 key, all ? all : "", DARKNET_FROM_MAX);
}

static bool read_shortcut(struct reader *reader, struct darknet_layer *layer)
{
    static const char *const others[] = {"weights_type", "weights_normalization", NULL};
    if (!refuse_options(reader, others) || !read_from(reader, layer, "from") ||
        !read_activation(reader, DARKNET_LINEAR, &layer->activation))
        return false;
    const struct darknet_layer *from = &reader->net->layer[layer->from[0]];
    if (layer->froms != 1 || from->height != layer->height || from->width != layer->width ||
        from->channels != layer->channels)
        return fault(reader, layer->line, "[shortcut] adds maps of different sizes, which is not read");
    return true;
}

static bool read_route(struct reader *reader, struct darknet_layer *layer)
{
    static const char *const others[] = {"groups", "group_id", NULL};
    if (!refuse_options(reader, others) || !read_from(reader, layer, "layers"))
        return false;
    const struct darknet_layer *first = &reader->net->layer[layer->from[0]];
    int channels = 0;
    for (int i = 0; i < layer->froms; i++) {
        const struct darknet_layer *from = &reader->net->layer[layer->from[i]];
        if (from->height != first->height || from->width != first->width)
            return fault(reader, layer->line, "[route] joins maps of different sizes");
        channels += from->channels;
    }
    layer->height = first->height;
    layer->width = first->width;
    layer->channels = channels;
    return true;
}

static bool read_softmax(struct reader *reader, struct darknet_layer *layer)
{
    static const char *const others[] = {"tree", "spatial", NULL};
    int groups;
    (void)layer;
    return refuse_options(reader, others) && read_int(reader, "groups", 1, 1, 1, &groups);
}

static bool read_cost(struct reader *reader, struct darknet_layer *layer)
{
    (void)reader;
    (void)layer;
    return true;
}

static const struct {
    const char *section, *alias, *name; /* the name is what its tensors begin with */
    bool (*read)(struct reader *reader, struct darknet_layer *layer);
} kinds[] = {
    [DARKNET_CONVOLUTIONAL] = {"convolutional", "conv", "conv", read_convolutional},
    [DARKNET_CONNECTED] = {"connected", "conn", "fc", read_connected},
    [DARKNET_MAXPOOL] = {"maxpool", "max", "maxpool", read_maxpool},
    [DARKNET_AVGPOOL] = {"avgpool", "avg", "avgpool", read_avgpool},
    [DARKNET_DROPOUT] = {"dropout", "dropout", "dropout", read_dropout},
    [DARKNET_SHORTCUT] = {"shortcut", "shortcut", "shortcut", read_shortcut},
    [DARKNET_ROUTE] = {"route", "route", "route", read_route},
    [DARKNET_SOFTMAX] = {"softmax", "soft", "softmax", read_softmax},
    [DARKNET_COST] = {"cost", "cost", "cost", read_cost},
};
_Static_assert(THAW_LENGTH(kinds) == DARKNET_KINDS, "each kind of layer has its section");

static bool read_net(struct reader *reader)
{
    struct darknet_net *net = reader->net;
    return read_int(reader, "height", 0, 1, 4096, &net->height) && read_int(reader, "width", 0, 1, 4096, &net->width) &&
           read_int(reader, "channels", 0, 1, 4, &net->channels) &&
           ((net->height && net->width && (net->channels == 1 || net->channels == 3)) ||
            fault(reader, reader->section.line, "[net] does not give height, width, and 1 or 3 channels"));
}

static bool add_layer(struct reader *reader)
{
    struct darknet_net *net = reader->net;
    const struct section *section = &reader->section;
    struct darknet_layer layer = {.height = net->height, .width = net->width, .channels = net->channels};
    if (net->layers) {
        const struct darknet_layer *before = &net->layer[net->layers - 1];
        layer = (struct darknet_layer){.height = before->height, .width = before->width, .channels = before->channels};
    }
    layer.kind = DARKNET_KINDS;
    for (int k = 0; k < DARKNET_KINDS; k++)
        if (strcmp(section->name, kinds[k].section) == 0 || strcmp(section->name, kinds[k].alias) == 0)
            layer.kind = (enum darknet_kind)k;
    if (layer.kind == DARKNET_KINDS)
        return fault(reader, section->line,
                     "a layer [%s], which is not read; of Darknet's networks those that classify are", section->name);
    if (net->layers == LAYERS_MAX)
        return fault(reader, section->line, "over %d layers", LAYERS_MAX);
    layer.line = section->line;
    snprintf(layer.name, sizeof layer.name, "%s%d", kinds[layer.kind].name, net->layers);
    int batch_normalize;
    if (!read_int(reader, "batch_normalize", 0, 0, 1, &batch_normalize) || !kinds[layer.kind].read(reader, &layer) ||
        !check_map(reader, &layer))
        return false;
    layer.batch_normalize = batch_normalize;
    if ((net->layers & (net->layers - 1)) == 0) /* doubles at powers of two */
        net->layer = mem_grow(net->layer, net->layers ? 2 * (size_t)net->layers : 1, sizeof *net->layer);
    net->layer[net->layers++] = layer;
    return true;
}

/* What a section says is read when the next begins. */
static bool end_section(struct reader *reader)
{
    if (!reader->section.line)
        return true;
    bool first = reader->net->height == 0;
    bool is_net = strcmp(reader->section.name, "net") == 0 || strcmp(reader->section.name, "network") == 0;
    if (first != is_net)
        return fault(reader, reader->section.line, first ? "[%s] comes before [net]" : "[%s] a second time",
                     reader->section.name);
    return is_net ? read_net(reader) : add_layer(reader);
}

static bool begin_section(struct reader *reader, const char *line)
{
    size_t length = strlen(line);
    if (!end_section(reader))
        return false;
    if (line[length - 1] != ']' || length - 2 >= KEY)
        return fault(reader, reader->line, "\"%.60s\" is no section", line);
    reader->section = (struct section){.line = reader->line};
    memcpy(reader->section.name, line + 1, length - 2);
    return true;
}

static bool add_option(struct reader *reader, const char *line)
{
    struct section *section = &reader->section;
    const char *equals = strchr(line, '=');
    if (!section->line || !equals || equals == line)
        return fault(reader, reader->line, "\"%.60s\" is neither a section nor key=value within one", line);
    if (equals - line >= KEY || strlen(equals + 1) >= VALUE)
        return true; /* no option that is known here is as long */
    if (section->options == OPTIONS_MAX)
        return fault(reader, reader->line, "over %d options in a section", OPTIONS_MAX);
    struct option *option = &section->option[section->options++];
    memcpy(option->key, line, (size_t)(equals - line));
    strcpy(option->value, equals + 1);
    return true;
}

bool darknet_cfg_probe(const uint8_t *text, size_t size)
{
    struct error unused;
    struct reader reader = {.text = text, .size = size, .error = &unused};
    char line[LINE_MAX_BYTES];
    return next_line(&reader, line) && (strcmp(line, "[net]") == 0 || strcmp(line, "[network]") == 0);
}

bool darknet_cfg_read(struct darknet_net *net, const uint8_t *text, size_t size, struct error *error)
{
    *net = (struct darknet_net){0};
    if (size > TEXT_MAX)
        return error_set(error, ERROR_WEIGHTS, "a cfg of %zu bytes is over the %d allowed", size, TEXT_MAX);
    struct reader *reader = mem_alloc(sizeof *reader);
    *reader = (struct reader){.text = text, .size = size, .net = net, .error = error};
    char line[LINE_MAX_BYTES];
    error->kind = ERROR_NONE;
    bool ok = true;
    while (ok && next_line(reader, line))
        ok = line[0] == '[' ? begin_section(reader, line) : add_option(reader, line);
    ok = ok && error->kind == ERROR_NONE && end_section(reader);
    if (ok && net->layers == 0)
        ok = error_set(error, ERROR_WEIGHTS, "its cfg has no layers");
    mem_free(reader);
    return ok;
}
