/* SPDX-License-Identifier: Apache-2.0 */
/* The body of a refusal: ours is written and read; what others send is told apart or made
 * harmless. */
#include "common/codec/json.h"
#include "common/wire/error_body.h"
#include "common/wire/protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* [TP-3] */
static void a_refusal_is_written_as_documented_and_read_back(void **state)
{
    auto_json *json = wire_error_to_json(WIRE_E_REQUEST, "seq: is missing", "seq");
    auto_json *bare = wire_error_to_json(WIRE_E_CONFLICT, "m", NULL);
    char *text = json_compact(json);
    char *bare_text = json_compact(bare);
    struct wire_error error;
    (void)state;

    assert_string_equal(text, "{\"errors\":[{\"code\":\"agent.request_malformed\","
                              "\"message\":\"seq: is missing\",\"fields\":[\"seq\"]}]}");
    assert_string_equal(
        bare_text, "{\"errors\":[{\"code\":\"agent.identity_conflict\",\"message\":\"m\"}]}");
    assert_true(wire_error_read(text, strlen(text), &error));
    assert_string_equal(error.code, WIRE_E_REQUEST);
    assert_string_equal(error.message, "seq: is missing");
    free(text);
    free(bare_text);
}

static void bodies_of_others_are_no_refusals_of_ours(void **state)
{
    static const char *const bodies[] = {
        "",
        "<html>502</html>",
        "{}",
        "[]",
        "{\"errors\":{}}",
        "{\"errors\":[]}",
        "{\"errors\":[1]}",
        "{\"errors\":[{\"message\":\"m\"}]}",
        "{\"errors\":[{\"code\":1}]}",
        "{\"errors\":[{\"code\":\"c\"}]",
        "\"errors\"",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct wire_error error = {.code = "kept"};
        assert_false(wire_error_read(bodies[i], strlen(bodies[i]), &error));
        assert_string_equal(error.code, "kept");
    }
}

static void what_a_refusal_says_is_fit_for_a_terminal(void **state)
{
    static const char body[] = "{\"errors\":[{\"code\":\"c\\n\",\"message\":"
                               "\"a\\u001b[2J\\u009b\\u007f\\r\\n\\u20ac\"}]}";
    struct wire_error error;
    (void)state;

    assert_true(wire_error_read(body, strlen(body), &error));

    assert_string_equal(error.code, "c ");
    assert_string_equal(error.message, "a [2J    \xe2\x82\xac");
}

static void a_long_refusal_is_cut_between_characters(void **state)
{
    char body[2000] = "{\"errors\":[{\"message\":\"x";
    struct wire_error error;
    (void)state;
    for (size_t i = 0; i < 200; i++) {
        strcat(body, "\xe2\x82\xac"); /* 3 bytes each, after an 'x': 384 falls inside one */
    }
    strcat(body, "\",\"code\":\"c\"}]}");

    assert_true(wire_error_read(body, strlen(body), &error));

    assert_int_equal(strlen(error.message), 1 + 127 * 3);
    assert_string_equal(error.code, "c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refusal_is_written_as_documented_and_read_back),
        cmocka_unit_test(bodies_of_others_are_no_refusals_of_ours),
        cmocka_unit_test(what_a_refusal_says_is_fit_for_a_terminal),
        cmocka_unit_test(a_long_refusal_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
