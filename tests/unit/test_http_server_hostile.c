/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that try to mean two things, and bodies that do not end. */
#include "tests/unit/http_server_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BYTES(text) (text), sizeof(text) - 1

struct attack {
    const char *bytes;
    size_t len;
    int status; /* 0 = cut without a word */
};

struct outcome {
    const struct attack *attack;
    struct https_reply reply;
    bool is_gone;
};

static void attack_script(const struct fixture *fixture, void *arg)
{
    struct outcome *outcome = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL) &&
        https_client_send(&client, outcome->attack->bytes, outcome->attack->len)) {
        https_client_hear(&client, true, &outcome->reply);
        outcome->is_gone = https_client_is_gone(&client, 2000);
    }
    https_client_close(&client);
}

static void a_request_of_two_meanings_is_refused_and_its_connection_closed(void **state)
{
    /* Every body here would be a second request to whoever reads the first one differently. */
    static const struct attack attacks[] = {
        {BYTES(
             "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"
             "GET /"),
         400},
        {BYTES(
             "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\ncontent-length: 3\r\n\r\n"
             "abc"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
               "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length : 3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: +3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3, 3\r\n\r\nabc"), 400},
        {BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nHost: g\r\n\r\n"), 400},
        {BYTES(
             "GET /hello HTTP/1.1\r\nHost: h\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n"),
         400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nX: a\r\n\tb\r\nHost: h\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: a\0b\r\nY: c\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX\0Y: a\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX: \x7f\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nX y: a\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\n: a\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n"), 400},
        {BYTES("GET /hello HTTP/1.1\r\n\r\n"), 400}, /* no Host */
        {BYTES("GET /hello HTTP/3.0\r\nHost: h\r\n\r\n"), 505},
        {BYTES("GET /hel lo HTTP/1.1\r\nHost: h\r\n\r\n"), 0},
        {BYTES("\x16\x03\x01\x02\r\n\r\n"), 0},
    };
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){0});

    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        struct outcome outcome = {.attack = &attacks[i]};
        fixture_play(fixture, attack_script, &outcome);
        if (outcome.reply.status != attacks[i].status || !outcome.is_gone) {
            fail_msg("attack %zu: status %d, connection %s", i, outcome.reply.status,
                     outcome.is_gone ? "closed" : "kept");
        }
    }
    assert_int_equal(fixture->n_handled, 0);
}

static void more_headers_than_anybody_needs_are_refused(void **state)
{
    struct fixture *fixture = *state;
    char text[16384] = "GET /hello HTTP/1.1\r\nHost: h\r\n";
    size_t len = strlen(text);
    fixture_start(fixture, &(struct fixture_limits){0});
    for (int i = 0; i < 70; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X%d: a\r\n", i);
    }
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    const struct attack many = {text, len + 2, 400};
    struct outcome outcome = {.attack = &many};

    fixture_play(fixture, attack_script, &outcome);
    assert_true(outcome.reply.status == 400 || outcome.reply.status == 431);
    assert_true(outcome.is_gone);

    memset(text, 'x', sizeof(text) - 1);
    text[3] = ' ';
    text[4] = '/';
    const struct attack long_line = {text, sizeof(text) - 1, 414};
    outcome = (struct outcome){.attack = &long_line};
    fixture_play(fixture, attack_script, &outcome);
    assert_int_equal(outcome.reply.status, 414);
    assert_int_equal(fixture->n_handled, 0);
}

static void chunks_past_the_bound_are_cut(void **state)
{
    static const struct attack endless = {
        BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
              "20\r\n01234567890123456789012345678901\r\n"
              "20\r\n01234567890123456789012345678901\r\n"
              "1\r\nx\r\n"),
        0};
    static const struct attack bodiless = {
        BYTES("GET /hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
              "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        413};
    struct fixture *fixture = *state;
    struct outcome outcome = {.attack = &endless};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, attack_script, &outcome);
    assert_int_equal(outcome.reply.status, 0);
    assert_true(outcome.is_gone);

    outcome = (struct outcome){.attack = &bodiless};
    fixture_play(fixture, attack_script, &outcome);
    assert_int_equal(outcome.reply.status, 413);
    assert_true(outcome.is_gone); /* it asked for that */
    assert_int_equal(fixture->n_handled, 0);
}

static void a_body_announced_too_large_is_refused_before_it_is_sent(void **state)
{
    static const struct attack huge = {
        BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1099511627776\r\n\r\n"), 413};
    static const struct attack polite = {
        BYTES("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 65\r\n"
              "Expect: 100-continue\r\n\r\n"),
        413};
    const struct attack *const cases[] = {&huge, &polite};
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){0});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outcome outcome = {.attack = cases[i]};
        fixture_play(fixture, attack_script, &outcome);
        assert_int_equal(outcome.reply.status, 413);
        assert_non_null(strstr(outcome.reply.body, "root.payload_too_large"));
        assert_true(outcome.is_gone);
    }
}

int run_http_server_hostile_cases(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_CASE(a_request_of_two_meanings_is_refused_and_its_connection_closed),
        SERVER_CASE(more_headers_than_anybody_needs_are_refused),
        SERVER_CASE(chunks_past_the_bound_are_cut),
        SERVER_CASE(a_body_announced_too_large_is_refused_before_it_is_sent),
    };
    return cmocka_run_group_tests_name("http_server_hostile", tests, NULL, NULL);
}
