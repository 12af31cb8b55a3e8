/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its one reply, as handlers see them. The engine behind it (libmicrohttpd)
 * does not show.
 *
 * A handler is called on the loop with a complete request and must reply exactly once: inside
 * the call, or later from the loop (the connection is parked meanwhile). A parked exchange past
 * its deadline is answered 503 by the server; a client that left is noticed then too; the
 * handler's own late reply is dropped silently. After the reply the pointer is dead.
 */
#ifndef COORDINATOR_EXCHANGE_H
#define COORDINATOR_EXCHANGE_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

/* The request; everything is borrowed until the reply. */
const char *exchange_method(const struct exchange *exchange);
const char *
exchange_path(const struct exchange *exchange); /* decoded once, without the query */
/** The path parameter that the route calls {name}, decoded; NULL when the route has none. */
const char *exchange_param(const struct exchange *exchange, const char *name);
/** A query parameter, decoded; NULL when absent. */
const char *exchange_query(const struct exchange *exchange, const char *name);
/** A header's value; NULL when absent. */
const char *exchange_header(const struct exchange *exchange, const char *name);
const char *exchange_body(const struct exchange *exchange, size_t *ret_len);
/** The peer's address as text (IPv4-mapped ones as IPv4), without port. */
const char *exchange_peer(const struct exchange *exchange);
/** Grows by one with every accepted connection; see http_server_options.on_connection_closed.
 */
uint64_t exchange_connection(const struct exchange *exchange);
/** The body as JSON. ERR_INVALID when there is none, it is malformed, or its Content-Type is
 * not JSON. */
int exchange_json(const struct exchange *exchange, json_t **ret, struct err *err) MUST_CHECK;

/** What the authenticator of the route found out (see router.h); owned by the exchange, freed
 * with free_principal. */
void exchange_set_principal(struct exchange *exchange, void *principal,
                            void (*free_principal)(void *));
void *exchange_principal(const struct exchange *exchange);

/* The reply. */
/** Add a header to the reply that is to come. */
void exchange_set_header(struct exchange *exchange, const char *name, const char *value);
void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *body, size_t len);
/** 200 with a regular file of @size bytes, read from its beginning as the client takes it.
 * Takes
 * @fd. Whoever renames another file into its place meanwhile changes nothing; one that becomes
 * shorter ends the connection. 503 when too many files are being sent. */
void exchange_reply_file(struct exchange *exchange, int fd, uint64_t size,
                         const char *content_type);
/** Takes @json (NULL = no memory: answers 500). Pretty-printed in the documented style. */
void exchange_reply_json(struct exchange *exchange, int status, json_t *json);
/** As exchange_reply_json, compact: for the agent's routes. */
void exchange_reply_compact(struct exchange *exchange, int status, json_t *json);
/** {"errors":[{"code","message","fields"}]}; sets x-cloud-error-codes as well. */
void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...) PRINTF_LIKE(4, 5);

#endif
