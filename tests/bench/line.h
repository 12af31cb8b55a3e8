/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One kept TLS connection on the loopback that carries one HTTP/1.1 request at a time. Blocks,
 * with a deadline on every read and write; as little work as possible, because the client of a
 * measurement must be cheaper than the server that it measures.
 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <openssl/ssl.h>
#include <stdint.h>

struct line {
    int fd;   /* -1 while closed */
    SSL *ssl; /* owned */
    int status;
    struct buf body; /* of the last reply */
};

/* Where the server is, and what it must prove. */
struct line_peer {
    uint16_t port;    /* on 127.0.0.1 */
    const char *name; /* SNI, and the name that its certificate must carry */
};

/** Trusts the certificates in @ca_file and nothing else; TLS 1.3. SSL_CTX_free(). */
int line_context(const char *ca_file, SSL_CTX **ret, struct err *err) MUST_CHECK;

int line_open(struct line *ret, SSL_CTX *context, const struct line_peer *peer,
              struct err *err) MUST_CHECK;
void line_close(struct line *line);

int line_send(struct line *line, const void *bytes, size_t len, struct err *err) MUST_CHECK;

/** The whole reply; line->status and line->body are it until the next one. */
int line_receive(struct line *line, struct err *err) MUST_CHECK;

#endif
