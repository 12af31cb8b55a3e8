/* SPDX-License-Identifier: Apache-2.0 */
/* See sort_order.h. */
#include "coordinator/query/sort_order.h"

#include "common/base/parse.h"
#include "coordinator/query/const_object.h"
#include "coordinator/query/leaf_walk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_PATH_BYTES = 128 };

static int add_field(struct sort_order *order, const char *path, const char *name, size_t len,
                     struct err *err)
{
    if (len == 0 || len > QUERY_FIELD_MAX) {
        return err_set(err, ERR_INVALID, "%s: the name of a field has 1 to %d bytes, not %zu",
                       path, QUERY_FIELD_MAX, len);
    }
    if (order->n_fields == SORT_FIELDS_MAX) {
        return err_set(err, ERR_INVALID, "%s: more than %d fields", path, SORT_FIELDS_MAX);
    }
    struct sort_field *field = &order->fields[order->n_fields++];
    *field = (struct sort_field){.name = ""};
    memcpy(field->name, name, len);
    return 0;
}

static int read_direction(const char *path, const char *text, size_t len, bool *ret,
                          struct err *err)
{
    if ((len != 3 || strncmp(text, "asc", len) != 0) &&
        (len != 4 || strncmp(text, "desc", len) != 0)) {
        return err_set(err, ERR_INVALID, "%s: the order is \"asc\" or \"desc\"", path);
    }
    *ret = len == 4;
    return 0;
}

int sort_order_from_text(const char *text, struct sort_order *ret, struct err *err)
{
    struct sort_order order = {.n_fields = 0};
    const char *at = text != NULL ? text + strspn(text, " ") : "";
    while (*at != '\0') {
        size_t len = strcspn(at, ", ");
        const char *colon = memchr(at, ':', len);
        size_t name_len = colon != NULL ? (size_t)(colon - at) : len;
        if (add_field(&order, "sort", at, name_len, err) < 0) {
            return -1;
        }
        if (colon != NULL &&
            read_direction("sort", colon + 1, len - name_len - 1,
                           &order.fields[order.n_fields - 1].is_descending, err) < 0) {
            return -1;
        }
        at += len + strspn(at + len, " ");
        if (*at == ',') {
            at += 1 + strspn(at + 1, " ");
            if (*at == '\0') {
                return err_set(err, ERR_INVALID,
                               "sort: a field is missing after the last \",\"");
            }
        } else if (*at != '\0') {
            return err_set(err, ERR_INVALID, "sort: fields are parted by \",\"");
        }
    }
    *ret = order;
    return 0;
}

/* {"order": "desc", "missing": "_first"} */
static int read_options(const char *path, const json_t *options, struct sort_field *field,
                        struct err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach(const_object(options), key, value)
    {
        const char *text = json_is_string(value) ? json_string_value(value) : "";
        if (strcmp(key, "order") == 0) {
            if (read_direction(path, text, strlen(text), &field->is_descending, err) < 0) {
                return -1;
            }
        } else if (strcmp(key, "missing") == 0) {
            field->missing_first = strcmp(text, "_first") == 0;
            if (!field->missing_first && strcmp(text, "_last") != 0) {
                return err_set(err, ERR_INVALID, "%s: missing is \"_first\" or \"_last\"",
                               path);
            }
        } else if (strcmp(key, "unmapped_type") != 0) { /* here no field needs a mapping */
            char shown[PARSE_SHOWN_BYTES];
            return err_set(err, ERR_INVALID, "%s: unknown option \"%s\"", path,
                           parse_shown(key, shown));
        }
    }
    return 0;
}

static int read_member(struct sort_order *order, const char *path, const char *name,
                       const json_t *body, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    char inner[SHOWN_PATH_BYTES + PARSE_SHOWN_BYTES + 1];
    (void)snprintf(inner, sizeof inner, "%s.%s", path, parse_shown(name, shown));
    if (strcmp(name, "_score") == 0) {
        return 0;
    }
    if (add_field(order, inner, name, strlen(name), err) < 0) {
        return -1;
    }
    struct sort_field *field = &order->fields[order->n_fields - 1];
    if (json_is_object(body)) {
        return read_options(inner, body, field, err);
    }
    const char *text = json_is_string(body) ? json_string_value(body) : "";
    return read_direction(inner, text, strlen(text), &field->is_descending, err);
}

