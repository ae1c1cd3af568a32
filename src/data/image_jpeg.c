/* JPEG through libjpeg-turbo, with the settings PIL uses (accurate integer DCT, smooth chroma upsampling), so that
 * pixels are PIL's to the bit. Without libjpeg-turbo image_stb.c reads JPEG.
 *
 * libjpeg reports faults by calling back: error_exit must not return, so it jumps. Premature ends are mere warnings to
 * libjpeg, which paints the rest grey; here they are errors, since a half-grey photograph should not be trained on. */
#include "config.h"

#include "decode.h"

#ifdef HAVE_JPEG

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "thaw/base/mem.h"

/* A progressive file may repeat scans at will, each costing a pass over the whole picture. */
enum { SCANS_MAX = 200 };

struct jpeg_decoder {
    struct jpeg_decompress_struct jpeg; /* first, so that a callback finds its decoder */
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    struct error *error;
    jmp_buf failed;
    uint8_t *row; /* rows as they come out of libjpeg */
    size_t row_room;
};

static void fail(j_common_ptr common)
{
    struct jpeg_decoder *decoder = (struct jpeg_decoder *)common;
    char text[JMSG_LENGTH_MAX];
    int code = common->err->msg_code;
    (*common->err->format_message)(common, text);
    if (code == JERR_INPUT_EMPTY || code == JERR_INPUT_EOF || code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
        code == JERR_NO_IMAGE)
        error_set(decoder->error, ERROR_DATA, "truncated: the JPEG data ends before the picture is complete");
    else if (code == JERR_OUT_OF_MEMORY)
        error_set(decoder->error, ERROR_FAILED, "not enough memory to decode it");
    else
        error_set(decoder->error, ERROR_DATA, "damaged JPEG (%s)", text);
    longjmp(decoder->failed, 1);
}

static void warn(j_common_ptr common, int level)
{
    int code = common->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER))
        fail(common);
}

static void keep_quiet(j_common_ptr common)
{
    (void)common;
}

static void count_scans(j_common_ptr common)
{
    struct jpeg_decoder *decoder = (struct jpeg_decoder *)common;
    if (decoder->jpeg.input_scan_number <= SCANS_MAX)
        return;
    error_set(decoder->error, ERROR_DATA, "damaged JPEG (more than %d scans)", SCANS_MAX);
    longjmp(decoder->failed, 1);
}

static void hook(struct jpeg_decoder *decoder)
{
    decoder->jpeg.err = jpeg_std_error(&decoder->manager);
    decoder->manager.error_exit = fail;
    decoder->manager.emit_message = warn;
    decoder->manager.output_message = keep_quiet;
}

struct jpeg_decoder *jpeg_decoder_create(void)
{
    struct jpeg_decoder *decoder = mem_alloc(sizeof *decoder);
    hook(decoder);
    return decoder;
}

void jpeg_decoder_destroy(struct jpeg_decoder *decoder)
{
    if (!decoder)
        return;
    jpeg_destroy_decompress(&decoder->jpeg);
    mem_free(decoder->row);
    mem_free(decoder);
}

/* libjpeg's state begins anew with each file: what is left in it, such as tables, would serve a file that has none. */
bool jpeg_decoder_open(struct jpeg_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height,
                       struct error *error)
{
    decoder->error = error;
    jpeg_destroy_decompress(&decoder->jpeg);
    if (setjmp(decoder->failed))
        return false;
    jpeg_create_decompress(&decoder->jpeg);
    decoder->progress.progress_monitor = count_scans;
    decoder->jpeg.progress = &decoder->progress;
    jpeg_mem_src(&decoder->jpeg, bytes, size);
    jpeg_read_header(&decoder->jpeg, TRUE);
    *width = (int)decoder->jpeg.image_width;
    *height = (int)decoder->jpeg.image_height;
    return true;
}

