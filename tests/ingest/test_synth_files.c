/* Simulated MRMS, GOES and HRRR files hold what the world's views say, to within their packing, and are what they
 * claim to be for readers of ours and for the formats' own tools. */
#include "test.h"

#include "abi_write.h"
#include "core/crs.h"
#include "grib_write.h"
#include "ingest.h"
#include "views.h"

#include <netcdf.h>

#define START 1780344000 /* 2026-06-01 20:00, afternoon there */

static const char lambert[] = "+proj=lcc +lat_0=38.5 +lon_0=-97.5 +lat_1=38.5 +lat_2=38.5 +R=6371229 +units=m +no_defs";

static struct sq_synth_params plains(void)
{
    struct sq_synth_params p = {.seed = 2, .n_frames = 2, .step_s = 300, .start = START, .lead_h = 2};
    p.grid = (struct sq_grid){40, 40, -78000, 78000, 4000, 4000,
                              "+proj=laea +lat_0=36 +lon_0=-97.5 +datum=WGS84 +units=m +no_defs"};
    return p;
}

/* The files are written once, by the first test that asks for them. */
static char *written(const char *name)
{
    static bool there;
    struct sq_synth_params p = plains();
    struct sq_err err = {0};
    int files = 0;
    if (!there) {
        REQUIRE_OK(sq_synth_folder(test_folder(), &p, SQ_SYNTH_MRMS | SQ_SYNTH_GOES | SQ_SYNTH_HRRR, &files, &err));
        assert_int_equal(files, 3 + 2 + 3 * 3); /* 20:00 to 20:05; runs of 18, 19 and 20, leads 0 to 2 */
        there = true;
    }
    return test_path(name);
}

static const char mrms_file[] = "mrms/MRMS_PrecipRate_00.00_20260601-200200.grib2";
static const char hrrr_file[] = "hrrr/hrrr.20260601.t19z.wrfsfcf02.grib2";
static const char goes_file[] = "goes/OR_ABI-L2-MCMIPC-M6_G16_s20261522005000_e20261522007360_c20261522008360.nc";

static void read_back(char *path, enum sq_kind kind, const char *channel, struct sq_field *ret)
{
    struct sq_read_params r = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    int found = -1;
    r.kind = kind;
    REQUIRE_OK(sq_inputs_open(&path, 1, &r, &in, &err));
    for (int i = 0; i < sq_inputs_count(in); i++)
        if (!strcmp(sq_inputs_info(in, i)->channel, channel))
            found = i;
    REQUIRE(found >= 0);
    REQUIRE_OK(sq_inputs_read(in, found, ret, &err));
    sq_inputs_close(&in);
}

static void world_on(const struct sq_grid *g, struct sq_world *w, struct sq_world_map *m)
{
    struct sq_err err = {0};
    sq_world_make(w, 2, -97.5, 36);
    REQUIRE_OK(sq_world_map_init(m, w, g, &err));
}

static void mrms_is_what_radars_saw(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_field f = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    struct sq_radars *radars = NULL;
    read_back(written(mrms_file), SQ_KIND_RADAR, "rain_rate", &f);
    assert_int_equal(f.time, START + 120);
    assert_string_equal(f.product, "PrecipRate");
    REQUIRE_NEAR(remainder(f.grid.x0 + 129.995, 0.01), 0, 1e-9); /* cells of the real grid */
    const size_t n = sq_grid_cells(&f.grid);
    float *rate = malloc(n * sizeof *rate), most = 0;
    world_on(&f.grid, &w, &m);
    REQUIRE_OK(sq_radars_create(&w, &m, &radars, &err));
    REQUIRE_OK(sq_radars_observe(radars, START + 120, rate, &err));
    size_t apart = 0;
    for (size_t i = 0; i < n; i++) {
        apart += isnan(f.value[i]) != isnan(rate[i]) || fabsf(f.value[i] - rate[i]) > 0.0501f;
        most = fmaxf(most, f.value[i]);
    }
    REQUIRE(most > 1);
    REQUIRE(apart < n / 1000); /* the file's corner is rounded: a cell may fall into another ray */
    free(rate);
    sq_radars_destroy(&radars);
    sq_world_map_finish(&m);
    sq_field_finish(&f);
}

