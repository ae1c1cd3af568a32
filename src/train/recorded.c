/* Recorded commands; see the header. Called by the trainer where it goes on with a run. */
#include "config.h"

#include "recorded.h"

#include <string.h>

#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"

/* Waiting and ending are a moment's; a run that goes on does neither. */
bool recorded_lasts(enum run_command_kind kind)
{
    static const bool lasts[RUN_COMMANDS] = {
        [RUN_LR] = true,   [RUN_SAVE] = true, [RUN_FREEZE] = true, [RUN_THAW] = true,
        [RUN_PLAN] = true, [RUN_UNDO] = true, [RUN_EPOCHS] = true, [RUN_NOTE] = true,
    };
    return lasts[kind];
}

static int compare(const struct recorded_command *a, const struct recorded_command *b)
{
    int by[] = {a->epoch - b->epoch, a->batch - b->batch, a->number - b->number};
    return by[0] ? by[0] : by[1] ? by[1] : by[2];
}

bool recorded_add(struct recorded_commands *commands, const struct recorded_command *command)
{
    struct recorded_command own = *command;
    size_t at = 0;
    if (own.number > commands->last)
        commands->last = own.number;
    for (size_t i = 0; i < commands->count; i++)
        if (commands->of[i].number == own.number) {
            run_command_finish(&own.command);
            return false;
        }
    while (at < commands->count && compare(&commands->of[at], &own) < 0)
        at++;
    commands->of = mem_grow(commands->of, commands->count + 1, sizeof *commands->of);
    memmove(commands->of + at + 1, commands->of + at, (commands->count - at) * sizeof *commands->of);
    commands->of[at] = own;
    commands->count++;
    return true;
}

bool recorded_take(struct recorded_commands *commands, int epoch, int batch, struct recorded_command *command)
{
    if (commands->count == 0 || commands->of[0].epoch > epoch ||
        (commands->of[0].epoch == epoch && commands->of[0].batch > batch))
        return false;
    *command = commands->of[0];
    memmove(commands->of, commands->of + 1, --commands->count * sizeof *commands->of);
    return true;
}

void recorded_finish(struct recorded_commands *commands)
{
    for (size_t i = 0; i < commands->count; i++)
        run_command_finish(&commands->of[i].command);
    mem_free(commands->of);
    *commands = (struct recorded_commands){0};
}

/* Takes a command out of its event. */
static bool take_event(struct recorded_commands *commands, const struct event *event)
{
    struct recorded_command command = {.number = event->u.command.number, .epoch = event->epoch};
    struct error unused;
    const char *text = event->u.command.command;
    command.batch = event->u.command.batch;
    if (!event->u.command.done || !text || command.number <= 0 ||
        !run_command_from_json(&command.command, text, strlen(text), &unused))
        return false;
    if (recorded_lasts(command.command.kind))
        return recorded_add(commands, &command);
    if (command.number > commands->last)
        commands->last = command.number;
    run_command_finish(&command.command);
    return false;
}

struct reading {
    struct recorded_commands *commands;
    bool added;
};

static void read_event(void *context, const struct event *event)
{
    struct reading *reading = context;
    if (event->kind == EVENT_COMMAND)
        reading->added = take_event(reading->commands, event) || reading->added;
}

bool recorded_read(struct recorded_commands *commands, const char *run, uint64_t mark, struct run_damage *damage,
                   bool *added, struct error *error)
{
    struct reading reading = {.commands = commands};
    struct event_sink sink = {.emit = read_event, .context = &reading};
    bool good = rundir_read_behind(run, mark, &sink, damage, error);
    *added = reading.added;
    return good;
}
