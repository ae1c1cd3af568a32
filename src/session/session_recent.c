/* What was opened last: folders of images and experiment files, kept in the state home from one start to the next. What
 * cannot be written is forgotten. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "session_private.h"
#include "thaw/base/clock.h"
#include "thaw/base/file.h"
#include "thaw/base/ledger.h"
#include "thaw/base/mem.h"

static char *ledger_path(const char *name)
{
    char *home = path_home(PATH_STATE), *path = path_join(home, name);
    mem_free(home);
    return path;
}

void recent_add(const char *name, const char *path)
{
    struct error unused;
    char value[32], *real = realpath(path, NULL);
    if (!real)
        return;
    snprintf(value, sizeof value, "%.3f", clock_wall());
    char *ledger = ledger_path(name);
    bool kept = ledger_put(ledger, real, value, &unused);
    (void)kept;
    mem_free(ledger);
    free(real);
}

size_t recent_read(const char *name, char *path[RECENT_MAX])
{
    struct ledger ledger;
    double when[RECENT_MAX];
    size_t count = 0;
    char *file = ledger_path(name);
    ledger_read(&ledger, file);
    mem_free(file);
    for (size_t i = 0; i < ledger.lines; i++) { /* the newest first, those that are gone left out */
        double then = strtod(ledger.line[i].value, NULL);
        size_t at = count;
        while (at > 0 && when[at - 1] < then)
            at--;
        if (at == RECENT_MAX || !file_exists(ledger.line[i].key))
            continue;
        if (count == RECENT_MAX)
            mem_free(path[--count]);
        for (size_t k = count++; k > at; k--) {
            when[k] = when[k - 1];
            path[k] = path[k - 1];
        }
        when[at] = then;
        path[at] = mem_string(ledger.line[i].key);
    }
    ledger_free(&ledger);
    return count;
}

void recent_finish(struct draft *draft)
{
    for (size_t i = 0; i < draft->recents; i++)
        mem_free(draft->recent[i]);
    draft->recents = 0;
}

size_t session_recent_experiments(const struct session *session, const char *const **paths)
{
    struct draft *draft = session->draft;
    recent_finish(draft);
    draft->recents = recent_read("experiments", draft->recent);
    *paths = (const char *const *)draft->recent;
    return draft->recents;
}

void session_remember_experiment(const char *path)
{
    recent_add("experiments", path);
}
