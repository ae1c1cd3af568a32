/* The list of models as it is looked at: filtered, sorted, two rows side by side. One table says what can be asked and
 * what can be sorted by. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "session_private.h"
#include "thaw/base/mem.h"
#include "thaw/session/query.h"

/* --- what can be asked of a row --- */

#define NUMBER(what)                                                                                                   \
    static double ask_##what(const void *row)                                                                          \
    {                                                                                                                  \
        return ((const struct session_model *)row)->what;                                                              \
    }
#define TEXT(what)                                                                                                     \
    static const char *ask_##what(const void *row)                                                                     \
    {                                                                                                                  \
        return ((const struct session_model *)row)->what;                                                              \
    }
#define FLAG(name, what)                                                                                               \
    static bool ask_##name(const void *row)                                                                            \
    {                                                                                                                  \
        return ((const struct session_model *)row)->what;                                                              \
    }
NUMBER(params)
NUMBER(macs)
NUMBER(top1)
NUMBER(top5)
NUMBER(file_bytes)
TEXT(name)
TEXT(arch)
TEXT(family)
TEXT(title)
TEXT(source)
TEXT(format)
TEXT(licence)
FLAG(local, local)
FLAG(pulled, pulled)
FLAG(scratch, scratch)
FLAG(used, used > 0)
FLAG(catalog, catalog[0] != '\0')

static double known(double value)
{
    return value > 0 ? value : NAN;
}

static double ask_input(const void *row)
{
    return known(((const struct session_model *)row)->side);
}

static double ask_classes(const void *row)
{
    return ((const struct session_model *)row)->classes;
}

static double ask_milliseconds(const void *row)
{
    return 1e3 * ((const struct session_model *)row)->seconds;
}

static const struct query_column columns[] = {
    {"top1", QUERY_NUMBER, 1, "per cent of ImageNet's images right at once", ask_top1, NULL, NULL},
    {"top5", QUERY_NUMBER, 1, "per cent right among five", ask_top5, NULL, NULL},
    {"params", QUERY_NUMBER, 1e6, "values that can learn; bare numbers count M", ask_params, NULL, NULL},
    {"macs", QUERY_NUMBER, 1e9, "multiply-adds of an image; bare numbers count G", ask_macs, NULL, NULL},
    {"size", QUERY_NUMBER, 1e6, "of the weights file; bare numbers count MB", ask_file_bytes, NULL, NULL},
    {"input", QUERY_NUMBER, 1, "side of the input, pixels", ask_input, NULL, NULL},
    {"classes", QUERY_NUMBER, 1, "of the pretrained head", ask_classes, NULL, NULL},
    {"ms", QUERY_NUMBER, 1, "milliseconds an image on this machine, where measured", ask_milliseconds, NULL, NULL},
    {"name", QUERY_TEXT, 0, "part of the name", NULL, ask_name, NULL},
    {"arch", QUERY_TEXT, 0, "part of the architecture's name", NULL, ask_arch, NULL},
    {"family", QUERY_TEXT, 0, "part of the family's name", NULL, ask_family, NULL},
    {"title", QUERY_TEXT, 0, "part of the title: authors, year", NULL, ask_title, NULL},
    {"source", QUERY_TEXT, 0, "torchvision, keras", NULL, ask_source, NULL},
    {"format", QUERY_TEXT, 0, "of the weights file", NULL, ask_format, NULL},
    {"licence", QUERY_TEXT, 0, "of the weights", NULL, ask_licence, NULL},
    {"local", QUERY_FLAG, 0, "weights on this disk", NULL, NULL, ask_local},
    {"pulled", QUERY_FLAG, 0, "weights in the models folder", NULL, NULL, ask_pulled},
    {"used", QUERY_FLAG, 0, "chosen, evaluated or trained before", NULL, NULL, ask_used},
    {"catalog", QUERY_FLAG, 0, "weights that the catalog knows", NULL, NULL, ask_catalog},
    {"scratch", QUERY_FLAG, 0, "architectures without weights", NULL, NULL, ask_scratch},
    {NULL, QUERY_FLAG, 0, NULL, NULL, NULL, NULL},
};

