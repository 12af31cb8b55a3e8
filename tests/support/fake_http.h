/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for common/loop/http_client.c in a test program (ece_on_fake_http in
 * tests/unit/CMakeLists.txt links it): keeps every request that was made, and answers from the
 * loop, never from inside a call, with what the test scripted. What the real one promises it
 * keeps as well: deadlines end in ERR_TIMEOUT, cancelled calls in ERR_CANCELLED from a later
 * turn, a kept connection is used again for the same address and trust.
 *
 * The loop's `data` points to the struct fake_http. Needs virtual_time.h.
 */
#ifndef TESTS_SUPPORT_FAKE_HTTP_H
#define TESTS_SUPPORT_FAKE_HTTP_H

#include "common/loop/http_client.h"
#include "common/wire/error_body.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/queue.h>

enum { FAKE_HTTP_SCRIPT_MAX = 32 };

/* A request as it was made. All texts are owned by it; NULL where the request had none. */
struct fake_request {
    struct http_client *client;
    char *method;
    char *url;
    const char *path;   /* within url */
    char *connect_host; /* "host:port" that TCP would go to */
    enum http_trust trust;
    char *ca_pem;
    char *bearer;
    json_t *body;
    size_t max_reply_bytes;
    uint32_t connect_timeout_ms;
    uint32_t total_timeout_ms;
    char *proxy;
    uint64_t sent_ms;
    bool is_cancelled;
};

#define FAKE_NEVER UINT64_MAX

struct fake_answer {
    int status;
    json_t *json;             /* taken; the body, or */
    const char *text;         /* borrowed, a literal; neither = "" */
    const char *content_type; /* NULL = application/json */
    int64_t date_s;           /* 0 = no Date header */
    uint32_t retry_after_s;
    bool is_new_connection; /* though one was kept: libcurl had to replace it */
    enum err_code error;    /* in place of all that: no whole reply */
    uint64_t delay_ms;      /* FAKE_NEVER = until the request's deadline */
};

/** What is answered to @request; called when it is sent. */
typedef struct fake_answer fake_answer_fn(const struct fake_request *request, void *userdata);

struct fake_http {
    fake_answer_fn *answer; /* NULL = the script */
    void *userdata;
    struct fake_answer script[FAKE_HTTP_SCRIPT_MAX];
    size_t n_script, script_at;
    struct fake_request **requests; /* owned; all that were ever made */
    size_t n_requests;
    unsigned n_idle_dropped;   /* calls of http_client_drop_idle */
    bool refuses_next_send;    /* the next http_client_send fails at once */
    struct http_client *first; /* of a list: those that live */
};

/** @loop->data becomes @fake. */
void fake_http_init(struct fake_http *fake, uv_loop_t *loop);
/** Every client must be gone. */
void fake_http_fini(struct fake_http *fake);

/** The answer after those that are scripted already. */
void fake_http_script(struct fake_http *fake, struct fake_answer answer);

/** By its number, the first is 0; -1 is the last one. Fails the test when there is none. */
const struct fake_request *fake_http_request(const struct fake_http *fake, int at);

/** "GET /agent/v1/ca, POST /agent/v1/enroll": from number @from on, without "/agent/v1". */
void fake_http_trail(const struct fake_http *fake, size_t from, char *ret_text, size_t size);

/** The peer closes the kept, idle connection of every client: seen from the loop. */
void fake_http_close_idle(struct fake_http *fake);

/* A refusal in the coordinator's form. */
static inline struct fake_answer fake_refusal(int status, const char *code)
{
    return (struct fake_answer){.status = status,
                                .json = wire_error_to_json(code, "scripted refusal", NULL)};
}

/* No reply. */
static inline struct fake_answer fake_failure(enum err_code code)
{
    return (struct fake_answer){.error = code};
}

static inline struct fake_answer fake_json(json_t *json)
{
    return (struct fake_answer){.status = 200, .json = json};
}

static inline struct fake_answer fake_text(int status, const char *content_type,
                                           const char *text)
{
    return (struct fake_answer){.status = status, .content_type = content_type, .text = text};
}

#endif
