/* What the scripted session remembers; shared by the fake_*.c, nobody else. */
#ifndef THAW_TESTS_SCREENS_FAKE_STATE_H
#define THAW_TESTS_SCREENS_FAKE_STATE_H

#include "fake_session.h"

enum {
    POINTS_MAX = 20000,
    NOTES_MAX = 64,
    UNDO_MAX = 32,
    FAKE_CLASSES = 10,
    SETTINGS = 13,
    RUNS = 4,
    VIEWS = 4,
    THAWS = 4,
    FAKE_MODELS = 9
};

struct fake_run_text {
    char path[160], tags[64], note[64];
    bool deleted, gone;
};
struct session {
    int pipe[2];
    bool empty;
    const char *opening;
    bool opened; /* just now */
    long model;
    char model_filter[128];
    enum session_model_column model_column;
    bool model_reverse, catalog_fault, pull_fails;
    size_t model_row[FAKE_MODELS];
    struct session_difference difference[2];
    struct session_pull pull;
    long timing;
    struct session_layer layer[FAKE_LAYERS_MAX];
    unsigned present[FAKE_LAYERS_MAX], fixed[FAKE_LAYERS_MAX];
    size_t layers;
    unsigned undo[UNDO_MAX][FAKE_LAYERS_MAX];
    int undos;
    bool has_data, no_validation;
    char data_path[256];
    struct session_setting setting[SETTINGS + THAWS + 1]; /* behind the settings the schedule, and what adds to it */
    int thaws;
    struct session_status status,
        kept[VIEWS]; /* of the shown view, and of all as they were when they were shown last */
    size_t views;
    long shown; /* -1: none */
    struct story_point *curve[SESSION_CURVES];
    size_t points[SESSION_CURVES];
    struct story_note note[NOTES_MAX];
    char note_text[NOTES_MAX][128];
    size_t notes;
    enum session_subject subject;
    size_t training;
    bool layers_untold;  /* by the shown run */
    bool running_paused; /* the first of them */
    bool scheduled;
    struct session_run run[RUNS], listed[RUNS];
    struct fake_run_text run_text[RUNS];
    unsigned runs_read;
    size_t runs_come; /* so many of them were read by now, where that is slow; else RUNS */
    bool runs_slow;
    char fork[160], checkpoint[32];
    bool here; /* runs train in this process */
    struct session_notice notice;
    bool has_notice;
    bool recorded; /* a run that was reopened */
    int steps;
    bool stopping, break_proof, finish;
    struct session_confusion confusion[3 * FAKE_CLASSES];
    size_t confusion_row[FAKE_CLASSES + 1];
    struct session_judged *judged;
    char (*judged_path)[96];
    unsigned evaluations;
    bool reading;
    struct session_results results;
};

extern const struct session_model fake_models[FAKE_MODELS];
extern const char *const fake_class_names[FAKE_CLASSES];
extern const struct session_class fake_classes[FAKE_CLASSES];

void fake_init_runs(struct session *session);
void fake_own_runs(struct session *session);
struct session_run *fake_find_run(struct session *session, const char *run); /* by path, or part of the name */
void fake_build_layers(struct session *session);
void fake_pump_pull(struct session *session);
void fake_phase(struct session *session, enum session_phase phase);
bool fake_is_live(const struct session *session);
void fake_update_marks(struct session *session); /* and the update ratios */
void fake_note(struct session *session, enum event_kind kind, const char *text);

#endif
