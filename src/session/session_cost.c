/* What the next run would take. Bytes come from a dry plan, at once; seconds from what is known of this machine and of the
 * images, which a job measures the first time that it is asked for, unless a run trains here. Once measured it is
 * remembered in the cache folder, but for the images: a few of them are read whenever others are chosen. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "session_private.h"
#include "thaw/base/mem.h"
#include "thaw/train/cost.h"

/* What is asked about: the answer stands while it is the same. */
struct question {
    struct experiment experiment;
    const struct graph *graph;
    const struct dataset *dataset;
    char arch[GRAPH_NAME_MAX], data[EXPERIMENT_TEXT];
    size_t values, items[DATASET_SPLITS];
};

/* For the job: it reads copies of all that the session may let go, and writes what is behind the line. */
struct measuring {
    struct graph *outline;
    struct freeze *freeze;
    struct dataset_images sample[DATASET_SPLITS];
    struct loader_options loading[DATASET_SPLITS];
    int threads;
    bool wants_speed, wants_pace;
    char *pace_of;
    unsigned question;
    /* --- */
    struct speed speed;
    struct data_pace pace[DATASET_SPLITS];
};

/* For the job that searches a plan for too little memory, likewise. */
struct searching {
    struct experiment experiment;
    struct graph *outline;
    struct freeze *freeze;
    struct dataset dataset; /* with the numbers of images alone */
    struct speed speed;
    struct data_pace pace[DATASET_SPLITS];
    bool speed_known, pace_known, has_data;
    unsigned question;
    /* --- */
    struct train_cost cost;
};

struct costs {
    struct kernel_table *kernels;
    struct speed speed;
    int speed_threads; /* that `speed` was looked up for; -1: for none */
    bool speed_known;
    struct data_pace pace[DATASET_SPLITS];
    char *pace_of; /* the images that it is of, and how they are read; NULL: of none */

    struct question question;
    unsigned char *fixed; /* [graph->nodes] of the question; NULL: none was asked */
    unsigned questions;   /* asked so far: the number of this one */
    unsigned tried;       /* that all which can be measured was measured for */
    bool stale;           /* more is known than when it was answered */
    struct train_cost cost;
    struct error error; /* of kind NONE: `cost` is the answer */

    struct measuring *coming; /* the job's until it has ended */
    struct job *job;          /* NULL: nothing is being measured */
    struct searching *sought; /* the job's until it has ended */
    struct job *search;       /* NULL: no plan is being searched */
};

/* --- the job --- */

static void free_sample(struct dataset_images *sample)
{
    for (size_t i = 0; i < sample->items; i++)
        dataset_item_finish(&sample->item[i]);
    mem_free(sample->item);
}

static void free_measuring(struct measuring *measuring)
{
    if (!measuring)
        return;
    graph_destroy(measuring->outline);
    freeze_destroy(measuring->freeze);
    for (int s = 0; s < DATASET_SPLITS; s++)
        free_sample(&measuring->sample[s]);
    mem_free(measuring->pace_of);
    mem_free(measuring);
}

static bool go_on(void *context)
{
    return !job_cancelled(context);
}

/* Images that cannot be read cost no time. */
static void measure_pace(struct data_pace pace[DATASET_SPLITS], const struct dataset_images *images,
                         const struct loader_options *loading)
{
    struct error unused;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        pace[s] = (struct data_pace){0};
        if (images[s].items > 0 && !data_pace_measure(&pace[s], &images[s], &loading[s], &unused))
            pace[s] = (struct data_pace){0};
    }
}

static bool measure(struct job *job, void *context, struct error *error)
{
    struct measuring *measuring = context;
    struct team *team = team_create(measuring->threads);
    bool good = !measuring->wants_speed || speed_measure(&measuring->speed, team, go_on, job);
    if (good && measuring->wants_pace)
        measure_pace(measuring->pace, measuring->sample, measuring->loading);
    struct kernel_table *kernels = kernel_table_open(NULL);
    if (good)
        kernel_table_measure_while(kernels, measuring->outline, measuring->freeze, team, go_on, job);
    kernel_table_close(kernels);
    team_destroy(team);
    return (good && !job_cancelled(job)) || error_set(error, ERROR_STOPPED, "measuring was stopped");
}

static void free_searching(struct searching *searching)
{
    if (!searching)
        return;
    graph_destroy(searching->outline);
    freeze_destroy(searching->freeze);
    mem_free(searching);
}

