/* SPDX-License-Identifier: Apache-2.0 */
/* The table from which flags, environment, file, --help and the man page come, and the way from
 * its texts to typed values. */
#include "coordinator/coordinator_options.h"

#include "common/base/parse.h"
#include "common/wire/messages.h"

#include <stdlib.h>
#include <string.h>

static int parse_listen(const char *value, struct endpoint *ret, struct err *err)
{
    struct endpoint endpoint;
    char canonical[46];
    if (endpoint_parse(value, WIRE_PORT, &endpoint, err) < 0 ||
        parse_ip(endpoint.host, canonical, err) < 0) {
        return err_wrap(err, "expected ADDRESS:PORT");
    }
    *ret = endpoint;
    return 0;
}

static int check_listen(const char *value, struct err *err)
{
    struct endpoint ignored;
    return parse_listen(value, &ignored, err);
}

static int read_names(const char *value, char **ret_names, size_t *ret_count, struct err *err)
{
    int count = parse_list(value, ',', ret_names, COORDINATOR_EXTERNAL_NAMES_MAX, err);
    if (count < 0) {
        return -1;
    }
    *ret_count = (size_t)count;
    for (int i = 0; i < count; i++) {
        if (parse_host(ret_names[i], err) < 0) {
            return -1; /* the names are the caller's all the same */
        }
    }
    return 0;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
}

static int check_names(const char *value, struct err *err)
{
    char *names[COORDINATOR_EXTERNAL_NAMES_MAX] = {0};
    size_t count = 0;
    int rc = read_names(value, names, &count, err);
    free_names(names, count);
    return rc;
}

const struct opt_spec coordinator_option_specs[] = {
    {.name = "state-dir",
     .arg = "DIR",
     .sources = OPT_ANYWHERE,
     .fallback = "/var/lib/ece-coordinator",
     .help = "where the installation is kept: coordinator.db, ca.pem, bootstrap-secrets.json"},
    {.name = "listen",
     .arg = "ADDRESS:PORT",
     .sources = OPT_ANYWHERE,
     .fallback = "[::]:12443",
     .check = check_listen,
     .help = "where to listen; [::] is every IPv4 and IPv6 address"},
    {.name = "external-hostname",
     .arg = "NAME,...",
     .sources = OPT_ANYWHERE,
     .check = check_names,
     .help = "further names and addresses under which users and hosts reach this coordinator: "
             "put into its certificate, and "
             "told to the hosts"},
    {.name = "tls-cert",
     .arg = "FILE",
     .sources = OPT_ANYWHERE,
     .help = "the operator's own certificate chain (PEM) for browsers and API clients; hosts "
             "always get the installation's"},
    {.name = "tls-key",
     .arg = "FILE",
     .sources = OPT_ANYWHERE,
     .help = "the private key of --tls-cert (PEM)"},
    {.name = "artifacts-dir",
     .arg = "DIR",
     .sources = OPT_ANYWHERE,
     .fallback = "/var/lib/ece-artifacts",
     .help =
         "packages, their SHA256SUMS and elastic-cloud-enterprise.sh, for hosts that are to "
         "join: anyone may fetch them; root puts them there"},
    {.name = "heartbeat-interval",
     .arg = "MS",
     .kind = OPT_U64,
     .sources = OPT_ANYWHERE,
     .fallback = "10000",
     .min = WIRE_INTERVAL_MIN_MS,
     .max = WIRE_INTERVAL_MAX_MS,
     .help = "the shortest interval between the heartbeats of a host, in milliseconds; it "
             "grows with the fleet"},
    {.name = "log-level",
     .arg = "LEVEL",
     .sources = OPT_ANYWHERE,
     .fallback = "info",
     .check = log_level_check,
     .help = "error, warning, notice, info or debug"},
    {.name = "config",
     .arg = "FILE",
     .sources = OPT_FLAG | OPT_ENV,
     .fallback = "/etc/ece-coordinator/coordinator.conf",
     .help = "the configuration file; the default one may be absent"},
    {.name = NULL},
};

static int read_values(struct coordinator_options *options, struct err *err)
{
    const struct opts *raw = options->raw;
    const char *names = opts_text(raw, "external-hostname");
    options->state_dir = opts_text(raw, "state-dir");
    options->artifacts_dir = opts_text(raw, "artifacts-dir");
    options->tls_cert = opts_text(raw, "tls-cert");
    options->tls_key = opts_text(raw, "tls-key");
    options->heartbeat_interval_ms = (uint32_t)opts_u64(raw, "heartbeat-interval");
    (void)log_level_parse(opts_text(raw, "log-level"), &options->log_level);
    if ((options->tls_cert == NULL) != (options->tls_key == NULL)) {
        return err_set(err, ERR_CONFIG, "--tls-cert and --tls-key must be given together");
    }
    if (parse_listen(opts_text(raw, "listen"), &options->listen, err) < 0) {
        return -1;
    }
    return names != NULL
               ? read_names(names, options->external_names, &options->n_external_names, err)
               : 0;
}

int coordinator_options_read(int argc, char **argv, const char *const *envp,
                             struct coordinator_options *ret, struct err *err)
{
    struct opts_input input = {
        .specs = coordinator_option_specs,
        .env_prefix = COORDINATOR_ENV_PREFIX,
        .file_flag = "config",
        .argc = argc,
        .argv = argv,
        .envp = envp,
    };
    struct coordinator_options options = {0};
    if (opts_read(&options.raw, &input, err) < 0) {
        return -1;
    }
    if (read_values(&options, err) < 0) {
        coordinator_options_fini(&options);
        return -1;
    }
    *ret = options;
    return 0;
}

void coordinator_options_fini(struct coordinator_options *options)
{
    free_names(options->external_names, options->n_external_names);
    opts_free(options->raw);
    *options = (struct coordinator_options){0};
}