static int read_item(struct sort_order *order, const char *path, const json_t *item,
                     struct err *err)
{
    if (json_is_string(item)) {
        const char *name = json_string_value(item);
        return strcmp(name, "_score") == 0 ? 0
                                           : add_field(order, path, name, strlen(name), err);
    }
    if (!json_is_object(item)) {
        return err_set(err, ERR_INVALID, "%s: must be {\"field\": \"asc\"} or a text", path);
    }
    const char *key;
    json_t *value;
    json_object_foreach(const_object(item), key, value)
    {
        if (read_member(order, path, key, value, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int sort_order_from_json(const json_t *sort, const char *path, struct sort_order *ret,
                         struct err *err)
{
    struct sort_order order = {.n_fields = 0};
    if (sort != NULL && !json_is_null(sort) && !json_is_array(sort)) {
        return err_set(err, ERR_INVALID, "%s: must be an array", path);
    }
    for (size_t i = 0; i < json_array_size(sort); i++) {
        char inner[SHOWN_PATH_BYTES];
        (void)snprintf(inner, sizeof inner, "%s[%zu]", path, i);
        if (read_item(&order, inner, json_array_get(sort, i), err) < 0) {
            return -1;
        }
    }
    *ret = order;
    return 0;
}

static int rank(const json_t *value)
{
    return json_is_number(value) ? 0 : json_is_string(value) ? 1 : 2;
}

/* Two scalars. */
static int compare_values(const json_t *a, const json_t *b)
{
    if (rank(a) != rank(b)) {
        return rank(a) < rank(b) ? -1 : 1;
    }
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a);
        json_int_t y = json_integer_value(b);
        return (x > y) - (x < y);
    }
    if (json_is_number(a)) {
        double x = json_number_value(a);
        double y = json_number_value(b);
        return (x > y) - (x < y);
    }
    return json_is_string(a) ? strcmp(json_string_value(a), json_string_value(b))
                             : json_is_true(a) - json_is_true(b);
}

struct pick {
    bool largest;
    const json_t *value; /* the best one so far */
};

static bool pick_leaf(const json_t *leaf, void *userdata)
{
    struct pick *pick = userdata;
    int order = pick->value != NULL ? compare_values(leaf, pick->value) : 0;
    if (pick->value == NULL || (pick->largest ? order > 0 : order < 0)) {
        pick->value = leaf;
    }
    return false;
}

static const json_t *pick_key(const struct sort_field *field, const json_t *document)
{
    uint64_t steps_left = QUERY_STEPS_MAX; /* one walk over one document: bounded by itself */
    struct pick pick = {.largest = field->is_descending};
    struct leaf_walk walk = {
        .root = document, .steps_left = &steps_left, .visit = pick_leaf, .userdata = &pick};
    (void)leaf_walk(&walk, field->name); /* pick_leaf never has enough */
    return pick.value;
}

struct entry {
    json_t *document;                    /* borrowed */
    size_t position;                     /* before */
    const json_t *keys[SORT_FIELDS_MAX]; /* borrowed from the document; NULL: it has none */
};

struct ordering {
    const struct sort_order *order;
};

static int compare_keys(const struct sort_field *field, const json_t *a, const json_t *b)
{
    if (a == NULL || b == NULL) {
        int order = (a == NULL) - (b == NULL);
        return field->missing_first ? -order : order;
    }
    int order = compare_values(a, b);
    return field->is_descending ? -order : order;
}

static int compare_entries(const void *left, const void *right, void *context)
{
    const struct ordering *ordering = context;
    const struct sort_order *order = ordering->order;
    const struct entry *a = left;
    const struct entry *b = right;
    for (size_t i = 0; i < order->n_fields; i++) {
        int result = compare_keys(&order->fields[i], a->keys[i], b->keys[i]);
        if (result != 0) {
            return result;
        }
    }
    return (a->position > b->position) - (a->position < b->position);
}

int sort_order_apply(const struct sort_order *order, json_t **documents, size_t count,
                     struct err *err)
{
    if (order->n_fields == 0 || count < 2) {
        return 0;
    }
    auto_free struct entry *entries = calloc(count, sizeof *entries);
    if (entries == NULL) {
        return err_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        entries[i].document = documents[i];
        entries[i].position = i;
        for (size_t f = 0; f < order->n_fields; f++) {
            entries[i].keys[f] = pick_key(&order->fields[f], documents[i]);
        }
    }
    struct ordering ordering = {.order = order};
    qsort_r(entries, count, sizeof *entries, compare_entries, &ordering);
    for (size_t i = 0; i < count; i++) {
        documents[i] = entries[i].document;
    }
    return 0;
}
