/* Starting an engine: the request goes through an anonymous file as descriptor 0, one line comes back on descriptor 1,
 *
 *   ok PATH                       the run's directory; the doors are open
 *   refused KIND SENTENCE         KIND is an enum error_kind
 *
 * then that descriptor closes and the engine is on its own, in a session of its own. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

extern char **environ;

enum { LINE_MOST = 8192, REQUEST_MOST = 1 << 20 };

struct starting_link {
    struct link link;
    pid_t child; /* 0: its end was taken note of */
    int end;     /* a descriptor that is readable then; -1: there is none */
    int report;
    char line[LINE_MOST];
    size_t length;
    enum error_kind kind; /* of a refusal */
    struct link *run;     /* once it is there */
};

/* --- the request --- */

/* Its parts, each with a null byte behind it: no path or text holds one. */
static char *request_text(const struct engine_request *request, size_t *length)
{
    char numbers[2][16], *experiment = experiment_text(request->experiment), *text = NULL;
    snprintf(numbers[0], sizeof numbers[0], "%d", request->epochs);
    snprintf(numbers[1], sizeof numbers[1], "%d", request->share);
    const char *const part[] = {request->resume, request->fork, request->checkpoint,
                                numbers[0],      numbers[1],    experiment};
    *length = 0;
    for (size_t i = 0; i < THAW_LENGTH(part); i++) {
        size_t size = part[i] ? strlen(part[i]) : 0;
        text = mem_grow(text, *length + size + 1, 1);
        memcpy(text + *length, part[i] ? part[i] : "", size + 1);
        *length += size + 1;
    }
    mem_free(experiment);
    return text;
}

static int request_file(const struct engine_request *request, struct error *error)
{
    size_t length;
    char *text = request_text(request, &length);
    int fd = memfd_create("thaw-request", MFD_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, length) == (ssize_t)length && lseek(fd, 0, SEEK_SET) == 0;
    mem_free(text);
    if (good)
        return fd;
    error_set_errno(error, ERROR_FAILED, errno, "the engine cannot be told what to train");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* --- the process --- */

/* What tells engines apart in a list of processes. */
static const char *label_of(const struct engine_request *request)
{
    const char *name = request->experiment->run.name;
    return request->resume ? path_base(request->resume) : name[0] ? name : path_base(request->experiment->data.path);
}

static pid_t spawn(const char *program, const char *label, int request, int report, struct error *error)
{
    char *argv[] = {(char *)"thaw", (char *)"engine", (char *)label, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t none, all;
    pid_t child = 0;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, request, 0);
    posix_spawn_file_actions_adddup2(&files, report, 1);
    posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addclosefrom_np(&files, 3); /* what others left open would stay so for hours */
    posix_spawnattr_init(&how);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int fault = posix_spawn(&child, program, &files, &how, argv, environ);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&files);
    if (fault)
        error_set_errno(error, ERROR_FAILED, fault, "%s: cannot be started as an engine", program);
    return fault ? 0 : child;
}

/* --- the link --- */

/* An engine outlives whoever started it; one that has ended is not to be left as a zombie. */
static void reap(struct starting_link *own)
{
    if (own->child > 0 && waitpid(own->child, NULL, WNOHANG) == own->child)
        own->child = 0;
    if (own->child > 0 || own->end < 0)
        return;
    link_unwatch(&own->link, own->end);
    close(own->end);
    own->end = -1;
}

static enum link_got next_of_run(struct starting_link *own, struct link_message *message)
{
    enum link_got got = link_next(own->run, message);
    own->link.writes = own->run->writes;
    memcpy(own->link.reason, own->run->reason, sizeof own->link.reason);
    link_set_state(&own->link, link_state(own->run), "%s", link_sentence(own->run));
    if (got == LINK_CHANGED)
        return next_of_run(own, message);
    return got;
}

