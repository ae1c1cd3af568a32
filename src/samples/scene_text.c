/* The letters of the signs: a stroke font of our own. A glyph lives in a box 1 wide and 1 high, x to the right, y down;
 * strokes are polylines, bowls are flattened to corners, which at the size of a sign nobody sees. */
#include "config.h"

#include <string.h>

#include "scene.h"

enum { GLYPH_STROKES = 3, GLYPH_POINTS = 2 * SCENE_CORNERS };

/* corners[i] is the number of points of stroke i; the points of all strokes follow each other. */
struct glyph {
    char letter;
    int corners[GLYPH_STROKES];
    float points[GLYPH_STROKES * GLYPH_POINTS];
};

static const struct glyph glyphs[] = {
    {'0', {9}, {.3f, 0, .7f, 0, 1, .3f, 1, .7f, .7f, 1, .3f, 1, 0, .7f, 0, .3f, .3f, 0}},
    {'2', {8}, {0, .25f, .2f, .02f, .75f, 0, 1, .2f, .95f, .42f, .05f, .95f, .05f, 1, 1, 1}},
    {'3', {6, 6}, {0,   .1f,  .25f, 0,    .75f, 0,    1,    .22f, .8f,  .46f, .4f, .47f,
                   .4f, .47f, .8f,  .48f, 1,    .75f, .75f, 1,    .25f, 1,    0,   .88f}},
    {'4', {4}, {.75f, 1, .75f, 0, 0, .68f, 1, .68f}},
    {'5', {8}, {.95f, 0, .1f, 0, .05f, .45f, .6f, .38f, 1, .6f, .9f, .9f, .5f, 1, 0, .92f}},
    {'6', {10}, {.85f, .02f, .4f, .1f,  .05f, .5f,  .05f, .8f,  .3f,  1,
                 .75f, 1,    1,   .75f, .85f, .47f, .4f,  .42f, .05f, .6f}},
    {'8', {9, 7}, {.5f, .47f, .15f, .4f,  .05f, .2f, .25f, 0,    .75f, 0, .95f, .2f, .85f, .4f,  .5f, .47f,
                   .5f, .47f, .5f,  .47f, .95f, .6f, 1,    .82f, .75f, 1, .25f, 1,   0,    .82f, .5f, .47f}},
    {'S', {8}, {1, .15f, .75f, 0, .25f, 0, .02f, .22f, .98f, .75f, .75f, 1, .25f, 1, 0, .85f}},
    {'T', {2, 2}, {0, 0, 1, 0, .5f, 0, .5f, 1}},
    {'O', {9}, {.3f, 0, .7f, 0, 1, .3f, 1, .7f, .7f, 1, .3f, 1, 0, .7f, 0, .3f, .3f, 0}},
    {'P', {7}, {.05f, 1, .05f, 0, .75f, 0, 1, .15f, 1, .42f, .75f, .57f, .05f, .57f}},
    {'R', {7, 2}, {.05f, 1, .05f, 0, .75f, 0, 1, .15f, 1, .4f, .75f, .54f, .05f, .54f, .5f, .54f, 1, 1}},
};

static const struct glyph *find(char letter)
{
    for (size_t i = 0; i < THAW_LENGTH(glyphs); i++)
        if (glyphs[i].letter == letter)
            return &glyphs[i];
    return NULL;
}

void scene_text(struct scene *scene, struct colour colour, const char *text, float x, float y, float height,
                float letter_width, float stroke)
{
    float gap = stroke + 0.35f * letter_width;
    float count = (float)strlen(text);
    float left = x - (count * letter_width + (count - 1) * gap) / 2;
    for (; *text; text++, left += letter_width + gap) {
        const struct glyph *glyph = find(*text);
        const float *points = glyph ? glyph->points : NULL;
        for (int s = 0; glyph && s < GLYPH_STROKES && glyph->corners[s] > 0; s++) {
            float placed[GLYPH_POINTS];
            for (int i = 0; i < glyph->corners[s]; i++, points += 2) {
                placed[2 * i] = left + points[0] * letter_width;
                placed[2 * i + 1] = y + (points[1] - 0.5f) * height;
            }
            scene_stroke(scene, colour, stroke, glyph->corners[s], placed);
        }
    }
}
