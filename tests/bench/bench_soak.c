/* The server under load from this machine, over sockets, on connections that are kept.
 *     bench_soak [SECONDS [CONNECTIONS]]               everything that may be asked for, while each 20 s a new forecast and
 *                                                      a bad file arrive; a line each 20 s; 1 where an answer was wrong
 *     bench_soak rate PORT TARGET [SECONDS [CONNECTIONS]]   one address of any HTTP server, as fast as it answers
 *     bench_soak each PORT FILE [CONNECTIONS]          the addresses of a file, a line each, once
 * The server, the one who writes forecasts and the one who asks are a process each. */
#include "serve/made_run.h"

#include "serve.h"

#include "core/log.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PERIOD_S = 20, FINE = 16, BUCKETS = 32 * FINE, CONNECTIONS_MAX = 512, HEAD = 4096, TARGET = 160 };

/* Time from asking to the last byte, by logarithm; and what went wrong. */
struct tally {
    uint64_t n, wrong, bytes, bucket[BUCKETS];
    double max_us;
};

struct connection {
    int fd, code; /* code: what is expected, 0 for any refusal */
    double asked; /* s */
    size_t n, left; /* bytes of the head so far; of the body still to come, once `body` */
    bool body, chunked; /* chunked: until the end that comes with chunks, which no picture holds at the end of a packet */
    char head[HEAD], target[TARGET];
};

struct load {
    int port, n;
    const char *target; /* NULL: the mixture, or the list */
    char *list;         /* addresses still to be asked for, a line each */
    int open;           /* connections */
    uint64_t random;
    char run[40]; /* the newest that an answer came from */
    char first_wrong[TARGET + 80];
    struct tally tally;
    struct connection c[CONNECTIONS_MAX];
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void give_up(const char *what)
{
    fprintf(stderr, "bench_soak: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- what is asked for ------------------------------------------------------------------------------------- */

static uint32_t draw(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((*state >> 33) % below);
}

static void put_tile(char *to, const char *layer, const char *run, uint64_t seed)
{
    int z = 5 + (int)draw(&seed, 5), lead = 5 * (1 + (int)draw(&seed, 12));
    double lon = 2 + 6e-3 * draw(&seed, 1000), lat = 49.5 + 4.5e-3 * draw(&seed, 1000);
    snprintf(to, TARGET, "/tiles/%s/%s/%d/%d/%d/%d.png", layer, run, lead, z, (int)((lon + 180) / 360 * (1 << z)),
             (int)((1 - asinh(tan(lat * (M_PI / 180))) / M_PI) / 2 * (1 << z)));
}

/* Of a hundred: 75 tiles that others asked for, too, 5 that nobody did, 18 texts, 2 that there are not. */
static void choose(struct load *l, struct connection *c)
{
    static const char *const layer[] = {"prob", "prob-1.7", "median", "p90", "mean"};
    static const char *const text[] = {"/index.json", "/public/weather-maps.json", "/metrics", "/readyz", "/healthz",
                                       "/legend/rate-squall.json", "/legend/probability-squall.png"};
    static const char *const none[] = {"/tiles/prob/latest/30/3/9/9.png", "/tiles/prob/19990101T0000Z/30/5/16/10.png", "/%zz", "/point?lon=x"};
    uint32_t of = draw(&l->random, 100);
    uint64_t seed = of < 75 ? draw(&l->random, 100) : l->random;
    char fresh[32];
    c->code = of < 98 ? 200 : 0;
    if (of < 75) {
        put_tile(c->target, layer[seed % 5], of < 20 ? l->run : "latest", seed);
    } else if (of < 80) {
        snprintf(fresh, sizeof fresh, "prob-%.3f", 0.1 + 1e-3 * draw(&l->random, 20000));
        put_tile(c->target, fresh, "latest", seed);
    } else if (of < 90) {
        snprintf(c->target, TARGET, "/%s?lon=%.3f&lat=%.3f", of < 88 ? "point" : "plume.svg", 2 + 6e-3 * draw(&l->random, 1000),
                 49.5 + 4.5e-3 * draw(&l->random, 1000));
    } else {
        snprintf(c->target, TARGET, "%s", of < 98 ? text[draw(&l->random, sizeof text / sizeof *text)]
                                                  : none[draw(&l->random, sizeof none / sizeof *none)]);
    }
}

/* ---- connections ------------------------------------------------------------------------------------------- */

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on))
        give_up("cannot connect");
    return fd;
}

