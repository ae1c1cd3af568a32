/* What a fork begins with. Called by the verb and by the session, so that both doors give the same run. */
#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint_find.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/run_find.h"
#include "thaw/run/rundir.h"
#include "thaw/train/experiment.h"

static const char mark[] = "-fork";

/* Without the mark that a fork's own name ends with. */
static size_t bare_length(const char *name)
{
    size_t length = strlen(name), end = length;
    while (end > 0 && isdigit((unsigned char)name[end - 1]))
        end--;
    bool marked = end > sizeof mark - 1 && strncmp(name + end - (sizeof mark - 1), mark, sizeof mark - 1) == 0;
    return marked ? end - (sizeof mark - 1) : length;
}

/* Whether a run of the folder is called so, behind its time stamp. */
static bool is_taken(const struct file_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->name[i] + run_stamp(list->name[i]), name) == 0)
            return true;
    return false;
}

/* "signs-fork", "signs-fork2": of what the parent is called by now, and no other run's. */
static void name_fork(struct experiment *experiment, const char *run)
{
    enum { NUMBERS = 10000, ROOM = 12 /* of the mark and a number */ };
    struct error unused;
    struct file_list list = {0};
    char *own = mem_string(run), *folder = run_folder(experiment->run.dir[0] ? experiment->run.dir : NULL);
    for (size_t length = strlen(own); length > 1 && own[length - 1] == '/'; length--)
        own[length - 1] = '\0';
    const char *label = path_base(own) + run_stamp(path_base(own));
    size_t bare = bare_length(label), most = sizeof experiment->run.name - ROOM;
    bool read = file_is_directory(folder) && file_list_read(&list, folder, &unused);
    for (bare = bare < most ? bare : most; bare > 0 && ((unsigned char)label[bare] & 0xc0) == 0x80;)
        bare--; /* no letter is cut in two */
    for (int number = 1; number < NUMBERS; number++) {
        char digits[ROOM] = "";
        if (number > 1)
            snprintf(digits, sizeof digits, "%d", number);
        snprintf(experiment->run.name, sizeof experiment->run.name, "%.*s%s%s", (int)bare, label, mark, digits);
        if (!is_taken(&list, experiment->run.name))
            break;
    }
    if (read)
        file_list_free(&list);
    mem_free(folder);
    mem_free(own);
}

/* Epochs that are done at a checkpoint; 0: that is not known. */
static int epochs_behind(const char *run, const char *checkpoint)
{
    struct rundir_summary summary;
    struct error unused;
    char *file = mem_format("%s.safetensors", checkpoint);
    int epoch = checkpoint_kept_epoch(file);
    mem_free(file);
    if (epoch > 0 || !rundir_summarise(run, &summary, &unused))
        return epoch;
    epoch = strcmp(checkpoint, "best") == 0 ? summary.best_epoch : summary.epochs_done;
    rundir_summary_finish(&summary);
    return epoch;
}

bool experiment_load_fork(struct experiment *experiment, const char *run, const char *checkpoint, int *added,
                          struct error *error)
{
    enum { MORE = 10 };
    if (!rundir_check(run, error) || !experiment_load_run(experiment, run, error))
        return false;
    int epochs = experiment->train.epochs;
    bool over = epochs_behind(run, checkpoint) >= epochs && epochs + MORE <= EXPERIMENT_EPOCHS_MAX;
    *added = over ? MORE : 0;
    experiment->train.epochs += *added;
    name_fork(experiment, run);
    return true;
}
