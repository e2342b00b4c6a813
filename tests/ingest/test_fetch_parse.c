/* What squall fetch reads: data sets, names of keys, listings, indexes, and the files that arrive. */
#include "test.h"

#include "core/instant.h"
#include "fetch.h"

#include <zlib.h>

/* ---- data sets ------------------------------------------------------------------------------------------------ */

static void shipped_data_sets_know_their_keys(void **state)
{
    (void)state;
    static const struct {
        const char *name, *key, *time;
        int lead_h;
    } of[] = {
        {"mrms", "CONUS/PrecipRate_00.00/20260601/MRMS_PrecipRate_00.00_20260601-120200.grib2.gz", "2026-06-01T12:02:00Z", 0},
        {"opera", "2026/06/01/OPERA/COMP/OPERA@20260601T1215@0@RATE.h5", "2026-06-01T12:15:00Z", 0},
        {"opera-dbzh", "2026/06/01/OPERA/COMP/OPERA@20260601T1205@0@DBZH.h5", "2026-06-01T12:05:00Z", 0},
        {"goes19", "ABI-L2-MCMIPC/2026/152/12/OR_ABI-L2-MCMIPC-M6_G19_s20261521201177_e20261521203550_c20261521204067.nc",
         "2026-06-01T12:01:17Z", 0},
        {"goes18", "ABI-L2-MCMIPC/2024/366/23/OR_ABI-L2-MCMIPC-M6_G18_s20243662356177_e20243662358550_c20243662359067.nc",
         "2024-12-31T23:56:17Z", 0},
        {"hrrr", "hrrr.20260601/conus/hrrr.t12z.wrfsfcf08.grib2", "2026-06-01T12:00:00Z", 8},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        struct sq_dataset d;
        struct sq_err err = {0};
        int64_t t, want;
        int lead_h, unit_s;
        char prefix[1024];
        REQUIRE_OK(sq_dataset_read(of[i].name, NULL, &d, &err));
        REQUIRE_OK(sq_instant_parse(of[i].time, &want, &err));
        REQUIRE(!strncmp(d.url, "https://", 8) && d.about[0] && strcmp(d.check, "none"));
        REQUIRE(sq_pattern_match(d.key, of[i].key, &t, &lead_h) && t == want && lead_h == of[i].lead_h);
        REQUIRE(sq_pattern_prefix(d.key, t, prefix, sizeof prefix, &unit_s) && unit_s == 3600);
        REQUIRE(!strncmp(prefix, of[i].key, strlen(prefix)));
    }
}

static void require_dataset(const char *text, int want, const char *why)
{
    struct sq_dataset d;
    struct sq_err err = {0};
    REQUIRE_STATUS(sq_dataset_parse("a", "my.yaml", text, strlen(text), &d, &err), want);
    REQUIRE(!want || (strstr(err.text, why) && strstr(err.text, "my.yaml")));
}

static void wrong_data_sets_are_named(void **state)
{
    (void)state;
    require_dataset("- {name: a, url: 'https://h/b', key: '%Y%m%d'}", SQ_OK, NULL);
    require_dataset("- {name: b, url: 'https://h', key: '%Y%m%d'}", SQ_USAGE, "which has: b");
    require_dataset("- {name: a, url: 'ftp://h', key: '%Y%m%d'}", SQ_FAILED, "url must be");
    require_dataset("- {name: a, url: 'file:///etc', key: '%Y%m%d'}", SQ_FAILED, "url must be");
    require_dataset("- {name: a, url: 'https://h/?x', key: '%Y%m%d'}", SQ_FAILED, "url must be");
    require_dataset("- {name: a, key: '%Y%m%d'}", SQ_FAILED, "url must be");
    require_dataset("- {name: a, url: 'https://h'}", SQ_FAILED, "key must have a day");
    require_dataset("- {name: a, url: 'https://h', key: '*.%Y%m%d'}", SQ_FAILED, "key must have a day");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m/%q%d'}", SQ_FAILED, "key must have a day");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d*%H'}", SQ_FAILED, "followed by a character");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d', file: '../%Y'}", SQ_FAILED, "file must be");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d', file: '.x'}", SQ_FAILED, "file must be");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d', leads_h: [1]}", SQ_FAILED, "needs %L");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d', tries: 0}", SQ_FAILED, "tries");
    require_dataset("- {name: a, url: 'https://h', key: '%Y%m%d', check: md4}", SQ_FAILED, "check");
    require_dataset("- {name: a, host: 'https://h', key: '%Y%m%d'}", SQ_FAILED, "host");
    struct sq_dataset d;
    struct sq_err err = {0};
    const char *up = "- {name: '..', url: 'https://h', key: '%Y%m%d'}";
    REQUIRE_STATUS(sq_dataset_parse("..", "my.yaml", up, strlen(up), &d, &err), SQ_FAILED);
}

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

