/* SPDX-License-Identifier: Apache-2.0 */
/* Server certificates of the installation. Who listens with them, and when they are looked
 * at, is the caller's. */
#include "coordinator/installation/server_identity.h"

#include <stdlib.h>

enum {
    HOUR_S = 3600,
    DAY_S = 24 * HOUR_S,
};

int server_identity_make(const struct installation *installation,
                         const struct local_names *names, int64_t now_s,
                         struct server_identity *ret, struct err *err)
{
    const char *list[X509_NAMES_MAX];
    for (size_t i = 0; i < names->count; i++) {
        list[i] = names->items[i];
    }
    const struct x509_server_spec spec = {
        .ca_cert_pem = installation->ca_cert_pem,
        .ca_key_pem = &installation->ca_key_pem,
        .names = list,
        .n_names = names->count,
        .now_s = now_s,
        .days = SERVER_IDENTITY_DAYS,
    };
    struct server_identity identity = {
        .not_after_s = now_s + (int64_t)SERVER_IDENTITY_DAYS * DAY_S,
    };
    if (x509_make_server(&spec, &identity.cert_pem, &identity.key_pem, err) < 0) {
        return err_wrap(err, "make the server certificate");
    }
    *ret = identity;
    return 0;
}

bool server_identity_is_due(const struct server_identity *identity, int64_t now_s)
{
    int64_t left_s = identity->not_after_s - now_s;
    return left_s < (int64_t)SERVER_IDENTITY_RENEW_DAYS * DAY_S ||
           left_s > (int64_t)SERVER_IDENTITY_DAYS * DAY_S + HOUR_S;
}

void server_identity_fini(struct server_identity *identity)
{
    free(identity->cert_pem);
    secret_fini(&identity->key_pem);
    *identity = (struct server_identity){0};
}
