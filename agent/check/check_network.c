/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three phases on one loop: the proxy if there is one, all coordinators at once, then one
 * question to the first coordinator that proved itself. One timer bounds the second and third;
 * the first has deadlines of its own.
 */
#include "agent/check/check_network.h"

#include "agent/check/check_coordinator.h"
#include "agent/check/check_reach.h"
#include "agent/check/check_runner.h"
#include "common/base/clock.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
    COORDINATORS_MS = 20 * 1000,
    RUNNER_MS = 8 * 1000,
    PROXY_PORT = 1080, /* as libcurl has it */
    PROXY_TLS_PORT = 443,
};

#define THREADS "32" /* 2 * ENDPOINT_LIST_MAX */

struct check_network {
    const struct check_network_spec *spec;
    struct check_report *report;
    uv_loop_t *loop; /* owned; leaked when a lookup is stuck on it */
    uv_timer_t deadline;
    struct http_client *http;
    struct check_coordinator_spec shared;
    size_t n_pending;
    struct check_coordinator coordinators[ENDPOINT_LIST_MAX];
    struct check_runner runner;
    bool is_over;
};

static void on_over(void *userdata)
{
    struct check_network *network = userdata;
    network->is_over = true;
}

/* ---- the runner ---- */

static void skip_runner(struct check_network *network, const char *reason)
{
    check_skipped(network->report, CHECK_TOKEN_ACCEPTED, "%s", reason);
    check_skipped(network->report, CHECK_RUNNER_ID, "%s", reason);
    network->is_over = true;
}

static struct uplink *first_verified(struct check_network *network)
{
    for (size_t i = 0; i < network->spec->coordinators.count; i++) {
        if (network->coordinators[i].is_verified) {
            return network->coordinators[i].uplink;
        }
    }
    return NULL;
}

static void on_deadline(uv_timer_t *timer);

static void arm_deadline(struct check_network *network, uint64_t ms)
{
    uv_update_time(network->loop);
    (void)uv_timer_start(&network->deadline, on_deadline, ms, 0);
}

static void begin_runner(struct check_network *network)
{
    const struct check_network_spec *spec = network->spec;
    struct check_runner_spec runner = {
        .uplink = first_verified(network),
        .identity = spec->identity,
        .runner_id = spec->runner_id,
        .is_runner_id_given = spec->is_runner_id_given,
        .token = spec->token,
        .report = network->report,
    };
    for (size_t i = 0; i < spec->coordinators.count; i++) {
        check_report_append(network->report, &network->coordinators[i].report);
    }
    if (runner.uplink == NULL) {
        skip_runner(network, "no coordinator proved itself");
    } else if (spec->identity == NULL && spec->token == NULL) {
        skip_runner(network, spec->no_token);
    } else if (spec->identity == NULL && spec->runner_id == NULL) {
        skip_runner(network, "there is no runner id: " CHECK_HOST_ADDRESS " failed");
    } else {
        arm_deadline(network, RUNNER_MS);
        check_runner_start(&network->runner, &runner, on_over, network);
    }
}

/* ---- the coordinators ---- */

static void on_coordinator_done(void *userdata)
{
    struct check_network *network = userdata;
    if (--network->n_pending == 0) {
        begin_runner(network);
    }
}

static const char *const coordinator_codes[] = {
    CHECK_COORDINATOR_RESOLVE, CHECK_COORDINATOR_TCP,   CHECK_COORDINATOR_TLS,
    CHECK_COORDINATOR_TRUST,   CHECK_COORDINATOR_CLOCK,
};

static void skip_coordinator(struct check_report *report, const struct endpoint *endpoint,
                             const char *reason)
{
    char where[ENDPOINT_TEXT_BYTES];
    endpoint_format(endpoint, where);
    for (size_t i = 0; i < ARRAY_LEN(coordinator_codes); i++) {
        check_skipped(report, coordinator_codes[i], "%s: %s", where, reason);
    }
}

