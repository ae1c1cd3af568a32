/* The part of reading HDF5 that runs in the child: libhdf5 walks the file and its findings go out as records. This is
 * the only file that includes hdf5.h. Called through isolate_run by h5file.c.
 *
 * The file is the parent's map: the core driver is handed that memory itself (the callbacks below copy nothing), and no
 * file can be opened here. Any failure ends the walk with the library's own sentence. */
#include "config.h"

#include "h5file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_HDF5

#define H5_USE_110_API
#include <hdf5.h>

#include "thaw/base/mem.h"

/* --- records --- */

static void put_byte(struct isolate_out *out, unsigned value)
{
    uint8_t byte = (uint8_t)value;
    isolate_write(out, &byte, 1);
}

static void put_u32(struct isolate_out *out, size_t value)
{
    uint32_t number = (uint32_t)value;
    isolate_write(out, &number, sizeof number);
}

static void put_text(struct isolate_out *out, const char *text, size_t length)
{
    put_u32(out, length + 1);
    isolate_write(out, text, length);
    put_byte(out, 0);
}

/* --- the file --- */

static void *image_alloc(size_t size, H5FD_file_image_op_t operation, void *source)
{
    (void)size, (void)operation;
    return (void *)(uintptr_t)((struct h5_source *)source)->file;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t operation, void *source)
{
    (void)from, (void)size, (void)operation, (void)source;
    return to; /* both are the map */
}

static void *image_resize(void *block, size_t size, H5FD_file_image_op_t operation, void *source)
{
    (void)block, (void)size, (void)operation, (void)source;
    return NULL; /* opened to read */
}

static herr_t image_free(void *block, H5FD_file_image_op_t operation, void *source)
{
    (void)block, (void)operation, (void)source;
    return 0;
}

static void *source_copy(void *source)
{
    return source;
}

static herr_t source_free(void *source)
{
    (void)source;
    return 0;
}

static hid_t open_file(struct h5_source *source)
{
    H5FD_file_image_callbacks_t callbacks = {image_alloc, image_copy,  image_resize, image_free,
                                             source_copy, source_free, source};
    H5dont_atexit();
    if (H5open() < 0)
        return -1;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5PLset_loading_state(0); /* no filter from a plugin */
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access < 0 || H5Pset_fapl_core(access, 1 << 16, 0) < 0 || H5Pset_file_image_callbacks(access, &callbacks) < 0 ||
        H5Pset_file_image(access, (void *)(uintptr_t)source->file, source->size) < 0)
        return -1;
    return H5Fopen("memory", H5F_ACC_RDONLY, access);
}

enum { FAULT = 256 };

static herr_t take_first(unsigned level, const H5E_error2_t *fault, void *text)
{
    if (level == 0 && fault->desc)
        snprintf(text, FAULT, "%s", fault->desc);
    return 0;
}

/* What the library says of the call that has just failed; its next call forgets it. */
static void take_fault(char fault[FAULT])
{
    if (!fault[0])
        H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, fault);
    if (!fault[0])
        snprintf(fault, FAULT, "it cannot be read");
}

/* The last record. Returns true: the sentence is the result. */
static bool put_fault(struct isolate_out *out, const char *path, const char *fault)
{
    char text[FAULT + 96];
    snprintf(text, sizeof text, "%.80s%s%s", path, path[0] ? ": " : "", fault);
    put_byte(out, 'E');
    put_text(out, text, strlen(text));
    return true;
}

/* --- element types --- */

static hid_t half_type(H5T_order_t order)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    H5Tset_order(type, order);
    return type;
}

/* The library's type for one of ours, little endian; a new one for half, shared for the rest. */
static hid_t library_type(enum tensor_type type)
{
    switch (type) {
    case TENSOR_F32:
        return H5T_IEEE_F32LE;
    case TENSOR_F64:
        return H5T_IEEE_F64LE;
    case TENSOR_F16:
        return half_type(H5T_ORDER_LE);
    case TENSOR_I64:
        return H5T_STD_I64LE;
    case TENSOR_I32:
        return H5T_STD_I32LE;
    case TENSOR_I16:
        return H5T_STD_I16LE;
    case TENSOR_I8:
        return H5T_STD_I8LE;
    case TENSOR_U8:
        return H5T_STD_U8LE;
    default:
        return -1;
    }
}

/* Which of our types holds the numbers of the library's; TENSOR_TYPES: none. */
static enum tensor_type own_type(hid_t type)
{
    size_t size = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_FLOAT:
        return size == 2 ? TENSOR_F16 : size == 4 ? TENSOR_F32 : size == 8 ? TENSOR_F64 : TENSOR_TYPES;
    case H5T_INTEGER:
        if (H5Tget_sign(type) == H5T_SGN_NONE)
            return size == 1 ? TENSOR_U8 : size == 2 ? TENSOR_I32 : TENSOR_I64;
        return size == 1 ? TENSOR_I8 : size == 2 ? TENSOR_I16 : size == 4 ? TENSOR_I32 : TENSOR_I64;
    default:
        return TENSOR_TYPES;
    }
}

