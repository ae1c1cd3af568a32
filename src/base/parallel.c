/* The worker team. A job is a ticket, its generation and how many tasks are left to hand out, from which workers and the
 * caller draw; it is over when all its tasks are done, whether or not every worker has come to see it. So a team larger
 * than the machine waits for nobody who has nothing to do. Workers look for the next job a short while (a network is a
 * string of jobs only microseconds apart) and then sleep. */
#include "config.h"

#include "thaw/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

/* How long a worker looks for the next job before it sleeps: longer than the gap between two layers, short enough to
 * leave the core to others between steps. */
static const double spin_seconds = 50e-6;

struct team {
    int threads;
    pthread_t *thread;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_uint_least64_t ticket; /* generation << 32 | tasks not yet drawn */
    atomic_int left;              /* tasks not yet done */
    atomic_int sleepers;          /* workers that wait for `work` */
    atomic_bool waits;            /* the caller waits for `done` */
    atomic_bool stop;
    /* of the job: written before its ticket is, read only by who has drawn one of its tasks */
    int tasks;
    team_task run;
    void *context;
};

struct worker {
    struct team *team;
    int number;
};

static unsigned generation_of(uint64_t ticket)
{
    return (unsigned)(ticket >> 32);
}

static unsigned tasks_of(uint64_t ticket)
{
    return (unsigned)(ticket & UINT32_MAX);
}

/* Whoever holds an undone task keeps its job from ending, so what the job is may be read. */
static void draw_tasks(struct team *team, int worker)
{
    uint64_t ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    while (tasks_of(ticket) > 0) {
        if (!atomic_compare_exchange_weak_explicit(&team->ticket, &ticket, ticket - 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        team->run(team->context, team->tasks - (int)tasks_of(ticket), worker);
        if (atomic_fetch_sub(&team->left, 1) == 1 && atomic_load(&team->waits)) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_signal(&team->done);
            pthread_mutex_unlock(&team->lock);
        }
        ticket = atomic_load_explicit(&team->ticket, memory_order_acquire);
    }
}

/* Returns the new generation once there is a job, or when the team stops. */
static unsigned wait_for_job(struct team *team, unsigned seen)
{
    double until = clock_monotonic() + spin_seconds;
    do {
        unsigned now = generation_of(atomic_load_explicit(&team->ticket, memory_order_acquire));
        if (now != seen)
            return now;
        sched_yield();
    } while (clock_monotonic() < until);
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    unsigned now;
    while ((now = generation_of(atomic_load(&team->ticket))) == seen)
        pthread_cond_wait(&team->work, &team->lock);
    atomic_fetch_sub(&team->sleepers, 1);
    pthread_mutex_unlock(&team->lock);
    return now;
}

static void *work(void *argument)
{
    struct worker worker = *(struct worker *)argument;
    mem_free(argument);
    struct team *team = worker.team;
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_job(team, seen);
        if (atomic_load(&team->stop))
            return NULL;
        draw_tasks(team, worker.number);
    }
}

static int available_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

struct team *team_create(int threads)
{
    struct team *team = mem_alloc(sizeof *team);
    team->threads = threads > 0 ? threads : available_cores();
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->work, NULL);
    pthread_cond_init(&team->done, NULL);
    team->thread = mem_array((size_t)team->threads, sizeof *team->thread);
    for (int i = 1; i < team->threads; i++) {
        struct worker *worker = mem_alloc(sizeof *worker);
        *worker = (struct worker){team, i};
        if (pthread_create(&team->thread[i], NULL, work, worker) != 0) {
            mem_free(worker);
            team->threads = i; /* fewer threads give the same results */
            break;
        }
    }
    return team;
}

/* The ticket is written before sleepers are counted, and they are counted before they look at it: one of both sees the
 * other. */
static void announce(struct team *team, int tasks)
{
    uint64_t generation = generation_of(atomic_load_explicit(&team->ticket, memory_order_relaxed)) + 1u;
    atomic_store(&team->ticket, generation << 32 | (uint64_t)tasks);
    if (atomic_load(&team->sleepers) == 0)
        return;
    pthread_mutex_lock(&team->lock);
    pthread_cond_broadcast(&team->work);
    pthread_mutex_unlock(&team->lock);
}

void team_destroy(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    announce(team, 0);
    for (int i = 1; i < team->threads; i++)
        pthread_join(team->thread[i], NULL);
    pthread_cond_destroy(&team->done);
    pthread_cond_destroy(&team->work);
    pthread_mutex_destroy(&team->lock);
    mem_free(team->thread);
    mem_free(team);
}

int team_threads(const struct team *team)
{
    return team->threads;
}

void team_run(struct team *team, int tasks, team_task run, void *context)
{
    if (tasks <= 0)
        return;
    if (tasks == 1 || team->threads == 1) {
        for (int task = 0; task < tasks; task++)
            run(context, task, 0);
        return;
    }
    team->tasks = tasks;
    team->run = run;
    team->context = context;
    atomic_store_explicit(&team->left, tasks, memory_order_relaxed);
    announce(team, tasks);
    draw_tasks(team, 0);
    double until = clock_monotonic() + spin_seconds;
    while (atomic_load_explicit(&team->left, memory_order_acquire) && clock_monotonic() < until)
        sched_yield();
    if (!atomic_load_explicit(&team->left, memory_order_acquire))
        return;
    pthread_mutex_lock(&team->lock);
    atomic_store(&team->waits, true);
    while (atomic_load(&team->left))
        pthread_cond_wait(&team->done, &team->lock);
    atomic_store(&team->waits, false);
    pthread_mutex_unlock(&team->lock);
}
