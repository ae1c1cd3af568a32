/* Between libFuzzer and a harness: measures what a parser takes from malloc and mmap and how long it works, ends the
 * program where an input takes more than its budget or a second, and tells the largest figures at the end. Compiled by
 * tests/fuzz/build alone, which calls the harness's function fuzz_one. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include <sanitizer/allocator_interface.h>

#include "fuzz.h"

/* A harness's own copies of so short an input. */
enum { OWN = 64 << 10, HANG_MS = 1000 };

__attribute__((weak)) size_t fuzz_budget(size_t size)
{
    return 4 * size + (1 << 20);
}

int fuzz_one(const uint8_t *data, size_t size);

static _Thread_local bool measuring;
static size_t live, peak, largest;     /* of this input: bytes held now, the most held at once, the largest block */
static size_t most_peak, most_largest; /* of all inputs */
static long longest;                   /* ms */

static void taken(const volatile void *block, size_t size)
{
    (void)block;
    if (!measuring)
        return;
    live += size;
    peak = live > peak ? live : peak;
    largest = size > largest ? size : largest;
}

static void given_back(const volatile void *block)
{
    if (!measuring || !block)
        return;
    size_t size = __sanitizer_get_allocated_size((const void *)block);
    live -= size < live ? size : live; /* a block from before the input was measured counts for nothing */
}

/* Large blocks of floats are anonymous maps; the linker sends them through here. */
void *__real_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);

void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    if (file < 0)
        taken(NULL, size);
    return __real_mmap(at, size, protection, flags, file, offset);
}

int __wrap_munmap(void *at, size_t size)
{
    if (measuring)
        live -= size < live ? size : live;
    return __real_munmap(at, size);
}

/* Which of the zoo's networks a file may be is no question to a parser, and a hundred times its work: for the harnesses
 * the zoo is empty. */
const void *__wrap_zoo_at(size_t index);
const void *__wrap_zoo_at(size_t index)
{
    (void)index;
    return NULL;
}

/* Of the processor: what others do on the machine is no hang. */
static long milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void tell(void)
{
    fprintf(stderr, "stat::largest_block_bytes:      %zu\n", most_largest);
    fprintf(stderr, "stat::most_held_at_once_bytes:  %zu\n", most_peak);
    fprintf(stderr, "stat::longest_processor_ms:     %ld\n", longest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    if (!ready) {
        fuzz_one(data, size); /* what is made once belongs to no input */
        __sanitizer_install_malloc_and_free_hooks(taken, given_back);
        atexit(tell);
        ready = true;
    }
    live = peak = largest = 0;
    long start = milliseconds();
    measuring = true;
    fuzz_one(data, size);
    measuring = false;
    long took = milliseconds() - start;
    longest = took > longest ? took : longest;
    most_peak = peak > most_peak ? peak : most_peak;
    most_largest = largest > most_largest ? largest : most_largest;
    if (peak > fuzz_budget(size) + OWN) {
        fprintf(stderr, "%zu bytes were held at once for an input of %zu, %zu in one block\n", peak, size, largest);
        abort();
    }
    if (took > HANG_MS) {
        fprintf(stderr, "an input of %zu bytes took %ld ms\n", size, took);
        abort();
    }
    return 0;
}
