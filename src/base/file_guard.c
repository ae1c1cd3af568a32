/* What becomes of a map whose file is cut: reading behind its new end raises SIGBUS, which no check beforehand can rule
 * out. The page is replaced by zeros, whoever reads goes on, and file_map_holds tells afterwards that they were none of
 * the file's. Called by the program's main, and by the terminal, whose own handler for faults comes before this one. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "thaw/base/file.h"

/* A handler has nowhere else to tell it. */
static atomic_uint *faults(void)
{
    static atomic_uint count;
    return &count;
}

unsigned file_guard_faults(void)
{
    return atomic_load(faults());
}

/* Nothing but a map of a file has that code, a disk that fails included. The page is for reading alone: who writes to
 * shared memory that is not to be had is not helped by it, and dies of the next signal. */
bool file_guard_mend(int code, void *address)
{
    int saved = errno;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)address / page * page;
    bool mended = code == BUS_ADRERR &&
                  mmap((void *)at, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    if (mended)
        atomic_fetch_add(faults(), 1);
    errno = saved;
    return mended;
}

static void on_bus(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (file_guard_mend(info->si_code, info->si_addr))
        return;
    signal(number, SIG_DFL);
    raise(number);
}

void file_guard(void)
{
    struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};
    sigaction(SIGBUS, &action, NULL);
}

bool file_map_holds(const struct file_map *map)
{
    struct file_stamp now;
    if (map->file <= 0)
        return true;
    return map->faults == file_guard_faults() && file_stamp_take(map->file, &now) &&
           file_stamp_equal(&map->stamp, &now);
}
