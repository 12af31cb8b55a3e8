/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-agent check`: what the configuration says of the coordinators and of whom to trust. */
#ifndef AGENT_CHECK_CONFIG_H
#define AGENT_CHECK_CONFIG_H

#include "agent/check/check_report.h"
#include "agent/join/identity.h"
#include "agent/options.h"

struct check_config {
    struct endpoint_list coordinators; /* configured and, after joining, learned */
    char *ca_file_pem;                 /* owned; NULL = none, or unusable */
    bool is_ca_file_bad;
};

/** @problem: why the options could not be read; NULL when they are valid. */
void check_config_valid(struct check_report *report, const struct agent_options *options,
                        const char *problem);

/**
 * @identity: of the host, zeros if it has none; @is_known false: it may have one that could not
 * be read. Blocks briefly. @ret is to be released in any case.
 */
void check_config(struct check_report *report, const struct agent_options *options,
                  const struct identity *identity, bool is_known, struct check_config *ret);
void check_config_fini(struct check_config *config);

#endif
