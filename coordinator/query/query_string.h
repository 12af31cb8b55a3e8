/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of `query_string`: Lucene's classic grammar with Elasticsearch's additions.
 *
 *     query    = clause { [ AND | && | OR | "||" ] clause }
 *     clause   = [ + | - | ! | NOT ] [ field : ] ( value | "(" query ")" ) [ ^number ]
 *     value    = word | wild*ca?d | "a phrase" | ( "[" | "{" ) low TO high ( "]" | "}" )
 *              | ( > | >= | < | <= ) word
 *
 * `_exists_:field` and `field:*` ask for any value; `*` and `*:*` match all. A backslash takes
 * the meaning from the next character, save < and > at the front of a value, as in
 * Elasticsearch.
 *
 * AND and OR have no precedence, in Lucene's own way: AND makes the clauses on both sides of it
 * required, so `a OR b AND c` requires b and c. Parentheses say what is meant.
 */
#ifndef QUERY_QUERY_STRING_H
#define QUERY_QUERY_STRING_H

#include "coordinator/query/query_tree.h"

struct query_string_options {
    const char *default_field; /* borrowed from the query's arena; NULL: any */
    bool default_is_and;       /* between clauses without an operator */
    bool allows_leading_wildcard;
};

/** The root of the tree, in @query's arena; NULL on failure. A blank text matches nothing. */
struct query_node *query_string_parse(struct query *query, const char *text,
                                      const struct query_string_options *options,
                                      struct err *err);

#endif
