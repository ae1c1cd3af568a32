/* What the engine's files share. */
#ifndef THAW_ENGINE_PRIVATE_H
#define THAW_ENGINE_PRIVATE_H

#include "thaw/engine/engine.h"
#include "thaw/run/link_row.h"
#include "thaw/run/viewer.h"

/* --- link_thread.c --- */
/* The link first, for its sink; then the trainer that was made with it, which is the link's from then on. */
struct link *thread_link_create(struct error *error) THAW_NONNULL THAW_MUST_CHECK;
struct event_sink thread_link_sink(struct link *link) THAW_NONNULL;
void thread_link_adopt(struct link *link, struct trainer *trainer) THAW_NONNULL;
struct trainer *thread_link_trainer(const struct link *link) THAW_NONNULL;

/* --- door.c: the sockets of a run and who comes through them --- */
struct door;
/* Opens control.sock, and with share view.sock, in the run directory, whose files are then its user's alone. To be called
 * before the process has threads. NULL: the file system takes no sockets, or it cannot be shared. */
struct door *door_open(const char *run, bool share, struct link *link,
                       struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Sends viewers what is left, waits a moment for them, removes the sockets. Takes NULL. */
void door_close(struct door *door);
/* Descriptors to poll, at most DOOR_FDS; and serving whoever is there. */
enum { DOOR_FDS = 80 };
struct pollfd;
int door_poll(const struct door *door, struct pollfd *fds) THAW_NONNULL_ARGS(2);
void door_serve(struct door *door);
int door_viewers(const struct door *door);
/* The run directory was removed: nobody can come to it any more. false of NULL. */
bool door_is_gone(const struct door *door);
/* An answer that came for one of its viewers; false: it is not one of theirs. */
bool door_answer(struct door *door, const struct run_answer *answer) THAW_NONNULL_ARGS(2);

#endif
