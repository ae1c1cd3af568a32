/* Lines over a descriptor that does not block, and the client's half of the protocol on top of them: a greeting, then
 * events as they stand in the file, "skip" before those that were left out, answers, and "bye". Unknown lines are passed
 * over. thaw-run(5) has the whole of it. */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link_private.h"
#include "thaw/base/mem.h"

enum { BLOCK = 1 << 16 };

void link_lines_init(struct link_lines *lines, int in, int out)
{
    *lines = (struct link_lines){.in = in, .out = out};
}

void link_lines_finish(struct link_lines *lines)
{
    if (lines->in >= 0)
        close(lines->in);
    if (lines->out >= 0 && lines->out != lines->in)
        close(lines->out);
    mem_free(lines->got);
    mem_free(lines->put);
    *lines = (struct link_lines){.in = -1, .out = -1};
}

bool link_lines_read(struct link_lines *lines)
{
    if (lines->got_at > 0)
        memmove(lines->got, lines->got + lines->got_at, lines->got_size - lines->got_at);
    lines->got_size -= lines->got_at;
    lines->got_at = 0;
    if (lines->got_size > EVENT_LINE_MAX)
        return false;
    if (lines->got_size + BLOCK > lines->got_room) {
        lines->got_room = lines->got_size + 2 * BLOCK;
        lines->got = mem_grow(lines->got, lines->got_room, 1);
    }
    ssize_t got = read(lines->in, lines->got + lines->got_size, BLOCK);
    if (got > 0)
        lines->got_size += (size_t)got;
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

bool link_lines_next(struct link_lines *lines, const char **line, size_t *length)
{
    size_t left = lines->got_size - lines->got_at;
    if (left == 0) /* nothing came yet */
        return false;
    const char *from = lines->got + lines->got_at, *end = memchr(from, '\n', left);
    if (!end)
        return false;
    *line = from;
    *length = (size_t)(end - from);
    lines->got_at += *length + 1;
    return true;
}

static void put_at(struct link_lines *lines, size_t at, const char *line, size_t length)
{
    if (lines->put_size + length + 1 > lines->put_room) {
        lines->put_room = 2 * (lines->put_size + length + 1);
        lines->put = mem_grow(lines->put, lines->put_room, 1);
    }
    memmove(lines->put + at + length + 1, lines->put + at, lines->put_size - at);
    memcpy(lines->put + at, line, length);
    lines->put[at + length] = '\n';
    lines->put_size += length + 1;
}

void link_lines_put(struct link_lines *lines, const char *line, size_t length)
{
    put_at(lines, lines->put_size, line, length);
}

void link_lines_put_first(struct link_lines *lines, const char *line, size_t length)
{
    put_at(lines, lines->put_first, line, length);
    lines->put_first += length + 1;
}

bool link_lines_flush(struct link_lines *lines)
{
    size_t done = 0;
    bool good = lines->out >= 0;
    while (good && done < lines->put_size) {
        ssize_t wrote = write(lines->out, lines->put + done, lines->put_size - done);
        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        else
            good = false;
    }
    if (done == 0)
        return good;
    bool between = lines->put[done - 1] == '\n';
    memmove(lines->put, lines->put + done, lines->put_size - done);
    lines->put_size -= done;
    if (done < lines->put_first)
        lines->put_first -= done;
    else
        lines->put_first = between ? 0 : (size_t)((char *)memchr(lines->put, '\n', lines->put_size) - lines->put) + 1;
    return good;
}

size_t link_lines_pending(const struct link_lines *lines)
{
    return lines->put_size;
}

/* --- the protocol --- */

void link_protocol_post(struct link_protocol *protocol, const struct run_command *command)
{
    char *line = run_command_to_json(command);
    link_lines_put(&protocol->lines, line, strlen(line));
    mem_free(line);
}

void link_protocol_begin(struct link_protocol *protocol, int in, int out)
{
    link_lines_init(&protocol->lines, in, out);
    protocol->greeted = protocol->ended = protocol->writes = false;
    protocol->skipped = 0;
    protocol->why[0] = '\0';
}

void link_protocol_watch(const struct link *link, struct link_protocol *protocol, double rate)
{
    char text[40];
    struct run_command watch = {.kind = RUN_WATCH, .value = (double)link->events, .rate = rate};
    snprintf(text, sizeof text, "%.17g", link->last_time);
    watch.text = link->events ? text : NULL;
    link_protocol_post(protocol, &watch);
}

static void take_greeting(struct link_protocol *protocol, const json_t *object)
{
    const char *run = json_string_value(json_object_get(object, "run"));
    protocol->greeted = true;
    protocol->writes = json_is_true(json_object_get(object, "writes"));
    mem_free(protocol->run);
    protocol->run = run && run[0] == '/' ? mem_string(run) : NULL;
}

/* Whoever says more than a run can have is not believed: numbers of events only grow. */
static const json_int_t skipped_most = (json_int_t)1 << 50;

/* Of lines that are no events; LINK_NOTHING: nothing that the caller must know. */
static enum link_got take_control(struct link *link, struct link_protocol *protocol, const json_t *object,
                                  struct link_message *message, const char *line, size_t length)
{
    struct error unused;
    json_int_t skipped = json_integer_value(json_object_get(object, "skip"));
    json_int_t damaged = json_integer_value(json_object_get(object, "damaged"));
    if (skipped > 0 && skipped < skipped_most && link->events < (uint64_t)skipped_most) {
        protocol->skipped = (uint64_t)skipped;
    } else if (json_object_get(object, "reset")) {
        link->events = protocol->skipped = protocol->skipped_in_all = 0;
        return LINK_RESET;
    } else if (damaged > 0 && damaged < skipped_most) {
        run_damage_add(&link->damage, (uint64_t)damaged - 1);
    } else if (json_object_get(object, "answer")) {
        return run_answer_from_json(&message->answer, line, length, &unused) ? LINK_ANSWER : LINK_NOTHING;
    } else if (json_object_get(object, "thaw")) {
        take_greeting(protocol, object);
    } else if (json_object_get(object, "bye")) {
        const char *why = json_string_value(json_object_get(object, "bye"));
        protocol->ended = true;
        snprintf(protocol->why, sizeof protocol->why, "%s", why && why[0] ? why : "it cannot be had");
    }
    return LINK_NOTHING;
}

/* What was skipped counts with the event behind it: where the line drops between the two it is told again. */
static bool take_event(struct link *link, struct link_protocol *protocol, struct link_message *message,
                       const char *line, size_t length)
{
    link->events += protocol->skipped;
    protocol->skipped_in_all += protocol->skipped;
    protocol->skipped = 0;
    return link_take_event(link, message, line, length);
}

static enum link_got take_line(struct link *link, struct link_protocol *protocol, struct link_message *message,
                               const char *line, size_t length)
{
    static const char event[] = "{\"kind\":";
    if (length >= sizeof event && memcmp(line, event, sizeof event - 1) == 0)
        return take_event(link, protocol, message, line, length) ? LINK_EVENT : LINK_NOTHING;
    json_t *object = json_loadb(line, length, 0, NULL);
    enum link_got got =
        json_is_object(object) ? take_control(link, protocol, object, message, line, length) : LINK_NOTHING;
    json_decref(object);
    return got;
}

enum link_got link_protocol_next(struct link *link, struct link_protocol *protocol, struct link_message *message)
{
    const char *line;
    size_t length;
    while (link_lines_next(&protocol->lines, &line, &length)) {
        enum link_got got = take_line(link, protocol, message, line, length);
        if (got != LINK_NOTHING)
            return got;
    }
    return LINK_NOTHING;
}

bool link_protocol_serve(struct link_protocol *protocol)
{
    return link_lines_read(&protocol->lines) && link_lines_flush(&protocol->lines);
}

void link_protocol_end(struct link_protocol *protocol)
{
    link_lines_finish(&protocol->lines);
    mem_free(protocol->run);
    protocol->run = NULL;
}
