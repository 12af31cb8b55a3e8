/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt at trust. First the certificate is fetched unverified and compared with what the
 * operator gave (the token's ca_sha256, or the certificates in --coordinator-ca). Only when
 * neither decides is it fetched a second time over a connection that
 * --coordinator-ca or the system's store verifies for the coordinator's host name.
 */
#include "agent/join/trust.h"

#include "common/codec/json.h"
#include "common/wire/messages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000,
    TOTAL_TIMEOUT_MS = 20 * 1000,
    URL_BYTES = ENDPOINT_TEXT_BYTES + 64,
};

struct trust {
    struct http_client *http; /* borrowed */
    struct endpoint endpoint;
    char pin[KEYS_SHA256_HEX_BYTES];
    char *ca_file_pem;      /* owned; NULL = none */
    char *proxy;            /* owned; NULL = none */
    bool is_verified;       /* the second fetch is under way */
    int64_t date_s;         /* of the last answer that had one; -1 = none */
    struct http_call *call; /* weak */
    trust_done_fn *done;    /* NULL once cancelled */
    void *userdata;
};

static void trust_free(struct trust *trust)
{
    free(trust->ca_file_pem);
    free(trust->proxy);
    free(trust);
}

static void finish(struct trust *trust, struct trust_result *result)
{
    trust_done_fn *done = trust->done;
    void *userdata = trust->userdata;
    trust_free(trust);
    done(result, userdata);
}

static void where_text(const struct trust *trust, char ret_text[static ENDPOINT_TEXT_BYTES])
{
    endpoint_format(&trust->endpoint, ret_text);
}

static int read_reply(const struct trust *trust, const struct http_reply *reply,
                      struct wire_ca *ret, struct x509_ca *ret_ca, struct err *err)
{
    char where[ENDPOINT_TEXT_BYTES];
    where_text(trust, where);
    if (reply->status == 0) {
        *err = reply->error;
        return -1;
    }
    auto_json *json = NULL;
    if (reply->status != 200) {
        return err_set(
            err, ERR_PROTOCOL,
            "%s answered %d when asked for its CA certificate; is a coordinator there?", where,
            reply->status);
    }
    if (json_parse(reply->body, reply->body_len, &json, err) < 0 ||
        wire_ca_from_json(json, ret, err) < 0) {
        err->code = ERR_PROTOCOL;
        return err_wrap(err, "%s answered something that is not a coordinator's CA certificate",
                        where);
    }
    if (x509_read_ca(ret->ca_pem, strlen(ret->ca_pem), ret_ca, err) < 0) {
        err->code = ERR_PROTOCOL;
        return err_wrap(err, "%s answered with a CA certificate that is not usable", where);
    }
    if (ret_ca->installation_id[0] == '\0') {
        return err_set(err, ERR_PROTOCOL,
                       "the CA certificate of %s names no installation in its subject", where);
    }
    return 0;
}

/* What the operator gave decides, if it can. */
enum verdict { VERDICT_YES, VERDICT_NO, VERDICT_OPEN };

static enum verdict compare(const struct trust *trust, const struct x509_ca *ca,
                            struct trust_result *result)
{
    char where[ENDPOINT_TEXT_BYTES];
    where_text(trust, where);
    bool is_in_file = false;
    if (trust->ca_file_pem != NULL &&
        x509_bundle_contains(trust->ca_file_pem, strlen(trust->ca_file_pem), ca->sha256,
                             &is_in_file, &result->error) < 0) {
        (void)err_wrap(&result->error, "read --coordinator-ca");
        return VERDICT_NO;
    }
    if (trust->pin[0] != '\0') {
        if (strcmp(trust->pin, ca->sha256) == 0) {
            result->vouched_by = "the roles token";
            return VERDICT_YES;
        }
        (void)err_set(&result->error, ERR_TLS,
                      "%s shows the CA of installation %s (SHA-256 %s), the roles token is of "
                      "the one with SHA-256 %s: "
                      "the wrong coordinator, the wrong token, or somebody between",
                      where, ca->installation_id, ca->sha256, trust->pin);
        return VERDICT_NO;
    }
    if (is_in_file) {
        result->vouched_by = "--coordinator-ca";
        return VERDICT_YES;
    }
    return VERDICT_OPEN;
}

