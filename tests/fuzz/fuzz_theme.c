/* A theme's file. Whatever it says, every role has a style that can be drawn, and a fault is said with file and line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "src/ui/canvas.h"
#include "src/ui/theme.h"

const char fuzz_target[] = "theme";

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_colour(int colour)
{
    return (colour >= -1 && colour < 256) || (colour >= 0x1000000 && colour <= 0x1ffffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1;
    static char path[64];
    if (file < 0) {
        file = memfd_create("theme", MFD_CLOEXEC);
        require(file >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    require(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    struct theme theme;
    struct error error = {0};
    bool good = theme_load(&theme, path, NULL, &error);
    require(good || (error.kind == ERROR_USAGE && strncmp(error.text, path, strlen(path)) == 0));
    require(memchr(theme.name, 0, sizeof theme.name) != NULL);
    for (size_t i = 0; i < THEME_ROLES; i++) {
        const struct theme_style *style = &theme.style[i];
        require(is_colour(style->fg) && is_colour(style->bg));
        require((style->attrs & ~(unsigned)(CELL_BOLD | CELL_REVERSE | CELL_UNDERLINE | CELL_DIM)) == 0);
    }
    return 0;
}
