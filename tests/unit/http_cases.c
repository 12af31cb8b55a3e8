/* SPDX-License-Identifier: Apache-2.0 */
#include "http_cases.h"

#include "common/codec/x509.h"

enum {
    GUARD_MS = 5000,
    TICK_MS = 2,
};

static const int64_t day_s = 86400;

static struct http_pki pki;

static void make_server(const char *ca, const struct secret *ca_key, const char *name,
                        int64_t now_s, char **ret_cert, char **ret_key)
{
    struct x509_server_spec spec = {.ca_cert_pem = ca,
                                    .ca_key_pem = ca_key,
                                    .names = &name,
                                    .n_names = 1,
                                    .now_s = now_s,
                                    .days = 1};
    struct secret key = {0};
    struct err err;
    assert_int_equal(x509_make_server(&spec, ret_cert, &key, &err), 0);
    *ret_key = strdup(key.bytes);
    secret_fini(&key);
}

int http_pki_setup(void **state)
{
    int64_t now_s = clock_wall_s(clock_system());
    struct secret ca_key = {0};
    struct secret other_key = {0};
    struct err err;
    assert_int_equal(x509_make_ca("abc", now_s - 9 * day_s, 30, &pki.ca, &ca_key, &err), 0);
    assert_int_equal(x509_make_ca("other", now_s, 30, &pki.other_ca, &other_key, &err), 0);
    make_server(pki.ca, &ca_key, HTTP_CASE_NAME, now_s, &pki.cert, &pki.key);
    make_server(pki.ca, &ca_key, "xyz.ece.internal", now_s, &pki.other_name_cert,
                &pki.other_name_key);
    make_server(pki.ca, &ca_key, HTTP_CASE_NAME, now_s - 5 * day_s, &pki.expired_cert,
                &pki.expired_key);
    secret_fini(&ca_key);
    secret_fini(&other_key);
    *state = &pki;
    return 0;
}

int http_pki_teardown(void **state)
{
    (void)state;
    free(pki.ca);
    free(pki.other_ca);
    free(pki.cert);
    secret_free_text(pki.key);
    free(pki.other_name_cert);
    secret_free_text(pki.other_name_key);
    free(pki.expired_cert);
    secret_free_text(pki.expired_key);
    return 0;
}

static void on_guard(uv_timer_t *timer)
{
    struct http_case *test = timer->data;
    if (uv_hrtime() < test->deadline_ns) {
        return;
    }
    (void)fprintf(stderr, "nothing happened within %d ms; handles:\n", GUARD_MS);
    uv_print_all_handles(timer->loop, stderr);
    abort(); /* a failing assertion must not jump over libuv's frames */
}

/* Ticks, so that a turn of the loop (which first serves timers, then waits for what comes next)
 * never waits for long. */
static void guard_start(struct http_case *test)
{
    test->deadline_ns = uv_hrtime() + GUARD_MS * UINT64_C(1000000);
    test->guard.data = test;
    assert_int_equal(uv_timer_start(&test->guard, on_guard, TICK_MS, TICK_MS), 0);
}

static void on_idle_closed(void *userdata)
{
    ((struct http_case *)userdata)->n_idle_closed++;
}

static void on_closed(void *userdata)
{
    struct http_case *test = userdata;
    test->client = NULL;
    test->n_closed++;
}

int http_case_setup(void **state)
{
    struct http_case *test = calloc(1, sizeof(*test));
    if (test == NULL || uv_loop_init(&test->loop) < 0 ||
        uv_timer_init(&test->loop, &test->guard) < 0 || sem_init(&test->go, 0, 0) < 0 ||
        sem_init(&test->went, 0, 0) < 0) {
        return -1;
    }
    fake_clock_init(&test->clock);
    test->pki = &pki;
    const struct http_client_options options = {
        .loop = &test->loop,
        .clock = &test->clock.clock,
        .user_agent = "ece-agent/test",
        .on_idle_closed = on_idle_closed,
        .userdata = test,
    };
    struct err err;
    *state = test;
    return http_client_start(&test->client, &options, &err);
}

void http_case_stop(struct http_case *test)
{
    http_client_stop(test->client, on_closed, test);
    http_case_run_until(test, &test->n_closed, 1);
}

