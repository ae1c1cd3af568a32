/* Beginning from a checkpoint: going on with a run, to the same bits, or forking a new one from it.
 *
 * A fork takes over whatever its settings leave as they were in its parent's experiment.ini: the freeze plan as it had
 * become, the learning rate with all changes by hand, the number of epochs, the optimiser's moments. What differs there
 * is taken from the settings. What cannot differ: the architecture, the weights that the parent began with (frozen layers
 * come from there), the classes and the seed; inside an epoch the batch and the training images, too, as the place in the
 * epoch means nothing in another order. It begins with a checkpoint of its own, written before its first event, so that a
 * kill at any moment leaves a run that can go on. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_find.h"
#include "classes.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "trainer_private.h"
#include "trainer_resume.h"

/* --- both --- */

static bool check_base(const struct trainer *trainer, const struct checkpoint *saved, const char *run,
                       struct error *error)
{
    const struct checkpoint *at = &trainer->at;
    if (trainer->stand_in || hash_equal(saved->base_hash, at->base_hash))
        return true;
    return error_set(error, ERROR_WEIGHTS,
                     "%s: the weights that the run in %s began with were other ones; its frozen layers come from there",
                     at->base_path[0] ? at->base_path : saved->base_path, run);
}

/* Values, plan and moments. Without `moments`, what moves begins with fresh ones. */
static bool take_state(struct trainer *trainer, const struct checkpoint_file *file, bool moments, struct error *error)
{
    if (!checkpoint_values(file, trainer->graph, trainer->touched, error) ||
        !checkpoint_freeze(file, trainer->freeze, error) ||
        !checkpoint_changes(file, trainer->graph, &trainer->changes, error))
        return false;
    optim_follow(trainer->optim, trainer->freeze, 0);
    return !moments || checkpoint_optim(file, trainer->graph, trainer->optim, error);
}

/* A model of the run stands in for the weights that it began with in what has not moved since. Of what has, it has the last
 * values, so that a checkpoint from before a thaw, without values of its own, cannot be gone on from. */
static bool check_stand_in(struct trainer *trainer, const struct checkpoint *saved, const char *run,
                           struct error *error)
{
    struct checkpoint unused = {0};
    struct error fault = {0};
    if (!trainer->stand_in)
        return true;
    char *path = path_join(run, TRAINER_LAST);
    struct checkpoint_file *last = checkpoint_open(path, trainer->graph, &unused, &fault);
    bool whole = last != NULL;
    for (int p = 0; whole && p < trainer->graph->params; p++)
        whole = trainer->touched[p] || !checkpoint_has(last, trainer->graph, p);
    checkpoint_close(last);
    mem_free(path);
    trainer->at.base_hash = saved->base_hash;
    return whole || error_set(error, ERROR_WEIGHTS,
                              "%s: the weights that the run began with are gone, and since this checkpoint it thawed "
                              "layers whose first values were only there: put them back, or take its last checkpoint",
                              trainer->at.base_path);
}

/* The epoch that events are filed under until the next one begins. */
static int epoch_of_events(const struct checkpoint *at)
{
    return at->batch == 0 && at->epoch > 1 ? at->epoch - 1 : at->epoch;
}

/* --- going on --- */

/* Settings are changed by commands, which are events; a file that was changed by hand would be believed in part. */
static bool check_settings(const struct trainer *trainer, const char *text, struct error *error)
{
    struct experiment was;
    return !text || (experiment_parse(&was, text, error) && experiment_same(&was, &trainer->experiment, error)) ||
           error_wrap(error, "%s", rundir_path(trainer->rundir));
}

static bool check_data(const struct trainer *trainer, const struct checkpoint *saved, struct error *error)
{
    char first[CLASSES_TEXT];
    const char *run = rundir_path(trainer->rundir);
    if (!classes_are_same(&saved->classes_hash, trainer->dataset, run, first))
        return error_set(error, ERROR_DATA,
                         "%s: its classes are not those that the run in %s was trained with%s%s: a label would stand "
                         "for another class",
                         trainer->dataset->path, run, first[0] ? "; " : ", or have other names", first);
    return data_digest_check(&saved->data, &trainer->at.data, trainer->dataset, error);
}

