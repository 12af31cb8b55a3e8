/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as words, in any case: is this phrase in that text? */
#ifndef QUERY_WORDS_H
#define QUERY_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where words end. */
enum words_grain {
    WORDS_WHOLE, /* at blanks and marks of lists: identifiers stay whole */
    WORDS_FINE,  /* at everything that is no letter, digit or underscore */
};

struct words {
    const char *text; /* borrowed */
    size_t len;
    enum words_grain grain;
};

/** @text stays borrowed. */
void words_init(struct words *words, const char *text, enum words_grain grain);

/** Is @text the same, or do the words stand in it one after the other? */
bool words_match(const struct words *words, const char *text, size_t len, uint64_t *steps_left);

/** Does @text as a whole, or one word of it, match the pattern (wildcard.h)? */
bool words_match_pattern(const char *pattern, enum words_grain grain, const char *text,
                         size_t len, uint64_t *steps_left);

/** The next word of *@at .. @end: its begin and length; *@at moves past it. False at the end.
 */
bool words_next(const char **at, const char *end, enum words_grain grain, const char **ret_word,
                size_t *ret_len);

#endif
