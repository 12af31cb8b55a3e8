/* SPDX-License-Identifier: Apache-2.0 */
/* A table with one place for each digest. Only verified tokens get in, so nobody without the
 * installation's key can crowd others out. */
#include "coordinator/auth/access_token_cache.h"

#include "common/codec/ossl.h"

enum { DIGEST_BYTES = 32 };

struct entry {
    unsigned char digest[DIGEST_BYTES];
    struct access_token_claims claims; /* expires_at_s 0 = free */
};

struct access_token_cache {
    EVP_MD *sha256;      /* owned; looking it up by name costs as much as the digest */
    EVP_MD_CTX *context; /* owned */
    struct entry entries[ACCESS_TOKEN_CACHE_ENTRIES];
};

int access_token_cache_new(struct access_token_cache **ret, struct err *err)
{
    /* Megabytes of zeros: the kernel gives memory for those that are used, and no more. */
    struct access_token_cache *cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        return err_no_memory(err);
    }
    cache->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    cache->context = EVP_MD_CTX_new();
    if (cache->sha256 == NULL || cache->context == NULL) {
        access_token_cache_free(cache);
        return ossl_fail(err, ERR_INTERNAL, "prepare SHA-256");
    }
    *ret = cache;
    return 0;
}

void access_token_cache_free(struct access_token_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    EVP_MD_CTX_free(cache->context);
    EVP_MD_free(cache->sha256);
    free(cache);
}

static bool digest_of(const struct access_token_cache *cache, const char *text, size_t len,
                      unsigned char ret[static DIGEST_BYTES])
{
    return EVP_DigestInit_ex2(cache->context, cache->sha256, NULL) == 1 &&
           EVP_DigestUpdate(cache->context, text, len) == 1 &&
           EVP_DigestFinal_ex(cache->context, ret, NULL) == 1;
}

static size_t place_of(const unsigned char digest[static DIGEST_BYTES])
{
    uint32_t start = 0;
    memcpy(&start, digest, sizeof start);
    return start % ACCESS_TOKEN_CACHE_ENTRIES;
}

bool access_token_cache_find(const struct access_token_cache *cache, const char *text,
                             size_t len, int64_t now_s, struct access_token_claims *ret)
{
    unsigned char digest[DIGEST_BYTES];
    if (cache == NULL || !digest_of(cache, text, len, digest)) {
        return false;
    }
    const struct entry *entry = &cache->entries[place_of(digest)];
    if (entry->claims.expires_at_s <= now_s ||
        !secret_equal(entry->digest, DIGEST_BYTES, digest, DIGEST_BYTES)) {
        return false;
    }
    *ret = entry->claims;
    return true;
}

void access_token_cache_add(struct access_token_cache *cache, const char *text, size_t len,
                            const struct access_token_claims *claims)
{
    unsigned char digest[DIGEST_BYTES];
    if (cache == NULL || !digest_of(cache, text, len, digest)) {
        return;
    }
    struct entry *entry = &cache->entries[place_of(digest)];
    memcpy(entry->digest, digest, DIGEST_BYTES);
    entry->claims = *claims;
}
