/* SPDX-License-Identifier: Apache-2.0 */
/* From method and path to a handler: which paths are ours, which only look like it, and who is
 * let through. */
#include "coordinator/http/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/http/exchange_internal.h"

static void reply_with_the_id(struct exchange *exchange, void *context)
{
    unsigned *calls = context;
    const char *id = exchange_param(exchange, "id");
    (*calls)++;
    exchange_reply(exchange, 200, "text/plain", id == NULL ? "" : id,
                   id == NULL ? 0 : strlen(id));
}

static const struct route routes[] = {
    {"GET", "/", ACCESS_PUBLIC, 0, reply_with_the_id},
    {"GET", "/healthz", ACCESS_PUBLIC, 0, reply_with_the_id},
    {"GET", "/api/v1/platform", ACCESS_READ, 0, reply_with_the_id},
    {"GET", "/api/v1/platform/allocators", ACCESS_READ, 0, reply_with_the_id},
    {"GET", "/api/v1/platform/allocators/{id}", ACCESS_READ, 0, reply_with_the_id},
    {"DELETE", "/api/v1/platform/allocators/{id}", ACCESS_WRITE, 0, reply_with_the_id},
    {"PUT", "/api/v1/platform/allocators/{id}/tags/{tag}", ACCESS_WRITE, 64, reply_with_the_id},
    {"POST", "/agent/v1/enroll", ACCESS_ROLES_TOKEN, 64, reply_with_the_id},
    {"POST", "/agent/v1/heartbeat", ACCESS_RUNNER, 64, reply_with_the_id},
};

static const struct router router = {.routes = routes, .n_routes = ARRAY_LEN(routes)};

static enum route_match match(const char *method, const char *path,
                              const struct route **ret_route, struct route_params *ret_params,
                              char ret_allow[static 64])
{
    memset(ret_params, 0, sizeof(*ret_params));
    *ret_route = NULL;
    ret_allow[0] = '\0';
    return router_match(&router, method, path, ret_route, ret_params, ret_allow);
}

static void paths_of_ours_find_their_route_and_decoded_parameters(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        size_t route;
        const char *params[2];
    } cases[] = {
        {"GET", "/", 0, {NULL}},
        {"GET", "/healthz", 1, {NULL}},
        {"HEAD", "/healthz", 1, {NULL}},
        {"GET", "/health%7a", 1, {NULL}},
        {"GET", "/api/v1/platform", 2, {NULL}},
        {"GET", "/api/v1/regions/ece-region/platform", 2, {NULL}},
        {"GET", "/api/v1/platform/allocators/192.168.40.79", 4, {"192.168.40.79"}},
        {"GET", "/api/v1/platform/allocators/::1", 4, {"::1"}},
        {"GET", "/api/v1/platform/allocators/a+b", 4, {"a+b"}},
        {"GET", "/api/v1/platform/allocators/a%2Fb", 4, {"a/b"}},
        {"GET", "/api/v1/platform/allocators/%252e%252e", 4, {"%2e%2e"}},
        {"GET", "/api/v1/platform/allocators/...", 4, {"..."}},
        {"GET", "/api/v1/platform/allocators/%c3%a4", 4, {"\xc3\xa4"}},
        {"DELETE", "/api/v1/platform/allocators/x", 5, {"x"}},
        {"PUT", "/api/v1/platform/allocators/x/tags/k%2Fl", 6, {"x", "k/l"}},
        {"GET", "/api/v1/regions/r/platform/allocators", 3, {NULL}},
        {"GET", "/api/v1/regions/no%20such%2Fregion/platform/allocators", 3, {NULL}},
        {"DELETE", "/api/v1/regions/r/platform/allocators/x", 5, {"x"}},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct route *route = NULL;
        struct route_params params;
        char allow[64];
        if (match(cases[i].method, cases[i].path, &route, &params, allow) != ROUTE_FOUND ||
            route != &routes[cases[i].route]) {
            fail_msg("%s %s does not find its route", cases[i].method, cases[i].path);
        }
        size_t count =
            (cases[i].params[0] != NULL ? 1U : 0U) + (cases[i].params[1] != NULL ? 1U : 0U);
        assert_int_equal(params.count, count);
        for (size_t k = 0; k < count; k++) {
            assert_string_equal(params.items[k].value, cases[i].params[k]);
        }
    }
}

