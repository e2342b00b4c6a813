/* Seeded random numbers: PCG32 (M. E. O'Neill 2014). A value: copy it to save the state. */
#ifndef SQ_MODEL_RANDOM_H
#define SQ_MODEL_RANDOM_H

#include <math.h>
#include <stdint.h>

struct sq_random {
    uint64_t state, stream;
};

static inline uint32_t sq_random_u32(struct sq_random *r)
{
    uint64_t old = r->state;
    r->state = old * 6364136223846793005u + (r->stream | 1);
    uint32_t x = (uint32_t)(((old >> 18) ^ old) >> 27), rot = (uint32_t)(old >> 59);
    return (x >> rot) | (x << ((32 - rot) & 31));
}
static inline struct sq_random sq_random_seed(uint64_t seed, uint64_t stream)
{
    struct sq_random r = {0, stream << 1 | 1};
    sq_random_u32(&r);
    r.state += seed;
    sq_random_u32(&r);
    return r;
}
/* [0, 1) */
static inline float sq_random_uniform(struct sq_random *r)
{
    return (float)(sq_random_u32(r) >> 8) * 0x1p-24f;
}
/* 0 ... n - 1 */
static inline int sq_random_below(struct sq_random *r, int n)
{
    return (int)(((uint64_t)sq_random_u32(r) * (uint64_t)n) >> 32);
}
/* Box and Muller 1958 */
static inline float sq_random_normal(struct sq_random *r)
{
    float u = 1 - sq_random_uniform(r), v = sq_random_uniform(r);
    return sqrtf(-2 * logf(u)) * cosf(6.2831853f * v);
}

#endif
