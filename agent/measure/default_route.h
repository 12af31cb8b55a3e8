/* SPDX-License-Identifier: Apache-2.0 */
/* The default route, out of the kernel's tables in /proc/net. */
#ifndef AGENT_DEFAULT_ROUTE_H
#define AGENT_DEFAULT_ROUTE_H

#include "common/base/err.h"

#include <net/if.h>
#include <stdint.h>

struct default_route {
    int family; /* AF_INET or AF_INET6 */
    uint32_t metric;
    uint8_t gateway[16]; /* network byte order; all zero = none */
    char interface[IF_NAMESIZE];
};

/**
 * The one of lowest metric in net/route (AF_INET) or net/ipv6_route (AF_INET6) below
 * @proc_root; lines that make no sense are passed over. ERR_ABSENT: there is none. ERR_CONFIG:
 * several of the same metric over different interfaces, which are named.
 */
int default_route_find(const char *proc_root, int family, struct default_route *ret,
                       struct err *err) MUST_CHECK;

#endif
