/* SPDX-License-Identifier: Apache-2.0 */
/* Completions that send, cancel and stop; cancelling in each phase; ends of all kinds. That no
 * handle is left is checked after each case (http_case_teardown). */
#include "http_cases.h"

struct chain {
    struct http_case *test;
    struct http_request request;
    struct http_call *other; /* cancelled by the first completion */
    unsigned n_done;
    unsigned n_cancelled;
    bool is_inside; /* send or cancel is on the stack: no completion may come */
    bool came_inside;
    bool stops;
    uv_check_t end_of_turn;
};

static void count(struct chain *chain, const struct http_reply *reply)
{
    chain->n_done++;
    chain->n_cancelled += reply->error.code == ERR_CANCELLED ? 1 : 0;
    chain->came_inside = chain->came_inside || chain->is_inside;
}

static void on_counted(const struct http_reply *reply, void *userdata)
{
    count(userdata, reply);
}

static void start_chain(struct chain *chain, struct http_case *test)
{
    *chain = (struct chain){.test = test, .request = http_case_request(test)};
}

static void send_counted(struct chain *chain, http_done_fn *done, struct http_call **ret)
{
    struct err err = {0};
    chain->is_inside = true;
    int result = http_client_send(chain->test->client, &chain->request, done, chain, ret, &err);
    chain->is_inside = false;
    if (result < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        abort(); /* called from completions: an assertion would jump over libuv's frames */
    }
}

static void on_done_send_again(const struct http_reply *reply, void *userdata)
{
    struct chain *chain = userdata;
    count(chain, reply);
    if (chain->n_done < 5) {
        send_counted(chain, on_done_send_again, NULL);
    }
}

static void a_completion_may_send(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct chain chain;
    start_chain(&chain, test);

    send_counted(&chain, on_done_send_again, NULL);
    http_case_run_until(test, &chain.n_done, 5);

    assert_int_equal(chain.n_cancelled, 0);
    assert_false(chain.came_inside);
    assert_int_equal(tls_server_n_accepted(test->server), 1);
}

static void cancel_and_expect(struct chain *chain, struct http_call *call)
{
    chain->is_inside = true;
    http_client_cancel(call);
    http_client_cancel(call); /* again is nothing */
    chain->is_inside = false;
    assert_int_equal(chain->n_done, 0);
    http_case_run_until(chain->test, &chain->n_done, 1);
    assert_int_equal(chain->n_cancelled, 1);
    assert_false(chain->came_inside);
}

static void a_call_is_cancelled_before_the_loop_turned(void **state)
{
    struct http_case *test = *state;
    struct chain chain;
    start_chain(&chain, test);
    struct http_call *call = NULL;
    send_counted(&chain, on_counted, &call);
    cancel_and_expect(&chain, call);
    http_client_cancel(NULL);
}

static void serve_no_handshake(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)sem_post(&test->went);
    tls_peer_wait_closed(peer);
    (void)sem_post(&test->went);
}

static void a_call_is_cancelled_in_the_handshake(void **state)
{
    struct http_case *test = *state;
    http_case_serve_plain(test, serve_no_handshake);
    struct chain chain;
    start_chain(&chain, test);
    struct http_call *call = NULL;
    send_counted(&chain, on_counted, &call);
    http_case_run_until_posted(test, &test->went);
    cancel_and_expect(&chain, call);
    http_case_run_until_posted(test, &test->went); /* its connection is closed */
}

static void a_call_is_cancelled_while_it_waits_for_the_reply(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_silence);
    struct chain chain;
    start_chain(&chain, test);
    struct http_call *call = NULL;
    send_counted(&chain, on_counted, &call);
    http_case_run_until_posted(test, &test->went);
    cancel_and_expect(&chain, call);
    http_case_run_until_posted(test, &test->went); /* its connection is closed */
    assert_int_equal(test->n_idle_closed, 0);
}

static void on_end_of_turn(uv_check_t *check)
{
    struct chain *chain = check->data;
    chain->is_inside = false;
    uv_close((uv_handle_t *)check, NULL);
}

