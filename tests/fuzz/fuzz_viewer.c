/* A client of a run's door, whatever it says: first one that may only look, then one that may steer, and then the run
 * ends. Nothing that writes passes for the first; each answer is a line of JSON, each event one of the run's; and the
 * run's directory is as it was. */
#include "config.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "fuzz_run.h"
#include "thaw/base/mem.h"
#include "thaw/run/viewer.h"

const char fuzz_target[] = "viewer";

enum { STEPS = 40, QUIET = 3, ROUNDS_MOST = 100000 };

int fuzz_mutations(void)
{
    return 600;
}

/* What may wait for a client that does not read, and as much again while it grows. */
size_t fuzz_budget(size_t size)
{
    return 8 * size + (4 << 20);
}

static struct {
    char text[1 << 14]; /* the run's events */
    size_t size;
    char *heard; /* what the client was told */
    size_t heard_size, heard_room;
    bool writes;
} world;

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void make_events(void)
{
    world.size = (size_t)snprintf(world.text, sizeof world.text,
                                  "{\"kind\":\"run\",\"time\":1.5,\"version\":2,\"steps_per_epoch\":4}\n");
    for (int i = 1; i <= STEPS; i++)
        world.size += (size_t)snprintf(world.text + world.size, sizeof world.text - world.size,
                                       "{\"kind\":\"%s\",\"time\":%d.25,\"epoch\":%d,\"step\":%d,\"loss\":0.5}\n",
                                       i % 4   ? "step"
                                       : i % 8 ? "epoch"
                                               : "eval",
                                       1 + i, 1 + (i - 1) / 4, i);
    fuzz_run_write(world.text, world.size, false);
}

static void take_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    (void)context;
    require(world.writes && command->kind < RUN_COMMANDS && command->kind != RUN_WATCH);
    viewer_answer(viewer, &(struct run_answer){.id = command->id, .done = true});
}

static bool hear(int fd)
{
    if (world.heard_room < world.heard_size + (1 << 16)) {
        world.heard_room = 2 * world.heard_room + (1 << 16);
        world.heard = mem_grow(world.heard, world.heard_room, 1);
    }
    ssize_t got = read(fd, world.heard + world.heard_size, 1 << 16);
    world.heard_size += got > 0 ? (size_t)got : 0;
    return got > 0;
}

static bool is_an_event(const char *line, size_t length)
{
    const char *found = memmem(world.text, world.size, line, length);
    return found && found[length] == '\n' && (found == world.text || found[-1] == '\n');
}

static void check_line(const char *line, size_t length)
{
    static const char event[] = "{\"kind\":";
    if (length >= sizeof event && memcmp(line, event, sizeof event - 1) == 0) {
        require(is_an_event(line, length));
        return;
    }
    json_t *object = json_loadb(line, length, 0, NULL);
    require(json_is_object(object));
    json_decref(object);
}

static void check_heard(void)
{
    const char *line = world.heard, *end;
    size_t left = world.heard_size;
    for (; left && (end = memchr(line, '\n', left)); left -= (size_t)(end + 1 - line), line = end + 1)
        check_line(line, (size_t)(end - line));
}

/* Until nothing moves any more; false: the client was let go. */
static bool talk(struct viewer *viewer, int fd, const uint8_t *data, size_t size)
{
    bool going = true;
    for (int quiet = 0, rounds = 0; going && quiet < QUIET; rounds++) {
        ssize_t said = size ? send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        data = said > 0 ? data + said : data;
        size -= said > 0 ? (size_t)said : 0;
        going = viewer_serve(viewer);
        quiet = hear(fd) || said > 0 ? 0 : quiet + 1;
        require(rounds < ROUNDS_MOST);
    }
    return going;
}

static void serve(const uint8_t *data, size_t size, bool writes)
{
    int fds[2];
    struct error error = {0};
    require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    world.writes = writes;
    world.heard_size = 0;
    struct viewer_options options = {
        .run = fuzz_run(), .in = fds[0], .out = fds[0], .writes = writes, .by = "x", .command = take_command};
    struct viewer *viewer = viewer_create(&options, &error);
    require(viewer);
    bool going = talk(viewer, fds[1], data, size);
    viewer_end(viewer);
    if (going)
        require(!talk(viewer, fds[1], NULL, 0)); /* "bye" */
    while (hear(fds[1]))
        continue;
    viewer_destroy(viewer);
    close(fds[1]);
    check_heard();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.size)
        make_events();
    serve(data, size, false);
    serve(data, size, true);
    fuzz_run_is_untouched(world.text, world.size);
    mem_free(world.heard);
    world.heard = NULL;
    world.heard_room = world.heard_size = 0;
    return 0;
}
