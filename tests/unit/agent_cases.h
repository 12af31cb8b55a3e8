/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the test program test_agent_core share. */
#ifndef TESTS_UNIT_AGENT_CASES_H
#define TESTS_UNIT_AGENT_CASES_H

#include "tests/support/agent_harness.h"
#include "tests/support/json_expect.h"

#define AGENT_CASE(function)                                                                   \
    cmocka_unit_test_setup_teardown(function, agent_harness_setup, agent_harness_teardown)

/* Each returns how many of its cases failed. */
int run_agent_identity_cases(void);
int run_agent_line_cases(void);
int run_agent_retry_cases(void);
int run_agent_steering_cases(void);

#endif
