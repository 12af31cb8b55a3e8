/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of passwords. Looks at every entry each time: which one it is, and whether there
 * is one, shows in no timing. */
#include "coordinator/auth/password_cache.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/secret.h"

void password_cache_init(struct password_cache *cache, const struct rng *rng)
{
    *cache = (struct password_cache){0};
    rng_fill(rng, cache->key, sizeof(cache->key));
}

/* HMAC over name NUL password: no two pairs give the same text. */
static bool digest_of(const struct password_cache *cache, const char *name,
                      const char *password,
                      unsigned char ret_digest[static PASSWORD_CACHE_DIGEST_BYTES])
{
    unsigned char text[USER_NAME_BYTES + PASSWORD_MAX + 1];
    size_t name_len = strlen(name) + 1;
    size_t password_len = strlen(password);
    if (name_len > USER_NAME_BYTES || password_len > PASSWORD_MAX) {
        return false;
    }
    memcpy(text, name, name_len);
    memcpy(text + name_len, password, password_len + 1);
    bool is_made = HMAC(EVP_sha256(), cache->key, sizeof(cache->key), text,
                        name_len + password_len, ret_digest, NULL) != NULL;
    explicit_bzero(text, sizeof(text));
    return is_made;
}

bool password_cache_has(const struct password_cache *cache, const char *name,
                        const char *password, uint64_t now_ms)
{
    unsigned char digest[PASSWORD_CACHE_DIGEST_BYTES];
    bool is_there = false;
    if (!digest_of(cache, name, password, digest)) {
        return false;
    }
    for (size_t i = 0; i < PASSWORD_CACHE_ENTRIES; i++) {
        const struct password_cache_entry *entry = &cache->entries[i];
        bool is_same =
            secret_equal(entry->digest, sizeof(entry->digest), digest, sizeof(digest));
        is_there |= is_same && entry->until_ms > now_ms;
    }
    return is_there;
}

void password_cache_add(struct password_cache *cache, const char *name, const char *password,
                        uint64_t now_ms)
{
    unsigned char digest[PASSWORD_CACHE_DIGEST_BYTES];
    if (!digest_of(cache, name, password, digest)) {
        return;
    }
    struct password_cache_entry *place = &cache->entries[0];
    for (size_t i = 0; i < PASSWORD_CACHE_ENTRIES; i++) {
        struct password_cache_entry *entry = &cache->entries[i];
        if (secret_equal(entry->digest, sizeof(entry->digest), digest, sizeof(digest))) {
            place = entry;
            break;
        }
        if (entry->until_ms < place->until_ms) {
            place = entry;
        }
    }
    (void)snprintf(place->name, sizeof(place->name), "%s", name);
    memcpy(place->digest, digest, sizeof(digest));
    place->until_ms = now_ms + PASSWORD_CACHE_HOLD_MS;
}

void password_cache_drop(struct password_cache *cache, const char *name)
{
    for (size_t i = 0; i < PASSWORD_CACHE_ENTRIES; i++) {
        struct password_cache_entry *entry = &cache->entries[i];
        if (strcmp(entry->name, name) == 0) {
            explicit_bzero(entry, sizeof(*entry));
        }
    }
}

void password_cache_fini(struct password_cache *cache)
{
    explicit_bzero(cache, sizeof(*cache));
}
