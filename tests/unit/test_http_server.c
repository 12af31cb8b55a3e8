/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS server with clients that behave: requests, replies, connections that are kept,
 * certificates. */
#include "tests/unit/http_server_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

struct seen {
    struct https_reply replies[3];
};

/* One request, and one more to see whether the connection is still good. */
struct question {
    const char *text;
    struct https_reply reply;
    struct https_reply next;
};

static void ask_once(const struct fixture *fixture, void *arg)
{
    struct question *question = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_ask(&client, question->text, &question->reply);
        (void)https_client_ask(&client, HELLO, &question->next);
    }
    https_client_close(&client);
}

static int ask(struct fixture *fixture, const char *text, struct https_reply *ret)
{
    struct question question = {.text = text};
    fixture_play(fixture, ask_once, &question);
    *ret = question.reply;
    return ret->status;
}

/* [TP-1] [TP-3] */
static void a_request_is_answered_over_tls_with_the_common_headers(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});

    assert_int_equal(ask(fixture, HELLO, &reply), 200);

    assert_string_equal(reply.body, "hello\n");
    assert_string_equal(https_reply_header(&reply, "Content-Type", value), "text/plain");
    assert_string_equal(https_reply_header(&reply, "Cache-Control", value), "no-store");
    assert_string_equal(https_reply_header(&reply, "X-Content-Type-Options", value), "nosniff");
    assert_string_not_equal(https_reply_header(&reply, "Date", value), "");
    assert_string_equal(https_reply_header(&reply, "Server", value), "");
    assert_string_equal(https_reply_header(&reply, "Connection", value), "");
}

static void a_handler_sees_the_request_decoded_once(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});

    assert_int_equal(ask(fixture,
                         "GET /show/a%2Fb%2520?y=1&x=%C3%A4+%2B%25&&z HTTP/1.1\r\n"
                         "Host: h\r\nX-TEST:  two words \r\n\r\n",
                         &reply),
                     200);

    assert_string_equal(reply.body, "GET\n/show/a/b%20\n127.0.0.1\n\xc3\xa4 +%\ntwo words \n");
    assert_string_equal(https_reply_header(&reply, "X-Shown", value), "1");
    assert_string_equal(https_reply_header(&reply, "Cache-Control", value), "max-age=60");
}

static void an_ipv4_client_of_a_dual_stack_listener_is_shown_as_ipv4(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    fixture_start(fixture, &(struct fixture_limits){.is_dual = true});

    assert_int_equal(ask(fixture, "GET /show/x HTTP/1.1\r\nHost: h\r\n\r\n", &reply), 200);

    assert_string_equal(reply.body, "GET\n/show/x\n127.0.0.1\n-\n-\n");
}

static void head_is_get_without_the_body(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});

    assert_int_equal(ask(fixture, "HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n", &reply), 200);

    assert_string_equal(https_reply_header(&reply, "Content-Length", value), "6");
    assert_int_equal(reply.body_len, 0);
}

/* [TP-3] */
static void refusals_have_the_documented_body_and_keep_the_connection(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *code;
    } cases[] = {
        {"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404, "root.not_found"},
        {"POST /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody", 405,
         "root.method_not_allowed"},
        {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n\r\n"
         "12345678901234567890123456789012345678901234567890123456789012345",
         413, "root.payload_too_large"},
        {"GET /hello HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx", 413,
         "root.payload_too_large"},
        {"GET /show/x?x=%0a HTTP/1.1\r\nHost: h\r\n\r\n", 400, "root.bad_request"},
        {"GET /show/x?x=%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400, "root.bad_request"},
        {"GET /show/x?x=%ff HTTP/1.1\r\nHost: h\r\n\r\n", 400, "root.bad_request"},
    };
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){0});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct question question = {.text = cases[i].text};
        char value[256];
        char expected[256];
        fixture_play(fixture, ask_once, &question);
        assert_int_equal(question.reply.status, cases[i].status);
        assert_string_equal(https_reply_header(&question.reply, "x-cloud-error-codes", value),
                            cases[i].code);
        (void)snprintf(expected, sizeof(expected), "\"code\": \"%s\"", cases[i].code);
        assert_non_null(strstr(question.reply.body, expected));
        assert_int_equal(question.next.status, 200);
    }
    assert_int_equal(fixture->n_handled, ARRAY_LEN(cases)); /* the next ones only */
}

static void another_method_is_answered_with_allow(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});

    assert_int_equal(ask(fixture, "DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n", &reply), 405);

    assert_string_equal(https_reply_header(&reply, "Allow", value), "GET");
}

static void a_json_body_needs_its_content_type(void **state)
{
    static const struct {
        const char *type;
        const char *body;
        int status;
        const char *says;
    } cases[] = {
        {"Content-Type: application/json\r\n", "{\"a\":1}", 201, "{\n  \"a\": 1\n}\n"},
        {"Content-Type: Application/JSON; charset=utf-8\r\n", "{}", 201, "{}"},
        {"Content-Type: application/x-www-form-urlencoded\r\n", "{}", 400,
         "send it as JSON, with the header Content-Type: application/json"},
        {"Content-Type: application/jsonx\r\n", "{}", 400, "application/jsonx"},
        {"", "{}", 400, "the request has none"},
        {"Content-Type: application/json\r\n", "", 400, "it is empty"},
        {"Content-Type: application/json\r\n", "{\"a\":1,\"a\":2}", 400, "read the body"},
        {"Content-Type: application/json\r\n", "{\"a\":\"\xff\"}", 400, "read the body"},
    };
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){0});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct https_reply reply;
        (void)snprintf(text, sizeof(text),
                       "POST /json HTTP/1.1\r\nHost: h\r\n%sContent-Length: %zu\r\n\r\n%s",
                       cases[i].type, strlen(cases[i].body), cases[i].body);
        assert_int_equal(ask(fixture, text, &reply), cases[i].status);
        if (strstr(reply.body, cases[i].says) == NULL) {
            fail_msg("%s", reply.body);
        }
    }
}

