/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which a request can fail, and what the operator is told of it: the step, the
 * peer, the reason; never the bearer. */
#include "http_cases.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>

static sem_t resolver_may_answer;

/* Stands before libc's for libcurl: names of the tests' own, one that is never answered. The
 * names of the parameters are libc's. */
__attribute__((visibility("default"))) int getaddrinfo(const char *name, const char *service,
                                                       const struct addrinfo *req,
                                                       struct addrinfo **pai)
{
    if (name != NULL && strcmp(name, "hang.test") == 0) {
        (void)sem_wait(&resolver_may_answer);
        return EAI_AGAIN;
    }
    if (name != NULL && strcmp(name, "absent.test") == 0) {
        return EAI_NONAME;
    }
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    bool is_ours = name != NULL && strcmp(name, "coordinator.test") == 0;
    return real(is_ours ? "127.0.0.1" : name, service, req, pai);
}

/* The outcome is this code, and a message that holds @text with '@' for the peer. */
static void expect_failure(const struct http_case *test, const struct http_request *request,
                           enum err_code code, const char *text)
{
    char expected[512] = "";
    const char *at = strchr(text, '@');
    if (at != NULL) {
        (void)snprintf(expected, sizeof(expected), "%.*s%s:%u%s", (int)(at - text), text,
                       request->connect_host, (unsigned)request->connect_port, at + 1);
    } else {
        (void)snprintf(expected, sizeof(expected), "%s", text);
    }
    const struct http_outcome *outcome = &test->outcome;
    assert_int_equal(outcome->n_done, 1);
    assert_int_equal(outcome->status, 0);
    assert_string_equal(outcome->body, "");
    assert_int_equal(outcome->body_len, 0);
    if (strstr(outcome->error.message, expected) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", expected, outcome->error.message);
    }
    assert_string_equal(err_code_name(outcome->error.code), err_code_name(code));
    assert_null(strstr(outcome->error.message, HTTP_CASE_BEARER));
}

/* What a server says to a request, and does then. */
struct script {
    const char *reply;

    enum {
        THEN_CLOSE,
        THEN_RESET,
        THEN_WAIT,
        THEN_REPEAT,
        THEN_DRIP,
    } then;

    const char *more; /* THEN_REPEAT */
};

static void serve_script(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    const struct script *script = test->script;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    bool is_open = script->reply == NULL || tls_peer_send(peer, "%s", script->reply);
    switch (script->then) {
    case THEN_CLOSE:
        break;
    case THEN_RESET:
        tls_peer_reset(peer);
        break;
    case THEN_WAIT:
        tls_peer_wait_closed(peer);
        break;
    case THEN_REPEAT:
        while (is_open) {
            is_open = tls_peer_send(peer, "%s", script->more);
        }
        break;
    case THEN_DRIP:
        while (is_open) {
            is_open = tls_peer_send(peer, "1") && usleep(20000) == 0;
        }
        break;
    }
}

#define OK_HEAD "HTTP/1.1 200 OK\r\n"
#define BODY_OF_100 OK_HEAD "Content-Length: 100\r\n\r\n"
#define HEADER_OF_100                                                                          \
    "X-Long: 0123456789012345678901234567890123456789012345678901234567890123456789"           \
    "012345678901234567890\r\n"

static const struct {
    struct script script;
    enum err_code code;
    const char *text;
} reply_rows[] = {
    {{NULL, THEN_CLOSE, NULL}, ERR_CONNECT, "no reply from @: the connection was closed"},
    {{NULL, THEN_RESET, NULL}, ERR_CONNECT, "no reply from @: the connection was closed"},
    {{"HTTP/1.1 100 Continue\r\n\r\n", THEN_CLOSE, NULL}, ERR_CONNECT, "reply from @"},
    {{OK_HEAD, THEN_CLOSE, NULL}, ERR_CONNECT, "reply from @: the connection broke off among"},
    {{OK_HEAD "X-A: ", THEN_CLOSE, NULL},
     ERR_CONNECT,
     "from @: the connection broke off among"},
    {{BODY_OF_100 "0123456789", THEN_CLOSE, NULL},
     ERR_CONNECT,
     "reply from @: the connection broke off after 10 bytes"},
    {{BODY_OF_100 "0123456789", THEN_RESET, NULL},
     ERR_CONNECT,
     "reply from @: the connection "},
    {{OK_HEAD "Transfer-Encoding: chunked\r\n\r\n40\r\n01234", THEN_CLOSE, NULL},
     ERR_CONNECT,
     "reply from @: the connection broke off after 5 bytes"},
    {{OK_HEAD "Content-Length: 1025\r\n\r\n", THEN_REPEAT, "0123456789"},
     ERR_TOO_LARGE,
     "reply from @: over the bound: more than 1024 bytes"},
    {{OK_HEAD "\r\n", THEN_REPEAT, "0123456789"},
     ERR_TOO_LARGE,
     "reply from @: over the bound: more than 1024 bytes"},
    {{OK_HEAD, THEN_REPEAT, HEADER_OF_100}, ERR_TOO_LARGE, "headers of the reply from @: "},
    {{"220 mail.example ESMTP\r\n\r\n", THEN_WAIT, NULL}, ERR_PROTOCOL, "reply from @: "},
};