static void what_is_not_plainly_a_path_of_ours_matches_nothing(void **state)
{
    static const char *const paths[] = {
        "",
        "healthz",
        "*",
        "//healthz",
        "/healthz/",
        "/healthz//",
        "/healthz%00",
        "/healthz%",
        "/healthz%7",
        "/healthz%zz",
        "/health%0az",
        "/HEALTHZ",
        "/./healthz",
        "/x/../healthz",
        "/%2e%2e/healthz",
        "/%2E/healthz",
        "https://host/healthz",
        "/api/v1/platform%2fallocators",
        "/api/v1/platform/allocators/",
        "/api/v1/platform/allocators/.",
        "/api/v1/platform/allocators/..",
        "/api/v1/platform/allocators/%2e%2e",
        "/api/v1/platform/allocators/x%00y",
        "/api/v1/platform/allocators/x%0d%0ay",
        "/api/v1/platform/allocators/%ff",
        "/api/v1/platform/allocators/%c0%af",
        "/api/v1/platform/allocators/x/tags",
        "/api/v1/platform/allocators/x/tags/",
        "/api/v1/platform/allocators/x/tags/k/more",
        "/api/v1/regions/platform/allocators",
        "/api/v1/regions//platform/allocators",
        "/api/v1/regions/../platform/allocators",
        "/api/v1/regions/r/regions/r/platform/allocators",
        "/api/v1/regions/r/healthz",
        "/api/v2/regions/r/platform",
        "/regions/r/platform",
        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r/s/t",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct route *route = NULL;
        struct route_params params;
        char allow[64];
        if (match("GET", paths[i], &route, &params, allow) != ROUTE_NO_PATH || route != NULL) {
            fail_msg("\"%s\" matches something", paths[i]);
        }
    }
}

static void a_parameter_may_have_1024_bytes_and_not_one_more(void **state)
{
    static const char prefix[] = "/api/v1/platform/allocators/";
    char path[sizeof(prefix) + ROUTE_PARAM_BYTES];
    const struct route *route = NULL;
    struct route_params params;
    char allow[64];
    (void)state;

    (void)snprintf(path, sizeof(path), "%s%0*d", prefix, ROUTE_PARAM_BYTES - 1, 0);
    assert_int_equal(match("GET", path, &route, &params, allow), ROUTE_FOUND);
    assert_int_equal(strlen(params.items[0].value), ROUTE_PARAM_BYTES - 1);

    (void)snprintf(path, sizeof(path), "%s%0*d", prefix, ROUTE_PARAM_BYTES, 0);
    assert_int_equal(match("GET", path, &route, &params, allow), ROUTE_NO_PATH);
}

static void another_method_is_told_which_ones_there_are(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        const char *allow;
    } cases[] = {
        {"POST", "/healthz", "GET"},
        {"get", "/healthz", "GET"},
        {"HEAD", "/agent/v1/enroll", "POST"},
        {"PATCH", "/api/v1/platform/allocators/x", "GET, DELETE"},
        {"PATCH", "/api/v1/regions/r/platform/allocators/x", "GET, DELETE"},
        {"", "/api/v1/platform/allocators/x/tags/k", "PUT"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct route *route = NULL;
        struct route_params params;
        char allow[64];
        assert_int_equal(match(cases[i].method, cases[i].path, &route, &params, allow),
                         ROUTE_NO_METHOD);
        assert_string_equal(allow, cases[i].allow);
        assert_null(route);
    }
}

/* An authenticator that lets in, refuses, or keeps the exchange until the test decides. */
enum verdict { GRANT, REFUSE, WAIT };

struct gate {
    unsigned handler_calls; /* first: reply_with_the_id counts here */
    enum verdict verdict;
    unsigned asked;
    enum access access;
    struct exchange *waiting;
    granted_fn *granted;
    void *userdata;
    struct router router; /* an exchange borrows it until the reply */
};

static void ask_gate(struct exchange *exchange, enum access access, granted_fn *granted,
                     void *userdata, void *context)
{
    struct gate *gate = context;
    gate->asked++;
    gate->access = access;
    switch (gate->verdict) {
    case GRANT:
        granted(exchange, userdata);
        break;
    case REFUSE:
        exchange_reply_error(exchange, 401, "root.unauthorized", "no");
        break;
    case WAIT:
        gate->waiting = exchange;
        gate->granted = granted;
        gate->userdata = userdata;
        break;
    }
}

