/* SPDX-License-Identifier: Apache-2.0 */
/* Where a coordinator listens: host (name, IPv4 or IPv6) and port. */
#ifndef BASE_ENDPOINT_H
#define BASE_ENDPOINT_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENDPOINT_HOST_BYTES = 254,
    ENDPOINT_TEXT_BYTES = 264, /* "[host]:65535" */
    ENDPOINT_LIST_MAX = 16,
};

struct endpoint {
    char host[ENDPOINT_HOST_BYTES]; /* without brackets */
    uint16_t port;
};

struct endpoint_list {
    size_t count;
    struct endpoint items[ENDPOINT_LIST_MAX];
};

/** "host", "host:port", "1.2.3.4:port", "[::1]", "[::1]:port", and a bare IPv6 address.
 * Port 1..65535. */
int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret,
                   struct err *err) MUST_CHECK;

/** Comma separated, blanks around the parts ignored, duplicates dropped, at least one. */
int endpoint_list_parse(const char *text, uint16_t default_port, struct endpoint_list *ret,
                        struct err *err) MUST_CHECK;

/** Add unless it is there or the list is full. */
void endpoint_list_add(struct endpoint_list *list, const struct endpoint *endpoint);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/** "host:port", IPv6 in brackets. */
void endpoint_format(const struct endpoint *endpoint,
                     char ret_text[static ENDPOINT_TEXT_BYTES]);

#endif
