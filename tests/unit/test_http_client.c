/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent, what of the reply is told, and what libcurl would do but must not. */
#include "http_cases.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>

static void serve_a_whole_reply(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)snprintf(test->sni, sizeof(test->sni), "%s", tls_peer_sni(peer));
    (void)tls_peer_send(peer, "HTTP/1.1 429 Slow down\r\nContent-Type: application/json\r\n"
                              "Date: Mon, 23 Nov 2026 21:11:05 GMT\r\nRetry-After: 7\r\n"
                              "Content-Length: 7\r\n\r\n{\"a\":1}");
    tls_peer_wait_closed(peer);
}

/* [TP-1] [TR-3] */
static void a_reply_comes_whole_from_the_named_server_at_another_address(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_a_whole_reply);
    struct http_request request = http_case_request(test);
    request.method = "POST";
    char body[] = "{\"b\":2}";
    request.body = body;
    request.body_len = strlen(body);

    http_case_send(test, &request);
    memset(body, 'x', strlen(body)); /* it was copied */
    fake_clock_advance(&test->clock, 42);
    http_case_run_until(test, &test->outcome.n_done, 1);

    assert_string_equal(test->outcome.error.message, "");
    assert_int_equal(test->outcome.error.code, ERR_NONE);
    assert_int_equal(test->outcome.status, 429);
    assert_string_equal(test->outcome.body, "{\"a\":1}");
    assert_int_equal(test->outcome.body_len, 7);
    assert_string_equal(test->outcome.content_type, "application/json");
    assert_int_equal(test->outcome.date_s, 1795468265);
    assert_int_equal(test->outcome.retry_after_s, 7);
    assert_int_equal(test->outcome.elapsed_ms, 42);
    assert_true(test->outcome.is_new_connection);
    assert_string_equal(test->sni, HTTP_CASE_NAME);
    assert_ptr_equal(strstr(test->heard, "POST /agent/v1/heartbeat HTTP/1.1\r\n"), test->heard);
    assert_non_null(strstr(test->heard, "\r\nHost: " HTTP_CASE_NAME ":12443\r\n"));
    assert_non_null(strstr(test->heard, "\r\nUser-Agent: ece-agent/test\r\n"));
    assert_non_null(strstr(test->heard, "\r\nAuthorization: Bearer " HTTP_CASE_BEARER "\r\n"));
    assert_non_null(strstr(test->heard, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(test->heard, "\r\n\r\n{\"b\":2}"));
    assert_null(strcasestr(test->heard, "\r\nExpect:"));
}

static void each_method_is_sent_as_it_is(void **state)
{
    static const struct {
        const char *method;
        const char *body;
        const char *heard;
        const char *length;
    } rows[] = {
        {"GET", NULL, "GET /", NULL},
        {"DELETE", NULL, "DELETE /", NULL},
        {"DELETE", "{}", "DELETE /", "\r\nContent-Length: 2\r\n"},
        {"POST", NULL, "POST /", "\r\nContent-Length: 0\r\n"},
        {"POST", "", "POST /", "\r\nContent-Length: 0\r\n"},
        {"PUT", "{}", "PUT /", "\r\nContent-Length: 2\r\n"},
    };
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_request request = http_case_request(test);
        request.method = rows[i].method;
        request.body = rows[i].body;
        request.body_len = rows[i].body != NULL ? strlen(rows[i].body) : 0;
        request.bearer = NULL;

        http_case_call(test, &request);

        assert_int_equal(test->outcome.status, 200);
        assert_string_equal(test->outcome.body, "");
        assert_string_equal(test->outcome.content_type, "");
        assert_int_equal(test->outcome.date_s, -1);
        assert_ptr_equal(strstr(test->heard, rows[i].heard), test->heard);
        assert_null(strcasestr(test->heard, "\r\nAuthorization:"));
        if (rows[i].length != NULL) {
            assert_non_null(strstr(test->heard, rows[i].length));
        } else {
            assert_null(strcasestr(test->heard, "\r\nContent-Length:"));
        }
    }
}

