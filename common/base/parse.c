/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text into typed values. Owns the rules for numbers, addresses, names and ids, and the wording
 * of their refusals; knows nothing of where the text came from (the callers wrap the message
 * with that). Locale-independent: no ctype.h.
 */
#include "common/base/parse.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    HOST_MAX = 253, /* RFC 1035, 2.3.4, without the final dot */
    LABEL_MAX = 63, /* same */
    RUNNER_ID_MAX = 128,
    ZONE_MAX = 128,
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

const char *parse_shown(const char *text, char ret[static PARSE_SHOWN_BYTES])
{
    size_t len = 0;
    for (; len < PARSE_SHOWN_BYTES - 1 && text[len] != '\0'; len++) {
        ret[len] = (text[len] >= ' ' && text[len] <= '~') ? text[len] : '?';
    }
    ret[len] = '\0';
    return ret;
}

/* "\"value\" is no RULE". */
static int refuse(const char *text, const char *rule, struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    return err_set(err, ERR_INVALID, "\"%s\" is no %s", parse_shown(text, shown), rule);
}

int parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *ret, struct err *err)
{
    uint64_t value = 0;
    bool fits = true;
    if (text[0] == '\0') {
        return refuse(text, "number (decimal digits only)", err);
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (!is_digit(*at)) {
            return refuse(text, "number (decimal digits only)", err);
        }
        unsigned digit = (unsigned)(*at - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = fits ? value * 10 + digit : 0;
    }
    if (!fits || value < min || value > max) {
        char shown[PARSE_SHOWN_BYTES];
        return err_set(err, ERR_INVALID, "%s is not within %llu to %llu",
                       parse_shown(text, shown), (unsigned long long)min,
                       (unsigned long long)max);
    }
    *ret = value;
    return 0;
}

static bool canonical_ip(const char *text, char ret_canonical[static INET6_ADDRSTRLEN])
{
    struct in_addr v4;
    struct in6_addr v6;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        return inet_ntop(AF_INET, &v4, ret_canonical, INET6_ADDRSTRLEN) != NULL;
    }
    if (inet_pton(AF_INET6, text, &v6) == 1) {
        return inet_ntop(AF_INET6, &v6, ret_canonical, INET6_ADDRSTRLEN) != NULL;
    }
    return false;
}

int parse_ip(const char *text, char ret_canonical[static 46], struct err *err)
{
    char canonical[INET6_ADDRSTRLEN];
    if (!canonical_ip(text, canonical)) {
        return refuse(text, "IPv4 or IPv6 address", err);
    }
    memcpy(ret_canonical, canonical, strlen(canonical) + 1);
    return 0;
}

/* One label of a host name: 1..63 of letters, digits and hyphens, no hyphen at either end. */
static bool is_label(const char *label, size_t len)
{
    if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_alnum(label[i]) && label[i] != '-') {
            return false;
        }
    }
    return true;
}

/* A last label of digits makes resolvers read the text as an address: "10.0.0.256" must not
 * become a name. */
static bool ends_in_number(const char *text)
{
    const char *dot = strrchr(text, '.');
    const char *last = dot != NULL ? dot + 1 : text;
    return last[strspn(last, "0123456789")] == '\0';
}

int parse_host(const char *text, struct err *err)
{
    char canonical[INET6_ADDRSTRLEN];
    if (canonical_ip(text, canonical)) {
        return 0;
    }
    if (strnlen(text, HOST_MAX + 1) > HOST_MAX) {
        return refuse(text, "host name (at most 253 characters)", err);
    }
    for (const char *label = text;; label++) {
        size_t len = strcspn(label, ".");
        if (!is_label(label, len)) {
            return refuse(text, "host name or IP address", err);
        }
        label += len;
        if (*label == '\0') {
            break;
        }
    }
    if (ends_in_number(text)) {
        return refuse(text, "IP address, and a host name does not end in a number", err);
    }
    return 0;
}

int parse_runner_id(const char *text, struct err *err)
{
    size_t len = strnlen(text, RUNNER_ID_MAX + 1);
    bool is_good =
        len >= 1 && len <= RUNNER_ID_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;
    for (size_t i = 0; is_good && i < len; i++) {
        is_good = is_alnum(text[i]) || strchr("._:-", text[i]) != NULL;
    }
    if (!is_good) {
        return refuse(text, "runner id (1 to 128 letters, digits and . _ : -)", err);
    }
    return 0;
}

int parse_zone(const char *text, struct err *err)
{
    size_t len = strnlen(text, ZONE_MAX + 1);
    bool is_good = len >= 1 && len <= ZONE_MAX;
    for (size_t i = 0; is_good && i < len; i++) {
        is_good = text[i] > ' ' && text[i] <= '~' && strchr("'\"`/\\", text[i]) == NULL;
    }
    if (!is_good) {
        return refuse(text,
                      "zone (1 to 128 printable ASCII characters without blanks, quotes and "
                      "slashes)",
                      err);
    }
    return 0;
}

/* The table of RFC 3629, section 4: what may follow a first byte. Returns the length of the
 * sequence; 0 = malformed. */
static size_t utf8_sequence(const unsigned char *at, size_t left)
{
    unsigned char first = at[0];
    unsigned char low = 0x80;  /* bounds of the second byte: they exclude overlong forms, */
    unsigned char high = 0xBF; /* surrogates and what is over U+10FFFF */
    size_t len = 0;
    if (first >= 0x01 && first <= 0x7F) {
        return 1;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        len = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        len = 3;
        low = first == 0xE0 ? 0xA0 : low;
        high = first == 0xED ? 0x9F : high;
    } else if (first >= 0xF0 && first <= 0xF4) {
        len = 4;
        low = first == 0xF0 ? 0x90 : low;
        high = first == 0xF4 ? 0x8F : high;
    }
    if (len == 0 || len > left || at[1] < low || at[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF) {
            return 0;
        }
    }
    return len;
}

bool parse_is_utf8(const char *bytes, size_t len)
{
    const unsigned char *at = (const unsigned char *)bytes;
    for (size_t done = 0; done < len;) {
        size_t sequence = utf8_sequence(at + done, len - done);
        if (sequence == 0) {
            return false;
        }
        done += sequence;
    }
    return true;
}

static int add_part(const char *from, const char *to, char **ret_part, struct err *err)
{
    while (from < to && is_blank(*from)) {
        from++;
    }
    while (to > from && is_blank(to[-1])) {
        to--;
    }
    if (from == to) {
        return err_set(err, ERR_INVALID, "an item of the list is empty");
    }
    char *part = strndup(from, (size_t)(to - from));
    if (part == NULL) {
        return err_no_memory(err);
    }
    *ret_part = part;
    return 0;
}

int parse_list(const char *text, char separator, char **ret_parts, size_t max, struct err *err)
{
    const char stops[] = {separator, '\0'};
    size_t count = 0;
    if (text[strspn(text, " \t")] == '\0') {
        return 0;
    }
    for (const char *at = text;; at++) {
        const char *end = at + strcspn(at, stops);
        int rc = count < max
                     ? add_part(at, end, &ret_parts[count], err)
                     : err_set(err, ERR_TOO_LARGE, "the list has more than %zu items", max);
        if (rc < 0) {
            break;
        }
        count++;
        at = end;
        if (*at == '\0') {
            return (int)count;
        }
    }
    while (count > 0) {
        free(ret_parts[--count]);
        ret_parts[count] = NULL;
    }
    return -1;
}
