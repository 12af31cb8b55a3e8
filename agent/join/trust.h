/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an address and a pin to a CA that this host trusts (docs/protocol.md, TR): the only
 * place that ever talks over a connection that is not verified, and it sends nothing there but
 * a GET.
 */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/codec/x509.h"
#include "common/loop/http_client.h"

/* What the message ends with when nothing vouches for a coordinator. */
#define TRUST_UNVOUCHED_REMEDY                                                                 \
    ". Give --coordinator-ca FILE with the installation's ca.pem, or a token of a "            \
    "coordinator that adds ca_sha256"

struct trust;

enum trust_outcome {
    TRUST_ESTABLISHED,
    TRUST_REFUSED,     /* the CA contradicts the pin, or nothing vouches for it */
    TRUST_UNAVAILABLE, /* no answer, or none that we understand */
};

struct trust_result {
    enum trust_outcome outcome;
    const char *ca_pem; /* borrowed; set when established */
    struct x509_ca ca;
    const char *vouched_by; /* "the roles token", "--coordinator-ca", "the system's certificate
                               store" */
    int64_t date_s;         /* the coordinator's Date; -1 when there was none */
    struct err error;
};

typedef void trust_done_fn(const struct trust_result *result, void *userdata);

struct trust_options {
    struct http_client *http; /* borrowed */
    struct endpoint endpoint;
    const char *pin;         /* ca_sha256 of the token; "" = none */
    const char *ca_file_pem; /* content of --coordinator-ca; NULL = none; copied */
    const char *proxy;       /* copied; NULL = none */
};

/** One attempt. @done comes from the loop, once. */
int trust_start(struct trust **ret, const struct trust_options *options, trust_done_fn *done,
                void *userdata, struct err *err) MUST_CHECK;
/** Give up without calling @done. NULL is fine. */
void trust_cancel(struct trust *trust);

#endif
