/* See the header: by names first, then by what stands in files. Called by the layout of class folders. */
#include "config.h"

#include "detection.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "thaw/base/mem.h"
#include "thaw/base/text.h"

/* --- by names --- */

/* As text_fold leaves them. */
static const char *const image_words[] = {"images", "image", "imgs", "img", "jpegimages", NULL};
static const char *const mark_words[] = {
    "labels",
    "label",
    "annotations",
    "annotation",
    "annots",
    "masks",
    "mask",
    "xmls",
    "xml",
    "json",
    "groundtruth",
    "gt",
    "boxes",
    "bboxes",
    "imagesets",
    "metadata",
    "meta",
    "segmentationclass",
    "segmentationobject",
    NULL,
};
/* Behind the name of the folder whose images are marked: "train_masks". */
static const char *const mark_endings[] = {"labels", "masks", "annotations", "annot", NULL};

static bool is_among(const char *const *words, const char *folded)
{
    for (; *words; words++)
        if (strcmp(*words, folded) == 0)
            return true;
    return false;
}

bool detection_word(const char *name)
{
    char *folded = text_fold(name, TEXT_FOLD_LOOSE);
    bool found = is_among(image_words, folded) || is_among(mark_words, folded);
    mem_free(folded);
    return found;
}

/* Where in a folded name the word of marks begins: 0 for "masks", 5 for "trainmasks"; -1: it has none. */
static int mark_word_at(const char *folded)
{
    if (is_among(mark_words, folded))
        return 0;
    for (size_t i = 0; mark_endings[i]; i++) {
        size_t all = strlen(folded), length = strlen(mark_endings[i]);
        if (all > length && strcmp(folded + all - length, mark_endings[i]) == 0)
            return (int)(all - length);
    }
    return -1;
}

/* Whether a folder is called as one of images that those marks, whose folded name is this, are of. */
static bool is_marked_by(const struct tree_node *images, const char *marks, int at)
{
    char *folded = text_fold(images->name, TEXT_FOLD_LOOSE);
    bool is = at == 0 ? is_among(image_words, folded)
                      : strlen(folded) == (size_t)at && strncmp(folded, marks, (size_t)at) == 0;
    mem_free(folded);
    return is;
}

static bool holds_images(const struct tree *tree, struct tree_node *folder, int deep)
{
    if (folder->kind != TREE_FOLDER)
        return false;
    if (tree_count(tree, folder).images > 0)
        return true;
    for (size_t i = 0; deep > 0 && i < folder->children; i++)
        if (holds_images(tree, &folder->child[i], deep - 1))
            return true;
    return false;
}

enum { DEEP = 3 };

static char *name_pair(const struct tree *tree, struct tree_node *folder, const struct tree_node *marks)
{
    char *folded = text_fold(marks->name, TEXT_FOLD_LOOSE), *words = NULL;
    int at = mark_word_at(folded);
    for (size_t i = 0; at >= 0 && !words && i < folder->children; i++) {
        struct tree_node *images = &folder->child[i];
        if (images != marks && is_marked_by(images, folded, at) && holds_images(tree, images, DEEP))
            words = mem_format("%.60s and %.60s lie beside each other", images->name, marks->name);
    }
    mem_free(folded);
    return words;
}

static char *find_named_pair(const struct tree *tree, struct tree_node *folder)
{
    char *words = NULL;
    for (size_t i = 0; !words && i < folder->children; i++)
        if (folder->child[i].kind == TREE_FOLDER)
            words = name_pair(tree, folder, &folder->child[i]);
    return words;
}

/* --- by what stands in files --- */

/* "2 0.51 0.38 0.2 0.11": a class's number, and four numbers from 0 to 1 or more. */
static bool is_box_line(const char *line)
{
    char *end;
    long class = strtol(line, &end, 10);
    if (end == line || class < 0 || !isspace((unsigned char)*end))
        return false;
    int fields = 0;
    for (const char *at = end; *(at += strspn(at, " \t\r")); at = end, fields++) {
        double number = strtod(at, &end);
        bool inside = fields >= 4 || (number >= 0 && number <= 1);
        if (end == at || !inside)
            return false;
    }
    return fields >= 4;
}

/* cut: the text's last line is not whole. */
static bool is_boxes(char *text, bool cut)
{
    char *rest = NULL, *last = strrchr(text, '\n');
    size_t lines = 0;
    if (cut && last)
        *last = '\0';
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (!line[strspn(line, " \t\r")])
            continue;
        if (!is_box_line(line))
            return false;
        lines++;
    }
    return lines > 0;
}

static bool has_ending(const struct tree_node *file, const char *ending)
{
    const char *dot = strrchr(file->name, '.');
    return file->kind == TREE_FILE && dot && strcasecmp(dot, ending) == 0;
}

/* The beginning of a text file; NULL: it is none. Caller frees. */
static char *read_text(const struct tree *tree, const struct tree_node *file, size_t most, bool *cut)
{
    struct file_bytes bytes = {0};
    struct error unused;
    bool read = tree_read(tree, file, most, &bytes, &unused) && bytes.size > 0;
    read = read && !memchr(bytes.data, '\0', bytes.size);
    char *text = read ? mem_format("%.*s", (int)bytes.size, (const char *)bytes.data) : NULL;
    *cut = bytes.size >= most;
    file_bytes_finish(&bytes);
    return text;
}

