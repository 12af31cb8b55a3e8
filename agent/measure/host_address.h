/* SPDX-License-Identifier: Apache-2.0 */
/* The address of this host that others reach: that of the interface with the default route. */
#ifndef AGENT_HOST_ADDRESS_H
#define AGENT_HOST_ADDRESS_H

#include "agent/measure/default_route.h"
#include "common/base/err.h"
#include "common/wire/report.h"

#include <ifaddrs.h>

/* What the messages of host_address_find() end with. */
#define HOST_ADDRESS_REMEDY ": give --host-ip"

/**
 * IPv4 of the default route's interface, else IPv6 (global). @proc_root is "/proc" (for tests:
 * a captured tree that holds net/route and net/ipv6_route). Several default routes of equal
 * metric over different interfaces, or several addresses on it without one being first:
 * ERR_CONFIG that names them and asks for --host-ip. No default route at all: ERR_ABSENT,
 * likewise. Blocks briefly.
 */
int host_address_find(const char *proc_root, char ret_ip[static REPORT_HOST_IP_BYTES],
                      struct err *err) MUST_CHECK;

/**
 * The same for a route and a list of addresses as getifaddrs() gives it. The first one is, for
 * IPv4, the first in the gateway's subnet (as the kernel chooses); the order of IPv6 addresses
 * means nothing.
 */
int host_address_choose(const struct default_route *route, const struct ifaddrs *addresses,
                        char ret_ip[static REPORT_HOST_IP_BYTES], struct err *err) MUST_CHECK;

#endif
