/* The stack: definitions, grids, which frame serves a plane, and builds from files. */
#include "small_grib.h"

#include "stack_parts.h"

#include "core/instant.h"
#include "core/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

static int begin(void **state)
{
    (void)state;
    sq_log_level(SQ_LOG_ERROR);
    return 0;
}

/* ---- definitions --------------------------------------------------------------------------------------- */

static struct sq_stack_def *parse(const char *text)
{
    struct sq_err err = {0};
    struct sq_stack_def *def = malloc(sizeof *def);
    REQUIRE(def);
    REQUIRE_OK(sq_stack_def_parse("small.yaml", text, strlen(text), def, &err));
    return def;
}

static void the_definition_that_comes_along_is_metnet2(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_stack_def *def = malloc(sizeof *def);
    struct sq_stack s = {0};
    const struct sq_grid target = {512, 512, -255500, 255500, 1000, 1000, "+proj=laea +lat_0=35 +lon_0=-97 +datum=WGS84"};
    REQUIRE(def);
    REQUIRE_OK(sq_stack_def_read("metnet2", def, &err));
    assert_string_equal(def->name, "metnet2");
    REQUIRE_OK(sq_stack_init(&s, def, &target, 1560128400, &err));
    const int radar = sq_stack_find_source(def, "radar"), sat = sq_stack_find_source(def, "satellite");
    const int model = sq_stack_find_source(def, "model");
    REQUIRE(radar >= 0 && sat >= 0 && model >= 0 && sq_stack_find_source(def, "lidar") < 0);
    assert_int_equal(def->source[sat].n_channels, 16);
    assert_int_equal(def->source[sat].n_slices, 13);
    assert_int_equal(def->source[model].n_channels, 12);
    assert_int_equal(s.n_grids, 2);
    REQUIRE(s.grid_of[radar] == 0 && s.grid_of[sat] == 1);
    /* 2048 km in 4 km cells round the same middle, edges on edges */
    const struct sq_grid *c = &s.grid[1].grid;
    REQUIRE(c->nx == 512 && c->ny == 512 && c->dx == 4000 && s.grid[1].margin[0] == 192 && s.grid[1].margin[1] == 192);
    REQUIRE_NEAR(c->x0 - 2000, -1024000, 1e-6); /* metres, rounding alone */
    REQUIRE_NEAR(c->y0 + 2000, 1024000, 1e-6);
    assert_int_equal(s.n_planes, 13 + 13 + 16 * 13 + 12 * 13 + 3 + 5);
    sq_stack_finish(&s);
    free(def);
}

static void faults_of_definitions_are_named(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"- name: a\n  kind: radar\n  slices_s: [0]\n  reach_s: 9\n", "channels"},
        {"- name: a\n  kind: radar\n  channels: r\n  reach_s: 9\n", "slices_s"},
        {"- name: a\n  kind: radar\n  channels: r\n  slices_s: [0]\n", "reach_s"},
        {"- name: a\n  kind: radar\n  channels: r r\n  slices_s: [0]\n  reach_s: 9\n", "'r'"},
        {"- name: a\n  kind: radar\n  channels: r\n  slices_s: [-60, 0]\n  reach_s: 9\n", "after the issue"},
        {"- name: a\n  kind: radar\n  channels: r\n  slices_s: [0, 60]\n  reach_s: 9\n  latency_s: 120\n", "same frame"},
        {"- name: a\n  kind: lidar\n  channels: r\n  slices_s: [0]\n  reach_s: 9\n", "lidar"},
        {"- name: a\n  channels: r\n  slices_s: [0]\n  reach_s: 9\n", "kind"},
        {"- name: A\n  kind: radar\n  channels: r\n  slices_s: [0]\n  reach_s: 9\n", "small letters"},
        {"- kind: radar\n  channels: r\n  slices_s: [0]\n  reach_s: 9\n", "name"},
        {"- name: a\n  kind: computed\n  channels: latitude\n  slices_s: [0]\n  reach_s: 9\n", "neither"},
        {"- name: a\n  kind: model\n  channels: r\n  slices_s: [0]\n", "reach_s"},
        {"- name: a\n  kind: computed\n  channels: b\n  slices_s: [0]\n- name: a\n  kind: computed\n  channels: b\n"
         "  slices_s: [0]\n", "twice"},
        {"[]", "no source"},
    };
    struct sq_stack_def *def = malloc(sizeof *def);
    REQUIRE(def);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct sq_err err = {0};
        REQUIRE_STATUS(sq_stack_def_parse("bad.yaml", wrong[i][0], strlen(wrong[i][0]), def, &err), SQ_FAILED);
        if (!strstr(err.text, wrong[i][1]) || strncmp(err.text, "bad.yaml", 8))
            fail_msg("%s: %s", wrong[i][1], err.text);
    }
    free(def);
}

