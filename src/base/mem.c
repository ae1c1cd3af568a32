/* Memory. Small blocks come from malloc; large float blocks and arenas from anonymous maps on huge pages, because first
 * touch of fresh 4 KiB pages is several times slower. A header before each float block says how it was made. */
#include "config.h"

#include "thaw/base/mem.h"

#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HUGE_PAGE = 2 << 20 };

/* Who handles SIGABRT has something to restore, such as a terminal; else this is a failure like others, not a crash. */
static _Noreturn void run_out(void)
{
    static const char line[] = "thaw: out of memory\n";
    struct sigaction action = {.sa_handler = SIG_DFL};
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    if (sigaction(SIGABRT, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
        _exit(EXIT_FAILURE);
    abort();
}

static void *must(void *block)
{
    if (!block)
        run_out();
    return block;
}

void *mem_try(size_t size)
{
    return calloc(1, size ? size : 1);
}

void *mem_alloc(size_t size)
{
    return must(mem_try(size));
}

void *mem_array(size_t count, size_t item)
{
    return must(calloc(count ? count : 1, item ? item : 1));
}

void *mem_grow(void *block, size_t count, size_t item)
{
    if (item && count > SIZE_MAX / item)
        must(NULL);
    size_t size = count * item;
    return must(realloc(block, size ? size : 1));
}

void mem_free(void *block)
{
    free(block);
}

void mem_give_back(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

char *mem_string(const char *text)
{
    return must(strdup(text));
}

char *mem_format(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int length = vasprintf(&text, format, args);
    va_end(args);
    return must(length < 0 ? NULL : text);
}

/* Bytes of a float block before the floats; keeps them MEM_ALIGNed. */
struct float_header {
    size_t mapped; /* size of the map, or 0: from aligned_alloc */
    char pad[MEM_ALIGN - sizeof(size_t)];
};
_Static_assert(sizeof(struct float_header) == MEM_ALIGN, "floats behind the header are aligned");

static void *map_pages(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED)
        return NULL;
    madvise(block, size, MADV_HUGEPAGE);
    return block;
}

float *mem_try_floats(size_t count)
{
    if (count > (SIZE_MAX - 2 * HUGE_PAGE) / sizeof(float))
        return NULL;
    size_t size = sizeof(struct float_header) + count * sizeof(float);
    struct float_header *header;
    if (size >= HUGE_PAGE) {
        size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        header = map_pages(size);
        if (!header)
            return NULL;
        header->mapped = size;
    } else {
        size = (size + MEM_ALIGN - 1) / MEM_ALIGN * MEM_ALIGN;
        header = aligned_alloc(MEM_ALIGN, size);
        if (!header)
            return NULL;
        memset(header, 0, size);
    }
    return (float *)(header + 1);
}

float *mem_floats(size_t count)
{
    return must(mem_try_floats(count));
}

void mem_free_floats(float *floats)
{
    if (!floats)
        return;
    struct float_header *header = (struct float_header *)(void *)floats - 1;
    if (header->mapped)
        munmap(header, header->mapped);
    else
        free(header);
}

struct arena {
    char *block;
    size_t size;
};

struct arena *arena_create(size_t size)
{
    if (size > SIZE_MAX - 2 * HUGE_PAGE)
        return NULL;
    size_t mapped = (size + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE;
    char *block = map_pages(mapped);
    if (!block)
        return NULL;
    struct arena *arena = mem_alloc(sizeof *arena);
    arena->block = block;
    arena->size = mapped;
    return arena;
}

void arena_destroy(struct arena *arena)
{
    if (!arena)
        return;
    munmap(arena->block, arena->size);
    mem_free(arena);
}

void *arena_at(struct arena *arena, size_t offset)
{
    return arena->block + offset;
}
