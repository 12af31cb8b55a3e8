/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first start and every other. The first: make all in memory; hash the passwords and
 * write bootstrap-secrets.json on the thread pool; commit; then as every start: bring ca.pem
 * up to date, report.
 *
 * The secrets are written before the commit because they exist nowhere else: a crash in
 * between costs nothing (no installation, made anew), the other order could lose the
 * passwords of an installation that exists. For the same reason the file stays when the
 * store says that the commit failed: a shared store can be wrong about that.
 */
#include "coordinator/installation/installation.h"

#include <stdio.h>
#include <string.h>

#include "common/base/fs.h"
#include "coordinator/auth/roles_token_text.h"
#include "coordinator/auth/user_record.h"
#include "coordinator/installation/bootstrap_secrets.h"

enum {
    USERS = 2,
    TOKENS = 3,
    OPERATIONS = 1 + USERS + TOKENS,
};

static const char *const user_keys[USERS] = {USERS_PREFIX "admin", USERS_PREFIX "readonly"};

/* What the first start makes besides the installation itself; gone when the start is over. */
struct first {
    struct bootstrap_secrets secrets;
    struct user_record users[USERS];
    char salts[USERS][PASSWORD_HASH_BYTES];
    char token_keys[TOKENS][ROLES_TOKEN_KEY_BYTES];
    char *values[OPERATIONS]; /* owned: installation, users, tokens */
};

struct opening {
    struct installation_options options;
    installation_opened_fn *done;
    void *userdata;
    uv_work_t work;
    struct first *first; /* owned; NULL when the installation was found */
    char *ca_path;       /* owned */
    bool is_work_done;   /* of what ran on the thread pool; else work_error says why not */
    struct err work_error;
    struct installation_opened opened;
};

static void first_free(struct first *first)
{
    if (first == NULL) {
        return;
    }
    for (size_t i = 0; i < OPERATIONS; i++) {
        secret_free_text(first->values[i]);
    }
    bootstrap_secrets_fini(&first->secrets);
    free(first);
}

static void opening_free(struct opening *opening)
{
    first_free(opening->first);
    free(opening->ca_path);
    free(opening);
}

static void report(struct opening *opening)
{
    if (opening->opened.error.code != ERR_NONE) {
        installation_free(opening->opened.installation);
        opening->opened.installation = NULL;
    }
    opening->done(&opening->opened, opening->userdata);
    opening_free(opening);
}

/* --- every start: ca.pem --- */

static int update_ca(const char *path, const char *pem, struct err *err)
{
    size_t len = strlen(pem);
    auto_buf have = BUF_INIT(X509_PEM_MAX);
    struct err not_there;
    if (fs_read(path, &have, &not_there) == 0 && have.len == len &&
        memcmp(have.bytes, pem, len) == 0) {
        return 0;
    }
    return fs_replace(path, pem, len, 0644, true, err);
}

static void ca_work(uv_work_t *work)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    const char *pem = opening->opened.installation->ca_cert_pem;
    opening->is_work_done = update_ca(opening->ca_path, pem, &opening->work_error) == 0;
}

static void on_ca_written(uv_work_t *work, int status)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    if (status == UV_ECANCELED) {
        (void)err_set(&opening->opened.error, ERR_CANCELLED,
                      "open the installation: cancelled");
    } else if (!opening->is_work_done) {
        /* People and scripts miss the file; the coordinator itself does not need it. */
        log_warning(opening->options.log, "installation", "%s (tried again at the next start)",
                    opening->work_error.message);
    }
    report(opening);
}

static int queue_ca(struct opening *opening, struct err *err)
{
    int status = uv_queue_work(opening->options.loop, &opening->work, ca_work, on_ca_written);
    return status == 0
               ? 0
               : err_set(err, ERR_INTERNAL, "queue the writing of " INSTALLATION_CA_FILE ": %s",
                         uv_strerror(status));
}

static void finish(struct opening *opening)
{
    if (opening->opened.error.code != ERR_NONE ||
        queue_ca(opening, &opening->opened.error) < 0) {
        report(opening);
    }
}

/* --- reading --- */

