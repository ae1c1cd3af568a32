/* JPEG through libjpeg-turbo, with the settings PIL uses (accurate integer DCT, smooth chroma upsampling), so that
 * pixels are PIL's to the bit. Without libjpeg-turbo image_stb.c reads JPEG.
 *
 * libjpeg reports faults by calling back: error_exit must not return, so it jumps. Premature ends are mere warnings to
 * libjpeg, which paints the rest grey; here they are errors, since a half-grey photograph should not be trained on. */
#include "config.h"

#ifdef HAVE_JPEG

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "decode.h"

/* A progressive file may repeat scans at will, each costing a pass over the whole picture. */
enum { SCANS_MAX = 200 };

struct reader {
    struct jpeg_decompress_struct jpeg; /* first, so that a callback finds its reader */
    struct jpeg_error_mgr manager;
    struct jpeg_progress_mgr progress;
    struct error *error;
    jmp_buf failed;
};

static void fail(j_common_ptr common)
{
    struct reader *reader = (struct reader *)common;
    char text[JMSG_LENGTH_MAX];
    int code = common->err->msg_code;
    (*common->err->format_message)(common, text);
    if (code == JERR_INPUT_EMPTY || code == JERR_INPUT_EOF || code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
        code == JERR_NO_IMAGE)
        error_set(reader->error, ERROR_DATA, "truncated: the JPEG data ends before the picture is complete");
    else
        error_set(reader->error, ERROR_DATA, "damaged JPEG (%s)", text);
    longjmp(reader->failed, 1);
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
    struct reader *reader = (struct reader *)common;
    if (reader->jpeg.input_scan_number <= SCANS_MAX)
        return;
    error_set(reader->error, ERROR_DATA, "damaged JPEG (more than %d scans)", SCANS_MAX);
    longjmp(reader->failed, 1);
}

/* From here on a fault jumps to reader->failed. */
static void begin(struct reader *reader, const uint8_t *bytes, size_t size)
{
    jpeg_create_decompress(&reader->jpeg);
    reader->progress.progress_monitor = count_scans;
    reader->jpeg.progress = &reader->progress;
    jpeg_mem_src(&reader->jpeg, bytes, size);
    jpeg_read_header(&reader->jpeg, TRUE);
}

static void hook(struct reader *reader, struct error *error)
{
    reader->error = error;
    reader->jpeg.err = jpeg_std_error(&reader->manager);
    reader->manager.error_exit = fail;
    reader->manager.emit_message = warn;
    reader->manager.output_message = keep_quiet;
}

bool decode_jpeg_header(const uint8_t *bytes, size_t size, int *width, int *height, struct error *error)
{
    struct reader reader = {0};
    hook(&reader, error);
    if (setjmp(reader.failed)) {
        jpeg_destroy_decompress(&reader.jpeg);
        return false;
    }
    begin(&reader, bytes, size);
    *width = (int)reader.jpeg.image_width;
    *height = (int)reader.jpeg.image_height;
    jpeg_destroy_decompress(&reader.jpeg);
    return true;
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

static void read_rows(struct reader *reader, struct image *image)
{
    struct jpeg_decompress_struct *jpeg = &reader->jpeg;
    JSAMPARRAY ink = NULL;
    if (jpeg->out_color_space == JCS_CMYK)
        ink = (*jpeg->mem->alloc_sarray)((j_common_ptr)jpeg, JPOOL_IMAGE, jpeg->output_width * 4, 1);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->rgb + (size_t)jpeg->output_scanline * (size_t)image->width * 3;
        if (ink) {
            jpeg_read_scanlines(jpeg, ink, 1);
            ink_to_rgb(row, ink[0], image->width);
        } else {
            jpeg_read_scanlines(jpeg, &row, 1);
        }
    }
}

bool decode_jpeg(struct image *image, const uint8_t *bytes, size_t size, struct error *error)
{
    struct reader reader = {0};
    hook(&reader, error);
    if (setjmp(reader.failed)) {
        jpeg_destroy_decompress(&reader.jpeg);
        return false;
    }
    begin(&reader, bytes, size);
    reader.jpeg.out_color_space = reader.jpeg.num_components == 4 ? JCS_CMYK : JCS_RGB;
    reader.jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&reader.jpeg);
    bool done = image_create(image, (int)reader.jpeg.output_width, (int)reader.jpeg.output_height);
    if (done) {
        read_rows(&reader, image);
        jpeg_finish_decompress(&reader.jpeg);
    } else {
        error_set(error, ERROR_DATA, "not enough memory for %u x %u pixels", reader.jpeg.output_width,
                  reader.jpeg.output_height);
    }
    jpeg_destroy_decompress(&reader.jpeg);
    return done;
}

#else

/* ISO C wants a translation unit to declare something. */
extern int image_jpeg_is_read_by_stb;

#endif
