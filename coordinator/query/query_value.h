/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind the colon in a query_string: words, wildcards, comparisons, phrases and
 * ranges, each as a leaf of the tree. */
#ifndef QUERY_QUERY_VALUE_H
#define QUERY_QUERY_VALUE_H

#include "coordinator/query/query_scan.h"

/* @field NULL: any; "_exists_": the value is the name of a field. NULL on failure. */
struct query_node *query_value_word(struct query_scan *scan, const char *field,
                                    const struct query_word *word);

/** A phrase whose opening quote is next. */
struct query_node *query_value_quoted(struct query_scan *scan, const char *field);

/** A range whose opening bracket is next. */
struct query_node *query_value_range(struct query_scan *scan, const char *field);

#endif
