/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict decoding of URL escapes. Control characters are refused here, once, so that no decoded
 * path or query can smuggle a NUL into a name or a line break into a log.
 */
#include "coordinator/http/percent.h"

#include "common/base/parse.h"

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

/* The byte that "%hh" at @text stands for, -1 if that is no escape. */
static int escaped_byte(const char *text, size_t left)
{
    if (left < 3) {
        return -1;
    }
    int high = hex_digit(text[1]);
    int low = hex_digit(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int percent_decode(const char *text, size_t len, enum percent_plus plus, char *ret,
                   size_t ret_bytes)
{
    size_t used = 0;
    for (size_t at = 0; at < len; at++) {
        int byte = (unsigned char)text[at];
        if (byte == '%') {
            byte = escaped_byte(text + at, len - at);
            at += 2;
        } else if (byte == '+' && plus == PERCENT_PLUS_IS_BLANK) {
            byte = ' ';
        }
        if (byte < 0x20 || byte == 0x7f || used + 1 >= ret_bytes) {
            return -1;
        }
        ret[used++] = (char)byte;
    }
    if (used >= ret_bytes || !parse_is_utf8(ret, used)) {
        return -1;
    }
    ret[used] = '\0';
    return 0;
}
