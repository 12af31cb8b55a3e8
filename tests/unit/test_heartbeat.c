/* SPDX-License-Identifier: Apache-2.0 */
/* The beats of one process: what is in each, and what an answer makes of the next. */
#include "agent/link/heartbeat.h"

#include "tests/support/fake_rng.h"
#include "tests/support/json_edit.h"
#include "tests/support/json_expect.h"
#include "tests/support/uplink_harness.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct uplink_harness line;
    struct fake_rng rng;
    struct heartbeat heartbeat;
    struct report report;
    struct report_instance instances[2];
    unsigned n_done;
    struct heartbeat_result result; /* `reply` is the copy below */
    struct wire_beat_reply reply;
};

static void on_done(const struct heartbeat_result *result, void *userdata)
{
    struct fixture *test = userdata;
    test->n_done++;
    test->result = *result;
    if (result->reply != NULL) {
        test->reply = *result->reply;
    }
}

static int setup(void **state)
{
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    uplink_harness_init(&test->line, NULL);
    fake_rng_init(&test->rng, 1);
    heartbeat_init(&test->heartbeat, &test->line.time.clock.clock, &test->rng.rng, on_done,
                   test);
    test->report = (struct report){
        .host_ip = "192.168.40.79",
        .public_hostname = "host79",
        .version = "2.0.0",
        .commit = "abc",
        .memory_total_mb = 12398,
        .memory_used_mb = 1024,
        .memory_source = "85% of MemTotal",
        .storage_total_mb = 102400,
        .storage_used_mb = 1024,
        .cpus = 4,
        .healthy = true,
        .n_instances = 2,
        .instances = test->instances,
    };
    test->instances[0] = (struct report_instance){"a.service", 512, false};
    test->instances[1] = (struct report_instance){"b.service", 512, false};
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    uplink_harness_fini(&test->line);
    heartbeat_fini(&test->heartbeat);
    free(test);
    return 0;
}

static struct fake_answer accepted(void)
{
    return fake_json(
        json_pack("{s:i,s:i,s:i}", "interval_ms", 10000, "lease_ms", 30000, "spread_ms", 1));
}

static struct fake_answer accepted_with(const char *key, const char *value)
{
    struct fake_answer answer = accepted();
    assert_true(json_edit(answer.json, key, value));
    return answer;
}

/* Send a beat, let the answer come; the body that was sent is returned. */
static const json_t *beat(struct fixture *test, struct fake_answer answer)
{
    struct err err = {0};
    unsigned before = test->n_done;
    fake_http_script(&test->line.fake, answer);
    assert_int_equal(heartbeat_send(&test->heartbeat, test->line.uplink, "the.access.token",
                                    &test->report, &err),
                     0);
    assert_int_equal(test->n_done, before); /* never from inside the call */
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, before + 1);
    return fake_http_request(&test->line.fake, -1)->body;
}

static bool is_full(const json_t *body)
{
    return json_object_get(body, "report") != NULL;
}

static void pass_ms(struct fixture *test, uint64_t ms)
{
    virtual_time_pass(&test->line.time, ms);
}

/* [HB-1] [HB-2] */
static void the_first_beat_is_full_and_the_next_is_small(void **state)
{
    struct fixture *test = *state;

    const json_t *first = beat(test, accepted());
    const json_t *second = beat(test, accepted());

    const struct fake_request *request = fake_http_request(&test->line.fake, 0);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/agent/v1/heartbeat");
    assert_string_equal(request->bearer, "the.access.token");
    json_expect_integer(first, "protocol", 1);
    json_expect_integer(first, "seq", 1);
    json_expect_integer(first, "steering", 0);
    json_expect_text(first, "report.host_ip", "192.168.40.79");
    json_expect_integer(first, "report.memory.total", 12398);
    json_expect_count(first, "report.instances", 2);
    json_expect_text(first, "report.instances.1.name", "b.service");
    assert_false(is_full(second));
    json_expect_integer(second, "seq", 2);
    assert_string_equal(json_string_value(json_object_get(first, "session")),
                        json_string_value(json_object_get(second, "session")));
}

/* [HB-1] */
static void each_process_has_a_session_of_its_own(void **state)
{
    struct fixture *test = *state;
    struct heartbeat other;
    heartbeat_init(&other, &test->line.time.clock.clock, &test->rng.rng, on_done, test);

    assert_int_equal(strspn(other.session, "0123456789abcdef"), 32);
    assert_int_equal(strlen(other.session), 32);
    assert_string_not_equal(other.session, test->heartbeat.session);
    heartbeat_fini(&other);
}

