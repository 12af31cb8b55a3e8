/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walking documents. They are the project's own, so their depth is small; the bound here is for
 * the stack all the same. A key may hold a dot (a tag may be called "a.b"): a path is tried at
 * every one of its dots.
 */
#include "coordinator/query/leaf_walk.h"

#include "coordinator/query/const_object.h"
#include "coordinator/query/query.h"
#include "coordinator/query/steps.h"
#include "coordinator/query/wildcard.h"

#include <stdio.h>
#include <string.h>

enum { DOCUMENT_DEPTH_MAX = 32 };

static bool visit_leaf(const struct leaf_walk *walk, const json_t *leaf)
{
    return steps_spend(walk->steps_left, 1 + json_string_length(leaf) / 8) &&
           walk->visit(leaf, walk->userdata);
}

/* Every leaf of @json. */
static bool walk_all(const struct leaf_walk *walk, const json_t *json, int depth)
{
    if (depth > DOCUMENT_DEPTH_MAX || json_is_null(json)) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (walk_all(walk, json_array_get(json, i), depth + 1)) {
                return true;
            }
        }
        return false;
    }
    if (json_is_object(json)) {
        const char *key;
        json_t *value;
        json_object_foreach(const_object(json), key, value)
        {
            if (walk_all(walk, value, depth + 1)) {
                return true;
            }
        }
        return false;
    }
    return visit_leaf(walk, json);
}

/* The path of what is looked at, for field names with a "*". */
struct place {
    char path[2 * QUERY_FIELD_MAX];
    size_t len;
};

static bool walk_pattern(const struct leaf_walk *walk, const char *pattern, const json_t *json,
                         struct place *place, int depth);

static bool walk_pattern_members(const struct leaf_walk *walk, const char *pattern,
                                 const json_t *object, struct place *place, int depth)
{
    const char *key;
    json_t *value;
    size_t len = place->len;
    bool is_enough = false;
    json_object_foreach(const_object(object), key, value)
    {
        int added = snprintf(place->path + len, sizeof place->path - len, "%s%s",
                             len > 0 ? "." : "", key);
        if (added > 0 && len + (size_t)added < sizeof place->path) {
            place->len = len + (size_t)added;
            is_enough = walk_pattern(walk, pattern, value, place, depth + 1);
        }
        if (is_enough) {
            break;
        }
    }
    place->len = len;
    return is_enough;
}

static bool walk_pattern(const struct leaf_walk *walk, const char *pattern, const json_t *json,
                         struct place *place, int depth)
{
    if (depth > DOCUMENT_DEPTH_MAX || json_is_null(json)) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (walk_pattern(walk, pattern, json_array_get(json, i), place, depth + 1)) {
                return true;
            }
        }
        return false;
    }
    if (json_is_object(json)) {
        return walk_pattern_members(walk, pattern, json, place, depth);
    }
    return wildcard_matches(pattern, place->path, place->len, walk->steps_left) &&
           visit_leaf(walk, json);
}

/* What is done with that at which a path ends. */
struct path_end {
    const struct leaf_walk *walk;
    element_fn *visit; /* NULL: the leaves, by walk->visit */
    void *userdata;
};

static bool walk_path(const struct path_end *end, const json_t *json, const char *path,
                      int depth);

static bool walk_path_members(const struct path_end *end, const json_t *object,
                              const char *path, int depth)
{
    char key[QUERY_FIELD_MAX + 1];
    size_t len = strlen(path);
    for (size_t dot = 0; dot < len && dot < sizeof key; dot++) {
        size_t key_len = dot + strcspn(path + dot, ".");
        dot = key_len;
        if (key_len >= sizeof key || !steps_spend(end->walk->steps_left, 1)) {
            return false;
        }
        memcpy(key, path, key_len);
        key[key_len] = '\0';
        const json_t *value = json_object_get(object, key);
        if (value != NULL &&
            walk_path(end, value, path + key_len + (key_len < len ? 1 : 0), depth + 1)) {
            return true;
        }
    }
    return false;
}

static bool walk_path(const struct path_end *end, const json_t *json, const char *path,
                      int depth)
{
    if (depth > DOCUMENT_DEPTH_MAX) {
        return false;
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            if (walk_path(end, json_array_get(json, i), path, depth + 1)) {
                return true;
            }
        }
        return false;
    }
    if (*path != '\0') {
        return json_is_object(json) && walk_path_members(end, json, path, depth);
    }
    return end->visit == NULL ? walk_all(end->walk, json, depth)
                              : json_is_object(json) && end->visit(json, end->userdata);
}

/* @field below the root; NULL if it lies outside of it. */
static const char *below_root(const struct leaf_walk *walk, const char *field)
{
    if (walk->root_path == NULL) {
        return field;
    }
    size_t len = strlen(walk->root_path);
    return strncmp(field, walk->root_path, len) == 0 && field[len] == '.' ? field + len + 1
                                                                          : NULL;
}

bool leaf_walk(const struct leaf_walk *walk, const char *field)
{
    if (field == NULL) {
        return walk_all(walk, walk->root, 0);
    }
    if (strchr(field, '*') != NULL) {
        struct place place = {.len = 0};
        if (walk->root_path != NULL) {
            place.len = strlen(walk->root_path); /* at most QUERY_FIELD_MAX */
            memcpy(place.path, walk->root_path, place.len);
        }
        return walk_pattern(walk, field, walk->root, &place, 0);
    }
    const char *path = below_root(walk, field);
    struct path_end end = {.walk = walk};
    return path != NULL && *path != '\0' && walk_path(&end, walk->root, path, 0);
}

bool leaf_walk_elements(const struct leaf_walk *walk, const char *path, element_fn *visit,
                        void *userdata)
{
    const char *below = below_root(walk, path);
    struct path_end end = {.walk = walk, .visit = visit, .userdata = userdata};
    return below != NULL && *below != '\0' && walk_path(&end, walk->root, below, 0);
}
