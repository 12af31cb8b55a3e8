/* SPDX-License-Identifier: Apache-2.0 */
/* Enrollment tokens over the platform API: what may be asked for, and that nothing is answered
 * before it is durable. */
#include "tests/support/handler_harness.h"
#include "tests/unit/handlers_cases.h"

#define E_REQUEST "enrollment_tokens.invalid_token_request"
#define E_TOKEN_ID "enrollment_tokens.invalid_token_id"
#define PERSISTENT "{\"persistent\":true,\"roles\":[\"allocator\"]}"
#define EPHEMERAL "{\"persistent\":false,\"roles\":[\"allocator\"]}"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

static struct exchange *send_create(struct handler_harness *harness, const char *body)
{
    return handler_send(
        harness, &(struct handler_request){.method = "POST", .uri = TOKENS_URI, .body = body});
}

static int create(struct handler_harness *harness, const char *body)
{
    return handler_ask(
        harness, &(struct handler_request){.method = "POST", .uri = TOKENS_URI, .body = body});
}

static struct exchange *send_delete(struct handler_harness *harness, const char *token)
{
    char uri[1200];
    (void)snprintf(uri, sizeof uri, TOKENS_URI "/%s", token);
    return handler_send(harness, &(struct handler_request){.method = "DELETE", .uri = uri});
}

static int ask_delete(struct handler_harness *harness, const char *token)
{
    struct exchange *exchange = send_delete(harness, token);
    (void)memory_store_run(harness->base->memory);
    return handler_receive(harness, exchange);
}

static size_t count_listed(struct handler_harness *harness)
{
    assert_int_equal(handler_get(harness, TOKENS_URI), 200);
    return json_array_size(json_expect(handler_expect_ok(harness), "tokens"));
}

/* A claim of the token in the last reply; owned. */
static json_t *claims_of(const struct handler_harness *harness)
{
    const char *text = json_string_value(json_expect(harness->json, "token"));
    struct jwt_unverified jwt = {0};
    struct err err;
    assert_int_equal(jwt_peek(text, strlen(text), JWT_HS256, &jwt, NULL, &err), 0);
    return jwt.claims;
}

struct audit_count {
    unsigned count;
    char json[1024]; /* the newest */
};

static void on_audit_entry(uint64_t number, const char *json, size_t len, void *userdata)
{
    struct audit_count *found = userdata;
    (void)number;
    if (found->count++ == 0) {
        (void)snprintf(found->json, sizeof found->json, "%.*s", (int)len, json);
    }
}

static struct audit_count audited(const struct handler_harness *harness)
{
    struct audit_count found = {0};
    audit_recent(harness->audit, 100, on_audit_entry, &found);
    return found;
}

struct needle {
    const char *text;
    unsigned n_entries;
    bool is_found;
};

static void look_for_needle(const struct store_entry *entry, void *userdata)
{
    struct needle *needle = userdata;
    needle->n_entries++;
    needle->is_found = needle->is_found || strstr(entry->value, needle->text) != NULL;
}

static void a_persistent_token_is_answered_when_it_is_durable_with_its_audit(void **state)
{
    struct handler_harness *harness = harness_of(state);
    struct memory_store *memory = harness->base->memory;
    struct err err;

    struct exchange *exchange = send_create(harness, PERSISTENT);
    assert_int_equal(exchange->reply.status, 0);
    assert_int_equal(memory_store_queued(memory), 1);
    assert_true(memory_store_step(memory));
    assert_int_equal(handler_receive(harness, exchange), 200);
    json_expect_count(handler_expect_ok(harness), "", 2);
    auto_free char *token = strdup(json_string_value(json_expect(harness->json, "token")));
    auto_free char *id = strdup(json_string_value(json_expect(harness->json, "token_id")));

    /* One transaction: the token and who made it. */
    assert_int_equal(memory_store_writes(memory), 1);
    struct audit_count found = audited(harness);
    assert_int_equal(found.count, 1);
    auto_json *entry = NULL;
    assert_int_equal(json_parse(found.json, strlen(found.json), &entry, &err), 0);
    json_expect_text(entry, "action", "token.created");
    json_expect_text(entry, "actor", "user admin");
    json_expect_text(entry, "from", HANDLER_PEER);
    json_expect_text(entry, "subject", id);

    /* The text is seen once: neither the store nor the list has it. */
    struct needle needle = {.text = token};
    assert_int_equal(store_list(&memory->store, "", look_for_needle, &needle, &err), 0);
    assert_int_equal(needle.n_entries, 2);
    assert_false(needle.is_found);
    assert_int_equal(count_listed(harness), 1);
    json_expect_text(harness->json, "tokens.0.token_id", id);
    json_expect_text(harness->json, "tokens.0.roles.0", "allocator");
    json_expect_count(harness->json, "tokens.0", 2);
}

