/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords, over libcrypt's yescrypt at its default cost. Keeps nothing; the 32 KiB that
 * crypt_r works in are wiped. */
#include "coordinator/auth/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/secret.h"

static const char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/* Both answers fit where the header says they do. */
_Static_assert(PASSWORD_HASH_BYTES >= CRYPT_OUTPUT_SIZE, "a hash fits");
_Static_assert(PASSWORD_HASH_BYTES >= CRYPT_GENSALT_OUTPUT_SIZE, "a salt fits");
_Static_assert(PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "libcrypt takes the longest password");

void password_make(const struct rng *rng, char ret_password[static PASSWORD_MADE_BYTES])
{
    for (size_t i = 0; i < PASSWORD_MADE_BYTES - 1; i++) {
        ret_password[i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
    }
    ret_password[PASSWORD_MADE_BYTES - 1] = '\0';
}

int password_salt(const struct rng *rng, char ret_salt[static PASSWORD_HASH_BYTES],
                  struct err *err)
{
    char random[16];
    rng_fill(rng, random, sizeof(random));
    /* Cost 0 is the library's default. */
    if (crypt_gensalt_rn("$y$", 0, random, sizeof(random), ret_salt, PASSWORD_HASH_BYTES) ==
        NULL) {
        return err_set(err, ERR_INTERNAL,
                       "make a salt: this system's libcrypt has no yescrypt ($y$)");
    }
    return 0;
}

/* Hash into @ret; false when libcrypt cannot. */
static bool hash_with(const char *password, const char *setting,
                      char ret[static PASSWORD_HASH_BYTES])
{
    struct crypt_data *work = calloc(1, sizeof(*work));
    if (work == NULL) {
        return false;
    }
    const char *hash = crypt_r(password, setting, work);
    bool is_hash = hash != NULL && hash[0] != '*';
    if (is_hash) {
        memcpy(ret, hash, strlen(hash) + 1);
    }
    explicit_bzero(work, sizeof(*work));
    free(work);
    return is_hash;
}

int password_hash(const char *password, const char *salt,
                  char ret_hash[static PASSWORD_HASH_BYTES], struct err *err)
{
    if (strlen(password) > PASSWORD_MAX) {
        return err_set(err, ERR_TOO_LARGE, "hash a password: it is longer than %d bytes",
                       PASSWORD_MAX);
    }
    if (!hash_with(password, salt, ret_hash)) {
        return err_set(err, ERR_INTERNAL, "hash a password: libcrypt refused, or no memory");
    }
    return 0;
}

bool password_matches(const char *password, const char *hash)
{
    char made[PASSWORD_HASH_BYTES];
    return strlen(password) <= PASSWORD_MAX && hash_with(password, hash, made) &&
           secret_equal(made, strlen(made), hash, strlen(hash));
}
