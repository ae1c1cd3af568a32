/* What all links have. */
#include "config.h"

#include <errno.h>
#include <math.h>
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
    mem_free(link->asked);
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
    if (link->damage.version) { /* whatever became of the line: there is nothing to be had from it */
        char words[RUN_DAMAGE_TEXT];
        run_damage_words(words, &link->damage);
        snprintf(sentence, sizeof sentence, "%.300s: %s", link->run, words);
        state = LINK_FAILED;
    }
    link->changed = link->changed || state != link->state || strcmp(sentence, link->sentence) != 0;
    link->state = state;
    memcpy(link->sentence, sentence, sizeof sentence);
    if (state == LINK_WAITING || state == LINK_ENDED || state == LINK_FAILED)
        link_lose(link);
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
    bool known, good = event_from_json(&message->event, &known, line, length, &unused);
    message->number = link->events++;
    link->last_time = good ? message->event.time : NAN;
    if (!good)
        run_damage_add(&link->damage, message->number);
    else if (message->number == 0)
        link->damage.headless = message->event.kind != EVENT_RUN;
    if (good && known && message->event.kind == EVENT_RUN && message->event.u.run.version > EVENT_VERSION) {
        link->damage.version = message->event.u.run.version;
        link_set_state(link, LINK_FAILED, "%s", "");
    }
    if (good && known && link->damage.version)
        event_finish(&message->event);
    return good && known && !link->damage.version;
}

struct run_damage link_damage(const struct link *link)
{
    struct run_damage damage = link->damage;
    damage.lines = link->events > damage.lines ? link->events : damage.lines;
    return damage;
}

double event_line_time(const char *line, size_t length)
{
    struct error unused;
    struct event event;
    bool known;
    if (!event_from_json(&event, &known, line, length, &unused))
        return NAN;
    double time = event.time;
    event_finish(&event);
    return time;
}

bool event_same_time(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

int link_fd(const struct link *link)
{
    return link->epoll;
}

/* --- answers --- */

static void ask(struct link *link, uint64_t id)
{
    if (link->askeds == link->asked_room) {
        link->asked_room = link->asked_room ? 2 * link->asked_room : 16;
        link->asked = mem_grow(link->asked, link->asked_room, sizeof *link->asked);
    }
    link->asked[link->askeds++] = id;
}

/* Whether somebody waits for it, from now on no more. */
static bool is_asked(struct link *link, uint64_t id)
{
    for (size_t i = 0; i < link->askeds; i++)
        if (link->asked[i] == id) {
            link->askeds--;
            memmove(link->asked + i, link->asked + i + 1, (link->askeds - i) * sizeof *link->asked);
            return true;
        }
    return false;
}

void link_lose(struct link *link)
{
    link->lost = link->askeds > 0;
}

static enum link_got answer_for_it(struct link *link, struct link_message *message)
{
    bool over = link->state == LINK_ENDED || link->state == LINK_FAILED;
    message->answer = (struct run_answer){.id = link->asked[0]};
    snprintf(message->answer.sentence, sizeof message->answer.sentence, "%s",
             over ? "the run ended before it answered"
                  : "the line was lost before the answer came: its events show whether it was done");
    is_asked(link, message->answer.id);
    link->lost = link->askeds > 0;
    return LINK_ANSWER;
}

enum link_got link_next(struct link *link, struct link_message *message)
{
    for (;;) {
        if (link->changed) {
            link->changed = false;
            return LINK_CHANGED;
        }
        if (link->lost)
            return answer_for_it(link, message);
        enum link_got got = link->row->next(link, message);
        if (got == LINK_RESET)
            link->damage = (struct run_damage){0};
        bool pointless = got == LINK_ANSWER && !is_asked(link, message->answer.id);
        if (got != LINK_NOTHING && !pointless)
            return got;
        if (!pointless && !link->changed && !link->lost)
            return LINK_NOTHING;
    }
}

bool link_forward(struct link *link, const struct run_command *command, struct error *error)
{
    if (!link->row->post || link->state == LINK_ENDED || link->state == LINK_FAILED)
        return error_set(error, ERROR_FAILED, "%s: nobody trains in it, so nothing can be told to it", link->run);
    if (!link->writes && run_command_row(command->kind)->writes)
        return error_set(error, ERROR_FAILED, "%s: %s", link->run,
                         link->reason[0] ? link->reason : "it is only looked at (read-only)");
    ask(link, command->id);
    bool sent = link->row->post(link, command, error);
    if (!sent)
        is_asked(link, command->id);
    return sent;
}

uint64_t link_post(struct link *link, const struct run_command *command, struct error *error)
{
    struct run_command numbered = *command;
    numbered.id = link->commands + 1;
    if (!link_forward(link, &numbered, error))
        return 0;
    return link->commands = numbered.id;
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
