/* See the header. Nothing of how a file system works is taken for granted but that one name changes at once: a name that
 * was made or moved is there for good once its folder was synced, bytes are once their file was. Both names of a move
 * change together or not at all. */
#include "config.h"

#include "replay.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "preload.h"
#include "thaw/base/file.h"
#include "thaw/base/mem.h"

enum { NOBODY = -1, ROOT = 0, SECTOR = 512 };

/* A file or a folder, whatever it is called. */
struct object {
    bool is_folder;
    uint64_t inode; /* in the log; 0: the root */
    uint8_t *data;  /* of a state that is being made; [room] */
    size_t size, room;
};
/* A name in a folder. */
struct entry {
    int folder, object;
    char *name;
};
struct names {
    struct entry *entry;
    size_t count;
};
/* A step; its paths are taken apart once, as they were when it was made. */
struct step {
    struct fault_record record;
    const uint8_t *data;
    int object;            /* what is written, synced or named */
    int folder, to_folder; /* of its names */
    char *name, *to;
    char text[320];
};

struct replay {
    char *root;
    struct file_map log;
    struct object *object;
    size_t objects;
    struct names before; /* names that were there, all synced */
    struct step *step;
    size_t steps;
    uint8_t **kept; /* bytes of objects that were there before; [objects then] */
    size_t *kept_size, kepts;
};

/* --- names --- */

static int find(const struct names *names, int folder, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->entry[i].folder == folder && strcmp(names->entry[i].name, name) == 0)
            return (int)i;
    return NOBODY;
}

static void drop(struct names *names, int folder, const char *name)
{
    int at = find(names, folder, name);
    if (at == NOBODY)
        return;
    mem_free(names->entry[at].name);
    names->entry[at] = names->entry[--names->count];
}

static void set(struct names *names, int folder, const char *name, int object)
{
    drop(names, folder, name);
    names->entry = mem_grow(names->entry, names->count + 1, sizeof *names->entry);
    names->entry[names->count++] = (struct entry){folder, object, mem_string(name)};
}

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        mem_free(names->entry[i].name);
    mem_free(names->entry);
    *names = (struct names){0};
}

static void names_copy(struct names *to, const struct names *from)
{
    *to = (struct names){0};
    for (size_t i = 0; i < from->count; i++)
        set(to, from->entry[i].folder, from->entry[i].name, from->entry[i].object);
}

static int add_object(struct replay *replay, bool is_folder, uint64_t inode)
{
    replay->object = mem_grow(replay->object, replay->objects + 1, sizeof *replay->object);
    replay->object[replay->objects] = (struct object){.is_folder = is_folder, .inode = inode};
    return (int)replay->objects++;
}

/* The folder that a path's last part is in, and that part. */
static int parent_of(const struct replay *replay, const struct names *names, const char *path, const char **name)
{
    int folder = ROOT;
    path += strlen(replay->root);
    while (*path == '/')
        path++;
    for (const char *slash; folder != NOBODY && (slash = strchr(path, '/')); path = slash + 1) {
        char *part = mem_format("%.*s", (int)(slash - path), path);
        int at = find(names, folder, part);
        if (part[0]) /* two slashes are one */
            folder = at == NOBODY ? NOBODY : names->entry[at].object;
        mem_free(part);
    }
    *name = path;
    return folder;
}

/* --- reading --- */

static void read_before(struct replay *replay, const char *path, int folder)
{
    struct error error = {0};
    static const char *const hidden[] = {".trash"};
    struct file_list list;
    if (!file_list_read(&list, path, &error))
        fail_msg("%s", error.text);
    for (size_t i = 0; i < list.count + THAW_LENGTH(hidden); i++) {
        const char *name = i < list.count ? list.name[i] : hidden[i - list.count];
        char *file = path_join(path, name);
        bool is_folder = file_is_directory(file);
        struct stat status;
        if (lstat(file, &status) != 0 || (!is_folder && !S_ISREG(status.st_mode))) { /* a socket says nothing */
            mem_free(file);
            continue;
        }
        int object = add_object(replay, is_folder, status.st_ino);
        set(&replay->before, folder, name, object);
        if (is_folder) {
            read_before(replay, file, object);
        } else {
            struct file_map map;
            if (!file_map_open(&map, file, &error))
                fail_msg("%s", error.text);
            replay->kept = mem_grow(replay->kept, (size_t)object + 1, sizeof *replay->kept);
            replay->kept_size = mem_grow(replay->kept_size, (size_t)object + 1, sizeof *replay->kept_size);
            for (; replay->kepts <= (size_t)object; replay->kepts++)
                replay->kept[replay->kepts] = NULL;
            replay->kept[object] = mem_alloc(map.size + 1);
            replay->kept_size[object] = map.size;
            if (map.size)
                memcpy(replay->kept[object], map.data, map.size);
            file_map_close(&map);
        }
        mem_free(file);
    }
    file_list_free(&list);
}

