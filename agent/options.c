/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table from which flags, environment, file, --help and the man page come, and the way from
 * its texts to typed values. Also the place where an inline roles token leaves argv: before
 * anything else looks at it.
 */
#include "agent/options.h"

#include "common/base/fs.h"
#include "common/base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int check_coordinators(const char *value, struct err *err)
{
    struct endpoint_list list = {0};
    return endpoint_list_parse(value, AGENT_DEFAULT_PORT, &list, err);
}

static int check_roles(const char *value, struct err *err)
{
    roles_t roles = ROLES_NONE;
    return roles_parse_list(value, &roles, err);
}

static int check_tags(const char *value, struct err *err)
{
    struct wire_tags tags = {0};
    int rc = wire_tags_parse(value, &tags, err);
    wire_tags_fini(&tags);
    return rc;
}

static int check_ip(const char *value, struct err *err)
{
    char canonical[REPORT_HOST_IP_BYTES];
    return parse_ip(value, canonical, err);
}

static int check_slice(const char *value, struct err *err)
{
    size_t len = strlen(value);
    static const char suffix[] = ".slice";
    if (len <= sizeof suffix - 1 || strcmp(value + len - (sizeof suffix - 1), suffix) != 0 ||
        strchr(value, '/') != NULL || value[0] == '.' || value[0] == '-') {
        return err_set(err, ERR_INVALID,
                       "\"%s\" is no name of a systemd slice, like ece-instances.slice", value);
    }
    return 0;
}

static int check_directory(const char *value, struct err *err)
{
    return value[0] == '/' || value[0] == '.'
               ? 0
               : err_set(err, ERR_INVALID, "\"%s\" must be a path that starts with / or .",
                         value);
}

static int check_proxy(const char *value, struct err *err)
{
    return strncmp(value, "http://", 7) == 0 || strncmp(value, "https://", 8) == 0
               ? 0
               : err_set(err, ERR_INVALID, "%s must be a URL: http://HOST:PORT",
                         strchr(value, '@') == NULL ? value
                                                    : "it (not shown: it may hold a password)");
}

const struct opt_spec agent_option_specs[] = {
    {.name = "coordinator-host",
     .arg = "HOST[:PORT],...",
     .sources = OPT_ANYWHERE,
     .check = check_coordinators,
     .help = "the coordinators to join, tried in turn: names, IPv4 or [IPv6]; port 12443 "
             "unless given"},
    {.name = "roles-token",
     .arg = "@FILE|-|TOKEN",
     .sources = OPT_FLAG,
     .help = "a file that holds the roles token, - for standard input, or the token itself, "
             "which other users of the host then see until the agent has started"},
    {.name = "roles-token-file",
     .arg = "FILE",
     .sources = OPT_ENV | OPT_FILE,
     .help = "a file that holds the roles token, read when it is needed; the systemd "
             "credential roles-token "
             "comes before it"},
    {.name = "roles",
     .arg = "ROLE,...",
     .sources = OPT_ANYWHERE,
     .fallback = "",
     .check = check_roles,
     .help = "roles to ask for: director, coordinator, proxy, allocator; none leaves them to "
             "be assigned later"},
    {.name = "runner-id",
     .arg = "ID",
     .sources = OPT_ANYWHERE,
     .check = parse_runner_id,
     .help = "the name of this host in the installation; the host ip unless given"},
    {.name = "host-ip",
     .arg = "ADDRESS",
     .sources = OPT_ANYWHERE,
     .check = check_ip,
     .help = "the address of this host that others reach; that of the default route, read anew "
             "at each heartbeat, unless "
             "given"},
    {.name = "public-hostname",
     .arg = "NAME",
     .sources = OPT_ANYWHERE,
     .check = parse_host,
     .help = "the name under which users reach this host; the host ip unless given"},
    {.name = "availability-zone",
     .arg = "ZONE",
     .sources = OPT_ANYWHERE,
     .fallback = "ece-zone-1",
     .check = parse_zone,
     .help = "the zone of this host; it cannot be changed after joining"},
    {.name = "capacity",
     .arg = "MB",
     .kind = OPT_U64,
     .sources = OPT_ANYWHERE,
     .min = 256,
     .max = 1U << 30U,
     .help = "memory offered to instances, in MiB; measured unless given"},
    {.name = "allocator-tags",
     .arg = "KEY:VALUE,...",
     .sources = OPT_ANYWHERE,
     .check = check_tags,
     .help = "metadata that the allocator is registered with"},
    {.name = "coordinator-ca",
     .arg = "FILE",
     .sources = OPT_ANYWHERE,
     .help = "PEM certificates that vouch for the coordinator, when the roles token carries no "
             "ca_sha256"},
    {.name = "proxy",
     .arg = "URL",
     .sources = OPT_ANYWHERE,
     .check = check_proxy,
     .help = "reach the coordinator through this HTTP proxy; the usual environment variables "
             "are not looked at"},
    {.name = "instances-slice",
     .arg = "SLICE",
     .sources = OPT_ANYWHERE,
     .fallback = "ece-instances.slice",
     .check = check_slice,
     .help = "the systemd slice whose children are the instances"},
    {.name = "state-dir",
     .arg = "DIR",
     .sources = OPT_ANYWHERE,
     .fallback = "/var/lib/ece-agent",
     .check = check_directory,
     .help = "where the identity of this host is kept"},
    {.name = "runtime-dir",
     .arg = "DIR",
     .sources = OPT_ANYWHERE,
     .fallback = "/run/ece-agent",
     .check = check_directory,
     .help = "where the running agent leaves its status for ece-agent status"},
    {.name = "log-level",
     .arg = "LEVEL",
     .sources = OPT_ANYWHERE,
     .fallback = "info",
     .check = log_level_check,
     .help = "error, warning, notice, info or debug"},
    {.name = "config",
     .arg = "FILE",
     .sources = OPT_FLAG | OPT_ENV,
     .fallback = "/etc/ece-agent/agent.conf",
     .help = "the configuration file; the default one may be absent"},
    {.name = NULL},
};