/* The next line of the list; false at its end. */
static bool take_line(struct load *l, struct connection *c)
{
    size_t n = strcspn(l->list, "\n");
    snprintf(c->target, TARGET, "%.*s", (int)n, l->list);
    l->list += n + (l->list[n] == '\n');
    c->code = 200;
    return n > 0;
}

static void ask(struct load *l, struct connection *c)
{
    char request[TARGET + 64];
    if (l->list) {
        if (!take_line(l, c)) {
            close(c->fd);
            l->open--;
            return;
        }
    } else if (l->target) {
        snprintf(c->target, TARGET, "%s", l->target);
        c->code = 200;
    } else {
        choose(l, c);
    }
    int n = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n\r\n", c->target, l->port);
    c->n = c->left = 0;
    c->body = false;
    c->asked = seconds();
    (void)!send(c->fd, request, (size_t)n, MSG_NOSIGNAL); /* where it fails, reading says so */
}

static void open_connection(struct load *l, struct connection *c, int poll)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    c->fd = connect_to(l->port);
    l->open++;
    if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &ev))
        give_up("epoll_ctl");
    ask(l, c);
}

static void wrong(struct load *l, const struct connection *c, int code)
{
    if (!l->tally.wrong++ && !l->first_wrong[0])
        snprintf(l->first_wrong, sizeof l->first_wrong, "%s: %d instead of %d", c->target, code, c->code);
}

static void count_answer(struct load *l, const struct connection *c)
{
    struct tally *t = &l->tally;
    double us = 1e6 * (seconds() - c->asked);
    int code = atoi(c->head + 9), k = (int)(FINE * log2(fmax(us, 1)));
    const char *run = strstr(c->head, "\r\nX-Run: ");
    t->n++;
    t->bucket[k < BUCKETS ? k : BUCKETS - 1]++;
    t->max_us = fmax(t->max_us, us);
    if (c->code ? code != c->code : code < 400 || code > 499)
        wrong(l, c, code);
    if (run && code == 200)
        sscanf(run + 9, "%39[^\r]", l->run);
}

/* Takes n bytes of an answer; true at its end. What comes after an answer is wrong, for nobody asked for it. */
static bool take(struct load *l, struct connection *c, const char *bytes, size_t n)
{
    l->tally.bytes += n;
    if (!c->body) {
        size_t old = c->n, fits = n < HEAD - 1 - old ? n : HEAD - 1 - old;
        memcpy(c->head + old, bytes, fits);
        c->head[c->n += fits] = 0;
        char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "\r\nContent-Length:");
        if (!end)
            return false;
        size_t head = (size_t)(end + 4 - c->head);
        c->body = true;
        c->left = length && length < end ? (size_t)atoll(length + 17) : 0;
        end[2] = 0;
        c->chunked = strcasestr(c->head, "\r\nTransfer-Encoding: chunked");
        bytes += head - old;
        n -= head - old;
    }
    if (c->chunked)
        return n >= 5 && !memcmp(bytes + n - 5, "0\r\n\r\n", 5);
    if (n > c->left) {
        wrong(l, c, -1);
        n = c->left;
    }
    c->left -= n;
    return !c->left;
}

static void reopen(struct load *l, struct connection *c, int poll)
{
    close(c->fd);
    l->open--;
    open_connection(l, c, poll);
}

/* Asks and listens until `until`, or until there is nothing left to ask for. */
static void drive(struct load *l, int poll, double until)
{
    static char bytes[1 << 18];
    struct epoll_event ev[64];
    while (seconds() < until && l->open) {
        int n = epoll_wait(poll, ev, 64, 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = ev[i].data.ptr;
            ssize_t got = recv(c->fd, bytes, sizeof bytes, 0);
            if (got <= 0) {
                wrong(l, c, 0); /* cut */
                reopen(l, c, poll);
            } else if (take(l, c, bytes, (size_t)got)) {
                count_answer(l, c);
                if (!l->target && !l->list && !draw(&l->random, 2000)) /* people come and go */
                    reopen(l, c, poll);
                else
                    ask(l, c);
            }
        }
    }
}

