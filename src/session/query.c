/* Filters typed by users: text to terms, terms against rows. Called by the list of models; knows nothing of it. */
#include "config.h"

#include "thaw/session/query.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"

enum comparison { LESS, LESS_EQUAL, MORE, MORE_EQUAL, EQUAL, UNEQUAL, COMPARISONS };
static const char *const comparisons[] = {"<", "<=", ">", ">=", "=", "!="};
_Static_assert(THAW_LENGTH(comparisons) == COMPARISONS, "a sign for each");

struct term {
    const struct query_column *column; /* NULL: any text */
    enum comparison comparison;
    double number, slack; /* slack: half of what the last digit typed stands for */
    char *part;           /* lower case; of texts */
    bool negated;
};
struct query {
    const struct query_column *columns;
    struct term *term;
    size_t terms;
};

/* --- reading --- */

/* Where the word stands, for the sentence. */
struct place {
    const char *word;
    int at; /* from 1 */
};

static const struct query_column *find_column(const struct query *query, const char *name, size_t length,
                                              enum query_kind kind)
{
    for (const struct query_column *column = query->columns; column->name; column++)
        if (column->kind == kind && strlen(column->name) == length && !strncasecmp(column->name, name, length))
            return column;
    return NULL;
}

static bool refuse_column(const struct query *query, const struct place *place, size_t length, enum query_kind kind,
                          struct error *error)
{
    char *name = mem_format("%.*s", (int)length, place->word);
    struct nearest nearest = {.wanted = name};
    for (const struct query_column *column = query->columns; column->name; column++)
        if (column->kind == kind)
            nearest_offer(&nearest, column->name);
    error_set(error, ERROR_USAGE, "character %d: there is no column \"%s\" to %s; the nearest is %s", place->at, name,
              kind == QUERY_NUMBER ? "compare" : "look into", nearest.name[0] ? nearest.name[0] : "none");
    mem_free(name);
    return false;
}

/* "10M", "97.8MB", "1.5 GiB" without the blank; per cent and milliseconds may say what they are. */
static bool parse_number(const char *text, double unit, struct term *term)
{
    static const struct {
        const char *name;
        double factor; /* 0: the column's own */
    } units[] = {{"", 0},     {"%", 0},    {"ms", 0},     {"px", 0},        {"k", 1e3},
                 {"m", 1e6},  {"g", 1e9},  {"t", 1e12},   {"b", 1},         {"kb", 1e3},
                 {"mb", 1e6}, {"gb", 1e9}, {"kib", 1024}, {"mib", 1048576}, {"gib", 1073741824}};
    char *end;
    if (!isdigit((unsigned char)text[0]) && text[0] != '.')
        return false;
    double value = strtod(text, &end);
    const char *point = strchr(text, '.');
    double decimals = point && point < end ? (double)(end - point - 1) : 0;
    for (size_t i = 0; i < THAW_LENGTH(units); i++)
        if (!strcasecmp(end, units[i].name)) {
            double factor = units[i].factor > 0 ? units[i].factor : unit;
            term->number = value * factor;
            term->slack = 0.5 * factor * pow(10, -decimals);
            return isfinite(value);
        }
    return false;
}

static bool parse_comparison(const struct query *query, struct term *term, const struct place *place, size_t sign,
                             struct error *error)
{
    const char *at = place->word + sign;
    size_t length = strspn(at, "<>=!");
    if (!sign)
        return error_set(error, ERROR_USAGE, "character %d: a comparison is written in one word, such as top1>75",
                         place->at);
    term->column = find_column(query, place->word, sign, QUERY_NUMBER);
    if (!term->column)
        return refuse_column(query, place, sign, QUERY_NUMBER, error);
    for (term->comparison = 0; term->comparison < COMPARISONS; term->comparison++)
        if (strlen(comparisons[term->comparison]) == length && !strncmp(comparisons[term->comparison], at, length))
            break;
    if (term->comparison == COMPARISONS)
        return error_set(error, ERROR_USAGE, "character %d: \"%.*s\" is none of < <= > >= = !=", place->at + (int)sign,
                         (int)length, at);
    if (!parse_number(at + length, term->column->unit, term))
        return error_set(error, ERROR_USAGE,
                         "character %d: a number is to stand behind %s%s, such as 10, 1.5G or 100MB",
                         place->at + (int)(sign + length), term->column->name, comparisons[term->comparison]);
    return true;
}

