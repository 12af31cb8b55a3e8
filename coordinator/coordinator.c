/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, in the order in which the parts need each other: store, installation, then users,
 * tokens, registry, then the server; stop in reverse. Every step's callback begins the next; a
 * failure at any step leaves what is there for coordinator_stop.
 */
#include "coordinator/coordinator.h"

#include "common/base/fs.h"
#include "common/base/message_ids.h"
#include "coordinator/auth/assertions.h"
#include "coordinator/certificates.h"
#include "coordinator/coordinator_events.h"
#include "coordinator/handlers/handlers.h"
#include "coordinator/http/http_server.h"
#include "coordinator/store/store_sqlite.h"

#include <stdlib.h>
#include <string.h>

enum {
    RENEWAL_LOOK_MS = 24 * 3600 * 1000,
    REQUEST_DEADLINE_MS = 10 * 1000,
    IDLE_TIMEOUT_MS = 120 * 1000, /* over three of the longest usual intervals */
    PARK_DEADLINE_MS = 15 * 1000,
};

struct coordinator {
    struct coordinator_environment env;
    const struct coordinator_options *options; /* borrowed */
    coordinator_ready_fn *ready;
    void *ready_userdata;
    coordinator_closed_fn *closed; /* set once stopping */
    void *closed_userdata;

    int listen_fd; /* ours until the server takes it */
    struct store *store;
    struct installation *installation;
    bool installation_is_opening;
    struct audit *audit;
    struct users *users;
    struct roles_tokens *roles_tokens;
    struct replay *replay;
    struct replay *enroll_replay;
    struct access_token_cache *access_cache;
    struct registry *registry;
    struct coordinator_events events;
    struct certificates certificates;
    struct handlers handlers;
    struct router router;
    struct http_server *server;

    uv_prepare_t before_wait; /* arms liveness_timer for the registry's next deadline */
    uv_timer_t liveness_timer;
    uv_timer_t renewal_timer;
    uint64_t armed_for_ms;
    unsigned open_handles;
};

/* Liveness: the registry says when it wants to be called; any of its functions may change that,
 * so it is asked before each wait. */

static void on_liveness(uv_timer_t *timer)
{
    struct coordinator *coordinator = timer->data;
    coordinator->armed_for_ms = LIVENESS_NEVER;
    registry_tick(coordinator->registry);
}

static void on_before_wait(uv_prepare_t *handle)
{
    struct coordinator *coordinator = handle->data;
    uint64_t deadline_ms = registry_next_deadline(coordinator->registry);
    if (deadline_ms == coordinator->armed_for_ms) {
        return;
    }
    coordinator->armed_for_ms = deadline_ms;
    if (deadline_ms == LIVENESS_NEVER) {
        (void)uv_timer_stop(&coordinator->liveness_timer);
        return;
    }
    uint64_t now_ms = clock_monotonic_ms(coordinator->env.clock);
    uint64_t delay_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 1;
    uv_update_time(coordinator->env.loop);
    (void)uv_timer_start(&coordinator->liveness_timer, on_liveness, delay_ms, 0);
}

static void on_connection_closed(uint64_t connection, void *userdata)
{
    struct coordinator *coordinator = userdata;
    if (coordinator->closed == NULL) { /* our own stop says nothing about the hosts [LV-3] */
        registry_connection_closed(coordinator->registry, connection);
    }
}

static void on_renewal(uv_timer_t *timer)
{
    struct coordinator *coordinator = timer->data;
    certificates_renew(&coordinator->certificates, coordinator->server);
}

int coordinator_reload(struct coordinator *coordinator, struct err *err)
{
    return coordinator->server == NULL
               ? 0
               : certificates_reload(&coordinator->certificates, coordinator->server, err);
}

/* The end of every stop: all but the store is closed. */

static void free_coordinator(struct coordinator *coordinator)
{
    coordinator_closed_fn *closed = coordinator->closed;
    void *userdata = coordinator->closed_userdata;
    registry_free(coordinator->registry);
    roles_tokens_free(coordinator->roles_tokens);
    users_free(coordinator->users);
    audit_free(coordinator->audit);
    replay_free(coordinator->replay);
    replay_free(coordinator->enroll_replay);
    access_token_cache_free(coordinator->access_cache);
    certificates_fini(&coordinator->certificates);
    installation_free(coordinator->installation);
    if (coordinator->listen_fd >= 0) {
        (void)close(coordinator->listen_fd);
    }
    free(coordinator);
    closed(userdata);
}

static void on_store_closed(void *userdata)
{
    free_coordinator(userdata);
}

static void stop_store(struct coordinator *coordinator)
{
    store_close(coordinator->store, on_store_closed, coordinator);
}

/* Start. */

