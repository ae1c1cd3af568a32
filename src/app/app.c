/* What the verbs share: reporting, options, folders. */
#include "config.h"

#include "app.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/run/link.h"
#include "thaw/run/run_find.h"

int app_fail(const struct error *error)
{
    say_on(stderr, "thaw: %s\n", error->text);
    return error_exit_code(error->kind == ERROR_NONE ? ERROR_FAILED : error->kind);
}

int app_usage(const struct verb *verb, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say_on(stderr, "thaw: %s", text);
    if (verb) {
        say_on(stderr, "\nusage: thaw %s ", verb->name);
        say_own(stderr, verb->synopsis);
        say_on(stderr, "\n`thaw %s --help` tells more\n", verb->name);
    } else {
        say_on(stderr, "\n`thaw --help` tells more\n");
    }
    return error_exit_code(ERROR_USAGE);
}

static void help_program(void)
{
    say_own(stdout, "thaw: a terminal workbench for transfer learning with convolutional networks\n\n"
                    "usage: thaw [EXPERIMENT.ini]     the workbench\n"
                    "       thaw VERB ...             without a screen\n\nverbs:\n");
    for (size_t i = 0; i < verbs_count; i++)
        say("  %-9s %s\n", verbs[i]->name, verbs[i]->help);
    say_own(stdout, "\nworkbench options:\n"
                    "  --theme NAME     default, light, mono, or a file\n"
                    "  --ascii          draw with ASCII only\n"
                    "  --no-color       no colours (as does the variable NO_COLOR)\n"
                    "  --no-mouse       leave the mouse to the terminal\n"
                    "  --slow           for a slow line: draws what runs by itself every few seconds\n"
                    "  --threads N      computing threads (all cores)\n"
                    "  --samples DIR    the sample world's folder\n"
                    "  --runs DIR       where runs are kept\n"
                    "  --models DIR     a folder of weights files\n"
                    "  --offline        pulls nothing from the network\n\n"
                    "`thaw VERB --help` tells more. Exit codes: 0 done, 1 failure, 2 usage, 3 data, 4 weights,\n"
                    "5 stopped early, 130 interrupted.\n");
}

void app_help(const struct verb *verb)
{
    if (!verb) {
        help_program();
        return;
    }
    say("usage: thaw %s ", verb->name);
    say_own(stdout, verb->synopsis);
    say("\n%s\n", verb->help);
    if (verb->options[0]) {
        say("\n");
        say_own(stdout, verb->options);
    }
}

int app_json(json_t *object)
{
    struct error error;
    if (!object) { /* a text in it was none */
        error_set(&error, ERROR_FAILED, "the result cannot be written as JSON");
        return app_fail(&error);
    }
    print_json(stdout, object);
    say("\n");
    json_decref(object);
    return 0;
}

char *app_words(char **word, int words)
{
    char *all = mem_string("");
    for (int i = 0; i < words; i++) {
        char *longer = mem_format("%s%s%s", all, i ? " " : "", word[i]);
        mem_free(all);
        all = longer;
    }
    return all;
}

const struct verb_action *app_action(const struct verb_action *actions, const char *name)
{
    for (; actions->name; actions++)
        if (!strcmp(actions->name, name))
            return actions;
    return NULL;
}

int app_action_run(const struct verb *verb, const struct verb_action *action, struct verb_call *call)
{
    call->word++;
    call->words--;
    if (call->words < action->least || call->words > action->most)
        return app_usage(verb, "%s needs %s", action->name, action->needs);
    return action->run(call);
}

void app_action_suggest(const struct verb_action *actions, const char *const *own, const char *word)
{
    char hint[64] = "";
    struct nearest nearest = {.wanted = word};
    bool filter = word[strcspn(word, "<>=!:-")] != '\0';
    for (; *own; own++)
        filter |= !strcmp(*own, word);
    for (; actions->name; actions++)
        nearest_offer(&nearest, actions->name);
    if (!filter)
        nearest_tell(&nearest, 1, NULL, hint, sizeof hint);
    if (hint[0])
        say_on(stderr, "thaw: \"%s\" is taken as a filter%s\n", word, hint);
}

char *app_samples(void)
{
    char *home = path_home(PATH_DATA), *folder = path_join(home, "samples");
    mem_free(home);
    return folder;
}

bool app_number(const char *text, double low, double high, double *number)
{
    char *end;
    errno = 0;
    *number = strtod(text, &end);
    return !errno && end != text && !*end && *number >= low && *number <= high;
}

