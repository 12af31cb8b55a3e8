/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the Authorization header to a principal or a refusal. Only passwords take time: then
 * the exchange is parked until the users answer. No secret of a header ever comes back in
 * a message.
 */
#include "coordinator/auth/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/codec/jwt_text.h"
#include "coordinator/auth/basic_credentials.h"

#define REALM "Basic realm=\"ECE\", charset=\"UTF-8\""

/* What a request waits with while its password is checked. */
struct waiting {
    struct exchange *exchange;
    enum access access;
    granted_fn *granted;
    void *userdata;
};

/* What follows the scheme in the Authorization header; NULL when it is not of this scheme. */
static const char *credentials(const struct exchange *exchange, const char *scheme)
{
    const char *header = exchange_header(exchange, "Authorization");
    size_t len = strlen(scheme);
    if (header == NULL || strncasecmp(header, scheme, len) != 0 || header[len] != ' ') {
        return NULL;
    }
    return header + len + strspn(header + len, " ");
}

static void grant(const struct waiting *waiting, const struct principal *principal)
{
    struct principal *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        exchange_reply_error(waiting->exchange, 503, "root.unavailable",
                             "the coordinator has no memory left: try again later");
        return;
    }
    *copy = *principal;
    exchange_set_principal(waiting->exchange, copy, free);
    waiting->granted(waiting->exchange, waiting->userdata);
}

/* --- users --- */

/* A script in a page asks, not a person's address bar: a challenge would open the browser's
 * own password dialogue. */
static bool is_script(const struct exchange *exchange)
{
    const char *mode = exchange_header(exchange, "Sec-Fetch-Mode");
    return (mode != NULL && strcmp(mode, "navigate") != 0) ||
           exchange_header(exchange, "X-Requested-With") != NULL ||
           exchange_header(exchange, "X-Management-Request") != NULL;
}

static void refuse_user(struct exchange *exchange, const char *why)
{
    if (!is_script(exchange)) {
        exchange_set_header(exchange, "WWW-Authenticate", REALM);
    }
    exchange_reply_error(exchange, 401, "root.unauthenticated", "%s", why);
}

static void set_retry_after(struct exchange *exchange, uint32_t seconds)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", (unsigned)seconds);
    exchange_set_header(exchange, "Retry-After", text);
}

static void admit_user(const struct waiting *waiting, const struct user *user)
{
    if (waiting->access == ACCESS_WRITE && user->role != USER_ROLE_ADMIN) {
        exchange_reply_error(waiting->exchange, 403, "root.unauthorized.rbac",
                             "the user %s may read everything and change nothing: use admin",
                             user->name);
        return;
    }
    const struct principal principal = {.kind = PRINCIPAL_USER, .user = *user};
    grant(waiting, &principal);
}

static void answer_user(const struct waiting *waiting, const struct users_answer *answer)
{
    struct exchange *exchange = waiting->exchange;
    switch (answer->verdict) {
    case USERS_PENDING:
        break; /* on_checked has the rest */
    case USERS_OK:
        admit_user(waiting, &answer->user);
        break;
    case USERS_WRONG:
        refuse_user(exchange, "the user name or the password is wrong");
        break;
    case USERS_LIMITED:
        set_retry_after(exchange, answer->retry_after_s);
        exchange_reply_error(exchange, 429, "root.too_many_attempts",
                             "too many wrong passwords from this address: try again in %u s",
                             (unsigned)answer->retry_after_s);
        break;
    case USERS_BUSY:
        set_retry_after(exchange, answer->retry_after_s);
        exchange_reply_error(exchange, 503, "root.busy",
                             "too many passwords are being checked: try again in %u s",
                             (unsigned)answer->retry_after_s);
        break;
    }
}

static void on_checked(const struct users_answer *answer, void *userdata)
{
    struct waiting *waiting = userdata;
    answer_user(waiting, answer);
    free(waiting);
}

static void check_password(struct auth *auth, const struct waiting *waiting,
                           const struct basic_credentials *basic)
{
    const struct users_attempt attempt = {
        .name = basic->name,
        .password = basic->password,
        .peer = exchange_peer(waiting->exchange),
    };
    struct users_answer answer = {.verdict = USERS_BUSY, .retry_after_s = 1};
    struct waiting *parked = malloc(sizeof(*parked));
    if (parked != NULL) {
        *parked = *waiting;
        if (users_check(auth->users, &attempt, on_checked, parked, &answer) == USERS_PENDING) {
            return; /* parked is on_checked's now */
        }
        free(parked);
    }
    answer_user(waiting, &answer);
}

