/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that take their time: the reaper cuts them, and nobody else waits for them. */
#include "tests/unit/http_server_fixture.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/http/reaper.h"

#define HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"

enum {
    REQUEST_MS = 300,
    DRIP_MS = 40,
    CUT_BY_MS =
        4000, /* far below what the clients would take, far above the deadline and a tick */
    SILENT = 300,
};

static uint64_t now_ms(void)
{
    return clock_monotonic_ms(clock_system());
}

/* The slow: each begins differently, then sends one byte after the other until it is cut. */
enum slowness {
    TCP_AND_SILENCE,
    TLS_AND_SILENCE,
    HEADER_DRIP,
    BODY_DRIP,
    CHUNK_DRIP,
    SECOND_REQUEST_DRIP,
    SLOW_KINDS
};

struct slow {
    struct https_client clients[SLOW_KINDS];
    uint64_t cut_after_ms[SLOW_KINDS]; /* 0 = never */
    bool is_answered;                  /* the first request of SECOND_REQUEST_DRIP */
};

static const struct {
    const char *beginning;
    const char *drip;
} slownesses[SLOW_KINDS] = {
    [TCP_AND_SILENCE] = {NULL, NULL},
    [TLS_AND_SILENCE] = {"", NULL},
    [HEADER_DRIP] = {"GET /hello HTTP/1.1\r\nHost: h\r\nX: ", "x"},
    [BODY_DRIP] = {"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 64\r\n\r\n", "x"},
    [CHUNK_DRIP] = {"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "1\r\nx\r\n"},
    [SECOND_REQUEST_DRIP] = {HELLO "GET /hello HTTP/1.1\r\nX:", "x"},
};

static void begin(const struct fixture *fixture, struct slow *slow, size_t kind)
{
    struct https_client *client = &slow->clients[kind];
    if (slownesses[kind].beginning == NULL) {
        (void)https_client_dial(client, fixture->port);
        return;
    }
    (void)https_client_connect(client, fixture->port, NULL);
    (void)https_client_say(client, slownesses[kind].beginning);
    if (kind == SECOND_REQUEST_DRIP) {
        struct https_reply reply;
        https_client_hear(client, true, &reply);
        slow->is_answered = reply.status == 200;
    }
}

static void drip_script(const struct fixture *fixture, void *arg)
{
    struct slow *slow = arg;
    size_t left = SLOW_KINDS;
    for (size_t kind = 0; kind < SLOW_KINDS; kind++) {
        begin(fixture, slow, kind);
    }
    uint64_t start_ms = now_ms();
    while (left > 0 && now_ms() - start_ms < CUT_BY_MS) {
        (void)poll(NULL, 0, DRIP_MS); /* the pace of the drip */
        for (size_t kind = 0; kind < SLOW_KINDS; kind++) {
            if (slow->cut_after_ms[kind] > 0) {
                continue;
            }
            bool is_sent = slownesses[kind].drip == NULL ||
                           https_client_say(&slow->clients[kind], slownesses[kind].drip);
            if (!is_sent || https_client_is_gone(&slow->clients[kind], 0)) {
                slow->cut_after_ms[kind] = now_ms() - start_ms + 1;
                left--;
            }
        }
    }
    for (size_t kind = 0; kind < SLOW_KINDS; kind++) {
        https_client_close(&slow->clients[kind]);
    }
}

static void slow_and_silent_clients_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct slow slow = {0};
    fixture_start(fixture, &(struct fixture_limits){.request_ms = REQUEST_MS});

    fixture_play(fixture, drip_script, &slow);

    assert_true(slow.is_answered);
    for (size_t kind = 0; kind < SLOW_KINDS; kind++) {
        if (slow.cut_after_ms[kind] == 0) {
            fail_msg("client %zu was not cut", kind);
        }
    }
    assert_int_equal(fixture->n_handled, 1);
}

struct idler {
    int first_status;
    bool is_kept; /* after the request's deadline, before the idle limit */
    bool is_gone;
};

static void idle_script(const struct fixture *fixture, void *arg)
{
    struct idler *idler = arg;
    struct https_client client;
    struct https_reply reply;
    if (https_client_connect(&client, fixture->port, NULL)) {
        idler->first_status = https_client_ask(&client, HELLO, &reply);
        idler->is_kept = !https_client_is_gone(&client, 400);
        idler->is_gone = https_client_is_gone(&client, CUT_BY_MS);
    }
    https_client_close(&client);
}

static void a_kept_connection_is_closed_at_the_idle_limit_and_not_before(void **state)
{
    struct fixture *fixture = *state;
    struct idler idler = {0};
    fixture_start(fixture, &(struct fixture_limits){.request_ms = 100, .idle_ms = 600});

    fixture_play(fixture, idle_script, &idler);

    assert_int_equal(idler.first_status, 200);
    assert_true(idler.is_kept);
    assert_true(idler.is_gone);
    fixture_until(fixture, &fixture->n_closed, 1);
    assert_int_equal(fixture->closed_connection, fixture->last_connection);
}

static void slow_reader_script(const struct fixture *fixture, void *arg)
{
    struct https_client *client = arg;
    if (https_client_connect(client, fixture->port, NULL)) {
        (void)https_client_say(client, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    }
}

static void a_client_that_does_not_take_its_reply_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct https_client client;
    fixture_start(fixture, &(struct fixture_limits){.idle_ms = REQUEST_MS});

    fixture_play(fixture, slow_reader_script, &client);

    fixture_until(fixture, &fixture->n_closed, 1);
    https_client_close(&client);
}

struct crowd {
    struct https_client silent[SILENT];
    size_t n_connected;
    int status;
    uint64_t took_ms;
};