static void keep_alive_script(const struct fixture *fixture, void *arg)
{
    struct seen *seen = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL)) {
        for (size_t i = 0; i < ARRAY_LEN(seen->replies); i++) {
            (void)https_client_ask(&client, HELLO, &seen->replies[i]);
        }
    }
    https_client_close(&client);
}

static void a_connection_carries_several_requests(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, keep_alive_script, &seen);

    assert_int_equal(seen.replies[0].status, 200);
    assert_int_equal(seen.replies[2].status, 200);
    assert_int_equal(fixture->n_handled, 3);
    fixture_until(fixture, &fixture->n_closed, 1);
}

static void pipeline_script(const struct fixture *fixture, void *arg)
{
    struct seen *seen = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL) &&
        https_client_say(&client,
                         "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                         "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "1\r\nt\r\n2\r\nwo\r\n0\r\n\r\n"
                         "GET /later?ms=5 HTTP/1.1\r\nHost: h\r\n\r\n" HELLO)) {
        for (size_t i = 0; i < ARRAY_LEN(seen->replies); i++) {
            https_client_hear(&client, true, &seen->replies[i]);
        }
    }
    https_client_close(&client);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, pipeline_script, &seen);

    assert_string_equal(seen.replies[0].body, "one");
    assert_string_equal(seen.replies[1].body, "two");
    assert_string_equal(seen.replies[2].body, "late\n");
}

static void a_large_reply_arrives_whole(void **state)
{
    struct fixture *fixture = *state;
    struct https_reply reply;
    fixture_start(fixture, &(struct fixture_limits){0});

    assert_int_equal(ask(fixture, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n", &reply), 200);

    assert_int_equal(reply.body_len, FIXTURE_BIG_BYTES);
}

struct greeting {
    const char *server_name;
    char peer_name[128];
};

static void greet_script(const struct fixture *fixture, void *arg)
{
    struct greeting *greeting = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, greeting->server_name)) {
        memcpy(greeting->peer_name, client.peer_name, sizeof(client.peer_name));
    }
    https_client_close(&client);
}

static void assert_presents(struct fixture *fixture, const char *server_name,
                            const char *certificate)
{
    struct greeting greeting = {.server_name = server_name};
    fixture_play(fixture, greet_script, &greeting);
    assert_string_equal(greeting.peer_name, certificate);
}

/* [TR-4] */
static void the_name_that_is_asked_for_chooses_the_certificate(void **state)
{
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){.has_external = true});

    assert_presents(fixture, FIXTURE_INTERNAL_NAME, FIXTURE_INTERNAL_NAME);
    assert_presents(fixture, "0F8E.ECE.internal", FIXTURE_INTERNAL_NAME);
    assert_presents(fixture, FIXTURE_EXTERNAL_NAME, FIXTURE_EXTERNAL_NAME);
    assert_presents(fixture, "something.else", FIXTURE_EXTERNAL_NAME);
    assert_presents(fixture, NULL, FIXTURE_EXTERNAL_NAME);
}

static void a_renewed_certificate_serves_the_next_handshake(void **state)
{
    struct fixture *fixture = *state;
    struct err err;
    const struct http_identity renewed = {fixture->renewed.cert_pem, &fixture->renewed.key_pem};
    const struct http_identity mixed = {fixture->renewed.cert_pem, &fixture->internal.key_pem};
    const struct http_identity none = {NULL, NULL};
    fixture_start(fixture, &(struct fixture_limits){.has_external = true});

    assert_presents(fixture, FIXTURE_INTERNAL_NAME, FIXTURE_INTERNAL_NAME);
    assert_int_equal(http_server_set_internal(fixture->server, &renewed, &err), 0);
    assert_presents(fixture, FIXTURE_INTERNAL_NAME, FIXTURE_RENEWED_NAME);

    assert_int_equal(http_server_set_external(fixture->server, &mixed, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_presents(fixture, FIXTURE_EXTERNAL_NAME, FIXTURE_EXTERNAL_NAME);
    assert_int_equal(http_server_set_external(fixture->server, &none, &err), 0);
    assert_presents(fixture, FIXTURE_EXTERNAL_NAME, FIXTURE_RENEWED_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_CASE(a_request_is_answered_over_tls_with_the_common_headers),
        SERVER_CASE(a_handler_sees_the_request_decoded_once),
        SERVER_CASE(an_ipv4_client_of_a_dual_stack_listener_is_shown_as_ipv4),
        SERVER_CASE(head_is_get_without_the_body),
        SERVER_CASE(refusals_have_the_documented_body_and_keep_the_connection),
        SERVER_CASE(another_method_is_answered_with_allow),
        SERVER_CASE(a_json_body_needs_its_content_type),
        SERVER_CASE(a_connection_carries_several_requests),
        SERVER_CASE(pipelined_requests_are_answered_in_order),
        SERVER_CASE(a_large_reply_arrives_whole),
        SERVER_CASE(the_name_that_is_asked_for_chooses_the_certificate),
        SERVER_CASE(a_renewed_certificate_serves_the_next_handshake),
    };
    /* The clients write to connections that the server has closed. */
    (void)signal(SIGPIPE, SIG_IGN);
    int failed = cmocka_run_group_tests_name("http_server", tests, NULL, NULL);
    failed += run_http_server_hostile_cases();
    failed += run_http_server_deadline_cases();
    failed += run_http_server_file_cases();
    failed += run_http_server_life_cases();
    return failed;
}
