/* The program's own: verbs, their options, and how they report. The one place that exits and prints. */
#ifndef THAW_APP_APP_H
#define THAW_APP_APP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "thaw/base/error.h"
#include "thaw/data/dataset.h"
#include "thaw/network/graph.h"

/* A word that one may take for an option, and what does that. A table of them ends with a NULL word. */
struct verb_word {
    const char *word, *instead;
};
/* One verb: `thaw <name> ...`. run returns the exit code; argv[0] is the verb's name. */
struct verb {
    const char *name;
    const char *synopsis; /* what follows the name */
    const char *help;     /* one line */
    const char *options;  /* lines for `thaw <name> --help`; "" none */
    int (*run)(int argc, char **argv);
    const struct verb_word *words; /* NULL: none */
};

extern const struct verb verb_train, verb_resume, verb_fork, verb_models, verb_data, verb_eval, verb_predict, verb_runs,
    verb_cache, verb_bench, verb_samples, verb_attach, verb_follow, verb_tell, verb_replay, verb_stream;
extern const struct verb *const verbs[];
extern const size_t verbs_count;

/* The verb that stands among these words though it should have come first; NULL: none. */
const struct verb *app_late_verb(int argc, char **argv);

/* The workbench: what `thaw` without a verb does. */
int workbench(int argc, char **argv);
/* The same on a run (`thaw attach`, `thaw replay`): verb's options with the workbench's own. */
int workbench_on_run(const struct verb *verb, int argc, char **argv);

/* The directory of a run as it was named on the command line, below --runs or the data home; caller frees. */
char *app_run(const char *runs, const char *name, struct error *error);
/* A link to it, or to HOST:RUN; how: bits of enum link_how. */
struct link;
struct link *app_link(const char *runs, const char *name, unsigned how, struct error *error);

