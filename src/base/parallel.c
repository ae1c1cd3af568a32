/* The worker team. A job is cut into one range of tasks for each worker, and each range has a ticket: the job's generation
 * and how many of its tasks are left to hand out. A worker draws from its own range, then from those of others; the job
 * is over when all tasks are done, whether or not every worker has come to see it. So a team larger than the machine
 * waits for nobody who has nothing to do. Ranges of their own, because jobs that follow each other are cut alike: what a
 * worker reads it mostly wrote itself, and cores that share no cache pass little between them. Workers look for the next
 * job a short while (a network is a string of jobs only microseconds apart) and then sleep. */
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

struct range {
    atomic_uint_least64_t ticket;             /* generation << 32 | tasks not yet drawn */
    char apart[MEM_ALIGN - sizeof(uint64_t)]; /* no two on one cache line */
};

struct team {
    int threads;
    pthread_t *thread;
    struct range *range; /* [threads] */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    atomic_int left;     /* tasks not yet done */
    atomic_int sleepers; /* workers that wait for `work` */
    atomic_bool waits;   /* the caller waits for `done` */
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

/* The first task of a worker's range, and with worker + 1 the end of it. */
static int range_start(const struct team *team, int worker)
{
    return (int)((int64_t)team->tasks * worker / team->threads);
}

/* Whoever holds an undone task keeps its job from ending, so what the job is may be read. */
static void draw_range(struct team *team, int owner, int worker)
{
    atomic_uint_least64_t *from = &team->range[owner].ticket;
    uint64_t ticket = atomic_load_explicit(from, memory_order_acquire);
    while (tasks_of(ticket) > 0) {
        if (!atomic_compare_exchange_weak_explicit(from, &ticket, ticket - 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        team->run(team->context, range_start(team, owner + 1) - (int)tasks_of(ticket), worker);
        if (atomic_fetch_sub(&team->left, 1) == 1 && atomic_load(&team->waits)) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_signal(&team->done);
            pthread_mutex_unlock(&team->lock);
        }
        ticket = atomic_load_explicit(from, memory_order_acquire);
    }
}

static void draw_tasks(struct team *team, int worker)
{
    for (int i = 0; i < team->threads; i++)
        draw_range(team, (worker + i) % team->threads, worker);
}

/* Returns the new generation once there is a job, or when the team stops. */
static unsigned wait_for_job(struct team *team, int worker, unsigned seen)
{
    atomic_uint_least64_t *ticket = &team->range[worker].ticket;
    double until = clock_monotonic() + spin_seconds;
    do {
        unsigned now = generation_of(atomic_load_explicit(ticket, memory_order_acquire));
        if (now != seen)
            return now;
        sched_yield();
    } while (clock_monotonic() < until);
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add(&team->sleepers, 1);
    unsigned now;
    while ((now = generation_of(atomic_load(ticket))) == seen)
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
        seen = wait_for_job(team, worker.number, seen);
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

int team_cores(int threads)
{
    return threads > 0 ? threads : available_cores();
}

struct team *team_create(int threads)
{
    struct team *team = mem_alloc(sizeof *team);
    team->threads = team_cores(threads);
    pthread_mutex_init(&team->lock, NULL);
    pthread_cond_init(&team->work, NULL);
    pthread_cond_init(&team->done, NULL);
    team->thread = mem_array((size_t)team->threads, sizeof *team->thread);
    team->range = mem_array((size_t)team->threads, sizeof *team->range);
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

/* Tickets are written before sleepers are counted, and those are counted before they look at their own: one of both sees
 * the other. */
static void announce(struct team *team, int tasks)
{
    uint64_t generation = generation_of(atomic_load_explicit(&team->range[0].ticket, memory_order_relaxed)) + 1u;
    team->tasks = tasks;
    for (int i = team->threads - 1; i >= 0; i--) {
        uint64_t count = (uint64_t)(range_start(team, i + 1) - range_start(team, i));
        atomic_store(&team->range[i].ticket, generation << 32 | count);
    }
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
    mem_free(team->range);
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
