/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request becomes an easy handle with every option set that guards us: what libcurl permits
 * by default (redirects, the environment's proxy, .netrc, other protocols, endless replies) is
 * more than a host agent wants. The handle lives for one transfer; connections are kept by the
 * multi handle.
 */
#include "common/loop/http_call.h"

#include <stdlib.h>
#include <string.h>

/* An easy handle option that was refused stays on record, so that many can be set and looked at
 * once. */
struct setup {
    CURL *easy; /* borrowed */
    CURLcode code;
};

static void set_long(struct setup *setup, CURLoption option, long value)
{
    CURLcode code = curl_easy_setopt(setup->easy, option, value);
    setup->code = setup->code == CURLE_OK ? code : setup->code;
}

static void set_pointer(struct setup *setup, CURLoption option, const void *value)
{
    CURLcode code = curl_easy_setopt(setup->easy, option, value);
    setup->code = setup->code == CURLE_OK ? code : setup->code;
}

/* CURLOPT_WRITEFUNCTION */
static size_t on_body(char *bytes, size_t size, size_t count, void *userdata)
{
    struct http_call *call = userdata;
    size_t len = size * count; /* size is always 1 */
    struct err err;
    if (buf_append(&call->received, bytes, len, &err) < 0) {
        call->refusal = err.code;
        return CURL_WRITEFUNC_ERROR;
    }
    return len;
}

/* CURLOPT_HEADERFUNCTION, a line each. libcurl keeps the headers, without a bound of its own,
 * and takes a connection that closes among them for the end of a good reply: note the end. */
static size_t on_header(char *bytes, size_t size, size_t count, void *userdata)
{
    struct http_call *call = userdata;
    size_t len = size * count; /* size is always 1 */
    if (len > HTTP_HEADERS_MAX_BYTES - call->header_bytes) {
        call->refusal = ERR_TOO_LARGE;
        return CURL_WRITEFUNC_ERROR;
    }
    call->header_bytes += len;
    call->has_all_headers = len > 0 && (bytes[0] == '\r' || bytes[0] == '\n');
    return len;
}

static void set_policy(struct setup *setup)
{
    static const struct {
        CURLoption option;
        long value;
    } policy[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT, 1}, /* do not wait for a resolver thread that hangs */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_SESSIONID_CACHE, 0}, /* would end with the easy handle anyway */
        {CURLOPT_CA_CACHE_TIMEOUT, 0},    /* the system's store is megabytes */
        {CURLOPT_DNS_CACHE_TIMEOUT, 0},   /* names are resolved anew */
        {CURLOPT_MAXAGE_CONN, 3600},      /* the idle watch knows better than a guess */
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1},
        {CURLOPT_TCP_KEEPALIVE, 1}, /* an idle connection that a network lost ends too */
        {CURLOPT_TCP_KEEPIDLE, 60},
        {CURLOPT_TCP_KEEPINTVL, 20},
    };

    for (size_t i = 0; i < ARRAY_LEN(policy); i++) {
        set_long(setup, policy[i].option, policy[i].value);
    }
    set_pointer(setup, CURLOPT_PROTOCOLS_STR, "https");
}

static void set_trust(struct setup *setup, const struct http_request *request)
{
    switch (request->trust) {
    case HTTP_TRUST_CA: {
        /* Debian's libcurl has a default CAPATH, which a blob does not override. */
        set_pointer(setup, CURLOPT_CAINFO, NULL);
        set_pointer(setup, CURLOPT_CAPATH, NULL);
        size_t len = strlen(request->ca_pem);
        auto_free char *pem = strdup(request->ca_pem); /* a blob's data is not const */
        if (pem == NULL) {
            setup->code = CURLE_OUT_OF_MEMORY;
            return;
        }
        struct curl_blob blob = {.data = pem, .len = len, .flags = CURL_BLOB_COPY};
        set_pointer(setup, CURLOPT_CAINFO_BLOB, &blob);
        break;
    }
    case HTTP_TRUST_SYSTEM:
        break;
    case HTTP_TRUST_NOTHING:
        set_pointer(setup, CURLOPT_CAINFO, NULL); /* reading the store takes time */
        set_pointer(setup, CURLOPT_CAPATH, NULL);
        set_long(setup, CURLOPT_SSL_VERIFYPEER, 0);
        set_long(setup, CURLOPT_SSL_VERIFYHOST, 0);
        return;
    }
    set_long(setup, CURLOPT_SSL_VERIFYPEER, 1);
    set_long(setup, CURLOPT_SSL_VERIFYHOST, 2);
}

static void set_request(struct setup *setup, const struct http_call *call,
                        const struct http_request *request, const char *user_agent)
{
    set_pointer(setup, CURLOPT_URL, request->url);
    set_pointer(setup, CURLOPT_USERAGENT, user_agent);
    bool is_post = strcmp(request->method, "POST") == 0;
    if (call->body != NULL || is_post) {
        set_pointer(setup, CURLOPT_POSTFIELDS, call->body != NULL ? call->body : "");
        CURLcode code = curl_easy_setopt(setup->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                         (curl_off_t)call->body_len);
        setup->code = setup->code == CURLE_OK ? code : setup->code;
    } else {
        set_long(setup, CURLOPT_HTTPGET, 1);
    }
    set_pointer(setup, CURLOPT_CUSTOMREQUEST, request->method);
    set_pointer(setup, CURLOPT_HTTPHEADER, call->headers);
    set_pointer(setup, CURLOPT_CONNECT_TO, call->connect_to);
    set_pointer(setup, CURLOPT_PROXY, request->proxy != NULL ? request->proxy : "");
    set_pointer(setup, CURLOPT_NOPROXY, "");
    set_long(setup, CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout_ms);
    set_long(setup, CURLOPT_TIMEOUT_MS, (long)request->total_timeout_ms);
}

static void set_reply(struct setup *setup, struct http_call *call)
{
    CURLcode body = curl_easy_setopt(setup->easy, CURLOPT_WRITEFUNCTION, on_body);
    CURLcode header = curl_easy_setopt(setup->easy, CURLOPT_HEADERFUNCTION, on_header);
    if (setup->code == CURLE_OK) {
        setup->code = body != CURLE_OK ? body : header;
    }
    set_pointer(setup, CURLOPT_WRITEDATA, call);
    set_pointer(setup, CURLOPT_HEADERDATA, call);
    set_pointer(setup, CURLOPT_ERRORBUFFER, call->curl_text);
    set_pointer(setup, CURLOPT_PRIVATE, call);
}

int http_call_set_up(struct http_call *call, const struct http_request *request,
                     const char *user_agent, struct err *err)
{
    call->easy = curl_easy_init();
    if (call->easy == NULL) {
        return err_no_memory(err);
    }
    struct setup setup = {.easy = call->easy, .code = CURLE_OK};
    set_policy(&setup);
    set_trust(&setup, request);
    set_request(&setup, call, request, user_agent);
    set_reply(&setup, call);
    if (setup.code == CURLE_OUT_OF_MEMORY) {
        return err_no_memory(err);
    }
    if (setup.code != CURLE_OK) {
        return err_set(err, ERR_INTERNAL, "set up a request to %s: libcurl refused: %s",
                       call->peer, curl_easy_strerror(setup.code));
    }
    return 0;
}
