#include "net.h"

#include <string.h>

/* Which feature of a narrower network a feature is, or -1: frames by their age, what follows them in order. */
static int old_feature(const struct sq_net_shape *wide, const struct sq_net_shape *narrow, int feature)
{
    if (feature >= 2 * wide->slots.n)
        return feature - 2 * wide->slots.n + 2 * narrow->slots.n;
    int k = sq_slots_find(&narrow->slots, wide->slots.age[feature / 2]);
    return k < 0 ? -1 : 2 * k + feature % 2;
}

static void copy_layer(struct sq_net *n, const struct sq_net *from, int layer)
{
    const struct sq_layer *to = &n->layer[layer], *l = &from->layer[layer];
    size_t weights = (size_t)l->out * (size_t)l->in * (size_t)(l->kernel * l->kernel);
    memcpy(n->theta + to->weight, from->theta + l->weight, weights * sizeof *n->theta);
    memcpy(n->theta + to->bias, from->theta + l->bias, (size_t)l->out * sizeof *n->theta);
}

/* Inputs of a layer are `lead` channels as they were, then one or more sets of features. */
static void grow_layer(struct sq_net *n, const struct sq_net *from, int layer, int lead)
{
    const struct sq_layer *to = &n->layer[layer], *l = &from->layer[layer];
    int wide = sq_net_features(&n->shape), narrow = sq_net_features(&from->shape), taps = l->kernel * l->kernel;
    for (int o = 0; o < to->out; o++)
        for (int i = 0; i < to->in; i++) {
            float *w = n->theta + to->weight + ((size_t)o * (size_t)to->in + (size_t)i) * (size_t)taps;
            int at = i < lead ? i : old_feature(&n->shape, &from->shape, (i - lead) % wide);
            if (i >= lead && at >= 0)
                at += lead + (i - lead) / wide * narrow;
            for (int k = 0; k < taps; k++)
                w[k] = at < 0 ? 0 : from->theta[l->weight + ((size_t)o * (size_t)l->in + (size_t)at) * (size_t)taps + (size_t)k];
        }
    memcpy(n->theta + to->bias, from->theta + l->bias, (size_t)l->out * sizeof *n->theta);
}

static bool sees_all_of(const struct sq_slots *a, const struct sq_slots *b)
{
    int k = 0;
    while (k < b->n && sq_slots_find(a, b->age[k]) >= 0)
        k++;
    return k == b->n;
}

static bool alike(struct sq_net_shape a, const struct sq_net_shape *b)
{
    return a.channels == b->channels && a.beside == b->beside && a.stacks == b->stacks && a.up == b->up &&
           a.hidden == b->hidden && a.n_dilation == b->n_dilation &&
           !memcmp(a.dilation, b->dilation, (size_t)a.n_dilation * sizeof *a.dilation) && a.n_node == b->n_node &&
           !memcmp(a.node_s, b->node_s, (size_t)a.n_node * sizeof *a.node_s) && a.n_edge == b->n_edge &&
           !memcmp(a.edge_mmh, b->edge_mmh, (size_t)a.n_edge * sizeof *a.edge_mmh);
}

bool sq_net_grow(struct sq_net *n, const struct sq_net *from)
{
    if (!alike(n->shape, &from->shape) || !sees_all_of(&n->shape.slots, &from->shape.slots))
        return false;
    for (int i = 0; i < n->n_layer; i++) {
        const char *name = n->layer[i].name;
        if (!strcmp(name, "stem"))
            grow_layer(n, from, i, 0);
        else if (!strcmp(name, "full"))
            grow_layer(n, from, i, n->shape.up);
        else
            copy_layer(n, from, i);
    }
    return true;
}
