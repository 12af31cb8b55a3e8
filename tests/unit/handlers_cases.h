/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the test program test_handlers. Each returns how many of its cases failed. */
#ifndef TESTS_UNIT_HANDLERS_CASES_H
#define TESTS_UNIT_HANDLERS_CASES_H

int run_handlers_tokens_cases(void);
int run_handlers_enroll_cases(void);
int run_handlers_runner_id_cases(void);
int run_handlers_access_cases(void);
int run_handlers_artifacts_cases(void);
int run_handlers_search_cases(void);

#endif
