/* PROJ strings <-> grid mappings of CF 1.11, appendix F. Both ways walk one table. */
#include "crs.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair {
    const char *cf, *proj;
};

static const struct mapping {
    const char *name, *proj;
    struct pair pair[4];
    int parallels; /* 2: lat_1 and lat_2; 1: lat_ts, else a scale factor at the origin; 0: none */
} mappings[] = {
    {"latitude_longitude", "longlat", {{0}}, 0},
    {"lambert_conformal_conic", "lcc",
     {{"longitude_of_central_meridian", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 2},
    {"albers_conical_equal_area", "aea",
     {{"longitude_of_central_meridian", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 2},
    {"lambert_azimuthal_equal_area", "laea",
     {{"longitude_of_projection_origin", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 0},
    {"azimuthal_equidistant", "aeqd",
     {{"longitude_of_projection_origin", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 0},
    {"polar_stereographic", "stere",
     {{"straight_vertical_longitude_from_pole", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 1},
    {"stereographic", "stere",
     {{"longitude_of_projection_origin", "lon_0"}, {"latitude_of_projection_origin", "lat_0"}}, 1},
    {"mercator", "merc", {{"longitude_of_projection_origin", "lon_0"}}, 1},
    {"transverse_mercator", "tmerc",
     {{"longitude_of_central_meridian", "lon_0"}, {"latitude_of_projection_origin", "lat_0"},
      {"scale_factor_at_central_meridian", "k"}}, 0},
    {"oblique_mercator", "omerc",
     {{"azimuth_of_central_line", "alpha"}, {"latitude_of_projection_origin", "lat_0"},
      {"longitude_of_projection_origin", "lonc"}, {"scale_factor_at_projection_origin", "k"}}, 0},
    {"geostationary", "geos",
     {{"perspective_point_height", "h"}, {"longitude_of_projection_origin", "lon_0"},
      {"latitude_of_projection_origin", "lat_0"}}, 0},
};
enum { MAPPINGS = sizeof mappings / sizeof *mappings };

/* ---- the words of a PROJ string ----------------------------------------------------------------------- */

/* Text after "+key=" (or "+key"), NULL where it does not occur. */
static const char *find(const char *crs, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = crs; (at = strchr(at, '+')); at++)
        if (!strncmp(at + 1, key, n) && (at[n + 1] == '=' || at[n + 1] == ' ' || !at[n + 1]))
            return at + n + 1 + (at[n + 1] == '=');
    return NULL;
}

static double number(const char *crs, const char *key)
{
    const char *text = find(crs, key);
    if (!text && !strcmp(key, "k"))
        text = find(crs, "k_0");
    if (!text)
        return !strcmp(key, "k") ? 1 : 0;
    return strtod(text, NULL);
}

static bool is(const char *crs, const char *proj)
{
    const char *text = find(crs, "proj");
    size_t n = strlen(proj);
    return text && !strncmp(text, proj, n) && (!text[n] || text[n] == ' ');
}

/* Zones and the Swiss projection are special cases of what CF knows, spelt out here. false: CF lacks it. */
static bool spell_out(const char *crs, char out[2 * SQ_CRS_MAX])
{
    if (is(crs, "utm")) {
        snprintf(out, 2 * SQ_CRS_MAX, "+proj=tmerc +lon_0=%g +k=0.9996 +x_0=500000 +y_0=%d %s",
                 6 * number(crs, "zone") - 183, find(crs, "south") ? 10000000 : 0, strchr(crs + 1, '+'));
    } else if (is(crs, "somerc")) { /* Hotine's oblique Mercator along azimuth 90: EPSG method 9815 */
        snprintf(out, 2 * SQ_CRS_MAX, "+proj=omerc +alpha=90 +gamma=90 +lonc=%.15g %s", number(crs, "lon_0"),
                 strchr(crs + 1, '+'));
    } else {
        snprintf(out, 2 * SQ_CRS_MAX, "%s", crs);
    }
    if (is(out, "lcc") && number(out, "k") != 1)
        return false;
    if (is(out, "omerc") && (find(out, "no_uoff") || number(out, "gamma") != number(out, "alpha")))
        return false;
    return !find(out, "axis") && !find(out, "pm") && !find(out, "geoidgrids");
}

static const struct mapping *mapping_of(const char *crs)
{
    for (int k = 0; k < MAPPINGS; k++) {
        bool polar = fabs(fabs(number(crs, "lat_0")) - 90) < 1e-9;
        if (is(crs, mappings[k].proj) && !(!polar && !strcmp(mappings[k].name, "polar_stereographic")))
            return &mappings[k];
    }
    return NULL;
}

/* ---- PROJ string to CF --------------------------------------------------------------------------------- */

static void put(struct sq_cf_crs *cf, const char *key, int n, const double *value)
{
    snprintf(cf->attr[cf->n].key, sizeof cf->attr[0].key, "%s", key);
    memcpy(cf->attr[cf->n].value, value, (size_t)n * sizeof *value);
    cf->attr[cf->n++].n_value = n;
}

static void put1(struct sq_cf_crs *cf, const char *key, double value)
{
    put(cf, key, 1, &value);
}

static void put_parallels(struct sq_cf_crs *cf, const char *crs, int kind)
{
    if (kind == 2) {
        double p[2] = {number(crs, "lat_1"), number(crs, "lat_2")};
        put(cf, "standard_parallel", find(crs, "lat_2") && p[0] != p[1] ? 2 : 1, p);
    } else if (kind == 1 && find(crs, "lat_ts")) {
        put1(cf, "standard_parallel", number(crs, "lat_ts"));
    } else if (kind == 1) {
        put1(cf, "scale_factor_at_projection_origin", number(crs, "k"));
    }
}

static void put_datum(struct sq_cf_crs *cf, const char *crs, double a, double rf)
{
    const char *shift = find(crs, "towgs84");
    double t[7] = {0};
    int n = 0;
    if (rf == 0 || find(crs, "nadgrids")) { /* the sphere of web maps calls itself WGS84 */
        put1(cf, "earth_radius", a);
    } else {
        put1(cf, "semi_major_axis", a);
        put1(cf, "inverse_flattening", rf);
    }
    put1(cf, "longitude_of_prime_meridian", 0);
    for (char *end; shift && n < 7; shift = end + (*end == ',')) {
        t[n] = strtod(shift, &end);
        if (end == shift)
            break;
        n++;
    }
    if (n == 3 || n == 7)
        put(cf, "towgs84", n, t);
}

enum sq_status sq_crs_to_cf(const char *crs, struct sq_cf_crs *ret, struct sq_err *e)
{
    struct sq_cf_crs cf = {0};
    char ours[SQ_CRS_MAX], plain[2 * SQ_CRS_MAX];
    double a, rf;
    enum sq_status status = sq_crs_normalise(crs, ours, NULL, e);
    if (status || (status = sq_crs_describe(ours, &a, &rf, &cf.wkt, e)))
        return status;
    const struct mapping *m = spell_out(ours, plain) ? mapping_of(plain) : NULL;
    if (m) {
        snprintf(cf.name, sizeof cf.name, "%s", m->name);
        for (const struct pair *p = m->pair; p < m->pair + 4 && p->cf; p++)
            put1(&cf, p->cf, number(plain, p->proj));
        put_parallels(&cf, plain, m->parallels);
        if (is(plain, "geos")) {
            const char *sweep = find(plain, "sweep");
            snprintf(cf.attr[cf.n].key, sizeof cf.attr[0].key, "sweep_angle_axis");
            snprintf(cf.attr[cf.n++].text, sizeof cf.attr[0].text, "%c", sweep ? *sweep : 'y');
        }
        if (!is(plain, "longlat")) {
            put1(&cf, "false_easting", number(plain, "x_0"));
            put1(&cf, "false_northing", number(plain, "y_0"));
        }
        put_datum(&cf, plain, a, rf);
    }
    *ret = cf;
    return SQ_OK;
}

void sq_cf_crs_finish(struct sq_cf_crs *cf)
{
    free(cf->wkt);
    *cf = (struct sq_cf_crs){0};
}

/* ---- CF to PROJ string --------------------------------------------------------------------------------- */

struct text {
    char at[SQ_CRS_MAX];
    size_t n;
};

static void add(struct text *t, const char *fmt, ...) SQ_PRINTF(2, 3);
static void add(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    if (t->n < sizeof t->at) /* never true in practice: keys are few and short */
        t->n += (size_t)vsnprintf(t->at + t->n, sizeof t->at - t->n, fmt, ap);
    va_end(ap);
}

/* Index of the attribute if it holds at least n numbers (n = 0: text), else -1. */
static int attribute(const struct sq_cf_crs *cf, const char *key, int n)
{
    for (int k = 0; k < cf->n && k < SQ_CF_ATTR_MAX; k++)
        if (!strcmp(cf->attr[k].key, key) && cf->attr[k].n_value >= n && (n || !cf->attr[k].n_value))
            return k;
    return -1;
}

static double value(const struct sq_cf_crs *cf, const char *key, double otherwise)
{
    int k = attribute(cf, key, 1);
    return k < 0 ? otherwise : cf->attr[k].value[0];
}

static void add_parallels(struct text *t, const struct sq_cf_crs *cf, int kind)
{
    int k = attribute(cf, "standard_parallel", 1);
    if (kind == 2 && k >= 0) {
        bool both = cf->attr[k].n_value > 1;
        add(t, " +lat_1=%.15g +lat_2=%.15g", cf->attr[k].value[0], cf->attr[k].value[both]);
    } else if (kind == 1 && k >= 0) {
        add(t, " +lat_ts=%.15g", cf->attr[k].value[0]);
    } else if (kind == 1) {
        add(t, " +k=%.15g", value(cf, "scale_factor_at_projection_origin", 1));
    }
}

static void add_datum(struct text *t, const struct sq_cf_crs *cf)
{
    double r = value(cf, "earth_radius", 0), a = value(cf, "semi_major_axis", 0);
    double b = value(cf, "semi_minor_axis", 0), rf = value(cf, "inverse_flattening", 0);
    int shift = attribute(cf, "towgs84", 3);
    if (r > 0 || (a > 0 && b == 0 && rf == 0))
        add(t, " +R=%.15g", r > 0 ? r : a);
    else if (a > 0 && rf > 0) /* more digits than a semi-minor axis has */
        add(t, " +a=%.15g +rf=%.15g", a, rf);
    else if (a > 0)
        add(t, " +a=%.15g +b=%.15g", a, b);
    else
        add(t, " +datum=WGS84");
    if (value(cf, "longitude_of_prime_meridian", 0) != 0)
        add(t, " +pm=%.15g", value(cf, "longitude_of_prime_meridian", 0));
    for (int i = 0; shift >= 0 && i < cf->attr[shift].n_value && i < 7; i++)
        add(t, "%s%.15g", i ? "," : " +towgs84=", cf->attr[shift].value[i]);
}

enum sq_status sq_crs_from_cf(const struct sq_cf_crs *cf, char ret_crs[SQ_CRS_MAX], struct sq_err *e)
{
    const struct mapping *m = NULL;
    struct text t = {0};
    for (int k = 0; k < MAPPINGS && !m; k++)
        if (!strcmp(cf->name, mappings[k].name))
            m = &mappings[k];
    if (!m && cf->wkt)
        return sq_crs_normalise(cf->wkt, ret_crs, NULL, e);
    if (!m)
        return sq_fail(e, SQ_FAILED, "grid mapping '%s' is not supported, and there is no crs_wkt", cf->name);
    for (int k = 0; k < cf->n && k < SQ_CF_ATTR_MAX; k++)
        for (int i = 0; i < cf->attr[k].n_value && i < 7; i++)
            if (!isfinite(cf->attr[k].value[i]))
                return sq_fail(e, SQ_FAILED, "grid mapping '%s': %s is not a number", cf->name, cf->attr[k].key);
    add(&t, "+proj=%s", m->proj);
    for (const struct pair *p = m->pair; p < m->pair + 4 && p->cf; p++)
        if (attribute(cf, p->cf, 1) >= 0)
            add(&t, " +%s=%.15g", p->proj, value(cf, p->cf, 0));
    if (!strcmp(m->name, "polar_stereographic") && attribute(cf, "latitude_of_projection_origin", 1) < 0)
        add(&t, " +lat_0=%g", copysign(90, value(cf, "standard_parallel", 90)));
    if (!strcmp(m->proj, "omerc"))
        add(&t, " +gamma=%.15g", value(cf, "azimuth_of_central_line", 0));
    add_parallels(&t, cf, m->parallels);
    int sweep = attribute(cf, "sweep_angle_axis", 0);
    if (!strcmp(m->proj, "geos"))
        add(&t, " +sweep=%s", sweep >= 0 && !strcmp(cf->attr[sweep].text, "x") ? "x" : "y");
    if (strcmp(m->proj, "longlat"))
        add(&t, " +x_0=%.15g +y_0=%.15g", value(cf, "false_easting", 0), value(cf, "false_northing", 0));
    add_datum(&t, cf);
    return sq_crs_normalise(t.at, ret_crs, NULL, e);
}
