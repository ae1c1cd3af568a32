/* Whoever reads a link in a test: takes all in, keeps the story, and waits for something to become so. */
#ifndef THAW_TESTS_UNIT_RUN_READER_H
#define THAW_TESTS_UNIT_RUN_READER_H

#include "thaw/run/link.h"
#include "thaw/run/story.h"

struct reader {
    struct link *link; /* its own */
    struct story story;
    uint64_t next; /* number wanted of the next event, where none may be left out */
    bool gaps;     /* some may */
    size_t events, resets, changes, answers;
    struct run_answer answer; /* the last one */
    void (*beside)(void);     /* done while waiting; NULL: nothing */
    /* Given each event, and NULL where all are to be forgotten; NULL: nobody. */
    void (*told)(struct reader *reader, const struct event *event);
};

/* Takes the link over; NULL fails the test with the error's sentence. */
void reader_start(struct reader *reader, struct link *link, const struct error *error) THAW_NONNULL_ARGS(1, 3);
void reader_stop(struct reader *reader) THAW_NONNULL;
/* All that is there now; how many messages. */
size_t reader_read(struct reader *reader) THAW_NONNULL;
/* Reads for so long; how many events came. */
size_t reader_read_for(struct reader *reader, double seconds) THAW_NONNULL;
/* Reads until it holds, or fails the test after 60 s. The link must wake whoever polls for it. */
void reader_wait(struct reader *reader, bool (*holds)(const struct reader *reader)) THAW_NONNULL;
/* What can be waited for. */
bool reader_has_ended(const struct reader *reader) THAW_NONNULL;
bool reader_is_live(const struct reader *reader) THAW_NONNULL;
bool reader_is_waiting(const struct reader *reader) THAW_NONNULL;
bool reader_has_failed(const struct reader *reader) THAW_NONNULL;
bool reader_is_answered(const struct reader *reader) THAW_NONNULL;
bool reader_has_begun(const struct reader *reader) THAW_NONNULL; /* the run's first event is there */
bool reader_is_paused(const struct reader *reader) THAW_NONNULL;
void reader_wait_for_events(struct reader *reader, uint64_t number) THAW_NONNULL;
/* Gives a command by its words and waits for its answer; it may not be refused by the link. */
struct run_answer reader_tell(struct reader *reader, const char *words) THAW_NONNULL;
/* The same where the link refuses it; the sentence, static. */
const char *reader_is_refused(struct reader *reader, const char *words) THAW_NONNULL;
/* Whether nothing wakes it for 0.6 s. */
bool reader_sleeps(struct reader *reader) THAW_NONNULL;
/* Fails the test unless the story is the one that the run's file tells. */
void reader_assert_file(const struct reader *reader, const char *run) THAW_NONNULL;

#endif
