#include "recipe.h"

#include "core/config.h"
#include "core/forecast.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* Numbers as the table of keys wants them; sq_recipe_read puts them into their places. */
struct text {
    char name[64], precision[16], sources[256];
    int seed, batch, coarsen;
    struct sq_slots frames;
    int channels, stacks, dilation[SQ_DILATION_MAX], n_dilation, up, hidden, node_s[SQ_NODE_MAX], n_node;
    float edge_mmh[SQ_CLASS_MAX - 1];
    int n_edge;
    int size, leads, most_lead_s, most_stride, most_step_s, reuse;
    double thinned, twin, gain_sigma, blind, dropped, crps_weight;
    double rate, decay, average, clip;
    int warmup, steps;
};

#define AT(member) offsetof(struct text, member)

/* clang-format off */
static const struct sq_config_key keys[] = {
    {"name", SQ_CONFIG_TEXT, AT(name), 0, 64, 0, 0, NULL},
    {"seed", SQ_CONFIG_WHOLE, AT(seed), 0, 0, 0, 1e9, NULL},
    {"frames", SQ_CONFIG_WHOLES, AT(frames.age), AT(frames.n), SQ_SLOT_MAX, 0, 1000, NULL},
    {"sources", SQ_CONFIG_TEXT, AT(sources), 0, 256, 0, 0, NULL},
    {"precision", SQ_CONFIG_TEXT, AT(precision), 0, 16, 0, 0, "auto float"},
    {"channels", SQ_CONFIG_WHOLE, AT(channels), 0, 0, 1, 512, NULL},
    {"stacks", SQ_CONFIG_WHOLE, AT(stacks), 0, 0, 1, 16, NULL},
    {"dilation", SQ_CONFIG_WHOLES, AT(dilation), AT(n_dilation), SQ_DILATION_MAX, 1, 1024, NULL},
    {"up", SQ_CONFIG_WHOLE, AT(up), 0, 0, 1, 256, NULL},
    {"hidden", SQ_CONFIG_WHOLE, AT(hidden), 0, 0, 1, 512, NULL},
    {"lead_node_s", SQ_CONFIG_WHOLES, AT(node_s), AT(n_node), SQ_NODE_MAX, 60, 86400, NULL},
    {"class_edge_mmh", SQ_CONFIG_REALS, AT(edge_mmh), AT(n_edge), SQ_CLASS_MAX - 1, 0.01, 500, NULL},
    {"window", SQ_CONFIG_WHOLE, AT(size), 0, 0, 32, 1024, NULL},
    {"leads", SQ_CONFIG_WHOLE, AT(leads), 0, 0, 1, SQ_LEADS_MOST, NULL},
    {"most_lead_s", SQ_CONFIG_WHOLE, AT(most_lead_s), 0, 0, 60, 86400, NULL},
    {"most_stride", SQ_CONFIG_WHOLE, AT(most_stride), 0, 0, 1, 8, NULL},
    {"most_step_s", SQ_CONFIG_WHOLE, AT(most_step_s), 0, 0, 60, 3600, NULL},
    {"thinned", SQ_CONFIG_REAL, AT(thinned), 0, 0, 0, 1, NULL},
    {"coarsen", SQ_CONFIG_WHOLE, AT(coarsen), 0, 0, 1, 8, NULL},
    {"twin", SQ_CONFIG_REAL, AT(twin), 0, 0, 0, 1, NULL},
    {"gain_sigma", SQ_CONFIG_REAL, AT(gain_sigma), 0, 0, 0, 2, NULL},
    {"blind", SQ_CONFIG_REAL, AT(blind), 0, 0, 0, 1, NULL},
    {"dropped", SQ_CONFIG_REAL, AT(dropped), 0, 0, 0, 1, NULL},
    {"reuse", SQ_CONFIG_WHOLE, AT(reuse), 0, 0, 1, 1000, NULL},
    {"crps_weight", SQ_CONFIG_REAL, AT(crps_weight), 0, 0, 0, 100, NULL},
    {"batch", SQ_CONFIG_WHOLE, AT(batch), 0, 0, 1, 256, NULL},
    {"steps", SQ_CONFIG_WHOLE, AT(steps), 0, 0, 1, 1e8, NULL},
    {"warmup", SQ_CONFIG_WHOLE, AT(warmup), 0, 0, 1, 1e6, NULL},
    {"rate", SQ_CONFIG_REAL, AT(rate), 0, 0, 1e-7, 1, NULL},
    {"decay", SQ_CONFIG_REAL, AT(decay), 0, 0, 0, 1, NULL},
    {"average", SQ_CONFIG_REAL, AT(average), 0, 0, 0, 0.999999, NULL},
    {"clip", SQ_CONFIG_REAL, AT(clip), 0, 0, 1e-3, 1e6, NULL},
};
/* clang-format on */