/* The images as anyone unpacks them by CF, in the stored type. */
static void unpack(int nc, const char *name, size_t n, float *ret)
{
    int var = -1;
    float scale = 1, offset = 0;
    short *stored = malloc(n * sizeof *stored);
    REQUIRE(stored && !nc_inq_varid(nc, name, &var) && !nc_get_var_short(nc, var, stored));
    REQUIRE(!nc_get_att_float(nc, var, "scale_factor", &scale) && !nc_get_att_float(nc, var, "add_offset", &offset));
    for (size_t i = 0; i < n; i++)
        ret[i] = (float)stored[i] * scale + offset;
    free(stored);
}

static void goes_is_what_the_satellite_saw(void **state)
{
    (void)state;
    int nc, x, y;
    size_t nx = 0, ny = 0;
    float corner[2];
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    REQUIRE(!nc_open(written(goes_file), NC_NOWRITE, &nc));
    REQUIRE(!nc_inq_dimid(nc, "x", &x) && !nc_inq_dimlen(nc, x, &nx) && !nc_inq_dimid(nc, "y", &y) &&
            !nc_inq_dimlen(nc, y, &ny));
    REQUIRE(!nc_inq_varid(nc, "x", &x) && !nc_get_att_float(nc, x, "add_offset", &corner[0]));
    REQUIRE(!nc_inq_varid(nc, "y", &y) && !nc_get_att_float(nc, y, "add_offset", &corner[1]));
    const double pixel = SQ_ABI_PIXEL_RAD * SQ_ABI_HEIGHT_M;
    REQUIRE_NEAR(remainder((double)corner[0] + 0.101332, SQ_ABI_PIXEL_RAD), 0, 1e-8); /* pixels of the real grid */
    REQUIRE_NEAR(remainder((double)corner[1] - 0.128212, SQ_ABI_PIXEL_RAD), 0, 1e-8);
    struct sq_grid g = {(int)nx, (int)ny, (double)corner[0] * SQ_ABI_HEIGHT_M, (double)corner[1] * SQ_ABI_HEIGHT_M,
                        pixel, pixel, "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m +no_defs"};
    const size_t n = nx * ny;
    float *plane = malloc((SQ_ABI_BANDS + 1) * n * sizeof *plane), *band[SQ_ABI_BANDS];
    float *got = plane + SQ_ABI_BANDS * n;
    for (int b = 0; b < SQ_ABI_BANDS; b++)
        band[b] = plane + (size_t)b * n;
    world_on(&g, &w, &m);
    REQUIRE_OK(sq_abi_see(&w, &m, START + 300 + 78, band, &err));
    for (int b = 0; b < SQ_ABI_BANDS; b++) {
        char name[16];
        size_t apart = 0;
        float least = 1e9f, most = 0;
        snprintf(name, sizeof name, "CMI_C%02d", b + 1);
        unpack(nc, name, n, got);
        for (size_t i = 0; i < n; i++) {
            apart += fabsf(got[i] - band[b][i]) > (b < 6 ? 2e-4f : 0.035f); /* half a step of the packing */
            least = fminf(least, got[i]);
            most = fmaxf(most, got[i]);
        }
        REQUIRE(apart < n / 100); /* corners are rounded to floats: some metres, at edges of clouds */
        REQUIRE(b < 6 ? least >= 0 && most <= 1.05f && most > 0.01f : least > 195 && most < 330 && most > least + 2);
    }
    nc_close(nc);
    free(plane);
    sq_world_map_finish(&m);
}

/* And our reader finds the same. */
static void goes_is_read(void **state)
{
    (void)state;
    int nc;
    struct sq_field f = {0};
    read_back(written(goes_file), SQ_KIND_SATELLITE, "abi13", &f);
    assert_int_equal(f.time, START + 300 + 78);
    assert_string_equal(f.units, "K");
    const size_t n = sq_grid_cells(&f.grid);
    float *stored = malloc(n * sizeof *stored);
    REQUIRE(!nc_open(written(goes_file), NC_NOWRITE, &nc));
    unpack(nc, "CMI_C13", n, stored);
    nc_close(nc);
    for (size_t i = 0; i < n; i++)
        REQUIRE_NEAR(f.value[i], stored[i], 1e-3); /* floats of 300 */
    free(stored);
    sq_field_finish(&f);
}

