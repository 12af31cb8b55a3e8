/* SPDX-License-Identifier: Apache-2.0 */
/* The queries of the DSL whose value is a text to be read itself: match, query_string,
 * simple_query_string. Each returns its tree, NULL on failure. */
#ifndef QUERY_DSL_TEXT_H
#define QUERY_DSL_TEXT_H

#include "coordinator/query/dsl_reader.h"

struct query_node *dsl_text_match(struct dsl_reader *reader, const json_t *body,
                                  const char *path);

struct query_node *dsl_text_query_string(struct dsl_reader *reader, const json_t *body,
                                         const char *path);

struct query_node *dsl_text_simple(struct dsl_reader *reader, const json_t *body,
                                   const char *path);

#endif
