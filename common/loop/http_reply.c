/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an ended transfer means for the caller: a whole reply, or an error and nothing else. A
 * reply that broke off is no reply.
 */
#include "common/loop/http_call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_AFTER_MAX_S = 86400 };

/* The last header of that name in the final reply, or NULL. Borrowed until the easy handle is
 * used again. */
static const char *header(const struct http_call *call, const char *name)
{
    struct curl_header *found = NULL;
    if (curl_easy_header(call->easy, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK) {
        return NULL;
    }
    return found->value;
}

/* RFC 9110, 10.2.3: seconds or a date. A date counts from the server's own, so that our clock
 * plays no part. */
static uint32_t parse_retry_after(const char *text, int64_t now_s)
{
    if (text[0] != '\0' && strspn(text, "0123456789") == strlen(text)) {
        unsigned long long seconds = strtoull(text, NULL, 10); /* saturates */
        return seconds < RETRY_AFTER_MAX_S ? (uint32_t)seconds : RETRY_AFTER_MAX_S;
    }
    int64_t at_s = clock_parse_http_date(text);
    if (at_s < 0 || at_s <= now_s) {
        return 0;
    }
    return at_s - now_s < RETRY_AFTER_MAX_S ? (uint32_t)(at_s - now_s) : RETRY_AFTER_MAX_S;
}

static void read_reply(struct http_call *call, const struct clock *clock)
{
    struct http_reply *reply = &call->reply;
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    reply->status = (int)status;
    reply->body = buf_text(&call->received);
    reply->body_len = call->received.len;
    const char *content_type = header(call, "Content-Type");
    if (content_type != NULL) {
        (void)snprintf(call->content_type, sizeof(call->content_type), "%s", content_type);
        reply->content_type = call->content_type;
    }
    const char *date = header(call, "Date");
    if (date != NULL) {
        reply->date_s = clock_parse_http_date(date);
    }
    const char *retry_after = header(call, "Retry-After");
    if (retry_after != NULL) {
        int64_t now_s = reply->date_s >= 0 ? reply->date_s : clock_wall_s(clock);
        reply->retry_after_s = parse_retry_after(retry_after, now_s);
    }
}

/* An interim reply (1xx) announces the final one. */
static bool has_final_headers(const struct http_call *call)
{
    long status = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    return call->has_all_headers && status >= 200;
}

/* A reply that is none yet. */
static void begin(struct http_call *call, const struct clock *clock)
{
    call->state = HTTP_CALL_ENDED;
    call->reply = (struct http_reply){
        .body = "",
        .content_type = "",
        .date_s = -1,
        .elapsed_ms = clock_monotonic_ms(clock) - call->started_ms,
    };
    long n_connects = 0;
    if (call->easy != NULL) {
        (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &n_connects);
    }
    call->reply.is_new_connection = n_connects > 0;
}

void http_call_end(struct http_call *call, CURLcode code, const struct clock *clock)
{
    begin(call, clock);
    if (code == CURLE_OK && !has_final_headers(call)) {
        code = CURLE_PARTIAL_FILE;
    }
    if (code == CURLE_OK) {
        read_reply(call, clock);
    } else {
        http_failure_describe(call, code, &call->reply.error);
    }
}

void http_call_end_with(struct http_call *call, enum err_code code, const char *reason,
                        const struct clock *clock)
{
    begin(call, clock);
    (void)err_set(&call->reply.error, code, "request to %s: %s", call->peer, reason);
}