static void slices_sit_on_the_clock(void **state)
{
    (void)state;
    const struct sq_stack_source s = {.n_slices = 3, .slice_s = {0, 450, 900}, .clock_s = 450};
    assert_int_equal(sq_stack_valid_time(&s, 0, 9120), 9120); /* the newest is not moved */
    assert_int_equal(sq_stack_valid_time(&s, 1, 9120), 8550);
    assert_int_equal(sq_stack_valid_time(&s, 1, 9449), 8550); /* holds until the clock strikes */
    assert_int_equal(sq_stack_valid_time(&s, 1, 9450), 9000);
    assert_int_equal(sq_stack_valid_time(&s, 2, 9120), 8100);
    assert_int_equal(sq_stack_valid_time(&s, 1, -100), -900); /* before 1970: back, too */
}

/* ---- which frame --------------------------------------------------------------------------------------- */

enum { FRAMES = 16 };

/* Frames of one kind and channel at these times, of these runs (NULL: observations). */
struct frames {
    struct sq_frame_info info[FRAMES];
    const struct sq_frame_info *at[FRAMES];
    bool broken[FRAMES];
    int n;
};

static struct frames *frames_of(enum sq_kind kind, const char *channel, int n, const int64_t *time, const int64_t *run)
{
    static struct frames f;
    f = (struct frames){.n = n};
    for (int i = 0; i < n; i++) {
        f.info[i] = (struct sq_frame_info){.kind = kind, .time = time[i], .reference_time = run ? run[i] : time[i]};
        strcpy(f.info[i].channel, channel);
        f.at[i] = &f.info[i];
    }
    return &f;
}

static struct sq_pick pick(const struct frames *f, const struct sq_stack_source *s, int64_t valid, int64_t at)
{
    return sq_stack_pick(f->at, f->broken, f->n, s, "rain_rate", valid, at);
}

#define REQUIRE_PICK(p, reason, a, b)                                                                                  \
    do {                                                                                                               \
        struct sq_pick p_ = (p);                                                                                       \
        if (p_.why != (reason) || p_.frame[0] != (a) || p_.frame[1] != (b))                                            \
            fail_msg("%s:%d: %s: %s, frames %d and %d", __FILE__, __LINE__, #p, sq_stack_why_name(p_.why), p_.frame[0], \
                     p_.frame[1]);                                                                                     \
    } while (0)

static void an_observation_is_used_once_it_can_be_there(void **state)
{
    (void)state;
    const int64_t time[] = {0, 300, 600, 900, 1800};
    struct frames *f = frames_of(SQ_KIND_RADAR, "rain_rate", 5, time, NULL);
    struct sq_stack_source s = {.kind = SQ_STACK_RADAR, .reach_s = 300};
    REQUIRE_PICK(pick(f, &s, 900, 900), SQ_STACK_USED, 3, -1);
    REQUIRE_PICK(pick(f, &s, 899, 900), SQ_STACK_USED, 2, -1); /* nothing later than the slice */
    s.latency_s = 120;
    REQUIRE_PICK(pick(f, &s, 900, 900), SQ_STACK_USED, 2, -1);
    REQUIRE_PICK(pick(f, &s, 1019, 1019), SQ_STACK_USED, 2, -1); /* a second too early */
    REQUIRE_PICK(pick(f, &s, 1020, 1020), SQ_STACK_USED, 3, -1);
    REQUIRE_PICK(pick(f, &s, 600, 1020), SQ_STACK_USED, 2, -1); /* an older slice: latency is no matter */
    /* a gap stays one: the frame of 900 is too old at 1320, that of 1800 has not come at 1919 */
    REQUIRE_PICK(pick(f, &s, 1319, 1319), SQ_STACK_USED, 3, -1);
    REQUIRE_PICK(pick(f, &s, 1320, 1320), SQ_STACK_NONE, -1, -1);
    REQUIRE_PICK(pick(f, &s, 1919, 1919), SQ_STACK_LATE, -1, -1);
    REQUIRE_PICK(pick(f, &s, 1500, 1919), SQ_STACK_NONE, -1, -1);
    REQUIRE_PICK(pick(f, &s, 1920, 1920), SQ_STACK_USED, 4, -1);
    REQUIRE_PICK(pick(f, &s, -1, -1), SQ_STACK_NONE, -1, -1);
    /* of another kind or channel: none */
    s.kind = SQ_STACK_SATELLITE;
    REQUIRE_PICK(pick(f, &s, 1920, 1920), SQ_STACK_NONE, -1, -1);
    s.kind = SQ_STACK_RADAR;
    REQUIRE(sq_stack_pick(f->at, f->broken, f->n, &s, "abi13", 1920, 1920).why == SQ_STACK_NONE);
}

