/* What all links have. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "link_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

bool link_init(struct link *link, const struct link_row *row, const char *run, const char *host, struct error *error)
{
    *link = (struct link){.row = row, .epoll = epoll_create1(EPOLL_CLOEXEC)};
    if (link->epoll < 0)
        return error_set_errno(error, ERROR_FAILED, errno, "%s: no descriptor is left", run);
    link->run = mem_string(run);
    link->host = mem_string(host);
    return true;
}

void link_destroy(struct link *link)
{
    if (!link)
        return;
    link->row->destroy(link);
    if (link->epoll >= 0)
        close(link->epoll);
    mem_free(link->run);
    mem_free(link->host);
    mem_free(link);
}

bool link_split(const char *name, char host[LINK_HOST], const char **run)
{
    size_t length = strcspn(name, ":/");
    *run = name;
    host[0] = '\0';
    if (name[length] != ':' || length == 0 || length >= LINK_HOST || file_exists(name))
        return false;
    snprintf(host, LINK_HOST, "%.*s", (int)length, name);
    *run = name + length + 1;
    return true;
}

void link_set_state(struct link *link, enum link_state state, const char *format, ...)
{
    char sentence[sizeof link->sentence];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    link->changed = link->changed || state != link->state || strcmp(sentence, link->sentence) != 0;
    link->state = state;
    memcpy(link->sentence, sentence, sizeof sentence);
}

bool link_watch(struct link *link, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    return epoll_ctl(link->epoll, EPOLL_CTL_ADD, fd, &event) == 0 ||
           (errno == EEXIST && epoll_ctl(link->epoll, EPOLL_CTL_MOD, fd, &event) == 0);
}

void link_unwatch(struct link *link, int fd)
{
    if (fd >= 0)
        epoll_ctl(link->epoll, EPOLL_CTL_DEL, fd, NULL);
}

bool link_take_event(struct link *link, struct link_message *message, const char *line, size_t length)
{
    struct error unused;
    bool known;
    message->number = link->events++;
    return event_from_json(&message->event, &known, line, length, &unused) && known;
}

int link_fd(const struct link *link)
{
    return link->epoll;
}

enum link_got link_next(struct link *link, struct link_message *message)
{
    if (link->changed) {
        link->changed = false;
        return LINK_CHANGED;
    }
    enum link_got got = link->row->next(link, message);
    if (got != LINK_NOTHING || !link->changed)
        return got;
    link->changed = false;
    return LINK_CHANGED;
}

uint64_t link_post(struct link *link, const struct run_command *command, struct error *error)
{
    if (!link->row->post || link->state == LINK_ENDED)
        return error_set(error, ERROR_FAILED, "%s: nobody trains in it, so nothing can be told to it", link->run);
    if (!link->writes && run_command_row(command->kind)->writes)
        return error_set(error, ERROR_FAILED, "%s: it is only looked at (read-only)", link->run);
    struct run_command numbered = *command;
    numbered.id = ++link->commands;
    return link->row->post(link, &numbered, error) ? numbered.id : 0;
}

enum link_state link_state(const struct link *link)
{
    return link->state;
}

const char *link_sentence(const struct link *link)
{
    return link->sentence;
}

const char *link_run(const struct link *link)
{
    return link->run;
}

const char *link_host(const struct link *link)
{
    return link->host;
}

bool link_writes(const struct link *link)
{
    return link->writes;
}
