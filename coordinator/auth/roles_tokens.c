/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of persistent roles tokens, and verdicts over it. The store's watch is the only
 * thing that changes the table, so that what it holds is durable and, with several
 * coordinators, the same everywhere.
 */
#include "coordinator/auth/roles_tokens.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAKE_ANOTHER                                                                           \
    "make another with POST /api/v1/platform/configuration/security/enrollment-tokens"

struct entry {
    char id[ROLES_TOKEN_ID_BYTES];
    struct roles_token_record record;
    uint64_t mod_revision;
};

struct roles_tokens {
    struct roles_tokens_options options;
    struct entry
        *entries; /* owned; oldest first. Few, and looked at seldom: searched from end to end */
    size_t count;
    size_t allocated;
};

static struct entry *find(const struct roles_tokens *tokens, const char *id)
{
    for (size_t i = 0; i < tokens->count; i++) {
        if (strcmp(tokens->entries[i].id, id) == 0) {
            return &tokens->entries[i];
        }
    }
    return NULL;
}

static void forget(struct roles_tokens *tokens, const char *id)
{
    struct entry *entry = find(tokens, id);
    if (entry != NULL) {
        size_t after = (size_t)(&tokens->entries[tokens->count] - (entry + 1));
        memmove(entry, entry + 1, after * sizeof(*entry));
        tokens->count--;
    }
}

static bool is_older(const struct entry *a, const struct entry *b)
{
    return a->record.created_s != b->record.created_s
               ? a->record.created_s < b->record.created_s
               : strcmp(a->id, b->id) < 0;
}

/* @entry's id is not in the table. */
static int remember(struct roles_tokens *tokens, const struct entry *entry, struct err *err)
{
    if (tokens->count == tokens->allocated) {
        size_t more = tokens->allocated > 0 ? 2 * tokens->allocated : 16;
        struct entry *entries = reallocarray(tokens->entries, more, sizeof(*entries));
        if (entries == NULL) {
            return err_no_memory(err);
        }
        tokens->entries = entries;
        tokens->allocated = more;
    }
    size_t at = tokens->count;
    while (at > 0 && is_older(entry, &tokens->entries[at - 1])) {
        at--;
    }
    memmove(&tokens->entries[at + 1], &tokens->entries[at],
            (tokens->count - at) * sizeof(*entry));
    tokens->entries[at] = *entry;
    tokens->count++;
    return 0;
}

/* One token as the store has it now. A record that cannot be read permits nothing: the token
 * counts as revoked. */
static void on_entry(const struct store_entry *stored, void *userdata)
{
    struct roles_tokens *tokens = userdata;
    const char *id = stored->key + strlen(ROLES_TOKENS_PREFIX);
    struct entry entry = {.mod_revision = stored->mod_revision};
    struct err err;
    forget(tokens, id);
    if (stored->value == NULL || strlen(id) >= ROLES_TOKEN_ID_BYTES) {
        return; /* no token of ours has such a long id */
    }
    memcpy(entry.id, id, strlen(id) + 1);
    if (roles_token_record_decode(stored->value, stored->len, &entry.record, &err) < 0 ||
        remember(tokens, &entry, &err) < 0) {
        log_error(tokens->options.log, "roles_tokens", "%s: %s: the token is refused",
                  stored->key, err.message);
    }
}

int roles_tokens_open(struct roles_tokens **ret, const struct roles_tokens_options *options,
                      struct err *err)
{
    struct roles_tokens *tokens = calloc(1, sizeof(*tokens));
    if (tokens == NULL) {
        return err_no_memory(err);
    }
    tokens->options = *options;
    /* The list first: a watch cannot be taken back, so nothing after it may fail. */
    if (store_list(options->store, ROLES_TOKENS_PREFIX, on_entry, tokens, err) < 0 ||
        store_watch(options->store, ROLES_TOKENS_PREFIX, on_entry, tokens, err) < 0) {
        roles_tokens_free(tokens);
        return err_wrap(err, "read the roles tokens");
    }
    *ret = tokens;
    return 0;
}

void roles_tokens_free(struct roles_tokens *tokens)
{
    if (tokens != NULL) {
        free(tokens->entries);
        free(tokens);
    }
}

void roles_token_change_fini(struct roles_token_change *change)
{
    secret_free_text(change->text);
    free(change->value);
    *change = (struct roles_token_change){0};
}

static void set_key(struct roles_token_change *change, uint64_t mod_revision)
{
    (void)snprintf(change->key, sizeof(change->key), "%s%s", ROLES_TOKENS_PREFIX, change->id);
    change->is_stored = true;
    change->mod_revision = mod_revision;
}

