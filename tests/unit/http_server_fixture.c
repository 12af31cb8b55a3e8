/* SPDX-License-Identifier: Apache-2.0 */
/* The server under test, its handlers, and the thread that plays clients. */
#include "tests/unit/http_server_fixture.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/codec/x509.h"

enum { PATIENCE_MS = 8000 };

static void hello(struct exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    fixture->n_handled++;
    fixture->last_connection = exchange_connection(exchange);
    exchange_reply(exchange, 200, "text/plain", "hello\n", 6);
}

static void echo(struct exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    size_t len = 0;
    const char *body = exchange_body(exchange, &len);
    fixture->n_handled++;
    exchange_reply(exchange, 200, "text/plain", body, len);
}

/* What the handler sees of the request, one item a line. */
static void show(struct exchange *exchange, void *context)
{
    char text[512];
    const char *x = exchange_query(exchange, "x");
    const char *header = exchange_header(exchange, "x-test");
    (void)context;
    (void)snprintf(text, sizeof(text), "%s\n%s\n%s\n%s\n%s\n", exchange_method(exchange),
                   exchange_path(exchange), exchange_peer(exchange), x == NULL ? "-" : x,
                   header == NULL ? "-" : header);
    exchange_set_header(exchange, "X-Shown", "1");
    exchange_set_header(exchange, "Cache-Control", "max-age=60");
    exchange_reply(exchange, 200, "text/plain", text, strlen(text));
}

static void take_json(struct exchange *exchange, void *context)
{
    json_t *json = NULL;
    struct err err;
    (void)context;
    if (exchange_json(exchange, &json, &err) < 0) {
        exchange_reply_error(exchange, 400, "root.bad_request", "%s", err.message);
        return;
    }
    exchange_reply_json(exchange, 201, json);
}

static void big(struct exchange *exchange, void *context)
{
    char *body = malloc(FIXTURE_BIG_BYTES);
    (void)context;
    assert_non_null(body);
    memset(body, 'x', FIXTURE_BIG_BYTES);
    exchange_reply(exchange, 200, "text/plain", body, FIXTURE_BIG_BYTES);
    free(body);
}

static void file(struct exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    int fd = dup(fixture->file_fd);
    assert_true(fd >= 0);
    fixture->n_handled++;
    exchange_reply_file(exchange, fd, fixture->file_size, "application/octet-stream");
}

struct later {
    uv_timer_t timer;
    struct fixture *fixture;
    struct exchange *exchange;
    struct later *next;
};

static void free_later(uv_handle_t *handle)
{
    free(CONTAINER_OF(handle, struct later, timer));
}

static void reply_late(uv_timer_t *timer)
{
    struct later *later = CONTAINER_OF(timer, struct later, timer);
    struct later **at = &later->fixture->laters;
    while (*at != later) {
        at = &(*at)->next;
    }
    *at = later->next;
    later->fixture->n_late++;
    exchange_set_header(later->exchange, "X-Late", "1");
    exchange_reply(later->exchange, 200, "text/plain", "late\n", 5);
    uv_close((uv_handle_t *)timer, free_later);
}

/* GET /later?ms=N: the reply comes N ms later, whatever happened to the client and the server.
 */
static void later(struct exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    const char *ms = exchange_query(exchange, "ms");
    struct later *later = calloc(1, sizeof(*later));
    assert_non_null(later);
    later->fixture = fixture;
    later->exchange = exchange;
    later->next = fixture->laters;
    fixture->laters = later;
    fixture->n_handled++;
    assert_int_equal(uv_timer_init(&fixture->loop, &later->timer), 0);
    assert_int_equal(uv_timer_start(&later->timer, reply_late, strtoul(ms, NULL, 10), 0), 0);
}

static void on_stopped(void *userdata)
{
    struct fixture *fixture = userdata;
    fixture->n_stopped++;
    fixture->server = NULL;
}

static void stop_from_inside(struct exchange *exchange, void *context)
{
    struct fixture *fixture = context;
    exchange_reply(exchange, 202, NULL, NULL, 0);
    http_server_stop(fixture->server, on_stopped, fixture);
    http_server_stop(fixture->server, on_stopped, fixture); /* once more changes nothing */
}

static const struct route routes[] = {
    {"GET", "/hello", ACCESS_PUBLIC, 0, hello},
    {"GET", "/show/{it}", ACCESS_PUBLIC, 0, show},
    {"GET", "/big", ACCESS_PUBLIC, 0, big},
    {"GET", "/file", ACCESS_PUBLIC, 0, file},
    {"GET", "/later", ACCESS_PUBLIC, 0, later},
    {"POST", "/echo", ACCESS_PUBLIC, FIXTURE_BODY_MAX, echo},
    {"POST", "/json", ACCESS_PUBLIC, FIXTURE_BODY_MAX, take_json},
    {"POST", "/stop", ACCESS_PUBLIC, 0, stop_from_inside},
};

static void on_connection_closed(uint64_t connection, void *userdata)
{
    struct fixture *fixture = userdata;
    fixture->n_closed++;
    fixture->closed_connection = connection;
}

