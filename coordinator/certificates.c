/* SPDX-License-Identifier: Apache-2.0 */
/* See certificates.h. A certificate in use is replaced only by one that the server has taken.
 */
#include "coordinator/certificates.h"

#include "common/base/fs.h"

enum { TLS_FILE_MAX = 256 * 1024 };

static int make_internal(const struct certificates *certificates, struct server_identity *ret,
                         struct err *err)
{
    struct local_names names = {0};
    const struct coordinator_options *options = certificates->options;
    if (local_names_collect(&names, certificates->installation->internal_name,
                            (const char *const *)options->external_names,
                            options->n_external_names, err) < 0) {
        return err_wrap(err, "find the names of this host");
    }
    int rc = server_identity_make(certificates->installation, &names,
                                  clock_wall_s(certificates->clock), ret, err);
    local_names_fini(&names);
    return rc < 0 ? err_wrap(err, "make the server's certificate") : 0;
}

static int read_external(const struct certificates *certificates, struct buf *cert,
                         struct secret *key, struct err *err)
{
    const struct coordinator_options *options = certificates->options;
    auto_buf key_text = BUF_INIT(TLS_FILE_MAX);
    if (fs_read(options->tls_cert, cert, err) < 0) {
        return err_wrap(err, "--tls-cert");
    }
    int rc = fs_read(options->tls_key, &key_text, err);
    if (rc == 0) {
        rc = secret_copy(key, buf_text(&key_text), key_text.len, err);
    }
    buf_wipe(&key_text);
    return rc < 0 ? err_wrap(err, "--tls-key") : 0;
}

int certificates_open(struct certificates *certificates, struct err *err)
{
    certificates->operator_cert = BUF_INIT(TLS_FILE_MAX);
    if (make_internal(certificates, &certificates->internal, err) < 0) {
        return -1;
    }
    return certificates->options->tls_cert == NULL
               ? 0
               : read_external(certificates, &certificates->operator_cert,
                               &certificates->operator_key, err);
}

void certificates_fini(struct certificates *certificates)
{
    server_identity_fini(&certificates->internal);
    buf_fini(&certificates->operator_cert);
    secret_fini(&certificates->operator_key);
}

struct http_identity certificates_internal(const struct certificates *certificates)
{
    return (struct http_identity){.cert_pem = certificates->internal.cert_pem,
                                  .key_pem = &certificates->internal.key_pem};
}

struct http_identity certificates_external(const struct certificates *certificates)
{
    bool has_one = certificates->operator_cert.len > 0;
    return (struct http_identity){.cert_pem =
                                      has_one ? buf_text(&certificates->operator_cert) : NULL,
                                  .key_pem = &certificates->operator_key};
}

void certificates_renew(struct certificates *certificates, struct http_server *server)
{
    struct err err = {0};
    struct server_identity fresh = {0};
    if (!server_identity_is_due(&certificates->internal, clock_wall_s(certificates->clock))) {
        return;
    }
    int rc = make_internal(certificates, &fresh, &err);
    if (rc == 0) {
        struct http_identity identity = {.cert_pem = fresh.cert_pem, .key_pem = &fresh.key_pem};
        rc = http_server_set_internal(server, &identity, &err);
    }
    if (rc < 0) {
        server_identity_fini(&fresh);
        log_error(certificates->log, "tls", "the server's certificate was not renewed: %s",
                  err.message);
        return;
    }
    server_identity_fini(&certificates->internal);
    certificates->internal = fresh;
    log_info(certificates->log, "tls", "the server's certificate was renewed");
}

int certificates_reload(struct certificates *certificates, struct http_server *server,
                        struct err *err)
{
    struct buf cert = BUF_INIT(TLS_FILE_MAX);
    struct secret key = {0};
    if (certificates->options->tls_cert == NULL) {
        return 0;
    }
    int rc = read_external(certificates, &cert, &key, err);
    if (rc == 0) {
        struct http_identity identity = {.cert_pem = buf_text(&cert), .key_pem = &key};
        rc = http_server_set_external(server, &identity, err);
    }
    if (rc < 0) {
        buf_fini(&cert);
        secret_fini(&key);
        return -1;
    }
    buf_fini(&certificates->operator_cert);
    secret_fini(&certificates->operator_key);
    certificates->operator_cert = cert;
    certificates->operator_key = key;
    return 0;
}