static void a_broken_frame_makes_room_for_the_one_before(void **state)
{
    (void)state;
    const int64_t time[] = {0, 300, 600};
    struct frames *f = frames_of(SQ_KIND_RADAR, "rain_rate", 3, time, NULL);
    struct sq_stack_source s = {.kind = SQ_STACK_RADAR, .reach_s = 400};
    f->broken[2] = true;
    REQUIRE_PICK(pick(f, &s, 600, 600), SQ_STACK_USED, 1, -1);
    f->broken[1] = true;
    REQUIRE_PICK(pick(f, &s, 600, 600), SQ_STACK_BROKEN, -1, -1);
}

static void the_newest_run_that_is_there_serves(void **state)
{
    (void)state;
    enum { H = 3600 };
    const int64_t time[] = {0, H, H, 2 * H, 2 * H, 2 * H, 3 * H, 3 * H};
    const int64_t run[] = {0, H, 0, 2 * H, H, 0, 2 * H, H};
    struct frames *f = frames_of(SQ_KIND_MODEL, "rain_rate", 8, time, run);
    struct sq_stack_source s = {.kind = SQ_STACK_MODEL, .latency_s = 3000, .reach_s = 6 * H};
    struct sq_pick p = pick(f, &s, 2 * H + 900, 2 * H + 2999); /* the run of 2 H is a second short of there */
    REQUIRE_PICK(p, SQ_STACK_USED, 4, 7);
    REQUIRE_NEAR(p.weight, 0.25, 1e-7); /* of the later lead: a quarter of the way */
    REQUIRE_PICK(pick(f, &s, 2 * H + 900, 2 * H + 3000), SQ_STACK_USED, 3, 6);
    REQUIRE_PICK(pick(f, &s, 2 * H, 2 * H + 3000), SQ_STACK_USED, 3, -1); /* a lead of its own */
    REQUIRE_PICK(pick(f, &s, 2 * H - 900, 2 * H + 3000), SQ_STACK_USED, 1, 4); /* before the newest run began */
    REQUIRE_PICK(pick(f, &s, 3 * H, 2 * H + 3000), SQ_STACK_USED, 6, -1); /* a forecast for later */
    REQUIRE_PICK(pick(f, &s, 3 * H + 1, 2 * H + 3000), SQ_STACK_NONE, -1, -1); /* beyond the leads that came */
    f->broken[6] = true;
    REQUIRE_PICK(pick(f, &s, 2 * H + 900, 2 * H + 3000), SQ_STACK_USED, 4, 7);
    s.reach_s = H; /* older runs are too old, and the newest one is not there */
    REQUIRE_PICK(pick(f, &s, 2 * H + 900, 2 * H + 2999), SQ_STACK_LATE, -1, -1);
    s.reach_s = 6 * H;
    REQUIRE_PICK(pick(f, &s, 900, 2999), SQ_STACK_LATE, -1, -1);
}