static void a_reply_that_is_not_whole_is_none(void **state)
{
    struct http_case *test = *state;
    for (size_t i = 0; i < ARRAY_LEN(reply_rows); i++) {
        test->script = &reply_rows[i].script;
        http_case_serve(test, serve_script);
        struct http_request request = http_case_request(test);

        http_case_call(test, &request);

        expect_failure(test, &request, reply_rows[i].code, reply_rows[i].text);
        tls_server_stop(test->server);
        test->server = NULL;
    }
}

/* [RT-3] */
static void waiting_for_the_reply_has_an_end(void **state)
{
    static const struct {
        struct script script;
        const char *text;
    } rows[] = {
        {{NULL, THEN_WAIT, NULL}, "no reply from @ within 250 ms"},
        {{BODY_OF_100, THEN_DRIP, NULL}, "reply from @: not complete within 250 ms: "},
    };
    struct http_case *test = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test->script = &rows[i].script;
        http_case_serve(test, serve_script);
        struct http_request request = http_case_request(test);
        request.total_timeout_ms = 250;

        http_case_call(test, &request);

        expect_failure(test, &request, ERR_TIMEOUT, rows[i].text);
        tls_server_stop(test->server);
        test->server = NULL;
    }
}

static void serve_only_waiting(struct tls_peer *peer, void *userdata)
{
    (void)userdata;
    tls_peer_wait_closed(peer);
}

/* [RT-3] */
static void a_handshake_has_an_end(void **state)
{
    struct http_case *test = *state;
    http_case_serve_plain(test, serve_only_waiting);
    struct http_request request = http_case_request(test);
    request.connect_timeout_ms = 200;

    http_case_call(test, &request);

    expect_failure(test, &request, ERR_TIMEOUT, "TLS with @: no answer within 200 ms");
}

static int socket_on_loopback(struct sockaddr_in *ret_address)
{
    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(*ret_address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)ret_address, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &len), 0);
    return fd;
}

/* [RT-3] */
static void connecting_has_an_end(void **state)
{
    /* A full accept queue drops what else comes: the kernel does not answer. */
    struct http_case *test = *state;
    struct sockaddr_in address;
    int listener = socket_on_loopback(&address);
    assert_int_equal(listen(listener, 0), 0);
    int fillers[3];
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof(address));
    }
    struct http_request request = http_case_request(test);
    request.connect_port = ntohs(address.sin_port);
    request.connect_timeout_ms = 200;

    http_case_call(test, &request);

    expect_failure(test, &request, ERR_TIMEOUT, "connect to @: no answer within 200 ms");
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
}

static void a_refused_connection_is_told(void **state)
{
    struct http_case *test = *state;
    struct sockaddr_in address;
    int fd = socket_on_loopback(&address); /* bound, so nobody else listens there */
    struct http_request request = http_case_request(test);
    request.connect_port = ntohs(address.sin_port);

    http_case_call(test, &request);

    expect_failure(test, &request, ERR_CONNECT, "connect to @: connection refused");
    assert_int_equal(test->outcome.error.sys_errno, ECONNREFUSED);
    (void)close(fd);
}

static void an_ipv6_literal_is_dialled_and_told_in_brackets(void **state)
{
    struct http_case *test = *state;
    struct http_request request = http_case_request(test);
    request.connect_host = "::1";
    request.connect_port = 1; /* refused, or no IPv6 here: both are about that address */

    http_case_call(test, &request);

    expect_failure(test, &request, ERR_CONNECT, "connect to [::1]:1: ");
}

static void names_are_resolved_and_told(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    request.connect_host = "coordinator.test";
    http_case_call(test, &request);
    assert_int_equal(test->outcome.status, 200);

    request.connect_host = "absent.test";
    http_case_call(test, &request);
    expect_failure(test, &request, ERR_RESOLVE, "resolve name absent.test: ");
}

