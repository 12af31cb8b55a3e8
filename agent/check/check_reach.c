/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One endpoint: its name here, its addresses by check_connect.h. The object frees itself when
 * it has said what it found and its lookup has returned, however late.
 */
#include "agent/check/check_reach.h"

#include "agent/check/check_connect.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

enum {
    DEADLINE_MS = 5 * 1000,
    NS_PER_MS = 1000 * 1000,
    PORT_BYTES = 8,
    ADDRESS_BYTES = 48, /* and ", " */
};

struct check_reach {
    struct check_reach_spec spec;
    check_reach_done_fn *done;
    void *userdata;
    uv_timer_t deadline;
    uv_getaddrinfo_t lookup;
    bool has_lookup; /* under way */
    bool is_over;    /* @done is about to be called, or was */
    bool is_closed;  /* the timer */
    bool is_reached;
    uint64_t started_ns;
    struct check_connect_spec connect;
    bool has_more_addresses; /* than are tried */
};

static void free_when_over(struct check_reach *reach)
{
    if (reach->is_closed && !reach->has_lookup) {
        free(reach);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct check_reach *reach = handle->data;
    reach->is_closed = true;
    reach->done(reach->is_reached, reach->userdata);
    free_when_over(reach);
}

static void finish(struct check_reach *reach, bool is_reached)
{
    reach->is_over = true;
    reach->is_reached = is_reached;
    uv_close((uv_handle_t *)&reach->deadline, on_closed);
}

static void on_connected(bool is_reached, void *userdata)
{
    finish(userdata, is_reached);
}

static void connect_to_all(struct check_reach *reach)
{
    struct err err = {0};
    (void)uv_timer_stop(&reach->deadline);
    if (check_connect_start(&reach->connect, on_connected, reach, &err) < 0) {
        check_failure(reach->spec.report, reach->spec.tcp_code, "run the check again", "%s",
                      err.message);
        finish(reach, false);
    }
}

static void add_address(struct check_reach *reach, const struct sockaddr *address)
{
    struct check_connect_spec *connect = &reach->connect;
    size_t size = address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                : sizeof(struct sockaddr_in6);
    if (address->sa_family != AF_INET && address->sa_family != AF_INET6) {
        return;
    }
    for (size_t i = 0; i < connect->count; i++) {
        if (memcmp(&connect->addresses[i], address, size) == 0) {
            return;
        }
    }
    if (connect->count == CHECK_CONNECT_MAX) {
        reach->has_more_addresses = true;
        return;
    }
    memcpy(&connect->addresses[connect->count++], address, size);
}

static void report_addresses(struct check_reach *reach)
{
    char list[CHECK_CONNECT_MAX * ADDRESS_BYTES] = "";
    uint64_t ms = (uv_hrtime() - reach->started_ns) / NS_PER_MS;
    for (size_t i = 0; i < reach->connect.count; i++) {
        const void *address = &reach->connect.addresses[i];
        size_t len = strlen(list);
        char text[ADDRESS_BYTES] = "";
        (void)uv_ip_name(address, text, sizeof text);
        (void)snprintf(list + len, sizeof list - len, "%s%s", i > 0 ? ", " : "", text);
    }
    check_ok(reach->spec.report, reach->spec.resolve_code, "%s is %s%s (%llu ms)",
             reach->spec.endpoint.host, list,
             reach->has_more_addresses ? " and more that are not tried" : "",
             (unsigned long long)ms);
}

static void fail_name(struct check_reach *reach, const char *why)
{
    check_failure(reach->spec.report, reach->spec.resolve_code,
                  "check the spelling, /etc/resolv.conf and /etc/hosts, or give an address "
                  "instead of the name",
                  "%s: %s", reach->spec.endpoint.host, why);
    check_skipped(reach->spec.report, reach->spec.tcp_code, "%s: %s failed",
                  reach->spec.endpoint.host, reach->spec.resolve_code);
    finish(reach, false);
}

static void on_deadline(uv_timer_t *timer)
{
    struct check_reach *reach = timer->data;
    (void)uv_cancel((uv_req_t *)&reach->lookup); /* works only if it has not begun */
    fail_name(reach, "no answer from the name servers in time");
}

static void on_resolved(uv_getaddrinfo_t *lookup, int status, struct addrinfo *found)
{
    struct check_reach *reach = lookup->data;
    reach->has_lookup = false;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        add_address(reach, at->ai_addr);
    }
    uv_freeaddrinfo(found);
    if (reach->is_over) {
        free_when_over(reach);
    } else if (status < 0) {
        char why[128];
        fail_name(reach, uv_strerror_r(status, why, sizeof why));
    } else if (reach->connect.count == 0) {
        fail_name(reach, "it has no usable address");
    } else {
        report_addresses(reach);
        connect_to_all(reach);
    }
}

static void look_up(struct check_reach *reach)
{
    /* As libcurl asks: also for addresses of a family that this host has no route to. */
    static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct endpoint *endpoint = &reach->spec.endpoint;
    char port[PORT_BYTES];
    (void)snprintf(port, sizeof port, "%u", endpoint->port);
    (void)uv_timer_start(&reach->deadline, on_deadline, DEADLINE_MS, 0);
    int status = uv_getaddrinfo(reach->spec.loop, &reach->lookup, on_resolved, endpoint->host,
                                port, &hints);
    reach->has_lookup = status == 0;
    if (status < 0) {
        fail_name(reach, uv_strerror(status));
    }
}

static bool is_literal(struct check_reach *reach)
{
    const struct endpoint *endpoint = &reach->spec.endpoint;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (uv_ip4_addr(endpoint->host, endpoint->port, &v4) == 0) {
        add_address(reach, (const struct sockaddr *)&v4);
    } else if (uv_ip6_addr(endpoint->host, endpoint->port, &v6) == 0) {
        add_address(reach, (const struct sockaddr *)&v6);
    }
    return reach->connect.count > 0;
}

int check_reach_start(const struct check_reach_spec *spec, check_reach_done_fn *done,
                      void *userdata, struct err *err)
{
    struct check_reach *reach = calloc(1, sizeof *reach);
    if (reach == NULL) {
        return err_no_memory(err);
    }
    reach->spec = *spec;
    reach->done = done;
    reach->userdata = userdata;
    reach->lookup.data = reach;
    reach->started_ns = uv_hrtime();
    reach->connect = (struct check_connect_spec){.loop = spec->loop,
                                                 .name = reach->spec.endpoint.host,
                                                 .code = spec->tcp_code,
                                                 .report = spec->report};
    uv_update_time(spec->loop);
    (void)uv_timer_init(spec->loop, &reach->deadline);
    reach->deadline.data = reach;
    if (is_literal(reach)) {
        check_ok(spec->report, spec->resolve_code, "%s is an address", spec->endpoint.host);
        connect_to_all(reach);
    } else {
        look_up(reach);
    }
    return 0;
}