static void fail(struct starting_link *own, enum error_kind kind, const char *sentence)
{
    own->kind = kind;
    link_set_state(&own->link, LINK_FAILED, "%.500s", sentence);
}

/* Nothing was said: how it ended, where that is known already. */
static void tell_end(struct starting_link *own)
{
    int status = 0;
    char how[64] = "";
    if (own->child > 0 && waitpid(own->child, &status, WNOHANG) == own->child) {
        own->child = 0;
        reap(own);
        if (WIFSIGNALED(status))
            snprintf(how, sizeof how, " (by signal %d: %.40s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
        else
            snprintf(how, sizeof how, " (with code %d)", WEXITSTATUS(status));
    }
    char *sentence = mem_format("the engine ended%s before the run began", how);
    fail(own, ERROR_FAILED, sentence);
    mem_free(sentence);
}

/* The line is whole. */
static void take_report(struct starting_link *own)
{
    struct error error = {0};
    int kind = ERROR_FAILED, used = 0;
    link_unwatch(&own->link, own->report);
    close(own->report);
    own->report = -1;
    if (strncmp(own->line, "ok ", 3) == 0) {
        mem_free(own->link.run);
        own->link.run = mem_string(own->line + 3);
        own->run = link_open(own->link.run, 0, &error);
        if (own->run)
            link_watch(&own->link, link_fd(own->run), EPOLLIN);
        else
            fail(own, error.kind, error.text);
    } else if (sscanf(own->line, "refused %d %n", &kind, &used) == 1 && used > 0) {
        fail(own, (enum error_kind)kind, own->line + used);
    } else {
        tell_end(own);
    }
}

/* Reads what there is of the line. */
static void hear_report(struct starting_link *own)
{
    while (own->report >= 0) {
        ssize_t got = read(own->report, own->line + own->length, LINE_MOST - 1 - own->length);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        own->length += got > 0 ? (size_t)got : 0;
        own->line[own->length] = '\0';
        char *end = strchr(own->line, '\n');
        if (end)
            *end = '\0';
        if (end || got <= 0 || own->length == LINE_MOST - 1)
            take_report(own);
    }
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct starting_link *own = (struct starting_link *)link;
    if (own->report < 0)
        reap(own);
    hear_report(own);
    return own->run ? next_of_run(own, message) : LINK_NOTHING;
}

static bool post(struct link *link, const struct run_command *command, struct error *error)
{
    struct starting_link *own = (struct starting_link *)link;
    if (!own->run)
        return error_set(error, ERROR_FAILED, "the run is still being started");
    return link_forward(own->run, command, error);
}

static void destroy(struct link *link)
{
    struct starting_link *own = (struct starting_link *)link;
    if (own->report >= 0)
        close(own->report);
    link_destroy(own->run);
    reap(own);
    if (own->end >= 0)
        close(own->end);
}

static const struct link_row row = {next, post, destroy};

struct link *engine_start(const char *program, const struct engine_request *request, struct error *error)
{
    struct starting_link *own = mem_alloc(sizeof *own);
    int report[2] = {-1, -1}, asked = -1;
    own->report = own->end = -1;
    if (!link_init(&own->link, &row, "", "", error)) {
        mem_free(own);
        return NULL;
    }
    bool good = (asked = request_file(request, error)) >= 0;
    if (good && pipe2(report, O_CLOEXEC) != 0)
        good = error_set_errno(error, ERROR_FAILED, errno, "no descriptor is left");
    if (good) {
        own->child = spawn(program, label_of(request), asked, report[1], error);
        close(report[1]);
        own->report = report[0];
        fcntl(own->report, F_SETFL, O_NONBLOCK);
        good = own->child > 0;
    }
    if (asked >= 0)
        close(asked);
    if (!good) {
        link_destroy(&own->link);
        return NULL;
    }
    own->link.writes = true;
    own->link.state = LINK_STARTING;
    own->end = (int)syscall(SYS_pidfd_open, own->child, 0);
    link_watch(&own->link, own->report, EPOLLIN);
    if (own->end >= 0)
        link_watch(&own->link, own->end, EPOLLIN);
    return &own->link;
}

char *engine_wait_started(struct link *link, double seconds, struct error *error)
{
    struct starting_link *own = (struct starting_link *)link;
    double until = clock_monotonic() + seconds;
    while (own->report >= 0) {
        double left = until - clock_monotonic();
        if (left <= 0) {
            error_set(error, ERROR_FAILED, "the engine did not say within %.0f s whether it began", seconds);
            return NULL;
        }
        struct pollfd fd = {.fd = own->report, .events = POLLIN};
        poll(&fd, 1, (int)(left * 1000) + 1);
        hear_report(own);
    }
    if (link->state != LINK_FAILED)
        return mem_string(link->run);
    error_set(error, own->kind, "%s", link->sentence);
    return NULL;
}

/* --- in the started process --- */

/* The next part of the request; those behind its end are empty. */
static char *take_part(char **at, const char *end)
{
    char *part = *at;
    *at = part < end ? part + strlen(part) + 1 : part;
    return part;
}

static char *read_all(size_t *length)
{
    char *text = mem_alloc(REQUEST_MOST);
    *length = 0;
    for (ssize_t got; *length < REQUEST_MOST - 1 && (got = read(0, text + *length, REQUEST_MOST - 1 - *length)) > 0;)
        *length += (size_t)got;
    return text;
}

static bool read_request(char **text, struct engine_request *request, struct experiment *experiment,
                         struct error *error)
{
    size_t length;
    char *at = *text = read_all(&length);
    const char *end = at + length;
    char *resume = take_part(&at, end), *fork = take_part(&at, end), *checkpoint = take_part(&at, end);
    request->epochs = atoi(take_part(&at, end));
    request->share = atoi(take_part(&at, end)) != 0;
    request->resume = resume[0] ? resume : NULL;
    request->fork = fork[0] ? fork : NULL;
    request->checkpoint = checkpoint[0] ? checkpoint : NULL;
    request->experiment = experiment;
    experiment_init(experiment);
    return experiment_parse(experiment, take_part(&at, end), error);
}

static void report(const char *format, ...) THAW_PRINTF(1, 2);
static void report(const char *format, ...)
{
    va_list args;
    char line[LINE_MOST];
    va_start(args, format);
    int length = vsnprintf(line, sizeof line - 1, format, args);
    va_end(args);
    length = length < (int)sizeof line - 1 ? length : (int)sizeof line - 2;
    for (int i = 0; i < length; i++)
        if (line[i] == '\n')
            line[i] = ' ';
    line[length] = '\n';
    ssize_t unused = write(1, line, (size_t)length + 1);
    (void)unused;
}

/* What libraries print goes to a log of its own; whoever started it is let go. */
static void stand_alone(void *context, const char *run)
{
    *(bool *)context = true;
    char *log = path_join(run, "engine.log");
    report("ok %s", run);
    struct error unused;
    int fd = file_open(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600, &unused);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0)
        dup2(nothing, 0);
    if (fd >= 0) {
        dup2(fd, 1);
        dup2(fd, 2);
        close(fd);
    }
    if (nothing >= 0)
        close(nothing);
    mem_free(log);
}

int engine_main(void)
{
    struct error error = {0};
    struct experiment experiment;
    struct engine_request request = {0};
    struct engine_host host = {.ready = stand_alone};
    char *text = NULL, *run = NULL;
    bool began = false;
    host.context = &began;
    bool good = read_request(&text, &request, &experiment, &error) && engine_serve(&request, &host, &run, &error);
    if (!good && !began)
        report("refused %d %s", (int)error.kind, error.text);
    mem_free(run);
    mem_free(text);
    return good ? 0 : error_exit_code(error.kind);
}