static void visible_bands_need_the_sun(void **state)
{
    (void)state;
    const double pixel = SQ_ABI_PIXEL_RAD * SQ_ABI_HEIGHT_M;
    struct sq_grid g = {30, 30, -2.0e6, 3.6e6, pixel, pixel,
                        "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m +no_defs"};
    static float plane[SQ_ABI_BANDS][900];
    float *band[SQ_ABI_BANDS];
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    for (int b = 0; b < SQ_ABI_BANDS; b++)
        band[b] = plane[b];
    world_on(&g, &w, &m);
    REQUIRE_OK(sq_abi_see(&w, &m, START + 11 * 3600, band, &err)); /* 07 UTC: the middle of the night */
    for (int i = 0; i < 900; i++)
        REQUIRE(plane[1][i] == 0 && plane[12][i] > 195);
    REQUIRE_OK(sq_abi_see(&w, &m, START - 2 * 3600, band, &err)); /* noon */
    for (int i = 0; i < 900; i++)
        REQUIRE(plane[1][i] > 0.05f);
    sq_world_map_finish(&m);
}

/* Where rain begins within half an hour, tops are colder now than where it does not: clouds come before their rain. */
static void clouds_come_before_rain(void **state)
{
    (void)state;
    const double pixel = SQ_ABI_PIXEL_RAD * SQ_ABI_HEIGHT_M;
    struct sq_grid g = {160, 100, -2.1e6, 3.7e6, pixel, pixel,
                        "+proj=geos +h=35786023 +lon_0=-75 +sweep=x +ellps=GRS80 +units=m +no_defs"};
    const size_t n = sq_grid_cells(&g);
    float *plane = malloc((SQ_ABI_BANDS + 4) * n * sizeof *plane), *band[SQ_ABI_BANDS];
    float *now = plane + SQ_ABI_BANDS * n, *then = now + n, *kind = then + n;
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    for (int b = 0; b < SQ_ABI_BANDS; b++)
        band[b] = plane + (size_t)b * n;
    world_on(&g, &w, &m);
    REQUIRE_OK(sq_abi_see(&w, &m, START, band, &err));
    REQUIRE_OK(sq_world_render(&w, &m, START, 0, NULL, now, kind, &err));
    REQUIRE_OK(sq_world_render(&w, &m, START, 1500, NULL, then, kind, &err)); /* of the air that is there now */
    double cold[2] = {0}, count[2] = {0};
    for (size_t i = 0; i < n; i++)
        if (now[i] < 0) {
            cold[then[i] >= 0] += (double)band[12][i];
            count[then[i] >= 0]++;
        }
    REQUIRE(count[1] > 50);
    REQUIRE(cold[1] / count[1] < cold[0] / count[0] - 8); /* kelvin */
    free(plane);
    sq_world_map_finish(&m);
}

/* ---- HRRR ----------------------------------------------------------------------------------------------- */

/* What the model said on the grid of f; caller frees. */
static float *model_says(const struct sq_field *f, enum sq_model_field what, double lead_s)
{
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    float *ret = malloc(sq_grid_cells(&f->grid) * sizeof *ret), *field[SQ_MODEL_FIELDS] = {NULL};
    field[what] = ret;
    world_on(&f->grid, &w, &m);
    REQUIRE_OK(sq_model_see(&w, &m, START - 3600, lead_s, field, &err));
    sq_world_map_finish(&m);
    return ret;
}

static void hrrr_is_read(void **state)
{
    (void)state;
    static const struct {
        const char *channel;
        enum sq_model_field what;
        double within; /* half a step of the packing, and a metre of the grid's corner */
    } row[] = {{"temperature_2m", SQ_MODEL_T2, 0.052}, {"cape", SQ_MODEL_CAPE, 1.5},
               {"vertical_velocity_500", SQ_MODEL_OMEGA500, 0.002}, {"surface_pressure", SQ_MODEL_PRESSURE, 5.1}};
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        struct sq_field f = {0};
        read_back(written(hrrr_file), SQ_KIND_MODEL, row[k].channel, &f);
        assert_int_equal(f.time, START + 3600);
        assert_int_equal(f.reference_time, START - 3600);
        REQUIRE_NEAR(remainder(f.grid.x0 + 2697520.14, 3000), 0, 1); /* cells of the real grid, in microdegrees */
        float *said = model_says(&f, row[k].what, 7200);
        for (size_t i = 0; i < sq_grid_cells(&f.grid); i++)
            REQUIRE_NEAR(f.value[i], said[i], row[k].within);
        free(said);
        sq_field_finish(&f);
    }
}

