/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header hygiene for libmicrohttpd 0.9.75. Its parser cuts values at an embedded NUL, glues
 * folded lines to names, takes blanks in names, ignores a second Content-Length and ignores
 * Content-Length beside Transfer-Encoding. It hands out pointers into the connection's memory,
 * so what it skipped can still be seen: between the end of one header and the start of the next
 * there may be line ends and blanks, nothing else.
 */
#include "coordinator/http/request_head.h"

#include "common/base/parse.h"

#include <string.h>
#include <strings.h>

struct walk {
    struct exchange *exchange; /* borrowed */
    struct err *err;           /* borrowed */
    const char *end;           /* of the header before; NULL before the first */
    bool is_bad;
};

static bool is_token(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        bool is_alnum =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return len > 0;
}

static bool is_clean_value(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The engine writes NULs over line ends and colons. */
static bool is_gap(const char *from, const char *to)
{
    if (from == NULL) {
        return true;
    }
    if (to < from) {
        return false; /* a copy: the line was folded */
    }
    for (; from < to; from++) {
        if (*from != '\0' && strchr(" \t\r\n", *from) == NULL) {
            return false;
        }
    }
    return true;
}

/* What must not come twice: these decide where the request ends and who asks for what. */
static bool is_single(const char *name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding", "Host",
                                        "Authorization"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* Signature of MHD_KeyValueIteratorN. */
static enum MHD_Result on_header(void *userdata, enum MHD_ValueKind kind, const char *name,
                                 size_t name_len, const char *value, size_t value_len)
{
    struct walk *walk = userdata;
    (void)kind; /* asked for one */
    walk->is_bad = true;
    if (value == NULL) {
        value = name + name_len;
    }
    if (!is_gap(walk->end, name) || !is_gap(name + name_len, value) ||
        !is_token(name, name_len) || !is_clean_value(value, value_len)) {
        (void)err_set(walk->err, ERR_INVALID,
                      "a header is folded, or has a control character in its value or a "
                      "character in its name that names may not have");
        return MHD_NO;
    }
    if (is_single(name) && exchange_find_field(&walk->exchange->headers, name) != NULL) {
        (void)err_set(walk->err, ERR_INVALID, "the header %s comes more than once", name);
        return MHD_NO;
    }
    if (exchange_add_field(&walk->exchange->headers, name, name_len, value, value_len,
                           walk->err) < 0) {
        (void)err_wrap(walk->err, "read the headers");
        return MHD_NO;
    }
    walk->end = value + value_len;
    walk->is_bad = false;
    return MHD_YES;
}

static int read_framing(const struct exchange *exchange, struct request_head *head,
                        struct err *err)
{
    const char *length = exchange_find_field(&exchange->headers, "Content-Length");
    const char *encoding = exchange_find_field(&exchange->headers, "Transfer-Encoding");
    const char *expect = exchange_find_field(&exchange->headers, "Expect");
    head->expects_continue = expect != NULL && strcasecmp(expect, "100-continue") == 0;
    head->is_chunked = encoding != NULL;
    head->content_length = 0;
    if (encoding != NULL && strcasecmp(encoding, "chunked") != 0) {
        return err_set(err, ERR_INVALID,
                       "Transfer-Encoding is something else than chunked, which is all that is "
                       "understood here");
    }
    if (encoding != NULL && length != NULL) {
        return err_set(
            err, ERR_INVALID,
            "there is Content-Length as well as Transfer-Encoding: send one of them");
    }
    if (length != NULL &&
        parse_u64(length, 0, UINT64_MAX / 2, &head->content_length, err) < 0) {
        return err_wrap(err, "read Content-Length");
    }
    return 0;
}

int request_head_read(struct MHD_Connection *connection, const char *method,
                      struct exchange *exchange, struct request_head *ret, struct err *err)
{
    struct walk walk = {.exchange = exchange, .err = err};
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &walk);
    if (walk.is_bad) {
        return -1;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (info != NULL && walk.end != NULL && !is_gap(walk.end, method + info->header_size)) {
        return err_set(err, ERR_INVALID, "a header has a control character in its value");
    }
    struct request_head head;
    if (read_framing(exchange, &head, err) < 0) {
        return -1;
    }
    *ret = head;
    return 0;
}
