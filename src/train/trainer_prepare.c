/* Bringing a run up, on the trainer's thread: data, model, freeze plan, optimiser, what a checkpoint says, plan, caches,
 * first events. Also what a live change of the freeze plan does again: trainer_replan. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "classes.h"
#include "cost_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/data/twins.h"
#include "thaw/shelf/load.h"
#include "thaw/source/bind.h"
#include "thaw/train/detective.h"
#include "thaw/train/layer_rows.h"
#include "trainer_private.h"
#include "trainer_resume.h"
#include "trainer_room.h"

/* --- data --- */

static struct hash hash_items(const struct dataset *dataset)
{
    struct hash hash = {0, 0};
    const struct dataset_images *images = &dataset->images[DATASET_TRAIN];
    for (size_t i = 0; i < images->items; i++) {
        const char *name = path_base(images->item[i].path);
        hash = hash_bytes(name, strlen(name), hash);
        hash = hash_bytes(&images->item[i].label, sizeof images->item[i].label, hash);
    }
    return hash;
}

/* Models and predictions name the classes in UTF-8. */
static bool check_classes(const struct dataset *dataset, struct error *error)
{
    for (int c = 0; c < dataset->classes; c++) {
        if (text_is_utf8(dataset->class_name[c]))
            continue;
        char *name = text_spelt(dataset->class_name[c]);
        error_set(error, ERROR_DATA,
                  "%s: the name of the class \"%s\" is not UTF-8, so that no model could name it: rename its folder",
                  dataset->path, name);
        mem_free(name);
        return false;
    }
    return true;
}

/* What was split off is written down, so that it can be had again without the seed. */
static bool record_split(struct trainer *trainer, struct error *error)
{
    if (!trainer->dataset->split_off)
        return true;
    char *list = dataset_validation_list(trainer->dataset), *path = rundir_file(trainer->rundir, TRAINER_SPLIT);
    trainer->split = hash_bytes(list, strlen(list), (struct hash){0, 0});
    bool good = file_exists(path) || file_write_atomic(path, list, strlen(list), error);
    mem_free(path);
    mem_free(list);
    return good;
}

static bool prepare_data(struct trainer *trainer, struct error *error)
{
    const struct experiment *experiment = &trainer->experiment;
    struct dataset_request request = experiment_data(experiment);
    trainer->dataset = dataset_open_as(&request, error);
    if (!trainer->dataset)
        return false;
    if (trainer->dataset->images[DATASET_TRAIN].items == 0)
        return error_set(error, ERROR_DATA, "%s: no training images, only %zu for validation", trainer->dataset->path,
                         trainer->dataset->images[DATASET_VAL].items);
    if (!check_classes(trainer->dataset, error) || !record_split(trainer, error))
        return false;
    trainer->at.data_hash = hash_items(trainer->dataset);
    trainer->at.classes_hash = classes_hash(trainer->dataset->class_name, (size_t)trainer->dataset->classes);
    data_digest_take(&trainer->at.data, trainer->dataset, experiment->data.digest);
    trainer->task_state = trainer->task->create(experiment, trainer->dataset);
    return true;
}

/* --- model --- */

static bool same_classes(const struct dataset *dataset, const char *path)
{
    struct error unused = {0};
    int count = 0;
    struct weights *weights = weights_open(path, &unused);
    char **names = weights ? bind_class_names(weights, &count) : NULL;
    bool same = names && count == dataset->classes;
    for (int c = 0; same && c < count; c++)
        same = strcmp(names[c], dataset->class_name[c]) == 0;
    bind_free_class_names(names, count);
    weights_close(weights);
    return same;
}

