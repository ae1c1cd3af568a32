/* The program started over a small scene of runs, caches and a download, with calls of it that fail, with a log of what
 * it wrote, or killed; and what a run came to, as a few digests. */
#ifndef THAW_TESTS_FAULTS_LAB_H
#define THAW_TESTS_FAULTS_LAB_H

#include <stdbool.h>

#include "preload.h"
#include "thaw/base/hash.h"

/* Folders. scene: all that the program may change, the one that is watched; kept: scenes to begin from. */
extern struct lab {
    char scene[96], runs[128], kept[96], preload[512];
    char fill[128], train[128]; /* experiments: with a cache of features, and without */
    char picture[160];
    long picked; /* THAW_FAULTS: how many cases of each kind; LAB_ALL; 0: not said */
} lab;
enum { LAB_ALL = 1 << 30, LAB_WORDS = 10, LAB_SECONDS = 120 };
/* Of the cases of `make check`, where no more are asked for. */
#ifdef THAW_SANITIZED /* several times as slow */
enum { LAB_ONE_IN = 6 };
#else
enum { LAB_ONE_IN = 2 };
#endif

int lab_set_up(void **state);
int lab_tear_down(void **state);
/* A step between two of `count` cases so that about `wanted` are gone through; all, where that is asked for. */
long lab_step(long count, long wanted);

struct lab_fault {
    enum fault_kind kind;
    long at; /* from 1; 0: none */
    int code;
    const char *how; /* see preload.h */
    double seconds;  /* it is killed after so many; 0: it is not */
};
/* How it ended. */
struct lab_end {
    int code, signal; /* -1 and the signal; both -1: it did not end */
    char *told, *out; /* standard error and output */
    char call[256];   /* the call that failed; "": it did not come to that */
    long count[FAULT_KINDS];
};
/* Runs a verb, words up to NULL, under the preloaded library; fault and log NULL: without. The end is finished by
 * lab_finish. */
struct lab_end lab_run(const struct lab_fault *fault, const char *log, const char *const *words);
#define LAB_RUN(fault, ...) lab_run(fault, NULL, (const char *const[]){__VA_ARGS__, NULL})
void lab_finish(struct lab_end *end);
/* The same without anything that fails; fails the test where it does. */
void lab_must(const char *const *words);
#define LAB_MUST(...) lab_must((const char *const[]){__VA_ARGS__, NULL})

void lab_empty_scene(void);
void lab_keep_scene(const char *name);
void lab_restore_scene(const char *name);
void lab_copy(const char *from, const char *to); /* a folder; `to` is replaced */

/* The run below lab.runs whose name ends so; false: there is none. */
bool lab_find(const char *ending, char path[512]);
/* What a run is judged by: its model's bytes, the tensors of both checkpoints, losses and end. false: something of it is
 * not there or cannot be read, with a sentence. */
struct lab_result {
    struct hash model, last, best, story;
};
bool lab_read(const char *run, struct lab_result *result, char why[256]);
bool lab_same(const struct lab_result *a, const struct lab_result *b, char why[256]);
/* A run that ended, called NAME, and one that was broken off in the middle; the scene that each is in is kept so. */
void lab_make_whole(const char *name, char run[512]);
void lab_make_half(const char *name, char run[512]);
/* Of names and bytes of all files in a folder and below; what is not there has one, too. */
struct hash lab_tree(const char *folder);

/* Notes a fault of the program. */
void lab_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Fails the test where there were any since the last call. */
void lab_judge(const char *what, long cases);

#endif
