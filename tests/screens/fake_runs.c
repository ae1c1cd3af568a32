/* The scripted session's list of runs: naming, labelling, deleting, forking, and looks at them. Linked with fake_session.c. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fake_state.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"
#include "thaw/session/query.h"
#include "thaw/session/run_columns.h"

static const struct session_run run_rows[RUNS] = {
    {"/data/runs/20261120-091200-indian-head", "20261120-091200-indian-head", "resnet20 american signs",
     "/data/samples/indian", 1795165920, 9.4, 20, 20, 18, 0.936, 0.934, 650, 269066, "finished", false, "", "", "", ""},
    {"/data/runs/20261120-093000-indian-scratch", "20261120-093000-indian-scratch", "resnet20", "/data/samples/indian",
     1795167000, 58, 20, 20, 17, 0.612, 0.604, 269716, 0, "finished", false, "", "", "", ""},
    {"/data/runs/20261121-140500-ants-bees", "20261121-140500-ants-bees", "mobilenet_v1_0.25",
     "/home/user/photos/hymenoptera", 1795269900, 33, 7, 15, 6, 0.915, 0.902, 514, 475544, "stopped", false, "", "", "",
     ""},
    {"/data/runs/20261121-141100-vgg-american", "20261121-141100-vgg-american", "vgg_slim american signs",
     "/data/samples/american", 1795270260, 412.5, 3, 30, -1, -1, -1, 594000, 0, "broken off", false, "", "", "", ""},
};

void fake_init_runs(struct session *session)
{
    for (size_t i = 0; i < RUNS; i++) {
        struct session_run *run = &session->run[i];
        *run = run_rows[i];
        snprintf(session->run_text[i].path, sizeof session->run_text[i].path, "%s", run_rows[i].path);
        run->path = session->run_text[i].path;
        run->name = strrchr(run->path, '/') + 1;
        run->tags = session->run_text[i].tags;
        run->note = session->run_text[i].note;
        run->parent = run->damage = "";
    }
}

struct session_run *fake_find_run(struct session *session, const char *run)
{
    for (size_t i = 0; i < RUNS; i++)
        if (!session->run_text[i].gone && (strcmp(session->run[i].path, run) == 0 || strstr(session->run[i].name, run)))
            return &session->run[i];
    return NULL;
}

static size_t list(struct session *session, bool deleted, const struct session_run **runs)
{
    size_t count = 0;
    for (size_t i = session->runs_slow ? RUNS - session->runs_come : 0; i < RUNS && !session->empty; i++)
        if (session->run_text[i].deleted == deleted && !session->run_text[i].gone)
            session->listed[count++] = session->run[i];
    *runs = session->listed;
    return count;
}

size_t session_runs(struct session *session, bool trash, const struct session_run **runs)
{
    return list(session, trash, runs);
}

bool session_match_runs(const struct session *session, bool trash, const char *filter, bool *matches, size_t count,
                        struct error *error)
{
    size_t at = 0;
    struct query *query = query_create(filter, run_columns, error);
    for (size_t i = session->runs_slow ? RUNS - session->runs_come : 0; query && i < RUNS && at < count; i++) {
        const struct session_run *run = &session->run[i];
        const struct fake_run_text *text = &session->run_text[i];
        struct rundir_summary row = {.name = (char *)(uintptr_t)run->name,
                                     .data = (char *)(uintptr_t)run->data,
                                     .weights = "",
                                     .parent = "",
                                     .fault = "",
                                     .damage = "",
                                     .best_accuracy = run->best_accuracy,
                                     .last_accuracy = run->last_accuracy,
                                     .epochs_done = run->epochs_done,
                                     .started = run->started,
                                     .seconds = run->seconds,
                                     .done = true};
        snprintf(row.model, sizeof row.model, "%s", run->model);
        row.labels.all = (char *)(uintptr_t)text->tags;
        row.labels.note = (char *)(uintptr_t)text->note;
        if (text->deleted == trash && !text->gone && !session->empty)
            matches[at++] = query_match(query, &row);
    }
    query_destroy(query);
    return query != NULL;
}

void fake_session_slow_runs(struct session *session, size_t come)
{
    session->runs_slow = true;
    session->runs_come = come;
    session->runs_read++;
    session->opened = true; /* something for the next pump */
}

void session_read_runs(struct session *session, bool trash)
{
    (void)trash;
    session->runs_read += !session->runs_slow;
}

bool session_runs_left(const struct session *session, bool trash, size_t *left)
{
    (void)trash;
    *left = session->runs_slow ? RUNS - session->runs_come : 0;
    return *left > 0;
}

unsigned session_runs_news(const struct session *session, bool trash)
{
    (void)trash;
    return session->runs_read;
}

