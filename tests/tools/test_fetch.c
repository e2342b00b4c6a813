/* squall fetch against a stand-in for the buckets: what it brings, how it bears what goes wrong, and that nothing
 * half or damaged ever appears. */
#include "bucket.h"

#include <time.h>

#define HOUR "2026-06-01T13:10:00Z" /* --to: keys are of 12 and 13 o'clock */
enum { BIG = 400000 };

/* ---- what is in the bucket ------------------------------------------------------------------------------------ */

/* A bucket without objects and faults, and data sets that point there. */
static const char *begin(void)
{
    const char *path = test_path("fetch.yaml");
    FILE *f = fopen(path, "w");
    REQUIRE(f);
    standin_remove_all(server);
    test_remove(test_path("data"));
    fprintf(f, "- {name: radar, url: '%s', key: 'CONUS/%%Y%%m%%d/R_%%Y%%m%%d-%%H%%M%%S.gz', check: gzip, every_s: 120,"
               " parallel: 3, tries: 4, wait_s: 0.02, stall_s: 3, connect_s: 5, max_mb: 5}\n", standin_url(server));
    fprintf(f, "- {name: model, url: '%s', key: 'm.%%Y%%m%%d/m.t%%Hz.f%%L.grib2', file: 'm.%%Y%%m%%d%%H.f%%L.grib2',"
               " check: grib, leads_h: [0, 1], fields: 'PRATE:surface; UGRD:500 mb', every_s: 3600, tries: 3,"
               " wait_s: 0.02}\n", standin_url(server));
    fprintf(f, "- {name: any, url: '%s/', key: 'any/%%Y%%m%%d/*.x', tries: 2, wait_s: 0.02}\n", standin_url(server));
    fprintf(f, "- {name: odd, url: '%s', key: '%%Y/O@%%Y%%m%%dT%%H%%M@0@R+=,.h5', check: hdf5}\n", standin_url(server));
    fprintf(f, "- {name: nobody, url: 'http://127.0.0.1:1', key: '%%Y%%m%%d', tries: 2, wait_s: 0.02}\n");
    fclose(f);
    return path;
}

/* Bytes that do not shrink, in gzip; malloc'ed. */
static char *gzipped(unsigned seed, size_t n, size_t *ret_n)
{
    char *raw = malloc(n);
    uint64_t x = seed + 1;
    REQUIRE(raw);
    for (size_t i = 0; i < n; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        raw[i] = (char)(x >> 56);
    }
    char *out = bucket_gzip(raw, n, ret_n);
    free(raw);
    return out;
}

static const char *radar_key(int minute)
{
    static char key[64];
    snprintf(key, sizeof key, "CONUS/20260601/R_20260601-%02d%02d39.gz", 12 + minute / 60, minute % 60);
    return key;
}

static void put_radar(int minute, size_t n)
{
    size_t size;
    char *bytes = gzipped((unsigned)minute, n, &size);
    standin_put(server, radar_key(minute), bytes, size);
    free(bytes);
}

static const char *radar_path(int minute)
{
    char name[64];
    snprintf(name, sizeof name, "data/radar/R_20260601-%02d%02d39.gz", 12 + minute / 60, minute % 60);
    return test_path(name);
}

/* Whether what is here is what the bucket has. */
static void require_radar(int minute, size_t n)
{
    size_t size, got;
    char *want = gzipped((unsigned)minute, n, &size), *have = malloc(size + 1);
    FILE *f = fopen(radar_path(minute), "rb");
    REQUIRE(f && have);
    got = fread(have, 1, size + 1, f);
    fclose(f);
    REQUIRE(got == size && !memcmp(have, want, size));
    free(want);
    free(have);
}

#define FETCH(...) squall("fetch", "--datasets", test_path("fetch.yaml"), "-o", test_path("data"), "--to", HOUR, __VA_ARGS__)

