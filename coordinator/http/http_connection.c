/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a connection and of the requests on it, as libmicrohttpd tells it. For each
 * request: on_uri (its first line), on_request once for the head, once for each piece of the
 * body, once for the end (there the handler runs, and if it does not reply the connection is
 * suspended: parked; on_request comes again after resume), on_completed.
 *
 * A refusal waits for the end of the body, if that is short: closing a socket with unread data
 * resets it, and the client might never see the reply. How a reply goes out is in
 * http_connection_send.c.
 */
#include "coordinator/http/http_connection.h"

#include "coordinator/http/request_head.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

/* So much of a refused body is read and thrown away. */
enum { DISCARD_MAX = 1024 * 1024 };

static struct http_connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void peer_text(struct MHD_Connection *mhd, char ret_text[static EXCHANGE_PEER_BYTES])
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *address = info == NULL ? NULL : info->client_addr;
    const void *bytes = NULL;
    int family = AF_INET;
    if (address != NULL && address->sa_family == AF_INET) {
        bytes = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
    } else if (address != NULL && address->sa_family == AF_INET6) {
        const struct in6_addr *v6 =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(v6);
        family = is_mapped ? AF_INET : AF_INET6;
        bytes = is_mapped ? &v6->s6_addr[12] : v6->s6_addr;
    }
    if (bytes == NULL || inet_ntop(family, bytes, ret_text, EXCHANGE_PEER_BYTES) == NULL) {
        ret_text[0] = '\0';
    }
}

/* The request at hand is over, or will never be complete. */
static void forget_request(struct http_connection *connection)
{
    exchange_release(connection->exchange);
    connection->exchange = NULL;
    free(connection->uri);
    connection->uri = NULL;
    connection->is_parked = false;
    connection->must_close = false;
    connection->discarded = 0;
}

static void on_closed(struct http_connection *connection)
{
    struct http_hub *hub = connection->hub;
    forget_request(connection);
    reaper_enter(&hub->reaper, &connection->reaping, REAPER_NONE, 0);
    tls_identity_unref(connection->identity);
    connection->identity = NULL;
    hub->has_room = true;
    if (!connection->has_carried) {
        free(connection);
        return;
    }
    connection->next_closed = hub->closed;
    hub->closed = connection;
}

void http_connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode code)
{
    struct http_hub *hub = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context != NULL) {
            on_closed(*context);
            *context = NULL;
        }
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL || info == NULL) {
        free(connection); /* without a context there is no certificate: the handshake fails */
        return;
    }
    connection->hub = hub;
    connection->mhd = mhd;
    connection->fd = info->connect_fd;
    connection->id = ++hub->last_id;
    http_connection_enter(connection, REAPER_REQUESTING);
    *context = connection;
}

/* Only the host itself is told apart: agents verify the installation's own name, everybody else
 * gets what the operator chose for them. */
/* NOLINTNEXTLINE(readability-function-size): the signature is GnuTLS's */
int http_connection_on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                                   int n_authorities, const gnutls_pk_algorithm_t *algorithms,
                                   int n_algorithms, gnutls_pcert_st **ret_chain,
                                   unsigned *ret_len, gnutls_privkey_t *ret_key)
{
    (void)authorities;
    (void)n_authorities;
    (void)algorithms;
    (void)n_algorithms;
    struct http_connection *connection = connection_of(gnutls_session_get_ptr(session));
    if (connection == NULL) {
        return -1;
    }
    struct http_hub *hub = connection->hub;
    char name[256];
    size_t len = sizeof(name);
    unsigned type = GNUTLS_NAME_DNS;
    bool is_internal = gnutls_server_name_get(session, name, &len, &type, 0) == 0 &&
                       strcasecmp(name, hub->internal_name) == 0;
    struct tls_identity *identity =
        is_internal || hub->external == NULL ? hub->internal : hub->external;
    tls_identity_unref(connection->identity);
    connection->identity = tls_identity_ref(identity);
    tls_identity_present(identity, ret_chain, ret_len, ret_key);
    return 0;
}

void *http_connection_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    (void)cls;
    struct http_connection *connection = connection_of(mhd);
    if (connection != NULL) {
        forget_request(connection);
        connection->uri = strdup(uri);
        http_connection_enter(connection, REAPER_REQUESTING);
    }
    return NULL;
}

static void reply_stopping(struct exchange *exchange)
{
    exchange_reply_error(exchange, 503, "root.unavailable", "the coordinator is stopping");
}

/* Find the route and refuse what can be refused without the body. True when a refusal stands in
 * the exchange. */
