/* SPDX-License-Identifier: Apache-2.0 */
/* The values that a field has in a document: none, one, or many where arrays stand between. */
#ifndef QUERY_LEAF_WALK_H
#define QUERY_LEAF_WALK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* True: enough seen. @leaf is a text, number or boolean. */
typedef bool leaf_fn(const json_t *leaf, void *userdata);

struct leaf_walk {
    const json_t *root;    /* borrowed: the document, or the element of a nested query */
    const char *root_path; /* borrowed: the path of the nested query; NULL in the document */
    uint64_t *steps_left;  /* borrowed */
    leaf_fn *visit;
    void *userdata;
};

/** Visits the values of @field (NULL: of every field; with a "*": of those that match) until
 * one visit says enough. True if one did; false too when the steps are used up. */
bool leaf_walk(const struct leaf_walk *walk, const char *field);

/* Elements of a nested path. True: enough seen. */
typedef bool element_fn(const json_t *element, void *userdata);

/** Visits the objects that stand at @path, those within arrays one by one. */
bool leaf_walk_elements(const struct leaf_walk *walk, const char *path, element_fn *visit,
                        void *userdata);

#endif