static void begin_coordinators(struct check_network *network)
{
    const struct endpoint_list *list = &network->spec->coordinators;
    struct err err = {0};
    network->n_pending = list->count;
    arm_deadline(network, COORDINATORS_MS);
    for (size_t i = 0; i < list->count; i++) {
        struct check_coordinator *coordinator = &network->coordinators[i];
        if (check_coordinator_start(coordinator, &network->shared, &list->items[i],
                                    on_coordinator_done, network, &err) < 0) {
            skip_coordinator(&coordinator->report, &list->items[i], err.message);
            on_coordinator_done(network);
        }
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct check_network *network = timer->data;
    if (network->n_pending == 0) {
        check_runner_give_up(&network->runner, RUNNER_MS / 1000);
        return;
    }
    arm_deadline(network, RUNNER_MS); /* for those that have yet to begin with TLS */
    for (size_t i = 0; i < network->spec->coordinators.count; i++) {
        check_coordinator_give_up(&network->coordinators[i], COORDINATORS_MS / 1000);
    }
}

/* ---- the proxy ---- */

static void skip_all(struct check_network *network, const char *reason)
{
    const struct endpoint_list *list = &network->spec->coordinators;
    for (size_t i = 0; i < list->count; i++) {
        skip_coordinator(network->report, &list->items[i], reason);
    }
    for (size_t i = 0; list->count == 0 && i < ARRAY_LEN(coordinator_codes); i++) {
        check_skipped(network->report, coordinator_codes[i], "%s", reason);
    }
    skip_runner(network, reason);
}

static void on_proxy_reached(bool is_reached, void *userdata)
{
    struct check_network *network = userdata;
    if (is_reached) {
        begin_coordinators(network);
    } else {
        skip_all(network, "the proxy cannot be reached");
    }
}

/*
 * "http://user:word@HOST:PORT/": what the URL says beside host and port is not shown to
 * anybody.
 */
static int parse_proxy(const char *url, struct endpoint *ret, struct err *err)
{
    char authority[ENDPOINT_TEXT_BYTES];
    const char *from = strstr(url, "://") + 3;
    size_t len = strcspn(from, "/?#");
    const char *at = memrchr(from, '@', len);
    if (at != NULL) {
        len -= (size_t)(at + 1 - from);
        from = at + 1;
    }
    if (len >= sizeof authority) {
        return err_set(err, ERR_CONFIG, "its host is too long");
    }
    (void)snprintf(authority, sizeof authority, "%.*s", (int)len, from);
    bool is_tls = strncmp(url, "https:", strlen("https:")) == 0;
    return endpoint_parse(authority, is_tls ? PROXY_TLS_PORT : PROXY_PORT, ret, err);
}

static void begin_proxy(struct check_network *network)
{
    struct err err = {0};
    struct check_reach_spec reach = {
        .loop = network->loop,
        .resolve_code = CHECK_PROXY_RESOLVE,
        .tcp_code = CHECK_PROXY_TCP,
        .report = network->report,
    };
    if (parse_proxy(network->spec->proxy, &reach.endpoint, &err) < 0 ||
        check_reach_start(&reach, on_proxy_reached, network, &err) < 0) {
        check_failure(network->report, CHECK_PROXY_RESOLVE, "give --proxy as http://HOST:PORT",
                      "the proxy's URL: %s", err.message);
        check_skipped(network->report, CHECK_PROXY_TCP, CHECK_PROXY_RESOLVE " failed");
        skip_all(network, "the proxy cannot be reached");
    }
}

/* ---- the loop ---- */

static void on_http_closed(void *userdata)
{
    struct check_network *network = userdata;
    uv_close((uv_handle_t *)&network->deadline, NULL);
}

static int start(struct check_network *network, struct err *err)
{
    struct http_client_options http = {
        .loop = network->loop, .clock = clock_system(), .user_agent = "ece-agent/" ECE_VERSION};
    (void)uv_timer_init(network->loop, &network->deadline);
    network->deadline.data = network;
    if (http_client_start(&network->http, &http, err) < 0) {
        return -1;
    }
    network->shared = (struct check_coordinator_spec){
        .loop = network->loop,
        .http = network->http,
        .clock = clock_system(),
        .proxy = network->spec->proxy,
        .identity = network->spec->identity,
        .pin = network->spec->pin,
        .ca_file_pem = network->spec->ca_file_pem,
        .no_anchor = network->spec->no_anchor,
    };
    if (network->spec->coordinators.count == 0) {
        skip_all(network, "no coordinator is known");
    } else if (network->spec->proxy != NULL) {
        begin_proxy(network);
    } else {
        begin_coordinators(network);
    }
    return 0;
}

/* Ends with only those lookups on the loop that hang. */
static enum check_network_outcome run(struct check_network *network)
{
    struct err err = {0};
    if (start(network, &err) < 0) {
        skip_all(network, err.message);
        on_http_closed(network);
    } else {
        while (!network->is_over && uv_run(network->loop, UV_RUN_ONCE) != 0) {
        }
        http_client_stop(network->http, on_http_closed, network);
    }
    while (!uv_is_closing((uv_handle_t *)&network->deadline)) {
        (void)uv_run(network->loop, UV_RUN_ONCE);
    }
    (void)uv_run(network->loop, UV_RUN_NOWAIT);
    for (size_t i = 0; i < network->spec->coordinators.count; i++) {
        check_coordinator_fini(&network->coordinators[i]);
    }
    return uv_loop_close(network->loop) == 0 ? CHECK_NETWORK_OVER : CHECK_NETWORK_LEFTOVERS;
}

enum check_network_outcome check_network(struct check_report *report,
                                         const struct check_network_spec *spec)
{
    auto_free struct check_network *network = calloc(1, sizeof *network);
    auto_free uv_loop_t *loop = calloc(1, sizeof *loop);
    if (network == NULL || loop == NULL || uv_loop_init(loop) < 0) {
        report->is_incomplete = true;
        return CHECK_NETWORK_OVER;
    }
    /* libuv gives lookups half of its threads: one that hangs must not hold the others up. */
    (void)setenv("UV_THREADPOOL_SIZE", THREADS, 1);
    network->spec = spec;
    network->report = report;
    network->loop = loop;
    enum check_network_outcome outcome = run(network);
    if (outcome == CHECK_NETWORK_LEFTOVERS) {
        (void)TAKE(loop); /* the lookups are on it */
    }
    return outcome;
}
