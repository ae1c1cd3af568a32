/* Ten signs of the Indian kind: another language of shapes, red-ringed discs that forbid and red-edged triangles that
 * warn. */
#include "config.h"

#include "roadsigns_faces.h"

static void disc(struct scene *scene)
{
    scene_disc(scene, ink_red, 0, 0, 1);
    scene_disc(scene, ink_white, 0, 0, .8f);
}

static void slash(struct scene *scene)
{
    scene_stroke(scene, ink_red, .15f, 2, (float[]){-.6f, -.6f, .6f, .6f});
}

static void triangle(struct scene *scene)
{
    scene_polygon(scene, ink_red, 3, (float[]){0, -1, 1.05f, .82f, -1.05f, .82f});
    scene_polygon(scene, ink_white, 3, (float[]){0, -.66f, .74f, .64f, -.74f, .64f});
}

/* A car from behind. */
static void car(struct scene *scene, struct colour ink, float x, float y)
{
    scene_polygon(scene, ink, 6,
                  (float[]){x - .14f, y - .26f, x + .14f, y - .26f, x + .25f, y, x + .25f, y + .2f, x - .25f, y + .2f,
                            x - .25f, y});
    scene_box(scene, ink_white, x, y - .11f, .12f, .07f);
    scene_box(scene, ink, x - .17f, y + .22f, .06f, .08f);
    scene_box(scene, ink, x + .17f, y + .22f, .06f, .08f);
}

static void hump(struct scene *scene)
{
    triangle(scene);
    scene_box(scene, ink_black, 0, .42f, .46f, .07f);
    scene_arc(scene, ink_black, .3f, 0, .38f, .14f, -180, 0);
}

static void no_entry(struct scene *scene)
{
    scene_disc(scene, ink_white, 0, 0, 1.02f);
    scene_disc(scene, ink_red, 0, 0, .96f);
    scene_box(scene, ink_white, 0, 0, .68f, .16f);
}

static void no_horn(struct scene *scene)
{
    disc(scene);
    scene_disc(scene, ink_black, -.42f, .12f, .15f);
    scene_polygon(scene, ink_black, 4, (float[]){-.4f, .02f, .3f, -.32f, .3f, .42f, -.4f, .22f});
    scene_stroke(scene, ink_black, .1f, 2, (float[]){.36f, -.36f, .36f, .46f});
    slash(scene);
}

static void no_overtaking(struct scene *scene)
{
    disc(scene);
    car(scene, ink_black, -.3f, .02f);
    car(scene, ink_red, .32f, .02f);
}

static void no_parking(struct scene *scene)
{
    scene_disc(scene, ink_red, 0, 0, 1);
    scene_disc(scene, ink_blue, 0, 0, .8f);
    scene_stroke(scene, ink_red, .17f, 2, (float[]){-.58f, -.58f, .58f, .58f});
}

static void pedestrian_crossing(struct scene *scene)
{
    triangle(scene);
    roadsigns_walker(scene, ink_black, 0, .17f, .46f);
    for (int i = 0; i < 4; i++)
        scene_box(scene, ink_black, -.36f + .24f * (float)i, .59f, .07f, .035f);
}

static void school(struct scene *scene)
{
    triangle(scene);
    roadsigns_walker(scene, ink_black, -.19f, .22f, .4f);
    roadsigns_walker(scene, ink_black, .24f, .27f, .34f);
}

static void speed_limit_40(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "40", 0, 0, .76f, .36f, .16f);
}

static void speed_limit_60(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "60", 0, 0, .76f, .36f, .16f);
}

static void speed_limit_80(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "80", 0, 0, .76f, .36f, .16f);
}

const struct roadsigns_face roadsigns_indian[] = {
    {"hump", hump},
    {"no_entry", no_entry},
    {"no_horn", no_horn},
    {"no_overtaking", no_overtaking},
    {"no_parking", no_parking},
    {"pedestrian_crossing", pedestrian_crossing},
    {"school", school},
    {"speed_limit_40", speed_limit_40},
    {"speed_limit_60", speed_limit_60},
    {"speed_limit_80", speed_limit_80},
};
_Static_assert(THAW_LENGTH(roadsigns_indian) == ROADSIGNS_INDIAN_CLASSES, "a face for every Indian class");
