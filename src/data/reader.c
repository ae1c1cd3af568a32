/* Views straight from files. The header gives the size, the size (and the random numbers) what the view looks at, and
 * only that is decoded, where the format allows: JPEG through libjpeg-turbo. Other files are decoded whole. Called by the
 * loader, a reader a thread. */
#include "config.h"

#include <string.h>

#include "decode.h"
#include "gate.h"
#include "geometry.h"
#include "pixels.h"
#include "reader_private.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"
#include "thaw/data/reader.h"

enum { SHRINK_MOST = 8 };

struct reader {
    struct jpeg_decoder *jpeg; /* NULL: every file is decoded whole */
    struct resizer *resizer;
    uint8_t *view; /* the one that was last made */
    size_t view_room;
    struct file_bytes bytes; /* of the file that was last read */
    struct gate *gate;       /* NULL: none */
};

/* A JPEG of which the header is read. Sizes are upright. */
struct source {
    int width, height, stored_width, stored_height, orientation, shrink;
};

struct reader *reader_create(void)
{
    struct reader *reader = mem_alloc(sizeof *reader);
    reader->jpeg = jpeg_decoder_create();
    reader->resizer = resizer_create();
    return reader;
}

void reader_destroy(struct reader *reader)
{
    if (!reader)
        return;
    jpeg_decoder_destroy(reader->jpeg);
    resizer_destroy(reader->resizer);
    file_bytes_finish(&reader->bytes);
    mem_free(reader->view);
    mem_free(reader);
}

void reader_share(struct reader *reader, struct gate *gate)
{
    reader->gate = gate;
}

/* What is not large waits for nobody. Returns what is to be given back. */
static size_t enter(struct reader *reader, size_t bytes)
{
    enum { LARGE = 16 << 20 };
    if (!reader->gate || bytes < LARGE)
        return 0;
    gate_enter(reader->gate, bytes);
    return bytes;
}

/* Rows go by as they are decoded; whole are the coefficients of a file in several scans, and the pixels of what is turned
 * or kept. */
static size_t jpeg_bytes(const struct reader *reader, const struct source *source, const struct region *whole)
{
    size_t pixels = whole ? (size_t)whole->width * (size_t)whole->height : 0;
    return jpeg_decoder_bytes(reader->jpeg) + pixels * (source->orientation > 1 ? 6 : 3);
}

/* stb_image holds a PNG of 16 bit unpacked, without its filters, as 8 bit, and last as our pixels. */
static size_t other_bytes(const struct image_header *header)
{
    enum { PNG_BYTES = 20, OTHER_BYTES = 8 };
    return (size_t)header->width * (size_t)header->height * (header->format == IMAGE_PNG ? PNG_BYTES : OTHER_BYTES);
}

static void leave(struct reader *reader, size_t bytes)
{
    if (bytes > 0)
        gate_leave(reader->gate, bytes);
}

int reader_shrink(const struct view_request *request, int width, int height)
{
    const struct preprocess *preprocess = request->preprocess;
    int wanted = preprocess->width > preprocess->height ? preprocess->width : preprocess->height;
    int least = width < height ? width : height, shrink = 1;
    if (request->augment != AUGMENT_NONE)
        least = augment_least_side(width, height);
    else if (preprocess->resize > 0)
        wanted = preprocess->resize;
    while (shrink < SHRINK_MOST && least / (2 * shrink) >= wanted)
        shrink *= 2;
    return shrink;
}

static struct view_geometry geometry_of(const struct view_request *request, int width, int height, struct rng *rng)
{
    if (request->augment == AUGMENT_NONE)
        return geometry_eval(request->preprocess, width, height);
    augment_start(rng, request->key);
    return augment_geometry(rng, request->preprocess, width, height);
}

static struct image view_room(struct reader *reader, const struct preprocess *preprocess)
{
    size_t size = (size_t)preprocess->width * (size_t)preprocess->height * 3;
    if (size > reader->view_room) {
        mem_free(reader->view);
        reader->view = mem_array(size, 1);
        reader->view_room = size;
    }
    return (struct image){.width = preprocess->width, .height = preprocess->height, .rgb = reader->view};
}

