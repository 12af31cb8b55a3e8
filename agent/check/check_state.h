/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: the state directory, what is in it, and whether an agent runs on it. Makes
 * nothing and changes nothing.
 */
#ifndef AGENT_CHECK_STATE_H
#define AGENT_CHECK_STATE_H

#include "agent/check/check_report.h"
#include "agent/join/identity.h"

struct check_state {
    struct identity identity; /* zeros when there is none or it cannot be read */
    bool is_known;            /* whether this host has joined can be told */
    char *existing_dir;       /* owned; the state directory or the nearest parent there is; NULL
                                 when that cannot be told */
};

/** Blocks briefly. @ret is to be released in any case. */
void check_state(struct check_report *report, const char *state_dir, struct check_state *ret);
void check_state_fini(struct check_state *state);

#endif