static int visible(const char *set)
{
    char name[64];
    snprintf(name, sizeof name, "data/%s", set);
    return count_files(test_path(name), "", "") - count_files(test_path(name), ".", "");
}

static int parts(void)
{
    return count_files(test_path("data/radar"), ".squall_", ".part");
}

/* ---- what it brings --------------------------------------------------------------------------------------------- */

static void the_newest_is_brought_once(void **state)
{
    (void)state;
    begin();
    for (int minute = 50; minute < 80; minute += 2)
        put_radar(minute, 1000);
    const struct said *s = FETCH("radar");
    require_done(s);
    REQUIRE(lines(s->out) == 1 && strstr(s->out, "data/radar/R_20260601-130839.gz\n") && !s->err[0]);
    require_radar(68, 1000); /* that of 13:10:39 is later than --to */
    require_refusal(FETCH("radar"), 75, "nothing new");
    assert_int_equal(standin_count(server, "R_20260601-130839.gz"), 1);
    s = FETCH("radar", "-n", "8"); /* over the hour */
    require_done(s);
    assert_int_equal(lines(s->out), 7);
    require_radar(54, 1000);
    assert_int_equal(visible("radar"), 8);
    assert_int_equal(parts(), 0);
}

static void a_past_time_is_brought_whole(void **state)
{
    (void)state;
    begin();
    for (int minute = 0; minute < 80; minute += 2)
        put_radar(minute, 500);
    const struct said *s = FETCH("radar", "--from", "2026-06-01T12:00:39Z");
    require_done(s);
    assert_int_equal(lines(s->out), 35);
    REQUIRE(!s->err[0]);
    s = FETCH("radar", "--from", "2026-06-01T12:00:39Z");
    require_done(s); /* all of a time that is past is here: done */
    REQUIRE(!s->out[0]);
    require_refusal(squall("fetch", "--datasets", test_path("fetch.yaml"), "-o", test_path("data"), "--from",
                           "2026-06-02T00:00Z", "--to", "2026-06-02T06:00Z", "radar"), 75, "nothing from 2026-06-02");
    s = squall("fetch", "--datasets", test_path("fetch.yaml"), "-o", test_path("gaps"), "--from", "2026-06-01T11:00Z",
               "--to", "2026-06-01T12:10Z", "radar");
    require_done(s);
    REQUIRE(lines(s->out) == 5 && strstr(s->err, "5 of about 35"));
    require_refusal(FETCH("radar", "--from", "2026-06-03T00:00Z"), 2, "ends before it begins");
    require_refusal(FETCH("radar", "--from", "2016-06-03T00:00Z"), 2, "shorter time");
}

static void a_dry_run_writes_nothing(void **state)
{
    (void)state;
    begin();
    put_radar(4, 1000);
    put_radar(6, 1000);
    const struct said *s = FETCH("radar", "--dry-run", "-n", "2");
    require_done(s);
    REQUIRE(lines(s->out) == 2 && strstr(s->out, "http://127.0.0.1:") && strstr(s->out, "R_20260601-120439.gz "));
    REQUIRE(access(test_path("data"), F_OK) && standin_bytes(server) == 0);
}

static void listings_come_in_pages_and_any_order(void **state)
{
    (void)state;
    begin();
    for (int minute = 0; minute < 60; minute += 4)
        put_radar(minute, 300);
    standin_put(server, "CONUS/20260601/R_20260601-1256", "x", 1); /* these are none of the set */
    standin_put(server, "CONUS/20260601/R_20260601-125839.gz.idx", "x", 1);
    standin_put(server, "CONUS/20260601/R_20260601-126039.gz", "x", 1);
    standin_put(server, "CONUS/20260601/R_20260601-125739.gz", "", 0);
    standin_listing(server, 4, true);
    const struct said *s = FETCH("radar", "-n", "3");
    require_done(s);
    REQUIRE(lines(s->out) == 3 && strstr(s->out, "124839") && strstr(s->out, "125239") && strstr(s->out, "125639"));
    REQUIRE(standin_count(server, "prefix=CONUS/20260601/R_20260601-12") >= 4);
    for (int minute = 48; minute < 60; minute += 4)
        require_radar(minute, 300);
}

