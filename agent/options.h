/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's table of options and the checked values that come out of it. */
#ifndef AGENT_OPTIONS_H
#define AGENT_OPTIONS_H

#include "agent/join/roles_token.h"
#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/opts.h"
#include "common/wire/messages.h"

#include <stdbool.h>
#include <stdint.h>

#define AGENT_ENV_PREFIX "ECE_AGENT_"

enum { AGENT_DEFAULT_PORT = 12443, AGENT_TOKEN_INLINE_MAX = 16 * 1024 };

struct agent_options {
    struct opts *raw;                  /* owned; texts below point into it */
    struct endpoint_list coordinators; /* may be empty: then the identity's */
    roles_t roles;
    struct wire_tags tags;
    const char *runner_id;       /* NULL = the host ip */
    const char *host_ip;         /* canonical; NULL = found at each beat */
    const char *public_hostname; /* NULL = the host ip */
    const char *zone;
    const char *coordinator_ca; /* file; NULL = none */
    const char *state_dir;
    const char *runtime_dir;
    const char *instances_slice;
    const char *proxy;    /* NULL = none */
    uint32_t capacity_mb; /* 0 = measured */
    enum log_level log_level;
    struct roles_token_source token;
    char canonical_host_ip[REPORT_HOST_IP_BYTES];
};

/* {NULL} ends it; `ece-agent check` and `run` take all, the others those that they name. */
extern const struct opt_spec agent_option_specs[];

/** Read flags, environment and file. An inline token is moved out of @argv, which is
 * overwritten at once. @argv[0] is skipped. agent_options_fini(). Blocks. */
int agent_options_read(int argc, char **argv, const char *const *envp,
                       struct agent_options *ret, struct err *err) MUST_CHECK;
/** For --roles-token -: read the token now. Blocks until standard input ends; not for a reload.
 */
int agent_options_read_standard_input(struct agent_options *options,
                                      struct err *err) MUST_CHECK;
void agent_options_fini(struct agent_options *options);

#endif
