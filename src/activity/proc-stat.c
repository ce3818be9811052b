/* SPDX-License-Identifier: Apache-2.0
 *
 * Parsers of /proc/PID/: see proc-stat.h. The comm in stat is not escaped: it may hold blanks,
 * newlines and parentheses, so it ends at the last ")" of the text; nothing after it can have one.
 */
#include "activity/proc-stat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Fields after the comm, numbered as proc_pid_stat(5) does. */
enum {
        PPID = 4,
        FLAGS = 9,
        MINFLT = 10,
        MAJFLT = 12,
        UTIME = 14,
        STIME = 15,
        NUM_THREADS = 20,
        STARTTIME = 22,
        RSS = 24,
        N_FIELDS
};

/* A number after one blank; a sign is passed over, as no field of interest is ever negative. */
static const char *
parse_field(const char *p, const char *end, uint64_t *ret_value)
{
        uint64_t value = 0;
        bool negative;

        if (p == end || *p++ != ' ')
                return NULL;
        negative = p < end && *p == '-';
        p += negative;
        if (p == end || *p < '0' || *p > '9')
                return NULL;

        for (; p < end && *p >= '0' && *p <= '9'; p++)
                value = value * 10 + (uint64_t)(*p - '0');
        *ret_value = negative ? 0 : value;
        return p;
}

int
jk_proc_stat_parse(const char *text, size_t length, struct jk_proc_stat *ret_stat)
{
        const char *end = text + length, *comm = memchr(text, '(', length);
        const char *close = memrchr(text, ')', length), *p;
        struct jk_proc_stat stat = { .state = '?' };
        uint64_t fields[N_FIELDS] = { 0 };
        size_t comm_length;

        if (!comm || !close || close < comm || end - close < 3 || close[1] != ' ')
                return -EBADMSG;

        comm++;
        comm_length = (size_t)(close - comm);
        if (comm_length >= sizeof stat.comm) /* kernel workers get a longer name */
                comm_length = sizeof stat.comm - 1;
        memcpy(stat.comm, comm, comm_length);
        stat.state = close[2];

        p = close + 3;
        for (int i = PPID; i < N_FIELDS; i++) {
                p = parse_field(p, end, &fields[i]);
                if (!p)
                        return -EBADMSG;
        }

        stat.ppid = (pid_t)fields[PPID];
        stat.flags = (uint32_t)fields[FLAGS];
        stat.minor_faults = fields[MINFLT];
        stat.major_faults = fields[MAJFLT];
        stat.cpu_ticks = fields[UTIME] + fields[STIME];
        stat.threads = (uint32_t)fields[NUM_THREADS];
        stat.start_ticks = fields[STARTTIME];
        stat.resident_pages = fields[RSS];
        *ret_stat = stat;
        return 0;
}

/* The text after a label at the start of a line, or NULL. A comm in status cannot fake one: its
 * newlines are escaped. */
static const char *
find_line(const char *text, const char *label)
{
        size_t length = strlen(label);

        for (const char *p = text; p; p = strchr(p, '\n')) {
                p += *p == '\n';
                if (strncmp(p, label, length) == 0)
                        return p + length;
        }
        return NULL;
}

static int
parse_line(const char *text, const char *label, uint64_t *ret_value)
{
        const char *rest = find_line(text, label);
        unsigned long long value;

        if (!rest || sscanf(rest, "%llu", &value) != 1)
                return -EBADMSG;

        *ret_value = value;
        return 0;
}

int
jk_proc_io_parse(const char *text, uint64_t *ret_read, uint64_t *ret_written)
{
        uint64_t read = 0, written = 0, cancelled = 0;

        if (parse_line(text, "read_bytes:", &read) < 0 ||
            parse_line(text, "write_bytes:", &written) < 0)
                return -EBADMSG;
        parse_line(text, "cancelled_write_bytes:", &cancelled);

        *ret_read = read;
        *ret_written = written > cancelled ? written - cancelled : 0;
        return 0;
}

int
jk_proc_uid_parse(const char *text, uid_t *ret_uid)
{
        uint64_t uid = 0;
        int r = parse_line(text, "Uid:", &uid);

        if (r == 0 && uid > UINT32_MAX)
                r = -EBADMSG;
        if (r == 0)
                *ret_uid = (uid_t)uid;
        return r;
}
