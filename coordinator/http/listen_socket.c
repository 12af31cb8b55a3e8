/* SPDX-License-Identifier: Apache-2.0 */
/* Where the server listens: one TCP socket from an address and a port. */
#include "coordinator/http/http_server.h"

#include "common/base/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* All agents of a fleet may come back at once. */
enum { BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "[::]" and "::" alike. */
static int parse_address(const char *text, uint16_t port, union address *ret, struct err *err)
{
    char plain[INET6_ADDRSTRLEN] = "";
    size_t len = strlen(text);
    bool is_bracketed = len > 2 && text[0] == '[' && text[len - 1] == ']';
    (void)snprintf(plain, sizeof(plain), "%.*s", (int)(is_bracketed ? len - 2 : len),
                   is_bracketed ? text + 1 : text);
    memset(ret, 0, sizeof(*ret));
    if (!is_bracketed && inet_pton(AF_INET, plain, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(port);
        return 0;
    }
    if (inet_pton(AF_INET6, plain, &ret->v6.sin6_addr) == 1) {
        ret->v6.sin6_family = AF_INET6;
        ret->v6.sin6_port = htons(port);
        return 0;
    }
    char shown[PARSE_SHOWN_BYTES];
    return err_set(err, ERR_CONFIG,
                   "read the address to listen on: it must be an IPv4 or IPv6 address of this "
                   "host, or [::] for all of them: it is \"%s\"",
                   parse_shown(text, shown));
}

static int make_socket(const union address *address, const char *text, uint16_t port,
                       int *ret_fd, struct err *err)
{
    const int on = 1;
    const int off = 0;
    bool is_v6 = address->any.sa_family == AF_INET6;
    socklen_t len = is_v6 ? sizeof(address->v6) : sizeof(address->v4);
    auto_fd int fd =
        socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        (is_v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)) {
        return err_set_errno(err, errno, "make a socket to listen on %s port %u", text, port);
    }
    if (bind(fd, &address->any, len) < 0 || listen(fd, BACKLOG) < 0) {
        if (errno == EADDRINUSE) {
            return err_set(err, ERR_BUSY,
                           "listen on %s port %u: another program listens there already: see "
                           "ss -ltnp 'sport = :%u', or choose another port",
                           text, port, port);
        }
        int rc = err_set_errno(err, errno, "listen on %s port %u", text, port);
        err->code = err->code == ERR_IO ? ERR_CONNECT : err->code; /* no address of this host */
        return rc;
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int http_server_listen(const char *address, uint16_t port, int *ret_fd, struct err *err)
{
    union address parsed;
    if (parse_address(address, port, &parsed, err) < 0) {
        return -1;
    }
    if (make_socket(&parsed, address, port, ret_fd, err) == 0) {
        return 0;
    }
    bool is_any = parsed.any.sa_family == AF_INET6 &&
                  memcmp(&parsed.v6.sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0;
    if (err->sys_errno != EAFNOSUPPORT || !is_any) {
        return -1;
    }
    /* A kernel without IPv6: all addresses are all the IPv4 ones. */
    if (parse_address("0.0.0.0", port, &parsed, err) < 0) {
        return -1;
    }
    return make_socket(&parsed, address, port, ret_fd, err);
}