static char *lower(const char *text)
{
    char *copy = mem_string(text);
    for (char *at = copy; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    return copy;
}

static bool parse_term(const struct query *query, struct term *term, struct place place, struct error *error)
{
    *term = (struct term){.negated = strchr("-!", place.word[0]) && place.word[0] && place.word[1]};
    place.word += term->negated;
    place.at += term->negated;
    size_t sign = strcspn(place.word, "<>=!"), colon = strcspn(place.word, ":");
    if (place.word[sign])
        return parse_comparison(query, term, &place, sign, error);
    if (place.word[colon]) {
        term->column = find_column(query, place.word, colon, QUERY_TEXT);
        if (!term->column)
            return refuse_column(query, &place, colon, QUERY_TEXT, error);
        term->part = lower(place.word + colon + 1);
        return true;
    }
    term->column = find_column(query, place.word, strlen(place.word), QUERY_FLAG);
    if (!term->column)
        term->part = lower(place.word);
    return true;
}

struct query *query_create(const char *text, const struct query_column *columns, struct error *error)
{
    struct query *query = mem_alloc(sizeof *query);
    query->columns = columns;
    bool good = true;
    for (const char *at = text + strspn(text, " \t"); good && *at; at += strspn(at, " \t")) {
        size_t length = strcspn(at, " \t");
        char *word = mem_format("%.*s", (int)length, at);
        struct place place = {word, (int)(at - text) + 1};
        query->term = mem_grow(query->term, query->terms + 1, sizeof *query->term);
        good = parse_term(query, &query->term[query->terms++], place, error);
        mem_free(word);
        at += length;
    }
    if (good)
        return query;
    query_destroy(query);
    return NULL;
}

void query_destroy(struct query *query)
{
    if (!query)
        return;
    for (size_t i = 0; i < query->terms; i++)
        mem_free(query->term[i].part);
    mem_free(query->term);
    mem_free(query);
}

/* --- matching --- */

static bool holds_part(const char *text, const char *part)
{
    return strcasestr(text, part) != NULL;
}

static bool holds_anywhere(const struct query *query, const void *row, const char *part)
{
    for (const struct query_column *column = query->columns; column->name; column++)
        if (column->kind == QUERY_TEXT && holds_part(column->text(row), part))
            return true;
    return false;
}

static bool compare(const struct term *term, double left)
{
    double right = term->number;
    switch (term->comparison) {
    case LESS:
        return left < right;
    case LESS_EQUAL:
        return left <= right;
    case MORE:
        return left > right;
    case MORE_EQUAL:
        return left >= right;
    case EQUAL:
        return fabs(left - right) <= term->slack;
    case UNEQUAL:
        return fabs(left - right) > term->slack;
    case COMPARISONS:
        break;
    }
    return false;
}

static bool holds(const struct query *query, const struct term *term, const void *row)
{
    if (!term->column)
        return holds_anywhere(query, row, term->part) != term->negated;
    double number;
    switch (term->column->kind) {
    case QUERY_NUMBER:
        number = term->column->number(row);
        return isfinite(number) && compare(term, number) != term->negated;
    case QUERY_TEXT:
        return holds_part(term->column->text(row), term->part) != term->negated;
    case QUERY_FLAG:
        return term->column->flag(row) != term->negated;
    }
    return false;
}

bool query_match(const struct query *query, const void *row)
{
    for (size_t i = 0; i < query->terms; i++)
        if (!holds(query, &query->term[i], row))
            return false;
    return true;
}

/* --- sorting --- */

const struct query_column *query_sort_column(const struct query_column *columns, const char *name, struct error *error)
{
    struct nearest nearest = {.wanted = name};
    for (const struct query_column *column = columns; column->name; column++)
        if (column->kind != QUERY_FLAG && !strcasecmp(column->name, name))
            return column;
    error_set(error, ERROR_USAGE, "there is no column \"%s\" to sort by; it can be", name);
    for (const struct query_column *column = columns; column->name; column++) {
        size_t length = strlen(error->text);
        if (column->kind == QUERY_FLAG)
            continue;
        snprintf(error->text + length, sizeof error->text - length, "%s %s", column == columns ? "" : ",",
                 column->name);
        nearest_offer(&nearest, column->name);
    }
    nearest_tell(&nearest, 1, NULL, error->text, sizeof error->text);
    return NULL;
}

int query_order(const struct query_column *column, bool reverse, const void *a, const void *b)
{
    int order;
    if (column->kind == QUERY_TEXT) {
        order = strcasecmp(column->text(a), column->text(b));
    } else {
        double left = column->number(a), right = column->number(b);
        if (isnan(left) || isnan(right))
            return isnan(left) - isnan(right);
        order = (left > right) - (left < right);
    }
    return reverse ? -order : order;
}
