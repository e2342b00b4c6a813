/* What tests of the model reader share: opening with a table, and the comparison with ecCodes' own grib_get_data. */
#ifndef SQ_TESTS_OUTSIDE_GRIB_H
#define SQ_TESTS_OUTSIDE_GRIB_H

#include "test.h"

#include "ingest.h"

#include "core/crs.h"

#define NEED_TOOL(name)                                                                            \
    do {                                                                                           \
        if (system("command -v " name " >/dev/null 2>&1")) {                                       \
            print_message("# no " name ": skipped\n");                                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* A table as a file. */
static inline const char *table_of(const char *text)
{
    const char *path = test_path("fields.yaml");
    FILE *f = fopen(path, "w");
    REQUIRE(f && fputs(text, f) >= 0 && !fclose(f));
    return path;
}

static inline struct sq_inputs *open_path(const char *path, const char *table)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {(char *)(uintptr_t)path};
    p.kind = SQ_KIND_MODEL;
    p.model_fields = table;
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    return in;
}

/* What grib_get_data says of message `count`: n points, lon, lat and value. */
struct points {
    size_t n;
    double *lon, *lat, *value;
};

static inline struct points outside(const char *path, int count)
{
    struct points p = {0};
    size_t room = 0;
    char command[5000], line[256];
    snprintf(command, sizeof command, "grib_get_data -m nan -L '%%.7f %%.7f' -F '%%.9e' -w count=%d '%s'", count, path);
    FILE *f = popen(command, "r");
    REQUIRE(f);
    while (fgets(line, sizeof line, f)) {
        double v[3];
        if (sscanf(line, "%lf %lf %lf", &v[0], &v[1], &v[2]) != 3)
            continue; /* the headline */
        if (p.n == room) {
            room = room ? 2 * room : 65536;
            p.lon = realloc(p.lon, room * sizeof *p.lon);
            p.lat = realloc(p.lat, room * sizeof *p.lat);
            p.value = realloc(p.value, room * sizeof *p.value);
            REQUIRE(p.lon && p.lat && p.value);
        }
        p.lat[p.n] = v[0];
        p.lon[p.n] = v[1];
        p.value[p.n++] = v[2];
    }
    assert_int_equal(pclose(f), 0);
    return p;
}

static inline void finish_points(struct points *p)
{
    free(p->lon);
    free(p->lat);
    free(p->value);
}

/* Every point lies within 0.1 cell of the middle of a cell, all cells are met, and the values are
 * (value - less, where there is a less) * factor but for `tolerance`. */
static inline void compare(const struct sq_field *f, const struct points *p, const struct points *less, double factor,
                    double tolerance)
{
    struct sq_crs_map *m = NULL;
    struct sq_err err = {0};
    const struct sq_grid *g = &f->grid;
    const bool round = strstr(g->crs, "longlat");
    char *seen = calloc(sq_grid_cells(g), 1);
    REQUIRE(seen);
    assert_int_equal(p->n, sq_grid_cells(g));
    REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, g->crs, &m, &err));
    sq_crs_forward(m, p->n, p->lon, p->lat);
    for (size_t i = 0; i < p->n; i++) {
        double x = p->lon[i];
        if (round)
            x -= 360 * floor((x - g->x0 + g->dx / 2) / 360);
        double col = (x - g->x0) / g->dx, row = (g->y0 - p->lat[i]) / g->dy;
        long c = lround(col), r = lround(row);
        if (!(fabs(col - (double)c) < 0.1 && fabs(row - (double)r) < 0.1 && c >= 0 && c < g->nx && r >= 0 && r < g->ny))
            fail_msg("point %zu lies at column %.4f, row %.4f", i, col, row);
        size_t at = (size_t)r * (size_t)g->nx + (size_t)c;
        double want = (p->value[i] - (less ? less->value[i] : 0)) * factor, got = (double)f->value[at];
        seen[at]++;
        if (isnan(p->value[i]) ? !isnan(got) : !(fabs(got - fmax(want, less ? 0 : -1e30)) <= tolerance))
            fail_msg("column %ld, row %ld: %.9g, and outside %.9g", c, r, got, want);
    }
    REQUIRE(!memchr(seen, 0, p->n));
    sq_crs_map_destroy(&m);
    free(seen);
}

#endif
