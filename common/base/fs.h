/* SPDX-License-Identifier: Apache-2.0 */
/* Files, the careful way: bounded reads, atomic and durable writes, private directories, locks.
 * All block. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/** Append the whole file to @buf. ERR_ABSENT, ERR_PERMISSION, ERR_IO; ERR_TOO_LARGE over
 * buf->max. Directories and other non-regular files are refused, except that /dev/stdin style
 * pipes are read when @path is "-" (standard input). */
int fs_read(const char *path, struct buf *buf, struct err *err) MUST_CHECK;

/**
 * Replace @path by @bytes so that after a crash the file is either the old one or the new one,
 * whole: a temporary file beside it (O_EXCL, O_NOFOLLOW, @mode whatever the umask), write,
 * fsync, rename, fsync of the directory. On failure the old file stands and the temporary one
 * is gone. @durable false leaves out both fsyncs (run-time files).
 */
int fs_replace(const char *path, const void *bytes, size_t len, mode_t mode, bool durable,
               struct err *err) MUST_CHECK;

/** Remove what writers of @path that were killed have left beside it (fs_replace's
 * temporaries). For the owner of the file, when nobody is writing it. */
void fs_sweep(const char *path);

/** Remove @path durably, with what killed writers have left. Not there is fine. */
int fs_remove(const char *path, struct err *err) MUST_CHECK;

/** Make @path (and missing parents, 0755) a directory of mode 0700 that we own. An existing one
 * must be a directory of ours that group and others cannot write; group or other read bits of
 * an existing one are left alone. */
int fs_private_dir(const char *path, struct err *err) MUST_CHECK;

/** Make @path (and parents) a directory, mode 0755. */
int fs_dir(const char *path, struct err *err) MUST_CHECK;

/** "dir/name" as malloc'd text. NULL only without memory. */
char *fs_join(const char *dir, const char *name);

/**
 * Take an exclusive flock(2) on @path (made 0600 if absent) and write our pid into it. Held
 * until @ret_fd is closed. ERR_BUSY names the pid that holds it.
 */
int fs_lock(const char *path, int *ret_fd, struct err *err) MUST_CHECK;

/** The pid that holds the lock on @path; 0 when nobody does or the file is not there. */
pid_t fs_lock_holder(const char *path);

/** Bytes free to us below @path, and the size of the file system. */
int fs_space(const char *path, uint64_t *ret_free, uint64_t *ret_total,
             struct err *err) MUST_CHECK;

#endif
