/* Broken HDF5 cannot end squall: work in a process of its own that dies, hangs or goes well; readers there and here
 * say the same. */
#include "broken.h"
#include "small_hdf.h"

#include "ingest.h"

#include "core/apart.h"
#include "core/log.h"

#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

/* ---- processes ---------------------------------------------------------------------------------------------- */

/* The first child of this process, 0: it has none. */
static pid_t find_child(void)
{
    char path[300], text[300];
    pid_t found = 0;
    DIR *d = opendir("/proc");
    REQUIRE(d);
    for (struct dirent *f; (f = readdir(d)) && !found;) {
        int pid = 0, parent = 0;
        snprintf(path, sizeof path, "/proc/%s/stat", f->d_name);
        FILE *in = atoi(f->d_name) > 0 ? fopen(path, "r") : NULL;
        if (in && fgets(text, sizeof text, in) && sscanf(text, "%d %*s %*c %d", &pid, &parent) == 2 &&
            parent == getpid())
            found = pid;
        if (in)
            fclose(in);
    }
    closedir(d);
    return found;
}

/* Memory shared with others that this process maps. */
static long shared_kb(void)
{
    char text[600];
    long sum = 0;
    FILE *in = fopen("/proc/self/maps", "r");
    REQUIRE(in);
    while (fgets(text, sizeof text, in)) {
        unsigned long from, to;
        char how[8];
        if (sscanf(text, "%lx-%lx %7s", &from, &to, how) == 3 && how[3] == 's')
            sum += (long)((to - from) / 1024);
    }
    fclose(in);
    return sum;
}

static void check_nothing_left(long shared_before)
{
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(shared_kb(), shared_before);
}

enum { DOUBLE, ABORT, FAULT, LEAVE, HANG };

struct note {
    int what, value;
};

static void work(void *ctx, void *block)
{
    struct note *n = block;
    switch (n->what) {
    case DOUBLE:
        n->value *= *(int *)ctx;
        break;
    case ABORT:
        abort();
    case FAULT:
        raise(SIGSEGV);
        break;
    case LEAVE:
        _exit(0);
    default:
        for (;;)
            sleep(100);
    }
}

static void work_that_dies_is_told_from_work_done(void **state)
{
    (void)state;
    struct sq_err err = {0};
    int by = 2;
    const long before = shared_kb();
    for (int what = ABORT; what <= HANG; what++) {
        struct sq_apart *a = NULL;
        REQUIRE_OK(sq_apart_start(1 << 20, work, &by, &a, &err));
        struct note *n = sq_apart_block(a);
        n->value = 1;
        for (int i = 0; i < 10; i++)
            assert_int_equal(sq_apart_ask(a, 60), SQ_APART_DONE);
        assert_int_equal(n->value, 1024);
        REQUIRE(shared_kb() > before);
        n->what = what;
        const time_t begin = time(NULL);
        assert_int_equal(sq_apart_ask(a, what == HANG ? 1 : 60), what == HANG ? SQ_APART_LATE : SQ_APART_DIED);
        REQUIRE(time(NULL) - begin < 50);
        sq_apart_stop(&a);
        REQUIRE(!a);
        sq_apart_stop(&a);
        check_nothing_left(before);
    }
}

/* What waits in a buffer of stdio is written once. */
/* block: size_t, how much of its own it may take; 0 if not that much */
static void take_memory(void *ctx, void *block)
{
    size_t *n = block;
    (void)ctx;
    void *p = mmap(NULL, *n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        *n = 0;
    else
        munmap(p, *n);
}

static void work_takes_no_memory_without_end(void **state)
{
    struct sq_apart *a = NULL;
    struct sq_err e = {0};
    (void)state;
    assert_int_equal(sq_apart_start(sizeof(size_t), take_memory, NULL, &a, &e), SQ_OK);
    size_t *n = sq_apart_block(a);
    *n = SQ_APART_MEMORY / 2;
    assert_int_equal(sq_apart_ask(a, 10), SQ_APART_DONE);
    assert_int_equal(*n, SQ_APART_MEMORY / 2);
    *n = SQ_APART_MEMORY + SQ_APART_MEMORY / 4;
    assert_int_equal(sq_apart_ask(a, 10), SQ_APART_DONE);
    assert_int_equal(*n, 0);
    sq_apart_stop(&a);
}

static void buffers_are_written_once(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct sq_apart *a = NULL;
    int by = 2;
    FILE *f = fopen(test_path("text"), "w");
    REQUIRE(f && fputs("once", f) >= 0);
    REQUIRE_OK(sq_apart_start(1 << 20, work, &by, &a, &err));
    assert_int_equal(sq_apart_ask(a, 60), SQ_APART_DONE);
    sq_apart_stop(&a);
    struct stat s;
    REQUIRE(!fclose(f) && !stat(test_path("text"), &s));
    assert_int_equal(s.st_size, 4);
}

/* ---- readers ------------------------------------------------------------------------------------------------- */

static struct sq_inputs *open_it(const char *path, bool together)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {(char *)(uintptr_t)path};
    p.kind = SQ_KIND_ANY;
    p.together = together;
    REQUIRE_OK(sq_inputs_open(paths, 1, &p, &in, &err));
    return in;
}

