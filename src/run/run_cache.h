/* Summaries of runs as they were last read, kept in the cache folder, so that a list of runs reads only those that have
 * changed. What was read counts as long as events.jsonl is the same file, of the same size and untouched since. */
#ifndef THAW_RUN_RUN_CACHE_H
#define THAW_RUN_RUN_CACHE_H

#include "thaw/run/rundir.h"

struct run_cache;
/* Empty where there is none, where anything in it is not as it was written, and where another user could have. */
struct run_cache *run_cache_open(void);
/* Writes what is new, as far as it can be written; takes NULL. */
void run_cache_close(struct run_cache *cache);

/* Which state of which file of events a summary is of. */
struct run_cache_key {
    char file[40], state[96]; /* file "": just written, so that a later state could look the same */
};
/* false: there is no such file. */
bool run_cache_key(const char *path, struct run_cache_key *key) THAW_NONNULL;

/* Fills in what the events say, all but path, name, active and labels; false: not known. */
bool run_cache_get(struct run_cache *cache, const struct run_cache_key *key,
                   struct rundir_summary *summary) THAW_NONNULL;
/* `key` was taken before the events were read. */
void run_cache_put(struct run_cache *cache, const struct run_cache_key *key,
                   const struct rundir_summary *summary) THAW_NONNULL;

#endif