bool app_whole(const struct verb *verb, const char *option, const char *text, int least, int most, int *value)
{
    double number;
    if (!text)
        return true;
    if (!app_number(text, least, most, &number) || number != floor(number)) {
        app_usage(verb, "%s takes a whole number from %d to %d, not %s", option, least, most, text);
        return false;
    }
    *value = (int)number;
    return true;
}

static const struct option_row *find_row(const char *name, size_t length, const struct option_row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(rows[i].name) == length && !strncmp(rows[i].name, name, length))
            return &rows[i];
    return NULL;
}

const struct verb *app_late_verb(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        for (size_t v = 0; v < verbs_count; v++)
            if (argv[i] && !strcmp(argv[i], verbs[v]->name))
                return verbs[v];
    return NULL;
}

/* "--stop" of `thaw tell`, where "stop" is a word of its own. */
static const char *word_instead(const struct verb *verb, const char *name)
{
    for (const struct verb_word *word = verb ? verb->words : NULL; word && word->word; word++)
        if (!strcmp(name + strspn(name, "-"), word->word))
            return word->instead;
    return NULL;
}

/* argv: the words from the refused one on. */
static int refuse_option(const struct verb *verb, int argc, char **argv, size_t length, const struct option_row *rows,
                         size_t count)
{
    const char *word = argv[0];
    char *name = mem_format("%.*s", (int)length, word), hint[160] = "";
    const char *instead = word_instead(verb, name);
    const struct verb *late = verb ? NULL : app_late_verb(argc, argv);
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < count; i++)
        if (rows[i].name[1])
            nearest_offer(&nearest, rows[i].name);
    nearest_offer(&nearest, "--help");
    if (instead)
        snprintf(hint, sizeof hint, "; %s", instead);
    else if (late)
        snprintf(hint, sizeof hint, " before the verb; the verb comes first: thaw %s %s", late->name, name);
    else
        nearest_tell(&nearest, 1, NULL, hint, sizeof hint);
    app_usage(verb, "unknown option %s%s", word, hint);
    mem_free(name);
    return -2;
}

static bool take_value(const struct option_row *row, const char *value)
{
    if (row->value)
        *row->value = value;
    else if (row->list->count < OPTION_LIST_MAX)
        row->list->item[row->list->count++] = value;
    else
        return false;
    return true;
}

int app_options(const struct verb *verb, int argc, char **argv, const struct option_row *rows, size_t count)
{
    int kept = 1;
    bool plain = false;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (plain || word[0] != '-' || !word[1]) {
            argv[kept++] = word;
            continue;
        }
        if (!strcmp(word, "--")) {
            plain = true;
            continue;
        }
        if ((!strcmp(word, "--help") || !strcmp(word, "-h"))) {
            app_help(verb);
            return -1;
        }
        if (word[1] != '-' && find_row("-", 1, rows, count)) {
            argv[kept++] = word;
            continue;
        }
        size_t length = strcspn(word, "=");
        const struct option_row *row = find_row(word, length, rows, count);
        if (!row)
            return refuse_option(verb, argc - i, argv + i, length, rows, count);
        if (row->flag && word[length]) {
            app_usage(verb, "unknown option %s; %s takes no value", word, row->name);
            return -2;
        }
        if (row->flag) {
            *row->flag = true;
            continue;
        }
        const char *value = word[length] ? word + length + 1 : i + 1 < argc ? argv[++i] : NULL;
        if (!value) {
            app_usage(verb, "%s needs a value", word);
            return -2;
        }
        if (!take_value(row, value)) {
            app_usage(verb, "%s is given more than %d times", row->name, OPTION_LIST_MAX);
            return -2;
        }
    }
    argv[kept] = NULL;
    return kept;
}

char *app_run(const char *runs, const char *name, struct error *error)
{
    char *folder = run_folder(runs), *run = run_find(folder, name, error);
    mem_free(folder);
    return run;
}

struct link *app_link(const char *runs, const char *name, unsigned how, struct error *error)
{
    char host[LINK_HOST];
    const char *rest;
    if (link_split(name, host, &rest))
        return link_call(host, rest, how, 0, error);
    char *folder = run_folder(runs), *run = run_find_live(folder, name, error);
    mem_free(folder);
    struct link *link = run ? link_open(run, how, error) : NULL;
    mem_free(run);
    return link;
}
