/* SPDX-License-Identifier: Apache-2.0 */
/* From an address and a pin to a CA that is trusted: what decides, what is asked, and that
 * nothing else ever goes over a line that is not verified. */
#include "agent/join/trust.h"

#include "common/wire/messages.h"
#include "tests/support/uplink_harness.h"

#include <stdlib.h>
#include <string.h>

#define INSTALLATION UPLINK_INSTALLATION

static const int64_t now_s = UPLINK_START_S;

/* A CA, but no installation's: its subject is CN=Some Root. */
static const char some_root[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBfjCCASWgAwIBAgIUbURyW2iP/b3btgY9aH/Gw3jxcyswCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJU29tZSBSb290MCAXDTI2MTEyMzIzMDc1N1oYDzIxMjYxMDMw\n"
    "MjMwNzU3WjAUMRIwEAYDVQQDDAlTb21lIFJvb3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAARSJLAvDan6JTzpdwLrdXNaLpz5Zx/n5AeHxTuoNXjzR/xuc+k6GRHi\n"
    "HHkYBDHuVRa57yjqQ/ZdPtq1m5oblp5eo1MwUTAdBgNVHQ4EFgQUUxGlyW2LeyCp\n"
    "G1WJInbIUjknKFgwHwYDVR0jBBgwFoAUUxGlyW2LeyCpG1WJInbIUjknKFgwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiArl6F114Jh7fWb3xXXYTmH\n"
    "ab4h5JAqA1+TJG0O6Lcb+wIgRfZGgNlB9A5iXFEDPJbam5R46mnAniZLveRF9CtI\n"
    "AqY=\n"
    "-----END CERTIFICATE-----\n";

/* Made once. */
struct certificates {
    char *ca;
    char ca_sha256[KEYS_SHA256_HEX_BYTES];
    char *other_ca;
    char other_sha256[KEYS_SHA256_HEX_BYTES];
    char *leaf;
};

struct fixture {
    const struct certificates *certificates;
    struct uplink_harness line; /* its http client is what is used */
    struct trust *trust;
    struct trust_options options;
    unsigned n_done;
    struct trust_result result; /* ca_pem is the copy below */
    char *ca_pem;
};

static int make_certificates(void **state)
{
    struct err err = {0};
    struct secret key = {0};
    struct secret leaf_key = {0};
    struct x509_ca ca;
    static const char *const names[] = {"coordinator.example"};
    struct certificates *made = calloc(1, sizeof *made);
    assert_non_null(made);
    assert_int_equal(x509_make_ca("other", now_s, 30, &made->other_ca, &key, &err), 0);
    secret_fini(&key);
    assert_int_equal(x509_make_ca(INSTALLATION, now_s, 30, &made->ca, &key, &err), 0);
    struct x509_server_spec spec = {.ca_cert_pem = made->ca,
                                    .ca_key_pem = &key,
                                    .names = names,
                                    .n_names = 1,
                                    .now_s = now_s,
                                    .days = 30};
    assert_int_equal(x509_make_server(&spec, &made->leaf, &leaf_key, &err), 0);
    secret_fini(&key);
    secret_fini(&leaf_key);
    assert_int_equal(x509_read_ca(made->ca, strlen(made->ca), &ca, &err), 0);
    memcpy(made->ca_sha256, ca.sha256, sizeof ca.sha256);
    assert_int_equal(x509_read_ca(made->other_ca, strlen(made->other_ca), &ca, &err), 0);
    memcpy(made->other_sha256, ca.sha256, sizeof ca.sha256);
    *state = made;
    return 0;
}

static int free_certificates(void **state)
{
    struct certificates *made = *state;
    free(made->ca);
    free(made->other_ca);
    free(made->leaf);
    free(made);
    return 0;
}

static int setup(void **state)
{
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->certificates = *state;
    uplink_harness_init(&test->line, NULL);
    test->options = (struct trust_options){
        .http = test->line.http,
        .endpoint = {.host = "coordinator.example", .port = 12443},
        .pin = "",
    };
    *state = test;
    return 0;
}

/* [TR-1]: whatever the case did, this is all that was ever sent. */
static void expect_nothing_but_the_question(const struct fixture *test)
{
    for (size_t i = 0; i < test->line.fake.n_requests; i++) {
        const struct fake_request *request = test->line.fake.requests[i];
        assert_string_equal(request->method, "GET");
        assert_string_equal(request->path, "/agent/v1/ca");
        assert_null(request->bearer);
        assert_null(request->body);
        assert_int_equal(request->connect_timeout_ms, 10000); /* [RT-3] */
        assert_int_equal(request->total_timeout_ms, 20000);
        assert_int_equal(request->max_reply_bytes, WIRE_BODY_MAX);
    }
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    expect_nothing_but_the_question(test);
    uplink_harness_fini(&test->line);
    free(test->ca_pem);
    free(test);
    return 0;
}

static void on_done(const struct trust_result *result, void *userdata)
{
    struct fixture *test = userdata;
    test->n_done++;
    test->trust = NULL;
    test->result = *result;
    test->ca_pem = result->ca_pem != NULL ? strdup(result->ca_pem) : NULL;
}

static struct fake_answer with_ca(const char *pem)
{
    struct fake_answer answer =
        fake_json(json_pack("{s:i,s:s,s:s}", "protocol", 1, "installation_id", INSTALLATION,
                            "ca_certificate", pem));
    answer.date_s = now_s;
    return answer;
}

static void begin(struct fixture *test)
{
    struct err err = {0};
    assert_int_equal(trust_start(&test->trust, &test->options, on_done, test, &err), 0);
    assert_int_equal(test->n_done, 0);
}

static void expect_end(struct fixture *test, enum trust_outcome outcome, unsigned n_requests)
{
    begin(test);
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, 1);
    assert_int_equal(test->result.outcome, outcome);
    assert_int_equal(test->line.fake.n_requests, n_requests);
    assert_int_equal(fake_http_request(&test->line.fake, 0)->trust, HTTP_TRUST_NOTHING);
}

