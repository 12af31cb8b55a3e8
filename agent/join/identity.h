/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who this host is to its installation: one file of mode 0600 in the state directory, replaced
 * atomically and durably. Pending until the coordinator has answered the enrolment; then
 * complete. Never holds the roles token, only its id.
 */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/codec/x509.h"
#include "common/wire/messages.h"

#include <stdbool.h>
#include <stdint.h>

enum { IDENTITY_VERSION = 1, IDENTITY_TOKEN_ID_BYTES = 129 };

struct identity {
    bool is_complete;
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char installation_id[X509_INSTALLATION_ID_BYTES]; /* as the CA's subject says */
    char zone[WIRE_ZONE_BYTES];
    char token_id[IDENTITY_TOKEN_ID_BYTES]; /* `sub` of the roles token it was enrolled with */
    roles_t roles;
    int64_t enrolled_at_s;
    struct secret private_key_pem;
    char *ca_pem; /* owned */
    struct endpoint_list coordinators;
};

/* What the messages of identity_load() end with or contain, for those who say it elsewhere. */
#define IDENTITY_MODE_REMEDY                                                                   \
    ": `chmod 600` it if you know that nobody did, otherwise `ece-agent leave` and join again"
#define IDENTITY_FILE_REMEDY                                                                   \
    " (restore it from a backup, or give it up with `ece-agent leave --local` and join again " \
    "with a roles token)"

enum identity_found { IDENTITY_FOUND, IDENTITY_ABSENT };

/** Read it. A torn, foreign or newer file is an error that names the file and the way out,
 * never IDENTITY_ABSENT; a file that group or others can read is ERR_PERMISSION. Blocks. */
int identity_load(const char *state_dir, enum identity_found *ret_found, struct identity *ret,
                  struct err *err) MUST_CHECK;

/** Remove what a killed writer has left beside it: it holds the key, too. Under the state
 * directory's lock. Blocks. */
void identity_sweep(const char *state_dir);

/** Write it. Blocks. On failure the old file stands. */
int identity_store(const char *state_dir, const struct identity *identity,
                   struct err *err) MUST_CHECK;

/** Forget it. Not there is fine. Blocks. */
int identity_erase(const char *state_dir, struct err *err) MUST_CHECK;

void identity_fini(struct identity *identity);

#endif
