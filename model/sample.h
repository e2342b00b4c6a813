/* Training samples: random windows of random starts of the given events, seen in the moving frame and made stronger
 * or weaker at random. */
#ifndef SQ_MODEL_SAMPLE_H
#define SQ_MODEL_SAMPLE_H

#include "random.h"
#include "net.h"
#include "scene.h"

enum { SQ_LEADS_MOST = 32 }; /* of one sample */

struct sq_sample_params {
    int size;          /* cells along one side of a window; even */
    int leads;         /* leads drawn per sample, up to SQ_LEADS_MOST */
    int most_lead_s;
    int most_stride;   /* frames may be thinned to every 1, ... most_stride-th */
    int most_step_s;   /* but never to more than this between frames */
    float thinned;     /* a thinned start is drawn this many times as often as a native one, [0, 1] */
    int n_native;      /* events from this one on are coarse twins, drawn `twin` times as often */
    float twin;        /* [0, 1] */
    float gain_sigma;  /* rates are multiplied by exp(N(0, sigma)) */
    float dropped;     /* each source beside the radar is left out of this share of samples */
    float blind;       /* share of samples whose radar does not see rates below 0.1 to 0.6 mm/h */
    struct sq_slots slots; /* frames that are looked at */
    int n_edge;        /* of the advection probabilities */
    float edge_mmh[SQ_CLASS_MAX - 1];
};

struct sq_library; /* all starts of all events; motion is estimated when a start is first drawn */

/* An event as it is learnt from; its arrays are owned elsewhere. */
struct sq_lesson {
    struct sq_cube cube;
    struct sq_stack *const *stack; /* [cube.n] beside the radar, as in struct sq_event */
    int stack_wide;                /* cells of the stacks' target that a cell is wide */
};

/* The lessons, and `beside` (NULL: nothing is), outlive the library. */
enum sq_status sq_library_create(const struct sq_lesson *lessons, int n_lessons, const struct sq_beside *beside,
                                 const struct sq_sample_params *p, struct sq_library **ret, struct sq_err *e) SQ_CHECK;
void sq_library_destroy(struct sq_library **l);
int sq_library_starts(const struct sq_library *l);

/* One sample. `which` draws its start, `r` all else: samples of one start are cheaper than of several, whose motion is
 * yet to be estimated. Features (size, size, F), F = SQ_FEATURES(slots) and two for each plane beside the radar;
 * truth (leads, size, size), mm/h, NaN = does not count; base (leads, n_edge, size, size), probabilities of near advection
 * with errors of amount, these as of the rain before it was made stronger; and lead_s (leads); a start with fewer leads
 * repeats some as NaN. */
enum sq_status sq_library_draw(struct sq_library *l, struct sq_random *which, struct sq_random *r, float *features,
                               float *truth, float *base, int *lead_s, struct sq_err *e) SQ_CHECK;

#endif
