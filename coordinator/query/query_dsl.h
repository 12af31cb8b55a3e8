/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The query DSL: {"term": {"zone_id": {"value": "ece-zone-1"}}} and its like. Reads match_all,
 * match_none, match, term, terms, prefix, range, exists, bool, nested, query_string and
 * simple_query_string with the options that Elastic's API documents; an unknown query or option
 * is refused, so that a slip of the pen finds nobody's hosts by accident.
 */
#ifndef QUERY_QUERY_DSL_H
#define QUERY_QUERY_DSL_H

#include "coordinator/query/query_tree.h"

/** The root of the tree, in @query's arena; NULL on failure. @dsl NULL, null or {}: all. */
struct query_node *query_dsl_parse(struct query *query, const json_t *dsl, const char *path,
                                   struct err *err);

#endif
