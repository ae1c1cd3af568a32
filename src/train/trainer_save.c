/* What a run leaves on disk beside its events: checkpoints, predictions.json, model.safetensors. All atomic; a failure
 * is a warning event and the run goes on, with the older file still there. It is tried again at every later occasion; what
 * is missing at the end is why the run has failed. Best and last are written together, so that a resumed run never knows a
 * better file than it remembers.
 *
 * predictions.json: {"version": 1, "epoch": of the evaluation, "classes": [names], "images": [{"path": whole, "label": n,
 * "predicted": n, "probability": of the predicted class}]}, labels and predictions count into "classes".
 * predictions-best.json is the same of the best evaluation, whose model is exported. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint_find.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/text.h"
#include "thaw/source/bind.h"
#include "trainer_private.h"

static void tell_file(struct trainer *trainer, const char *file, bool best)
{
    struct event event = {.kind = EVENT_CHECKPOINT, .u.checkpoint.best = best};
    snprintf(event.u.checkpoint.file, sizeof event.u.checkpoint.file, "%s", file);
    trainer_emit(trainer, &event);
}

/* What writing one came to. */
static void tell_checkpoint(struct trainer *trainer, bool best, const struct error *error)
{
    trainer->unsaved[best ? TRAINER_FILE_BEST : TRAINER_FILE_LAST] = *error;
    if (error->kind == ERROR_NONE)
        tell_file(trainer, best ? TRAINER_BEST : TRAINER_LAST, best);
    else
        trainer_warn(trainer, "%s", error->text);
}

static struct checkpoint_of all_of(const struct trainer *trainer)
{
    return (struct checkpoint_of){trainer->graph,    trainer->freeze,    trainer->optim,   trainer->touched,
                                  &trainer->changes, &trainer->recorded, trainer->settings};
}

static bool write_file(struct trainer *trainer, bool best, struct error *error)
{
    struct checkpoint_of of = all_of(trainer);
    char *path = rundir_file(trainer->rundir, best ? TRAINER_BEST : TRAINER_LAST);
    trainer->at.mark = rundir_mark(trainer->rundir);
    bool good = (rundir_sync(trainer->rundir, error) && checkpoint_write(path, &trainer->at, &of, error)) ||
                error_wrap(error, "no checkpoint");
    mem_free(path);
    return good;
}

bool trainer_write_last(struct trainer *trainer, uint64_t mark, struct error *error)
{
    struct checkpoint_of of = all_of(trainer);
    char *path = rundir_file(trainer->rundir, TRAINER_LAST);
    trainer->at.mark = mark;
    bool good = checkpoint_write(path, &trainer->at, &of, error);
    mem_free(path);
    return good;
}

static bool write_now(struct trainer *trainer, bool best)
{
    struct error error = {0};
    bool good = write_file(trainer, best, &error);
    tell_checkpoint(trainer, best, &error);
    return good;
}

static void hold_best(struct trainer *trainer)
{
    struct error error = {0};
    struct checkpoint_of of = all_of(trainer);
    char *path = rundir_file(trainer->rundir, TRAINER_BEST);
    trainer->at.mark = rundir_mark(trainer->rundir);
    trainer->best_held = checkpoint_bytes(&trainer->best_bytes, path, &trainer->at, &of, &error);
    if (!trainer->best_held) {
        error_wrap(&error, "no checkpoint");
        tell_checkpoint(trainer, true, &error);
    }
    mem_free(path);
}

static void drop_held(struct trainer *trainer)
{
    mem_free(trainer->best_held);
    trainer->best_held = NULL;
}

void trainer_keep_best(struct trainer *trainer, bool now)
{
    drop_held(trainer);
    if (!now || !write_now(trainer, true))
        hold_best(trainer);
}

static void write_held(struct trainer *trainer)
{
    struct error error = {0};
    char *path = rundir_file(trainer->rundir, TRAINER_BEST);
    bool good = (rundir_sync(trainer->rundir, &error) &&
                 file_write_atomic(path, trainer->best_held, trainer->best_bytes, &error)) ||
                error_wrap(&error, "no checkpoint");
    tell_checkpoint(trainer, true, &error);
    if (good)
        drop_held(trainer);
    mem_free(path);
}

bool trainer_save(struct trainer *trainer)
{
    trainer_pace_begin(&trainer->saving);
    if (trainer->best_held)
        write_held(trainer);
    bool good = write_now(trainer, false);
    trainer_pace_end(&trainer->saving);
    trainer->saving.owed = !good;
    return good;
}

/* --- checkpoints of epochs --- */