/* The last one made with that inode: the program keeps no file open that has no name while another gets its inode. */
static int object_of(const struct replay *replay, uint64_t inode)
{
    for (size_t i = replay->objects; i > 0; i--)
        if (replay->object[i - 1].inode == inode)
            return (int)i - 1;
    return NOBODY;
}

/* What a step does to names, in `names`. */
static void apply_names(const struct step *step, struct names *names)
{
    switch (step->record.type) {
    case RECORD_CREATE:
    case RECORD_MKDIR:
        set(names, step->folder, step->name, step->object);
        break;
    case RECORD_RENAME:
        drop(names, step->folder, step->name);
        set(names, step->to_folder, step->to, step->object);
        break;
    case RECORD_LINK:
        set(names, step->to_folder, step->to, step->object);
        break;
    case RECORD_UNLINK:
    case RECORD_RMDIR:
        drop(names, step->folder, step->name);
        break;
    default:
        break;
    }
}

static bool changes_names(const struct step *step)
{
    return step->record.type != RECORD_WRITE && step->record.type != RECORD_TRUNCATE &&
           step->record.type != RECORD_SYNC && step->record.type != RECORD_SYNC_FOLDER;
}

static void resolve(struct replay *replay, struct step *step, struct names *now, const char *path, const char *to)
{
    const char *name = "";
    uint32_t type = step->record.type;
    if (type == RECORD_WRITE || type == RECORD_TRUNCATE || type == RECORD_SYNC) {
        step->object = object_of(replay, step->record.file);
        return;
    }
    step->folder = parent_of(replay, now, path, &name);
    step->name = mem_string(name);
    int at = name[0] ? find(now, step->folder, name) : NOBODY;
    step->object = name[0] ? (at == NOBODY ? NOBODY : now->entry[at].object) : ROOT;
    if (type == RECORD_CREATE || type == RECORD_MKDIR)
        step->object = add_object(replay, type == RECORD_MKDIR, step->record.file);
    if (type == RECORD_RENAME || type == RECORD_LINK) {
        step->to_folder = parent_of(replay, now, to, &name);
        step->to = mem_string(name);
    }
    /* What never was in the log, such as a socket, changes nothing. */
    if (step->object == NOBODY || step->folder == NOBODY || step->to_folder == NOBODY)
        step->record.type = 0;
    else
        apply_names(step, now);
}

static void describe(struct step *step, const char *path, const char *to)
{
    static const char *const words[] = {"",       "create", "write",  "truncate", "sync", "sync of folder",
                                        "rename", "link",   "unlink", "mkdir",    "rmdir"};
    const char *base = strrchr(path, '/'), *to_base = strrchr(to, '/');
    snprintf(step->text, sizeof step->text, "%s %.100s%s%.100s", words[step->record.type], base ? base + 1 : "",
             to_base ? " to " : "", to_base ? to_base + 1 : "");
    if (step->record.type == RECORD_WRITE)
        snprintf(step->text, sizeof step->text, "write of %u bytes at %llu", step->record.data_bytes,
                 (unsigned long long)step->record.at);
}

static void read_steps(struct replay *replay)
{
    struct names now;
    names_copy(&now, &replay->before);
    const uint8_t *at = replay->log.data, *end = at + replay->log.size;
    while (at && end - at >= (ptrdiff_t)sizeof(struct fault_record)) {
        struct step step = {0};
        memcpy(&step.record, at, sizeof step.record);
        at += sizeof step.record;
        char *path = mem_format("%.*s", (int)step.record.path_bytes, (const char *)at);
        at += step.record.path_bytes;
        char *to = mem_format("%.*s", (int)step.record.to_bytes, (const char *)at);
        at += step.record.to_bytes;
        step.data = at;
        at += step.record.data_bytes;
        describe(&step, path, to);
        resolve(replay, &step, &now, path, to);
        replay->step = mem_grow(replay->step, replay->steps + 1, sizeof *replay->step);
        replay->step[replay->steps++] = step;
        mem_free(path);
        mem_free(to);
    }
    names_free(&now);
}

