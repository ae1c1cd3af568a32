/* A child process for work that cannot be trusted. Called by h5file.c.
 *
 * Between fork and its end the child calls the work and what is safe after a fork: glibc keeps malloc usable there, and
 * the work's library is one that the parent never calls, so that none of its locks can be held. The pipe carries frames:
 * a length (4 bytes, host order), then that many bytes; the length END alone says that the work came to its end, so
 * that neither the child's exit status nor another process's copy of the pipe matters. */
#include "config.h"

#include "isolate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

#define END ((uint32_t)0xffffffff)
enum { FRAME = 1 << 16, CLOCK_FACTOR = 10 };
/* Sanitizers slow the child down, and their shadow memory leaves no room for a limit on maps. */
#ifdef THAW_SANITIZED
enum { SLOWNESS = 4, LIMIT_MEMORY = 0 };
#else
enum { SLOWNESS = 1, LIMIT_MEMORY = 1 };
#endif

/* --- the child --- */

struct isolate_out {
    int pipe;
    uint32_t used;
    uint8_t frame[FRAME];
};

static void send_all(int pipe, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    while (size > 0) {
        ssize_t sent = write(pipe, at, size);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            _exit(1); /* the parent has given up */
        at += sent;
        size -= (size_t)sent;
    }
}

static void send_frame(struct isolate_out *out)
{
    if (out->used == 0)
        return;
    send_all(out->pipe, &out->used, sizeof out->used);
    send_all(out->pipe, out->frame, out->used);
    out->used = 0;
}

void isolate_write(struct isolate_out *out, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t part = FRAME - out->used < size ? FRAME - out->used : size;
        memcpy(out->frame + out->used, from, part);
        out->used += (uint32_t)part;
        from += part;
        size -= part;
        if (out->used == FRAME)
            send_frame(out);
    }
}

/* Bytes of address space in use, or 0 where the system does not tell. */
static size_t mapped_bytes(void)
{
    char text[64] = "";
    unsigned long pages = 0;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t length = read(file, text, sizeof text - 1);
    close(file);
    if (length <= 0 || sscanf(text, "%lu", &pages) != 1)
        return 0;
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, size_t value)
{
    struct rlimit bound = {(rlim_t)value, (rlim_t)value};
    setrlimit(resource, &bound); /* lowering what a process may use does not fail */
}

static void set_limits(const struct isolate_limits *limits)
{
    size_t mapped = mapped_bytes();
    if (LIMIT_MEMORY && mapped > 0)
        limit(RLIMIT_AS, mapped + limits->memory);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NOFILE, 0);
    double seconds = limits->seconds * SLOWNESS;
    limit(RLIMIT_CPU, (size_t)seconds + 1);
    struct itimerval timer = {.it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    setitimer(ITIMER_PROF, &timer, NULL); /* SIGPROF ends the process */
}

/* Every signal but the timer's stays blocked, as the parent had them when it forked, so that none of the parent's
 * handlers runs here; faults kill all the same. What the library or libc prints goes nowhere. */
