/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a long list takes to come over a kept connection, and how long jansson takes to
 * write the same document once.
 *
 *   bench_list PORT NAME CA_FILE PATH REPEATS <CREDENTIALS
 *     CREDENTIALS is the value of the Authorization header; prints
 *     "GET_MICROSECONDS DUMP_MICROSECONDS BYTES", both times medians
 */
#include "common/base/clock.h"
#include "common/base/parse.h"
#include "common/codec/json.h"
#include "tests/bench/line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { REPEATS_MAX = 99, CREDENTIALS_BYTES = 1024 };

static uint64_t now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return *left < *right ? -1 : *left > *right;
}

static uint64_t median(uint64_t *times, size_t count)
{
    qsort(times, count, sizeof times[0], compare);
    return times[count / 2];
}

static int get(struct line *line, const struct buf *request, uint64_t *ret_us, struct err *err)
{
    uint64_t start = now_us();
    if (line_send(line, request->bytes, request->len, err) < 0 || line_receive(line, err) < 0) {
        return -1;
    }
    *ret_us = now_us() - start;
    return line->status == 200 ? 0
                               : err_set(err, ERR_REFUSED, "GET: status %d: %.300s",
                                         line->status, buf_text(&line->body));
}

/* The document may be larger than the bounds of json_parse. */
static int dump(const struct line *line, uint64_t *times, size_t count, struct err *err)
{
    auto_json *json = json_loadb(line->body.bytes, line->body.len, 0, NULL);
    if (json == NULL) {
        return err_set(err, ERR_PROTOCOL, "the list is no JSON");
    }
    for (size_t i = 0; i < count; i++) {
        uint64_t start = now_us();
        auto_free char *text = json_pretty(json);
        times[i] = now_us() - start;
        if (text == NULL || strlen(text) != line->body.len) {
            return err_set(err, ERR_PROTOCOL, "the document is not the one that came");
        }
    }
    return 0;
}

static int measure(struct line *line, const struct buf *request, size_t count, struct err *err)
{
    uint64_t gets[REPEATS_MAX] = {0};
    uint64_t dumps[REPEATS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        if (get(line, request, &gets[i], err) < 0) {
            return -1;
        }
    }
    if (dump(line, dumps, count, err) < 0) {
        return -1;
    }
    (void)printf("%llu %llu %zu\n", (unsigned long long)median(gets, count),
                 (unsigned long long)median(dumps, count), line->body.len);
    return 0;
}

static int run(char **argv, struct err *err)
{
    char credentials[CREDENTIALS_BYTES];
    uint64_t port = 0;
    uint64_t count = 0;
    SSL_CTX *context = NULL;
    struct line line = {.fd = -1};
    auto_buf request = BUF_INIT(8192);
    if (fgets(credentials, sizeof credentials, stdin) == NULL) {
        return err_set(err, ERR_USAGE, "no credentials on standard input");
    }
    credentials[strcspn(credentials, "\n")] = '\0';
    if (parse_u64(argv[1], 1, UINT16_MAX, &port, err) < 0 ||
        parse_u64(argv[5], 1, REPEATS_MAX, &count, err) < 0 ||
        buf_appendf(&request, err, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n",
                    argv[4], argv[2], credentials) < 0 ||
        line_context(argv[3], &context, err) < 0) {
        return -1;
    }
    struct line_peer peer = {.port = (uint16_t)port, .name = argv[2]};
    int rc = line_open(&line, context, &peer, err);
    if (rc == 0) {
        rc = measure(&line, &request, count, err);
    }
    line_close(&line);
    SSL_CTX_free(context);
    return rc;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 6) {
        (void)fprintf(stderr, "usage: bench_list PORT NAME CA PATH REPEATS <CREDENTIALS\n");
        return 64;
    }
    if (run(argv, &err) < 0) {
        (void)fprintf(stderr, "bench_list: %s\n", err.message);
        return 1;
    }
    return 0;
}
