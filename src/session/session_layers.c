/* Layers: the rows of the tree, their freeze marks, and what a freeze plan costs on this machine. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/mem.h"
#include "thaw/train/layer_rows.h"

_Static_assert(SESSION_WEIGHTS == (int)FREEZE_WEIGHTS && SESSION_AFFINE == (int)FREEZE_AFFINE &&
                   SESSION_STATISTICS == (int)FREEZE_STATISTICS && SESSION_DROPOUT == (int)FREEZE_DROPOUT,
               "marks pass through unchanged");

struct session_layer layers_row(const struct event_layer *layer, int stage)
{
    struct session_layer row = {.stage = stage,
                                .in_head = layer->head,
                                .params = layer->params,
                                .macs = layer->macs,
                                .activation_bytes = layer->activation_bytes,
                                .update_ratio = -1};
    snprintf(row.name, sizeof row.name, "%s", layer->name);
    snprintf(row.kind, sizeof row.kind, "%s", layer->kind);
    snprintf(row.shape, sizeof row.shape, "%s", layer->shape);
    return row;
}

void layers_add_to_stage(struct session_layer *stage, const struct session_layer *row, int inside)
{
    stage->params += row->params;
    stage->macs += row->macs;
    stage->activation_bytes += row->activation_bytes;
    stage->in_head = row->in_head;
    snprintf(stage->shape, sizeof stage->shape, "%s", row->shape);
    snprintf(stage->kind, sizeof stage->kind, inside == 1 ? "%d layer" : "%d layers", inside);
}

static void add_stage(struct session *session, int index)
{
    const struct graph *graph = session->draft->graph;
    const struct graph_stage *stage = &graph->stage[index];
    size_t at = session->draft->layers++;
    session->draft->layer_node[at] = -1;
    int inside = 0;
    struct session_layer row = {.stage = index, .is_stage = true, .update_ratio = -1};
    snprintf(row.name, sizeof row.name, "%s", stage->name);
    for (int node = stage->first_node; node < stage->first_node + stage->nodes; node++) {
        if (!freeze_marks(graph, node))
            continue;
        struct event_layer layer = layer_rows_row(graph, node);
        session->draft->layer_node[session->draft->layers] = node;
        session->draft->layer[session->draft->layers] = layers_row(&layer, index);
        layers_add_to_stage(&row, &session->draft->layer[session->draft->layers++], ++inside);
    }
    if (!inside) { /* nothing to freeze in it: no row */
        session->draft->layers = at;
        return;
    }
    session->draft->layer[at] = row;
}

void layers_forget_undos(struct draft *draft)
{
    for (int i = 0; i < draft->undos; i++)
        freeze_destroy(draft->undo[i]);
    draft->undos = 0;
}

static void forget_rows(struct draft *draft)
{
    mem_free(draft->layer);
    mem_free(draft->layer_node);
    draft->layer = NULL;
    draft->layer_node = NULL;
    draft->layers = 0;
}

/* What a run of the graph starts from: all thawed from scratch, else the trunk frozen, its names always known. */
static struct freeze *first_plan(const struct draft *draft, bool scratch)
{
    struct error unused;
    struct freeze *plan = freeze_create(draft->graph);
    if (freeze_upto(plan, draft->graph, scratch ? "none" : "trunk", &unused))
        freeze_statistics(plan, draft->graph, draft->experiment.freeze.bn_stats == BN_STATS_FIXED);
    return plan;
}

static bool is_same_plan(const struct freeze *a, const struct freeze *b)
{
    return a->nodes == b->nodes && memcmp(a->fixed, b->fixed, (size_t)a->nodes) == 0;
}

/* The plan of the graph before is one of this graph, too. */
static bool has_same_layers(const struct graph *before, const struct graph *now)
{
    bool same = before && strcmp(before->arch, now->arch) == 0 && before->nodes == now->nodes;
    for (int i = 0; same && i < now->nodes; i++)
        same = strcmp(before->node[i].name, now->node[i].name) == 0 && freeze_marks(before, i) == freeze_marks(now, i);
    return same;
}

