/* SPDX-License-Identifier: Apache-2.0 */
/* The arena and the growing of the tree. See query_tree.h. */
#include "coordinator/query/query_tree.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 4096,
    QUERY_BYTES_MAX = 1024 * 1024, /* far over what the bounds on nodes and texts add up to */
};

struct query_chunk {
    struct query_chunk *next; /* owned */
    size_t used;
    size_t size;
    alignas(max_align_t) char bytes[];
};

struct query *query_tree_new(struct err *err)
{
    struct query *query = calloc(1, sizeof *query);
    if (query == NULL) {
        err_record_no_memory(err);
    }
    return query;
}

void query_free(struct query *query)
{
    if (query == NULL) {
        return;
    }
    while (query->chunks != NULL) {
        struct query_chunk *chunk = query->chunks;
        query->chunks = chunk->next;
        free(chunk);
    }
    free(query);
}

static struct query_chunk *chunk_new(struct query *query, size_t size, struct err *err)
{
    size = size > CHUNK_BYTES ? size : CHUNK_BYTES;
    struct query_chunk *chunk = calloc(1, sizeof *chunk + size);
    if (chunk == NULL) {
        err_record_no_memory(err);
        return NULL;
    }
    chunk->size = size;
    chunk->next = query->chunks;
    query->chunks = chunk;
    return chunk;
}

void *query_alloc(struct query *query, size_t size, struct err *err)
{
    size_t rounded = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    if (size > QUERY_BYTES_MAX || rounded > QUERY_BYTES_MAX - query->n_bytes) {
        err_record(err, ERR_INVALID, "query: takes more than %d bytes of memory",
                   QUERY_BYTES_MAX);
        return NULL;
    }
    struct query_chunk *chunk = query->chunks;
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        chunk = chunk_new(query, rounded, err);
        if (chunk == NULL) {
            return NULL;
        }
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += rounded;
    query->n_bytes += rounded;
    return memory;
}

char *query_copy(struct query *query, const char *bytes, size_t len, struct err *err)
{
    char *copy = query_alloc(query, len + 1, err);
    if (copy != NULL) {
        memcpy(copy, bytes, len);
        copy[len] = '\0';
    }
    return copy;
}

struct query_node *query_node_new(struct query *query, enum query_kind kind, const char *field,
                                  struct err *err)
{
    if (query->n_nodes == QUERY_NODES_MAX) {
        err_record(err, ERR_INVALID, "query: has more than %d clauses", QUERY_NODES_MAX);
        return NULL;
    }
    if (field != NULL && strlen(field) > QUERY_FIELD_MAX) {
        err_record(err, ERR_INVALID, "query: the name of a field is longer than %d bytes",
                   QUERY_FIELD_MAX);
        return NULL;
    }
    struct query_node *node = query_alloc(query, sizeof *node, err);
    if (node != NULL) {
        query->n_nodes++;
        *node = (struct query_node){.kind = kind, .height = 1, .field = field};
    }
    return node;
}

struct query_node *query_words_new(struct query *query, const char *field, const char *text,
                                   struct err *err)
{
    struct query_node *node = query_node_new(query, QUERY_WORDS, field, err);
    if (node != NULL) {
        words_init(&node->words.words, text, field == NULL ? WORDS_FINE : WORDS_WHOLE);
        operand_init(&node->words.operand, text);
    }
    return node;
}

int query_add(struct query_node *parent, struct query_node *child, enum query_occur occur,
              struct err *err)
{
    struct query_clauses *clauses = &parent->clauses;
    if (child->height >= QUERY_DEPTH_MAX) {
        return err_set(err, ERR_INVALID, "query: nested deeper than %d levels",
                       QUERY_DEPTH_MAX);
    }
    if (parent->height <= child->height) {
        parent->height = child->height + 1;
    }
    child->occur = occur;
    clauses->n_must += occur == QUERY_MUST ? 1 : 0;
    clauses->n_should += occur == QUERY_SHOULD ? 1 : 0;
    if (clauses->first == NULL) {
        clauses->first = child;
    } else {
        clauses->last->next = child;
    }
    clauses->last = child;
    return 0;
}