/* The last session made has the runs: these two calls are told none. */
static struct session *owner;

void fake_own_runs(struct session *session)
{
    owner = session;
}

static bool is_there(const char *path, struct error *error)
{
    return fake_find_run(owner, path) ||
           error_set(error, ERROR_FAILED, "%s is not there any more", strrchr(path, '/') + 1);
}

bool session_rename_run(struct session *session, const char *path, const char *name, struct error *error)
{
    struct session_run *run = fake_find_run(session, path);
    struct fake_run_text *text = &session->run_text[run - session->run];
    if (strchr(name, '/'))
        return error_set(error, ERROR_USAGE, "\"%s\" is no name for a directory", name);
    snprintf(text->path, sizeof text->path, "/data/runs/%.15s-%s", strrchr(path, '/') + 1, name);
    run->name = strrchr(run->path, '/') + 1;
    return true;
}

static bool set_deleted(struct session *session, const char *path, bool deleted)
{
    session->run_text[fake_find_run(session, path) - session->run].deleted = deleted;
    return true;
}

bool session_delete_run(struct session *session, const char *path, struct error *error)
{
    return is_there(path, error) && set_deleted(session, path, true);
}

bool session_restore_run(struct session *session, const char *path, struct error *error)
{
    (void)error;
    return set_deleted(session, path, false);
}

char *session_run_heirs(const char *path)
{
    return strstr(path, "scratch") ? mem_string("20261121-141100-vgg-american") : NULL;
}

bool session_tag_run(const char *path, const char *words, struct error *error)
{
    if (!is_there(path, error))
        return false;
    struct fake_run_text *text = &owner->run_text[fake_find_run(owner, path) - owner->run];
    snprintf(text->tags, sizeof text->tags, "%s", words);
    return true;
}

bool session_note_run(const char *path, const char *words, struct error *error)
{
    (void)error;
    struct fake_run_text *text = &owner->run_text[fake_find_run(owner, path) - owner->run];
    snprintf(text->note, sizeof text->note, "%s", words);
    return true;
}

void fake_session_lose_run(struct session *session, const char *name)
{
    session->run_text[fake_find_run(session, name) - session->run].gone = true;
}

char *session_checkpoints(const char *path, struct error *error)
{
    if (!is_there(path, error))
        return NULL;
    return mem_string(strstr(path, "vgg") ? "" : "last | epoch-0005 | best");
}

bool session_fork(struct session *session, const char *path, const char *checkpoint, struct error *error)
{
    (void)error;
    snprintf(session->fork, sizeof session->fork, "%s", path);
    snprintf(session->checkpoint, sizeof session->checkpoint, "%s", checkpoint);
    return true;
}

void session_no_fork(struct session *session)
{
    session->fork[0] = session->checkpoint[0] = '\0';
}

const char *session_forks(const struct session *session, const char **checkpoint)
{
    *checkpoint = session->checkpoint;
    return session->fork;
}

static double wave(uint64_t step)
{
    uint64_t h = step * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
    return (double)(h >> 40) / (double)(1 << 24) - 0.5;
}

/* --- looks at runs: the first is still being read --- */

static void fill_curve(struct story_curve *curve, struct story_point *point, size_t points, double step, double from,
                       double to)
{
    for (size_t i = 0; i < points; i++) {
        double x = step * (double)(i + 1);
        point[i] = (struct story_point){x, to + (from - to) * exp(-x / 4) + 0.02 * wave(i)};
    }
    *curve = (struct story_curve){.point = point, .points = points};
}

const struct session_look *session_look(struct session *session, const char *path)
{
    enum { EPOCHS = 20, STEPS = 100 };
    static struct story story[RUNS];
    static struct session_look look[RUNS];
    static struct story_point point[RUNS][4][STEPS];
    const struct session_run *run = fake_find_run(session, path);
    size_t row = run ? (size_t)(run - session->run) : RUNS;
    if (row == RUNS || row == 3)
        return NULL;
    double best = run->best_accuracy;
    story[row].epochs = run->epochs;
    fill_curve(&story[row].train_loss, point[row][0], STEPS, 0.2, 2.3, 1.1 - best);
    fill_curve(&story[row].val_loss_curve, point[row][1], EPOCHS, 1, 2.2, 1.2 - best);
    fill_curve(&story[row].train_figure[0], point[row][2], STEPS, 0.2, 0.1, best);
    fill_curve(&story[row].val_figure[0], point[row][3], EPOCHS, 1, 0.1, best);
    look[row] =
        (struct session_look){&story[row], row == 1 ? "" : "train.lr = 0.02\ntrain.batch = 20\nfreeze.upto = trunk"};
    return &look[row];
}
