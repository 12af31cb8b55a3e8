/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching by segments. A path is split at its slashes first and decoded after, so that no
 * escape can add or remove a segment; whatever is not plainly a path of ours matches nothing.
 * Of several routes that match, the first of the table wins. HEAD is served by the GET route
 * (the engine leaves the body out).
 */
#include "coordinator/http/router.h"

#include "coordinator/http/exchange_internal.h"
#include "coordinator/http/percent.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    SEGMENTS_MAX = 16,
    PATH_BYTES = 8192, /* more than the engine lets through */
};

struct segments {
    size_t count;
    const char *items[SEGMENTS_MAX]; /* decoded; into text */
    char text[PATH_BYTES];
};

static bool is_dots(const char *segment)
{
    return strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0;
}

/* Split and decode. False: no path of ours. */
static bool split(const char *raw_path, struct segments *segments)
{
    size_t used = 0;
    segments->count = 0;
    while (*raw_path == '/') {
        raw_path++;
        size_t len = strcspn(raw_path, "/");
        char *decoded = segments->text + used;
        if (segments->count == SEGMENTS_MAX ||
            percent_decode(raw_path, len, PERCENT_PLUS_IS_PLUS, decoded, PATH_BYTES - used) <
                0 ||
            is_dots(decoded)) {
            return false;
        }
        segments->items[segments->count++] = decoded;
        used += strlen(decoded) + 1;
        raw_path += len;
    }
    return *raw_path == '\0' && segments->count > 0;
}

static bool segment_is(const struct segments *segments, size_t at, const char *text)
{
    return at < segments->count && strcmp(segments->items[at], text) == 0;
}

/* /api/v1/regions/{region}/platform/... is another name of /api/v1/platform/... */
static void strip_region(struct segments *segments)
{
    enum { REGIONS = 2, REGION = 3, PLATFORM = 4 };

    if (segment_is(segments, 0, "api") && segment_is(segments, 1, "v1") &&
        segment_is(segments, REGIONS, "regions") &&
        segment_is(segments, PLATFORM, "platform") && segments->items[REGION][0] != '\0' &&
        strlen(segments->items[REGION]) < ROUTE_PARAM_BYTES) {
        memmove(&segments->items[REGIONS], &segments->items[PLATFORM],
                (segments->count - PLATFORM) * sizeof(segments->items[0]));
        segments->count -= PLATFORM - REGIONS;
    }
}

/* The parameters of a match, still pointing into the segments. */
struct found {
    size_t count;

    struct {
        const char *name;
        size_t name_len;
        const char *value;
    } items[ROUTE_PARAMS_MAX];
};

static bool match_segment(const char *pattern, size_t len, const char *segment,
                          struct found *found)
{
    if (len < 2 || pattern[0] != '{') {
        return strlen(segment) == len && memcmp(pattern, segment, len) == 0;
    }
    if (segment[0] == '\0' || strlen(segment) >= ROUTE_PARAM_BYTES) {
        return false;
    }
    assert(found->count < ROUTE_PARAMS_MAX && pattern[len - 1] == '}');
    found->items[found->count].name = pattern + 1;
    found->items[found->count].name_len = len - 2;
    found->items[found->count].value = segment;
    found->count++;
    return true;
}

static bool match_pattern(const char *pattern, const struct segments *segments,
                          struct found *found)
{
    found->count = 0;
    for (size_t i = 0; i < segments->count; i++) {
        if (*pattern != '/') {
            return false;
        }
        pattern++;
        size_t len = strcspn(pattern, "/");
        if (!match_segment(pattern, len, segments->items[i], found)) {
            return false;
        }
        pattern += len;
    }
    return *pattern == '\0';
}

static bool serves(const struct route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(method, "HEAD") == 0 && strcmp(route->method, "GET") == 0);
}

/* Add @method to "GET, POST" unless it is there. No method is part of another's name. */
static void allow(char text[static 64], const char *method)
{
    size_t len = strlen(text);
    if (strstr(text, method) == NULL && len + strlen(method) + 2 < 64) {
        (void)snprintf(text + len, 64 - len, "%s%s", len == 0 ? "" : ", ", method);
    }
}

static void copy_params(const struct found *found, struct route_params *ret)
{
    ret->count = found->count;
    for (size_t i = 0; i < found->count; i++) {
        ret->items[i].name = found->items[i].name;
        ret->items[i].name_len = found->items[i].name_len;
        (void)snprintf(ret->items[i].value, sizeof(ret->items[i].value), "%s",
                       found->items[i].value);
    }
}

enum route_match router_match(const struct router *router, const char *method,
                              const char *raw_path, const struct route **ret_route,
                              struct route_params *ret_params, char ret_allow[static 64])
{
    struct segments segments;
    if (!split(raw_path, &segments)) {
        return ROUTE_NO_PATH;
    }
    strip_region(&segments);
    char allowed[64] = "";
    for (size_t i = 0; i < router->n_routes; i++) {
        const struct route *route = &router->routes[i];
        struct found found;
        if (!match_pattern(route->pattern, &segments, &found)) {
            continue;
        }
        if (serves(route, method)) {
            *ret_route = route;
            copy_params(&found, ret_params);
            return ROUTE_FOUND;
        }
        allow(allowed, route->method);
    }
    if (allowed[0] == '\0') {
        return ROUTE_NO_PATH;
    }
    memcpy(ret_allow, allowed, sizeof(allowed));
    return ROUTE_NO_METHOD;
}

static void run_handler(struct exchange *exchange, void *userdata)
{
    (void)userdata; /* everything stands in the exchange, which outlives the authenticator's
                       work */
    if (exchange->reply.status != 0) {
        /* Answered meanwhile (its deadline), and nobody waits: change nothing for it. Replying
         * settles it. */
        exchange_reply_error(exchange, 503, "root.unavailable", "too late");
        return;
    }
    exchange->route->handler(exchange, exchange->router->context);
}

void router_dispatch(const struct router *router, const struct route *route,
                     struct exchange *exchange)
{
    exchange->router = router;
    exchange->route = route;
    switch (route->access) {
    case ACCESS_PUBLIC:
        run_handler(exchange, NULL);
        return;
    case ACCESS_ROLES_TOKEN:
    case ACCESS_READ:
    case ACCESS_WRITE:
    case ACCESS_RUNNER:
        router->authenticate(exchange, route->access, run_handler, NULL, router->context);
        return;
    }
    /* A table with an access that does not exist: nobody gets in. */
    exchange_reply_error(exchange, 500, "root.internal_error", "the route has no known access");
}