/* Rain is the sum over the last hour, taken at four moments. */
static void hrrr_rain_is_read(void **state)
{
    (void)state;
    struct sq_field f = {0};
    read_back(written(hrrr_file), SQ_KIND_MODEL, "rain_rate", &f);
    assert_int_equal(f.interval_s, 3600);
    const size_t n = sq_grid_cells(&f.grid);
    float *sum = calloc(n, sizeof *sum);
    for (int q = 0; q < 4; q++) {
        float *said = model_says(&f, SQ_MODEL_RAIN, 3600 + (q + 0.5) * 900);
        for (size_t i = 0; i < n; i++)
            sum[i] += said[i] / 4;
        free(said);
    }
    double apart = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        apart = fmax(apart, fabs((double)f.value[i] - (double)sum[i]));
        most = fmax(most, (double)sum[i]);
    }
    REQUIRE(most > 0.5);
    REQUIRE(apart < 0.02); /* of mm, and a metre of the grid's corner where rain is steepest */
    free(sum);
    sq_field_finish(&f);
}

/* Winds are written along the grid, which is turned by 11 degrees there, and read to east and north. */
static void hrrr_winds_are_turned(void **state)
{
    (void)state;
    struct sq_synth_params p = plains();
    struct sq_field u = {0}, v = {0};
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    double mean[2] = {0}, flow[2] = {0};
    int files = 0;
    float *plane = malloc(2 * sq_grid_cells(&p.grid) * sizeof *plane), *field[SQ_MODEL_FIELDS] = {NULL};
    strcpy(p.grid.crs, "+proj=laea +lat_0=40 +lon_0=-80 +datum=WGS84 +units=m +no_defs");
    p.lead_h = 1;
    p.n_frames = 1;
    REQUIRE_OK(sq_synth_folder(test_path("east"), &p, SQ_SYNTH_HRRR, &files, &err));
    read_back(test_path("east/hrrr/hrrr.20260601.t19z.wrfsfcf01.grib2"), SQ_KIND_MODEL, "storm_u", &u);
    read_back(test_path("east/hrrr/hrrr.20260601.t19z.wrfsfcf01.grib2"), SQ_KIND_MODEL, "storm_v", &v);
    const size_t n = sq_grid_cells(&u.grid);
    sq_world_make(&w, 2, -80, 40);
    REQUIRE_OK(sq_world_map_init(&m, &w, &p.grid, &err)); /* columns go east in its middle: nothing to turn */
    field[SQ_MODEL_STORM_U] = plane;
    field[SQ_MODEL_STORM_V] = plane + sq_grid_cells(&p.grid);
    REQUIRE_OK(sq_model_see(&w, &m, START - 3600, 3600, field, &err));
    for (size_t i = 0; i < sq_grid_cells(&p.grid); i++) {
        flow[0] += (double)field[SQ_MODEL_STORM_U][i] / (double)sq_grid_cells(&p.grid);
        flow[1] += (double)field[SQ_MODEL_STORM_V][i] / (double)sq_grid_cells(&p.grid);
    }
    for (size_t i = 0; i < n; i++) {
        mean[0] += (double)u.value[i] / (double)n;
        mean[1] += (double)v.value[i] / (double)n;
    }
    /* One turn left out would be 19 % of the speed, one too many as well. */
    REQUIRE_NEAR(hypot(mean[0] - flow[0], mean[1] - flow[1]), 0, 0.05 * hypot(flow[0], flow[1]));
    REQUIRE(hypot(mean[0], mean[1]) > 4);
    sq_world_map_finish(&m);
    free(plane);
    sq_field_finish(&u);
    sq_field_finish(&v);
}

/* ---- the formats' own tools -------------------------------------------------------------------------------- */

