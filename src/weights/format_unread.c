/* Files that are known by sight but not read, so that the refusal says what the file is and what to do. Listed in the
 * table of weights.c; a reader for one of them replaces its row here.
 *
 * 1. zip: "PK\3\4".
 * 2. pickle: 0x80, a protocol 2 to 5.
 * 3. Git LFS pointer: text that starts with "version https://git-lfs". */
#include "config.h"

#include <string.h>

#include "format.h"

static bool starts_with(const struct file_map *map, const void *bytes, size_t size)
{
    return map->size >= size && memcmp(map->data, bytes, size) == 0;
}

static bool probe_zip(const struct file_map *map)
{
    return starts_with(map, "PK\3\4", 4);
}

static bool probe_pickle(const struct file_map *map)
{
    return map->size >= 2 && map->data[0] == 0x80 && map->data[1] >= 2 && map->data[1] <= 5;
}

static bool probe_lfs_pointer(const struct file_map *map)
{
    static const char start[] = "version https://git-lfs";
    return starts_with(map, start, sizeof start - 1);
}

const struct weights_format format_zip = {
    .name = "zip",
    .probe = probe_zip,
    .refusal = "is a zip archive, neither torch.save's nor a .keras one",
};

const struct weights_format format_pickle = {
    .name = "pickle",
    .probe = probe_pickle,
    .refusal = "is a Python pickle that torch.save did not write; save the state dict with torch.save or as "
               "safetensors",
};

const struct weights_format format_lfs_pointer = {
    .name = "Git LFS pointer",
    .probe = probe_lfs_pointer,
    .refusal = "is a Git LFS pointer, not the file itself; fetch it with git lfs pull",
};
