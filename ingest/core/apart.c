#include "apart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct sq_apart {
    pid_t pid;
    int line; /* a number there asks and says for how many seconds, one back says that it is done */
    void *block;
    size_t bytes;
};

/* No core, no report of a sanitizer or of malloc: who asked says what happened, in one line. */
static void be_quiet(void)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM, SIGALRM};
    const struct rlimit none = {0, 0};
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)setrlimit(RLIMIT_CORE, &none);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        (void)signal(fatal[i], SIG_DFL);
    if (nothing >= 0)
        (void)dup2(nothing, STDERR_FILENO);
}

/* A broken file may claim any length, and libhdf5 takes memory for it before it looks (a text of 42 kB of file took
 * 8 GB). What was mapped before the fork counts: the limit lies above that. */
static void be_modest(void)
{
    unsigned long pages = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    const bool known = in && fscanf(in, "%*u %*u %*u %*u %*u %lu", &pages) == 1;
    if (known) {
        const rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + SQ_APART_MEMORY;
        (void)setrlimit(RLIMIT_DATA, &(struct rlimit){most, most});
    }
    if (in)
        fclose(in);
}

static ssize_t hear(int line, int *ret)
{
    ssize_t n;
    while ((n = recv(line, ret, sizeof *ret, MSG_WAITALL)) < 0 && errno == EINTR)
        ;
    return n;
}

static bool say(int line, int number)
{
    ssize_t n;
    while ((n = send(line, &number, sizeof number, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        ;
    return n == sizeof number;
}

enum { GRACE_S = 5 }; /* the one who asks is to tell late from dead */

/* An alarm ends what comes to no end where nobody is left to stop it. */
static void serve(int line, void (*work)(void *ctx, void *block), void *ctx, void *block)
{
    int limit_s;
    bool heard = true;
    while (heard && hear(line, &limit_s) == sizeof limit_s) {
        (void)alarm((unsigned)limit_s + GRACE_S);
        work(ctx, block);
        (void)alarm(0);
        heard = say(line, 0);
    }
}

enum sq_status sq_apart_start(size_t bytes, void (*work)(void *ctx, void *block), void *ctx, struct sq_apart **ret,
                              struct sq_err *e)
{
    struct sq_apart *a = NULL;
    int line[2];
    enum sq_status st = sq_alloc((void **)&a, 1, sizeof *a, "a process", e);
    if (st)
        return st;
    *a = (struct sq_apart){.pid = -1, .line = -1, .bytes = bytes};
    a->block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (a->block != MAP_FAILED && !socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line)) {
        a->line = line[0];
        a->pid = fork();
        if (!a->pid) {
            close(line[0]);
            be_quiet();
            be_modest();
            serve(line[1], work, ctx, a->block);
            _exit(0); /* buffers of stdio are the other's to write */
        }
        close(line[1]);
    }
    if (a->pid < 0) {
        st = sq_fail(e, SQ_FAILED, "no process to read files in: %s", strerror(errno));
        sq_apart_stop(&a);
        return st;
    }
    *ret = a;
    return SQ_OK;
}

void *sq_apart_block(const struct sq_apart *a)
{
    return a->block;
}

enum sq_apart_end sq_apart_ask(struct sq_apart *a, int limit_s)
{
    const struct timeval limit = {.tv_sec = limit_s};
    (void)setsockopt(a->line, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int done;
    if (!say(a->line, limit_s))
        return SQ_APART_DIED;
    const ssize_t n = hear(a->line, &done);
    if (n == sizeof done)
        return SQ_APART_DONE;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? SQ_APART_LATE : SQ_APART_DIED;
}

enum sq_status sq_apart_read(struct sq_apart *a, int limit_s, const char *path, struct sq_err *e)
{
    switch (sq_apart_ask(a, limit_s)) {
    case SQ_APART_DONE:
        return SQ_OK;
    case SQ_APART_LATE:
        return sq_fail(e, SQ_FAILED, "%s: the library that decodes it came to no end within %d s: the file is broken", path,
                       limit_s);
    default:
        return sq_fail(e, SQ_FAILED, "%s: the library that decodes it fell over it: the file is broken", path);
    }
}

void sq_apart_stop(struct sq_apart **ap)
{
    struct sq_apart *a = *ap;
    if (!a)
        return;
    if (a->line >= 0)
        close(a->line);
    if (a->pid > 0) {
        (void)kill(a->pid, SIGKILL);
        while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (a->block != MAP_FAILED)
        munmap(a->block, a->bytes);
    free(a);
    *ap = NULL;
}
