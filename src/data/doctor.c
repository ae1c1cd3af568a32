/* The doctor behind `thaw data check`: decodes every image, compares files by digest and by look, weighs the classes. Findings are
 * made in the dataset's order after all threads are done, so that they are the same each time. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "near.h"
#include "parts.h"
#include "reader_private.h"
#include "scan.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/parallel.h"
#include "thaw/base/text.h"
#include "thaw/data/doctor.h"

static const char *const kind_name[] = {"unreadable",     "leak",  "labels", "duplicate", "near-leak", "near-labels",
                                        "near-duplicate", "empty", "tiny",   "imbalance", "names",     "size"};
_Static_assert(THAW_LENGTH(kind_name) == DOCTOR_KINDS, "every kind of finding has a name");

const char *doctor_kind_name(enum doctor_kind kind)
{
    return kind_name[kind];
}

/* One file of the dataset. */
struct file {
    const struct dataset_item *item;
    enum dataset_split split;
    size_t order;
    bool read;
    int width, height;
    struct hash hash;
    struct near_print print;
    char *fault; /* owned */
};

struct examination {
    struct file *file;
    int files;
    struct reader **reader; /* [workers] */
    void (*progress)(void *context, int done, int total);
    void *context;
};

static void examine_file(void *context, int task, int worker)
{
    struct examination *e = context;
    struct file *file = &e->file[task];
    struct reader *reader = e->reader[worker];
    struct error error = {0};
    struct picture picture;
    struct view_request whole = {.augment = AUGMENT_NONE};
    file->read = reader_picture(reader, file->item, &whole, &picture, &error);
    file->width = picture.width;
    file->height = picture.height;
    if (file->read)
        near_print(&file->print, &picture.image);
    image_finish(&picture.image);
    if (file->read)
        file->hash = reader_hash(reader, file->item);
    else
        file->fault = mem_string(error.text);
    if (e->progress && worker == 0)
        e->progress(e->context, task + 1, e->files);
}

static void examine_files(struct examination *e, int threads)
{
    struct team *team = team_create(threads);
    struct gate *gate = gate_create(GATE_DECODING_MOST);
    int workers = team_threads(team);
    e->reader = mem_array((size_t)workers, sizeof(struct reader *));
    for (int i = 0; i < workers; i++) {
        e->reader[i] = reader_create();
        reader_share(e->reader[i], gate);
    }
    team_run(team, e->files, examine_file, e);
    for (int i = 0; i < workers; i++)
        reader_destroy(e->reader[i]);
    mem_free(e->reader);
    gate_destroy(gate);
    team_destroy(team);
}

/* Takes the text; item and other may be NULL. */
static void find_in(struct doctor_report *report, enum doctor_kind kind, const struct dataset_item *item,
                    const struct dataset_item *other, char *text)
{
    report->finding = scan_room(report->finding, report->findings, sizeof *report->finding);
    report->finding[report->findings++] =
        (struct doctor_finding){.kind = kind, .text = text, .item = item, .other = other};
    report->count[kind]++;
}

static void find(struct doctor_report *report, enum doctor_kind kind, char *text)
{
    find_in(report, kind, NULL, NULL, text);
}

static void list_unreadable(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    for (size_t i = 0; i < dataset->bad_count; i++)
        find(report, DOCTOR_UNREADABLE, mem_format("%s: %s", dataset->bad[i].path, dataset->bad[i].reason));
    for (int i = 0; i < e->files; i++)
        if (!e->file[i].read)
            find_in(report, DOCTOR_UNREADABLE, e->file[i].item, NULL, mem_string(e->file[i].fault));
}

static void measure(const struct examination *e, struct doctor_report *report)
{
    for (int i = 0; i < e->files; i++) {
        const struct file *file = &e->file[i];
        if (!file->read)
            continue;
        bool first = report->images++ == 0;
        if (first || file->width < report->width[0])
            report->width[0] = file->width;
        if (first || file->width > report->width[1])
            report->width[1] = file->width;
        if (first || file->height < report->height[0])
            report->height[0] = file->height;
        if (first || file->height > report->height[1])
            report->height[1] = file->height;
    }
}

