/* SPDX-License-Identifier: Apache-2.0 */
/* See query_scan.h. */
#include "coordinator/query/query_scan.h"

#include "coordinator/query/letter.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char ideographic_blank[] = "\u3000";

void query_scan_record(const struct query_scan *scan, const char *at, const char *format, ...)
{
    char reason[256];
    size_t character = 1;
    const char *end = scan->text + strlen(scan->text);
    for (const char *c = scan->text; c < at; c += letter_bytes(c, end)) {
        character++;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    err_record(scan->err, ERR_INVALID, "query_string: at character %zu: %s", character, reason);
}

static size_t blank_bytes(const char *at)
{
    if (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') {
        return 1;
    }
    size_t len = strlen(ideographic_blank);
    return strncmp(at, ideographic_blank, len) == 0 ? len : 0;
}

void query_scan_blanks(struct query_scan *scan)
{
    for (size_t bytes; (bytes = blank_bytes(scan->at)) > 0;) {
        scan->at += bytes;
    }
}

bool query_scan_symbol(struct query_scan *scan, const char *symbol)
{
    size_t len = strlen(symbol);
    if (strncmp(scan->at, symbol, len) != 0) {
        return false;
    }
    scan->at += len;
    return true;
}

/* What ends a word. "&&" and "||" do, though "&" and "|" do not. */
static bool is_word_end(const char *at)
{
    return *at == '\0' || strchr("()[]{}\"^~:!", *at) != NULL || blank_bytes(at) > 0 ||
           strncmp(at, "&&", 2) == 0 || strncmp(at, "||", 2) == 0;
}

static bool is_keyword(const char *at, const char *keyword)
{
    size_t len = strlen(keyword);
    return strncmp(at, keyword, len) == 0 && is_word_end(at + len);
}

bool query_scan_keyword(struct query_scan *scan, const char *keyword)
{
    return is_keyword(scan->at, keyword) && query_scan_symbol(scan, keyword);
}

/* Drop the backslashes of @begin .. @end, all but the last of which have a character behind. */
static const char *unescape(struct query_scan *scan, const char *begin, const char *end)
{
    char *plain = query_copy(scan->query, begin, (size_t)(end - begin), scan->err);
    if (plain == NULL) {
        return NULL;
    }
    char *to = plain;
    for (const char *from = begin; from < end; from++) {
        from += *from == '\\' ? 1 : 0;
        *to++ = *from;
    }
    *to = '\0';
    return plain;
}

static int check_escape(const struct query_scan *scan, const char *at)
{
    return at[0] == '\\' && at[1] == '\0'
               ? query_scan_fail(scan, at, "nothing follows the backslash")
               : 0;
}

/* There is no word at scan->at. Says what is there. */
static int refuse(const struct query_scan *scan)
{
    const char *at = scan->at;
    if (*at == '\0') {
        return query_scan_fail(scan, at, "a term is missing at the end");
    }
    if (*at == '/') {
        return query_scan_fail(scan, at,
                               "regular expressions are not served; quote a term that begins "
                               "with \"/\"");
    }
    return query_scan_fail(scan, at,
                           "unexpected \"%c\"; put a backslash before it, or quote the term, "
                           "if it belongs to one",
                           *at);
}

static bool begins_word(const char *at, bool is_value)
{
    return !is_word_end(at) && *at != '/' && (is_value || (*at != '+' && *at != '-'));
}

int query_scan_word(struct query_scan *scan, bool is_value, struct query_word *ret)
{
    const char *begin = scan->at;
    const char *at = begin;
    bool has_wildcard = false;
    if (!begins_word(begin, is_value)) {
        return refuse(scan);
    }
    if (is_keyword(begin, "AND") || is_keyword(begin, "OR") || is_keyword(begin, "NOT")) {
        return query_scan_fail(scan, begin,
                               "unexpected AND, OR or NOT; quote the word if it is a term");
    }
    while (!is_word_end(at)) {
        if (check_escape(scan, at) < 0) {
            return -1;
        }
        has_wildcard = has_wildcard || *at == '*' || *at == '?';
        at += *at == '\\' ? 2 : 1;
    }
    struct query_word word = {.begin = begin, .has_wildcard = has_wildcard};
    word.plain = unescape(scan, begin, at);
    word.pattern = query_copy(scan->query, begin, (size_t)(at - begin), scan->err);
    if (word.plain == NULL || word.pattern == NULL) {
        return -1;
    }
    scan->at = at;
    *ret = word;
    return 0;
}

int query_scan_quoted(struct query_scan *scan, const char **ret_plain)
{
    const char *begin = scan->at + 1;
    const char *at = begin;
    while (*at != '\0' && *at != '"') {
        if (check_escape(scan, at) < 0) {
            return -1;
        }
        at += *at == '\\' ? 2 : 1;
    }
    if (*at == '\0') {
        return query_scan_fail(scan, scan->at, "the quote that opens here is never closed");
    }
    const char *plain = unescape(scan, begin, at);
    if (plain == NULL) {
        return -1;
    }
    scan->at = at + 1;
    *ret_plain = plain;
    return 0;
}

int query_scan_bound(struct query_scan *scan, const char **ret_plain)
{
    const char *begin = scan->at;
    const char *at = begin;
    if (*at == '"') {
        return query_scan_quoted(scan, ret_plain);
    }
    while (*at != '\0' && *at != ']' && *at != '}' && blank_bytes(at) == 0) {
        if (check_escape(scan, at) < 0) {
            return -1;
        }
        at += *at == '\\' ? 2 : 1;
    }
    if (at == begin) {
        return query_scan_fail(scan, at, "a range is [low TO high], and a bound is missing");
    }
    const char *plain = unescape(scan, begin, at);
    if (plain == NULL) {
        return -1;
    }
    scan->at = at;
    *ret_plain = at - begin == 1 && *begin == '*' ? NULL : plain;
    return 0;
}
