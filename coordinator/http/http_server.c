/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start and stop of the HTTPS server, its limits, its certificates, and the reaper's tick. What
 * happens on a connection is in http_connection.c, how MHD is driven in mhd_loop.c.
 *
 * Replies that libmicrohttpd gives by itself, before any of our code sees the request (a line
 * that is no HTTP, headers over the connection's memory, a Content-Length that is no number),
 * have its own plain bodies and close the connection.
 */
#include "coordinator/http/http_server.h"

#include "coordinator/http/http_connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

enum {
    CONNECTION_MEMORY_BYTES =
        8192,                 /* zeroed, so resident; also the bound of a request's headers */
    DESCRIPTOR_RESERVE = 128, /* store, logs, timers, calls to others */
    CONNECTIONS_MAX = 1000000,
    STOP_RUNS_MAX = 64,
};

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA:-DHE-RSA"

struct http_server {
    struct http_hub hub;
    struct MHD_Daemon *daemon;
    http_connection_closed_fn *on_connection_closed;
    void *userdata;
    void (*on_stopped)(void *userdata); /* NULL until http_server_stop */
    void *stop_userdata;
};

/* Signature of MHD_LogCallback. */
PRINTF_LIKE(2, 0)

static void on_mhd_log(void *cls, const char *format, va_list args)
{
    const struct http_hub *hub = cls;
    char line[256];
    if (hub->log->threshold < LOG_LEVEL_DEBUG) {
        return;
    }
    (void)vsnprintf(line, sizeof(line), format, args);
    line[strcspn(line, "\r\n")] = '\0';
    log_debug(hub->log, "http", "libmicrohttpd: %s", line);
}

static void server_free(struct http_server *server)
{
    tls_identity_unref(server->hub.internal);
    tls_identity_unref(server->hub.external);
    free(server->hub.internal_name);
    free(server);
}

static void tell_closed(struct http_server *server)
{
    while (server->hub.closed != NULL) {
        struct http_connection *connection = server->hub.closed;
        server->hub.closed = connection->next_closed;
        if (!server->hub.is_stopping && server->on_connection_closed != NULL) {
            server->on_connection_closed(connection->id, server->userdata);
        }
        free(connection);
    }
}

/* Answer what is parked, let MHD send it, close everything. */
static void finish_stop(struct http_server *server)
{
    struct reaper *reaper = &server->hub.reaper;
    int listen_fd = MHD_quiesce_daemon(server->daemon);
    if (listen_fd >= 0) {
        (void)close(listen_fd);
    }
    while (reaper->first[REAPER_PARKED] != NULL) {
        http_connection_expire(
            CONTAINER_OF(reaper->first[REAPER_PARKED], struct http_connection, reaping));
    }
    unsigned long long timeout_ms = 0;
    for (int i = 0; i < STOP_RUNS_MAX && timeout_ms == 0; i++) {
        (void)MHD_run(server->daemon);
        if (MHD_get_timeout(server->daemon, &timeout_ms) != MHD_YES) {
            break;
        }
    }
    mhd_loop_stop(&server->hub.mhd);
    MHD_stop_daemon(server->daemon);
    server->daemon = NULL;
    tell_closed(server); /* tells nobody: the server left, not the clients */
}

/* Signature of mhd_loop_fn, as the next two. */
static void on_turn(void *userdata)
{
    struct http_server *server = userdata;
    if (server->hub.has_room) {
        /* A full MHD leaves its listener out of the epoll set; only another run takes it back
         * in. */
        server->hub.has_room = false;
        mhd_loop_wake(&server->hub.mhd);
    }
    tell_closed(server);
    if (server->hub.is_stopping && server->daemon != NULL) {
        finish_stop(server);
    }
}

static void on_tick(void *userdata)
{
    struct http_server *server = userdata;
    struct reaper_entry *due = NULL;
    uint64_t now_ms = clock_monotonic_ms(server->hub.clock);
    while ((due = reaper_due(&server->hub.reaper, now_ms)) != NULL) {
        http_connection_expire(CONTAINER_OF(due, struct http_connection, reaping));
    }
    mhd_loop_wake(&server->hub.mhd);
}

static void on_handles_closed(void *userdata)
{
    struct http_server *server = userdata;
    void (*on_stopped)(void *) = server->on_stopped;
    void *stop_userdata = server->stop_userdata;
    server_free(server);
    if (on_stopped != NULL) {
        on_stopped(stop_userdata);
    }
}

static unsigned connection_limit(unsigned wanted)
{
    struct rlimit limit = {.rlim_cur = 1024};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t possible = limit.rlim_cur > 2 * (rlim_t)DESCRIPTOR_RESERVE
                          ? limit.rlim_cur - DESCRIPTOR_RESERVE
                          : DESCRIPTOR_RESERVE;
    if (possible > CONNECTIONS_MAX) {
        possible = CONNECTIONS_MAX;
    }
    return wanted == 0 || wanted > possible ? (unsigned)possible : wanted;
}

static struct MHD_Daemon *start_daemon(struct http_hub *hub,
                                       const struct http_server_options *options)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TLS | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL,
        NULL, http_connection_on_request, hub, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, hub,
        MHD_OPTION_LISTEN_SOCKET, options->listen_fd, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        connection_limit(options->max_connections), MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        options->max_connections_per_ip, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES, MHD_OPTION_HTTPS_CERT_CALLBACK,
        http_connection_on_certificate, MHD_OPTION_NOTIFY_CONNECTION, http_connection_on_notify,
        hub, MHD_OPTION_URI_LOG_CALLBACK, http_connection_on_uri, hub,
        MHD_OPTION_NOTIFY_COMPLETED, http_connection_on_completed, hub, MHD_OPTION_END);
}

