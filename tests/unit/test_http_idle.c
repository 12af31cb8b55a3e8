/* SPDX-License-Identifier: Apache-2.0 */
/* The kept connection: used again, watched while idle, dropped when asked, or not to be had. */
#include "http_cases.h"

#include <sys/socket.h>

static bool no_polls;

/* Stands before libuv's: without it there is no way to make the loop refuse a descriptor. */
__attribute__((visibility("default"))) int
uv_poll_init_socket(uv_loop_t *loop, uv_poll_t *handle, uv_os_sock_t socket)
{
    return no_polls ? UV_ENOMEM : uv_poll_init(loop, handle, socket);
}

static void send_ok(struct tls_peer *peer)
{
    (void)tls_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void a_kept_connection_is_used_again(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);

    for (int i = 0; i < 3; i++) {
        http_case_call(test, &request);
        assert_int_equal(test->outcome.status, 200);
        assert_int_equal(test->outcome.is_new_connection, i == 0);
    }

    assert_int_equal(tls_server_n_accepted(test->server), 1);
    assert_int_equal(test->n_idle_closed, 0);
}

/* The first connection is answered and closed, now or later, somehow; the others are kept. */
static void close_after_reply(struct tls_peer *peer, struct http_case *test, bool at_once,
                              bool by_reset)
{
    if (tls_peer_index(peer) > 0) {
        http_serve_ok(peer, test);
        return;
    }
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    send_ok(peer);
    if (!at_once) {
        (void)sem_wait(&test->go);
    }
    if (by_reset) {
        tls_peer_reset(peer);
    }
}

static void serve_and_close_at_once(struct tls_peer *peer, void *userdata)
{
    close_after_reply(peer, userdata, true, false);
}

static void serve_and_close_later(struct tls_peer *peer, void *userdata)
{
    close_after_reply(peer, userdata, false, false);
}

static void serve_and_reset_later(struct tls_peer *peer, void *userdata)
{
    close_after_reply(peer, userdata, false, true);
}

/* [LV-4] [ST-2] */
static void the_peer_closing_an_idle_connection_is_noticed_at_once(void **state)
{
    static tls_serve_fn *const rows[] = {serve_and_close_at_once, serve_and_close_later,
                                         serve_and_reset_later};
    struct http_case *test = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        test->n_idle_closed = 0;
        http_case_serve(test, rows[i]);
        struct http_request request = http_case_request(test);
        http_case_call(test, &request);
        assert_int_equal(test->outcome.status, 200);
        http_case_turn(test);
        assert_true(rows[i] == serve_and_close_at_once || test->n_idle_closed == 0);

        (void)sem_post(&test->go);
        http_case_run_until(test, &test->n_idle_closed, 1);
        http_case_turn(test);

        http_case_call(test, &request);
        assert_int_equal(test->outcome.status, 200);
        assert_true(test->outcome.is_new_connection);
        assert_int_equal(test->n_idle_closed, 1);
        http_client_drop_idle(test->client);
        tls_server_stop(test->server);
        test->server = NULL;
        while (sem_trywait(&test->go) == 0) {
        }
    }
}

static void serve_a_ticket_while_idle(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    send_ok(peer);
    (void)sem_wait(&test->go);
    (void)tls_peer_send_ticket(peer);
    (void)sem_post(&test->went);
    http_serve_ok(peer, userdata);
}

static void a_session_ticket_is_no_end_of_the_connection(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_a_ticket_while_idle);
    struct http_request request = http_case_request(test);
    http_case_call(test, &request);

    (void)sem_post(&test->go);
    http_case_run_until_posted(test, &test->went);
    http_case_call(test, &request);

    assert_int_equal(test->outcome.status, 200);
    assert_false(test->outcome.is_new_connection);
    assert_int_equal(test->n_idle_closed, 0);
}

static void a_dropped_connection_closes_at_once_and_silently(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok_and_tell);
    struct http_request request = http_case_request(test);
    http_client_drop_idle(test->client); /* none yet */
    http_case_call(test, &request);

    http_client_drop_idle(test->client);
    http_client_drop_idle(test->client);
    http_case_run_until_posted(test, &test->went);

    http_case_call(test, &request);
    assert_int_equal(test->outcome.status, 200);
    assert_true(test->outcome.is_new_connection);
    assert_int_equal(test->n_idle_closed, 0);
}

static void serve_slowly_and_tell_the_close(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    while (tls_peer_read_request(peer, test->heard, sizeof(test->heard))) {
        (void)sem_wait(&test->go);
        send_ok(peer);
    }
    (void)sem_post(&test->went);
}

static void a_drop_while_a_call_runs_spares_it_and_renews_after_it(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_slowly_and_tell_the_close);
    struct http_request request = http_case_request(test);
    http_case_send(test, &request);
    (void)uv_run(&test->loop, UV_RUN_ONCE);
    http_client_drop_idle(test->client);
    (void)sem_post(&test->go);
    http_case_run_until(test, &test->outcome.n_done, 1);
    assert_int_equal(test->outcome.status, 200);

    (void)sem_post(&test->go);
    http_case_call(test, &request);

    assert_int_equal(test->outcome.status, 200);
    assert_true(test->outcome.is_new_connection);
    http_case_run_until_posted(test, &test->went); /* the old one closed */
    (void)sem_post(&test->go);
    http_case_call(test, &request);
    assert_false(test->outcome.is_new_connection);
    assert_int_equal(test->n_idle_closed, 0);
}

