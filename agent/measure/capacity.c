/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts together what this host offers. Owns the rule for the total and its wording, and the
 * list of instances; where the numbers stand is the business of machine.h and cgroup_tree.h.
 */
#include "agent/measure/capacity.h"

#include "agent/measure/cgroup_tree.h"
#include "agent/measure/machine.h"
#include "common/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RESERVE_PERCENT = 15,
    RESERVE_MAX_MB = 28 * 1024,
    RESERVE_MAX_ALLOCATOR_MB = 12 * 1024,       /* nothing else of ours runs on the host */
    MEMORY_MAX_MB = INT32_MAX,                  /* the API has memory as int32 */
    BASE_NAME_BYTES = REPORT_SOURCE_BYTES - 14, /* " less 28672 MB" */
};

static const uint64_t mib = UINT64_C(1024) * 1024;

static uint32_t clamp_mb(uint64_t mb)
{
    return mb < MEMORY_MAX_MB ? (uint32_t)mb : MEMORY_MAX_MB;
}

/* Names of cgroups are any bytes. Cut to the array; what is not printable ASCII becomes '?'. */
static void copy_clean(char *ret, size_t size, const char *text)
{
    size_t len = 0;
    for (; len < size - 1 && text[len] != '\0'; len++) {
        ret[len] = text[len] >= ' ' && text[len] <= '~' ? text[len] : '?';
    }
    ret[len] = '\0';
}

/* ---- the total ---- */

/* What the 15 % are of. */
struct base {
    uint64_t bytes;
    char name[BASE_NAME_BYTES]; /* "MemTotal", "the limit of cgroup /x (memory.max)" */
};

/* Of a path that is too long the end is shown: that is where the ids are. */
static void name_limit(const struct cgroup_limit *limit, struct base *ret)
{
    enum { SHOWN_BYTES = 67 };

    static const char dots[] = "...";
    char shown[SHOWN_BYTES];
    size_t len = strlen(limit->cgroup);
    size_t cut = len < SHOWN_BYTES ? 0 : len - (SHOWN_BYTES - sizeof dots);
    copy_clean(shown, sizeof shown, limit->cgroup + cut);
    (void)snprintf(ret->name, sizeof ret->name, "the limit of cgroup %s%s (%s)",
                   cut > 0 ? dots : "", shown, limit->file);
}

static uint32_t offer(const struct base *base, roles_t roles,
                      char ret_source[static REPORT_SOURCE_BYTES])
{
    uint64_t most_mb =
        (roles & ROLES_ALL) == ROLE_ALLOCATOR ? RESERVE_MAX_ALLOCATOR_MB : RESERVE_MAX_MB;
    if (base->bytes * RESERVE_PERCENT > most_mb * mib * 100) {
        (void)snprintf(ret_source, REPORT_SOURCE_BYTES, "%s less %u MB", base->name,
                       (unsigned)most_mb);
        return clamp_mb(base->bytes / mib - most_mb);
    }
    (void)snprintf(ret_source, REPORT_SOURCE_BYTES, "%d%% of %s", 100 - RESERVE_PERCENT,
                   base->name);
    return clamp_mb(base->bytes * (100 - RESERVE_PERCENT) / 100 / mib);
}

/* @memory is not looked at when there is an override. */
static void measure_total(const struct capacity_options *options, uint64_t memory,
                          const struct cgroup_tree *tree, struct report *report)
{
    struct base base = {.bytes = memory, .name = "MemTotal"};
    struct cgroup_limit limit;
    if (options->settings_mb != 0) {
        report->memory_total_mb = clamp_mb(options->settings_mb);
        (void)snprintf(report->memory_source, sizeof report->memory_source,
                       "settings.capacity");
        return;
    }
    if (options->flag_mb != 0) {
        report->memory_total_mb = clamp_mb(options->flag_mb);
        (void)snprintf(report->memory_source, sizeof report->memory_source, "--capacity");
        return;
    }
    if (cgroup_tree_limit(tree, memory, &limit)) {
        base.bytes = limit.bytes;
        name_limit(&limit, &base);
    }
    report->memory_total_mb = offer(&base, options->roles, report->memory_source);
}

/* ---- the instances ---- */

struct list {
    struct report_instance *at; /* borrowed */
    size_t len;
    size_t room;
    size_t n_unlisted;
    uint64_t used_mb;
    uint64_t unlisted_mb;
};

