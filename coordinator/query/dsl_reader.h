/* SPDX-License-Identifier: Apache-2.0 */
/* Members of the DSL's objects into texts and numbers, with messages that name their path. What
 * a query means is query_dsl's. */
#ifndef QUERY_DSL_READER_H
#define QUERY_DSL_READER_H

#include "coordinator/query/query_tree.h"

enum { DSL_PATH_BYTES = 256 };

struct dsl_reader {
    struct query *query; /* borrowed: texts are kept in its arena */
    struct err *err;     /* borrowed */
    unsigned depth;      /* of queries */
};

/* ERR_INVALID "@path: ...". Returns -1. */
void dsl_record(const struct dsl_reader *reader, const char *path, const char *format, ...)
    PRINTF_LIKE(3, 4);
#define dsl_fail(...) (dsl_record(__VA_ARGS__), -1)

/** "@path.@key" as messages may show it. */
void dsl_join_path(const char *path, const char *key, char ret[static DSL_PATH_BYTES]);

/* Names for dsl_check_options(). */
#define DSL_OPTIONS(...) ((const char *const[]){__VA_ARGS__, NULL})

/** An object all of whose members are among @options, which ends with NULL. */
int dsl_check_options(const struct dsl_reader *reader, const json_t *object, const char *path,
                      const char *const *options) MUST_CHECK;

/* {"field": body}: exactly one member. */
struct dsl_field {
    const char *name;   /* in the arena */
    const json_t *body; /* borrowed */
    char path[DSL_PATH_BYTES];
};

/** @with_boost: a member "boost" beside the field is not one. */
int dsl_one_field(const struct dsl_reader *reader, const json_t *object, const char *path,
                  bool with_boost, struct dsl_field *ret) MUST_CHECK;

/** A text, number or boolean as text in the arena. */
int dsl_value(const struct dsl_reader *reader, const json_t *value, const char *path,
              const char **ret) MUST_CHECK;

/** The value of {"field": value}, or of {"field": {@key: value}} with nothing but @options. */
int dsl_field_value(const struct dsl_reader *reader, const struct dsl_field *field,
                    const char *key, const char *const *options, const char **ret) MUST_CHECK;

/** The member @key as text of at most @max_bytes in the arena; ERR_INVALID without it. */
int dsl_need_text(const struct dsl_reader *reader, const json_t *object, const char *path,
                  const char *key, size_t max_bytes, const char **ret) MUST_CHECK;

/** The member @key, which is "and" or "or" in any case; false without it. */
int dsl_want_and(const struct dsl_reader *reader, const json_t *object, const char *path,
                 const char *key, bool *ret) MUST_CHECK;

/** The member @key, a boolean; *ret stays without it. */
int dsl_want_bool(const struct dsl_reader *reader, const json_t *object, const char *path,
                  const char *key, bool *ret) MUST_CHECK;

/** Put "minimum_should_match" of @object (2, "2", -1, "75%", "-25%") into @node, if it is a
 * QUERY_BOOL that has none yet; without that member the node stays. */
int dsl_want_minimum(const struct dsl_reader *reader, const json_t *object, const char *path,
                     struct query_node *node) MUST_CHECK;

#endif
