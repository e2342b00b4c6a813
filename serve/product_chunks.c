#include "product_chunks.h"

#include <errno.h>
#include <hdf5.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 4, DIMENSIONS = 4, CHUNK_MOST = 1 << 26 }; /* the last: bytes; more is no chunk of ours */

struct sq_chunks {
    char *path;
    hid_t file;
    int n;
    hid_t variable[VARIABLES];
    int n_dim[VARIABLES];
    float fill; /* when reading */
};

/* HDF5 has no words for the reason, but it leaves errno as the system call did. */
static enum sq_status failed(const struct sq_chunks *c, struct sq_err *e)
{
    return sq_fail(e, SQ_FAILED, "%s: not written: %s", c->path, errno ? strerror(errno) : "HDF5 refuses");
}

static int n_dim_of(hid_t variable)
{
    hid_t space = H5Dget_space(variable);
    int n = H5Sget_simple_extent_ndims(space);
    H5Sclose(space);
    return n;
}

enum sq_status sq_chunks_open(const char *path, int n, const char *const *name, struct sq_chunks **ret,
                              struct sq_err *e)
{
    struct sq_chunks *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        free(c);
        return sq_fail(e, SQ_FAILED, "out of memory for %s", path);
    }
    errno = 0;
    H5E_BEGIN_TRY
    {
        c->file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        for (int i = 0; i < n && i < VARIABLES && c->file >= 0; i++) {
            hid_t v = H5Dopen2(c->file, name[i], H5P_DEFAULT);
            int n_dim = v < 0 ? -1 : n_dim_of(v);
            if (v < 0)
                break;
            c->variable[c->n] = v;
            c->n_dim[c->n++] = n_dim;
        }
    }
    H5E_END_TRY
    enum sq_status status = SQ_OK;
    for (int i = 0; i < n && !status; i++)
        if (i >= c->n || c->n_dim[i] < 1 || c->n_dim[i] > DIMENSIONS)
            status = failed(c, e);
    if (!status)
        *ret = c;
    else
        sq_chunks_destroy(&c);
    return status;
}

enum sq_status sq_chunks_put(struct sq_chunks *c, int variable, const size_t *start, const void *bytes, size_t n,
                             struct sq_err *e)
{
    hsize_t offset[DIMENSIONS] = {0};
    herr_t status;
    for (int i = 0; i < c->n_dim[variable]; i++)
        offset[i] = start[i];
    errno = 0;
    H5E_BEGIN_TRY
    {
        status = H5Dwrite_chunk(c->variable[variable], H5P_DEFAULT, 0, offset, n, bytes);
    }
    H5E_END_TRY
    return status < 0 ? failed(c, e) : SQ_OK;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

/* Shuffle, then deflate, and nothing else. */
static bool packed_our_way(hid_t list)
{
    static const H5Z_filter_t filter[2] = {H5Z_FILTER_SHUFFLE, H5Z_FILTER_DEFLATE};
    bool fine = H5Pget_layout(list) == H5D_CHUNKED && H5Pget_nfilters(list) == 2;
    for (unsigned i = 0; i < 2 && fine; i++) {
        unsigned flags, value[8], how;
        size_t n = 8;
        fine = H5Pget_filter2(list, i, &flags, &n, value, 0, NULL, &how) == filter[i];
    }
    return fine;
}

/* Fills in chunk and fill; false where the variable is another's. */
static bool look_at(struct sq_chunks *c, hid_t variable, size_t chunk[4])
{
    hsize_t size[DIMENSIONS];
    hid_t list = H5Dget_create_plist(variable), type = H5Dget_type(variable);
    bool fine = list >= 0 && type >= 0 && n_dim_of(variable) == 4 && packed_our_way(list) &&
                H5Tequal(type, H5T_IEEE_F32LE) > 0 && H5Pget_chunk(list, 4, size) == 4 &&
                H5Pget_fill_value(list, H5T_NATIVE_FLOAT, &c->fill) >= 0;
    for (int i = 0; i < 4 && fine; i++)
        chunk[i] = (size_t)size[i];
    if (list >= 0)
        H5Pclose(list);
    if (type >= 0)
        H5Tclose(type);
    return fine;
}

enum sq_status sq_chunks_look(const char *path, const char *name, struct sq_chunks **ret, size_t chunk[4],
                              struct sq_err *e)
{
    bool fine = false;
    struct sq_chunks *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        free(c);
        return sq_fail(e, SQ_FAILED, "out of memory for %s", path);
    }
    H5E_BEGIN_TRY
    {
        c->file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        hid_t v = c->file < 0 ? -1 : H5Dopen2(c->file, name, H5P_DEFAULT);
        if (v >= 0) {
            c->variable[c->n++] = v;
            fine = look_at(c, v, chunk);
        }
    }
    H5E_END_TRY
    c->n_dim[0] = 4;
    if (fine)
        *ret = c;
    else
        sq_chunks_destroy(&c);
    return fine ? SQ_OK : sq_fail(e, SQ_ABSENT, "%s: %s is not packed as squall does", path, name);
}

float sq_chunks_fill(const struct sq_chunks *c)
{
    return c->fill;
}

enum sq_status sq_chunks_get(struct sq_chunks *c, const size_t *start, unsigned char **bytes, size_t *room, size_t *ret_n,
                             struct sq_err *e)
{
    hsize_t offset[DIMENSIONS] = {0}, n = 0;
    uint32_t skipped = 0; /* filters */
    bool fine;
    for (int i = 0; i < c->n_dim[0]; i++)
        offset[i] = start[i];
    *ret_n = 0;
    H5E_BEGIN_TRY
    {
        if (H5Dget_chunk_storage_size(c->variable[0], offset, &n) < 0)
            n = 0; /* HDF5 says so, and no more, of a chunk that is not there */
        if (n > *room && n <= CHUNK_MOST) {
            unsigned char *more = realloc(*bytes, n);
            *room = more ? n : *room;
            *bytes = more ? more : *bytes;
        }
        fine = n <= *room && (!n || H5Dread_chunk(c->variable[0], H5P_DEFAULT, offset, &skipped, *bytes) >= 0) && !skipped;
    }
    H5E_END_TRY
    *ret_n = fine ? (size_t)n : 0;
    return fine ? SQ_OK : sq_fail(e, SQ_FAILED, "%s: a chunk cannot be read: the file is damaged", c->path);
}

/* ---- closing ------------------------------------------------------------------------------------------------ */

enum sq_status sq_chunks_close(struct sq_chunks **c, struct sq_err *e)
{
    enum sq_status status = SQ_OK;
    herr_t closed = 0;
    errno = 0;
    H5E_BEGIN_TRY
    {
        for (int i = 0; i < (*c)->n; i++)
            closed |= H5Dclose((*c)->variable[i]);
        if ((*c)->file >= 0)
            closed |= H5Fclose((*c)->file);
    }
    H5E_END_TRY
    if (closed < 0)
        status = failed(*c, e);
    free((*c)->path);
    free(*c);
    *c = NULL;
    return status;
}

void sq_chunks_destroy(struct sq_chunks **c)
{
    enum sq_status status = *c ? sq_chunks_close(c, NULL) : SQ_OK;
    (void)status;
}

void sq_chunks_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}
