#include "grib.h"

#include <eccodes.h>
#include <stdlib.h>
#include <string.h>

bool sq_grib_head(const char *path, uint8_t head[8])
{
    struct sq_packed *f = NULL;
    bool ours = !sq_packed_open(path, &f, NULL) && sq_packed_take(f, head, 8) && !memcmp(head, "GRIB", 4);
    sq_packed_close(&f);
    return ours;
}

static void silent(const codes_context *c, int level, const char *text)
{
    (void)c;
    (void)level;
    (void)text;
}

static codes_handle *open_message(const uint8_t *bytes, size_t n_bytes)
{
    codes_context_set_logging_proc(codes_context_get_default(), silent); /* our message says it */
    return codes_handle_new_from_message(NULL, bytes, n_bytes);
}

enum sq_status sq_grib_unpack(const char *path, const uint8_t *bytes, size_t n_bytes, size_t n, double **ret,
                              struct sq_err *e)
{
    size_t got = n;
    double *v = NULL;
    codes_handle *h = NULL;
    enum sq_status st = SQ_OK;
    h = open_message(bytes, n_bytes);
    v = malloc(n * sizeof *v);
    if (!v)
        st = sq_fail(e, SQ_FAILED, "out of memory for %zu values", n);
    else if (!h || codes_set_double(h, "missingValue", SQ_GRIB_MISSING) || codes_get_double_array(h, "values", v, &got) || got != n)
        st = sq_fail(e, SQ_FAILED, "%s: values cannot be unpacked, the file is broken", path);
    codes_handle_delete(h);
    if (st)
        free(v);
    else
        *ret = v;
    return st;
}

void sq_grib_short_name(const uint8_t *bytes, size_t n_bytes, char ret[32])
{
    size_t size = 32;
    codes_handle *h = open_message(bytes, n_bytes);
    if (!h || codes_get_string(h, "shortName", ret, &size))
        strcpy(ret, "unknown");
    codes_handle_delete(h);
}
