/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks on files: one process at a time, and a way to say which. The kernel drops a lock with
 * its process, so a lock file that a killed process left holds nobody up; it is never removed,
 * for its removal would let two processes lock two files.
 */
#include "common/base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

enum {
    PID_BYTES = 16, /* "4194304\n" and room */
    LOCK_TRIES = 10,
    LOCK_PAUSE_NS = 5 * 1000 * 1000,
};

/* flock() without waiting, except for those who only look (fs_lock_holder holds it for an
 * instant). 0, or -1 with errno. */
static int try_lock(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_NS};
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return -1;
        }
        (void)nanosleep(&pause, NULL);
    }
    errno = EWOULDBLOCK;
    return -1;
}

/* The pid in a lock file; 0 if there is none (its holder is about to write it). */
static pid_t read_pid(int fd)
{
    char text[PID_BYTES] = "";
    if (pread(fd, text, sizeof(text) - 1, 0) <= 0) {
        return 0;
    }
    char *end = NULL;
    errno = 0;
    long pid = strtol(text, &end, 10);
    return errno == 0 && *end == '\n' && pid > 0 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static int write_pid(int fd)
{
    char text[PID_BYTES];
    int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    /* Cut after writing: whoever reads in between finds a number that ends with a line. */
    return pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) == 0 ? 0 : -1;
}

/* Each program locks files of its own, so the holder is one of its kind. What the lock is for
 * the callers say. */
static int refuse_busy(pid_t holder, struct err *err)
{
    static const char way_out[] = "stop it or give another --state-dir";
    if (holder == 0) {
        return err_set(err, ERR_BUSY, "another %s uses it; %s", program_invocation_short_name,
                       way_out);
    }
    return err_set(err, ERR_BUSY, "another %s (pid %d) uses it; %s",
                   program_invocation_short_name, (int)holder, way_out);
}

int fs_lock(const char *path, int *ret_fd, struct err *err)
{
    auto_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
    if (fd < 0) {
        return err_set_errno(err, errno, "lock %s", path);
    }
    if (try_lock(fd) < 0) {
        if (errno != EWOULDBLOCK) {
            return err_set_errno(err, errno, "lock %s", path);
        }
        return refuse_busy(read_pid(fd), err);
    }
    if (write_pid(fd) < 0) {
        return err_set_errno(err, errno, "lock %s: write our process number", path);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

pid_t fs_lock_holder(const char *path)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return 0;
    }
    /* A shared lock is refused exactly while somebody holds the exclusive one. */
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
        return 0;
    }
    return read_pid(fd);
}