struct replay *replay_open(const char *root)
{
    struct replay *replay = mem_alloc(sizeof *replay);
    replay->root = mem_string(root);
    add_object(replay, true, 0);
    read_before(replay, root, ROOT);
    return replay;
}

void replay_read(struct replay *replay, const char *log)
{
    struct error error = {0};
    if (!file_map_open(&replay->log, log, &error))
        fail_msg("%s", error.text);
    read_steps(replay);
}

void replay_close(struct replay *replay)
{
    for (size_t i = 0; i < replay->steps; i++) {
        mem_free(replay->step[i].name);
        mem_free(replay->step[i].to);
    }
    for (size_t i = 0; i < replay->kepts; i++)
        mem_free(replay->kept[i]);
    for (size_t i = 0; i < replay->objects; i++)
        mem_free(replay->object[i].data);
    names_free(&replay->before);
    file_map_close(&replay->log);
    mem_free(replay->kept);
    mem_free(replay->kept_size);
    mem_free(replay->object);
    mem_free(replay->step);
    mem_free(replay->root);
    mem_free(replay);
}

size_t replay_steps(const struct replay *replay)
{
    return replay->steps;
}

const char *replay_step_text(const struct replay *replay, size_t step)
{
    return replay->step[step].text;
}

/* --- a state --- */

/* Whether a step of the first `steps` ones is there for good. */
static bool is_safe(const struct replay *replay, size_t at, size_t steps)
{
    const struct step *step = &replay->step[at];
    bool from = !changes_names(step) || step->record.type == RECORD_LINK, to = step->to == NULL;
    for (size_t i = at + 1; i < steps; i++) {
        const struct step *sync = &replay->step[i];
        if (!changes_names(step) && sync->record.type == RECORD_SYNC && sync->object == step->object)
            return true;
        if (changes_names(step) && sync->record.type == RECORD_SYNC_FOLDER) {
            from |= sync->object == step->folder;
            to |= sync->object == step->to_folder;
        }
    }
    return changes_names(step) && from && to;
}

/* Of an object: the name that it was made with, or had before. */
static const char *first_name(const struct replay *replay, int object)
{
    for (size_t i = 0; i < replay->steps; i++) {
        const struct step *step = &replay->step[i];
        if (step->object == object && (step->record.type == RECORD_CREATE || step->record.type == RECORD_MKDIR))
            return step->name;
    }
    for (size_t i = 0; i < replay->before.count; i++)
        if (replay->before.entry[i].object == object)
            return replay->before.entry[i].name;
    return "";
}

size_t replay_unsafe(const struct replay *replay, size_t steps, const char *name)
{
    for (size_t i = 0; i < steps; i++) {
        const struct step *step = &replay->step[i];
        uint32_t type = step->record.type;
        bool bytes = (type == RECORD_WRITE || type == RECORD_TRUNCATE) && step->object != NOBODY;
        bool is = bytes ? strcmp(first_name(replay, step->object), name) == 0
                        : changes_names(step) && type &&
                              (strcmp(step->name, name) == 0 || (step->to && strcmp(step->to, name) == 0));
        if (is && !is_safe(replay, i, steps))
            return i;
    }
    return steps;
}

static void reserve(struct object *object, size_t size)
{
    if (size > object->room) {
        object->data = mem_grow(object->data, 2 * size, 1);
        object->room = 2 * size;
    }
    if (size > object->size)
        memset(object->data + object->size, 0, size - object->size);
}

static void resize(struct object *object, size_t size)
{
    reserve(object, size);
    object->size = size;
}

enum fate { FATE_DONE, FATE_LOST, FATE_ZEROS, FATE_TORN };

