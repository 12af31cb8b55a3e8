/* SPDX-License-Identifier: Apache-2.0 */
/* The system's randomness, and the shapes that the product needs it in. Keys are not made
 * here: OpenSSL does that. */
#include "common/base/rng.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>

enum {
    HEX_BYTES_MAX = 64,
    UUID_BYTES = 16,
    DRAWS_MAX = 64, /* each is rejected with a chance below 1/2 */
};

static void system_fill(void *ret_bytes, size_t len, void *userdata)
{
    (void)userdata;
    char *at = ret_bytes;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            abort(); /* a kernel without randomness: whatever we did next would be unsafe */
        }
        at += got;
        len -= (size_t)got;
    }
}

const struct rng *rng_system(void)
{
    static const struct rng system_rng = {system_fill, NULL};
    return &system_rng;
}

uint64_t rng_below(const struct rng *rng, uint64_t bound)
{
    if (bound == 0) {
        return 0;
    }
    /* The numbers above the last whole multiple of @bound would make the small results
     * likelier: draw again. The number of draws has an end, for a test's generator may say
     * the same for ever. */
    uint64_t surplus = (UINT64_MAX % bound + 1) % bound;
    uint64_t drawn = 0;
    for (int i = 0; i < DRAWS_MAX; i++) {
        rng_fill(rng, &drawn, sizeof(drawn));
        if (drawn <= UINT64_MAX - surplus) {
            break;
        }
    }
    return drawn % bound;
}

static char *put_hex(char *at, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        *at++ = digits[bytes[i] >> 4];
        *at++ = digits[bytes[i] & 15];
    }
    *at = '\0';
    return at;
}

void rng_hex(const struct rng *rng, size_t bytes, char *ret_text)
{
    assert(bytes <= HEX_BYTES_MAX);
    unsigned char drawn[HEX_BYTES_MAX];
    rng_fill(rng, drawn, bytes);
    (void)put_hex(ret_text, drawn, bytes);
    explicit_bzero(drawn, sizeof(drawn)); /* passwords are made of them */
}

void rng_uuid(const struct rng *rng, char ret_text[static 37])
{
    static const size_t groups[] = {4, 2, 2, 2, 6};
    unsigned char drawn[UUID_BYTES];
    rng_fill(rng, drawn, sizeof(drawn));
    drawn[6] = (unsigned char)((drawn[6] & 0x0F) | 0x40); /* version 4 */
    drawn[8] = (unsigned char)((drawn[8] & 0x3F) | 0x80); /* the variant of RFC 9562 */
    const unsigned char *from = drawn;
    char *at = ret_text;
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        if (i > 0) {
            *at++ = '-';
        }
        at = put_hex(at, from, groups[i]);
        from += groups[i];
    }
}