size_t jpeg_decoder_bytes(const struct jpeg_decoder *decoder)
{
    const struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    bool whole = jpeg->progressive_mode || jpeg->comps_in_scan < jpeg->num_components;
    size_t pixels = (size_t)jpeg->image_width * (size_t)jpeg->image_height;
    return whole ? pixels * (size_t)jpeg->num_components * sizeof(short) : 0;
}

/* PIL's rounding of a * b / 255. */
static int scale_255(int a, int b)
{
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* One row of CMYK as Adobe stores it (inverted: 255 is no ink) to RGB. */
static void ink_to_rgb(uint8_t *rgb, const uint8_t *cmyk, int width)
{
    for (int x = 0; x < width; x++, rgb += 3, cmyk += 4)
        for (int c = 0; c < 3; c++) {
            int v = cmyk[3] - scale_255(255 - cmyk[c], cmyk[3]);
            rgb[c] = (uint8_t)(v < 0 ? 0 : v);
        }
}

/* Smooth upsampling of chroma looks one sample to either side, and has none at the edge of what is decoded. */
enum { MARGIN = 2 };

/* Narrows the rows down to those blocks that hold the region's columns; returns the column they begin with. Where chroma
 * is a quarter as wide and the picture shrunk, libjpeg-turbo 2.1 computes the narrowed width of chroma wrongly, so the
 * rows stay whole. */
static int crop_columns(struct jpeg_decompress_struct *jpeg, const struct region *region)
{
    JDIMENSION left = region->left > MARGIN ? (JDIMENSION)(region->left - MARGIN) : 0;
    JDIMENSION right = (JDIMENSION)(region->left + region->width + MARGIN);
    if (right > jpeg->output_width)
        right = jpeg->output_width;
    bool quarter = jpeg->max_h_samp_factor > 2 && jpeg->output_width < jpeg->image_width;
    if (quarter || (left == 0 && right == jpeg->output_width))
        return 0;
    JDIMENSION width = right - left;
    jpeg_crop_scanline(jpeg, &left, &width);
    return (int)left;
}

/* Passes over rows. The last of the picture is decoded all the same: only then has libjpeg seen all the data, and found
 * out what is missing. */
static void skip_rows(struct jpeg_decompress_struct *jpeg, JDIMENSION count, JSAMPROW row)
{
    JDIMENSION left = jpeg->output_height - jpeg->output_scanline;
    if (count > 0 && count < left)
        jpeg_skip_scanlines(jpeg, count);
    else if (count > 0) {
        if (left > 1)
            jpeg_skip_scanlines(jpeg, left - 1);
        jpeg_read_scanlines(jpeg, &row, 1);
    }
}

/* Memory for DECODE_ROWS rows as libjpeg makes them, and for as many in RGB where that is something else. */
static void reserve_rows(struct jpeg_decoder *decoder, size_t bytes, int width)
{
    size_t room = DECODE_ROWS * (bytes + (size_t)width * 3);
    if (room <= decoder->row_room)
        return;
    mem_free(decoder->row);
    decoder->row = mem_array(room, 1);
    decoder->row_room = room;
}

static void read_rows(struct jpeg_decoder *decoder, const struct region *region, decode_sink *sink, void *context)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    int first = crop_columns(jpeg, region);
    size_t bytes = (size_t)jpeg->output_width * (size_t)jpeg->output_components;
    size_t skipped = (size_t)(region->left - first) * (size_t)jpeg->output_components;
    bool ink = jpeg->out_color_space == JCS_CMYK;
    JSAMPROW row[DECODE_ROWS];
    const uint8_t *rgb[DECODE_ROWS];
    reserve_rows(decoder, bytes, region->width);
    uint8_t *converted = decoder->row + DECODE_ROWS * bytes;
    for (int r = 0; r < DECODE_ROWS; r++) {
        row[r] = decoder->row + (size_t)r * bytes;
        rgb[r] = ink ? converted + (size_t)r * (size_t)region->width * 3 : row[r] + skipped;
    }
    skip_rows(jpeg, (JDIMENSION)region->top, decoder->row);
    for (int y = 0; y < region->height; y += DECODE_ROWS) {
        int rows = region->height - y < DECODE_ROWS ? region->height - y : DECODE_ROWS;
        for (int r = 0; r < rows;)
            r += (int)jpeg_read_scanlines(jpeg, row + r, (JDIMENSION)(rows - r));
        for (int r = 0; r < rows && ink; r++)
            ink_to_rgb(converted + (size_t)r * (size_t)region->width * 3, row[r] + skipped, region->width);
        sink(context, rgb, rows);
    }
    skip_rows(jpeg, jpeg->output_height - jpeg->output_scanline, decoder->row);
}