static int fill_hub(struct http_hub *hub, const struct http_server_options *options,
                    struct err *err)
{
    hub->clock = options->clock;
    hub->log = options->log;
    hub->router = options->router;
    hub->reaper.limit_ms[REAPER_REQUESTING] = options->request_deadline_ms;
    hub->reaper.limit_ms[REAPER_PARKED] = options->park_deadline_ms;
    hub->reaper.limit_ms[REAPER_KEPT] = options->idle_timeout_ms;
    hub->internal_name = strdup(options->internal_name);
    if (hub->internal_name == NULL) {
        return err_no_memory(err);
    }
    if (tls_identity_new(&hub->internal, &options->internal, err) < 0) {
        return err_wrap(err, "use the installation's own certificate");
    }
    if (options->external.cert_pem != NULL &&
        tls_identity_new(&hub->external, &options->external, err) < 0) {
        return err_wrap(err, "use the certificate for API clients");
    }
    return 0;
}

/* Takes the listening socket when it succeeds. */
static int start(struct http_server *server, const struct http_server_options *options,
                 struct err *err)
{
    struct http_hub *hub = &server->hub;
    if (fill_hub(hub, options, err) < 0) {
        return -1;
    }
    server->daemon = start_daemon(hub, options);
    if (server->daemon == NULL) {
        return err_set_errno(err, errno, "start the HTTPS server");
    }
    hub->mhd.on_turn = on_turn;
    hub->mhd.on_tick = on_tick;
    hub->mhd.on_closed = on_handles_closed;
    hub->mhd.userdata = server;
    if (mhd_loop_start(&hub->mhd, options->loop, server->daemon, err) < 0) {
        (void)MHD_quiesce_daemon(server->daemon); /* the socket stays the caller's */
        MHD_stop_daemon(server->daemon);
        return -1;
    }
    return 0;
}

int http_server_start(struct http_server **ret, const struct http_server_options *options,
                      struct err *err)
{
    struct http_server *server = calloc(1, sizeof(*server));
    auto_fd int listen_fd = options->listen_fd;
    if (server == NULL) {
        return err_no_memory(err);
    }
    server->on_connection_closed = options->on_connection_closed;
    server->userdata = options->userdata;
    if (start(server, options, err) < 0) {
        if (server->hub.mhd.open_handles == 0) {
            server_free(server); /* else its handles are closing, the last one frees it */
        }
        return -1;
    }
    (void)TAKE_FD(listen_fd);
    *ret = server;
    return 0;
}

static int replace(struct tls_identity **identity, const struct http_identity *pems,
                   struct err *err)
{
    struct tls_identity *renewed = NULL;
    if (tls_identity_new(&renewed, pems, err) < 0) {
        return err_wrap(err, "renew the certificate");
    }
    tls_identity_unref(*identity); /* handshakes under way keep theirs */
    *identity = renewed;
    return 0;
}

int http_server_set_internal(struct http_server *server, const struct http_identity *identity,
                             struct err *err)
{
    return replace(&server->hub.internal, identity, err);
}

int http_server_set_external(struct http_server *server, const struct http_identity *identity,
                             struct err *err)
{
    if (identity->cert_pem == NULL) {
        tls_identity_unref(server->hub.external);
        server->hub.external = NULL;
        return 0;
    }
    return replace(&server->hub.external, identity, err);
}

void http_server_stop(struct http_server *server, void (*closed)(void *userdata),
                      void *userdata)
{
    if (server == NULL || server->hub.is_stopping) {
        return;
    }
    server->on_stopped = closed;
    server->stop_userdata = userdata;
    server->hub.is_stopping = true;
    /* The work is done in the loop: this may be called by a handler, from deep inside MHD_run.
     */
    mhd_loop_wake(&server->hub.mhd);
}