static void an_amount_is_that_of_its_interval(void **state)
{
    (void)state;
    const int64_t time[] = {3600, 7200}, run[] = {0, 0};
    struct frames *f = frames_of(SQ_KIND_MODEL, "rain_rate", 2, time, run);
    struct sq_stack_source s = {.kind = SQ_STACK_MODEL, .reach_s = 86400};
    f->info[0].interval_s = f->info[1].interval_s = 3600;
    REQUIRE_PICK(pick(f, &s, 3600, 9000), SQ_STACK_USED, 0, -1);
    REQUIRE_PICK(pick(f, &s, 3601, 9000), SQ_STACK_USED, 1, -1);
    REQUIRE_PICK(pick(f, &s, 1, 9000), SQ_STACK_USED, 0, -1);
    REQUIRE_PICK(pick(f, &s, 0, 9000), SQ_STACK_NONE, -1, -1);
    REQUIRE_PICK(pick(f, &s, 7201, 9000), SQ_STACK_NONE, -1, -1);
}

/* ---- builds -------------------------------------------------------------------------------------------- */

#define T0 1560124800 /* 2019-06-10T00:00Z, of small_grib */

/* Frames every 2 minutes from 00:00 on, one a file; the first cell holds the minute / 10. A PNG that is spoilt has a head alone. */
static void write_radar(int minute, bool spoil, double first)
{
    uint8_t bytes[GRIB_ROOM];
    size_t at[8];
    char name[32];
    double value[GRIB_CELLS];
    for (int i = 0; i < GRIB_CELLS; i++)
        value[i] = i ? i : first;
    const size_t n = small_grib(bytes, (struct small_grib){.minute = minute, .png = spoil, .spoil = spoil, .value = value}, at);
    snprintf(name, sizeof name, "r%02d.grib2", minute);
    FILE *f = fopen(test_path(name), "wb");
    REQUIRE(f && fwrite(bytes, 1, n, f) == n && !fclose(f));
}

static const char *const two_sources =
    "- name: radar\n  kind: radar\n  channels: rain_rate\n  slices_s: [0, 240, 480]\n  latency_s: 120\n  reach_s: 240\n"
    "- name: sat\n  kind: satellite\n  channels: abi13\n  slices_s: [0, 300]\n  latency_s: 300\n  reach_s: 300\n"
    "- name: place\n  kind: computed\n  channels: latitude elevation sun_elevation\n  slices_s: [0]\n"
    "  coarser: 2\n  margin_km: 5\n";

static struct sq_stacker *open_stacker(const struct sq_stack_def *def, const char *cache, int workers)
{
    struct sq_err err = {0};
    struct sq_stacker *s = NULL;
    const struct sq_stacker_params p = {.def = def, .read = SQ_READ_PARAMS_DEFAULT, .cache = cache, .workers = workers};
    REQUIRE_OK(sq_stacker_open(&p, &s, &err));
    return s;
}

static struct sq_stack build(struct sq_stacker *s, int64_t at)
{
    struct sq_err err = {0};
    struct sq_stack stack = {0};
    char *path = test_folder();
    REQUIRE_OK(sq_stacker_build(s, &path, 1, at, &stack, &err));
    return stack;
}

/* The first cell of a plane, which is there; -1: it is not. */
static double first_of(const struct sq_stack *s, int source, int slice)
{
    const struct sq_stack_plane *p = sq_stack_at(s, source, 0, slice);
    REQUIRE((p->why == SQ_STACK_USED) == (p->value != NULL));
    return p->value ? (double)p->value[0] : -1;
}

static void check_radar(const struct sq_stack *s, double a, double b, double c)
{
    REQUIRE_NEAR(first_of(s, 0, 0), a, 1e-5); /* floats of tenths */
    REQUIRE_NEAR(first_of(s, 0, 1), b, 1e-5);
    REQUIRE_NEAR(first_of(s, 0, 2), c, 1e-5);
}

