/* SPDX-License-Identifier: Apache-2.0 */
/* The misbehaving client, over blocking sockets with time-outs and OpenSSL. */
#include "tests/support/https_client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { PATIENCE_S = 5, READ_BYTES = 65536 };

bool https_client_dial(struct https_client *client, uint16_t port)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    *client = (struct https_client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return client->fd >= 0 &&
           setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
           setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
           setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
           connect(client->fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
}

static void read_peer_name(struct https_client *client)
{
    X509 *certificate = SSL_get1_peer_certificate(client->ssl);
    if (certificate != NULL) {
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                        client->peer_name, sizeof(client->peer_name));
        X509_free(certificate);
    }
}

bool https_client_connect(struct https_client *client, uint16_t port, const char *server_name)
{
    if (!https_client_dial(client, port)) {
        return false;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        return false;
    }
    client->ssl = SSL_new(context);
    SSL_CTX_free(context);
    if (client->ssl == NULL || SSL_set_fd(client->ssl, client->fd) != 1 ||
        (server_name != NULL && SSL_set_tlsext_host_name(client->ssl, server_name) != 1) ||
        SSL_connect(client->ssl) != 1) {
        return false;
    }
    read_peer_name(client);
    return true;
}

bool https_client_send(struct https_client *client, const void *bytes, size_t len)
{
    if (client->ssl == NULL) {
        return send(client->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
    }
    size_t sent = 0;
    return SSL_write_ex(client->ssl, bytes, len, &sent) == 1 && sent == len;
}

bool https_client_say(struct https_client *client, const char *text)
{
    return https_client_send(client, text, strlen(text));
}

/* Wait for more bytes. False: the connection ended, or patience did. */
static bool read_more(struct https_client *client)
{
    char *grown = realloc(client->read, client->n_read + READ_BYTES + 1);
    if (grown == NULL) {
        return false;
    }
    client->read = grown;
    size_t got = 0;
    if (client->ssl != NULL) {
        if (SSL_read_ex(client->ssl, grown + client->n_read, READ_BYTES, &got) != 1) {
            return false;
        }
    } else {
        ssize_t n = recv(client->fd, grown + client->n_read, READ_BYTES, 0);
        got = n > 0 ? (size_t)n : 0;
    }
    client->n_read += got;
    grown[client->n_read] = '\0';
    return got > 0;
}

static void consume(struct https_client *client, size_t len)
{
    memmove(client->read, client->read + len, client->n_read - len + 1);
    client->n_read -= len;
}

const char *https_reply_header(const struct https_reply *reply, const char *name,
                               char ret[static 256])
{
    ret[0] = '\0';
    for (const char *line = strstr(reply->head, "\r\n"); line != NULL;
         line = strstr(line, "\r\n")) {
        line += 2;
        size_t len = strlen(name);
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            line += len + 1;
            line += strspn(line, " ");
            (void)snprintf(ret, 256, "%.*s", (int)strcspn(line, "\r"), line);
            break;
        }
    }
    return ret;
}

void https_client_hear(struct https_client *client, bool has_body, struct https_reply *ret)
{
    char length[256];
    const char *end = NULL;
    *ret = (struct https_reply){0};
    while (client->n_read == 0 || (end = strstr(client->read, "\r\n\r\n")) == NULL) {
        if (!read_more(client)) {
            return;
        }
    }
    size_t head_len = (size_t)(end - client->read) + 4;
    (void)snprintf(ret->head, sizeof(ret->head), "%.*s", (int)head_len, client->read);
    consume(client, head_len);
    size_t body_len =
        has_body ? strtoul(https_reply_header(ret, "Content-Length", length), NULL, 10) : 0;
    while (client->n_read < body_len) {
        if (!read_more(client)) {
            return;
        }
    }
    (void)snprintf(ret->body, sizeof(ret->body), "%.*s", (int)body_len,
                   body_len == 0 ? "" : client->read);
    ret->body_len = body_len;
    consume(client, body_len);
    ret->status = (int)strtol(ret->head + strlen("HTTP/1.1 "), NULL, 10);
}

int https_client_ask(struct https_client *client, const char *text, struct https_reply *ret)
{
    *ret = (struct https_reply){0};
    if (https_client_say(client, text)) {
        https_client_hear(client, strncmp(text, "HEAD ", 5) != 0, ret);
    }
    return ret->status;
}

bool https_client_is_gone(struct https_client *client, int wait_ms)
{
    struct pollfd waiting = {.fd = client->fd, .events = POLLIN};
    while (poll(&waiting, 1, wait_ms) == 1) {
        if (!read_more(client)) {
            return true;
        }
    }
    return false;
}

void https_client_close(struct https_client *client)
{
    SSL_free(client->ssl);
    client->ssl = NULL;
    free(client->read);
    client->read = NULL;
    client->n_read = 0;
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    client->fd = -1;
}
