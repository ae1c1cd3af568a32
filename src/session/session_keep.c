/* Order among runs: other names, labels, the trash; and forks, which begin at a checkpoint of a run. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/number.h"
#include "thaw/run/run_find.h"
#include "thaw/run/run_keep.h"
#include "thaw/run/run_labels.h"
#include "thaw/run/rundir.h"

bool run_is_there(const char *path, struct error *error)
{
    return file_is_directory(path) ||
           error_set(error, ERROR_FAILED, "%s is not there any more: it was deleted or has another name now",
                     path_base(path));
}

/* A view of a run that is to be moved would look at a path that is gone. Returns whether it was the one that is shown. */
static bool look_away(struct session *session, const char *path)
{
    const struct view *view = view_of(session, path);
    if (!view || session_phase_is_live(view_phase(view)))
        return false;
    for (size_t i = 0; i < session->views; i++)
        if (session->view[i] == view) {
            bool shown = session->shown_view == (long)i;
            session_close_view(session, i);
            return shown;
        }
    return false;
}

/* to: where it is now, or NULL with the error; takes it. */
static bool moved(struct session *session, char *to, bool was_shown, bool show)
{
    struct error unused;
    bool good = to != NULL;
    if (good && was_shown && show && !session_open_run(session, to, false, &unused))
        view_notice(session, false, "%s cannot be opened again: %.400s", path_base(to), unused.text);
    mem_free(to);
    return good;
}

bool session_rename_run(struct session *session, const char *path, const char *name, struct error *error)
{
    char *to = run_is_there(path, error) ? run_rename(path, name, error) : NULL;
    return moved(session, to, to && look_away(session, path), true);
}

bool session_delete_run(struct session *session, const char *path, struct error *error)
{
    char *to = run_is_there(path, error) ? run_delete(path, error) : NULL;
    return moved(session, to, to && look_away(session, path), false);
}

bool session_restore_run(struct session *session, const char *path, struct error *error)
{
    return moved(session, run_is_there(path, error) ? run_restore(path, error) : NULL, false, false);
}

char *session_run_heirs(const char *path)
{
    return run_heirs(path);
}

bool session_tag_run(const char *path, const char *words, struct error *error)
{
    char *copy = mem_string(words), *save = NULL;
    const char *word[RUN_TAGS_MAX];
    size_t count = 0;
    for (char *at = strtok_r(copy, " ,", &save); at && count < RUN_TAGS_MAX; at = strtok_r(NULL, " ,", &save))
        word[count++] = at;
    bool good = run_is_there(path, error) && run_tag(path, word, count, error);
    mem_free(copy);
    return good;
}

bool session_note_run(const char *path, const char *text, struct error *error)
{
    return run_is_there(path, error) && run_note(path, text, error);
}

/* --- forks --- */

void fork_finish(struct draft *draft)
{
    mem_free(draft->fork);
    mem_free(draft->checkpoint);
    draft->fork = draft->checkpoint = NULL;
}

void fork_began(struct session *session, const char *parent)
{
    struct draft *draft = session->draft;
    const char *name = draft->fork ? path_base(draft->fork) : "";
    size_t length = strlen(name);
    if (length > 0 && strncmp(parent, name, length) == 0 && parent[length] == '/')
        fork_finish(draft);
}

char *session_checkpoints(const char *path, struct error *error)
{
    static const char ending[] = ".safetensors";
    struct file_list list;
    struct error unused;
    if (!run_is_there(path, error))
        return NULL;
    char *folder = path_join(path, "checkpoints"), *names = mem_string("");
    bool read = file_is_directory(folder) && file_list_read(&list, folder, &unused);
    for (size_t i = read ? list.count : 0; i-- > 0;) { /* last and the newest epochs first */
        size_t length = strlen(list.name[i]);
        if (length < sizeof ending || strcmp(list.name[i] + length - (sizeof ending - 1), ending) != 0)
            continue;
        char *more =
            mem_format("%s%s%.*s", names, names[0] ? " | " : "", (int)(length - (sizeof ending - 1)), list.name[i]);
        mem_free(names);
        names = more;
    }
    if (read)
        file_list_free(&list);
    mem_free(folder);
    return names;
}

bool session_fork(struct session *session, const char *path, const char *checkpoint, struct error *error)
{
    struct experiment now;
    int unused;
    if (!run_is_there(path, error) || !experiment_load_fork(&now, path, checkpoint, &unused, error))
        return false;
    char *settings = path_join(path, "experiment.ini");
    bool good = session_load_experiment(session, settings, error);
    mem_free(settings);
    if (!good)
        return false;
    session->draft->experiment.train.epochs = now.train.epochs;
    session->draft->experiment.run = now.run;
    session->draft->fork = mem_string(path);
    session->draft->checkpoint = mem_string(checkpoint);
    session->draft->experiment.source[0] = '\0';
    return true;
}

void session_no_fork(struct session *session)
{
    fork_finish(session->draft);
}

const char *session_forks(const struct session *session, const char **checkpoint)
{
    *checkpoint = session->draft->checkpoint ? session->draft->checkpoint : "";
    return session->draft->fork ? session->draft->fork : "";
}