/* --- datasets --- */

static enum h5_where where_it_lies(hid_t dataset, hid_t type, enum tensor_type own, haddr_t *offset)
{
    enum h5_where where = H5_DECODED;
    hid_t made = H5Dget_create_plist(dataset), exact = library_type(own);
    H5D_layout_t layout = H5Pget_layout(made);
    *offset = 0;
    if (own == TENSOR_TYPES)
        where = H5_NO_NUMBER;
    else if (layout == H5D_VIRTUAL || (layout == H5D_CONTIGUOUS && H5Pget_external_count(made) > 0))
        where = H5_ELSEWHERE;
    else if (layout == H5D_CONTIGUOUS && H5Tequal(type, exact) > 0 && (*offset = H5Dget_offset(dataset)) != HADDR_UNDEF)
        where = H5_IN_PLACE;
    H5Pclose(made);
    return where;
}

static bool put_dataset(struct isolate_out *out, hid_t dataset, const char *path)
{
    hsize_t dim[H5S_MAX_RANK];
    haddr_t offset;
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    int rank = space < 0 ? -1 : H5Sget_simple_extent_ndims(space);
    if (type < 0 || rank < 0 || H5Sget_simple_extent_dims(space, dim, NULL) < 0)
        return false;
    enum tensor_type own = H5Sget_simple_extent_type(space) == H5S_NULL ? TENSOR_TYPES : own_type(type);
    enum h5_where where = where_it_lies(dataset, type, own, &offset);
    H5Tclose(type);
    H5Sclose(space);
    put_byte(out, 'D');
    put_text(out, path, strlen(path));
    put_byte(out, own);
    put_byte(out, where);
    put_byte(out, (unsigned)rank);
    for (int d = 0; d < rank; d++) {
        int64_t size = dim[d] > INT64_MAX ? -1 : (int64_t)dim[d];
        isolate_write(out, &size, sizeof size);
    }
    uint64_t at = offset;
    isolate_write(out, &at, sizeof at);
    return true;
}

/* --- attributes --- */

/* The names that are of use; a list that is too long for one attribute goes on as layer_names0, layer_names1, ... */
static bool is_of_use(const char *name)
{
    static const char *const exact[] = {"model_config", "keras_version", "backend", "name"};
    static const char *const lists[] = {"layer_names", "weight_names"};
    for (size_t i = 0; i < THAW_LENGTH(exact); i++)
        if (strcmp(name, exact[i]) == 0)
            return true;
    for (size_t i = 0; i < THAW_LENGTH(lists); i++) {
        size_t length = strlen(lists[i]);
        if (strncmp(name, lists[i], length) == 0 && strspn(name + length, "0123456789") == strlen(name + length))
            return true;
    }
    return false;
}

/* What the callbacks of the walk share. A link takes dozens of bytes, so that a file which seems to have more of them
 * than OBJECT_BYTES allows leads to the same places again and again. */
enum { OBJECT_BYTES = 64, OBJECTS_LEAST = 64 };
struct walk {
    const struct h5_source *source;
    struct isolate_out *out;
    char path[H5_PATH_MAX];
    size_t length; /* of path */
    int depth;
    size_t objects;              /* links and attributes visited */
    haddr_t above[H5_DEPTH_MAX]; /* the groups that lead here */
    char fault[FAULT];           /* why it ends, once it has to */
};

static bool fail_walk(struct walk *walk, const char *fault)
{
    if (!walk->fault[0])
        snprintf(walk->fault, sizeof walk->fault, "%s", fault);
    return false;
}

static bool is_too_much(struct walk *walk)
{
    return ++walk->objects > OBJECTS_LEAST + walk->source->size / OBJECT_BYTES &&
           !fail_walk(walk, "more links lead to its groups than it has room for");
}

static bool put_fixed_texts(const struct walk *walk, hid_t attribute, hid_t type, size_t count)
{
    size_t size = H5Tget_size(type), most = 4 * walk->source->size + (1 << 16);
    char *values = size > 0 && count <= most / size ? mem_try(size * count) : NULL;
    if (!values || H5Aread(attribute, type, values) < 0)
        return false;
    bool spaces = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    for (size_t i = 0; i < count; i++) {
        const char *text = values + i * size;
        size_t length = strnlen(text, size);
        while (spaces && length > 0 && text[length - 1] == ' ')
            length--;
        put_text(walk->out, text, length);
    }
    mem_free(values);
    return true;
}