bool trainer_keeps_epoch(const struct trainer *trainer, int epoch)
{
    int every = trainer->experiment.run.keep_every;
    return every > 0 && epoch % every == 0;
}

static int newer_first(const void *a, const void *b)
{
    return *(const int *)b - *(const int *)a;
}

/* Removes what is neither one of the last nor kept for good. */
static void drop_older(struct trainer *trainer)
{
    struct error unused = {0};
    struct file_list names;
    char *folder = rundir_file(trainer->rundir, "checkpoints");
    int count = 0, left = trainer->experiment.run.keep_last;
    if (file_list_read(&names, folder, &unused)) {
        int *epochs = mem_array(names.count + 1, sizeof *epochs);
        for (size_t i = 0; i < names.count; i++)
            if (checkpoint_kept_epoch(names.name[i]))
                epochs[count++] = checkpoint_kept_epoch(names.name[i]);
        qsort(epochs, (size_t)count, sizeof *epochs, newer_first);
        for (int i = 0; i < count; i++) {
            if (left-- > 0 || trainer_keeps_epoch(trainer, epochs[i]))
                continue;
            char *path = mem_format("%s/epoch-%04d.safetensors", folder, epochs[i]);
            unlink(path);
            mem_free(path);
        }
        mem_free(epochs);
        file_list_free(&names);
    }
    mem_free(folder);
}

/* A second name of the same file where the file system has that, else a copy. */
static bool name_file(const char *from, const char *to, struct error *error)
{
    struct file_map map;
    unlink(to);
    if (link(from, to) == 0)
        return file_sync_folder(to) || error_set_errno(error, ERROR_FAILED, errno, "%s", to);
    bool good = file_map_open_own(&map, from, error);
    if (good) {
        good = file_write_atomic(to, map.data, map.size, error);
        file_map_close(&map);
    }
    return good;
}

void trainer_keep_epoch(struct trainer *trainer, int epoch)
{
    struct error error = {0};
    char name[64];
    if (trainer->experiment.run.keep_last == 0 && !trainer_keeps_epoch(trainer, epoch))
        return;
    snprintf(name, sizeof name, "checkpoints/epoch-%04d.safetensors", epoch);
    char *from = rundir_file(trainer->rundir, TRAINER_LAST), *to = rundir_file(trainer->rundir, name);
    if (name_file(from, to, &error))
        tell_file(trainer, name, false);
    else
        trainer_warn(trainer, "the checkpoint of epoch %d is not kept: %s", epoch, error.text);
    mem_free(from);
    mem_free(to);
    drop_older(trainer);
}

bool trainer_save_asked(struct trainer *trainer, const struct run_command *command, struct error *error)
{
    trainer_pace_begin(&trainer->saving);
    if (trainer->best_held)
        write_held(trainer);
    if (!write_file(trainer, false, error))
        return false;
    trainer_tell_command(trainer, command, true, "");
    tell_checkpoint(trainer, false, &(struct error){0});
    trainer_pace_end(&trainer->saving);
    return true;
}

void trainer_predictions_finish(struct task_predictions *predictions)
{
    mem_free(predictions->label);
    mem_free(predictions->predicted);
    mem_free(predictions->probability);
    mem_free(predictions->index);
    *predictions = (struct task_predictions){0};
}

static json_t *describe(const struct trainer *trainer, const struct task_predictions *predictions)
{
    const struct dataset *dataset = trainer->dataset;
    char *here = path_whole("");
    json_t *object = json_object(), *classes = json_array(), *images = json_array();
    for (int c = 0; c < dataset->classes; c++)
        json_array_append_new(classes, text_to_json(dataset->class_name[c]));
    for (size_t i = 0; i < predictions->images; i++) {
        json_t *row = json_object();
        char *path = path_join(here, dataset->images[DATASET_VAL].item[predictions->index[i]].path);
        json_object_set_new(row, "path", text_to_json(path));
        mem_free(path);
        json_object_set_new(row, "label", json_integer(predictions->label[i]));
        json_object_set_new(row, "predicted", json_integer(predictions->predicted[i]));
        json_object_set_new(row, "probability", json_real((double)predictions->probability[i]));
        json_array_append_new(images, row);
    }
    json_object_set_new(object, "version", json_integer(1));
    json_object_set_new(object, "epoch", json_integer(predictions->epoch));
    json_object_set_new(object, "classes", classes);
    json_object_set_new(object, "images", images);
    mem_free(here);
    return object;
}

