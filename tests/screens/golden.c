/* Golden screens: see golden.h. Files live beside the sources ($THAW_SRCDIR/tests/screens/golden). */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "thaw/base/error.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

static const char role_letter[] = {
    [THEME_TEXT] = '.',     [THEME_DIM] = 'd',        [THEME_TITLE] = 't',    [THEME_BORDER] = '-',
    [THEME_TAB] = 'n',      [THEME_TAB_ACTIVE] = 'a', [THEME_SELECTED] = 's', [THEME_KEY] = 'k',
    [THEME_KEY_TEXT] = 'l', [THEME_FROZEN] = 'f',     [THEME_THAWED] = 'h',   [THEME_PARTLY] = 'p',
    [THEME_GOOD] = 'g',     [THEME_WARNING] = 'w',    [THEME_ERROR] = 'e',    [THEME_TRAIN] = 'r',
    [THEME_VAL] = 'v',      [THEME_AXIS] = 'x',       [THEME_EVENT] = 'm',    [THEME_CURSOR] = 'c',
    [THEME_BAR] = 'b',      [THEME_BAR_EMPTY] = 'o',  [THEME_INPUT] = 'i',
};
_Static_assert(sizeof role_letter == THEME_ROLES, "a letter for every role");

static char letter_of(const struct cell *cell)
{
    char letter = role_letter[cell->role];
    if (cell->rgb)
        return '@';
    if (cell->code == ' ' && (letter == '.' || letter == 'd') && cell->attrs == 0)
        return ' ';
    if ((cell->attrs & (CELL_BOLD | CELL_REVERSE)) != 0)
        return letter >= 'a' && letter <= 'z' ? (char)(letter - 'a' + 'A') : letter == '.' ? ':' : '=';
    return letter;
}

static char *dump_all(const struct canvas *canvas)
{
    char *text = canvas_dump(canvas);
    size_t room = (size_t)(canvas->width + 1) * (size_t)canvas->height + 1, used = 0;
    char *roles = mem_alloc(room);
    for (int y = 0; y < canvas->height; y++) {
        size_t end = used;
        for (int x = 0; x < canvas->width; x++) {
            roles[used] = letter_of(&canvas->cell[(size_t)y * (size_t)canvas->width + (size_t)x]);
            if (roles[used++] != ' ')
                end = used;
        }
        used = end;
        roles[used++] = '\n';
    }
    roles[used] = '\0';
    size_t length = strlen(text);
    char *all = mem_format("%s%s--- roles\n%s", text, length > 0 && text[length - 1] == '\n' ? "" : "\n", roles);
    mem_free(text);
    mem_free(roles);
    return all;
}

static void report(const char *name, const char *wanted, const char *got)
{
    int line = 1;
    while (*wanted != '\0' && *got != '\0') {
        size_t a = strcspn(wanted, "\n"), b = strcspn(got, "\n");
        if (a != b || strncmp(wanted, got, a) != 0)
            break;
        wanted += a + (wanted[a] == '\n');
        got += b + (got[b] == '\n');
        line++;
    }
    fail_msg("%s.txt line %d\nwanted: %.*s\ngot:    %.*s\n(UPDATE=1 rewrites the golden screens)", name, line,
             (int)strcspn(wanted, "\n"), wanted, (int)strcspn(got, "\n"), got);
}

void golden_check(const char *name, const struct canvas *canvas)
{
    const char *source = getenv("THAW_SRCDIR");
    struct error error = {0};
    char *path = mem_format("%s/tests/screens/golden/%s.txt", source == NULL ? "." : source, name);
    char *got = dump_all(canvas);
    if (getenv("UPDATE") != NULL) {
        if (!file_write_atomic(path, got, strlen(got), &error))
            fail_msg("%s", error.text);
    } else {
        char *wanted = file_read_text(path, 1 << 20, &error);
        if (wanted == NULL)
            fail_msg("%s", error.text);
        else if (strcmp(wanted, got) != 0)
            report(name, wanted, got);
        mem_free(wanted);
    }
    mem_free(got);
    mem_free(path);
}
