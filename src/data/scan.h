/* Filling a dataset: items out of folders and files, classes by name, the split. Private to src/data. */
#ifndef THAW_DATA_SCAN_H
#define THAW_DATA_SCAN_H

#include "thaw/base/pattern.h"
#include "thaw/data/dataset.h"
#include "tree.h"

/* Room for one more: capacity doubles at powers of two, so that the count alone tells when. */
void *scan_room(void *items, size_t count, size_t size);

/* The label of a class, which is added behind the others if it is new. */
int dataset_class(struct dataset *dataset, const char *name) THAW_NONNULL;
/* Classes "0" to count - 1. */
void dataset_number_classes(struct dataset *dataset, int count) THAW_NONNULL;
/* Brings classes into the order of their names (numbers into theirs, where dataset->numbered), items into that of their
 * labels; within a label their order stays. */
void dataset_sort(struct dataset *dataset) THAW_NONNULL;
/* Gives class i the label to[i]; -1: it has no items, and goes. count: of classes that there will be. */
void dataset_renumber(struct dataset *dataset, const int *to, int count) THAW_NONNULL;

size_t dataset_images_of(const struct dataset *dataset, int label) THAW_NONNULL; /* in all parts */
void dataset_images_finish(struct dataset_images *images) THAW_NONNULL;

/* What is wrong with a file goes to dataset->bad. Takes the path. */
void scan_set_aside(struct dataset *dataset, enum dataset_split split, char *path, const char *reason) THAW_NONNULL;
/* Adds a file to a part, if its header is an image's; else sets it aside. bytes: room, kept from file to file. */
void scan_file(struct dataset *dataset, struct file_bytes *bytes, const struct tree *tree, const struct tree_node *file,
               enum dataset_split split, int label) THAW_NONNULL;
/* Every file of a folder and of those in it, files first. */
void scan_folder(struct dataset *dataset, const struct tree *tree, struct tree_node *folder, enum dataset_split split,
                 int label) THAW_NONNULL;

/* Moves a share of each class from training to validation: at least one image, and at least one stays, where a class
 * has two. Depends on (seed, class name, number of images) only. */
void split_stratified(struct dataset *dataset, double share, uint64_t seed) THAW_NONNULL;

/* What is split off the training images. */
struct split_plan {
    double share;
    int folds, fold;       /* the fold-th of so many, from 1; folds 0: the share */
    struct pattern *group; /* images whose names hold the same stay together; NULL: each is alone */
    bool whole;            /* the pattern is of the path below the dataset's, not of the file's name */
    uint64_t seed;
};
/* ERROR_DATA: there are too few groups. */
bool split_off(struct dataset *dataset, const struct split_plan *plan,
               struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Notes groups that have images in training and validation. */
void split_note_leaks(struct dataset *dataset, const struct split_plan *plan) THAW_NONNULL;
/* What an item's name or path gives; NULL: it does not match. Caller frees. */
char *split_group_name(const struct dataset *dataset, struct pattern *pattern, const struct dataset_item *item,
                       bool whole) THAW_NONNULL;
/* The order in which a class's images are drawn; caller frees. */
uint32_t *split_order(size_t count, uint64_t seed, const char *class_name) THAW_NONNULL;
/* Moves the marked training images to validation. */
void split_move(struct dataset *dataset, const bool *chosen) THAW_NONNULL;

/* Refuses what a training would take for other classes than are meant: names that show the same, or that differ in case
 * alone between the parts; one class alone. Notes the rest. */
bool labels_check(struct dataset *dataset, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Makes it fit for a training: classes without any image go, with a note; where files were set aside that should have been
 * their images, ERROR_DATA, and so where one class alone has training images. Notes classes that a part lacks. */
bool labels_fit_training(struct dataset *dataset, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

#endif
