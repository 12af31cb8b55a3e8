/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP to the addresses of one name. Where one of several does not answer, joining works, but
 * each new connection may first wait for it: that is a warning. The object frees itself.
 */
#include "agent/check/check_connect.h"

#include "common/base/endpoint.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

enum {
    DEADLINE_MS = 5 * 1000,
    NS_PER_MS = 1000 * 1000,
    WHY_BYTES = 64,
    WHERE_BYTES = ENDPOINT_TEXT_BYTES + ENDPOINT_HOST_BYTES + 3,
};

struct attempt {
    struct check_connect *owner;
    uv_tcp_t tcp;
    uv_connect_t connect;
    bool is_finished;
    int status; /* of libuv; 0 = accepted */
    uint64_t elapsed_ms;
};

struct check_connect {
    struct check_connect_spec spec;
    check_connect_done_fn *done;
    void *userdata;
    uint64_t started_ns;
    uv_timer_t deadline;
    struct attempt attempts[CHECK_CONNECT_MAX];
    size_t n_open; /* handles */
    bool is_reached;
};

static const char *way_out(int status)
{
    if (status == UV_ECONNREFUSED) {
        return "see that the program runs there and that the port is the right one (a "
               "coordinator's is 12443)";
    }
    if (status == UV_ETIMEDOUT) {
        return "see that firewalls let this host reach that port, and that the other one is up";
    }
    return "check this host's routes and firewall";
}

/* A host without IPv6 is told so at once, and loses no time over such an address. */
static bool costs_nothing(int status)
{
    return status == UV_ENETUNREACH || status == UV_EADDRNOTAVAIL || status == UV_EAFNOSUPPORT;
}

/* "192.168.40.10:12443", "192.168.40.10:12443 (NAME)" */
static void where_text(const struct sockaddr_storage *address, const char *name,
                       char ret[static WHERE_BYTES])
{
    char text[ENDPOINT_TEXT_BYTES];
    struct endpoint at = {0};
    const void *from = address;
    /* The port stands at the same place in both families. */
    at.port = ntohs(((const struct sockaddr_in *)from)->sin_port);
    (void)uv_ip_name(from, at.host, sizeof at.host);
    endpoint_format(&at, text);
    bool is_address = strcmp(name, at.host) == 0;
    (void)snprintf(ret, WHERE_BYTES, "%s%s%s%s", text, is_address ? "" : " (",
                   is_address ? "" : name, is_address ? "" : ")");
}

static void report_attempt(const struct check_connect *connect, size_t index)
{
    const struct attempt *attempt = &connect->attempts[index];
    struct check_report *report = connect->spec.report;
    const char *code = connect->spec.code;
    char where[WHERE_BYTES];
    char why[WHY_BYTES];
    where_text(&connect->spec.addresses[index], connect->spec.name, where);
    if (attempt->status == 0) {
        check_ok(report, code, "%s accepts connections (%llu ms)", where,
                 (unsigned long long)attempt->elapsed_ms);
        return;
    }
    if (attempt->status == UV_ETIMEDOUT) {
        (void)snprintf(why, sizeof why, "no answer within %d s", DEADLINE_MS / 1000);
    } else {
        (void)uv_strerror_r(attempt->status, why, sizeof why);
    }
    if (connect->is_reached && costs_nothing(attempt->status)) {
        check_ok(report, code, "%s: %s; another of its addresses answers", where, why);
    } else if (connect->is_reached) {
        check_warning(report, code, way_out(attempt->status),
                      "%s: %s; another of its addresses answers", where, why);
    } else {
        check_failure(report, code, way_out(attempt->status), "%s: %s", where, why);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct check_connect *connect = handle->data;
    if (--connect->n_open == 0) {
        connect->done(connect->is_reached, connect->userdata);
        free(connect);
    }
}

static void finish_attempt(struct attempt *attempt, int status)
{
    struct check_connect *connect = attempt->owner;
    attempt->is_finished = true;
    attempt->status = status;
    attempt->elapsed_ms = (uv_hrtime() - connect->started_ns) / NS_PER_MS;
    connect->is_reached |= status == 0;
}

/* Not before the last attempt has finished: what a failure means depends on the others. */
static void conclude_if_all_finished(struct check_connect *connect)
{
    for (size_t i = 0; i < connect->spec.count; i++) {
        if (!connect->attempts[i].is_finished) {
            return;
        }
    }
    for (size_t i = 0; i < connect->spec.count; i++) {
        report_attempt(connect, i);
        uv_close((uv_handle_t *)&connect->attempts[i].tcp, on_closed);
    }
    uv_close((uv_handle_t *)&connect->deadline, on_closed);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct attempt *attempt = request->data;
    if (!attempt->is_finished) { /* otherwise the deadline was faster */
        finish_attempt(attempt, status);
        conclude_if_all_finished(attempt->owner);
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct check_connect *connect = timer->data;
    for (size_t i = 0; i < connect->spec.count; i++) {
        if (!connect->attempts[i].is_finished) {
            finish_attempt(&connect->attempts[i], UV_ETIMEDOUT);
        }
    }
    conclude_if_all_finished(connect);
}

static void begin_attempt(struct check_connect *connect, size_t index)
{
    struct attempt *attempt = &connect->attempts[index];
    const void *address = &connect->spec.addresses[index];
    attempt->owner = connect;
    (void)uv_tcp_init(connect->spec.loop, &attempt->tcp); /* makes no socket yet */
    attempt->tcp.data = connect;
    attempt->connect.data = attempt;
    connect->n_open++;
    int status = uv_tcp_connect(&attempt->connect, &attempt->tcp, address, on_connected);
    if (status < 0) {
        finish_attempt(attempt, status);
    }
}

int check_connect_start(const struct check_connect_spec *spec, check_connect_done_fn *done,
                        void *userdata, struct err *err)
{
    struct check_connect *connect = calloc(1, sizeof *connect);
    if (connect == NULL) {
        return err_no_memory(err);
    }
    connect->spec = *spec;
    connect->done = done;
    connect->userdata = userdata;
    connect->started_ns = uv_hrtime();
    uv_update_time(spec->loop);
    (void)uv_timer_init(spec->loop, &connect->deadline);
    connect->deadline.data = connect;
    connect->n_open = 1;
    (void)uv_timer_start(&connect->deadline, on_deadline, DEADLINE_MS, 0);
    for (size_t i = 0; i < spec->count; i++) {
        begin_attempt(connect, i);
    }
    conclude_if_all_finished(connect);
    return 0;
}
