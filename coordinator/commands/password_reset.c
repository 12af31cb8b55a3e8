/* SPDX-License-Identifier: Apache-2.0 */
/* See password_reset.h. */
#include "coordinator/commands/password_reset.h"

#include "common/base/buf.h"
#include "common/base/parse.h"
#include "coordinator/auth/user_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 256 };

int password_reset_check(const char *password, size_t len, struct err *err)
{
    if (len < PASSWORD_RESET_MIN || len > PASSWORD_MAX) {
        return err_set(err, ERR_INVALID,
                       "check the new password: it has %zu bytes: expected %d to %d", len,
                       PASSWORD_RESET_MIN, PASSWORD_MAX);
    }
    bool is_text = parse_is_utf8(password, len);
    for (size_t i = 0; i < len && is_text; i++) {
        unsigned char byte = (unsigned char)password[i];
        is_text = byte >= 0x20 && byte != 0x7f;
    }
    return is_text ? 0
                   : err_set(err, ERR_INVALID,
                             "check the new password: it has a control character (such as a "
                             "second line) or is no UTF-8: nobody could log in with it");
}

/* One user among all of them. */
struct search {
    const char *name;
    bool is_found;
    bool is_readable; /* else unreadable says why */
    struct user_record record;
    uint64_t mod_revision;
    struct err unreadable;
    struct buf names; /* "admin, readonly", as many as there is room for */
};

static void on_user(const struct store_entry *entry, void *userdata)
{
    struct search *search = userdata;
    const char *name = entry->key + strlen(USERS_PREFIX);
    struct err no_room;
    if (strlen(name) >= USER_NAME_BYTES) {
        return; /* none to the coordinator, either */
    }
    err_ignore(
        buf_appendf(&search->names, &no_room, "%s%s", search->names.len > 0 ? ", " : "", name));
    if (strcmp(name, search->name) != 0) {
        return;
    }
    search->is_found = true;
    search->mod_revision = entry->mod_revision;
    search->is_readable =
        user_record_decode(entry->value, entry->len, &search->record, &search->unreadable) == 0;
}

static int find(struct offline_store *offline, struct search *search, struct err *err)
{
    if (store_list(offline->store, USERS_PREFIX, on_user, search, err) < 0) {
        return -1;
    }
    if (!search->is_found) {
        char shown[PARSE_SHOWN_BYTES];
        return err_set(err, ERR_ABSENT, "there is no user %s: there are: %s",
                       parse_shown(search->name, shown), buf_text(&search->names));
    }
    if (!search->is_readable) {
        *err = search->unreadable;
        return -1;
    }
    return 0;
}

static int write_user(struct offline_store *offline, const struct search *search,
                      const struct password_reset *reset, struct err *err)
{
    const struct audit_event event = {
        .action = "user.password_reset", .actor = reset->actor, .subject = reset->user};
    char key[sizeof USERS_PREFIX + USER_NAME_BYTES];
    auto_free char *value = NULL;
    auto_audit_entry entry = {0};
    if (user_record_encode(&search->record, &value, err) < 0 ||
        audit_prepare(reset->audit, &event, &entry, err) < 0) {
        return -1;
    }
    (void)snprintf(key, sizeof key, "%s%s", USERS_PREFIX, reset->user);
    const struct store_condition is_same = {.key = key, .mod_revision = search->mod_revision};
    const struct store_operation operations[] = {
        {.key = key, .value = value, .len = strlen(value)}, audit_entry_operation(&entry)};
    return offline_store_commit(offline, &is_same, operations, ARRAY_LEN(operations), err);
}

int password_reset(struct offline_store *offline, const struct password_reset *reset,
                   struct err *err)
{
    struct search search = {.name = reset->user, .names = BUF_INIT(NAMES_MAX)};
    char salt[PASSWORD_HASH_BYTES];
    int rc = find(offline, &search, err);
    buf_fini(&search.names);
    if (rc < 0 || password_salt(reset->rng, salt, err) < 0 ||
        password_hash(reset->password, salt, search.record.hash, err) < 0) {
        return -1;
    }
    return write_user(offline, &search, reset, err);
}