void layers_reset(struct session *session, const struct graph *before)
{
    struct draft *draft = session->draft;
    const struct graph *graph = draft->graph;
    size_t most = (size_t)(graph->nodes + graph->stages);
    bool scratch = experiment_is_scratch(&draft->experiment), kept = has_same_layers(before, graph);
    if (kept && scratch != draft->scratch) { /* nobody asked for the trunk's being frozen, or for its not being */
        struct freeze *first = first_plan(draft, draft->scratch);
        kept = !is_same_plan(draft->freeze, first);
        freeze_destroy(first);
    }
    if (!kept) {
        layers_forget_undos(draft);
        freeze_destroy(draft->freeze);
        draft->freeze = first_plan(draft, scratch);
    }
    draft->scratch = scratch;
    forget_rows(draft);
    draft->layer = mem_array(most, sizeof *draft->layer);
    draft->layer_node = mem_array(most, sizeof *draft->layer_node);
    for (int stage = 0; stage < graph->stages; stage++)
        add_stage(session, stage);
    layers_mark(session);
}

void layers_finish(struct draft *draft)
{
    layers_forget_undos(draft);
    freeze_destroy(draft->freeze);
    draft->freeze = NULL;
    forget_rows(draft);
}

static enum session_mark join(enum session_mark a, enum session_mark b)
{
    if (a == SESSION_MARK_NONE || a == b)
        return b;
    return b == SESSION_MARK_NONE ? a : SESSION_MARK_PARTLY;
}

static enum session_mark mark_of(unsigned marks, unsigned fixed, enum freeze_mark which)
{
    if (!(marks & which))
        return SESSION_MARK_NONE;
    return fixed & which ? SESSION_MARK_FROZEN : SESSION_MARK_THAWED;
}

struct session_layer *layers_begin_stage(struct session_layer *row)
{
    row->weights = row->affine = row->statistics = row->dropout = row->all = SESSION_MARK_NONE;
    row->update_ratio = -1;
    return row;
}

void layers_fill_marks(struct session_layer *row, unsigned marks, unsigned fixed)
{
    row->weights = mark_of(marks, fixed, FREEZE_WEIGHTS);
    row->affine = mark_of(marks, fixed, FREEZE_AFFINE);
    row->statistics = mark_of(marks, fixed, FREEZE_STATISTICS);
    row->dropout = mark_of(marks, fixed, FREEZE_DROPOUT);
    row->all = join(join(row->weights, row->affine), join(row->statistics, row->dropout));
}

void layers_join_stage(struct session_layer *stage, const struct session_layer *row)
{
    if (!stage)
        return;
    stage->weights = join(stage->weights, row->weights);
    stage->affine = join(stage->affine, row->affine);
    stage->statistics = join(stage->statistics, row->statistics);
    stage->dropout = join(stage->dropout, row->dropout);
    stage->all = join(stage->all, row->all);
    if (row->update_ratio > stage->update_ratio)
        stage->update_ratio = row->update_ratio;
}

void layers_mark(struct session *session)
{
    struct session_layer *stage = NULL;
    for (size_t i = 0; i < session->draft->layers; i++) {
        struct session_layer *row = &session->draft->layer[i];
        int node = session->draft->layer_node[i];
        if (row->is_stage) {
            stage = layers_begin_stage(row);
            continue;
        }
        layers_fill_marks(row, freeze_marks(session->draft->graph, node), session->draft->freeze->fixed[node]);
        layers_join_stage(stage, row);
    }
}

/* The run whose layers are meant; NULL: the next one's. */
struct view *view_subject(const struct session *session)
{
    return session_subject(session) == SESSION_SHOWN_RUN ? view_shown(session) : NULL;
}

size_t session_layers(const struct session *session, const struct session_layer **layers)
{
    struct view *view = view_subject(session);
    if (view)
        return run_layers(view, layers);
    *layers = session->draft->layer;
    return session->draft->layers;
}

