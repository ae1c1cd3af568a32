/* Session: models. Architectures, the weights of the catalog, and the weights files found on this disk, as one list that
 * is filtered, sorted, compared, pulled from and chosen from. Part of thaw/session/session.h; rules as there. */
#ifndef THAW_SESSION_MODELS_H
#define THAW_SESSION_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "thaw/base/error.h"

struct session;

/* A figure that is not known is NAN. */
struct session_model {
    char name[64]; /* of the catalog, else the file's without its ending, else the architecture */
    char arch[64], family[32], title[96];
    char weights[512]; /* path; "": from scratch, or not on this disk */
    char format[32];   /* "safetensors"; of what is not here, as its name ends: "torch"; "" */
    char input[40];    /* "32x32x3" */
    int classes;       /* of the pretrained head; 0: none */
    double params, macs, file_bytes;
    char preprocess[160]; /* one line: "resize 256, crop 224, RGB, mean 0.485 0.456 0.406, deviation ..." */

    char catalog[64]; /* its name in the catalog, pulled or not; "": not in it */
    char source[32], licence[64];
    char url[512];      /* "": cannot be pulled */
    char notes[512];    /* for people */
    double top1, top5;  /* per cent on ImageNet, as published */
    double seconds;     /* of a forward pass for one image on this machine, as measured */
    double used;        /* when last, seconds since 1970; 0: never */
    int side;           /* of the input, pixels */
    bool local, pulled; /* its weights are on this disk; and in the folder that pulled files go to */
    bool scratch;       /* an architecture without weights */
    bool is_default;    /* what the architecture's bare name stands for */
};
/* All rows: files first, then what the catalog has beyond them, then the architectures. Valid until the list changes:
 * by session_rescan_models, session_choose_model_file, or session_pump once a pull has ended. */
size_t session_models(const struct session *session, const struct session_model **models) THAW_NONNULL;
/* Looks for weights files again (samples, models folder, data home, and every file opened by path). */
void session_rescan_models(struct session *session) THAW_NONNULL;
/* What is wrong with the catalog or the user's models.d, or NULL. The catalog's rows are then missing. */
const char *session_catalog_fault(const struct session *session) THAW_NONNULL;

/* By row, or by a path to a weights file or an architecture's name. Builds the graph and binds the weights. */
bool session_choose_model(struct session *session, size_t row, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
bool session_choose_model_file(struct session *session, const char *path_or_name,
                               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The chosen model with what belongs to it, to be chosen again: frozen layers, thaws, the run's name, the fork. NULL: none
 * is chosen. Putting it back leaves data and all other settings as they are by then. */
struct session_kept_model;
struct session_kept_model *session_keep_model(struct session *session) THAW_NONNULL;
bool session_put_back_model(struct session *session, const struct session_kept_model *kept,
                            struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void session_forget_model(struct session_kept_model *kept);            /* takes NULL */
long session_chosen_model(const struct session *session) THAW_NONNULL; /* row, or -1 */

/* The match report of the chosen model's weights. Valid until another model is chosen. */
struct session_match {
    char name[96], outcome[16], detail[96];
};
size_t session_matches(const struct session *session, const struct session_match **rows) THAW_NONNULL;

/* --- the list as it is looked at --- */
enum session_model_column {
    SESSION_MODEL_NAME,
    SESSION_MODEL_FAMILY,
    SESSION_MODEL_PARAMS,
    SESSION_MODEL_MACS,
    SESSION_MODEL_TOP1,
    SESSION_MODEL_TOP5,
    SESSION_MODEL_SIZE,
    SESSION_MODEL_INPUT,
    SESSION_MODEL_LOCAL,
    SESSION_MODEL_SECONDS,
    SESSION_MODEL_USED,
    SESSION_MODEL_COLUMNS /* as found */
};
/* "top1"; what --sort takes. */
const char *session_model_column_name(enum session_model_column column);
bool session_model_column_find(const char *name, enum session_model_column *column) THAW_NONNULL;

/* See session/query.h for what a filter says; "" shows all. A filter that cannot be read leaves the old one. */
bool session_filter_models(struct session *session, const char *filter,
                           struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Text from A, figures from the smallest, `reverse` the other way round; what is not known comes last either way. */
void session_sort_models(struct session *session, enum session_model_column column, bool reverse) THAW_NONNULL;
/* Rows of session_models that pass the filter, sorted. Valid until filter, sorting or the list change. */
size_t session_shown_models(struct session *session, const size_t **rows) THAW_NONNULL;

/* Two rows side by side. Valid until the next comparison. */
struct session_difference {
    const char *label;
    char a[160], b[160];
    bool differs;
    int better; /* -1: a, 1: b, 0: neither, or it is no question of better */
};
size_t session_compare_models(struct session *session, size_t a, size_t b,
                              const struct session_difference **rows) THAW_NONNULL;

/* --- pulling, behind the caller's back; session_wake_fd wakes, session_pump takes in --- */
enum session_pull_phase {
    SESSION_PULL_WAITING, /* another process pulls the same file */
    SESSION_PULL_CONNECTING,
    SESSION_PULL_RECEIVING,
    SESSION_PULL_RETRYING,
    SESSION_PULL_CHECKING,
    SESSION_PULL_DONE,
    SESSION_PULL_FAILED,
    SESSION_PULL_CANCELLED,
    SESSION_PULL_PHASES
};
struct session_pull {
    char name[64]; /* of the catalog */
    enum session_pull_phase phase;
    double received, total, rate, remaining; /* bytes, bytes (0: not known), bytes a second, seconds (-1) */
    char note[256], path[512];
    char by_hand[1200]; /* the command that does it without thaw */
    struct error error; /* FAILED */
};
/* By the row's or the architecture's name. ERROR_USAGE: not in the catalog, nothing to pull it from. */
bool session_pull(struct session *session, const char *name, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
void session_cancel_pull(struct session *session, const char *name) THAW_NONNULL; /* what has come stays */
/* Those that go on and those that ended, in the order of their start. Valid until the next session_pump. */
size_t session_pulls(const struct session *session, const struct session_pull **pulls) THAW_NONNULL;
bool session_pull_ended(enum session_pull_phase phase);

/* Measures an image's time for a row that can be built, behind the caller's back; the row's seconds follow. One at a
 * time; ERROR_USAGE while a run trains. */
bool session_time_model(struct session *session, size_t row, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
long session_timing(const struct session *session) THAW_NONNULL; /* row being measured, or -1 */

#endif
