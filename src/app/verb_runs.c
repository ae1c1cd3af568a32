/* thaw runs: the runs there are, newest first; what keeps order among them is in verb_runs_keep.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/run/run_fields.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_state.h"
#include "thaw/run/rundir.h"
#include "thaw/session/run_columns.h"
#include "verb_runs.h"

static const char *state(const struct rundir_summary *run)
{
    return run_state_word(run);
}

static json_t *field_json(const struct rundir_summary *run, const struct run_field *field)
{
    const void *at = (const char *)run + field->offset;
    switch (field->type) {
    case RUN_FIELD_TEXT:
        return print_json_told(at);
    case RUN_FIELD_STRING:
        return print_json_told(*(char *const *)at);
    case RUN_FIELD_DOUBLE:
        return *(const double *)at >= 0 ? print_json_real(*(const double *)at) : json_null();
    case RUN_FIELD_INT:
        return *(const int *)at >= 0 ? json_integer(*(const int *)at) : json_null();
    case RUN_FIELD_U64:
        return print_json_u64(*(const uint64_t *)at);
    case RUN_FIELD_BOOL:
    case RUN_FIELD_HOW:
        break; /* the state says it */
    }
    return NULL;
}

static json_t *run_object(const struct rundir_summary *run)
{
    size_t count;
    const struct run_field *field = run_fields(&count);
    json_t *object = json_pack("{s:o, s:o, s:s}", "path", text_to_json(run->path), "name", text_to_json(run->name),
                               "state", state(run));
    for (size_t i = 0; i < count; i++) {
        json_t *json = field_json(run, &field[i]);
        if (json)
            json_object_set_new(object, field[i].name, json);
    }
    json_object_set_new(object, "tags", print_json_texts(run->labels.tag, run->labels.tags));
    json_object_set_new(object, "note", print_json_told(run->labels.note));
    return object;
}

/* --- as a table --- */

enum { NAME, STATE, EPOCHS, BEST, LAST, LEARNING, TIME, TAGS, CELLS };

/* goes: which one is left out first where a terminal is too narrow, 1..; 0: none goes. */
static const struct cell_row {
    const char *title;
    bool left;
    int goes;
} cell_rows[CELLS] = {
    [NAME] = {"run", true, 0},   [STATE] = {"state", true, 0}, [EPOCHS] = {"epochs", false, 5},
    [BEST] = {"best", false, 0}, [LAST] = {"last", false, 2},  [LEARNING] = {"learning", false, 1},
    [TIME] = {"time", false, 3}, [TAGS] = {"tags", true, 4},
};

struct cells {
    char room[CELLS][32];
    const char *text[CELLS];
};

struct layout {
    int width[CELLS]; /* 0: it is left out */
};

static void share_text(char *text, size_t room, double share)
{
    if (share >= 0)
        snprintf(text, room, "%.2f %%", 100 * share);
    else
        snprintf(text, room, "-");
}

static void fill_cells(struct cells *cells, const struct rundir_summary *run)
{
    for (int i = 0; i < CELLS; i++)
        cells->text[i] = cells->room[i];
    cells->text[NAME] = run->name;
    cells->text[STATE] = state(run);
    cells->text[TAGS] = run->labels.all;
    snprintf(cells->room[EPOCHS], sizeof cells->room[EPOCHS], "%d/%d", run->epochs_done, run->epochs);
    share_text(cells->room[BEST], sizeof cells->room[BEST], run->best_accuracy);
    share_text(cells->room[LAST], sizeof cells->room[LAST], run->last_accuracy);
    print_count(cells->room[LEARNING], (double)run->params_trainable);
    snprintf(cells->room[TIME], sizeof cells->room[TIME], "%.0f s", run->seconds);
}

static void widen(struct layout *layout, const char *const text[CELLS])
{
    for (int i = 0; i < CELLS; i++)
        layout->width[i] = (int)strlen(text[i]) > layout->width[i] ? (int)strlen(text[i]) : layout->width[i];
}

static int width_of(const struct layout *layout)
{
    int all = -2;
    for (int i = 0; i < CELLS; i++)
        all += layout->width[i] > 0 ? layout->width[i] + 2 : 0;
    return all;
}