#define DATED "Date: Mon, 23 Nov 2026 21:00:00 GMT\r\n"

static const struct {
    const char *headers;
    uint32_t retry_after_s;
} retry_rows[] = {
    {"", 0},
    {"Retry-After: 0\r\n", 0},
    {"Retry-After: 120\r\n", 120},
    {"Retry-After: 86401\r\n", 86400},
    {"Retry-After: 99999999999999999999999999\r\n", 86400},
    {"Retry-After: -5\r\n", 0},
    {"Retry-After: 1e3\r\n", 0},
    {"Retry-After:\r\n", 0},
    {DATED "Retry-After: Mon, 23 Nov 2026 21:00:09 GMT\r\n", 9},
    {DATED "Retry-After: Mon, 23 Nov 2026 20:59:59 GMT\r\n", 0},
    {DATED "Retry-After: Mon, 23 Nov 2099 21:00:00 GMT\r\n", 86400},
    {"Retry-After: Mon, 23 Nov 2026 21:11:25 GMT\r\n", 20}, /* by our clock, 21:11:05 */
};

static void serve_retry_rows(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    for (size_t i = 0; i < ARRAY_LEN(retry_rows); i++) {
        (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
        (void)tls_peer_send(peer, "HTTP/1.1 503 Busy\r\n%sContent-Length: 0\r\n\r\n",
                            retry_rows[i].headers);
    }
    tls_peer_wait_closed(peer);
}

/* [RT-1] */
static void retry_after_is_seconds_or_a_date_and_at_most_a_day(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_retry_rows);
    struct http_request request = http_case_request(test);
    for (size_t i = 0; i < ARRAY_LEN(retry_rows); i++) {
        http_case_call(test, &request);
        assert_int_equal(test->outcome.status, 503);
        assert_int_equal(test->outcome.retry_after_s, retry_rows[i].retry_after_s);
    }
}

/* [TR-1] */
static void a_connection_that_is_not_verified_is_for_nothing_else(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    request.trust = HTTP_TRUST_NOTHING;
    request.bearer = NULL;

    http_case_call(test, &request);
    assert_int_equal(test->outcome.status, 200);

    request = http_case_request(test);
    http_case_call(test, &request);
    assert_int_equal(test->outcome.status, 200);
    assert_true(test->outcome.is_new_connection);
    assert_int_equal(tls_server_n_accepted(test->server), 2);

    /* and a connection that one CA verified is none for another */
    request.ca_pem = test->pki->other_ca;
    http_case_call(test, &request);
    assert_int_equal(test->outcome.error.code, ERR_TLS);
}

static void a_ca_bundle_verifies_with_any_of_its_certificates(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    char bundle[8192];
    (void)snprintf(bundle, sizeof(bundle), "%s%s", test->pki->other_ca, test->pki->ca);
    request.ca_pem = bundle;

    http_case_call(test, &request);

    assert_int_equal(test->outcome.status, 200);
}

/* [TP-4] */
static void serve_a_redirect(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)tls_peer_send(peer, "HTTP/1.1 307 Elsewhere\r\nLocation: " HTTP_CASE_URL "/x\r\n"
                              "Content-Length: 0\r\n\r\n");
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
}

/* [TP-4] */
static void a_redirect_is_told_and_not_followed(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_a_redirect);
    struct http_request request = http_case_request(test);

    http_case_call(test, &request);

    assert_int_equal(test->outcome.status, 307);
    assert_non_null(strstr(test->heard, "GET /agent/v1/heartbeat HTTP/1.1"));
}

