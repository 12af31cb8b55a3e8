/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A query as a tree, and the memory it lives in: one arena, released at once. The parsers build
 * it, the matcher walks it. Owns the bounds on its nodes, its bytes and its height, so that the
 * matcher may recurse.
 */
#ifndef QUERY_QUERY_TREE_H
#define QUERY_QUERY_TREE_H

#include "common/base/err.h"
#include "coordinator/query/operand.h"
#include "coordinator/query/query.h"
#include "coordinator/query/words.h"

#include <stdbool.h>
#include <stddef.h>

enum query_kind {
    QUERY_ALL,
    QUERY_NONE,
    QUERY_BOOL,
    QUERY_NESTED,
    QUERY_EXISTS,
    QUERY_TERM,
    QUERY_PREFIX,
    QUERY_WORDS,
    QUERY_WILDCARD,
    QUERY_RANGE,
};

enum query_occur { QUERY_MUST, QUERY_SHOULD, QUERY_MUST_NOT };

struct query_clauses {
    struct query_node *first; /* NULL while there is none */
    struct query_node *last;
    size_t n_must;
    size_t n_should;
    bool has_minimum; /* else: one of the should, unless there is a must */
    size_t minimum;   /* how many of the should */
};

struct query_range {
    bool has_low;
    bool has_high;
    bool with_low; /* the bound itself is in the range */
    bool with_high;
    struct operand low;
    struct operand high;
};

struct query_words {
    struct words words;     /* what a text must have */
    struct operand operand; /* what anything else must equal */
};

struct query_node {
    enum query_kind kind;
    enum query_occur occur;  /* of a child of QUERY_BOOL */
    unsigned height;         /* 1 for a leaf */
    const char *field;       /* NULL: any. QUERY_NESTED: its path */
    struct query_node *next; /* the parent's next child */

    union {
        struct query_clauses clauses; /* QUERY_BOOL; QUERY_NESTED has one child */
        struct operand operand;       /* QUERY_TERM, QUERY_PREFIX (the text alone) */
        struct query_words words;     /* QUERY_WORDS */
        const char *pattern;          /* QUERY_WILDCARD, see wildcard.h */
        struct query_range range;     /* QUERY_RANGE */
    };
};

struct query_chunk;

struct query {
    struct query_node *root;    /* in the arena */
    struct query_chunk *chunks; /* owned: the arena */
    size_t n_bytes;
    size_t n_nodes;
};

struct query *query_tree_new(struct err *err);

/* Memory of the query's arena: NULL over its bound (ERR_INVALID) or without memory. */
void *query_alloc(struct query *query, size_t size, struct err *err);
char *query_copy(struct query *query, const char *bytes, size_t len, struct err *err);

/** A node that is no one's child yet; @field is borrowed from the arena. NULL on failure. */
struct query_node *query_node_new(struct query *query, enum query_kind kind, const char *field,
                                  struct err *err);

/** A node QUERY_WORDS for @text, which is borrowed from the arena. */
struct query_node *query_words_new(struct query *query, const char *field, const char *text,
                                   struct err *err);

/** Make @child the last child of @parent (QUERY_BOOL, QUERY_NESTED). */
int query_add(struct query_node *parent, struct query_node *child, enum query_occur occur,
              struct err *err) MUST_CHECK;

#endif