static bool check_same_run(const struct trainer *trainer, const struct checkpoint *saved, const char *settings,
                           struct error *error)
{
    const char *path = rundir_path(trainer->rundir);
    if (!check_settings(trainer, settings, error) || !check_data(trainer, saved, error))
        return false;
    if (saved->seed != trainer->at.seed || saved->images_batch != trainer->at.images_batch)
        return error_set(error, ERROR_USAGE, "%s: its checkpoint was made with train.seed = %llu and train.batch = %d",
                         path, (unsigned long long)saved->seed, saved->images_batch);
    if (saved->thaws_done > trainer->experiment.thaws)
        return error_set(error, ERROR_USAGE, "%s: %d of its [thaw] lines are done, and its experiment.ini has %d", path,
                         saved->thaws_done, trainer->experiment.thaws);
    if (trainer->extended > 0 && trainer->extended < saved->epoch && saved->batch == 0)
        return error_set(error, ERROR_USAGE, "%s: it has trained %d epochs, so it cannot end behind epoch %d", path,
                         saved->epoch - 1, trainer->extended);
    if (trainer->extended > 0 && trainer->extended < saved->epoch)
        return error_set(error, ERROR_USAGE, "%s: it is in epoch %d, so it cannot end behind epoch %d", path,
                         saved->epoch, trainer->extended);
    return check_base(trainer, saved, path, error);
}

static void take_cursor(struct trainer *trainer, const struct checkpoint *saved)
{
    struct checkpoint before = trainer->at;
    trainer->at = *saved;
    trainer->at.data_hash = before.data_hash;
    trainer->at.data = before.data;
    trainer->at.classes_hash = before.classes_hash;
    trainer->at.batches = before.batches;
    trainer->at.epochs = saved->epochs > 0 ? saved->epochs : trainer->experiment.train.epochs;
    trainer->event_epoch = epoch_of_events(saved);
}

/* What came of a file that a run may go on from. */
enum outcome { TAKEN, DAMAGED, REFUSED };

static enum outcome take_file(struct trainer *trainer, const char *name, struct checkpoint *saved, struct error *error)
{
    char *path = rundir_file(trainer->rundir, name);
    struct checkpoint_file *file = NULL;
    enum outcome outcome = REFUSED;
    if (access(path, R_OK) != 0 && errno != ENOENT) {
        error_set_errno(error, ERROR_FAILED, errno, "%s", path);
    } else if (!(file = checkpoint_open(path, trainer->graph, saved, error))) {
        outcome = error->kind == ERROR_DATA ? DAMAGED : REFUSED;
    } else if (check_same_run(trainer, saved, checkpoint_settings(file), error)) {
        bool good = take_state(trainer, file, true, error) &&
                    check_stand_in(trainer, saved, rundir_path(trainer->rundir), error) &&
                    checkpoint_recorded(file, &trainer->recorded, error);
        outcome = good ? TAKEN : error->kind == ERROR_DATA ? DAMAGED : REFUSED;
    }
    if (outcome == TAKEN)
        snprintf(trainer->from, sizeof trainer->from, "%s", name);
    checkpoint_close(file);
    mem_free(path);
    return outcome;
}

/* In place of a last checkpoint that cannot be read: what is done behind an older one is done again, to the same bits. */
static enum outcome take_older(struct trainer *trainer, struct checkpoint *saved, struct error *error)
{
    const struct error why = *error;
    struct file_list others;
    enum outcome outcome = DAMAGED;
    checkpoint_others(&others, rundir_path(trainer->rundir), trainer->graph);
    for (size_t i = 0; outcome == DAMAGED && i < others.count; i++)
        outcome = take_file(trainer, others.name[i], saved, error);
    file_list_free(&others);
    if (outcome == TAKEN) {
        trainer->passed_over =
            mem_format("%s; gone on from %s, of the end of epoch %d, and all behind it is done again", why.text,
                       trainer->from, saved->epoch - 1);
        *error = (struct error){0};
    } else if (outcome == DAMAGED) {
        error_set(
            error, ERROR_DATA,
            "%s; no other checkpoint of the run can be read either, and nothing was changed: put one back, or begin "
            "a new run",
            why.text);
    }
    return outcome;
}

