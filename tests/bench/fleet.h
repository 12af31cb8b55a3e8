/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of runners that are only keys, tokens and numbers: enrolling them, and their
 * beats. Sends nothing itself. */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include "common/base/err.h"
#include "common/wire/messages.h"
#include "tests/bench/line.h"

enum { FLEET_TOKEN_BYTES = 4096 };

struct fleet_runner {
    char id[WIRE_RUNNER_ID_BYTES];
    char access_token[FLEET_TOKEN_BYTES];
    char session[WIRE_SESSION_BYTES];
    uint64_t seq;
    uint64_t steering;
};

struct fleet_site {
    struct line_peer peer;
    char installation_id[X509_INSTALLATION_ID_BYTES];
    const char *roles_token;
};

/** The HTTP request that enrols @id as an allocator with a key of its own. */
int fleet_enroll_request(const struct fleet_site *site, const char *id, struct buf *request,
                         struct err *err) MUST_CHECK;

/** The runner that the reply in @line registered. */
int fleet_enrolled(const struct line *line, struct fleet_runner *ret,
                   struct err *err) MUST_CHECK;

/** The next beat: the first of a session is a full one. */
int fleet_beat_request(struct fleet_runner *runner, const struct line_peer *peer,
                       struct buf *request, struct err *err) MUST_CHECK;

/** Take the steering's revision from the reply of the coordinator in @line. */
int fleet_follow(struct fleet_runner *runner, const struct line *line,
                 struct err *err) MUST_CHECK;

#endif
