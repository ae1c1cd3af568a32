/* Compiler-checked contracts. Every exported function uses the ones that fit. */
#ifndef THAW_BASE_MACROS_H
#define THAW_BASE_MACROS_H

#define THAW_NONNULL                 __attribute__((nonnull))
#define THAW_NONNULL_ARGS(...)       __attribute__((nonnull(__VA_ARGS__)))
#define THAW_PRINTF(fmt_at, args_at) __attribute__((format(printf, fmt_at, args_at)))
#define THAW_MUST_CHECK              __attribute__((warn_unused_result))

/* Compiles a hot loop once for each vector width and picks at load time, so that one binary serves every x86-64. Not
 * under sanitizers, whose runtime starts after the pickers. The file must include config.h first; such
 * a function has a name of its own in all of thaw, as clang's pickers are not static. */
#if defined(__x86_64__) && !defined(THAW_SANITIZED)
#define THAW_SIMD __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define THAW_SIMD
#endif

#define THAW_LENGTH(array) (sizeof(array) / sizeof((array)[0]))

#endif