void reader_view_picture(struct reader *reader, const struct picture *picture, const struct view_request *request,
                         struct image *view)
{
    struct rng rng;
    struct view_geometry geometry = geometry_of(request, picture->width, picture->height, &rng);
    geometry_shrink(&geometry, picture->shrink);
    *view = view_room(reader, request->preprocess);
    geometry_view(reader->resizer, &picture->image, &geometry, view);
    if (request->augment != AUGMENT_NONE)
        augment_end(&rng, request->augment, view);
}

/* --- JPEG --- */

static bool open_jpeg(struct reader *reader, const uint8_t *bytes, size_t size, const struct view_request *request,
                      struct source *source, struct error *error)
{
    if (!jpeg_decoder_open(reader->jpeg, bytes, size, &source->stored_width, &source->stored_height, error) ||
        !decode_size_ok(source->stored_width, source->stored_height, error))
        return false;
    source->orientation = decode_orientation(bytes, size);
    bool transposed = source->orientation >= 5;
    source->width = transposed ? source->stored_height : source->stored_width;
    source->height = transposed ? source->stored_width : source->stored_height;
    source->shrink = request->fast ? reader_shrink(request, source->width, source->height) : 1;
    /* Mirrored, a last pixel that is not whole would come first. */
    while (source->orientation > 1 && (source->width % source->shrink || source->height % source->shrink))
        source->shrink /= 2;
    return true;
}

static int shrunk(int side, int shrink)
{
    return (side + shrink - 1) / shrink;
}

/* Decodes an upright region into an image of its own. */
static bool decode_turned(struct reader *reader, const struct source *source, const struct region *region,
                          struct image *image, struct error *error)
{
    struct region stored = decode_unturn(region, source->orientation, shrunk(source->stored_width, source->shrink),
                                         shrunk(source->stored_height, source->shrink));
    return jpeg_decoder_read_image(reader->jpeg, source->shrink, &stored, image, error) &&
           (decode_turn(image, source->orientation) ||
            error_set(error, ERROR_FAILED, "not enough memory to turn it as its EXIF data says"));
}

static void push(void *context, const uint8_t *const row[], int rows)
{
    resizer_push(context, row, rows);
}
_Static_assert((int)DECODE_ROWS == (int)RESIZE_ROWS, "rows go from the decoder to the resizer as they come");

/* Pushes the region into the resizer; what is turned comes by way of an image. */
static bool push_jpeg(struct reader *reader, const struct source *source, const struct region *region,
                      struct error *error)
{
    if (source->orientation <= 1)
        return jpeg_decoder_read(reader->jpeg, source->shrink, region, push, reader->resizer, error);
    struct image turned = {0};
    bool done = decode_turned(reader, source, region, &turned, error);
    const uint8_t *row[RESIZE_ROWS];
    size_t stride = (size_t)region->width * 3;
    for (int y = 0; y < region->height && done; y += RESIZE_ROWS) {
        int rows = region->height - y < RESIZE_ROWS ? region->height - y : RESIZE_ROWS;
        for (int r = 0; r < rows; r++)
            row[r] = turned.rgb + (size_t)(y + r) * stride;
        resizer_push(reader->resizer, row, rows);
    }
    image_finish(&turned);
    return done;
}

static bool view_jpeg(struct reader *reader, const uint8_t *bytes, size_t size, const struct view_request *request,
                      struct image *view, struct error *error)
{
    struct source source;
    struct rng rng;
    if (!open_jpeg(reader, bytes, size, request, &source, error))
        return false;
    struct view_geometry geometry = geometry_of(request, source.width, source.height, &rng);
    geometry_shrink(&geometry, source.shrink);
    struct region region = resizer_prepare(reader->resizer, &geometry.task);
    size_t held = enter(reader, jpeg_bytes(reader, &source, source.orientation > 1 ? &region : NULL));
    bool pushed = push_jpeg(reader, &source, &region, error);
    leave(reader, held);
    if (!pushed)
        return false;
    *view = view_room(reader, request->preprocess);
    geometry_finish(reader->resizer, &geometry, view);
    if (request->augment != AUGMENT_NONE)
        augment_end(&rng, request->augment, view);
    return true;
}