/* As wide as what is in it; a terminal has the columns that fit, so that a run is one line. */
static struct layout lay_out(const struct rundir_summary *list, const bool *shown, size_t count)
{
    struct layout layout = {0};
    const char *titles[CELLS];
    int columns = say_columns(stdout);
    for (size_t i = 0; i < count; i++) {
        struct cells cells;
        fill_cells(&cells, &list[i]);
        if (shown[i])
            widen(&layout, cells.text);
    }
    for (int i = 0; i < CELLS; i++)
        titles[i] = layout.width[i] > 0 ? cell_rows[i].title : ""; /* without tags, no column of them */
    widen(&layout, titles);
    for (int round = 1; columns > 0 && width_of(&layout) > columns && round <= CELLS; round++)
        for (int i = 0; i < CELLS; i++)
            layout.width[i] = cell_rows[i].goes == round ? 0 : layout.width[i];
    return layout;
}

static void tell_cells(const struct layout *layout, const char *const text[CELLS])
{
    char *line = mem_string("");
    for (int i = 0; i < CELLS; i++) {
        if (layout->width[i] == 0)
            continue;
        char *before = line;
        line = mem_format(cell_rows[i].left ? "%s%s%-*s" : "%s%s%*s", before, i > 0 ? "  " : "", layout->width[i],
                          text[i]);
        mem_free(before);
    }
    for (size_t length = strlen(line); length > 0 && line[length - 1] == ' ';)
        line[--length] = '\0';
    say("%s\n", line);
    mem_free(line);
}

static void tell_head(const struct layout *layout)
{
    const char *titles[CELLS];
    for (int i = 0; i < CELLS; i++)
        titles[i] = cell_rows[i].title;
    tell_cells(layout, titles);
}

static void tell_run(const struct layout *layout, const struct rundir_summary *run)
{
    struct cells cells;
    fill_cells(&cells, run);
    tell_cells(layout, cells.text);
    if (layout->width[TAGS] == 0 && run->labels.all[0])
        say("    tags: %s\n", run->labels.all);
    if (run->labels.note[0])
        say("    %s\n", run->labels.note);
    if (run->damage[0])
        say("    %s: %s\n", run->newer ? "newer" : "damaged", run->damage);
}

static size_t tell_list(const struct rundir_summary *list, size_t count, const char *folder, const struct query *query,
                        bool json)
{
    json_t *rows = json_array();
    bool *shown = mem_array(count + 1, sizeof *shown);
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        shown[i] = query_match(query, &list[i]);
        all += shown[i];
        if (shown[i] && json)
            json_array_append_new(rows, run_object(&list[i]));
    }
    const struct layout layout = lay_out(list, shown, count);
    if (all > 0 && !json)
        tell_head(&layout);
    for (size_t i = 0; i < count && !json; i++)
        if (shown[i])
            tell_run(&layout, &list[i]);
    if (json)
        app_json(json_pack("{s:o, s:O}", "folder", text_to_json(folder), "runs", rows));
    else
        say("%zu of %zu runs in %s\n", all, count, folder);
    json_decref(rows);
    mem_free(shown);
    return all;
}

struct order {
    const struct query_column *column;
    bool reverse;
};

/* Of equals the newer first. */
static int compare(const void *a, const void *b, void *context)
{
    const struct order *by = context;
    const struct rundir_summary *left = a, *right = b;
    int order = query_order(by->column, by->reverse, a, b);
    return order ? order : (left->started < right->started) - (left->started > right->started);
}

static int list_runs(const struct verb_call *call, const char *sort)
{
    struct error error = {0};
    size_t count = 0;
    struct rundir_summary *list = NULL;
    char *filter = app_words(call->word, call->words);
    struct query *query = query_create(filter, run_columns, &error);
    struct order order = {.reverse = sort && sort[0] == '-'};
    if (query && sort)
        order.column = query_sort_column(run_columns, sort + order.reverse, &error);
    if (query && (order.column || !sort))
        list = rundir_list(call->runs, &count, &error);
    if (list && sort)
        qsort_r(list, count, sizeof *list, compare, &order);
    if (list && !tell_list(list, count, call->runs, query, call->json) && call->words)
        app_action_suggest(runs_actions, (const char *const[]){"tagged", NULL}, call->word[0]);
    int code = list ? 0 : app_fail(&error);
    rundir_list_free(list, count);
    query_destroy(query);
    mem_free(filter);
    return code;
}

