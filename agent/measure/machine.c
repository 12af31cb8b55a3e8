/* SPDX-License-Identifier: Apache-2.0 */
/* Memory and processors of the machine. Keeps nothing; limits by cgroups are not looked at
 * here. */
#include "agent/measure/machine.h"

#include "agent/measure/proc_file.h"
#include "common/base/parse.h"

#include <sched.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

enum { CPU_LIST_BYTES = 1024 };

static const uint64_t memory_max_kib = UINT64_C(1)
                                       << 43; /* far above any machine; keeps sums whole */

/* "MemTotal:       24683656 kB" */
static bool parse_total(char *line, uint64_t *ret_kib)
{
    static const char key[] = "MemTotal:";
    struct err err;
    if (strncmp(line, key, sizeof key - 1) != 0) {
        return false;
    }
    char *number = line + sizeof key - 1;
    number += strspn(number, " \t");
    char *unit = number + strcspn(number, " \t");
    if (strcmp(unit + strspn(unit, " \t"), "kB") != 0) {
        return false;
    }
    *unit = '\0';
    return parse_u64(number, 1, memory_max_kib, ret_kib, &err) == 0;
}

bool machine_memory(int root_fd, bool is_live, uint64_t *ret_bytes)
{
    CLEANUP(proc_lines_close) struct proc_lines lines;
    uint64_t kib = 0;
    (void)proc_lines_open(&lines, root_fd, "proc/meminfo"); /* if not: it has no lines */
    for (char *line; kib == 0 && (line = proc_lines_next(&lines)) != NULL;) {
        (void)parse_total(line, &kib); /* if not: the next line */
    }
    if (kib > 0) {
        *ret_bytes = kib * 1024;
        return true;
    }
    struct sysinfo info;
    if (!is_live || sysinfo(&info) < 0 || info.totalram == 0) {
        return false;
    }
    *ret_bytes = (uint64_t)info.totalram * info.mem_unit;
    return true;
}

/* "3" or "0-3" */
static bool parse_range(const char *text, uint64_t *ret_count)
{
    char copy[CPU_LIST_BYTES];
    struct err err;
    uint64_t first = 0;
    uint64_t last = 0;
    memcpy(copy, text, strlen(text) + 1);
    char *dash = strchr(copy, '-');
    if (dash != NULL) {
        *dash = '\0';
    }
    if (parse_u64(copy, 0, UINT16_MAX, &first, &err) < 0 ||
        parse_u64(dash != NULL ? dash + 1 : copy, first, UINT16_MAX, &last, &err) < 0) {
        return false;
    }
    *ret_count = last - first + 1;
    return true;
}

/* "0-3,8-11": 8; 0 if it is anything else. */
static uint32_t count_online(int root_fd)
{
    char text[CPU_LIST_BYTES];
    uint64_t sum = 0;
    if (!proc_read_text(root_fd, "sys/devices/system/cpu/online", text, sizeof text)) {
        return 0;
    }
    char *rest = text;
    for (char *range; (range = strsep(&rest, ",")) != NULL;) {
        uint64_t count = 0;
        if (!parse_range(range, &count)) {
            return 0;
        }
        sum += count;
    }
    return sum <= UINT16_MAX ? (uint32_t)sum : 0;
}

static uint32_t count_cpuinfo(int root_fd)
{
    CLEANUP(proc_lines_close) struct proc_lines lines;
    uint32_t count = 0;
    (void)proc_lines_open(&lines, root_fd, "proc/cpuinfo"); /* if not: it has no lines */
    for (const char *line; (line = proc_lines_next(&lines)) != NULL;) {
        /* "processor\t: 0"; ARM and s390 have lines like "Processor" and "processors". */
        count += strncmp(line, "processor\t", 10) == 0 ? 1 : 0;
    }
    return count;
}

static uint32_t count_live(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (uint32_t)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 of them */
    return online > 0 ? (uint32_t)online : 0;
}

uint32_t machine_cpus(int root_fd, bool is_live)
{
    if (is_live) {
        return count_live();
    }
    uint32_t online = count_online(root_fd);
    return online > 0 ? online : count_cpuinfo(root_fd);
}
