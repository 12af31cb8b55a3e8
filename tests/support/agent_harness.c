/* SPDX-License-Identifier: Apache-2.0 */
/* See agent_harness.h. */
#include "tests/support/agent_harness.h"

#include "agent/agent_internal.h" /* the state: nothing else of it is looked at */
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct fake_answer answer(const struct fake_request *request, void *userdata)
{
    struct agent_harness *test = userdata;
    size_t at = test->fake.n_requests - 1;
    if (at < AGENT_HARNESS_REQUESTS) {
        test->states[at] = test->agent->state;
    }
    return fake_coordinator_answer(&test->coordinator, request);
}

int agent_harness_setup(void **state)
{
    struct agent_harness *test = calloc(1, sizeof *test);
    assert_non_null(test);
    assert_true(tmpdir_make(&test->dir));
    virtual_time_init(&test->time);
    fake_http_init(&test->fake, &test->time.loop);
    fake_coordinator_init(&test->coordinator, &test->time.clock.clock);
    fake_rng_init(&test->rng, 79);
    test->fake.answer = answer;
    test->fake.userdata = test;
    const char *verbose = getenv("ECE_TEST_LOG");
    test->log = (struct log){.threshold = LOG_LEVEL_DEBUG, .fd = verbose != NULL ? 2 : -1};
    (void)tmpdir_path(&test->dir, "state", test->state_dir);
    (void)tmpdir_path(&test->dir, "run", test->runtime_dir);
    (void)tmpdir_path(&test->dir, "token", test->token_file);
    *state = test;
    return 0;
}

static void on_closed(void *userdata)
{
    struct agent_harness *test = userdata;
    test->n_closed++;
    test->agent = NULL;
}

static void free_options(struct agent_harness *test)
{
    if (test->options != NULL) {
        agent_options_fini(test->options);
        free(test->options);
        test->options = NULL;
    }
}

int agent_harness_teardown(void **state)
{
    struct agent_harness *test = *state;
    if (test->agent != NULL) {
        agent_harness_stop(test, 2000);
    }
    virtual_time_fini(&test->time);
    fake_http_fini(&test->fake);
    fake_coordinator_fini(&test->coordinator);
    free_options(test);
    bool is_gone = tmpdir_remove(&test->dir);
    free(test);
    return is_gone ? 0 : -1;
}

void agent_harness_write_token(struct agent_harness *test, const char *id)
{
    char *text = fake_coordinator_token(&test->coordinator, id);
    host_tree_write(&test->dir, "token", text);
    secret_free_text(text);
}

void agent_harness_remove_token(struct agent_harness *test)
{
    (void)unlink(test->token_file);
}

static void add_arg(char **argv, int *argc, const char *text)
{
    assert_true(*argc < AGENT_HARNESS_ARGS - 1);
    argv[*argc] = strdup(text);
    assert_non_null(argv[*argc]);
    (*argc)++;
}

/* Flags as they would come by argv: the same path as in the program. */
static struct agent_options *read_options(const struct agent_harness *test, va_list more)
{
    static const char *const no_environment[] = {NULL};
    const char *const usual[] = {
        "ece-agent",       "--config",    "/dev/null",      "--coordinator-host",
        "c1,c2",           "--host-ip",   AGENT_HARNESS_ID, "--roles",
        "allocator",       "--state-dir", test->state_dir,  "--runtime-dir",
        test->runtime_dir,
    };
    struct err err = {0};
    char *argv[AGENT_HARNESS_ARGS] = {NULL};
    int argc = 0;
    struct agent_options *options = calloc(1, sizeof *options);
    for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
        add_arg(argv, &argc, usual[i]);
    }
    if (access(test->token_file, F_OK) == 0) {
        char from_file[TMPDIR_PATH_BYTES + 1];
        (void)snprintf(from_file, sizeof from_file, "@%s", test->token_file);
        add_arg(argv, &argc, "--roles-token");
        add_arg(argv, &argc, from_file);
    }
    for (const char *arg = NULL; (arg = va_arg(more, const char *)) != NULL;) {
        add_arg(argv, &argc, arg);
    }
    if (options == NULL || agent_options_read(argc, argv, no_environment, options, &err) < 0) {
        fail_msg("%s", err.message);
    }
    for (int i = 0; i < argc; i++) {
        free(argv[i]);
    }
    return options;
}

