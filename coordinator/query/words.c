/* SPDX-License-Identifier: Apache-2.0 */
/* Words and phrases. See words.h. */
#include "coordinator/query/words.h"

#include "coordinator/query/letter.h"
#include "coordinator/query/steps.h"
#include "coordinator/query/wildcard.h"

#include <string.h>

/* Bytes of characters beyond ASCII are letters. */
static bool is_letter(char c, enum words_grain grain)
{
    if (grain == WORDS_WHOLE) {
        return c != '\0' && strchr(" \t\r\n,;|\"'()[]{}", c) == NULL;
    }
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || (unsigned char)c >= 0x80;
}

bool words_next(const char **at, const char *end, enum words_grain grain, const char **ret_word,
                size_t *ret_len)
{
    const char *begin = *at;
    while (begin < end && !is_letter(*begin, grain)) {
        begin++;
    }
    const char *stop = begin;
    while (stop < end && is_letter(*stop, grain)) {
        stop++;
    }
    *at = stop;
    *ret_word = begin;
    *ret_len = (size_t)(stop - begin);
    return stop > begin;
}

static bool is_same(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const char *a_end = a + a_len;
    const char *b_end = b + b_len;
    while (a < a_end && b < b_end) {
        if (letter_next(&a, a_end) != letter_next(&b, b_end)) {
            return false;
        }
    }
    return a == a_end && b == b_end;
}

void words_init(struct words *words, const char *text, enum words_grain grain)
{
    *words = (struct words){.text = text, .len = strlen(text), .grain = grain};
}

/* Do the words begin at @at and go on without another between? */
static bool starts_here(const struct words *words, const char *at, const char *end,
                        uint64_t *steps_left)
{
    const char *mine = words->text;
    const char *word = NULL;
    const char *other = NULL;
    size_t len = 0;
    size_t other_len = 0;
    bool is_phrase = false; /* of at least one word */
    while (words_next(&mine, words->text + words->len, words->grain, &word, &len)) {
        if (!words_next(&at, end, words->grain, &other, &other_len) ||
            !steps_spend(steps_left, 1 + other_len / 4) ||
            !is_same(word, len, other, other_len)) {
            return false;
        }
        is_phrase = true;
    }
    return is_phrase;
}

bool words_match(const struct words *words, const char *text, size_t len, uint64_t *steps_left)
{
    const char *end = text + len;
    const char *at = text;
    const char *word = NULL;
    size_t word_len = 0;
    if (is_same(words->text, words->len, text, len)) {
        return true;
    }
    while (*steps_left > 0) {
        const char *start = at;
        if (!words_next(&at, end, words->grain, &word, &word_len)) {
            return false;
        }
        if (starts_here(words, start, end, steps_left)) {
            return true;
        }
    }
    return false;
}

bool words_match_pattern(const char *pattern, enum words_grain grain, const char *text,
                         size_t len, uint64_t *steps_left)
{
    const char *end = text + len;
    const char *at = text;
    const char *word = NULL;
    size_t word_len = 0;
    if (wildcard_matches(pattern, text, len, steps_left)) {
        return true;
    }
    while (*steps_left > 0 && words_next(&at, end, grain, &word, &word_len)) {
        if (word_len < len && wildcard_matches(pattern, word, word_len, steps_left)) {
            return true;
        }
    }
    return false;
}
