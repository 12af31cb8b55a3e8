/* SPDX-License-Identifier: Apache-2.0 */
/* What a JSON document must say at a path ("status.health_checks.has_instances",
 * "zones.0.zone_id"). For cmocka tests. */
#ifndef TESTS_SUPPORT_JSON_EXPECT_H
#define TESTS_SUPPORT_JSON_EXPECT_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* NULL when there is nothing. */
static inline const json_t *json_at(const json_t *json, const char *path)
{
    while (json != NULL && *path != '\0') {
        char part[64] = "";
        size_t len = strcspn(path, ".");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        json = json_is_array(json) ? json_array_get(json, (size_t)strtoul(part, NULL, 10))
                                   : json_object_get(json, part);
        path += path[len] == '.' ? len + 1 : len;
    }
    return json;
}

static inline const json_t *json_expect(const json_t *json, const char *path)
{
    const json_t *value = json_at(json, path);
    if (value == NULL) {
        fail_msg("%s: is not there", path);
    }
    return value;
}

static inline void json_expect_text(const json_t *json, const char *path, const char *text)
{
    const char *is = json_string_value(json_expect(json, path));
    if (is == NULL || strcmp(is, text) != 0) {
        fail_msg("%s: is %s, not \"%s\"", path, is == NULL ? "no text" : is, text);
    }
}

static inline void json_expect_integer(const json_t *json, const char *path, json_int_t number)
{
    const json_t *is = json_expect(json, path);
    if (!json_is_integer(is) || json_integer_value(is) != number) {
        fail_msg("%s: is %lld, not %lld", path, (long long)json_integer_value(is),
                 (long long)number);
    }
}

static inline void json_expect_bool(const json_t *json, const char *path, bool value)
{
    const json_t *is = json_expect(json, path);
    if (!json_is_boolean(is) || json_is_true(is) != value) {
        fail_msg("%s: is not %s", path, value ? "true" : "false");
    }
}

/* An array or object of that many. */
static inline void json_expect_count(const json_t *json, const char *path, size_t count)
{
    const json_t *is = json_expect(json, path);
    size_t n = json_is_array(is) ? json_array_size(is) : json_object_size(is);
    if (n != count || !(json_is_array(is) || json_is_object(is))) {
        fail_msg("%s: has %zu, not %zu", path, n, count);
    }
}

/* The letter of a type: o(bject) a(rray) s(tring) i(nteger) r(eal) b(oolean) 0 (null). */
static inline char json_letter(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return 'o';
    case JSON_ARRAY:
        return 'a';
    case JSON_STRING:
        return 's';
    case JSON_INTEGER:
        return 'i';
    case JSON_REAL:
        return 'r';
    case JSON_TRUE:
    case JSON_FALSE:
        return 'b';
    case JSON_NULL:
        break;
    }
    return '0';
}

struct json_field {
    const char *path;
    char letter;
};

static inline void json_expect_fields(const json_t *json, const struct json_field *fields,
                                      size_t n_fields)
{
    for (size_t i = 0; i < n_fields; i++) {
        char letter = json_letter(json_expect(json, fields[i].path));
        if (letter != fields[i].letter) {
            fail_msg("%s: is of type '%c', not '%c'", fields[i].path, letter, fields[i].letter);
        }
    }
}

/* Clients have no value for null. */
static inline bool json_has_null(const json_t *json)
{
    size_t count = json_array_size(json); /* 0 unless it is one */
    bool has = json == NULL || json_is_null(json);
    for (size_t i = 0; !has && i < count; i++) {
        has = json_has_null(json_array_get(json, i));
    }
    void *member = json_is_object(json) ? json_object_iter((json_t *)(uintptr_t)json) : NULL;
    while (!has && member != NULL) {
        has = json_has_null(json_object_iter_value(member));
        member = json_object_iter_next((json_t *)(uintptr_t)json, member);
    }
    return has;
}

#endif