static void files_become_a_stack(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    for (int workers = 1; workers <= 3; workers += 2) {
        struct sq_stacker *s = open_stacker(def, NULL, workers);
        for (int m = 0; m <= 20; m += 2)
            if (m != 10)
                write_radar(m, false, m / 10.0);
        struct sq_stack stack = build(s, T0 + 1200);
        /* at 00:20 that of 00:18 has come; that of 00:16; 00:12 */
        check_radar(&stack, 1.8, 1.6, 1.2);
        const struct sq_stack_plane *p = sq_stack_at(&stack, 0, 0, 0);
        REQUIRE(p->time == T0 + 1080 && p->age_s == 120 && p->valid_time == T0 + 1200 && p->coverage == 1);
        REQUIRE(strstr(p->path[0], "/r18.grib2") && !p->path[1][0] && !strcmp(p->units, "mm h-1"));
        sq_stack_finish(&stack);
        /* 00:10 is missing: 00:08 serves; nothing later than the issue is looked at */
        stack = build(s, T0 + 720);
        check_radar(&stack, 0.8, 0.8, 0.4);
        /* the satellite is absent and said to be so; place is there, but for the elevation that has no file */
        REQUIRE(sq_stack_at(&stack, 1, 0, 0)->why == SQ_STACK_NONE && sq_stack_count(&stack, 1) == 0);
        REQUIRE(sq_stack_at(&stack, 2, 1, 0)->why == SQ_STACK_NONE && sq_stack_count(&stack, 2) == 2);
        const struct sq_grid *g = &stack.grid[stack.grid_of[2]].grid;
        const float *lat = sq_stack_at(&stack, 2, 0, 0)->value;
        for (int j = 0; j < g->ny; j++)
            REQUIRE_NEAR(lat[j * g->nx], sq_grid_y(g, j), 1e-4); /* degrees: the grid is one of them */
        char line[200];
        sq_stack_say(&stack, 0, line, sizeof line);
        assert_string_equal(line, "radar: 3 of 3 planes, newest 2019-06-10T00:08:00Z, 240 s old");
        sq_stack_say(&stack, 1, line, sizeof line);
        assert_string_equal(line, "sat: 0 of 2 planes; 2 no_frame");
        sq_stack_finish(&stack);
        sq_stacker_close(&s);
    }
    free(def);
}

static void nothing_there_is_worth_another_try(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    struct sq_stacker *s = open_stacker(def, NULL, 1);
    struct sq_stack stack = {0};
    struct sq_err err = {0};
    char *path = test_folder();
    write_radar(10, false, 1);
    REQUIRE_STATUS(sq_stacker_build(s, &path, 1, T0 + 719, &stack, &err), SQ_ABSENT);
    REQUIRE(strstr(err.text, "2019-06-10T00:11:59Z") && !stack.plane);
    stack = build(s, T0 + 720);
    REQUIRE(sq_stack_count(&stack, 0) == 1);
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    free(def);
}

/* Gives a file other contents behind the back of what is kept: same size, same time. */
static void swap_contents(int minute, double first)
{
    char name[32];
    struct stat st;
    snprintf(name, sizeof name, "r%02d.grib2", minute);
    REQUIRE(!stat(test_path(name), &st));
    write_radar(minute, false, first);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    REQUIRE(!utimensat(AT_FDCWD, test_path(name), times, 0));
    const off_t size = st.st_size;
    REQUIRE(!stat(test_path(name), &st) && st.st_size == size);
}

static void only_what_is_new_is_decoded(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    struct sq_stacker *s = open_stacker(def, NULL, 2);
    for (int m = 0; m <= 12; m += 2)
        write_radar(m, false, m / 10.0);
    struct sq_stack stack = build(s, T0 + 720);
    check_radar(&stack, 1.0, 0.8, 0.4);
    sq_stack_finish(&stack);
    swap_contents(8, 7.7);
    write_radar(14, false, 1.4);
    stack = build(s, T0 + 960);
    check_radar(&stack, 1.4, 1.2, 0.8); /* 00:08 is as it was kept; 00:14 came */
    sq_stack_finish(&stack);
    write_radar(8, false, 6.6); /* a file that has changed is read again */
    stack = build(s, T0 + 960);
    check_radar(&stack, 1.4, 1.2, 6.6);
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    free(def);
}

static void a_frame_that_cannot_be_read_costs_itself_alone(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    for (int workers = 1; workers <= 2; workers++) {
        struct sq_stacker *s = open_stacker(def, NULL, workers);
        for (int m = 0; m <= 10; m += 2)
            write_radar(m, m == 8, m / 10.0);
        for (int again = 0; again < 2; again++) { /* what is broken stays so */
            struct sq_stack stack = build(s, T0 + 600);
            check_radar(&stack, 0.6, 0.6, 0.2);
            sq_stack_finish(&stack);
        }
        write_radar(8, false, 0.9);
        struct sq_stack stack = build(s, T0 + 600);
        check_radar(&stack, 0.9, 0.6, 0.2);
        sq_stack_finish(&stack);
        sq_stacker_close(&s);
    }
    free(def);
}