/* Copies an inline token and overwrites it where every user of the host can see it. */
static int hide_inline_token(char *value, struct secret *ret, struct err *err)
{
    size_t len = strlen(value);
    if (value[0] == '@' || strcmp(value, "-") == 0) {
        return 0;
    }
    if (len > AGENT_TOKEN_INLINE_MAX) {
        explicit_bzero(value, len);
        return err_set(err, ERR_USAGE,
                       "flag --roles-token: a token has at most %d characters, this one %zu",
                       JWT_TEXT_MAX, len);
    }
    secret_fini(ret);
    if (secret_copy(ret, value, len, err) < 0) {
        return -1;
    }
    memset(value, '*', len);
    return 0;
}

static int take_inline_token(int argc, char **argv, struct secret *ret, struct err *err)
{
    static const char flag[] = "--roles-token";
    for (int i = 1; i < argc; i++) {
        char *value = NULL;
        if (strcmp(argv[i], flag) == 0 && i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0) {
            value = argv[++i];
        } else if (strncmp(argv[i], flag, sizeof flag - 1) == 0 &&
                   argv[i][sizeof flag - 1] == '=') {
            value = argv[i] + sizeof flag;
        }
        if (value != NULL && value[0] != '\0' && hide_inline_token(value, ret, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int agent_options_read_standard_input(struct agent_options *options, struct err *err)
{
    const char *flag = opts_text(options->raw, "roles-token");
    if (flag == NULL || strcmp(flag, "-") != 0) {
        return 0;
    }
    auto_buf text = BUF_INIT(AGENT_TOKEN_INLINE_MAX);
    if (fs_read("-", &text, err) < 0) {
        return err_wrap(err, "read the roles token from standard input");
    }
    size_t len = text.len;
    while (len > 0 && (text.bytes[len - 1] == '\n' || text.bytes[len - 1] == '\r')) {
        len--;
    }
    secret_fini(&options->token.inline_text);
    int rc = secret_copy(&options->token.inline_text, buf_text(&text), len, err);
    buf_wipe(&text);
    return rc;
}

static int read_token_source(struct agent_options *options, struct err *err)
{
    const char *flag = opts_text(options->raw, "roles-token");
    options->token.credential_dir = getenv("CREDENTIALS_DIRECTORY");
    options->token.configured_file = opts_text(options->raw, "roles-token-file");
    if (flag == NULL) {
        secret_fini(&options->token.inline_text);
        return 0;
    }
    if (flag[0] == '\0') {
        return err_set(err, ERR_USAGE,
                       "flag --roles-token: the token is empty; is the shell variable set?");
    }
    if (flag[0] == '@') {
        secret_fini(&options->token.inline_text);
        options->token.file = flag + 1;
        return 0;
    }
    return 0;
}

static int read_values(struct agent_options *options, struct err *err)
{
    const struct opts *raw = options->raw;
    const char *coordinators = opts_text(raw, "coordinator-host");
    const char *tags = opts_text(raw, "allocator-tags");
    const char *host_ip = opts_text(raw, "host-ip");
    if ((coordinators != NULL && endpoint_list_parse(coordinators, AGENT_DEFAULT_PORT,
                                                     &options->coordinators, err) < 0) ||
        roles_parse_list(opts_text(raw, "roles"), &options->roles, err) < 0 ||
        (tags != NULL && wire_tags_parse(tags, &options->tags, err) < 0) ||
        (host_ip != NULL && parse_ip(host_ip, options->canonical_host_ip, err) < 0)) {
        return -1;
    }
    options->host_ip = host_ip != NULL ? options->canonical_host_ip : NULL;
    options->runner_id = opts_text(raw, "runner-id");
    options->public_hostname = opts_text(raw, "public-hostname");
    options->zone = opts_text(raw, "availability-zone");
    options->coordinator_ca = opts_text(raw, "coordinator-ca");
    options->proxy = opts_text(raw, "proxy");
    options->state_dir = opts_text(raw, "state-dir");
    options->runtime_dir = opts_text(raw, "runtime-dir");
    options->instances_slice = opts_text(raw, "instances-slice");
    options->capacity_mb = (uint32_t)opts_u64(raw, "capacity");
    (void)log_level_parse(opts_text(raw, "log-level"), &options->log_level);
    return read_token_source(options, err);
}

int agent_options_read(int argc, char **argv, const char *const *envp,
                       struct agent_options *ret, struct err *err)
{
    struct agent_options options = {0};
    struct opts_input input = {
        .specs = agent_option_specs,
        .env_prefix = AGENT_ENV_PREFIX,
        .file_flag = "config",
        .argc = argc,
        .argv = argv,
        .envp = envp,
    };
    if (take_inline_token(argc, argv, &options.token.inline_text, err) < 0 ||
        opts_read(&options.raw, &input, err) < 0) {
        agent_options_fini(&options);
        return -1;
    }
    *ret = options;
    if (read_values(ret, err) < 0) {
        agent_options_fini(ret);
        return -1;
    }
    return 0;
}

void agent_options_fini(struct agent_options *options)
{
    roles_token_source_forget(&options->token);
    wire_tags_fini(&options->tags);
    opts_free(options->raw);
    *options = (struct agent_options){0};
}