static bool picture_jpeg(struct reader *reader, const uint8_t *bytes, size_t size, const struct view_request *request,
                         struct picture *picture, struct error *error)
{
    struct source source;
    if (!open_jpeg(reader, bytes, size, request, &source, error))
        return false;
    struct region all = {.width = shrunk(source.width, source.shrink), .height = shrunk(source.height, source.shrink)};
    *picture = (struct picture){.width = source.width, .height = source.height, .shrink = source.shrink};
    size_t held = enter(reader, jpeg_bytes(reader, &source, &all));
    bool done = decode_turned(reader, &source, &all, &picture->image, error);
    leave(reader, held);
    return done;
}

/* --- any file --- */

static bool picture_bytes(struct reader *reader, const uint8_t *bytes, size_t size, const char *name,
                          const struct view_request *request, struct picture *picture, struct error *error)
{
    if (!decode_bytes_ok(size, error))
        return error_wrap(error, "%s", name);
    if (reader->jpeg && decode_is_jpeg(bytes, size))
        return picture_jpeg(reader, bytes, size, request, picture, error) || error_wrap(error, "%s", name);
    struct image_header header;
    if (!image_probe(&header, bytes, size, name, error))
        return false;
    size_t held = enter(reader, other_bytes(&header));
    bool done = image_decode(&picture->image, bytes, size, name, error);
    leave(reader, held);
    if (!done)
        return false;
    picture->width = picture->image.width;
    picture->height = picture->image.height;
    picture->shrink = 1;
    return true;
}

bool reader_view_bytes(struct reader *reader, const uint8_t *bytes, size_t size, const char *name,
                       const struct view_request *request, struct image *view, struct error *error)
{
    struct picture picture = {0};
    if (reader->jpeg && decode_is_jpeg(bytes, size) && decode_bytes_ok(size, error))
        return view_jpeg(reader, bytes, size, request, view, error) || error_wrap(error, "%s", name);
    bool done = picture_bytes(reader, bytes, size, name, request, &picture, error);
    if (done)
        reader_view_picture(reader, &picture, request, view);
    image_finish(&picture.image);
    return done;
}

/* Images that lie in one file are in memory as they are. */
static bool load_pixels(const struct dataset_item *item, struct picture *picture, struct error *error)
{
    if (!dataset_load(item, &picture->image, error))
        return false;
    picture->width = picture->image.width;
    picture->height = picture->image.height;
    picture->shrink = 1;
    return true;
}

bool reader_picture(struct reader *reader, const struct dataset_item *item, const struct view_request *request,
                    struct picture *picture, struct error *error)
{
    struct file_bytes *bytes = &reader->bytes;
    *picture = (struct picture){0};
    if (item->pixels)
        return load_pixels(item, picture, error);
    if (!dataset_item_read(item, bytes, error))
        return false;
    bool done = picture_bytes(reader, bytes->data, bytes->size, item->path, request, picture, error);
    if (!done)
        image_finish(&picture->image);
    return done;
}

bool reader_view(struct reader *reader, const struct dataset_item *item, const struct view_request *request,
                 struct image *view, struct error *error)
{
    struct file_bytes *bytes = &reader->bytes;
    if (item->pixels) {
        struct picture picture = {0};
        bool done = load_pixels(item, &picture, error);
        if (done)
            reader_view_picture(reader, &picture, request, view);
        image_finish(&picture.image);
        return done;
    }
    return dataset_item_read(item, bytes, error) &&
           reader_view_bytes(reader, bytes->data, bytes->size, item->path, request, view, error);
}

struct hash reader_hash(const struct reader *reader, const struct dataset_item *item)
{
    struct hash hash;
    if (item->pixels)
        dataset_pixels_stored(item, &hash);
    else
        hash = hash_bytes(reader->bytes.data, reader->bytes.size, (struct hash){0, 0});
    return hash;
}

bool reader_found_changed(const struct reader *reader, const struct dataset_item *item)
{
    static const struct file_stamp unknown;
    return !item->pixels && !file_stamp_equal(&item->stamp, &unknown) &&
           !file_stamp_equal(&item->stamp, &reader->bytes.stamp);
}
