/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which a search answers: by the values of fields, the first one first. Numbers
 * come before texts and these before booleans; texts sort by their code points. Where a field
 * has several values the smallest counts upwards and the largest downwards; documents without
 * one come last unless asked otherwise. Equal documents keep the order they had.
 */
#ifndef QUERY_SORT_ORDER_H
#define QUERY_SORT_ORDER_H

#include "common/base/err.h"
#include "coordinator/query/query.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { SORT_FIELDS_MAX = 8 };

struct sort_field {
    char name[QUERY_FIELD_MAX + 1];
    bool is_descending;
    bool missing_first;
};

struct sort_order {
    size_t n_fields; /* 0: as they come */
    struct sort_field fields[SORT_FIELDS_MAX];
};

/** From the parameter `sort`: "zone_id,capacity.memory.total:desc". NULL and blank: no fields.
 */
int sort_order_from_text(const char *text, struct sort_order *ret, struct err *err) MUST_CHECK;

/** From the member "sort" of a search: an array of "field", {"field": "desc"},
 * {"field": {"order": "desc", "missing": "_first"}}. NULL, null and []: no fields. "_score" is
 * skipped: here all matches are equally good. */
int sort_order_from_json(const json_t *sort, const char *path, struct sort_order *ret,
                         struct err *err) MUST_CHECK;

/** Sort @documents in place. */
int sort_order_apply(const struct sort_order *order, json_t **documents, size_t count,
                     struct err *err) MUST_CHECK;

#endif