/* [HB-1] [HB-2]: what an answer means that is no acceptance, and that the beat is sent again as
 * it was: same seq, and full. */
static void a_beat_that_was_not_accepted_is_sent_again_in_full(void **state)
{
    struct fixture *test = *state;
    struct fake_answer answers[] = {
        fake_failure(ERR_CONNECT),
        fake_failure(ERR_TIMEOUT),
        fake_text(200, "text/html", "<html>"),
        fake_text(503, "text/html", "<html>"),
        fake_refusal(401, WIRE_E_ACCESS_TOKEN),
        fake_refusal(409, WIRE_E_CONFLICT),
        accepted_with("lease_ms", "1"), /* shorter than the interval */
        accepted_with("interval_ms", "\"10000\""),
        accepted_with("steering", "{\"revision\":0}"),
        accepted_with("need_report", "1"),
    };
    (void)beat(test, accepted());
    assert_false(is_full(beat(test, accepted())));
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        json_int_t seq = (json_int_t)test->heartbeat.seq;
        json_expect_integer(beat(test, answers[i]), "seq", seq);
        assert_int_not_equal(test->result.outcome, HEARTBEAT_ACCEPTED);

        const json_t *again = beat(test, accepted());

        json_expect_integer(again, "seq", seq);
        json_expect_integer(again, "steering", 0);
        assert_true(is_full(again));
        assert_int_equal(test->result.outcome, HEARTBEAT_ACCEPTED);
        assert_false(is_full(beat(test, accepted())));
    }
}

