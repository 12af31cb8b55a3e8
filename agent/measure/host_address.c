/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The address of the interface with the default route. Owns the choice among several; guesses
 * nothing: where the choice would be arbitrary it is the operator's (--host-ip), because a host
 * that is known by the wrong address cannot be reached.
 */
#include "agent/measure/host_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

struct candidates {
    size_t count;
    const struct ifaddrs *first;
    const struct ifaddrs *second;
};

static void add(struct candidates *candidates, const struct ifaddrs *entry)
{
    if (candidates->count == 0) {
        candidates->first = entry;
    } else if (candidates->count == 1) {
        candidates->second = entry;
    }
    candidates->count++;
}

/* getifaddrs() gives an IPv4 address its label for a name: "eth0:1" is on eth0. */
static bool is_on(const char *name, const char *interface)
{
    size_t len = strlen(interface);
    return strncmp(name, interface, len) == 0 && (name[len] == '\0' || name[len] == ':');
}

/* The bytes of the address; returns how many, 0 if others could not reach us there. */
static size_t address_bytes(const struct sockaddr *from, uint8_t ret[static 16])
{
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
        bool is_loopback = ntohl(v4->sin_addr.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
        memcpy(ret, &v4->sin_addr, sizeof v4->sin_addr);
        return is_loopback ? 0 : sizeof v4->sin_addr;
    }
    if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;
        memcpy(ret, &v6->sin6_addr, sizeof v6->sin6_addr);
        return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) || IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)
                   ? 0
                   : sizeof v6->sin6_addr;
    }
    return 0;
}

/* The netmask as bytes; its family may be unset. */
static bool mask_bytes(const struct ifaddrs *entry, uint8_t ret[static 16])
{
    if (entry->ifa_netmask == NULL) {
        return false;
    }
    if (entry->ifa_addr->sa_family == AF_INET) {
        const void *at = entry->ifa_netmask;
        memcpy(ret, &((const struct sockaddr_in *)at)->sin_addr, sizeof(struct in_addr));
    } else {
        const void *at = entry->ifa_netmask;
        memcpy(ret, &((const struct sockaddr_in6 *)at)->sin6_addr, sizeof(struct in6_addr));
    }
    return true;
}

static bool is_beside_gateway(const struct ifaddrs *entry, const uint8_t *address, size_t len,
                              const struct default_route *route)
{
    static const uint8_t none[16] = {0};
    uint8_t mask[16];
    if (memcmp(route->gateway, none, len) == 0 || !mask_bytes(entry, mask)) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (((address[i] ^ route->gateway[i]) & mask[i]) != 0) {
            return false;
        }
    }
    return true;
}

static void format(const struct ifaddrs *entry, char ret[static REPORT_HOST_IP_BYTES])
{
    uint8_t address[16];
    (void)address_bytes(entry->ifa_addr, address);
    (void)inet_ntop(entry->ifa_addr->sa_family, address, ret, REPORT_HOST_IP_BYTES);
}

static int refuse_several(const struct default_route *route, const struct candidates *all,
                          struct err *err)
{
    char first[REPORT_HOST_IP_BYTES];
    char second[REPORT_HOST_IP_BYTES];
    format(all->first, first);
    format(all->second, second);
    return err_set(err, ERR_CONFIG,
                   "%s, which has the default route, has %zu addresses (%s, %s%s) and none is "
                   "the first one",
                   route->interface, all->count, first, second, all->count > 2 ? ", ..." : "");
}

int host_address_choose(const struct default_route *route, const struct ifaddrs *addresses,
                        char ret_ip[static REPORT_HOST_IP_BYTES], struct err *err)
{
    struct candidates all = {0};
    struct candidates near = {0};
    for (const struct ifaddrs *entry = addresses; entry != NULL; entry = entry->ifa_next) {
        uint8_t bytes[16];
        if (entry->ifa_addr == NULL || entry->ifa_addr->sa_family != route->family ||
            !is_on(entry->ifa_name, route->interface)) {
            continue;
        }
        size_t len = address_bytes(entry->ifa_addr, bytes);
        if (len == 0) {
            continue;
        }
        add(&all, entry);
        if (is_beside_gateway(entry, bytes, len, route)) {
            add(&near, entry);
        }
    }
    if (all.count == 0) {
        return err_set(err, ERR_ABSENT, "%s, which has the default route, has no %s address",
                       route->interface, route->family == AF_INET ? "IPv4" : "global IPv6");
    }
    if (near.count == 1 || (near.count > 1 && route->family == AF_INET)) {
        format(near.first, ret_ip);
        return 0;
    }
    if (all.count > 1) {
        return refuse_several(route, &all, err);
    }
    format(all.first, ret_ip);
    return 0;
}

static int find(const char *proc_root, int family, const struct ifaddrs *addresses,
                char ret_ip[static REPORT_HOST_IP_BYTES], struct err *err)
{
    struct default_route route;
    return default_route_find(proc_root, family, &route, err) < 0
               ? -1
               : host_address_choose(&route, addresses, ret_ip, err);
}

static void cleanup_addresses(struct ifaddrs **addresses)
{
    freeifaddrs(*addresses);
}

int host_address_find(const char *proc_root, char ret_ip[static REPORT_HOST_IP_BYTES],
                      struct err *err)
{
    static const char doing[] = "find the address of this host";
    CLEANUP(cleanup_addresses) struct ifaddrs *addresses = NULL;
    struct err v4 = {0};
    struct err v6 = {0};
    if (getifaddrs(&addresses) < 0) {
        addresses = NULL;
        return err_set_errno(err, errno, "%s (or give --host-ip): list the interfaces", doing);
    }
    if (find(proc_root, AF_INET, addresses, ret_ip, &v4) == 0) {
        return 0;
    }
    if (v4.code != ERR_ABSENT) {
        return err_set(err, v4.code, "%s: %.200s" HOST_ADDRESS_REMEDY, doing, v4.message);
    }
    if (find(proc_root, AF_INET6, addresses, ret_ip, &v6) == 0) {
        return 0;
    }
    if (v6.code != ERR_ABSENT) {
        return err_set(err, v6.code, "%s: %.200s" HOST_ADDRESS_REMEDY, doing, v6.message);
    }
    return err_set(err, ERR_ABSENT, "%s: %.200s, %.200s" HOST_ADDRESS_REMEDY, doing, v4.message,
                   v6.message);
}
