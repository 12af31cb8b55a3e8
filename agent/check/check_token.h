/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: what this host alone can say of the roles token (docs/protocol.md, TK-1
 * and TK-2).
 */
#ifndef AGENT_CHECK_TOKEN_H
#define AGENT_CHECK_TOKEN_H

#include "agent/check/check_report.h"
#include "agent/join/roles_token.h"

struct check_token_spec {
    const struct roles_token_source *source;
    roles_t wanted;
    const char *joined_as; /* runner id; NULL = this host has not joined */
    bool may_have_joined;  /* whether it has cannot be told */
    int64_t now_s;
};

struct check_token {
    struct roles_token token; /* zeros when there is none of a good form */
    const char *problem;      /* static; why the token cannot be sent; NULL = it can */
};

/** Blocks briefly. @ret is to be released in any case. */
void check_token(struct check_report *report, const struct check_token_spec *spec,
                 struct check_token *ret);
void check_token_fini(struct check_token *token);

#endif
