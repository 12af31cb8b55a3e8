/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's own server certificate: made from its CA at each start, kept in memory
 * only, made anew in time. */
#ifndef COORDINATOR_SERVER_IDENTITY_H
#define COORDINATOR_SERVER_IDENTITY_H

#include "coordinator/installation/installation_record.h"
#include "coordinator/installation/local_names.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    SERVER_IDENTITY_DAYS = 90,
    SERVER_IDENTITY_RENEW_DAYS = 30, /* due when less is left; look once a day */
};

struct server_identity {
    char *cert_pem; /* owned */
    struct secret key_pem;
    int64_t not_after_s;
};

/** Make one for @names (local_names_collect: the internal name is the first).
 * server_identity_fini(). */
int server_identity_make(const struct installation *installation,
                         const struct local_names *names, int64_t now_s,
                         struct server_identity *ret, struct err *err) MUST_CHECK;

/** Also true when @now_s lies before its making: somebody set the clock back by more than the
 * hour that it is backdated. */
bool server_identity_is_due(const struct server_identity *identity, int64_t now_s);

void server_identity_fini(struct server_identity *identity);

#endif