/* [TR-1] [TR-2] */
static void a_pin_that_is_equal_decides_at_once(void **state)
{
    struct fixture *test = *state;
    test->options.pin = test->certificates->ca_sha256;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_ESTABLISHED, 1);

    const struct fake_request *request = fake_http_request(&test->line.fake, 0);
    assert_string_equal(request->url, "https://coordinator.example:12443/agent/v1/ca");
    assert_string_equal(request->connect_host, "coordinator.example:12443");
    assert_null(request->proxy); /* [TP-4] */
    assert_string_equal(test->ca_pem, test->certificates->ca);
    assert_string_equal(test->result.ca.installation_id, INSTALLATION);
    assert_string_equal(test->result.vouched_by, "the roles token");
    assert_int_equal(test->result.date_s, now_s);
}

/* [TR-2]: the claim is final, whatever else the operator gave. */
static void a_pin_that_contradicts_is_final(void **state)
{
    struct fixture *test = *state;
    test->options.pin = test->certificates->other_sha256;
    test->options.ca_file_pem = test->certificates->ca;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_REFUSED, 1);

    assert_int_equal(test->result.error.code, ERR_TLS);
    assert_non_null(strstr(test->result.error.message, test->certificates->ca_sha256));
    assert_non_null(strstr(test->result.error.message, test->certificates->other_sha256));
}

/* [TR-2] */
static void without_a_pin_a_file_that_holds_the_ca_decides(void **state)
{
    struct fixture *test = *state;
    char bundle[8192];
    (void)snprintf(bundle, sizeof bundle, "%s%s", test->certificates->other_ca,
                   test->certificates->ca);
    test->options.ca_file_pem = bundle;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_ESTABLISHED, 1);

    assert_string_equal(test->result.vouched_by, "--coordinator-ca");
}

/* [TR-2] */
static void without_a_pin_a_file_may_verify_the_line_instead(void **state)
{
    struct fixture *test = *state;
    test->options.ca_file_pem = test->certificates->other_ca;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_ESTABLISHED, 2);

    const struct fake_request *second = fake_http_request(&test->line.fake, 1);
    assert_int_equal(second->trust, HTTP_TRUST_CA);
    assert_string_equal(second->ca_pem, test->certificates->other_ca);
    assert_string_equal(second->url, "https://coordinator.example:12443/agent/v1/ca");
    assert_string_equal(test->result.vouched_by, "--coordinator-ca");
    assert_string_equal(test->ca_pem, test->certificates->ca);
}

/* [TR-2]: what came over the line that is verified counts, not what came before. */
static void without_pin_and_file_the_systems_store_may_verify_the_line(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, with_ca(test->certificates->other_ca));
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_ESTABLISHED, 2);

    assert_int_equal(fake_http_request(&test->line.fake, 1)->trust, HTTP_TRUST_SYSTEM);
    assert_string_equal(test->ca_pem, test->certificates->ca);
    assert_string_equal(test->result.ca.sha256, test->certificates->ca_sha256);
}

/* [TR-2]: "says which were tried". */
static void when_nothing_vouches_it_says_what_was_tried(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, fake_failure(ERR_TLS));

    expect_end(test, TRUST_REFUSED, 2);

    assert_int_equal(test->result.error.code, ERR_TLS);
    assert_non_null(strstr(test->result.error.message, "ca_sha256"));
    assert_non_null(strstr(test->result.error.message, "the system's certificate store"));
    assert_non_null(strstr(test->result.error.message, "--coordinator-ca"));
    assert_int_equal(test->result.date_s, now_s); /* of the first answer */
}

