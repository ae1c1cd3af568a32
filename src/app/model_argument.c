/* What eval, predict and bench run on. A run directory stands for the model it exported. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "app.h"
#include "say.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"
#include "thaw/shelf/beside.h"
#include "thaw/shelf/catalog.h"
#include "thaw/shelf/folder.h"
#include "thaw/shelf/load.h"
#include "thaw/shelf/remember.h"
#include "thaw/source/zoo.h"
#include "thaw/train/detective.h"
#include "thaw/train/trainer.h"

/* The class names that came with the weights, else the catalog's; unknown is no fault. */
static bool take_class_names(struct model_argument *argument, const char *path, struct error *error)
{
    struct error unused;
    struct weights *weights = weights_open(path, &unused);
    if (!weights)
        return true;
    argument->class_name = bind_class_names(weights, &argument->classes);
    weights_close(weights);
    if (!argument->class_name)
        argument->class_name = beside_class_names(path, &argument->classes);
    argument->own_names = argument->class_name != NULL;
    if (argument->class_name)
        return true;
    struct catalog *catalog = catalog_open(NULL, error);
    if (!catalog)
        return false;
    const struct catalog_row *row = catalog_match(catalog, path);
    if (row && row->arch[0] && strcmp(row->arch, argument->graph->arch) != 0)
        row = NULL; /* another network under that name */
    argument->class_name = catalog_class_names(catalog, row, argument->graph->classes, error);
    argument->own_names = argument->class_name && row && row->classes_file[0];
    argument->classes = argument->class_name ? argument->graph->classes : 0;
    catalog_close(catalog);
    return error->kind == ERROR_NONE;
}

/* A class layer that starts fresh answers by chance, in the words of one that learned. */
static bool check_head(const char *weights, const struct bind_report *report, struct error *error)
{
    for (size_t i = 0; i < report->rows; i++) {
        const struct bind_row *row = &report->row[i];
        bool missing = row->outcome == BIND_MISSING;
        if (missing || row->outcome == BIND_RESHAPED)
            return error_set(error, ERROR_WEIGHTS,
                             "%s: %s is %s%s, so that its class layer would answer by chance: train it first (thaw "
                             "train), give weights with their class layer, or say --fresh-head",
                             weights, row->name, missing ? "not in the file" : "of no use: ", row->detail);
    }
    return true;
}

static bool load_model(struct model_argument *argument, const struct load_request *request, bool fresh_head,
                       struct error *error)
{
    struct bind_report report;
    argument->graph = load_graph(request, &report, error);
    argument->own_head = argument->graph && detective_has_head(argument->graph, &report);
    bool good = argument->graph && (fresh_head || check_head(request->weights ? request->weights : "", &report, error));
    bind_report_finish(&report);
    return good;
}

bool model_argument_open(struct model_argument *argument, const struct model_words *words, struct error *error)
{
    *argument = (struct model_argument){0};
    const char *model = words->model, *weights = words->weights, *preprocess = words->preprocess;
    struct model_source source = {.arch = model};
    if (model && (!weights || file_is_directory(model)) && !model_source_find(&source, model, words->runs, error))
        return false;
    if (!source.weights && weights) {
        source.weights = load_is_scratch(weights) ? mem_string(weights) : load_weights_path(weights, error);
        if (!source.weights)
            return false;
    }
    struct load_request request = {.arch = source.arch, .weights = source.weights, .seed = 1, .preprocess = preprocess};
    bool good = load_model(argument, &request, words->fresh_head, error) &&
                (!source.weights || take_class_names(argument, source.weights, error));
    if (good && load_is_scratch(source.weights))
        say_on(stderr, "thaw: warning: %s has no weights, so that it answers by chance\n", argument->graph->arch);
    if (good)
        remember_use(source.weights ? source.weights : argument->graph->arch);
    argument->file = source.weights;
    return good;
}

bool model_argument_look(struct model_argument *argument, const struct dataset_images *images, int classes,
                         struct error *error)
{
    struct detective_finding finding;
    char sentence[DETECTIVE_SENTENCE], usual[PREPROCESS_WORDS];
    struct graph *graph = argument->graph;
    bool guessed = graph->preprocess_basis == PREPROCESS_GUESSED;
    if (!argument->file || graph->preprocess_basis == PREPROCESS_STATED)
        return true;
    const struct detective_request request = {
        .graph = graph, .images = images, .classes = classes, .head = argument->own_head};
    if (!detective_look(&request, &finding, error))
        return false;
    if (detective_settle(graph, &finding))
        say_on(stderr, "thaw: %s does not say how pixels become its input: %s\n", path_base(argument->file),
               detective_sentence(&finding, sentence));
    else if (guessed)
        say_on(stderr, "thaw: %s does not say how pixels become its input: %s is a guess, --preprocess states it\n",
               path_base(argument->file), preprocess_words(&graph->preprocess, 6, usual));
    return true;
}

void model_argument_finish(struct model_argument *argument)
{
    mem_free(argument->file);
    graph_destroy(argument->graph);
    bind_free_class_names(argument->class_name, argument->classes);
    *argument = (struct model_argument){0};
}

/* A run's directory, or another in which weights lie. */
static bool take_directory(struct model_source *source, const char *path, struct error *error)
{
    if (run_is(path) && !rundir_check(path, error))
        return false;
    source->weights = folder_weights(path, error);
    return source->weights != NULL;
}

bool model_source_known(struct model_source *source, const char *name, struct error *error)
{
    struct zoo_arch room;
    *source = (struct model_source){0};
    if (file_is_directory(name))
        return take_directory(source, name, error);
    if (!file_exists(name) && zoo_find(name, &room)) {
        source->arch = name;
        return true;
    }
    struct catalog *catalog = catalog_open(NULL, error);
    if (!catalog)
        return false;
    source->weights = catalog_weights(catalog, name, error);
    bool absent = !source->weights && catalog_find(catalog, name); /* known, and the sentence says how to get it */
    if (!source->weights && !absent)
        source->arch = name;
    catalog_close(catalog);
    return !absent;
}

bool model_source_run(struct model_source *source, const char *runs, struct error *error)
{
    struct zoo_arch room;
    const char *name = source->arch;
    if (source->weights || zoo_find(name, &room))
        return true;
    char *folder = run_folder(runs);
    bool any = !strcmp(name, "last") || run_matches(folder, name) > 0;
    char *path = any ? run_find(folder, name, error) : NULL;
    bool good = !any || (path && take_directory(source, path, error));
    if (path && good) {
        say_on(stderr, "thaw: the model of %s\n", path_base(path));
        source->arch = NULL;
    }
    mem_free(path);
    mem_free(folder);
    return good;
}

bool model_source_find(struct model_source *source, const char *name, const char *runs, struct error *error)
{
    return model_source_known(source, name, error) && model_source_run(source, runs, error);
}