static bool put_variable_texts(const struct walk *walk, hid_t attribute, hid_t type, size_t count)
{
    char **values = count <= walk->source->size ? mem_try(count * sizeof *values) : NULL;
    if (!values || H5Aread(attribute, type, values) < 0)
        return false;
    for (size_t i = 0; i < count; i++) /* the library's texts stay: the process ends soon */
        put_text(walk->out, values[i] ? values[i] : "", values[i] ? strlen(values[i]) : 0);
    mem_free(values);
    return true;
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
    struct walk *walk = context;
    (void)info;
    if (!is_of_use(name))
        return 0;
    if (is_too_much(walk))
        return -1;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(attribute);
    hid_t space = H5Aget_space(attribute);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    if (attribute < 0 || type < 0 || space < 0 || count < 0) {
        take_fault(walk->fault);
        return -1;
    }
    bool text = H5Tget_class(type) == H5T_STRING; /* an empty list is written as one of numbers */
    htri_t variable = text ? H5Tis_variable_str(type) : 0;
    put_byte(walk->out, 'A');
    put_text(walk->out, walk->path, walk->length);
    put_text(walk->out, name, strlen(name));
    put_u32(walk->out, text ? (size_t)count : 0);
    bool good = true;
    if (text && count > 0)
        good = variable > 0 ? put_variable_texts(walk, attribute, type, (size_t)count)
                            : variable == 0 && put_fixed_texts(walk, attribute, type, (size_t)count);
    if (!good)
        take_fault(walk->fault);
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return good ? 0 : -1;
}

/* --- groups --- */

static bool walk_group(struct walk *walk, hid_t group);

static bool walk_object(struct walk *walk, hid_t object)
{
    switch (H5Iget_type(object)) {
    case H5I_GROUP:
        return walk_group(walk, object);
    case H5I_DATASET:
        return put_dataset(walk->out, object, walk->path);
    default: /* a named type */
        return true;
    }
}

static herr_t visit_link(hid_t group, const char *name, const H5L_info_t *info, void *context)
{
    struct walk *walk = context;
    size_t before = walk->length, length = strlen(name);
    if (info->type != H5L_TYPE_HARD)
        return 0; /* soft and external links lead somewhere else */
    if (is_too_much(walk))
        return -1;
    if (walk->length + length + 2 > sizeof walk->path) {
        fail_walk(walk, "a path is too long");
        return -1;
    }
    if (before > 0)
        walk->path[walk->length++] = '/';
    memcpy(walk->path + walk->length, name, length + 1);
    walk->length += length;
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    bool good = object >= 0 && walk_object(walk, object);
    if (!good)
        take_fault(walk->fault);
    if (object >= 0)
        H5Oclose(object);
    if (!good)
        return -1; /* the path stays: it says where */
    walk->length = before;
    walk->path[before] = '\0';
    return 0;
}

static bool walk_group(struct walk *walk, hid_t group)
{
    H5O_info_t info;
    hsize_t from = 0;
    if (walk->depth == H5_DEPTH_MAX)
        return fail_walk(walk, "groups lie too deep inside each other");
    if (H5Oget_info(group, &info) < 0) {
        take_fault(walk->fault);
        return false;
    }
    for (int i = 0; i < walk->depth; i++)
        if (walk->above[i] == info.addr)
            return fail_walk(walk, "a group lies inside itself");
    walk->above[walk->depth++] = info.addr;
    bool good = H5Aiterate2(group, H5_INDEX_NAME, H5_ITER_INC, &from, visit_attribute, walk) >= 0 &&
                H5Literate(group, H5_INDEX_NAME, H5_ITER_INC, NULL, visit_link, walk) >= 0;
    if (!good)
        take_fault(walk->fault);
    walk->depth--;
    return good;
}

bool h5_walk(void *context, struct isolate_out *out)
{
    struct h5_source *source = context;
    hid_t file = open_file(source);
    char fault[FAULT] = "";
    if (file < 0) {
        take_fault(fault);
        return put_fault(out, "", fault);
    }
    struct walk *walk = mem_alloc(sizeof *walk);
    walk->source = source;
    walk->out = out;
    hid_t top = H5Gopen2(file, "/", H5P_DEFAULT);
    if (top < 0 || !walk_group(walk, top)) {
        take_fault(walk->fault);
        put_fault(out, walk->path, walk->fault);
    }
    return true;
}

static bool decode(const struct h5_source *source, hid_t file, const struct h5_dataset *dataset, char fault[FAULT])
{
    hid_t from = H5Dopen2(file, dataset->path, H5P_DEFAULT);
    hid_t space = from < 0 ? -1 : H5Dget_space(from), type = library_type(dataset->type);
    bool good = space >= 0 && type >= 0 && H5Sget_simple_extent_npoints(space) == shape_count(&dataset->shape) &&
                H5Dread(from, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, source->block + dataset->offset) >= 0;
    if (!good)
        take_fault(fault);
    if (space >= 0)
        H5Sclose(space);
    if (from >= 0)
        H5Dclose(from);
    return good;
}

bool h5_walk_decode(void *context, struct isolate_out *out)
{
    struct h5_source *source = context;
    hid_t file = open_file(source);
    char fault[FAULT] = "";
    if (file < 0) {
        take_fault(fault);
        return put_fault(out, "", fault);
    }
    for (size_t i = 0; i < source->list->datasets; i++) {
        const struct h5_dataset *dataset = &source->list->dataset[i];
        if (source->wanted[i] && dataset->where == H5_DECODED && !decode(source, file, dataset, fault))
            return put_fault(out, dataset->path, fault);
    }
    return true;
}

#endif
