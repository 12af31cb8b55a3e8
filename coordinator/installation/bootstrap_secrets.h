/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap-secrets.json: what the first start made and is shown once. 0600, one line, no
 * blanks: people read it with grep. */
#ifndef COORDINATOR_BOOTSTRAP_SECRETS_H
#define COORDINATOR_BOOTSTRAP_SECRETS_H

#include "common/base/err.h"
#include "coordinator/auth/password.h"

#define BOOTSTRAP_SECRETS_FILE "bootstrap-secrets.json"

struct bootstrap_secrets {
    char admin_password[PASSWORD_MADE_BYTES];    /* adminconsole_root_password */
    char readonly_password[PASSWORD_MADE_BYTES]; /* adminconsole_readonly_password */
    char *basic_token;     /* owned; bootstrap_runner_roles_token: joins, without roles */
    char *allocator_token; /* owned; allocator_only_token */
    char *emergency_token; /* owned; emergency_all_roles_except_allocator_token */
};

/** Write the file into @dir, atomically and durably. Blocks. */
int bootstrap_secrets_store(const struct bootstrap_secrets *secrets, const char *dir,
                            struct err *err) MUST_CHECK;

/** Wipe and release. */
void bootstrap_secrets_fini(struct bootstrap_secrets *secrets);

#endif