/* --- changes --- */

static void push_undo(struct session *session)
{
    if (session->draft->undos == SESSION_UNDO) {
        freeze_destroy(session->draft->undo[0]);
        memmove(session->draft->undo, session->draft->undo + 1, (SESSION_UNDO - 1) * sizeof session->draft->undo[0]);
        session->draft->undos--;
    }
    session->draft->undo[session->draft->undos++] = freeze_copy(session->draft->freeze);
}

static bool has_model(struct session *session, struct error *error)
{
    return opening_settle(session, error) &&
           (session->draft->graph || error_set(error, ERROR_USAGE, "no model is chosen"));
}

/* Whether there is such a row of the subject. */
static bool has_row(struct session *session, size_t row, struct error *error)
{
    const struct session_layer *unused;
    if (!view_subject(session) && !has_model(session, error))
        return false;
    return row < session_layers(session, &unused) || error_set(error, ERROR_USAGE, "there is no layer %zu", row + 1);
}

bool session_toggle_freeze(struct session *session, size_t row, unsigned marks, struct error *error)
{
    if (!has_row(session, row, error))
        return false;
    if (view_subject(session))
        return run_layers_toggle(session, row, marks, error);
    size_t end = row + 1;
    if (session->draft->layer[row].is_stage)
        while (end < session->draft->layers && !session->draft->layer[end].is_stage)
            end++;
    size_t first = session->draft->layer[row].is_stage ? row + 1 : row;
    bool all_fixed = true;
    unsigned touched = 0;
    for (size_t i = first; i < end; i++) {
        int node = session->draft->layer_node[i];
        unsigned of_node = freeze_marks(session->draft->graph, node) & marks;
        touched |= of_node;
        all_fixed &= (session->draft->freeze->fixed[node] & of_node) == of_node;
    }
    if (!touched)
        return error_set(error, ERROR_USAGE, "%s has nothing of that kind to freeze", session->draft->layer[row].name);
    push_undo(session);
    for (size_t i = first; i < end; i++)
        freeze_set(session->draft->freeze, session->draft->graph, session->draft->layer_node[i],
                   freeze_marks(session->draft->graph, session->draft->layer_node[i]) & marks, !all_fixed);
    layers_mark(session);
    return true;
}

bool session_freeze_upto(struct session *session, size_t row, struct error *error)
{
    if (!has_row(session, row, error))
        return false;
    if (view_subject(session))
        return run_layers_upto(session, row, error);
    push_undo(session);
    if (!freeze_upto(session->draft->freeze, session->draft->graph, session->draft->layer[row].name, error)) {
        freeze_destroy(session->draft->undo[--session->draft->undos]);
        return false;
    }
    layers_mark(session);
    return true;
}

bool session_freeze_match(struct session *session, const char *patterns, bool frozen, struct error *error)
{
    if (view_subject(session))
        return run_layers_match(session, patterns, frozen, error);
    if (!has_model(session, error))
        return false;
    push_undo(session);
    if (!freeze_match(session->draft->freeze, session->draft->graph, patterns, frozen, error)) {
        freeze_destroy(session->draft->freeze); /* some patterns may have matched before the one that did not */
        session->draft->freeze = session->draft->undo[--session->draft->undos];
        return false;
    }
    layers_mark(session);
    return true;
}

bool session_undo_freeze(struct session *session, struct error *error)
{
    struct draft *draft = session->draft;
    if (view_subject(session))
        return run_layers_undo(session, error);
    if (!draft->undos)
        return error_set(error, ERROR_USAGE, "nothing to undo");
    freeze_destroy(draft->freeze);
    draft->freeze = draft->undo[--draft->undos];
    layers_mark(session);
    return true;
}

bool layers_from_experiment(struct session *session, struct error *error)
{
    struct freeze *freeze = experiment_freeze(&session->draft->experiment, session->draft->graph, error);
    if (!freeze)
        return false;
    freeze_destroy(session->draft->freeze);
    session->draft->freeze = freeze;
    layers_mark(session);
    return true;
}

