/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: looks at everything that joining and staying joined need, and says all
 * that is wrong in one run. Changes nothing on the host; the roles token goes to a coordinator
 * that proved itself, to ask whether it is accepted. Connects the modules of agent/check.
 */
#include "agent/commands/commands.h"

#include "agent/check/check_config.h"
#include "agent/check/check_host.h"
#include "agent/check/check_network.h"
#include "agent/check/check_state.h"
#include "agent/check/check_token.h"
#include "common/base/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { REPORT_TEXT_MAX = 1024 * 1024 };

static void print_help(void)
{
    (void)printf(
        "Usage: ece-agent check [--json] [OPTION...]\n\n"
        "Checks this host before or after joining: configuration, state directory, roles\n"
        "token, address, memory, cgroups, and for each coordinator its name, TCP, TLS,\n"
        "trust and clock; then whether the installation takes this host. Every line is\n"
        "ok, warning, failure or skipped, with a stable code and the next step. Takes at\n"
        "most half a minute and changes nothing. Exit status: 0 no failure, 1 a failure.\n\n"
        "  --json                      one JSON object: \"ok\", and \"checks\", each with\n"
        "                              \"code\", \"status\", \"message\" and \"next\"\n\n"
        "The options are those of `ece-agent run`:\n\n");
    opts_print_help(stdout, agent_option_specs);
}

/* Without a configuration there is nothing to check by. */
static void skip_all(struct check_report *report)
{
    static const char *const codes[] = {
        CHECK_STATE_DIRECTORY,     CHECK_STATE_SPACE,        CHECK_STATE_IDENTITY,
        CHECK_SERVICE_RUNNING,     CHECK_CONFIG_COORDINATOR, CHECK_TOKEN_FORM,
        CHECK_TOKEN_EXPIRY,        CHECK_TOKEN_ROLES,        CHECK_HOST_ADDRESS,
        CHECK_MEMORY_TOTAL,        CHECK_CGROUP_HIERARCHY,   CHECK_CGROUP_INSTANCES,
        CHECK_COORDINATOR_RESOLVE, CHECK_COORDINATOR_TCP,    CHECK_COORDINATOR_TLS,
        CHECK_COORDINATOR_TRUST,   CHECK_COORDINATOR_CLOCK,  CHECK_TOKEN_ACCEPTED,
        CHECK_RUNNER_ID,
    };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        check_skipped(report, codes[i], CHECK_CONFIG_VALID " failed");
    }
}

/*
 * Why nothing on this host can vouch for a coordinator; NULL when something was given for that.
 */
static const char *missing_anchor(const struct check_token *token,
                                  const struct check_config *config)
{
    if (config->ca_file_pem != NULL || token->token.hints.ca_sha256[0] != '\0') {
        return NULL;
    }
    if (config->is_ca_file_bad) {
        return CHECK_CONFIG_CA " failed";
    }
    return token->token.text.bytes == NULL ? token->problem : NULL;
}

struct inputs {
    struct check_state state;
    struct check_config config;
    struct check_token token;
    char host_ip[REPORT_HOST_IP_BYTES];
};

static void gather(struct check_report *report, const struct agent_options *options,
                   struct inputs *inputs)
{
    check_state(report, options->state_dir, &inputs->state);
    const struct identity *identity = &inputs->state.identity;
    bool is_joined = identity->is_complete;
    struct check_token_spec token = {
        .source = &options->token,
        .wanted = options->roles,
        .joined_as = is_joined ? identity->runner_id : NULL,
        .may_have_joined = !inputs->state.is_known,
        .now_s = clock_wall_s(clock_system()),
    };
    struct check_host_spec host = {
        .root = "/",
        .host_ip = options->host_ip,
        .needs_address = options->runner_id == NULL && !is_joined,
        .instances_slice = options->instances_slice,
        .storage_path = inputs->state.existing_dir != NULL ? inputs->state.existing_dir : "/",
        .capacity_mb = options->capacity_mb,
        .roles = is_joined ? identity->roles : options->roles,
    };
    check_config(report, options, identity, inputs->state.is_known, &inputs->config);
    check_token(report, &token, &inputs->token);
    check_host(report, &host, inputs->host_ip);
}

static enum check_network_outcome check_all(struct check_report *report,
                                            const struct agent_options *options)
{
    struct inputs inputs;
    gather(report, options, &inputs);
    const struct check_token *token = &inputs.token;
    const char *runner_id = options->runner_id;
    if (runner_id == NULL && inputs.host_ip[0] != '\0') {
        runner_id = inputs.host_ip;
    }
    struct check_network_spec network = {
        .coordinators = inputs.config.coordinators,
        .proxy = options->proxy,
        .identity = inputs.state.identity.is_complete ? &inputs.state.identity : NULL,
        .pin = token->token.hints.ca_sha256,
        .ca_file_pem = inputs.config.ca_file_pem,
        .no_anchor = missing_anchor(token, &inputs.config),
        .token = token->problem == NULL ? &token->token.text : NULL,
        .no_token = token->problem,
        .runner_id = runner_id,
        .is_runner_id_given = options->runner_id != NULL,
    };
    enum check_network_outcome outcome = check_network(report, &network);
    check_token_fini(&inputs.token);
    check_config_fini(&inputs.config);
    check_state_fini(&inputs.state);
    return outcome;
}

static int print_report(const struct check_report *report, bool wants_json)
{
    auto_buf text = BUF_INIT(REPORT_TEXT_MAX);
    struct err err = {0};
    int rc = wants_json ? check_report_json(report, &text, &err)
                        : check_report_text(report, &text, &err);
    if (rc < 0) {
        (void)fprintf(stderr, "ece-agent check: %s\n", err.message);
        return -1;
    }
    if (fputs(buf_text(&text), stdout) == EOF || fflush(stdout) == EOF) {
        (void)fprintf(stderr, "ece-agent check: the report could not be written\n");
        return -1;
    }
    return 0;
}

int command_check(int argc, char **argv)
{
    struct err err = {0};
    struct agent_options options = {0};
    struct check_report report = CHECK_REPORT_INIT;
    enum check_network_outcome outcome = CHECK_NETWORK_OVER;
    bool wants_json = opts_take_flag(&argc, argv, "--json");
    if (opts_take_flag(&argc, argv, "--help")) {
        print_help();
        return 0;
    }
    (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets that the peer has closed */
    int rc = commands_read_options(argc, argv, &options, &err);
    if (rc < 0 && err.code == ERR_USAGE) {
        (void)fprintf(stderr, "ece-agent check: %s\n", err.message);
        return err_exit_status(err.code);
    }
    check_config_valid(&report, &options, rc < 0 ? err.message : NULL);
    if (rc == 0) {
        outcome = check_all(&report, &options);
        agent_options_fini(&options);
    } else {
        skip_all(&report);
    }
    int status = print_report(&report, wants_json) == 0 && check_report_is_ok(&report) ? 0 : 1;
    check_report_fini(&report);
    if (outcome == CHECK_NETWORK_LEFTOVERS) {
        _exit(status); /* exit() would wait for a name lookup that has had its time */
    }
    return status;
}