static void keys_may_have_odd_characters(void **state)
{
    (void)state;
    begin();
    standin_put(server, "2026/O@20260601T1300@0@R+=,.h5", "\211HDF\r\n\032\n", 8);
    require_done(FETCH("odd"));
    REQUIRE(!access(test_path("data/odd/O@20260601T1300@0@R+=,.h5"), R_OK));
}

static void several_at_a_time_but_no_more(void **state)
{
    (void)state;
    begin();
    for (int minute = 0; minute < 24; minute += 2)
        put_radar(minute, 20000);
    standin_fault(server, ".gz", STANDIN_SLOW, 20, -1);
    require_done(FETCH("radar", "-n", "12"));
    assert_int_equal(standin_most_at_once(server), 3);
    assert_int_equal(visible("radar"), 12);
}

/* One line that is written over, and cleared at the end; nothing where stderr is no terminal. */
static void progress_shows_on_a_terminal(void **state)
{
    (void)state;
    char text[8000] = "";
    size_t n = 0;
    begin();
    put_radar(4, BIG);
    standin_fault(server, ".gz", STANDIN_SLOW, 10, -1);
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), status;
    if (terminal < 0 || grantpt(terminal) || unlockpt(terminal) || access(ptsname(terminal), R_OK | W_OK))
        skip(); /* a root without /dev/pts */
    pid_t pid = fork();
    if (!pid) {
        dup2(open(ptsname(terminal), O_RDWR | O_NOCTTY), 2);
        dup2(open("/dev/null", O_WRONLY), 1);
        execl(getenv("SQUALL_PROGRAM"), "squall", "fetch", "--datasets", test_path("fetch.yaml"), "-o", test_path("data"),
              "--to", HOUR, "radar", (char *)NULL);
        _exit(99);
    }
    for (ssize_t k; n < sizeof text - 1 && (k = read(terminal, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)k; /* ends with EIO: nobody has the other side any more */
    close(terminal);
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
    REQUIRE(strstr(text, "squall: radar: 0 of 1 files, 0.1 of 0.4 MB") && !strchr(text, '\n'));
    REQUIRE(n > 4 && !strcmp(text + n - 4, "\r\033[K"));
}

static void too_much_is_refused_before_it_begins(void **state)
{
    (void)state;
    begin();
    for (int minute = 0; minute < 6; minute += 2)
        put_radar(minute, 2000000);
    require_refusal(FETCH("radar", "-n", "3"), 1, "more than 5 MB");
    REQUIRE(standin_bytes(server) == 0);
    require_done(FETCH("radar", "-n", "2"));
}

/* ---- what goes wrong and passes ----------------------------------------------------------------------------------- */

static void require_borne(enum standin_fault fault, int value, int times)
{
    begin();
    put_radar(4, BIG);
    standin_fault(server, ".gz", fault, value, times);
    require_done(FETCH("radar"));
    require_radar(4, BIG);
    assert_int_equal(visible("radar"), 1);
    assert_int_equal(parts(), 0);
    REQUIRE(standin_count(server, ".gz range=") > times || fault == STANDIN_SLOW);
}

static void what_passes_is_borne(void **state)
{
    (void)state;
    require_borne(STANDIN_SLOW, 1, 1);
    require_borne(STANDIN_STATUS, 500, 3);
    require_borne(STANDIN_STATUS, 429, 1);
    require_borne(STANDIN_REDIRECT, 0, 1);
    require_borne(STANDIN_SHORT, 0, 2);
    require_borne(STANDIN_LONG, 1000, 2);
    require_borne(STANDIN_DAMAGED, 0, 1);
}

/* A cut goes on where it was, and only with the object that it began with. */
static void a_cut_goes_on_where_it_was(void **state)
{
    (void)state;
    static const enum standin_fault kind[] = {STANDIN_CUT, STANDIN_RESET, STANDIN_STALL};
    for (int i = 0; i < 3; i++) {
        require_borne(kind[i], 6000, 1);
        assert_int_equal(standin_count(server, "range=bytes="), 1);
        assert_int_equal(standin_count(server, "range=bytes=0-"), 0);
        assert_int_equal(standin_count(server, "if-match=\""), 1);
        REQUIRE(standin_bytes(server) < BIG + BIG / 4);
    }
    begin(); /* a server that gives the whole again, and one that gives other bytes than were asked */
    put_radar(4, BIG);
    standin_fault(server, "range= ", STANDIN_CUT, 0, 1);
    standin_fault(server, "range=bytes", STANDIN_NO_RANGES, 0, 1);
    require_done(FETCH("radar"));
    require_radar(4, BIG);
    begin();
    put_radar(4, BIG);
    standin_fault(server, "range= ", STANDIN_CUT, 0, 1);
    standin_fault(server, "range=bytes", STANDIN_WRONG_RANGE, 0, 1);
    require_done(FETCH("radar"));
    require_radar(4, BIG);
}

static void retry_after_is_kept_to(void **state)
{
    (void)state;
    struct timespec a, b;
    begin();
    put_radar(4, 1000);
    put_radar(6, 1000);
    standin_fault(server, "1204", STANDIN_RETRY_AFTER, 2, 1);
    clock_gettime(CLOCK_MONOTONIC, &a);
    require_done(FETCH("radar", "-n", "2"));
    clock_gettime(CLOCK_MONOTONIC, &b);
    REQUIRE(b.tv_sec - a.tv_sec >= 1 && (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec) > 1.9);
    begin();
    put_radar(4, 1000);
    standin_fault(server, "1204", STANDIN_RETRY_AFTER, 3600, 1);
    require_refusal(FETCH("radar"), 1, "3600 s");
}

/* ---- what goes wrong and stays ---------------------------------------------------------------------------------- */

static void what_lasts_is_named(void **state)
{
    (void)state;
    begin();
    for (int minute = 0; minute < 6; minute += 2)
        put_radar(minute, 1000);
    standin_fault(server, "120239.gz", STANDIN_STATUS, 500, -1);
    const struct said *s = FETCH("radar", "-n", "3"); /* the others are brought */
    REQUIRE(s->code == 1 && lines(s->out) == 2 && strstr(s->err, "1 of 3") && strstr(s->err, "120239.gz: HTTP 500; given up after 4 tries"));
    standin_heal(server);
    standin_fault(server, "120239.gz", STANDIN_STATUS, 403, -1);
    require_refusal(FETCH("radar", "-n", "3"), 1, "HTTP 403");
    assert_int_equal(standin_count(server, "120239.gz"), 5); /* not tried again */
    standin_heal(server);
    standin_fault(server, "120239.gz", STANDIN_STATUS, 301, -1); /* a bucket of another region */
    require_refusal(FETCH("radar", "-n", "3"), 1, "HTTP 301 to nowhere");
    assert_int_equal(standin_count(server, "120239.gz"), 6);
    standin_heal(server);
    standin_fault(server, "120239.gz", STANDIN_STATUS, 404, -1);
    require_refusal(FETCH("radar", "-n", "3"), 75, "not there");
    standin_heal(server);
    standin_fault(server, "120239.gz", STANDIN_DAMAGED, 0, -1);
    require_refusal(FETCH("radar", "-n", "3"), 1, "is damaged");
    assert_int_equal(visible("radar"), 2);
    assert_int_equal(parts(), 0);
    standin_heal(server);
    require_done(FETCH("radar", "-n", "3"));
    require_refusal(FETCH("nobody"), 1, "127.0.0.1:1");
}

static void broken_listings_are_named(void **state)
{
    (void)state;
    begin();
    put_radar(4, 1000);
    standin_fault(server, "prefix=", STANDIN_STATUS, 503, 1); /* "SlowDown" */
    standin_fault(server, "prefix=", STANDIN_CUT, 0, 2);
    require_done(FETCH("radar"));
    standin_fault(server, "prefix=", STANDIN_SHORT, 0, -1);
    require_refusal(FETCH("radar"), 1, "listing is broken");
    standin_heal(server);
    standin_fault(server, "prefix=", STANDIN_STATUS, 404, -1);
    require_refusal(FETCH("radar"), 1, "HTTP 404");
    standin_heal(server);
    standin_listing_text(server, "<html>come in</html>");
    require_refusal(FETCH("radar"), 1, "none of S3");
    standin_listing_text(server, "<Error><Code>NoSuchBucket</Code></Error>");
    require_refusal(FETCH("radar"), 1, "NoSuchBucket");
    standin_listing_text(server, "<ListBucketResult><IsTruncated>true</IsTruncated>"
                                 "<NextContinuationToken>again</NextContinuationToken></ListBucketResult>");
    require_refusal(FETCH("radar"), 1, "does not end");
}

/* Keys are somebody else's text. */
static void no_key_leaves_the_folder(void **state)
{
    (void)state;
    begin();
    standin_put(server, "any/20260601/..x", "evil", 4);
    standin_put(server, "any/20260601/.x", "evil", 4);
    standin_put(server, "any/20260601/../../../evil.x", "evil", 4);
    standin_put(server, "any/20260601/a b\\c;$(d).x", "evil", 4);
    standin_put(server, "any/20260601/-rf.x", "evil", 4);
    standin_put(server, "any/20260601/fine.x", "fine", 4);
    const struct said *s = FETCH("any", "--from", "2026-06-01T00:00Z");
    require_done(s);
    REQUIRE(lines(s->out) == 1 && strstr(s->out, "/data/any/fine.x\n"));
    assert_int_equal(visible("any"), 1);
    assert_int_equal(count_files(test_path(""), "evil", ""), 0);
    assert_int_equal(count_files(test_path("data"), "evil", ""), 0);
}

static void what_is_in_the_way_is_named(void **state)
{
    (void)state;
    begin();
    put_radar(4, 1000);
    mkdir(test_path("data"), 0700);
    mkdir(test_path("data/radar"), 0700);
    mkdir(radar_path(4), 0700);
    require_refusal(FETCH("radar"), 1, "in the way");
    rmdir(radar_path(4));
    FILE *f = fopen(radar_path(4), "w"); /* cut by somebody else: not as long as the object */
    fputs("half", f);
    fclose(f);
    require_done(FETCH("radar"));
    require_radar(4, 1000);
    require_refusal(FETCH("rain"), 2, "no data set 'rain'");
    require_refusal(FETCH("radar", "-n", "2", "--from", "2026-06-01T12:00Z"), 2, "exclude one another");
    require_refusal(squall("fetch", "radar"), 2, "-o DIR is missing");
    require_refusal(squall("fetch", "radar", "-o", test_path("fetch.yaml"), "--datasets", test_path("fetch.yaml")), 1,
                    "folder not made");
}

/* ---- an end at any moment ------------------------------------------------------------------------------------------ */

/* Starts a fetch of one slow object, and waits until part of it is here. */
static pid_t start_slowly(void)
{
    const struct timespec moment = {0, 5000000};
    standin_fault(server, ".gz", STANDIN_SLOW, 10, -1); /* 400 kB take a second */
    pid_t pid = start(NULL, (const char *const[]){"fetch", "--datasets", test_path("fetch.yaml"), "-o", test_path("data"),
                                                  "--to", HOUR, "radar", NULL});
    for (int i = 0; i < 4000 && standin_bytes(server) < BIG / 4; i++)
        nanosleep(&moment, NULL);
    REQUIRE(standin_bytes(server) >= BIG / 4);
    return pid;
}

static void a_kill_half_way_is_made_good(void **state)
{
    (void)state;
    begin();
    put_radar(4, BIG);
    pid_t pid = start_slowly();
    kill(pid, SIGKILL);
    assert_int_equal(wait_for(pid)->code, -1);
    assert_int_equal(visible("radar"), 0);
    assert_int_equal(parts(), 1);
    standin_heal(server);
    require_done(FETCH("radar"));
    require_radar(4, BIG);
    assert_int_equal(parts(), 0);
    assert_int_equal(standin_count(server, "range=bytes="), 1); /* from where it was */
    assert_int_equal(standin_count(server, "range=bytes=0-"), 0);
}

static void an_interrupt_keeps_what_came(void **state)
{
    (void)state;
    begin();
    put_radar(4, BIG);
    pid_t pid = start_slowly();
    kill(pid, SIGTERM);
    require_refusal(wait_for(pid), 1, "interrupted");
    assert_int_equal(parts(), 1);
    put_radar(4, BIG / 2); /* another object by now: what came is of no use */
    standin_heal(server);
    require_done(FETCH("radar"));
    require_radar(4, BIG / 2);
    assert_int_equal(standin_count(server, "range=bytes="), 0);
}

static void two_do_not_work_in_one_folder(void **state)
{
    (void)state;
    begin();
    put_radar(4, BIG);
    pid_t pid = start_slowly();
    require_refusal(FETCH("radar"), 75, "another squall fetch");
    int status;
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status));
    require_radar(4, BIG);
}

