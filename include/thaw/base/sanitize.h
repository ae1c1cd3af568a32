/* Hot loops under the address sanitizer, whose check of each access makes them many times slower. Where all that a loop
 * touches is known before, its caller asks for that at once, and the loop goes unchecked. */
#ifndef THAW_BASE_SANITIZE_H
#define THAW_BASE_SANITIZE_H

#include <stddef.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define THAW_CHECKED
#endif
#endif

#ifdef THAW_CHECKED
#include <stdint.h>

#include <sanitizer/asan_interface.h>

#define THAW_UNCHECKED __attribute__((no_sanitize("address", "undefined")))

/* The sanitizer reports the read of the first byte that is not the caller's. at NULL: nothing is touched. */
static inline void check_floats(const float *at, size_t floats)
{
    const volatile char *wrong = at ? __asan_region_is_poisoned((void *)(uintptr_t)at, floats * sizeof *at) : NULL;
    if (wrong != NULL)
        (void)*wrong;
}
#else
#define THAW_UNCHECKED

static inline void check_floats(const float *at, size_t floats)
{
    (void)at;
    (void)floats;
}
#endif

#endif
