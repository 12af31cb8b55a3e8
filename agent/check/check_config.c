/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration beyond its syntax: is there a coordinator, and is --coordinator-ca what it
 * must be?
 */
#include "agent/check/check_config.h"

#include "common/base/fs.h"

#include <string.h>

enum { CA_FILE_MAX = 1024 * 1024 };

void check_config_valid(struct check_report *report, const struct agent_options *options,
                        const char *problem)
{
    if (problem != NULL) {
        check_failure(report, CHECK_CONFIG_VALID,
                      "correct what the message names; `ece-agent check --help` lists all "
                      "options",
                      "%s", problem);
        return;
    }
    const char *file = opts_text(options->raw, "config");
    if (access(file, F_OK) == 0) {
        check_ok(report, CHECK_CONFIG_VALID, "flags, environment and %s", file);
    } else {
        check_ok(report, CHECK_CONFIG_VALID, "flags and environment; there is no %s", file);
    }
}

static void check_coordinators(struct check_report *report, const struct identity *identity,
                               bool is_known, struct endpoint_list *list)
{
    auto_buf text = BUF_INIT((size_t)ENDPOINT_LIST_MAX * (ENDPOINT_TEXT_BYTES + 2));
    struct err err = {0};
    for (size_t i = 0; identity->is_complete && i < identity->coordinators.count; i++) {
        endpoint_list_add(list, &identity->coordinators.items[i]);
    }
    if (list->count == 0 && !is_known) {
        check_skipped(report, CHECK_CONFIG_COORDINATOR,
                      "none is configured, and those learned by joining cannot be read: "
                      "%s failed",
                      CHECK_STATE_IDENTITY);
        return;
    }
    if (list->count == 0) {
        check_failure(report, CHECK_CONFIG_COORDINATOR,
                      "give --coordinator-host HOST, or coordinator_host in the configuration",
                      "no coordinator is known");
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        char where[ENDPOINT_TEXT_BYTES];
        endpoint_format(&list->items[i], where);
        if (buf_appendf(&text, &err, "%s%s", i > 0 ? ", " : "", where) < 0) {
            report->is_incomplete = true;
            return;
        }
    }
    check_ok(report, CHECK_CONFIG_COORDINATOR, "%s", buf_text(&text));
}

static int read_ca_file(const char *path, struct buf *text, struct err *err)
{
    bool ignored = false;
    return fs_read(path, text, err) < 0 ||
                   x509_bundle_contains(buf_text(text), text->len, "", &ignored, err) < 0
               ? -1
               : 0;
}

static void check_ca_file(struct check_report *report, const char *path,
                          struct check_config *ret)
{
    auto_buf text = BUF_INIT(CA_FILE_MAX);
    struct err err = {0};
    if (read_ca_file(path, &text, &err) < 0) {
        ret->is_ca_file_bad = true;
        check_failure(report, CHECK_CONFIG_CA,
                      "copy the installation's ca.pem to this host and name it there",
                      "--coordinator-ca %s: %s", path, err.message);
        return;
    }
    ret->ca_file_pem = buf_take(&text);
    check_ok(report, CHECK_CONFIG_CA, "%s holds certificates", path);
}

void check_config(struct check_report *report, const struct agent_options *options,
                  const struct identity *identity, bool is_known, struct check_config *ret)
{
    *ret = (struct check_config){.coordinators = options->coordinators};
    check_coordinators(report, identity, is_known, &ret->coordinators);
    if (options->coordinator_ca != NULL) {
        check_ca_file(report, options->coordinator_ca, ret);
    }
}

void check_config_fini(struct check_config *config)
{
    free(config->ca_file_pem);
    *config = (struct check_config){0};
}