/* A run that was killed before its first checkpoint begins again. */
static bool take_run(struct trainer *trainer, bool *data_changed, struct error *error)
{
    struct checkpoint saved = {0};
    const char *run = rundir_path(trainer->rundir);
    char *events = rundir_file(trainer->rundir, "events.jsonl"), *last = rundir_file(trainer->rundir, TRAINER_LAST);
    bool begins = !file_exists(last) && !checkpoint_was_written(run), good = true;
    if (!begins) {
        enum outcome outcome = take_file(trainer, TRAINER_LAST, &saved, error);
        if (outcome == DAMAGED)
            outcome = take_older(trainer, &saved, error);
        good = outcome == TAKEN;
        *data_changed = good && !hash_equal(saved.data_hash, trainer->at.data_hash);
        if (good)
            take_cursor(trainer, &saved);
        if (good && saved.mark > rundir_mark(trainer->rundir) && !trainer->passed_over)
            trainer->passed_over = mem_format("%s: it ends before its checkpoint was written, so that some of what "
                                              "happened is lost; the run itself goes on to the same bits",
                                              events);
    }
    good = good && recorded_read(&trainer->recorded, run, saved.mark, &trainer->damage, &trainer->holds_first, error);
    trainer->began = good && saved.mark > 0;
    if (!trainer->began && trainer->extended > 0)
        trainer->at.epochs = trainer->extended;
    trainer->experiment.train.epochs = trainer->at.epochs;
    mem_free(last);
    mem_free(events);
    return good;
}

/* --- forking --- */

/* "last", "best" and "epoch-0005" stand for the files of these names. The caller frees it. */
static char *fork_file(const struct trainer *trainer)
{
    const char *name = trainer->checkpoint;
    char *file = strchr(name, '/') ? mem_string(name) : mem_format("checkpoints/%s.safetensors", name);
    char *path = path_join(trainer->fork, file);
    mem_free(file);
    return path;
}

static bool is_whole(const struct trainer *trainer, const char *name)
{
    struct checkpoint unused = {0};
    struct error fault;
    char *path = path_join(trainer->fork, name);
    struct checkpoint_file *file = checkpoint_open(path, trainer->graph, &unused, &fault);
    checkpoint_close(file);
    mem_free(path);
    return file != NULL;
}

/* Another place is another run, unlike where a run goes on: it is for the user to choose. */
static void name_whole(const struct trainer *trainer, struct error *error)
{
    const struct error why = *error;
    struct file_list others;
    const char *found = is_whole(trainer, TRAINER_LAST) ? TRAINER_LAST : NULL;
    checkpoint_others(&others, trainer->fork, trainer->graph);
    for (size_t i = 0; !found && i < others.count; i++)
        found = is_whole(trainer, others.name[i]) ? others.name[i] : NULL;
    const char *name = found ? path_base(found) : "";
    if (found)
        error_set(error, why.kind, "%s; fork at %.*s, the newest checkpoint of that run that is whole", why.text,
                  (int)strcspn(name, "."), name);
    else
        error_set(error, why.kind, "%s; no other checkpoint of that run can be read either", why.text);
    file_list_free(&others);
}

static bool check_inside_epoch(const struct trainer *trainer, const struct checkpoint *saved, const char *path,
                               struct error *error)
{
    const struct checkpoint *at = &trainer->at;
    if (saved->batch == 0)
        return true;
    if (saved->images_batch != at->images_batch)
        return error_set(error, ERROR_USAGE,
                         "%s lies inside epoch %d, where train.batch = %d cannot change; fork from the end of an epoch",
                         path, saved->epoch, saved->images_batch);
    if (!hash_equal(saved->data_hash, at->data_hash))
        return error_set(error, ERROR_USAGE,
                         "%s lies inside epoch %d, where the training images cannot change; fork from the end of an "
                         "epoch",
                         path, saved->epoch);
    return true;
}

static bool check_fork(const struct trainer *trainer, const struct checkpoint *saved, const char *path,
                       struct error *error)
{
    const struct checkpoint *at = &trainer->at;
    char first[CLASSES_TEXT];
    if (saved->seed != at->seed)
        return error_set(error, ERROR_USAGE, "%s: a fork keeps train.seed = %llu: images and layers follow from it",
                         path, (unsigned long long)saved->seed);
    if (!classes_are_same(&saved->classes_hash, trainer->dataset, trainer->fork, first))
        return error_set(error, ERROR_USAGE, "%s: a fork keeps the classes of its parent; %s has others%s%s", path,
                         trainer->dataset->path, first[0] ? ": " : "", first);
    if (at->epochs < saved->epoch)
        return error_set(error, ERROR_USAGE, "%s: %d epochs are done, so train.epochs = %d leaves nothing to train",
                         path, saved->epoch - 1, at->epochs);
    return check_inside_epoch(trainer, saved, path, error) && check_base(trainer, saved, trainer->fork, error);
}

