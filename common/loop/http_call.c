/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a call owns: copies of the request, for as long as libcurl borrows them, and the reply.
 * Secrets (bearer, body, reply) are wiped when released; the copies that libcurl and OpenSSL
 * make in buffers of their own are out of reach.
 */
#include "common/loop/http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BEARER_MAX_BYTES = 16384 };

/* The host (without brackets) and, if there is one, the port of @url. */
static CURLUcode split_url(const char *url, unsigned flags,
                           char ret_host[static HTTP_HOST_BYTES], uint16_t *ret_port)
{
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return CURLUE_OUT_OF_MEMORY;
    }
    char *host = NULL;
    char *port = NULL;
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, flags);
    if (code == CURLUE_OK) {
        code = curl_url_get(parts, CURLUPART_HOST, &host, 0);
    }
    if (code == CURLUE_OK) {
        size_t len = strlen(host);
        bool is_bracketed = len > 2 && host[0] == '[' && host[len - 1] == ']';
        (void)snprintf(ret_host, HTTP_HOST_BYTES, "%.*s", (int)(is_bracketed ? len - 2 : len),
                       is_bracketed ? host + 1 : host);
        code = curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
        *ret_port = code == CURLUE_OK ? (uint16_t)strtoul(port, NULL, 10) : 0;
        code = code == CURLUE_NO_PORT ? CURLUE_OK : code;
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return code;
}

static void format_peer(const char *host, uint16_t port, char ret_text[static HTTP_PEER_BYTES])
{
    bool is_ipv6 = strchr(host, ':') != NULL;
    (void)snprintf(ret_text, HTTP_PEER_BYTES, is_ipv6 ? "[%s]:%u" : "%s:%u", host,
                   (unsigned)port);
}

static int add_line(struct curl_slist **list, const char *line, struct err *err)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer == NULL) {
        return err_no_memory(err);
    }
    *list = longer;
    return 0;
}

/* For messages: a password does not belong there. */
static const char *shown_url(const struct http_request *request)
{
    return strchr(request->url, '@') == NULL ? request->url : "a URL with '@'";
}

/* Who the request is for and who TCP connects to; for libcurl as CURLOPT_CONNECT_TO, which
 * leaves SNI and the name that is verified alone. */
static int copy_address(struct http_call *call, const struct http_request *request,
                        struct err *err)
{
    uint16_t port = 0;
    CURLUcode code = split_url(request->url, CURLU_DISALLOW_USER, call->name, &port);
    if (code != CURLUE_OK || strncmp(request->url, "https://", strlen("https://")) != 0) {
        return err_set(err, ERR_INVALID, "send a request to %s: not an https URL: %s",
                       shown_url(request),
                       code != CURLUE_OK ? curl_url_strerror(code) : "other scheme");
    }
    const char *host = request->connect_host != NULL ? request->connect_host : call->name;
    port = request->connect_host != NULL ? request->connect_port : port;
    if (strlen(host) >= HTTP_HOST_BYTES) {
        return err_set(err, ERR_INVALID,
                       "send a request to %s: the host to connect to is too long",
                       shown_url(request));
    }
    format_peer(host, port, call->peer);
    if (request->connect_host != NULL) {
        char connect_to[HTTP_PEER_BYTES + 2];
        (void)snprintf(connect_to, sizeof(connect_to), "::%s", call->peer);
        if (add_line(&call->connect_to, connect_to, err) < 0) {
            return -1;
        }
    }
    memcpy(call->dial_host, host, strlen(host) + 1);
    memcpy(call->dial_peer, call->peer, sizeof(call->dial_peer));
    if (request->proxy == NULL) {
        return 0;
    }
    call->has_proxy = true;
    code = split_url(request->proxy, CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME,
                     call->dial_host, &port);
    if (code != CURLUE_OK) { /* a password may stand in the URL: not quoted */
        return err_set(err, ERR_INVALID, "send a request to %s: the proxy is not a URL: %s",
                       call->peer, curl_url_strerror(code));
    }
    format_peer(call->dial_host, port, call->dial_peer);
    return 0;
}

