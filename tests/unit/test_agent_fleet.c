/* SPDX-License-Identifier: Apache-2.0 */
/* One thousand agents in one process on one loop: nothing is shared between them but what they
 * are given. */
#include "tests/support/agent_harness.h"

#include "agent/agent_internal.h" /* the state: nothing else of it is looked at */
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { FLEET = 1000, PATH_BYTES = TMPDIR_PATH_BYTES + 16 };

struct member {
    struct agent_options options;
    struct log log;
    char id[32];
    char state_dir[PATH_BYTES];
    char runtime_dir[PATH_BYTES];
    struct agent *agent;
};

struct fleet {
    struct agent_harness *host; /* its loop, peer, clock and directory; its own agent idles */
    struct member *members;
    unsigned n_closed;
};

static struct fake_answer answer(const struct fake_request *request, void *userdata)
{
    return fake_coordinator_answer(userdata, request);
}

/* By hand: a thousand command lines would be what the test measures. */
static void start(struct fleet *fleet, size_t at, const char *token)
{
    struct err err = {0};
    struct agent_harness *host = fleet->host;
    struct member *member = &fleet->members[at];
    struct agent_environment environment = {
        .loop = &host->time.loop,
        .clock = &host->time.clock.clock,
        .rng = &host->rng.rng,
        .log = &member->log,
        .system_root = HOST_TREE("v2-systemd"),
    };
    (void)snprintf(member->id, sizeof member->id, "runner-%zu", at);
    (void)snprintf(member->state_dir, sizeof member->state_dir, "%s/s%zu", host->dir.path, at);
    (void)snprintf(member->runtime_dir, sizeof member->runtime_dir, "%s/r%zu", host->dir.path,
                   at);
    member->log = (struct log){.threshold = LOG_LEVEL_WARNING, .fd = -1};
    member->options = (struct agent_options){
        .coordinators = {.count = 1, .items = {{.host = "c1", .port = 12443}}},
        .roles = ROLE_ALLOCATOR,
        .runner_id = member->id,
        .host_ip = "192.0.2.1",
        .zone = "ece-zone-1",
        .state_dir = member->state_dir,
        .runtime_dir = member->runtime_dir,
        .instances_slice = "ece-instances.slice",
    };
    assert_int_equal(
        secret_copy(&member->options.token.inline_text, token, strlen(token), &err), 0);
    assert_int_equal(agent_start(&member->agent, &environment, &member->options, &err), 0);
}

static void expect_all_connected(const struct fleet *fleet)
{
    for (size_t i = 0; i < FLEET; i++) {
        assert_int_equal(fleet->members[i].agent->state, AGENT_CONNECTED);
    }
}

static void on_closed(void *userdata)
{
    ((struct fleet *)userdata)->n_closed++;
}

static void stop_all(struct fleet *fleet)
{
    for (size_t i = 0; i < FLEET; i++) {
        agent_stop(fleet->members[i].agent, on_closed, fleet);
    }
    virtual_time_settle(&fleet->host->time);
    assert_int_equal(fleet->n_closed, FLEET);
}

static void a_thousand_agents_share_one_loop(void **state)
{
    struct agent_harness *host = *state;
    struct fleet fleet = {.host = host, .members = calloc(FLEET, sizeof(struct member))};
    char *token = fake_coordinator_token(&host->coordinator, "token-1");
    assert_non_null(fleet.members);
    host->coordinator.believes_assertions = true;
    host->fake.answer = answer;
    host->fake.userdata = &host->coordinator;

    for (size_t i = 0; i < FLEET; i++) {
        start(&fleet, i, token);
    }
    virtual_time_settle(&host->time);
    expect_all_connected(&fleet);
    assert_int_equal(host->fake.n_requests, 3 * FLEET);
    virtual_time_pass(&host->time, 11000);
    expect_all_connected(&fleet);
    for (size_t i = 0; i < FLEET; i++) {
        const struct fake_runner *runner = &host->coordinator.runners[i];
        assert_int_equal(runner->n_enrolled, 1);
        assert_in_range(runner->n_beats, 2, 3); /* each at its own pace */
    }
    stop_all(&fleet);
    for (size_t i = 0; i < FLEET; i++) {
        assert_int_equal(host->coordinator.runners[i].n_goodbyes, 1);
        agent_options_fini(&fleet.members[i].options);
    }
    secret_free_text(token);
    free(fleet.members);
}

/* Two thousand durable writes: what a disk needs for them is not the question here. */
static int setup_in_memory(void **state)
{
    const char *before = getenv("TMPDIR");
    auto_free char *kept = before != NULL ? strdup(before) : NULL;
    if (access("/dev/shm", W_OK | X_OK) == 0) {
        (void)setenv("TMPDIR", "/dev/shm", 1);
    }
    int rc = agent_harness_setup(state);
    (void)(kept != NULL ? setenv("TMPDIR", kept, 1) : unsetenv("TMPDIR"));
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_thousand_agents_share_one_loop, setup_in_memory,
                                        agent_harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