/* A class layer that learned other classes is no start for these, even where it has as many of them. */
static void freshen_classes(struct trainer *trainer, const char *weights, const struct bind_report *report)
{
    struct graph *graph = trainer->graph;
    int layer = graph_class_layer(graph);
    char sentence[BIND_SENTENCE];
    bool same = layer < 0 || same_classes(trainer->dataset, weights);
    size_t row = layer >= 0 ? (size_t)graph->node[layer].first_param : 0; /* a parameter's */
    bool loaded = layer >= 0 && row < report->rows && report->row[row].outcome <= BIND_CONVERTED;
    char *from = trainer->fork ? mem_format("%s of %s", trainer->checkpoint, path_base(trainer->fork)) : NULL;
    snprintf(trainer->match, sizeof trainer->match, "%s%s", bind_report_sentence(report, from, sentence),
             !same && loaded && !from ? "; the class layer starts fresh: it learned other classes" : "");
    mem_free(from);
    for (int p = 0; p < graph->params; p++)
        if (!same && graph->param[p].node == layer)
            graph_initialise_param(graph, p, trainer->experiment.train.seed);
}

/* Where nobody said how pixels become the input, the images of the training part are asked. What comes of it stands in the
 * run's experiment from then on, so that it is the same when the run goes on. */
static bool find_preprocess(struct trainer *trainer, const struct load_request *request, struct error *error)
{
    struct experiment *experiment = &trainer->experiment;
    struct graph *graph = trainer->graph;
    struct detective_finding finding;
    char sentence[DETECTIVE_SENTENCE];
    if (graph->preprocess_basis == PREPROCESS_STATED || experiment_is_scratch(experiment))
        return true;
    if (!detective_look_at(request, &trainer->dataset->images[DATASET_TRAIN], trainer->dataset->classes,
                           experiment->train.threads, &finding, error))
        return false;
    if (!detective_settle(graph, &finding))
        return true;
    size_t used = strlen(trainer->match);
    snprintf(trainer->match + used, sizeof trainer->match - used, "; input: %s",
             detective_sentence(&finding, sentence));
    snprintf(experiment->model.preprocess, sizeof experiment->model.preprocess, "%s",
             finding.candidate[finding.best].words);
    mem_free(trainer->settings);
    trainer->settings = experiment_text(experiment);
    return trainer_write_experiment(trainer, error);
}

/* A run that goes on, or is forked, needs of the weights that it began with what it has frozen since: where their file is
 * gone, its exported model has that, too (check_stand_in sees to it). */
static bool find_weights(struct trainer *trainer, struct error *error)
{
    const struct experiment *experiment = &trainer->experiment;
    const char *weights = experiment->model.weights, *run = trainer->fork;
    if (trainer->resuming && !run)
        run = rundir_path(trainer->rundir);
    if (experiment_is_scratch(experiment) || !run || file_exists(weights))
        return true;
    char *model = path_join(run, TRAINER_MODEL);
    if (file_exists(model)) {
        trainer->stand_in = model;
        return true;
    }
    error_set(
        error, ERROR_WEIGHTS,
        "%s: the weights that the run began with are gone, and it has no %s of its own, which it would have at its "
        "end: put them back, or say where they are by now, %s",
        weights, TRAINER_MODEL,
        trainer->resuming ? "as model.weights in its experiment.ini" : "--set model.weights=FILE");
    mem_free(model);
    return false;
}

static bool prepare_model(struct trainer *trainer, struct error *error)
{
    const struct experiment *experiment = &trainer->experiment;
    if (!find_weights(trainer, error))
        return false;
    const char *weights = trainer->stand_in ? trainer->stand_in : experiment->model.weights;
    struct load_request request = {
        .arch = experiment->model.name,
        .weights = weights,
        .classes = trainer->dataset->classes,
        .size = experiment->data.size,
        .preprocess = experiment->model.preprocess,
        .seed = experiment->train.seed,
    };
    struct bind_report report;
    trainer->graph = load_graph(&request, &report, error);
    if (trainer->graph && !experiment_is_scratch(experiment))
        freshen_classes(trainer, weights, &report);
    bind_report_finish(&report);
    if (!trainer->graph || !find_preprocess(trainer, &request, error))
        return false;
    struct checkpoint *at = &trainer->at;
    snprintf(at->arch, sizeof at->arch, "%s", trainer->graph->arch);
    at->seed = experiment->train.seed;
    at->images_batch = experiment->train.batch;
    at->lr.base = experiment->train.lr;
    at->epochs = experiment->train.epochs;
    trainer->touched = mem_array((size_t)trainer->graph->params, sizeof *trainer->touched);
    if (experiment_is_scratch(experiment))
        return true;
    snprintf(at->base_path, sizeof at->base_path, "%s", experiment->model.weights);
    return trainer->stand_in || hash_file(&at->base_hash, weights, error); /* else as the checkpoint has it */
}

