/* Marks and the question what covers a point. Asked a few thousand times an image, so each mark keeps its bounding box
 * and the search goes from the top down. */
#include "config.h"

#include <math.h>

#include "scene.h"

static const float degree = 0.017453293f;

static struct mark *add(struct scene *scene, enum mark_kind kind, struct colour colour)
{
    static const int last = SCENE_MARKS - 1;
    struct mark *mark = &scene->mark[scene->marks < last ? scene->marks++ : last];
    *mark = (struct mark){.kind = kind, .colour = colour};
    return mark;
}

static void bound(struct mark *mark, float margin)
{
    mark->left = mark->right = mark->x[0];
    mark->top = mark->bottom = mark->y[0];
    for (int i = 1; i < mark->corners; i++) {
        mark->left = fminf(mark->left, mark->x[i]);
        mark->right = fmaxf(mark->right, mark->x[i]);
        mark->top = fminf(mark->top, mark->y[i]);
        mark->bottom = fmaxf(mark->bottom, mark->y[i]);
    }
    mark->left -= margin;
    mark->right += margin;
    mark->top -= margin;
    mark->bottom += margin;
}

static void put_points(struct mark *mark, int corners, const float *points)
{
    mark->corners = corners < SCENE_CORNERS ? corners : SCENE_CORNERS;
    for (int i = 0; i < mark->corners; i++) {
        mark->x[i] = points[2 * i];
        mark->y[i] = points[2 * i + 1];
    }
}

void scene_polygon(struct scene *scene, struct colour colour, int corners, const float *points)
{
    struct mark *mark = add(scene, MARK_POLYGON, colour);
    put_points(mark, corners, points);
    bound(mark, 0);
}

void scene_stroke(struct scene *scene, struct colour colour, float width, int corners, const float *points)
{
    struct mark *mark = add(scene, MARK_STROKE, colour);
    put_points(mark, corners, points);
    mark->half = width / 2;
    bound(mark, mark->half);
}

void scene_disc(struct scene *scene, struct colour colour, float x, float y, float radius)
{
    struct mark *mark = add(scene, MARK_DISC, colour);
    put_points(mark, 1, (float[]){x, y});
    mark->radius = radius;
    bound(mark, radius);
}

void scene_arc(struct scene *scene, struct colour colour, float width, float x, float y, float radius, float from,
               float to)
{
    struct mark *mark = add(scene, MARK_ARC, colour);
    put_points(mark, 1, (float[]){x, y});
    mark->radius = radius;
    mark->half = width / 2;
    mark->from = from * degree;
    mark->to = to * degree;
    bound(mark, radius + mark->half);
}

void scene_box(struct scene *scene, struct colour colour, float x, float y, float half_width, float half_height)
{
    float l = x - half_width, r = x + half_width, t = y - half_height, b = y + half_height;
    scene_polygon(scene, colour, 4, (float[]){l, t, r, t, r, b, l, b});
}

void scene_regular(struct scene *scene, struct colour colour, int corners, float radius, float turn)
{
    float points[2 * SCENE_CORNERS];
    for (int i = 0; i < corners; i++) {
        float angle = (turn + 360.0f * (float)i / (float)corners) * degree;
        points[2 * i] = radius * cosf(angle);
        points[2 * i + 1] = radius * sinf(angle);
    }
    scene_polygon(scene, colour, corners, points);
}

/* Even-odd rule. */
static bool in_polygon(const struct mark *mark, float x, float y)
{
    bool inside = false;
    for (int i = 0, j = mark->corners - 1; i < mark->corners; j = i++)
        if ((mark->y[i] > y) != (mark->y[j] > y) &&
            x < (mark->x[j] - mark->x[i]) * (y - mark->y[i]) / (mark->y[j] - mark->y[i]) + mark->x[i])
            inside = !inside;
    return inside;
}

static bool near_segment(float x, float y, float ax, float ay, float bx, float by, float reach)
{
    float dx = bx - ax, dy = by - ay, length = dx * dx + dy * dy;
    float t = length > 0 ? ((x - ax) * dx + (y - ay) * dy) / length : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    float ex = x - ax - t * dx, ey = y - ay - t * dy;
    return ex * ex + ey * ey <= reach * reach;
}

static bool in_stroke(const struct mark *mark, float x, float y)
{
    for (int i = 0; i + 1 < mark->corners; i++)
        if (near_segment(x, y, mark->x[i], mark->y[i], mark->x[i + 1], mark->y[i + 1], mark->half))
            return true;
    return false;
}

static bool in_disc(float x, float y, float radius)
{
    return x * x + y * y <= radius * radius;
}

static bool in_arc(const struct mark *mark, float x, float y)
{
    const float turn = 360 * degree;
    float dx = x - mark->x[0], dy = y - mark->y[0], distance = dx * dx + dy * dy;
    float outer = mark->radius + mark->half, inner = mark->radius - mark->half;
    if (distance > outer * outer)
        return false;
    if (inner <= 0 || distance >= inner * inner) {
        float angle = atan2f(dy, dx);
        while (angle < mark->from)
            angle += turn;
        if (angle <= mark->to)
            return true;
    }
    return in_disc(dx - mark->radius * cosf(mark->from), dy - mark->radius * sinf(mark->from), mark->half) ||
           in_disc(dx - mark->radius * cosf(mark->to), dy - mark->radius * sinf(mark->to), mark->half);
}

static bool covers(const struct mark *mark, float x, float y)
{
    switch (mark->kind) {
    case MARK_POLYGON:
        return in_polygon(mark, x, y);
    case MARK_STROKE:
        return in_stroke(mark, x, y);
    case MARK_DISC:
        return in_disc(x - mark->x[0], y - mark->y[0], mark->radius);
    case MARK_ARC:
        return in_arc(mark, x, y);
    }
    return false;
}

bool scene_at(const struct scene *scene, float x, float y, struct colour *colour)
{
    for (int i = scene->marks - 1; i >= 0; i--) {
        const struct mark *mark = &scene->mark[i];
        if (x < mark->left || x > mark->right || y < mark->top || y > mark->bottom || !covers(mark, x, y))
            continue;
        *colour = mark->colour;
        return true;
    }
    return false;
}
