/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a transfer failed, in an operator's words: the step (resolving, connecting, TLS, the
 * reply), with whom, the reason. libcurl's codes tell the kind; how far the transfer came is
 * told by its timers; the certificate's fault by OpenSSL's verify result. libcurl's own text is
 * used where it knows more than we do; it never holds the request's headers or body.
 */
#include "common/loop/http_call.h"

#include <ctype.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

enum step {
    STEP_RESOLVE,
    STEP_CONNECT,
    STEP_TLS,
    STEP_REPLY,
};

enum { DURATION_BYTES = 24 };

static bool has_passed(const struct http_call *call, CURLINFO timer)
{
    curl_off_t at_us = 0;
    return curl_easy_getinfo(call->easy, timer, &at_us) == CURLE_OK && at_us > 0;
}

static enum step step_reached(const struct http_call *call)
{
    /* libcurl 7.88 sets the timer CONNECT after TLS only, but counts the connection when TCP
     * stands. */
    long n_connects = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &n_connects);
    if (has_passed(call, CURLINFO_APPCONNECT_TIME_T) ||
        has_passed(call, CURLINFO_PRETRANSFER_TIME_T)) {
        return STEP_REPLY;
    }
    if (n_connects > 0 || has_passed(call, CURLINFO_CONNECT_TIME_T)) {
        return STEP_TLS;
    }
    return has_passed(call, CURLINFO_NAMELOOKUP_TIME_T) ? STEP_CONNECT : STEP_RESOLVE;
}

/* "20 s", "1500 ms" */
static void format_duration(uint32_t ms, char ret_text[static DURATION_BYTES])
{
    if (ms % 1000 == 0) {
        (void)snprintf(ret_text, DURATION_BYTES, "%u s", ms / 1000);
    } else {
        (void)snprintf(ret_text, DURATION_BYTES, "%u ms", ms);
    }
}

static const char *curl_reason(const struct http_call *call, CURLcode code)
{
    return call->curl_text[0] != '\0' ? call->curl_text : curl_easy_strerror(code);
}

/* "the proxy " or "": for what is said of the address that TCP goes to. */
static const char *proxy_word(const struct http_call *call)
{
    return call->has_proxy ? "the proxy " : "";
}

static void describe_timeout(const struct http_call *call, struct err *ret)
{
    enum step step = step_reached(call);
    uint32_t limit_ms = call->total_timeout_ms;
    if (step != STEP_REPLY && call->connect_timeout_ms < limit_ms) {
        limit_ms = call->connect_timeout_ms;
    }
    char limit[DURATION_BYTES];
    format_duration(limit_ms, limit);
    switch (step) {
    case STEP_RESOLVE:
        (void)err_set(ret, ERR_TIMEOUT, "resolve name %s: no answer within %s", call->dial_host,
                      limit);
        break;
    case STEP_CONNECT:
        (void)err_set(ret, ERR_TIMEOUT, "connect to %s%s: no answer within %s",
                      proxy_word(call), call->dial_peer, limit);
        break;
    case STEP_TLS:
        (void)err_set(ret, ERR_TIMEOUT, "TLS with %s: no answer within %s", call->peer, limit);
        break;
    case STEP_REPLY:
        if (call->header_bytes > 0) {
            (void)err_set(ret, ERR_TIMEOUT,
                          "reply from %s: not complete within %s: %zu bytes of its body came",
                          call->peer, limit, call->received.len);
        } else {
            (void)err_set(ret, ERR_TIMEOUT, "no reply from %s within %s", call->peer, limit);
        }
        break;
    }
}

static void describe_connect(const struct http_call *call, CURLcode code, struct err *ret)
{
    long os_errno = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os_errno);
    char memory[128];
    const char *text = os_errno != 0 ? strerror_r((int)os_errno, memory, sizeof(memory))
                                     : curl_reason(call, code);
    (void)err_set(ret, ERR_CONNECT, "connect to %s%s: %c%s", proxy_word(call), call->dial_peer,
                  tolower((unsigned char)text[0]), text[0] != '\0' ? text + 1 : "");
    ret->sys_errno = (int)os_errno;
}