static void become_child(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    static const int deadly[] = {SIGPROF, SIGXCPU, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    sigset_t timer;
    sigemptyset(&timer);
    for (size_t i = 0; i < THAW_LENGTH(deadly); i++) {
        signal(deadly[i], SIG_DFL);
        sigaddset(&timer, deadly[i]);
    }
    sigprocmask(SIG_UNBLOCK, &timer, NULL);
    int nowhere = open("/dev/null", O_RDWR);
    for (int file = 0; file < 3 && nowhere >= 0; file++)
        dup2(nowhere, file);
}

static void run_child(bool (*work)(void *context, struct isolate_out *out), void *context,
                      const struct isolate_limits *limits, int pipe)
{
    struct isolate_out *out = mem_alloc(sizeof *out);
    out->pipe = pipe;
    become_child();
    set_limits(limits);
    if (!work(context, out))
        _exit(1);
    uint32_t end = END;
    send_frame(out);
    send_all(pipe, &end, sizeof end);
    _exit(0);
}

/* --- the parent --- */

struct gathering {
    uint8_t *data; /* frames as they came; the lengths are taken out at the end */
    size_t size, room, most;
    uint8_t head[4];
    size_t head_used;
    uint32_t left; /* of the frame at hand */
};

enum progress { PROGRESS_MORE, PROGRESS_END, PROGRESS_LARGE };

/* Takes in what came: lengths apart from contents. */
static enum progress gather(struct gathering *gathering, const uint8_t *bytes, size_t size)
{
    while (size > 0) {
        if (gathering->left == 0) {
            gathering->head[gathering->head_used++] = *bytes++;
            size--;
            if (gathering->head_used < sizeof gathering->head)
                continue;
            memcpy(&gathering->left, gathering->head, sizeof gathering->head);
            gathering->head_used = 0;
            if (gathering->left == END)
                return PROGRESS_END;
            continue;
        }
        size_t part = gathering->left < size ? gathering->left : size;
        if (part > gathering->most - gathering->size)
            return PROGRESS_LARGE;
        if (gathering->size + part > gathering->room) {
            gathering->room = 2 * gathering->room > gathering->size + part ? 2 * gathering->room : FRAME;
            if (gathering->room > gathering->most)
                gathering->room = gathering->most;
            gathering->data = mem_grow(gathering->data, gathering->room, 1);
        }
        memcpy(gathering->data + gathering->size, bytes, part);
        gathering->size += part;
        gathering->left -= (uint32_t)part;
        bytes += part;
        size -= part;
    }
    return PROGRESS_MORE;
}

/* Reads frames until the end, the child's death or the clock's. */
static enum isolate_end listen(int pipe, double until, struct gathering *gathering)
{
    uint8_t buffer[1 << 14];
    for (;;) {
        double left = until - clock_monotonic();
        if (left <= 0)
            return ISOLATE_SLOW;
        struct pollfd wait = {.fd = pipe, .events = POLLIN};
        int ready = poll(&wait, 1, left > 60 ? 60000 : (int)(left * 1e3) + 1);
        if (ready < 0 && errno != EINTR)
            return ISOLATE_UNMADE;
        if (ready <= 0)
            continue;
        ssize_t got = read(pipe, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return ISOLATE_DIED;
        enum progress progress = gather(gathering, buffer, (size_t)got);
        if (progress != PROGRESS_MORE)
            return progress == PROGRESS_END ? ISOLATE_DONE : ISOLATE_LARGE;
    }
}

/* Ends the child and takes its status; a death by the timer is slowness. One that has closed its pipe is about to end
 * by itself, and its status tells why: it is given until the clock's end. */
static enum isolate_end bury(pid_t child, enum isolate_end end, double until)
{
    int status = 0;
    pid_t gone = 0;
    while (end == ISOLATE_DIED && (gone = waitpid(child, &status, WNOHANG)) == 0 && clock_monotonic() < until)
        poll(NULL, 0, 1);
    if (gone == 0) {
        kill(child, SIGKILL);
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    }
    bool timer = WIFSIGNALED(status) && (WTERMSIG(status) == SIGPROF || WTERMSIG(status) == SIGXCPU);
    return end == ISOLATE_DIED && timer ? ISOLATE_SLOW : end;
}

/* A pipe above the standard descriptors, which the child points elsewhere. */
static bool make_pipe(int end[2])
{
    int made[2];
    if (pipe2(made, O_CLOEXEC) != 0)
        return false;
    for (int i = 0; i < 2; i++)
        end[i] = fcntl(made[i], F_DUPFD_CLOEXEC, 3);
    close(made[0]);
    close(made[1]);
    if (end[0] >= 0 && end[1] >= 0)
        return true;
    for (int i = 0; i < 2; i++)
        if (end[i] >= 0)
            close(end[i]);
    return false;
}

enum isolate_end isolate_run(bool (*work)(void *context, struct isolate_out *out), void *context,
                             const struct isolate_limits *limits, uint8_t **result, size_t *size)
{
    int pipe[2];
    sigset_t all, before;
    *result = NULL;
    *size = 0;
    if (!make_pipe(pipe))
        return ISOLATE_UNMADE;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    double until = clock_monotonic() + limits->seconds * SLOWNESS * CLOCK_FACTOR;
    pid_t child = fork();
    if (child == 0)
        run_child(work, context, limits, pipe[1]);
    int fault = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(pipe[1]);
    struct gathering gathering = {.most = limits->result};
    enum isolate_end end = child < 0 ? ISOLATE_UNMADE : listen(pipe[0], until, &gathering);
    close(pipe[0]);
    if (child > 0)
        end = bury(child, end, until);
    else
        errno = fault;
    if (end == ISOLATE_DONE) {
        *result = gathering.data;
        *size = gathering.size;
    } else {
        mem_free(gathering.data);
    }
    return end;
}