static int open_parts(struct coordinator *coordinator, struct err *err)
{
    const struct coordinator_environment *env = &coordinator->env;
    struct audit_options audit = {
        .store = coordinator->store, .clock = env->clock, .log = env->log};
    struct users_options users = {.loop = env->loop,
                                  .store = coordinator->store,
                                  .clock = env->clock,
                                  .rng = env->rng,
                                  .log = env->log};
    struct roles_tokens_options tokens = {.store = coordinator->store,
                                          .clock = env->clock,
                                          .rng = env->rng,
                                          .log = env->log,
                                          .key = &coordinator->installation->roles_token_key,
                                          .ca_sha256 = coordinator->installation->ca.sha256};
    struct registry_options registry = {.store = coordinator->store,
                                        .clock = env->clock,
                                        .log = env->log,
                                        .pace = PACE_BASE_DEFAULT,
                                        .on_event = coordinator_events_take,
                                        .userdata = &coordinator->events};
    registry.pace.interval_ms = coordinator->options->heartbeat_interval_ms;
    for (size_t i = 0; i < coordinator->options->n_external_names; i++) {
        struct endpoint endpoint;
        if (endpoint_parse(coordinator->options->external_names[i],
                           coordinator->options->listen.port, &endpoint, err) < 0) {
            return -1;
        }
        endpoint.port = coordinator->options->listen.port;
        endpoint_list_add(&registry.coordinators, &endpoint);
    }
    if (audit_open(&coordinator->audit, &audit, err) < 0) {
        return -1;
    }
    coordinator->events =
        (struct coordinator_events){.audit = coordinator->audit, .log = env->log};
    if (users_open(&coordinator->users, &users, err) < 0 ||
        roles_tokens_open(&coordinator->roles_tokens, &tokens, err) < 0 ||
        replay_new(&coordinator->replay, ASSERTION_WINDOW, ASSERTION_HOLD_MS, err) < 0 ||
        replay_new(&coordinator->enroll_replay, ASSERTION_WINDOW, ASSERTION_HOLD_MS, err) < 0 ||
        access_token_cache_new(&coordinator->access_cache, err) < 0 ||
        registry_open(&coordinator->registry, &registry, err) < 0) {
        return -1;
    }
    coordinator->certificates = (struct certificates){.options = coordinator->options,
                                                      .installation = coordinator->installation,
                                                      .clock = env->clock,
                                                      .log = env->log};
    return certificates_open(&coordinator->certificates, err);
}

static void connect_handlers(struct coordinator *coordinator)
{
    struct handlers *handlers = &coordinator->handlers;
    handlers->clock = coordinator->env.clock;
    handlers->log = coordinator->env.log;
    handlers->store = coordinator->store;
    handlers->audit = coordinator->audit;
    handlers->registry = coordinator->registry;
    handlers->roles_tokens = coordinator->roles_tokens;
    handlers->replay = coordinator->replay;
    handlers->enroll_replay = coordinator->enroll_replay;
    handlers->installation = coordinator->installation;
    handlers->artifacts_dir = coordinator->options->artifacts_dir;
    handlers->access_tokens =
        (struct access_tokens){.installation_id = coordinator->installation->id,
                               .key = &coordinator->installation->access_token_key};
    handlers->auth = (struct auth){.users = coordinator->users,
                                   .roles_tokens = coordinator->roles_tokens,
                                   .access_tokens = handlers->access_tokens,
                                   .access_cache = coordinator->access_cache,
                                   .clock = coordinator->env.clock};
    coordinator->router = (struct router){.routes = handlers_routes,
                                          .n_routes = handlers_route_count,
                                          .authenticate = handlers_authenticate,
                                          .context = handlers};
}

static int start_server(struct coordinator *coordinator, struct err *err)
{
    struct http_server_options options = {
        .loop = coordinator->env.loop,
        .clock = coordinator->env.clock,
        .log = coordinator->env.log,
        .router = &coordinator->router,
        .listen_fd = coordinator->listen_fd,
        .internal = certificates_internal(&coordinator->certificates),
        .internal_name = coordinator->installation->internal_name,
        .external = certificates_external(&coordinator->certificates),
        .request_deadline_ms = REQUEST_DEADLINE_MS,
        .idle_timeout_ms = IDLE_TIMEOUT_MS,
        .park_deadline_ms = PARK_DEADLINE_MS,
        .on_connection_closed = on_connection_closed,
        .userdata = coordinator,
    };
    coordinator->listen_fd = -1; /* the server's from here on, also when it fails */
    return http_server_start(&coordinator->server, &options, err);
}

static void start_timers(struct coordinator *coordinator)
{
    uv_loop_t *loop = coordinator->env.loop;
    (void)uv_prepare_init(loop, &coordinator->before_wait);
    (void)uv_timer_init(loop, &coordinator->liveness_timer);
    (void)uv_timer_init(loop, &coordinator->renewal_timer);
    coordinator->before_wait.data = coordinator;
    coordinator->liveness_timer.data = coordinator;
    coordinator->renewal_timer.data = coordinator;
    coordinator->open_handles = 3;
    coordinator->armed_for_ms = LIVENESS_NEVER;
    (void)uv_prepare_start(&coordinator->before_wait, on_before_wait);
    (void)uv_timer_start(&coordinator->renewal_timer, on_renewal, RENEWAL_LOOK_MS,
                         RENEWAL_LOOK_MS);
}

