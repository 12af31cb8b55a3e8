/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an exchange, for coordinator/http only (and for tests that hand exchanges to
 * handlers).
 *
 * Two may need an exchange: the engine, from the request's first line until its connection is
 * done with it, and the handler, from exchange_hand_over until it replies. Whoever lets go last
 * frees it. So a handler may be late, or a connection may go first, and nothing that the
 * handler borrowed dies under it: an exchange owns copies of everything.
 */
#ifndef COORDINATOR_EXCHANGE_INTERNAL_H
#define COORDINATOR_EXCHANGE_INTERNAL_H

#include "common/base/buf.h"
#include "coordinator/http/router.h"

enum {
    EXCHANGE_METHOD_BYTES = 16,
    EXCHANGE_PEER_BYTES = 46,
    EXCHANGE_HEADERS_MAX = 64,
    EXCHANGE_QUERY_MAX = 16,
    EXCHANGE_REPLY_HEADERS_MAX = 8,
};

struct exchange_field {
    char *name; /* owned with its value: one allocation, "name\0value\0" */
    const char *value;
};

struct exchange_fields {
    size_t count;
    size_t max;
    struct exchange_field *items;
};

/** The handler has replied (never called for a late reply). */
typedef void exchange_replied_fn(struct exchange *exchange, void *engine);

struct exchange_reply {
    int status;  /* 0 = not replied yet */
    char *body;  /* owned, malloc'd; the engine may take it */
    int file_fd; /* owned: the body is this file's; -1 = none. The engine may take it */
    size_t len;  /* of the body, wherever it is */
    struct exchange_fields headers;
    struct exchange_field header_items[EXCHANGE_REPLY_HEADERS_MAX];
};

struct exchange {
    bool has_engine;
    bool has_handler;
    exchange_replied_fn *on_replied; /* NULL unless handed over */
    void *engine;                    /* borrowed; its argument */

    char method[EXCHANGE_METHOD_BYTES];
    char *path;  /* owned; as on the wire until exchange_parse_target, then decoded */
    char *query; /* inside path; as on the wire; NULL = none */
    char peer[EXCHANGE_PEER_BYTES];
    uint64_t connection;
    struct exchange_fields headers;
    struct exchange_field header_items[EXCHANGE_HEADERS_MAX];
    struct exchange_fields arguments; /* of the query, decoded */
    struct exchange_field argument_items[EXCHANGE_QUERY_MAX];
    struct buf body;

    const struct router *router; /* borrowed; set by router_dispatch */
    const struct route *route;   /* borrowed */
    struct route_params params;

    void *principal; /* owned through free_principal */
    void (*free_principal)(void *);

    struct exchange_reply reply;
};

/** The request line: @uri is path and query as on the wire. Held by the engine. NULL without
 * memory. */
struct exchange *exchange_new(const char *method, const char *uri, const char *peer,
                              uint64_t connection);

/** Decode path and query. ERR_INVALID says what is malformed; match the route before. */
int exchange_parse_target(struct exchange *exchange, struct err *err) MUST_CHECK;

/** Append a copy; ERR_TOO_LARGE when there are too many. */
int exchange_add_field(struct exchange_fields *fields, const char *name, size_t name_len,
                       const char *value, size_t value_len, struct err *err) MUST_CHECK;

/** Wipe and free all; the list is empty after. */
void exchange_clear_fields(struct exchange_fields *fields);

/** The first value of that name, any case. */
const char *exchange_find_field(const struct exchange_fields *fields, const char *name);

/** From here on the handler holds the exchange too; @on_replied is called inside its reply. */
void exchange_hand_over(struct exchange *exchange, exchange_replied_fn *on_replied,
                        void *engine);

/** Answer in the handler's place: its reply, given or to come, is dropped. It keeps its hold
 * until it gave one. */
void exchange_preempt(struct exchange *exchange, int status, const char *code,
                      const char *message);

/** The engine lets go. NULL is fine. */
void exchange_release(struct exchange *exchange);

#endif