static int check_request(const struct roles_tokens *tokens,
                         const struct roles_token_request *request, struct err *err)
{
    if (request->is_persistent && tokens->count >= ROLES_TOKENS_MAX) {
        return err_set(err, ERR_TOO_LARGE,
                       "make a roles token: there are %d persistent ones already: delete those "
                       "that are no longer needed",
                       ROLES_TOKENS_MAX);
    }
    if (request->validity_s > ROLES_TOKEN_VALIDITY_MAX_S) {
        return err_set(err, ERR_TOO_LARGE,
                       "make a roles token: validity_in_seconds: at most %d",
                       ROLES_TOKEN_VALIDITY_MAX_S);
    }
    return 0;
}

int roles_tokens_issue(struct roles_tokens *tokens, const struct roles_token_request *request,
                       struct roles_token_change *ret, struct err *err)
{
    if (check_request(tokens, request, err) < 0) {
        return -1;
    }
    int64_t now_s = clock_wall_s(tokens->options.clock);
    uint32_t validity_s =
        request->validity_s > 0 ? request->validity_s : ROLES_TOKEN_VALIDITY_DEFAULT_S;
    struct roles_token_grant grant = {
        .roles = request->roles,
        .is_persistent = request->is_persistent,
        .has_expiry = !request->is_persistent,
        .expires_at_s = now_s + validity_s,
    };
    rng_uuid(tokens->options.rng, grant.id);

    auto_free char *value = NULL;
    char *text = NULL;
    struct roles_token_record record = {.roles = request->roles, .created_s = now_s};
    if ((request->is_persistent && roles_token_record_encode(&record, &value, err) < 0) ||
        roles_token_text_sign(&grant, tokens->options.ca_sha256, tokens->options.key, &text,
                              err) < 0) {
        return -1;
    }
    *ret = (struct roles_token_change){.text = text, .value = TAKE(value)};
    memcpy(ret->id, grant.id, sizeof(ret->id));
    if (request->is_persistent) {
        set_key(ret, 0);
    }
    return 0;
}

int roles_tokens_revoke(struct roles_tokens *tokens, const char *id_or_text,
                        struct roles_token_change *ret, struct err *err)
{
    struct roles_token_grant grant;
    struct err why;
    const char *id = id_or_text;
    if (strchr(id_or_text, '.') != NULL &&
        roles_token_text_verify(id_or_text, strlen(id_or_text), tokens->options.key, &grant,
                                &why) == 0) {
        id = grant.id;
    }
    const struct entry *entry = find(tokens, id);
    if (entry == NULL) {
        return err_set(err, ERR_ABSENT,
                       "there is no persistent roles token with this id: ephemeral ones end by "
                       "themselves and cannot be revoked");
    }
    *ret = (struct roles_token_change){0};
    memcpy(ret->id, entry->id, sizeof(ret->id));
    set_key(ret, entry->mod_revision);
    return 0;
}

void roles_tokens_each(const struct roles_tokens *tokens, roles_tokens_each_fn *each,
                       void *userdata)
{
    for (size_t i = 0; i < tokens->count; i++) {
        each(tokens->entries[i].id, &tokens->entries[i].record, userdata);
    }
}

enum roles_token_verdict roles_tokens_verify(const struct roles_tokens *tokens,
                                             const char *text, size_t len,
                                             struct roles_token_grant *ret, struct err *ret_why)
{
    struct roles_token_grant grant;
    if (roles_token_text_verify(text, len, tokens->options.key, &grant, ret_why) < 0) {
        return ROLES_TOKEN_INVALID;
    }
    int64_t now_s = clock_wall_s(tokens->options.clock);
    if (grant.has_expiry && grant.expires_at_s <= now_s) {
        (void)err_set(
            ret_why, ERR_REFUSED,
            "the roles token %s expired at %lld (it is %lld now, by the coordinator's "
            "clock): " MAKE_ANOTHER ", with a longer validity_in_seconds or persistent",
            grant.id, (long long)grant.expires_at_s, (long long)now_s);
        return ROLES_TOKEN_EXPIRED;
    }
    if (grant.is_persistent && find(tokens, grant.id) == NULL) {
        (void)err_set(ret_why, ERR_REFUSED, "the roles token %s was revoked: " MAKE_ANOTHER,
                      grant.id);
        return ROLES_TOKEN_REVOKED;
    }
    *ret = grant;
    return ROLES_TOKEN_OK;
}