static bool prepare_freeze(struct trainer *trainer, struct error *error)
{
    trainer->statistics_fixed = trainer->experiment.freeze.bn_stats == BN_STATS_FIXED;
    trainer->freeze = experiment_freeze(&trainer->experiment, trainer->graph, error);
    return trainer->freeze != NULL;
}

/* --- plan --- */

static struct scheme_request scheme_of(const struct trainer *trainer, const struct freeze *freeze)
{
    struct scheme_request request = {.experiment = &trainer->experiment,
                                     .graph = trainer->graph,
                                     .freeze = freeze,
                                     .dataset = trainer->dataset,
                                     .kernels = trainer->kernels,
                                     .team = trainer->team};
    for (int s = 0; s < DATASET_SPLITS; s++)
        request.uncached[s] = trainer->feed[s].uncached;
    return request;
}

static void find_gradients(struct trainer *trainer)
{
    const struct graph *graph = trainer->graph;
    trainer->reduceds = 0;
    for (int p = 0; p < graph->params; p++) {
        bool moves = freeze_param_moves(trainer->freeze, graph, p);
        trainer->touched[p] = trainer->touched[p] || moves;
        trainer->gradient[p] = moves ? plan_gradient(trainer->plan, p) : NULL;
        if (trainer->gradient[p])
            trainer->reduced[trainer->reduceds++] =
                (struct reducer_part){.values = trainer->gradient[p], .count = graph->param[p].count};
    }
}

/* What is not known of the kernels that this freeze plan wants, and the run's record of all. */
static void measure_kernels(struct trainer *trainer, const struct freeze *freeze)
{
    struct error error = {0};
    double began = clock_monotonic();
    if (!trainer->kernels)
        return;
    int measured = kernel_table_measure(trainer->kernels, trainer->graph, freeze, trainer->team);
    if (measured > 0)
        log_write(trainer->log, LOG_INFO, "kernels", "%d convolutions measured in %.2f s", measured,
                  clock_monotonic() - began);
    char *path = rundir_file(trainer->rundir, TRAINER_KERNELS);
    if (!kernel_table_save(trainer->kernels, trainer->graph, path, &error))
        log_write(trainer->log, LOG_WARNING, "kernels", "%s", error.text);
    mem_free(path);
}

uint64_t trainer_thaw_warmup(const struct trainer *trainer)
{
    return (uint64_t)floor(trainer->experiment.train.thaw_warmup * trainer->feed[DATASET_TRAIN].batches + 0.5);
}

bool trainer_replan(struct trainer *trainer, struct freeze *freeze, struct error *error)
{
    struct feature_cache *features[DATASET_SPLITS];
    if (!scheme_trains(freeze, trainer->graph, error))
        return false;
    trainer_enter(trainer, EVENT_PHASE_PREPARING);
    measure_kernels(trainer, freeze);
    trainer_linger(trainer, 0, 0);
    for (int s = 0; s < DATASET_SPLITS; s++)
        trainer->feed[s].uncached = trainer->feed[s].uncached && freeze == trainer->freeze;
    struct scheme_request request = scheme_of(trainer, freeze);
    struct scheme scheme;
    scheme_make(&scheme, &request);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        trainer->feed[s].why = scheme.why[s];
        features[s] = scheme.views[s] > 0 ? feature_cache_create(&scheme.features[s], &trainer->feed[s].why) : NULL;
    }
    struct plan *plan = plan_create(trainer->graph, freeze, &scheme.plan, error);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        feature_cache_destroy(plan ? trainer->feed[s].features : features[s]);
        if (plan)
            trainer->feed[s].features = features[s];
    }
    if (!plan)
        return false;
    plan_destroy(trainer->plan);
    trainer->replanned = true;
    if (trainer->freeze != freeze)
        freeze_destroy(trainer->freeze);
    trainer->plan = plan;
    trainer->freeze = freeze;
    optim_follow(trainer->optim, freeze, trainer->proof ? trainer_thaw_warmup(trainer) : 0);
    find_gradients(trainer);
    if (trainer->proof)
        freeze_proof_update(trainer->proof, freeze, trainer->graph);
    return true;
}

