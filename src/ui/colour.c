/* Colours of themes and images as a terminal can show them: true colours to the 256, those to the 16 or 8, by the nearest.
 * Pure; called by term.c. */
#include "config.h"

#include <stdint.h>

#include "colour.h"

static const uint8_t basic[16][3] = {
    {0, 0, 0},     {205, 0, 0},     {0, 205, 0},     {205, 205, 0},   {0, 0, 238}, {205, 0, 205},
    {0, 205, 205}, {229, 229, 229}, {127, 127, 127}, {255, 0, 0},     {0, 255, 0}, {255, 255, 0},
    {92, 92, 255}, {255, 0, 255},   {0, 255, 255},   {255, 255, 255},
};

static int cube_level(int value)
{
    return value < 48 ? 0 : value < 115 ? 1 : (value - 35) / 40;
}

static void rgb_of(int colour, int rgb[3])
{
    static const int level[6] = {0, 95, 135, 175, 215, 255};
    for (int c = 0; c < 3; c++)
        rgb[c] = colour & COLOUR_RGB ? colour >> (16 - 8 * c) & 255
                 : colour < 16       ? basic[colour][c]
                 : colour >= 232     ? (colour - 232) * 10 + 8
                                     : level[(colour - 16) /
                                         (c == 0   ? 36
                                              : c == 1 ? 6
                                                       : 1) %
                                         6];
}

static int distance(const int a[3], const int b[3])
{
    int r = a[0] - b[0], g = a[1] - b[1], b_ = a[2] - b[2];
    return r * r * 3 + g * g * 4 + b_ * b_ * 2;
}

static int nearest_256(const int rgb[3])
{
    int cube = 16 + 36 * cube_level(rgb[0]) + 6 * cube_level(rgb[1]) + cube_level(rgb[2]);
    int mean = (rgb[0] + rgb[1] + rgb[2]) / 3, step = mean < 8 ? 0 : mean > 238 ? 23 : (mean - 3) / 10;
    int of_cube[3], of_grey[3];
    rgb_of(cube, of_cube);
    rgb_of(232 + step, of_grey);
    return distance(rgb, of_grey) < distance(rgb, of_cube) ? 232 + step : cube;
}

static int nearest_basic(const int rgb[3], int count)
{
    int best = 0, least = -1;
    for (int i = 0; i < count; i++) {
        int of_basic[3] = {basic[i][0], basic[i][1], basic[i][2]}, far = distance(rgb, of_basic);
        if (least < 0 || far < least) {
            best = i;
            least = far;
        }
    }
    return best;
}

int colour_fit(int colours, int colour, bool *dim)
{
    if (colour < 0 || colours == 0)
        return -1;
    if (colours > 256)
        return colour;
    int rgb[3];
    rgb_of(colour, rgb);
    if (!(colour & COLOUR_RGB) && colour < colours)
        return colour;
    if (colours == 256)
        return nearest_256(rgb);
    if (dim && rgb[0] == rgb[1] && rgb[1] == rgb[2]) {
        *dim = rgb[0] < 180;
        return -1;
    }
    return nearest_basic(rgb, colours >= 16 ? 16 : 8);
}
