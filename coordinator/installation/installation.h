/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the first start makes and later starts find: the installation with its two users and
 * three roles tokens in the store (one transaction), bootstrap-secrets.json and ca.pem in
 * the state directory. A crash at any point leaves either no installation (the next start
 * makes everything anew) or a whole one. A record that cannot be read is never replaced.
 */
#ifndef COORDINATOR_INSTALLATION_H
#define COORDINATOR_INSTALLATION_H

#include "common/base/log.h"
#include "coordinator/installation/installation_record.h"
#include "coordinator/store/store.h"

#include <stdbool.h>
#include <uv.h>

#define INSTALLATION_CA_FILE "ca.pem"

struct installation_options { /* all borrowed until the callback came */
    uv_loop_t *loop;
    struct store *store;
    const char *state_dir; /* is there, and ours */
    const struct clock *clock;
    const struct rng *rng;
    const struct log *log;
};

struct installation_opened {
    struct installation
        *installation; /* the callee's to keep (installation_free); NULL: `error` says why */
    bool is_new;       /* made by this start: bootstrap-secrets.json was written */
    struct err error;  /* ERR_CORRUPT, ERR_FUTURE, ERR_IO, ERR_NO_SPACE, ...; says what to do */
};

typedef void installation_opened_fn(const struct installation_opened *opened, void *userdata);

/** Read or make it. @done comes once, from the loop. -1: it could not begin, and @done does
 * not come. */
int installation_open(const struct installation_options *options, installation_opened_fn *done,
                      void *userdata, struct err *err) MUST_CHECK;

#endif
