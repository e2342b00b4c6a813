#include "product_chunks.h"

#include <errno.h>
#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

enum { VARIABLES = 4, DIMENSIONS = 4 };

struct sq_chunks {
    char *path;
    hid_t file;
    int n;
    hid_t variable[VARIABLES];
    int n_dim[VARIABLES];
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
