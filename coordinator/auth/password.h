/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords of the platform's users: made, hashed (yescrypt, crypt(5)) and compared. No
 * state. Hashing and comparing take tens of milliseconds by design and are safe on any
 * thread: a program that serves others calls them from libuv's thread pool only.
 */
#ifndef COORDINATOR_PASSWORD_H
#define COORDINATOR_PASSWORD_H

#include "common/base/err.h"
#include "common/base/rng.h"

#include <stdbool.h>

enum {
    PASSWORD_MADE_BYTES = 28, /* 27 characters, over 150 bits */
    PASSWORD_MAX = 256,
    PASSWORD_HASH_BYTES = 384,
};

/** A new password of letters and digits that people can read out: no 0 O o, 1 I l. */
void password_make(const struct rng *rng, char ret_password[static PASSWORD_MADE_BYTES]);

/** The method, cost and salt for one hash ("$y$j9T$..."): quick. */
int password_salt(const struct rng *rng, char ret_salt[static PASSWORD_HASH_BYTES],
                  struct err *err) MUST_CHECK;

/** Hash @password with @salt from password_salt. Slow. */
int password_hash(const char *password, const char *salt,
                  char ret_hash[static PASSWORD_HASH_BYTES], struct err *err) MUST_CHECK;

/** Is @password the one that gave @hash? With a bare salt instead of a hash: never, in the
 * same time. Slow. */
bool password_matches(const char *password, const char *hash);

#endif