/* ---- fields of a model ---------------------------------------------------------------------------------------------- */

/* A message that says "GRIB", edition 2, its length, and "7777"; filled with `fill`. */
static size_t put_message(char *out, size_t n, char fill)
{
    memset(out, fill, n);
    memcpy(out, "GRIB\0\0\0\2\0\0\0\0\0\0", 14);
    out[14] = (char)(n >> 8);
    out[15] = (char)n;
    memcpy(out + n - 4, "7777", 4);
    return n;
}

/* Five messages, of 1000, 2000, ... bytes; wanted are the second, the third and the last. */
static void put_run(int hour, int lead)
{
    static const char *const field[] = {"TMP:2 m above ground", "PRATE:surface", "UGRD:500 mb", "UGRD:850 mb", "PRATE:surface"};
    char bytes[16000], key[64], text[1000] = "";
    size_t n = 0;
    for (int i = 0; i < 5; i++) {
        sprintf(text + strlen(text), "%d:%zu:d=20260601%02d:%s:%d hour fcst%d:\n", i + 1, n, hour, field[i], lead, i);
        n += put_message(bytes + n, 1000 * (size_t)(i + 1), (char)('a' + i));
    }
    snprintf(key, sizeof key, "m.20260601/m.t%02dz.f%02d.grib2", hour, lead);
    standin_put(server, key, bytes, n);
    strcat(key, ".idx");
    standin_put(server, key, text, strlen(text));
}

