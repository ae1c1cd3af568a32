/* See the header. */
#include "config.h"

#include "reader.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../../src/run/event_file.h"
#include "same_story.h"
#include "thaw/base/clock.h"

static const double patience = 60;

void reader_start(struct reader *reader, struct link *link, const struct error *error)
{
    if (!link)
        fail_msg("%s", error->text);
    *reader = (struct reader){.link = link};
    story_init(&reader->story);
}

void reader_stop(struct reader *reader)
{
    link_destroy(reader->link);
    story_finish(&reader->story);
    reader->link = NULL;
}

static void take(struct reader *reader, enum link_got got, struct link_message *message)
{
    switch (got) {
    case LINK_EVENT:
        if (!reader->gaps)
            assert_int_equal(message->number, reader->next);
        assert_true(message->number >= reader->next);
        reader->next = message->number + 1;
        story_add(&reader->story, &message->event);
        if (reader->told)
            reader->told(reader, &message->event);
        event_finish(&message->event);
        reader->events++;
        break;
    case LINK_RESET:
        story_finish(&reader->story);
        if (reader->told)
            reader->told(reader, NULL);
        reader->next = 0;
        reader->resets++;
        break;
    case LINK_ANSWER:
        reader->answer = message->answer;
        reader->answers++;
        break;
    default:
        reader->changes++;
        break;
    }
}

size_t reader_read(struct reader *reader)
{
    struct link_message message;
    enum link_got got;
    size_t count = 0;
    for (; (got = link_next(reader->link, &message)) != LINK_NOTHING; count++)
        take(reader, got, &message);
    return count;
}

static void wait_a_moment(struct reader *reader, int milliseconds)
{
    struct pollfd fd = {.fd = link_fd(reader->link), .events = POLLIN};
    poll(&fd, 1, reader->beside && milliseconds > 5 ? 5 : milliseconds);
}

size_t reader_read_for(struct reader *reader, double seconds)
{
    size_t before = reader->events;
    for (double until = clock_monotonic() + seconds, now; (now = clock_monotonic()) < until;) {
        reader_read(reader);
        wait_a_moment(reader, (int)(1000 * (until - now)) + 1);
    }
    reader_read(reader);
    return reader->events - before;
}

/* May be looked at between two messages: what holds for a moment only is seen, too. */
void reader_wait(struct reader *reader, bool (*holds)(const struct reader *reader))
{
    double began = clock_monotonic();
    for (;;) {
        struct link_message message;
        enum link_got got = LINK_CHANGED;
        while (!holds(reader) && (got = link_next(reader->link, &message)) != LINK_NOTHING)
            take(reader, got, &message);
        if (got != LINK_NOTHING || holds(reader))
            return;
        if (reader->beside)
            reader->beside();
        wait_a_moment(reader, 2000);
        if (clock_monotonic() - began > patience)
            fail_msg("waited in vain: %zu events, state %d (%s), story %s", reader->events,
                     (int)link_state(reader->link), link_sentence(reader->link),
                     story_state_word(story_state(&reader->story, true)));
    }
}

bool reader_has_ended(const struct reader *reader)
{
    return link_state(reader->link) == LINK_ENDED;
}

bool reader_is_live(const struct reader *reader)
{
    return link_state(reader->link) == LINK_LIVE;
}

bool reader_is_waiting(const struct reader *reader)
{
    return link_state(reader->link) == LINK_WAITING;
}

bool reader_has_failed(const struct reader *reader)
{
    return link_state(reader->link) == LINK_FAILED;
}

bool reader_is_answered(const struct reader *reader)
{
    return reader->answers > 0;
}

bool reader_has_begun(const struct reader *reader)
{
    return reader->story.run.kind == EVENT_RUN;
}

bool reader_is_paused(const struct reader *reader)
{
    return reader->story.paused;
}

void reader_wait_for_events(struct reader *reader, uint64_t number)
{
    double began = clock_monotonic();
    while (reader_read(reader), reader->next < number) {
        if (reader->beside)
            reader->beside();
        wait_a_moment(reader, 2000);
        if (clock_monotonic() - began > patience)
            fail_msg("waited in vain for event %d: %zu came", (int)number, reader->events);
    }
}

struct run_answer reader_tell(struct reader *reader, const char *words)
{
    struct run_command command;
    struct error error = {0};
    if (!run_command_parse(&command, words, &error))
        fail_msg("%s", error.text);
    reader->answers = 0;
    uint64_t id = link_post(reader->link, &command, &error);
    if (!id)
        fail_msg("%s: %s", words, error.text);
    reader_wait(reader, reader_is_answered);
    assert_true(reader->answer.id == id);
    run_command_finish(&command);
    return reader->answer;
}

const char *reader_is_refused(struct reader *reader, const char *words)
{
    static char sentence[ERROR_TEXT_MAX];
    struct run_command command;
    struct error error = {0};
    if (!run_command_parse(&command, words, &error))
        fail_msg("%s", error.text);
    assert_int_equal(link_post(reader->link, &command, &error), 0);
    run_command_finish(&command);
    snprintf(sentence, sizeof sentence, "%s", error.text);
    return sentence;
}

bool reader_sleeps(struct reader *reader)
{
    struct pollfd fd = {.fd = link_fd(reader->link), .events = POLLIN};
    reader_read(reader);
    return poll(&fd, 1, 600) == 0;
}

void reader_assert_file(const struct reader *reader, const char *run)
{
    struct error error = {0};
    struct story story;
    const char *line;
    size_t length;
    struct event_file file;
    story_init(&story);
    if (!event_file_open(&file, run, &error))
        fail_msg("%s", error.text);
    while (event_file_next(&file, &line, &length) == EVENT_FILE_LINE) {
        struct event event;
        bool known;
        if (!event_from_json(&event, &known, line, length, &error))
            fail_msg("%s", error.text);
        if (known)
            story_add(&story, &event);
        event_finish(&event);
    }
    event_file_close(&file);
    const char *difference = story_difference(&story, &reader->story);
    if (difference)
        fail_msg("%s differs from what %s tells", difference, run);
    story_finish(&story);
}