static void describe_verification(const struct http_call *call, CURLcode code, struct err *ret)
{
    const char *signer = call->trust == HTTP_TRUST_SYSTEM
                             ? "an authority that this system trusts"
                             : "the installation's CA";
    long verdict = X509_V_OK;
    (void)curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    switch (verdict) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
        (void)err_set(ret, ERR_TLS, "TLS with %s: the certificate is not signed by %s (%s)",
                      call->peer, signer, X509_verify_cert_error_string(verdict));
        return;
    case X509_V_ERR_CERT_HAS_EXPIRED:
        (void)err_set(ret, ERR_TLS,
                      "TLS with %s: the certificate has expired: if it has not, this host's "
                      "clock is wrong",
                      call->peer);
        return;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        (void)err_set(ret, ERR_TLS,
                      "TLS with %s: the certificate is not valid yet: if it is, this host's "
                      "clock is wrong",
                      call->peer);
        return;
    default:
        break;
    }
    if (strstr(call->curl_text, "subject name") != NULL ||
        strstr(call->curl_text, "common name") != NULL) {
        (void)err_set(ret, ERR_TLS, "TLS with %s: the certificate is for other names than %s",
                      call->peer, call->name);
        return;
    }
    (void)err_set(ret, ERR_TLS, "TLS with %s: the certificate was refused: %s", call->peer,
                  curl_reason(call, code));
}

/* What OpenSSL says of a handshake that failed, and what it means. */
static void describe_handshake(const struct http_call *call, CURLcode code, struct err *ret)
{
    static const struct {
        const char *says;
        const char *means;
    } meanings[] = {
        {"wrong version number", "no TLS is spoken there; is it a plain-HTTP port?"},
        {"http request", "no TLS is spoken there; is it a plain-HTTP port?"},
        {"packet length too long", "no TLS is spoken there; is it a plain-HTTP port?"},
        {"unexpected eof", "the connection was closed during the handshake"},
        {"SSL_ERROR_SYSCALL", "the connection was closed during the handshake"},
        {"Connection reset", "the connection was reset during the handshake"},
        {"unsupported protocol", "TLS 1.2 or newer is not spoken there"},
        {"protocol version", "TLS 1.2 or newer is not spoken there"},
    };

    const char *reason = curl_reason(call, code);
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
        if (strstr(reason, meanings[i].says) != NULL) {
            reason = meanings[i].means;
            break;
        }
    }
    (void)err_set(ret, ERR_TLS, "TLS with %s: %s", call->peer, reason);
}

/* The connection broke; where, is told by how far it had come. */
static void describe_broken(const struct http_call *call, CURLcode code, struct err *ret)
{
    if (step_reached(call) != STEP_REPLY) {
        (void)err_set(ret, ERR_CONNECT, "connect to %s%s%s: %s", call->peer,
                      call->has_proxy ? " through the proxy " : "",
                      call->has_proxy ? call->dial_peer : "", curl_reason(call, code));
    } else if (call->header_bytes == 0) {
        (void)err_set(ret, ERR_CONNECT, "no reply from %s: the connection was closed: %s",
                      call->peer, curl_reason(call, code));
    } else if (!call->has_all_headers) {
        (void)err_set(ret, ERR_CONNECT,
                      "reply from %s: the connection broke off among its headers", call->peer);
    } else {
        (void)err_set(ret, ERR_CONNECT,
                      "reply from %s: the connection broke off after %zu bytes of the body: %s",
                      call->peer, call->received.len, curl_reason(call, code));
    }
}

static void describe_refusal(const struct http_call *call, struct err *ret)
{
    if (call->refusal == ERR_NO_MEMORY) {
        (void)err_no_memory(ret);
        return;
    }
    if (!call->has_all_headers) {
        (void)err_set(ret, ERR_TOO_LARGE,
                      "headers of the reply from %s: over the bound: more than %d bytes",
                      call->peer, HTTP_HEADERS_MAX_BYTES);
        return;
    }
    (void)err_set(ret, ERR_TOO_LARGE, "reply from %s: over the bound: more than %zu bytes",
                  call->peer, call->received.max);
}

void http_failure_describe(const struct http_call *call, CURLcode code, struct err *ret)
{
    if (call->refusal != ERR_NONE) {
        describe_refusal(call, ret);
        return;
    }
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        (void)err_set(ret, ERR_RESOLVE, "resolve name %s: it has no address", call->dial_host);
        break;
    case CURLE_COULDNT_CONNECT:
        describe_connect(call, code, ret);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        describe_timeout(call, ret);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
        describe_verification(call, code, ret);
        break;
    case CURLE_SSL_CACERT_BADFILE:
        (void)err_set(ret, ERR_TLS, "TLS with %s: the CA to trust is no readable certificate",
                      call->peer);
        break;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CLIENTCERT:
    case CURLE_USE_SSL_FAILED:
        describe_handshake(call, code, ret);
        break;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        describe_broken(call, code, ret);
        break;
    case CURLE_OUT_OF_MEMORY:
        (void)err_no_memory(ret);
        break;
    default:
        (void)err_set(ret, ERR_PROTOCOL, "reply from %s: %s", call->peer,
                      curl_reason(call, code));
        break;
    }
}
