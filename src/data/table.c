/* Reading tables in text. Called by listing.c. */
#include "config.h"

#include "table.h"

#include <string.h>

#include "thaw/base/mem.h"

/* What has been read so far: cells are written where they were read, which is never less far. */
struct reading {
    struct table *table;
    char *at, *end, *to;
    size_t cells, room, rows_room;
    uint32_t line;
    struct error *error;
};

static bool refuse(const struct reading *r, const char *what)
{
    return error_set(r->error, ERROR_DATA, "line %u: %s", (unsigned)r->line, what);
}

const char *table_cell(const struct table *table, size_t row, size_t column)
{
    return table->text + table->cell[row * table->columns + column];
}

void table_finish(struct table *table)
{
    mem_free(table->text);
    mem_free(table->cell);
    mem_free(table->line);
    *table = (struct table){0};
}

/* --- what parts the cells --- */

static char find_between(const char *at, const char *end)
{
    static const char candidates[] = "\t,;|";
    size_t count[sizeof candidates - 1] = {0}, best = 0;
    bool quoted = false, blank = false;
    while (at < end && (*at == '\n' || *at == '\r'))
        at++;
    for (const char *c = at; c < end && (quoted || *c != '\n'); c++) {
        const char *found = *c ? strchr(candidates, *c) : NULL;
        quoted ^= *c == '"';
        if (found && !quoted)
            count[found - candidates]++;
        blank |= *c == ' ' && c > at;
    }
    for (size_t i = 1; i < sizeof candidates - 1; i++)
        best = count[i] > count[best] ? i : best;
    return count[best] ? candidates[best] : blank ? ' ' : '\0';
}

/* --- cells --- */

static void add_cell(struct reading *r, const char *from)
{
    struct table *table = r->table;
    if (r->cells == r->room) {
        r->room = r->room ? 2 * r->room : 64;
        table->cell = mem_grow(table->cell, r->room, sizeof *table->cell);
    }
    table->cell[r->cells++] = (uint32_t)(from - table->text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Takes a piece of the text as a cell, less the blanks around it; what parted it from the next may be written over. */
static void take_plain(struct reading *r, const char *from, const char *end)
{
    while (from < end && is_blank(*from))
        from++;
    while (end > from && is_blank(end[-1]))
        end--;
    add_cell(r, r->to);
    memmove(r->to, from, (size_t)(end - from));
    r->to += end - from;
    *r->to++ = '\0';
}

/* A cell in quotation marks, at its first; then r->at is at what follows. */
static bool take_quoted(struct reading *r)
{
    uint32_t began = r->line;
    add_cell(r, r->to);
    for (r->at++;; r->at++) {
        if (r->at == r->end) {
            r->line = began;
            return refuse(r, "its quotation mark is never closed");
        }
        if (*r->at == '"' && !(r->at + 1 < r->end && r->at[1] == '"'))
            break;
        r->at += *r->at == '"';
        r->line += *r->at == '\n';
        *r->to++ = *r->at;
    }
    r->at++;
    while (r->at < r->end && is_blank(*r->at) && *r->at != r->table->between)
        r->at++;
    *r->to++ = '\0';
    bool ends = r->at == r->end || *r->at == '\n' || *r->at == r->table->between;
    return ends || refuse(r, "text stands behind a closing quotation mark");
}

/* One cell; r->at is then at what follows it. */
static bool take_cell(struct reading *r)
{
    char between = r->table->between;
    char *from = r->at;
    while (from < r->end && *from == ' ' && between != '\t')
        from++;
    if (from < r->end && *from == '"' && between != '\t') {
        r->at = from;
        return take_quoted(r);
    }
    for (from = r->at; r->at < r->end && *r->at != '\n' && (*r->at != between || !between);)
        r->at++;
    take_plain(r, from, r->at);
    return true;
}

/* A line of a list: all but its last word, and that. */
static void take_words(struct reading *r)
{
    char *end = r->at;
    while (end < r->end && *end != '\n')
        end++;
    char *last = end;
    while (last > r->at && is_blank(last[-1]))
        last--;
    while (last > r->at && !is_blank(last[-1]))
        last--;
    char *from = r->at;
    r->at = end;
    take_plain(r, from, last);
    take_plain(r, last, end);
}

static bool take_row(struct reading *r)
{
    struct table *table = r->table;
    size_t before = r->cells;
    uint32_t line = r->line;
    if (table->between == ' ') {
        take_words(r);
    } else {
        for (bool more = true; more;) {
            if (!take_cell(r))
                return false;
            if (r->cells - before > TABLE_COLUMNS_MAX)
                return refuse(r, "it has more cells than are read");
            more = r->at < r->end && *r->at != '\n';
            r->at += more;
        }
    }
    size_t cells = r->cells - before;
    if (table->rows == 0)
        table->columns = cells;
    if (cells != table->columns)
        return error_set(r->error, ERROR_DATA, "line %u: it has %zu cell%s, where the first line has %zu",
                         (unsigned)line, cells, cells == 1 ? "" : "s", table->columns);
    if (table->rows == r->rows_room) {
        r->rows_room = r->rows_room ? 2 * r->rows_room : 64;
        table->line = mem_grow(table->line, r->rows_room, sizeof *table->line);
    }
    table->line[table->rows++] = line;
    return true;
}

/* Behind empty lines; false: nothing is left. */
static bool find_row(struct reading *r)
{
    for (; r->at < r->end; r->at++) {
        const char *c = r->at;
        while (c < r->end && is_blank(*c) && *c != r->table->between)
            c++;
        if (c < r->end && *c != '\n')
            return true;
        r->at += c - r->at;
        if (r->at == r->end)
            return false;
        r->line++;
    }
    return false;
}

bool table_read(struct table *table, const uint8_t *bytes, size_t size, struct error *error)
{
    static const char mark[] = "\xef\xbb\xbf"; /* some programs put it before UTF-8 */
    *table = (struct table){0};
    if (size > TABLE_BYTES_MAX)
        return error_set(error, ERROR_DATA, "larger than the %zu bytes that are read of a table", TABLE_BYTES_MAX);
    if (size >= sizeof mark - 1 && memcmp(bytes, mark, sizeof mark - 1) == 0) {
        bytes += sizeof mark - 1;
        size -= sizeof mark - 1;
    }
    if (size && memchr(bytes, '\0', size))
        return error_set(error, ERROR_DATA, "it holds zero bytes, which no text has");
    /* a cell is ended by a byte more where nothing parted it: at the end, and twice in a line of a list */
    table->text = mem_alloc(2 * size + 2);
    char *copy = table->text + size + 1;
    if (size)
        memcpy(copy, bytes, size);
    struct reading r = {.table = table, .at = copy, .end = copy + size, .to = table->text, .line = 1, .error = error};
    table->between = find_between(r.at, r.end);
    while (find_row(&r))
        if (!take_row(&r))
            return false;
    return table->rows > 0 || error_set(error, ERROR_DATA, "it has no lines");
}
