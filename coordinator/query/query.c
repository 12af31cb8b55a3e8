/* SPDX-License-Identifier: Apache-2.0 */
/* The front of the room: chooses the parser, owns the finished tree. See query.h. */
#include "coordinator/query/query.h"

#include "coordinator/query/query_dsl.h"
#include "coordinator/query/query_match.h"
#include "coordinator/query/query_string.h"
#include "coordinator/query/query_tree.h"

#include <string.h>

static bool is_blank(const char *text)
{
    return text == NULL || text[strspn(text, " \t\r\n")] == '\0';
}

int query_from_text(const char *text, struct query **ret, struct err *err)
{
    static const struct query_string_options options = {.allows_leading_wildcard = true};
    auto_query *query = query_tree_new(err);
    if (query == NULL) {
        return -1;
    }
    query->root = is_blank(text) ? query_node_new(query, QUERY_ALL, NULL, err)
                                 : query_string_parse(query, text, &options, err);
    if (query->root == NULL) {
        return -1;
    }
    *ret = TAKE(query);
    return 0;
}

int query_from_json(const json_t *dsl, const char *path, struct query **ret, struct err *err)
{
    auto_query *query = query_tree_new(err);
    if (query == NULL) {
        return -1;
    }
    query->root = query_dsl_parse(query, dsl, path, err);
    if (query->root == NULL) {
        return -1;
    }
    *ret = TAKE(query);
    return 0;
}

int query_matches(const struct query *query, const json_t *document, uint64_t *steps_left,
                  bool *ret_matches, struct err *err)
{
    bool is_match = query_match(query->root, document, steps_left);
    if (*steps_left == 0) {
        return err_set(err, ERR_TOO_LARGE,
                       "query: costs more than a search may: name the fields to look at, or "
                       "write fewer wildcards");
    }
    *ret_matches = is_match;
    return 0;
}
