/* A pattern becomes a program of a few kinds of instructions; all ways through it are followed at once, byte by byte, the
 * more wanted ones first (Pike's machine: R. Cox, "Regular Expression Matching: the Virtual Machine Approach", 2009). Called
 * by the layout of names and by groups of images. */
#include "config.h"

#include "thaw/base/pattern.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "thaw/base/mem.h"

enum { PROGRAM_MAX = 4096, REPEAT_MAX = 255, DEPTH_MAX = 32, SLOTS = 4 };

enum step_kind { STEP_SET, STEP_JUMP, STEP_FORK, STEP_SAVE, STEP_BEGIN, STEP_END, STEP_MATCH };

struct step {
    enum step_kind kind;
    int a, b;         /* where to: of JUMP and FORK, `a` is the more wanted; the slot of SAVE */
    uint8_t bits[32]; /* of SET: the bytes that pass */
};

/* A way through the program: where it is, and what it has saved: the match's ends, and the first group's. */
struct thread {
    int at;
    size_t slot[SLOTS];
};
struct threads {
    struct thread *thread;
    int count;
};

struct pattern {
    struct step *step;
    int steps, groups;
    struct threads now, next;
    unsigned *seen; /* [steps], the generation in which a step was last reached */
    unsigned generation;
};

/* --- compiling --- */

struct compiler {
    struct pattern *pattern;
    const char *text, *at;
    struct error *error;
    int depth;
};

static bool refuse(const struct compiler *c, const char *what)
{
    return error_set(c->error, ERROR_USAGE, "the pattern %.200s, character %zu: %s", c->text,
                     (size_t)(c->at - c->text) + 1, what);
}

/* Makes room for one more step at `where`, behind which all move; returns it, or NULL with an error. */
static struct step *insert(struct compiler *c, int where, enum step_kind kind)
{
    struct pattern *pattern = c->pattern;
    if (pattern->steps == PROGRAM_MAX) {
        refuse(c, "it is too long");
        return NULL;
    }
    for (int i = 0; i < pattern->steps; i++) {
        struct step *step = &pattern->step[i];
        bool jumps = step->kind == STEP_JUMP || step->kind == STEP_FORK;
        step->a += jumps && step->a >= where && i >= where;
        step->b += jumps && step->b >= where && i >= where;
    }
    memmove(&pattern->step[where + 1], &pattern->step[where], (size_t)(pattern->steps - where) * sizeof *pattern->step);
    pattern->steps++;
    pattern->step[where] = (struct step){.kind = kind};
    return &pattern->step[where];
}

static struct step *append(struct compiler *c, enum step_kind kind)
{
    return insert(c, c->pattern->steps, kind);
}

static void allow(struct step *set, int byte)
{
    set->bits[byte / 8] |= (uint8_t)(1 << byte % 8);
}

static bool allows(const struct step *set, uint8_t byte)
{
    return set->bits[byte / 8] >> byte % 8 & 1;
}

static void invert(struct step *set)
{
    for (size_t i = 0; i < sizeof set->bits; i++)
        set->bits[i] = (uint8_t)~set->bits[i];
}

/* \d and the like add to a set; false: the letter means itself. */
static bool allow_kind(struct step *set, char letter)
{
    struct step kind = {0};
    int lower = tolower((unsigned char)letter);
    if (lower != 'd' && lower != 'w' && lower != 's')
        return false;
    for (int byte = 0; byte < 128; byte++)
        if (lower == 'd' ? isdigit(byte) : lower == 'w' ? isalnum(byte) || byte == '_' : isspace(byte))
            allow(&kind, byte);
    for (int byte = 128; lower == 'w' && byte < 256; byte++) /* letters of other scripts */
        allow(&kind, byte);
    if (isupper((unsigned char)letter))
        invert(&kind);
    for (size_t i = 0; i < sizeof kind.bits; i++)
        set->bits[i] |= kind.bits[i];
    return true;
}