/* [AC-4] [CL-1] */
static void a_refusal_is_told_apart_by_status_and_code(void **state)
{
    struct fixture *test = *state;

    static const struct {
        int status;
        const char *code;
        enum heartbeat_outcome outcome;
        bool moves_on; /* to the next coordinator */
    } rows[] = {
        {401, WIRE_E_ACCESS_TOKEN, HEARTBEAT_UNAUTHORIZED, false},
        {401, "something.new", HEARTBEAT_UNAUTHORIZED, false},
        {409, WIRE_E_CONFLICT, HEARTBEAT_CONFLICT, false},
        {409, "something.else", HEARTBEAT_FAILED, true},
        {403, "something.else", HEARTBEAT_FAILED, true},
        {400, WIRE_E_REQUEST, HEARTBEAT_FAILED, true},
        {503, "something.else", HEARTBEAT_FAILED, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uplink_harness_use(&test->line, "only-before");
        uplink_harness_use(&test->line, "a,b");
        struct fake_answer answer = fake_refusal(rows[i].status, rows[i].code);
        answer.retry_after_s = 31;

        (void)beat(test, answer);

        assert_int_equal(test->result.outcome, rows[i].outcome);
        assert_int_equal(test->result.retry_after_s, 31);
        assert_int_not_equal(test->result.error.code, ERR_NONE);
        /* [RT-2]: exactly one further */
        uplink_harness_expect_address(&test->line, rows[i].moves_on ? "b:12443" : "a:12443");
    }
}

/* [HB-2] */
static void news_make_a_beat_full_and_drift_does_not(void **state)
{
    struct fixture *test = *state;
    struct report *report = &test->report;
    (void)beat(test, accepted());

    report->skew_ms = 5000;
    assert_false(is_full(beat(test, accepted())));
    report->memory_used_mb += 63;
    report->storage_used_mb += 63;
    assert_false(is_full(beat(test, accepted())));
    report->memory_used_mb += 1; /* 64 since it was told */
    assert_true(is_full(beat(test, accepted())));
    assert_false(is_full(beat(test, accepted())));
    report->memory_total_mb++;
    assert_true(is_full(beat(test, accepted())));
    report->healthy = false;
    assert_true(is_full(beat(test, accepted())));
    report->n_instances = 1;
    assert_true(is_full(beat(test, accepted())));
    (void)snprintf(report->host_ip, sizeof report->host_ip, "10.9.8.7");
    assert_true(is_full(beat(test, accepted()))); /* [HB-6] */
    assert_false(is_full(beat(test, accepted())));
}

/* [HB-2]: news that were lost on the way are still news. */
static void what_was_not_accepted_was_not_told(void **state)
{
    struct fixture *test = *state;
    (void)beat(test, accepted());
    test->report.memory_total_mb = 99;
    (void)beat(test, fake_failure(ERR_TIMEOUT));

    const json_t *again = beat(test, accepted());

    json_expect_integer(again, "report.memory.total", 99);
    assert_false(is_full(beat(test, accepted())));
}

/* [HB-2] */
static void every_five_minutes_a_beat_is_full(void **state)
{
    struct fixture *test = *state;
    (void)beat(test, accepted());
    pass_ms(test, 299999);
    assert_false(is_full(beat(test, accepted())));
    pass_ms(test, 1);
    assert_true(is_full(beat(test, accepted())));
    pass_ms(test, 10000);
    assert_false(is_full(beat(test, accepted())));
}

/* [HB-2] */
static void a_beat_is_full_when_the_coordinator_or_the_host_asks_for_it(void **state)
{
    struct fixture *test = *state;
    (void)beat(test, accepted());
    assert_false(is_full(beat(test, accepted_with("need_report", "true"))));
    assert_true(test->reply.need_report);
    assert_true(is_full(beat(test, accepted())));
    assert_false(is_full(beat(test, accepted())));
    heartbeat_need_report(&test->heartbeat);
    assert_true(is_full(beat(test, accepted())));
    assert_false(is_full(beat(test, accepted())));
}

/* [HB-2]: "the first beat on each connection". */
static void a_small_beat_on_a_new_connection_is_followed_by_a_full_one(void **state)
{
    struct fixture *test = *state;
    struct fake_answer replaced = accepted();
    (void)beat(test, accepted()); /* new as well, and full */
    assert_false(is_full(beat(test, accepted())));

    replaced.is_new_connection = true;
    assert_false(is_full(beat(test, replaced)));

    assert_true(is_full(beat(test, accepted())));
    assert_false(is_full(beat(test, accepted())));
}

/* [HB-4] */
static void the_revision_that_was_told_is_said_from_then_on(void **state)
{
    struct fixture *test = *state;
    static const char steering[] =
        "{\"revision\":4,\"roles\":[\"allocator\"],\"capacity\":4096,"
        "\"maintenance_mode\":true,\"coordinators\":[\"c1:12443\"]}";
    json_expect_integer(beat(test, accepted_with("steering", steering)), "steering", 0);
    assert_true(test->reply.has_steering);
    assert_int_equal(test->reply.steering.capacity_mb, 4096);

    json_expect_integer(beat(test, accepted()), "steering", 4);
    json_expect_integer(beat(test, fake_failure(ERR_CONNECT)), "steering", 4);
    json_expect_integer(beat(test, accepted()), "steering", 4);
}

/* [ST-2] [LV-2]: the lease counts from the sending. */
static void the_result_says_when_it_was_sent_and_what_it_carried(void **state)
{
    struct fixture *test = *state;
    uint64_t start_ms = test->line.time.clock.monotonic_ms;
    struct err err = {0};
    struct fake_answer slow = accepted();
    slow.delay_ms = 7000;
    fake_http_script(&test->line.fake, slow);
    assert_int_equal(
        heartbeat_send(&test->heartbeat, test->line.uplink, "t", &test->report, &err), 0);
    pass_ms(test, 7000);

    assert_int_equal(test->result.outcome, HEARTBEAT_ACCEPTED);
    assert_int_equal(test->result.sent_ms, start_ms);
    assert_true(test->result.was_full);
    assert_int_equal(test->reply.pace.lease_ms, 30000);
    (void)beat(test, accepted());
    assert_int_equal(test->result.sent_ms, start_ms + 7000);
    assert_false(test->result.was_full);
}

static void a_beat_that_cannot_be_sent_is_an_error_and_no_beat(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    (void)beat(test, accepted());
    test->line.fake.refuses_next_send = true;
    assert_int_equal(
        heartbeat_send(&test->heartbeat, test->line.uplink, "t", &test->report, &err), -1);
    assert_int_equal(err.code, ERR_NO_MEMORY);
    json_expect_integer(beat(test, accepted()), "seq", 2);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_first_beat_is_full_and_the_next_is_small),
        CASE(each_process_has_a_session_of_its_own),
        CASE(a_beat_that_was_not_accepted_is_sent_again_in_full),
        CASE(a_refusal_is_told_apart_by_status_and_code),
        CASE(news_make_a_beat_full_and_drift_does_not),
        CASE(what_was_not_accepted_was_not_told),
        CASE(every_five_minutes_a_beat_is_full),
        CASE(a_beat_is_full_when_the_coordinator_or_the_host_asks_for_it),
        CASE(a_small_beat_on_a_new_connection_is_followed_by_a_full_one),
        CASE(the_revision_that_was_told_is_said_from_then_on),
        CASE(the_result_says_when_it_was_sent_and_what_it_carried),
        CASE(a_beat_that_cannot_be_sent_is_an_error_and_no_beat),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
