/* SPDX-License-Identifier: Apache-2.0 */
/* Names of this host, from the system. A host can have hundreds of addresses (one for each
 * container); what people name comes first, so that it is not those that do not fit. */
#include "coordinator/installation/local_names.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "common/base/parse.h"

/* DNS names do not know case; addresses are canonical. */
static bool contains(const struct local_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcasecmp(names->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int local_names_add(struct local_names *names, const char *name, struct err *err)
{
    char address[46];
    struct err not_address;
    const char *canonical = address;
    if (parse_ip(name, address, &not_address) < 0) {
        if (parse_host(name, err) < 0) {
            return -1;
        }
        canonical = name;
    }
    if (contains(names, canonical)) {
        return 0;
    }
    if (names->count == X509_NAMES_MAX) {
        names->omitted++;
        return 0;
    }
    char *copy = strdup(canonical);
    if (copy == NULL) {
        return err_no_memory(err);
    }
    names->items[names->count++] = copy;
    return 0;
}

/* Link-local IPv6 is left out: with its scope ("%eth0") it is no name that a certificate can
 * hold. */
static bool format_address(const struct sockaddr *address, char ret_text[static 46])
{
    if (address == NULL) {
        return false;
    }
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof(in));
        return inet_ntop(AF_INET, &in.sin_addr, ret_text, 46) != NULL;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof(in6));
        return !IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) &&
               inet_ntop(AF_INET6, &in6.sin6_addr, ret_text, 46) != NULL;
    }
    return false;
}

static int add_addresses(struct local_names *names, struct err *err)
{
    struct ifaddrs *list = NULL;
    if (getifaddrs(&list) < 0) {
        return err_set_errno(err, errno, "list the addresses of this host");
    }
    int result = 0;
    for (const struct ifaddrs *at = list; at != NULL && result == 0; at = at->ifa_next) {
        char text[46];
        if (format_address(at->ifa_addr, text)) {
            result = local_names_add(names, text, err);
        }
    }
    freeifaddrs(list);
    return result;
}

/* A node's name may be one that DNS does not permit ("my_host"): then it is nobody's
 * address, and left out. */
static int add_node_name(struct local_names *names, struct err *err)
{
    char node[256];
    if (gethostname(node, sizeof(node)) < 0) {
        return err_set_errno(err, errno, "read the name of this host");
    }
    node[sizeof(node) - 1] = '\0';
    struct err not_host;
    if (parse_host(node, &not_host) < 0) {
        return 0;
    }
    return local_names_add(names, node, err);
}

static int collect(struct local_names *names, const char *internal_name,
                   const char *const *external, size_t n_external, struct err *err)
{
    if (local_names_add(names, internal_name, err) < 0 ||
        local_names_add(names, "localhost", err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < n_external; i++) {
        if (local_names_add(names, external[i], err) < 0) {
            return err_wrap(err, "--external-hostname");
        }
    }
    if (add_node_name(names, err) < 0 || local_names_add(names, "127.0.0.1", err) < 0 ||
        local_names_add(names, "::1", err) < 0) {
        return -1;
    }
    return add_addresses(names, err);
}

int local_names_collect(struct local_names *ret, const char *internal_name,
                        const char *const *external, size_t n_external, struct err *err)
{
    struct local_names names = {0};
    if (collect(&names, internal_name, external, n_external, err) < 0) {
        local_names_fini(&names);
        return err_wrap(err, "collect the names of the server certificate");
    }
    *ret = names;
    return 0;
}

bool local_names_equal(const struct local_names *a, const struct local_names *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!contains(b, a->items[i])) {
            return false;
        }
    }
    return true;
}

void local_names_fini(struct local_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    *names = (struct local_names){0};
}
