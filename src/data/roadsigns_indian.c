/* Ten signs of the Indian kind: another language of shapes, red-ringed discs that forbid and red-edged triangles that
 * warn. */
#include "config.h"

#include "roadsigns_faces.h"

static void disc(struct scene *scene)
{
    scene_disc(scene, ink_red, 0, 0, 1);
    scene_disc(scene, ink_white, 0, 0, .82f);
}

static void slash(struct scene *scene)
{
    scene_stroke(scene, ink_red, .15f, 2, (float[]){-.6f, -.6f, .6f, .6f});
}

static void triangle(struct scene *scene)
{
    scene_polygon(scene, ink_red, 3, (float[]){0, -1.15f, 1.2f, .9f, -1.2f, .9f});
    scene_polygon(scene, ink_white, 3, (float[]){0, -.84f, .94f, .75f, -.94f, .75f});
}

static void hump(struct scene *scene)
{
    triangle(scene);
    scene_box(scene, ink_black, 0, .54f, .62f, .1f);
    scene_arc(scene, ink_black, .42f, 0, .48f, .21f, -180, 0);
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
    scene_disc(scene, ink_black, -.46f, .12f, .18f);
    scene_polygon(scene, ink_black, 4, (float[]){-.4f, 0, .3f, -.4f, .3f, .48f, -.4f, .24f});
    scene_stroke(scene, ink_black, .1f, 2, (float[]){.4f, -.44f, .4f, .52f});
    slash(scene);
}

static void no_overtaking(struct scene *scene)
{
    disc(scene);
    roadsigns_car(scene, ink_black, ink_white, -.34f, .02f);
    roadsigns_car(scene, ink_red, ink_white, .34f, .02f);
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
    roadsigns_walker(scene, ink_black, 0, .1f, .6f);
    for (int i = 0; i < 4; i++)
        scene_box(scene, ink_black, -.57f + .38f * (float)i, .66f, .11f, .06f);
}

static void school(struct scene *scene)
{
    triangle(scene);
    roadsigns_walker(scene, ink_black, -.28f, .24f, .52f);
    roadsigns_walker(scene, ink_black, .3f, .29f, .48f);
}

static void speed_limit_40(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "40", 0, 0, .86f, .4f, .17f);
}

static void speed_limit_60(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "60", 0, 0, .86f, .4f, .17f);
}

static void speed_limit_80(struct scene *scene)
{
    disc(scene);
    scene_text(scene, ink_black, "80", 0, 0, .86f, .4f, .17f);
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
