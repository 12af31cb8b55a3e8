/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent leave`: tells the coordinator that this runner goes, then forgets the identity;
 * --local only forgets. A running agent notices by SIGHUP and stays up, unenrolled.
 */
#include "agent/commands/commands.h"

#include "agent/join/identity.h"
#include "agent/link/authenticate.h"
#include "agent/link/uplink.h"
#include "common/base/clock.h"
#include "common/base/fs.h"
#include "version.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <uv.h>

enum leave_outcome { LEAVE_PENDING, LEAVE_DONE, LEAVE_UNKNOWN, LEAVE_FAILED };

struct leave {
    uv_loop_t loop;
    struct http_client *http;
    struct uplink *uplink;
    struct identity identity;
    struct authenticate authenticate;
    size_t tries_left; /* each coordinator once, and once more for a wrong clock */
    enum leave_outcome outcome;
    struct err error;
};

static void authenticate(struct leave *leave);

static void fail_or_retry(struct leave *leave, const struct err *why)
{
    leave->error = *why;
    if (--leave->tries_left == 0) {
        leave->outcome = LEAVE_FAILED;
        return;
    }
    authenticate(leave);
}

static void on_left(const struct uplink_reply *reply, void *userdata)
{
    struct leave *leave = userdata;
    if (reply->outcome == UPLINK_OK) {
        leave->outcome = LEAVE_DONE;
        return;
    }
    fail_or_retry(leave, &reply->error);
}

static void on_authenticated(const struct authenticate_result *result, void *userdata)
{
    struct leave *leave = userdata;
    struct err err = {0};
    if (result->outcome == AUTHENTICATE_UNKNOWN) {
        leave->outcome = LEAVE_UNKNOWN; /* gone already: nothing to tell */
        return;
    }
    if (result->outcome != AUTHENTICATE_GRANTED) {
        fail_or_retry(leave, &result->error);
        return;
    }
    struct uplink_request request = {.method = "POST",
                                     .path = WIRE_PATH_LEAVE,
                                     .bearer = result->access_token,
                                     .body = json_object()};
    if (uplink_send(leave->uplink, &request, on_left, leave, &err) < 0) {
        leave->error = err;
        leave->outcome = LEAVE_FAILED;
    }
}

static void authenticate(struct leave *leave)
{
    struct authenticate_spec spec = {
        .runner_id = leave->identity.runner_id,
        .installation_id = leave->identity.installation_id,
        .private_key_pem = &leave->identity.private_key_pem,
        .rng = rng_system(),
    };
    if (authenticate_send(&leave->authenticate, leave->uplink, &spec, on_authenticated, leave,
                          &leave->error) < 0) {
        leave->outcome = LEAVE_FAILED;
    }
}

static void on_http_closed(void *userdata)
{
    (void)userdata;
}

static int start(struct leave *leave, const struct agent_options *options)
{
    struct http_client_options http = {
        .loop = &leave->loop, .clock = clock_system(), .user_agent = "ece-agent/" ECE_VERSION};
    if (http_client_start(&leave->http, &http, &leave->error) < 0) {
        return -1;
    }
    struct uplink_options uplink = {
        .clock = clock_system(), .http = leave->http, .proxy = options->proxy};
    if (uplink_new(&leave->uplink, &uplink, &leave->error) < 0 ||
        uplink_trust(leave->uplink, leave->identity.ca_pem, leave->identity.installation_id,
                     &leave->error) < 0) {
        return -1;
    }
    struct endpoint_list endpoints = options->coordinators;
    for (size_t i = 0; i < leave->identity.coordinators.count; i++) {
        endpoint_list_add(&endpoints, &leave->identity.coordinators.items[i]);
    }
    if (endpoints.count == 0) {
        return err_set(&leave->error, ERR_CONFIG,
                       "no coordinator is known: give --coordinator-host");
    }
    uplink_set_endpoints(leave->uplink, &endpoints);
    leave->tries_left = endpoints.count + 1;
    authenticate(leave);
    return 0;
}

/* Runs a loop of its own until the coordinator has answered: bounded by the tries and each
 * one's deadline. */
static enum leave_outcome tell_coordinator(struct leave *leave,
                                           const struct agent_options *options)
{
    if (uv_loop_init(&leave->loop) < 0) {
        (void)err_set(&leave->error, ERR_INTERNAL, "no event loop");
        return LEAVE_FAILED;
    }
    if (start(leave, options) < 0) {
        leave->outcome = LEAVE_FAILED;
    }
    while (leave->outcome == LEAVE_PENDING && uv_run(&leave->loop, UV_RUN_ONCE) != 0) {
    }
    http_client_stop(leave->http, on_http_closed, NULL);
    (void)uv_run(&leave->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&leave->loop);
    uplink_free(leave->uplink);
    return leave->outcome;
}

static int forget(const struct agent_options *options, struct err *err)
{
    if (identity_erase(options->state_dir, err) < 0) {
        return -1;
    }
    auto_free char *lock = fs_join(options->state_dir, "lock");
    pid_t pid = lock != NULL ? fs_lock_holder(lock) : 0;
    if (pid > 0 && kill(pid, SIGHUP) < 0) {
        (void)fprintf(
            stderr,
            "ece-agent leave: the running agent (pid %d) could not be told; restart it\n",
            (int)pid);
    }
    return 0;
}

/* Also what cannot be read is forgotten. */
static int leave_locally(const struct agent_options *options, struct err *err)
{
    struct identity identity = {0};
    struct err unreadable = {0};
    enum identity_found found = IDENTITY_ABSENT;
    bool is_absent = identity_load(options->state_dir, &found, &identity, &unreadable) == 0 &&
                     found == IDENTITY_ABSENT;
    identity_fini(&identity);
    if (forget(options, err) < 0) {
        return -1;
    }
    if (is_absent) {
        (void)printf("there was no identity here: %s\n", options->state_dir);
    } else {
        (void)printf("this host has forgotten its identity; the coordinator was not told\n");
    }
    return 0;
}

static int leave_remotely(const struct agent_options *options, struct err *err)
{
    struct leave leave = {0};
    enum identity_found found = IDENTITY_ABSENT;
    if (identity_load(options->state_dir, &found, &leave.identity, err) < 0) {
        return -1;
    }
    if (found == IDENTITY_ABSENT) {
        return err_set(err, ERR_ABSENT, "this host has not joined: there is no identity in %s",
                       options->state_dir);
    }
    enum leave_outcome outcome = tell_coordinator(&leave, options);
    int rc = 0;
    if (outcome == LEAVE_DONE) {
        (void)printf("runner %s has left installation %s\n", leave.identity.runner_id,
                     leave.identity.installation_id);
    } else if (outcome == LEAVE_UNKNOWN) {
        (void)printf("installation %s did not know runner %s any more\n",
                     leave.identity.installation_id, leave.identity.runner_id);
    } else {
        *err = leave.error;
        rc = err_wrap(err, "the coordinator was not told, and nothing was forgotten (--local "
                           "forgets all the same)");
    }
    identity_fini(&leave.identity);
    return rc == 0 ? forget(options, err) : -1;
}

static void print_help(void)
{
    (void)printf(
        "Usage: ece-agent leave [--local] [OPTION...]\n\n"
        "Removes this runner from its installation and forgets the identity. A running\n"
        "agent stays up, unenrolled. Exit status: 0 done, 66 this host has not joined;\n"
        "otherwise nothing was forgotten.\n\n"
        "  --local                     only forget, for when the coordinator is gone or\n"
        "                              this host is a copy of another one\n"
        "  --coordinator-host HOST[:PORT],...\n"
        "                              ask these first, then those known from joining\n"
        "  --proxy URL                 reach the coordinator through this HTTP proxy\n"
        "  --state-dir DIR             where the identity is\n"
        "  --config FILE               where these may stand, too\n\n"
        "The other options of `ece-agent run` are accepted and change nothing.\n");
}

int command_leave(int argc, char **argv)
{
    struct err err = {0};
    struct agent_options options;
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the peer has closed */
    bool is_local = opts_take_flag(&argc, argv, "--local");
    if (opts_take_flag(&argc, argv, "--help")) {
        print_help();
        return 0;
    }
    if (commands_read_options(argc, argv, &options, &err) < 0) {
        (void)fprintf(stderr, "ece-agent leave: %s\n", err.message);
        return err_exit_status(err.code);
    }
    int rc = is_local ? leave_locally(&options, &err) : leave_remotely(&options, &err);
    if (rc < 0) {
        (void)fprintf(stderr, "ece-agent leave: %s\n", err.message);
    }
    agent_options_fini(&options);
    return rc < 0 ? err_exit_status(err.code) : 0;
}
