/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64url, both ways, and nothing lenient: a decoder that skips foreign characters or spare
 * bits lets two texts stand for the same bytes, and then a token's text is no longer its
 * identity.
 */
#include "common/codec/b64url.h"

#include <stdint.h>

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What one step handles on the stack: as many groups of 3 bytes as of 4 characters. */
enum { STEP_BYTES = 192, STEP_CHARACTERS = 256 };

/* Longer input cannot be one of ours, and the sizes below stay far from overflow. */
#define LEN_MAX (SIZE_MAX / 4)

/* The value of a character, or -1. */
static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    if (c == '-') {
        return 62;
    }
    return c == '_' ? 63 : -1;
}

/* So that a text that does not fit leaves the buffer as it was, not half filled. */
static int check_room(const struct buf *buf, size_t len, const char *what, struct err *err)
{
    if (buf->len > buf->max || len > buf->max - buf->len) {
        return err_set(err, ERR_TOO_LARGE, "%s base64url: too long: %zu bytes", what, len);
    }
    return 0;
}

/* Undo what was appended since @len: only reached when memory ran out between two steps. */
static int roll_back(struct buf *buf, size_t len)
{
    if (buf->bytes != NULL) {
        buf->len = len;
        buf->bytes[len] = '\0';
    }
    return -1;
}

static size_t encode_groups(const unsigned char *in, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)in[i] << 16;
        bits |= have > 1 ? (uint32_t)in[i + 1] << 8 : 0;
        bits |= have > 2 ? (uint32_t)in[i + 2] : 0;
        for (size_t k = 0; k <= have; k++) {
            out[n++] = alphabet[(bits >> (18 - 6 * k)) & 63];
        }
    }
    return n;
}

static size_t decode_groups(const char *in, size_t len, unsigned char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i += 4) {
        size_t have = len - i < 4 ? len - i : 4;
        uint32_t bits = 0;
        for (size_t k = 0; k < have; k++) {
            bits |= (uint32_t)value_of(in[i + k]) << (18 - 6 * k);
        }
        for (size_t k = 0; k + 1 < have; k++) {
            out[n++] = (unsigned char)(bits >> (16 - 8 * k));
        }
    }
    return n;
}

static int check_text(const char *text, size_t len, struct err *err)
{
    if (len > LEN_MAX) {
        return err_set(err, ERR_INVALID, "decode base64url: too long");
    }
    for (size_t i = 0; i < len; i++) {
        if (value_of(text[i]) < 0) {
            return err_set(err, ERR_INVALID,
                           "decode base64url: character %zu is not one of A-Z a-z 0-9 - _: "
                           "byte 0x%02x",
                           i + 1, (unsigned)(unsigned char)text[i]);
        }
    }
    if (len % 4 == 1) {
        return err_set(err, ERR_INVALID, "decode base64url: cut off: %zu characters", len);
    }
    /* The bits of the last character that carry no byte must be zero. */
    unsigned spare = len % 4 == 2 ? 0x0f : len % 4 == 3 ? 0x03 : 0;
    if (spare != 0 && ((unsigned)value_of(text[len - 1]) & spare) != 0) {
        return err_set(err, ERR_INVALID,
                       "decode base64url: the last character carries stray bits: \"%c\"",
                       text[len - 1]);
    }
    return 0;
}

int b64url_encode(const void *bytes, size_t len, struct buf *buf, struct err *err)
{
    if (len > LEN_MAX) {
        return err_set(err, ERR_TOO_LARGE, "encode base64url: too long: %zu bytes", len);
    }
    size_t before = buf->len;
    if (check_room(buf, len / 3 * 4 + (len % 3 ? len % 3 + 1 : 0), "encode", err) < 0) {
        return -1;
    }

    const unsigned char *in = bytes;
    while (len > 0) {
        char out[STEP_CHARACTERS];
        size_t step = len < STEP_BYTES ? len : STEP_BYTES;
        if (buf_append(buf, out, encode_groups(in, step, out), err) < 0) {
            return roll_back(buf, before);
        }
        in += step;
        len -= step;
    }
    return 0;
}

int b64url_decode(const char *text, size_t len, struct buf *buf, struct err *err)
{
    size_t before = buf->len;
    if (check_text(text, len, err) < 0 ||
        check_room(buf, len / 4 * 3 + (len % 4 ? len % 4 - 1 : 0), "decode", err) < 0) {
        return -1;
    }

    while (len > 0) {
        unsigned char out[STEP_BYTES];
        size_t step = len < STEP_CHARACTERS ? len : STEP_CHARACTERS;
        if (buf_append(buf, out, decode_groups(text, step, out), err) < 0) {
            return roll_back(buf, before);
        }
        text += step;
        len -= step;
    }
    return 0;
}
