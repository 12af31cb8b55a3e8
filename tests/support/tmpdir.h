/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A temporary directory for a test: `cmocka_unit_test_setup_teardown(f, tmpdir_setup,
 * tmpdir_teardown)` makes one, hands it over as *state and removes it with all that the test
 * left in it. Works without cmocka's state as well (tmpdir_make).
 */
#ifndef TESTS_SUPPORT_TMPDIR_H
#define TESTS_SUPPORT_TMPDIR_H

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TMPDIR_PATH_BYTES = 512 };

struct tmpdir {
    char path[TMPDIR_PATH_BYTES]; /* absolute, no slash at the end */
};

static inline int tmpdir_open_entry_(const char *path, const struct stat *stat, int kind,
                                     struct FTW *ftw)
{
    (void)stat;
    (void)ftw;
    if (kind == FTW_D || kind == FTW_DNR) {
        (void)chmod(path, 0700); /* a test may have made it unwritable */
    }
    return 0;
}

static inline int tmpdir_remove_entry_(const char *path, const struct stat *stat, int kind,
                                       struct FTW *ftw)
{
    (void)stat;
    (void)kind;
    (void)ftw;
    return remove(path);
}

static inline bool tmpdir_make(struct tmpdir *dir)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(dir->path, sizeof(dir->path), "%s/ece-test-XXXXXX",
                       base != NULL && base[0] == '/' ? base : "/tmp");
    return len > 0 && (size_t)len < sizeof(dir->path) && mkdtemp(dir->path) != NULL;
}

/* True when nothing is left of it. */
static inline bool tmpdir_remove(struct tmpdir *dir)
{
    (void)nftw(dir->path, tmpdir_open_entry_, 8, FTW_PHYS);
    (void)nftw(dir->path, tmpdir_remove_entry_, 8, FTW_DEPTH | FTW_PHYS);
    return access(dir->path, F_OK) < 0 && errno == ENOENT;
}

/* "<dir>/<name>" into @ret_path, which is returned. */
static inline const char *tmpdir_path(const struct tmpdir *dir, const char *name,
                                      char ret_path[static TMPDIR_PATH_BYTES])
{
    int len = snprintf(ret_path, TMPDIR_PATH_BYTES, "%s/%s", dir->path, name);
    if (len < 0 || len >= TMPDIR_PATH_BYTES) {
        abort(); /* a test with a path like that is wrong */
    }
    return ret_path;
}

/* The cmocka forms: *state is a struct tmpdir. */
static inline int tmpdir_setup(void **state)
{
    struct tmpdir *dir = malloc(sizeof(*dir));
    if (dir == NULL || !tmpdir_make(dir)) {
        free(dir);
        return -1;
    }
    *state = dir;
    return 0;
}

static inline int tmpdir_teardown(void **state)
{
    bool is_gone = tmpdir_remove(*state);
    free(*state);
    *state = NULL;
    return is_gone ? 0 : -1;
}

#endif
