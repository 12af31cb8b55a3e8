/* SPDX-License-Identifier: Apache-2.0 */
/* One function for each query of the DSL; `bool` and `nested` come back to parse(). See
 * query_dsl.h. */
#include "coordinator/query/query_dsl.h"

#include "common/base/parse.h"
#include "coordinator/query/const_object.h"
#include "coordinator/query/dsl_reader.h"
#include "coordinator/query/dsl_text.h"

#include <stdio.h>
#include <string.h>

static struct query_node *parse(struct dsl_reader *reader, const json_t *dsl, const char *path);

static struct query_node *node_new(struct dsl_reader *reader, enum query_kind kind,
                                   const char *field)
{
    return query_node_new(reader->query, kind, field, reader->err);
}

static struct query_node *dsl_match_all(struct dsl_reader *reader, const json_t *body,
                                        const char *path)
{
    return dsl_check_options(reader, body, path, DSL_OPTIONS("boost")) == 0
               ? node_new(reader, QUERY_ALL, NULL)
               : NULL;
}

static struct query_node *dsl_match_none(struct dsl_reader *reader, const json_t *body,
                                         const char *path)
{
    return dsl_check_options(reader, body, path, DSL_OPTIONS("boost")) == 0
               ? node_new(reader, QUERY_NONE, NULL)
               : NULL;
}

static struct query_node *dsl_exact(struct dsl_reader *reader, const json_t *body,
                                    const char *path, enum query_kind kind)
{
    struct dsl_field field;
    const char *value = NULL;
    if (dsl_one_field(reader, body, path, false, &field) < 0 ||
        dsl_field_value(reader, &field, "value", DSL_OPTIONS("value", "boost"), &value) < 0) {
        return NULL;
    }
    struct query_node *node = node_new(reader, kind, field.name);
    if (node != NULL) {
        operand_init(&node->operand, value);
    }
    return node;
}

static struct query_node *dsl_term(struct dsl_reader *reader, const json_t *body,
                                   const char *path)
{
    return dsl_exact(reader, body, path, QUERY_TERM);
}

static struct query_node *dsl_prefix(struct dsl_reader *reader, const json_t *body,
                                     const char *path)
{
    return dsl_exact(reader, body, path, QUERY_PREFIX);
}

static int add(struct dsl_reader *reader, struct query_node *parent, struct query_node *child,
               enum query_occur occur)
{
    return child != NULL ? query_add(parent, child, occur, reader->err) : -1;
}

static struct query_node *dsl_terms(struct dsl_reader *reader, const json_t *body,
                                    const char *path)
{
    struct dsl_field field;
    if (dsl_one_field(reader, body, path, true, &field) < 0) {
        return NULL;
    }
    if (!json_is_array(field.body)) {
        dsl_record(reader, field.path, "must be an array of values");
        return NULL;
    }
    /* without any value it matches nothing, as a bool without clauses would not */
    bool is_empty = json_array_size(field.body) == 0;
    struct query_node *node = node_new(reader, is_empty ? QUERY_NONE : QUERY_BOOL, NULL);
    for (size_t i = 0; node != NULL && i < json_array_size(field.body); i++) {
        const char *value = NULL;
        struct query_node *term = node_new(reader, QUERY_TERM, field.name);
        if (term == NULL ||
            dsl_value(reader, json_array_get(field.body, i), field.path, &value) < 0 ||
            add(reader, node, term, QUERY_SHOULD) < 0) {
            return NULL;
        }
        operand_init(&term->operand, value);
    }
    return node;
}

/* One bound; null leaves that end open, as an absent one does. */
static int range_bound(struct dsl_reader *reader, const struct dsl_field *field,
                       const char *key, bool *ret_has, struct operand *ret)
{
    const json_t *value = json_object_get(field->body, key);
    char inner[DSL_PATH_BYTES];
    const char *text = NULL;
    if (value == NULL || json_is_null(value)) {
        return 0;
    }
    dsl_join_path(field->path, key, inner);
    if (*ret_has) {
        return dsl_fail(reader, inner, "is the second bound at this end");
    }
    if (dsl_value(reader, value, inner, &text) < 0) {
        return -1;
    }
    if (operand_is_date_math(text)) {
        return dsl_fail(reader, inner,
                        "arithmetic with dates is not served; write the time, "
                        "such as 2026-11-24T08:30:00Z");
    }
    operand_init(ret, text);
    *ret_has = true;
    return 0;
}

static struct query_node *dsl_range(struct dsl_reader *reader, const json_t *body,
                                    const char *path)
{
    struct dsl_field field;
    if (dsl_one_field(reader, body, path, false, &field) < 0 ||
        dsl_check_options(reader, field.body, field.path,
                          DSL_OPTIONS("gt", "gte", "lt", "lte", "boost")) < 0) {
        return NULL;
    }
    struct query_node *node = node_new(reader, QUERY_RANGE, field.name);
    if (node == NULL) {
        return NULL;
    }
    struct query_range *range = &node->range;
    if (range_bound(reader, &field, "gte", &range->has_low, &range->low) < 0 ||
        range_bound(reader, &field, "lte", &range->has_high, &range->high) < 0) {
        return NULL;
    }
    range->with_low = range->has_low;
    range->with_high = range->has_high;
    return range_bound(reader, &field, "gt", &range->has_low, &range->low) == 0 &&
                   range_bound(reader, &field, "lt", &range->has_high, &range->high) == 0
               ? node
               : NULL;
}