static void on_reply(const struct http_reply *reply, void *userdata);

static int fetch(struct trust *trust, struct err *err)
{
    char where[ENDPOINT_TEXT_BYTES];
    char url[URL_BYTES];
    where_text(trust, where);
    (void)snprintf(url, sizeof url, "https://%s%s", where, WIRE_PATH_CA);
    enum http_trust level = HTTP_TRUST_NOTHING;
    if (trust->is_verified) {
        level = trust->ca_file_pem != NULL ? HTTP_TRUST_CA : HTTP_TRUST_SYSTEM;
    }
    struct http_request request = {
        .method = "GET",
        .url = url,
        .connect_host = trust->endpoint.host,
        .connect_port = trust->endpoint.port,
        .trust = level,
        .ca_pem = trust->ca_file_pem,
        .max_reply_bytes = WIRE_BODY_MAX,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .total_timeout_ms = TOTAL_TIMEOUT_MS,
        .proxy = trust->proxy,
    };
    return http_client_send(trust->http, &request, on_reply, trust, &trust->call, err);
}

static void explain_unvouched(const struct trust *trust, struct trust_result *result)
{
    struct err inner = result->error;
    (void)err_set(&result->error, inner.code,
                  "the roles token carries no ca_sha256, and %s does not vouch for the "
                  "coordinator either: %s" TRUST_UNVOUCHED_REMEDY,
                  trust->ca_file_pem != NULL ? "--coordinator-ca"
                                             : "the system's certificate store",
                  inner.message);
}

static void settle(struct trust *trust, const struct wire_ca *wire, struct trust_result *result)
{
    enum verdict verdict = VERDICT_YES;
    if (trust->is_verified) {
        result->vouched_by =
            trust->ca_file_pem != NULL ? "--coordinator-ca" : "the system's certificate store";
    } else {
        verdict = compare(trust, &result->ca, result);
    }
    if (verdict == VERDICT_OPEN) {
        trust->is_verified = true;
        if (fetch(trust, &result->error) == 0) {
            return;
        }
        result->outcome = TRUST_UNAVAILABLE;
    } else {
        result->outcome = verdict == VERDICT_YES ? TRUST_ESTABLISHED : TRUST_REFUSED;
    }
    result->ca_pem = wire->ca_pem;
    finish(trust, result);
}

static void on_reply(const struct http_reply *reply, void *userdata)
{
    struct trust *trust = userdata;
    trust->call = NULL;
    if (trust->done == NULL) {
        trust_free(trust);
        return;
    }
    trust->date_s = reply->date_s >= 0 ? reply->date_s : trust->date_s;
    struct trust_result result = {.outcome = TRUST_UNAVAILABLE, .date_s = trust->date_s};
    struct wire_ca wire = {0};
    if (read_reply(trust, reply, &wire, &result.ca, &result.error) == 0) {
        settle(trust, &wire, &result);
    } else {
        if (trust->is_verified && result.error.code == ERR_TLS) {
            result.outcome = TRUST_REFUSED;
            explain_unvouched(trust, &result);
        }
        finish(trust, &result);
    }
    wire_ca_fini(&wire);
}

static int copy_optional(char **ret, const char *text, struct err *err)
{
    if (text != NULL && (*ret = strdup(text)) == NULL) {
        return err_no_memory(err);
    }
    return 0;
}

int trust_start(struct trust **ret, const struct trust_options *options, trust_done_fn *done,
                void *userdata, struct err *err)
{
    struct trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) {
        return err_no_memory(err);
    }
    trust->http = options->http;
    trust->endpoint = options->endpoint;
    trust->date_s = -1;
    trust->done = done;
    trust->userdata = userdata;
    (void)snprintf(trust->pin, sizeof trust->pin, "%s", options->pin);
    if (copy_optional(&trust->ca_file_pem, options->ca_file_pem, err) < 0 ||
        copy_optional(&trust->proxy, options->proxy, err) < 0 || fetch(trust, err) < 0) {
        trust_free(trust);
        return -1;
    }
    *ret = trust;
    return 0;
}

void trust_cancel(struct trust *trust)
{
    if (trust != NULL) {
        trust->done = NULL;
        http_client_cancel(trust->call);
    }
}
