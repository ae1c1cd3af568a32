/* The sample datasets on disk: directory/{train,val}/CLASS/NNNN.png, and a manifest that says from what they were drawn,
 * written last, behind a sync of all the rest, so that an interrupted writing is begun anew and a finished one is left
 * alone. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/base/parallel.h"
#include "thaw/samples/roadsigns.h"

/* Raised when the drawing changes, so that older samples are drawn anew. */
enum { DRAWING = 1 };
enum { MANIFEST_MAX = 4096 };
/* Validation pictures are numbered from here on, so that more training pictures never run into them. */
static const uint64_t val_index = UINT64_C(1) << 32;

struct writing {
    enum roadsigns_country country;
    const char *directory;
    uint64_t seed;
    int size, count[2]; /* pictures a class of each part */
    int total, begun, each;
    struct error *fault; /* [each] of the pictures in hand */
};

static const char *const split_name[] = {"train", "val"};

/* Which picture number `number` of the whole is: part by part, class by class. */
static void locate(const struct writing *w, int number, int *split, int *label, int *index)
{
    int train = w->count[0] * roadsigns_classes(w->country);
    *split = number >= train;
    number -= *split ? train : 0;
    *label = number / w->count[*split];
    *index = number % w->count[*split];
}

static char *class_folder(const struct writing *w, int split, int label)
{
    return mem_format("%s/%s/%s", w->directory, split_name[split], roadsigns_class_name(w->country, label));
}

static void write_one(void *context, int task, int worker)
{
    (void)worker;
    struct writing *w = context;
    struct error *error = &w->fault[task];
    struct image image;
    int split, label, index;
    locate(w, w->begun + task, &split, &label, &index);
    char *folder = class_folder(w, split, label);
    char *path = mem_format("%s/%04d.png", folder, index);
    uint64_t number = (uint64_t)index + (split ? val_index : 0);
    if (roadsigns_draw(w->country, label, w->seed, number, w->size, &image, error) &&
        image_save_png(&image, path, error))
        error->kind = ERROR_NONE;
    image_finish(&image);
    mem_free(path);
    mem_free(folder);
}

static bool make_folders(const struct writing *w, struct error *error)
{
    for (int split = 0; split < 2; split++)
        for (int label = 0; label < roadsigns_classes(w->country) && w->count[split] > 0; label++) {
            char *folder = class_folder(w, split, label);
            bool made = file_make_directories(folder, error);
            mem_free(folder);
            if (!made)
                return false;
        }
    return true;
}

/* The pictures, a few dozen at a time so that progress is told by this thread. */
static bool write_all(struct writing *w, void (*progress)(void *context, int done, int total), void *context,
                      struct error *error)
{
    enum { AT_ONCE = 64 };
    struct error *faults = mem_array(AT_ONCE, sizeof *faults);
    struct team *team = team_create(0);
    bool done = true;
    w->fault = faults;
    for (w->begun = 0; done && w->begun < w->total; w->begun += w->each) {
        w->each = w->total - w->begun < AT_ONCE ? w->total - w->begun : AT_ONCE;
        team_run(team, w->each, write_one, w);
        for (int i = 0; i < w->each && done; i++)
            if (faults[i].kind != ERROR_NONE) {
                *error = faults[i];
                done = false;
            }
        if (done && progress)
            progress(context, w->begun + w->each, w->total);
    }
    team_destroy(team);
    mem_free(faults);
    return done;
}

/* The manifest there says what is wanted. */
static bool up_to_date(const char *path, const char *wanted)
{
    struct error ignored = {0};
    char *text = file_exists(path) ? file_read_text(path, MANIFEST_MAX, &ignored) : NULL;
    bool same = text && strcmp(text, wanted) == 0;
    mem_free(text);
    return same;
}

bool roadsigns_write(enum roadsigns_country country, const char *directory, uint64_t seed, int size, int train, int val,
                     void (*progress)(void *context, int done, int total), void *context, struct error *error)
{
    if (train < 0 || val < 0 || train + val == 0 || train > 9999 || val > 9999)
        return error_set(error, ERROR_USAGE, "%d training and %d validation images a class: give 0 to 9999, not both 0",
                         train, val);
    struct writing w = {.country = country, .directory = directory, .seed = seed, .size = size, .count = {train, val}};
    w.total = (train + val) * roadsigns_classes(country);
    char *path = path_join(directory, "manifest.ini");
    char *manifest = mem_format("; drawn by thaw samples\n[roadsigns]\ncountry = %s\ndrawing = %d\nseed = %llu\n"
                                "size = %d\ntrain = %d\nval = %d\n",
                                roadsigns_country_name(country), DRAWING, (unsigned long long)seed, size, train, val);
    bool done = up_to_date(path, manifest);
    if (done && progress)
        progress(context, w.total, w.total);
    if (!done)
        done = make_folders(&w, error) && write_all(&w, progress, context, error) && file_sync_all(directory, error) &&
               file_write_atomic(path, manifest, strlen(manifest), error);
    mem_free(manifest);
    mem_free(path);
    return done;
}
