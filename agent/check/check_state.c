/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory as the agent will meet it: what fs_private_dir() would refuse is a
 * failure here, said before anything is made. Root is expected to run this check for the
 * service's user, so for root a directory of that user is as good as its own.
 */
#include "agent/check/check_state.h"

#include "common/base/clock.h"
#include "common/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SERVICE_USER "ece-agent"
#define NEXT_RUN_AS_ROOT "run the check as root, or give --state-dir a directory of your own"

enum {
    SPACE_MIN_MIB = 16,
    USER_BYTES = 64,
    NEXT_BYTES = 512,
};

static const uint64_t bytes_per_mib = UINT64_C(1024) * 1024;

static const char *user_name(uid_t uid, char ret[static USER_BYTES])
{
    const struct passwd *user = getpwuid(uid);
    if (user != NULL) {
        (void)snprintf(ret, USER_BYTES, "%s", user->pw_name);
    } else {
        (void)snprintf(ret, USER_BYTES, "%u", uid);
    }
    return ret;
}

static bool is_service_user(uid_t uid)
{
    const struct passwd *user = getpwnam(SERVICE_USER);
    return user != NULL && user->pw_uid == uid;
}

/* Cut the last part of @path off: "/a/b" -> "/a" -> "/"; "a" -> ".". */
static void cut_last_part(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        (void)snprintf(path, 2, ".");
    } else if (slash == path) {
        path[1] = '\0';
    } else {
        *slash = '\0';
    }
}

/*
 * @path, or the nearest parent that there is, and what stands there. NULL with errno when that
 * cannot be told.
 */
static char *nearest_existing(const char *path, struct stat *ret)
{
    auto_free char *at = strdup(path);
    if (at == NULL) {
        return NULL;
    }
    for (size_t len = strlen(at); len > 1 && at[len - 1] == '/'; len--) {
        at[len - 1] = '\0';
    }
    while (stat(at, ret) < 0) {
        bool is_root = strcmp(at, "/") == 0 || strcmp(at, ".") == 0;
        if (is_root || (errno != ENOENT && errno != ENOTDIR)) {
            return NULL;
        }
        cut_last_part(at);
    }
    return TAKE(at);
}

