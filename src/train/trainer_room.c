/* See the header. Called before the first epoch: a disk that is full then need not be found full behind the last. */
#include "config.h"

#include "trainer_room.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "thaw/base/mem.h"
#include "trainer_private.h"

bool trainer_room_check(const struct trainer_room *room, const char *path, struct error *error)
{
    uint64_t largest = room->checkpoint > room->model ? room->checkpoint : room->model;
    uint64_t all = (uint64_t)room->checkpoints * room->checkpoint + room->model;
    if (largest > room->file_most)
        return error_set(
            error, ERROR_FAILED,
            "%s: files may grow to %.1f MB here (ulimit -f), a checkpoint of this run has %.1f MB, its model "
            "%.1f MB: raise the limit",
            path, (double)room->file_most / 1e6, (double)room->checkpoint / 1e6, (double)room->model / 1e6);
    if (room->free + room->there >= all)
        return true;
    return error_set(
        error, ERROR_FAILED,
        "%s: no room for what the run leaves: %.1f MB for %s of %.1f MB and a model of %.1f MB, and %.1f MB "
        "are free: make room, or name another folder with --runs",
        path, (double)all / 1e6, room->checkpoints > 1 ? "two checkpoints" : "a checkpoint",
        (double)room->checkpoint / 1e6, (double)room->model / 1e6, (double)(room->free + room->there) / 1e6);
}

static uint64_t size_of(const struct trainer *trainer, const char *name)
{
    struct stat status;
    char *path = rundir_file(trainer->rundir, name);
    uint64_t size = stat(path, &status) == 0 && S_ISREG(status.st_mode) ? (uint64_t)status.st_size : 0;
    mem_free(path);
    return size;
}

bool trainer_has_room(const struct trainer *trainer, struct error *error)
{
    const struct graph *graph = trainer->graph;
    struct trainer_room room = {.checkpoints = trainer->dataset->images[DATASET_VAL].items > 0 ? 2 : 1,
                                .file_most = UINT64_MAX};
    struct statvfs disk;
    struct rlimit limit;
    for (int p = 0; p < graph->params; p++) {
        uint64_t bytes = graph->param[p].count * sizeof(float);
        room.model += bytes;
        room.checkpoint += trainer->touched[p] ? bytes : 0;
        for (int s = 0; s < optim_slots(trainer->optim); s++)
            room.checkpoint += optim_slot(trainer->optim, p, s) ? bytes : 0;
    }
    room.there = size_of(trainer, TRAINER_LAST) + size_of(trainer, TRAINER_BEST) + size_of(trainer, TRAINER_MODEL);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        room.file_most = limit.rlim_cur;
    bool told = statvfs(rundir_path(trainer->rundir), &disk) == 0;
    room.free = told ? (uint64_t)disk.f_bavail * disk.f_frsize : UINT64_MAX / 2;
    return trainer_room_check(&room, rundir_path(trainer->rundir), error);
}
