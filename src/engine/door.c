/* The doors of a run: control.sock for its user (0600 in a directory of 0700), and where it is shared view.sock for the
 * user's group (0660, and the directory lets the group through: 0710), which takes no command that writes. */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/run/rundir.h"

/* Of the places for viewers some are for the run's user alone; and none may fill the trainer's queue for the others. */
enum { VIEWERS_MAX = 32, GUESTS_MAX = 24, ASKED_EACH = 32, ASKED_MAX = 2 * VIEWERS_MAX * ASKED_EACH };
_Static_assert(DOOR_FDS >= 2 + VIEWERS_MAX * VIEWER_FDS, "room to poll them all");
static const double farewell = 2; /* seconds that viewers have to take what is left */

struct asked {
    uint64_t link_id, id;  /* the link's number of a command, and the viewer's */
    struct viewer *viewer; /* NULL: gone */
};

/* One of the two sockets. */
struct opening {
    int fd; /* -1: not open */
    const char *name;
    ino_t inode; /* of its name in the folder: another engine's is not to be removed */
    bool writes;
    int viewers;
};

struct door {
    char *run;   /* absolute, as it was when the door was opened */
    int folder;  /* the run directory, wherever it is moved to */
    mode_t mode; /* it had; 0: it still has */
    struct link *link;
    struct opening opening[2];
    struct door_viewer {
        struct viewer *viewer;
        struct opening *through;
    } viewer[VIEWERS_MAX];
    int viewers;
    struct asked asked[ASKED_MAX];
    int askeds;
};

