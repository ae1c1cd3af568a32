/* What an engine, or somebody in its place, says to whoever looks at a run: the client's half of the protocol over a
 * socket. Numbers of events only grow but for a reset, and what comes is folded. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "src/run/link_private.h"
#include "thaw/base/mem.h"
#include "thaw/run/story.h"

const char fuzz_target[] = "link";

int fuzz_mutations(void)
{
    return 3000;
}

/* A story beside the lines. */
size_t fuzz_budget(size_t size)
{
    return 16 * size + (2 << 20);
}

static struct link link_;
static struct story story;
static uint64_t next;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void take(enum link_got got, struct link_message *message)
{
    switch (got) {
    case LINK_EVENT:
        require(message->number >= next && message->number + 1 == link_.events);
        next = link_.events;
        story_add(&story, &message->event);
        event_finish(&message->event);
        break;
    case LINK_RESET:
        require(link_.events == 0);
        next = 0;
        story_finish(&story);
        break;
    default:
        require(got == LINK_ANSWER && memchr(message->answer.sentence, 0, sizeof message->answer.sentence));
        break;
    }
}

static void take_all(struct link_protocol *protocol)
{
    struct link_message message;
    enum link_got got;
    while ((got = link_protocol_next(&link_, protocol, &message)) != LINK_NOTHING)
        take(got, &message);
    require(!protocol->run || protocol->run[0] == '/');
    require(memchr(protocol->why, 0, sizeof protocol->why));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    struct link_protocol protocol = {0};
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    link_ = (struct link){0};
    next = 0;
    story_init(&story);
    link_protocol_begin(&protocol, fds[0], fds[0]);
    link_protocol_watch(&link_, &protocol, 900);
    for (bool over = false; !over;) {
        ssize_t said = size ? send(fds[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        require(said >= 0);
        data = said > 0 ? data + said : data;
        size -= (size_t)said;
        over = size == 0;
        link_protocol_serve(&protocol);
        take_all(&protocol);
    }
    close(fds[1]);
    while (link_protocol_serve(&protocol))
        take_all(&protocol);
    take_all(&protocol);
    link_protocol_watch(&link_, &protocol, 0);
    link_protocol_end(&protocol);
    story_finish(&story);
    return 0;
}
