/* The doctor behind `thaw data check`: decodes every image, compares files by digest, weighs the classes. Findings are
 * made in the dataset's order after all threads are done, so that they are the same each time. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "gate.h"
#include "parts.h"
#include "reader_private.h"
#include "thaw/base/hash.h"
#include "thaw/base/mem.h"
#include "thaw/base/parallel.h"
#include "thaw/data/doctor.h"

static const char *const kind_name[] = {"unreadable", "leak", "labels", "duplicate", "empty", "imbalance"};
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

/* Takes the text. */
static void find(struct doctor_report *report, enum doctor_kind kind, char *text)
{
    report->finding = mem_grow(report->finding, report->findings + 1, sizeof *report->finding);
    report->finding[report->findings++] = (struct doctor_finding){.kind = kind, .text = text};
    report->count[kind]++;
}

static void list_unreadable(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    for (size_t i = 0; i < dataset->bad_count; i++)
        find(report, DOCTOR_UNREADABLE, mem_format("%s: %s", dataset->bad[i].path, dataset->bad[i].reason));
    for (int i = 0; i < e->files; i++)
        if (!e->file[i].read)
            find(report, DOCTOR_UNREADABLE, mem_string(e->file[i].fault));
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

static void list_twins(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    const struct file **twin = mem_array((size_t)e->files + 1, sizeof(struct file *));
    find_twins(e, twin);
    for (int kind = DOCTOR_LEAK; kind <= DOCTOR_DUPLICATE; kind++)
        for (int i = 0; i < e->files; i++) {
            const struct file *a = twin[i], *b = &e->file[i];
            if (!a || kind_of_pair(a, b) != (enum doctor_kind)kind)
                continue;
            find(report, (enum doctor_kind)kind,
                 mem_format("%s (%s, %s) is the same file as %s (%s, %s)", b->item->path, part_word(b->split),
                            dataset->class_name[b->item->label], a->item->path, part_word(a->split),
                            dataset->class_name[a->item->label]));
        }
    mem_free(twin);
}

static void weigh_classes(const struct dataset *dataset, const struct examination *e, struct doctor_report *report)
{
    size_t(*count)[DATASET_PARTS] = mem_array((size_t)dataset->classes, sizeof *count);
    int least = 0, most = 0;
    for (int i = 0; i < e->files; i++)
        count[e->file[i].item->label][e->file[i].split] += e->file[i].read;
    for (int i = 0; i < dataset->classes; i++) {
        for (enum dataset_split s = 0; s < DATASET_PARTS; s++)
            if (count[i][s] == 0 && dataset->images[s].items > 0)
                find(report, DOCTOR_EMPTY,
                     mem_format("the class %s has no %s images", dataset->class_name[i], part_word(s)));
        if (count[i][DATASET_TRAIN] < count[least][DATASET_TRAIN])
            least = i;
        if (count[i][DATASET_TRAIN] > count[most][DATASET_TRAIN])
            most = i;
    }
    report->class_least = count[least][DATASET_TRAIN];
    report->class_most = count[most][DATASET_TRAIN];
    if (report->class_least > 0 && report->class_most > DOCTOR_RATIO * report->class_least)
        find(report, DOCTOR_IMBALANCE,
             mem_format("the class %s has %zu training images, %s only %zu: class weights may help",
                        dataset->class_name[most], report->class_most, dataset->class_name[least],
                        report->class_least));
    mem_free(count);
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
    for (int i = 0; i < e.files; i++)
        mem_free(e.file[i].fault);
    mem_free(e.file);
}

void doctor_finish(struct doctor_report *report)
{
    for (size_t i = 0; i < report->findings; i++)
        mem_free(report->finding[i].text);
    mem_free(report->finding);
    *report = (struct doctor_report){0};
}