/* A failure to write a file, or that it went well. */
static void tell_written(struct trainer *trainer, enum trainer_file file, struct error *error, const char *what)
{
    if (error->kind != ERROR_NONE) {
        error_wrap(error, "%s", what);
        trainer_warn(trainer, "%s", error->text);
    }
    trainer->unsaved[file] = *error;
}

static bool write_predictions(struct trainer *trainer, const struct task_predictions *predictions,
                              enum trainer_file file)
{
    struct error error = {0};
    char *path =
        rundir_file(trainer->rundir, file == TRAINER_FILE_PREDICTIONS ? "predictions.json" : "predictions-best.json");
    json_t *object = describe(trainer, predictions);
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    bool good = text ? file_write_atomic(path, text, strlen(text), &error)
                     : error_set(&error, ERROR_FAILED, "%s cannot be written as JSON", path);
    tell_written(trainer, file, &error, "no predictions saved");
    free(text);
    json_decref(object);
    mem_free(path);
    return good;
}

void trainer_save_predictions(struct trainer *trainer)
{
    int best = trainer->at.best_epoch;
    trainer_pace_begin(&trainer->telling);
    bool good = write_predictions(trainer, &trainer->predictions, TRAINER_FILE_PREDICTIONS);
    bool is_last = trainer->predictions.epoch == best, is_held = trainer->best_predictions.epoch == best;
    if (best > 0 && trainer->best_told != best && (is_last || is_held)) {
        const struct task_predictions *of = is_last ? &trainer->predictions : &trainer->best_predictions;
        bool told = write_predictions(trainer, of, TRAINER_FILE_PREDICTIONS_BEST);
        good = good && told;
        if (told) {
            trainer->best_told = best;
            trainer_predictions_finish(&trainer->best_predictions);
        }
    }
    trainer_pace_end(&trainer->telling);
    trainer->telling.owed = !good;
}

/* The graph's values become the best model's. Where its file is not of the epoch that is remembered (it could not be
 * written), the last model stands in for it. */
static void load_best(struct trainer *trainer)
{
    struct error error = {0};
    struct checkpoint saved = {0};
    if (trainer->at.best_epoch == 0)
        return;
    char *path = rundir_file(trainer->rundir, TRAINER_BEST);
    struct checkpoint_file *file = checkpoint_open(path, trainer->graph, &saved, &error);
    if (file && saved.best_epoch > trainer->at.best_epoch) {
        /* Written right before a last one that was not: going on comes there again. */
        trainer_warn(trainer,
                     "the last model is exported, not the best: %s is of epoch %d, which this run was killed in", path,
                     saved.best_epoch);
    } else {
        if (file && saved.best_epoch < trainer->at.best_epoch)
            error_set(&error, ERROR_FAILED, "%s is of epoch %d", path, saved.best_epoch);
        if (error.kind == ERROR_NONE && !checkpoint_values(file, trainer->graph, NULL, &error))
            error_wrap(&error, "%s", path);
        tell_written(trainer, TRAINER_FILE_BEST, &error, "the last model is exported, not the best");
    }
    checkpoint_close(file);
    mem_free(path);
}

void trainer_export(struct trainer *trainer)
{
    struct error error = {0};
    load_best(trainer);
    char *path = rundir_file(trainer->rundir, TRAINER_MODEL);
    const char *const *names = (const char *const *)trainer->dataset->class_name;
    if (!bind_export(trainer->graph, path, TENSOR_F32, names, &error))
        error.kind = ERROR_FAILED;
    tell_written(trainer, TRAINER_FILE_MODEL, &error, "no model exported");
    mem_free(path);
}

void trainer_account(struct trainer *trainer)
{
    for (int file = 0; file < TRAINER_FILES && trainer->failure.kind == ERROR_NONE; file++) {
        if (trainer->unsaved[file].kind == ERROR_NONE)
            continue;
        trainer->failure = trainer->unsaved[file];
        trainer->failure.kind = ERROR_FAILED;
        error_wrap(&trainer->failure, "not all of the run is on disk (thaw resume tries again)");
    }
}

void trainer_rescue(struct trainer *trainer)
{
    struct error error = {0};
    /* what failed once may go well now */
    if (trainer->untold.kind == EVENT_STEP && rundir_append(trainer->rundir, &trainer->untold, &error))
        trainer->sink.emit(trainer->sink.context, &trainer->untold);
    uint64_t mark = trainer->told_to ? trainer->told_to : rundir_mark(trainer->rundir);
    if (trainer->best_held)
        write_held(trainer);
    if (!trainer_write_last(trainer, mark, &error))
        log_write(trainer->log, LOG_ERROR, "train", "no checkpoint: %s", error.text);
}
