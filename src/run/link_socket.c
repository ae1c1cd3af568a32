/* The link to an engine on this machine: its control socket, or its view socket where that is all there is. When the
 * engine has ended, what is left is read from the run's file. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "link_private.h"
#include "rundir_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

struct socket_link {
    struct link link;
    struct link_protocol protocol;
    struct link *rest; /* the file, once the engine is gone */
};

/* A socket's path holds 107 bytes, a run's may be longer: it is reached through its folder's descriptor. */
int link_connect(const char *run, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0)
        return -1;
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        fd = -1;
    }
    close(folder);
    return fd;
}

/* From the socket to the file; where that cannot be read (another's run, watched through its view socket) it has ended. */
static void fall_back(struct socket_link *own)
{
    struct error error = {0};
    link_unwatch(&own->link, own->protocol.lines.in);
    link_lines_finish(&own->protocol.lines);
    own->link.writes = false;
    own->rest = link_open_file(own->link.run, own->link.events, &error);
    if (own->rest)
        link_watch(&own->link, link_fd(own->rest), EPOLLIN);
    else
        link_set_state(&own->link, LINK_ENDED, "%s", "");
}

static enum link_got next_of_rest(struct socket_link *own, struct link_message *message)
{
    enum link_got got;
    while ((got = link_next(own->rest, message)) == LINK_CHANGED)
        ;
    if (got == LINK_RESET)
        own->link.events = 0;
    if (got == LINK_EVENT)
        own->link.events++;
    if (got == LINK_NOTHING && link_state(own->rest) == LINK_ENDED)
        link_set_state(&own->link, LINK_ENDED, "%s", "");
    return got;
}

static enum link_got next(struct link *link, struct link_message *message)
{
    struct socket_link *own = (struct socket_link *)link;
    if (own->rest)
        return next_of_rest(own, message);
    if (own->protocol.lines.in < 0)
        return LINK_NOTHING;
    enum link_got got = link_protocol_next(link, &own->protocol, message);
    if (got != LINK_NOTHING)
        return got;
    size_t before = own->protocol.lines.got_size - own->protocol.lines.got_at;
    bool going = link_lines_read(&own->protocol.lines) && link_lines_flush(&own->protocol.lines);
    link_watch(link, own->protocol.lines.in, EPOLLIN | (link_lines_pending(&own->protocol.lines) ? EPOLLOUT : 0u));
    got = link_protocol_next(link, &own->protocol, message);
    if (got != LINK_NOTHING)
        return got;
    if (!going) {
        fall_back(own);
        return own->rest ? next_of_rest(own, message) : LINK_NOTHING;
    }
    /* A block that held no whole line, or only what concerns nobody: there may be more. */
    bool more = own->protocol.lines.got_size - own->protocol.lines.got_at > before;
    return more ? next(link, message) : LINK_NOTHING;
}

static bool post(struct link *link, const struct run_command *command, struct error *error)
{
    struct socket_link *own = (struct socket_link *)link;
    if (own->rest || own->protocol.lines.in < 0)
        return error_set(error, ERROR_FAILED, "%s: nobody trains in it any more", link->run);
    link_protocol_post(&own->protocol, command);
    link_lines_flush(&own->protocol.lines);
    if (link_lines_pending(&own->protocol.lines))
        link_watch(link, own->protocol.lines.in, EPOLLIN | EPOLLOUT);
    return true;
}

static void destroy(struct link *link)
{
    struct socket_link *own = (struct socket_link *)link;
    link_lines_finish(&own->protocol.lines);
    link_destroy(own->rest);
}

static const struct link_row row = {next, post, destroy};

static struct link *adopt(const char *run, int fd, bool writes, struct error *error)
{
    struct socket_link *own = mem_alloc(sizeof *own);
    link_lines_init(&own->protocol.lines, fd, fd);
    if (!link_init(&own->link, &row, run, "", error)) {
        link_lines_finish(&own->protocol.lines);
        mem_free(own);
        return NULL;
    }
    own->link.writes = writes;
    own->link.state = LINK_LIVE;
    link_watch(&own->link, fd, EPOLLIN);
    link_protocol_watch(&own->link, &own->protocol, 0);
    link_lines_flush(&own->protocol.lines);
    return &own->link;
}

struct link *link_open(const char *run, bool read_only, struct error *error)
{
    char *path = mem_string(run);
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/'; length--)
        path[length - 1] = '\0';
    int fd = link_connect(path, RUNDIR_CONTROL);
    bool control = fd >= 0;
    if (!control)
        fd = link_connect(path, RUNDIR_VIEW);
    struct link *link = fd >= 0 ? adopt(path, fd, control && !read_only, error) : link_open_file(path, 0, error);
    mem_free(path);
    return link;
}