struct reading {
    struct installation *installation;
    struct err error;
};

static void on_entry(const struct store_entry *entry, void *userdata)
{
    struct reading *reading = userdata;
    if (strcmp(entry->key, INSTALLATION_KEY) == 0 &&
        installation_decode(entry->value, entry->len, &reading->installation, &reading->error) <
            0) {
        (void)err_wrap(&reading->error, "the installation in this store cannot be used");
    }
}

/* @ret stays NULL when there is none. A record that cannot be read is an error: to make
 * another installation over it would lock out every host that joined. */
static int read_installation(struct store *store, struct installation **ret, struct err *err)
{
    struct reading reading = {0};
    if (store_list(store, INSTALLATION_KEY, on_entry, &reading, err) < 0) {
        return err_wrap(err, "look for the installation in the store");
    }
    const char *why = reading.error.message;
    if (reading.error.code == ERR_FUTURE) {
        return err_set(err, ERR_FUTURE, "%s. Install the newer version of this program again",
                       why);
    }
    if (reading.error.code != ERR_NONE) {
        return err_set(err, reading.error.code,
                       "%s. Nothing was changed: restore coordinator.db from a backup, or move "
                       "the state directory away to begin a new installation, which every host "
                       "joins anew",
                       why);
    }
    *ret = reading.installation;
    return 0;
}

/* --- the first start --- */

static void on_committed(const struct store_result *result, void *userdata)
{
    struct opening *opening = userdata;
    struct err *err = &opening->opened.error;
    switch (result->outcome) {
    case STORE_COMMITTED:
        opening->opened.is_new = true;
        break;
    case STORE_CONFLICT: {
        /* Another coordinator on the same store was faster: its installation is the one, and
         * our secrets open nothing. */
        auto_free char *path = fs_join(opening->options.state_dir, BOOTSTRAP_SECRETS_FILE);
        struct err ignored; /* a file of no use that stays harms nobody */
        installation_free(opening->opened.installation);
        opening->opened.installation = NULL;
        if (path == NULL || fs_remove(path, &ignored) < 0) {
            log_warning(opening->options.log, "installation",
                        "%s in %s is of no use: another coordinator made the installation",
                        BOOTSTRAP_SECRETS_FILE, opening->options.state_dir);
        }
        if (read_installation(opening->options.store, &opening->opened.installation, err) ==
                0 &&
            opening->opened.installation == NULL) {
            (void)err_set(
                err, ERR_CONFLICT,
                "make the installation: another coordinator is doing so: start again");
        }
        break;
    }
    case STORE_FAILED:
        *err = result->error;
        (void)err_wrap(err, "store the new installation (start again: it is made anew)");
        break;
    }
    finish(opening);
}

static int encode_users(struct first *first, struct err *err)
{
    for (size_t i = 0; i < USERS; i++) {
        if (user_record_encode(&first->users[i], &first->values[1 + i], err) < 0) {
            return -1;
        }
    }
    return 0;
}

static int commit(struct opening *opening, struct err *err)
{
    struct first *first = opening->first;
    const char *keys[OPERATIONS] = {INSTALLATION_KEY,     user_keys[0],
                                    user_keys[1],         first->token_keys[0],
                                    first->token_keys[1], first->token_keys[2]};
    struct store_operation operations[OPERATIONS];
    const struct store_condition is_absent = {.key = INSTALLATION_KEY, .mod_revision = 0};
    if (encode_users(first, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < OPERATIONS; i++) {
        operations[i] = (struct store_operation){
            .key = keys[i], .value = first->values[i], .len = strlen(first->values[i])};
    }
    return store_commit(opening->options.store, &is_absent, 1, operations, OPERATIONS,
                        on_committed, opening, err);
}

static int hash_and_write(const struct opening *opening, struct first *first, struct err *err)
{
    const char *passwords[USERS] = {first->secrets.admin_password,
                                    first->secrets.readonly_password};
    for (size_t i = 0; i < USERS; i++) {
        if (password_hash(passwords[i], first->salts[i], first->users[i].hash, err) < 0) {
            return -1;
        }
    }
    return bootstrap_secrets_store(&first->secrets, opening->options.state_dir, err);
}

static void hash_work(uv_work_t *work)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    opening->is_work_done = hash_and_write(opening, opening->first, &opening->work_error) == 0;
}