/* Whether a file marks what is in one image. */
static bool is_marks(const struct tree *tree, const struct tree_node *file)
{
    enum { MOST = 1 << 16 };
    bool lines = has_ending(file, ".txt"), xml = has_ending(file, ".xml"), json = has_ending(file, ".json"), cut;
    char *text = lines || xml || json ? read_text(tree, file, MOST, &cut) : NULL;
    bool is = false;
    if (text && lines)
        is = is_boxes(text, cut);
    else if (text && xml)
        is = strstr(text, "<annotation") && (strstr(text, "<object") || strstr(text, "<size"));
    else if (text)
        is = strstr(text, "\"shapes\"") && strstr(text, "\"imagePath\"");
    mem_free(text);
    return is;
}

/* Whether a folder, or one in it, has an image of a file's name without its ending. */
static bool has_image_of(const struct tree *tree, struct tree_node *folder, const struct tree_node *file, int deep)
{
    size_t stem = (size_t)(strrchr(file->name, '.') - file->name);
    tree_look(tree, folder);
    for (size_t i = 0; i < folder->children; i++) {
        struct tree_node *node = &folder->child[i];
        if (tree_may_be_image(node) && strncmp(node->name, file->name, stem) == 0 && node->name[stem] == '.')
            return true;
        if (node->kind == TREE_FOLDER && deep > 0 && has_image_of(tree, node, file, deep - 1))
            return true;
    }
    return false;
}

/* The first of a few files in a folder (and in those in it) that marks an image of `images`. */
static struct tree_node *find_marks(const struct tree *tree, struct tree_node *folder, struct tree_node *images,
                                    int deep)
{
    enum { LOOKED_AT = 16 };
    size_t looked = 0;
    tree_look(tree, folder);
    for (size_t i = 0; i < folder->children && looked < LOOKED_AT; i++) {
        struct tree_node *node = &folder->child[i], *found = NULL;
        if (node->kind == TREE_FOLDER && deep > 0)
            found = find_marks(tree, node, images, deep - 1);
        else if (has_ending(node, ".txt") || has_ending(node, ".xml") || has_ending(node, ".json"))
            found =
                looked++ < LOOKED_AT && is_marks(tree, node) && has_image_of(tree, images, node, deep) ? node : NULL;
        if (found)
            return found;
    }
    return NULL;
}

/* Whether the folders that hold images are called as the categories in a COCO file are: then they are classes. */
static bool are_categories(const struct tree *tree, const struct tree_node *folder, const char *text)
{
    size_t held = 0, named = 0;
    for (size_t i = 0; i < folder->children; i++) {
        struct tree_node *node = &folder->child[i];
        if (!holds_images(tree, node, 0))
            continue;
        char *quoted = mem_format("\"%s\"", node->name);
        held++;
        named += strstr(text, quoted) && !detection_word(node->name);
        mem_free(quoted);
    }
    return held > 0 && named == held;
}

/* COCO's file of boxes of many images. The largest have their boxes behind hundreds of megabytes of images: these are known by
 * their usual names. */
static bool is_coco(const struct tree *tree, const struct tree_node *file, const struct tree_node *folder)
{
    enum { MOST = 4 << 20 };
    bool cut, is = false;
    char *text = has_ending(file, ".json") ? read_text(tree, file, MOST, &cut) : NULL;
    if (text && strstr(text, "\"images\"")) {
        bool called = strncmp(file->name, "instances", 9) == 0 || strstr(file->name, "coco");
        is = (strstr(text, "\"bbox\"") || (cut && called)) && !are_categories(tree, folder, text);
    }
    mem_free(text);
    return is;
}

/* The first COCO file in a folder. images: where the folders lie that it may be of. */
static struct tree_node *find_coco(const struct tree *tree, struct tree_node *folder, const struct tree_node *images)
{
    tree_look(tree, folder);
    for (size_t i = 0; i < folder->children; i++)
        if (is_coco(tree, &folder->child[i], images))
            return &folder->child[i];
    return NULL;
}

/* A folder within `folder`, or itself, that holds images and their marks, or marks of images in the others. */
static char *find_marked(const struct tree *tree, struct tree_node *folder, struct tree_node *in, bool images_beside)
{
    struct tree_counts counts = tree_count(tree, in);
    bool own = counts.images > 0;
    if (!own && (!images_beside || in == folder || holds_images(tree, in, DEEP)))
        return NULL;
    const char *between = in == folder ? "" : "/", *name = in == folder ? "" : in->name;
    const struct tree_node *coco = find_coco(tree, in, folder);
    if (coco)
        return mem_format("%.60s%s%.60s lists boxes in images", name, between, coco->name);
    if (own && counts.others == 0)
        return NULL;
    const struct tree_node *file = find_marks(tree, in, own ? in : folder, own ? 0 : DEEP);
    return file ? mem_format("%.60s%s%.60s marks what is in an image of its name", name, between, file->name) : NULL;
}

char *detection_signs(const struct tree *tree, struct tree_node *folder)
{
    tree_look(tree, folder);
    char *words = find_named_pair(tree, folder);
    bool beside = false, flat = false; /* images in folders in it, and directly in these */
    for (size_t i = 0; i < folder->children; i++) {
        beside = beside || holds_images(tree, &folder->child[i], DEEP);
        flat = flat || holds_images(tree, &folder->child[i], 0);
    }
    if (!words)
        words = find_marked(tree, folder, folder, beside);
    const struct tree_node *coco = !words && flat ? find_coco(tree, folder, folder) : NULL;
    if (coco)
        words = mem_format("%.60s lists boxes in images", coco->name);
    for (size_t i = 0; !words && i < folder->children; i++)
        if (folder->child[i].kind == TREE_FOLDER)
            words = find_marked(tree, folder, &folder->child[i], beside);
    return words;
}