/* [TP-4] */
static void the_environments_proxy_is_not_asked(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    assert_int_equal(setenv("https_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);

    http_case_call(test, &request);

    assert_int_equal(unsetenv("https_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
    assert_int_equal(test->outcome.status, 200);
}

static void serve_as_a_proxy_that_refuses(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)tls_peer_send(peer, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    tls_peer_wait_closed(peer);
}

/* [TP-4] */
static void a_named_proxy_is_asked_whatever_the_environment_excepts(void **state)
{
    struct http_case *test = *state;
    http_case_serve_plain(test, serve_as_a_proxy_that_refuses);
    struct http_request request = http_case_request(test);
    char proxy[64];
    (void)snprintf(proxy, sizeof(proxy), "http://me:hidden@127.0.0.1:%u",
                   (unsigned)request.connect_port);
    request.proxy = proxy;
    request.connect_host = "192.0.2.7";
    request.connect_port = 12443;
    assert_int_equal(setenv("no_proxy", "*", 1), 0);

    http_case_call(test, &request);

    assert_int_equal(unsetenv("no_proxy"), 0);
    assert_ptr_equal(strstr(test->heard, "CONNECT 192.0.2.7:12443 HTTP/1.1\r\n"), test->heard);
    assert_null(strstr(test->heard, HTTP_CASE_BEARER));
    assert_int_equal(test->outcome.error.code, ERR_CONNECT);
    assert_non_null(strstr(test->outcome.error.message, "192.0.2.7:12443 through the proxy"));
    assert_non_null(strstr(test->outcome.error.message, "403"));
    assert_null(strstr(test->outcome.error.message, "hidden"));
}

static void a_request_that_must_not_be_is_refused(void **state)
{
    struct http_case *test = *state;
    struct http_request ok = http_case_request(test);
    struct http_request rows[10];
    size_t n = 0;
    rows[n] = ok;
    rows[n++].url = "http://" HTTP_CASE_NAME "/";
    rows[n] = ok;
    rows[n++].url = "nonsense";
    rows[n] = ok;
    rows[n++].url = "https://me:hidden@" HTTP_CASE_NAME "/";
    rows[n] = ok;
    rows[n++].bearer = HTTP_CASE_BEARER "\r\nX-Other: 1";
    rows[n] = ok;
    rows[n++].bearer = "";
    rows[n] = ok;
    rows[n++].total_timeout_ms = 0;
    rows[n] = ok;
    rows[n++].connect_timeout_ms = 0;
    rows[n] = ok;
    rows[n++].ca_pem = NULL;
    rows[n] = ok;
    rows[n++].trust = HTTP_TRUST_NOTHING; /* with a bearer: [TK-4] */
    rows[n] = ok;
    rows[n++].connect_port = 0;
    for (size_t i = 0; i < n; i++) {
        struct err err = {0};
        assert_int_equal(http_client_send(test->client, &rows[i], http_case_done,
                                          &test->outcome, NULL, &err),
                         -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(strstr(err.message, HTTP_CASE_BEARER));
        assert_null(strstr(err.message, "hidden"));
    }
    assert_int_equal(test->outcome.n_done, 0);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN); /* as the programs do */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_reply_comes_whole_from_the_named_server_at_another_address),
        HTTP_CASE(each_method_is_sent_as_it_is),
        HTTP_CASE(retry_after_is_seconds_or_a_date_and_at_most_a_day),
        HTTP_CASE(a_connection_that_is_not_verified_is_for_nothing_else),
        HTTP_CASE(a_ca_bundle_verifies_with_any_of_its_certificates),
        HTTP_CASE(a_redirect_is_told_and_not_followed),
        HTTP_CASE(the_environments_proxy_is_not_asked),
        HTTP_CASE(a_named_proxy_is_asked_whatever_the_environment_excepts),
        HTTP_CASE(a_request_that_must_not_be_is_refused),
    };
    int n_failed = cmocka_run_group_tests(tests, http_pki_setup, http_pki_teardown);
    n_failed += run_http_failure_cases();
    n_failed += run_http_idle_cases();
    n_failed += run_http_lifetime_cases();
    curl_global_cleanup();
    return n_failed;
}
