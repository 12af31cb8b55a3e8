/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-agent check`: this host's address, its memory and its cgroups. Reads, writes nothing. */
#ifndef AGENT_CHECK_HOST_H
#define AGENT_CHECK_HOST_H

#include "agent/check/check_report.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"

#include <stdbool.h>
#include <stdint.h>

struct check_host_spec {
    const char *root;    /* "/" or a captured tree */
    const char *host_ip; /* as configured; NULL = to be found */
    bool needs_address;  /* the runner id comes from it */
    const char *instances_slice;
    const char *storage_path;
    uint32_t capacity_mb; /* 0 = measured */
    roles_t roles;
};

/** @ret_ip is "" when the address cannot be told. Blocks briefly. */
void check_host(struct check_report *report, const struct check_host_spec *spec,
                char ret_ip[static REPORT_HOST_IP_BYTES]);

#endif
