/* A cube as a file that squall, and any reader of CF, reads back. */
#include "ingest.h"
#include "rain_file.h"

#include <stdio.h>

enum sq_status sq_cube_write(const char *path, const struct sq_cube *c, struct sq_err *e)
{
    struct sq_rain_file *file = NULL;
    char source[64];
    int n = 0;
    for (int i = 0; i < c->n; i++)
        n += c->frame[i].rate_mmh != NULL;
    if (!n)
        return sq_fail(e, SQ_FAILED, "%s: the cube has no frame", path);
    snprintf(source, sizeof source, "squall " SQ_VERSION ", from %.31s", c->source);
    enum sq_status s = sq_rain_file_create(path, &c->grid, n, "aligned rain", source, &file, e);
    for (int i = 0; i < c->n && !s; i++)
        if (c->frame[i].rate_mmh)
            s = sq_rain_file_put(file, c->frame[i].time, c->frame[i].rate_mmh, e);
    if (!s)
        s = sq_rain_file_publish(file, e);
    sq_rain_file_destroy(&file);
    return s;
}
