/* What the doctor leaves of a dataset, as a table that opens as data. Called by the data verb. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/doctor.h"

/* RFC 4180: in quotation marks, those inside are doubled. */
static void put_cell(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', stream);
        fputc(*text, stream);
    }
    fputc('"', stream);
}

static void put_row(FILE *stream, const struct dataset *dataset, enum dataset_split split,
                    const struct dataset_item *item)
{
    static const char *const part[DATASET_PARTS] = {"train", "val", "test"};
    char *path = path_whole(item->path);
    put_cell(stream, path);
    fputc(',', stream);
    put_cell(stream, dataset->class_name[item->label]);
    fprintf(stream, ",%s", part[split]);
    if (dataset->weighted)
        fprintf(stream, ",%.9g", (double)item->weight);
    fputc('\n', stream);
    mem_free(path);
}

/* A table's rows are files on disk, each in a line of its own. */
static bool check_item(const struct dataset *dataset, const struct dataset_item *item, struct error *error)
{
    if (item->pixels || item->archive)
        return error_set(error, ERROR_DATA,
                         "%s: its images are no files of their own, which a table could name: unpack them first",
                         dataset->path);
    if (strpbrk(item->path, "\r\n"))
        return error_set(error, ERROR_DATA, "%s: a line end in a file's name, which a table cannot have: rename it",
                         item->path);
    return true;
}

bool doctor_fix(const struct dataset *dataset, const struct doctor_report *report, const char *path, size_t *left_out,
                struct error *error)
{
    char *text = NULL;
    size_t size = 0, order = 0;
    bool good = !file_exists(path) ||
                error_set(error, ERROR_USAGE, "%s: it is there already: name another file, or remove it", path);
    FILE *stream = good ? open_memstream(&text, &size) : NULL;
    *left_out = dataset->bad_count;
    if (stream)
        fprintf(stream, "path,label,part%s\n", dataset->weighted ? ",weight" : "");
    else if (good)
        good = error_set(error, ERROR_FAILED, "%s: no memory for its lines", path);
    for (enum dataset_split split = 0; split < DATASET_PARTS && good; split++)
        for (size_t i = 0; i < dataset->images[split].items && good; i++, order++) {
            const struct dataset_item *item = &dataset->images[split].item[i];
            good = check_item(dataset, item, error);
            *left_out += !report->kept[order];
            if (good && report->kept[order])
                put_row(stream, dataset, split, item);
        }
    if (stream && fclose(stream) != 0 && good)
        good = error_set(error, ERROR_FAILED, "%s: no memory for its lines", path);
    good = good && file_write_atomic(path, text, size, error);
    free(text);
    return good;
}
