#include "test.h"

#include "canvas.h"
#include "core/instant.h"
#include "font.h"
#include "palette.h"
#include "png_write.h"
#include "serve.h"
#include "view.h"

#include <png.h>

static int files_in_folder(void)
{
    int n = 0;
    DIR *d = opendir(test_folder());
    REQUIRE(d);
    for (struct dirent *f; (f = readdir(d));)
        n += strcmp(f->d_name, ".") && strcmp(f->d_name, "..");
    closedir(d);
    return n;
}

/* ---- reading back ------------------------------------------------------------------------------------ */

struct image {
    int w, h, type, n_text;
    uint8_t *rgb; /* (h, w, 3) */
    char key[16][80], text[16][400];
};

static struct image read_png(const char *path)
{
    struct image m = {0};
    FILE *f = fopen(path, "rb");
    REQUIRE(f);
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_textp text;
    if (setjmp(png_jmpbuf(png)))
        fail_msg("%s: libpng refuses it", path);
    png_init_io(png, f);
    png_read_png(png, info, PNG_TRANSFORM_EXPAND, NULL);
    m.w = (int)png_get_image_width(png, info);
    m.h = (int)png_get_image_height(png, info);
    png_bytepp rows = png_get_rows(png, info);
    m.rgb = malloc((size_t)m.w * (size_t)m.h * 3);
    REQUIRE(m.rgb && png_get_rowbytes(png, info) == 3 * (size_t)m.w);
    for (int y = 0; y < m.h; y++)
        memcpy(m.rgb + 3 * (size_t)y * (size_t)m.w, rows[y], 3 * (size_t)m.w);
    m.n_text = png_get_text(png, info, &text, NULL);
    REQUIRE(m.n_text <= 16);
    for (int i = 0; i < m.n_text; i++) {
        snprintf(m.key[i], sizeof m.key[i], "%s", text[i].key);
        snprintf(m.text[i], sizeof m.text[i], "%s", text[i].text);
    }
    png_destroy_read_struct(&png, &info, NULL);
    fseek(f, 25, SEEK_SET); /* the colour type in IHDR, before libpng expanded it */
    m.type = fgetc(f);
    fclose(f);
    return m;
}

