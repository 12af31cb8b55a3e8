/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of coordinators as people write them. Addresses are kept in their canonical form
 * and names as given, so that two spellings of one endpoint compare equal. Does not resolve
 * names.
 */
#include "common/base/endpoint.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { PORT_MAX = 65535 };

static bool is_ipv6(const char *host)
{
    return strchr(host, ':') != NULL;
}

/* Cuts "host", "[v6]" or "v6" off @text, without brackets. @ret_rest is "" or begins with the
 * ':' before the port. */
static int split_host(const char *text, char ret_host[static ENDPOINT_HOST_BYTES],
                      const char **ret_rest, struct err *err)
{
    const char *host = text;
    const char *rest = NULL;
    size_t len = 0;
    if (text[0] == '[') {
        host = text + 1;
        len = strcspn(host, "]");
        rest = host + len;
        if (*rest != ']' || (rest[1] != '\0' && rest[1] != ':')) {
            return err_set(err, ERR_INVALID, "expected [address] or [address]:port");
        }
        rest++;
    } else {
        const char *colon = strchr(text, ':');
        bool has_port = colon != NULL && strchr(colon + 1, ':') == NULL;
        len = has_port ? (size_t)(colon - text) : strlen(text);
        rest = text + len;
    }
    if (len >= ENDPOINT_HOST_BYTES) {
        return err_set(err, ERR_INVALID, "the host is longer than %d characters",
                       ENDPOINT_HOST_BYTES - 1);
    }
    memcpy(ret_host, host, len);
    ret_host[len] = '\0';
    if (text[0] == '[' && !is_ipv6(ret_host)) {
        return err_set(err, ERR_INVALID, "brackets are for IPv6 addresses only");
    }
    *ret_rest = rest;
    return 0;
}

/* Checks @host and brings an address into its canonical form. */
static int settle_host(char host[static ENDPOINT_HOST_BYTES], struct err *err)
{
    char canonical[46];
    struct err not_address;
    if (parse_ip(host, canonical, &not_address) == 0) {
        memcpy(host, canonical, strlen(canonical) + 1);
        return 0;
    }
    if (is_ipv6(host)) {
        return err_set(err, ERR_INVALID,
                       "no IPv6 address (write [address]:port to add a port)");
    }
    return parse_host(host, err);
}

static int parse_parts(const char *text, uint16_t default_port, struct endpoint *ret,
                       struct err *err)
{
    struct endpoint endpoint = {.port = default_port};
    const char *rest = NULL;
    if (strstr(text, "://") != NULL) {
        return err_set(err, ERR_INVALID, "give host or host:port without a scheme");
    }
    if (split_host(text, endpoint.host, &rest, err) < 0 ||
        settle_host(endpoint.host, err) < 0) {
        return -1;
    }
    if (rest[0] == ':') {
        uint64_t port = 0;
        if (parse_u64(rest + 1, 1, PORT_MAX, &port, err) < 0) {
            return err_wrap(err, "port");
        }
        endpoint.port = (uint16_t)port;
    }
    *ret = endpoint;
    return 0;
}

int endpoint_parse(const char *text, uint16_t default_port, struct endpoint *ret,
                   struct err *err)
{
    char shown[PARSE_SHOWN_BYTES];
    if (parse_parts(text, default_port, ret, err) < 0) {
        return err_wrap(err, "address \"%s\"", parse_shown(text, shown));
    }
    return 0;
}

int endpoint_list_parse(const char *text, uint16_t default_port, struct endpoint_list *ret,
                        struct err *err)
{
    char *parts[ENDPOINT_LIST_MAX] = {NULL};
    struct endpoint_list list = {.count = 0};
    int rc = 0;
    int count = parse_list(text, ',', parts, ENDPOINT_LIST_MAX, err);
    if (count < 0) {
        return -1;
    }
    if (count == 0) {
        return err_set(err, ERR_INVALID, "the list of addresses is empty");
    }
    for (int i = 0; i < count; i++) {
        struct endpoint endpoint;
        if (rc == 0) {
            rc = endpoint_parse(parts[i], default_port, &endpoint, err);
        }
        if (rc == 0) {
            endpoint_list_add(&list, &endpoint);
        }
        free(parts[i]);
    }
    if (rc == 0) {
        *ret = list;
    }
    return rc;
}

void endpoint_list_add(struct endpoint_list *list, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < list->count; i++) {
        if (endpoint_equal(&list->items[i], endpoint)) {
            return;
        }
    }
    if (list->count < ENDPOINT_LIST_MAX) {
        list->items[list->count++] = *endpoint;
    }
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && strcasecmp(a->host, b->host) == 0;
}

void endpoint_format(const struct endpoint *endpoint, char ret_text[static ENDPOINT_TEXT_BYTES])
{
    (void)snprintf(ret_text, ENDPOINT_TEXT_BYTES, is_ipv6(endpoint->host) ? "[%s]:%u" : "%s:%u",
                   endpoint->host, (unsigned)endpoint->port);
}
