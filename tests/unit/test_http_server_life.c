/* SPDX-License-Identifier: Apache-2.0 */
/* Parked requests, connections that end, and the end of the server. */
#include "tests/unit/http_server_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define HELLO "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n"
#define LATER(ms) "GET /later?ms=" ms " HTTP/1.1\r\nHost: h\r\n\r\n"

struct seen {
    const char *text;
    struct https_reply first;
    struct https_reply second;
};

/* One request, then another on the same connection. */
static void two_script(const struct fixture *fixture, void *arg)
{
    struct seen *seen = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_ask(&client, seen->text, &seen->first);
        (void)https_client_ask(&client, HELLO, &seen->second);
    }
    https_client_close(&client);
}

static void a_reply_may_come_later_from_the_loop(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.text = LATER("30")};
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, two_script, &seen);

    assert_int_equal(seen.first.status, 200);
    assert_string_equal(seen.first.body, "late\n");
    assert_string_equal(https_reply_header(&seen.first, "X-Late", value), "1");
    assert_int_equal(seen.second.status, 200);
}

static void a_reply_that_comes_too_late_is_given_by_the_server(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {.text = LATER("900")};
    char value[256];
    fixture_start(fixture, &(struct fixture_limits){.park_ms = 200});

    fixture_play(fixture, two_script, &seen);

    assert_int_equal(seen.first.status, 503);
    assert_non_null(strstr(seen.first.body, "root.unavailable"));
    assert_string_equal(https_reply_header(&seen.first, "X-Late", value), "");
    assert_int_equal(seen.second.status, 200);
    fixture_until(fixture, &fixture->n_late, 1); /* the handler's own goes nowhere */
}

static void leave_script(const struct fixture *fixture, void *arg)
{
    struct seen *seen = arg;
    struct https_client client;
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_say(&client, LATER("100"));
    }
    https_client_close(&client);
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_ask(&client, LATER("200"), &seen->first);
    }
    https_client_close(&client);
}

static void a_client_may_leave_while_its_request_is_parked(void **state)
{
    struct fixture *fixture = *state;
    struct seen seen = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, leave_script, &seen);

    assert_int_equal(seen.first.status, 200);
    fixture_until(fixture, &fixture->n_late, 2);
    fixture_until(fixture, &fixture->n_closed, 2);
}

struct closing {
    bool is_plain_done;
    int status;
};

static void close_script(const struct fixture *fixture, void *arg)
{
    struct closing *closing = arg;
    struct https_client silent;
    struct https_client client;
    struct https_reply reply;
    closing->is_plain_done = https_client_connect(&silent, fixture->port, NULL);
    https_client_close(&silent);
    if (https_client_connect(&client, fixture->port, NULL)) {
        (void)https_client_ask(&client, HELLO, &reply);
        closing->status = https_client_ask(&client, HELLO, &reply);
    }
    https_client_close(&client);
}

/* [LV-1] */
static void a_connection_that_carried_requests_is_told_about_once_when_it_ends(void **state)
{
    struct fixture *fixture = *state;
    struct closing closing = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, close_script, &closing);

    assert_true(closing.is_plain_done);
    assert_int_equal(closing.status, 200);
    fixture_until(fixture, &fixture->n_closed, 1); /* not the one that asked nothing */
    assert_int_equal(fixture->closed_connection, fixture->last_connection);
    fixture_stop(fixture);
    assert_int_equal(fixture->n_closed, 1);
}

struct watched {
    struct fixture *fixture;
    uint64_t ids[2];
    struct https_client clients[2];
};

static void open_script(const struct fixture *fixture, void *arg)
{
    struct watched *watched = arg;
    for (size_t i = 0; i < ARRAY_LEN(watched->clients); i++) {
        struct https_reply reply;
        if (https_client_connect(&watched->clients[i], fixture->port, NULL)) {
            (void)https_client_ask(&watched->clients[i], HELLO, &reply);
        }
        watched->ids[i] = fixture->last_connection; /* its handler ran before the reply */
    }
}

/* [LV-1] */
static void the_end_of_one_connection_is_not_taken_for_that_of_another(void **state)
{
    struct fixture *fixture = *state;
    struct watched watched = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, open_script, &watched);
    assert_true(watched.ids[0] < watched.ids[1]);

    https_client_close(&watched.clients[1]);
    fixture_until(fixture, &fixture->n_closed, 1);
    assert_int_equal(fixture->closed_connection, watched.ids[1]);
    https_client_close(&watched.clients[0]);
    fixture_until(fixture, &fixture->n_closed, 2);
    assert_int_equal(fixture->closed_connection, watched.ids[0]);
}

struct stopping {
    struct https_reply parked;
    bool is_kept_gone;
    bool is_refused;
};