static double quantile_us(const struct tally *t, double q)
{
    uint64_t sum = 0;
    int k = 0;
    while (k < BUCKETS - 1 && (sum += t->bucket[k]) < (uint64_t)(q * (double)t->n))
        k++;
    return exp2((k + 0.5) / FINE);
}

static void print_tally(const struct tally *t, double s)
{
    printf("%9llu %8.0f %7.1f %8.0f %8.0f %8.0f %6llu", (unsigned long long)t->n, (double)t->n / s, 1e-6 * (double)t->bytes / s,
           quantile_us(t, 0.5), quantile_us(t, 0.99), t->max_us, (unsigned long long)t->wrong);
}

static void add(struct tally *sum, const struct tally *t)
{
    sum->n += t->n;
    sum->wrong += t->wrong;
    sum->bytes += t->bytes;
    sum->max_us = fmax(sum->max_us, t->max_us);
    for (int k = 0; k < BUCKETS; k++)
        sum->bucket[k] += t->bucket[k];
}

/* ---- forecasts, good and bad ---------------------------------------------------------------------------------- */

static const struct sq_grid country = {
    350, 382, 1000, -3651000, 2000, 2000, "+proj=stere +lat_0=90 +lat_ts=60 +lon_0=0 +a=6378137 +b=6356752 +x_0=0 +y_0=0 +units=m +no_defs"};

static void fill_lead(const struct sq_forecast *f, int lead, int run, struct sq_lead *l)
{
    size_t n = sq_grid_cells(&f->grid);
    for (size_t i = 0; i < n; i++) {
        float rate = made_rate(&f->grid, (int)(i / (size_t)f->grid.nx), (int)(i % (size_t)f->grid.nx), lead + run);
        for (int k = 0; k < f->n_threshold; k++)
            l->prob[(size_t)k * n + i] = rate / (rate + f->threshold_mmh[k]);
        for (int k = 0; k < f->n_percentile; k++)
            l->rate[(size_t)k * n + i] = rate * f->percentile[k] / 50;
        l->mean[i] = rate;
    }
}

static void write_run(const char *path, int64_t issued, int run)
{
    struct sq_err err = {0};
    struct sq_product_writer *w = NULL;
    struct sq_lead l = {0};
    struct sq_forecast f = {.grid = country, .issue_time = issued, .n_lead = 12, .n_threshold = SQ_THRESHOLDS, .n_percentile = 3,
                            .percentile = {10, 50, 90}, .method = "network", .model = "made"};
    memcpy(f.threshold_mmh, sq_thresholds_mmh, sizeof sq_thresholds_mmh);
    for (int k = 0; k < f.n_lead; k++)
        f.lead_s[k] = 300 * (k + 1);
    enum sq_status s = sq_lead_init(&l, &f, &err);
    if (!s)
        s = sq_product_create(path, &f, &w, &err);
    for (int k = 0; k < f.n_lead && !s; k++) {
        fill_lead(&f, k, run, &l);
        s = sq_product_put(w, k, &l, &err);
    }
    if (!s)
        s = sq_product_publish(w, &err);
    sq_product_destroy(&w);
    sq_lead_finish(&l);
    if (s)
        fprintf(stderr, "bench_soak: %s\n", err.text);
}

/* By turns: nothing, a beginning, the whole with a hole in its middle, another file's first bytes. */
static void write_bad(const char *path, const char *good, int turn)
{
    FILE *in = fopen(good, "rb"), *out = fopen(path, "wb");
    char bytes[1 << 16];
    long at = 0, size = in && !fseek(in, 0, SEEK_END) ? ftell(in) : 0;
    if (in)
        rewind(in);
    for (size_t n; turn % 4 && in && out && (n = fread(bytes, 1, sizeof bytes, in)); at += (long)n) {
        if (turn % 4 == 1 && at > size / 3)
            break;
        if ((turn % 4 == 2 && labs(at - size / 2) < 200000) || turn % 4 == 3)
            memset(bytes + 8, 0x5a, n > 8 ? n - 8 : 0);
        fwrite(bytes, 1, n, out);
    }
    if (in)
        fclose(in);
    if (out)
        fclose(out);
}

