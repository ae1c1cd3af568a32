/* The worker team. A job is a counter of tasks that workers draw from; the caller draws too. Workers wait for the next
 * job a short while on the counter (a network is a string of jobs only microseconds apart) and then sleep. */
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
    atomic_uint generation; /* counts jobs; changes tell workers that there is one */
    atomic_int next;        /* next task to hand out */
    atomic_int busy;        /* workers that have not finished the job */
    atomic_bool stop;
    int tasks;
    team_task run;
    void *context;
};

struct worker {
    struct team *team;
    int number;
};

static void draw_tasks(struct team *team, int worker)
{
    for (;;) {
        int task = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (task >= team->tasks)
            return;
        team->run(team->context, task, worker);
    }
}

/* Returns the new generation once there is a job, or the same one when the team stops. */
static unsigned wait_for_job(struct team *team, unsigned seen)
{
    double until = clock_monotonic() + spin_seconds;
    do {
        unsigned now = atomic_load_explicit(&team->generation, memory_order_acquire);
        if (now != seen)
            return now;
        sched_yield();
    } while (clock_monotonic() < until);
    pthread_mutex_lock(&team->lock);
    unsigned now;
    while ((now = atomic_load_explicit(&team->generation, memory_order_acquire)) == seen)
        pthread_cond_wait(&team->work, &team->lock);
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
        if (atomic_fetch_sub_explicit(&team->busy, 1, memory_order_acq_rel) == 1) {
            pthread_mutex_lock(&team->lock);
            pthread_cond_signal(&team->done);
            pthread_mutex_unlock(&team->lock);
        }
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

static void announce(struct team *team)
{
    pthread_mutex_lock(&team->lock);
    atomic_fetch_add_explicit(&team->generation, 1, memory_order_release);
    pthread_cond_broadcast(&team->work);
    pthread_mutex_unlock(&team->lock);
}

void team_destroy(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    announce(team);
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
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store_explicit(&team->busy, team->threads - 1, memory_order_relaxed);
    announce(team);
    draw_tasks(team, 0);
    double until = clock_monotonic() + spin_seconds;
    while (atomic_load_explicit(&team->busy, memory_order_acquire) && clock_monotonic() < until)
        sched_yield();
    if (!atomic_load_explicit(&team->busy, memory_order_acquire))
        return;
    pthread_mutex_lock(&team->lock);
    while (atomic_load_explicit(&team->busy, memory_order_acquire))
        pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
}