static void a_file_without_certificates_is_refused(void **state)
{
    struct fixture *test = *state;
    test->options.ca_file_pem = "no certificate\n";
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_REFUSED, 1);
}

static void no_answer_is_no_refusal(void **state)
{
    static const enum err_code codes[] = {ERR_RESOLVE, ERR_CONNECT, ERR_TLS, ERR_PROTOCOL};

    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct fixture *test = *state;
        test->n_done = 0;
        fake_http_script(&test->line.fake, fake_failure(codes[i]));
        begin(test);
        virtual_time_settle(&test->line.time);
        assert_int_equal(test->n_done, 1);
        assert_int_equal(test->result.outcome, TRUST_UNAVAILABLE);
        assert_int_equal(test->result.error.code, codes[i]);
        assert_int_equal(test->result.date_s, -1);
    }
}

static void a_second_question_without_answer_is_no_refusal_either(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, fake_failure(ERR_CONNECT));

    expect_end(test, TRUST_UNAVAILABLE, 2);
    assert_int_equal(test->result.error.code, ERR_CONNECT);
}

static void a_second_question_that_cannot_be_sent_ends_it(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    begin(test);
    test->line.fake.refuses_next_send = true;
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, 1);
    assert_int_equal(test->result.outcome, TRUST_UNAVAILABLE);
}

/* [TP-2] */
static void nonsense_is_said_as_such_and_asks_no_further(void **state)
{
    struct fixture *test = *state;
    char two[8192];
    (void)snprintf(two, sizeof two, "%s%s", test->certificates->ca,
                   test->certificates->other_ca);
    struct fake_answer answers[] = {
        fake_text(404, "text/html", "<h1>not found</h1>"),
        fake_refusal(404, "root.resource_not_found"),
        fake_text(200, "text/html", "<html>welcome</html>"),
        fake_text(200, NULL, "{\"protocol\":1,\"installation_id\":\"abc\",\"ca_cert"),
        fake_text(200, NULL, "{\"protocol\":1,\"installation_id\":\"abc\"}"),
        fake_text(302, NULL, ""),
        with_ca("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        with_ca(test->certificates->leaf), /* no CA */
        with_ca(two),                      /* more than was looked at */
        with_ca(some_root),                /* no installation's */
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        test->n_done = 0;
        fake_http_script(&test->line.fake, answers[i]);
        begin(test);
        virtual_time_settle(&test->line.time);
        assert_int_equal(test->n_done, 1);
        assert_int_equal(test->line.fake.n_requests, i + 1);
        assert_int_equal(test->result.outcome, TRUST_UNAVAILABLE);
        assert_int_equal(test->result.error.code, ERR_PROTOCOL);
        assert_null(test->ca_pem);
    }
}

/* [TP-4] */
static void a_proxy_is_used_for_both_questions_when_it_is_named(void **state)
{
    struct fixture *test = *state;
    test->options.proxy = "http://proxy.example:3128";
    test->options.endpoint = (struct endpoint){.host = "2001:db8::7", .port = 443};
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));

    expect_end(test, TRUST_ESTABLISHED, 2);

    for (int i = 0; i < 2; i++) {
        const struct fake_request *request = fake_http_request(&test->line.fake, i);
        assert_string_equal(request->proxy, "http://proxy.example:3128");
        assert_string_equal(request->url, "https://[2001:db8::7]:443/agent/v1/ca");
    }
}

static void an_attempt_that_is_given_up_calls_nobody(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, with_ca(test->certificates->ca));
    fake_http_script(&test->line.fake, (struct fake_answer){.delay_ms = FAKE_NEVER});

    begin(test);
    trust_cancel(test->trust); /* during the first question */
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->line.fake.n_requests, 1);
    begin(test);
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->line.fake.n_requests, 3);
    trust_cancel(test->trust); /* during the second one */
    virtual_time_pass(&test->line.time, 60000);

    assert_int_equal(test->n_done, 0);
    assert_int_equal(test->line.fake.n_requests, 3);
    trust_cancel(NULL);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_pin_that_is_equal_decides_at_once),
        CASE(a_pin_that_contradicts_is_final),
        CASE(without_a_pin_a_file_that_holds_the_ca_decides),
        CASE(without_a_pin_a_file_may_verify_the_line_instead),
        CASE(without_pin_and_file_the_systems_store_may_verify_the_line),
        CASE(when_nothing_vouches_it_says_what_was_tried),
        CASE(a_file_without_certificates_is_refused),
        CASE(no_answer_is_no_refusal),
        CASE(a_second_question_without_answer_is_no_refusal_either),
        CASE(a_second_question_that_cannot_be_sent_ends_it),
        CASE(nonsense_is_said_as_such_and_asks_no_further),
        CASE(a_proxy_is_used_for_both_questions_when_it_is_named),
        CASE(an_attempt_that_is_given_up_calls_nobody),
    };
#undef CASE
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