/* Run i of n, the last of them of now; `bad` a bad file, of a later minute, beside it. */
static void feed(const char *folder, int i, int n, bool bad)
{
    char good[300], other[300], stamp[32];
    int64_t issued = (int64_t)time(NULL) / 300 * 300 - 300 * (n - 1 - i);
    static int64_t first;
    first = i ? first : issued;
    issued = first + 300 * i; /* whatever the clock did meanwhile */
    time_t t = (time_t)issued;
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%MZ", gmtime(&t));
    snprintf(good, sizeof good, "%s/squall_%s.nc", folder, stamp);
    write_run(good, issued, i);
    stamp[12] = (char)('1' + issued / 60 % 5);
    snprintf(other, sizeof other, "%s/squall_%.12s%cZ.nc", folder, stamp, issued / 60 % 10 < 5 ? '1' : '6');
    if (bad)
        write_bad(other, good, i);
}

/* Only the newest files stay, as where somebody cleans up. */
static void clean(const char *folder, int keep)
{
    struct dirent **name;
    int n = scandir(folder, &name, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/%s", folder, name[i]->d_name);
        if (name[i]->d_name[0] != '.' && i < n - keep)
            unlink(path);
        free(name[i]);
    }
    if (n > 0)
        free(name);
}

/* The parent writes nothing itself: threads of OpenMP do not outlive a fork. */
static pid_t start_feeder(const char *folder, int n, int hold)
{
    pid_t pid = fork();
    if (pid)
        return pid;
    close(hold); /* the parent's alone: the server ends with it */
    feed(folder, 0, n, false);
    double start = seconds();
    for (int i = 1; i < n; i++) {
        double wait = start + PERIOD_S * i - seconds();
        if (wait > 0)
            usleep((useconds_t)(1e6 * wait));
        feed(folder, i, n, true);
        clean(folder, 8);
    }
    _exit(0);
}

/* ---- the server ---------------------------------------------------------------------------------------------- */

/* In a process of its own, until `hold` is closed. */
static pid_t start_server(const char *folder, int *ret_port, int *ret_hold)
{
    int hold[2], port[2];
    if (pipe(hold) || pipe(port))
        give_up("pipe");
    pid_t pid = fork();
    if (pid < 0)
        give_up("fork");
    if (!pid) {
        struct sq_err err = {0};
        struct sq_server *s = NULL;
        struct sq_server_params p = {SQ_SERVER_DEFAULTS};
        char c;
        close(hold[1]);
        p.folder = folder;
        p.port = 0;
        p.cache_mib = 16; /* so that it fills */
        p.stale_s = 86400;
        if (sq_server_start(&p, &s, &err)) {
            fprintf(stderr, "bench_soak: %s\n", err.text);
            _exit(1);
        }
        int at = sq_server_port(s);
        (void)!write(port[1], &at, sizeof at);
        (void)!read(hold[0], &c, 1);
        sq_server_stop(&s);
        exit(0);
    }
    close(port[1]);
    close(hold[0]);
    if (read(port[0], ret_port, sizeof *ret_port) != sizeof *ret_port)
        give_up("the server did not start");
    close(port[0]);
    *ret_hold = hold[1];
    return pid;
}

