/* SPDX-License-Identifier: Apache-2.0 */
/* The small text files of /proc and /sys: read line by line or whole, without allocation. */
#ifndef AGENT_PROC_FILE_H
#define AGENT_PROC_FILE_H

#include <stdbool.h>
#include <stddef.h>

enum { PROC_LINE_BYTES = 4096 };

struct proc_lines {
    int fd; /* owned; -1 = nothing to read */
    size_t at;
    size_t len;
    bool is_skipping; /* within a line that is too long */
    char bytes[PROC_LINE_BYTES];
};

/** Begin to read @path below @dir_fd; one that cannot be opened has no lines, and errno says
 * why. proc_lines_close() in either case. */
bool proc_lines_open(struct proc_lines *lines, int dir_fd, const char *path);

/** The next line without its newline, which the caller may change; NULL at the end. A line of
 * PROC_LINE_BYTES or more is left out: none that we look for is that long. */
char *proc_lines_next(struct proc_lines *lines);
void proc_lines_close(struct proc_lines *lines);

/** The whole of a file of less than @size bytes, without blanks and newlines at its end. False
 * (and errno) when it cannot be read; one that is longer is EFBIG. */
bool proc_read_text(int dir_fd, const char *path, char *ret, size_t size);

#endif
