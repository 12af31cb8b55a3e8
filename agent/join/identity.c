/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity file, state_dir/identity.json. Owns its form and its permissions; when it is
 * written is decided in agent_join.c and agent_identity.c. A file that cannot be read whole is
 * never replaced silently: the host key in it may be the only way back.
 */
#include "agent/join/identity.h"

#include "common/base/fs.h"
#include "common/codec/json.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { IDENTITY_FILE_MAX = 64 * 1024, PEM_TEXT_MAX = 16 * 1024 };

static const char file_name[] = "identity.json";

static int copy_text(const json_t *json, const char *key, char *ret, size_t size,
                     struct err *err)
{
    const char *text = NULL;
    if (json_need_text(json, "", key, size - 1, &text, err) < 0) {
        return -1;
    }
    (void)snprintf(ret, size, "%s", text);
    return 0;
}

static int read_coordinators(const json_t *json, struct identity *identity, struct err *err)
{
    json_t *array = NULL;
    if (json_want_array(json, "", "coordinators", ENDPOINT_LIST_MAX, &array, err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *text = json_string_value(json_array_get(array, i));
        struct endpoint endpoint;
        if (text == NULL) {
            return err_set(err, ERR_INVALID, "coordinators[%zu]: must be a text", i);
        }
        if (endpoint_parse(text, 0, &endpoint, err) < 0) {
            return err_wrap(err, "coordinators[%zu]", i);
        }
        endpoint_list_add(&identity->coordinators, &endpoint);
    }
    return 0;
}

static int read_secrets(const json_t *json, struct identity *identity, struct err *err)
{
    const char *key_pem = NULL;
    const char *ca_pem = NULL;
    if (json_need_text(json, "", "private_key", PEM_TEXT_MAX, &key_pem, err) < 0 ||
        json_need_text(json, "", "ca_certificate", PEM_TEXT_MAX, &ca_pem, err) < 0 ||
        secret_copy(&identity->private_key_pem, key_pem, strlen(key_pem), err) < 0) {
        return -1;
    }
    identity->ca_pem = strdup(ca_pem);
    if (identity->ca_pem == NULL) {
        return err_no_memory(err);
    }
    auto_free char *public_pem = NULL;
    if (keys_public_of(&identity->private_key_pem, &public_pem, err) < 0) {
        return err_wrap(err, "private_key");
    }
    struct x509_ca ca;
    if (x509_read_ca(ca_pem, strlen(ca_pem), &ca, err) < 0) {
        return err_wrap(err, "ca_certificate");
    }
    if (strcmp(ca.installation_id, identity->installation_id) != 0) {
        return err_set(err, ERR_INVALID,
                       "ca_certificate: is of installation \"%s\", not \"%s\"",
                       ca.installation_id, identity->installation_id);
    }
    return 0;
}

static int read_fields(const json_t *json, struct identity *identity, struct err *err)
{
    uint64_t version = 0;
    if (json_need_u64(json, "", "version", UINT64_MAX, &version, err) < 0) {
        return -1;
    }
    if (version > IDENTITY_VERSION) {
        return err_set(err, ERR_FUTURE,
                       "it is of version %llu, this program reads up to %d; run the newer one",
                       (unsigned long long)version, IDENTITY_VERSION);
    }
    uint64_t enrolled_at = 0;
    json_t *roles = NULL;
    if (json_need_bool(json, "", "complete", &identity->is_complete, err) < 0 ||
        copy_text(json, "runner_id", identity->runner_id, sizeof identity->runner_id, err) <
            0 ||
        copy_text(json, "installation_id", identity->installation_id,
                  sizeof identity->installation_id, err) < 0 ||
        copy_text(json, "zone", identity->zone, sizeof identity->zone, err) < 0 ||
        copy_text(json, "token_id", identity->token_id, sizeof identity->token_id, err) < 0 ||
        json_need_u64(json, "", "enrolled_at", INT64_MAX, &enrolled_at, err) < 0 ||
        json_want_array(json, "", "roles", ROLES_COUNT, &roles, err) < 0 ||
        roles_from_json(roles, &identity->roles, err) < 0 ||
        read_coordinators(json, identity, err) < 0) {
        return -1;
    }
    identity->enrolled_at_s = (int64_t)enrolled_at;
    return read_secrets(json, identity, err);
}

static int check_mode(const char *path, struct err *err)
{
    struct stat info;
    if (stat(path, &info) < 0) {
        return 0; /* reading it says why, better */
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return err_set(err, ERR_PERMISSION,
                       "%s holds the host key and has mode %04o; others may have read "
                       "it" IDENTITY_MODE_REMEDY,
                       path, (unsigned)(info.st_mode & 07777));
    }
    return 0;
}

/* What cannot be read whole stays as it is; the message says both ways out. */
static int refuse_file(const char *path, struct err *err)
{
    if (err->code == ERR_INVALID || err->code == ERR_TOO_LARGE) {
        err->code = ERR_CORRUPT;
    }
    return err_wrap(err, "load the host's identity from %s" IDENTITY_FILE_REMEDY, path);
}

int identity_load(const char *state_dir, enum identity_found *ret_found, struct identity *ret,
                  struct err *err)
{
    auto_free char *path = fs_join(state_dir, file_name);
    if (path == NULL) {
        return err_no_memory(err);
    }
    if (check_mode(path, err) < 0) {
        return -1;
    }
    auto_buf text = BUF_INIT(IDENTITY_FILE_MAX);
    if (fs_read(path, &text, err) < 0) {
        if (err->code == ERR_ABSENT) {
            *ret_found = IDENTITY_ABSENT;
            return 0;
        }
        return refuse_file(path, err);
    }
    auto_json *json = NULL;
    struct identity identity = {0};
    int rc = json_parse(buf_text(&text), text.len, &json, err);
    if (rc == 0) {
        rc = read_fields(json, &identity, err);
    }
    buf_wipe(&text);
    if (rc < 0) {
        identity_fini(&identity);
        return refuse_file(path, err);
    }
    *ret = identity;
    *ret_found = IDENTITY_FOUND;
    return 0;
}

void identity_sweep(const char *state_dir)
{
    auto_free char *path = fs_join(state_dir, file_name);
    if (path != NULL) {
        fs_sweep(path);
    }
}

static json_t *coordinators_to_json(const struct endpoint_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < list->count; i++) {
        char text[ENDPOINT_TEXT_BYTES];
        endpoint_format(&list->items[i], text);
        if (json_array_append_new(array, json_string(text)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

int identity_store(const char *state_dir, const struct identity *identity, struct err *err)
{
    auto_free char *path = fs_join(state_dir, file_name);
    auto_json *json = json_pack(
        "{s:i, s:b, s:s, s:s, s:s, s:s, s:I, s:o, s:o, s:s, s:s}", "version", IDENTITY_VERSION,
        "complete", identity->is_complete ? 1 : 0, "runner_id", identity->runner_id,
        "installation_id", identity->installation_id, "zone", identity->zone, "token_id",
        identity->token_id, "enrolled_at", (json_int_t)identity->enrolled_at_s, "roles",
        roles_to_json(identity->roles), "coordinators",
        coordinators_to_json(&identity->coordinators), "ca_certificate", identity->ca_pem,
        "private_key", identity->private_key_pem.bytes);
    char *text = json != NULL ? json_pretty(json) : NULL;
    if (path == NULL || text == NULL) {
        secret_free_text(text);
        return err_no_memory(err);
    }
    int rc = fs_replace(path, text, strlen(text), 0600, true, err);
    secret_free_text(text);
    return rc < 0 ? err_wrap(err, "keep the host's identity") : 0;
}

int identity_erase(const char *state_dir, struct err *err)
{
    auto_free char *path = fs_join(state_dir, file_name);
    if (path == NULL) {
        return err_no_memory(err);
    }
    return fs_remove(path, err) < 0 ? err_wrap(err, "forget the host's identity") : 0;
}

void identity_fini(struct identity *identity)
{
    secret_fini(&identity->private_key_pem);
    free(identity->ca_pem);
    *identity = (struct identity){0};
}
