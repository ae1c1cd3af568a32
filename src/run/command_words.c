/* Commands as a person types them: words in, words out. */
#include "config.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "thaw/base/clock.h"
#include "thaw/base/mem.h"
#include "thaw/base/nearest.h"
#include "thaw/base/number.h"
#include "thaw/run/command.h"

static bool refuse(enum run_command_kind kind, struct error *error)
{
    const struct run_command_row *row = run_command_row(kind);
    return error_set(error, ERROR_USAGE, "%s takes %s: %s", row->name, row->synopsis[0] ? row->synopsis : "nothing",
                     row->help);
}

static bool parse_real(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && !*end && isfinite(*value);
}

/* The next time that the clock shows HH:MM, here. */
static bool next_time(const char *text, double *value)
{
    long hour, minute;
    const char *rest;
    time_t now = (time_t)clock_wall();
    struct tm parts;
    if (!number_whole(text, 0, 23, &hour, &rest) || *rest != ':' || !number_whole(rest + 1, 0, 59, &minute, NULL) ||
        !localtime_r(&now, &parts))
        return false;
    parts.tm_hour = (int)hour;
    parts.tm_min = (int)minute;
    parts.tm_sec = 0;
    parts.tm_isdst = -1;
    time_t at = mktime(&parts);
    if (at <= now) {
        parts.tm_mday++;
        parts.tm_isdst = -1;
        at = mktime(&parts);
    }
    *value = (double)at;
    return at > now;
}

static const double minutes_most = 1e7; /* twenty years */

static bool take_stop(struct run_command *command, const char *rest)
{
    double minutes;
    command->when = RUN_STOP_NOW;
    if (!rest[0] || strcmp(rest, "now") == 0)
        return true;
    command->when = strcmp(rest, "epoch") == 0 ? RUN_STOP_EPOCH : RUN_STOP_TIME;
    if (command->when == RUN_STOP_EPOCH)
        return true;
    if (rest[0] != '+')
        return next_time(rest, &command->value);
    bool good = parse_real(rest + 1, &minutes) && minutes > 0 && minutes < minutes_most;
    command->value = good ? clock_wall() + 60 * minutes : 0;
    return good;
}

static char *trimmed(const char *text, size_t length)
{
    while (length && isspace((unsigned char)*text))
        text++, length--;
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    return mem_format("%.*s", (int)length, text);
}

bool run_command_factor(const char *text, double *factor)
{
    int used = 0;
    sscanf(text, " lr * %n", &used);
    return used > 0 && parse_real(text + used, factor) && *factor > 0;
}

/* "layer4 layer3 @ lr*0.1" */
static bool take_thaw(struct run_command *command, const char *rest)
{
    const char *at = strchr(rest, '@');
    command->value = 1;
    command->text = trimmed(rest, at ? (size_t)(at - rest) : strlen(rest));
    if (at) {
        char *factor = trimmed(at + 1, strlen(at + 1));
        bool good = run_command_factor(factor, &command->value);
        mem_free(factor);
        if (!good)
            return false;
    }
    return command->text[0] != '\0';
}

static bool take_count(struct run_command *command, const char *rest, double otherwise)
{
    command->value = otherwise;
    if (!rest[0])
        return otherwise > 0;
    return parse_real(rest, &command->value) && command->value == floor(command->value) && command->value >= 1 &&
           command->value <= 1e6;
}

static bool take_text(struct run_command *command, const char *rest)
{
    command->text = mem_string(rest);
    return rest[0] && strlen(rest) <= RUN_COMMAND_TEXT_MAX;
}

static bool take_rest(struct run_command *command, const char *rest)
{
    switch (command->kind) {
    case RUN_LR: /* "*1.25": times what the next step's would be */
        return rest[0] == '*' ? parse_real(rest + 1, &command->rate) && command->rate > 0
                              : parse_real(rest, &command->value) && command->value > 0;
    case RUN_STEP:
        return take_count(command, rest, 1);
    case RUN_EPOCHS:
        return take_count(command, rest, 0);
    case RUN_STOP:
        return take_stop(command, rest);
    case RUN_THAW:
        return take_thaw(command, rest);
    case RUN_FREEZE:
    case RUN_NOTE:
    case RUN_PLAN:
        return take_text(command, rest);
    default:
        return !rest[0];
    }
}

/* "there are lr, pause and so on". */
static void tell_names(char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "there are");
    for (int i = 0, told = 0; i < RUN_COMMANDS; i++) {
        const struct run_command_row *row = run_command_row((enum run_command_kind)i);
        if (row->typed && used < room)
            used += (size_t)snprintf(text + used, room - used, "%s %s", told++ ? "," : "", row->name);
    }
}

static bool find_kind(enum run_command_kind *kind, const char *name, struct error *error)
{
    struct nearest nearest = {.wanted = name};
    char all[256];
    for (int i = 0; i < RUN_COMMANDS; i++) {
        const struct run_command_row *row = run_command_row((enum run_command_kind)i);
        if (!row->typed)
            continue;
        if (strcmp(row->name, name) == 0) {
            *kind = (enum run_command_kind)i;
            return true;
        }
        nearest_offer(&nearest, row->name);
    }
    error_set(error, ERROR_USAGE, "there is no command \"%.40s\" for a run", name);
    tell_names(all, sizeof all);
    nearest_tell(&nearest, 1, all, error->text, sizeof error->text);
    return false;
}

bool run_command_parse(struct run_command *command, const char *words, struct error *error)
{
    char name[48];
    words += strspn(words, " \t");
    size_t length = strcspn(words, " \t");
    snprintf(name, sizeof name, "%.*s", (int)length, words);
    *command = (struct run_command){0};
    if (!find_kind(&command->kind, name, error))
        return false;
    char *rest = trimmed(words + length, strlen(words + length));
    bool good = take_rest(command, rest) || refuse(command->kind, error);
    mem_free(rest);
    if (!good)
        run_command_finish(command);
    return good;
}

static char *stop_words(const struct run_command *command)
{
    char text[32] = "some day";
    bool known = command->value >= 0 && command->value < 1e11; /* whoever wrote it, no calendar goes so far */
    time_t at = known ? (time_t)command->value : 0;
    struct tm parts;
    if (command->when != RUN_STOP_TIME)
        return mem_string(command->when == RUN_STOP_NOW ? "stop now" : "stop epoch");
    if (known && localtime_r(&at, &parts))
        strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts);
    return mem_format("stop at %s", text);
}

char *run_command_words(const struct run_command *command)
{
    const char *name = run_command_row(command->kind)->name;
    switch (command->kind) {
    case RUN_LR:
        return command->rate > 0 ? mem_format("%s *%.6g", name, command->rate)
                                 : mem_format("%s %.6g", name, command->value);
    case RUN_STEP:
    case RUN_EPOCHS:
        return mem_format("%s %.0f", name, command->value);
    case RUN_STOP:
        return stop_words(command);
    case RUN_THAW:
        if (command->value > 0 && command->value != 1)
            return mem_format("%s %s @ lr*%g", name, command->text ? command->text : "", command->value);
        return mem_format("%s %s", name, command->text ? command->text : "");
    case RUN_FREEZE:
    case RUN_NOTE:
        return mem_format("%s %s", name, command->text ? command->text : "");
    default:
        return mem_string(name);
    }
}
