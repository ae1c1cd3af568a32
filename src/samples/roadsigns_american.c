/* Twelve signs of the American kind: octagon, diamonds, white rectangles, lettering. Drawn after the public shapes of
 * road signs, simplified to what survives 32 pixels. */
#include "config.h"

#include "roadsigns_faces.h"

const struct colour ink_black = {.05f, .05f, .06f}, ink_white = {.95f, .95f, .93f}, ink_red = {.78f, .07f, .10f},
                    ink_yellow = {.98f, .79f, .08f}, ink_blue = {.06f, .25f, .66f}, ink_lime = {.78f, .92f, .15f};

/* A person in mid-step. */
void roadsigns_walker(struct scene *scene, struct colour ink, float x, float y, float size)
{
    float s = size, w = 0.2f * size;
    scene_disc(scene, ink, x + .05f * s, y - .78f * s, .2f * s);
    scene_stroke(scene, ink, 1.6f * w, 2, (float[]){x + .02f * s, y - .42f * s, x, y});
    scene_stroke(scene, ink, w, 3, (float[]){x, y, x + .25f * s, y + .35f * s, x + .3f * s, y + .85f * s});
    scene_stroke(scene, ink, w, 3, (float[]){x, y, x - .15f * s, y + .4f * s, x - .45f * s, y + .8f * s});
    scene_stroke(scene, ink, .8f * w, 3,
                 (float[]){x + .02f * s, y - .42f * s, x + .3f * s, y - .2f * s, x + .5f * s, y - .15f * s});
    scene_stroke(scene, ink, .8f * w, 3,
                 (float[]){x + .02f * s, y - .42f * s, x - .28f * s, y - .2f * s, x - .4f * s, y + .05f * s});
}

/* Edge and field of a diamond. */
static void diamond(struct scene *scene, struct colour field)
{
    scene_regular(scene, ink_black, 4, 1.0f, 0);
    scene_regular(scene, field, 4, .91f, 0);
}

static void curve_right(struct scene *scene)
{
    diamond(scene, ink_yellow);
    scene_stroke(scene, ink_black, .17f, 5, (float[]){-.28f, .5f, -.28f, .12f, -.18f, -.05f, 0, -.15f, .2f, -.15f});
    scene_polygon(scene, ink_black, 3, (float[]){.15f, -.42f, .15f, .12f, .52f, -.15f});
}

static void do_not_enter(struct scene *scene)
{
    scene_box(scene, ink_white, 0, 0, 1, 1);
    scene_disc(scene, ink_red, 0, 0, .95f);
    scene_box(scene, ink_white, 0, 0, .68f, .17f);
}

static void no_left_turn(struct scene *scene)
{
    scene_box(scene, ink_black, 0, 0, 1, 1);
    scene_box(scene, ink_white, 0, 0, .95f, .95f);
    scene_stroke(scene, ink_black, .2f, 4, (float[]){.3f, .6f, .3f, .05f, .15f, -.15f, -.12f, -.15f});
    scene_polygon(scene, ink_black, 3, (float[]){-.1f, -.48f, -.1f, .18f, -.55f, -.15f});
    scene_arc(scene, ink_red, .17f, 0, 0, .78f, -180, 180);
    scene_stroke(scene, ink_red, .17f, 2, (float[]){-.55f, -.55f, .55f, .55f});
}

static void one_way(struct scene *scene)
{
    scene_box(scene, ink_black, 0, 0, 1, .5f);
    scene_polygon(scene, ink_white, 7,
                  (float[]){-.88f, -.24f, .4f, -.24f, .4f, -.4f, .9f, 0, .4f, .4f, .4f, .24f, -.88f, .24f});
    for (int i = 0; i < 5; i++) /* the lettering on the arrow */
        scene_box(scene, ink_black, -.68f + .25f * (float)i, 0, .065f, .12f);
}

static void pedestrian_crossing(struct scene *scene)
{
    diamond(scene, ink_yellow);
    roadsigns_walker(scene, ink_black, 0, 0, .58f);
}

static void railroad(struct scene *scene)
{
    scene_disc(scene, ink_black, 0, 0, 1);
    scene_disc(scene, ink_yellow, 0, 0, .92f);
    scene_stroke(scene, ink_black, .19f, 2, (float[]){-.6f, -.6f, .6f, .6f});
    scene_stroke(scene, ink_black, .19f, 2, (float[]){.6f, -.6f, -.6f, .6f});
    scene_text(scene, ink_black, "R", -.58f, 0, .36f, .22f, .1f);
    scene_text(scene, ink_black, "R", .58f, 0, .36f, .22f, .1f);
}

static void school(struct scene *scene)
{
    scene_polygon(scene, ink_black, 5, (float[]){0, -1, .95f, -.2f, .95f, 1, -.95f, 1, -.95f, -.2f});
    scene_polygon(scene, ink_lime, 5, (float[]){0, -.89f, .87f, -.15f, .87f, .92f, -.87f, .92f, -.87f, -.15f});
    roadsigns_walker(scene, ink_black, -.32f, .16f, .62f);
    roadsigns_walker(scene, ink_black, .4f, .28f, .5f);
}

static void speed_limit(struct scene *scene, const char *figure)
{
    scene_box(scene, ink_black, 0, 0, .8f, 1);
    scene_box(scene, ink_white, 0, 0, .74f, .94f);
    for (int i = 0; i < 5; i++) { /* SPEED, LIMIT */
        scene_box(scene, ink_black, -.46f + .23f * (float)i, -.73f, .08f, .1f);
        scene_box(scene, ink_black, -.46f + .23f * (float)i, -.43f, .08f, .1f);
    }
    scene_text(scene, ink_black, figure, 0, .34f, .78f, .36f, .17f);
}

static void speed_limit_25(struct scene *scene)
{
    speed_limit(scene, "25");
}

static void speed_limit_35(struct scene *scene)
{
    speed_limit(scene, "35");
}

static void speed_limit_55(struct scene *scene)
{
    speed_limit(scene, "55");
}

static void stop(struct scene *scene)
{
    scene_regular(scene, ink_white, 8, 1.06f, 22.5f);
    scene_regular(scene, ink_red, 8, .98f, 22.5f);
    scene_text(scene, ink_white, "STOP", 0, 0, .52f, .22f, .11f);
}

static void yield(struct scene *scene)
{
    scene_polygon(scene, ink_red, 3, (float[]){-1, -.85f, 1, -.85f, 0, .9f});
    scene_polygon(scene, ink_white, 3, (float[]){-.55f, -.6f, .55f, -.6f, 0, .37f});
    for (int i = 0; i < 4; i++)
        scene_box(scene, ink_red, -.24f + .16f * (float)i, -.4f, .05f, .08f);
}

const struct roadsigns_face roadsigns_american[] = {
    {"curve_right", curve_right},
    {"do_not_enter", do_not_enter},
    {"no_left_turn", no_left_turn},
    {"one_way", one_way},
    {"pedestrian_crossing", pedestrian_crossing},
    {"railroad", railroad},
    {"school", school},
    {"speed_limit_25", speed_limit_25},
    {"speed_limit_35", speed_limit_35},
    {"speed_limit_55", speed_limit_55},
    {"stop", stop},
    {"yield", yield},
};
_Static_assert(THAW_LENGTH(roadsigns_american) == ROADSIGNS_AMERICAN_CLASSES, "a face for every American class");