static void on_hashed(uv_work_t *work, int status)
{
    struct opening *opening = CONTAINER_OF(work, struct opening, work);
    struct err *err = &opening->opened.error;
    if (status == UV_ECANCELED) {
        (void)err_set(err, ERR_CANCELLED, "make the installation: cancelled");
    } else if (!opening->is_work_done) {
        *err = opening->work_error;
        (void)err_wrap(err, "make the installation");
    } else if (commit(opening, err) == 0) {
        return;
    }
    report(opening);
}

static int make_token(struct opening *opening, size_t index, roles_t roles, char **ret_text,
                      struct err *err)
{
    const struct installation *installation = opening->opened.installation;
    struct first *first = opening->first;
    struct roles_token_grant grant = {.roles = roles, .is_persistent = true};
    struct roles_token_record record = {.roles = roles,
                                        .created_s = clock_wall_s(opening->options.clock)};
    rng_uuid(opening->options.rng, grant.id);
    (void)snprintf(first->token_keys[index], ROLES_TOKEN_KEY_BYTES, "%s%s", ROLES_TOKENS_PREFIX,
                   grant.id);
    if (roles_token_record_encode(&record, &first->values[1 + USERS + index], err) < 0) {
        return -1;
    }
    return roles_token_text_sign(&grant, installation->ca.sha256,
                                 &installation->roles_token_key, ret_text, err);
}

/* All that needs randomness, on the loop: the caller's source need not be safe on other
 * threads. */
static int make_first(struct opening *opening, struct err *err)
{
    struct first *first = calloc(1, sizeof(*first));
    const struct rng *rng = opening->options.rng;
    if ((opening->first = first) == NULL) {
        return err_no_memory(err);
    }
    first->users[0].role = USER_ROLE_ADMIN;
    first->users[1].role = USER_ROLE_READONLY;
    password_make(rng, first->secrets.admin_password);
    password_make(rng, first->secrets.readonly_password);
    if (password_salt(rng, first->salts[0], err) < 0 ||
        password_salt(rng, first->salts[1], err) < 0 ||
        installation_make(&opening->opened.installation, opening->options.clock, rng, err) <
            0 ||
        installation_encode(opening->opened.installation, &first->values[0], err) < 0) {
        return -1;
    }
    struct bootstrap_secrets *secrets = &first->secrets;
    if (make_token(opening, 0, ROLES_NONE, &secrets->basic_token, err) < 0 ||
        make_token(opening, 1, ROLE_ALLOCATOR, &secrets->allocator_token, err) < 0 ||
        make_token(opening, 2, ROLES_ALL & ~(roles_t)ROLE_ALLOCATOR, &secrets->emergency_token,
                   err) < 0) {
        return -1;
    }
    return 0;
}

static int begin(struct opening *opening, struct err *err)
{
    opening->ca_path = fs_join(opening->options.state_dir, INSTALLATION_CA_FILE);
    if (opening->ca_path == NULL) {
        return err_no_memory(err);
    }
    if (read_installation(opening->options.store, &opening->opened.installation, err) < 0) {
        return -1;
    }
    if (opening->opened.installation != NULL) {
        return queue_ca(opening, err);
    }
    if (make_first(opening, err) < 0) {
        return -1;
    }
    int status = uv_queue_work(opening->options.loop, &opening->work, hash_work, on_hashed);
    return status == 0
               ? 0
               : err_set(err, ERR_INTERNAL, "make the installation: %s", uv_strerror(status));
}

int installation_open(const struct installation_options *options, installation_opened_fn *done,
                      void *userdata, struct err *err)
{
    struct opening *opening = calloc(1, sizeof(*opening));
    if (opening == NULL) {
        return err_no_memory(err);
    }
    opening->options = *options;
    opening->done = done;
    opening->userdata = userdata;
    if (begin(opening, err) < 0) {
        installation_free(opening->opened.installation);
        opening_free(opening);
        return -1;
    }
    return 0;
}
