/* What is served here, who made it, and on what terms: for people. */
#include "site.h"

#include "core/instant.h"

#include <stdio.h>

static void put_row(struct sq_text *t, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    sq_text_f(t, "<dt>%s</dt><dd>", name);
    sq_text_xml(t, value);
    sq_text_put(t, "</dd>\n");
}

static void put_run(struct sq_text *t, const struct sq_run *r)
{
    char at[32];
    sq_text_put(t, "<h2>The newest forecast</h2>\n<dl>\n");
    put_row(t, "Reference time", sq_instant_iso(r->f.issue_time, at));
    put_row(t, "Made by", r->f.institution);
    put_row(t, "Method", r->f.method);
    put_row(t, "Network", r->f.model);
    put_row(t, "SHA-256 of its weights", r->f.model_sha256);
    put_row(t, "Radar frames", r->f.inputs_used);
    put_row(t, "Radar frames missing", r->f.inputs_missing);
    put_row(t, "Other sources", r->f.sources);
    sq_text_put(t, "</dl>\n");
}

void sq_serve_about(struct sq_site *s, const struct sq_asked *a, struct sq_response *ret)
{
    struct sq_text t = {0};
    sq_text_put(&t, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>About these forecasts</title>\n"
                    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                    "<link rel=\"icon\" href=\"viewer/icon.svg\"><link rel=\"stylesheet\" href=\"viewer/about.css\"></head>"
                    "<body>\n<h1>About these forecasts</h1>\n");
    sq_text_put(&t, "<p>Rain in the next minutes and hours, with its odds. Probabilities are of the rate at an instant, or, "
                    "where a layer says so, of a time from now; not of anywhere in an area. Grey hatching: no radar sees "
                    "there, and nothing is said. <a href=\"./\">The map</a> &middot; <a href=\"index.json\">what there is, "
                    "as JSON</a></p>\n<h2>Data</h2>\n");
    if (*s->params.attribution) {
        sq_text_put(&t, "<p>");
        sq_text_xml(&t, s->params.attribution);
        sq_text_put(&t, "</p>\n");
    } else {
        sq_text_put(&t, "<p>Whoever runs this server has not said whose data it is.</p>\n");
    }
    if (a->shelf->n_run)
        put_run(&t, a->shelf->run[0]);
    sq_text_put(&t, "<h2>Software and maps</h2>\n<ul>\n<li>squall " SQ_VERSION ", Apache License 2.0</li>\n"
                    "<li>Coastlines and borders: GSHHG 2.3, P. Wessel and W. H. F. Smith, GNU LGPL 3 or later</li>\n"
                    "<li>Map: Leaflet, &copy; Vladimir Agafonkin and CloudMade, BSD 2-clause</li>\n</ul>\n"
                    "<h2>For apps that know RainViewer</h2>\n<p><code>/public/weather-maps.json</code>: past maps are what "
                    "radar observed, those ahead the median of the forecast.</p>\n</body></html>\n");
    ret->policy = "default-src 'none'; style-src 'self'; img-src 'self'";
    sq_answer_text(ret, a, "text/html; charset=utf-8", SQ_CACHE_NEWEST, &t);
}
