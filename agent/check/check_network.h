/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: everything that needs the network, on a loop of its own, within half a
 * minute.
 */
#ifndef AGENT_CHECK_NETWORK_H
#define AGENT_CHECK_NETWORK_H

#include "agent/check/check_report.h"
#include "agent/join/identity.h"
#include "common/base/endpoint.h"
#include "common/base/secret.h"

#include <stdbool.h>

struct check_network_spec {
    struct endpoint_list coordinators; /* may be empty */
    const char *proxy;                 /* URL; NULL = none */
    const struct identity *identity;   /* complete; NULL = this host has not joined */
    const char *pin;                   /* ca_sha256 of the roles token; "" = none */
    const char *ca_file_pem;           /* content of --coordinator-ca; NULL = none */
    const char *no_anchor; /* why nothing was given that could vouch; NULL = something was */
    const struct secret *token; /* NULL = none that can be sent */
    const char *no_token;       /* then: why */
    const char *runner_id;      /* NULL = not known, because there is no host ip */
    bool is_runner_id_given;    /* by the operator */
};

enum check_network_outcome {
    CHECK_NETWORK_OVER,
    CHECK_NETWORK_LEFTOVERS, /* a name lookup hangs on; exit() would wait for it: use _exit() */
};

/**
 * Checks all coordinators at once; their findings come in the order of the list. Blocks for at
 * most half a minute.
 */
enum check_network_outcome check_network(struct check_report *report,
                                         const struct check_network_spec *spec);

#endif
