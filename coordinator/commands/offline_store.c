/* SPDX-License-Identifier: Apache-2.0 */
/* See offline_store.h. Knows nothing of what is stored. */
#include "coordinator/commands/offline_store.h"

#include "common/base/fs.h"
#include "coordinator/store/store_sqlite.h"

#include <errno.h>
#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

static int become_owner(const char *dir, struct err *err)
{
    struct stat info;
    if (stat(dir, &info) < 0) {
        return err_set_errno(err, errno, "find an installation in %s (--state-dir)", dir);
    }
    if (geteuid() != 0 || info.st_uid == 0) {
        return 0;
    }
    if (setgroups(0, NULL) < 0 || setresgid(info.st_gid, info.st_gid, info.st_gid) < 0 ||
        setresuid(info.st_uid, info.st_uid, info.st_uid) < 0) {
        return err_set_errno(err, errno, "become the owner of %s (uid %u)", dir,
                             (unsigned)info.st_uid);
    }
    return 0;
}

static int open_store(struct offline_store *offline, const char *path, struct err *err)
{
    if (store_sqlite_open(&offline->store, &offline->loop, path, err) == 0) {
        return 0;
    }
    return err->code == ERR_BUSY
               ? err_wrap(err, "a coordinator is running: stop it first (systemctl stop "
                               "ece-coordinator)")
               : -1;
}

int offline_store_open(struct offline_store *offline, const char *state_dir, struct err *err)
{
    auto_free char *path = fs_join(state_dir, STORE_SQLITE_FILE);
    if (path == NULL) {
        return err_no_memory(err);
    }
    if (become_owner(state_dir, err) < 0 || fs_private_dir(state_dir, err) < 0) {
        return -1;
    }
    if (access(path, F_OK) < 0) {
        return err_set_errno(err, errno, "find an installation in %s (--state-dir): %s",
                             state_dir, path);
    }
    if (uv_loop_init(&offline->loop) < 0) {
        return err_set(err, ERR_INTERNAL, "open the store: no event loop");
    }
    if (open_store(offline, path, err) < 0) {
        (void)uv_loop_close(&offline->loop);
        return -1;
    }
    return 0;
}

struct commit {
    bool is_done;
    struct store_result result;
};

static void on_committed(const struct store_result *result, void *userdata)
{
    struct commit *commit = userdata;
    commit->result = *result;
    commit->is_done = true;
}

int offline_store_commit(struct offline_store *offline, const struct store_condition *condition,
                         const struct store_operation *operations, size_t n_operations,
                         struct err *err)
{
    struct commit commit = {0};
    if (store_commit(offline->store, condition, 1, operations, n_operations, on_committed,
                     &commit, err) < 0) {
        return -1;
    }
    while (!commit.is_done && uv_run(&offline->loop, UV_RUN_ONCE) != 0) {
    }
    switch (commit.result.outcome) {
    case STORE_COMMITTED:
        return 0;
    case STORE_CONFLICT:
        return err_set(err, ERR_CONFLICT, "%s was changed by somebody else meanwhile",
                       condition->key);
    case STORE_FAILED:
        break;
    }
    *err = commit.result.error;
    return -1;
}

void offline_store_close(struct offline_store *offline)
{
    store_close(offline->store, NULL, NULL);
    (void)uv_run(&offline->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&offline->loop);
}
