/* For those who watch over the server. */
#include "site.h"

#include "core/instant.h"

#include <stdio.h>

void sq_serve_healthz(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    const struct sq_shelf *shelf = a->shelf;
    const struct sq_run *run = shelf->n_run ? shelf->run[0] : NULL;
    int64_t now = a->request->now;
    bool fresh = run && now - run->f.issue_time <= s->params.stale_s;
    struct sq_store_count count;
    struct sq_text t = {0};
    sq_store_count(s->store, &count);
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "status", fresh ? "ok" : run ? "stale" : "empty");
    sq_json_string(&t, "run", run ? run->name : NULL);
    if (run)
        sq_json_whole(&t, "run_age_s", now - run->f.issue_time);
    if (shelf->n_frame)
        sq_json_whole(&t, "frame_age_s", now - shelf->frame[0]->time);
    sq_json_whole(&t, "stale_after_s", s->params.stale_s);
    sq_json_string(&t, "inputs_missing", run ? run->f.inputs_missing : NULL);
    sq_json_whole(&t, "files_failed", (int64_t)count.failed);
    sq_json_string(&t, "version", SQ_VERSION);
    sq_json_close(&t, '}');
    sq_text_put(&t, "\n");
    sq_answer_text(ret, a, "application/json", SQ_CACHE_NEVER, &t);
    if (ret->code == 200 && !fresh)
        ret->code = 503;
}

void sq_serve_readyz(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    bool draining = atomic_load(&s->draining), ready = a->shelf->n_run && !draining;
    struct sq_text t = {0};
    sq_text_put(&t, ready ? "ready\n" : draining ? "stopping\n" : "no forecast yet\n");
    sq_answer_text(ret, a, "text/plain; charset=utf-8", SQ_CACHE_NEVER, &t);
    if (ret->code == 200 && !ready)
        ret->code = 503;
}

/* ---- Prometheus, text format 0.0.4 ------------------------------------------------------------------------ */

static void head(struct sq_text *t, const char *name, const char *type, const char *help)
{
    sq_text_f(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct sq_text *t, const char *name, const char *help, double value)
{
    head(t, name, "gauge", help);
    sq_text_f(t, "%s %.10g\n", name, value);
}

static void put_requests(struct sq_text *t, struct sq_metrics *m)
{
    head(t, "squall_http_requests_total", "counter", "Requests by route and code.");
    for (int r = 0; sq_route_name(r); r++)
        for (int k = 0; k < SQ_CODES; k++) {
            unsigned long long n = atomic_load_explicit(&m->request[r][k], memory_order_relaxed);
            if (n) /* code 0: any other */
                sq_text_f(t, "squall_http_requests_total{route=\"%s\",code=\"%d\"} %llu\n", sq_route_name(r),
                          sq_metrics_code[k], n);
        }
}

static void put_renders(struct sq_text *t, struct sq_metrics *m)
{
    static const char *const kind[SQ_LAYER_KINDS] = {"prob", "within", "near", "percentile",
                                                     "mean", "observed", "coverage", "quality"};
    head(t, "squall_tile_render_seconds", "histogram", "Painting and packing of one tile.");
    for (int l = 0; l < SQ_LAYER_KINDS; l++) {
        unsigned long long sum = 0;
        for (int k = 0; k < SQ_BUCKETS; k++) {
            char end[16] = "+Inf";
            sum += atomic_load_explicit(&m->render[l][k], memory_order_relaxed);
            if (k < SQ_BUCKETS - 1)
                snprintf(end, sizeof end, "%g", sq_metrics_bucket[k]);
            sq_text_f(t, "squall_tile_render_seconds_bucket{layer=\"%s\",le=\"%s\"} %llu\n", kind[l], end, sum);
        }
        sq_text_f(t, "squall_tile_render_seconds_sum{layer=\"%s\"} %.9g\n", kind[l],
                  1e-9 * (double)atomic_load_explicit(&m->render_ns[l], memory_order_relaxed));
        sq_text_f(t, "squall_tile_render_seconds_count{layer=\"%s\"} %llu\n", kind[l], sum);
    }
}

static void put_store(struct sq_text *t, struct sq_site *s, const struct sq_asked *a)
{
    const struct sq_shelf *shelf = a->shelf;
    struct sq_store_count count;
    size_t bytes = 0;
    sq_store_count(s->store, &count);
    for (int i = 0; i < shelf->n_run; i++)
        bytes += shelf->run[i]->bytes;
    if (shelf->n_run)
        gauge(t, "squall_nowcast_age_seconds", "Since the reference time of the newest forecast.",
              (double)(a->request->now - shelf->run[0]->f.issue_time));
    if (shelf->n_frame)
        gauge(t, "squall_frame_age_seconds", "Since the newest radar frame.",
              (double)(a->request->now - shelf->frame[0]->time));
    gauge(t, "squall_runs", "Forecasts in memory.", shelf->n_run);
    gauge(t, "squall_runs_bytes", "Memory they take.", (double)bytes);
    gauge(t, "squall_frames", "Radar frames in memory.", shelf->n_frame);
    gauge(t, "squall_run_load_seconds", "Reading the newest forecast took.", count.load_s);
    head(t, "squall_runs_total", "counter", "Forecast files taken in, and refused.");
    sq_text_f(t, "squall_runs_total{result=\"ok\"} %llu\nsquall_runs_total{result=\"failed\"} %llu\n", count.taken,
              count.failed);
}

void sq_serve_metrics(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_text t = {0};
    struct sq_tile_cache_count cache;
    sq_tile_cache_count(s->cache, &cache);
    head(&t, "squall_build_info", "gauge", "Version of the server and model of the newest forecast.");
    sq_text_put(&t, "squall_build_info{version=\"" SQ_VERSION "\",model=\"");
    if (a->shelf->n_run)
        for (const char *c = a->shelf->run[0]->f.model; *c; c++)
            sq_text_f(&t, "%c", *c == '"' || *c == '\\' || (unsigned char)*c < ' ' ? '_' : *c);
    sq_text_put(&t, "\"} 1\n");
    put_store(&t, s, a);
    put_requests(&t, &s->metrics);
    put_renders(&t, &s->metrics);
    head(&t, "squall_tile_cache_hits_total", "counter", "Tiles found in the cache, or waited for.");
    sq_text_f(&t, "squall_tile_cache_hits_total %llu\n", cache.hits);
    head(&t, "squall_tile_cache_misses_total", "counter", "Tiles painted.");
    sq_text_f(&t, "squall_tile_cache_misses_total %llu\n", cache.misses);
    gauge(&t, "squall_tile_cache_bytes", "Memory of the cache.", (double)cache.bytes);
    gauge(&t, "squall_tile_cache_tiles", "Tiles in the cache.", (double)cache.pictures);
    sq_answer_text(ret, a, "text/plain; version=0.0.4; charset=utf-8", SQ_CACHE_NEVER, &t);
}