static struct text defaults(void)
{
    struct text t = {.name = "squall-radar", .precision = "auto", .seed = 1, .batch = 4, .coarsen = 2, .frames = sq_slots_last, .channels = 32,
                     .stacks = 2, .dilation = {1, 2, 4, 8, 16}, .n_dilation = 5, .up = 20, .hidden = 32,
                     .node_s = {300, 600, 900, 1200, 1800, 2400, 3000, 3600}, .n_node = 8, .n_edge = SQ_THRESHOLDS,
                     .size = 128, .leads = 4, .most_lead_s = 3600, .most_stride = 3, .most_step_s = 900,
                     .thinned = 0.3, .twin = 0.4, .gain_sigma = 0.6, .blind = 0.3, .dropped = 0.3, .reuse = 1, .crps_weight = 0.5, .rate = 2e-3,
                     .decay = 0.01, .average = 0.999, .clip = 1, .warmup = 200, .steps = 10000};
    memcpy(t.edge_mmh, sq_thresholds_mmh, sizeof sq_thresholds_mmh);
    return t;
}

static struct sq_net_shape shape(const struct text *t)
{
    struct sq_net_shape s = {.channels = t->channels, .stacks = t->stacks, .n_dilation = t->n_dilation, .up = t->up, .slots = t->frames,
                             .hidden = t->hidden, .n_node = t->n_node, .n_edge = t->n_edge};
    memcpy(s.dilation, t->dilation, (size_t)t->n_dilation * sizeof *s.dilation);
    memcpy(s.node_s, t->node_s, (size_t)t->n_node * sizeof *s.node_s);
    memcpy(s.edge_mmh, t->edge_mmh, (size_t)t->n_edge * sizeof *s.edge_mmh);
    return s;
}

static void put(const struct text *t, struct sq_recipe *r)
{
    *r = (struct sq_recipe){.seed = (uint64_t)t->seed, .batch = t->batch, .bf16 = !strcmp(t->precision, "auto"),
                            .crps_weight = (float)t->crps_weight, .coarsen = t->coarsen, .reuse = t->reuse, .net = shape(t)};
    memcpy(r->name, t->name, sizeof r->name);
    memcpy(r->sources, t->sources, sizeof r->sources);
    r->sample = (struct sq_sample_params){.size = t->size & ~1, .leads = t->leads, .most_lead_s = t->most_lead_s,
                                          .most_stride = t->most_stride, .most_step_s = t->most_step_s,
                                          .thinned = (float)t->thinned, .twin = (float)t->twin,
                                          .gain_sigma = (float)t->gain_sigma,
                                          .blind = (float)t->blind, .dropped = (float)t->dropped,
                                          .slots = t->frames, .n_edge = t->n_edge};
    memcpy(r->sample.edge_mmh, t->edge_mmh, (size_t)t->n_edge * sizeof *t->edge_mmh);
    r->optimiser = (struct sq_optimiser_params){.rate = t->rate, .decay = t->decay, .average = t->average,
                                                .clip = t->clip, .warmup = t->warmup, .steps = t->steps};
}

enum sq_status sq_recipe_read(const char *path, struct sq_recipe *ret, struct sq_err *e)
{
    struct text t = defaults();
    char *text;
    size_t size;
    enum sq_status s = sq_config_load(path, &text, &size, e);
    if (s)
        return s;
    s = sq_config_parse(keys, sizeof keys / sizeof *keys, path, text, size, &t, sizeof t, e);
    if (s) {
        free(text);
        return s;
    }
    put(&t, ret);
    ret->text = text;
    return SQ_OK;
}

enum sq_status sq_recipe_sources(const char *recipe, char *ret, size_t size, struct sq_err *e)
{
    struct sq_recipe r;
    enum sq_status s = sq_recipe_read(recipe, &r, e);
    if (s)
        return s;
    snprintf(ret, size, "%s", r.sources);
    sq_recipe_finish(&r);
    return SQ_OK;
}

void sq_recipe_finish(struct sq_recipe *r)
{
    free(r->text);
    *r = (struct sq_recipe){0};
}
