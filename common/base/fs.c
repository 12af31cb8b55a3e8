/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files. What must survive a crash goes through fs_replace(); nothing here knows what the files
 * mean. All calls block and are meant for small files on a local disk.
 */
#include "common/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { READ_BYTES = 4096 };

/* ---- reading ---- */

static int open_to_read(const char *path, int *ret_fd, struct err *err)
{
    /* O_NONBLOCK: to open a FIFO must not wait for its writer; it is refused below. */
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat stat;
    if (fd < 0 || fstat(fd, &stat) < 0) {
        return err_set_errno(err, errno, "read %s", path);
    }
    if (!S_ISREG(stat.st_mode)) {
        return err_set(err, ERR_IO, "read %s: it is %s (\"-\" reads standard input)", path,
                       S_ISDIR(stat.st_mode) ? "a directory" : "not a regular file");
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int read_all(int fd, const char *path, struct buf *buf, struct err *err)
{
    char chunk[READ_BYTES];
    int result = -1;
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got == 0) {
            result = 0;
            break;
        }
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            (void)err_set_errno(err, errno, "read %s", path);
            break;
        }
        if (buf_append(buf, chunk, (size_t)got, err) < 0) {
            if (err->code == ERR_TOO_LARGE) {
                (void)err_set(err, ERR_TOO_LARGE, "read %s: it is larger than %zu bytes", path,
                              buf->max);
            }
            break;
        }
    }
    explicit_bzero(chunk, sizeof(chunk)); /* tokens and keys are read here */
    return result;
}

int fs_read(const char *path, struct buf *buf, struct err *err)
{
    auto_fd int opened = -1;
    bool is_stdin = strcmp(path, "-") == 0;
    if (!is_stdin && open_to_read(path, &opened, err) < 0) {
        return -1;
    }
    size_t len_before = buf->len;
    const char *name = is_stdin ? "standard input" : path;
    if (read_all(is_stdin ? STDIN_FILENO : opened, name, buf, err) < 0) {
        if (buf->bytes != NULL) { /* half a file is none */
            explicit_bzero(buf->bytes + len_before, buf->len - len_before);
            buf->len = len_before;
        }
        return -1;
    }
    return 0;
}

/* ---- replacing and removing ---- */

/* A file within its open directory. */
struct place {
    int dir_fd; /* owned */
    const char *name;
};

static void place_fini(struct place *place)
{
    if (place->dir_fd >= 0) {
        (void)close(place->dir_fd);
    }
}

static int place_open(struct place *ret, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return err_set(err, ERR_INVALID, "the path does not end with the name of a file");
    }
    auto_free char *dir = NULL;
    if (slash == NULL) {
        dir = strdup(".");
    } else {
        dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (dir == NULL) {
        return err_no_memory(err);
    }
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        return err_set_errno(err, errno, "open the directory");
    }
    ret->dir_fd = dir_fd;
    ret->name = name;
    return 0;
}

/* Make renames and removals in the directory last. */
static int sync_dir(int dir_fd, struct err *err)
{
    /* Some network and FUSE file systems cannot and say EINVAL: there is nothing better to
     * be had there. */
    if (fsync(dir_fd) < 0 && errno != EINVAL) {
        return err_set_errno(err, errno, "write the directory to disk");
    }
    return 0;
}

/* A name of our thread's own, so that two writers never share a temporary file. One that a
 * killed writer left is found again when the number comes round, and removed: at most one
 * remains for each number. */
static char *temporary_name(const char *name)
{
    char *temporary = NULL;
    return asprintf(&temporary, ".%s.%d.tmp", name, (int)gettid()) >= 0 ? temporary : NULL;
}

static int create_temporary(int dir_fd, const char *name)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(dir_fd, name, flags, 0600);
    if (fd < 0 && errno == EEXIST && unlinkat(dir_fd, name, 0) == 0) {
        fd = openat(dir_fd, name, flags, 0600);
    }
    return fd;
}

static int write_all(int fd, const char *at, size_t len)
{
    while (len > 0) {
        ssize_t written = write(fd, at, len);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            return -1;
        }
        at += written;
        len -= (size_t)written;
    }
    return 0;
}

struct content {
    const void *bytes;
    size_t len;
    mode_t mode;
    bool durable;
};

static int fill_temporary(int dir_fd, const char *name, const struct content *content,
                          struct err *err)
{
    auto_fd int fd = create_temporary(dir_fd, name);
    if (fd < 0) {
        return err_set_errno(err, errno, "make the temporary file %s beside it", name);
    }
    if (fchmod(fd, content->mode) < 0 || write_all(fd, content->bytes, content->len) < 0 ||
        (content->durable && fsync(fd) < 0) || close(TAKE_FD(fd)) < 0) {
        int reason = errno;
        (void)unlinkat(dir_fd, name, 0); /* the first error is the one that matters */
        return err_set_errno(err, reason, "write %zu bytes", content->len);
    }
    return 0;
}

static int replace(const struct place *place, const struct content *content, struct err *err)
{
    auto_free char *temporary = temporary_name(place->name);
    if (temporary == NULL) {
        return err_no_memory(err);
    }
    if (fill_temporary(place->dir_fd, temporary, content, err) < 0) {
        return -1;
    }
    if (renameat(place->dir_fd, temporary, place->dir_fd, place->name) < 0) {
        int reason = errno;
        (void)unlinkat(place->dir_fd, temporary, 0);
        return err_set_errno(err, reason, "rename the temporary file");
    }
    return content->durable ? sync_dir(place->dir_fd, err) : 0;
}

