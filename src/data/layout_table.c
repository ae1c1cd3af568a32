/* Tables and lists: which text files in a folder say of images what they are, and whether they or the folders are to be
 * believed. Two rows of layout.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "layout.h"
#include "listing.h"
#include "parts.h"
#include "records.h"
#include "scan.h"
#include "thaw/base/mem.h"

enum { LISTINGS_MAX = 8, COMPARED = 200 };

/* The listings of a site, one for each part, or one for all. */
struct found {
    struct listing listing[LISTINGS_MAX];
    size_t count;
    struct tree_node *folder;
    struct listing_site site;
};

static void found_close(struct found *found)
{
    for (size_t i = 0; i < found->count; i++)
        listing_close(&found->listing[i]);
    finder_destroy(found->site.finder);
    *found = (struct found){0};
}

/* Of a competition's hand-in, whose labels are made up. */
static bool is_submission(const struct tree_node *file)
{
    return strstr(file->name, "submission") || strstr(file->name, "Submission");
}

/* Folders that hold one folder and no listing are gone into, as class folders are. */
static struct tree_node *unwrap(const struct tree *tree, struct tree_node *folder)
{
    enum { WRAPPERS_MAX = 4 };
    for (int i = 0; i < WRAPPERS_MAX; i++) {
        struct tree_counts counts = tree_count(tree, folder);
        struct tree_node *inner = NULL;
        for (size_t c = 0; c < folder->children; c++) {
            if (listing_may_be(&folder->child[c]))
                return folder;
            inner = folder->child[c].kind == TREE_FOLDER ? &folder->child[c] : inner;
        }
        if (counts.folders != 1 || counts.images > 0)
            return folder;
        folder = inner;
    }
    return folder;
}

/* Of a site that is a file, that; of a folder, all in it that are of this kind: `header`, with named columns, or lists.
 * false: the file that the site names is none, and why. */
static bool find(const struct layout_site *site, bool header, struct found *found, struct error *error)
{
    bool alone = site->at->kind == TREE_FILE, any = site->request->layout == DATASET_AUTO;
    *found = (struct found){.folder = alone ? site->at->parent : unwrap(site->tree, site->at)};
    found->site = (struct listing_site){
        .tree = site->tree, .finder = finder_create(site->tree, found->folder), .columns = site->request->columns};
    tree_look(site->tree, found->folder);
    for (size_t i = 0; i < found->folder->children && found->count < LISTINGS_MAX; i++) {
        struct tree_node *file = &found->folder->child[i];
        struct listing *listing = &found->listing[found->count];
        if (alone ? file != site->at : !listing_may_be(file) || is_submission(file))
            continue;
        struct error why = {0};
        bool is = listing_open(listing, &found->site, file, &why) && (listing->header == header || !any);
        if (is) {
            found->count++;
            continue;
        }
        if (alone && why.kind != ERROR_NONE)
            *error = why;
        listing_close(listing);
    }
    return found->count > 0;
}

static bool fits(const struct layout_site *site, bool header)
{
    struct found found;
    struct error unused = {0};
    bool is = find(site, header, &found, &unused);
    bool parts = false, folders = is && site->at->kind == TREE_FOLDER && layout_folders_plausible(site, &parts);
    for (size_t i = 0; folders && is && i < found.count; i++) { /* whether it says what the folders say, and no more */
        const struct listing *listing = &found.listing[i];
        size_t same, others, row;
        listing_compare(listing, &found.site, COMPARED, &same, &others, &row);
        bool more = listing->column[LISTING_WEIGHT] >= 0 || (listing->column[LISTING_SPLIT] >= 0 && !parts);
        is = others > 0 || more;
    }
    found_close(&found);
    return is;
}

bool layout_table_fits(const struct layout_site *site)
{
    return fits(site, true);
}

bool layout_list_fits(const struct layout_site *site)
{
    return fits(site, false);
}

/* --- what may have been meant --- */

char *layout_table_hint(const struct layout_site *site)
{
    if (site->at->kind != TREE_FOLDER)
        return NULL;
    struct tree_node *folder = unwrap(site->tree, site->at);
    struct listing_site where = {site->tree, finder_create(site->tree, folder), site->request->columns};
    char *hint = NULL;
    for (size_t i = 0; !hint && i < folder->children; i++) {
        struct listing listing;
        struct error why = {0};
        if (!listing_may_be(&folder->child[i]))
            continue;
        if (!listing_open(&listing, &where, &folder->child[i], &why) && listing.found > 0)
            hint = mem_string(why.text);
        listing_close(&listing);
    }
    finder_destroy(where.finder);
    return hint;
}

/* --- what is wrong --- */

