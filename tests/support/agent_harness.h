/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One agent over a fake coordinator, on virtual time, with directories of its own. For cmocka
 * tests: `cmocka_unit_test_setup_teardown(f, agent_harness_setup, agent_harness_teardown)`; the
 * teardown stops the agent and demands a loop without handles.
 */
#ifndef TESTS_SUPPORT_AGENT_HARNESS_H
#define TESTS_SUPPORT_AGENT_HARNESS_H

#include "agent/agent.h"
#include "agent/join/identity.h"
#include "tests/support/fake_coordinator.h"
#include "tests/support/fake_rng.h"
#include "tests/support/tmpdir.h"
#include "tests/support/virtual_time.h"

#define AGENT_HARNESS_ID "192.0.2.79"

enum { AGENT_HARNESS_REQUESTS = 512, AGENT_HARNESS_ARGS = 40 };

struct agent_harness {
    struct virtual_time time;
    struct fake_http fake;
    struct fake_coordinator coordinator;
    struct fake_rng rng;
    struct log log;
    struct tmpdir dir;
    char state_dir[TMPDIR_PATH_BYTES];
    char runtime_dir[TMPDIR_PATH_BYTES];
    char token_file[TMPDIR_PATH_BYTES];
    struct agent_options *options; /* owned; NULL before the first start */
    struct agent *agent;           /* NULL = none runs */
    unsigned n_closed;
    size_t mark;                                     /* requests before it were looked at */
    enum agent_state states[AGENT_HARNESS_REQUESTS]; /* in which each request was made */
};

int agent_harness_setup(void **state);
int agent_harness_teardown(void **state);

/** Make the token file hold a token whose `sub` is @id. */
void agent_harness_write_token(struct agent_harness *test, const char *id);
/** No token at all. */
void agent_harness_remove_token(struct agent_harness *test);

/**
 * Start it with --coordinator-host c1,c2 and the token file, if there is one; more flags follow
 * in pairs up to NULL and win. Nothing was sent when it returns.
 */
void agent_harness_start(struct agent_harness *test, ...) __attribute__((sentinel));
/** agent_reload with options made in the same way. */
void agent_harness_reload(struct agent_harness *test, ...) __attribute__((sentinel));
/** agent_stop, and wait for the end: at most @ms. */
void agent_harness_stop(struct agent_harness *test, uint64_t ms);
/** Start it with a token and wait until it is connected. */
void agent_harness_join(struct agent_harness *test);

void agent_harness_pass(struct agent_harness *test, uint64_t ms);
/** Let time pass until it is in this state, at most @ms; returns how much passed. */
uint64_t agent_harness_wait(struct agent_harness *test, enum agent_state state, uint64_t ms);
/** Let time pass until one more request was made, at most @ms; returns how much passed. */
uint64_t agent_harness_wait_request(struct agent_harness *test, uint64_t ms);
void agent_harness_expect_state(const struct agent_harness *test, enum agent_state state);
/** What was asked since the last call: "GET /ca, POST /enroll". */
void agent_harness_expect_trail(struct agent_harness *test, const char *trail);

/** What the file says; identity_fini(). Fails the test when there is none. */
struct identity agent_harness_identity(const struct agent_harness *test);
struct status_record agent_harness_status(const struct agent_harness *test);
/** The host as its coordinator knows it. */
struct fake_runner *agent_harness_runner(const struct agent_harness *test);

#endif
