/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds JSON to a definition of the official API (an OpenAPI 2 file): required members, types,
 * int32, enumerations. The file is not part of the project: $ECE_API_SLICE names it, or it lies
 * beside the repository; without it a case skips itself.
 */
#ifndef TESTS_SUPPORT_API_SCHEMA_H
#define TESTS_SUPPORT_API_SCHEMA_H

#include "tests/support/json_expect.h"

#include <stdio.h>

#define API_SCHEMA_FILE TEST_DATA "/../../../shared/reference/ece-api-slice.json"

enum { API_SCHEMA_PATH_BYTES = 512 };

/* The file's "definitions" (owned); NULL when there is no such file. */
static inline json_t *api_schema_load(void)
{
    const char *named = getenv("ECE_API_SLICE");
    json_error_t error;
    json_t *file = json_load_file(named != NULL ? named : API_SCHEMA_FILE, 0, &error);
    if (file == NULL &&
        (named != NULL || json_error_code(&error) != json_error_cannot_open_file)) {
        fail_msg("%s: %s", error.source, error.text);
    }
    json_t *definitions = json_incref(json_object_get(file, "definitions"));
    json_decref(file);
    return definitions;
}

static inline const json_t *api_schema_resolve(const json_t *definitions, const json_t *schema)
{
    const char *ref = json_string_value(json_object_get(schema, "$ref"));
    return ref == NULL ? schema : json_object_get(definitions, strrchr(ref, '/') + 1);
}

static inline bool api_schema_is_type(const json_t *schema, const json_t *value)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    const char *format = json_string_value(json_object_get(schema, "format"));
    char letter = json_letter(value);
    if (type == NULL || strcmp(type, "object") == 0) {
        return letter == 'o';
    }
    if (strcmp(type, "integer") == 0) {
        json_int_t number = json_integer_value(value);
        return letter == 'i' && (format == NULL || strcmp(format, "int32") != 0 ||
                                 (number >= INT32_MIN && number <= INT32_MAX));
    }
    return strcmp(type, "number") == 0 ? letter == 'i' || letter == 'r' : letter == type[0];
}

static inline bool api_schema_is_listed(const json_t *schema, const json_t *value)
{
    const json_t *listed = json_object_get(schema, "enum");
    bool is = listed == NULL;
    for (size_t i = 0; !is && i < json_array_size(listed); i++) {
        is = json_equal(json_array_get(listed, i), value) != 0;
    }
    return is;
}

/* Fails the case at the first thing that is wrong, with its path. */
static inline void api_schema_expect(const json_t *definitions, const json_t *ref,
                                     const json_t *value, const char *path)
{
    const json_t *schema = api_schema_resolve(definitions, ref);
    const json_t *required = json_object_get(schema, "required");
    char below[API_SCHEMA_PATH_BYTES];
    if (schema == NULL || !api_schema_is_type(schema, value) ||
        !api_schema_is_listed(schema, value)) {
        fail_msg("%s: is not what its schema says", path);
    }
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *name = json_string_value(json_array_get(required, i));
        if (json_object_get(value, name) == NULL) {
            fail_msg("%s.%s: is required and not there", path, name);
        }
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        (void)snprintf(below, sizeof below, "%s[%zu]", path, i);
        api_schema_expect(definitions, json_object_get(schema, "items"),
                          json_array_get(value, i), below);
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member)
    {
        const json_t *sub = json_object_get(json_object_get(schema, "properties"), name);
        sub = sub != NULL ? sub : json_object_get(schema, "additionalProperties");
        if (sub == NULL) {
            fail_msg("%s.%s: is unknown to the schema", path, name);
        }
        (void)snprintf(below, sizeof below, "%s.%s", path, name);
        api_schema_expect(definitions, sub, member, below);
    }
}

static inline void api_schema_expect_named(const json_t *definitions, const char *name,
                                           const json_t *value)
{
    api_schema_expect(definitions, json_expect(definitions, name), value, name);
}

#endif