static void on_installation(const struct installation_opened *opened, void *userdata)
{
    struct coordinator *coordinator = userdata;
    struct err err = {0};
    coordinator->installation_is_opening = false;
    coordinator->installation = opened->installation;
    if (coordinator->closed != NULL) {
        stop_store(coordinator);
        return;
    }
    if (opened->installation == NULL) {
        coordinator->ready(&opened->error, coordinator->ready_userdata);
        return;
    }
    if (opened->is_new) {
        log_event(
            coordinator->env.log, LOG_LEVEL_NOTICE, "coordinator", MESSAGE_INSTALLATION_MADE,
            "installation %s was made; its first secrets are in %s/bootstrap-secrets.json",
            opened->installation->id, coordinator->options->state_dir);
    }
    if (open_parts(coordinator, &err) < 0) {
        coordinator->ready(&err, coordinator->ready_userdata);
        return;
    }
    connect_handlers(coordinator);
    if (start_server(coordinator, &err) < 0) {
        coordinator->ready(&err, coordinator->ready_userdata);
        return;
    }
    start_timers(coordinator);
    coordinator->ready(NULL, coordinator->ready_userdata);
}

static int open_state(struct coordinator *coordinator, struct err *err)
{
    const char *dir = coordinator->options->state_dir;
    auto_free char *path = fs_join(dir, STORE_SQLITE_FILE);
    if (path == NULL) {
        return err_no_memory(err);
    }
    /* Others may read ca.pem in it; nobody but us may write. */
    if (fs_dir(dir, err) < 0 || fs_private_dir(dir, err) < 0) {
        return err_wrap(err, "use the state directory");
    }
    return store_sqlite_open(&coordinator->store, coordinator->env.loop, path, err);
}

static int listen_early(struct coordinator *coordinator, struct err *err)
{
    const struct endpoint *listen = &coordinator->options->listen;
    return http_server_listen(listen->host, listen->port, &coordinator->listen_fd, err);
}

static void on_store_closed_early(void *userdata)
{
    free(userdata);
}

/* The store is on the loop already: it goes with the loop's next turn. */
static int fail_start(struct coordinator *coordinator)
{
    if (coordinator->listen_fd >= 0) {
        (void)close(coordinator->listen_fd);
    }
    if (coordinator->store != NULL) {
        store_close(coordinator->store, on_store_closed_early, coordinator);
    } else {
        free(coordinator);
    }
    return -1;
}

int coordinator_start(struct coordinator **ret,
                      const struct coordinator_environment *environment,
                      const struct coordinator_options *options, coordinator_ready_fn *ready,
                      void *userdata, struct err *err)
{
    struct coordinator *coordinator = calloc(1, sizeof *coordinator);
    if (coordinator == NULL) {
        return err_no_memory(err);
    }
    coordinator->env = *environment;
    coordinator->options = options;
    coordinator->ready = ready;
    coordinator->ready_userdata = userdata;
    coordinator->listen_fd = -1;
    if (listen_early(coordinator, err) < 0 || open_state(coordinator, err) < 0) {
        return fail_start(coordinator);
    }
    struct installation_options installation = {
        .loop = environment->loop,
        .store = coordinator->store,
        .state_dir = options->state_dir,
        .clock = environment->clock,
        .rng = environment->rng,
        .log = environment->log,
    };
    if (installation_open(&installation, on_installation, coordinator, err) < 0) {
        return fail_start(coordinator);
    }
    coordinator->installation_is_opening = true;
    *ret = coordinator;
    return 0;
}

/* Stop. */

static void on_timer_closed(uv_handle_t *handle)
{
    struct coordinator *coordinator = handle->data;
    if (--coordinator->open_handles == 0) {
        stop_store(coordinator);
    }
}

static void stop_timers(struct coordinator *coordinator)
{
    if (coordinator->open_handles == 0) {
        stop_store(coordinator);
        return;
    }
    uv_close((uv_handle_t *)&coordinator->before_wait, on_timer_closed);
    uv_close((uv_handle_t *)&coordinator->liveness_timer, on_timer_closed);
    uv_close((uv_handle_t *)&coordinator->renewal_timer, on_timer_closed);
}

static void on_server_closed(void *userdata)
{
    stop_timers(userdata);
}

static void stop_server(struct coordinator *coordinator)
{
    if (coordinator->server != NULL) {
        http_server_stop(coordinator->server, on_server_closed, coordinator);
    } else {
        stop_timers(coordinator);
    }
}

static void on_users_stopped(void *userdata)
{
    stop_server(userdata);
}

void coordinator_stop(struct coordinator *coordinator, coordinator_closed_fn *closed,
                      void *userdata)
{
    if (coordinator->closed != NULL) {
        return;
    }
    coordinator->closed = closed;
    coordinator->closed_userdata = userdata;
    if (coordinator->installation_is_opening) {
        return; /* on_installation goes on from here */
    }
    if (coordinator->users != NULL) {
        users_stop(coordinator->users, on_users_stopped, coordinator);
    } else {
        stop_server(coordinator);
    }
}
