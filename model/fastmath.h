/* exp and log for loops that the compiler turns into vectors: no branch, no call. */
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

/* log x of a normal x > 0, absolute error below 2e-7 plus rounding: exponent from bits, log of the mantissa m in
 * [sqrt(1/2), sqrt(2)) as 2 atanh((m - 1) / (m + 1)). */
static inline float sq_logf(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t e = (int32_t)(bits - 0x3f3504f3) >> 23;
    bits -= (uint32_t)e << 23;
    float m;
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1) / (m + 1), q = s * s;
    return (float)e * 0.693147181f + 2 * s * (1 + q * (0.333333333f + q * (0.2f + q * (0.142857143f + q * 0.111111111f))));
}

#endif