static void keys_match_in_one_way(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool fits;
    } of[] = {
        {"%Y%m%d", "20260601", true},        {"%Y%m%d", "20260631", false},     {"%Y%m%d", "2026061", false},
        {"%Y%m%d", "20260601x", false},      {"%Y%j", "2024366", true},         {"%Y%j", "2026366", false},
        {"%Y%j", "2026000", false},          {"%Y%m%d/%Y", "20260601/2026", true}, {"%Y%m%d/%Y", "20260601/2025", false},
        {"%Y%m%d%H", "2026060124", false},   {"%Y%m%d.*.x", "20260601.ab.x", true}, {"%Y%m%d.*.x", "20260601..x", true},
        {"%Y%m%d.*.x", "20260601.a/b.x", false}, {"%Y%m%d.*.x", "20260601.a.b.x", false}, {"%Y%m%d*", "20260601/", false},
        {"%Y%m%d*", "20260601whatever", true}, {"%Y%m%df%L.g", "20260601f08.g", true}, {"%Y%m%df%L.g", "20260601f108.g", true},
        {"%Y%m%df%L.g", "20260601f8.g", false}, {"%Y%m%df%L.g", "20260601f1008.g", false}, {"%Y%m%d%", "20260601", false},
        {"%Y%m%d", "", false},               {"", "", false},                   {"%Y%m%d", "+2026060", false},
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        int64_t t = -1;
        int lead_h = -1;
        if (sq_pattern_match(of[i].pattern, of[i].text, &t, &lead_h) != of[i].fits)
            fail_msg("%s and %s", of[i].pattern, of[i].text);
        REQUIRE(of[i].fits == (t != -1) && of[i].fits == (lead_h != -1));
    }
}

static void patterns_are_filled_in(void **state)
{
    (void)state;
    char out[64];
    int unit_s;
    int64_t t = sq_instant_civil(2024, 12, 31, 23, 4, 5);
    REQUIRE(sq_pattern_expand("%Y-%m-%d %j %H%M%S f%L", t, 7, out, sizeof out));
    assert_string_equal(out, "2024-12-31 366 230405 f07");
    REQUIRE(!sq_pattern_expand("%Y*", t, 7, out, sizeof out) && !sq_pattern_expand("%Y%", t, 7, out, sizeof out));
    REQUIRE(!sq_pattern_expand("%Y", t, 7, out, 4) && sq_pattern_expand("%Y", t, 7, out, 5));
    REQUIRE(sq_pattern_prefix("a/%Y%m%d/x%H%M", t, out, sizeof out, &unit_s) && unit_s == 3600);
    assert_string_equal(out, "a/20241231/x23");
    REQUIRE(sq_pattern_prefix("a/%Y%j/x*%H", t, out, sizeof out, &unit_s) && unit_s == 86400);
    assert_string_equal(out, "a/2024366/x");
    REQUIRE(!sq_pattern_prefix("a/%Y%m/x*%d", t, out, sizeof out, &unit_s));
}

