/* SPDX-License-Identifier: Apache-2.0 */
/* The characters of a UTF-8 text, in lower case. Without the locale: an operator's shell has no
 * say in what a search finds. */
#ifndef QUERY_LETTER_H
#define QUERY_LETTER_H

#include <stddef.h>
#include <stdint.h>

/** How many bytes the character at @at takes; at least 1 and never past @end. */
static inline size_t letter_bytes(const char *at, const char *end)
{
    unsigned char lead = (unsigned char)*at;
    size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return bytes <= (size_t)(end - at) ? bytes : (size_t)(end - at);
}

/* Upper case as far as host names, zones and tags are likely to have it: Latin-1, Greek,
 * Cyrillic. */
static inline uint32_t letter_lower(uint32_t letter)
{
    if (letter < 0x80) {
        return letter >= 'A' && letter <= 'Z' ? letter + ('a' - 'A') : letter;
    }
    if ((letter >= 0xC0 && letter <= 0xDE && letter != 0xD7) ||
        (letter >= 0x391 && letter <= 0x3A9) || (letter >= 0x410 && letter <= 0x42F)) {
        return letter + 0x20;
    }
    return letter >= 0x400 && letter <= 0x40F ? letter + 0x50 : letter;
}

/** The character at *@at in lower case; *@at, which is before @end, moves past it. */
static inline uint32_t letter_next(const char **at, const char *end)
{
    size_t bytes = letter_bytes(*at, end);
    uint32_t letter = (unsigned char)**at;
    if (bytes > 1) {
        letter &= 0xFFU >> (bytes + 1);
        for (size_t i = 1; i < bytes; i++) {
            letter = (letter << 6) | ((unsigned char)(*at)[i] & 0x3FU);
        }
    }
    *at += bytes;
    return letter_lower(letter);
}

#endif
