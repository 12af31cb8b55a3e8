/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON from outside, read strictly over jansson. Owns the bounds that jansson does not have
 * (depth) and the wording of refusals: always the path of the field, never its value, because a
 * value may be a secret. Size is the caller's bound.
 */
#include "common/codec/json.h"

#include "common/base/parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* jansson recurses once for each level, so the depth is known before it starts. Brackets inside
 * strings do not count; where the bytes are no JSON the two may count differently, but then
 * jansson stops there. */
static int check_depth(const char *bytes, size_t len, struct err *err)
{
    bool in_string = false;
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        char c = bytes[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX) {
                return err_set(err, ERR_INVALID,
                               "parse JSON: nested deeper than %d levels at byte %zu",
                               JSON_DEPTH_MAX, i + 1);
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return 0;
}

int json_parse(const char *bytes, size_t len, json_t **ret, struct err *err)
{
    if (len == 0) {
        return err_set(err, ERR_INVALID, "parse JSON: it is empty");
    }
    if (check_depth(bytes, len, err) < 0) {
        return -1;
    }

    json_error_t error;
    json_t *json = json_loadb(bytes, len, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory) {
            return err_no_memory(err);
        }
        /* jansson quotes the input after " near "; it may be a secret. */
        const char *near = strstr(error.text, " near ");
        int text_len = near ? (int)(near - error.text) : (int)strlen(error.text);
        return err_set(err, ERR_INVALID, "parse JSON: %.*s: line %d column %d", text_len,
                       error.text, error.line, error.column);
    }
    *ret = json;
    return 0;
}

/* The full path of a member as two printf arguments: "path." and "key". */
#define PATH_FORMAT "%s%s%s"
#define PATH_ARGS(path, key) (path) ? (path) : "", (path) && *(path) ? "." : "", (key)

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number with a fraction or exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

static int wrong_type(const json_t *value, const char *path, const char *key,
                      const char *expected, struct err *err)
{
    return err_set(err, ERR_INVALID, PATH_FORMAT ": must be %s, not %s", PATH_ARGS(path, key),
                   expected, type_name(value));
}

static int not_an_object(const char *path, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s: must be an object",
                   path && *path ? path : "document");
}

/* @ret_value is NULL when the member is absent or null. */
static int find(const json_t *object, const char *path, const char *key, json_t **ret_value,
                struct err *err)
{
    if (!json_is_object(object)) {
        return not_an_object(path, err);
    }
    json_t *value = json_object_get(object, key);
    *ret_value = json_is_null(value) ? NULL : value;
    return 0;
}

static int require(const json_t *object, const char *path, const char *key, struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return err_set(err, ERR_INVALID, PATH_FORMAT ": is missing", PATH_ARGS(path, key));
    }
    return 0;
}

int json_want_text(const json_t *object, const char *path, const char *key, size_t max_bytes,
                   const char **ret, struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_string(value)) {
        return wrong_type(value, path, key, "a text", err);
    }
    if (json_string_length(value) > max_bytes) {
        return err_set(err, ERR_INVALID, PATH_FORMAT ": longer than %zu bytes: %zu",
                       PATH_ARGS(path, key), max_bytes, json_string_length(value));
    }
    *ret = json_string_value(value);
    return 0;
}

int json_need_text(const json_t *object, const char *path, const char *key, size_t max_bytes,
                   const char **ret, struct err *err)
{
    if (require(object, path, key, err) < 0) {
        return -1;
    }
    return json_want_text(object, path, key, max_bytes, ret, err);
}

int json_want_u64(const json_t *object, const char *path, const char *key, uint64_t max,
                  uint64_t *ret, struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return wrong_type(value, path, key, "an integer", err);
    }
    json_int_t number = json_integer_value(value);
    if (number < 0 || (uint64_t)number > max) {
        return err_set(err, ERR_INVALID,
                       PATH_FORMAT ": must be from 0 to %" PRIu64 ": %" JSON_INTEGER_FORMAT,
                       PATH_ARGS(path, key), max, number);
    }
    *ret = (uint64_t)number;
    return 0;
}

int json_need_u64(const json_t *object, const char *path, const char *key, uint64_t max,
                  uint64_t *ret, struct err *err)
{
    if (require(object, path, key, err) < 0) {
        return -1;
    }
    return json_want_u64(object, path, key, max, ret, err);
}

int json_want_i64(const json_t *object, const char *path, const char *key, int64_t *ret,
                  struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_integer(value)) {
        return wrong_type(value, path, key, "an integer", err);
    }
    *ret = json_integer_value(value);
    return 0;
}

int json_want_bool(const json_t *object, const char *path, const char *key, bool *ret,
                   struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_boolean(value)) {
        return wrong_type(value, path, key, "true or false", err);
    }
    *ret = json_is_true(value);
    return 0;
}

int json_need_bool(const json_t *object, const char *path, const char *key, bool *ret,
                   struct err *err)
{
    if (require(object, path, key, err) < 0) {
        return -1;
    }
    return json_want_bool(object, path, key, ret, err);
}

int json_want_object(const json_t *object, const char *path, const char *key, json_t **ret,
                     struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_object(value)) {
        return wrong_type(value, path, key, "an object", err);
    }
    *ret = value;
    return 0;
}

int json_need_object(const json_t *object, const char *path, const char *key, json_t **ret,
                     struct err *err)
{
    if (require(object, path, key, err) < 0) {
        return -1;
    }
    return json_want_object(object, path, key, ret, err);
}

int json_want_array(const json_t *object, const char *path, const char *key, size_t max_items,
                    json_t **ret, struct err *err)
{
    json_t *value = NULL;
    if (find(object, path, key, &value, err) < 0) {
        return -1;
    }
    if (value == NULL) {
        return 0;
    }
    if (!json_is_array(value)) {
        return wrong_type(value, path, key, "an array", err);
    }
    if (json_array_size(value) > max_items) {
        return err_set(err, ERR_INVALID, PATH_FORMAT ": more than %zu items: %zu",
                       PATH_ARGS(path, key), max_items, json_array_size(value));
    }
    *ret = value;
    return 0;
}

static bool is_among(const char *key, const char *const *names, size_t n_names)
{
    for (size_t i = 0; i < n_names; i++) {
        if (strcmp(key, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

int json_only(json_t *object, const char *path, const char *const *names, size_t n_names,
              struct err *err)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return not_an_object(path, err);
    }
    json_object_foreach(object, key, value)
    {
        if (!is_among(key, names, n_names)) {
            char shown[PARSE_SHOWN_BYTES];
            return err_set(err, ERR_INVALID, PATH_FORMAT ": unknown member",
                           PATH_ARGS(path, parse_shown(key, shown)));
        }
    }
    return 0;
}

char *json_compact(const json_t *json)
{
    return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

char *json_pretty(const json_t *json)
{
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (text == NULL) {
        return NULL;
    }
    size_t len = strlen(text);
    char *longer = realloc(text, len + 2);
    if (longer == NULL) {
        free(text);
        return NULL;
    }
    longer[len] = '\n';
    longer[len + 1] = '\0';
    return longer;
}
