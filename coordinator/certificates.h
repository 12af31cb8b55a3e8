/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two certificates that the coordinator presents: the installation's own, made in memory
 * for today's names and made anew in time, and the operator's, read from the files that the
 * options name. Which of them a client sees is decided in http/http_connection.c.
 */
#ifndef COORDINATOR_CERTIFICATES_H
#define COORDINATOR_CERTIFICATES_H

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "coordinator/coordinator_options.h"
#include "coordinator/http/http_server.h"
#include "coordinator/installation/server_identity.h"

struct certificates {
    const struct coordinator_options *options; /* borrowed */
    const struct installation *installation;   /* borrowed */
    const struct clock *clock;                 /* borrowed */
    const struct log *log;                     /* borrowed */
    struct server_identity internal;
    struct buf operator_cert; /* empty without --tls-cert */
    struct secret operator_key;
};

/** Make and read both. The first four members are set. Blocks. certificates_fini(), also on
 * failure. */
int certificates_open(struct certificates *certificates, struct err *err) MUST_CHECK;
void certificates_fini(struct certificates *certificates);

/** What http_server_start wants; borrowed until the next call that changes them. */
struct http_identity certificates_internal(const struct certificates *certificates);
struct http_identity certificates_external(const struct certificates *certificates);

/** Make the installation's own anew if it is due, and hand it to @server. Says in the log how
 * it went. For a daily look. */
void certificates_renew(struct certificates *certificates, struct http_server *server);

/** Read the operator's files again. On failure the ones in use stay. Blocks. */
int certificates_reload(struct certificates *certificates, struct http_server *server,
                        struct err *err) MUST_CHECK;

#endif