/* Prints "thaw: <sentence>" on stderr and returns the kind's exit code. */
int app_fail(const struct error *error);
/* A usage fault: sentence, hint at --help; returns 2. */
int app_usage(const struct verb *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* `--help` of a verb, NULL: of the program, on stdout. */
void app_help(const struct verb *verb);
/* Prints one JSON object on stdout, closes the line, drops the reference; returns 0. */
int app_json(json_t *object);

/* The sample world's folder (not created): $XDG_DATA_HOME/thaw/samples; caller frees. */
char *app_samples(void);
/* Draws both datasets and puts the experiments and pretrained weights beside them, where they are not there yet. american:
 * training images a class. `tell` gets how many images are drawn, of both. */
bool app_make_samples(const char *folder, int american, uint64_t seed, void (*tell)(void *context, int done, int all),
                      void *context, struct error *error);
enum { APP_AMERICAN_IMAGES = 300 };

/* Options of a verb: exactly one of the three pointers is set. */
enum { OPTION_LIST_MAX = 64 };
struct option_list {
    const char *item[OPTION_LIST_MAX];
    size_t count;
};
struct option_row {
    const char *name;         /* "--json"; "-" alone: words with one dash are plain arguments */
    bool *flag;               /* set when given */
    const char **value;       /* the last value given */
    struct option_list *list; /* every value given */
};
/* Takes options out of argv, which then holds the plain arguments from 1 on; returns their new argc, -1: help was asked
 * and printed (exit 0), -2: a fault was printed (exit 2). `--` ends the options. */
int app_options(const struct verb *verb, int argc, char **argv, const struct option_row *rows, size_t count);
bool app_number(const char *text, double low, double high, double *number);
/* text NULL: *value stays. Else a whole number from least to most; false: a usage fault was printed. */
bool app_whole(const struct verb *verb, const char *option, const char *text, int least, int most, int *value);

/* The words with a blank between them; caller frees. */
char *app_words(char **word, int words);

/* An action of a verb: `thaw <verb> <action> WORD...`. A table of them ends with a NULL name. */
struct verb_call {
    char **word; /* behind the action's name */
    int words;
    const char *runs; /* the folder of runs, or what --runs said of it */
    const char *data; /* or what --data said */
    bool json, yes, offline;
};
struct verb_action {
    const char *name;
    int least, most;                          /* words that it takes */
    const char *needs;                        /* "a run and its new name" */
    int (*run)(const struct verb_call *call); /* returns the exit code */
};
const struct verb_action *app_action(const struct verb_action *actions, const char *name); /* or NULL */
/* call: with the action's name as its first word. */
int app_action_run(const struct verb *verb, const struct verb_action *action, struct verb_call *call);
/* Words that no row of a list passed as its filter: says which action may have been meant. own: words of filters that look
 * like an action, NULL behind the last. */
void app_action_suggest(const struct verb_action *actions, const char *const *own, const char *word);

/* Where a model named on the command line comes from: a directory is a run, a file holds weights, else it is an
 * architecture, a set of weights that the catalog or the models folder knows by this name, or else a run by its name.
 * Free weights. */
struct model_source {
    const char *arch; /* borrowed from the caller, or NULL */
    char *weights;    /* or NULL */
};
/* runs: the folder of runs, NULL: the data home's. A run that was named is told on stderr. A name that means nothing is
 * left as an architecture, for the sentence that loading it gives. */
bool model_source_find(struct model_source *source, const char *name, const char *runs, struct error *error);
/* Its two halves: all but runs by name; and these, where nothing has been found. */
bool model_source_known(struct model_source *source, const char *name, struct error *error);
bool model_source_run(struct model_source *source, const char *runs, struct error *error);

/* Of --runs, for the help of verbs that take a run by its name and indent options by so much. */
#define APP_RUNS_HELP "  --runs DIR         where runs are looked for by name (runs in the data home)\n"

/* What RUN stands for in the help of verbs that take one. */
#define APP_RUN_HELP "RUN is a run's name, any part of it that no other run has, `last` for the newest, or a path.\n"

/* Of --preprocess, for the help of the verbs that have it. */
#define MODEL_PREPROCESS_HELP                                                                                          \
    "  --preprocess TEXT  how pixels become the input: torch, tf, caffe, unit (x / 255), raw (0 to 255) or\n"          \
    "                     \"mean A B C std D E F\", and bgr behind it where blue comes first; without it as\n"         \
    "                     bound to the weights, else as the images tell (auto)\n"

/* What eval, predict and bench run on: a graph from a name, a weights file or a run directory. */
struct model_argument {
    struct graph *graph;
    char **class_name; /* [classes], or NULL: not known */
    int classes;
    bool own_names; /* said of these weights; otherwise ImageNet's, as every head of 1000 is taken to be */
    bool own_head;  /* the class layer came out of the file */
    char *file;     /* the weights; NULL: there are none */
};
/* What the options say of it, each NULL where it is not given. */
struct model_words {
    const char *model;      /* architecture, weights file, name of the catalog, or run */
    const char *weights;    /* file, name of the catalog, or "none" */
    const char *preprocess; /* as preprocess_parse takes it */
    const char *runs;       /* folder in which runs have names */
    bool fresh_head;        /* a class layer that the weights lack may start fresh; otherwise that is ERROR_WEIGHTS */
};
/* Of --fresh-head, for the help of verbs that answer. */
#define MODEL_FRESH_HELP "  --fresh-head       answer also with a class layer that the weights lack: by chance\n"
/* model or weights is given. Finish it either way. */
bool model_argument_open(struct model_argument *argument, const struct model_words *words, struct error *error);
/* Where its file does not say how pixels become its input, the images that it is to be run on may tell; what came of it is
 * told on stderr. classes: of their labels, 0: they have none. */
bool model_argument_look(struct model_argument *argument, const struct dataset_images *images, int classes,
                         struct error *error);
void model_argument_finish(struct model_argument *argument);

#endif