void agent_harness_start(struct agent_harness *test, ...)
{
    struct err err = {0};
    va_list more;
    struct agent_environment environment = {
        .loop = &test->time.loop,
        .clock = &test->time.clock.clock,
        .rng = &test->rng.rng,
        .log = &test->log,
        .system_root = HOST_TREE("v2-systemd"),
    };
    free_options(test);
    va_start(more, test);
    test->options = read_options(test, more);
    va_end(more);
    if (agent_start(&test->agent, &environment, test->options, &err) < 0) {
        fail_msg("agent_start: %s", err.message);
    }
}

void agent_harness_reload(struct agent_harness *test, ...)
{
    va_list more;
    va_start(more, test);
    struct agent_options *fresh = read_options(test, more);
    va_end(more);
    agent_reload(test->agent, fresh);
    free_options(test);
    test->options = fresh;
}

static bool is_stopped(const void *userdata)
{
    return ((const struct agent_harness *)userdata)->agent == NULL;
}

void agent_harness_stop(struct agent_harness *test, uint64_t ms)
{
    unsigned before = test->n_closed;
    agent_stop(test->agent, on_closed, test);
    if (!virtual_time_wait(&test->time, is_stopped, test, ms)) {
        fail_msg("the agent has not stopped within %u ms", (unsigned)ms);
    }
    assert_int_equal(test->n_closed, before + 1);
}

void agent_harness_join(struct agent_harness *test)
{
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);
    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");
}

void agent_harness_pass(struct agent_harness *test, uint64_t ms)
{
    virtual_time_pass(&test->time, ms);
}

struct awaited {
    const struct agent_harness *test;
    enum agent_state state;
    size_t n_requests;
};

static bool is_in_state(const void *userdata)
{
    const struct awaited *awaited = userdata;
    return awaited->test->agent->state == awaited->state;
}

uint64_t agent_harness_wait(struct agent_harness *test, enum agent_state state, uint64_t ms)
{
    uint64_t start_ms = test->time.clock.monotonic_ms;
    struct awaited awaited = {.test = test, .state = state};
    if (!virtual_time_wait(&test->time, is_in_state, &awaited, ms)) {
        fail_msg("%s, not %s after %u ms", agent_state_name(test->agent->state),
                 agent_state_name(state), (unsigned)ms);
    }
    return test->time.clock.monotonic_ms - start_ms;
}

static bool has_asked(const void *userdata)
{
    const struct awaited *awaited = userdata;
    return awaited->test->fake.n_requests > awaited->n_requests;
}

uint64_t agent_harness_wait_request(struct agent_harness *test, uint64_t ms)
{
    uint64_t start_ms = test->time.clock.monotonic_ms;
    struct awaited awaited = {.test = test, .n_requests = test->fake.n_requests};
    if (!virtual_time_wait(&test->time, has_asked, &awaited, ms)) {
        fail_msg("nothing was asked within %u ms", (unsigned)ms);
    }
    return test->time.clock.monotonic_ms - start_ms;
}

void agent_harness_expect_state(const struct agent_harness *test, enum agent_state state)
{
    assert_string_equal(agent_state_name(test->agent->state), agent_state_name(state));
}

void agent_harness_expect_trail(struct agent_harness *test, const char *trail)
{
    char text[1024];
    fake_http_trail(&test->fake, test->mark, text, sizeof text);
    test->mark = test->fake.n_requests;
    assert_string_equal(text, trail);
}

struct identity agent_harness_identity(const struct agent_harness *test)
{
    struct err err = {0};
    struct identity identity = {0};
    enum identity_found found = IDENTITY_ABSENT;
    assert_int_equal(identity_load(test->state_dir, &found, &identity, &err), 0);
    assert_int_equal(found, IDENTITY_FOUND);
    return identity;
}

struct status_record agent_harness_status(const struct agent_harness *test)
{
    struct err err = {0};
    struct status_record record = {0};
    enum status_found found = STATUS_ABSENT;
    assert_int_equal(status_record_load(test->runtime_dir, &found, &record, &err), 0);
    assert_int_equal(found, STATUS_FOUND);
    return record;
}

struct fake_runner *agent_harness_runner(const struct agent_harness *test)
{
    return fake_coordinator_runner(&test->coordinator, AGENT_HARNESS_ID);
}