/* A browser adds the password it remembers to what any page makes it send; it says so in
 * this header. */
static bool is_from_another_site(const struct exchange *exchange)
{
    const char *site = exchange_header(exchange, "Sec-Fetch-Site");
    return site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

static void check_user(struct auth *auth, const struct waiting *waiting)
{
    struct exchange *exchange = waiting->exchange;
    const char *base64 = credentials(exchange, "Basic");
    struct basic_credentials basic = {0};
    struct err err;
    if (waiting->access == ACCESS_WRITE && is_from_another_site(exchange)) {
        exchange_reply_error(exchange, 403, "root.unauthorized.cross_site",
                             "a page of another site may not change anything here");
    } else if (base64 == NULL) {
        refuse_user(exchange, "this needs a user name and a password (HTTP Basic "
                              "authentication, for example curl -u admin)");
    } else if (basic_credentials_decode(base64, &basic, &err) < 0) {
        refuse_user(exchange, err.message);
    } else {
        check_password(auth, waiting, &basic);
    }
    basic_credentials_fini(&basic);
}

/* --- hosts --- */

static const char *bearer(const struct exchange *exchange)
{
    const char *text = credentials(exchange, "Bearer");
    return text != NULL && strlen(text) <= JWT_TEXT_MAX ? text : NULL;
}

static int verify_access(const struct auth *auth, const char *text,
                         struct access_token_claims *ret, struct err *err)
{
    size_t len = strlen(text);
    int64_t now_s = clock_wall_s(auth->clock);
    if (access_token_cache_find(auth->access_cache, text, len, now_s, ret)) {
        return 0;
    }
    if (access_tokens_verify(&auth->access_tokens, text, len, now_s, ret, err) < 0) {
        return -1;
    }
    access_token_cache_add(auth->access_cache, text, len, ret);
    return 0;
}

static void check_runner(const struct auth *auth, const struct waiting *waiting)
{
    const char *text = bearer(waiting->exchange);
    struct principal principal = {.kind = PRINCIPAL_RUNNER};
    struct err err;
    if (text == NULL) {
        exchange_reply_error(
            waiting->exchange, 401, WIRE_E_ACCESS_TOKEN,
            "this needs an access token (Authorization: Bearer), as " WIRE_PATH_TOKEN
            " gives it");
    } else if (verify_access(auth, text, &principal.runner, &err) < 0) {
        exchange_reply_error(waiting->exchange, 401, WIRE_E_ACCESS_TOKEN, "%s", err.message);
    } else {
        grant(waiting, &principal);
    }
}

static const char *roles_token_code(enum roles_token_verdict verdict)
{
    switch (verdict) {
    case ROLES_TOKEN_EXPIRED:
        return WIRE_E_TOKEN_EXPIRED;
    case ROLES_TOKEN_REVOKED:
        return WIRE_E_TOKEN_REVOKED;
    case ROLES_TOKEN_OK:
    case ROLES_TOKEN_INVALID:
        break;
    }
    return WIRE_E_TOKEN_INVALID;
}

static void check_roles_token(const struct auth *auth, const struct waiting *waiting)
{
    const char *text = bearer(waiting->exchange);
    struct principal principal = {.kind = PRINCIPAL_ROLES_TOKEN};
    struct err err;
    if (text == NULL) {
        exchange_reply_error(
            waiting->exchange, 401, WIRE_E_TOKEN_INVALID,
            "this needs a roles token (Authorization: Bearer), the one that was "
            "given to the installer as --roles-token");
        return;
    }
    enum roles_token_verdict verdict = roles_tokens_verify(
        auth->roles_tokens, text, strlen(text), &principal.roles_token, &err);
    if (verdict == ROLES_TOKEN_OK) {
        grant(waiting, &principal);
    } else {
        exchange_reply_error(waiting->exchange, 401, roles_token_code(verdict), "%s",
                             err.message);
    }
}

void auth_check(struct auth *auth, struct exchange *exchange, enum access access,
                granted_fn *granted, void *userdata)
{
    const struct waiting waiting = {
        .exchange = exchange, .access = access, .granted = granted, .userdata = userdata};
    switch (access) {
    case ACCESS_PUBLIC:
        granted(exchange, userdata);
        break;
    case ACCESS_READ:
    case ACCESS_WRITE:
        check_user(auth, &waiting);
        break;
    case ACCESS_ROLES_TOKEN:
        check_roles_token(auth, &waiting);
        break;
    case ACCESS_RUNNER:
        check_runner(auth, &waiting);
        break;
    }
}
