/* Decoding and aligning, in several processes: neither netCDF-C nor ecCodes may be called from two threads, and
 * both take most of the time. Planes lie in shared memory, frames are handed out in pieces, and a decoder that is
 * killed by its input costs the frames that it had taken. */
#include "stack_parts.h"

#include "core/log.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 4, WORKERS_MAX = 64 }; /* frames of a file that are decoded together: it is opened once */

struct outcome {
    struct sq_seen seen;
    enum sq_stack_why why; /* NONE: nobody came to it */
    char text[300];        /* of a broken frame, with its first plane */
};

/* What processes share. */
struct board {
    _Atomic int next;         /* piece to be taken */
    struct outcome outcome[]; /* [n] */
};

struct crew {
    const struct sq_load_params *p;
    const struct sq_load *load;
    int n;
    int *piece; /* [n_pieces + 1]: where each begins */
    int n_pieces;
    struct board *board;
};

static double coverage_of(const float *v, size_t n)
{
    size_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen += v[i] == v[i];
    return (double)seen / (double)n;
}

static void align(const struct sq_load *l, const struct sq_field *f)
{
    if (l->plan)
        sq_regrid_weighted(l->plan, f->value, f->quality, l->to->value);
    else
        memcpy(l->to->value, f->value, l->to->cells * sizeof *f->value);
}

/* Fills the planes first to last - 1, all of one frame. */
static void fill(const struct crew *c, int first, int last)
{
    struct sq_field f = {0};
    struct sq_err why = {0};
    const struct sq_window *part = NULL;
    bool read = false;
    for (int i = first; i < last; i++) {
        const struct sq_load *l = &c->load[i];
        struct outcome *o = &c->board->outcome[i];
        const char *folder = c->p->cache;
        if (folder && sq_cache_get(folder, l->to->key, l->to->cells, l->to->value, &o->seen)) {
            o->why = SQ_STACK_USED;
            continue;
        }
        if (read && part != l->part) {
            sq_field_finish(&f);
            read = false;
        }
        if (!read && sq_inputs_read_part(c->p->in, l->frame, l->part, &f, &why)) {
            snprintf(o->text, sizeof o->text, "%.299s", why.text);
            for (int k = i; k < last; k++)
                c->board->outcome[k].why = SQ_STACK_BROKEN;
            return;
        }
        part = l->part;
        read = true;
        sq_field_reject_worthless(&f);
        align(l, &f);
        o->seen = (struct sq_seen){coverage_of(l->to->value, l->to->cells), f.report};
        o->why = SQ_STACK_USED;
        if (folder)
            sq_cache_put(folder, l->to->key, l->to->cells, l->to->value, &o->seen);
    }
    sq_field_finish(&f);
}

/* Takes pieces until there are no more. */
static void work(const struct crew *c)
{
    for (int k; (k = atomic_fetch_add(&c->board->next, 1)) < c->n_pieces;)
        for (int i = c->piece[k], end; i < c->piece[k + 1]; i = end) {
            for (end = i + 1; end < c->piece[k + 1] && c->load[end].frame == c->load[i].frame;)
                end++;
            fill(c, i, end);
        }
}

/* Frame follows frame, megabytes each: memory that went back to the system would be asked for, and cleared, anew. */
static void keep_memory(void)
{
    (void)mallopt(M_MMAP_MAX, 0);
    (void)mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

/* Runs `work` in n processes and waits for them. Without any, this one does it. */
static void work_apart(const struct crew *c, int n)
{
    pid_t pid[WORKERS_MAX];
    int started = 0, status;
    sq_inputs_rest(c->p->in); /* a file position would be shared */
    fflush(stderr);
    for (; started < n && started < WORKERS_MAX; started++) {
        pid[started] = fork();
        if (pid[started] < 0)
            break;
        if (!pid[started]) {
            keep_memory();
            work(c);
            sq_inputs_rest(c->p->in);
            _exit(0);
        }
    }
    if (!started)
        work(c);
    for (int i = 0; i < started; i++) {
        while (waitpid(pid[i], &status, 0) < 0 && errno == EINTR)
            ;
        if (WIFSIGNALED(status))
            sq_log(SQ_LOG_WARN, "a decoder was ended by signal %d", WTERMSIG(status));
    }
}

/* Pieces: frames of one file, a few together. */
static void cut(struct crew *c)
{
    int frames = 0;
    for (int i = 0; i < c->n; i++) {
        const bool same = i && c->load[i].frame == c->load[i - 1].frame;
        const char *path = sq_inputs_info(c->p->in, c->load[i].frame)->path;
        if (!i || (!same && (frames == PIECE || strcmp(path, sq_inputs_info(c->p->in, c->load[i - 1].frame)->path)))) {
            c->piece[c->n_pieces++] = i;
            frames = 0;
        }
        frames += !same;
    }
    c->piece[c->n_pieces] = c->n;
}

/* What the board says, into the planes. */
static void settle(const struct crew *c)
{
    for (int i = 0; i < c->n; i++) {
        struct outcome *o = &c->board->outcome[i];
        const struct sq_load *l = &c->load[i];
        if (o->why == SQ_STACK_NONE) {
            o->why = SQ_STACK_BROKEN;
            snprintf(o->text, sizeof o->text, "%.250s: its decoder was ended", sq_inputs_info(c->p->in, l->frame)->path);
        }
        if (o->text[0])
            sq_log(SQ_LOG_WARN, "%s: passed over", o->text);
        l->to->why = o->why;
        l->to->seen = o->seen;
    }
}

enum sq_status sq_stack_load(const struct sq_load_params *p, const struct sq_load *load, int n, struct sq_err *e)
{
    struct crew c = {.p = p, .load = load, .n = n};
    const size_t bytes = sizeof *c.board + (size_t)n * sizeof c.board->outcome[0];
    if (!n)
        return SQ_OK;
    enum sq_status status = sq_alloc((void **)&c.piece, (size_t)n + 1, sizeof *c.piece, "pieces of work", e);
    if (status)
        return status;
    void *board = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        free(c.piece);
        return sq_fail(e, SQ_FAILED, "out of memory for %d planes", n);
    }
    c.board = board;
    cut(&c);
    int workers = p->workers < c.n_pieces ? p->workers : c.n_pieces;
    if (workers > 1)
        work_apart(&c, workers);
    else
        work(&c);
    settle(&c);
    munmap(board, bytes);
    free(c.piece);
    return SQ_OK;
}
