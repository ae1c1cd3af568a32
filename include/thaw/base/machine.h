/* What this machine is called and what memory it has, as the system tells. */
#ifndef THAW_BASE_MACHINE_H
#define THAW_BASE_MACHINE_H

#include <stddef.h>

#include "thaw/base/macros.h"

/* "Intel(R) Xeon(R) CPU @ 2.20GHz, 4 cores": the processor as the system calls it. */
void machine_name(char *name, size_t room) THAW_NONNULL;
/* Bytes of physical memory; 0: not known. */
size_t machine_memory(void);
/* Bytes that this process could still take without others being pushed out: what the kernel holds available, and no more
 * than is left of the limit of any control group that the process is in. 0: not known; where nothing is left, 1. `root`
 * is the folder below which /proc and /sys lie: "" but in tests. */
size_t machine_memory_available(const char *root) THAW_NONNULL;

#endif
