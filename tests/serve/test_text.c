/* JSON and XML as they are put together. */
#include "test.h"

#include "text.h"

#include <math.h>

static void text_is_escaped(void **state)
{
    (void)state;
    struct sq_text t = {0};
    sq_json_open(&t, NULL, '{');
    sq_json_string(&t, "a\"b", "\x01\\ \xc3\xbc\n");
    sq_json_open(&t, "list", '[');
    sq_json_number(&t, NULL, NAN, 3);
    sq_json_number(&t, NULL, (double)INFINITY, 3);
    sq_json_number(&t, NULL, 1.0 / 3, 3);
    sq_json_whole(&t, NULL, INT64_MIN);
    sq_json_string(&t, NULL, NULL);
    sq_json_close(&t, ']');
    sq_json_bool(&t, "b", true);
    sq_json_close(&t, '}');
    assert_string_equal(t.data, "{\"a\\\"b\":\"\\u0001\\\\ \xc3\xbc\\u000a\",\"list\":[null,null,0.333,"
                                "-9223372036854775808,null],\"b\":true}");
    sq_text_finish(&t);
    sq_text_xml(&t, "<a b='c'>\"&\x02");
    assert_string_equal(t.data, "&lt;a b=&#39;c&#39;&gt;&quot;&amp; ");
    sq_text_finish(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test(f)
        CASE(text_is_escaped),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
