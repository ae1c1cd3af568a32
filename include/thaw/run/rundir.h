/* A run directory: runs/<time>-<name>/ with experiment.ini, events.jsonl (append-only), checkpoints/, predictions.json,
 * thaw.log and a lock that says who trains in it. */
#ifndef THAW_RUN_RUNDIR_H
#define THAW_RUN_RUNDIR_H

#include "thaw/run/event.h"
#include "thaw/run/run_damage.h"
#include "thaw/run/run_labels.h"

/* The engine's doors in it: one for the user's own, and one for others that takes no command that writes. */
#define RUNDIR_CONTROL "control.sock"
#define RUNDIR_VIEW    "view.sock"

struct rundir;

/* Makes runs/<YYYYMMDD-HHMMSS>-<name>[-2..] below `runs` (created), mode 0700, locked by this process. */
struct rundir *rundir_create(const char *runs, const char *name, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Opens an existing one to write on; "run directory in use by process N" when locked. A last line that a kill cut short
 * is removed, and so are files that it left half written. */
struct rundir *rundir_open(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void rundir_close(struct rundir *rundir);
/* Refuses a run directory in which something else stands in the place of a file or folder of thaw's: a symbolic link, a
 * named pipe. rundir_open asks; so must whoever reads a run's settings, checkpoints or model by their paths. */
bool rundir_check(const char *path, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Closes and removes a run that never began (its experiment could not be prepared). Only files that a run makes are
 * removed; the directory stays where it holds anything else. */
void rundir_discard(struct rundir *rundir);
const char *rundir_path(const struct rundir *rundir) THAW_NONNULL;
/* Where a file of it is, also after the directory was moved; caller frees. */
char *rundir_file(struct rundir *rundir, const char *name) THAW_NONNULL;
/* Appends one event, flushed to the kernel; synced at the run's start and end, with checkpoints, and at the ends of
 * epochs as often as that does not hold them up. A log that was removed is an error. */
bool rundir_append(struct rundir *rundir, const struct event *event, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* What was appended is on the disk: to be called before a checkpoint says that it follows it. */
bool rundir_sync(struct rundir *rundir, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* How far events.jsonl has come, bytes: what a checkpoint notes down ... */
uint64_t rundir_mark(const struct rundir *rundir) THAW_NONNULL;
/* ... and cuts the file back to when a run is resumed from it (the rest is done again). The events of the checkpoint
 * itself, where they follow the mark, stay. A mark behind the end, or not between two lines, cuts nothing. */
bool rundir_rewind(struct rundir *rundir, uint64_t mark, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* Feeds every event of a run to the sink; an unfinished last line and kinds a newer program wrote are left out. Lines that
 * are no events are passed over, and counted (damage may be NULL). A format version that is newer than EVENT_VERSION is
 * an error, and so is a file that is cut back meanwhile: what was given is no longer so. */
bool rundir_read(const char *path, const struct event_sink *sink, struct run_damage *damage, struct error *error)
    THAW_NONNULL_ARGS(1, 2, 4) THAW_MUST_CHECK;
/* The same of the events behind a mark; of those before it only the damage is told that their sums tell of. */
bool rundir_read_behind(const char *path, uint64_t mark, const struct event_sink *sink, struct run_damage *damage,
                        struct error *error) THAW_NONNULL_ARGS(1, 3, 5) THAW_MUST_CHECK;
/* The format version that the first line says; 0: it says none that can be read. */
int rundir_version(const char *path) THAW_NONNULL;

/* Whether a living process holds the run's lock. */
bool rundir_is_active(const char *path) THAW_NONNULL;

/* What lists of runs show. All that comes from the events has a row in run_fields.c. */
struct rundir_summary {
    char *path, *name; /* directory; last part of it */
    char model[64], program[32];
    char *data, *weights, *parent,
        *fault;                       /* weights: how they matched; parent: what it was forked from; "" where none */
    char *damage;                     /* what cannot be read of it; "": nothing */
    double started, updated, seconds; /* updated: the last event; both since 1970 */
    int epochs_done, epochs, resumed; /* resumed: how often */
    uint64_t step, seed;
    int classes, train_images, val_images;
    char metric[24];                     /* the first one of the run: "accuracy"; "" before any is defined */
    double best_accuracy, last_accuracy; /* of that metric; -1: none yet */
    int best_epoch;                      /* -1: none yet */
    double train_loss, val_loss;         /* the last; NAN: none yet */
    uint64_t params_trainable, params_frozen;
    bool done, active;   /* active: a living process holds its lock */
    bool paused;         /* as its events say; nobody computes where it is active, too */
    bool newer;          /* its events are of a newer format: nothing of them is read */
    enum event_done how; /* where done */
    struct run_labels labels;
};
/* All runs below `runs`, newest first, damaged ones, too; a missing directory is an empty list. Directories without a file
 * of events, or with an empty one (it begins just now), are passed over. */
struct rundir_summary *rundir_list(const char *runs, size_t *count, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The same one after the other, roughly the newest first, for who shows them as they come; NULL: the folder cannot be read.
 * Whoever has it may be another thread each time. _next: false: that was all; the summary is the caller's. _left: how many
 * names were not looked at. _end keeps what was read; takes NULL. */
struct rundir_listing;
struct rundir_listing *rundir_listing_begin(const char *runs, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool rundir_listing_next(struct rundir_listing *listing, struct rundir_summary *summary) THAW_NONNULL;
size_t rundir_listing_left(const struct rundir_listing *listing) THAW_NONNULL;
void rundir_listing_end(struct rundir_listing *listing);
void rundir_list_sort(struct rundir_summary *list, size_t count); /* newest first */
bool rundir_summarise(const char *path, struct rundir_summary *summary,
                      struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void rundir_summary_finish(struct rundir_summary *summary) THAW_NONNULL;
void rundir_list_free(struct rundir_summary *list, size_t count);

#endif
