/* Which cubes and which other weights some weights go with, and what they say of themselves. */
#include "weights.h"

#include "model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum sq_status sq_weights_join(struct sq_weights *a, struct sq_weights **b, struct sq_err *e)
{
    const struct sq_net_shape *s = &a->net.shape, *t = &(*b)->net.shape;
    if (s->n_edge != t->n_edge || memcmp(s->edge_mmh, t->edge_mmh, (size_t)s->n_edge * sizeof *s->edge_mmh))
        return sq_fail(e, SQ_FAILED, "weights %s and %s have different classes: they cannot be pooled", a->name, (*b)->name);
    if (s->beside || t->beside)
        return sq_fail(e, SQ_FAILED, "weights %s see more than the radar: they cannot be pooled",
                       s->beside ? a->name : (*b)->name);
    while (a->next)
        a = a->next;
    a->next = *b;
    *b = NULL;
    return SQ_OK;
}

const struct sq_stack_def *sq_weights_sources(const struct sq_weights *w)
{
    return w->beside.n ? w->beside.def : NULL;
}

enum sq_status sq_weights_fit(const struct sq_weights *w, const struct sq_cube *c, int most_lead_s, struct sq_err *e)
{
    double cell = sqrt(c->cell_m[0] * c->cell_m[1]);
    int reach = w->net.shape.node_s[w->net.shape.n_node - 1];
    if (c->step_s < w->least_step_s || c->step_s > w->most_step_s)
        return sq_fail(e, SQ_FAILED, "weights %s: made for frames %d to %d s apart, these are %d s apart", w->name,
                       w->least_step_s, w->most_step_s, c->step_s);
    if (cell < w->least_cell_m || cell > w->most_cell_m)
        return sq_fail(e, SQ_FAILED, "weights %s: made for cells of %.0f to %.0f m, these have %.0f m (choose a --grid)",
                       w->name, w->least_cell_m, w->most_cell_m, cell);
    if (most_lead_s > reach)
        return sq_fail(e, SQ_FAILED, "weights %s: forecast at most %d min ahead, %d min are asked for", w->name, reach / 60,
                       most_lead_s / 60);
    return w->next ? sq_weights_fit(w->next, c, most_lead_s, e) : SQ_OK;
}

void sq_weights_describe(const struct sq_weights *w, void (*line)(void *, const char *), void *arg)
{
    const struct sq_net_shape *s = &w->net.shape;
    char text[256];
    snprintf(text, sizeof text, "weights %s, sha256 %s, git %s", w->name, w->sha256, w->git ? w->git : "unknown");
    line(arg, text);
    snprintf(text, sizeof text, "%zu parameters: %d channels, %d stacks of %d blocks, %d lead nodes to %d min, %d classes",
             w->net.n_parameters, s->channels, s->stacks, s->n_dilation, s->n_node, s->node_s[s->n_node - 1] / 60,
             sq_net_classes(s));
    line(arg, text);
    snprintf(text, sizeof text, "for frames %d to %d s apart and cells of %.0f to %.0f m", w->least_step_s, w->most_step_s,
             w->least_cell_m, w->most_cell_m);
    line(arg, text);
    snprintf(text, sizeof text, "at an hour %.0f %% of the forecast is advection, at other leads in proportion",
             100 * (double)w->advection_share);
    line(arg, text);
    for (int i = 0; w->beside.n && i < w->beside.def->n_sources; i++) {
        const struct sq_stack_source *x = &w->beside.def->source[i];
        if (x->kind != SQ_STACK_RADAR) {
            snprintf(text, sizeof text, "sees beside the radar: %s (%s), %d channels at %d times", x->name,
                     sq_stack_kind_name(x->kind), x->n_channels, x->n_slices);
            line(arg, text);
        }
    }
    const char *part[] = {w->data, w->scores, w->recipe};
    for (int k = 0; k < 3; k++)
        if (part[k])
            line(arg, part[k]);
    for (int i = 0; i < w->net.n_layer; i++) {
        const struct sq_layer *l = &w->net.layer[i];
        snprintf(text, sizeof text, "  %-16s %4d -> %4d, %d x %d", l->name, l->in, l->out, l->kernel, l->kernel);
        line(arg, text);
    }
}