static bool can_write_in(const char *dir)
{
    return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

static void check_missing(struct check_report *report, const char *dir, const char *parent)
{
    char next[NEXT_BYTES];
    if (can_write_in(parent)) {
        check_ok(report, CHECK_STATE_DIRECTORY, "%s is not there yet and can be made in %s",
                 dir, parent);
        return;
    }
    int why = errno;
    (void)snprintf(next, sizeof next,
                   "make it for the agent's user: install -d -m 0700 -o " SERVICE_USER
                   " %.256s; "
                   "or " NEXT_RUN_AS_ROOT,
                   dir);
    check_failure(report, CHECK_STATE_DIRECTORY, next,
                  "%s is not there and cannot be made in %s: %s", dir, parent, strerror(why));
}

static void check_existing(struct check_report *report, const char *dir,
                           const struct stat *stat)
{
    char owner[USER_BYTES];
    char us[USER_BYTES];
    char next[NEXT_BYTES];
    unsigned mode = stat->st_mode & 07777U;
    (void)user_name(stat->st_uid, owner);
    (void)user_name(geteuid(), us);
    bool is_ours =
        stat->st_uid == geteuid() || (geteuid() == 0 && is_service_user(stat->st_uid));
    if (!is_ours) {
        (void)snprintf(next, sizeof next,
                       "chown it to the agent's user (chown -R " SERVICE_USER " %.256s), or %s",
                       dir, geteuid() == 0 ? "give another --state-dir" : NEXT_RUN_AS_ROOT);
        check_failure(report, CHECK_STATE_DIRECTORY, next,
                      "%s belongs to user %s and this is user %s: the agent takes only a "
                      "directory of its own",
                      dir, owner, us);
    } else if ((mode & (S_IWGRP | S_IWOTH)) != 0) {
        (void)snprintf(next, sizeof next, "chmod go-w %.256s", dir);
        check_failure(report, CHECK_STATE_DIRECTORY, next,
                      "%s has mode %04o: others can write in it", dir, mode);
    } else if (!can_write_in(dir)) {
        (void)snprintf(next, sizeof next,
                       "chmod u+wx %.256s, or mount its file system writable", dir);
        check_failure(report, CHECK_STATE_DIRECTORY, next, "%s cannot be written: %s", dir,
                      strerror(errno));
    } else {
        check_ok(report, CHECK_STATE_DIRECTORY, "%s, owner %s, mode %04o", dir, owner, mode);
    }
}

/* Sets existing_dir unless nothing more can be said of the place. */
static void check_directory(struct check_report *report, const char *dir,
                            struct check_state *ret)
{
    struct stat stat = {0};
    struct stat itself = {0};
    auto_free char *existing = nearest_existing(dir, &stat);
    if (existing == NULL) {
        check_failure(report, CHECK_STATE_DIRECTORY, NEXT_RUN_AS_ROOT,
                      "%s cannot be looked at: %s", dir, strerror(errno));
        return;
    }
    if (!S_ISDIR(stat.st_mode)) {
        ret->is_known = true; /* nobody has joined from there */
        check_failure(report, CHECK_STATE_DIRECTORY, "remove it or give another --state-dir",
                      "%s cannot be used: %s is not a directory", dir, existing);
        return;
    }
    if (fstatat(AT_FDCWD, dir, &itself, 0) == 0) {
        check_existing(report, dir, &stat);
    } else {
        check_missing(report, dir, existing);
    }
    ret->existing_dir = TAKE(existing);
}

static void check_space(struct check_report *report, const char *dir)
{
    struct err err = {0};
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;
    if (fs_space(dir, &free_bytes, &total_bytes, &err) < 0) {
        check_failure(report, CHECK_STATE_SPACE, "check the file system", "%s", err.message);
        return;
    }
    uint64_t free_mib = free_bytes / bytes_per_mib;
    if (free_mib < SPACE_MIN_MIB) {
        check_failure(report, CHECK_STATE_SPACE,
                      "free some space there, or give --state-dir on another file system",
                      "%llu MiB free in %s, the agent needs %d", (unsigned long long)free_mib,
                      dir, SPACE_MIN_MIB);
        return;
    }
    check_ok(report, CHECK_STATE_SPACE, "%llu MiB free in %s", (unsigned long long)free_mib,
             dir);
}

static const char *identity_way_out(const struct err *err)
{
    if (err->code == ERR_PERMISSION && err->sys_errno != 0) {
        return NEXT_RUN_AS_ROOT;
    }
    if (err->code == ERR_PERMISSION) {
        return "chmod 600 it if you know that nobody else read it, otherwise `ece-agent leave` "
               "and join again";
    }
    if (err->code == ERR_FUTURE) {
        return "run the newer ece-agent that wrote it";
    }
    return "restore it from a backup, or `ece-agent leave --local` and join again with a roles "
           "token";
}

/* False when it cannot be told whether there is one. */
static bool check_identity(struct check_report *report, const char *dir, struct identity *ret)
{
    struct err err = {0};
    enum identity_found found = IDENTITY_ABSENT;
    if (identity_load(dir, &found, ret, &err) < 0) {
        char fact[CHECK_FACT_BYTES];
        check_fact(err.message,
                   err.code == ERR_PERMISSION && err.sys_errno == 0 ? IDENTITY_MODE_REMEDY
                                                                    : IDENTITY_FILE_REMEDY,
                   fact);
        check_failure(report, CHECK_STATE_IDENTITY, identity_way_out(&err), "%s", fact);
        return false;
    }
    if (found == IDENTITY_ABSENT) {
        check_ok(report, CHECK_STATE_IDENTITY, "none yet: this host has not joined");
    } else if (!ret->is_complete) {
        check_ok(report, CHECK_STATE_IDENTITY,
                 "the host key of runner %s for installation %s is kept, enrolling is not "
                 "finished",
                 ret->runner_id, ret->installation_id);
    } else {
        char when[25];
        clock_format_utc(ret->enrolled_at_s * 1000, when);
        check_ok(report, CHECK_STATE_IDENTITY,
                 "runner %s of installation %s, zone %s, since %s", ret->runner_id,
                 ret->installation_id, ret->zone, when);
    }
    return true;
}

static void check_running(struct check_report *report, const char *dir, bool is_joined)
{
    auto_free char *lock = fs_join(dir, "lock");
    if (lock == NULL || (access(dir, X_OK) < 0 && errno == EACCES)) {
        check_skipped(report, CHECK_SERVICE_RUNNING, "%s cannot be looked into by this user",
                      dir);
        return;
    }
    int pid = (int)fs_lock_holder(lock);
    if (pid > 0) {
        check_ok(report, CHECK_SERVICE_RUNNING,
                 "an agent runs on %s (pid %d); `ece-agent status` says what it does", dir,
                 pid);
    } else if (is_joined) {
        check_warning(report, CHECK_SERVICE_RUNNING, "systemctl start ece-agent",
                      "this host has joined, but no agent runs on %s", dir);
    } else {
        check_ok(report, CHECK_SERVICE_RUNNING, "no agent runs on %s yet", dir);
    }
}

void check_state(struct check_report *report, const char *state_dir, struct check_state *ret)
{
    *ret = (struct check_state){0};
    check_directory(report, state_dir, ret);
    if (ret->existing_dir == NULL) {
        check_skipped(report, CHECK_STATE_SPACE, "%s failed", CHECK_STATE_DIRECTORY);
        check_skipped(report, CHECK_STATE_IDENTITY, "%s failed", CHECK_STATE_DIRECTORY);
        check_skipped(report, CHECK_SERVICE_RUNNING, "%s failed", CHECK_STATE_DIRECTORY);
        return;
    }
    check_space(report, ret->existing_dir);
    ret->is_known = check_identity(report, state_dir, &ret->identity);
    check_running(report, state_dir, ret->identity.is_complete);
}

void check_state_fini(struct check_state *state)
{
    identity_fini(&state->identity);
    free(state->existing_dir);
    *state = (struct check_state){0};
}