static int dispatch(struct gate *gate, const char *method, const char *path,
                    struct exchange **ret_exchange)
{
    gate->router = router;
    gate->router.authenticate = ask_gate;
    gate->router.context = gate;
    const struct route *route = NULL;
    char allow[64];
    struct exchange *exchange = exchange_new(method, path, "192.0.2.1", 1);
    assert_non_null(exchange);
    assert_int_equal(
        router_match(&gate->router, method, path, &route, &exchange->params, allow),
        ROUTE_FOUND);
    exchange_hand_over(exchange, NULL, NULL);
    router_dispatch(&gate->router, route, exchange);
    *ret_exchange = exchange;
    return exchange->reply.status;
}

static void each_access_is_asked_for_before_its_handler_runs(void **state)
{
    static const struct {
        const char *method;
        const char *path;
        unsigned asked;
        enum access access;
    } cases[] = {
        {"GET", "/healthz", 0, ACCESS_PUBLIC},
        {"POST", "/agent/v1/enroll", 1, ACCESS_ROLES_TOKEN},
        {"POST", "/agent/v1/heartbeat", 1, ACCESS_RUNNER},
        {"GET", "/api/v1/platform/allocators/x", 1, ACCESS_READ},
        {"DELETE", "/api/v1/platform/allocators/x", 1, ACCESS_WRITE},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *exchange = NULL;
        struct gate gate = {.verdict = GRANT};
        assert_int_equal(dispatch(&gate, cases[i].method, cases[i].path, &exchange), 200);
        assert_int_equal(gate.handler_calls, 1);
        assert_int_equal(gate.asked, cases[i].asked);
        assert_true(cases[i].asked == 0 || gate.access == cases[i].access);
        exchange_release(exchange);
    }
}

static void a_refused_exchange_never_reaches_the_handler(void **state)
{
    struct exchange *exchange = NULL;
    struct gate gate = {.verdict = REFUSE};
    (void)state;

    assert_int_equal(dispatch(&gate, "DELETE", "/api/v1/platform/allocators/x", &exchange),
                     401);

    assert_int_equal(gate.handler_calls, 0);
    assert_string_equal(exchange_find_field(&exchange->reply.headers, "X-Cloud-Error-Codes"),
                        "root.unauthorized");
    exchange_release(exchange);
}

static void access_may_be_granted_later(void **state)
{
    struct exchange *exchange = NULL;
    struct gate gate = {.verdict = WAIT};
    (void)state;

    assert_int_equal(dispatch(&gate, "GET", "/api/v1/platform/allocators/x", &exchange), 0);
    assert_int_equal(gate.handler_calls, 0);
    gate.granted(gate.waiting, gate.userdata);

    assert_int_equal(exchange->reply.status, 200);
    assert_string_equal(exchange->reply.body, "x");
    exchange_release(exchange);
}

static void count_free(void *principal)
{
    (*(unsigned *)principal)++;
}

static void access_granted_after_the_connection_went_harms_nobody(void **state)
{
    struct exchange *exchange = NULL;
    struct gate gate = {.verdict = WAIT};
    unsigned n_freed = 0;
    (void)state;

    (void)dispatch(&gate, "GET", "/api/v1/platform/allocators/x", &exchange);
    exchange_set_principal(exchange, &n_freed, count_free);
    exchange_release(exchange); /* the engine is gone, the handler still has it */
    gate.granted(gate.waiting, gate.userdata);

    /* Nobody waits: nothing is done for it, and its exchange is freed (ASan). */
    assert_int_equal(gate.handler_calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_ours_find_their_route_and_decoded_parameters),
        cmocka_unit_test(what_is_not_plainly_a_path_of_ours_matches_nothing),
        cmocka_unit_test(a_parameter_may_have_1024_bytes_and_not_one_more),
        cmocka_unit_test(another_method_is_told_which_ones_there_are),
        cmocka_unit_test(each_access_is_asked_for_before_its_handler_runs),
        cmocka_unit_test(a_refused_exchange_never_reaches_the_handler),
        cmocka_unit_test(access_may_be_granted_later),
        cmocka_unit_test(access_granted_after_the_connection_went_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
