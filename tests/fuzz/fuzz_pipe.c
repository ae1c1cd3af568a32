/* What a host says over the pipe of `thaw stream`, and then hangs up: the whole of the link to another machine, with cat(1)
 * in place of ssh(1). It comes to an end, to the wish to call again, or to a sentence. Some hundred inputs a second. */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_run.h"
#include "thaw/base/mem.h"
#include "thaw/run/link.h"
#include "thaw/run/story.h"

const char fuzz_target[] = "pipe";

enum { PATIENCE_MS = 20000, MESSAGES_MOST = 1 << 20 };

int fuzz_mutations(void)
{
    return 120;
}

/* A story beside the lines. */
size_t fuzz_budget(size_t size)
{
    return 16 * size + (2 << 20);
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void take(struct story *story, enum link_got got, struct link_message *message, uint64_t *next)
{
    if (got == LINK_RESET) {
        story_finish(story);
        *next = 0;
    } else if (got == LINK_EVENT) {
        require(message->number >= *next);
        *next = message->number + 1;
        story_add(story, &message->event);
        event_finish(&message->event);
    }
    require(got != LINK_ANSWER); /* nothing was asked */
}

/* Until the line is gone for good, or for now. */
static void read_link(struct link *link, struct story *story)
{
    uint64_t next = 0;
    int messages = 0;
    for (;;) {
        struct link_message message;
        enum link_got got;
        while ((got = link_next(link, &message)) != LINK_NOTHING) {
            take(story, got, &message, &next);
            require(++messages < MESSAGES_MOST);
        }
        if (link_state(link) != LINK_STARTING && link_state(link) != LINK_LIVE)
            return;
        struct pollfd fd = {.fd = link_fd(link), .events = POLLIN};
        require(poll(&fd, 1, PATIENCE_MS) == 1);
    }
}

static void check(const struct link *link)
{
    const char *sentence = link_sentence(link);
    require((link_state(link) == LINK_ENDED) == !sentence[0]);
    require(strcmp(link_run(link), "r") == 0 || link_run(link)[0] == '/');
    require(link_state(link) != LINK_ENDED || !link_writes(link));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error error = {0};
    struct story story;
    char call[200];
    fuzz_run_put("said", (const char *)data, size);
    snprintf(call, sizeof call, "cat %s/said", fuzz_run());
    setenv("THAW_SSH", call, 1);
    signal(SIGPIPE, SIG_IGN);
    story_init(&story);
    struct link *link = link_call("h", "r", 0, 900, &error);
    require(link);
    read_link(link, &story);
    check(link);
    link_destroy(link);
    story_finish(&story);
    return 0;
}
