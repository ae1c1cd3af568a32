/* Commands to a run, one JSON object a line. ONE table says of each kind its name, what it takes, its help, and whether
 * it writes: `thaw tell`, the screens' `:` line and the engine's door all read it.
 *
 *   {"id":7,"command":"lr","value":0.002,"by":"anna"}
 *
 * Each command is answered once: done, or refused with a sentence. What it did is told by events. */
#ifndef THAW_RUN_COMMAND_H
#define THAW_RUN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "thaw/base/error.h"

enum run_command_kind {
    RUN_LR, /* value: the learning rate of the next step; the schedule goes on from there in proportion */
    RUN_PAUSE,
    RUN_CONTINUE,
    RUN_STEP,      /* value: so many steps, then it pauses */
    RUN_STOP,      /* when: now, at the epoch's end, or at a time (value: seconds since 1970) */
    RUN_INTERRUPT, /* stop now, recorded as interrupted; a signal's, nobody types it */
    RUN_SAVE,      /* a checkpoint now */
    RUN_FREEZE,    /* text: patterns */
    RUN_THAW,      /* text: patterns; value: factor of the learning rate */
    RUN_PLAN,      /* text: the whole freeze plan, a hexadecimal digit of freeze marks a row of the "layers" event */
    RUN_UNDO,      /* of the last change of the freeze plan */
    RUN_EPOCHS,    /* value: so many in all */
    RUN_NOTE,      /* text: for people */
    RUN_WATCH,     /* value: events from this number on; rate: bytes a second at most, 0: all. A viewer's own. */
    RUN_COMMANDS
};

/* Name, what it takes, help, of those that a person may type, which all write; of the others also whether they write. */
#define RUN_COMMAND_LIST(TYPED, OTHER)                                                                                 \
    TYPED(LR, "lr", "RATE | *F", "the learning rate of the next step")                                                 \
    TYPED(PAUSE, "pause", "", "wait behind this batch")                                                                \
    TYPED(CONTINUE, "continue", "", "go on")                                                                           \
    TYPED(STEP, "step", "[N]", "make one step, or N, then pause")                                                      \
    TYPED(STOP, "stop", "[now | epoch | HH:MM | +MINUTES]", "save and end: at once, or when it is said")               \
    OTHER(INTERRUPT, "interrupt", "", "stop as a signal does", true)                                                   \
    TYPED(SAVE, "save", "", "write a checkpoint now")                                                                  \
    TYPED(FREEZE, "freeze", "PATTERNS", "freeze the layers that match")                                                \
    TYPED(THAW, "thaw", "PATTERNS [@ lr*F]", "thaw the layers that match")                                             \
    OTHER(PLAN, "plan", "MARKS", "the whole freeze plan: a hexadecimal digit a layer", true)                           \
    TYPED(UNDO, "undo", "", "take back the last freeze or thaw")                                                       \
    TYPED(EPOCHS, "epochs", "N", "end behind epoch N")                                                                 \
    TYPED(NOTE, "note", "TEXT", "words among its events, at this moment")                                              \
    OTHER(WATCH, "watch", "FROM", "a viewer's: events from this one on", false)

enum run_stop_when { RUN_STOP_NOW, RUN_STOP_EPOCH, RUN_STOP_TIME };

enum { RUN_COMMAND_BY = 64, RUN_COMMAND_TEXT_MAX = 1 << 20 };

struct run_command {
    enum run_command_kind kind;
    uint64_t id; /* the sender's; its answer has the same */
    double value, rate;
    enum run_stop_when when;
    char *text;              /* NULL where the kind has none; the command's own */
    char by[RUN_COMMAND_BY]; /* who gave it; "": a schedule or a signal */
};

struct run_command_row {
    const char *name;     /* "lr" */
    const char *synopsis; /* "RATE"; "" none */
    const char *help;     /* one line */
    bool writes;          /* changes the run: not through a read-only door */
    bool typed;           /* may be given by a person, as words */
};
const struct run_command_row *run_command_row(enum run_command_kind kind);

/* A copy with a text of its own (may be NULL). */
struct run_command run_command_make(enum run_command_kind kind, double value, const char *text);
struct run_command run_command_copy(const struct run_command *command) THAW_NONNULL;
void run_command_finish(struct run_command *command) THAW_NONNULL;

/* From words as a person types them: "lr 0.002", "thaw layer4 layer3 @ lr*0.1", "stop epoch", "stop 18:30". A time of
 * day is the next one. ERROR_USAGE with what the command takes, or the nearest name. */
bool run_command_parse(struct run_command *command, const char *words,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* The factor of "lr*0.1", blanks anywhere between; false: it is none over 0. */
bool run_command_factor(const char *text, double *factor) THAW_NONNULL;
/* The same words again, for people; caller frees. */
char *run_command_words(const struct run_command *command) THAW_NONNULL;

/* One JSON line without the newline; caller frees. */
char *run_command_to_json(const struct run_command *command) THAW_NONNULL;
/* The reverse; every field is checked. ERROR_USAGE; the id is there where one could be read. */
bool run_command_from_json(struct run_command *command, const char *line, size_t length,
                           struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* What came of a command. */
struct run_answer {
    uint64_t id;
    bool done;
    char sentence[512]; /* why it was refused, or what it came to; "" */
};
char *run_answer_to_json(const struct run_answer *answer) THAW_NONNULL; /* {"answer":7,"done":false,"sentence":...} */
bool run_answer_from_json(struct run_answer *answer, const char *line, size_t length,
                          struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