static void only_plain_names_become_files(void **state)
{
    (void)state;
    static const char *const bad[] = {"", ".", "..", ".x", "-x", "a/b", "a\\b", "a b", "a\nb", "a\x1b[2J", "\xc3\xa4", "a:b", "~", "$x"};
    char longest[SQ_FETCH_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        REQUIRE(!sq_name_is_safe(bad[i]));
    memset(longest, 'a', sizeof longest);
    longest[SQ_FETCH_NAME_MAX] = 0;
    REQUIRE(!sq_name_is_safe(longest) && sq_name_is_safe(longest + 1));
    REQUIRE(sq_name_is_safe("OPERA@20260601T1215@0@RATE.h5") && sq_name_is_safe("MRMS_x_00.00_2026-1.grib2.gz"));
}

/* ---- listings ------------------------------------------------------------------------------------------------------ */

struct seen {
    int n;
    char key[8][64], etag[8][64];
    int64_t size[8];
};

static enum sq_status see(void *ctx, const struct sq_listed *item, struct sq_err *e)
{
    struct seen *s = ctx;
    if (s->n == 8)
        return sq_fail(e, SQ_FAILED, "eight are enough");
    snprintf(s->key[s->n], 64, "%s", item->key);
    snprintf(s->etag[s->n], 64, "%s", item->etag);
    s->size[s->n++] = item->size;
    return SQ_OK;
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define OBJECT(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"

static void a_listing_is_read(void **state)
{
    (void)state;
    static const char text[] =
        HEAD "<Name>noaa</Name><Prefix>a&amp;b/</Prefix><NextContinuationToken>1/+=&quot;&#x41;&#66;</NextContinuationToken>"
        "<KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>true</IsTruncated>\n  <Contents><Key>a&amp;b/1&#228;.gz</Key>"
        "<LastModified>2026-06-01T12:01:33.000Z</LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>"
        "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>1234567890123</Size><Owner><ID>7</ID></Owner>"
        "<StorageClass>STANDARD</StorageClass></Contents>" OBJECT("b", "0")
        "<CommonPrefixes><Prefix>c/</Prefix></CommonPrefixes><Empty/><Also a='1' b=\"2\" /></ListBucketResult>\n";
    struct seen s = {0};
    struct sq_err err = {0};
    char *next = NULL;
    REQUIRE_OK(sq_listing_parse("here", text, sizeof text - 1, see, &s, &next, &err));
    REQUIRE(s.n == 2 && s.size[0] == 1234567890123 && s.size[1] == 0);
    assert_string_equal(s.key[0], "a&b/1\xc3\xa4.gz");
    assert_string_equal(s.etag[0], "\"9b2cf535f27731c974343645a3985328\"");
    assert_string_equal(s.etag[1], "");
    assert_string_equal(next, "1/+=\"AB");
    free(next);
    static const char last[] = HEAD "<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken></ListBucketResult>";
    REQUIRE_OK(sq_listing_parse("here", last, sizeof last - 1, see, &s, &next, &err));
    REQUIRE(s.n == 2 && !next);
    for (size_t n = 0; n < sizeof text - 2; n++) /* cut anywhere, it is none */
        REQUIRE_STATUS(sq_listing_parse("here", text, n, see, &(struct seen){0}, &next, &err), SQ_FAILED);
}

static void what_is_no_listing_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "no", "<html></html>", "{}", HEAD, "<ListBucketResult>", "</ListBucketResult>", "<ListBucketResult/>x",
        "<ListBucketResult/><ListBucketResult/>", "<!DOCTYPE x><ListBucketResult/>", "<ListBucketResult><!-- x --></ListBucketResult>",
        "<ListBucketResult><![CDATA[x]]></ListBucketResult>", "<ListBucketResult><a></b></ListBucketResult>",
        "<ListBucketResult><a b></a></ListBucketResult>", "<ListBucketResult><a b=c></a></ListBucketResult>",
        "<ListBucketResult><a&gt;</a></ListBucketResult>", "<ListBucketResult>&unknown;</ListBucketResult>",
        "<ListBucketResult>&#0;</ListBucketResult>", "<ListBucketResult>&#xd800;</ListBucketResult>",
        "<ListBucketResult>&#-5;</ListBucketResult>", "<ListBucketResult>&amp</ListBucketResult>",
        "<ListBucketResult><Contents/></ListBucketResult>", "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        "<ListBucketResult>" OBJECT("", "1") "</ListBucketResult>", "<ListBucketResult>" OBJECT("a", "-1") "</ListBucketResult>",
        "<ListBucketResult>" OBJECT("a", "1e3") "</ListBucketResult>", "<ListBucketResult>" OBJECT("a", "") "</ListBucketResult>",
        "<ListBucketResult>" OBJECT("a", "99999999999999999999") "</ListBucketResult>",
        "<ListBucketResult>" OBJECT("a", "1125899906842625") "</ListBucketResult>",
        "<ListBucketResult><IsTruncated>perhaps</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken/></ListBucketResult>",
        "<a><ListBucketResult/></a>", "<ListBucketResult><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></ListBucketResult>",
        "<Error><Code>AccessDenied</Code></Error>", "<Error/>"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct seen s = {0};
        struct sq_err err = {0};
        char *next = NULL;
        if (sq_listing_parse("here", bad[i], strlen(bad[i]), see, &s, &next, &err) != SQ_FAILED)
            fail_msg("taken: %s", bad[i]);
        REQUIRE(err.text[0] && !strchr(err.text, '\n') && !next && s.n == 0);
    }
}

/* ---- indexes ------------------------------------------------------------------------------------------------------- */

/* As HRRR has them; message 3 holds two fields. */
static const char index_text[] = "1:0:d=2026071100:REFC:entire atmosphere:15 min fcst:\n"
                                 "2:100:d=2026071100:PRATE:surface:15 min fcst:\n"
                                 "3.1:250:d=2026071100:UGRD:500 mb:15 min fcst:\n"
                                 "3.2:250:d=2026071100:VGRD:500 mb:15 min fcst:\n"
                                 "4:300:d=2026071100:APCP:surface:0-1 hour acc fcst:\n"
                                 "5:420:d=2026071100:APCP:surface:0-15 min acc fcst:\n";
#define RUN 1783728000 /* 2026-07-11T00:00Z */

static int spans_of(const char *fields, struct sq_span *span, struct sq_err *e)
{
    int n = 0;
    return sq_index_spans("here", index_text, sizeof index_text - 1, 500, RUN, fields, span, &n, e) ? -1 : n;
}

static void spans_of_fields_are_found(void **state)
{
    (void)state;
    struct sq_span s[SQ_FETCH_SPANS_MAX];
    struct sq_err err = {0};
    REQUIRE(spans_of("PRATE:surface", s, &err) == 1 && s[0].first == 100 && s[0].last == 249);
    REQUIRE(spans_of("VGRD:500 mb", s, &err) == 1 && s[0].first == 250 && s[0].last == 299);
    REQUIRE(spans_of("APCP:surface", s, &err) == 1 && s[0].first == 300 && s[0].last == 499); /* to the end of the object */
    REQUIRE(spans_of("APCP:surface:*min acc fcst", s, &err) == 1 && s[0].first == 420 && s[0].last == 499);
    REQUIRE(spans_of("[UV]GRD:500 mb; PRATE:surface", s, &err) == 1 && s[0].first == 100 && s[0].last == 299); /* joined */
    REQUIRE(spans_of("APCP:surface:0-1 hour*;REFC:*", s, &err) == 2 && s[0].last == 99 && s[1].first == 300 && s[1].last == 419);
    REQUIRE(spans_of("REFC:entire atmosphere; NONE:surface", s, &err) == 1);
    REQUIRE(spans_of("NONE:surface", s, &err) < 0 && strstr(err.text, "none of the 1 fields"));
    REQUIRE(spans_of("PRATE", s, &err) < 0 && strstr(err.text, "PRATE"));
    REQUIRE(spans_of("", s, &err) < 0 && spans_of(" ; ;", s, &err) < 0);
}

/* ---- files that arrive ----------------------------------------------------------------------------------------------- */

static void require_check(const char *kind, const void *bytes, size_t n, int want)
{
    struct sq_err err = {0};
    FILE *f = fopen(test_path("arrived"), "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
    REQUIRE_STATUS(sq_fetch_check(test_path("arrived"), kind, &err), want);
    REQUIRE(!want == !err.text[0] && !strchr(err.text, '\n'));
}

static void files_are_whole_or_refused(void **state)
{
    (void)state;
    char bytes[2000];
    size_t n = 0;
    for (int member = 0; member < 2; member++) {
        z_stream z = {.next_in = (Bytef *)(uintptr_t)index_text, .avail_in = sizeof index_text, .next_out = (Bytef *)bytes + n,
                      .avail_out = (uInt)(sizeof bytes - n)};
        REQUIRE(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK && deflate(&z, Z_FINISH) == Z_STREAM_END);
        n += z.total_out;
        deflateEnd(&z);
    }
    require_check("gzip", bytes, n, SQ_OK);
    for (size_t cut = 0; cut < n; cut++)
        if (cut != n / 2 && cut != n / 2 + 1) /* zlib passes over a byte behind the first member */
            require_check("gzip", bytes, cut, SQ_FAILED);
    bytes[n - 6] ^= 1; /* in the checksum */
    require_check("gzip", bytes, n, SQ_FAILED);
    require_check("gzip", index_text, sizeof index_text, SQ_FAILED);
    char grib[60] = "GRIB\0\0\0\2\0\0\0\0\0\0\0\40............7777GRIB\0\0\34\1................7777";
    require_check("grib", grib, 60, SQ_OK);
    require_check("grib", grib, 32, SQ_OK);
    for (size_t cut = 0; cut < 60; cut++)
        if (cut != 32)
            require_check("grib", grib, cut, SQ_FAILED);
    grib[8] = '\xff'; /* longer than anything */
    require_check("grib", grib, 60, SQ_FAILED);
    require_check("hdf5", "\211HDF\r\n\032\n and so on", 18, SQ_OK);
    require_check("netcdf", "\211HDF\r\n\032\n and so on", 18, SQ_OK);
    require_check("netcdf", "CDF\1 and so on", 13, SQ_OK);
    require_check("hdf5", "CDF\1 and so on", 13, SQ_FAILED);
    require_check("hdf5", "", 0, SQ_FAILED);
    require_check("none", "", 0, SQ_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_data_sets_know_their_keys),
        cmocka_unit_test(wrong_data_sets_are_named),
        cmocka_unit_test(keys_match_in_one_way),
        cmocka_unit_test(patterns_are_filled_in),
        cmocka_unit_test(only_plain_names_become_files),
        cmocka_unit_test(a_listing_is_read),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(spans_of_fields_are_found),
        cmocka_unit_test(files_are_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
