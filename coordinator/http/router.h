/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From method and path to a handler: a constant table, deny by default. Unknown path 404, known
 * path with another method 405 with Allow. Every route names the access that it needs; the
 * router asks the authenticator for it before the handler.
 */
#ifndef COORDINATOR_ROUTER_H
#define COORDINATOR_ROUTER_H

#include "coordinator/http/exchange.h"

enum access {
    ACCESS_PUBLIC,      /* anyone: health, the CA certificate */
    ACCESS_READ,        /* any user of the platform */
    ACCESS_WRITE,       /* users that may change things */
    ACCESS_ROLES_TOKEN, /* a host that wants to join */
    ACCESS_RUNNER,      /* a runner's access token */
};

typedef void handler_fn(struct exchange *exchange, void *context);

struct route {
    const char *method;
    const char *pattern; /* "/api/v1/platform/infrastructure/allocators/{allocator_id}": {x} is
                            one segment */
    enum access access;
    size_t max_body; /* larger is 413 and never kept, whatever of it is still read; 0 = none is
                        taken */
    handler_fn *handler;
};

/**
 * Decide whether the exchange may have @access. Must end, now or later from the loop, in
 * exactly one of: @granted is called (the router then runs the handler), or a reply (401, 403,
 * 503).
 */
typedef void granted_fn(struct exchange *exchange, void *userdata);
typedef void authenticate_fn(struct exchange *exchange, enum access access, granted_fn *granted,
                             void *userdata, void *context);

struct router {
    const struct route *routes;
    size_t n_routes;
    authenticate_fn *authenticate;
    void *context; /* given to the authenticator and the handlers */
};

enum route_match { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD };

enum { ROUTE_PARAMS_MAX = 4, ROUTE_PARAM_BYTES = 1025 };

struct route_params {
    size_t count;

    struct {
        const char *name; /* points into the pattern, name_len long */
        size_t name_len;
        char value[ROUTE_PARAM_BYTES];
    } items[ROUTE_PARAMS_MAX];
};

/**
 * Pure: find the route. @raw_path is as on the wire, without the query; segments are decoded
 * after splitting, so an encoded slash stays inside its segment. A malformed escape, a NUL, "."
 * and ".." segments, an empty or overlong parameter match nothing, nor does what decodes to
 * control characters or is no UTF-8. Of several matching routes the first serves; HEAD is
 * served by GET. A platform path also matches with "/regions/{region}" between /api/v1 and
 * /platform, whatever the region is called. For ROUTE_NO_METHOD, @ret_allow gets "GET, POST".
 */
enum route_match router_match(const struct router *router, const char *method,
                              const char *raw_path, const struct route **ret_route,
                              struct route_params *ret_params, char ret_allow[static 64]);

/** Authenticate and run the handler of a matched exchange. */
void router_dispatch(const struct router *router, const struct route *route,
                     struct exchange *exchange);

#endif
