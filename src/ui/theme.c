/* Themes: an INI file gives each role a style, "role = foreground [on background] [bold] [dim] [reverse] [underline]".
 * Colours: default, the 16 names (red, bright-red ...), 0..255, #rrggbb. Whatever is missing or wrong falls back to the
 * built-in look, and the first fault is said with file and line. Called by the frame. */
#include "config.h"

#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "theme.h"

#define RGB 0x1000000

static const struct role_row {
    enum theme_role role;
    const char *name;
    struct theme_style style; /* the default look, good on dark and light grounds */
    unsigned mono;
} roles[] = {
    {THEME_TEXT, "text", {-1, -1, 0}, 0},
    {THEME_DIM, "dim", {244, -1, 0}, CELL_DIM},
    {THEME_TITLE, "title", {-1, -1, CELL_BOLD}, CELL_BOLD},
    {THEME_BORDER, "border", {244, -1, 0}, CELL_DIM},
    {THEME_TAB, "tab", {-1, -1, 0}, 0},
    {THEME_TAB_ACTIVE, "tab-active", {-1, -1, CELL_REVERSE | CELL_BOLD}, CELL_REVERSE | CELL_BOLD},
    {THEME_SELECTED, "selected", {-1, -1, CELL_REVERSE}, CELL_REVERSE},
    {THEME_KEY, "key", {-1, -1, CELL_BOLD}, CELL_BOLD},
    {THEME_KEY_TEXT, "key-text", {244, -1, 0}, 0},
    {THEME_FROZEN, "frozen", {33, -1, 0}, 0},
    {THEME_THAWED, "thawed", {166, -1, CELL_BOLD}, CELL_BOLD},
    {THEME_PARTLY, "partly", {133, -1, 0}, CELL_UNDERLINE},
    {THEME_GOOD, "good", {2, -1, 0}, 0},
    {THEME_WARNING, "warning", {136, -1, CELL_BOLD}, CELL_BOLD},
    {THEME_ERROR, "error", {160, -1, CELL_BOLD}, CELL_REVERSE},
    {THEME_TRAIN, "train", {33, -1, 0}, 0},
    {THEME_VAL, "val", {166, -1, CELL_BOLD}, CELL_BOLD},
    {THEME_AXIS, "axis", {244, -1, 0}, CELL_DIM},
    {THEME_EVENT, "event", {133, -1, 0}, CELL_DIM},
    {THEME_CURSOR, "cursor", {-1, -1, 0}, 0},
    {THEME_BAR, "bar", {33, -1, 0}, 0},
    {THEME_BAR_EMPTY, "bar-empty", {244, -1, 0}, CELL_DIM},
    {THEME_INPUT, "input", {-1, -1, CELL_UNDERLINE}, CELL_UNDERLINE},
};
_Static_assert(THAW_LENGTH(roles) == THEME_ROLES, "a row for every role");

const char *theme_role_name(enum theme_role role)
{
    return roles[role].name;
}

void theme_init_default(struct theme *theme)
{
    memset(theme, 0, sizeof *theme);
    snprintf(theme->name, sizeof theme->name, "default");
    for (size_t i = 0; i < THEME_ROLES; i++)
        theme->style[roles[i].role] = roles[i].style;
}

void theme_init_mono(struct theme *theme)
{
    memset(theme, 0, sizeof *theme);
    snprintf(theme->name, sizeof theme->name, "mono");
    for (size_t i = 0; i < THEME_ROLES; i++)
        theme->style[roles[i].role] = (struct theme_style){-1, -1, roles[i].mono};
}

static bool parse_colour(const char *word, int *colour)
{
    static const char *const names[] = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"};
    if (strcmp(word, "default") == 0) {
        *colour = -1;
        return true;
    }
    char *end;
    if (word[0] == '#') {
        *colour = RGB | (int)strtol(word + 1, &end, 16);
        return strlen(word) == 7 && strspn(word + 1, "0123456789abcdefABCDEF") == 6; /* no sign, no 0x */
    }
    if (*word >= '0' && *word <= '9') {
        long number = strtol(word, &end, 10);
        *colour = (int)number;
        return *end == 0 && number < 256;
    }
    int bright = strncmp(word, "bright-", 7) == 0 ? 8 : 0;
    for (int i = 0; i < 8; i++)
        if (strcmp(word + (bright ? 7 : 0), names[i]) == 0) {
            *colour = i + bright;
            return true;
        }
    return false;
}

static unsigned parse_attribute(const char *word)
{
    return strcmp(word, "bold") == 0        ? CELL_BOLD
           : strcmp(word, "dim") == 0       ? CELL_DIM
           : strcmp(word, "reverse") == 0   ? CELL_REVERSE
           : strcmp(word, "underline") == 0 ? CELL_UNDERLINE
                                            : 0;
}