int fs_replace(const char *path, const void *bytes, size_t len, mode_t mode, bool durable,
               struct err *err)
{
    CLEANUP(place_fini) struct place place = {.dir_fd = -1, .name = ""};
    const struct content content = {bytes, len, mode, durable};
    if (place_open(&place, path, err) < 0 || replace(&place, &content, err) < 0) {
        return err_wrap(err, "write %s", path);
    }
    return 0;
}

/* ".<name>.<digits>.tmp", as temporary_name() makes them. */
static bool is_temporary_of(const char *name, const char *entry)
{
    size_t len = strlen(name);
    if (entry[0] != '.' || strncmp(entry + 1, name, len) != 0 || entry[1 + len] != '.') {
        return false;
    }
    const char *number = entry + 1 + len + 1;
    size_t digits = strspn(number, "0123456789");
    return digits > 0 && strcmp(number + digits, ".tmp") == 0;
}

/* Best effort: what cannot be removed is no worse than it was. */
static void remove_temporaries(const struct place *place)
{
    int fd = openat(place->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (is_temporary_of(place->name, entry->d_name)) {
            (void)unlinkat(place->dir_fd, entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

void fs_sweep(const char *path)
{
    struct err ignored = {0};
    CLEANUP(place_fini) struct place place = {.dir_fd = -1, .name = ""};
    if (place_open(&place, path, &ignored) == 0) {
        remove_temporaries(&place);
    }
}

int fs_remove(const char *path, struct err *err)
{
    CLEANUP(place_fini) struct place place = {.dir_fd = -1, .name = ""};
    if (place_open(&place, path, err) < 0) {
        return err->code == ERR_ABSENT ? 0 : err_wrap(err, "remove %s", path);
    }
    remove_temporaries(&place);
    if (unlinkat(place.dir_fd, place.name, 0) < 0) {
        return errno == ENOENT ? 0 : err_set_errno(err, errno, "remove %s", path);
    }
    return sync_dir(place.dir_fd, err) < 0 ? err_wrap(err, "remove %s", path) : 0;
}

/* ---- directories ---- */

/* @path without the slashes at its end: with them mkdir() of the parents would make the last
 * one too. */
static char *trimmed_copy(const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/') {
        len--;
    }
    return strndup(path, len);
}

/* Make the one directory @path unless there is something already, which the caller looks at. */
static int make_one(const char *path, mode_t mode, struct err *err)
{
    struct stat existing;
    if (stat(path, &existing) == 0) {
        return 0;
    }
    if (mkdir(path, mode) < 0) {
        return errno == EEXIST ? 0 : err_set_errno(err, errno, "make the directory %s", path);
    }
    /* The umask took part in mkdir(); and a file in a directory that is lost in a crash is
     * lost too. */
    CLEANUP(place_fini) struct place place = {.dir_fd = -1, .name = ""};
    if (chmod(path, mode) < 0) {
        return err_set_errno(err, errno, "set the mode of the directory %s", path);
    }
    if (place_open(&place, path, err) < 0 || sync_dir(place.dir_fd, err) < 0) {
        return err_wrap(err, "make the directory %s", path);
    }
    return 0;
}

/* Make @path with its parents; *@ret_stat is what stands there in the end: a directory. */
static int make_with_parents(const char *path, mode_t mode, struct stat *ret_stat,
                             struct err *err)
{
    auto_free char *copy = trimmed_copy(path);
    if (copy == NULL) {
        return err_no_memory(err);
    }
    for (char *at = copy; *at != '\0'; at++) {
        if (*at != '/' || at == copy) {
            continue;
        }
        *at = '\0';
        int made = make_one(copy, 0755, err);
        *at = '/';
        if (made < 0) {
            return -1;
        }
    }
    if (make_one(copy, mode, err) < 0) {
        return -1;
    }
    if (stat(copy, ret_stat) < 0) {
        return err_set_errno(err, errno, "make the directory %s", copy);
    }
    if (!S_ISDIR(ret_stat->st_mode)) {
        return err_set(err, ERR_IO, "make the directory %s: something else has that name",
                       copy);
    }
    return 0;
}

int fs_dir(const char *path, struct err *err)
{
    struct stat stat;
    return make_with_parents(path, 0755, &stat, err);
}

int fs_private_dir(const char *path, struct err *err)
{
    struct stat stat = {0};
    if (make_with_parents(path, 0700, &stat, err) < 0) {
        return -1;
    }
    if (stat.st_uid != geteuid()) {
        return err_set(
            err, ERR_PERMISSION,
            "use the directory %s: it belongs to user %u and we are user %u: chown it", path,
            stat.st_uid, geteuid());
    }
    if ((stat.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return err_set(err, ERR_PERMISSION,
                       "use the directory %s: others can write in it: mode %04o: chmod go-w it",
                       path, stat.st_mode & 07777U);
    }
    return 0;
}

char *fs_join(const char *dir, const char *name)
{
    size_t len = strlen(dir);
    bool has_slash = len > 0 && dir[len - 1] == '/';
    char *path = NULL;
    return asprintf(&path, "%s%s%s", dir, has_slash ? "" : "/", name) >= 0 ? path : NULL;
}

int fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total, struct err *err)
{
    struct statvfs stat;
    if (statvfs(path, &stat) < 0) {
        return err_set_errno(err, errno, "look at the file system of %s", path);
    }
    *ret_free = (uint64_t)stat.f_bavail * stat.f_frsize;
    *ret_total = (uint64_t)stat.f_blocks * stat.f_frsize;
    return 0;
}
