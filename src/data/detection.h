/* Detection and segmentation data, whose folders are no classes. Private to src/data. */
#ifndef THAW_SRC_DATA_DETECTION_H
#define THAW_SRC_DATA_DETECTION_H

#include "tree.h"

/* Whether such data call a folder so, for what lies in it rather than for a class: "images", "Annotations". */
bool detection_word(const char *name) THAW_NONNULL;
/* What says that the images in a folder, or in the folders in it, are marked with boxes or masks: folders called images and
 * labels, files of boxes (YOLO's lines, VOC's XML, COCO's or LabelMe's JSON) of the images or beside them. What else lies there
 * does not matter. NULL: nothing says so; caller frees. */
char *detection_signs(const struct tree *tree, struct tree_node *folder) THAW_NONNULL;

#endif