static void prepare_loading(struct trainer *trainer)
{
    struct scheme_request request = scheme_of(trainer, trainer->freeze);
    size_t batch = (size_t)trainer->experiment.train.batch;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        trainer->feed[s].batches = (int)((trainer->dataset->images[s].items + batch - 1) / batch);
        trainer->feed[s].loading = scheme_loading(&request, (enum dataset_split)s);
    }
    trainer->at.batches = trainer->feed[DATASET_TRAIN].batches;
}

static void linger(void *context)
{
    trainer_linger(context, 0, 0);
}

/* A fork computes as its parent did, as far as that had come. */
static void copy_kernels(const struct trainer *trainer, const char *record)
{
    struct error error = {0};
    struct file_map map;
    char *from = path_join(trainer->fork, TRAINER_KERNELS);
    if (file_exists(from) && file_map_open_own(&map, from, &error)) {
        if (!file_write_atomic(record, map.data, map.size, &error))
            log_write(trainer->log, LOG_WARNING, "kernels", "%s", error.text);
        file_map_close(&map);
    }
    mem_free(from);
}

static void prepare_engine(struct trainer *trainer)
{
    const struct experiment *experiment = &trainer->experiment;
    size_t params = (size_t)trainer->graph->params;
    struct optim_settings settings = {.kind = experiment->train.optimizer,
                                      .momentum = experiment->train.momentum,
                                      .weight_decay = experiment->train.weight_decay};
    trainer->team = team_create(experiment->train.threads);
    if (experiment->train.kernels == KERNELS_MEASURED) {
        char *record = rundir_file(trainer->rundir, TRAINER_KERNELS);
        if (trainer->fork)
            copy_kernels(trainer, record);
        trainer->kernels = kernel_table_open(record);
        kernel_table_watch(trainer->kernels, linger, trainer);
        mem_free(record);
    }
    trainer->optim = optim_create(trainer->graph, &settings, trainer->team);
    trainer->gradient = mem_array(params, sizeof *trainer->gradient);
    trainer->reduced = mem_array(params, sizeof *trainer->reduced);
    trainer->row_node = layer_rows_nodes(trainer->graph, &trainer->rows);
    trainer->row_ratio = mem_array((size_t)trainer->rows, sizeof *trainer->row_ratio);
    trainer->node_ratio = mem_array((size_t)trainer->graph->nodes, sizeof *trainer->node_ratio);
    trainer->logits_gradient = mem_floats((size_t)experiment->train.batch * (size_t)trainer->graph->classes);
}

size_t trainer_memory(const struct trainer *trainer)
{
    struct scheme_request request = scheme_of(trainer, trainer->freeze);
    struct scheme scheme;
    scheme_make(&scheme, &request);
    struct plan *filling = cost_filling(&request, &scheme);
    size_t bytes = cost_bytes(&request, &scheme, trainer->plan, filling).all;
    plan_destroy(filling);
    return bytes;
}

/* --- proof and warnings --- */

void trainer_prove(struct trainer *trainer)
{
    struct event event = {.kind = EVENT_FREEZE_PROOF};
    trainer_pace_begin(&trainer->proving);
    int moved = freeze_proof_check(trainer->proof, trainer->graph, &event.u.proof.tensors);
    event.u.proof.digest = freeze_proof_hash(trainer->proof);
    event.u.proof.held = moved < 0;
    if (moved >= 0)
        snprintf(event.u.proof.moved, sizeof event.u.proof.moved, "%s", trainer->graph->param[moved].name);
    trainer_pace_end(&trainer->proving);
    if (event.u.proof.tensors == 0)
        return;
    trainer_emit(trainer, &event);
    if (moved >= 0)
        trainer_warn(trainer, "%s is frozen, but it moved", trainer->graph->param[moved].name);
}

