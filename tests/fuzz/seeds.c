/* Writes the first inputs of the readers' fuzz targets, all of our own making, into CORPUS/grib, model, odim, knmi, cf,
 * radolan, stack, unpack, abi, glm, nwcsaf and weights: seeds CORPUS. Run once, when a layout is added; the files are kept with
 * the project. */
#include "ingest/small_abi.h"
#include "ingest/small_grib.h"
#include "ingest/small_hdf.h"
#include "ingest/small_mask.h"
#include "ingest/small_model.h"
#include "ingest/small_radolan.h"
#include "ingest/small_tar.h"

#include "ingest.h"
#include "weights.h"

#include <sys/stat.h>

static const char *corpus;

static const char *name(const char *target, const char *file)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", corpus, target);
    (void)mkdir(path, 0777); /* may be there */
    snprintf(path, sizeof path, "%s/%s/%s", corpus, target, file);
    return path;
}

static void put_grib(const char *file, struct small_grib g, bool gzip)
{
    uint8_t bytes[GRIB_ROOM];
    size_t at[8], n = small_grib(bytes, g, at);
    gzFile f = gzopen(name("grib", file), gzip ? "wb" : "wbT");
    REQUIRE(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
}

/* A seed in HDF5 once more in the classic format, by netCDF-C's tools. */
static void put_classic(const char *target, const char *file)
{
    char from[4096], command[9000];
    snprintf(from, sizeof from, "%s", name(target, file));
    snprintf(command, sizeof command, "nccopy -k cdf5 '%s' '%s-classic'", from, from);
    REQUIRE(!system(command));
}

static void put_weights(const char *file)
{
    struct sq_err err = {0};
    const struct sq_net_shape shape = {.slots = sq_slots_last, .channels = 4, .stacks = 1, .n_dilation = 1, .dilation = {1}, .up = 1,
                                       .hidden = 2, .n_node = 2, .node_s = {600, 3600}, .n_edge = 2,
                                       .edge_mmh = {0.1f, 1}};
    struct sq_weights w = {.name = "seed", .least_step_s = 240, .most_step_s = 900, .least_cell_m = 500,
                           .most_cell_m = 4000};
    REQUIRE_OK(sq_net_init(&w.net, &shape, &err));
    REQUIRE_OK(sq_weights_write(name("weights", file), &w, NULL, &err));
    sq_net_finish(&w.net);
}

/* Every plane of a small target is there but the last. */
static void put_stack(const char *file, const char *text)
{
    static struct sq_stack_def def;
    static const float value[16] = {0, 0.2f, NAN, 3};
    const struct sq_grid target = {2, 2, 500, 1500, 1000, 1000, SMALL_LAEA};
    struct sq_stack s = {0};
    struct sq_err err = {0};
    REQUIRE_OK(sq_stack_def_parse("seed.yaml", text, strlen(text), &def, &err));
    REQUIRE_OK(sq_stack_init(&s, &def, &target, 1560128400, &err));
    for (size_t i = 0; i + 1 < s.n_planes; i++) {
        s.plane[i].why = SQ_STACK_USED;
        s.plane[i].value = value;
        s.plane[i].coverage = 0.75;
        s.plane[i].report.cells[SQ_FAULT_STRIPE] = 1;
        strcpy(s.plane[i].path[0], "a.nc");
        strcpy(s.plane[i].units, "mm h-1");
    }
    REQUIRE_OK(sq_stack_write(name("stack", file), &s, &err));
    sq_stack_finish(&s);
}

/* Whole grids, in gzip: 800 kB of which little is said. */
static void put_radolan(const char *file, struct small_radolan r)
{
    static uint8_t bytes[SMALL_RADOLAN_ROOM];
    size_t n = small_radolan(bytes, r);
    gzFile f = gzopen(name("radolan", file), "wb9");
    REQUIRE(f && gzwrite(f, bytes, (unsigned)n) == (int)n && gzclose(f) == Z_OK);
}

static void put_archive(const char *file, const char *mode)
{
    static uint8_t bytes[8192];
    size_t n = small_tar(bytes, "folder/", "", 0, '5');
    n += small_tar(bytes + n, "one", "first", 5, '0');
    n += small_tar(bytes + n, "long", "a longer name", 13, 'L');
    n += small_tar(bytes + n, "two", "second", 6, 0);
    gzFile f = gzopen(name("unpack", file), mode);
    REQUIRE(f && gzwrite(f, bytes, (unsigned)n + 1024) == (int)n + 1024 && gzclose(f) == Z_OK);
}

/* A message, and what ecCodes' tools make of it. */
static void put_models(void)
{
    static const char *const packing[] = {"complex", "complex_spatial_differencing", "jpeg", "png", "ccsds"};
    bool seen[20] = {[3] = true, [7] = true, [8] = true, [15] = true};
    double value[20], more[256];
    char from[4096], command[9000];
    for (int i = 0; i < 20; i++)
        value[i] = i * i * 0.1;
    for (int i = 0; i < 256; i++)
        more[i] = i % 17;
    const struct small_model simple = {.lead_min = 60, .value = value}, later = {.lead_min = 120, .value = value};
    put_model(name("model", "simple"), simple, "wb");
    put_model(name("model", "sums"), simple, "wb");
    put_model(name("model", "sums"), later, "ab");
    put_model(name("model", "bitmap"), (struct small_model){.lead_min = 60, .seen = seen}, "wb");
    for (int k = 0; k < 6; k++) /* both components on three maps */
        put_model(name("model", k < 2 ? "winds-rotated" : k < 4 ? "winds-lambert" : "winds-polar"),
                  (struct small_model){.nx = 5, .ny = 4, .grid = k < 2 ? 1 : k < 4 ? 30 : 20, .lat = k < 2 ? -1 : 40, .lon = 359,
                                       .dx = k < 2 ? 0.5 : 1e4, .dy = k < 2 ? 0.5 : 1e4, .pole_lat = -40, .pole_lon = 10,
                                       .lov = 10, .lad = 60, .latin1 = 30, .latin2 = 60, .scan = 64, .along_grid = true,
                                       .parameter = {0, 2, 2 + k % 2}, .level_type = 100, .level = 50000, .from_min = -1},
                  k % 2 ? "ab" : "wb");
    snprintf(from, sizeof from, "%s", name("model", "bitmap"));
    snprintf(command, sizeof command, "grib_set -s edition=1 '%s' '%s'", from, name("model", "edition1-bitmap"));
    REQUIRE(!system(command));
    snprintf(from, sizeof from, "%s", name("model", "sums"));
    snprintf(command, sizeof command, "grib_set -s edition=1 '%s' '%s'", from, name("model", "edition1"));
    REQUIRE(!system(command));
    for (int i = 0; i < 5; i++) {
        if (i == 3) { /* the encoder of PNG fails on smaller ones */
            put_model(name("model", "simple-more"), (struct small_model){.nx = 16, .ny = 16, .lead_min = 60, .dx = 0.5,
                      .dy = 0.5, .lat = 50, .lon = 350, .value = more}, "wb");
            snprintf(from, sizeof from, "%s", name("model", "simple-more"));
        }
        snprintf(command, sizeof command, "grib_set -r -s packingType=grid_%s '%s' '%s'", packing[i], from,
                 name("model", packing[i]));
        REQUIRE(!system(command));
    }
}

int main(int argc, char **argv)
{
    const double raw[12] = {-9999000, -8888000, 0, 1, 2.5}, packed[12] = {65535, 0, 1, 100}, scale = 0.01;
    const double dbz[12] = {255, 0, 64, 110};
    if (argc != 2)
        return 2;
    corpus = argv[1];
    put_weights("tiny");
    put_models();
    put_grib("simple", (struct small_grib){0}, false);
    put_grib("png", (struct small_grib){.png = true}, false);
    put_grib("gzip", (struct small_grib){.png = true}, true);
    put_grib("reflectivity", (struct small_grib){.category = 3, .number = 57}, false);
    small_odim_write(name("odim", "rate"), (struct small_odim){.value = raw});
    small_odim_write(name("odim", "dbzh"), (struct small_odim){.quantity = "DBZH", .type = NC_UBYTE, .value = dbz,
                                                               .gain = 0.5, .offset = -32, .nodata = 255, .strings = true});
    const double index[12] = {0, 50, 100, 255};
    small_odim_write(name("odim", "quality"), (struct small_odim){.value = raw, .quality = index});
    small_odim_write(name("odim", "qind"), (struct small_odim){.value = raw, .quality = index, .quality_at = 2});
    small_knmi_write(name("knmi", "sum"), (struct small_knmi){.value = packed});
    small_cf_write(name("cf", "classic"), (struct small_cf){.classic = true, .n = 2});
    small_cf_write(name("cf", "packed"), (struct small_cf){.type = NC_USHORT, .value = packed, .scale = &scale});
    small_cf_write(name("cf", "short"), (struct small_cf){.classic = true, .type = NC_SHORT, .scale = &scale,
                                                          .scalar_time = true, .is_unsigned = true});
    put_stack("one", "- name: radar\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 300]\n  reach_s: 300\n");
    put_stack("two", "- name: sat\n  about: seen\n  kind: satellite\n  channels: a b\n  slices_s: [0]\n  reach_s: 300\n"
                     "- name: place\n  kind: computed\n  channels: latitude\n  slices_s: [0]\n  coarser: 2\n  margin_km: 2\n");
    small_abi_write(name("abi", "cmip"), (struct small_abi){.band = 13});
    small_abi_write(name("abi", "mcmip"), (struct small_abi){0});
    small_glm_write(name("glm", "short"), false);
    small_glm_write(name("glm", "float"), true);
    small_nwcsaf_write(name("nwcsaf", "crr"));
    static const char *const both[][2] = {{"cf", "packed"}, {"abi", "cmip"}, {"glm", "short"}, {"glm", "float"}, {"nwcsaf", "crr"}};
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        put_classic(both[i][0], both[i][1]);
    small_mask_write(name("mask", "hdf"), NC_NETCDF4, "");
    small_mask_write(name("mask", "bytes"), NC_64BIT_DATA, "");
    static const struct small_cell word[] = {{0, 0, 0x2000 | 2500}, {1, 5, 0x8000}, {2, 3, 0x4001}, {9, 9, 0x1fff}};
    put_radolan("sum", (struct small_radolan){.n = 4, .cell = word});
    put_radolan("dbz", (struct small_radolan){.product = "RX", .n = 4, .cell = word});
    put_radolan("hour", (struct small_radolan){.product = "RW", .power = -1, .interval_min = 60});
    uint8_t head[400], *whole = malloc(SMALL_RADOLAN_ROOM);
    FILE *f = fopen(name("radolan", "head"), "wb"); /* for the text alone */
    REQUIRE(whole && f && small_radolan(whole, (struct small_radolan){.product = "RV", .forecast = true, .lead_min = 5,
                                                                      .version = 5, .rows = 1200, .columns = 1100}));
    memcpy(head, whole, sizeof head);
    REQUIRE(fwrite(head, 1, sizeof head, f) == sizeof head && !fclose(f));
    free(whole);
    put_archive("tar", "wbT");
    put_archive("tgz", "wb");
    return 0;
}