/* [RT-3] */
static void a_resolver_that_hangs_holds_nothing_up(void **state)
{
    struct http_case *test = *state;
    assert_int_equal(sem_init(&resolver_may_answer, 0, 0), 0);
    struct http_request request = http_case_request(test);
    request.connect_host = "hang.test";
    request.connect_timeout_ms = 200;
    uint64_t before_ms = uv_hrtime() / 1000000;

    http_case_call(test, &request);

    assert_true(uv_hrtime() / 1000000 - before_ms < 2000);
    expect_failure(test, &request, ERR_TIMEOUT,
                   "resolve name hang.test: no answer within 200 ms");
    http_case_stop(test);
    (void)sem_post(&resolver_may_answer);
}

static void call_server_with(struct http_case *test, const char *cert, const char *key,
                             const struct http_request *changes)
{
    const struct tls_server_options options = {
        .cert_pem = cert, .key_pem = key, .serve = http_serve_ok, .userdata = test};
    tls_server_stop(test->server);
    test->server = tls_server_start(&options);
    struct http_request request = *changes;
    request.connect_port = tls_server_port(test->server);
    http_case_call(test, &request);
}

/* [TR-3] */
static void a_certificate_that_does_not_verify_is_refused_with_the_reason(void **state)
{
    struct http_case *test = *state;
    const struct http_pki *pki = test->pki;
    struct http_request request = http_case_request(test);

    call_server_with(test, pki->other_name_cert, pki->other_name_key, &request);
    request.connect_port = tls_server_port(test->server);
    expect_failure(test, &request, ERR_TLS,
                   "TLS with @: the certificate is for other names than " HTTP_CASE_NAME);

    call_server_with(test, pki->expired_cert, pki->expired_key, &request);
    request.connect_port = tls_server_port(test->server);
    expect_failure(test, &request, ERR_TLS, "TLS with @: the certificate has expired");

    request.ca_pem = pki->other_ca;
    call_server_with(test, pki->cert, pki->key, &request);
    request.connect_port = tls_server_port(test->server);
    expect_failure(test, &request, ERR_TLS,
                   "TLS with @: the certificate is not signed by the installation's CA (");

    request.trust = HTTP_TRUST_SYSTEM;
    call_server_with(test, pki->cert, pki->key, &request);
    request.connect_port = tls_server_port(test->server);
    expect_failure(test, &request, ERR_TLS,
                   "TLS with @: the certificate is not signed by an authority that this system "
                   "trusts (");

    request.trust = HTTP_TRUST_CA;
    request.ca_pem = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";
    call_server_with(test, pki->cert, pki->key, &request);
    request.connect_port = tls_server_port(test->server);
    expect_failure(test, &request, ERR_TLS, "the CA to trust is no readable certificate");
}

static void serve_plain_http(struct tls_peer *peer, void *userdata)
{
    (void)userdata;
    (void)tls_peer_send(peer, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    tls_peer_wait_closed(peer);
}

static void serve_nothing_at_all(struct tls_peer *peer, void *userdata)
{
    (void)userdata;
    (void)peer;
}

static void a_peer_without_tls_is_told(void **state)
{
    struct http_case *test = *state;
    http_case_serve_plain(test, serve_plain_http);
    struct http_request request = http_case_request(test);
    http_case_call(test, &request);
    expect_failure(test, &request, ERR_TLS,
                   "TLS with @: no TLS is spoken there; is it a plain-HTTP port?");
    tls_server_stop(test->server);

    http_case_serve_plain(test, serve_nothing_at_all);
    request = http_case_request(test);
    http_case_call(test, &request);
    expect_failure(test, &request, ERR_TLS, "TLS with @: the connection was ");
}

int run_http_failure_cases(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_reply_that_is_not_whole_is_none),
        HTTP_CASE(waiting_for_the_reply_has_an_end),
        HTTP_CASE(a_handshake_has_an_end),
        HTTP_CASE(connecting_has_an_end),
        HTTP_CASE(a_refused_connection_is_told),
        HTTP_CASE(an_ipv6_literal_is_dialled_and_told_in_brackets),
        HTTP_CASE(names_are_resolved_and_told),
        HTTP_CASE(a_resolver_that_hangs_holds_nothing_up),
        HTTP_CASE(a_certificate_that_does_not_verify_is_refused_with_the_reason),
        HTTP_CASE(a_peer_without_tls_is_told),
    };
    return cmocka_run_group_tests(tests, http_pki_setup, http_pki_teardown);
}
