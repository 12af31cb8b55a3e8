/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One coordinator, checked the way that the agent would go: before joining, trust is
 * established as agent/join/trust.h does; then, and after joining at once, its CA is asked for
 * over a connection that is verified under the trusted CA. Each step that cannot be taken
 * leaves its codes as skipped, with the reason.
 */
#include "agent/check/check_coordinator.h"

#include "agent/check/check_reach.h"

#include <stdio.h>
#include <string.h>

enum { SKEW_WARNING_MS = 60 * 1000 };

static void finish(struct check_coordinator *coordinator)
{
    coordinator->is_done = true;
    coordinator->done(coordinator->userdata);
}

static void skip(struct check_coordinator *coordinator, const char *code, const char *reason)
{
    check_skipped(&coordinator->report, code, "%s: %s", coordinator->where, reason);
}

/* ---- clock ---- */

static void report_clock(struct check_coordinator *coordinator)
{
    const char *where = coordinator->where;
    struct check_report *report = &coordinator->report;
    if (!uplink_knows_time(coordinator->uplink)) {
        skip(coordinator, CHECK_COORDINATOR_CLOCK, "no Date came from it");
        return;
    }
    int64_t skew_ms = uplink_skew_ms(coordinator->uplink);
    long long skew_s = llabs(skew_ms) / 1000;
    const char *direction = skew_ms > 0 ? "ahead of" : "behind";
    if (skew_ms == 0) {
        check_ok(report, CHECK_COORDINATOR_CLOCK, "%s: the clocks agree within 2 s", where);
    } else if (llabs(skew_ms) <= SKEW_WARNING_MS) {
        check_ok(report, CHECK_COORDINATOR_CLOCK, "%s: this host's clock is %lld s %s it",
                 where, skew_s, direction);
    } else {
        check_warning(report, CHECK_COORDINATOR_CLOCK,
                      "set the clock that is wrong, best by time synchronization: timedatectl "
                      "set-ntp true",
                      "%s: this host's clock is %lld s %s it", where, skew_s, direction);
    }
}

/* ---- TLS and trust ---- */

static const char *tls_way_out(const struct err *err)
{
    if (err->code == ERR_TLS) {
        return "see that a coordinator listens there, that nothing on the way ends TLS, and "
               "that this host's clock is right";
    }
    if (err->code == ERR_TIMEOUT) {
        return "see that a coordinator listens there, and that it is not overloaded "
               "(journalctl -u ece-coordinator)";
    }
    return "see that a coordinator listens there (journalctl -u ece-coordinator)";
}

static void fail_tls(struct check_coordinator *coordinator, const struct err *err)
{
    struct check_report *report = &coordinator->report;
    check_failure(report, CHECK_COORDINATOR_TLS, tls_way_out(err), "%s", err->message);
    if (coordinator->trusted[0] != '\0' && coordinator->spec->identity == NULL) {
        check_ok(report, CHECK_COORDINATOR_TRUST, "%s", coordinator->trusted);
    } else {
        skip(coordinator, CHECK_COORDINATOR_TRUST, CHECK_COORDINATOR_TLS " failed");
    }
    report_clock(coordinator);
    finish(coordinator);
}

static void on_verified(const struct uplink_reply *reply, void *userdata)
{
    struct check_coordinator *coordinator = userdata;
    struct check_report *report = &coordinator->report;
    if (reply->status == 0) {
        fail_tls(coordinator, &reply->error);
        return;
    }
    /* Whatever it answered: it came over a connection that was verified. */
    coordinator->is_verified = true;
    check_ok(report, CHECK_COORDINATOR_TLS, "%s proved that it is of the installation",
             coordinator->where);
    if (reply->outcome == UPLINK_OK) {
        check_ok(report, CHECK_COORDINATOR_TRUST, "%s", coordinator->trusted);
    } else {
        check_warning(report, CHECK_COORDINATOR_TRUST,
                      "look at the coordinator: journalctl -u ece-coordinator", "%s; but %s",
                      coordinator->trusted, reply->error.message);
    }
    report_clock(coordinator);
    finish(coordinator);
}

static void ask_verified(struct check_coordinator *coordinator, const char *ca_pem,
                         const char *installation_id)
{
    struct err err = {0};
    struct uplink_request request = {.method = "GET", .path = WIRE_PATH_CA};
    if (uplink_trust(coordinator->uplink, ca_pem, installation_id, &err) < 0 ||
        uplink_send(coordinator->uplink, &request, on_verified, coordinator, &err) < 0) {
        fail_tls(coordinator, &err);
    }
}

static void report_refused(struct check_coordinator *coordinator, const struct err *err)
{
    const struct check_coordinator_spec *spec = coordinator->spec;
    if (spec->no_anchor != NULL) {
        check_skipped(&coordinator->report, CHECK_COORDINATOR_TRUST,
                      "%s: nothing here says whom to trust: %s", coordinator->where,
                      spec->no_anchor);
    } else if (spec->pin[0] != '\0') {
        check_failure(&coordinator->report, CHECK_COORDINATOR_TRUST,
                      "compare that SHA-256 with the installation's CA on the coordinator "
                      "itself; if it is the right one, make a new roles token there",
                      "%s", err->message);
    } else {
        char fact[CHECK_FACT_BYTES];
        check_fact(err->message, TRUST_UNVOUCHED_REMEDY, fact);
        check_failure(&coordinator->report, CHECK_COORDINATOR_TRUST,
                      "copy the installation's ca.pem to this host and give --coordinator-ca "
                      "FILE, or use a token with ca_sha256",
                      "%s", fact);
    }
}