static void stop_script(const struct fixture *fixture, void *arg)
{
    struct stopping *stopping = arg;
    struct https_client parked;
    struct https_client kept;
    struct https_client after;
    struct https_reply reply;
    if (https_client_connect(&kept, fixture->port, NULL) &&
        https_client_ask(&kept, HELLO, &reply) == 200 &&
        https_client_connect(&parked, fixture->port, NULL) &&
        https_client_say(&parked, LATER("60000"))) {
        while (fixture->n_handled < 2 && !https_client_is_gone(&parked, 10)) {
            /* until the request is parked */
        }
        (void)https_client_say(&kept, "POST /stop HTTP/1.1\r\nHost: h\r\n\r\n");
        https_client_hear(&parked, true, &stopping->parked);
        stopping->is_kept_gone = https_client_is_gone(&kept, 2000);
        stopping->is_refused = !https_client_connect(&after, fixture->port, NULL);
        https_client_close(&after);
    }
    https_client_close(&parked);
    https_client_close(&kept);
}

static void stopping_from_a_handler_answers_the_parked_and_closes_everything(void **state)
{
    struct fixture *fixture = *state;
    struct stopping stopping = {0};
    fixture_start(fixture, &(struct fixture_limits){0});

    fixture_play(fixture, stop_script, &stopping);
    fixture_until(fixture, &fixture->n_stopped, 1);

    assert_int_equal(stopping.parked.status, 503);
    assert_non_null(strstr(stopping.parked.body, "root.unavailable"));
    assert_true(stopping.is_kept_gone);
    assert_true(stopping.is_refused);
    assert_int_equal(fixture->n_closed, 0); /* it was the server that left */
    assert_non_null(fixture->laters);       /* its late reply is dropped in the teardown */
}

static void a_server_that_served_nobody_stops(void **state)
{
    struct fixture *fixture = *state;
    fixture_start(fixture, &(struct fixture_limits){0});
    http_server_stop(NULL, NULL, NULL);

    fixture_stop(fixture);

    assert_int_equal(fixture->n_stopped, 1);
}

static void unusable_certificates_are_refused_at_the_start(void **state)
{
    struct fixture *fixture = *state;
    struct secret garbage = {.bytes = (char[]){"garbage"}, .len = 7};
    const struct http_identity good = {fixture->internal.cert_pem, &fixture->internal.key_pem};
    const struct http_identity bad[] = {
        {"garbage", &fixture->internal.key_pem},
        {"", &fixture->internal.key_pem},
        {fixture->internal.cert_pem, &garbage},
        {fixture->internal.cert_pem, &fixture->external.key_pem},
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(bad); i++) {
        struct err err = {0};
        struct http_server *server = NULL;
        int fd = -1;
        bool is_external = i >= ARRAY_LEN(bad);
        assert_int_equal(http_server_listen("127.0.0.1", 0, &fd, &err), 0);
        const struct http_server_options options = {
            .loop = &fixture->loop,
            .clock = clock_system(),
            .log = &fixture->log,
            .router = &fixture->router,
            .listen_fd = fd,
            .internal = is_external ? good : bad[i],
            .internal_name = FIXTURE_INTERNAL_NAME,
            .external = is_external ? bad[i - ARRAY_LEN(bad)] : (struct http_identity){0},
        };
        assert_int_equal(http_server_start(&server, &options, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_null(server);
        assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken, so closed */
    }
}

static void the_listener_says_what_is_wrong_with_its_address(void **state)
{
    static const char *const wrong[] = {"localhost", "",     "1.2.3", "[127.0.0.1]",
                                        "::1]",      "[::1", "*",     "127.0.0.1 "};
    struct err err;
    int fd = -1;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(http_server_listen(wrong[i], 0, &fd, &err), -1);
        assert_int_equal(err.code, ERR_CONFIG);
        assert_int_equal(fd, -1);
    }
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 address = {0}; /* the port stands at the same place in both families */
    socklen_t len = sizeof(address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin6_port);
}

static void all_addresses_means_both_families_and_a_taken_port_is_named(void **state)
{
    struct err err;
    struct https_client client;
    int fd = -1;
    int second = -1;
    (void)state;

    assert_int_equal(http_server_listen("[::]", 0, &fd, &err), 0);
    assert_true(https_client_dial(&client, port_of(fd))); /* over IPv4 */
    https_client_close(&client);

    assert_int_equal(http_server_listen("::", port_of(fd), &second, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(second, -1);
    (void)close(fd);
}

int run_http_server_life_cases(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_CASE(a_reply_may_come_later_from_the_loop),
        SERVER_CASE(a_reply_that_comes_too_late_is_given_by_the_server),
        SERVER_CASE(a_client_may_leave_while_its_request_is_parked),
        SERVER_CASE(a_connection_that_carried_requests_is_told_about_once_when_it_ends),
        SERVER_CASE(the_end_of_one_connection_is_not_taken_for_that_of_another),
        SERVER_CASE(stopping_from_a_handler_answers_the_parked_and_closes_everything),
        SERVER_CASE(a_server_that_served_nobody_stops),
        SERVER_CASE(unusable_certificates_are_refused_at_the_start),
        cmocka_unit_test(the_listener_says_what_is_wrong_with_its_address),
        cmocka_unit_test(all_addresses_means_both_families_and_a_taken_port_is_named),
    };
    return cmocka_run_group_tests_name("http_server_life", tests, NULL, NULL);
}