/* A host with more instances than a report can hold: the last item stands for all that found no
 * room, so that the list still adds up to what is used. */
static void add_unlisted(struct list *list, uint64_t mb)
{
    struct report_instance *last = &list->at[list->len - 1];
    if (list->n_unlisted == 0) {
        list->n_unlisted = 1;
        list->unlisted_mb = last->memory_mb;
    }
    list->n_unlisted++;
    list->unlisted_mb += mb;
    last->memory_mb = clamp_mb(list->unlisted_mb);
    (void)snprintf(last->name, sizeof last->name, "(%zu more)", list->n_unlisted);
}

static void add_instance(const struct cgroup_instance *found, void *userdata)
{
    struct list *list = userdata;
    uint64_t mb = found->bytes / mib + (found->bytes % mib != 0 ? 1 : 0);
    if (list->len < list->room) {
        struct report_instance *instance = &list->at[list->len++];
        copy_clean(instance->name, sizeof instance->name, found->name);
        instance->memory_mb = clamp_mb(mb);
        instance->moves = !found->has_limit;
    } else if (list->room == REPORT_INSTANCES_MAX) {
        add_unlisted(list, mb);
    } else {
        return; /* started since we counted: the next report has it */
    }
    list->used_mb += mb;
}

/* Have room for @count instances. On failure the old list stands. */
static int make_room(struct report *report, size_t count, struct err *err)
{
    if (count <= report->n_instances) {
        return 0;
    }
    struct report_instance *grown = realloc(report->instances, count * sizeof *grown);
    if (grown == NULL) {
        return err_no_memory(err);
    }
    report->instances = grown;
    return 0;
}

/* Fails before anything in @report has changed. */
static int measure_instances(const struct cgroup_tree *tree, uint64_t memory,
                             struct report *report, struct err *err)
{
    size_t count = cgroup_tree_count(tree);
    struct list list = {
        .room = count < REPORT_INSTANCES_MAX ? count : REPORT_INSTANCES_MAX,
    };
    if (make_room(report, list.room, err) < 0) {
        return -1;
    }
    list.at = report->instances;
    if (list.room > 0) {
        cgroup_tree_each(tree, memory, add_instance, &list);
    }
    report->n_instances = list.len;
    report->memory_used_mb = clamp_mb(list.used_mb);
    if (list.len == 0) {
        free(report->instances);
        report->instances = NULL;
    }
    return 0;
}

/* ---- all of it ---- */

static int measure_memory(const struct capacity_options *options, int root_fd, bool is_live,
                          struct report *report, struct err *err)
{
    CLEANUP(cgroup_tree_close) struct cgroup_tree tree;
    uint64_t memory = 0;
    bool is_known = machine_memory(root_fd, is_live, &memory);
    cgroup_tree_open(&tree, root_fd, options->instances_slice);
    if (!is_known && options->settings_mb == 0 && options->flag_mb == 0) {
        return err_set(err, ERR_ABSENT,
                       "measure the memory of this host: %s/proc/meminfo has no "
                       "MemTotal" CAPACITY_REMEDY,
                       is_live ? "" : options->root);
    }
    /* Without a MemTotal (there is an override) every number below "unlimited" is a limit. */
    uint64_t ceiling = is_known ? memory : UINT64_MAX;
    if (measure_instances(&tree, ceiling, report, err) < 0) {
        return -1;
    }
    measure_total(options, ceiling, &tree, report);
    return 0;
}

int capacity_measure(const struct capacity_options *options, struct report *report,
                     struct err *err)
{
    bool is_live = strcmp(options->root, "/") == 0;
    uint64_t storage_free = 0;
    uint64_t storage_total = 0;
    auto_fd int root_fd = open(options->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        return err_set_errno(err, errno, "measure the memory of this host: open %s",
                             options->root);
    }
    if (fs_space(options->storage_path, &storage_free, &storage_total, err) < 0) {
        return err_wrap(err, "measure the storage of this host");
    }
    if (measure_memory(options, root_fd, is_live, report, err) < 0) {
        return -1;
    }
    report->storage_total_mb = storage_total / mib;
    report->storage_used_mb =
        storage_total > storage_free ? (storage_total - storage_free) / mib : 0;
    report->cpus = machine_cpus(root_fd, is_live);
    return 0;
}