/* A bearer with a line break in it would add headers of its own. */
static bool is_bearer(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return false;
        }
    }
    return len > 0 && len <= BEARER_MAX_BYTES;
}

static int add_bearer(struct http_call *call, const char *bearer, struct err *err)
{
    static const char prefix[] = "Authorization: Bearer ";
    size_t size = sizeof(prefix) + strlen(bearer);
    auto_free char *line = malloc(size);
    if (line == NULL) {
        return err_no_memory(err);
    }
    (void)snprintf(line, size, "%s%s", prefix, bearer);
    int result = add_line(&call->headers, line, err);
    explicit_bzero(line, size);
    return result;
}

static int copy_headers(struct http_call *call, const struct http_request *request,
                        struct err *err)
{
    if (add_line(&call->headers, "Expect:", err) < 0) { /* no "100-continue" */
        return -1;
    }
    if (request->body != NULL &&
        add_line(&call->headers, "Content-Type: application/json", err) < 0) {
        return -1;
    }
    return request->bearer != NULL ? add_bearer(call, request->bearer, err) : 0;
}

static int copy_body(struct http_call *call, const struct http_request *request,
                     struct err *err)
{
    if (request->body == NULL) {
        return 0;
    }
    call->body = malloc(request->body_len + 1);
    if (call->body == NULL) {
        return err_no_memory(err);
    }
    memcpy(call->body, request->body, request->body_len);
    call->body[request->body_len] = '\0';
    call->body_len = request->body_len;
    return 0;
}

/* What a caller must not ask for; each would be a mistake in our code. */
static int check(const struct http_request *request, struct err *err)
{
    const char *mistake = NULL;
    if (request->connect_timeout_ms == 0 || request->total_timeout_ms == 0) {
        mistake = "it has no deadline";
    } else if (request->trust == HTTP_TRUST_CA && request->ca_pem == NULL) {
        mistake = "it names no CA to trust";
    } else if (request->trust == HTTP_TRUST_NOTHING &&
               (request->bearer != NULL || request->body != NULL)) {
        mistake = "nothing may be told to a server that is not verified";
    } else if (request->bearer != NULL && !is_bearer(request->bearer)) {
        mistake = "the bearer token has characters that no token has, or a wrong length";
    } else if (request->connect_host != NULL && request->connect_port == 0) {
        mistake = "it has no port to connect to";
    }
    if (mistake != NULL) {
        return err_set(err, ERR_INVALID, "send a request to %s: %s", shown_url(request),
                       mistake);
    }
    return 0;
}

int http_call_new(struct http_call **ret, const struct http_request *request,
                  const char *user_agent, struct err *err)
{
    if (check(request, err) < 0) {
        return -1;
    }
    struct http_call *call = calloc(1, sizeof(*call));
    if (call == NULL) {
        return err_no_memory(err);
    }
    call->received = BUF_INIT(request->max_reply_bytes);
    call->trust = request->trust;
    call->connect_timeout_ms = request->connect_timeout_ms;
    call->total_timeout_ms = request->total_timeout_ms;
    if (copy_address(call, request, err) < 0 || copy_headers(call, request, err) < 0 ||
        copy_body(call, request, err) < 0 ||
        http_call_set_up(call, request, user_agent, err) < 0) {
        http_call_free(call);
        return -1;
    }
    *ret = call;
    return 0;
}

static void free_secret_lines(struct curl_slist *list)
{
    for (struct curl_slist *line = list; line != NULL; line = line->next) {
        explicit_bzero(line->data, strlen(line->data));
    }
    curl_slist_free_all(list);
}

void http_call_release_transfer(struct http_call *call)
{
    curl_easy_cleanup(call->easy); /* NULL is fine */
    call->easy = NULL;
    free_secret_lines(call->headers);
    call->headers = NULL;
    curl_slist_free_all(call->connect_to);
    call->connect_to = NULL;
    if (call->body != NULL) {
        explicit_bzero(call->body, call->body_len);
        free(call->body);
        call->body = NULL;
    }
}

void http_call_free(struct http_call *call)
{
    if (call == NULL) {
        return;
    }
    http_call_release_transfer(call);
    buf_wipe(&call->received);
    buf_fini(&call->received);
    free(call);
}