/* ---- the folder of planes ------------------------------------------------------------------------------ */

/* Calls `see` with each plane file; returns how many there are. */
static int each_plane(const char *path, void (*see)(const char *file))
{
    int n = 0;
    char name[600];
    DIR *d = opendir(path);
    REQUIRE(d);
    for (struct dirent *f; (f = readdir(d));)
        if (strstr(f->d_name, ".plane")) {
            snprintf(name, sizeof name, "%s/%s", path, f->d_name);
            n++;
            if (see)
                see(name);
        }
    closedir(d);
    return n;
}

static void spoil_end(const char *file)
{
    struct stat st;
    REQUIRE(!stat(file, &st));
    FILE *f = fopen(file, "r+b");
    REQUIRE(f && !fseek(f, st.st_size - 1, SEEK_SET) && fputc(0x55, f) == 0x55 && !fclose(f));
}

static int64_t plane_bytes; /* of the file seen last */
static void take_size(const char *file)
{
    struct stat st;
    REQUIRE(!stat(file, &st));
    plane_bytes = st.st_size;
}

static void cut_end(const char *file)
{
    REQUIRE(!truncate(file, 50));
}

/* Where planes were, the list of files is left. */
static void end_folder(const char *cache)
{
    char listing[320];
    snprintf(listing, sizeof listing, "%s/listing", cache);
    REQUIRE(!unlink(listing) && !rmdir(cache));
}

static void planes_are_kept_in_a_folder(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    char cache[300];
    snprintf(cache, sizeof cache, "%s-cache", test_folder());
    for (int m = 0; m <= 12; m += 2)
        write_radar(m, false, m / 10.0);
    struct sq_stacker *s = open_stacker(def, cache, 2);
    struct sq_stack stack = build(s, T0 + 720);
    REQUIRE(stack.plane[0].coverage == 1);
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    assert_int_equal(each_plane(cache, NULL), 3);
    for (int m = 0; m <= 12; m += 2)
        swap_contents(m, 7.7);
    s = open_stacker(def, cache, 2);
    stack = build(s, T0 + 720);
    check_radar(&stack, 1.0, 0.8, 0.4); /* from the folder */
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    for (int k = 0; k < 2; k++) { /* planes that are not whole are made again */
        each_plane(cache, k ? cut_end : spoil_end);
        s = open_stacker(def, cache, 2);
        stack = build(s, T0 + 720);
        check_radar(&stack, 7.7, 7.7, 7.7);
        sq_stack_finish(&stack);
        sq_stacker_close(&s);
    }
    struct sq_stacker_params other = {.def = def, .read = SQ_READ_PARAMS_DEFAULT, .cache = cache, .workers = 2};
    struct sq_err err = {0};
    other.read.quality.stripe_cells = 50;
    REQUIRE_OK(sq_stacker_open(&other, &s, &err));
    stack = build(s, T0 + 720);
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    assert_int_equal(each_plane(cache, NULL), 6); /* other settings, other planes */
    each_plane(cache, take_size);
    sq_cache_trim(cache, 2 * plane_bytes);
    assert_int_equal(each_plane(cache, NULL), 2);
    sq_cache_trim(cache, 0);
    assert_int_equal(each_plane(cache, NULL), 0);
    end_folder(cache);
    free(def);
}

/* Makes r12 another file than a radar's; its size, and its time of change unless `later`, stay. */
static void blank_the_newest(bool later)
{
    struct stat st;
    const char *path = test_path("r12.grib2");
    REQUIRE(!stat(path, &st));
    const struct timespec time[2] = {st.st_atim, {st.st_mtim.tv_sec + later, st.st_mtim.tv_nsec}};
    FILE *f = fopen(path, "r+b");
    REQUIRE(f && fwrite("none", 4, 1, f) == 1 && !fclose(f) && !utimensat(AT_FDCWD, path, time, 0));
}

/* The newest of a fresh stacker's radar frames. */
static double newest_of(const struct sq_stack_def *def, const char *cache, int64_t at)
{
    struct sq_stacker *s = open_stacker(def, cache, 1);
    struct sq_stack stack = build(s, at);
    const double first = first_of(&stack, 0, 0);
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    return first;
}