static struct query_node *dsl_exists(struct dsl_reader *reader, const json_t *body,
                                     const char *path)
{
    const char *field = NULL;
    if (dsl_check_options(reader, body, path, DSL_OPTIONS("field", "boost")) < 0 ||
        dsl_need_text(reader, body, path, "field", QUERY_FIELD_MAX, &field) < 0) {
        return NULL;
    }
    return node_new(reader, QUERY_EXISTS, field);
}

/* An array of queries, or a single one. */
static int bool_clauses(struct dsl_reader *reader, struct query_node *node, const json_t *body,
                        const char *path, enum query_occur occur)
{
    if (body == NULL || json_is_null(body)) {
        return 0;
    }
    if (!json_is_array(body)) {
        return add(reader, node, parse(reader, body, path), occur);
    }
    for (size_t i = 0; i < json_array_size(body); i++) {
        char inner[DSL_PATH_BYTES];
        (void)snprintf(inner, sizeof inner, "%.*s[%zu]", DSL_PATH_BYTES - 24, path, i);
        if (add(reader, node, parse(reader, json_array_get(body, i), inner), occur) < 0) {
            return -1;
        }
    }
    return 0;
}

static struct query_node *dsl_bool(struct dsl_reader *reader, const json_t *body,
                                   const char *path)
{
    static const struct {
        const char *key;
        enum query_occur occur;
    } kinds[] = {{"must", QUERY_MUST},
                 {"filter", QUERY_MUST},
                 {"should", QUERY_SHOULD},
                 {"must_not", QUERY_MUST_NOT}};

    struct query_node *node = node_new(reader, QUERY_BOOL, NULL);
    if (node == NULL || dsl_check_options(reader, body, path,
                                          DSL_OPTIONS("must", "filter", "should", "must_not",
                                                      "minimum_should_match", "boost")) < 0) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        char inner[DSL_PATH_BYTES];
        dsl_join_path(path, kinds[i].key, inner);
        if (bool_clauses(reader, node, json_object_get(body, kinds[i].key), inner,
                         kinds[i].occur) < 0) {
            return NULL;
        }
    }
    return dsl_want_minimum(reader, body, path, node) == 0 ? node : NULL;
}

static struct query_node *dsl_nested(struct dsl_reader *reader, const json_t *body,
                                     const char *path)
{
    const char *field = NULL;
    char inner[DSL_PATH_BYTES];
    if (dsl_check_options(reader, body, path,
                          DSL_OPTIONS("path", "query", "score_mode", "boost")) < 0 ||
        dsl_need_text(reader, body, path, "path", QUERY_FIELD_MAX, &field) < 0) {
        return NULL;
    }
    dsl_join_path(path, "query", inner);
    const json_t *dsl = json_object_get(body, "query");
    if (dsl == NULL) {
        dsl_record(reader, inner, "is missing");
        return NULL;
    }
    struct query_node *node = node_new(reader, QUERY_NESTED, field);
    return node != NULL && add(reader, node, parse(reader, dsl, inner), QUERY_MUST) == 0 ? node
                                                                                         : NULL;
}

typedef struct query_node *dsl_query_fn(struct dsl_reader *reader, const json_t *body,
                                        const char *path);

static dsl_query_fn *find_query(const char *name)
{
    static const struct {
        const char *name;
        dsl_query_fn *parse;
    } queries[] = {
        {"match_all", dsl_match_all},
        {"match_none", dsl_match_none},
        {"match", dsl_text_match},
        {"term", dsl_term},
        {"terms", dsl_terms},
        {"prefix", dsl_prefix},
        {"range", dsl_range},
        {"exists", dsl_exists},
        {"bool", dsl_bool},
        {"nested", dsl_nested},
        {"query_string", dsl_text_query_string},
        {"simple_query_string", dsl_text_simple},
    };

    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        if (strcmp(queries[i].name, name) == 0) {
            return queries[i].parse;
        }
    }
    return NULL;
}

/* The single member of @dsl that is not null: Go's clients send the others as null. */
static struct query_node *parse_member(struct dsl_reader *reader, const json_t *dsl,
                                       const char *path)
{
    const char *name = NULL;
    const json_t *body = NULL;
    const char *key;
    json_t *value;
    json_object_foreach(const_object(dsl), key, value)
    {
        if (!json_is_null(value) && name != NULL) {
            dsl_record(reader, path, "has more than one query; combine them with \"bool\"");
            return NULL;
        }
        if (!json_is_null(value)) {
            name = key;
            body = value;
        }
    }
    if (name == NULL) {
        return node_new(reader, QUERY_ALL, NULL);
    }
    char inner[DSL_PATH_BYTES];
    char shown[PARSE_SHOWN_BYTES];
    dsl_query_fn *parse_query = find_query(name);
    if (parse_query == NULL) {
        dsl_record(reader, path, "unknown query \"%s\"", parse_shown(name, shown));
        return NULL;
    }
    dsl_join_path(path, name, inner);
    return parse_query(reader, body, inner);
}

static struct query_node *parse(struct dsl_reader *reader, const json_t *dsl, const char *path)
{
    if (!json_is_object(dsl)) {
        dsl_record(reader, path, "must be an object {\"query\": ...}");
        return NULL;
    }
    if (reader->depth == QUERY_DEPTH_MAX) {
        dsl_record(reader, path, "nested deeper than %d levels", QUERY_DEPTH_MAX);
        return NULL;
    }
    reader->depth++;
    struct query_node *node = parse_member(reader, dsl, path);
    reader->depth--;
    return node;
}

struct query_node *query_dsl_parse(struct query *query, const json_t *dsl, const char *path,
                                   struct err *err)
{
    struct dsl_reader reader = {.query = query, .err = err};
    return dsl == NULL || json_is_null(dsl) ? node_new(&reader, QUERY_ALL, NULL)
                                            : parse(&reader, dsl, path);
}
