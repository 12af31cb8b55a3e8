/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles token's form, expiry and roles, by the same functions that the agent asks before it
 * sends a byte. A host that has joined needs no token [AC-6]: what is left of one is then not
 * looked at.
 */
#include "agent/check/check_token.h"

#include "common/base/clock.h"

#include <stdio.h>
#include <string.h>

enum { SECONDS_PER_MINUTE = 60 };

static void skip_details(struct check_report *report, const char *reason)
{
    check_skipped(report, CHECK_TOKEN_EXPIRY, "%s", reason);
    check_skipped(report, CHECK_TOKEN_ROLES, "%s", reason);
}

static const char *form_way_out(const struct err *err)
{
    if (err->code == ERR_ABSENT) {
        return "write the token into that file, or name the file that holds it";
    }
    if (err->code == ERR_PERMISSION) {
        return "run the check as a user who can read it (root)";
    }
    return "give the token whole, as the coordinator printed it, or make a new one there";
}

/* False when there is no token of a good form. */
static bool check_form(struct check_report *report, const struct check_token_spec *spec,
                       struct check_token *ret)
{
    struct err err = {0};
    enum roles_token_found found = ROLES_TOKEN_ABSENT;
    const char *origin = "";
    if (roles_token_read(spec->source, &found, &ret->token, &origin, &err) < 0) {
        check_failure(report, CHECK_TOKEN_FORM, form_way_out(&err), "%s", err.message);
        ret->problem = CHECK_TOKEN_FORM " failed";
        return false;
    }
    if (found == ROLES_TOKEN_ABSENT) {
        ret->problem = "no roles token";
    }
    if (found == ROLES_TOKEN_ABSENT && spec->may_have_joined) {
        check_skipped(report, CHECK_TOKEN_FORM,
                      "no roles token; without %s it cannot be told whether one is needed",
                      CHECK_STATE_IDENTITY);
        return false;
    }
    if (found == ROLES_TOKEN_ABSENT) {
        check_warning(report, CHECK_TOKEN_FORM,
                      "put one into a file and give --roles-token @FILE, the systemd "
                      "credential roles-token, or roles_token_file in the configuration",
                      "no roles token: this host cannot join without one");
        return false;
    }
    check_ok(report, CHECK_TOKEN_FORM, "token %s from %s is well formed, %s",
             ret->token.hints.id, origin,
             ret->token.hints.ca_sha256[0] != '\0'
                 ? "and names the installation to trust"
                 : "but does not name the installation to trust (no ca_sha256)");
    return true;
}

static void check_expiry(struct check_report *report, const struct check_token_spec *spec,
                         struct check_token *ret)
{
    const struct roles_token_hints *hints = &ret->token.hints;
    static const char next[] =
        "make a new token on the coordinator, or set this host's clock if it is wrong";
    char warning[256];
    char when[25];
    struct err err = {0};
    clock_format_utc(hints->expires_at_s * 1000, when);
    if (roles_token_permits(hints, ROLES_NONE, spec->now_s, warning, sizeof warning, &err) <
        0) {
        check_failure(report, CHECK_TOKEN_EXPIRY, next,
                      "the token expired at %s by this host's clock", when);
        ret->problem = CHECK_TOKEN_EXPIRY " failed";
    } else if (warning[0] != '\0') {
        check_warning(report, CHECK_TOKEN_EXPIRY, next, "%s", warning);
    } else if (!hints->has_expiry) {
        check_ok(report, CHECK_TOKEN_EXPIRY, "valid until it is revoked on the coordinator");
    } else {
        check_ok(report, CHECK_TOKEN_EXPIRY,
                 "valid until %s, %lld min left by this host's clock", when,
                 (long long)((hints->expires_at_s - spec->now_s) / SECONDS_PER_MINUTE));
    }
}

static void check_roles(struct check_report *report, const struct check_token_spec *spec,
                        const struct roles_token_hints *hints)
{
    struct roles_token_hints lasting = *hints;
    char warning[256];
    char permitted[ROLES_TEXT_BYTES];
    char wanted[ROLES_TEXT_BYTES];
    struct err err = {0};
    lasting.has_expiry = false; /* token.expiry speaks of that */
    roles_format(hints->roles, permitted);
    roles_format(spec->wanted, wanted);
    if (roles_token_permits(&lasting, spec->wanted, spec->now_s, warning, sizeof warning,
                            &err) < 0) {
        check_failure(report, CHECK_TOKEN_ROLES,
                      "ask for fewer --roles, or make a token that permits these",
                      "asked for: %s; the token permits only: %s", wanted,
                      permitted[0] != '\0' ? permitted : "none");
    } else {
        check_ok(report, CHECK_TOKEN_ROLES, "asked for: %s; the token permits: %s",
                 wanted[0] != '\0' ? wanted : "none",
                 permitted[0] != '\0' ? permitted : "none");
    }
}

void check_token(struct check_report *report, const struct check_token_spec *spec,
                 struct check_token *ret)
{
    *ret = (struct check_token){0};
    if (spec->joined_as != NULL) {
        check_ok(report, CHECK_TOKEN_FORM, "none needed: this host has joined as %s",
                 spec->joined_as);
        ret->problem = "this host has joined and needs no token";
        skip_details(report, ret->problem);
        return;
    }
    if (!check_form(report, spec, ret)) {
        skip_details(report, ret->problem);
        return;
    }
    check_expiry(report, spec, ret);
    check_roles(report, spec, &ret->token.hints);
}

void check_token_fini(struct check_token *token)
{
    roles_token_fini(&token->token);
    *token = (struct check_token){0};
}
