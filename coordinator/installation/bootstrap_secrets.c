/* SPDX-License-Identifier: Apache-2.0 */
/* The one file with secrets in clear text. Its names of fields and its form are what
 * people's scripts already read. */
#include "coordinator/installation/bootstrap_secrets.h"

#include <string.h>

#include "common/base/fs.h"
#include "common/base/secret.h"
#include "common/codec/json.h"

int bootstrap_secrets_store(const struct bootstrap_secrets *secrets, const char *dir,
                            struct err *err)
{
    auto_json *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "adminconsole_root_password",
                  secrets->admin_password, "adminconsole_readonly_password",
                  secrets->readonly_password, "bootstrap_runner_roles_token",
                  secrets->basic_token, "allocator_only_token", secrets->allocator_token,
                  "emergency_all_roles_except_allocator_token", secrets->emergency_token);
    char *text = json != NULL ? json_compact(json) : NULL;
    auto_free char *path = fs_join(dir, BOOTSTRAP_SECRETS_FILE);
    int result = -1;
    if (text == NULL || path == NULL) {
        (void)err_no_memory(err);
    } else {
        fs_sweep(
            path); /* of a first start that was killed: passwords of nobody, but passwords */
        result = fs_replace(path, text, strlen(text), 0600, true, err);
    }
    secret_free_text(text);
    return result;
}

void bootstrap_secrets_fini(struct bootstrap_secrets *secrets)
{
    secret_free_text(secrets->basic_token);
    secret_free_text(secrets->allocator_token);
    secret_free_text(secrets->emergency_token);
    explicit_bzero(secrets, sizeof(*secrets));
}