static bool refuse(struct http_connection *connection, const struct request_head *head)
{
    struct exchange *exchange = connection->exchange;
    char allow[64] = "";
    struct err err;
    if (connection->hub->is_stopping) {
        reply_stopping(exchange);
        return true;
    }
    switch (router_match(connection->hub->router, exchange->method, exchange->path,
                         &connection->route, &exchange->params, allow)) {
    case ROUTE_FOUND:
        break;
    case ROUTE_NO_PATH:
        exchange_reply_error(exchange, 404, "root.not_found",
                             "there is nothing at the path of this request");
        return true;
    case ROUTE_NO_METHOD:
        exchange_set_header(exchange, MHD_HTTP_HEADER_ALLOW, allow);
        exchange_reply_error(exchange, 405, "root.method_not_allowed",
                             "the path of this request takes %s only", allow);
        return true;
    }
    size_t max_body = connection->route->max_body;
    if (head->content_length > max_body || (head->is_chunked && max_body == 0)) {
        exchange_reply_error(exchange, 413, "root.payload_too_large",
                             "the body may have at most %zu bytes here", max_body);
        return true;
    }
    if (exchange_parse_target(exchange, &err) < 0) {
        exchange_reply_error(exchange, 400, "root.bad_request", "%s", err.message);
        return true;
    }
    exchange->body = BUF_INIT(max_body);
    return false;
}

static enum MHD_Result on_head(struct http_connection *connection, const char *method)
{
    char peer[EXCHANGE_PEER_BYTES];
    peer_text(connection->mhd, peer);
    if (connection->uri != NULL) {
        connection->exchange = exchange_new(method, connection->uri, peer, connection->id);
    }
    if (connection->exchange == NULL) {
        return MHD_NO; /* no memory: cut */
    }
    struct request_head head;
    struct err err;
    if (request_head_read(connection->mhd, method, connection->exchange, &head, &err) < 0) {
        exchange_reply_error(connection->exchange, 400, "root.bad_request",
                             "the request is malformed: %s", err.message);
        connection->must_close = true;
        return http_connection_send(connection);
    }
    if (refuse(connection, &head) &&
        (head.expects_continue || head.content_length > DISCARD_MAX)) {
        connection->must_close = true;
        return http_connection_send(connection);
    }
    return MHD_YES;
}

static enum MHD_Result on_body(struct http_connection *connection, const char *bytes,
                               size_t *len)
{
    struct exchange *exchange = connection->exchange;
    struct err err;
    if (exchange == NULL) {
        return MHD_NO;
    }
    if (exchange->reply.status != 0) {
        connection->discarded += *len;
        *len = 0;
        return connection->discarded > DISCARD_MAX ? MHD_NO : MHD_YES;
    }
    if (buf_append(&exchange->body, bytes, *len, &err) < 0) {
        /* Chunks past the bound (or no memory): here the engine takes no reply, so cut. */
        log_debug(connection->hub->log, "http", "cut connection %llu: %s",
                  (unsigned long long)connection->id, err.message);
        return MHD_NO;
    }
    *len = 0;
    return MHD_YES;
}

static void unpark(struct http_connection *connection)
{
    connection->is_parked = false;
    http_connection_enter(connection, REAPER_KEPT);
    MHD_resume_connection(connection->mhd);
    mhd_loop_wake(&connection->hub->mhd);
}

/* Signature of exchange_replied_fn. */
static void on_replied(struct exchange *exchange, void *engine)
{
    struct http_connection *connection = engine;
    (void)exchange;
    if (connection->is_parked) {
        unpark(connection);
    } /* else the handler replies inside on_end, which sends it */
}

static enum MHD_Result on_end(struct http_connection *connection)
{
    struct exchange *exchange = connection->exchange;
    if (exchange->reply.status == 0 && connection->hub->is_stopping) {
        reply_stopping(exchange);
    }
    if (exchange->reply.status == 0) {
        connection->has_carried = true;
        exchange_hand_over(exchange, on_replied, connection);
        router_dispatch(connection->hub->router, connection->route, exchange);
    }
    if (exchange->reply.status != 0) {
        return http_connection_send(connection);
    }
    connection->is_parked = true;
    http_connection_enter(connection, REAPER_PARKED);
    MHD_suspend_connection(connection->mhd);
    return MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the signature is libmicrohttpd's */
enum MHD_Result http_connection_on_request(void *cls, struct MHD_Connection *mhd,
                                           const char *url, const char *method,
                                           const char *version, const char *upload,
                                           size_t *upload_len, void **context)
{
    (void)cls;
    (void)url; /* decoded by the engine's rules; ours come from on_uri */
    (void)version;
    (void)context; /* the request is found through its connection */
    struct http_connection *connection = connection_of(mhd);
    if (connection == NULL) {
        return MHD_NO;
    }
    if (upload != NULL) {
        return on_body(connection, upload, upload_len);
    }
    return connection->exchange == NULL ? on_head(connection, method) : on_end(connection);
}

void http_connection_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                                  enum MHD_RequestTerminationCode code)
{
    (void)cls;
    (void)context;
    (void)code;
    struct http_connection *connection = connection_of(mhd);
    if (connection != NULL) {
        forget_request(connection);
        http_connection_enter(connection, REAPER_KEPT);
    }
}

void http_connection_expire(struct http_connection *connection)
{
    if (connection->is_parked) {
        exchange_preempt(connection->exchange, 503, "root.unavailable",
                         "the coordinator could not answer in time: try again");
        unpark(connection);
        return;
    }
    log_debug(connection->hub->log, "http", "cut connection %llu: it was silent or slow",
              (unsigned long long)connection->id);
    reaper_enter(&connection->hub->reaper, &connection->reaping, REAPER_NONE, 0);
    /* MHD sees the hang-up and closes; closing it here would pull the descriptor away under
     * MHD. */
    (void)shutdown(connection->fd, SHUT_RDWR);
}
