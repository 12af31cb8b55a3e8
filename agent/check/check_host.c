/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This host as its reports will describe it, measured by the same functions that the agent
 * uses.
 */
#include "agent/check/check_host.h"

#include "agent/measure/capacity.h"
#include "agent/measure/cgroup_tree.h"
#include "agent/measure/host_address.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum { PROC_PATH_BYTES = 4096 };

/*
 * Whether an interface of this host has @ip. An address that cannot be told counts as ours:
 * there is nothing to warn of then.
 */
static bool is_of_this_host(const char *ip)
{
    struct ifaddrs *addresses = NULL;
    bool is_found = false;
    if (getifaddrs(&addresses) < 0) {
        return true;
    }
    for (const struct ifaddrs *at = addresses; at != NULL && !is_found; at = at->ifa_next) {
        char text[NI_MAXHOST];
        bool is_v4 = at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET;
        bool is_v6 = at->ifa_addr != NULL && at->ifa_addr->sa_family == AF_INET6;
        socklen_t len = is_v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
        is_found =
            (is_v4 || is_v6) &&
            getnameinfo(at->ifa_addr, len, text, sizeof text, NULL, 0, NI_NUMERICHOST) == 0 &&
            strcmp(text, ip) == 0;
    }
    freeifaddrs(addresses);
    return is_found;
}

static void check_address(struct check_report *report, const struct check_host_spec *spec,
                          char ret_ip[static REPORT_HOST_IP_BYTES])
{
    static const char next[] =
        "give --host-ip with the address by which others reach this host";
    char proc[PROC_PATH_BYTES];
    char fact[CHECK_FACT_BYTES];
    struct err err = {0};
    if (spec->host_ip != NULL) {
        (void)snprintf(ret_ip, REPORT_HOST_IP_BYTES, "%s", spec->host_ip);
        if (is_of_this_host(ret_ip)) {
            check_ok(report, CHECK_HOST_ADDRESS, "%s, as configured", ret_ip);
        } else {
            check_warning(report, CHECK_HOST_ADDRESS,
                          "see that --host-ip is right; behind address translation it may be",
                          "%s, as configured, is on no interface of this host", ret_ip);
        }
        return;
    }
    ret_ip[0] = '\0';
    (void)snprintf(proc, sizeof proc, "%s/proc",
                   strcmp(spec->root, "/") == 0 ? "" : spec->root);
    if (host_address_find(proc, ret_ip, &err) == 0) {
        check_ok(report, CHECK_HOST_ADDRESS, "%s, of the interface with the default route",
                 ret_ip);
        return;
    }
    check_fact(err.message, HOST_ADDRESS_REMEDY, fact);
    if (spec->needs_address) {
        check_failure(report, CHECK_HOST_ADDRESS, next, "%s", fact);
    } else {
        check_warning(report, CHECK_HOST_ADDRESS, next, "%s", fact);
    }
}

static void check_memory(struct check_report *report, const struct check_host_spec *spec)
{
    struct err err = {0};
    struct report measured = {0};
    struct capacity_options options = {
        .root = spec->root,
        .instances_slice = spec->instances_slice,
        .storage_path = spec->storage_path,
        .flag_mb = spec->capacity_mb,
        .roles = spec->roles,
    };
    if (capacity_measure(&options, &measured, &err) < 0) {
        char fact[CHECK_FACT_BYTES];
        check_fact(err.message, CAPACITY_REMEDY, fact);
        check_failure(report, CHECK_MEMORY_TOTAL, "give --capacity MB", "%s", fact);
    } else if (measured.memory_used_mb > measured.memory_total_mb) {
        check_warning(report, CHECK_MEMORY_TOTAL,
                      "stop instances, lower their limits, or give a larger --capacity",
                      "%u MB offered (%s), but instances have %u MB", measured.memory_total_mb,
                      measured.memory_source, measured.memory_used_mb);
    } else {
        check_ok(report, CHECK_MEMORY_TOTAL, "%u MB offered (%s), instances have %u MB of it",
                 measured.memory_total_mb, measured.memory_source, measured.memory_used_mb);
    }
    report_fini(&measured);
}

static void check_cgroups(struct check_report *report, const struct check_host_spec *spec)
{
    auto_fd int root_fd = open(spec->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        check_failure(report, CHECK_CGROUP_HIERARCHY, "run the check as root",
                      "%s cannot be opened: %s", spec->root, strerror(errno));
        check_skipped(report, CHECK_CGROUP_INSTANCES, CHECK_CGROUP_HIERARCHY " failed");
        return;
    }
    CLEANUP(cgroup_tree_close) struct cgroup_tree tree;
    cgroup_tree_open(&tree, root_fd, spec->instances_slice);
    if (tree.mount.fd < 0) {
        check_warning(report, CHECK_CGROUP_HIERARCHY,
                      "mount cgroup2 at /sys/fs/cgroup with the memory controller (systemd "
                      "does), and make it visible in this container",
                      "no cgroup hierarchy with the memory controller: instances and memory "
                      "limits cannot be seen");
        check_skipped(report, CHECK_CGROUP_INSTANCES, "%s: no memory controller",
                      CHECK_CGROUP_HIERARCHY);
        return;
    }
    check_ok(report, CHECK_CGROUP_HIERARCHY, "cgroup v%d with the memory controller",
             tree.mount.is_v2 ? 2 : 1);
    if (tree.has_instances) {
        size_t count = cgroup_tree_count(&tree);
        check_ok(report, CHECK_CGROUP_INSTANCES, "%zu instance%s in %s (/%s)", count,
                 count == 1 ? "" : "s", spec->instances_slice, tree.instances);
    } else {
        check_ok(report, CHECK_CGROUP_INSTANCES,
                 "no %s yet: the first instance that is started in it makes it",
                 spec->instances_slice);
    }
}

void check_host(struct check_report *report, const struct check_host_spec *spec,
                char ret_ip[static REPORT_HOST_IP_BYTES])
{
    check_address(report, spec, ret_ip);
    check_memory(report, spec);
    check_cgroups(report, spec);
}
