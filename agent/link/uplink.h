/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line to the installation: which coordinator is asked next, over which trust, and what an
 * answer means. Also the coordinator's time, learned from its Date headers. Knows messages'
 * envelopes only; enroll, authenticate and heartbeat know their content.
 */
#ifndef AGENT_UPLINK_H
#define AGENT_UPLINK_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/loop/http_client.h"
#include "common/wire/messages.h"

#include <jansson.h>
#include <stdbool.h>

struct uplink;

enum uplink_outcome {
    UPLINK_OK,          /* 2xx with a JSON object */
    UPLINK_REFUSED,     /* 4xx in our form: `code` and `error` say what and why */
    UPLINK_UNAVAILABLE, /* no answer, or none that we understand: `error` says why; the next
                           coordinator's turn */
};

struct uplink_reply {
    enum uplink_outcome outcome;
    int status;
    json_t *body; /* borrowed; NULL unless UPLINK_OK */
    struct wire_error refusal;
    uint32_t retry_after_s; /* 0 = not said */
    struct err error;       /* message for people; unset for UPLINK_OK */
    bool is_new_connection;
};

typedef void uplink_done_fn(const struct uplink_reply *reply, void *userdata);

struct uplink_request {
    const char *method;
    const char *path;
    const char *bearer;        /* NULL = none */
    json_t *body;              /* taken; NULL = none */
    uint32_t total_timeout_ms; /* 0 = the usual deadline */
};

struct uplink_options {
    const struct clock *clock;
    struct http_client *http; /* borrowed */
    const char *proxy;        /* copied; NULL = none */
};

int uplink_new(struct uplink **ret, const struct uplink_options *options,
               struct err *err) MUST_CHECK;
/** Nothing may be under way (the http client is stopped first). */
void uplink_free(struct uplink *uplink);

/** Use another proxy from the next request on; NULL = none. Copied. */
int uplink_set_proxy(struct uplink *uplink, const char *proxy, struct err *err) MUST_CHECK;

/** Replace the addresses; the one in use stays in use if it is among them. */
void uplink_set_endpoints(struct uplink *uplink, const struct endpoint_list *endpoints);
/** The coordinator that is asked next or was asked last; its port is 0 when there is none. */
const struct endpoint *uplink_endpoint(const struct uplink *uplink);
void uplink_next_endpoint(struct uplink *uplink);
size_t uplink_endpoint_count(const struct uplink *uplink);

/** From now on trust this CA alone and demand the installation's name [TR-3]. Copied. */
int uplink_trust(struct uplink *uplink, const char *ca_pem, const char *installation_id,
                 struct err *err) MUST_CHECK;
/** Forget the trust: uplink_send fails until uplink_trust. */
void uplink_distrust(struct uplink *uplink);

/** Send over verified TLS; takes request->body, also on failure. One request at a time: a new
 * one while one is under way is ERR_BUSY. */
int uplink_send(struct uplink *uplink, const struct uplink_request *request,
                uplink_done_fn *done, void *userdata, struct err *err) MUST_CHECK;
/** Drop what is under way without calling its completion. */
void uplink_cancel(struct uplink *uplink);
bool uplink_is_busy(const struct uplink *uplink);

/** Learn the coordinator's time from a Date header that arrived now. */
void uplink_learn_time(struct uplink *uplink, int64_t date_s);
bool uplink_knows_time(const struct uplink *uplink);
/** The coordinator's time, kept by our monotonic clock; our own wall clock while it is unknown.
 */
int64_t uplink_time_ms(const struct uplink *uplink);
/** Our wall clock minus the coordinator's, now; 0 while unknown or under two seconds (what a
 * Date header can tell). */
int64_t uplink_skew_ms(const struct uplink *uplink);

#endif