static bool search(struct job *job, void *context, struct error *error)
{
    (void)job;
    struct searching *searching = context;
    struct kernel_table *kernels = kernel_table_open(NULL);
    struct train_cost_request request = {.experiment = &searching->experiment,
                                         .graph = searching->outline,
                                         .freeze = searching->freeze,
                                         .dataset = searching->has_data ? &searching->dataset : NULL,
                                         .threads = searching->experiment.train.threads,
                                         .kernels = kernels,
                                         .speed = searching->speed_known ? &searching->speed : NULL,
                                         .pace = searching->pace_known ? searching->pace : NULL};
    bool good = train_cost(&searching->cost, &request, error);
    kernel_table_close(kernels);
    return good;
}

/* --- what is known --- */

static struct train_cost_request request_of(const struct session *session)
{
    const struct draft *draft = session->draft;
    const struct costs *costs = session->costs;
    return (struct train_cost_request){.experiment = &draft->experiment,
                                       .graph = draft->graph,
                                       .freeze = draft->freeze,
                                       .dataset = draft->dataset,
                                       .threads = draft->experiment.train.threads,
                                       .kernels = costs->kernels};
}

/* The images and how they are read, as far as it makes a difference to how long that takes; caller frees. */
static char *name_pace(const struct session *session)
{
    const struct draft *draft = session->draft;
    struct train_cost_request request = request_of(session);
    char *text = mem_string(draft->dataset->path);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        struct loader_options o = train_cost_loading(&request, (enum dataset_split)s);
        const struct preprocess *p = &o.preprocess;
        char *longer =
            mem_format("%s\n%zu %dx%dx%d resize %d augment %d fast %d", text, draft->dataset->images[s].items,
                       p->height, p->width, p->channels, p->resize, (int)o.augment, o.fast);
        mem_free(text);
        text = longer;
    }
    return text;
}

/* Images that lie in memory are read here and now: that takes a millisecond, and they are the dataset's. */
static bool know_pace(struct session *session)
{
    struct costs *costs = session->costs;
    const struct dataset *dataset = session->draft->dataset;
    char *name = name_pace(session);
    bool known = costs->pace_of && strcmp(name, costs->pace_of) == 0;
    const struct dataset_images *images = dataset->images;
    if (!known &&
        ((images[0].items > 0 && images[0].item->pixels) || (images[1].items > 0 && images[1].item->pixels))) {
        struct train_cost_request request = request_of(session);
        struct loader_options loading[DATASET_SPLITS];
        for (int s = 0; s < DATASET_SPLITS; s++)
            loading[s] = train_cost_loading(&request, (enum dataset_split)s);
        measure_pace(costs->pace, images, loading);
        mem_free(costs->pace_of);
        costs->pace_of = mem_string(name);
        costs->stale = true;
        known = true;
    }
    mem_free(name);
    return known;
}

static bool know_speed(struct session *session)
{
    struct costs *costs = session->costs;
    int threads = session->draft->experiment.train.threads;
    if (costs->speed_threads != threads) {
        costs->speed_known = speed_read(&costs->speed, threads);
        costs->speed_threads = threads;
    }
    return costs->speed_known;
}

/* --- starting the job, and what it brings --- */

/* A run trains in this process or in an engine of this machine. */
static bool trains_here(const struct session *session)
{
    for (size_t i = 0; i < session->views; i++) {
        const struct view *view = session->view[i];
        if (session_phase_is_live(view_phase(view)) && !link_is_replay(view->link) && !link_host(view->link)[0])
            return true;
    }
    return false;
}

static struct dataset_images copy_sample(const struct dataset_images *images)
{
    size_t count = images->items < DATA_PACE_IMAGES ? images->items : DATA_PACE_IMAGES;
    struct dataset_images sample = {mem_array(count, sizeof *sample.item), count};
    for (size_t i = 0; i < count; i++)
        sample.item[i] = dataset_item_copy(&images->item[i * images->items / count]);
    return sample;
}