static uint32_t pixel(const struct image *m, int x, int y)
{
    const uint8_t *p = m->rgb + 3 * ((size_t)y * (size_t)m->w + (size_t)x);
    REQUIRE(x >= 0 && x < m->w && y >= 0 && y < m->h);
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static size_t count(const struct image *m, uint32_t rgb)
{
    size_t n = 0;
    for (int y = 0; y < m->h; y++)
        for (int x = 0; x < m->w; x++)
            n += pixel(m, x, y) == rgb;
    return n;
}

static const char *text_of(const struct image *m, const char *key)
{
    for (int i = 0; i < m->n_text; i++)
        if (strcmp(m->key[i], key) == 0)
            return m->text[i];
    return "";
}

/* ---- a forecast to draw ------------------------------------------------------------------------------ */

enum { NX = 60, NY = 40, CELLS = NX * NY };

static struct sq_forecast forecast(void)
{
    return (struct sq_forecast){
        .grid = {.nx = NX, .ny = NY, .x0 = 2600500, .y0 = 1300500, .dx = 1000, .dy = 1000,
                 .crs = "+proj=somerc +lat_0=46.95240555555556 +lon_0=7.439583333333333 +k_0=1 +x_0=2600000 "
                        "+y_0=1200000 +ellps=bessel +units=m"},
        .cell_m = {1000, 1000},
        .issue_time = 1468274400,
        .n_lead = 8,
        .n_threshold = 2,
        .n_percentile = 3,
        .lead_s = {300, 600, 900, 1200, 1500, 1800, 2100, 2400},
        .threshold_mmh = {0.1f, 1},
        .percentile = {10, 50, 90},
        .method = "network",
        .model = "small",
        .institution = "M\u00e9t\u00e9o d'ici",
        .inputs_missing = (char *)"2016-07-11T21:40:00Z",
    };
}

/* Left third not observed, middle third dry, right third `value`. */
static void thirds(float *to, float value)
{
    for (int i = 0; i < CELLS; i++)
        to[i] = i % NX < NX / 3 ? NAN : i % NX < 2 * NX / 3 ? 0 : value;
}

static struct sq_painter *painter(const struct sq_forecast *f, int width)
{
    struct sq_err err = {0};
    struct sq_picture_params p = {.width_px = width};
    struct sq_painter *ret = NULL;
    REQUIRE_OK(sq_painter_create(f, &p, &ret, &err));
    return ret;
}

/* ---- colours ----------------------------------------------------------------------------------------- */

static double linear(uint32_t rgb, int shift)
{
    double v = (rgb >> shift & 255) / 255.0;
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

/* CIE L*a*b* as seen with a cone missing: the matrices of Machado, Oliveira and Fernandes 2009, severity 1. */
static void seen_lab(uint32_t rgb, int eyes, double lab[3])
{
    static const double see[3][9] = {
        {1, 0, 0, 0, 1, 0, 0, 0, 1},
        {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
        {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
    };
    static const double xyz[9] = {0.4124, 0.3576, 0.1805, 0.2126, 0.7152, 0.0722, 0.0193, 0.1192, 0.9505};
    static const double white[3] = {0.9505, 1, 1.089};
    double in[3] = {linear(rgb, 16), linear(rgb, 8), linear(rgb, 0)}, out[3], f[3];
    for (int i = 0; i < 3; i++) {
        const double *m = see[eyes] + 3 * i;
        out[i] = fmin(1, fmax(0, m[0] * in[0] + m[1] * in[1] + m[2] * in[2]));
    }
    for (int i = 0; i < 3; i++) {
        double v = (xyz[3 * i] * out[0] + xyz[3 * i + 1] * out[1] + xyz[3 * i + 2] * out[2]) / white[i];
        f[i] = v > 216.0 / 24389 ? cbrt(v) : (24389.0 / 27 * v + 16) / 116;
    }
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

static double difference(uint32_t a, uint32_t b, int eyes)
{
    double p[3], q[3];
    seen_lab(a, eyes, p);
    seen_lab(b, eyes, q);
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) + (p[2] - q[2]) * (p[2] - q[2]));
}

/* Dry, then the classes: lightness falls by at least 3 (one is just noticeable), and no two colours come nearer
 * than 5 for any eyes (2.3 is just noticeable). No coverage is none of them. */
static void safe_scale(const struct sq_scale *s, const char *name)
{
    for (int a = -1; a < s->n; a++)
        for (int b = a + 1; b < s->n; b++) {
            uint32_t ca = a < 0 ? SQ_RGB_DRY : s->rgb[a], cb = s->rgb[b];
            if (b == a + 1 && sq_rgb_lightness(ca) - sq_rgb_lightness(cb) < 3)
                fail_msg("%s: class %d is not darker than the one below", name, b);
            for (int eyes = 0; eyes < 3; eyes++)
                if (difference(ca, cb, eyes) < 5)
                    fail_msg("%s: classes %d and %d: %.1f for eyes %d", name, a, b, difference(ca, cb, eyes), eyes);
        }
}

static void palettes_are_safe(void **state)
{
    (void)state;
    const struct sq_palette *p;
    REQUIRE(sq_palette_at(0)->safe && sq_palette_find(NULL) == sq_palette_at(0) && !sq_palette_find("nope"));
    for (int i = 0; (p = sq_palette_at(i)); i++) {
        REQUIRE(sq_palette_find(p->name) == p);
        if (p->safe) {
            safe_scale(&p->probability, p->name);
            safe_scale(&p->rate, p->name);
        }
        for (int k = 1; k < p->rate.n; k++)
            REQUIRE(p->rate.edge[k] > p->rate.edge[k - 1]);
        for (int k = 1; k < p->probability.n; k++)
            REQUIRE(p->probability.edge[k] > p->probability.edge[k - 1]);
    }
    const struct sq_scale *rate = &sq_palette_at(0)->rate;
    assert_int_equal(sq_scale_class(rate, NAN), SQ_CLASS_UNSEEN);
    assert_int_equal(sq_scale_class(rate, 0), SQ_CLASS_DRY);
    assert_int_equal(sq_scale_class(rate, 0.1f), SQ_CLASS_FIRST);
    assert_int_equal(sq_scale_class(rate, 1e9f), SQ_CLASS_FIRST + rate->n - 1);
    REQUIRE_NEAR(sq_rgb_lightness(0xffffff), 100, 1e-3); /* the white of sRGB, to the digits of its matrix */
    REQUIRE_NEAR(sq_rgb_lightness(0x000000), 0, 1e-9);
}

/* ---- maps -------------------------------------------------------------------------------------------- */

static void missing_dry_and_rain_differ(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_lead l = {0};
    struct sq_painter *p = painter(&f, 600);
    const struct sq_palette *colours = sq_palette_find(NULL);
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    thirds(l.prob + CELLS, 0.55f);
    thirds(l.rate + CELLS, 7);
    for (int k = 0; k < 3; k++) {
        const char *path = test_path("map.png");
        if (k == 0)
            REQUIRE_OK(sq_picture_probability(p, &l, 5, 1, path, &err));
        else if (k == 1)
            REQUIRE_OK(sq_picture_rate(p, &l, 5, 1, path, &err));
        else
            REQUIRE_OK(sq_picture_observed(p, l.rate + CELLS, path, &err));
        struct image m = read_png(path);
        assert_int_equal(m.type, PNG_COLOR_TYPE_PALETTE);
        uint32_t rain = k == 0 ? colours->probability.rgb[5] : colours->rate.rgb[6];
        size_t third = 200 * 400; /* pixels; meridians and parallels cover a few */
        REQUIRE(count(&m, rain) > third * 9 / 10 && count(&m, rain) < third * 11 / 10);
        size_t unseen = count(&m, SQ_RGB_UNSEEN), line = count(&m, SQ_RGB_UNSEEN_LINE);
        REQUIRE(unseen + line > third * 9 / 10 && unseen + line < third * 11 / 10);
        REQUIRE(unseen > 5 * line && 8 * line > unseen);
        REQUIRE(SQ_RGB_DRY != SQ_RGB_UNSEEN && SQ_RGB_DRY != rain);
        assert_string_equal(text_of(&m, "squall:run"), "2016-07-11T22:00:00Z");
        assert_string_equal(text_of(&m, "squall:valid"), k < 2 ? "2016-07-11T22:30:00Z" : "2016-07-11T22:00:00Z");
        assert_string_equal(text_of(&m, "squall:units"), k ? "mm/h" : "%");
        assert_string_equal(text_of(&m, "Creation Time"), "Mon, 11 Jul 2016 22:00:00 GMT");
        assert_string_equal(text_of(&m, "Source"), f.institution);
        assert_string_equal(text_of(&m, "squall:inputs_missing"), f.inputs_missing);
        if (k == 0)
            assert_string_equal(text_of(&m, "Title"), "P(rain \u2265 1 mm/h)");
        free(m.rgb);
    }
    sq_lead_finish(&l);
    sq_painter_destroy(&p);
}

/* A map without rain carries a note in its middle; one with rain does not. */
static void dry_maps_say_so(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_painter *p = painter(&f, 600);
    float *values = malloc(CELLS * sizeof *values);
    REQUIRE(values);
    for (int k = 0; k < 3; k++) {
        int dark = 0;
        for (int i = 0; i < CELLS; i++)
            values[i] = k == 0 ? 0.05f : k == 1 ? NAN : 0.2f;
        REQUIRE_OK(sq_picture_observed(p, values, test_path("note.png"), &err));
        struct image m = read_png(test_path("note.png"));
        for (int y = m.h / 2 - 40; y < m.h / 2 + 40; y++)
            for (int x = m.w / 2 - 80; x < m.w / 2 + 80; x++)
                dark += (pixel(&m, x, y) & 0xff) < 0x80;
        REQUIRE(k < 2 ? dark > 150 : dark == 0);
        free(m.rgb);
    }
    free(values);
    sq_painter_destroy(&p);
}

/* Every pixel is the mean of what was observed under it, weighted by area, or NaN below half. */
static void pixels_are_area_means(void **state)
{
    (void)state;
    struct sq_err err = {0};
    static const int sizes[][3] = {{1000, 30, 300}, {701, 12, 333}, {450, 3, 449}, {300, 4, 300}, {90, 5, 300}};
    for (size_t t = 0; t < sizeof sizes / sizeof *sizes; t++) {
        struct sq_grid g = {.nx = sizes[t][0], .ny = sizes[t][1], .dx = 1000, .dy = 1000, .crs = "+proj=merc +ellps=WGS84"};
        const double cell_m[2] = {1000, 1000};
        struct sq_view v = {0};
        REQUIRE_OK(sq_view_init(&v, &g, cell_m, sizes[t][2], false, &err));
        float *values = malloc(sq_grid_cells(&g) * sizeof *values), *line = malloc((size_t)v.w * sizeof *line);
        REQUIRE(values && line);
        uint32_t seed = 7;
        for (size_t i = 0; i < sq_grid_cells(&g); i++) {
            seed = seed * 1664525 + 1013904223;
            values[i] = seed >> 30 == 0 ? NAN : (float)(seed >> 8) / (1 << 24);
        }
        for (int y = 0; y < v.h; y++) {
            sq_view_sample(&v, values, y, line);
            for (int x = 0; x < v.w; x++) {
                double sum = 0, seen = 0, all = 0, x0 = (double)x * g.nx / v.w, x1 = (double)(x + 1) * g.nx / v.w;
                double y0 = (double)y * g.ny / v.h, y1 = (double)(y + 1) * g.ny / v.h;
                if (g.nx <= v.w)
                    x1 = (x0 = floor((x0 + x1) / 2)) + 1;
                if (g.ny <= v.h)
                    y1 = (y0 = floor((y0 + y1) / 2)) + 1;
                for (int j = (int)y0; j < ceil(y1 - 1e-9) && j < g.ny; j++)
                    for (int i = (int)x0; i < ceil(x1 - 1e-9) && i < g.nx; i++) {
                        double a = (fmin(x1, i + 1) - fmax(x0, i)) * (fmin(y1, j + 1) - fmax(y0, j));
                        float value = values[j * g.nx + i];
                        all += a;
                        seen += isnan(value) ? 0 : a;
                        sum += isnan(value) ? 0 : a * (double)value;
                    }
                if (fabs(seen / all - 0.5) < 1e-5) /* rounding may decide */
                    continue;
                if (seen < 0.5 * all)
                    REQUIRE(isnan(line[x]));
                else
                    REQUIRE_NEAR((double)line[x], sum / seen, 1e-5); /* float sums of some 10 values below 1 */
            }
        }
        free(values);
        free(line);
        sq_view_finish(&v);
    }
}

static void maps_keep_their_shape(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const double cell_m[2] = {879, 1110};
    const struct {
        int nx, ny, width, w, h;
        double lat;
        bool degrees;
    } cases[] = {
        {700, 640, 900, 700, 640, 0, false},   {710, 640, 400, 400, 361, 0, false}, {37, 48, 900, 888, 1152, 0, false},
        {700, 350, 200, 200, 126, 55, true},   {1, 500, 300, 1, 500, 0, false},     {500, 1, 300, 300, 1, 0, false},
        {3, 32000, 200, 1, 400, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sq_grid g = {.nx = cases[i].nx, .ny = cases[i].ny, .dx = 1000, .dy = 1000, .crs = "+proj=merc +ellps=WGS84"};
        if (cases[i].degrees) { /* a fifth of CONUS in each direction, as wide as it is at 37.5 N */
            g.dx = g.dy = 0.1;
            g.x0 = 230.05;
            g.y0 = cases[i].lat - 0.05;
            strcpy(g.crs, "+proj=longlat +datum=WGS84 +no_defs");
        }
        struct sq_view v = {0};
        REQUIRE_OK(sq_view_init(&v, &g, cell_m, cases[i].width, false, &err));
        if (v.w != cases[i].w || v.h != cases[i].h)
            fail_msg("case %zu: %d x %d", i, v.w, v.h);
        sq_view_finish(&v);
    }
}

static void wrong_wishes_are_refused(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_painter *p = NULL;
    REQUIRE_STATUS(sq_painter_create(&f, &(struct sq_picture_params){.width_px = 199}, &p, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_painter_create(&f, &(struct sq_picture_params){.width_px = 4001}, &p, &err), SQ_USAGE);
    REQUIRE_STATUS(sq_painter_create(&f, &(struct sq_picture_params){.width_px = 900, .palette = "pink"}, &p, &err),
                   SQ_USAGE);
    REQUIRE(strstr(err.text, "pink") && strstr(err.text, "squall") && strstr(err.text, "radar"));
    f.grid.nx = 0;
    REQUIRE_STATUS(sq_painter_create(&f, &(struct sq_picture_params){.width_px = 900}, &p, &err), SQ_FAILED);
    assert_null(p);
}

static void a_bad_path_is_one_line(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_painter *p = painter(&f, 300);
    float *values = calloc(CELLS, sizeof *values);
    REQUIRE(values);
    (void)test_end(NULL);
    REQUIRE_STATUS(sq_picture_observed(p, values, test_path("no/such/map.png"), &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "no/such") && !strchr(err.text, '\n'));
    REQUIRE_STATUS(sq_picture_observed(p, values, test_folder(), &err), SQ_FAILED);
    assert_int_equal(files_in_folder(), 0);
    free(values);
    sq_painter_destroy(&p);
    sq_painter_destroy(&p);
    sq_painter_destroy(NULL);
}

static size_t slurp(const char *path, uint8_t *to, size_t room)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f);
    size_t n = fread(to, 1, room, f);
    fclose(f);
    REQUIRE(n > 0 && n < room);
    return n;
}

static void pictures_repeat_to_the_byte(void **state)
{
    (void)state;
    enum { ROOM = 1 << 20 };
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    float *values = calloc(CELLS, sizeof *values);
    uint8_t *a = malloc(ROOM), *b = malloc(ROOM);
    REQUIRE(values && a && b);
    thirds(values, 3);
    for (int k = 0; k < 2; k++) {
        struct sq_painter *p = painter(&f, 300);
        REQUIRE_OK(sq_picture_observed(p, values, test_path(k ? "b.png" : "a.png"), &err));
        sq_painter_destroy(&p);
    }
    size_t n = slurp(test_path("a.png"), a, ROOM);
    REQUIRE(slurp(test_path("b.png"), b, ROOM) == n && memcmp(a, b, n) == 0);
    free(values);
    free(a);
    free(b);
}

static void many_colours_stay_exact(void **state)
{
    (void)state;
    struct sq_err err = {0};
    uint32_t rgb[300];
    for (int colours = 256; colours <= 257; colours++) {
        for (int i = 0; i < 300; i++)
            rgb[i] = (uint32_t)(i % colours) * 0x10203u & 0xffffff;
        REQUIRE_OK(sq_png_write(test_path("many.png"), 20, 15, rgb, NULL, 0, &err));
        struct image m = read_png(test_path("many.png"));
        assert_int_equal(m.type, colours <= 256 ? PNG_COLOR_TYPE_PALETTE : PNG_COLOR_TYPE_RGB);
        for (int i = 0; i < 300; i++)
            assert_int_equal(pixel(&m, i % 20, i / 20), rgb[i]);
        free(m.rgb);
    }
}

/* ---- the sheet --------------------------------------------------------------------------------------- */

static void sheets_fill_as_leads_come(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_lead l = {0};
    struct sq_painter *p = painter(&f, 300);
    struct sq_sheet *s = NULL;
    const int thresholds[] = {1, 0};
    float *seen = calloc(CELLS, sizeof *seen);
    const uint32_t rain = sq_palette_find(NULL)->probability.rgb[5];
    REQUIRE(seen);
    REQUIRE_OK(sq_lead_init(&l, &f, &err));
    for (int i = 0; i < 2; i++)
        thirds(l.prob + i * CELLS, 0.55f);
    REQUIRE_OK(sq_sheet_create(p, seen, thresholds, 2, &s, &err));
    REQUIRE_OK(sq_sheet_write(s, test_path("sheet.png"), &err));
    struct image empty = read_png(test_path("sheet.png"));
    for (int i = 0; i < f.n_lead; i++)
        sq_sheet_put(s, &l, i);
    REQUIRE_OK(sq_sheet_write(s, test_path("sheet.png"), &err));
    struct image full = read_png(test_path("sheet.png"));
    assert_int_equal(empty.w, full.w);
    assert_int_equal(empty.h, full.h);
    /* 6 leads, 2 thresholds, a third of panels of 240 x 160 pixels; lines cover a few */
    double expected = 6 * 2 * 240 * 160 / 3.0;
    REQUIRE_NEAR((double)count(&full, rain) - (double)count(&empty, rain), expected, expected / 8);
    REQUIRE(count(&empty, SQ_RGB_UNSEEN) > count(&full, SQ_RGB_UNSEEN));
    free(empty.rgb);
    free(full.rgb);
    free(seen);
    sq_lead_finish(&l);
    sq_sheet_destroy(&s);
    sq_sheet_destroy(&s);
    sq_painter_destroy(&p);
}

static void sheets_of_little_work(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_forecast f = forecast();
    struct sq_lead l = {0};
    struct sq_sheet *s = NULL;
    float *seen = calloc(CELLS, sizeof *seen);
    const int thresholds[] = {0};
    REQUIRE(seen);
    f.n_lead = 1;
    for (int k = 0; k < 2; k++) { /* without thresholds, without percentiles */
        f.n_percentile = k ? 0 : 3;
        struct sq_painter *p = painter(&f, 300);
        REQUIRE_OK(sq_lead_init(&l, &f, &err));
        REQUIRE_OK(sq_sheet_create(p, seen, thresholds, k, &s, &err));
        sq_sheet_put(s, &l, 0);
        REQUIRE_OK(sq_sheet_write(s, test_path("little.png"), &err));
        struct image m = read_png(test_path("little.png"));
        REQUIRE(m.w > 500 && m.h > 400);
        free(m.rgb);
        sq_lead_finish(&l);
        sq_sheet_destroy(&s);
        sq_painter_destroy(&p);
    }
    free(seen);
}

/* ---- plots ------------------------------------------------------------------------------------------- */

static void plots_show_every_line(void **state)
{
    (void)state;
    struct sq_err err = {0};
    double x[40], y[8][40];
    struct sq_plot_line line[8];
    for (int i = 0; i < 8; i++) {
        for (int k = 0; k < 40; k++) {
            x[k] = k;
            y[i][k] = i + 1 + 0.01 * k;
        }
        line[i] = (struct sq_plot_line){"a line", 40, x, y[i]};
    }
    struct sq_plot p = {.title = "Lines", .x_label = "x", .y_label = "y", .n = 8, .line = line};
    uint32_t seen[8];
    for (int log = 0; log < 2; log++) {
        p.log_y = log;
        REQUIRE_OK(sq_plot_write(&p, test_path("lines.png"), &err));
        struct image m = read_png(test_path("lines.png"));
        assert_string_equal(text_of(&m, "Title"), "Lines");
        for (int i = 0; i < 8; i++) /* samples of the legend: their markers' columns */
            seen[i] = pixel(&m, 738, 58 + 22 * i);
        for (int i = 0; i < 8; i++) {
            REQUIRE(count(&m, seen[i]) > 100); /* some in the legend, more in the plot; white in the ring */
            for (int k = 0; k < i; k++)
                REQUIRE(seen[i] != seen[k]);
        }
        free(m.rgb);
    }
}

static void plots_take_any_numbers(void **state)
{
    (void)state;
    struct sq_err err = {0};
    const double odd[] = {0, NAN, INFINITY, -INFINITY, 1e308, -1e308, 1e-320, -5, 3, 3};
    const double same[] = {4, 4, 4, 4, 4, 4, 4, 4, 4, 4};
    const struct sq_plot_line lines[] = {{"odd", 10, odd, odd}, {NULL, 10, same, odd}, {"", 10, odd, same}, {"none", 0, NULL, NULL},
                                         {"point", 1, same, same}};
    for (int n = 0; n <= 5; n++)
        for (int log = 0; log < 2; log++)
            for (int from = 0; from < 5; from++) {
                struct sq_plot p = {.diagonal = n % 2, .log_y = log, .n = from + n <= 5 ? n : 5 - from, .line = lines + from};
                REQUIRE_OK(sq_plot_write(&p, test_path("odd.png"), &err));
                struct image m = read_png(test_path("odd.png"));
                free(m.rgb);
            }
    struct sq_plot p = {.n = 1, .line = lines, .y_min = 0, .y_max = 1, .log_y = true}; /* no logarithm of 0 */
    REQUIRE_OK(sq_plot_write(&p, test_path("odd.png"), &err));
    REQUIRE_STATUS(sq_plot_write(&p, test_path("no/odd.png"), &err), SQ_FAILED);
}

/* ---- lettering --------------------------------------------------------------------------------------- */

static void every_sign_has_a_shape(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_lettering l = {.cap_px = 20, .rgb = 0};
    uint32_t last[30 * 40] = {0};
    for (int code = '!'; code <= '~'; code++) {
        struct sq_canvas c;
        char text[2] = {(char)code, 0};
        int ink = 0;
        REQUIRE_OK(sq_canvas_init(&c, 30, 40, 0xffffff, &err));
        sq_canvas_text(&c, 4, 28, l, text);
        for (int i = 0; i < 30 * 40; i++)
            ink += c.rgb[i] != 0xffffff;
        if (ink < 3 || memcmp(c.rgb, last, sizeof last) == 0)
            fail_msg("'%c' is blank or like the sign before", code);
        memcpy(last, c.rgb, sizeof last);
        sq_canvas_finish(&c);
    }
    const char *longer[] = {"\u00e9", "\u0159\u0151\u0142", "\u2265 \u00b0 \u00b5 \u00d7 \u2026", "\xff\xc3", "\xe2\x89"};
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
        REQUIRE(sq_canvas_text_width(l, longer[i]) > 5);
    assert_int_equal(sq_canvas_text_width(l, ""), 0);
}

/* Strokes far outside, and of any direction, stay on the canvas. */
static void strokes_are_cut_at_the_edge(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_canvas c;
    REQUIRE_OK(sq_canvas_init(&c, 50, 30, 0xffffff, &err));
    const double far[] = {-1e9, -40, 15.3, 90, 1e9, NAN};
    for (int i = 0; i < 6 * 6 * 6 * 6; i++)
        sq_canvas_stroke(&c, far[i % 6], far[i / 6 % 6], far[i / 36 % 6], far[i / 216], 2);
    sq_canvas_ink(&c, 0);
    sq_canvas_fill(&c, 0, 0, 50, 30, 0xffffff);
    sq_canvas_clip(&c, 10, 10, 5, 5);
    sq_canvas_stroke(&c, 0, 0, 50, 30, 100);
    sq_canvas_fill(&c, -1000, -1000, 20, 20, 0xff);
    sq_canvas_ink(&c, 0);
    int dark = 0;
    for (int i = 0; i < 50 * 30; i++)
        dark += c.rgb[i] == 0;
    assert_int_equal(dark, 25);
    sq_canvas_finish(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(palettes_are_safe),
        cmocka_unit_test(missing_dry_and_rain_differ),
        cmocka_unit_test(dry_maps_say_so),
        cmocka_unit_test(pixels_are_area_means),
        cmocka_unit_test(maps_keep_their_shape),
        cmocka_unit_test(wrong_wishes_are_refused),
        cmocka_unit_test(a_bad_path_is_one_line),
        cmocka_unit_test(pictures_repeat_to_the_byte),
        cmocka_unit_test(many_colours_stay_exact),
        cmocka_unit_test(sheets_fill_as_leads_come),
        cmocka_unit_test(sheets_of_little_work),
        cmocka_unit_test(plots_show_every_line),
        cmocka_unit_test(plots_take_any_numbers),
        cmocka_unit_test(every_sign_has_a_shape),
        cmocka_unit_test(strokes_are_cut_at_the_edge),
    };
    setenv("SQUALL_GSHHG", "/nonexistent", 1); /* the same pictures on every machine */
    return cmocka_run_group_tests(tests, NULL, test_end);
}
