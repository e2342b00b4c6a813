/* Pictures that are made once, and the room that they take. */
#include "test.h"

#include "tile_cache.h"

#include <pthread.h>
#include <unistd.h>

struct kitchen {
    struct sq_tile_cache *cache;
    pthread_mutex_t lock;
    int made, fails;
};

static enum sq_status cook(void *arg, unsigned char **ret, size_t *ret_n, struct sq_err *e)
{
    struct kitchen *k = arg;
    pthread_mutex_lock(&k->lock);
    k->made++;
    bool fails = k->fails-- > 0;
    pthread_mutex_unlock(&k->lock);
    usleep(20000);
    if (fails)
        return sq_fail(e, SQ_FAILED, "burnt");
    *ret = calloc(1, *ret_n = 1000);
    return *ret ? SQ_OK : SQ_FAILED;
}

static void *guest(void *arg)
{
    struct kitchen *k = arg;
    struct sq_blob *b = NULL;
    if (sq_tile_cache_get(k->cache, "soup", cook, k, &b, NULL))
        return NULL;
    bool full = b->n == 1000;
    sq_blob_release(b);
    return full ? k : NULL;
}

static int serve_guests(struct kitchen *k)
{
    pthread_t t[8];
    int served = 0;
    void *full;
    for (int i = 0; i < 8; i++)
        REQUIRE(!pthread_create(&t[i], NULL, guest, k));
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &full);
        served += full != NULL;
    }
    return served;
}

static void one_cooks_however_many_ask(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct kitchen k = {.lock = PTHREAD_MUTEX_INITIALIZER, .fails = 1};
    REQUIRE_OK(sq_tile_cache_create(1 << 20, &k.cache, &err));
    REQUIRE(serve_guests(&k) < 8); /* those who came first share the failure */
    assert_int_equal(serve_guests(&k), 8);
    assert_int_equal(k.made, 2);
    sq_tile_cache_destroy(&k.cache);
}

static void the_cache_keeps_to_its_room(void **state)
{
    (void)state;
    struct sq_err err = {0};
    struct kitchen k = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct sq_tile_cache_count count;
    struct sq_blob *b = NULL, *first = NULL;
    char name[16];
    REQUIRE_OK(sq_tile_cache_create(5000, &k.cache, &err));
    REQUIRE_OK(sq_tile_cache_get(k.cache, "first", cook, &k, &first, &err));
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof name, "dish %d", i);
        REQUIRE_OK(sq_tile_cache_get(k.cache, name, cook, &k, &b, &err));
        sq_blob_release(b);
        REQUIRE_OK(sq_tile_cache_get(k.cache, "dish 0", cook, &k, &b, &err)); /* in use: stays */
        sq_blob_release(b);
    }
    sq_tile_cache_count(k.cache, &count);
    REQUIRE(count.bytes <= 5000 && count.pictures >= 2);
    assert_int_equal(k.made, 7);
    REQUIRE(first->n == 1000 && first->data[999] == 0); /* held: lives on */
    sq_blob_release(first);
    REQUIRE_OK(sq_tile_cache_get(k.cache, "first", cook, &k, &first, &err));
    assert_int_equal(k.made, 8);
    sq_blob_release(first);
    sq_tile_cache_destroy(&k.cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test(f)
        CASE(one_cooks_however_many_ask),
        CASE(the_cache_keeps_to_its_room),
    };
    return cmocka_run_group_tests_name("tile_cache", tests, NULL, NULL);
}
