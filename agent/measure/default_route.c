/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default route. Owns the two formats of /proc/net; knows nothing of addresses. Only the
 * main table is seen there, which is where a host's way out stands.
 */
#include "agent/measure/default_route.h"

#include "agent/measure/proc_file.h"

#include <errno.h>
#include <fcntl.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    V4_FIELDS = 8,  /* Iface Destination Gateway Flags RefCnt Use Metric Mask */
    V6_FIELDS = 10, /* destination prefix source prefix gateway metric refcnt use flags iface */
    V6_BYTES = 16,
};

/* Up to @max fields between blanks; returns how many there are, at most @max. */
static size_t split(char *line, char **ret_fields, size_t max)
{
    size_t count = 0;
    for (char *field; count < max && (field = strsep(&line, " \t")) != NULL;) {
        if (field[0] != '\0') {
            ret_fields[count++] = field;
        }
    }
    return count;
}

static bool parse_number(const char *text, int base, int64_t *ret)
{
    char *end = NULL;
    errno = 0;
    long long value = strtoll(text, &end, base);
    if (errno != 0 || end == text || *end != '\0' || value < INT32_MIN || value > UINT32_MAX) {
        return false;
    }
    *ret = value;
    return true;
}

static bool parse_v6(const char *text, uint8_t ret[static V6_BYTES])
{
    if (strlen(text) != (size_t)V6_BYTES * 2 ||
        strspn(text, "0123456789abcdefABCDEF") != (size_t)V6_BYTES * 2) {
        return false;
    }
    for (size_t i = 0; i < V6_BYTES; i++) {
        const char byte[] = {text[i * 2], text[i * 2 + 1], '\0'};
        ret[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    return true;
}

static bool take_interface(const char *name, struct default_route *ret)
{
    size_t len = strlen(name);
    if (len >= sizeof ret->interface) {
        return false;
    }
    memcpy(ret->interface, name, len + 1);
    return true;
}

static bool is_usable(int64_t flags)
{
    return (flags & RTF_UP) != 0 && (flags & RTF_REJECT) == 0;
}

/* "eth0 00000000 010200C0 0003 0 0 100 00000000 ...": addresses as they stand in memory. */
static bool parse_route_v4(char *line, struct default_route *ret)
{
    char *fields[V4_FIELDS];
    int64_t destination = 0;
    int64_t gateway = 0;
    int64_t flags = 0;
    int64_t metric = 0;
    int64_t mask = 0;
    if (split(line, fields, V4_FIELDS) < V4_FIELDS ||
        !parse_number(fields[1], 16, &destination) || !parse_number(fields[2], 16, &gateway) ||
        !parse_number(fields[3], 16, &flags) || !parse_number(fields[6], 10, &metric) ||
        !parse_number(fields[7], 16, &mask) || destination != 0 || mask != 0 ||
        !is_usable(flags)) {
        return false;
    }
    uint32_t bytes = (uint32_t)gateway;
    *ret = (struct default_route){.family = AF_INET};
    memcpy(ret->gateway, &bytes, sizeof bytes);
    ret->metric = (uint32_t)metric; /* the kernel prints it signed */
    return take_interface(fields[0], ret);
}

/* "00..00 00 00..00 00 fe80..01 00000400 00000002 00000000 00000003 eth0" */
static bool parse_route_v6(char *line, struct default_route *ret)
{
    static const uint8_t any[V6_BYTES] = {0};
    char *fields[V6_FIELDS];
    uint8_t destination[V6_BYTES];
    uint8_t gateway[V6_BYTES];
    int64_t bits = 0;
    int64_t source_bits = 0;
    int64_t metric = 0;
    int64_t flags = 0;
    if (split(line, fields, V6_FIELDS) < V6_FIELDS || !parse_v6(fields[0], destination) ||
        !parse_number(fields[1], 16, &bits) || !parse_number(fields[3], 16, &source_bits) ||
        !parse_v6(fields[4], gateway) || !parse_number(fields[5], 16, &metric) ||
        !parse_number(fields[8], 16, &flags)) {
        return false;
    }
    if (memcmp(destination, any, sizeof any) != 0 || bits != 0 || source_bits != 0 ||
        !is_usable(flags)) {
        return false;
    }
    *ret = (struct default_route){.family = AF_INET6, .metric = (uint32_t)metric};
    memcpy(ret->gateway, gateway, sizeof gateway);
    return take_interface(fields[9], ret);
}

struct search {
    bool is_found;
    struct default_route best;
    char rival[IF_NAMESIZE]; /* as good, over another interface */
};

static void consider(struct search *search, const struct default_route *route)
{
    if (!search->is_found || route->metric < search->best.metric) {
        search->is_found = true;
        search->best = *route;
        search->rival[0] = '\0';
    } else if (route->metric == search->best.metric && search->rival[0] == '\0' &&
               strcmp(route->interface, search->best.interface) != 0) {
        memcpy(search->rival, route->interface, sizeof search->rival);
    }
}

/* /proc/net leads to /proc/self/net, which a sandbox (ProcSubset=pid) leaves when it hides the
 * former. */
static void open_table(const char *proc_root, const char *file, struct proc_lines *ret)
{
    char path[32];
    auto_fd int dir_fd = open(proc_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "net/%s", file);
    if (!proc_lines_open(ret, dir_fd, path)) {
        (void)snprintf(path, sizeof path, "self/net/%s", file);
        (void)proc_lines_open(ret, dir_fd, path); /* if not: it has no lines */
    }
}

int default_route_find(const char *proc_root, int family, struct default_route *ret,
                       struct err *err)
{
    CLEANUP(proc_lines_close) struct proc_lines lines;
    const char *file = family == AF_INET ? "route" : "ipv6_route";
    struct search search = {.is_found = false};
    open_table(proc_root, file, &lines);
    for (char *line; (line = proc_lines_next(&lines)) != NULL;) {
        struct default_route route;
        if (family == AF_INET ? parse_route_v4(line, &route) : parse_route_v6(line, &route)) {
            consider(&search, &route);
        }
    }
    if (!search.is_found) {
        return err_set(err, ERR_ABSENT, "%s/net/%s has no default route", proc_root, file);
    }
    if (search.rival[0] != '\0') {
        return err_set(
            err, ERR_CONFIG,
            "%s/net/%s has default routes over both %s and %s with the same metric %u",
            proc_root, file, search.best.interface, search.rival, search.best.metric);
    }
    *ret = search.best;
    return 0;
}
