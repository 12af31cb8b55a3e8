/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching with two pointers and one way back: after a mismatch only the last * may take one
 * character more, because an earlier one could gain nothing by it. So there is no exponential
 * case and no recursion.
 */
#include "coordinator/query/wildcard.h"

#include "coordinator/query/letter.h"
#include "coordinator/query/steps.h"

#include <string.h>

/* Does the pattern's element at *@pattern take the character at *@text? Both move if so. */
static bool take(const char **pattern, const char *pattern_end, const char **text,
                 const char *text_end)
{
    const char *at = *pattern;
    const char *letter = *text;
    if (at == pattern_end) {
        return false;
    }
    if (*at == '?') {
        *pattern = at + 1;
        *text += letter_bytes(letter, text_end);
        return true;
    }
    if (*at == '\\' && at + 1 < pattern_end) {
        at++;
    }
    if (letter_next(&at, pattern_end) != letter_next(&letter, text_end)) {
        return false;
    }
    *pattern = at;
    *text = letter;
    return true;
}

bool wildcard_matches(const char *pattern, const char *text, size_t len, uint64_t *steps_left)
{
    const char *pattern_end = pattern + strlen(pattern);
    const char *text_end = text + len;
    const char *after_star = NULL; /* in the pattern */
    const char *star_ends = text;  /* where the last * stopped taking characters */
    uint64_t steps = 1;
    while (text < text_end) {
        steps++;
        if (pattern < pattern_end && *pattern == '*') {
            after_star = ++pattern;
            star_ends = text;
        } else if (take(&pattern, pattern_end, &text, text_end)) {
            continue;
        } else if (after_star != NULL) {
            star_ends += letter_bytes(star_ends, text_end);
            pattern = after_star;
            text = star_ends;
        } else {
            break;
        }
    }
    (void)steps_spend(steps_left, steps); /* the caller looks before its next value */
    pattern += strspn(pattern, "*");
    return text == text_end && pattern == pattern_end;
}