bool jpeg_decoder_read(struct jpeg_decoder *decoder, int shrink, const struct region *region, decode_sink *sink,
                       void *context, struct error *error)
{
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    decoder->error = error;
    if (setjmp(decoder->failed))
        return false;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg->scale_num = 1;
    jpeg->scale_denom = (unsigned)shrink;
    jpeg_start_decompress(jpeg);
    read_rows(decoder, region, sink, context);
    jpeg_finish_decompress(jpeg);
    return true;
}

/* An image that is filled row by row. */
struct filling {
    uint8_t *rgb;
    size_t stride;
};

static void fill(void *context, const uint8_t *const row[], int rows)
{
    struct filling *filling = context;
    for (int r = 0; r < rows; r++, filling->rgb += filling->stride)
        memcpy(filling->rgb, row[r], filling->stride);
}

bool jpeg_decoder_read_image(struct jpeg_decoder *decoder, int shrink, const struct region *region, struct image *image,
                             struct error *error)
{
    if (!image_create(image, region->width, region->height))
        return error_set(error, ERROR_FAILED, "not enough memory for %d x %d pixels", region->width, region->height);
    struct filling filling = {image->rgb, (size_t)region->width * 3};
    return jpeg_decoder_read(decoder, shrink, region, fill, &filling, error);
}

bool decode_jpeg_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    struct jpeg_decoder *decoder = jpeg_decoder_create();
    bool done = jpeg_decoder_open(decoder, bytes, size, width, height, error);
    jpeg_decoder_destroy(decoder);
    return done;
}

bool decode_jpeg(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    struct region all = {0};
    struct jpeg_decoder *decoder = jpeg_decoder_create();
    bool done = jpeg_decoder_open(decoder, bytes, size, &all.width, &all.height, error) &&
                jpeg_decoder_read_image(decoder, 1, &all, image, error);
    jpeg_decoder_destroy(decoder);
    return done;
}

#else

struct jpeg_decoder *jpeg_decoder_create(void)
{
    return NULL;
}

void jpeg_decoder_destroy(struct jpeg_decoder *decoder)
{
    (void)decoder;
}

bool jpeg_decoder_open(struct jpeg_decoder *decoder, const uint8_t *bytes, size_t size, int *width, int *height,
                       struct error *error)
{
    (void)decoder;
    return decode_stb_header(bytes, size, width, height, error);
}

size_t jpeg_decoder_bytes(const struct jpeg_decoder *decoder)
{
    (void)decoder;
    return 0;
}

bool jpeg_decoder_read(struct jpeg_decoder *decoder, int shrink, const struct region *region, decode_sink *sink,
                       void *context, struct error *error)
{
    (void)decoder, (void)shrink, (void)region, (void)sink, (void)context;
    return error_set(error, ERROR_DATA, "parts of a JPEG are read by libjpeg-turbo only");
}

bool jpeg_decoder_read_image(struct jpeg_decoder *decoder, int shrink, const struct region *region, struct image *image,
                             struct error *error)
{
    (void)image;
    return jpeg_decoder_read(decoder, shrink, region, NULL, NULL, error);
}

#endif
