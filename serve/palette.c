#include "palette.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* clang-format off */
#define PROBABILITY 10, {0.05f, 0.1f, 0.2f, 0.3f, 0.4f, 0.5f, 0.6f, 0.7f, 0.8f, 0.9f}
#define RATE 12, {0.1f, 0.2f, 0.5f, 1, 2, 3, 5, 10, 15, 20, 30, 50}

static const struct sq_palette palettes[] = {
    {"squall", true,
     {PROBABILITY, {0xf5f5b6, 0xd4eb9a, 0xa9e287, 0x70d290, 0x35bc9b, 0x05a0a3, 0x0680a7, 0x265ca6, 0x3a3991,
                    0x411172}},
     {RATE, {0xd7f7ff, 0xb4e9fc, 0x92d9fa, 0x6cc2f8, 0x50a6f4, 0x4d87f3, 0x6563f1, 0x853ada, 0x9d00a9, 0x950055,
             0x720021, 0x400407}}},
    {"grey", true,
     {PROBABILITY, {0xe6e6e6, 0xd2d2d2, 0xbebebe, 0xaaaaaa, 0x969696, 0x828282, 0x6c6c6c, 0x555555, 0x3c3c3c,
                    0x1e1e1e}},
     {RATE, {0xe8e8e8, 0xd7d7d7, 0xc6c6c6, 0xb5b5b5, 0xa3a3a3, 0x919191, 0x7f7f7f, 0x6d6d6d, 0x5a5a5a, 0x474747,
             0x333333, 0x1c1c1c}}},
    /* blue, green, yellow, red, violet, as radar displays have it: familiar, not for everybody's eyes */
    {"radar", false,
     {PROBABILITY, {0xd9e8f6, 0xb0d2ec, 0x7cb7e0, 0x4a97c9, 0x2f9e6e, 0x7cc243, 0xe9df3b, 0xf5a623, 0xe2571e,
                    0xb01030}},
     {RATE, {0xcfe8fb, 0x9ccdf3, 0x5da9e6, 0x2a78d0, 0x1f9a4d, 0x66c03a, 0xf2e23c, 0xf7a81e, 0xee5a1c, 0xc8102e,
             0x96127f, 0x5a0f8c}}},
};
/* clang-format on */

const struct sq_palette *sq_palette_at(int i)
{
    return i >= 0 && i < (int)(sizeof palettes / sizeof *palettes) ? &palettes[i] : NULL;
}

const struct sq_palette *sq_palette_find(const char *name)
{
    const struct sq_palette *p = palettes;
    if (!name || !*name)
        return p;
    for (int i = 0; (p = sq_palette_at(i)) && strcmp(p->name, name) != 0; i++)
        ;
    return p;
}

int sq_scale_class(const struct sq_scale *s, float value)
{
    int k = 0;
    if (isnan(value))
        return SQ_CLASS_UNSEEN;
    while (k < s->n && value >= s->edge[k])
        k++;
    return SQ_CLASS_DRY + k;
}

static double linear(uint32_t byte)
{
    double v = byte / 255.0; /* IEC 61966-2-1 */
    return v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4);
}

double sq_rgb_lightness(uint32_t rgb)
{
    double y = 0.2126 * linear(rgb >> 16 & 255) + 0.7152 * linear(rgb >> 8 & 255) + 0.0722 * linear(rgb & 255);
    return y > 216.0 / 24389 ? 116 * cbrt(y) - 16 : y * 24389.0 / 27;
}

uint32_t sq_rgb_mix(uint32_t a, uint32_t b, double t)
{
    uint32_t rgb = 0;
    for (int shift = 0; shift < 24; shift += 8) {
        double from = a >> shift & 255, to = b >> shift & 255;
        rgb |= (uint32_t)lrint(from + (to - from) * t) << shift;
    }
    return rgb;
}