bool session_filter_models(struct session *session, const char *filter, struct error *error)
{
    struct query *query = query_create(filter, columns, error);
    if (!query)
        return false;
    query_destroy(session->filter);
    session->filter = query;
    session->shown_known = false;
    return true;
}

/* --- sorting --- */

static const struct sort_row {
    const char *name;
    double (*number)(const void *row);
    const char *(*text)(const void *row);
} sorts[] = {
    [SESSION_MODEL_NAME] = {"model", NULL, ask_name},      [SESSION_MODEL_FAMILY] = {"family", NULL, ask_family},
    [SESSION_MODEL_PARAMS] = {"params", ask_params, NULL}, [SESSION_MODEL_MACS] = {"macs", ask_macs, NULL},
    [SESSION_MODEL_TOP1] = {"top1", ask_top1, NULL},       [SESSION_MODEL_TOP5] = {"top5", ask_top5, NULL},
    [SESSION_MODEL_SIZE] = {"size", ask_file_bytes, NULL}, [SESSION_MODEL_INPUT] = {"input", ask_input, NULL},
    [SESSION_MODEL_LOCAL] = {"disk", NULL, NULL},          [SESSION_MODEL_SECONDS] = {"ms", ask_milliseconds, NULL},
    [SESSION_MODEL_USED] = {"used", NULL, NULL},
};
_Static_assert(THAW_LENGTH(sorts) == SESSION_MODEL_COLUMNS, "a row for every column");

const char *session_model_column_name(enum session_model_column column)
{
    return sorts[column].name;
}

bool session_model_column_find(const char *name, enum session_model_column *column)
{
    for (enum session_model_column i = 0; i < SESSION_MODEL_COLUMNS; i++)
        if (!strcmp(sorts[i].name, name)) {
            *column = i;
            return true;
        }
    return false;
}

void session_sort_models(struct session *session, enum session_model_column column, bool reverse)
{
    session->sort = column;
    session->sort_reverse = reverse;
    session->shown_known = false;
}

static double sort_number(enum session_model_column column, const struct session_model *row)
{
    if (column == SESSION_MODEL_LOCAL)
        return row->local;
    if (column == SESSION_MODEL_USED)
        return known(row->used);
    return sorts[column].number(row);
}

/* < 0: a before b, as found where both are alike. */
static int compare_rows(const struct session *session, size_t a, size_t b)
{
    const struct session_model *left = &session->draft->model[a], *right = &session->draft->model[b];
    int order = 0, sign = session->sort_reverse ? -1 : 1;
    if (session->sort < SESSION_MODEL_COLUMNS && sorts[session->sort].text) {
        order = sign * strcmp(sorts[session->sort].text(left), sorts[session->sort].text(right));
    } else if (session->sort < SESSION_MODEL_COLUMNS) {
        double one = sort_number(session->sort, left), two = sort_number(session->sort, right);
        order = isnan(one) || isnan(two) ? isnan(one) - isnan(two) : sign * ((one > two) - (one < two));
    }
    return order ? order : (a > b) - (a < b);
}

/* Merge sort of a few hundred rows: stable, and no state outside. */
static void sort_rows(const struct session *session, size_t *row, size_t *room, size_t count)
{
    size_t half = count / 2, i = 0, k = half, at = 0;
    if (count < 2)
        return;
    sort_rows(session, row, room, half);
    sort_rows(session, row + half, room, count - half);
    while (i < half && k < count)
        room[at++] = compare_rows(session, row[i], row[k]) <= 0 ? row[i++] : row[k++];
    while (i < half)
        room[at++] = row[i++];
    while (k < count)
        room[at++] = row[k++];
    memcpy(row, room, count * sizeof *row);
}

size_t session_shown_models(struct session *session, const size_t **rows)
{
    if (!session->shown_known) {
        size_t count = session->draft->models;
        session->shown = mem_grow(session->shown, 2 * count + 2, sizeof *session->shown);
        session->shown_count = 0;
        for (size_t i = 0; i < count; i++)
            if (!session->filter || query_match(session->filter, &session->draft->model[i]))
                session->shown[session->shown_count++] = i;
        sort_rows(session, session->shown, session->shown + session->shown_count, session->shown_count);
        session->shown_known = true;
    }
    *rows = session->shown;
    return session->shown_count;
}

