/* The table of commands, and commands and answers to and from one JSON line. */
#include "config.h"

#include "thaw/base/text.h"
#include "thaw/run/command.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/mem.h"

#define TYPED(kind, name, synopsis, help)         [RUN_##kind] = {name, synopsis, help, true, true},
#define OTHER(kind, name, synopsis, help, writes) [RUN_##kind] = {name, synopsis, help, writes, false},
static const struct run_command_row rows[] = {RUN_COMMAND_LIST(TYPED, OTHER)};
_Static_assert(THAW_LENGTH(rows) == RUN_COMMANDS, "a row for each kind");

static const char *const when_names[] = {"now", "epoch", "time"};

const struct run_command_row *run_command_row(enum run_command_kind kind)
{
    return &rows[kind];
}

struct run_command run_command_make(enum run_command_kind kind, double value, const char *text)
{
    return (struct run_command){.kind = kind, .value = value, .text = text ? mem_string(text) : NULL};
}

struct run_command run_command_copy(const struct run_command *command)
{
    struct run_command copy = *command;
    copy.text = command->text ? mem_string(command->text) : NULL;
    return copy;
}

void run_command_finish(struct run_command *command)
{
    mem_free(command->text);
    command->text = NULL;
}

static char *dump(json_t *object)
{
    char *dumped = json_dumps(object, JSON_COMPACT), *line = mem_string(dumped ? dumped : "{}");
    free(dumped);
    json_decref(object);
    return line;
}

char *run_command_to_json(const struct run_command *command)
{
    json_t *object = json_object();
    json_object_set_new(object, "id", json_integer((json_int_t)command->id));
    json_object_set_new(object, "command", json_string(rows[command->kind].name));
    if (command->value != 0 && isfinite(command->value))
        json_object_set_new(object, "value", json_real(command->value));
    if (command->rate > 0)
        json_object_set_new(object, "rate", json_real(command->rate));
    if (command->kind == RUN_STOP)
        json_object_set_new(object, "when", json_string(when_names[command->when]));
    if (command->text)
        json_object_set_new(object, "text", text_to_json(command->text));
    if (command->by[0])
        json_object_set_new(object, "by", text_to_json(command->by));
    return dump(object);
}

static bool take_kind(struct run_command *command, const char *name, struct error *error)
{
    for (int i = 0; i < RUN_COMMANDS; i++)
        if (name && strcmp(rows[i].name, name) == 0) {
            command->kind = (enum run_command_kind)i;
            return true;
        }
    return error_set(error, ERROR_USAGE, "there is no command \"%.40s\"", name ? name : "");
}

static bool take_when(struct run_command *command, const char *name, struct error *error)
{
    for (size_t i = 0; i < THAW_LENGTH(when_names); i++)
        if (!name || strcmp(when_names[i], name) == 0) {
            command->when = (enum run_stop_when)i;
            return true;
        }
    return error_set(error, ERROR_USAGE, "stop \"%.40s\": now, epoch or time", name);
}

static bool take_number(const json_t *object, const char *key, double *number, struct error *error)
{
    const json_t *json = json_object_get(object, key);
    *number = json ? json_number_value(json) : 0;
    if (json && (!json_is_number(json) || !isfinite(*number)))
        return error_set(error, ERROR_USAGE, "a command's \"%s\" is a number", key);
    return true;
}

static bool take_object(struct run_command *command, const json_t *object, struct error *error)
{
    const json_t *id = json_object_get(object, "id"), *text = json_object_get(object, "text");
    const json_t *by = json_object_get(object, "by");
    const char *when = json_string_value(json_object_get(object, "when"));
    command->id = json_is_integer(id) ? (uint64_t)json_integer_value(id) : 0;
    if (!take_kind(command, json_string_value(json_object_get(object, "command")), error) ||
        !take_when(command, when, error) || !take_number(object, "value", &command->value, error) ||
        !take_number(object, "rate", &command->rate, error))
        return false;
    if ((id && !json_is_integer(id)) || (text && !json_is_string(text)) || (by && !json_is_string(by)))
        return error_set(error, ERROR_USAGE, "a command's \"id\" is a whole number, its \"text\" and \"by\" are texts");
    if (text && json_string_length(text) > RUN_COMMAND_TEXT_MAX)
        return error_set(error, ERROR_USAGE, "a command's text has more than %d bytes", RUN_COMMAND_TEXT_MAX);
    command->text = text ? mem_string(json_string_value(text)) : NULL;
    snprintf(command->by, sizeof command->by, "%s", by ? json_string_value(by) : "");
    return true;
}

static json_t *load(const char *line, size_t length, struct error *error)
{
    json_error_t fault;
    json_t *object = json_loadb(line, length, 0, &fault);
    if (object && !json_is_object(object)) {
        json_decref(object);
        object = NULL;
        snprintf(fault.text, sizeof fault.text, "not an object");
    }
    if (!object)
        error_set(error, ERROR_USAGE, "not a line of the protocol: %s", fault.text);
    return object;
}

bool run_command_from_json(struct run_command *command, const char *line, size_t length, struct error *error)
{
    json_t *object = load(line, length, error);
    *command = (struct run_command){0};
    bool good = object && take_object(command, object, error);
    json_decref(object);
    return good;
}

char *run_answer_to_json(const struct run_answer *answer)
{
    json_t *object = json_pack("{s:I, s:b}", "answer", (json_int_t)answer->id, "done", answer->done);
    if (answer->sentence[0])
        json_object_set_new(object, "sentence", text_to_json(answer->sentence));
    return dump(object);
}

bool run_answer_from_json(struct run_answer *answer, const char *line, size_t length, struct error *error)
{
    json_t *object = load(line, length, error);
    const json_t *id = json_object_get(object, "answer");
    const char *sentence = json_string_value(json_object_get(object, "sentence"));
    bool good = json_is_integer(id);
    *answer = (struct run_answer){.id = good ? (uint64_t)json_integer_value(id) : 0,
                                  .done = json_is_true(json_object_get(object, "done"))};
    snprintf(answer->sentence, sizeof answer->sentence, "%s", sentence ? sentence : "");
    if (object && !good)
        error_set(error, ERROR_USAGE, "not an answer");
    json_decref(object);
    return good;
}