static bool have(const char *tool)
{
    char line[128];
    snprintf(line, sizeof line, "command -v %s >/dev/null 2>&1", tool);
    return system(line) == 0;
}
#define NEED_TOOL(tool)                                                                            \
    do {                                                                                           \
        if (!have(tool)) {                                                                         \
            print_message("# no " tool ": skipped\n");                                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

/* What a command prints, cut at `room`. */
static char *say(char *ret, size_t room, const char *fmt, const char *path)
{
    char line[1024];
    snprintf(line, sizeof line, fmt, path);
    FILE *f = popen(line, "r");
    REQUIRE(f);
    size_t n = fread(ret, 1, room - 1, f);
    ret[n] = '\0';
    REQUIRE(pclose(f) == 0);
    return ret;
}

static void grib_tools_know_hrrr(void **state)
{
    (void)state;
    NEED_TOOL("grib_ls");
    static const char *const row[] = {
        "kwbc 2.2 isobaricInhPa 500 2 lambert", "kwbc 2.3 isobaricInhPa 850 2 lambert",
        "kwbc 2.194 heightAboveGroundLayer 0 2 lambert", "kwbc 2.8 isobaricInhPa 500 2 lambert",
        "kwbc 7.193 pressureFromGroundLayer 18000 2 lambert", "kwbc 3.0 surface 0 2 lambert",
        "kwbc 1.0 heightAboveGround 2 2 lambert", "kwbc 1.8 surface 0 0-2 lambert", "kwbc 1.8 surface 0 1-2 lambert"};
    char text[4000];
    say(text, sizeof text,
        "grib_get -p centre,parameterCategory,parameterNumber,typeOfLevel,level,stepRange,gridType %s"
        " | sed 's/ /./2'",
        written(hrrr_file));
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        if (!strstr(text, row[i]))
            fail_msg("%s: not in\n%s", row[i], text);
}

/* Every value of two messages, at the place that ecCodes gives it. */
static void grib_tools_see_the_models_values(void **state)
{
    (void)state;
    NEED_TOOL("grib_get_data");
    static char text[1 << 20];
    struct sq_err err = {0};
    struct sq_world w;
    struct sq_world_map m = {0};
    struct sq_crs_map *to = NULL;
    char *line = say(text, sizeof text, "grib_get_data -w shortName=2t %s", written(hrrr_file));
    double x0 = 0, y0 = 0, x1 = 0, y1 = 0, lat, lon, v;
    int n = 0;
    REQUIRE_OK(sq_crs_map_create(SQ_CRS_LONLAT, lambert, &to, &err));
    for (char *at = line; (at = strchr(at, '\n')); n += at[1] != '\0') {
        at++;
        if (sscanf(at, "%lf %lf %lf", &lat, &lon, &v) != 3)
            break;
        x1 = lon;
        y1 = lat;
        sq_crs_forward(to, 1, &x1, &y1);
        x0 = n ? x0 : x1;
        y0 = n ? y0 : y1;
    }
    struct sq_grid g = {(int)lround((x1 - x0) / 3000) + 1, (int)lround((y1 - y0) / 3000) + 1, x0, y1, 3000, 3000, ""};
    strcpy(g.crs, lambert);
    assert_int_equal(n, g.nx * g.ny);
    REQUIRE_NEAR(remainder(x0 + 2697520.14, 3000), 0, 60); /* places are printed to 0.001 degree */
    float *t2 = malloc((size_t)n * sizeof *t2), *field[SQ_MODEL_FIELDS] = {NULL};
    field[SQ_MODEL_T2] = t2;
    world_on(&g, &w, &m);
    REQUIRE_OK(sq_model_see(&w, &m, START - 3600, 7200, field, &err));
    char *at = strchr(line, '\n') + 1;
    for (int i = 0; i < n; i++, at = strchr(at, '\n') + 1) {
        const int row = g.ny - 1 - i / g.nx, col = i % g.nx; /* from the south */
        assert_int_equal(sscanf(at, "%lf %lf %lf", &lat, &lon, &v), 3);
        REQUIRE_NEAR(v, t2[row * g.nx + col], 0.11); /* a decimal; and the grid's corner is some 60 m off */
    }
    free(t2);
    sq_crs_map_destroy(&to);
    sq_world_map_finish(&m);
}

static void grib_tools_know_mrms(void **state)
{
    (void)state;
    NEED_TOOL("grib_get");
    char text[1000];
    say(text, sizeof text, "grib_get -p discipline,centre:i,parameterCategory,parameterNumber,packingType,dataTime %s",
        written(mrms_file));
    assert_string_equal(text, "209 161 6 1 grid_png 2002\n");
}

static void gdal_places_all_three(void **state)
{
    (void)state;
    NEED_TOOL("gdalinfo");
    char text[60000], goes[512];
    REQUIRE(strstr(say(text, sizeof text, "gdalinfo %s", written(mrms_file)), "Pixel Size = (0.01"));
    REQUIRE(strstr(say(text, sizeof text, "gdalinfo %s", written(hrrr_file)), "GRIB_ELEMENT=4LFTX"));
    REQUIRE(strstr(text, "Pixel Size = (3000.0"));
    snprintf(goes, sizeof goes, "NETCDF:%s:CMI_C13", written(goes_file));
    REQUIRE(strstr(say(text, sizeof text, "gdalinfo %s", goes), "Geostationary Satellite (Sweep X)"));
    REQUIRE(strstr(text, "Pixel Size = (2004.01"));
}

static void xarray_opens_goes(void **state)
{
    (void)state;
    if (system("/usr/bin/python3 -c 'import xarray, netCDF4' >/dev/null 2>&1")) {
        print_message("# no xarray: skipped\n");
        skip();
    }
    char text[1000];
    say(text, sizeof text,
        "/usr/bin/python3 -c 'import xarray, sys; d = xarray.open_dataset(sys.argv[1]); "
        "print(str(d.t.values)[:19], d.CMI_C13.dims, 195 < float(d.CMI_C13.min()) < float(d.CMI_C13.max()) < 330)' %s",
        written(goes_file));
    assert_string_equal(text, "2026-06-01T20:06:18 ('y', 'x') True\n");
}

/* ---- what cannot be written ----------------------------------------------------------------------------- */

static void faults_leave_nothing(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_synth_params p = plains();
    int files = 0;
    p.grid = (struct sq_grid){40, 40, -78000, 78000, 4000, 4000,
                              "+proj=laea +lat_0=36 +lon_0=97.5 +datum=WGS84 +units=m +no_defs"};
    REQUIRE_STATUS(sq_synth_folder(test_path("asia"), &p, SQ_SYNTH_GOES, &files, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "North America"));
    REQUIRE(access(test_path("asia/goes"), F_OK) == -1);
    strcpy(p.grid.crs, "+proj=laea +lat_0=50 +lon_0=180 +datum=WGS84 +units=m +no_defs");
    REQUIRE_STATUS(sq_synth_folder(test_path("date"), &p, SQ_SYNTH_MRMS, &files, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "date line"));
    struct sq_grib_file *f = NULL;
    const struct sq_grib_product product = {.discipline = 0, .decimals = 9, .reference = START};
    const float wide[4] = {0, 1, 2, 300};
    struct sq_grid g = {2, 2, 10.005, 50.005, 0.01, 0.01, "+proj=longlat +datum=WGS84 +no_defs"};
    REQUIRE_OK(sq_grib_file_create(test_path("wide.grib2"), &f, &err));
    REQUIRE_STATUS(sq_grib_file_put(f, &g, &product, wide, &err), SQ_FAILED);
    sq_grib_file_destroy(&f);
    REQUIRE(access(test_path("wide.grib2"), F_OK) == -1);
    REQUIRE_STATUS(sq_grib_file_create(test_path("none/wide.grib2"), &f, &err), SQ_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mrms_is_what_radars_saw),
        cmocka_unit_test(goes_is_what_the_satellite_saw),
        cmocka_unit_test(goes_is_read),
        cmocka_unit_test(visible_bands_need_the_sun),
        cmocka_unit_test(clouds_come_before_rain),
        cmocka_unit_test(hrrr_is_read),
        cmocka_unit_test(hrrr_rain_is_read),
        cmocka_unit_test(hrrr_winds_are_turned),
        cmocka_unit_test(grib_tools_know_hrrr),
        cmocka_unit_test(grib_tools_see_the_models_values),
        cmocka_unit_test(grib_tools_know_mrms),
        cmocka_unit_test(gdal_places_all_three),
        cmocka_unit_test(xarray_opens_goes),
        cmocka_unit_test(faults_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