static void an_ephemeral_token_has_no_id_and_needs_no_store(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *body;
        json_int_t validity_s;
    } cases[] = {
        {EPHEMERAL, 3600},
        {"{\"persistent\":false,\"validity_in_seconds\":null}", 3600},
        {"{\"persistent\":false,\"validity_in_seconds\":1}", 1},
        {"{\"persistent\":false,\"validity_in_seconds\":2147483647}", 2147483647},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct exchange *exchange = send_create(harness, cases[i].body);
        assert_int_equal(handler_receive(harness, exchange), 200);
        json_expect_count(handler_expect_ok(harness), "", 1);
        auto_json *claims = claims_of(harness);
        json_expect_integer(claims, "exp",
                            clock_wall_s(harness->handlers.clock) + cases[i].validity_s);
        assert_null(json_at(claims, "persistent"));
        (void)memory_store_run(harness->base->memory);
        assert_int_equal(count_listed(harness), 0);
        assert_int_equal(audited(harness).count, i + 1); /* made is made, though not stored */
    }
}

/* [TP-2]; the Go client sends "roles":null */
static void what_may_be_left_out_may_be_left_out(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *body;
        const char *roles;
    } cases[] = {
        {"{\"persistent\":true}", "[]"},
        {"{\"persistent\":true,\"roles\":null}", "[]"},
        {"{\"persistent\":true,\"roles\":[],\"validity_in_seconds\":null}", "[]"},
        {"{\"roles\":[\"allocator\",\"allocator\"],\"persistent\":true}", "[\"allocator\"]"},
        {"{\"persistent\":true,\"roles\":[\"proxy\",\"director\"],\"new_field\":{\"a\":[]}}",
         "[\"director\",\"proxy\"]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *roles = json_loads(cases[i].roles, 0, NULL);
        assert_int_equal(create(harness, cases[i].body), 200);
        auto_json *claims = claims_of(harness);
        assert_true(json_equal(json_at(claims, "roles"), roles));
        json_expect_bool(claims, "persistent", true);
        json_expect_text(claims, "ca_sha256", harness->installation->ca.sha256);
        assert_null(json_at(claims, "exp"));
    }
    assert_int_equal(count_listed(harness), ARRAY_LEN(cases));
}

