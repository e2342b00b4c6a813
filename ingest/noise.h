/* Noise without a state: what a seed gives at a place does not depend on what was asked before. */
#ifndef SQ_INGEST_NOISE_H
#define SQ_INGEST_NOISE_H

#include <stdint.h>

/* splitmix64 (G. Steele, D. Lea, C. Flood 2014): a permutation of 64 bits that leaves no pattern. */
static inline uint64_t sq_mix(uint64_t z)
{
    z += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Of a place in up to three dimensions. */
static inline uint64_t sq_mix_place(uint64_t key, int64_t i, int64_t j, int64_t k)
{
    uint64_t place = (uint64_t)i * 0x8da6b343u ^ (uint64_t)j * 0xd8163841cb1ab7b9u ^ (uint64_t)k << 44;
    return sq_mix(key ^ sq_mix(place));
}

/* [0, 1) */
static inline double sq_unit(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

/* Mean 0, deviation 1, within 3.5: the sum of four even parts. */
static inline float sq_gauss(uint64_t bits)
{
    int64_t sum = (int64_t)((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    return (float)(sum - 131070) * (1 / 37837.2f);
}

#endif
