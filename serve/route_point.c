/* One place: /point and /plume.svg. */
#include "site.h"
#include "serve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool find_place(const struct sq_asked *a, double lonlat[2], struct sq_response *ret)
{
    char word[2][32];
    if (!sq_asked_value(a, "lon", word[0], sizeof word[0]) || !sq_asked_value(a, "lat", word[1], sizeof word[1]) ||
        !sq_parse_real(word[0], -360, 360, &lonlat[0]) || !sq_parse_real(word[1], -90, 90, &lonlat[1])) {
        sq_answer_error(ret, 400, "a place is ?lon=&lat=, degrees from -360 to 360 and from -90 to 90");
        return false;
    }
    return true;
}

enum sq_status sq_site_point(struct sq_site *s, const struct sq_run *run, const double lonlat[2], struct sq_point *ret,
                             struct sq_err *e)
{
    int row = -1, col = -1;
    struct sq_brush *b = sq_site_brush(s, e);
    if (!b)
        return SQ_FAILED;
    enum sq_status status = sq_brush_locate(b, &run->f.grid, lonlat, &row, &col, e);
    sq_site_lay_down(s, b);
    if (!status)
        status = sq_point_init(ret, &run->f, lonlat, e);
    if (status || row < 0)
        return status;
    ret->row = row;
    ret->col = col;
    for (int i = 0; i < run->f.n_lead; i++) {
        float *prob = ret->prob + (size_t)i * (size_t)run->f.n_threshold;
        sq_run_cell(run, i, row, col, prob);
        ret->covered |= !isnan(*prob);
    }
    if (run->observed) {
        uint16_t code[SQ_LEVELS_MAX];
        ret->observed_mmh = sq_volume_cell(&run->observed->rate, row, col, code) ? sq_rate_of_code(*code) : 0;
    }
    return SQ_OK;
}

static void answer_point(struct sq_site *s, const struct sq_asked *a, struct sq_point_params *params, const char *type,
                         struct sq_response *ret)
{
    char name[64] = "latest";
    double lonlat[2];
    struct sq_point p = {0};
    struct sq_err err = {0};
    struct sq_text t = {0};
    const struct sq_run *run;
    sq_asked_value(a, "run", name, sizeof name);
    if (!find_place(a, lonlat, ret) || !(run = sq_asked_run(a, name, ret)))
        return;
    params->run = run->name;
    enum sq_status status = sq_site_point(s, run, lonlat, &p, &err);
    if (!status)
        status = sq_point_write(&p, params, &t.data, &err);
    sq_point_finish(&p);
    if (status) {
        sq_answer_error(ret, 503, "%s", err.text);
        return;
    }
    t.n = strlen(t.data);
    sq_answer_text(ret, a, type, strcmp(name, "latest") ? SQ_CACHE_FIXED : SQ_CACHE_NEWEST, &t);
}

void sq_serve_point(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    char form[16] = "json";
    struct sq_point_params params = {.form = SQ_POINT_JSON};
    sq_asked_value(a, "f", form, sizeof form);
    if (!strcmp(form, "covjson"))
        params.form = SQ_POINT_COVJSON;
    else if (strcmp(form, "json") != 0) {
        sq_answer_error(ret, 400, "f is json or covjson");
        return;
    }
    answer_point(s, a, &params, params.form == SQ_POINT_COVJSON ? "application/prs.coverage+json" : "application/json",
                 ret);
}

void sq_serve_plume(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_point_params params = {.form = SQ_POINT_SVG, .w = 640, .h = 320};
    char word[16];
    double offset = 0;
    if ((sq_asked_value(a, "w", word, sizeof word) && !sq_parse_whole(word, 200, 2000, &params.w)) ||
        (sq_asked_value(a, "h", word, sizeof word) && !sq_parse_whole(word, 200, 2000, &params.h)) ||
        (sq_asked_value(a, "utc_offset", word, sizeof word) && !sq_parse_real(word, -840, 840, &offset))) {
        sq_answer_error(ret, 400, "w and h are 200 to 2000 pixels, utc_offset is -840 to 840 minutes");
        return;
    }
    params.utc_offset_min = (int)offset;
    answer_point(s, a, &params, "image/svg+xml", ret);
}