/* [TP-2]: the message names the field. */
static void what_is_wrong_is_refused_by_name_and_makes_nothing(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *body;
        const char *words;
    } cases[] = {
        {"", "empty"},
        {"persistent", "JSON"},
        {"[]", "object"},
        {"[{\"persistent\":true}]", "object"},
        {"{\"persistent\":true,\"persistent\":false}", "JSON"},
        {"{\"persistent\":true} ,", "JSON"},
        {"{}", "persistent: is missing"},
        {"{\"persistent\":null}", "persistent: is missing"},
        {"{\"persistent\":\"true\"}", "persistent: must be true or false"},
        {"{\"persistent\":1}", "persistent: must be true or false"},
        {"{\"persistent\":true,\"roles\":\"allocator\"}", "roles: must be an array"},
        {"{\"persistent\":true,\"roles\":{}}", "roles: must be an array"},
        {"{\"persistent\":true,\"roles\":[\"allocators\"]}", "\"allocators\" is no role"},
        {"{\"persistent\":true,\"roles\":[\"allocator\",1]}", "roles[1]"},
        {"{\"persistent\":true,\"roles\":[null]}", "roles[0]"},
        {"{\"persistent\":true,\"roles\":[\"beats-runner\"]}", "beats-runner"},
        {"{\"persistent\":true,\"roles\":[\"\\u001b[2J\"]}", "roles[0]"},
        {"{\"persistent\":true,\"roles\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
         "roles: more than 16 items"},
        {"{\"persistent\":false,\"validity_in_seconds\":0}", "validity_in_seconds"},
        {"{\"persistent\":false,\"validity_in_seconds\":-1}", "validity_in_seconds"},
        {"{\"persistent\":false,\"validity_in_seconds\":2147483648}", "validity_in_seconds"},
        {"{\"persistent\":false,\"validity_in_seconds\":9223372036854775807}",
         "validity_in_seconds"},
        {"{\"persistent\":false,\"validity_in_seconds\":99999999999999999999}", "JSON"},
        {"{\"persistent\":false,\"validity_in_seconds\":\"60\"}", "validity_in_seconds"},
        {"{\"persistent\":false,\"validity_in_seconds\":60.0}", "validity_in_seconds"},
        {"{\"persistent\":true,\"validity_in_seconds\":60}", "validity_in_seconds"},
        {"{\"persistent\":true,\"validity_in_seconds\":0}", "validity_in_seconds"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)create(harness, cases[i].body);
        handler_expect_error(harness, 400, E_REQUEST, cases[i].words);
    }
    /* What curl -d sends unless it is told otherwise. */
    (void)handler_ask(harness,
                      &(struct handler_request){.method = "POST",
                                                .uri = TOKENS_URI,
                                                .body = PERSISTENT,
                                                .type = "application/x-www-form-urlencoded"});
    handler_expect_error(harness, 400, E_REQUEST, "Content-Type: application/json");
    assert_int_equal(count_listed(harness), 0);
    assert_int_equal(memory_store_writes(harness->base->memory), 0);
}

static void a_store_that_does_not_take_writes_makes_no_token(void **state)
{
    struct handler_harness *harness = harness_of(state);

    memory_store_fail(harness->base->memory, 1);
    (void)create(harness, PERSISTENT);
    handler_expect_error(harness, 503, "root.unavailable", "nothing was changed");
    assert_null(json_at(harness->json, "token"));
    memory_store_refuse(harness->base->memory, true); /* it is closing */
    (void)create(harness, PERSISTENT);
    handler_expect_error(harness, 503, "root.unavailable", "no token was made");

    memory_store_refuse(harness->base->memory, false);
    assert_int_equal(count_listed(harness), 0);
    assert_int_equal(audited(harness).count, 0);
    assert_int_equal(create(harness, PERSISTENT), 200);
}

static void a_client_that_left_disturbs_nothing(void **state)
{
    struct handler_harness *harness = harness_of(state);
    handler_hang_up(send_create(harness, PERSISTENT));
    (void)memory_store_run(harness->base->memory);
    assert_int_equal(count_listed(harness), 1);
    auto_free char *id =
        strdup(json_string_value(json_expect(harness->json, "tokens.0.token_id")));
    handler_hang_up(send_delete(harness, id));
    (void)memory_store_run(harness->base->memory);
    assert_int_equal(count_listed(harness), 0);
}

