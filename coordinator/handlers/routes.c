/* SPDX-License-Identifier: Apache-2.0 */
/* Every route that the coordinator serves. What is not here is 404. */
#include "coordinator/handlers/handlers.h"

#include "common/base/compiler.h"

enum {
    SMALL_BODY = 16 * 1024,
    SEARCH_BODY = 64 * 1024,
    NO_BODY = 0,
};

#define PLATFORM "/api/v1/platform"
#define INFRASTRUCTURE PLATFORM "/infrastructure"
#define ENROLLMENT_TOKENS PLATFORM "/configuration/security/enrollment-tokens"

const struct route handlers_routes[] = {
    /* hosts */
    {"GET", WIRE_PATH_CA, ACCESS_PUBLIC, NO_BODY, handle_agent_ca},
    {"POST", WIRE_PATH_ENROLL, ACCESS_ROLES_TOKEN, WIRE_BODY_MAX, handle_agent_enroll},
    {"GET", WIRE_PATH_RUNNER_IDS "{runner_id}", ACCESS_ROLES_TOKEN, NO_BODY,
     handle_agent_runner_id},
    {"POST", WIRE_PATH_TOKEN, ACCESS_PUBLIC, SMALL_BODY, handle_agent_token},
    {"POST", WIRE_PATH_HEARTBEAT, ACCESS_RUNNER, WIRE_BODY_MAX, handle_agent_heartbeat},
    {"POST", WIRE_PATH_GOODBYE, ACCESS_RUNNER, SMALL_BODY, handle_agent_goodbye},
    {"POST", WIRE_PATH_LEAVE, ACCESS_RUNNER, SMALL_BODY, handle_agent_leave},
    /* the platform API; also below /api/v1/regions/{region}/ */
    {"GET", PLATFORM, ACCESS_READ, NO_BODY, handle_platform_get},
    {"POST", ENROLLMENT_TOKENS, ACCESS_WRITE, SMALL_BODY, handle_tokens_create},
    {"GET", ENROLLMENT_TOKENS, ACCESS_READ, NO_BODY, handle_tokens_list},
    {"DELETE", ENROLLMENT_TOKENS "/{token}", ACCESS_WRITE, NO_BODY, handle_tokens_delete},
    {"GET", INFRASTRUCTURE "/allocators", ACCESS_READ, NO_BODY, handle_allocators_list},
    {"POST", INFRASTRUCTURE "/allocators/_search", ACCESS_READ, SEARCH_BODY,
     handle_allocators_search},
    {"GET", INFRASTRUCTURE "/allocators/{allocator_id}", ACCESS_READ, NO_BODY,
     handle_allocator_get},
    {"GET", INFRASTRUCTURE "/runners", ACCESS_READ, NO_BODY, handle_runners_list},
    {"POST", INFRASTRUCTURE "/runners/_search", ACCESS_READ, SEARCH_BODY,
     handle_runners_search},
    {"GET", INFRASTRUCTURE "/runners/{runner_id}", ACCESS_READ, NO_BODY, handle_runner_get},
    {"DELETE", INFRASTRUCTURE "/runners/{runner_id}", ACCESS_WRITE, NO_BODY,
     handle_runner_delete},
    /* hosts that are to join, with curl */
    {"GET", "/artifacts/{file}", ACCESS_PUBLIC, NO_BODY, handle_artifact},
    {"GET", "/" INSTALLER_NAME, ACCESS_PUBLIC, NO_BODY, handle_installer},
    /* whoever watches the process */
    {"GET", "/healthz", ACCESS_PUBLIC, NO_BODY, handle_healthz},
    {"GET", "/readyz", ACCESS_PUBLIC, NO_BODY, handle_readyz},
};

const size_t handlers_route_count = ARRAY_LEN(handlers_routes);