static void crowd_script(const struct fixture *fixture, void *arg)
{
    struct crowd *crowd = arg;
    for (size_t i = 0; i < SILENT; i++) {
        crowd->n_connected += https_client_dial(&crowd->silent[i], fixture->port) ? 1 : 0;
    }
    struct https_client client;
    struct https_reply reply;
    uint64_t start_ms = now_ms();
    if (https_client_connect(&client, fixture->port, NULL)) {
        crowd->status = https_client_ask(&client, HELLO, &reply);
    }
    crowd->took_ms = now_ms() - start_ms;
    https_client_close(&client);
    for (size_t i = 0; i < SILENT; i++) {
        https_client_close(&crowd->silent[i]);
    }
}

static void a_silent_crowd_delays_nobody(void **state)
{
    struct fixture *fixture = *state;
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    assert_non_null(crowd);
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, crowd_script, crowd);

    assert_int_equal(crowd->n_connected, SILENT);
    assert_int_equal(crowd->status, 200);
    assert_true(crowd->took_ms < 2000);
    free(crowd);
}

struct limited {
    bool is_second_refused;
    int after_close;
};

static void limit_script(const struct fixture *fixture, void *arg)
{
    struct limited *limited = arg;
    struct https_client first;
    struct https_client second;
    struct https_reply reply;
    if (https_client_connect(&first, fixture->port, NULL) &&
        https_client_ask(&first, HELLO, &reply) == 200) {
        limited->is_second_refused = !https_client_connect(&second, fixture->port, NULL);
        https_client_close(&second);
    }
    https_client_close(&first);
    for (int i = 0; i < 100 && limited->after_close != 200; i++) {
        (void)poll(NULL, 0, 20); /* until the server has seen the first one leave */
        if (https_client_connect(&second, fixture->port, NULL)) {
            limited->after_close = https_client_ask(&second, HELLO, &reply);
        }
        https_client_close(&second);
    }
}

static void one_address_may_not_hold_more_than_its_share(void **state)
{
    struct fixture *fixture = *state;
    struct limited limited = {0};
    fixture_start(fixture, &(struct fixture_limits){.connections_per_ip = 1});

    fixture_play(fixture, limit_script, &limited);

    assert_true(limited.is_second_refused);
    assert_int_equal(limited.after_close, 200);
}

static void full_script(const struct fixture *fixture, void *arg)
{
    struct limited *limited = arg;
    struct https_client holders[2];
    struct https_client third;
    struct https_reply reply;
    for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
        if (https_client_connect(&holders[i], fixture->port, NULL)) {
            (void)https_client_ask(&holders[i], HELLO, &reply);
        }
    }
    /* Waits in the listener's queue, is not refused. */
    if (https_client_dial(&third, fixture->port)) {
        limited->is_second_refused = https_client_is_gone(&third, 100);
    }
    https_client_close(&holders[0]);
    https_client_close(&third);
    if (https_client_connect(&third, fixture->port, NULL)) {
        limited->after_close = https_client_ask(&third, HELLO, &reply);
    }
    https_client_close(&third);
    https_client_close(&holders[1]);
}

static void a_full_server_takes_the_next_as_soon_as_one_leaves(void **state)
{
    struct fixture *fixture = *state;
    struct limited limited = {0};
    fixture_start(fixture, &(struct fixture_limits){.connections = 2});

    fixture_play(fixture, full_script, &limited);

    assert_false(limited.is_second_refused);
    assert_int_equal(limited.after_close, 200);
}

static void the_reaper_gives_each_stage_its_own_time(void **state)
{
    struct reaper reaper = {
        .limit_ms = {[REAPER_REQUESTING] = 10, [REAPER_PARKED] = 20, [REAPER_KEPT] = 30}};
    struct reaper_entry a = {0};
    struct reaper_entry b = {0};
    struct reaper_entry c = {0};
    (void)state;

    reaper_enter(&reaper, &a, REAPER_REQUESTING, 100);
    reaper_enter(&reaper, &b, REAPER_REQUESTING, 101);
    reaper_enter(&reaper, &c, REAPER_KEPT, 80);
    assert_null(reaper_due(&reaper, 109));
    assert_ptr_equal(reaper_due(&reaper, 110), &a);
    reaper_enter(&reaper, &a, REAPER_PARKED, 110);
    assert_ptr_equal(reaper_due(&reaper, 110), &c);
    reaper_enter(&reaper, &c, REAPER_NONE, 0);
    assert_null(reaper_due(&reaper, 110));
    assert_ptr_equal(reaper_due(&reaper, 111), &b);
    reaper_enter(&reaper, &b, REAPER_REQUESTING, 111); /* from the middle to the end */
    assert_ptr_equal(reaper_due(&reaper, 130), &b);
    reaper_enter(&reaper, &b, REAPER_NONE, 0);
    assert_ptr_equal(reaper_due(&reaper, 130), &a);
    reaper_enter(&reaper, &a, REAPER_REQUESTING, 131);
    assert_null(reaper_due(&reaper, 130)); /* entered while the caller was busy reaping */
    reaper_enter(&reaper, &a, REAPER_NONE, 0);
    assert_null(reaper_due(&reaper, UINT64_MAX));
}

int run_http_server_deadline_cases(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reaper_gives_each_stage_its_own_time),
        SERVER_CASE(slow_and_silent_clients_are_cut),
        SERVER_CASE(a_kept_connection_is_closed_at_the_idle_limit_and_not_before),
        SERVER_CASE(a_client_that_does_not_take_its_reply_is_cut),
        SERVER_CASE(a_silent_crowd_delays_nobody),
        SERVER_CASE(one_address_may_not_hold_more_than_its_share),
        SERVER_CASE(a_full_server_takes_the_next_as_soon_as_one_leaves),
    };
    return cmocka_run_group_tests_name("http_server_deadlines", tests, NULL, NULL);
}
