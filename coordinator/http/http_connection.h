/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection: what libmicrohttpd calls back about it, from accepting to closing,
 * and the requests on it, one after the other. For coordinator/http only.
 */
#ifndef COORDINATOR_HTTP_CONNECTION_H
#define COORDINATOR_HTTP_CONNECTION_H

#include "coordinator/http/exchange_internal.h"
#include "coordinator/http/http_server.h"
#include "coordinator/http/mhd_loop.h"
#include "coordinator/http/reaper.h"
#include "coordinator/http/tls_identity.h"

#include <gnutls/abstract.h>

/** What the connections of one server share; the server fills it in. */
struct http_hub {
    struct mhd_loop mhd;
    struct reaper reaper;
    const struct clock *clock;   /* borrowed */
    const struct log *log;       /* borrowed */
    const struct router *router; /* borrowed */
    struct tls_identity *internal;
    struct tls_identity *external; /* NULL = none */
    char *internal_name;
    uint64_t last_id;
    bool is_stopping; /* every request is answered 503 */
    bool has_room;    /* a connection ended since the last turn */
    unsigned n_files; /* open, being sent */
    struct http_connection
        *closed; /* carried requests and are gone: the server tells and frees */
};

struct http_connection {
    struct reaper_entry reaping; /* first, for the reaper's answers */
    struct http_hub *hub;        /* borrowed */
    struct MHD_Connection *mhd;  /* borrowed */
    struct tls_identity *identity;
    uint64_t id;
    int fd;                    /* borrowed from mhd: shut down, never closed */
    char *uri;                 /* of the request whose headers are awaited; owned */
    struct exchange *exchange; /* of the request at hand; held */
    const struct route *route;
    uint64_t discarded; /* bytes of a body that nobody will read */
    bool is_parked;
    bool must_close;
    bool has_carried;
    struct http_connection *next_closed;
};

/* The callbacks, with the signatures that libmicrohttpd and GnuTLS ask for; @cls is the hub. */
void http_connection_on_notify(void *cls, struct MHD_Connection *mhd, void **context,
                               enum MHD_ConnectionNotificationCode code);
void *http_connection_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result http_connection_on_request(void *cls, struct MHD_Connection *mhd,
                                           const char *url, const char *method,
                                           const char *version, const char *upload,
                                           size_t *upload_len, void **context);
void http_connection_on_completed(void *cls, struct MHD_Connection *mhd, void **context,
                                  enum MHD_RequestTerminationCode code);
int http_connection_on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
                                   int n_authorities, const gnutls_pk_algorithm_t *algorithms,
                                   int n_algorithms, gnutls_pcert_st **ret_chain,
                                   unsigned *ret_len, gnutls_privkey_t *ret_key);

/** Another stage of the connection's life begins now. */
void http_connection_enter(struct http_connection *connection, enum reaper_stage stage);

/** Send the reply that stands in the exchange. MHD_NO: it cannot be, cut the connection. */
enum MHD_Result http_connection_send(struct http_connection *connection);

/** The connection is past the limit of its stage: answer 503 if a handler is what it waits for,
 * else cut it. */
void http_connection_expire(struct http_connection *connection);

#endif
