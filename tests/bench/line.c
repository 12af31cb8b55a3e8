/* SPDX-License-Identifier: Apache-2.0 */
/* One kept TLS connection. Replies must have a Content-Length: both servers that are measured
 * send it. */
#include "tests/bench/line.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>

enum {
    DEADLINE_S = 20,
    REPLY_MAX = 256 * 1024 * 1024, /* a list of many thousand allocators */
    HEAD_MAX = 16 * 1024,
    CHUNK = 64 * 1024,
};

static int fail(struct err *err, const char *doing)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(err, ERR_TLS, "%s: %s", doing, reason != NULL ? reason : "cut, or too late");
}

int line_context(const char *ca_file, SSL_CTX **ret, struct err *err)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_load_verify_file(context, ca_file) != 1) {
        SSL_CTX_free(context);
        return fail(err, "read the CA certificate");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    *ret = context;
    return 0;
}

static int dial(uint16_t port, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval deadline = {.tv_sec = DEADLINE_S};
    int on = 1;
    auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline) < 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(fd, (const struct sockaddr *)(const void *)&address, sizeof address) < 0) {
        return err_set_errno(err, errno, "connect to port %u", port);
    }
    return TAKE_FD(fd);
}

int line_open(struct line *ret, SSL_CTX *context, const struct line_peer *peer, struct err *err)
{
    struct line line = {.fd = dial(peer->port, err), .body = BUF_INIT(REPLY_MAX)};
    if (line.fd < 0) {
        return -1;
    }
    line.ssl = SSL_new(context);
    if (line.ssl == NULL || SSL_set_fd(line.ssl, line.fd) != 1 ||
        SSL_set_tlsext_host_name(line.ssl, peer->name) != 1 ||
        SSL_set1_host(line.ssl, peer->name) != 1 || SSL_connect(line.ssl) != 1) {
        line_close(&line);
        return fail(err, "TLS handshake");
    }
    *ret = line;
    return 0;
}

void line_close(struct line *line)
{
    SSL_free(line->ssl);
    if (line->fd >= 0) {
        (void)close(line->fd);
    }
    buf_fini(&line->body);
    *line = (struct line){.fd = -1};
}

int line_send(struct line *line, const void *bytes, size_t len, struct err *err)
{
    size_t written = 0;
    return SSL_write_ex(line->ssl, bytes, len, &written) == 1 && written == len
               ? 0
               : fail(err, "send a request");
}

/* Status and Content-Length of a head that ends with its empty line. */
static int read_head(const char *head, int *ret_status, size_t *ret_len, struct err *err)
{
    static const char name[] = "\r\nContent-Length:";
    const char *length = strcasestr(head, name);
    if (strncmp(head, "HTTP/1.1 ", 9) != 0 || length == NULL) {
        return err_set(err, ERR_PROTOCOL, "read a reply: it is none with a Content-Length");
    }
    *ret_status = (int)strtol(head + 9, NULL, 10);
    *ret_len = (size_t)strtoull(length + sizeof name - 1, NULL, 10);
    return 0;
}

/* The bytes up to the empty line, and perhaps some of the body: @ret_head is where it ends. */
static int receive_head(struct line *line, char head[static HEAD_MAX], size_t *ret_len,
                        char **ret_body, struct err *err)
{
    size_t len = 0;
    for (;;) {
        size_t got = 0;
        if (len + 1 >= HEAD_MAX ||
            SSL_read_ex(line->ssl, head + len, HEAD_MAX - 1 - len, &got) != 1) {
            return fail(err, "receive the head of a reply");
        }
        len += got;
        head[len] = '\0';
        char *end = strstr(head, "\r\n\r\n");
        if (end != NULL) {
            *ret_len = len;
            *ret_body = end + 4;
            return 0;
        }
    }
}

int line_receive(struct line *line, struct err *err)
{
    char head[HEAD_MAX];
    char chunk[CHUNK];
    size_t len = 0;
    size_t body_len = 0;
    char *body = NULL;
    if (receive_head(line, head, &len, &body, err) < 0) {
        return -1;
    }
    size_t have = len - (size_t)(body - head);
    buf_clear(&line->body);
    if (read_head(head, &line->status, &body_len, err) < 0 || have > body_len ||
        buf_append(&line->body, body, have, err) < 0) {
        return -1;
    }
    while (line->body.len < body_len) {
        size_t got = 0;
        if (SSL_read_ex(line->ssl, chunk, sizeof chunk, &got) != 1) {
            return fail(err, "receive the body of a reply");
        }
        if (buf_append(&line->body, chunk, got, err) < 0) {
            return -1;
        }
    }
    return 0;
}
