/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A search over the fleet, from the request to the page of documents that is answered: which
 * (coordinator/query), in which order, and what part of them. The documents are those that the
 * API shows, so that what can be seen can be searched. Knows no route.
 *
 *     auto_search search = {.size = SEARCH_SIZE_DEFAULT};
 *     if (search_read_body(exchange, &kind, &search)) { page = search_page(...) }
 *
 * Each function that returns false or NULL has replied: 400 with the place of what is wrong.
 */
#ifndef COORDINATOR_SEARCH_H
#define COORDINATOR_SEARCH_H

#include "common/base/compiler.h"
#include "common/wire/roles.h"
#include "coordinator/http/exchange.h"
#include "coordinator/query/query.h"
#include "coordinator/query/sort_order.h"
#include "coordinator/registry/registry.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    SEARCH_SIZE_DEFAULT = 100,  /* as documented for GET allocators */
    SEARCH_NUMBER_MAX = 100000, /* of from and size */
};

/* What is searched. */
struct search_kind {
    const char *code;     /* of the reply to a query or an order that is wrong */
    const char *id_field; /* without an order the documents come in this one's */
    roles_t roles;        /* that a runner must have to be one of them; 0 = none */
    /* The document of a runner: owned, NULL without memory. */
    json_t *(*view)(const struct registry *registry, const struct runner *runner);
};

struct search {
    struct query *query; /* owned; NULL = all */
    struct sort_order order;
    size_t from;
    size_t size;
};

/** The parameter q. */
bool search_read_q(struct exchange *exchange, const struct search_kind *kind,
                   struct search *search) MUST_CHECK;

/** The parameters sort, from and size. */
bool search_read_page(struct exchange *exchange, const struct search_kind *kind,
                      struct search *search) MUST_CHECK;

/** The body of a _search; without one @search stays as it is. */
bool search_read_body(struct exchange *exchange, const struct search_kind *kind,
                      struct search *search) MUST_CHECK;

/** An array of the documents of the page; owned. */
json_t *search_page(struct exchange *exchange, const struct search_kind *kind,
                    const struct search *search, const struct registry *registry) MUST_CHECK;

static inline void search_cleanup(struct search *search)
{
    query_free(search->query);
}

#define auto_search CLEANUP(search_cleanup) struct search

#endif
