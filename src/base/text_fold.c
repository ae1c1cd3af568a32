/* Names that people take for the same: as Unicode decomposes them (a Mac writes "é" as "e" and an accent, others as one
 * character), and in any case. Called where names of classes and of parts of a dataset are compared. */
#include "config.h"

#include "text_fold.h"

#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/base/text.h"

/* Hangul syllables are computed (The Unicode Standard, 3.12). */
enum {
    S_BASE = 0xac00,
    L_BASE = 0x1100,
    V_BASE = 0x1161,
    T_BASE = 0x11a7,
    V_COUNT = 21,
    T_COUNT = 28,
    S_COUNT = 11172
};

struct codes {
    uint32_t *code;
    size_t count;
};

static int compare_codes(const void *wanted, const void *row)
{
    uint32_t a = *(const uint32_t *)wanted, b = ((const struct text_decomposition *)row)->code;
    return a < b ? -1 : a > b;
}

/* Accents on one letter, in whatever order: sorted, they are the same. */
static bool is_mark(uint32_t code)
{
    return (code >= 0x300 && code < 0x370) || (code >= 0x591 && code < 0x5c8) || (code >= 0x64b && code < 0x660);
}

static void put_sorted(struct codes *codes, uint32_t code)
{
    size_t at = codes->count++;
    for (; is_mark(code) && at > 0 && is_mark(codes->code[at - 1]) && codes->code[at - 1] > code; at--)
        codes->code[at] = codes->code[at - 1];
    codes->code[at] = code;
}

static void decompose(struct codes *codes, uint32_t code)
{
    if (code >= S_BASE && code < S_BASE + S_COUNT) {
        uint32_t syllable = code - S_BASE, last = syllable % T_COUNT;
        put_sorted(codes, L_BASE + syllable / (V_COUNT * T_COUNT));
        put_sorted(codes, V_BASE + syllable / T_COUNT % V_COUNT);
        if (last)
            put_sorted(codes, T_BASE + last);
        return;
    }
    const struct text_decomposition *row = bsearch(&code, text_decompositions, THAW_LENGTH(text_decompositions),
                                                   sizeof *text_decompositions, compare_codes);
    if (!row) {
        put_sorted(codes, code);
        return;
    }
    decompose(codes, row->base);
    if (row->mark)
        put_sorted(codes, row->mark);
}

/* Lower case of letters that are no others with an accent: `step` 1 where small letters lie behind the capitals one by one. */
static const struct {
    uint16_t first, last, away, step;
} capitals[] = {
    {'A', 'Z', 32, 1},      {0xc6, 0xde, 32, 1},    {0x110, 0x136, 1, 2},    {0x141, 0x147, 1, 2},
    {0x14a, 0x176, 1, 2},   {0x391, 0x3a9, 32, 1},  {0x400, 0x40f, 80, 1},   {0x410, 0x42f, 32, 1},
    {0x460, 0x480, 1, 2},   {0x48a, 0x4be, 1, 2},   {0x4d0, 0x52e, 1, 2},    {0x531, 0x556, 48, 1},
    {0x1e00, 0x1e94, 1, 2}, {0x1ea0, 0x1efe, 1, 2}, {0xff21, 0xff3a, 32, 1},
};

static uint32_t lower(uint32_t code)
{
    enum { FINAL_SIGMA = 0x3c2, SIGMA = 0x3c3 };
    for (size_t i = 0; i < THAW_LENGTH(capitals); i++)
        if (code >= capitals[i].first && code <= capitals[i].last && (code - capitals[i].first) % capitals[i].step == 0)
            return code + capitals[i].away;
    return code == FINAL_SIGMA ? SIGMA : code;
}

static bool parts_words(uint32_t code)
{
    return code == ' ' || code == '_' || code == '-' || code == '.' || code == 0xa0;
}

static char *put_utf8(char *to, uint32_t code)
{
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = bytes - 1; i > 0; i--, code >>= 6)
        to[i] = (char)(0x80 | (code & 0x3f));
    to[0] = (char)(first[bytes] | code);
    return to + bytes;
}

char *text_fold(const char *text, enum text_folding how)
{
    enum { CODES_MOST = 4, BYTES_MOST = 4 }; /* that one character decomposes to; of one in UTF-8 */
    size_t size = strlen(text);
    struct codes codes = {mem_array(CODES_MOST * size + 1, sizeof *codes.code), 0};
    for (const char *at = text; *at;) {
        uint32_t code;
        size_t length = text_character(at, &code);
        if (length > 0)
            decompose(&codes, code);
        else /* no UTF-8: a byte is like itself alone */
            put_sorted(&codes, 0x110000 + (unsigned char)*at);
        at += length > 0 ? length : 1;
    }
    char *folded = mem_alloc(BYTES_MOST * codes.count + 1), *to = folded;
    for (size_t i = 0; i < codes.count; i++) {
        uint32_t code = how == TEXT_FOLD_LOOSE ? lower(codes.code[i]) : codes.code[i];
        if (how == TEXT_FOLD_LOOSE && parts_words(code))
            continue;
        if (code < 0x110000)
            to = put_utf8(to, code);
        else
            *to++ = (char)(code - 0x110000);
    }
    *to = '\0';
    mem_free(codes.code);
    return folded;
}
