/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language of `simple_query_string`: + and, | or, - not, "phrase", prefix*, parentheses,
 * backslash. It has no wrong text: what makes no sense is skipped. Operators bind from left to
 * right. Edit distances (~2) are skipped too: the word itself is looked for.
 */
#ifndef QUERY_SIMPLE_QUERY_STRING_H
#define QUERY_SIMPLE_QUERY_STRING_H

#include "coordinator/query/query_tree.h"

struct simple_query_options {
    const char *const *fields; /* borrowed from the query's arena; NULL: any field */
    size_t n_fields;
    bool default_is_and; /* between words without an operator */
};

/** The root of the tree, in @query's arena; NULL on failure, which only bounds can cause. A
 * text without words matches nothing. */
struct query_node *simple_query_string_parse(struct query *query, const char *text,
                                             const struct simple_query_options *options,
                                             struct err *err);

#endif