static void warn_of_run(struct trainer *trainer)
{
    char words[RUN_DAMAGE_TEXT];
    if (trainer->stand_in)
        trainer_warn(trainer, "%s is gone: what is frozen was taken from %s", trainer->at.base_path, trainer->stand_in);
    if (trainer->passed_over)
        trainer_warn(trainer, "%s", trainer->passed_over);
    if (run_damage_words(words, &trainer->damage))
        trainer_warn(trainer, "events.jsonl: %s; a command that only such a line tells of is not done again", words);
}

static void warn_of_twins(struct trainer *trainer)
{
    struct twins twins;
    const struct dataset *dataset = trainer->dataset;
    dataset_twins(dataset, TWINS_COMPARED, &twins);
    if (twins.compared < twins.files)
        trainer_warn(
            trainer,
            "%zu files share their length with others, and %zu of them were compared: whether an image is in two "
            "parts or classes, thaw data check tells",
            twins.files, twins.compared);
    if (twins.leaks)
        trainer_warn(trainer,
                     "%zu image%s in the training and in the validation part, the first: %.200s is the same file as "
                     "%.200s; figures of validation flatter (thaw data check lists all)",
                     twins.leaks, twins.leaks == 1 ? " is" : "s are", path_base(twins.leak.item[1]->path),
                     path_base(twins.leak.item[0]->path));
    if (twins.labels)
        trainer_warn(trainer,
                     "%zu image%s under two classes, the first: %.200s (%.60s) is the same file as %.200s (%.60s); one "
                     "of the labels is wrong (thaw data check lists all)",
                     twins.labels, twins.labels == 1 ? " is" : "s are", path_base(twins.mislabelled.item[1]->path),
                     dataset->class_name[twins.mislabelled.item[1]->label], path_base(twins.mislabelled.item[0]->path),
                     dataset->class_name[twins.mislabelled.item[0]->label]);
}

static void warn_of_data(struct trainer *trainer, bool data_changed)
{
    const struct dataset *dataset = trainer->dataset;
    if (data_changed)
        trainer_warn(trainer, "%s: other training images than when the run began; it will not go on to the same bits",
                     dataset->path);
    if (dataset->bad_count)
        trainer_warn(trainer, "%zu file%s set aside, the first: %s: %s", dataset->bad_count,
                     dataset->bad_count == 1 ? "" : "s", path_base(dataset->bad[0].path), dataset->bad[0].reason);
    for (size_t i = 0; i < dataset->notes; i++)
        trainer_warn(trainer, "%s", dataset->note[i]);
    warn_of_twins(trainer);
    if (dataset->images[DATASET_VAL].items == 0)
        trainer_warn(trainer, "no validation images: accuracy is known on the training images only");
}

bool trainer_prepare(struct trainer *trainer, struct error *error)
{
    bool data_changed = false;
    if (!prepare_data(trainer, error) || !prepare_model(trainer, error) || !prepare_freeze(trainer, error) ||
        !experiment_check_thaws(&trainer->experiment, trainer->graph, trainer->freeze, error))
        return false;
    prepare_engine(trainer);
    prepare_loading(trainer);
    bool good = trainer_take_over(trainer, &data_changed, error);
    if (trainer->fork) /* what its parent froze and thawed is not this run's to take back */
        plan_changes_finish(&trainer->changes);
    if (!good || !trainer_replan(trainer, trainer->freeze, error) || !trainer_has_room(trainer, error) ||
        !trainer_settle_events(trainer, error))
        return false;
    trainer->proof = freeze_proof_take(trainer->freeze, trainer->graph);
    trainer->ticked = clock_monotonic();
    bool goes_on = trainer->began;
    if (!trainer_tell_begin(trainer)) {
        *error = trainer->failure;
        return false;
    }
    char words[PREPROCESS_WORDS];
    if (trainer->graph->preprocess_basis == PREPROCESS_GUESSED)
        trainer_warn(trainer,
                     "the weights do not say how pixels become their input, nor do the images tell: %s is a "
                     "guess; model.preprocess states it",
                     preprocess_words(&trainer->graph->preprocess, 6, words));
    warn_of_run(trainer);
    warn_of_data(trainer, data_changed);
    trainer_prove(trainer);
    if (goes_on && trainer->extended > 0)
        trainer_extend(trainer, trainer->extended);
    return true;
}
