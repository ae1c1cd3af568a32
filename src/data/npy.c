/* Reading one array. Called by layout_npz.c. */
#include "config.h"

#include "npy.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { START = 8, HEADER_MAX = 1 << 16 };

/* The header's text, as far as it has been read. */
struct header {
    const char *at, *end;
};

static void skip_blanks(struct header *header)
{
    while (header->at < header->end && (isspace((unsigned char)*header->at) || *header->at == ','))
        header->at++;
}

static bool take(struct header *header, char wanted)
{
    skip_blanks(header);
    if (header->at == header->end || *header->at != wanted)
        return false;
    header->at++;
    return true;
}

/* A text in single or double quotation marks. */
static bool take_text(struct header *header, char text[32])
{
    size_t length = 0;
    skip_blanks(header);
    char mark = header->at < header->end ? *header->at : '\0';
    if (mark != '\'' && mark != '"')
        return false;
    for (header->at++; header->at < header->end && *header->at != mark; header->at++)
        if (length < 31)
            text[length++] = *header->at;
    text[length] = '\0';
    if (header->at == header->end)
        return false;
    header->at++;
    return true;
}

static bool take_number(struct header *header, size_t *number)
{
    skip_blanks(header);
    *number = 0;
    if (header->at == header->end || !isdigit((unsigned char)*header->at))
        return false;
    for (; header->at < header->end && isdigit((unsigned char)*header->at); header->at++) {
        if (*number > SIZE_MAX / 16)
            return false;
        *number = 10 * *number + (size_t)(*header->at - '0');
    }
    header->at += header->at < header->end && *header->at == 'L'; /* Python 2's */
    return true;
}

static bool take_word(struct header *header, const char *word)
{
    size_t length = strlen(word);
    skip_blanks(header);
    if ((size_t)(header->end - header->at) < length || strncmp(header->at, word, length) != 0)
        return false;
    header->at += length;
    return true;
}

static bool read_type(struct npy *npy, const char *text, struct error *error)
{
    const char *kind = text + (strchr("<>|=", text[0]) && text[0] ? 1 : 0);
    npy->big = text[0] == '>';
    npy->kind = kind[0];
    npy->bytes = kind[0] && kind[1] >= '1' && kind[1] <= '8' && !kind[2] ? kind[1] - '0' : 0;
    bool known = npy->bytes && (npy->bytes & (npy->bytes - 1)) == 0;
    if (npy->kind == 'O')
        return error_set(error, ERROR_DATA, "its values are pickled Python objects, which are not read");
    if (!known || !strchr("uifb", npy->kind) || (npy->kind == 'f' && npy->bytes < 4) ||
        (npy->kind == 'b' && npy->bytes > 1))
        return error_set(error, ERROR_DATA, "its values are of the type %.20s; whole and real numbers are read", text);
    return true;
}

static bool read_shape(struct npy *npy, struct header *header, struct error *error)
{
    if (!take(header, '('))
        return error_set(error, ERROR_DATA, "its header has no shape");
    npy->count = 1;
    for (npy->rank = 0; !take(header, ')'); npy->rank++) {
        if (npy->rank == NPY_RANK_MAX)
            return error_set(error, ERROR_DATA, "it has more than %d dimensions", NPY_RANK_MAX);
        if (!take_number(header, &npy->dim[npy->rank]))
            return error_set(error, ERROR_DATA, "its header's shape is damaged");
        if (npy->dim[npy->rank] == 0 || npy->count > SIZE_MAX / 16 / npy->dim[npy->rank])
            return error_set(error, ERROR_DATA, "dimension %d of its shape is %zu", npy->rank, npy->dim[npy->rank]);
        npy->count *= npy->dim[npy->rank];
    }
    return true;
}

static bool read_header(struct npy *npy, struct header *header, struct error *error)
{
    char key[32], type[32] = "";
    bool fortran = false, shaped = false;
    if (!take(header, '{'))
        return error_set(error, ERROR_DATA, "its header is no dictionary");
    while (!take(header, '}')) {
        if (!take_text(header, key) || !take(header, ':'))
            return error_set(error, ERROR_DATA, "its header is damaged");
        bool good = true;
        if (strcmp(key, "descr") == 0) {
            good = take_text(header, type);
        } else if (strcmp(key, "fortran_order") == 0) {
            fortran = take_word(header, "True");
            good = fortran || take_word(header, "False");
        } else if (strcmp(key, "shape") == 0) {
            shaped = true;
            if (!read_shape(npy, header, error))
                return false;
        } else {
            good = false;
        }
        if (!good)
            return error_set(error, ERROR_DATA, "its header says of %.30s what is not known", key);
    }
    if (!type[0] || !shaped)
        return error_set(error, ERROR_DATA, "its header has no %s", type[0] ? "shape" : "type");
    if (fortran && npy->rank > 1)
        return error_set(error, ERROR_DATA,
                         "its values are in Fortran's order; save it as numpy.ascontiguousarray makes it");
    return read_type(npy, type, error);
}

bool npy_read(struct npy *npy, const uint8_t *bytes, size_t size, struct error *error)
{
    *npy = (struct npy){0};
    if (size < START + 4 || memcmp(bytes, "\x93NUMPY", 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return error_set(error, ERROR_DATA, "not an array of NumPy's");
    size_t length = bytes[8] | (size_t)bytes[9] << 8, start = START + 2;
    if (bytes[6] > 1) {
        length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        start += 2;
    }
    if (length > HEADER_MAX || length > size - start)
        return error_set(error, ERROR_DATA, "its header of %zu bytes does not fit", length);
    struct header header = {(const char *)bytes + start, (const char *)bytes + start + length};
    if (!read_header(npy, &header, error))
        return false;
    size_t left = size - start - length, wanted = npy->count * (size_t)npy->bytes;
    if (left != wanted)
        return error_set(error, ERROR_DATA, "%zu bytes of values, but its header claims %zu: is it truncated?", left,
                         wanted);
    npy->values = bytes + start + length;
    return true;
}

/* The bits of a value, the lowest first. */
static uint64_t bits_of(const struct npy *npy, size_t at)
{
    const uint8_t *from = npy->values + at * (size_t)npy->bytes;
    uint64_t bits = 0;
    for (int i = 0; i < npy->bytes; i++)
        bits |= (uint64_t)from[npy->big ? npy->bytes - 1 - i : i] << 8 * i;
    return bits;
}

bool npy_whole(const struct npy *npy, size_t at, long most, long *number)
{
    uint64_t bits = bits_of(npy, at);
    if (npy->kind == 'f') {
        double value;
        float half = 0;
        uint32_t low = (uint32_t)bits;
        memcpy(&half, &low, sizeof half);
        memcpy(&value, &bits, sizeof value);
        value = npy->bytes == 4 ? (double)half : value;
        if (!(value >= 0 && value <= (double)most) || value != floor(value))
            return false;
        *number = (long)value;
        return true;
    }
    bool negative = npy->kind == 'i' && bits >> (8 * npy->bytes - 1) & 1;
    if (negative || bits > (uint64_t)most)
        return false;
    *number = (long)bits;
    return true;
}