static bool same_freeze(const struct experiment *a, const struct experiment *b)
{
    return strcmp(experiment_upto(a), experiment_upto(b)) == 0 && strcmp(a->freeze.frozen, b->freeze.frozen) == 0 &&
           a->freeze.bn_stats == b->freeze.bn_stats;
}

/* [thaw] lines of epochs that have begun are over. */
static int thaws_over(const struct experiment *experiment, const struct checkpoint *at)
{
    int over = 0;
    while (over < experiment->thaws &&
           (experiment->thaw[over].epoch < at->epoch || (experiment->thaw[over].epoch == at->epoch && at->batch > 0)))
        over++;
    return over;
}

/* The place and the learning rate. Where an epoch has another number of batches, a rate set by hand holds at the same
 * share of the run. */
static void take_place(struct trainer *trainer, const struct checkpoint *saved, const struct experiment *parent)
{
    struct checkpoint *at = &trainer->at;
    at->epoch = saved->epoch;
    at->batch = saved->batch;
    at->step = saved->step;
    at->sums = saved->sums;
    at->epoch_seconds = saved->epoch_seconds;
    at->thaws_done = thaws_over(&trainer->experiment, at);
    if (trainer->experiment.train.lr == parent->train.lr)
        at->lr = saved->lr;
    if (at->lr.anchor != SCHEDULE_NO_ANCHOR && saved->batches > 0)
        at->lr.anchor = at->lr.anchor * (uint64_t)at->batches / (uint64_t)saved->batches;
    trainer->event_epoch = epoch_of_events(at);
}

static bool take_parent(struct trainer *trainer, const struct checkpoint_file *file, const struct checkpoint *saved,
                        const struct experiment *parent, struct error *error)
{
    const struct experiment *experiment = &trainer->experiment;
    struct freeze *wanted = freeze_copy(trainer->freeze);
    bool good = take_state(trainer, file, experiment->train.optimizer == parent->train.optimizer, error);
    if (good && !same_freeze(experiment, parent)) {
        memcpy(trainer->freeze->fixed, wanted->fixed, (size_t)wanted->nodes);
        plan_changes_finish(&trainer->changes);
        optim_follow(trainer->optim, trainer->freeze, trainer_thaw_warmup(trainer));
    }
    freeze_destroy(wanted);
    good = good && check_stand_in(trainer, saved, trainer->fork, error);
    if (good)
        take_place(trainer, saved, parent);
    return good;
}

static bool fork_run(struct trainer *trainer, struct error *error)
{
    struct checkpoint saved = {0};
    struct experiment parent;
    char *settings = path_join(trainer->fork, "experiment.ini"), *path = fork_file(trainer);
    struct checkpoint_file *file = NULL;
    bool good = experiment_load(&parent, settings, error) &&
                (file = checkpoint_open(path, trainer->graph, &saved, error)) != NULL &&
                (!checkpoint_settings(file) || experiment_parse(&parent, checkpoint_settings(file), error));
    if (!good && !file && error->kind == ERROR_DATA)
        name_whole(trainer, error);
    if (good && trainer->extended > 0)
        trainer->at.epochs = trainer->experiment.train.epochs = trainer->extended;
    good = good && check_fork(trainer, &saved, path, error) && take_parent(trainer, file, &saved, &parent, error);
    checkpoint_close(file);
    snprintf(trainer->at.parent, sizeof trainer->at.parent, "%s/checkpoints/%s", path_base(trainer->fork),
             path_base(path));
    trainer->holds_first = true;
    mem_free(path);
    mem_free(settings);
    return good;
}

bool trainer_take_over(struct trainer *trainer, bool *data_changed, struct error *error)
{
    *data_changed = false;
    if (trainer->fork)
        return fork_run(trainer, error);
    return !trainer->resuming || take_run(trainer, data_changed, error);
}

bool trainer_settle_events(struct trainer *trainer, struct error *error)
{
    uint64_t mark = trainer->at.mark;
    if ((trainer->holds_first && !trainer_write_last(trainer, mark, error)) ||
        (trainer->resuming && !trainer_write_experiment(trainer, error)))
        return false;
    return rundir_rewind(trainer->rundir, mark, error);
}
