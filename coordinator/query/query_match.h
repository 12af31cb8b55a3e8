/* SPDX-License-Identifier: Apache-2.0 */
/* The tree asked about a document. */
#ifndef QUERY_QUERY_MATCH_H
#define QUERY_QUERY_MATCH_H

#include "coordinator/query/query_tree.h"

/** Means nothing when *@steps_left is 0 after it. */
bool query_match(const struct query_node *root, const json_t *document, uint64_t *steps_left);

#endif