static void make_certificate(const char *name, const char *ca_pem, const struct secret *ca_key,
                             struct fixture_certificate *ret)
{
    struct err err;
    const struct x509_server_spec spec = {.ca_cert_pem = ca_pem,
                                          .ca_key_pem = ca_key,
                                          .names = &name,
                                          .n_names = 1,
                                          .now_s = clock_wall_s(clock_system()),
                                          .days = 2};
    assert_int_equal(x509_make_server(&spec, &ret->cert_pem, &ret->key_pem, &err), 0);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    char *ca_pem = NULL;
    struct secret ca_key = {0};
    struct err err;
    assert_non_null(fixture);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    fixture->file_fd = -1;
    fixture->log = (struct log){.threshold = LOG_LEVEL_DEBUG, .fd = -1};
    fixture->router =
        (struct router){.routes = routes, .n_routes = ARRAY_LEN(routes), .context = fixture};
    assert_int_equal(
        x509_make_ca("0f8e", clock_wall_s(clock_system()), 2, &ca_pem, &ca_key, &err), 0);
    make_certificate(FIXTURE_INTERNAL_NAME, ca_pem, &ca_key, &fixture->internal);
    make_certificate(FIXTURE_EXTERNAL_NAME, ca_pem, &ca_key, &fixture->external);
    make_certificate(FIXTURE_RENEWED_NAME, ca_pem, &ca_key, &fixture->renewed);
    free(ca_pem);
    secret_fini(&ca_key);
    *state = fixture;
    return 0;
}

static void free_certificate(struct fixture_certificate *certificate)
{
    free(certificate->cert_pem);
    secret_fini(&certificate->key_pem);
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    fixture_stop(fixture);
    while (fixture->laters != NULL) {
        reply_late(&fixture->laters->timer); /* to a server that is gone */
    }
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    int status = uv_loop_close(&fixture->loop);
    if (fixture->file_fd >= 0) {
        (void)close(fixture->file_fd);
    }
    free_certificate(&fixture->internal);
    free_certificate(&fixture->external);
    free_certificate(&fixture->renewed);
    free(fixture);
    return status;
}

void fixture_start(struct fixture *fixture, const struct fixture_limits *limits)
{
    struct err err;
    int fd = -1;
    struct sockaddr_in6 address = {0}; /* the port stands at the same place in both families */
    socklen_t len = sizeof(address);
    const char *any = limits->is_dual ? "[::]" : "127.0.0.1";
    assert_int_equal(http_server_listen(any, 0, &fd, &err), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    fixture->port = ntohs(address.sin6_port);
    struct http_server_options options = {
        .loop = &fixture->loop,
        .clock = clock_system(),
        .log = &fixture->log,
        .router = &fixture->router,
        .listen_fd = fd,
        .internal = {fixture->internal.cert_pem, &fixture->internal.key_pem},
        .internal_name = FIXTURE_INTERNAL_NAME,
        .max_connections = limits->connections,
        .max_connections_per_ip = limits->connections_per_ip,
        .request_deadline_ms = limits->request_ms == 0 ? 60000 : limits->request_ms,
        .idle_timeout_ms = limits->idle_ms == 0 ? 60000 : limits->idle_ms,
        .park_deadline_ms = limits->park_ms == 0 ? 60000 : limits->park_ms,
        .on_connection_closed = on_connection_closed,
        .userdata = fixture,
    };
    if (limits->has_external) {
        options.external =
            (struct http_identity){fixture->external.cert_pem, &fixture->external.key_pem};
    }
    if (http_server_start(&fixture->server, &options, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

struct play {
    uv_thread_t thread;
    uv_async_t done;
    unsigned is_done;
    const struct fixture *fixture;
    script_fn *script;
    void *arg;
};

static void play(void *arg)
{
    struct play *play = arg;
    play->script(play->fixture, play->arg);
    (void)uv_async_send(&play->done);
}

static void on_done(uv_async_t *done)
{
    CONTAINER_OF(done, struct play, done)->is_done = 1;
    uv_close((uv_handle_t *)done, NULL);
}

void fixture_play(struct fixture *fixture, script_fn *script, void *arg)
{
    struct play played = {.fixture = fixture, .script = script, .arg = arg};
    assert_int_equal(uv_async_init(&fixture->loop, &played.done, on_done), 0);
    assert_int_equal(uv_thread_create(&played.thread, play, &played), 0);
    while (played.is_done == 0) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE);
    }
    (void)uv_thread_join(&played.thread);
    (void)uv_run(&fixture->loop, UV_RUN_NOWAIT); /* the handle's end: it is on our stack */
}

void fixture_until(struct fixture *fixture, const unsigned *counter, unsigned value)
{
    uint64_t give_up_ms = clock_monotonic_ms(clock_system()) + PATIENCE_MS;
    while (*counter != value && clock_monotonic_ms(clock_system()) < give_up_ms) {
        (void)uv_run(&fixture->loop, UV_RUN_ONCE); /* the server's tick ends every wait */
    }
    assert_int_equal(*counter, value);
}

void fixture_stop(struct fixture *fixture)
{
    if (fixture->server != NULL) {
        http_server_stop(fixture->server, on_stopped, fixture);
        fixture_until(fixture, &fixture->n_stopped, fixture->n_stopped + 1);
    }
}
