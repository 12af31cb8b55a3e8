/* SPDX-License-Identifier: Apache-2.0 */
/* See dsl_reader.h. Members that are null count as absent: Go's clients send them. */
#include "coordinator/query/dsl_reader.h"

#include "common/base/parse.h"
#include "coordinator/query/const_object.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void dsl_record(const struct dsl_reader *reader, const char *path, const char *format, ...)
{
    char reason[256];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    err_record(reader->err, ERR_INVALID, "%s: %s", path, reason);
}

void dsl_join_path(const char *path, const char *key, char ret[static DSL_PATH_BYTES])
{
    char shown[PARSE_SHOWN_BYTES];
    (void)snprintf(ret, DSL_PATH_BYTES, "%.*s.%s", DSL_PATH_BYTES - PARSE_SHOWN_BYTES - 1, path,
                   parse_shown(key, shown));
}

int dsl_check_options(const struct dsl_reader *reader, const json_t *object, const char *path,
                      const char *const *options)
{
    if (!json_is_object(object)) {
        return dsl_fail(reader, path, "must be an object");
    }
    const char *key;
    json_t *value;
    json_object_foreach(const_object(object), key, value)
    {
        char shown[PARSE_SHOWN_BYTES];
        const char *const *option = options;
        while (*option != NULL && strcmp(*option, key) != 0) {
            option++;
        }
        if (*option == NULL) {
            return dsl_fail(reader, path, "unknown option \"%s\"", parse_shown(key, shown));
        }
    }
    return 0;
}

int dsl_one_field(const struct dsl_reader *reader, const json_t *object, const char *path,
                  bool with_boost, struct dsl_field *ret)
{
    struct dsl_field field = {.name = NULL};
    const char *key;
    json_t *value;
    if (!json_is_object(object)) {
        return dsl_fail(reader, path, "must be an object {\"field\": ...}");
    }
    json_object_foreach(const_object(object), key, value)
    {
        if (with_boost && strcmp(key, "boost") == 0) {
            continue;
        }
        if (field.name != NULL) {
            return dsl_fail(reader, path,
                            "has more than one field; put each into its own "
                            "query, within \"bool\"");
        }
        field.name = query_copy(reader->query, key, strlen(key), reader->err);
        field.body = value;
        dsl_join_path(path, key, field.path);
        if (field.name == NULL) {
            return -1;
        }
    }
    if (field.name == NULL || *field.name == '\0') {
        return dsl_fail(reader, path, "names no field");
    }
    *ret = field;
    return 0;
}

static int copy_text(const struct dsl_reader *reader, const char *path, const char *text,
                     size_t max_bytes, const char **ret)
{
    size_t len = strlen(text);
    if (len > max_bytes) {
        return dsl_fail(reader, path, "longer than %zu bytes: %zu", max_bytes, len);
    }
    const char *copy = query_copy(reader->query, text, len, reader->err);
    if (copy == NULL) {
        return -1;
    }
    *ret = copy;
    return 0;
}

int dsl_value(const struct dsl_reader *reader, const json_t *value, const char *path,
              const char **ret)
{
    char number[40];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
        text = number;
    } else if (json_is_real(value)) {
        (void)snprintf(number, sizeof number, "%.17g", json_real_value(value));
        text = number;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "true" : "false";
    }
    if (text == NULL) {
        return dsl_fail(reader, path, "must be a text, a number or a boolean");
    }
    return copy_text(reader, path, text, QUERY_VALUE_MAX, ret);
}

int dsl_field_value(const struct dsl_reader *reader, const struct dsl_field *field,
                    const char *key, const char *const *options, const char **ret)
{
    if (!json_is_object(field->body)) {
        return dsl_value(reader, field->body, field->path, ret);
    }
    if (dsl_check_options(reader, field->body, field->path, options) < 0) {
        return -1;
    }
    const json_t *value = json_object_get(field->body, key);
    char inner[DSL_PATH_BYTES];
    dsl_join_path(field->path, key, inner);
    return value != NULL ? dsl_value(reader, value, inner, ret)
                         : dsl_fail(reader, inner, "is missing");
}

/* NULL when it is absent or null. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

int dsl_need_text(const struct dsl_reader *reader, const json_t *object, const char *path,
                  const char *key, size_t max_bytes, const char **ret)
{
    char inner[DSL_PATH_BYTES];
    const json_t *value = member(object, key);
    dsl_join_path(path, key, inner);
    if (value == NULL) {
        return dsl_fail(reader, inner, "is missing");
    }
    if (!json_is_string(value)) {
        return dsl_fail(reader, inner, "must be a text");
    }
    return copy_text(reader, inner, json_string_value(value), max_bytes, ret);
}

int dsl_want_and(const struct dsl_reader *reader, const json_t *object, const char *path,
                 const char *key, bool *ret)
{
    char inner[DSL_PATH_BYTES];
    const json_t *value = member(object, key);
    *ret = false;
    if (value == NULL) {
        return 0;
    }
    const char *text = json_is_string(value) ? json_string_value(value) : "";
    if (strcasecmp(text, "and") != 0 && strcasecmp(text, "or") != 0) {
        dsl_join_path(path, key, inner);
        return dsl_fail(reader, inner, "must be \"and\" or \"or\"");
    }
    *ret = strcasecmp(text, "and") == 0;
    return 0;
}

int dsl_want_bool(const struct dsl_reader *reader, const json_t *object, const char *path,
                  const char *key, bool *ret)
{
    char inner[DSL_PATH_BYTES];
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_boolean(value)) {
        dsl_join_path(path, key, inner);
        return dsl_fail(reader, inner, "must be true or false");
    }
    *ret = value != NULL ? json_is_true(value) : *ret;
    return 0;
}

/* @number of @n_should clauses: a percentage is rounded down, a negative one may be missing. */
static size_t minimum_of(long number, bool is_percent, size_t n_should)
{
    long count = (long)n_should; /* at most QUERY_NODES_MAX */
    long minimum = is_percent ? count * (number < 0 ? -number : number) / 100 : number;
    if (number < 0) {
        minimum = is_percent ? count - minimum : count + number;
    }
    return minimum > 0 ? (size_t)minimum : 0;
}

int dsl_want_minimum(const struct dsl_reader *reader, const json_t *object, const char *path,
                     struct query_node *node)
{
    static const char key[] = "minimum_should_match";
    char inner[DSL_PATH_BYTES];
    const json_t *value = member(object, key);
    const char *text = "";
    if (value == NULL) {
        return 0;
    }
    dsl_join_path(path, key, inner);
    if (dsl_value(reader, value, inner, &text) < 0) {
        return -1;
    }
    const char *digits = text + (*text == '-' ? 1 : 0);
    size_t n_digits = strspn(digits, "0123456789");
    bool is_percent = strcmp(digits + n_digits, "%") == 0;
    if (n_digits == 0 || n_digits > 4 || (digits[n_digits] != '\0' && !is_percent)) {
        return dsl_fail(reader, inner, "must be a number of clauses or \"75%%\"");
    }
    if (node->kind == QUERY_BOOL && !node->clauses.has_minimum) {
        node->clauses.has_minimum = true;
        node->clauses.minimum =
            minimum_of(strtol(text, NULL, 10), is_percent, node->clauses.n_should);
    }
    return 0;
}
