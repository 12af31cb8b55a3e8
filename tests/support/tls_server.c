/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread accepts, each connection has one more. A mutex guards the list of connections, so
 * that stopping can shut down exactly those descriptors that are still open.
 */
#include "tests/support/tls_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    PEERS_MAX = 32,
    SEND_MAX = 4096,
};

struct tls_peer {
    struct tls_server *server;
    pthread_t thread;
    unsigned index;
    int fd; /* -1 once closed; changed under the server's mutex */
    SSL *ssl;
};

struct tls_server {
    struct tls_server_options options;
    SSL_CTX *ctx;
    int fd;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t mutex;
    bool is_stopping;
    unsigned n_peers;
    struct tls_peer peers[PEERS_MAX];
};

static void peer_close(struct tls_peer *peer)
{
    pthread_mutex_lock(&peer->server->mutex);
    if (peer->fd >= 0) {
        (void)close(peer->fd);
        peer->fd = -1;
    }
    pthread_mutex_unlock(&peer->server->mutex);
}

static ssize_t peer_read(struct tls_peer *peer, char *bytes, size_t size)
{
    if (peer->ssl == NULL) {
        return recv(peer->fd, bytes, size, 0);
    }
    size_t len = 0;
    return SSL_read_ex(peer->ssl, bytes, size, &len) == 1 ? (ssize_t)len : 0;
}

static void *run_peer(void *argument)
{
    struct tls_peer *peer = argument;
    struct tls_server *server = peer->server;
    int is_on = 1; /* small writes, often two in a row */
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &is_on, sizeof(is_on));
    if (server->ctx != NULL) {
        peer->ssl = SSL_new(server->ctx);
        if (peer->ssl == NULL || SSL_set_fd(peer->ssl, peer->fd) != 1 ||
            SSL_accept(peer->ssl) != 1) {
            goto done;
        }
    }
    server->options.serve(peer, server->options.userdata);
    if (peer->ssl != NULL && peer->fd >= 0) {
        (void)SSL_shutdown(peer->ssl); /* close_notify */
    }
done:
    SSL_free(peer->ssl);
    ERR_clear_error();
    peer_close(peer);
    return NULL;
}

static void *run_server(void *argument)
{
    struct tls_server *server = argument;
    for (;;) {
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&server->mutex);
        bool is_wanted = fd >= 0 && !server->is_stopping && server->n_peers < PEERS_MAX;
        if (is_wanted) {
            struct tls_peer *peer = &server->peers[server->n_peers];
            *peer = (struct tls_peer){.server = server, .index = server->n_peers, .fd = fd};
            is_wanted = pthread_create(&peer->thread, NULL, run_peer, peer) == 0;
            server->n_peers += is_wanted ? 1 : 0;
        }
        pthread_mutex_unlock(&server->mutex);
        if (!is_wanted) {
            if (fd >= 0) {
                (void)close(fd);
            }
            return NULL;
        }
    }
}

static SSL_CTX *make_ctx(const struct tls_server_options *options)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *cert_text = BIO_new_mem_buf(options->cert_pem, -1);
    BIO *key_text = BIO_new_mem_buf(options->key_pem, -1);
    X509 *cert = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, NULL);
    if (ctx == NULL || SSL_CTX_use_certificate(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        ERR_print_errors_fp(stderr);
        SSL_CTX_free(ctx);
        ctx = NULL;
    }
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cert_text);
    BIO_free(key_text);
    return ctx;
}

static int listen_on_loopback(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    auto_fd int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) < 0 || listen(fd, 16) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
        perror("tls_server: listen on loopback");
        return -1;
    }
    *ret_port = ntohs(address.sin_port);
    return TAKE_FD(fd);
}

struct tls_server *tls_server_start(const struct tls_server_options *options)
{
    struct tls_server *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->options = *options;
    server->fd = listen_on_loopback(&server->port);
    server->ctx = options->cert_pem != NULL ? make_ctx(options) : NULL;
    (void)pthread_mutex_init(&server->mutex, NULL);
    if (server->fd < 0 || (options->cert_pem != NULL && server->ctx == NULL) ||
        pthread_create(&server->thread, NULL, run_server, server) != 0) {
        SSL_CTX_free(server->ctx);
        free(server);
        return NULL;
    }
    return server;
}

void tls_server_stop(struct tls_server *server)
{
    if (server == NULL) {
        return;
    }
    pthread_mutex_lock(&server->mutex);
    server->is_stopping = true;
    (void)shutdown(server->fd, SHUT_RDWR); /* ends accept() */
    for (unsigned i = 0; i < server->n_peers; i++) {
        if (server->peers[i].fd >= 0) {
            (void)shutdown(server->peers[i].fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&server->mutex);
    (void)pthread_join(server->thread, NULL);
    for (unsigned i = 0; i < server->n_peers; i++) {
        (void)pthread_join(server->peers[i].thread, NULL);
    }
    (void)close(server->fd);
    SSL_CTX_free(server->ctx);
    (void)pthread_mutex_destroy(&server->mutex);
    free(server);
}

uint16_t tls_server_port(const struct tls_server *server)
{
    return server->port;
}

unsigned tls_server_n_accepted(struct tls_server *server)
{
    pthread_mutex_lock(&server->mutex);
    unsigned n_peers = server->n_peers;
    pthread_mutex_unlock(&server->mutex);
    return n_peers;
}

unsigned tls_peer_index(const struct tls_peer *peer)
{
    return peer->index;
}

const char *tls_peer_sni(const struct tls_peer *peer)
{
    const char *name =
        peer->ssl != NULL ? SSL_get_servername(peer->ssl, TLSEXT_NAMETYPE_host_name) : NULL;
    return name != NULL ? name : "";
}

/* How long the request is, headers and body; 0 while its headers are not complete. */
static size_t request_length(const char *text)
{
    const char *end = strstr(text, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    size_t len = (size_t)(end - text) + strlen("\r\n\r\n");
    const char *field = strcasestr(text, "\r\nContent-Length:");
    if (field != NULL && field < end) {
        len += strtoul(field + strlen("\r\nContent-Length:"), NULL, 10);
    }
    return len;
}

bool tls_peer_read_request(struct tls_peer *peer, char *ret_text, size_t size)
{
    size_t len = 0;
    while (len + 1 < size) {
        ssize_t n = peer_read(peer, ret_text + len, size - 1 - len);
        if (n <= 0) {
            return false;
        }
        len += (size_t)n;
        ret_text[len] = '\0';
        size_t wanted = request_length(ret_text);
        if (wanted > 0 && len >= wanted) {
            return true;
        }
    }
    return false;
}

bool tls_peer_send(struct tls_peer *peer, const char *format, ...)
{
    char text[SEND_MAX];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len <= 0 || len >= SEND_MAX) {
        return false;
    }
    if (peer->ssl != NULL) {
        return SSL_write(peer->ssl, text, len) == len;
    }
    return send(peer->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

bool tls_peer_send_ticket(struct tls_peer *peer)
{
    return SSL_new_session_ticket(peer->ssl) == 1 && SSL_do_handshake(peer->ssl) == 1;
}

void tls_peer_wait_closed(struct tls_peer *peer)
{
    char bytes[512];
    while (peer_read(peer, bytes, sizeof(bytes)) > 0) {
    }
}

void tls_peer_reset(struct tls_peer *peer)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    peer_close(peer);
}