/* Bound through the folder's descriptor: a run's path may be longer than a socket's may. */
static bool listen_at(struct door *door, struct opening *opening, mode_t mode, struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct stat status;
    opening->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", door->folder, opening->name);
    unlinkat(door->folder, opening->name, 0); /* of an engine that was killed: the run's lock is ours */
    mode_t before = umask(0177);
    bool good = opening->fd >= 0 && bind(opening->fd, (struct sockaddr *)&address, sizeof address) == 0;
    umask(before);
    good = good && fchmodat(door->folder, opening->name, mode, 0) == 0 &&
           fstatat(door->folder, opening->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && listen(opening->fd, 16) == 0;
    opening->inode = good ? status.st_ino : 0;
    return good || error_set_errno(error, ERROR_FAILED, errno, "%s/%s: cannot be opened", door->run, opening->name);
}

static void shut(struct door *door, struct opening *opening)
{
    struct stat status;
    if (opening->fd < 0)
        return;
    close(opening->fd);
    opening->fd = -1;
    if (fstatat(door->folder, opening->name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_ino == opening->inode)
        unlinkat(door->folder, opening->name, 0);
}

/* Of a folder that is only known by its descriptor. */
static int chmod_folder(int folder, mode_t mode)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    return chmod(path, mode);
}

/* Who may come through the folder to view.sock would reach the files in it, too, by their names. */
static bool close_files(int folder)
{
    int again = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = again >= 0 ? fdopendir(again) : NULL;
    struct dirent *entry;
    struct stat status;
    bool good = list != NULL;
    while (good && (entry = readdir(list))) {
        bool is_own = entry->d_name[0] != '.' && strcmp(entry->d_name, RUNDIR_VIEW) != 0;
        if (is_own && fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISLNK(status.st_mode))
            good = fchmodat(folder, entry->d_name, status.st_mode & 0700, 0) == 0 || errno == ENOENT;
    }
    if (list)
        closedir(list);
    else if (again >= 0)
        close(again);
    return good;
}

/* What an engine that was killed may have left of a run that was shared. */
static void keep_group_out(const struct door *door)
{
    struct stat status;
    unlinkat(door->folder, RUNDIR_VIEW, 0);
    if (fstat(door->folder, &status) == 0 && (status.st_mode & 07777) == 0710)
        chmod_folder(door->folder, 0700);
}

static bool let_group_in(struct door *door, struct error *error)
{
    struct stat status;
    umask(0077); /* of all that the run writes from now on */
    if (!close_files(door->folder) || fstat(door->folder, &status) != 0 || chmod_folder(door->folder, 0710) != 0)
        return error_set_errno(error, ERROR_FAILED, errno, "%s: cannot be shared", door->run);
    door->mode = status.st_mode & 07777;
    return true;
}

struct door *door_open(const char *run, bool share, struct link *link, struct error *error)
{
    struct door *door = mem_alloc(sizeof *door);
    char *path = realpath(run, NULL);
    *door = (struct door){.run = mem_string(path ? path : run), .link = link, .folder = -1};
    free(path);
    door->opening[0] = (struct opening){.fd = -1, .name = RUNDIR_CONTROL, .writes = true};
    door->opening[1] = (struct opening){.fd = -1, .name = RUNDIR_VIEW};
    door->folder = open(run, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool good = door->folder >= 0 || error_set_errno(error, ERROR_FAILED, errno, "%s", run);
    if (good && !share)
        keep_group_out(door);
    good = good && listen_at(door, &door->opening[0], 0600, error);
    if (good && (!share || (listen_at(door, &door->opening[1], 0660, error) && let_group_in(door, error))))
        return door;
    door_close(door);
    return NULL;
}

/* --- commands and answers --- */

static int count_asked(const struct door *door, const struct viewer *viewer)
{
    int count = 0;
    for (int i = 0; i < door->askeds; i++)
        count += door->asked[i].viewer == viewer;
    return count;
}

static void take_command(void *context, struct viewer *viewer, const struct run_command *command)
{
    struct door *door = context;
    struct error error = {0};
    struct run_answer refused = {.id = command->id};
    uint64_t id = 0;
    if (door->askeds == ASKED_MAX || count_asked(door, viewer) == ASKED_EACH)
        error_set(&error, ERROR_FAILED, "%d commands wait for their answers: try again", ASKED_EACH);
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
    struct door_viewer *gone = &door->viewer[at];
    for (int i = 0; i < door->askeds; i++)
        if (door->asked[i].viewer == gone->viewer)
            door->asked[i].viewer = NULL;
    viewer_destroy(gone->viewer);
    gone->through->viewers--;
    *gone = door->viewer[--door->viewers];
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

/* No place: says so where that can be done at once, and hangs up. */
static void turn_away(int fd)
{
    static const char sorry[] = "{\"bye\":\"as many watch it already as can\"}\n";
    ssize_t unused = send(fd, sorry, sizeof sorry - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)unused;
    close(fd);
}

static bool has_place(const struct door *door, const struct opening *opening)
{
    return door->viewers < VIEWERS_MAX && (opening->writes || opening->viewers < GUESTS_MAX);
}

static void let_in(struct door *door, struct opening *opening, int fd)
{
    struct error unused;
    char name[RUN_COMMAND_BY], *run = path_of_descriptor(door->folder);
    peer_name(fd, name, sizeof name);
    struct viewer_options options = {.run = run ? run : door->run,
                                     .in = fd,
                                     .out = fd,
                                     .writes = opening->writes,
                                     .by = name,
                                     .command = take_command,
                                     .context = door};
    struct viewer *viewer = viewer_create(&options, &unused);
    mem_free(run);
    if (!viewer)
        return;
    door->viewer[door->viewers++] = (struct door_viewer){viewer, opening};
    opening->viewers++;
}

static void accept_all(struct door *door, struct opening *opening)
{
    int fd;
    while (opening->fd >= 0 && (fd = accept4(opening->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        if (has_place(door, opening))
            let_in(door, opening, fd);
        else
            turn_away(fd);
    }
}

int door_poll(const struct door *door, struct pollfd *fds)
{
    int count = 0;
    for (int i = 0; door && i < 2; i++)
        fds[count++] = (struct pollfd){.fd = door->opening[i].fd, .events = POLLIN};
    for (int i = 0; door && i < door->viewers; i++, count += VIEWER_FDS)
        viewer_poll(door->viewer[i].viewer, fds + count);
    return count;
}

void door_serve(struct door *door)
{
    for (int i = 0; door && i < 2; i++)
        accept_all(door, &door->opening[i]);
    for (int i = door ? door->viewers : 0; i-- > 0;)
        if (!viewer_serve(door->viewer[i].viewer))
            drop(door, i);
}

bool door_is_gone(const struct door *door)
{
    struct stat status;
    return door && fstat(door->folder, &status) == 0 && status.st_nlink == 0;
}

int door_viewers(const struct door *door)
{
    return door ? door->viewers : 0;
}

/* The sockets go first: the run's lock is free, and another engine may want to open its own. */
void door_close(struct door *door)
{
    if (!door)
        return;
    double began = clock_monotonic();
    for (int i = 0; i < 2; i++)
        shut(door, &door->opening[i]);
    if (door->mode)
        chmod_folder(door->folder, door->mode);
    for (int i = 0; i < door->viewers; i++)
        viewer_end(door->viewer[i].viewer);
    while (door->viewers > 0 && clock_monotonic() - began < farewell) {
        struct pollfd fds[DOOR_FDS];
        door_serve(door);
        int count = door_poll(door, fds);
        if (door->viewers > 0)
            poll(fds, (nfds_t)count, 20);
    }
    while (door->viewers > 0)
        drop(door, 0);
    if (door->folder >= 0)
        close(door->folder);
    mem_free(door->run);
    mem_free(door);
}
