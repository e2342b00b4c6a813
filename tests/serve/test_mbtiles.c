/* A file of tiles: the server's own, rows from the south, and nothing where it cannot be made. */
#include "small_site.h"

#include <sqlite3.h>

static char *exported(const struct sq_mbtiles_params *p, long long *ret_tiles)
{
    struct sq_err err = {0};
    REQUIRE_OK(sq_mbtiles_export(test_path("squall_20160711T2200Z.nc"), p, test_path("map.mbtiles"), ret_tiles, &err));
    return test_path("map.mbtiles");
}

static sqlite3_stmt *query(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &s, NULL))
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    return s;
}

static void tiles_are_those_of_the_server(void **state)
{
    (void)state;
    for (int g = 0; g < SMALL_GRIDS; g++) {
        struct sq_site *site = small_site_of(&small_grids[g]);
        const struct sq_mbtiles_params p = {.layer = "prob-2.3", .lead_s = 1200, .style = "radar", .zoom = {3, 7},
                                            .attribution = "who it is"};
        sqlite3 *db = NULL;
        long long tiles = 0, seen = 0;
        REQUIRE(!sqlite3_open(exported(&p, &tiles), &db));
        sqlite3_stmt *s = query(db, "SELECT * FROM tiles");
        for (; sqlite3_step(s) == SQLITE_ROW; seen++) {
            int z = sqlite3_column_int(s, 0), row = sqlite3_column_int(s, 2);
            char target[128];
            snprintf(target, sizeof target, "/tiles/prob-2.3/latest/20/%d/%d/%d.png?style=radar", z, sqlite3_column_int(s, 1),
                     (1 << z) - 1 - row);
            struct sq_response r = ask(site, target);
            REQUIRE(r.code == 200 && z >= 3 && z <= 7 && (int)r.n == sqlite3_column_bytes(s, 3));
            assert_memory_equal(r.body, sqlite3_column_blob(s, 3), r.n);
            sq_response_finish(&r);
        }
        sqlite3_finalize(s);
        REQUIRE(seen == tiles && tiles >= 5);
        s = query(db, "SELECT group_concat(name || '=' || value, ';') FROM metadata");
        REQUIRE(sqlite3_step(s) == SQLITE_ROW);
        const char *words = (const char *)sqlite3_column_text(s, 0);
        REQUIRE(strstr(words, "name=Probability of at least 2.3 mm/h;format=png;bounds=") && strstr(words, ";minzoom=3;maxzoom=7;"));
        REQUIRE(strstr(words, ";attribution=who it is;") && strstr(words, ";run=20160711T2200Z;valid=2016-07-11T22:20:00Z"));
        sqlite3_finalize(s);
        sqlite3_close(db);
        sq_site_destroy(&site);
        test_end(NULL);
    }
}

static void what_cannot_be_made_leaves_nothing(void **state)
{
    (void)state;
    const struct {
        int want;
        struct sq_mbtiles_params p;
    } bad[] = {
        {SQ_USAGE, {.layer = "fog", .style = "", .zoom = {1, 2}, .attribution = ""}},
        {SQ_USAGE, {.layer = "prob", .style = "loud", .zoom = {1, 2}, .attribution = ""}},
        {SQ_USAGE, {.layer = "prob", .style = "", .zoom = {3, 2}, .attribution = ""}},
        {SQ_USAGE, {.layer = "prob", .style = "", .zoom = {3, 13}, .attribution = ""}},
        {SQ_USAGE, {.layer = "prob", .lead_s = 60, .style = "", .zoom = {1, 2}, .attribution = ""}},
        {SQ_FAILED, {.layer = "prob-90", .style = "", .zoom = {1, 2}, .attribution = ""}},
    };
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sq_err err = {0};
        long long tiles;
        REQUIRE_STATUS(sq_mbtiles_export(test_path("squall_20160711T2200Z.nc"), &bad[i].p, test_path("map.mbtiles"), &tiles, &err),
                       bad[i].want);
        REQUIRE(err.text[0] && access(test_path("map.mbtiles"), F_OK));
    }
    struct sq_err err = {0};
    const struct sq_mbtiles_params p = {SQ_MBTILES_DEFAULTS};
    long long tiles;
    REQUIRE(sq_mbtiles_export(test_path("squall_20160711T2200Z.nc"), &p, test_path("none/map.mbtiles"), &tiles, &err));
    int names = 0;
    DIR *d = opendir(test_folder());
    REQUIRE(d);
    while (readdir(d))
        names++;
    closedir(d);
    assert_int_equal(names, 3); /* ., .., the forecast */
}

static void gdal_reads_it(void **state)
{
    (void)state;
    char command[512];
    long long tiles;
    const struct sq_mbtiles_params p = {.layer = "median", .style = "", .zoom = {4, 8}, .attribution = ""};
    if (system("gdalinfo --formats 2>/dev/null | grep -q MBTiles"))
        skip();
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    snprintf(command, sizeof command, "gdalinfo %s | grep -q 'Driver: MBTiles' && gdalinfo -checksum %s | grep -q 'ZOOM_LEVEL=8'",
             exported(&p, &tiles), test_path("map.mbtiles"));
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(tiles_are_those_of_the_server),
        CASE(what_cannot_be_made_leaves_nothing),
        CASE(gdal_reads_it),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