/* What the batch norms that learn do with their statistics: one setting says it instead of a long list. Where none
 * learns the setting stays, for those that are thawed later. */
static enum bn_statistics statistics_of_learning(const struct session *session)
{
    int fixed = 0, moving = 0;
    for (int node = 0; node < session->draft->graph->nodes; node++) {
        unsigned bits = session->draft->freeze->fixed[node];
        if (!(freeze_marks(session->draft->graph, node) & FREEZE_STATISTICS) || (bits & FREEZE_AFFINE))
            continue;
        *(bits & FREEZE_STATISTICS ? &fixed : &moving) += 1;
    }
    if (!fixed && !moving)
        return session->draft->experiment.freeze.bn_stats;
    return moving ? BN_STATS_MOVING : BN_STATS_FIXED;
}

bool layers_are_named(const struct session *session)
{
    const struct draft *draft = session->draft;
    struct error unused;
    struct freeze *named = draft->graph ? experiment_freeze(&draft->experiment, draft->graph, &unused) : NULL;
    bool same = named && is_same_plan(named, draft->freeze);
    freeze_destroy(named);
    return same;
}

bool layers_to_experiment(struct session *session, struct error *error)
{
    struct experiment *experiment = &session->draft->experiment;
    if (layers_are_named(session))
        return true;
    struct freeze *listed = freeze_copy(session->draft->freeze);
    enum bn_statistics statistics = statistics_of_learning(session);
    if (statistics == BN_STATS_FIXED)
        freeze_statistics(listed, session->draft->graph, false);
    char *frozen = freeze_describe(listed, session->draft->graph);
    freeze_destroy(listed);
    bool fits = strlen(frozen) < sizeof experiment->freeze.frozen;
    if (fits) {
        snprintf(experiment->freeze.frozen, sizeof experiment->freeze.frozen, "%s", frozen);
        snprintf(experiment->freeze.upto, sizeof experiment->freeze.upto, "%s", frozen[0] ? "" : "none");
        experiment->freeze.bn_stats = statistics;
    } else {
        error_set(error, ERROR_USAGE, "the freeze plan takes more than %zu characters to write down",
                  sizeof experiment->freeze.frozen);
    }
    mem_free(frozen);
    return fits;
}

/* --- counts --- */

/* Multiply-adds of the backward pass for one image: a layer that learns needs its weight gradient, and every layer
 * above the lowest that learns must pass the gradient down. */
static double backward_macs(const struct session *session)
{
    const struct graph *graph = session->draft->graph;
    char *learns_below = mem_array((size_t)graph->nodes, 1);
    double macs = 0;
    for (int i = 0; i < graph->nodes; i++) {
        const struct graph_node *node = &graph->node[i];
        bool below = false, learns = false;
        for (int k = 0; k < node->inputs; k++)
            below |= learns_below[node->input[k]];
        for (int p = 0; p < node->params; p++)
            learns |= graph->param[node->first_param + p].role != OP_ROLE_STATISTICS &&
                      freeze_param_moves(session->draft->freeze, graph, node->first_param + p);
        learns_below[i] = below || learns;
        macs += graph_node_cost(graph, i, 1).macs * (learns + below);
    }
    mem_free(learns_below);
    return macs;
}

void session_freeze_counts(const struct session *session, struct session_freeze_counts *counts)
{
    *counts = (struct session_freeze_counts){0};
    if (view_subject(session)) {
        run_layers_counts(view_subject(session), counts);
        return;
    }
    if (!session->draft->graph)
        return;
    struct freeze_counts of_plan = freeze_counts(session->draft->freeze, session->draft->graph);
    counts->trainable = (double)of_plan.trainable;
    counts->frozen = (double)of_plan.frozen;
    counts->layers_trainable = of_plan.layers_trainable;
    counts->layers_frozen = of_plan.layers_frozen;
    counts->macs_forward = graph_totals(session->draft->graph).macs;
    counts->macs_backward = backward_macs(session);
}
