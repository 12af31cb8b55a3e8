/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the text files of the kernel. Owns the cutting into lines within a fixed buffer; knows
 * nothing of what the lines mean. Nothing is allocated: these files are read at every beat.
 */
#include "agent/measure/proc_file.h"

#include "common/base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* O_NONBLOCK: a tree that holds a FIFO must not hang us. */
static int open_file(int dir_fd, const char *path)
{
    return openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static ssize_t read_some(int fd, char *at, size_t room)
{
    ssize_t got;
    do {
        got = read(fd, at, room);
    } while (got < 0 && errno == EINTR);
    return got;
}

bool proc_lines_open(struct proc_lines *lines, int dir_fd, const char *path)
{
    lines->fd = open_file(dir_fd, path);
    lines->at = 0;
    lines->len = 0;
    lines->is_skipping = false;
    return lines->fd >= 0;
}

/* Make room behind what is not consumed yet. A line that fills the whole buffer is given up. */
static void make_room(struct proc_lines *lines)
{
    lines->len -= lines->at;
    memmove(lines->bytes, lines->bytes + lines->at, lines->len);
    lines->at = 0;
    if (lines->len == sizeof lines->bytes - 1) {
        lines->is_skipping = true;
        lines->len = 0;
    }
}

/* What stands behind the last newline. */
static char *take_rest(struct proc_lines *lines)
{
    bool is_line = lines->len > 0 && !lines->is_skipping;
    lines->bytes[lines->len] = '\0';
    lines->len = 0;
    return is_line ? lines->bytes : NULL;
}

char *proc_lines_next(struct proc_lines *lines)
{
    while (lines->fd >= 0) {
        char *line = lines->bytes + lines->at;
        char *newline = memchr(line, '\n', lines->len - lines->at);
        if (newline != NULL) {
            bool is_tail = lines->is_skipping;
            *newline = '\0';
            lines->at = (size_t)(newline - lines->bytes) + 1;
            lines->is_skipping = false;
            if (!is_tail) {
                return line;
            }
            continue;
        }
        make_room(lines);
        ssize_t got = read_some(lines->fd, lines->bytes + lines->len,
                                sizeof lines->bytes - 1 - lines->len);
        if (got <= 0) {
            return take_rest(lines);
        }
        lines->len += (size_t)got;
    }
    return NULL;
}

void proc_lines_close(struct proc_lines *lines)
{
    if (lines->fd >= 0) {
        (void)close(lines->fd);
    }
    lines->fd = -1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool proc_read_text(int dir_fd, const char *path, char *ret, size_t size)
{
    auto_fd int fd = open_file(dir_fd, path);
    size_t len = 0;
    if (fd < 0) {
        return false;
    }
    for (;;) {
        ssize_t got = read_some(fd, ret + len, size - len);
        if (got < 0) {
            return false;
        }
        len += (size_t)got;
        if (got == 0) {
            break;
        }
        if (len == size) {
            errno = EFBIG;
            return false;
        }
    }
    while (len > 0 && is_blank(ret[len - 1])) {
        len--;
    }
    ret[len] = '\0';
    return true;
}
