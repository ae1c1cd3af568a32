/* A reader makes views out of files: it decodes only what the view looks at, in memory that it keeps from file to file.
 * The pixels are those of image_decode and augment_view, to the bit, unless `fast` says otherwise. One thread uses a
 * reader at a time. */
#ifndef THAW_DATA_READER_H
#define THAW_DATA_READER_H

#include "thaw/data/augment.h"
#include "thaw/data/dataset.h"
#include "thaw/data/image.h"

/* How files are decoded: to the bit as the reference does, or as struct view_request says. */
enum image_decode { IMAGE_DECODE_EXACT, IMAGE_DECODE_FAST, IMAGE_DECODES };

/* What is made of a file. fast: JPEGs that are at least twice as large as the view needs are decoded at 1/2, 1/4 or 1/8
 * of their size, so that shrinking is in part done by the DCT and not by the filter of image_resize. Whether and how
 * much depends on the sizes of the picture and of the view alone, never on the random crop. */
struct view_request {
    const struct preprocess *preprocess;
    enum augment augment;
    struct augment_key key; /* where augment is not AUGMENT_NONE */
    bool fast;
};

/* A whole picture, as it is kept for views to come: width x height pixels, of which `image` is 1 / shrink. */
struct picture {
    struct image image;
    int width, height, shrink;
};

struct reader;
struct reader *reader_create(void);
void reader_destroy(struct reader *reader);

/* The view of an item. view->rgb is the reader's and holds until its next call. ERROR_DATA: it is no whole image, also
 * where the fault is in parts of the file that the view does not look at. ERROR_FAILED: it could not be read at all, or
 * there is no memory for it, which says nothing of what is in it. */
bool reader_view(struct reader *reader, const struct dataset_item *item, const struct view_request *request,
                 struct image *view, struct error *error) THAW_NONNULL THAW_MUST_CHECK;

/* The whole picture, as any view of the request's kind can be made of it; the caller finishes picture->image. */
bool reader_picture(struct reader *reader, const struct dataset_item *item, const struct view_request *request,
                    struct picture *picture, struct error *error) THAW_NONNULL THAW_MUST_CHECK;
/* Whether the file that was read last, the item's, is not the one that was there when the dataset was opened. */
bool reader_found_changed(const struct reader *reader, const struct dataset_item *item) THAW_NONNULL;
/* The view of a picture: equal to reader_view's of the file it came from. */
void reader_view_picture(struct reader *reader, const struct picture *picture, const struct view_request *request,
                         struct image *view) THAW_NONNULL;

#endif
