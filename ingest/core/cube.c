#include "cube.h"

#include <stdlib.h>

void sq_cube_finish(struct sq_cube *c)
{
    for (int i = 0; c->frame && i < c->n; i++) {
        free(c->frame[i].rate_mmh);
        free(c->frame[i].state);
        free(c->frame[i].path);
    }
    free(c->frame);
    *c = (struct sq_cube){0};
}

int sq_cube_find(const struct sq_cube *c, int64_t t, int slack_s)
{
    int best = -1;
    int64_t least = (int64_t)slack_s + 1;
    for (int i = 0; i < c->n; i++) {
        int64_t d = llabs((long long)(c->frame[i].time - t));
        if (c->frame[i].rate_mmh && d < least) {
            least = d;
            best = i;
        }
    }
    return best;
}
