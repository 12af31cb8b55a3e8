/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A blocking HTTPS client that can misbehave: it sends the bytes it is told to, when it is told
 * to. For use on a thread of its own beside the loop under test; nothing here asserts, every
 * call gives up after a few seconds.
 */
#ifndef TESTS_SUPPORT_HTTPS_CLIENT_H
#define TESTS_SUPPORT_HTTPS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct https_client {
    int fd;     /* -1 = not connected */
    SSL *ssl;   /* NULL = plain TCP */
    char *read; /* owned: bytes received and not yet consumed */
    size_t n_read;
    char peer_name[128]; /* CN of the server's certificate */
};

struct https_reply {
    int status; /* 0 = the connection ended before a reply */
    char head[4096];
    char body[4096]; /* cut */
    size_t body_len; /* uncut */
};

/** TCP to 127.0.0.1. */
bool https_client_dial(struct https_client *client, uint16_t port);
/** TCP and TLS; @server_name is the SNI, NULL = none. The certificate is looked at, not
 * verified. */
bool https_client_connect(struct https_client *client, uint16_t port, const char *server_name);
bool https_client_send(struct https_client *client, const void *bytes, size_t len);
bool https_client_say(struct https_client *client, const char *text);
/** Wait for one reply. @has_body false for HEAD. */
void https_client_hear(struct https_client *client, bool has_body, struct https_reply *ret);
/** Send the text, wait for the reply. */
int https_client_ask(struct https_client *client, const char *text, struct https_reply *ret);
/** Has the server ended the connection? Waits at most @wait_ms for it. Reads and drops what
 * comes. */
bool https_client_is_gone(struct https_client *client, int wait_ms);
/** Leave without a word: no close_notify, as a killed process does. Any number of times. */
void https_client_close(struct https_client *client);

/** Value of a header of the reply, cut at 255 bytes; "" when absent. */
const char *https_reply_header(const struct https_reply *reply, const char *name,
                               char ret[static 256]);

#endif
