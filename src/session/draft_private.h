/* The draft of the next run, shared by the session_*.c files only. */
#ifndef THAW_SESSION_DRAFT_PRIVATE_H
#define THAW_SESSION_DRAFT_PRIVATE_H

#include "thaw/data/dataset.h"
#include "thaw/network/freeze.h"
#include "thaw/session/session.h"
#include "thaw/shelf/catalog.h"
#include "thaw/shelf/remember.h"
#include "thaw/source/bind.h"
#include "thaw/train/experiment.h"

enum { SESSION_UNDO = 100, RECENT_MAX = 12 };

/* The next run: model, freeze plan, data, settings, and the list of models that it is chosen from. What an experiment
 * opens. */
struct draft {
    /* session_listing.c */
    struct session_model *model;
    size_t models, models_room;
    struct bind_zoo *zoo; /* made when the first file is recognised */
    char **opened;        /* weights files opened by path, listed ever after */
    size_t opened_count;
    struct catalog *catalog; /* NULL: cannot be read, see the fault */
    struct error catalog_fault;
    struct remembered remembered;

    /* session_models.c */
    long chosen;
    struct graph *graph; /* of the chosen model */
    struct session_match *match;
    size_t matches;

    /* session_layers.c */
    struct freeze *freeze;
    bool scratch; /* the model had no weights when its layers were made */
    struct freeze *undo[SESSION_UNDO];
    int undos;
    struct session_layer *layer;
    int *layer_node; /* node of each row; -1 for a stage's row */
    size_t layers;

    /* session_data.c */
    struct dataset *dataset;
    struct session_data data;
    struct session_class *data_class;
    struct session_bad *data_bad;
    char **place;
    size_t places;

    /* session_recent.c */
    char *recent[RECENT_MAX]; /* experiments, as last asked for */
    size_t recents;

    /* session_keep.c */
    char *fork, *checkpoint; /* the run that the next one begins from, and where; NULL: from the weights */

    /* session_experiment.c */
    struct experiment experiment;
    char name_of_data[64]; /* the run's, as loaded, after the data loaded along; "": it is not */
    struct session_setting *setting;
};

/* session.c */
struct draft *draft_create(void);
void draft_destroy(struct draft *draft); /* takes NULL */

#endif
