/* SPDX-License-Identifier: Apache-2.0 */
/* Roles as text, as JSON and as bits. */
#include "common/codec/json.h"
#include "common/wire/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void lists_are_read(void **state)
{
    static const struct {
        const char *text;
        roles_t roles;
    } cases[] = {
        {"allocator", ROLE_ALLOCATOR},
        {" allocator , proxy", ROLE_ALLOCATOR | ROLE_PROXY},
        {"director,coordinator,proxy,allocator", ROLES_ALL},
        {"proxy,proxy", ROLE_PROXY},
        {"", ROLES_NONE},
        {"  ", ROLES_NONE},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        roles_t roles = 99;
        struct err err;
        assert_int_equal(roles_parse_list(cases[i].text, &roles, &err), 0);
        assert_int_equal(roles, cases[i].roles);
    }
}

static void unknown_and_system_roles_are_refused_by_name(void **state)
{
    static const struct {
        const char *text;
        const char *named;
    } cases[] = {
        {"allocator,allocater", "\"allocater\" is no role"},
        {"Allocator", "\"Allocator\" is no role"},
        {"allocator proxy", "\"allocator proxy\" is no role"},
        {"proxy,beats-runner", "\"beats-runner\" is held by every runner"},
        {"services-forwarder", "\"services-forwarder\" is held by every runner"},
        {"proxy,,allocator", "empty"},
        {"x\x1b[31m", "\"x?[31m\" is no role"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        roles_t roles = 99;
        struct err err;
        assert_int_equal(roles_parse_list(cases[i].text, &roles, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].named));
        assert_int_equal(roles, 99);
    }
}

static int from_text(const char *text, roles_t *ret, struct err *err)
{
    auto_json *json = NULL;
    assert_int_equal(json_parse(text, strlen(text), &json, err), 0);
    return roles_from_json(json_object_get(json, "roles"), ret, err);
}

static void every_set_survives_json_and_text(void **state)
{
    (void)state;

    for (roles_t roles = ROLES_NONE; roles <= ROLES_ALL; roles++) {
        auto_json *json = roles_to_json(roles);
        roles_t again = 99;
        char text[ROLES_TEXT_BYTES];
        struct err err;
        assert_int_equal(roles_from_json(json, &again, &err), 0);
        assert_int_equal(again, roles);
        roles_format(roles, text);
        assert_int_equal(roles_parse_list(text, &again, &err), 0);
        assert_int_equal(again, roles);
    }
}

static void the_order_is_that_of_the_enum(void **state)
{
    char text[ROLES_TEXT_BYTES];
    (void)state;

    roles_format(ROLES_ALL, text);

    assert_string_equal(text, "director,coordinator,proxy,allocator");
    assert_string_equal(roles_name(0), "director");
    assert_string_equal(roles_name(ROLES_COUNT - 1), "allocator");
}

static void no_array_means_no_roles(void **state)
{
    roles_t roles = 99;
    struct err err;
    (void)state;

    assert_int_equal(from_text("{}", &roles, &err), 0);
    assert_int_equal(roles, ROLES_NONE);
    roles = 99;
    assert_int_equal(from_text("{\"roles\":null}", &roles, &err), 0);
    assert_int_equal(roles, ROLES_NONE);
}

static void wrong_json_is_refused_with_the_place(void **state) /* [TP-2] */
{
    static const struct {
        const char *text;
        const char *place;
    } cases[] = {
        {"{\"roles\":\"allocator\"}", "roles: "},
        {"{\"roles\":{}}", "roles: "},
        {"{\"roles\":[1]}", "roles[0]: "},
        {"{\"roles\":[\"proxy\",null]}", "roles[1]: "},
        {"{\"roles\":[\"proxy\",\"beats-runner\"]}", "roles[1]: "},
        {"{\"roles\":[\"\"]}", "roles[0]: "},
        {"{\"roles\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", "more than 16 items"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        roles_t roles = 99;
        struct err err;
        assert_int_equal(from_text(cases[i].text, &roles, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, cases[i].place));
        assert_int_equal(roles, 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(unknown_and_system_roles_are_refused_by_name),
        cmocka_unit_test(every_set_survives_json_and_text),
        cmocka_unit_test(the_order_is_that_of_the_enum),
        cmocka_unit_test(no_array_means_no_roles),
        cmocka_unit_test(wrong_json_is_refused_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
