/* A command to a run: as a line of the protocol, as words that a person types, and an answer to one. What is taken has
 * numbers that can be used, and says the same when it is written and read again. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "thaw/base/mem.h"
#include "thaw/run/command.h"

const char fuzz_target[] = "command";

int fuzz_mutations(void)
{
    return 20000;
}

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What a command is written as reads back as the same. */
static void write_and_read(const struct run_command *command)
{
    struct error error = {0};
    struct run_command back;
    require(command->kind < RUN_COMMANDS && isfinite(command->value) && isfinite(command->rate));
    char *line = run_command_to_json(command), *words = run_command_words(command);
    require(run_command_from_json(&back, line, strlen(line), &error));
    char *again = run_command_to_json(&back);
    require(back.kind == command->kind && back.id == command->id && strcmp(line, again) == 0);
    require(strncmp(words, run_command_row(command->kind)->name, strlen(run_command_row(command->kind)->name)) == 0);
    mem_free(line);
    mem_free(again);
    mem_free(words);
    run_command_finish(&back);
}

static void read_line(const char *line, size_t length)
{
    struct error error = {0};
    struct run_command command;
    if (run_command_from_json(&command, line, length, &error)) {
        struct run_command copy = run_command_copy(&command);
        write_and_read(&copy);
        run_command_finish(&copy);
    } else {
        require(error.kind == ERROR_USAGE && error.text[0] && !command.text);
    }
    run_command_finish(&command);
}

static void read_answer(const char *line, size_t length)
{
    struct error error = {0};
    struct run_answer answer, back;
    if (!run_answer_from_json(&answer, line, length, &error)) {
        require(error.kind == ERROR_USAGE && error.text[0]);
        return;
    }
    char *written = run_answer_to_json(&answer);
    require(run_answer_from_json(&back, written, strlen(written), &error));
    require(back.id == answer.id && back.done == answer.done);
    mem_free(written);
}

static void read_words(const char *words)
{
    struct error error = {0};
    struct run_command command;
    if (!run_command_parse(&command, words, &error)) {
        require(error.kind == ERROR_USAGE && error.text[0] && !command.text);
        return;
    }
    require(run_command_row(command.kind)->typed);
    write_and_read(&command);
    run_command_finish(&command);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = mem_alloc(size + 1);
    if (size)
        memcpy(words, data, size);
    read_line((const char *)data, size);
    read_answer((const char *)data, size);
    read_words(words);
    mem_free(words);
    return 0;
}
