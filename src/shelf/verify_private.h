/* The inside of verify that tests look at. */
#ifndef THAW_SRC_SHELF_VERIFY_PRIVATE_H
#define THAW_SRC_SHELF_VERIFY_PRIVATE_H

/* The value (0 to 255) of a probe's pixel: 0: ramps, 1: overlaid waves and edges, 2: noise. By integers alone, so that any
 * program makes the same images of any size. x < width, y < height, channel 0 to 2: red, green, blue. */
int verify_pixel(int probe, int x, int y, int channel, int width, int height);

#endif
