/* The doors of a run: control.sock for its user (0600 in a directory of 0700), and where it is shared view.sock for the
 * user's group (0660, and the directory lets the group through: 0710), which takes no command that writes. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "engine_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"

enum { VIEWERS_MAX = 32, ASKED_MAX = 4096 };
static const double farewell = 2; /* seconds that viewers have to take what is left */

struct asked {
    uint64_t link_id, id;  /* the link's number of a command, and the viewer's */
    struct viewer *viewer; /* NULL: gone */
};

struct door {
    char *run;
    struct link *link;
    int control, view; /* -1: not open */
    struct viewer *viewer[VIEWERS_MAX];
    int viewers;
    struct asked asked[ASKED_MAX];
    int askeds;
};

/* Bound through the folder's descriptor: a run's path may be longer than a socket's may. */
static int listen_at(const char *run, const char *name, mode_t mode, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int folder = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", folder, name);
    unlinkat(folder, name, 0); /* of an engine that was killed: the run's lock is ours */
    mode_t before = umask(0177);
    bool good = folder >= 0 && fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(before);
    good = good && fchmodat(folder, name, mode, 0) == 0 && listen(fd, 16) == 0;
    if (!good) {
        error_set_errno(error, ERROR_FAILED, errno, "%s/%s: cannot be opened", run, name);
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (folder >= 0)
        close(folder);
    return fd;
}

struct door *door_open(const char *run, bool share, struct link *link, struct error *error)
{
    int control = listen_at(run, RUNDIR_CONTROL, 0600, error);
    if (control < 0)
        return NULL;
    int view = -1;
    if (share) {
        view = listen_at(run, RUNDIR_VIEW, 0660, error);
        if (view < 0 || chmod(run, 0710) != 0) {
            close(control);
            return NULL;
        }
    }
    struct door *door = mem_alloc(sizeof *door);
    door->run = mem_string(run);
    door->link = link;
    door->control = control;
    door->view = view;
    return door;
}

/* --- commands and answers --- */

static void take_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    struct door *door = context;
    struct error error = {0};
    struct run_answer refused = {.id = command->id};
    uint64_t id = 0;
    if (door->askeds == ASKED_MAX)
        error_set(&error, ERROR_FAILED, "more than %d commands wait for their answers", ASKED_MAX);
    else
        id = link_post(door->link, command, &error);
    if (id) {
        door->asked[door->askeds++] = (struct asked){id, command->id, viewer};
        return;
    }
    snprintf(refused.sentence, sizeof refused.sentence, "%.500s", error.text);
    viewer_answer(viewer, &refused);
}

bool door_answer(struct door *door, const struct run_answer *answer)
{
    for (int i = 0; door && i < door->askeds; i++) {
        if (door->asked[i].link_id != answer->id)
            continue;
        struct run_answer own = *answer;
        own.id = door->asked[i].id;
        if (door->asked[i].viewer)
            viewer_answer(door->asked[i].viewer, &own);
        door->asked[i] = door->asked[--door->askeds];
        return true;
    }
    return false;
}

/* --- viewers --- */

static void drop(struct door *door, int at)
{
    for (int i = 0; i < door->askeds; i++)
        if (door->asked[i].viewer == door->viewer[at])
            door->asked[i].viewer = NULL;
    viewer_destroy(door->viewer[at]);
    door->viewer[at] = door->viewer[--door->viewers];
}

/* The name of whoever is at the other end, as the kernel says. */
static void peer_name(int fd, char *name, size_t room)
{
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    struct passwd entry, *found = NULL;
    char texts[1024];
    snprintf(name, room, "someone");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return;
    snprintf(name, room, "user %ld", (long)peer.uid);
    if (getpwuid_r(peer.uid, &entry, texts, sizeof texts, &found) == 0 && found)
        snprintf(name, room, "%s", entry.pw_name);
}

static void accept_all(struct door *door, int listener, bool writes)
{
    struct error unused;
    char name[RUN_COMMAND_BY];
    int fd;
    while (listener >= 0 && (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (door->viewers == VIEWERS_MAX) {
            close(fd);
            continue;
        }
        peer_name(fd, name, sizeof name);
        struct viewer_options options = {.run = door->run,
                                         .in = fd,
                                         .out = fd,
                                         .writes = writes,
                                         .by = name,
                                         .command = take_command,
                                         .context = door};
        struct viewer *viewer = viewer_create(&options, &unused);
        if (viewer)
            door->viewer[door->viewers++] = viewer;
    }
}

int door_poll(const struct door *door, struct pollfd *fds)
{
    int count = 0;
    if (!door)
        return 0;
    fds[count++] = (struct pollfd){.fd = door->control, .events = POLLIN};
    fds[count++] = (struct pollfd){.fd = door->view, .events = POLLIN};
    for (int i = 0; i < door->viewers; i++) {
        int out = viewer_out(door->viewer[i]);
        fds[count++] =
            (struct pollfd){.fd = viewer_in(door->viewer[i]), .events = (short)(POLLIN | (out >= 0 ? POLLOUT : 0))};
    }
    return count;
}

void door_serve(struct door *door)
{
    if (!door)
        return;
    accept_all(door, door->control, true);
    accept_all(door, door->view, false);
    for (int i = door->viewers; i-- > 0;)
        if (!viewer_serve(door->viewer[i]))
            drop(door, i);
}

int door_viewers(const struct door *door)
{
    return door ? door->viewers : 0;
}

void door_close(struct door *door)
{
    if (!door)
        return;
    double began = clock_monotonic();
    for (int i = 0; i < door->viewers; i++)
        viewer_end(door->viewer[i]);
    while (door->viewers > 0 && clock_monotonic() - began < farewell) {
        struct pollfd fds[DOOR_FDS];
        door_serve(door);
        int count = door_poll(door, fds);
        if (door->viewers > 0)
            poll(fds, (nfds_t)count, 20);
    }
    while (door->viewers > 0)
        drop(door, 0);
    for (int i = 0; i < 2; i++) {
        int fd = i ? door->view : door->control;
        char *path = path_join(door->run, i ? RUNDIR_VIEW : RUNDIR_CONTROL);
        if (fd >= 0) {
            close(fd);
            unlink(path);
        }
        mem_free(path);
    }
    mem_free(door->run);
    mem_free(door);
}
