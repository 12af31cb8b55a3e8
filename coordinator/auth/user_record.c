/* SPDX-License-Identifier: Apache-2.0 */
/* The stored form of a user. Does not know the store. */
#include "coordinator/auth/user_record.h"

#include <stdint.h>
#include <string.h>

#include "common/codec/json.h"

enum { VERSION = 1 };

static const char *const role_names[] = {
    [USER_ROLE_ADMIN] = "admin",
    [USER_ROLE_READONLY] = "readonly",
};

int user_record_encode(const struct user_record *record, char **ret_value, struct err *err)
{
    auto_json *json = json_pack("{s:i, s:s, s:s}", "version", VERSION, "role",
                                role_names[record->role], "hash", record->hash);
    char *value = json != NULL ? json_compact(json) : NULL;
    if (value == NULL) {
        return err_no_memory(err);
    }
    *ret_value = value;
    return 0;
}

static int decode_fields(const json_t *json, struct user_record *ret, struct err *err)
{
    uint64_t version = 0;
    const char *role = NULL;
    const char *hash = NULL;
    if (json_need_u64(json, "", "version", UINT32_MAX, &version, err) < 0) {
        return -1;
    }
    if (version > VERSION) {
        return err_set(err, ERR_FUTURE, "version %llu is newer than this program's (%d)",
                       (unsigned long long)version, VERSION);
    }
    if (json_need_text(json, "", "role", 32, &role, err) < 0 ||
        json_need_text(json, "", "hash", PASSWORD_HASH_BYTES - 1, &hash, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (strcmp(role, role_names[i]) == 0) {
            ret->role = (enum user_role)i;
            memcpy(ret->hash, hash, strlen(hash) + 1);
            return 0;
        }
    }
    return err_set(err, ERR_CORRUPT, "role: unknown: \"%s\"", role);
}

int user_record_decode(const void *value, size_t len, struct user_record *ret, struct err *err)
{
    auto_json *json = NULL;
    struct user_record record = {0};
    if (len > USER_RECORD_MAX) {
        return err_set(err, ERR_CORRUPT, "read a user's record: %zu bytes, at most %d", len,
                       USER_RECORD_MAX);
    }
    if (json_parse(value, len, &json, err) < 0 || decode_fields(json, &record, err) < 0) {
        if (err->code != ERR_FUTURE && err->code != ERR_NO_MEMORY) {
            err->code = ERR_CORRUPT;
        }
        return err_wrap(err, "read a user's record");
    }
    *ret = record;
    return 0;
}
