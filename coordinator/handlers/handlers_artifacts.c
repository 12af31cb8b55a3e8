/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packages and the installer, for hosts that have neither: files of one directory, which
 * root fills and this program only reads. docs/protocol.md, [AR].
 *
 * Anyone may ask. So a name is matched before it touches the file system, and a file is opened
 * in its directory without following links, without waiting (a FIFO), and served only if it is
 * a regular one.
 */
#include "coordinator/handlers/handlers.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

enum {
    NAME_MAX_BYTES = 255,
    FILE_MAX_BYTES = 256 * 1024 * 1024,
};

static bool is_name(const char *text)
{
    size_t len = strlen(text);
    return len <= NAME_MAX_BYTES && strspn(text, ALPHANUMERIC) > 0 &&
           strspn(text, ALPHANUMERIC "._+~-") == len;
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text);
    size_t end_len = strlen(end);
    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static const char *content_type(const char *name)
{
    if (ends_with(name, ".sh")) {
        return "text/x-shellscript; charset=utf-8";
    }
    if (ends_with(name, ".deb")) {
        return "application/vnd.debian.binary-package";
    }
    return strcmp(name, "SHA256SUMS") == 0 ? "text/plain; charset=utf-8"
                                           : "application/octet-stream";
}

static int open_in(const char *dir, const char *name, int *ret_fd, struct err *err)
{
    auto_fd int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd < 0 ? -1
                        : openat(dir_fd, name, /* which is no path: is_name() */
                                 O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        return err_set_errno(err, errno, "open %s/%s", dir, name);
    }
    *ret_fd = fd;
    return 0;
}

static int open_file(const char *dir, const char *name, int *ret_fd, uint64_t *ret_size,
                     struct err *err)
{
    auto_fd int fd = -1;
    struct stat info;
    if (open_in(dir, name, &fd, err) < 0) {
        return -1;
    }
    if (fstat(fd, &info) < 0) {
        return err_set_errno(err, errno, "look at %s/%s", dir, name);
    }
    if (!S_ISREG(info.st_mode)) {
        return err_set(err, ERR_INVALID, "%s/%s is no regular file", dir, name);
    }
    if (info.st_size > FILE_MAX_BYTES) {
        return err_set(err, ERR_TOO_LARGE, "%s/%s has %lld bytes: at most %d are served", dir,
                       name, (long long)info.st_size, FILE_MAX_BYTES);
    }
    *ret_fd = TAKE_FD(fd);
    *ret_size = (uint64_t)info.st_size;
    return 0;
}

static bool is_shortage(const struct err *err)
{
    return err->sys_errno == EMFILE || err->sys_errno == ENFILE || err->sys_errno == ENOMEM;
}

static void serve(const struct handlers *handlers, struct exchange *exchange, const char *name)
{
    struct err err = {0};
    int fd = -1;
    uint64_t size = 0;
    if (!is_name(name)) {
        exchange_reply_error(exchange, 404, "artifacts.artifact_not_found",
                             "no artifact has a name like that: letters, digits and . _ + ~ -, "
                             "at most %d, the first a letter or digit",
                             NAME_MAX_BYTES);
        return;
    }
    if (open_file(handlers->artifacts_dir, name, &fd, &size, &err) == 0) {
        exchange_reply_file(exchange, fd, size, content_type(name));
        return;
    }
    if (err.code != ERR_ABSENT) { /* it is there, and somebody has to mend it */
        log_warning(handlers->log, "artifacts", "not served: %s", err.message);
    }
    if (is_shortage(&err)) {
        handlers_reply_unavailable(exchange, "the coordinator cannot open more files now");
        return;
    }
    exchange_reply_error(exchange, 404, "artifacts.artifact_not_found",
                         "the coordinator has no artifact %s: put the packages into its "
                         "artifacts directory (`elastic-cloud-enterprise.sh install` on the "
                         "first host does), or see its log for why it is not served",
                         name);
}

void handle_artifact(struct exchange *exchange, void *context)
{
    serve(context, exchange, exchange_param(exchange, "file"));
}

void handle_installer(struct exchange *exchange, void *context)
{
    serve(context, exchange, INSTALLER_NAME);
}
