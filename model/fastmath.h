/* exp for loops that the compiler turns into vectors: no branch, no call. */
#ifndef SQ_MODEL_FASTMATH_H
#define SQ_MODEL_FASTMATH_H

#include <stdint.h>
#include <string.h>

/* e^x, relative error below 3e-7; x is clamped to [-87, 88]. 2^n from exponent bits, 2^f by the Taylor
 * polynomial of e^(f log 2) on [-1/2, 1/2]. */
static inline float sq_expf(float x)
{
    x = x < -87 ? -87 : x > 88 ? 88 : x;
    float t = x * 1.44269504f;
    float r = t + 12582912.0f; /* rounds to nearest: 1.5 * 2^23 */
    uint32_t bits;
    memcpy(&bits, &r, sizeof bits);
    float n = r - 12582912.0f;
    float f = x - n * 0.693145752f - n * 1.42860677e-6f;
    float p = 1 + f * (1 + f * (0.5f + f * (0.166666667f + f * (0.0416666667f + f * (0.00833333333f + f * 0.00138888889f)))));
    bits = (bits + 127) << 23;
    float s;
    memcpy(&s, &bits, sizeof s);
    return p * s;
}

#endif