static int runs(int argc, char **argv)
{
    bool trash = false;
    const char *given = NULL, *sort = NULL;
    struct verb_call call = {0};
    const struct option_row rows[] = {{.name = "--json", .flag = &call.json}, {.name = "--runs", .value = &given},
                                      {.name = "--sort", .value = &sort},     {.name = "--trash", .flag = &trash},
                                      {.name = "--yes", .flag = &call.yes},   {.name = "-"}};
    argc = app_options(&verb_runs, argc, argv, rows, THAW_LENGTH(rows));
    if (argc < 0)
        return argc == -1 ? 0 : error_exit_code(ERROR_USAGE);
    const struct verb_action *action = argc > 1 ? app_action(runs_actions, argv[1]) : NULL;
    if ((trash || sort) && action)
        return app_usage(&verb_runs, "%s is for the list", trash ? "--trash" : "--sort");
    if (call.yes && (!action || strcmp(action->name, "empty-trash") != 0))
        return app_usage(&verb_runs, "--yes is for empty-trash");
    char *folder = run_folder(given), *shown = trash ? run_trash(folder) : mem_string(folder);
    call.word = argv + 1;
    call.words = argc - 1;
    call.runs = shown;
    int code;
    struct error error;
    if (given && !file_is_directory(folder)) {
        error_set(&error, ERROR_USAGE, "%s: no such folder", given);
        code = app_fail(&error);
    } else {
        code = action ? app_action_run(&verb_runs, action, &call) : list_runs(&call, sort);
    }
    mem_free(shown);
    mem_free(folder);
    return code;
}

static const struct verb_word words[] = {
    {"tag", "`thaw runs tag:WORD` lists those with a tag, `thaw runs tag RUN WORD` gives one"},
    {"note", "`thaw runs note:WORD` lists those with it in their notes, `thaw runs note RUN TEXT` gives one"},
    {"name", "`thaw runs name:PART` lists those with it in their names, `thaw runs rename RUN NAME` gives one"},
    {"model", "type it without dashes: thaw runs model:PART"},
    {"data", "type it without dashes: thaw runs data:PART"},
    {"state", "type it without dashes: thaw runs state:WORD"},
    {"tagged", "type it without dashes: thaw runs tagged"},
    {"resumed", "type it without dashes: thaw runs resumed"},
    {"forked", "type it without dashes: thaw runs forked"},
    {"damaged", "type it without dashes: thaw runs damaged"},
    {"rename", "type it without dashes: thaw runs rename RUN NAME"},
    {"delete", "type it without dashes: thaw runs delete RUN"},
    {"restore", "type it without dashes: thaw runs restore RUN"},
    {"empty-trash", "type it without dashes: thaw runs empty-trash"},
    {NULL, NULL},
};

const struct verb verb_runs = {
    .name = "runs",
    .synopsis = "[FILTER] [--sort [-]COLUMN] [--trash] | rename RUN NAME | tag RUN [-]TAG... | note RUN TEXT | delete "
                "RUN... |\n"
                "                 restore RUN... | empty-trash [--yes]  [--runs DIR] [--json]",
    .help = "lists the runs, newest first; renames, tags, deletes them",
    .options =
        "  FILTER           words that must all hold, such as 'best>90 epochs>=5 days<7 tag:keep -failed';\n"
        "                   figures: best last (%) loss epochs params (M, that learn) classes images minutes days;\n"
        "                   words: tagged resumed forked damaged; texts: name: model: data: state: weights: parent: "
        "fault:\n"
        "                   tag: note:\n"
        "  --sort COLUMN    a figure or a text of these, -COLUMN from the largest; without it the newest first\n"
        "  --trash          lists what was deleted\n"
        "  rename RUN NAME  another name behind its time stamp\n"
        "  tag RUN TAG...   puts tags on a run; -TAG takes one off; without TAG, shows them\n"
        "  note RUN TEXT    puts a note on a run, in the place of the one it has; '' takes it off\n"
        "  delete RUN...    into the trash, the folder .trash beside the runs\n"
        "  restore RUN...   back from there\n"
        "  empty-trash      removes what is in it for good; asks on a terminal, needs --yes elsewhere\n"
        "  --runs DIR       the folder of runs (runs in the data home)\n"
        "  --json           one JSON object on stdout\n\n" APP_RUN_HELP
        "A run that trains is neither renamed nor deleted.\n",
    .run = runs,
    .words = words,
};