static void on_trusted(const struct trust_result *result, void *userdata)
{
    struct check_coordinator *coordinator = userdata;
    enum err_code code = result->error.code;
    coordinator->trust = NULL;
    if (result->date_s >= 0) {
        uplink_learn_time(coordinator->uplink, result->date_s);
    }
    if (result->outcome == TRUST_ESTABLISHED) {
        (void)snprintf(coordinator->trusted, sizeof coordinator->trusted,
                       "%s shows the CA of installation %s (SHA-256 %s), vouched for by %s",
                       coordinator->where, result->ca.installation_id, result->ca.sha256,
                       result->vouched_by);
        ask_verified(coordinator, result->ca_pem, result->ca.installation_id);
        return;
    }
    bool has_answered = result->outcome == TRUST_REFUSED || code == ERR_PROTOCOL ||
                        code == ERR_TOO_LARGE || code == ERR_INVALID;
    if (!has_answered) {
        fail_tls(coordinator, &result->error);
        return;
    }
    check_ok(&coordinator->report, CHECK_COORDINATOR_TLS, "%s speaks TLS, unverified",
             coordinator->where);
    if (result->outcome == TRUST_REFUSED) {
        report_refused(coordinator, &result->error);
    } else {
        check_failure(&coordinator->report, CHECK_COORDINATOR_TRUST,
                      "see that the address and port are a coordinator's (port 12443), not "
                      "those of a proxy or of another program",
                      "%s", result->error.message);
    }
    report_clock(coordinator);
    finish(coordinator);
}

static void begin_tls(struct check_coordinator *coordinator)
{
    const struct check_coordinator_spec *spec = coordinator->spec;
    const struct identity *identity = spec->identity;
    struct err err = {0};
    if (identity != NULL) {
        (void)snprintf(coordinator->trusted, sizeof coordinator->trusted,
                       "%s is of installation %s, which this host has joined",
                       coordinator->where, identity->installation_id);
        ask_verified(coordinator, identity->ca_pem, identity->installation_id);
        return;
    }
    struct trust_options options = {
        .http = spec->http,
        .endpoint = coordinator->endpoint,
        .pin = spec->pin,
        .ca_file_pem = spec->ca_file_pem,
        .proxy = spec->proxy,
    };
    if (trust_start(&coordinator->trust, &options, on_trusted, coordinator, &err) < 0) {
        fail_tls(coordinator, &err);
    }
}

static void on_reached(bool is_reached, void *userdata)
{
    struct check_coordinator *coordinator = userdata;
    if (is_reached) {
        begin_tls(coordinator);
        return;
    }
    skip(coordinator, CHECK_COORDINATOR_TLS, "it cannot be reached");
    skip(coordinator, CHECK_COORDINATOR_TRUST, "it cannot be reached");
    skip(coordinator, CHECK_COORDINATOR_CLOCK, "it cannot be reached");
    finish(coordinator);
}

int check_coordinator_start(struct check_coordinator *coordinator,
                            const struct check_coordinator_spec *spec,
                            const struct endpoint *endpoint, check_coordinator_done_fn *done,
                            void *userdata, struct err *err)
{
    struct uplink_options uplink = {
        .clock = spec->clock, .http = spec->http, .proxy = spec->proxy};
    struct endpoint_list alone = {.count = 1, .items = {*endpoint}};
    coordinator->spec = spec;
    coordinator->endpoint = *endpoint;
    coordinator->done = done;
    coordinator->userdata = userdata;
    endpoint_format(endpoint, coordinator->where);
    if (uplink_new(&coordinator->uplink, &uplink, err) < 0) {
        return -1;
    }
    uplink_set_endpoints(coordinator->uplink, &alone);
    if (spec->proxy != NULL) {
        skip(coordinator, CHECK_COORDINATOR_RESOLVE, "the proxy resolves it");
        skip(coordinator, CHECK_COORDINATOR_TCP, "the proxy connects to it");
        begin_tls(coordinator);
        return 0;
    }
    struct check_reach_spec reach = {
        .loop = spec->loop,
        .endpoint = *endpoint,
        .resolve_code = CHECK_COORDINATOR_RESOLVE,
        .tcp_code = CHECK_COORDINATOR_TCP,
        .report = &coordinator->report,
    };
    return check_reach_start(&reach, on_reached, coordinator, err);
}

void check_coordinator_give_up(struct check_coordinator *coordinator, unsigned seconds)
{
    struct err err = {0};
    if (coordinator->is_done ||
        (coordinator->trust == NULL && !uplink_is_busy(coordinator->uplink))) {
        return; /* what else there is has a deadline of its own */
    }
    trust_cancel(coordinator->trust);
    coordinator->trust = NULL;
    uplink_cancel(coordinator->uplink);
    (void)err_set(&err, ERR_TIMEOUT, "%s: no whole answer within %u s", coordinator->where,
                  seconds);
    fail_tls(coordinator, &err);
}

void check_coordinator_fini(struct check_coordinator *coordinator)
{
    uplink_free(coordinator->uplink);
    check_report_fini(&coordinator->report);
    *coordinator = (struct check_coordinator){0};
}
