/* See the header. Called by rundir_append, and by event_file.c, through which all of a run's readers see its file. */
#include "config.h"

#include "event_sum.h"

#include <inttypes.h>
#include <string.h>

#include "thaw/base/hash.h"
#include "thaw/base/mem.h"

static const char head[] = ",\"sum\":\"";
enum { HEAD = sizeof head - 1, DIGITS = 8 };
_Static_assert(HEAD + DIGITS + 2 == EVENT_SUM_TAIL, "and a quote and a brace");

/* The sum before comes in by a product with an odd number, which no two of them have in common: hashing with a seed costs
 * more than the rest of the work on a line. */
static uint32_t sum_of(const char *text, size_t length, uint32_t before)
{
    return (uint32_t)hash_bytes(text, length, (struct hash){0, 0}).low ^ before * 0x9E3779B1u;
}

char *event_sum_line(const char *json, uint32_t before)
{
    int length = (int)strlen(json) - 1;
    return mem_format("%.*s%s%08" PRIx32 "\"}\n", length, json, head, sum_of(json, (size_t)length, before));
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool event_sum_read(const char *line, size_t length, uint32_t *told)
{
    uint32_t value = 0;
    *told = 0;
    if (length <= EVENT_SUM_TAIL)
        return false;
    const char *tail = line + length - EVENT_SUM_TAIL;
    if (memcmp(tail, head, HEAD) != 0 || memcmp(tail + HEAD + DIGITS, "\"}", 2) != 0)
        return false;
    for (int i = 0; i < DIGITS; i++) {
        int digit = digit_of(tail[HEAD + i]);
        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *told = value;
    return true;
}

/* What a program that writes no sums begins with: a run, or going on with one. */
static bool is_beginning(const char *line, size_t length)
{
    static const char run[] = "{\"kind\":\"run\"", fork[] = "{\"kind\":\"fork\"";
    return length >= sizeof fork &&
           (memcmp(line, run, sizeof run - 1) == 0 || memcmp(line, fork, sizeof fork - 1) == 0);
}

/* Where a line is damaged it is not known whether its text is or its sum: what it says and what it should have said may
 * both come before the next one. */
bool event_sum_next(struct event_sum *sum, const char *line, size_t length)
{
    uint32_t told;
    bool has = event_sum_read(line, length, &told), begins = !has && is_beginning(line, length);
    if (!has && !begins && !sum->chained) {
        *sum = (struct event_sum){0};
        return true;
    }
    size_t text = length > EVENT_SUM_TAIL ? length - EVENT_SUM_TAIL : 0;
    uint32_t found = sum_of(line, text, sum->told);
    if (has && told != found && told == sum_of(line, text, sum->found))
        found = told;
    bool good = begins || (has && told == found);
    *sum = (struct event_sum){told, found, has, !begins};
    return good;
}
