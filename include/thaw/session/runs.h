/* Session: runs. Those that there are, as a list, and what is done to them without opening one: names, tags, the trash,
 * forks. Part of thaw/session/session.h; rules as there. */
#ifndef THAW_SESSION_RUNS_H
#define THAW_SESSION_RUNS_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/run/story.h"

struct session;

struct session_run {
    const char *path, *name, *model, *data;
    double started, seconds;
    int epochs_done, epochs, best_epoch; /* best_epoch: -1: none yet */
    double best_accuracy, last_accuracy; /* -1: none */
    double trainable, frozen;
    const char *state; /* "finished", "stopped", "running", "paused", "broken off", "damaged" ... */
    bool trains;       /* a process trains in it, or is paused */
    const char *tags, *note,
        *parent;        /* tags: "a, b"; parent: the run and checkpoint that it was forked from; "": none */
    const char *damage; /* what cannot be read of it; "": nothing */
};
/* Those of the folder, or (trash) the deleted ones, are read anew behind the caller's back; what takes an instant is there
 * at once. Asked for while they are read, they are read once more. */
void session_read_runs(struct session *session, bool trash) THAW_NONNULL;
/* As they were read last, newest first; the first time those that have been read so far. Valid until the next read or
 * pump. */
size_t session_runs(struct session *session, bool trash, const struct session_run **runs) THAW_NONNULL;
/* Which of them pass a filter of query.h over run_columns.h, as `thaw runs` takes it, by their place in that list; there are
 * `count` to be told. ERROR_USAGE: it is no filter, nothing is told. */
bool session_match_runs(const struct session *session, bool trash, const char *filter, bool *matches, size_t count,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool session_runs_left(const struct session *session, bool trash,
                       size_t *left) THAW_NONNULL; /* false: they are not being read for the first time */
unsigned session_runs_news(const struct session *session, bool trash) THAW_NONNULL; /* another number: another list */
/* path: a run's directory. One that trains is not moved. What is looked at and moved is looked at in its new place. */
bool session_rename_run(struct session *session, const char *path, const char *name,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool session_delete_run(struct session *session, const char *path,
                        struct error *error) THAW_NONNULL THAW_MUST_CHECK; /* into the trash */
bool session_restore_run(struct session *session, const char *path,
                         struct error *error) THAW_NONNULL THAW_MUST_CHECK; /* of the trash */
/* Runs that began from its model and cannot go on without it there, "a, b"; NULL: none. Caller frees with mem_free. */
char *session_run_heirs(const char *path) THAW_NONNULL;
/* Words are added as tags, those with a minus taken off. */
bool session_tag_run(const char *path, const char *words, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool session_note_run(const char *path, const char *text, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Checkpoints that a run has, "last | best | epoch-0005"; "": none. Caller frees with mem_free. NULL: the run is gone. */
char *session_checkpoints(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Makes the next run one that begins at a checkpoint of another, with that one's settings until they are changed, and ten
 * more epochs where all are done there, as far as the list of runs tells. Another experiment or network, or
 * session_no_fork, ends that. */
bool session_fork(struct session *session, const char *path, const char *checkpoint,
                  struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void session_no_fork(struct session *session) THAW_NONNULL;
/* The run's directory, and the checkpoint; "": it begins from weights. Valid until another call changes it. */
const char *session_forks(const struct session *session, const char **checkpoint) THAW_NONNULL;
/* A run of the list, without opening it. */
struct session_look {
    const struct story *story;
    const char *settings; /* those that are not the usual ones, a line each: "train.lr = 0.02" */
};
/* NULL: it is being read behind the caller's back; session_pump tells when it can be asked for again. Valid until the next
 * look or pump. */
const struct session_look *session_look(struct session *session, const char *path) THAW_NONNULL;

#endif
