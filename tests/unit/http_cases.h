/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the test program test_http_client share: an installation's certificates, a
 * client on a loop of its own, and a server that the case lets behave as it likes. The end of
 * each case stops the client and demands a loop without handles.
 */
#ifndef TESTS_UNIT_HTTP_CASES_H
#define TESTS_UNIT_HTTP_CASES_H

#include "common/loop/http_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/tls_server.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define HTTP_CASE(function)                                                                    \
    cmocka_unit_test_setup_teardown(function, http_case_setup, http_case_teardown)

#define HTTP_CASE_NAME "abc.ece.internal"
#define HTTP_CASE_URL "https://" HTTP_CASE_NAME ":12443/agent/v1/heartbeat"
#define HTTP_CASE_BEARER "the.secret.token"

/* Each returns how many of its cases failed. */
int run_http_failure_cases(void);
int run_http_idle_cases(void);
int run_http_lifetime_cases(void);

/* Made once: the CA, a server's certificate for HTTP_CASE_NAME, and ones that are wrong. */
struct http_pki {
    char *ca;
    char *other_ca;
    char *cert;
    char *key;
    char *other_name_cert;
    char *other_name_key;
    char *expired_cert;
    char *expired_key;
};

/* What a completion was told. */
struct http_outcome {
    unsigned n_done;
    int status;
    char body[256];
    size_t body_len;
    char content_type[64];
    int64_t date_s;
    uint32_t retry_after_s;
    uint64_t elapsed_ms;
    bool is_new_connection;
    struct err error;
};

struct http_case {
    uv_loop_t loop;
    uv_timer_t guard; /* keeps the loop alive, and ends a case that waits for ever */
    uint64_t deadline_ns;
    struct fake_clock clock;
    struct http_client *client; /* NULL once stopped */
    bool is_closed;
    unsigned n_closed;
    unsigned n_idle_closed;
    struct tls_server *server;
    const struct http_pki *pki;
    struct http_outcome outcome;
    sem_t go;         /* for the server's function to wait for the test */
    sem_t went;       /* and the other way round */
    char heard[2048]; /* the server's function leaves the request here */
    char sni[128];
    const void *script; /* for the server's function, of the case's own kind */
};

int http_pki_setup(void **state);
int http_pki_teardown(void **state);
int http_case_setup(void **state);
int http_case_teardown(void **state);

/** A server with the right certificate. Its function gets the case as userdata. */
void http_case_serve(struct http_case *test, tls_serve_fn *serve);
/** A server without TLS. */
void http_case_serve_plain(struct http_case *test, tls_serve_fn *serve);

/** A GET with bearer to the case's server, verified, 5 s deadlines, 1024 bytes of reply. */
struct http_request http_case_request(const struct http_case *test);

/** For http_client_send, with a struct http_outcome as userdata. */
void http_case_done(const struct http_reply *reply, void *userdata);

void http_case_send(struct http_case *test, const struct http_request *request);
/** Turn the loop until the counter is as high; fails the case after 5 s. */
void http_case_run_until(struct http_case *test, const unsigned *counter, unsigned at_least);
/** Serve what is ready now. */
void http_case_turn(struct http_case *test);
/** Turn the loop until somebody posts @sem. */
void http_case_run_until_posted(struct http_case *test, sem_t *sem);
/** Send and wait: the outcome is in test->outcome. */
void http_case_call(struct http_case *test, const struct http_request *request);
void http_case_stop(struct http_case *test);

/** Server functions. Answer each request with an empty 200 until the client closes. */
void http_serve_ok(struct tls_peer *peer, void *userdata);
/** As that, and post `went` when the client closed. */
void http_serve_ok_and_tell(struct tls_peer *peer, void *userdata);
/** Read the request, tell nothing; post `went` when it came and when the client closed. */
void http_serve_silence(struct tls_peer *peer, void *userdata);

#endif