int http_case_teardown(void **state)
{
    struct http_case *test = *state;
    if (test->client != NULL) {
        http_case_stop(test);
    }
    (void)sem_post(&test->go); /* for a server's function that still waits */
    tls_server_stop(test->server);
    uv_close((uv_handle_t *)&test->guard, NULL);
    (void)uv_run(&test->loop, UV_RUN_DEFAULT);
    int result = uv_loop_close(&test->loop);
    if (result != 0) {
        uv_print_all_handles(&test->loop, stderr);
    }
    (void)sem_destroy(&test->go);
    (void)sem_destroy(&test->went);
    free(test);
    return result;
}

void http_case_serve(struct http_case *test, tls_serve_fn *serve)
{
    const struct tls_server_options options = {
        .cert_pem = pki.cert, .key_pem = pki.key, .serve = serve, .userdata = test};
    test->server = tls_server_start(&options);
    assert_non_null(test->server);
}

void http_case_serve_plain(struct http_case *test, tls_serve_fn *serve)
{
    const struct tls_server_options options = {.serve = serve, .userdata = test};
    test->server = tls_server_start(&options);
    assert_non_null(test->server);
}

struct http_request http_case_request(const struct http_case *test)
{
    return (struct http_request){
        .method = "GET",
        .url = HTTP_CASE_URL,
        .connect_host = "127.0.0.1",
        .connect_port = test->server != NULL ? tls_server_port(test->server) : 1,
        .trust = HTTP_TRUST_CA,
        .ca_pem = pki.ca,
        .bearer = HTTP_CASE_BEARER,
        .max_reply_bytes = 1024,
        .connect_timeout_ms = GUARD_MS,
        .total_timeout_ms = GUARD_MS,
    };
}

void http_case_done(const struct http_reply *reply, void *userdata)
{
    struct http_outcome *outcome = userdata;
    outcome->n_done++;
    outcome->status = reply->status;
    (void)snprintf(outcome->body, sizeof(outcome->body), "%s", reply->body);
    outcome->body_len = reply->body_len;
    (void)snprintf(outcome->content_type, sizeof(outcome->content_type), "%s",
                   reply->content_type);
    outcome->date_s = reply->date_s;
    outcome->retry_after_s = reply->retry_after_s;
    outcome->elapsed_ms = reply->elapsed_ms;
    outcome->is_new_connection = reply->is_new_connection;
    outcome->error = reply->error;
}

void http_case_send(struct http_case *test, const struct http_request *request)
{
    struct err err = {0};
    if (http_client_send(test->client, request, http_case_done, &test->outcome, NULL, &err) <
        0) {
        fail_msg("%s", err.message);
    }
}

void http_case_run_until(struct http_case *test, const unsigned *counter, unsigned at_least)
{
    guard_start(test);
    while (*counter < at_least) {
        (void)uv_run(&test->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&test->guard);
}

void http_case_turn(struct http_case *test)
{
    /* A loop without referenced handles would not turn at all. */
    guard_start(test);
    for (int i = 0; i < 3; i++) {
        (void)uv_run(&test->loop, UV_RUN_NOWAIT);
    }
    (void)uv_timer_stop(&test->guard);
}

void http_case_run_until_posted(struct http_case *test, sem_t *sem)
{
    guard_start(test);
    while (sem_trywait(sem) < 0) {
        (void)uv_run(&test->loop, UV_RUN_ONCE);
    }
    (void)uv_timer_stop(&test->guard);
}

void http_case_call(struct http_case *test, const struct http_request *request)
{
    test->outcome = (struct http_outcome){0};
    http_case_send(test, request);
    http_case_run_until(test, &test->outcome.n_done, 1);
}

void http_serve_ok(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    while (tls_peer_read_request(peer, test->heard, sizeof(test->heard))) {
        (void)tls_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
}

void http_serve_ok_and_tell(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    http_serve_ok(peer, userdata);
    (void)sem_post(&test->went);
}

void http_serve_silence(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    char request[2048];
    (void)tls_peer_read_request(peer, request, sizeof(request));
    (void)sem_post(&test->went);
    tls_peer_wait_closed(peer);
    (void)sem_post(&test->went);
}