/* Returns NULL, or the word that is not understood (in `copy`). */
static const char *parse_style(struct theme_style *style, char *copy)
{
    struct theme_style parsed = {-1, -1, 0};
    bool ground = false, coloured = false;
    char *save = NULL;
    for (char *word = strtok_r(copy, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        unsigned attribute = parse_attribute(word);
        if (attribute)
            parsed.attrs |= attribute;
        else if (strcmp(word, "on") == 0 && !ground)
            ground = true;
        else if (ground && parse_colour(word, &parsed.bg))
            ground = false;
        else if (coloured || ground || !parse_colour(word, &parsed.fg))
            return word;
        else
            coloured = true;
    }
    if (ground)
        return "on";
    *style = parsed;
    return NULL;
}

struct reader {
    struct theme *theme;
    struct error *error;
    const char *path;
    FILE *stream;
    int line;
    bool failed;
    bool seen[THEME_ROLES];
};

static char *read_line(char *text, int room, void *context)
{
    struct reader *reader = context;
    reader->line++;
    return fgets(text, room, reader->stream);
}

/* Only the first fault is said: the rest of the file may follow from it. */
static int fault(struct reader *reader, const char *what, const char *value, const char *hint)
{
    if (!reader->failed)
        error_set(reader->error, ERROR_USAGE, "%s:%d: %s \"%s\"%s", reader->path, reader->line, what, value, hint);
    reader->failed = true;
    return 1;
}

static int take(void *context, const char *section, const char *key, const char *value)
{
    struct reader *reader = context;
    if (strcmp(section, "theme") != 0)
        return fault(reader, "unknown section", section, ", the only one is [theme]");
    for (size_t i = 0; i < THEME_ROLES; i++)
        if (strcmp(key, roles[i].name) == 0) {
            char copy[128];
            snprintf(copy, sizeof copy, "%s", value);
            const char *bad = parse_style(&reader->theme->style[roles[i].role], copy);
            reader->seen[roles[i].role] = true;
            return bad ? fault(reader, "cannot read the style word", bad,
                               ", write for example \"blue on default bold\", a number 0..255 or #rrggbb")
                       : 1;
        }
    return fault(reader, "unknown role", key, ", the roles are listed in the default theme");
}

/* Neither a file nor a theme by name. */
static bool refuse_file(const struct theme *theme, const char *path, struct error *error)
{
    struct file_list list = {0};
    struct error unused;
    struct nearest nearest = {.wanted = theme->name};
    char *folder = mem_format("%.*s", (int)(path_base(path) - path), path);
    bool listed = file_list_read(&list, folder[0] ? folder : ".", &unused);
    for (size_t i = 0; i < list.count; i++) {
        list.name[i][strcspn(list.name[i], ".")] = '\0';
        nearest_offer(&nearest, list.name[i]);
    }
    error_set(error, ERROR_USAGE, "%s: the theme cannot be read", path);
    nearest_tell(&nearest, 1, NULL, error->text, sizeof error->text);
    if (listed)
        file_list_free(&list);
    mem_free(folder);
    return false;
}

static bool load_file(struct theme *theme, const char *path, struct error *error)
{
    struct error why;
    struct reader reader = {.theme = theme, .error = error, .path = path, .stream = file_stream(path, 0, &why)};
    if (!reader.stream && !file_exists(path))
        return refuse_file(theme, path, error);
    if (!reader.stream)
        return error_set(error, ERROR_USAGE, "%s", why.text);
    int line = ini_parse_stream(read_line, &reader, take, &reader);
    fclose(reader.stream);
    if (line > 0 && !reader.failed)
        return error_set(error, ERROR_USAGE, "%s:%d: not a \"role = style\" line", path, line);
    for (size_t i = 0; i < THEME_ROLES && !reader.failed; i++)
        if (!reader.seen[i]) {
            reader.failed = true;
            error_set(error, ERROR_USAGE, "%s:%d: the role \"%s\" is missing, the built-in style stands in", path,
                      reader.line > 1 ? reader.line - 1 : 1, roles[i].name);
        }
    return !reader.failed;
}

static char *find_file(const char *name, const char *themes_folder)
{
    if (strchr(name, '/'))
        return path_expand(name);
    char *home = path_home(PATH_CONFIG);
    char *path = mem_format("%s/themes/%s.ini", home, name);
    mem_free(home);
    if (file_exists(path))
        return path;
    mem_free(path);
    return mem_format("%s/%s.ini", themes_folder ? themes_folder : THAW_DATADIR "/themes", name);
}

bool theme_load(struct theme *theme, const char *name_or_path, const char *themes_folder, struct error *error)
{
    char *path = find_file(name_or_path, themes_folder);
    bool mono = strcmp(name_or_path, "mono") == 0, done = true;
    if (mono)
        theme_init_mono(theme);
    else
        theme_init_default(theme);
    /* The two built-in looks need no file, so that a program that is not installed starts too. */
    if (file_exists(path) || (!mono && strcmp(name_or_path, "default") != 0)) {
        const char *base = path_base(path);
        snprintf(theme->name, sizeof theme->name, "%.*s", (int)strcspn(base, "."), base);
        done = load_file(theme, path, error);
    }
    mem_free(path);
    return done;
}
