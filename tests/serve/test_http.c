/* The server with its sockets: what arrives on the wire, limits, and load while forecasts change. tools/check runs
 * this program and test_tile_cache with the thread sanitizer, too. */
#include "small_site.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { ROOM = 1 << 20 };

static struct sq_server *start_server(FILE *access)
{
    struct sq_err err = {0};
    struct sq_server *s = NULL;
    struct sq_server_params p = {SQ_SERVER_DEFAULTS};
    p.folder = test_folder();
    p.port = 0;
    p.threads = 4;
    p.access = access;
    REQUIRE_OK(sq_server_start(&p, &s, &err));
    REQUIRE(sq_server_port(s) > 0);
    return s;
}

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = 60};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience));
    REQUIRE(!connect(fd, (struct sockaddr *)&at, sizeof at));
    return fd;
}

/* Sends a request and reads one answer: head and body into `room`, as a string. Returns the code, 0 where the server
 * closed without an answer. */
static int exchange(int fd, const char *request, char *room, size_t *ret_body)
{
    size_t n = 0, want = 0, head = 0, left = strlen(request);
    for (ssize_t sent; left; request += sent, left -= (size_t)sent)
        if ((sent = send(fd, request, left, MSG_NOSIGNAL)) <= 0)
            break; /* refused while sending: the answer is there */
    while (!head || n < want) {
        ssize_t got = recv(fd, room + n, ROOM - 1 - n, 0);
        if (got <= 0)
            break;
        n += (size_t)got;
        room[n] = 0;
        char *end = strstr(room, "\r\n\r\n"), *length = strcasestr(room, "\r\nContent-Length:");
        if (end && !head) {
            head = (size_t)(end + 4 - room);
            want = head + (length && length < end ? (size_t)atoll(length + 17) : 0);
            if (ret_body && *ret_body == 1) /* HEAD: a length, but no body */
                want = head;
        }
    }
    room[n] = 0;
    if (ret_body)
        *ret_body = head;
    return n > 12 && !strncmp(room, "HTTP/1.1 ", 9) ? atoi(room + 9) : 0;
}

static int get(int fd, const char *path, char *room, size_t *ret_body)
{
    char request[512];
    size_t body = 0;
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    int code = exchange(fd, request, room, &body);
    if (ret_body)
        *ret_body = body;
    return code;
}

static void wait_until_ready(int port, char *room)
{
    int code = 0;
    for (int i = 0; i < 600 && code != 200; i++) {
        int fd = connect_to(port);
        code = get(fd, "/readyz", room, NULL);
        close(fd);
        if (code != 200)
            usleep(100000);
    }
    assert_int_equal(code, 200);
}

static void answers_on_the_wire_are_whole(void **state)
{
    (void)state;
    char *room = malloc(ROOM), request[512], etag[32], line[400] = "";
    size_t body = 0;
    FILE *log = tmpfile();
    REQUIRE(room && log);
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    struct sq_server *s = start_server(log);
    int port = sq_server_port(s), fd;
    wait_until_ready(port, room);
    fd = connect_to(port); /* one connection for all */
    assert_int_equal(get(fd, "/tiles/prob/latest/30/7/30/48.png", room, &body), 200);
    REQUIRE(!memcmp(room + body, "\x89PNG", 4) && strstr(room, "Access-Control-Allow-Origin: *"));
    REQUIRE(strstr(room, "X-Content-Type-Options: nosniff") && strstr(room, "Content-Security-Policy: default-src 'none'"));
    REQUIRE(!strstr(room, "Content-Encoding") && !strstr(room, "Connection: close"));
    snprintf(etag, sizeof etag, "%.18s", strstr(room, "ETag: ") + 6);
    snprintf(request, sizeof request, "GET /tiles/prob/20160711T2200Z/30/7/30/48.png HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n",
             etag);
    body = 1;
    assert_int_equal(exchange(fd, request, room, &body), 304);
    REQUIRE(strstr(room, "immutable") && strstr(room, etag));
    body = 1;
    assert_int_equal(exchange(fd, "HEAD /index.json HTTP/1.1\r\nHost: x\r\n\r\n", room, &body), 200);
    REQUIRE(strstr(room, "Content-Length: ") && strlen(room) == body);
    assert_int_equal(get(fd, "/public/weather-maps.json", room, &body), 200);
    REQUIRE(is_json(room + body) && strstr(room + body, "\"host\":\"http://localhost\""));
    body = 0;
    assert_int_equal(exchange(fd, "GET /index.json HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", room, &body), 200);
    REQUIRE(strstr(room, "Content-Encoding: gzip") && strstr(room, "Vary: Accept-Encoding") && !memcmp(room + body, "\x1f\x8b", 2));
    assert_int_equal(get(fd, "/no\"thing", room, NULL), 404);
    close(fd);
    sq_server_stop(&s);
    rewind(log);
    int lines = 0, named = 0;
    while (fgets(line, sizeof line, log)) {
        lines++;
        named += strstr(line, "\"GET /no?thing\" 404 ") != NULL;
    }
    REQUIRE(lines >= 6 && named == 1);
    fclose(log);
    free(room);
}