static int by_hash(const void *left, const void *right)
{
    const struct file *a = *(struct file *const *)left, *b = *(struct file *const *)right;
    if (a->hash.high != b->hash.high)
        return a->hash.high < b->hash.high ? -1 : 1;
    if (a->hash.low != b->hash.low)
        return a->hash.low < b->hash.low ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static enum doctor_kind kind_of_pair(const struct file *a, const struct file *b)
{
    if (a->item->label != b->item->label)
        return DOCTOR_LABELS;
    return a->split != b->split ? DOCTOR_LEAK : DOCTOR_DUPLICATE;
}

/* `twin[i]` is the first file with the same bytes as file i, where that is another. */
static void find_twins(const struct examination *e, const struct file **twin)
{
    struct file **sorted = mem_array((size_t)e->files + 1, sizeof(struct file *));
    int count = 0;
    for (int i = 0; i < e->files; i++)
        if (e->file[i].read)
            sorted[count++] = &e->file[i];
    qsort(sorted, (size_t)count, sizeof(struct file *), by_hash);
    for (int i = 1, first = 0; i < count; i++) {
        if (hash_equal(sorted[i]->hash, sorted[first]->hash))
            twin[sorted[i]->order] = sorted[first];
        else
            first = i;
    }
    mem_free(sorted);
}

/* Pairs of a kind: of[i] is the file that file i is like, NULL where it is like none. near: DOCTOR_NEAR_LEAK, or 0. */
static void list_pairs(const struct dataset *dataset, const struct examination *e, const struct file *const *of,
                       int near, struct doctor_report *report)
{
    const char *like = near ? "looks the same as" : "is the same file as";
    for (int kind = DOCTOR_LEAK; kind <= DOCTOR_DUPLICATE; kind++)
        for (int i = 0; i < e->files; i++) {
            const struct file *a = of[i], *b = &e->file[i];
            if (!a || kind_of_pair(a, b) != (enum doctor_kind)kind)
                continue;
            find_in(report, (enum doctor_kind)(near ? kind - DOCTOR_LEAK + near : kind), a->item, b->item,
                    mem_format("%s (%s, %s) %s %s (%s, %s)", b->item->path, part_word(b->split),
                               dataset->class_name[b->item->label], like, a->item->path, part_word(a->split),
                               dataset->class_name[a->item->label]));
        }
}

struct alike {
    const struct examination *e;
    const struct file **of;   /* [files] */
    const struct file **kept; /* [files]: of those that are the same, for the first of them: which stays; NULL: none */
    bool *differ;             /* [files]: the labels of those that are the same */
    bool *stays;              /* [files] */
};

/* Of the same file one stays, in the part furthest from training; none where the labels differ. */
static void settle_twins(const struct examination *e, const struct file *const *twin, struct alike *alike)
{
    for (int i = 0; i < e->files; i++) {
        const struct file *file = &e->file[i];
        size_t first = twin[i] ? twin[i]->order : file->order;
        const struct file *old = alike->kept[first];
        if (file->read && (!twin[i] || (old && file->split > old->split)))
            alike->kept[first] = file;
        if (twin[i] && twin[i]->item->label != file->item->label)
            alike->differ[first] = true;
    }
    for (int i = 0; i < e->files; i++) {
        if (alike->differ[i])
            alike->kept[i] = NULL;
        if (alike->kept[i])
            alike->stays[alike->kept[i]->order] = true;
    }
}

/* Of several that an image is like, the one of the gravest kind counts, of these the first. */
static void note_alike(void *context, int first, int second)
{
    struct alike *alike = context;
    const struct file *a = &alike->e->file[first], *b = &alike->e->file[second], *old = alike->of[second];
    static const int gravity[] = {[DOCTOR_LABELS] = 0, [DOCTOR_LEAK] = 1, [DOCTOR_DUPLICATE] = 2};
    int now = gravity[kind_of_pair(a, b)], before = old ? gravity[kind_of_pair(old, b)] : 3;
    if (now < before || (now == before && a->order < old->order))
        alike->of[second] = a;
    const struct file *one = alike->kept[first], *other = alike->kept[second];
    if (one && other && one->split != other->split && one->item->label == other->item->label)
        alike->stays[(one->split < other->split ? one : other)->order] = false;
}

/* Of files that are the same only the first is compared. */
static void list_twins(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    const struct file **twin = mem_array((size_t)e->files + 1, sizeof(struct file *));
    const struct near_print **print = mem_array((size_t)e->files + 1, sizeof(struct near_print *));
    struct alike alike = {.e = e,
                          .of = mem_array((size_t)e->files + 1, sizeof(struct file *)),
                          .kept = mem_array((size_t)e->files + 1, sizeof(struct file *)),
                          .differ = mem_array((size_t)e->files + 1, sizeof(bool)),
                          .stays = mem_array((size_t)e->files + 1, sizeof(bool))};
    find_twins(e, twin);
    settle_twins(e, twin, &alike);
    for (int i = 0; i < e->files; i++)
        print[i] = e->file[i].read && !twin[i] ? &e->file[i].print : NULL;
    near_search(print, e->files, note_alike, &alike);
    list_pairs(dataset, e, twin, 0, report);
    list_pairs(dataset, e, alike.of, DOCTOR_NEAR_LEAK, report);
    report->kept = alike.stays;
    mem_free(alike.differ);
    mem_free(alike.kept);
    mem_free(alike.of);
    mem_free(print);
    mem_free(twin);
}

static void list_imbalance(const struct dataset *dataset, size_t (*count)[DATASET_PARTS], struct doctor_report *report)
{
    int least = 0, most = 0;
    size_t all = 0;
    report->weight = mem_array((size_t)dataset->classes, sizeof *report->weight);
    for (int i = 0; i < dataset->classes; i++) {
        all += count[i][DATASET_TRAIN];
        least = count[i][DATASET_TRAIN] < count[least][DATASET_TRAIN] ? i : least;
        most = count[i][DATASET_TRAIN] > count[most][DATASET_TRAIN] ? i : most;
    }
    for (int i = 0; i < dataset->classes; i++)
        if (count[i][DATASET_TRAIN])
            report->weight[i] = (float)((double)all / ((double)dataset->classes * (double)count[i][DATASET_TRAIN]));
    report->class_least = count[least][DATASET_TRAIN];
    report->class_most = count[most][DATASET_TRAIN];
    if (report->class_least > 0 && report->class_most > DOCTOR_RATIO * report->class_least)
        find(report, DOCTOR_IMBALANCE,
             mem_format("the class %s has %zu training images, %s only %zu: train.class_weights = balanced gives them "
                        "the weights %.3g and %.3g",
                        dataset->class_name[most], report->class_most, dataset->class_name[least], report->class_least,
                        (double)report->weight[most], (double)report->weight[least]));
}

static void weigh_classes(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    size_t(*count)[DATASET_PARTS] = mem_array((size_t)dataset->classes, sizeof *count); /* that can be read */
    for (int i = 0; i < e->files; i++)
        count[e->file[i].item->label][e->file[i].split] += e->file[i].read;
    for (int i = 0; i < dataset->classes; i++)
        for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
            if (count[i][s] == 0 && dataset->images[s].items > 0)
                find(report, DOCTOR_EMPTY,
                     mem_format("the class %s has no %s images", dataset->class_name[i], part_word(s)));
    for (int i = 0; i < dataset->classes; i++) {
        size_t images = count[i][DATASET_TRAIN];
        if (images > 0 && images < DOCTOR_FEW)
            find(report, DOCTOR_TINY,
                 mem_format("the class %s has %zu training image%s: too few to learn it well, or to tell how well",
                            dataset->class_name[i], images, images == 1 ? "" : "s"));
    }
    list_imbalance(dataset, count, report);
    mem_free(count);
}

/* --- names --- */

/* A letter more, less or another; digits tell classes apart. */
static bool differ_in_a_letter(const char *a, const char *b)
{
    enum { LONG = 5 };
    size_t first = 0, last = 0, one = strlen(a), other = strlen(b);
    while (a[first] && a[first] == b[first])
        first++;
    while (last < one - first && last < other - first && a[one - 1 - last] == b[other - 1 - last])
        last++;
    size_t rest = one - first - last, rests = other - first - last;
    if (one < LONG || other < LONG || rest > 1 || rests > 1)
        return false;
    return !(rest && isdigit((unsigned char)a[first])) && !(rests && isdigit((unsigned char)b[first]));
}

static void list_names(const struct dataset *dataset, struct doctor_report *report)
{
    enum { MOST = 4000 }; /* each is compared with each */
    int classes = dataset->classes < MOST ? dataset->classes : MOST;
    char **folded = mem_array((size_t)classes + 1, sizeof(char *));
    for (int i = 0; i < classes; i++)
        folded[i] = text_fold(dataset->class_name[i], TEXT_FOLD_LOOSE);
    for (int i = 0; i < classes; i++)
        for (int j = i + 1; j < classes; j++)
            if (strcmp(folded[i], folded[j]) == 0 || differ_in_a_letter(folded[i], folded[j]))
                find(report, DOCTOR_NAMES,
                     mem_format("are the classes %s and %s one, written two ways?", dataset->class_name[i],
                                dataset->class_name[j]));
    for (int i = 0; i < classes; i++)
        mem_free(folded[i]);
    mem_free(folded);
}

/* --- sizes --- */

static int by_area(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void list_sizes(const struct examination *e, struct doctor_report *report)
{
    double *area = mem_array((size_t)e->files + 1, sizeof *area);
    size_t count = 0;
    for (int i = 0; i < e->files; i++)
        if (e->file[i].read)
            area[count++] = (double)e->file[i].width * e->file[i].height;
    qsort(area, count, sizeof *area, by_area);
    double median = area[count / 2];
    for (int i = 0; i < e->files; i++) {
        const struct file *file = &e->file[i];
        int least = file->width < file->height ? file->width : file->height, most = file->width + file->height - least;
        if (file->read && (most > DOCTOR_LONG * least || DOCTOR_SMALL * ((double)least * most) < median))
            find_in(report, DOCTOR_SIZE, file->item, NULL,
                    mem_format("%s has %dx%d pixels, the median image %.0f", file->item->path, file->width,
                               file->height, median));
    }
    mem_free(area);
}

void doctor_examine(const struct dataset *dataset, int threads, void (*progress)(void *context, int done, int total),
                    void *context, struct doctor_report *report)
{
    *report = (struct doctor_report){0};
    struct examination e = {.progress = progress, .context = context};
    size_t total = 0;
    for (int s = 0; s < DATASET_PARTS; s++)
        total += dataset->images[s].items;
    e.file = mem_array(total + 1, sizeof *e.file);
    for (int s = 0; s < DATASET_PARTS; s++)
        for (size_t i = 0; i < dataset->images[s].items; i++, e.files++)
            e.file[e.files] = (struct file){
                .item = &dataset->images[s].item[i], .split = (enum dataset_split)s, .order = (size_t)e.files};
    examine_files(&e, threads);
    if (progress != NULL) /* whoever examined the last one */
        progress(context, e.files, e.files);
    list_unreadable(dataset, &e, report);
    measure(&e, report);
    list_twins(dataset, &e, report);
    weigh_classes(dataset, &e, report);
    list_names(dataset, report);
    list_sizes(&e, report);
    for (int i = 0; i < e.files; i++)
        mem_free(e.file[i].fault);
    mem_free(e.file);
}

void doctor_finish(struct doctor_report *report)
{
    for (size_t i = 0; i < report->findings; i++)
        mem_free(report->finding[i].text);
    mem_free(report->finding);
    mem_free(report->weight);
    mem_free(report->kept);
    *report = (struct doctor_report){0};
}
