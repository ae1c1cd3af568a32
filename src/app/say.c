/* See the header. Called by all of this folder. */
#include "config.h"

#include "say.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "canvas.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"

/* --- formats --- */

/* A conversion: `spec` is made ready for one argument of `length` ('l', 'L' for ll, 'z' or 0) and `kind`. */
struct conversion {
    char spec[32];
    char kind, length;
    int precision; /* of %s; -1: none */
};

/* Copies digits, or the number that a star stands for. */
static const char *read_number(const char *at, char *to, size_t *used, int *number, va_list *args)
{
    if (*at == '*') {
        *number = va_arg(*args, int);
        *used += (size_t)sprintf(to + *used, "%d", *number);
        return at + 1;
    }
    *number = (int)strtol(at, NULL, 10);
    while (*at >= '0' && *at <= '9')
        to[(*used)++] = *at++;
    return at;
}

/* at: behind the '%'. Returns what follows the conversion. The precision of a text is left out of its spec. */
static const char *read_conversion(const char *at, struct conversion *of, va_list *args)
{
    size_t used = 0;
    int unused;
    *of = (struct conversion){.precision = -1};
    of->spec[used++] = '%';
    while (strchr("-+ #0", *at))
        of->spec[used++] = *at++;
    at = read_number(at, of->spec, &used, &unused, args);
    size_t before = used;
    if (*at == '.') {
        of->spec[used++] = *at++;
        at = read_number(at, of->spec, &used, &of->precision, args);
    }
    for (; *at == 'l' || *at == 'z'; at++) {
        of->length = of->length == 'l' ? 'L' : *at;
        of->spec[used++] = *at;
    }
    of->kind = *at;
    if (of->kind == 's')
        used = before;
    of->spec[used] = of->kind;
    of->spec[used + 1] = '\0';
    return at + 1;
}

static void put_text(FILE *to, const struct conversion *of, const char *text)
{
    char *cut = of->precision >= 0 ? mem_format("%.*s", of->precision, text) : NULL,
         *plain = text_plain(cut ? cut : text);
    fprintf(to, of->spec, plain);
    mem_free(plain);
    mem_free(cut);
}

static void put_number(FILE *to, const struct conversion *of, va_list *args)
{
    if (strchr("fge", of->kind))
        fprintf(to, of->spec, va_arg(*args, double));
    else if (of->length == 'L')
        fprintf(to, of->spec, va_arg(*args, long long));
    else if (of->length)
        fprintf(to, of->spec, va_arg(*args, long));
    else
        fprintf(to, of->spec, va_arg(*args, int));
}
_Static_assert(sizeof(size_t) == sizeof(long), "%z is %l");

static void put(FILE *to, const char *format, va_list *args)
{
    struct conversion of;
    while (*format) {
        size_t length = strcspn(format, "%");
        fwrite(format, 1, length, to);
        format += length;
        if (*format && format[1] == '%') {
            fputc('%', to);
            format += 2;
        } else if (*format) {
            format = read_conversion(format + 1, &of, args);
            if (of.kind == 's')
                put_text(to, &of, va_arg(*args, const char *));
            else
                put_number(to, &of, args);
        }
    }
}

/* --- lines --- */

/* What came since the last line end; for standard output and error. Only a terminal's lines wait for their ends. */
static struct pending {
    char *text;
} pending[2];

static struct pending *pending_of(const FILE *stream)
{
    return &pending[stream == stderr];
}

int say_columns(FILE *stream)
{
    struct winsize size = {0};
    return isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* Where lines that go on begin: below what stands in the last column of a list of options or figures, where that is in the
 * line's first half, else a little more to the right than the line itself. */
static int indent_of(const char *line, int columns)
{
    int own = (int)strspn(line, " ");
    const char *gap = strstr(line + own, "  ");
    int behind = gap ? (int)(gap - line) + (int)strspn(gap, " ") : 0;
    return behind > 0 && behind < columns / 2 ? behind : own + 2 < columns / 2 ? own + 2 : 0;
}

/* Bytes of the part of a line that fits: up to the last blank, or of a longer word what there is room for. */
static size_t part_that_fits(const char *line, int columns)
{
    const char *at = line, *blank = NULL, *word = line + strspn(line, " ");
    int width = 0;
    while (*at) {
        const char *before = at;
        uint32_t code = utf8_next(&at);
        width += code_width(code);
        if (width > columns && (code != ' ' || blank))
            return (size_t)((blank && blank > word ? blank : before > line ? before : at) - line);
        if (code == ' ' && *at != '%') /* a figure keeps its unit */
            blank = before;
    }
    return strlen(line);
}

/* One line, with or without its end. */
static void put_line(FILE *stream, const char *line, int columns)
{
    int indent = indent_of(line, columns), room = columns;
    if (strchr(line, '\t')) { /* columns for programs */
        fputs(line, stream);
        return;
    }
    for (size_t length; (length = part_that_fits(line, room)) < strlen(line); room = columns - indent) {
        int shown = (int)length;
        while (shown > 0 && line[shown - 1] == ' ')
            shown--;
        fprintf(stream, "%.*s\n%*s", shown, line, indent, "");
        line += length + strspn(line + length, " ");
    }
    fputs(line, stream);
}

static void add(FILE *stream, const char *text, int columns)
{
    struct pending *own = pending_of(stream);
    char *all = own->text ? mem_format("%s%s", own->text, text) : mem_string(text), *at = all;
    mem_free(own->text);
    own->text = NULL;
    for (char *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        put_line(stream, at, columns);
        fputc('\n', stream);
    }
    if (*at)
        own->text = mem_string(at);
    mem_free(all);
}

static void say_all(FILE *stream, const char *format, va_list *args)
{
    int columns = say_columns(stream);
    if (columns < 20) {
        put(stream, format, args);
        return;
    }
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (!to)
        abort(); /* as where no memory is left */
    put(to, format, args);
    fclose(to);
    add(stream, text, columns);
    free(text);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_all(stdout, format, &args);
    va_end(args);
}

void say_on(FILE *stream, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say_all(stream, format, &args);
    va_end(args);
}

void say_own(FILE *stream, const char *text)
{
    int columns = say_columns(stream);
    if (columns < 20)
        fputs(text, stream);
    else
        add(stream, text, columns);
}

void say_flush(FILE *stream)
{
    struct pending *own = pending_of(stream);
    if (own->text)
        fputs(own->text, stream);
    mem_free(own->text);
    own->text = NULL;
}

/* --- bars --- */

void say_bar(const char *format, ...)
{
    char *text = NULL;
    size_t size = 0;
    int columns = say_columns(stderr);
    FILE *to = isatty(STDERR_FILENO) ? open_memstream(&text, &size) : NULL;
    if (!to)
        return;
    va_list args;
    va_start(args, format);
    put(to, format, &args);
    va_end(args);
    fclose(to);
    const char *at = text;
    for (int width = 0; *at && (columns == 0 || width < columns - 1);)
        width += code_width(utf8_next(&at));
    fprintf(stderr, "\r\033[K%.*s", (int)(at - text), text);
    fflush(stderr);
    free(text);
}

void say_bar_over(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
