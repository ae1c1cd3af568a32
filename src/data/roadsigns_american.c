/* Twelve signs of the American kind: octagon, diamonds, white rectangles and squares, lettering. Drawn after the public shapes of
 * road signs, simplified to what survives 32 pixels. */
#include "config.h"

#include "roadsigns_faces.h"

const struct colour ink_black = {.05f, .05f, .06f}, ink_white = {.95f, .95f, .93f}, ink_red = {.78f, .07f, .10f},
                    ink_yellow = {.98f, .79f, .08f}, ink_blue = {.06f, .25f, .66f};

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

/* A car from behind, with its window in the colour of the field. */
void roadsigns_car(struct scene *scene, struct colour ink, struct colour field, float x, float y)
{
    scene_polygon(scene, ink, 6,
                  (float[]){x - .16f, y - .3f, x + .16f, y - .3f, x + .28f, y, x + .28f, y + .22f, x - .28f, y + .22f,
                            x - .28f, y});
    scene_box(scene, field, x, y - .13f, .13f, .08f);
    scene_box(scene, ink, x - .19f, y + .25f, .07f, .09f);
    scene_box(scene, ink, x + .19f, y + .25f, .07f, .09f);
}

/* Edge and field of a diamond. */
static void diamond(struct scene *scene, struct colour field)
{
    scene_regular(scene, ink_black, 4, 1.0f, 0);
    scene_regular(scene, field, 4, .91f, 0);
}

static void bump(struct scene *scene)
{
    diamond(scene, ink_yellow);
    scene_box(scene, ink_black, 0, .24f, .56f, .08f);
    scene_arc(scene, ink_black, .36f, 0, .18f, .18f, -180, 0);
}

static void hospital(struct scene *scene)
{
    scene_box(scene, ink_white, 0, 0, .98f, .98f);
    scene_box(scene, ink_blue, 0, 0, .9f, .9f);
    scene_stroke(scene, ink_white, .24f, 2, (float[]){-.38f, -.55f, -.38f, .55f});
    scene_stroke(scene, ink_white, .24f, 2, (float[]){.38f, -.55f, .38f, .55f});
    scene_box(scene, ink_white, 0, 0, .38f, .12f);
}

static void forbidding(struct scene *scene)
{
    scene_box(scene, ink_black, 0, 0, 1, 1);
    scene_box(scene, ink_white, 0, 0, .95f, .95f);
}

static void ring_and_slash(struct scene *scene)
{
    scene_arc(scene, ink_red, .17f, 0, 0, .8f, -180, 180);
    scene_stroke(scene, ink_red, .15f, 2, (float[]){-.56f, -.56f, .56f, .56f});
}

static void no_left_turn(struct scene *scene)
{
    forbidding(scene);
    scene_stroke(scene, ink_black, .2f, 4, (float[]){.3f, .6f, .3f, .05f, .15f, -.15f, -.12f, -.15f});
    scene_polygon(scene, ink_black, 3, (float[]){-.1f, -.48f, -.1f, .18f, -.55f, -.15f});
    ring_and_slash(scene);
}

static void no_trucks(struct scene *scene)
{
    forbidding(scene);
    scene_box(scene, ink_black, -.18f, -.05f, .4f, .3f);
    scene_polygon(scene, ink_black, 5, (float[]){.26f, -.12f, .46f, -.12f, .6f, .08f, .6f, .25f, .26f, .25f});
    scene_disc(scene, ink_black, -.34f, .32f, .13f);
    scene_disc(scene, ink_black, .38f, .32f, .13f);
    ring_and_slash(scene);
}

static void pedestrian_crossing(struct scene *scene)
{
    diamond(scene, ink_yellow);
    roadsigns_walker(scene, ink_black, 0, 0, .58f);
}

static void playground(struct scene *scene)
{
    diamond(scene, ink_yellow);
    roadsigns_walker(scene, ink_black, -.27f, 0, .46f);
    roadsigns_walker(scene, ink_black, .27f, .05f, .42f);
}

/* A car and the tracks it leaves. */
static void slippery(struct scene *scene)
{
    diamond(scene, ink_yellow);
    roadsigns_car(scene, ink_black, ink_yellow, .02f, -.22f);
    scene_stroke(scene, ink_black, .11f, 4, (float[]){-.15f, .14f, -.27f, .3f, -.1f, .42f, -.2f, .58f});
    scene_stroke(scene, ink_black, .11f, 4, (float[]){.2f, .14f, .08f, .3f, .25f, .42f, .15f, .58f});
}

static void speed_limit(struct scene *scene, const char *figure)
{
    scene_box(scene, ink_black, 0, 0, .8f, 1);
    scene_box(scene, ink_white, 0, 0, .74f, .94f);
    for (int i = 0; i < 5; i++) { /* SPEED, LIMIT */
        scene_box(scene, ink_black, -.46f + .23f * (float)i, -.74f, .08f, .08f);
        scene_box(scene, ink_black, -.46f + .23f * (float)i, -.48f, .08f, .08f);
    }
    scene_text(scene, ink_black, figure, 0, .3f, .86f, .38f, .17f);
}

static void speed_limit_45(struct scene *scene)
{
    speed_limit(scene, "45");
}

static void speed_limit_65(struct scene *scene)
{
    speed_limit(scene, "65");
}

static void speed_limit_85(struct scene *scene)
{
    speed_limit(scene, "85");
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
    {"bump", bump},
    {"hospital", hospital},
    {"no_left_turn", no_left_turn},
    {"no_trucks", no_trucks},
    {"pedestrian_crossing", pedestrian_crossing},
    {"playground", playground},
    {"slippery", slippery},
    {"speed_limit_45", speed_limit_45},
    {"speed_limit_65", speed_limit_65},
    {"speed_limit_85", speed_limit_85},
    {"stop", stop},
    {"yield", yield},
};
_Static_assert(THAW_LENGTH(roadsigns_american) == ROADSIGNS_AMERICAN_CLASSES, "a face for every American class");