static void a_token_is_deleted_by_its_id_or_its_text_and_only_once(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *text = handler_make_token(harness, PERSISTENT);
    auto_free char *text_id = strdup(json_string_value(json_expect(harness->json, "token_id")));
    auto_free char *other = handler_make_token(harness, PERSISTENT);
    auto_free char *id = strdup(json_string_value(json_expect(harness->json, "token_id")));
    size_t writes = memory_store_writes(harness->base->memory);

    assert_int_equal(ask_delete(harness, text), 200);
    json_expect_count(handler_expect_ok(harness), "", 0);
    assert_int_equal(count_listed(harness), 1);
    json_expect_text(harness->json, "tokens.0.token_id", id);
    assert_int_equal(ask_delete(harness, id), 200);
    assert_int_equal(count_listed(harness), 0);

    /* One transaction each, with who did it. */
    assert_int_equal(memory_store_writes(harness->base->memory), writes + 2);
    struct audit_count found = audited(harness);
    assert_int_equal(found.count, 4);
    assert_non_null(strstr(found.json, "token.deleted"));
    assert_non_null(strstr(found.json, "user admin"));
    assert_non_null(strstr(found.json, id));

    const char *const gone[] = {id, text_id, text, other};
    for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
        (void)ask_delete(harness, gone[i]);
        handler_expect_error(harness, 404, E_TOKEN_ID, "no persistent roles token");
    }
    assert_int_equal(memory_store_writes(harness->base->memory), writes + 2);
}

static void what_is_no_stored_token_cannot_be_deleted(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *kept = handler_make_token(harness, PERSISTENT);
    auto_free char *ephemeral = handler_make_token(harness, EPHEMERAL);
    (void)ask_delete(harness, ephemeral);
    handler_expect_error(harness, 404, E_TOKEN_ID, "ephemeral");

    kept[strlen(kept) - 3] ^= 1; /* another signature: not ours */
    static const char *const unknown[] = {"x", "00000000-0000-4000-8000-000000000000", "..x",
                                          "%F0%9F%A6%96", "tokens%2F"};
    (void)ask_delete(harness, kept);
    handler_expect_error(harness, 404, E_TOKEN_ID, "no persistent roles token");
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        (void)ask_delete(harness, unknown[i]);
        handler_expect_error(harness, 404, E_TOKEN_ID, "no persistent roles token");
    }
    assert_int_equal(count_listed(harness), 1);
}

static void of_two_that_delete_at_once_the_second_finds_nothing(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *text = handler_make_token(harness, PERSISTENT);

    struct exchange *first = send_delete(harness, text);
    struct exchange *second = send_delete(harness, text);
    (void)memory_store_run(harness->base->memory);
    assert_int_equal(handler_receive(harness, first), 200);
    (void)handler_receive(harness, second);
    handler_expect_error(harness, 404, E_TOKEN_ID, "meanwhile");
    assert_int_equal(audited(harness).count, 2);
}

static void a_deletion_that_was_not_written_is_none(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *text = handler_make_token(harness, PERSISTENT);

    memory_store_fail(harness->base->memory, 1);
    (void)ask_delete(harness, text);
    handler_expect_error(harness, 503, "root.unavailable", "nothing was changed");
    memory_store_refuse(harness->base->memory, true);
    (void)ask_delete(harness, text);
    handler_expect_error(harness, 503, "root.unavailable", "was not deleted");
    memory_store_refuse(harness->base->memory, false);
    assert_int_equal(count_listed(harness), 1);
    assert_int_equal(audited(harness).count, 1);
    assert_int_equal(ask_delete(harness, text), 200);
}

int run_handlers_tokens_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, handler_setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_persistent_token_is_answered_when_it_is_durable_with_its_audit),
        CASE(an_ephemeral_token_has_no_id_and_needs_no_store),
        CASE(what_may_be_left_out_may_be_left_out),
        CASE(what_is_wrong_is_refused_by_name_and_makes_nothing),
        CASE(a_store_that_does_not_take_writes_makes_no_token),
        CASE(a_client_that_left_disturbs_nothing),
        CASE(a_token_is_deleted_by_its_id_or_its_text_and_only_once),
        CASE(what_is_no_stored_token_cannot_be_deleted),
        CASE(of_two_that_delete_at_once_the_second_finds_nothing),
        CASE(a_deletion_that_was_not_written_is_none),
    };
    return cmocka_run_group_tests_name("handlers_tokens", tests, NULL, NULL);
}