static void of_two_connections_one_is_kept_and_watched(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_slowly_and_tell_the_close);
    struct http_request request = http_case_request(test);
    http_case_send(test, &request);
    http_case_send(test, &request);
    (void)sem_post(&test->go);
    (void)sem_post(&test->go);
    http_case_run_until(test, &test->outcome.n_done, 2);
    assert_int_equal(tls_server_n_accepted(test->server), 2);
    http_case_run_until_posted(test, &test->went); /* one closed */
    assert_int_equal(test->n_idle_closed, 0);

    tls_server_stop(test->server);
    test->server = NULL;

    http_case_run_until(test, &test->n_idle_closed, 1);
}

static void serve_without_keeping(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)tls_peer_send(peer,
                        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    tls_peer_wait_closed(peer);
}

static void a_connection_that_is_not_kept_is_not_missed(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_without_keeping);
    struct http_request request = http_case_request(test);
    for (int i = 0; i < 2; i++) {
        http_case_call(test, &request);
        assert_int_equal(test->outcome.status, 200);
        assert_true(test->outcome.is_new_connection);
    }
    assert_int_equal(test->n_idle_closed, 0);
}

static void serve_once_then_reset(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    send_ok(peer);
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)tls_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n0");
    tls_peer_reset(peer);
}

struct successor {
    struct http_outcome outcome;
    int fds[8];
};

/* Descriptors of somebody else, one of them with the number of the connection that went, all of
 * them at their end. */
static void on_done_take_descriptors(const struct http_reply *reply, void *userdata)
{
    struct successor *successor = userdata;
    http_case_done(reply, &successor->outcome);
    for (size_t i = 0; i < ARRAY_LEN(successor->fds); i += 2) {
        (void)socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, successor->fds + i);
        (void)shutdown(successor->fds[i], SHUT_RDWR);
    }
}

static void a_descriptor_of_somebody_else_is_not_watched(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, serve_once_then_reset);
    struct http_request request = http_case_request(test);
    http_case_call(test, &request);
    struct successor successor = {0};
    struct err err;
    assert_int_equal(http_client_send(test->client, &request, on_done_take_descriptors,
                                      &successor, NULL, &err),
                     0);

    http_case_run_until(test, &successor.outcome.n_done, 1);
    http_case_turn(test);

    assert_int_equal(successor.outcome.error.code, ERR_CONNECT);
    assert_false(successor.outcome.is_new_connection);
    assert_int_equal(test->n_idle_closed, 0);
    for (size_t i = 0; i < ARRAY_LEN(successor.fds); i++) {
        (void)close(successor.fds[i]);
    }
}

static void an_idle_client_keeps_no_loop_alive(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    http_case_call(test, &request);

    assert_int_equal(uv_run(&test->loop, UV_RUN_DEFAULT), 0); /* returns */
}

/* libcurl gives up when a descriptor cannot be watched; the client must not. */
static void a_loop_that_refuses_fails_the_calls_and_no_more(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    no_polls = true;
    http_case_send(test, &request);
    http_case_send(test, &request);
    http_case_run_until(test, &test->outcome.n_done, 2);
    no_polls = false;
    assert_int_equal(test->outcome.error.code, ERR_INTERNAL);

    http_case_call(test, &request);

    assert_int_equal(test->outcome.status, 200);
}

static void on_done_refuse_polls(const struct http_reply *reply, void *userdata)
{
    http_case_done(reply, userdata);
    no_polls = true;
}

/* [ST-2] */
static void a_connection_that_cannot_be_watched_is_not_kept(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok_and_tell);
    struct http_request request = http_case_request(test);
    struct err err;
    assert_int_equal(http_client_send(test->client, &request, on_done_refuse_polls,
                                      &test->outcome, NULL, &err),
                     0);
    http_case_run_until(test, &test->outcome.n_done, 1);
    no_polls = false;

    http_case_run_until_posted(test, &test->went);
}

int run_http_idle_cases(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_kept_connection_is_used_again),
        HTTP_CASE(the_peer_closing_an_idle_connection_is_noticed_at_once),
        HTTP_CASE(a_session_ticket_is_no_end_of_the_connection),
        HTTP_CASE(a_dropped_connection_closes_at_once_and_silently),
        HTTP_CASE(a_drop_while_a_call_runs_spares_it_and_renews_after_it),
        HTTP_CASE(of_two_connections_one_is_kept_and_watched),
        HTTP_CASE(a_connection_that_is_not_kept_is_not_missed),
        HTTP_CASE(a_descriptor_of_somebody_else_is_not_watched),
        HTTP_CASE(an_idle_client_keeps_no_loop_alive),
        HTTP_CASE(a_loop_that_refuses_fails_the_calls_and_no_more),
        HTTP_CASE(a_connection_that_cannot_be_watched_is_not_kept),
    };
    return cmocka_run_group_tests(tests, http_pki_setup, http_pki_teardown);
}
