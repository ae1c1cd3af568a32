/* Golden screens: what a canvas shows, compared with a committed file. A file has two blocks: the text, and under
 * "--- roles" one letter a cell for the theme role (the key is in golden.c), upper case where the cell is bold or reversed,
 * so that a change that only colours show is seen too. UPDATE=1 rewrites the files. */
#ifndef THAW_TESTS_SCREENS_GOLDEN_H
#define THAW_TESTS_SCREENS_GOLDEN_H

#include "src/ui/canvas.h"

/* Fails the test when the canvas differs from tests/screens/golden/<name>.txt, and shows the first line that does. */
void golden_check(const char *name, const struct canvas *canvas);

#endif
