/* Called where a name that a user wrote is not known: verbs, options, settings, commands, architectures, runs. */
#include "config.h"

#include "thaw/base/nearest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LETTERS_MAX = 64 };
/* How far the other likenesses are, at their nearest; STRETCH more the longer the part is that is not alike. */
enum { INITIALS = 20, SYNONYM = 25, BEGINNING = 2, PART = 15, STRETCH = 20, APART = 100 };

/* Lower case, without what parts words; the first of each word. */
struct letters {
    char text[LETTERS_MAX + 1], initials[LETTERS_MAX + 1];
    int length;
};

/* What other programs call it, and what it is called here. */
static const char *const synonyms[][2] = {
    {"arch", "name"},       {"architecture", "name"},  {"pretrained", "weights"}, {"checkpoint", "weights"},
    {"dataset", "path"},    {"workers", "threads"},    {"numworkers", "threads"}, {"jobs", "threads"},
    {"cores", "threads"},   {"patience", "earlystop"}, {"lrdecay", "stepgamma"},  {"output", "dir"},
    {"infer", "predict"},   {"classify", "predict"},   {"test", "eval"},          {"validate", "eval"},
    {"continue", "resume"}, {"fit", "train"},          {"list", "runs"},          {"remove", "delete"},
    {"rm", "delete"},       {"mv", "rename"},          {"undelete", "restore"},   {"download", "pull"},
    {"fetch", "pull"},
};

static struct letters read_letters(const char *text)
{
    struct letters letters = {0};
    int words = 0;
    bool inside = false;
    for (; *text && letters.length < LETTERS_MAX; text++) {
        unsigned char c = (unsigned char)*text;
        bool part = isalnum(c) || c >= 0x80;
        if (part && !inside)
            letters.initials[words++] = (char)tolower(c);
        if (part)
            letters.text[letters.length++] = (char)tolower(c);
        inside = part;
    }
    return letters;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance where two neighbours may change places, too. */
static int edits(const struct letters *a, const struct letters *b)
{
    int rows[3][LETTERS_MAX + 1];
    for (int j = 0; j <= b->length; j++)
        rows[0][j] = j;
    for (int i = 1; i <= a->length; i++) {
        int *row = rows[i % 3];
        const int *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= b->length; j++) {
            int replaced = last[j - 1] + (a->text[i - 1] != b->text[j - 1]);
            row[j] = least(replaced, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a->text[i - 1] == b->text[j - 2] && a->text[i - 2] == b->text[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return rows[a->length % 3][b->length];
}

static bool are_initials(const struct letters *shorter, const struct letters *longer)
{
    return shorter->length >= 2 && !strcmp(shorter->text, longer->initials);
}

static bool are_synonyms(const struct letters *wanted, const struct letters *name)
{
    for (size_t i = 0; i < THAW_LENGTH(synonyms); i++)
        if (!strcmp(wanted->text, synonyms[i][0]) && !strcmp(name->text, synonyms[i][1]))
            return true;
    return false;
}

/* One as a part of the other; nearest where a name begins with all that was written. */
static int part_far(const struct letters *wanted, const struct letters *name)
{
    const struct letters *longer = wanted->length > name->length ? wanted : name;
    const struct letters *shorter = longer == wanted ? name : wanted;
    int stretch = STRETCH * (longer->length - shorter->length) / longer->length;
    const char *at = strstr(longer->text, shorter->text);
    bool begins = at == longer->text;
    if (!at || shorter->length < (begins ? 2 : 3))
        return APART;
    return (begins && longer == name ? BEGINNING : PART) + stretch;
}

int nearest_far(const char *wanted, const char *name)
{
    struct letters a = read_letters(wanted), b = read_letters(name);
    const struct letters *longer = a.length > b.length ? &a : &b, *shorter = longer == &a ? &b : &a;
    if (!longer->length)
        return APART;
    int far = APART * edits(&a, &b) / longer->length;
    if (far > 0 && are_initials(shorter, longer))
        far = least(far, INITIALS);
    if (far > 0 && are_synonyms(&a, &b))
        far = least(far, SYNONYM);
    return far > 0 ? least(far, part_far(&a, &b)) : far;
}

void nearest_offer_away(struct nearest *nearest, const char *name, int away)
{
    int far = nearest_far(nearest->wanted, name) + away, at = 0;
    while (at < NEAREST_KEPT && nearest->name[at] && nearest->far[at] <= far)
        if (!strcmp(nearest->name[at++], name))
            return;
    if (at == NEAREST_KEPT)
        return;
    int end = at; /* up to an older offer of the same name, or the farthest */
    while (end < NEAREST_KEPT - 1 && nearest->name[end] && strcmp(nearest->name[end], name) != 0)
        end++;
    for (; end > at; end--) {
        nearest->name[end] = nearest->name[end - 1];
        nearest->far[end] = nearest->far[end - 1];
    }
    nearest->name[at] = name;
    nearest->far[at] = far;
}

void nearest_offer(struct nearest *nearest, const char *name)
{
    nearest_offer_away(nearest, name, 0);
}

const char *nearest_of(const char *wanted, const char *const *names)
{
    struct nearest nearest = {.wanted = wanted};
    for (; *names; names++)
        nearest_offer(&nearest, *names);
    return nearest.name[0];
}

void nearest_tell(const struct nearest *nearest, int most, const char *otherwise, char *sentence, size_t room)
{
    int count = 0;
    size_t length = strlen(sentence);
    while (count < most && count < NEAREST_KEPT && nearest->name[count] && nearest->far[count] <= NEAREST_MEANT)
        count++;
    if (!count && otherwise)
        snprintf(sentence + length, room - length, "; %s", otherwise);
    for (int i = 0; i < count; i++) {
        const char *before = i == 0 ? "" : i + 1 < count ? ", " : " and ";
        const char *start = i > 0 ? "" : count > 1 ? "; the nearest are " : "; the nearest is ";
        snprintf(sentence + length, room - length, "%s%s%s", start, before, nearest->name[i]);
        length += strlen(sentence + length);
    }
}