/* Behind '['. */
static bool compile_set(struct compiler *c)
{
    struct step *set = append(c, STEP_SET);
    if (!set)
        return false;
    bool negative = *c->at == '^', first = true;
    for (c->at += negative; *c->at && (*c->at != ']' || first); first = false) {
        bool escaped = *c->at == '\\' && c->at[1];
        c->at += escaped;
        if (escaped && allow_kind(set, *c->at)) {
            c->at++;
            continue;
        }
        int from = (unsigned char)*c->at++, to = from;
        if (*c->at == '-' && c->at[1] && c->at[1] != ']') {
            c->at += 1 + (c->at[1] == '\\' && c->at[2]);
            to = (unsigned char)*c->at++;
        }
        for (int byte = from; byte <= to; byte++)
            allow(set, byte);
    }
    if (*c->at != ']')
        return refuse(c, "[ has no ]");
    c->at++;
    if (negative)
        invert(set);
    return true;
}

static bool compile_either(struct compiler *c);

/* Behind '('. */
static bool compile_group(struct compiler *c)
{
    bool counts = !(c->at[0] == '?' && c->at[1] == ':');
    if (!counts)
        c->at += 2;
    else if (*c->at == '?')
        return refuse(c, "of what begins with (? only (?: is known");
    int slot = counts ? 2 * ++c->pattern->groups : SLOTS;
    struct step *save = slot < SLOTS ? append(c, STEP_SAVE) : NULL;
    if (save)
        save->a = slot;
    else if (slot < SLOTS)
        return false;
    if (c->depth == DEPTH_MAX)
        return refuse(c, "groups lie too deep in each other");
    c->depth++;
    if (!compile_either(c))
        return false;
    c->depth--;
    if (*c->at != ')')
        return refuse(c, "( has no )");
    c->at++;
    save = slot < SLOTS ? append(c, STEP_SAVE) : NULL;
    if (save)
        save->a = slot + 1;
    return slot >= SLOTS || save;
}

/* One byte, set, group or end. */
static bool compile_atom(struct compiler *c)
{
    char letter = *c->at++;
    if (letter == '(')
        return compile_group(c);
    if (letter == '[')
        return compile_set(c);
    if (letter == '^' || letter == '$')
        return append(c, letter == '^' ? STEP_BEGIN : STEP_END) != NULL;
    if (letter == '*' || letter == '+' || letter == '?') {
        c->at--;
        return refuse(c, "there is nothing to repeat before it");
    }
    struct step *set = append(c, STEP_SET);
    if (!set)
        return false;
    if (letter == '.') {
        invert(set);
        return true;
    }
    if (letter == '\\') {
        if (!*c->at)
            return refuse(c, "nothing stands behind \\");
        letter = *c->at++;
        if (isdigit((unsigned char)letter))
            return refuse(c, "references back are not known");
        if (allow_kind(set, letter))
            return true;
        if (letter == 't')
            letter = '\t';
        else if (isalpha((unsigned char)letter))
            return refuse(c, "no such \\");
    }
    allow(set, (unsigned char)letter);
    return true;
}

/* How often the atom before is to come; -1: no end. false: it is not repeated. */
static bool read_repeat(struct compiler *c, int *least, int *most)
{
    *least = *c->at == '+';
    *most = *c->at == '?' ? 1 : -1;
    if (*c->at == '*' || *c->at == '+' || *c->at == '?') {
        c->at++;
        return true;
    }
    if (*c->at != '{' || !isdigit((unsigned char)c->at[1]))
        return false;
    const char *at = c->at + 1;
    *least = 0;
    for (; isdigit((unsigned char)*at) && *least <= REPEAT_MAX; at++)
        *least = 10 * *least + *at - '0';
    *most = *least;
    if (*at == ',') {
        at++;
        *most = isdigit((unsigned char)*at) ? 0 : -1;
        for (; isdigit((unsigned char)*at) && *most <= REPEAT_MAX; at++)
            *most = 10 * *most + *at - '0';
    }
    if (*at != '}')
        return false;
    c->at = at + 1;
    return true;
}

