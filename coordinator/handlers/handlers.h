/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What answers the routes. A handler reads typed values out of its exchange, asks the registry,
 * the tokens or the store, and replies; it keeps nothing between requests.
 */
#ifndef COORDINATOR_HANDLERS_H
#define COORDINATOR_HANDLERS_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/audit/audit.h"
#include "coordinator/auth/access_tokens.h"
#include "coordinator/auth/auth.h"
#include "coordinator/auth/replay.h"
#include "coordinator/auth/roles_tokens.h"
#include "coordinator/http/exchange.h"
#include "coordinator/http/router.h"
#include "coordinator/installation/installation.h"
#include "coordinator/registry/registry.h"
#include "coordinator/store/store.h"

/* The context of every handler; all borrowed from coordinator.c. */
struct handlers {
    const struct clock *clock;
    const struct log *log;
    struct store *store;
    struct audit *audit;
    struct registry *registry;
    struct roles_tokens *roles_tokens;
    struct replay *replay; /* assertions of registered runners seen */
    struct replay
        *enroll_replay; /* those of hosts that want to be: they crowd out nobody else's */
    struct access_tokens access_tokens;
    const struct installation *installation;
    const char *artifacts_dir;
    struct auth auth;
};

/* All routes and who answers them. */
extern const struct route handlers_routes[];
extern const size_t handlers_route_count;

/** The router's authenticate_fn; its context is struct handlers. */
void handlers_authenticate(struct exchange *exchange, enum access access, granted_fn *granted,
                           void *userdata, void *context);

/** 503 with Retry-After: nothing was changed, try again. */
void handlers_reply_unavailable(struct exchange *exchange, const char *what);

enum { HANDLERS_ACTOR_BYTES = 160 };

/** "user admin": who asks, for the audit. The route's access is READ or WRITE. */
void handlers_actor(const struct exchange *exchange,
                    char ret_text[static HANDLERS_ACTOR_BYTES]);

/** 400 agent.request_malformed, with the path of the field. */
void handlers_reply_malformed(struct exchange *exchange, const struct err *err);

/* A write on its way into the store, for its callback; free() it there. */
struct handlers_pending {
    struct handlers *handlers; /* borrowed */
    struct exchange *exchange;
};

/** malloc'd; NULL without memory. */
struct handlers_pending *handlers_pending_new(struct handlers *handlers,
                                              struct exchange *exchange);

/* handlers_join.c */
handler_fn handle_agent_ca;
handler_fn handle_agent_enroll;
handler_fn handle_agent_runner_id;
handler_fn handle_agent_token;

/* handlers_runner.c */
handler_fn handle_agent_heartbeat;
handler_fn handle_agent_goodbye;
handler_fn handle_agent_leave;

/* handlers_tokens.c */
handler_fn handle_tokens_create;
handler_fn handle_tokens_list;
handler_fn handle_tokens_delete;

/* handlers_platform.c */
handler_fn handle_platform_get;

/* handlers_allocators.c */
handler_fn handle_allocators_list;
handler_fn handle_allocators_search;
handler_fn handle_allocator_get;

/* handlers_runners.c */
handler_fn handle_runners_list;
handler_fn handle_runners_search;
handler_fn handle_runner_get;
handler_fn handle_runner_delete;

/* handlers_artifacts.c */
#define INSTALLER_NAME "elastic-cloud-enterprise.sh"

handler_fn handle_artifact;
handler_fn handle_installer;

/* handlers_health.c */
handler_fn handle_healthz;
handler_fn handle_readyz;

#endif