static void start(struct session *session, bool wants_speed, bool wants_pace)
{
    struct costs *costs = session->costs;
    struct train_cost_request request = request_of(session);
    struct measuring *measuring = mem_alloc(sizeof *measuring);
    struct error unused;
    *measuring = (struct measuring){.outline = graph_outline(session->draft->graph),
                                    .freeze = freeze_copy(session->draft->freeze),
                                    .threads = session->draft->experiment.train.threads,
                                    .wants_speed = wants_speed,
                                    .wants_pace = wants_pace,
                                    .question = costs->questions};
    for (int s = 0; s < DATASET_SPLITS && wants_pace; s++) {
        measuring->sample[s] = copy_sample(&session->draft->dataset->images[s]);
        measuring->loading[s] = train_cost_loading(&request, (enum dataset_split)s);
    }
    measuring->pace_of = wants_pace ? name_pace(session) : NULL;
    struct job_request job = {.run = measure, .context = measuring, .what = "measure", .wake = session->wake[1]};
    costs->job = job_start(&job, &unused);
    costs->coming = costs->job ? measuring : NULL;
    if (costs->job)
        return;
    costs->tried = costs->questions; /* there would be no thread the next time either */
    free_measuring(measuring);
}

static void start_search(struct session *session, bool speed_known, bool pace_known)
{
    struct costs *costs = session->costs;
    const struct draft *draft = session->draft;
    struct searching *searching = mem_alloc(sizeof *searching);
    struct error unused;
    *searching = (struct searching){.experiment = draft->experiment,
                                    .outline = graph_outline(draft->graph),
                                    .freeze = freeze_copy(draft->freeze),
                                    .speed = costs->speed,
                                    .speed_known = speed_known,
                                    .pace_known = pace_known,
                                    .has_data = draft->dataset != NULL,
                                    .question = costs->questions};
    memcpy(searching->pace, costs->pace, sizeof searching->pace);
    for (int s = 0; s < DATASET_SPLITS && draft->dataset; s++)
        searching->dataset.images[s].items = draft->dataset->images[s].items;
    struct job_request job = {.run = search, .context = searching, .what = "plan", .wake = session->wake[1]};
    costs->search = job_start(&job, &unused);
    costs->sought = searching;
    if (costs->search)
        return;
    costs->cost.unsearched = false; /* there would be no thread the next time either */
    free_searching(searching);
}

/* What was searched is an answer where nothing has changed meanwhile. */
static size_t take_search(struct costs *costs)
{
    struct error unused;
    if (!costs->search || !job_ended(costs->search))
        return 0;
    struct searching *searching = costs->sought;
    bool good = job_result(costs->search, &unused) && searching->question == costs->questions && !costs->stale;
    job_destroy(costs->search);
    costs->search = NULL;
    if (good)
        costs->cost = searching->cost;
    free_searching(searching);
    return 1;
}

static size_t take_measured(struct session *session)
{
    struct costs *costs = session->costs;
    struct error unused;
    if (!costs->job || !job_ended(costs->job))
        return 0;
    struct measuring *measuring = costs->coming;
    bool all = job_result(costs->job, &unused);
    job_destroy(costs->job);
    costs->job = NULL;
    costs->coming = NULL;
    costs->tried = all ? measuring->question : costs->tried;
    costs->stale = true;
    if (all && measuring->wants_speed) {
        costs->speed = measuring->speed;
        costs->speed_threads = measuring->threads;
        costs->speed_known = true;
    }
    if (all && measuring->wants_pace) {
        memcpy(costs->pace, measuring->pace, sizeof costs->pace);
        mem_free(costs->pace_of);
        costs->pace_of = measuring->pace_of;
        measuring->pace_of = NULL;
    }
    free_measuring(measuring);
    kernel_table_close(costs->kernels);
    costs->kernels = kernel_table_open(NULL);
    return 1;
}

size_t cost_pump(struct session *session)
{
    return session->costs ? take_search(session->costs) + take_measured(session) : 0;
}

void cost_rest(struct session *session)
{
    if (session->costs && session->costs->job)
        job_cancel(session->costs->job);
}

void cost_finish(struct session *session)
{
    struct costs *costs = session->costs;
    if (!costs)
        return;
    job_destroy(costs->job);
    free_measuring(costs->coming);
    if (costs->search) {
        job_destroy(costs->search);
        free_searching(costs->sought);
    }
    kernel_table_close(costs->kernels);
    mem_free(costs->pace_of);
    mem_free(costs->fixed);
    mem_free(costs);
    session->costs = NULL;
}

/* --- asking --- */

static struct question question_of(const struct session *session)
{
    const struct draft *draft = session->draft;
    struct question question;
    memset(&question, 0, sizeof question); /* it is compared byte by byte */
    memcpy(&question.experiment, &draft->experiment, sizeof question.experiment);
    question.graph = draft->graph;
    question.dataset = draft->dataset;
    question.values = draft->graph->values_count;
    strcpy(question.arch, draft->graph->arch);
    if (draft->dataset)
        snprintf(question.data, sizeof question.data, "%s", draft->dataset->path);
    for (int s = 0; s < DATASET_SPLITS && draft->dataset; s++)
        question.items[s] = draft->dataset->images[s].items;
    return question;
}