static bool check_boxes(const struct found *found, const struct dataset_request *request, struct error *error)
{
    bool asked = request->columns && *request->columns;
    for (size_t i = 0; i < found->count && !asked; i++)
        if (found->listing[i].boxes)
            return error_set(error, ERROR_DATA,
                             "%s: its lines are of boxes in images (detection data), which are not learned here; "
                             "data.columns = PATH, LABEL takes it as a table of whole images",
                             found->listing[i].path);
    return true;
}

/* Listings of one part each, or one of all; beside some that are called parts, others are something else. */
static bool check_parts(struct found *found, struct dataset *dataset, struct error *error)
{
    const struct listing *of[DATASET_PARTS + 1] = {NULL};
    bool train = false;
    for (size_t i = 0; i < found->count; i++)
        train = train || listing_part(found->listing[i].file) == DATASET_TRAIN;
    for (size_t i = 0; i < found->count; i++) {
        struct listing *listing = &found->listing[i];
        enum dataset_split split = listing_part(listing->file);
        if (split == DATASET_PARTS && train) {
            dataset_note(dataset, "%.80s: beside the tables of the parts, but called no part; it is not used",
                         listing->file->name);
            listing_close(listing);
            *listing = found->listing[--found->count];
            i--;
            continue;
        }
        if (of[split])
            return error_set(error, ERROR_DATA,
                             "%s: both it and %.80s say of images what they are; open the one that is meant, or call "
                             "them train, val and test",
                             listing->path, of[split]->file->name);
        of[split] = listing;
    }
    return true;
}

/* Folders and table that disagree: a folder's name may be no class, and a table may be of something else. */
static bool check_folders(const struct layout_site *site, const struct found *found, struct error *error)
{
    bool parts;
    if (site->request->layout != DATASET_AUTO || site->at->kind != TREE_FOLDER ||
        !layout_folders_plausible(site, &parts))
        return true;
    for (size_t i = 0; i < found->count; i++) {
        const struct listing *listing = &found->listing[i];
        size_t same, others, row;
        struct tree_node *other;
        listing_compare(listing, &found->site, COMPARED, &same, &others, &row);
        if (others == 0)
            continue;
        const char *path = table_cell(&listing->table, row, (size_t)listing->column[LISTING_PATH]);
        const struct tree_node *file = finder_find(found->site.finder, listing->file->parent, path, &other);
        return error_set(error, ERROR_DATA,
                         "%s: it and the folders say different things of %zu images of %zu: %.80s is %.60s and lies in "
                         "%.60s; data.layout = table or folders says which is right",
                         listing->path, others, same + others, path,
                         table_cell(&listing->table, row, (size_t)listing->column[LISTING_LABEL]),
                         file ? file->parent->name : "");
    }
    return true;
}

/* --- filling --- */

static char *describe(const struct found *found)
{
    char *text = mem_string(found->listing[0].header ? "a table: " : "a list: ");
    for (size_t i = 0; i < found->count; i++) {
        char *words = listing_words(&found->listing[i]), *longer = mem_format("%s%s%s", text, i ? "; " : "", words);
        mem_free(words);
        mem_free(text);
        text = longer;
    }
    return text;
}

static void note_unlisted(const struct found *found, const struct records *records, struct dataset *dataset)
{
    size_t files = finder_files(found->site.finder);
    if (files > records->count)
        dataset_note(dataset, "%zu images are in no line of %.80s, and not used", files - records->count,
                     found->count == 1 ? found->listing[0].file->name : "the tables");
}

static bool fill_found(struct dataset *dataset, const struct layout_site *site, struct found *found,
                       struct error *error)
{
    struct records records = {0};
    bool good = check_boxes(found, site->request, error) && check_parts(found, dataset, error) &&
                check_folders(site, found, error);
    for (size_t i = 0; good && i < found->count; i++) {
        const struct listing *listing = &found->listing[i];
        enum dataset_split split = listing_part(listing->file);
        good = records_take(&records, listing, &found->site, split < DATASET_PARTS ? split : DATASET_TRAIN, dataset,
                            error);
    }
    good = good && records_fill(&records, site->tree, found->folder, dataset, error);
    if (good) {
        note_unlisted(found, &records, dataset);
        dataset->layout = describe(found);
    }
    records_finish(&records);
    return good;
}

static bool fill(struct dataset *dataset, const struct layout_site *site, bool header, struct error *error)
{
    struct found found;
    bool good = find(site, header, &found, error);
    if (!good && error->kind == ERROR_NONE)
        error_set(error, ERROR_DATA,
                  "%s: no table or list in it says of images what they are: lines of a path and a label, or columns of "
                  "such names",
                  dataset->path);
    good = good && fill_found(dataset, site, &found, error);
    found_close(&found);
    return good;
}

bool layout_table_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    return fill(dataset, site, true, error);
}

bool layout_list_fill(struct dataset *dataset, const struct layout_site *site, struct error *error)
{
    return fill(dataset, site, false, error);
}