static enum fate fate_of(const struct step *step, enum replay_choice choice, struct rng *rng)
{
    bool names = changes_names(step);
    switch (choice) {
    case REPLAY_ALL:
        return FATE_DONE;
    case REPLAY_NAMES:
        return names ? FATE_DONE : FATE_LOST;
    case REPLAY_ZEROS:
        return names ? FATE_DONE : FATE_ZEROS;
    case REPLAY_BYTES:
        return names ? FATE_LOST : FATE_DONE;
    case REPLAY_ANY:
        return names ? (enum fate)rng_below(rng, 2) : (enum fate)rng_below(rng, 4);
    default:
        return FATE_LOST;
    }
}

static void apply_bytes(struct object *object, const struct step *step, enum fate fate, struct rng *rng)
{
    size_t at = step->record.at, size = step->record.data_bytes, done = size;
    if (step->record.type == RECORD_TRUNCATE) {
        resize(object, at);
        return;
    }
    if (fate == FATE_TORN) /* between two sectors of the file, or behind the first byte of few */
        done = size > SECTOR ? (size_t)rng_below(rng, size / SECTOR + 1) * SECTOR : (size_t)rng_below(rng, size + 1);
    size_t end = fate == FATE_TORN && rng_below(rng, 2) ? at + done : at + size, before = object->size;
    if (end > before)
        resize(object, end);
    if (fate == FATE_ZEROS) /* what was there before stays: that is no new block */
        done = 0;
    if (done > object->size - at)
        done = object->size - at;
    if (done)
        memcpy(object->data + at, step->data, done);
}

static void begin(struct replay *replay)
{
    for (size_t i = 0; i < replay->objects; i++) {
        replay->object[i].size = 0;
        if (i < replay->kepts && replay->kept[i]) {
            resize(&replay->object[i], replay->kept_size[i]);
            if (replay->kept_size[i])
                memcpy(replay->object[i].data, replay->kept[i], replay->kept_size[i]);
        }
    }
}

static int by_name(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;
    return left->folder != right->folder ? (left->folder < right->folder ? -1 : 1) : strcmp(left->name, right->name);
}

static void add(struct hash *sum, const void *data, size_t size)
{
    *sum = hash_bytes(size ? data : "", size, *sum);
}

/* All below a folder; `to` NULL: its digest only. A folder that came to be below itself is nowhere. */
static void write_folder(const struct replay *replay, const struct names *names, int folder, const char *to, int depth,
                         struct hash *sum)
{
    struct error error = {0};
    if (to && mkdir(to, 0700) != 0 && errno != EEXIST)
        fail_msg("%s", to);
    for (size_t i = 0; i < names->count && depth < 16; i++) {
        const struct entry *entry = &names->entry[i];
        if (entry->folder != folder)
            continue;
        const struct object *object = &replay->object[entry->object];
        char *path = to ? path_join(to, entry->name) : NULL;
        add(sum, entry->name, strlen(entry->name));
        if (object->is_folder) {
            write_folder(replay, names, entry->object, path, depth + 1, sum);
        } else {
            add(sum, object->data, object->size);
            if (path && !file_write_atomic(path, object->data, object->size, &error))
                fail_msg("%s", error.text);
        }
        mem_free(path);
    }
    add(sum, "/", 1);
}

struct hash replay_make(struct replay *replay, size_t steps, enum replay_choice choice, struct rng *rng, const char *to,
                        struct hash unlike)
{
    struct names names;
    struct hash sum = {0, 0};
    names_copy(&names, &replay->before);
    begin(replay);
    for (size_t i = 0; i < steps; i++) {
        const struct step *step = &replay->step[i];
        enum fate fate = is_safe(replay, i, steps) ? FATE_DONE : fate_of(step, choice, rng);
        if (fate == FATE_LOST || step->object == NOBODY || !step->record.type)
            continue;
        if (changes_names(step))
            apply_names(step, &names);
        else if (step->record.type == RECORD_WRITE || step->record.type == RECORD_TRUNCATE)
            apply_bytes(&replay->object[step->object], step, fate, rng);
    }
    if (names.count > 1)
        qsort(names.entry, names.count, sizeof *names.entry, by_name);
    write_folder(replay, &names, ROOT, NULL, 0, &sum);
    if (!hash_equal(sum, unlike)) {
        char *remove = mem_format("rm -rf '%s'", to);
        assert_int_equal(system(remove), 0);
        mem_free(remove);
        struct hash again = {0, 0};
        write_folder(replay, &names, ROOT, to, 0, &again);
    }
    names_free(&names);
    return sum;
}
