/* SPDX-License-Identifier: Apache-2.0 */
/* A table of roles tokens over a store in memory, with the key and the time of the token
 * corpus. */
#ifndef TESTS_UNIT_ROLES_TOKENS_FIXTURE_H
#define TESTS_UNIT_ROLES_TOKENS_FIXTURE_H

#include "coordinator/auth/roles_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_rng.h"
#include "tests/support/memory_store.h"
#include "tests/support/token_corpus.h"

#define CORPUS_ID "c0ffee00-1111-4222-8333-444455556666"
#define CA_SHA256 "b875e6d70992d45144b8e8da0c6aaf962fee5b7bb254f458bc1dd7adecde3223"
#define RECORD "{\"version\":1,\"roles\":[\"allocator\"],\"created\":5}"

struct fixture {
    struct memory_store *memory;
    struct fake_clock clock;
    struct fake_rng rng;
    struct log log;
    struct token_corpus corpus;
    struct secret key;
    struct roles_tokens *tokens;
};

static inline void open_tokens(struct fixture *fixture)
{
    const struct roles_tokens_options options = {
        .store = &fixture->memory->store,
        .clock = &fixture->clock.clock,
        .rng = &fixture->rng.rng,
        .log = &fixture->log,
        .key = &fixture->key,
        .ca_sha256 = CA_SHA256,
    };
    struct err err;
    if (roles_tokens_open(&fixture->tokens, &options, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static inline void close_tokens(struct fixture *fixture)
{
    (void)memory_store_run(fixture->memory);
    memory_store_detach(fixture->memory);
    roles_tokens_free(fixture->tokens);
    fixture->tokens = NULL;
}

static inline int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL) {
        return -1;
    }
    fixture->memory = memory_store_new();
    fixture->corpus = token_corpus_load();
    fixture->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    fake_clock_init(&fixture->clock);
    fake_clock_set_wall(&fixture->clock, token_corpus_now_s(&fixture->corpus) * 1000);
    fake_rng_init(&fixture->rng, 7);
    const char *secret = token_corpus_text(&fixture->corpus, "secret");
    struct err err;
    if (secret_copy(&fixture->key, secret, strlen(secret), &err) < 0) {
        return -1;
    }
    open_tokens(fixture);
    *state = fixture;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_tokens(fixture);
    memory_store_free(fixture->memory);
    token_corpus_fini(&fixture->corpus);
    secret_fini(&fixture->key);
    free(fixture);
    return 0;
}

static inline enum roles_token_verdict verify(struct fixture *fixture, const char *text,
                                              struct roles_token_grant *ret)
{
    struct err why = {0};
    enum roles_token_verdict verdict =
        roles_tokens_verify(fixture->tokens, text, strlen(text), ret, &why);
    /* A refusal says what to do. */
    assert_int_equal(verdict == ROLES_TOKEN_OK, why.message[0] == '\0');
    return verdict;
}

#endif