static void require_fields(const char *name)
{
    char want[10000], have[16000];
    size_t n = put_message(want, 2000, 'b');
    n += put_message(want + n, 3000, 'c');
    n += put_message(want + n, 5000, 'e');
    FILE *f = fopen(test_path(name), "rb");
    REQUIRE(f && fread(have, 1, sizeof have, f) == n && !memcmp(have, want, n));
    fclose(f);
}

static void only_the_wanted_fields_of_a_model_are_fetched(void **state)
{
    (void)state;
    begin();
    put_run(11, 0);
    put_run(11, 1);
    put_run(11, 2);
    put_run(12, 0); /* this run is not complete yet */
    const struct said *s = FETCH("model");
    require_done(s);
    REQUIRE(lines(s->out) == 2 && strstr(s->out, "/model/m.2026060111.f00.grib2\n") && strstr(s->out, "f01.grib2\n"));
    require_fields("data/model/m.2026060111.f00.grib2");
    require_fields("data/model/m.2026060111.f01.grib2");
    REQUIRE(standin_count(server, "m.t11z.f00.grib2 range=bytes=1000-5999 ") == 1);
    REQUIRE(standin_count(server, "m.t11z.f00.grib2 range=bytes=10000-14999 ") == 1);
    assert_int_equal(standin_count(server, ".f02.grib2"), 0);
    require_refusal(FETCH("model"), 75, "nothing new");
    assert_int_equal(standin_count(server, ".f00.grib2.idx"), 1); /* nor is the index asked for again */
    put_run(12, 1);
    standin_fault(server, "t12z.f01.grib2.idx", STANDIN_STATUS, 404, 1);
    require_refusal(FETCH("model"), 75, ".f01.grib2.idx");
    standin_fault(server, "bytes=10000-14999", STANDIN_CUT, 0, 1);
    require_done(FETCH("model"));
    require_fields("data/model/m.2026060112.f01.grib2");
    put_run(13, 0);
    put_run(13, 1);
    standin_fault(server, "t13z.f00.grib2 range", STANDIN_NO_RANGES, 0, -1);
    s = FETCH("model"); /* that would be all of it, which may be large */
    REQUIRE(s->code == 1 && strstr(s->err, "1 of 2") && strstr(s->err, "no ranges of bytes"));
    require_fields("data/model/m.2026060113.f01.grib2");
}