/* Notes a question that is another than the last. */
static void note_question(struct costs *costs, const struct session *session)
{
    const struct freeze *freeze = session->draft->freeze;
    struct question question = question_of(session);
    size_t nodes = (size_t)freeze->nodes;
    if (costs->fixed && memcmp(&question, &costs->question, sizeof question) == 0 &&
        memcmp(costs->fixed, freeze->fixed, nodes) == 0)
        return;
    costs->questions++;
    costs->stale = true;
    costs->question = question;
    mem_free(costs->fixed);
    costs->fixed = mem_array(nodes, 1);
    memcpy(costs->fixed, freeze->fixed, nodes);
}

static void answer(struct session *session)
{
    struct costs *costs = session->costs;
    struct train_cost_request request = request_of(session);
    bool speed = know_speed(session), pace = session->draft->dataset && know_pace(session);
    note_question(costs, session);
    if (costs->stale) {
        costs->error = (struct error){.kind = ERROR_NONE};
        request.speed = speed ? &costs->speed : NULL;
        request.pace = pace ? costs->pace : NULL;
        request.quick = true;
        bool good = train_cost(&costs->cost, &request, &costs->error);
        (void)good; /* the kind tells */
        costs->stale = false;
    }
    if (costs->cost.unsearched && costs->error.kind == ERROR_NONE && !costs->search)
        start_search(session, speed, pace);
    bool lacks = !speed || !pace || costs->cost.seconds.unknown > 0;
    if (session->measures && session->draft->dataset && costs->error.kind == ERROR_NONE && lacks &&
        costs->tried != costs->questions && !costs->job && !trains_here(session))
        start(session, !speed, !pace);
}

static void cost_of_next_run(struct session *session, struct session_cost *cost)
{
    if (!session->draft->graph)
        return;
    if (!session->costs) {
        session->costs = mem_alloc(sizeof *session->costs);
        session->costs->speed_threads = -1;
        session->costs->kernels = kernel_table_open(NULL);
    }
    answer(session);
    const struct costs *costs = session->costs;
    const struct train_seconds *seconds = &costs->cost.seconds;
    bool asked = costs->error.kind == ERROR_NONE;
    cost->bytes = asked ? (double)costs->cost.bytes.all : 0;
    cost->first = asked ? seconds->first : 0;
    cost->later = asked ? seconds->later : 0;
    cost->firsts = seconds->firsts;
    cost->measuring = costs->job || costs->search;
    const struct error *refused = asked ? &costs->cost.refused : &costs->error;
    if (refused->kind != ERROR_NONE)
        snprintf(cost->refused, sizeof cost->refused, "%s", refused->text);
}

int cost_stages(struct session *session, struct view_stage stage[EXPERIMENT_THAWS])
{
    const struct draft *draft = session->draft;
    const struct costs *costs = session->costs;
    if (draft->experiment.thaws == 0 || !costs || !know_speed(session) || !draft->dataset || !know_pace(session))
        return 0;
    struct train_cost_request request = request_of(session);
    struct freeze *plan = freeze_copy(draft->freeze);
    int count = 0;
    request.freeze = plan;
    request.speed = &costs->speed;
    request.pace = costs->pace;
    request.quick = true;
    for (; count < draft->experiment.thaws; count++) {
        struct train_cost cost;
        struct error unused;
        const struct experiment_thaw *thaw = &draft->experiment.thaw[count];
        if (!freeze_match(plan, draft->graph, thaw->layers, false, &unused) || !train_cost(&cost, &request, &unused) ||
            !cost.seconds.known)
            break;
        stage[count] = (struct view_stage){thaw->epoch, cost.seconds.first, cost.seconds.later, cost.seconds.firsts,
                                           cost.seconds.unknown > 0};
    }
    freeze_destroy(plan);
    return count;
}

void session_cost(struct session *session, struct session_cost *cost)
{
    *cost = (struct session_cost){0};
    const struct view *run = view_subject(session);
    if (!run)
        cost_of_next_run(session, cost);
    else if (run->story.run.kind == EVENT_RUN)
        cost->bytes = (double)run->story.run.u.run.memory;
}