static void files_are_listed_once(void **state)
{
    (void)state;
    struct sq_stack_def *def = parse(two_sources);
    char cache[300], listing[320];
    snprintf(cache, sizeof cache, "%s-cache", test_folder());
    snprintf(listing, sizeof listing, "%s/listing", cache);
    for (int m = 8; m <= 12; m += 2)
        write_radar(m, false, m / 10.0);
    REQUIRE_NEAR(newest_of(def, cache, T0 + 840), 1.2, 1e-5); /* floats of tenths */
    /* what is known of a file that seems not to have changed stands, within a process and beyond it */
    blank_the_newest(false);
    REQUIRE_NEAR(newest_of(def, cache, T0 + 840), 1.2, 1e-5);
    /* a list that is broken is made again */
    spoil_end(listing);
    REQUIRE_NEAR(newest_of(def, cache, T0 + 840), 1.0, 1e-5);
    write_radar(12, false, 1.2);
    REQUIRE_NEAR(newest_of(def, cache, T0 + 840), 1.2, 1e-5);
    /* so is that of a file of another time; one that is gone is forgotten */
    blank_the_newest(true);
    REQUIRE_NEAR(newest_of(def, cache, T0 + 840), 1.0, 1e-5);
    REQUIRE(!unlink(test_path("r10.grib2")));
    REQUIRE(newest_of(def, cache, T0 + 840) < 0);
    /* a process's own list, without a folder */
    struct sq_stacker *s = open_stacker(def, NULL, 1);
    write_radar(10, false, 1.0);
    struct sq_stack stack = build(s, T0 + 720);
    REQUIRE_NEAR(first_of(&stack, 0, 0), 1.0, 1e-5);
    sq_stack_finish(&stack);
    write_radar(12, false, 1.2);
    stack = build(s, T0 + 840);
    check_radar(&stack, 1.2, 1.0, -1); /* no frame is as old */
    sq_stack_finish(&stack);
    sq_stacker_close(&s);
    sq_cache_trim(cache, 0);
    end_folder(cache);
    free(def);
}

static void planes_out_of_use_are_dropped(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_store store = {0};
    char key[SQ_KEPT_KEY];
    bool fresh;
    struct sq_kept *k = NULL;
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "%032d", i * 7 % 10);
        REQUIRE_OK(sq_store_get(&store, key, 1000, &k, &fresh, &err));
        REQUIRE(fresh && k->why == SQ_STACK_NONE);
        k->why = SQ_STACK_USED;
        k->used = (unsigned)(i * 7 % 10);
        k->value[999] = (float)i;
    }
    assert_int_equal(store.bytes, 40000);
    sq_store_trim(&store, 9, 12000);
    assert_int_equal(store.bytes, 12000);
    snprintf(key, sizeof key, "%032d", 7);
    REQUIRE_OK(sq_store_get(&store, key, 1000, &k, &fresh, &err));
    REQUIRE(!fresh && k->value[999] == 1); /* 7 came second */
    snprintf(key, sizeof key, "%032d", 6);
    REQUIRE_OK(sq_store_get(&store, key, 1000, &k, &fresh, &err));
    REQUIRE(fresh);
    sq_store_trim(&store, 9, 0); /* what the build uses stays, what is not filled goes */
    assert_int_equal(store.n, 1);
    sq_store_finish(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_definition_that_comes_along_is_metnet2),
        cmocka_unit_test(faults_of_definitions_are_named),
        cmocka_unit_test(slices_sit_on_the_clock),
        cmocka_unit_test(an_observation_is_used_once_it_can_be_there),
        cmocka_unit_test(a_broken_frame_makes_room_for_the_one_before),
        cmocka_unit_test(the_newest_run_that_is_there_serves),
        cmocka_unit_test(an_amount_is_that_of_its_interval),
        cmocka_unit_test_setup_teardown(files_become_a_stack, begin, test_end),
        cmocka_unit_test_setup_teardown(nothing_there_is_worth_another_try, begin, test_end),
        cmocka_unit_test_setup_teardown(only_what_is_new_is_decoded, begin, test_end),
        cmocka_unit_test_setup_teardown(a_frame_that_cannot_be_read_costs_itself_alone, begin, test_end),
        cmocka_unit_test_setup_teardown(planes_are_kept_in_a_folder, begin, test_end),
        cmocka_unit_test_setup_teardown(files_are_listed_once, begin, test_end),
        cmocka_unit_test(planes_out_of_use_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
