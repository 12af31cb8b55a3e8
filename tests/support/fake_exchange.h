/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange without a connection, for tests of what decides about one: the request is set,
 * the reply is read. This header *defines* functions of coordinator/http/exchange.h: include
 * it in one file of a test program, and the linker takes these.
 */
#ifndef TESTS_SUPPORT_FAKE_EXCHANGE_H
#define TESTS_SUPPORT_FAKE_EXCHANGE_H

#include "coordinator/http/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { FAKE_HEADERS_MAX = 4 };

struct exchange {
    struct {
        const char *name;
        const char *value;
    } request[FAKE_HEADERS_MAX];

    void *principal;
    void (*free_principal)(void *);
    char challenge[64];
    char retry_after[16];
    unsigned n_ends; /* granted or replied */
    bool is_granted;
    int status;
    char code[64];
    char message[512];
};

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < FAKE_HEADERS_MAX; i++) {
        if (exchange->request[i].name != NULL &&
            strcasecmp(exchange->request[i].name, name) == 0) {
            return exchange->request[i].value;
        }
    }
    return NULL;
}

const char *exchange_peer(const struct exchange *exchange)
{
    (void)exchange;
    return "192.168.40.7";
}

void exchange_set_principal(struct exchange *exchange, void *principal,
                            void (*free_principal)(void *))
{
    exchange->principal = principal;
    exchange->free_principal = free_principal;
}

void exchange_set_header(struct exchange *exchange, const char *name, const char *value)
{
    if (strcmp(name, "WWW-Authenticate") == 0) {
        (void)snprintf(exchange->challenge, sizeof(exchange->challenge), "%s", value);
    } else if (strcmp(name, "Retry-After") == 0) {
        (void)snprintf(exchange->retry_after, sizeof(exchange->retry_after), "%s", value);
    }
}

void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(exchange->message, sizeof(exchange->message), format, args);
    va_end(args);
    exchange->n_ends++;
    exchange->status = status;
    (void)snprintf(exchange->code, sizeof(exchange->code), "%s", code);
}

#endif