static void what_is_too_much_is_refused(void **state)
{
    (void)state;
    char *room = malloc(ROOM), *big = calloc(1, 80000);
    REQUIRE(room && big);
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    struct sq_server *s = start_server(NULL);
    int port = sq_server_port(s), fd = connect_to(port), code;
    assert_int_equal(exchange(fd, "POST /point HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", room, NULL), 413);
    close(fd);
    fd = connect_to(port);
    assert_int_equal(exchange(fd, "GET /point HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", room, NULL), 413);
    close(fd);
    fd = connect_to(port);
    assert_int_equal(exchange(fd, "DELETE /point HTTP/1.1\r\nHost: x\r\n\r\n", room, NULL), 405);
    close(fd);
    memset(big, 'a', 79999);
    memcpy(big, "GET /", 5);
    strcpy(big + 4000, " HTTP/1.1\r\nHost: x\r\n\r\n");
    fd = connect_to(port);
    assert_int_equal(exchange(fd, big, room, NULL), 414);
    close(fd);
    memset(big, 'a', 79999);
    memcpy(big, "GET / HTTP/1.1\r\nHost: x\r\nX: ", 28);
    strcpy(big + 70000, "\r\n\r\n");
    fd = connect_to(port);
    code = exchange(fd, big, room, NULL);
    REQUIRE(code == 431 || code == 413 || code == 414 || code == 0); /* refused, or the connection cut */
    close(fd);
    fd = connect_to(port);
    code = exchange(fd, "\x01\x02\x03\r\n\r\n", room, NULL);
    REQUIRE(code == 0 || code >= 400);
    close(fd);
    wait_until_ready(port, room); /* and it lives */
    sq_server_stop(&s);
    free(big);
    free(room);
}

static void a_port_in_use_is_said(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_server *a = start_server(NULL), *b = NULL;
    struct sq_server_params p = {SQ_SERVER_DEFAULTS};
    p.folder = test_folder();
    p.port = sq_server_port(a);
    REQUIRE_STATUS(sq_server_start(&p, &b, &err), SQ_FAILED);
    REQUIRE(strstr(err.text, "cannot listen at 127.0.0.1"));
    p.bind = "localhost.example";
    REQUIRE_STATUS(sq_server_start(&p, &b, &err), SQ_USAGE);
    sq_server_stop(&a);
}

/* ---- load ------------------------------------------------------------------------------------------------ */

struct load {
    int port;
    atomic_bool stop;
    atomic_int answered, wrong;
    char first_wrong[200];
};

/* Everything that may be asked for at any time must be there at any time. */
static void *visitor(void *arg)
{
    static const char *const path[] = {
        "/index.json", "/tiles/prob/latest/30/7/30/48.png", "/tiles/median/latest/5/6/15/24@2x.png",
        "/tiles/observed/latest/0/8/60/97.png", "/tiles/near10/latest/60/9/121/196.png?style=value",
        "/point?lon=-97.5&lat=38.5", "/plume.svg?lon=-97.5&lat=38.5", "/metrics", "/readyz",
        "/public/weather-maps.json", "/v2/radar/latest/256/6/15/24/2/1_1.png", "/tiles/prob-0.7/latest/45/8/60/97.png"};
    struct load *l = arg;
    char *room = malloc(ROOM);
    int fd = connect_to(l->port);
    for (unsigned i = (unsigned)fd; !atomic_load(&l->stop); i++) {
        const char *p = path[i * 7 % (sizeof path / sizeof *path)];
        int code = get(fd, p, room, NULL);
        atomic_fetch_add(&l->answered, 1);
        if (code != 200 && atomic_fetch_add(&l->wrong, 1) == 0)
            snprintf(l->first_wrong, sizeof l->first_wrong, "%s: %d", p, code);
        if (code == 0) {
            close(fd);
            fd = connect_to(l->port);
        }
    }
    close(fd);
    free(room);
    return NULL;
}

static void forecasts_change_under_load_and_nobody_notices(void **state)
{
    (void)state;
    struct load l = {0};
    pthread_t thread[6];
    char *room = malloc(ROOM), name[64], target[64];
    size_t body = 0;
    small_file("squall_20160711T2200Z.nc", &small_grids[0], 0);
    for (int i = 1; i <= 4; i++) { /* beforehand: netCDF is for one thread at a time */
        snprintf(name, sizeof name, "%d", i);
        small_file(name, &small_grids[0], 300 * i);
    }
    struct sq_server *s = start_server(NULL);
    l.port = sq_server_port(s);
    wait_until_ready(l.port, room);
    for (int i = 0; i < 6; i++)
        REQUIRE(!pthread_create(&thread[i], NULL, visitor, &l));
    for (int i = 1; i <= 4; i++) {
        snprintf(name, sizeof name, "%d", i);
        snprintf(target, sizeof target, "squall_20160711T22%02dZ.nc", 5 * i);
        REQUIRE(!rename(test_path(name), test_path(target)));
        snprintf(name, sizeof name, "squall_20160711T22%02dZ.nc", 5 * i + 1);
        put_bytes(test_path(name), "\x89HDF\r\n\x1a\n and nothing more", 24);
        usleep(1100000);
    }
    atomic_store(&l.stop, true);
    for (int i = 0; i < 6; i++)
        pthread_join(thread[i], NULL);
    if (l.wrong)
        fail_msg("%d of %d answers were wrong: %s", l.wrong, l.answered, l.first_wrong);
    REQUIRE(l.answered > 100);
    int fd = connect_to(l.port);
    bool newest = false;
    for (int i = 0; i < 1200 && !newest; i++) { /* the last one is taken in within moments, later on a busy machine */
        assert_int_equal(get(fd, "/index.json", room, &body), 200);
        newest = strstr(room + body, "\"run\":\"20160711T2220Z\"");
        if (!newest)
            usleep(100000);
    }
    REQUIRE(newest);
    close(fd);
    sq_server_stop(&s);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_teardown(f, test_end)
        CASE(answers_on_the_wire_are_whole),
        CASE(what_is_too_much_is_refused),
        CASE(a_port_in_use_is_said),
        CASE(forecasts_change_under_load_and_nobody_notices),
    };
    sq_log_level(SQ_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
