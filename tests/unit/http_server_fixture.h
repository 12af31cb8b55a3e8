/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real server on 127.0.0.1 in the test's own loop, with a few handlers, and scripts that play
 * its clients on a thread. Asserts stand in the test (its thread runs the loop); a script only
 * fills in what it saw.
 */
#ifndef TESTS_HTTP_SERVER_FIXTURE_H
#define TESTS_HTTP_SERVER_FIXTURE_H

#include "coordinator/http/http_server.h"
#include "tests/support/https_client.h"

enum {
    FIXTURE_BODY_MAX = 64,
    FIXTURE_BIG_BYTES = 3 * 1024 * 1024,
};

#define FIXTURE_INTERNAL_NAME "0f8e.ece.internal"
#define FIXTURE_EXTERNAL_NAME "ece.example.org"
#define FIXTURE_RENEWED_NAME "renewed.ece.internal"

struct fixture_certificate {
    char *cert_pem;
    struct secret key_pem;
};

/** Zero means the default that no test waits for. */
struct fixture_limits {
    uint32_t request_ms;
    uint32_t idle_ms;
    uint32_t park_ms;
    unsigned connections;
    unsigned connections_per_ip;
    bool has_external;
    bool is_dual; /* listen on [::], the clients come over IPv4 */
};

struct fixture {
    uv_loop_t loop;
    struct log log;
    struct router router;
    struct http_server *server;
    uint16_t port;
    struct fixture_certificate internal, external, renewed;
    int file_fd; /* what GET /file sends; -1 = nothing yet. Owned */
    uint64_t file_size;
    /* what the handlers and the server said, counted on the loop's thread */
    unsigned n_handled;
    uint64_t last_connection;
    unsigned n_late; /* replies given by GET /later */
    struct later *laters;
    unsigned n_closed;
    uint64_t closed_connection;
    unsigned n_stopped;
};

typedef void script_fn(const struct fixture *fixture, void *arg);

#define SERVER_CASE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int run_http_server_hostile_cases(void);
int run_http_server_deadline_cases(void);
int run_http_server_file_cases(void);
int run_http_server_life_cases(void);

/** Of every case: certificates and loop; no server yet. The teardown stops the server if the
 * test did not, and fails if anything is left on the loop. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

void fixture_start(struct fixture *fixture, const struct fixture_limits *limits);
/** Run the loop while @script plays. */
void fixture_play(struct fixture *fixture, script_fn *script, void *arg);
/** Run the loop until *@counter is @value; fails after a few seconds. */
void fixture_until(struct fixture *fixture, const unsigned *counter, unsigned value);
/** Stop and wait for the end. */
void fixture_stop(struct fixture *fixture);

#endif
