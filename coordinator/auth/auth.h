/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is asking: from the Authorization header of a request to a principal, or to the
 * refusal. The router asks it before each handler. It knows users, roles tokens and access
 * tokens; whether a runner still exists is the registry's question.
 */
#ifndef COORDINATOR_AUTH_H
#define COORDINATOR_AUTH_H

#include "common/base/clock.h"
#include "coordinator/auth/access_token_cache.h"
#include "coordinator/auth/access_tokens.h"
#include "coordinator/auth/roles_tokens.h"
#include "coordinator/auth/users.h"
#include "coordinator/http/router.h"

enum principal_kind {
    PRINCIPAL_USER,        /* ACCESS_READ, ACCESS_WRITE */
    PRINCIPAL_RUNNER,      /* ACCESS_RUNNER */
    PRINCIPAL_ROLES_TOKEN, /* ACCESS_ROLES_TOKEN */
};

/* exchange_principal() of every granted exchange whose access is not ACCESS_PUBLIC. */
struct principal {
    enum principal_kind kind;

    union {
        struct user user;
        struct access_token_claims runner;
        struct roles_token_grant roles_token;
    };
};

struct auth { /* all borrowed */
    struct users *users;
    struct roles_tokens *roles_tokens;
    struct access_tokens access_tokens;
    struct access_token_cache *access_cache; /* NULL = verify each time */
    const struct clock *clock;
};

/**
 * The work of an authenticate_fn: ends in @granted or in a reply. User: 401
 * root.unauthenticated, 403 root.unauthorized.rbac, 429 and 503 with Retry-After. Runner:
 * 401 agent.access_token_invalid. Roles token: 401 with the codes of [TK-3]. A 401 for a
 * user challenges with Basic, except when a script in a browser asks (its Sec-Fetch-Mode is
 * not "navigate", or it sends X-Requested-With or X-Management-Request): a browser would
 * open its own password dialogue over the page's. A write that a browser sends for another
 * site's page (Sec-Fetch-Site) is refused: 403 root.unauthorized.cross_site.
 */
void auth_check(struct auth *auth, struct exchange *exchange, enum access access,
                granted_fn *granted, void *userdata);

#endif
