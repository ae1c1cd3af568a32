/* Remembered things: lines of "key<tab>value". Called for the caches and states of a user. */
#include "config.h"

#include "thaw/base/ledger.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

enum { LEDGER_BYTES_MAX = 4 << 20 };

/* The slot of a key: where it is, or would be. */
static size_t *slot_of(const struct ledger *ledger, const char *key)
{
    size_t at = hash_bytes(key, strlen(key), (struct hash){0}).low & (ledger->slots - 1);
    while (ledger->slot[at] > 0 && strcmp(ledger->line[ledger->slot[at] - 1].key, key) != 0)
        at = (at + 1) & (ledger->slots - 1);
    return &ledger->slot[at];
}

static void make_slots(struct ledger *ledger)
{
    ledger->slots = ledger->slots > 0 ? 4 * ledger->slots : 64;
    mem_free(ledger->slot);
    ledger->slot = mem_array(ledger->slots, sizeof *ledger->slot);
    for (size_t i = 0; i < ledger->lines; i++)
        *slot_of(ledger, ledger->line[i].key) = i + 1;
}

void ledger_add(struct ledger *ledger, const char *key, const char *value)
{
    ledger->line = mem_grow(ledger->line, ledger->lines + 1, sizeof *ledger->line);
    ledger->line[ledger->lines++] = (struct ledger_line){mem_string(key), mem_string(value)};
    if (2 * ledger->lines >= ledger->slots)
        make_slots(ledger);
    *slot_of(ledger, key) = ledger->lines;
}

void ledger_read(struct ledger *ledger, const char *path)
{
    struct error unused;
    *ledger = (struct ledger){0};
    char *text = file_read_text_own(path, LEDGER_BYTES_MAX, &unused);
    if (!text)
        return;
    char *save = NULL;
    for (char *at = strtok_r(text, "\n", &save); at; at = strtok_r(NULL, "\n", &save)) {
        char *tab = strchr(at, '\t');
        if (!tab || tab == at || ledger->lines == LEDGER_LINES_MAX)
            continue;
        *tab = '\0';
        ledger_add(ledger, at, tab + 1);
    }
    mem_free(text);
}

void ledger_free(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->lines; i++) {
        mem_free(ledger->line[i].key);
        mem_free(ledger->line[i].value);
    }
    mem_free(ledger->line);
    mem_free(ledger->slot);
    *ledger = (struct ledger){0};
}

const char *ledger_find(const struct ledger *ledger, const char *key)
{
    size_t line = ledger->slots > 0 ? *slot_of(ledger, key) : 0;
    return line > 0 ? ledger->line[line - 1].value : NULL;
}

static char *one_line(const char *text)
{
    char *copy = mem_string(text);
    for (char *at = copy; (at = strpbrk(at, "\t\n\r")); at++)
        *at = ' ';
    return copy;
}

static void write_line(FILE *stream, const struct ledger_line *line)
{
    char *key = one_line(line->key), *value = one_line(line->value);
    fprintf(stream, "%s\t%s\n", key, value);
    mem_free(key);
    mem_free(value);
}

/* The lines of a file that the new ones do not replace, the oldest dropped to make room. */
static void write_old(FILE *stream, const char *path, const struct ledger *lines)
{
    struct ledger ledger;
    ledger_read(&ledger, path);
    size_t all = ledger.lines + lines->lines, first = all > LEDGER_LINES_MAX ? all - LEDGER_LINES_MAX : 0;
    for (size_t i = first; i < ledger.lines; i++)
        if (!ledger_find(lines, ledger.line[i].key))
            write_line(stream, &ledger.line[i]);
    ledger_free(&ledger);
}

bool ledger_put_all(const char *path, const struct ledger *lines, struct error *error)
{
    struct file_atomic file;
    if (lines->lines == 0)
        return true;
    char *folder = mem_format("%.*s", (int)(path_base(path) - path), path);
    bool good = (!folder[0] || file_make_directories(folder, error)) && file_atomic_begin(&file, path, error);
    if (good && folder[0])
        file_sweep(folder, false);
    mem_free(folder);
    if (!good)
        return false;
    write_old(file.stream, path, lines);
    for (size_t i = 0; i < lines->lines; i++)
        write_line(file.stream, &lines->line[i]);
    return file_atomic_commit(&file, error);
}

bool ledger_put(const char *path, const char *key, const char *value, struct error *error)
{
    struct ledger ledger = {0};
    char *line = one_line(key);
    ledger_add(&ledger, line, value);
    bool good = ledger_put_all(path, &ledger, error);
    ledger_free(&ledger);
    mem_free(line);
    return good;
}