/* UV_RUN_ONCE would serve timers twice in a turn, and the check handle once. */
static void turn_until(struct chain *chain, unsigned n_done)
{
    uint64_t deadline_ns = uv_hrtime() + UINT64_C(5000000000);
    while (chain->n_done < n_done && uv_hrtime() < deadline_ns) {
        (void)uv_run(&chain->test->loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(chain->n_done, n_done);
}

/* What is cancelled comes in a later turn of the loop, not after us in this one. */
static void on_done_cancel_other(const struct http_reply *reply, void *userdata)
{
    struct chain *chain = userdata;
    count(chain, reply);
    chain->is_inside = true;
    http_client_cancel(chain->other);
    chain->other = NULL;
    (void)uv_check_init(&chain->test->loop, &chain->end_of_turn);
    (void)uv_check_start(&chain->end_of_turn, on_end_of_turn);
    chain->end_of_turn.data = chain;
}

static void a_completion_may_cancel_another_call(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_silence);
    struct chain chain;
    start_chain(&chain, test);
    send_counted(&chain, on_counted, &chain.other);
    http_case_run_until_posted(test, &test->went);
    chain.request.connect_port = 1; /* refused at once */
    send_counted(&chain, on_done_cancel_other, NULL);

    turn_until(&chain, 2);

    assert_int_equal(chain.n_cancelled, 1);
    assert_false(chain.came_inside);
}

/* Two calls that were cancelled are delivered together; the first cancels the second again. */
static void a_completion_may_cancel_one_that_has_ended(void **state)
{
    struct http_case *test = *state;
    struct chain chain;
    start_chain(&chain, test);
    struct http_call *first = NULL;
    send_counted(&chain, on_done_cancel_other, &first);
    send_counted(&chain, on_counted, &chain.other);
    http_client_cancel(first);
    http_client_cancel(chain.other);

    turn_until(&chain, 2);

    assert_int_equal(chain.n_cancelled, 2);
    assert_false(chain.came_inside);
}

static void on_done_cancel_itself(const struct http_reply *reply, void *userdata)
{
    struct chain *chain = userdata;
    count(chain, reply);
    http_client_cancel(chain->other);
}

static void a_completion_may_cancel_its_own_call(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct chain chain;
    start_chain(&chain, test);
    send_counted(&chain, on_done_cancel_itself, &chain.other);

    http_case_run_until(test, &chain.n_done, 1);
    http_case_stop(test);

    assert_int_equal(chain.n_done, 1);
    assert_int_equal(chain.n_cancelled, 0);
}

static void on_closed(void *userdata)
{
    struct chain *chain = userdata;
    chain->test->n_closed++;
    chain->test->client = NULL;
    chain->came_inside = chain->came_inside || chain->is_inside;
}

static void on_done_stop(const struct http_reply *reply, void *userdata)
{
    struct chain *chain = userdata;
    count(chain, reply);
    chain->is_inside = true;
    http_client_stop(chain->test->client, on_closed, chain);
    http_client_stop(chain->test->client, on_closed, chain); /* again is nothing */
    http_client_drop_idle(chain->test->client);
    chain->is_inside = false;
}

static void a_completion_may_stop_the_client(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct chain chain;
    start_chain(&chain, test);
    send_counted(&chain, on_done_stop, NULL);
    send_counted(&chain, on_done_stop, NULL);
    send_counted(&chain, on_counted, NULL);

    http_case_run_until(test, &test->n_closed, 1);
    (void)uv_run(&test->loop, UV_RUN_NOWAIT);

    assert_int_equal(chain.n_done, 3);
    assert_int_equal(test->n_closed, 1);
    assert_false(chain.came_inside);
}

static void on_cancelled_try_all(const struct http_reply *reply, void *userdata)
{
    struct chain *chain = userdata;
    count(chain, reply);
    struct err err = {0};
    int result =
        http_client_send(chain->test->client, &chain->request, on_counted, chain, NULL, &err);
    chain->stops = result == -1 && err.code == ERR_CANCELLED;
    http_client_stop(chain->test->client, on_closed, chain);
}

static void stopping_cancels_every_call_and_takes_no_more(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_silence);
    struct chain chain;
    start_chain(&chain, test);
    send_counted(&chain, on_cancelled_try_all, NULL);
    send_counted(&chain, on_counted, NULL);
    http_case_run_until_posted(test, &test->went); /* one of them waits for its reply */
    struct http_call *cancelled = NULL;
    send_counted(&chain, on_counted, &cancelled);
    http_client_cancel(cancelled);

    chain.is_inside = true;
    http_client_stop(test->client, on_closed, &chain);
    chain.is_inside = false;
    assert_int_equal(chain.n_done, 0);
    http_case_run_until(test, &test->n_closed, 1);

    assert_int_equal(chain.n_done, 3);
    assert_int_equal(chain.n_cancelled, 3);
    assert_true(chain.stops);
    assert_false(chain.came_inside);
}

static void an_idle_client_stops(void **state)
{
    struct http_case *test = *state;
    http_case_serve(test, http_serve_ok);
    struct http_request request = http_case_request(test);
    http_case_call(test, &request);

    http_case_stop(test);

    assert_int_equal(test->n_idle_closed, 0);
    http_client_stop(NULL, on_closed, NULL); /* nothing, and no call of closed */
}

static void serve_and_close(struct tls_peer *peer, void *userdata)
{
    struct http_case *test = userdata;
    (void)tls_peer_read_request(peer, test->heard, sizeof(test->heard));
    (void)tls_peer_send(peer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

static void on_idle_closed_stop(void *userdata)
{
    struct chain *chain = userdata;
    http_client_stop(chain->test->client, on_closed, chain);
}

static void the_idle_event_may_stop_the_client(void **state)
{
    struct http_case *test = *state;
    http_case_stop(test);
    test->n_closed = 0;
    struct chain chain;
    http_case_serve(test, serve_and_close);
    start_chain(&chain, test);
    const struct http_client_options options = {.loop = &test->loop,
                                                .clock = &test->clock.clock,
                                                .user_agent = "x",
                                                .on_idle_closed = on_idle_closed_stop,
                                                .userdata = &chain};
    struct err err;
    assert_int_equal(http_client_start(&test->client, &options, &err), 0);
    send_counted(&chain, on_counted, NULL);

    http_case_run_until(test, &test->n_closed, 1);

    assert_int_equal(chain.n_done, 1);
}

int run_http_lifetime_cases(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_CASE(a_completion_may_send),
        HTTP_CASE(a_call_is_cancelled_before_the_loop_turned),
        HTTP_CASE(a_call_is_cancelled_in_the_handshake),
        HTTP_CASE(a_call_is_cancelled_while_it_waits_for_the_reply),
        HTTP_CASE(a_completion_may_cancel_another_call),
        HTTP_CASE(a_completion_may_cancel_one_that_has_ended),
        HTTP_CASE(a_completion_may_cancel_its_own_call),
        HTTP_CASE(a_completion_may_stop_the_client),
        HTTP_CASE(stopping_cancels_every_call_and_takes_no_more),
        HTTP_CASE(an_idle_client_stops),
        HTTP_CASE(the_idle_event_may_stop_the_client),
    };
    return cmocka_run_group_tests(tests, http_pki_setup, http_pki_teardown);
}
