/* SPDX-License-Identifier: Apache-2.0 */
/* The names and addresses under which this host can be reached: what its server certificate
 * must hold. */
#ifndef COORDINATOR_LOCAL_NAMES_H
#define COORDINATOR_LOCAL_NAMES_H

#include "common/codec/x509.h"

#include <stdbool.h>
#include <stddef.h>

struct local_names {
    size_t count;
    char *items[X509_NAMES_MAX]; /* owned */
    size_t omitted;              /* did not fit */
};

/** Add one DNS name or IP address unless it is there. ERR_INVALID when it is neither; counted
 * in `omitted` when full. */
int local_names_add(struct local_names *names, const char *name, struct err *err) MUST_CHECK;

/**
 * Collect, in this order: @internal_name (the installation's), localhost, @external (from
 * --external-hostname), the node's name, 127.0.0.1, ::1, every address of every interface
 * but IPv6 link-local ones. On failure nothing is left to free.
 */
int local_names_collect(struct local_names *ret, const char *internal_name,
                        const char *const *external, size_t n_external,
                        struct err *err) MUST_CHECK;

/** The same names, whatever their order. */
bool local_names_equal(const struct local_names *a, const struct local_names *b);

void local_names_fini(struct local_names *names);

#endif