/* A file read here and there: what is listed and read is the same. */
static void check_same(const char *path)
{
    struct sq_err err = {0};
    struct sq_inputs *here = open_it(path, true), *there = open_it(path, false);
    assert_int_equal(sq_inputs_count(here), sq_inputs_count(there));
    for (int i = 0; i < sq_inputs_count(here) && i < 6; i++) {
        const struct sq_frame_info *a = sq_inputs_info(here, i), *b = sq_inputs_info(there, i);
        struct sq_field f = {0}, g = {0};
        REQUIRE(a->kind == b->kind && a->time == b->time && a->reference_time == b->reference_time &&
                a->interval_s == b->interval_s && a->index == b->index && sq_grid_equal(&a->grid, &b->grid));
        REQUIRE(!strcmp(a->source, b->source) && !strcmp(a->product, b->product) && !strcmp(a->channel, b->channel) &&
                !strcmp(a->units, b->units) && !strcmp(a->path, b->path) && !strcmp(a->file, b->file));
        REQUIRE_OK(sq_inputs_read(here, i, &f, &err));
        REQUIRE_OK(sq_inputs_read(there, i, &g, &err));
        const size_t n = sq_grid_cells(&f.grid);
        REQUIRE(sq_grid_equal(&f.grid, &g.grid) && f.parallax_corrected == g.parallax_corrected);
        assert_memory_equal(f.value, g.value, n * sizeof *f.value);
        assert_memory_equal(f.state, g.state, n);
        REQUIRE(!f.quality == !g.quality);
        if (f.quality)
            assert_memory_equal(f.quality, g.quality, n * sizeof *f.quality);
        sq_field_finish(&f);
        sq_field_finish(&g);
    }
    REQUIRE(find_child());
    sq_inputs_close(&here);
    sq_inputs_close(&there);
}

static const double quality[] = {100, 0, 50, 255, 100, 20, 30, 40, 50, 60, 70, 80};

static void write_odim(const char *path)
{
    small_odim_write(path, (struct small_odim){.quality = quality, .strings = true});
}

static void write_knmi(const char *path)
{
    small_knmi_write(path, (struct small_knmi){0});
}

static void write_cf(const char *path)
{
    small_cf_write(path, (struct small_cf){.n = 3});
}

static void (*const write_small[])(const char *) = {write_odim, write_knmi, write_cf};

static void readers_say_the_same_apart(void **state)
{
    (void)state;
    const long before = shared_kb();
    for (int k = 0; k < 3; k++) {
        write_small[k](test_path("f.h5"));
        check_same(test_path("f.h5"));
    }
    check_nothing_left(before);
}

static void check_sample(const char *pattern)
{
    char where[4200];
    glob_t g = {0};
    snprintf(where, sizeof where, "%s/%s", test_shared(), pattern);
    assert_int_equal(glob(where, 0, NULL, &g), 0);
    check_same(g.gl_pathv[0]);
    globfree(&g);
}

static void samples_read_the_same_apart(void **state)
{
    (void)state;
    NEED_SHARED();
    check_sample("formats/odim/T_PAAH21*1800*");
    check_sample("formats/knmi/*0000.h5");
    check_sample("events/mch*");
    check_sample("formats/goes/*GLMM1*");
    check_sample("formats/nwcsaf/*0700*");
    check_sample("formats/nwp/*");
}

/* What befalls the other process is said of the file, and the next one is read as ever. */
static void a_reader_that_dies_is_a_broken_file(void **state)
{
    (void)state;
    const char *path = test_path("f.h5");
    struct sq_err err = {0};
    struct sq_field f = {0};
    const long before = shared_kb();
    write_cf(path);
    struct sq_inputs *in = open_it(path, false);
    REQUIRE(find_child() && !kill(find_child(), SIGKILL));
    REQUIRE_STATUS(sq_inputs_read(in, 0, &f, &err), SQ_FAILED);
    REQUIRE(!strncmp(err.text, path, strlen(path)) && strstr(err.text, "the library that decodes it fell over it"));
    REQUIRE_OK(sq_inputs_read(in, 1, &f, &err));
    sq_field_finish(&f);
    sq_inputs_close(&in);
    check_nothing_left(before);
}

/* Refused in one line that names it, or read. */
static void try_it(const char *path, bool must_fail)
{
    struct sq_read_params p = SQ_READ_PARAMS_DEFAULT;
    struct sq_inputs *in = NULL;
    struct sq_err err = {0};
    char *paths[] = {(char *)(uintptr_t)path};
    enum sq_status st = sq_inputs_open(paths, 1, &p, &in, &err);
    for (int i = 0, n = in ? sq_inputs_count(in) : 0; i < n && !st; i++) {
        struct sq_field f = {0};
        st = sq_inputs_read(in, i, &f, &err);
        sq_field_finish(&f);
    }
    sq_inputs_close(&in);
    broken_check(path, must_fail, st, &err);
}

/* Small files are structure all over, so that flips meet the library itself. */
static void broken_files_are_refused_in_one_line(void **state)
{
    (void)state;
    const char *path = test_path("broken.h5");
    const long before = shared_kb();
    for (int k = 0; k < 3; k++) {
        write_small[k](path);
        broken_try(path, 50, 200, try_it);
    }
    check_nothing_left(before);
}

int main(void)
{
    sq_log_level(SQ_LOG_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_that_dies_is_told_from_work_done),
        cmocka_unit_test(work_takes_no_memory_without_end),
        cmocka_unit_test(buffers_are_written_once),
        cmocka_unit_test(readers_say_the_same_apart),
        cmocka_unit_test(samples_read_the_same_apart),
        cmocka_unit_test(a_reader_that_dies_is_a_broken_file),
        cmocka_unit_test(broken_files_are_refused_in_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, test_end);
}