static void a_wrong_index_is_refused(void **state)
{
    (void)state;
    static const char *const text[] = {"", "1:0:d=2026060112:TMP:surface:anl:\n", "1:0:d=2026060111:PRATE:surface:anl:\n",
                                       "1:0:d=2026060112:PRATE:surface:anl:\n2:99999:d=2026060112:TMP:surface:anl:\n",
                                       "<html>", "1:500:d=2026060112:PRATE:surface:anl:\n2:90:d=2026060112:UGRD:500 mb:anl:\n",
                                       "1:10:d=2026060112:PRATE:surface:anl:\n"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        begin();
        put_run(12, 0);
        put_run(12, 1);
        standin_put(server, "m.20260601/m.t12z.f01.grib2.idx", text[i], strlen(text[i]));
        const struct said *s = FETCH("model");
        REQUIRE(s->code == 1 && strstr(s->err, "m.t12z.f01.grib2"));
        REQUIRE(access(test_path("data/model/m.2026060112.f01.grib2"), F_OK));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_is_brought_once),
        cmocka_unit_test(a_past_time_is_brought_whole),
        cmocka_unit_test(a_dry_run_writes_nothing),
        cmocka_unit_test(listings_come_in_pages_and_any_order),
        cmocka_unit_test(keys_may_have_odd_characters),
        cmocka_unit_test(progress_shows_on_a_terminal),
        cmocka_unit_test(several_at_a_time_but_no_more),
        cmocka_unit_test(too_much_is_refused_before_it_begins),
        cmocka_unit_test(what_passes_is_borne),
        cmocka_unit_test(a_cut_goes_on_where_it_was),
        cmocka_unit_test(retry_after_is_kept_to),
        cmocka_unit_test(what_lasts_is_named),
        cmocka_unit_test(broken_listings_are_named),
        cmocka_unit_test(no_key_leaves_the_folder),
        cmocka_unit_test(what_is_in_the_way_is_named),
        cmocka_unit_test(a_kill_half_way_is_made_good),
        cmocka_unit_test(an_interrupt_keeps_what_came),
        cmocka_unit_test(two_do_not_work_in_one_folder),
        cmocka_unit_test(only_the_wanted_fields_of_a_model_are_fetched),
        cmocka_unit_test(a_wrong_index_is_refused),
    };
    return cmocka_run_group_tests(tests, bucket_set_up, bucket_tear_down);
}
