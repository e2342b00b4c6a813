#include "optimiser.h"

#include "core/hot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum sq_status sq_optimiser_init(struct sq_optimiser *o, const struct sq_optimiser_params *p, size_t n,
                                 const float *theta, struct sq_err *e)
{
    *o = (struct sq_optimiser){.p = *p, .n = n};
    enum sq_status s = sq_alloc((void **)&o->m, 3 * n, sizeof *o->m, "optimiser", e);
    if (s)
        return s;
    o->v = o->m + n;
    o->average = o->v + n;
    memcpy(o->average, theta, n * sizeof *theta);
    return SQ_OK;
}

void sq_optimiser_finish(struct sq_optimiser *o)
{
    free(o->m);
    *o = (struct sq_optimiser){0};
}

double sq_optimiser_rate(const struct sq_optimiser_params *p, int64_t step)
{
    if (step < p->warmup)
        return p->rate * (double)(step + 1) / p->warmup;
    double done = (double)(step - p->warmup) / (p->steps > p->warmup ? p->steps - p->warmup : 1);
    return p->rate * (0.01 + 0.99 * 0.5 * (1 + cos(3.14159265358979 * (done < 1 ? done : 1))));
}

struct update {
    float rate, decay, scale, c1, c2, keep;
};

SQ_HOT static void update(const struct update *u, size_t n, const float *g, float *theta, float *m, float *v, float *avg)
{
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * u->scale;
        m[i] = 0.9f * m[i] + 0.1f * d;
        v[i] = 0.99f * v[i] + 0.01f * d * d;
        theta[i] -= u->rate * (m[i] * u->c1 / (sqrtf(v[i] * u->c2) + 1e-8f) + u->decay * theta[i]);
        avg[i] = u->keep * avg[i] + (1 - u->keep) * theta[i];
    }
}

double sq_optimiser_step(struct sq_optimiser *o, const float *gradient, float *theta)
{
    double sum = 0;
    for (size_t i = 0; i < o->n; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    double norm = sqrt(sum), t = (double)o->step + 1;
    if (!isfinite(norm)) {
        o->step++; /* the next one sees other samples */
        return norm;
    }
    double early = t / (t + 10); /* a young average forgets its beginning */
    struct update u = {.rate = (float)sq_optimiser_rate(&o->p, o->step), .decay = (float)o->p.decay,
                       .scale = (float)(norm > o->p.clip ? o->p.clip / norm : 1),
                       .c1 = (float)(1 / (1 - pow(0.9, t))), .c2 = (float)(1 / (1 - pow(0.99, t))),
                       .keep = (float)(o->p.average < early ? o->p.average : early)};
    update(&u, o->n, gradient, theta, o->m, o->v, o->average);
    o->step++;
    return norm;
}
