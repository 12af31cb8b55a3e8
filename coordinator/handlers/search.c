/* SPDX-License-Identifier: Apache-2.0 */
/* See search.h. A document is made once, matched as it is, and written as text only when it is
 * on the page. */
#include "coordinator/handlers/search.h"

#include "common/base/parse.h"
#include "common/codec/json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define E_REQUEST "root.bad_request"

static bool refuse(struct exchange *exchange, const char *code, const struct err *err)
{
    if (err->code == ERR_NO_MEMORY) {
        exchange_reply_json(exchange, 500, NULL);
    } else {
        exchange_reply_error(exchange, 400, code, "%s", err->message);
    }
    return false;
}

bool search_read_q(struct exchange *exchange, const struct search_kind *kind,
                   struct search *search)
{
    const char *text = exchange_query(exchange, "q");
    struct err err = {0};
    if (text == NULL || text[0] == '\0') {
        return true; /* clients send it empty */
    }
    return query_from_text(text, &search->query, &err) == 0 ||
           refuse(exchange, kind->code, &err);
}

/* Runners are kept in the order of their ids, and no two have the same: nothing is to be sorted
 * by an id, nor by what follows one. */
static void drop_natural_order(const struct search_kind *kind, struct sort_order *order)
{
    const struct sort_field *first = &order->fields[0];
    if (order->n_fields > 0 && !first->is_descending &&
        strcmp(first->name, kind->id_field) == 0) {
        order->n_fields = 0;
    }
}

static int read_number(const struct exchange *exchange, const char *name, size_t *number,
                       struct err *err)
{
    const char *text = exchange_query(exchange, name);
    uint64_t value = *number;
    if (text != NULL && parse_u64(text, 0, SEARCH_NUMBER_MAX, &value, err) < 0) {
        return err_wrap(err, "query parameter %s", name);
    }
    *number = (size_t)value;
    return 0;
}

bool search_read_page(struct exchange *exchange, const struct search_kind *kind,
                      struct search *search)
{
    struct err err = {0};
    if (read_number(exchange, "from", &search->from, &err) < 0 ||
        read_number(exchange, "size", &search->size, &err) < 0) {
        return refuse(exchange, E_REQUEST, &err);
    }
    if (sort_order_from_text(exchange_query(exchange, "sort"), &search->order, &err) < 0) {
        return refuse(exchange, kind->code, &err);
    }
    drop_natural_order(kind, &search->order);
    return true;
}

static int want_number(const json_t *json, const char *key, size_t *number, struct err *err)
{
    uint64_t value = *number;
    if (json_want_u64(json, "", key, SEARCH_NUMBER_MAX, &value, err) < 0) {
        return -1;
    }
    *number = (size_t)value;
    return 0;
}

static int read_request(json_t *json, struct search *search, struct err *err)
{
    static const char *const members[] = {"query", "from", "size", "sort", "cursor"};
    const char *cursor = "";
    if (json_only(json, "", members, ARRAY_LEN(members), err) < 0 ||
        want_number(json, "from", &search->from, err) < 0 ||
        want_number(json, "size", &search->size, err) < 0 ||
        json_want_text(json, "", "cursor", SIZE_MAX, &cursor, err) < 0 ||
        sort_order_from_json(json_object_get(json, "sort"), "sort", &search->order, err) < 0) {
        return -1;
    }
    if (cursor[0] != '\0') {
        return err_set(err, ERR_INVALID,
                       "cursor: no reply has one, so none can be given: use from and size");
    }
    const json_t *query = json_object_get(json, "query");
    if (query == NULL || json_is_null(query)) {
        return 0;
    }
    return query_from_json(query, "query", &search->query, err);
}

bool search_read_body(struct exchange *exchange, const struct search_kind *kind,
                      struct search *search)
{
    auto_json *json = NULL;
    struct err err = {0};
    size_t len = 0;
    (void)exchange_body(exchange, &len);
    if (len == 0) {
        return true;
    }
    if (exchange_json(exchange, &json, &err) < 0) {
        return refuse(exchange, E_REQUEST, &err);
    }
    if (read_request(json, search, &err) < 0) {
        return refuse(exchange, kind->code, &err);
    }
    drop_natural_order(kind, &search->order);
    return true;
}

/* One search under way. */
struct walk {
    const struct search_kind *kind;
    const struct search *search;
    const struct registry *registry;
    uint64_t steps_left;
};

/* The document of @runner, or NULL if it does not match. */
static int view_match(struct walk *walk, const struct runner *runner, json_t **ret,
                      struct err *err)
{
    auto_json *document = walk->kind->view(walk->registry, runner);
    const struct query *query = walk->search->query;
    bool is_match = true;
    if (document == NULL) {
        return err_no_memory(err);
    }
    if (query != NULL &&
        query_matches(query, document, &walk->steps_left, &is_match, err) < 0) {
        return -1;
    }
    *ret = is_match ? json_incref(document) : NULL;
    return 0;
}

/* Append to @page those @from .. @from + @size - 1 of all that match, in the order of ids. */
static int collect(struct walk *walk, size_t from, size_t size, json_t *page, struct err *err)
{
    const roles_t roles = walk->kind->roles;
    size_t position = 0;
    for (size_t i = 0; i < registry_count(walk->registry) && position < from + size; i++) {
        const struct runner *runner = registry_at(walk->registry, i);
        if ((runner->record.roles & roles) != roles) {
            continue;
        }
        if (walk->search->query == NULL && position < from) {
            position++; /* all match: no document is needed to count them */
            continue;
        }
        auto_json *document = NULL;
        if (view_match(walk, runner, &document, err) < 0) {
            return -1;
        }
        if (document != NULL && position++ >= from && json_array_append(page, document) < 0) {
            return err_no_memory(err);
        }
    }
    return 0;
}

/* The first of an order can be any: all that match are kept until they are sorted. */
static int collect_sorted(struct walk *walk, json_t *page, struct err *err)
{
    const struct search *search = walk->search;
    auto_json *matches = json_array();
    if (matches == NULL) {
        return err_no_memory(err);
    }
    if (collect(walk, 0, SIZE_MAX, matches, err) < 0) {
        return -1;
    }
    size_t count = json_array_size(matches);
    auto_free json_t **documents = calloc(count + 1, sizeof(json_t *)); /* borrowed */
    if (documents == NULL) {
        return err_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        documents[i] = json_array_get(matches, i);
    }
    if (sort_order_apply(&search->order, documents, count, err) < 0) {
        return -1;
    }
    for (size_t i = search->from; i < count && i - search->from < search->size; i++) {
        if (json_array_append(page, documents[i]) < 0) {
            return err_no_memory(err);
        }
    }
    return 0;
}

json_t *search_page(struct exchange *exchange, const struct search_kind *kind,
                    const struct search *search, const struct registry *registry)
{
    struct walk walk = {kind, search, registry, QUERY_STEPS_MAX};
    struct err err = {0};
    auto_json *page = json_array();
    int rc = -1;
    if (page == NULL) {
        (void)err_no_memory(&err);
    } else if (search->order.n_fields > 0) {
        rc = collect_sorted(&walk, page, &err);
    } else {
        rc = collect(&walk, search->from, search->size, page, &err);
    }
    if (rc < 0) {
        (void)refuse(exchange, kind->code, &err);
        return NULL;
    }
    return json_incref(page);
}
