/* The link to a run on this machine: its engine's control socket, or its view socket where that is all there is, and its
 * file where nobody serves. Where the engine goes, what is left is read from the file; where one comes (a run that is
 * gone on with, a place among the viewers), the link is its from then on. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "link_private.h"
#include "rundir_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/mem.h"

static const double between = 1; /* seconds from one try to connect to the next */

struct local_link {
    struct link link;
    unsigned how;
    struct link_protocol protocol;
    struct link *file; /* until a greeting has come, and where nobody serves; NULL: none is needed, or can be read */
    double tried;      /* clock_monotonic, when it was last tried to connect */
};

/* A socket's path holds 107 bytes, a run's may be longer: it is reached through its folder's descriptor. */
static int connect_to(const char *run, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    int folder = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    /* a link there would lead what is said to somebody else's socket */
    if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISSOCK(status.st_mode)) {
        close(folder);
        return -1;
    }
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    close(folder);
    return fd;
}

int link_connect(const char *run, bool *writes)
{
    int fd = connect_to(run, RUNDIR_CONTROL);
    *writes = fd >= 0;
    return fd >= 0 ? fd : connect_to(run, RUNDIR_VIEW);
}

/* --- from the file to a socket and back --- */

static bool take_line(struct local_link *own)
{
    bool writes;
    own->tried = clock_monotonic();
    int fd = link_connect(own->link.run, &writes);
    if (fd < 0)
        return false;
    link_protocol_begin(&own->protocol, fd, fd);
    own->link.writes = writes && !(own->how & LINK_READ_ONLY);
    own->link.reason[0] = '\0';
    if (own->file)
        link_unwatch(&own->link, link_fd(own->file));
    link_set_state(&own->link, LINK_LIVE, "%s", "");
    link_watch(&own->link, fd, EPOLLIN);
    if (!(own->how & LINK_ANSWERS_ONLY))
        link_protocol_watch(&own->link, &own->protocol, 0);
    link_lines_flush(&own->protocol.lines);
    return true;
}

/* Nobody serves: the file, or where it cannot be read (another's run, watched through its view socket) that is all. */
static void take_file(struct local_link *own, struct error *error)
{
    own->link.writes = false;
    snprintf(own->link.reason, sizeof own->link.reason, "%s",
             !own->protocol.greeted && own->protocol.ended ? own->protocol.why
                                                           : "a process trains in it, but serves nobody here");
    if (!own->file)
        own->file = link_open_file(own->link.run, own->link.events, own->link.last_time, error);
    if (own->file)
        own->file->damage = own->link.damage;
    if (own->file)
        link_watch(&own->link, link_fd(own->file), EPOLLIN);
}

/* The line is gone: an engine that was killed, one that cut off who did not read for long, one with no place left. */
static void lose_line(struct local_link *own)
{
    struct error unused = {0};
    bool greeted = own->protocol.greeted, again = greeted && clock_monotonic() - own->tried >= between;
    link_unwatch(&own->link, own->protocol.lines.in);
    link_protocol_end(&own->protocol);
    link_lose(&own->link);
    if (again && !own->protocol.ended && take_line(own))
        return;
    if (!(own->how & LINK_ANSWERS_ONLY))
        take_file(own, &unused);
    if (own->file)
        return;
    if (!greeted && own->protocol.ended)
        link_set_state(&own->link, LINK_FAILED, "%s", own->protocol.why);
    else
        link_set_state(&own->link, LINK_ENDED, "%s", "");
}

static enum link_got next_of_file(struct local_link *own, struct link_message *message)
{
    enum link_got got;
    while ((got = link_next(own->file, message)) == LINK_CHANGED)
        ;
    own->link.events = own->file->events;
    own->link.last_time = own->file->last_time;
    own->link.damage = own->file->damage;
    if (got == LINK_NOTHING && own->protocol.lines.in < 0)
        link_set_state(&own->link, link_state(own->file), "%s", "");
    return got;
}

/* --- the row --- */

/* *more: there may be. */
static enum link_got next_of_line(struct local_link *own, struct link_message *message, bool *more)
{
    struct link_protocol *protocol = &own->protocol;
    *more = false;
    enum link_got got = link_protocol_next(&own->link, protocol, message);
    if (got != LINK_NOTHING)
        return got;
    size_t before = protocol->lines.got_size - protocol->lines.got_at;
    bool going = link_protocol_serve(protocol);
    link_watch(&own->link, protocol->lines.in, EPOLLIN | (link_lines_pending(&protocol->lines) ? EPOLLOUT : 0u));
    got = link_protocol_next(&own->link, protocol, message);
    if (protocol->greeted) {
        link_destroy(own->file);
        own->file = NULL;
        own->link.writes = own->link.writes && protocol->writes;
    }
    if (got != LINK_NOTHING)
        return got;
    *more = !going || protocol->lines.got_size - protocol->lines.got_at > before;
    if (!going)
        lose_line(own);
    return LINK_NOTHING;
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct local_link *own = (struct local_link *)link;
    bool more = true;
    while (more) {
        enum link_got got = LINK_NOTHING;
        if (own->protocol.lines.in >= 0) {
            got = next_of_line(own, message, &more);
        } else if (own->file) {
            got = next_of_file(own, message);
            bool due = link->state == LINK_LIVE && clock_monotonic() - own->tried >= between;
            more = got == LINK_NOTHING && due && take_line(own);
        } else {
            more = false;
        }
        if (got != LINK_NOTHING)
            return got;
    }
    return LINK_NOTHING;
}

static bool post(struct link *link, const struct run_command *command, struct error *error)
{
    struct local_link *own = (struct local_link *)link;
    if (own->protocol.lines.in < 0)
        return error_set(error, ERROR_FAILED, "%s: a process trains in it, but serves nobody here", link->run);
    link_protocol_post(&own->protocol, command);
    link_lines_flush(&own->protocol.lines);
    if (link_lines_pending(&own->protocol.lines))
        link_watch(link, own->protocol.lines.in, EPOLLIN | EPOLLOUT);
    return true;
}

static void destroy(struct link *link)
{
    struct local_link *own = (struct local_link *)link;
    link_protocol_end(&own->protocol);
    link_destroy(own->file);
}

static const struct link_row row = {next, post, destroy};

/* Without the last slash, so that its name can be told. */
static char *without_slash(const char *run)
{
    char *path = mem_string(run);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0';
    return path;
}

/* Whether there is anything to link to. */
static bool begin(struct local_link *own, struct error *error)
{
    if (take_line(own))
        return true;
    if (!(own->how & LINK_ANSWERS_ONLY)) {
        take_file(own, error);
        own->link.state = LINK_LIVE; /* until the file says otherwise */
        return own->file != NULL;
    }
    own->link.state = rundir_is_active(own->link.run) ? LINK_LIVE : LINK_ENDED;
    return true;
}

struct link *link_open(const char *run, unsigned how, struct error *error)
{
    struct local_link *own = mem_alloc(sizeof *own);
    char *path = without_slash(run);
    own->how = how;
    link_protocol_begin(&own->protocol, -1, -1);
    bool good = link_init(&own->link, &row, path, "", error);
    mem_free(path);
    if (!good) {
        mem_free(own);
        return NULL;
    }
    if (begin(own, error))
        return &own->link;
    link_destroy(&own->link);
    return NULL;
}
