/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's table of options and the checked values that come out of it. */
#ifndef COORDINATOR_OPTIONS_H
#define COORDINATOR_OPTIONS_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/opts.h"

#include <stdint.h>

#define COORDINATOR_ENV_PREFIX "ECE_COORDINATOR_"

enum { COORDINATOR_EXTERNAL_NAMES_MAX = 16 };

struct coordinator_options {
    struct opts *raw; /* owned; texts below point into it */
    const char *state_dir;
    struct endpoint listen;
    size_t n_external_names;
    char *external_names[COORDINATOR_EXTERNAL_NAMES_MAX]; /* owned */
    const char *artifacts_dir;
    const char *tls_cert; /* file; NULL = none of the operator's own */
    const char *tls_key;
    uint32_t heartbeat_interval_ms;
    enum log_level log_level;
};

extern const struct opt_spec coordinator_option_specs[];

/** @argv[0] is skipped. coordinator_options_fini(). Blocks. */
int coordinator_options_read(int argc, char **argv, const char *const *envp,
                             struct coordinator_options *ret, struct err *err) MUST_CHECK;
void coordinator_options_fini(struct coordinator_options *options);

#endif