/* A copy of the steps from `first` on at the end; what jumps within it jumps within the copy. */
static bool copy(struct compiler *c, int first, int count)
{
    int by = c->pattern->steps - first;
    for (int i = 0; i < count; i++) {
        struct step from = c->pattern->step[first + i], *to = append(c, from.kind);
        if (!to)
            return false;
        *to = from;
        if (from.kind == STEP_JUMP || from.kind == STEP_FORK) {
            to->a += by;
            to->b += by;
        }
    }
    return true;
}

static bool fork_at(struct compiler *c, int where, int in, int out, bool lazy)
{
    struct step *fork = insert(c, where, STEP_FORK);
    if (!fork)
        return false;
    fork->a = lazy ? out : in;
    fork->b = lazy ? in : out;
    return true;
}

/* The steps from `first` on, made optional. */
static bool make_optional(struct compiler *c, int first, bool lazy)
{
    return fork_at(c, first, first + 1, c->pattern->steps + 1, lazy);
}

static bool make_loop(struct compiler *c, int first, bool lazy)
{
    if (!make_optional(c, first, lazy))
        return false;
    struct step *jump = append(c, STEP_JUMP);
    if (!jump)
        return false;
    jump->a = first;
    struct step *fork = &c->pattern->step[first];
    *(lazy ? &fork->a : &fork->b) = c->pattern->steps;
    return true;
}

static bool compile_repeat(struct compiler *c, int first)
{
    int least, most, count = c->pattern->steps - first;
    if (!read_repeat(c, &least, &most))
        return true;
    bool lazy = *c->at == '?';
    c->at += lazy;
    if (least > REPEAT_MAX || most > REPEAT_MAX || (most >= 0 && most < least))
        return refuse(c, "it repeats more often than 255 times, or less often than the least");
    if (*c->at == '*' || *c->at == '+' || *c->at == '{')
        return refuse(c, "it repeats what is repeated; put it into a group");
    int copies = most < 0 ? least + 1 : most;
    if (copies == 0) {
        c->pattern->steps = first;
        return true;
    }
    int last = first; /* where the copy begins that is made optional or a loop */
    for (int i = 1; i < copies; i++) {
        last = c->pattern->steps;
        if (!copy(c, first, count))
            return false;
        if (most >= 0 && i >= least && !make_optional(c, last, lazy))
            return false;
    }
    if (most < 0)
        return make_loop(c, last, lazy);
    return least > 0 || make_optional(c, first, lazy);
}

static bool compile_sequence(struct compiler *c)
{
    while (*c->at && *c->at != '|' && *c->at != ')') {
        int first = c->pattern->steps;
        if (!compile_atom(c) || !compile_repeat(c, first))
            return false;
    }
    return true;
}

static bool compile_either(struct compiler *c)
{
    int first = c->pattern->steps;
    if (!compile_sequence(c))
        return false;
    while (*c->at == '|') {
        c->at++;
        int second = c->pattern->steps + 2; /* behind the fork before the first, and the jump behind it */
        if (!fork_at(c, first, first + 1, second, false))
            return false;
        int jump = c->pattern->steps;
        if (!append(c, STEP_JUMP) || !compile_sequence(c))
            return false;
        c->pattern->step[jump].a = c->pattern->steps;
    }
    return true;
}

