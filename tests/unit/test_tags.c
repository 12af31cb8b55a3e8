/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of a command line and of messages: their bounds, and what they must not hold. */
#include "common/codec/json.h"
#include "common/wire/tags.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void tags_of_a_command_line_are_read(void **state)
{
    struct wire_tags tags;
    struct wire_tags copy;
    struct err err;
    (void)state;

    assert_int_equal(wire_tags_parse("ssd:true, url:http://x:1,empty:", &tags, &err), 0);
    assert_int_equal(wire_tags_copy(&tags, &copy, &err), 0);
    wire_tags_fini(&tags);

    assert_int_equal(copy.count, 3);
    assert_string_equal(copy.items[0].key, "ssd");
    assert_string_equal(copy.items[0].value, "true");
    assert_string_equal(copy.items[1].key, "url");
    assert_string_equal(copy.items[1].value, "http://x:1");
    assert_string_equal(copy.items[2].value, "");
    wire_tags_fini(&copy);

    assert_int_equal(wire_tags_parse("", &tags, &err), 0);
    assert_int_equal(tags.count, 0);
    assert_null(tags.items);
}

static void wrong_tags_are_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text;
        const char *reason;
    } cases[] = {
        {"ssd", "\"ssd\" is not key:value"},
        {"a:1,b:2,a:3", "key \"a\" stands there twice"},
        {":v", "key is empty"},
        {"a:1,,b:2", "empty"},
        {"a:\x1b[1m", "plain UTF-8"},
        {"\xff:1", "plain UTF-8"},
    };

    char text[1000];
    struct err err;
    struct wire_tags tags = {.count = 9};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(wire_tags_parse(cases[i].text, &tags, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].reason));
        assert_int_equal(tags.count, 9);
    }
    memset(text, 'k', 129);
    memcpy(text + 129, ":v", 3);
    assert_int_equal(wire_tags_parse(text, &tags, &err), -1);
    assert_int_equal(wire_tags_parse(text + 1, &tags, &err), 0);
    wire_tags_fini(&tags);
}

static void sixty_four_tags_are_the_most(void **state)
{
    auto_json *object = json_object();
    struct wire_tags tags;
    struct err err;
    char text[1000] = "";
    size_t len = 0;
    (void)state;
    for (unsigned i = 0; i < WIRE_TAGS_MAX; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%u", i);
        assert_int_equal(json_object_set_new(object, key, json_string("v")), 0);
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s:v", i > 0 ? "," : "", key);
    }

    assert_int_equal(wire_tags_from_json(object, "tags", &tags, &err), 0);
    assert_int_equal(tags.count, WIRE_TAGS_MAX);
    wire_tags_fini(&tags);
    assert_int_equal(wire_tags_parse(text, &tags, &err), 0);
    wire_tags_fini(&tags);

    assert_int_equal(json_object_set_new(object, "more", json_string("v")), 0);
    assert_int_equal(wire_tags_from_json(object, "tags", &tags, &err), -1);
    (void)snprintf(text + len, sizeof text - len, ",more:v");
    assert_int_equal(wire_tags_parse(text, &tags, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_of_a_command_line_are_read),
        cmocka_unit_test(wrong_tags_are_refused_with_the_reason),
        cmocka_unit_test(sixty_four_tags_are_the_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
