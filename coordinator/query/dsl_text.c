/* SPDX-License-Identifier: Apache-2.0 */
/* See dsl_text.h. */
#include "coordinator/query/dsl_text.h"

#include "coordinator/query/query_string.h"
#include "coordinator/query/simple_query_string.h"
#include "coordinator/query/words.h"

#include <string.h>

enum { FIELDS_MAX = 16 }; /* of a simple_query_string */

/* One clause for each word of @text. */
static struct query_node *match_words(struct dsl_reader *reader, const char *field,
                                      const char *text, enum query_occur occur)
{
    struct query_node *node = query_node_new(reader->query, QUERY_BOOL, NULL, reader->err);
    const char *at = text;
    const char *word = NULL;
    size_t len = 0;
    while (node != NULL && words_next(&at, text + strlen(text), WORDS_WHOLE, &word, &len)) {
        const char *copy = query_copy(reader->query, word, len, reader->err);
        struct query_node *leaf =
            copy != NULL ? query_words_new(reader->query, field, copy, reader->err) : NULL;
        if (leaf == NULL || query_add(node, leaf, occur, reader->err) < 0) {
            return NULL;
        }
    }
    return node != NULL && node->clauses.first == NULL
               ? query_node_new(reader->query, QUERY_NONE, NULL, reader->err)
               : node;
}

struct query_node *dsl_text_match(struct dsl_reader *reader, const json_t *body,
                                  const char *path)
{
    struct dsl_field field;
    const char *text = NULL;
    bool is_and = false;
    if (dsl_one_field(reader, body, path, false, &field) < 0 ||
        dsl_field_value(
            reader, &field, "query",
            DSL_OPTIONS("query", "operator", "minimum_should_match", "boost", "lenient"),
            &text) < 0 ||
        dsl_want_and(reader, field.body, field.path, "operator", &is_and) < 0) {
        return NULL;
    }
    struct query_node *node =
        match_words(reader, field.name, text, is_and ? QUERY_MUST : QUERY_SHOULD);
    return node != NULL &&
                   (is_and || dsl_want_minimum(reader, field.body, field.path, node) == 0)
               ? node
               : NULL;
}

struct query_node *dsl_text_query_string(struct dsl_reader *reader, const json_t *body,
                                         const char *path)
{
    struct query_string_options options = {.allows_leading_wildcard = true};
    const char *text = NULL;
    if (dsl_check_options(reader, body, path,
                          DSL_OPTIONS("query", "default_field", "default_operator",
                                      "allow_leading_wildcard", "analyze_wildcard", "lenient",
                                      "boost")) < 0 ||
        dsl_need_text(reader, body, path, "query", QUERY_TEXT_MAX, &text) < 0 ||
        dsl_want_and(reader, body, path, "default_operator", &options.default_is_and) < 0 ||
        dsl_want_bool(reader, body, path, "allow_leading_wildcard",
                      &options.allows_leading_wildcard) < 0) {
        return NULL;
    }
    const json_t *field = json_object_get(body, "default_field");
    if (field != NULL && !json_is_null(field) &&
        dsl_need_text(reader, body, path, "default_field", QUERY_FIELD_MAX,
                      &options.default_field) < 0) {
        return NULL;
    }
    if (options.default_field != NULL && strcmp(options.default_field, "*") == 0) {
        options.default_field = NULL;
    }
    struct query_node *node = query_string_parse(reader->query, text, &options, reader->err);
    if (node == NULL) {
        err_prefix(reader->err, "%s", path);
    }
    return node;
}

/* "fields" of a simple_query_string, without their "^5". "*" is any. */
static int want_fields(struct dsl_reader *reader, const json_t *body, const char *path,
                       const char *ret_fields[static FIELDS_MAX], size_t *ret_count)
{
    const json_t *fields = json_object_get(body, "fields");
    char inner[DSL_PATH_BYTES];
    dsl_join_path(path, "fields", inner);
    if (fields == NULL || json_is_null(fields)) {
        return 0;
    }
    size_t count = json_array_size(fields);
    if (!json_is_array(fields) || count > FIELDS_MAX) {
        return dsl_fail(reader, inner, "must be an array of at most %d names", FIELDS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = json_string_value(json_array_get(fields, i));
        size_t len = name != NULL ? strcspn(name, "^") : 0;
        if (len == 0 || len > QUERY_FIELD_MAX) {
            return dsl_fail(reader, inner, "must be an array of names of fields");
        }
        ret_fields[i] = query_copy(reader->query, name, len, reader->err);
        if (ret_fields[i] == NULL) {
            return -1;
        }
        if (strcmp(ret_fields[i], "*") == 0) {
            ret_fields[i] = NULL;
        }
    }
    *ret_count = count;
    return 0;
}

struct query_node *dsl_text_simple(struct dsl_reader *reader, const json_t *body,
                                   const char *path)
{
    const char *fields[FIELDS_MAX];
    struct simple_query_options options = {.fields = NULL};
    const char *text = NULL;
    if (dsl_check_options(reader, body, path,
                          DSL_OPTIONS("query", "fields", "default_operator", "analyze_wildcard",
                                      "auto_generate_synonyms_phrase_query", "flags",
                                      "fuzzy_max_expansions", "fuzzy_prefix_length",
                                      "fuzzy_transpositions", "lenient", "minimum_should_match",
                                      "boost")) < 0 ||
        dsl_need_text(reader, body, path, "query", QUERY_TEXT_MAX, &text) < 0 ||
        dsl_want_and(reader, body, path, "default_operator", &options.default_is_and) < 0 ||
        want_fields(reader, body, path, fields, &options.n_fields) < 0) {
        return NULL;
    }
    const json_t *flags = json_object_get(body, "flags");
    if (flags != NULL && !json_is_null(flags) &&
        (!json_is_string(flags) || strcmp(json_string_value(flags), "ALL") != 0)) {
        dsl_record(reader, path, "flags: only \"ALL\" is served");
        return NULL;
    }
    options.fields = options.n_fields > 0 ? fields : NULL;
    struct query_node *node =
        simple_query_string_parse(reader->query, text, &options, reader->err);
    bool is_optional = node != NULL && node->kind == QUERY_BOOL && node->clauses.n_should > 0;
    return node != NULL && (!is_optional || dsl_want_minimum(reader, body, path, node) == 0)
               ? node
               : NULL;
}