struct pattern *pattern_create(const char *text, struct error *error)
{
    struct pattern *pattern = mem_alloc(sizeof *pattern);
    struct compiler c = {.pattern = pattern, .text = text, .at = text, .error = error};
    pattern->step = mem_array(PROGRAM_MAX, sizeof *pattern->step);
    bool good = *text || refuse(&c, "it is empty");
    good = good && compile_either(&c);
    if (good && *c.at)
        good = refuse(&c, ") has no (");
    if (!good || !append(&c, STEP_MATCH)) {
        pattern_destroy(pattern);
        return NULL;
    }
    size_t steps = (size_t)pattern->steps;
    pattern->step = mem_grow(pattern->step, steps, sizeof *pattern->step);
    pattern->now.thread = mem_array(steps, sizeof *pattern->now.thread);
    pattern->next.thread = mem_array(steps, sizeof *pattern->next.thread);
    pattern->seen = mem_array(steps, sizeof *pattern->seen);
    return pattern;
}

void pattern_destroy(struct pattern *pattern)
{
    if (!pattern)
        return;
    mem_free(pattern->now.thread);
    mem_free(pattern->next.thread);
    mem_free(pattern->seen);
    mem_free(pattern->step);
    mem_free(pattern);
}

/* --- matching --- */

struct place {
    const char *name;
    size_t at;
};

/* Follows a way up to the steps that look at a byte. */
static void follow(struct pattern *pattern, struct threads *threads, struct thread thread, const struct place *place)
{
    for (;;) {
        const struct step *step = &pattern->step[thread.at];
        if (pattern->seen[thread.at] == pattern->generation)
            return;
        pattern->seen[thread.at] = pattern->generation;
        switch (step->kind) {
        case STEP_SET:
        case STEP_MATCH:
            threads->thread[threads->count++] = thread;
            return;
        case STEP_JUMP:
            thread.at = step->a;
            break;
        case STEP_FORK: {
            struct thread wanted = thread;
            wanted.at = step->a;
            follow(pattern, threads, wanted, place);
            thread.at = step->b;
            break;
        }
        case STEP_SAVE:
            thread.slot[step->a] = place->at;
            thread.at++;
            break;
        case STEP_BEGIN:
        case STEP_END:
            if (step->kind == STEP_BEGIN ? place->at > 0 : place->name[place->at] != '\0')
                return;
            thread.at++;
            break;
        }
    }
}

/* One byte further. Returns whether a way is at its end, which is then in *found; less wanted ones are given up. */
static bool advance(struct pattern *pattern, const struct place *place, struct thread *found)
{
    uint8_t byte = (uint8_t)place->name[place->at];
    struct place behind = {place->name, place->at + 1};
    pattern->next.count = 0;
    pattern->generation++;
    for (int i = 0; i < pattern->now.count; i++) {
        struct thread thread = pattern->now.thread[i];
        const struct step *step = &pattern->step[thread.at];
        if (step->kind == STEP_MATCH) {
            *found = thread;
            found->slot[1] = place->at;
            return true;
        }
        if (byte && allows(step, byte)) {
            thread.at++;
            follow(pattern, &pattern->next, thread, &behind);
        }
    }
    return false;
}

bool pattern_find(struct pattern *pattern, const char *name, size_t *begin, size_t *end)
{
    struct thread found = {0};
    bool any = false;
    pattern->now.count = 0;
    memset(pattern->seen, 0, (size_t)pattern->steps * sizeof *pattern->seen);
    pattern->generation = 1;
    for (struct place place = {name, 0};; place.at++) {
        struct thread start = {.at = 0, .slot = {place.at, 0, SIZE_MAX, SIZE_MAX}};
        if (!any) /* the ways that have begun before are more wanted */
            follow(pattern, &pattern->now, start, &place);
        any |= advance(pattern, &place, &found);
        struct threads next = pattern->next;
        pattern->next = pattern->now;
        pattern->now = next;
        if (!name[place.at] || (any && pattern->now.count == 0))
            break;
    }
    if (!any)
        return false;
    bool group = pattern->groups > 0 && found.slot[3] != SIZE_MAX;
    *begin = found.slot[group ? 2 : 0];
    *end = found.slot[group ? 3 : 1];
    return pattern->groups == 0 || group;
}