static double resident_mib(pid_t pid)
{
    char path[64];
    long all, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fscanf(f, "%ld %ld", &all, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* Fills `room` with an answer, as a string. */
static void fetch(int port, const char *target, char *room, size_t n_room)
{
    char request[TARGET + 64];
    size_t n = 0;
    int fd = connect_to(port), len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", target);
    (void)!send(fd, request, (size_t)len, MSG_NOSIGNAL);
    for (ssize_t got; n < n_room - 1 && (got = recv(fd, room + n, n_room - 1 - n, 0)) > 0;)
        n += (size_t)got;
    room[n] = 0;
    close(fd);
}

static int metric(int port, const char *name)
{
    static char room[1 << 17];
    fetch(port, "/metrics", room, sizeof room);
    const char *at = strstr(room, name);
    return at ? atoi(at + strlen(name)) : -1;
}

/* ---- what is measured ------------------------------------------------------------------------------------------ */

static int open_all(struct load *l)
{
    int poll = epoll_create1(0);
    if (poll < 0)
        give_up("epoll_create1");
    for (int i = 0; i < l->n; i++)
        open_connection(l, &l->c[i], poll);
    return poll;
}

static int measure_rate(struct load *l, int s)
{
    int poll = open_all(l);
    drive(l, poll, seconds() + 1); /* warm */
    memset(&l->tally, 0, sizeof l->tally);
    double start = seconds();
    drive(l, poll, start + s);
    printf("  answers      /s    MB/s   p50 us   p99 us   max us  wrong\n");
    print_tally(&l->tally, seconds() - start);
    printf("\n%s", l->first_wrong);
    return l->tally.wrong > 0;
}

/* The file as a string. */
static char *read_list(const char *path)
{
    FILE *f = fopen(path, "rb");
    long n = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    char *text = n < 0 ? NULL : calloc(1, (size_t)n + 1);
    if (!text || fseek(f, 0, SEEK_SET) || fread(text, 1, (size_t)n, f) != (size_t)n)
        give_up(path);
    fclose(f);
    return text;
}

static int measure_each(struct load *l, const char *path)
{
    char *list = l->list = read_list(path);
    double start = seconds();
    drive(l, open_all(l), start + 3600);
    printf("  answers      /s    MB/s   p50 us   p99 us   max us  wrong\n");
    print_tally(&l->tally, seconds() - start);
    printf("\n%s", l->first_wrong);
    free(list);
    return l->tally.wrong > 0;
}

static int soak(struct load *l, int s)
{
    char folder[] = "/tmp/squall_soak_XXXXXX", room[512] = "";
    struct tally sum = {0};
    int n = 1 + (s - 1) / PERIOD_S, hold = -1;
    double first = 0, last = 0;
    if (!mkdtemp(folder))
        give_up(folder);
    pid_t server = start_server(folder, &l->port, &hold), feeder = start_feeder(folder, n, hold);
    while (!strstr(room, "HTTP/1.1 200")) {
        fetch(l->port, "/readyz", room, sizeof room);
        usleep(100000);
    }
    fetch(l->port, "/tiles/prob/latest/30/5/16/10.png", room, sizeof room);
    const char *run = strstr(room, "\r\nX-Run: ");
    if (!run || sscanf(run + 9, "%39[^\r]", l->run) != 1)
        give_up("no tile");
    int poll = open_all(l);
    printf("    s  answers      /s    MB/s   p50 us   p99 us   max us  wrong  MiB  runs  refused\n");
    double start = seconds();
    for (int at = 0; at < s;) {
        int step = s - at < PERIOD_S ? s - at : PERIOD_S;
        at += step;
        drive(l, poll, start + at);
        last = resident_mib(server);
        first = at <= s / 2 || first == 0 ? last : first; /* by half time the cache is full and `keep` forecasts are there */
        printf("%5d", at);
        print_tally(&l->tally, step);
        printf(" %4.0f %5d %8d\n", last, metric(l->port, "squall_runs_total{result=\"ok\"} "),
               metric(l->port, "squall_runs_total{result=\"failed\"} "));
        fflush(stdout);
        add(&sum, &l->tally);
        memset(&l->tally, 0, sizeof l->tally);
    }
    printf("  all");
    print_tally(&sum, s);
    printf("  %+.1f MiB since half time\n%s", last - first, l->first_wrong);
    waitpid(feeder, NULL, 0);
    close(hold);
    int how = 0;
    waitpid(server, &how, 0);
    clean(folder, 0);
    rmdir(folder);
    return sum.wrong || how;
}

int main(int argc, char **argv)
{
    bool rate = argc > 3 && !strcmp(argv[1], "rate"), each = argc > 3 && !strcmp(argv[1], "each");
    const int at = rate ? 4 : each ? 3 : 1, s = each ? 1 : argc > at ? atoi(argv[at]) : rate ? 5 : PERIOD_S;
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return 1;
    l->n = argc > at + 1 ? atoi(argv[at + 1]) : 16;
    if (s < 1 || s > 86400 || l->n < 1 || l->n > CONNECTIONS_MAX || argc > at + 2) {
        fprintf(stderr, "bench_soak [SECONDS [CONNECTIONS]]\nbench_soak rate PORT TARGET [SECONDS [CONNECTIONS]]\n"
                        "bench_soak each PORT FILE [CONNECTIONS]\n");
        return 2;
    }
    l->random = 1;
    sq_log_level(SQ_LOG_ERROR);
    if (rate || each)
        l->port = atoi(argv[2]);
    if (rate)
        l->target = argv[3];
    int failed = rate ? measure_rate(l, s) : each ? measure_each(l, argv[3]) : soak(l, s);
    free(l);
    return failed;
}