/* --- two rows --- */

static void print_count(char *text, size_t room, double value)
{
    if (!isfinite(value))
        snprintf(text, room, "-");
    else if (value >= 1e9)
        snprintf(text, room, "%.2f G", value / 1e9);
    else if (value >= 1e6)
        snprintf(text, room, "%.2f M", value / 1e6);
    else
        snprintf(text, room, "%.0f", value);
}

static void print_bytes(char *text, size_t room, double value)
{
    if (isfinite(value))
        snprintf(text, room, "%.1f MiB", value / 1048576);
    else
        snprintf(text, room, "-");
}

static void print_percent(char *text, size_t room, double value)
{
    if (isfinite(value))
        snprintf(text, room, "%.2f %%", value);
    else
        snprintf(text, room, "-");
}

static void print_milliseconds(char *text, size_t room, double value)
{
    if (isfinite(value))
        snprintf(text, room, "%.1f", value);
    else
        snprintf(text, room, "not measured");
}

static void print_classes(char *text, size_t room, double value)
{
    if (value > 0)
        snprintf(text, room, "%.0f", value);
    else
        snprintf(text, room, "no head");
}

static const char *ask_input_text(const void *row)
{
    return ((const struct session_model *)row)->input;
}

static const char *ask_preprocess(const void *row)
{
    return ((const struct session_model *)row)->preprocess;
}

static const char *ask_where(const void *row)
{
    const struct session_model *model = row;
    return model->scratch ? "from scratch" : model->local ? model->weights : "to be pulled";
}

static const struct compared_row {
    const char *label;
    const char *(*text)(const void *row);
    double (*number)(const void *row);
    void (*print)(char *text, size_t room, double value);
    int sign; /* 1: more is better, -1: less is */
} compared[] = {
    {"architecture", ask_arch, NULL, NULL, 0},
    {"family", ask_family, NULL, NULL, 0},
    {"source", ask_source, NULL, NULL, 0},
    {"licence", ask_licence, NULL, NULL, 0},
    {"parameters", NULL, ask_params, print_count, -1},
    {"multiply-adds", NULL, ask_macs, print_count, -1},
    {"top-1", NULL, ask_top1, print_percent, 1},
    {"top-5", NULL, ask_top5, print_percent, 1},
    {"ms an image", NULL, ask_milliseconds, print_milliseconds, -1},
    {"file", NULL, ask_file_bytes, print_bytes, -1},
    {"format", ask_format, NULL, NULL, 0},
    {"input", ask_input_text, NULL, NULL, 0},
    {"preprocessing", ask_preprocess, NULL, NULL, 0},
    {"classes", NULL, ask_classes, print_classes, 0},
    {"weights", ask_where, NULL, NULL, 0},
};
_Static_assert(THAW_LENGTH(compared) == SESSION_COMPARED, "room for every row");

size_t session_compare_models(struct session *session, size_t a, size_t b, const struct session_difference **rows)
{
    *rows = session->difference;
    if (a >= session->draft->models || b >= session->draft->models)
        return 0;
    const struct session_model *left = &session->draft->model[a], *right = &session->draft->model[b];
    for (size_t i = 0; i < SESSION_COMPARED; i++) {
        const struct compared_row *from = &compared[i];
        struct session_difference *to = &session->difference[i];
        *to = (struct session_difference){.label = from->label};
        if (from->text) {
            snprintf(to->a, sizeof to->a, "%s", from->text(left)[0] ? from->text(left) : "-");
            snprintf(to->b, sizeof to->b, "%s", from->text(right)[0] ? from->text(right) : "-");
        } else {
            double one = from->number(left), two = from->number(right);
            from->print(to->a, sizeof to->a, one);
            from->print(to->b, sizeof to->b, two);
            if (isfinite(one) && isfinite(two) && strcmp(to->a, to->b) != 0)
                to->better = from->sign * ((two > one) - (two < one));
        }
        to->differs = strcmp(to->a, to->b) != 0;
    }
    return SESSION_COMPARED;
}

void view_finish(struct session *session)
{
    query_destroy(session->filter);
    mem_free(session->shown);
}
