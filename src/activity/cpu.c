/* SPDX-License-Identifier: Apache-2.0
 *
 * Per-CPU time from /proc/stat (proc(5)), frequency and temperature. The file is read by one
 * read(2) and only as far as its cpu lines go; its counters are in ticks of USER_HZ, 10 ms on every
 * Linux there is.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "activity/activity.h"
#include "activity/cpu-stat.h"
#include "activity/frequency.h"
#include "activity/temperature.h"
#include "base/array.h"
#include "base/cleanup.h"

/* Going back by less than this is the kernel's idle and iowait accounting, which is not exact: wait
 * until the counter has caught up. Going back by more is another counter: start anew. */
#define STEP_BACK_TICKS 6000

struct cpu {
        bool known, online;
        uint64_t seen_in; /* reading */
        uint64_t ticks[JK_CPU_TIMES];
};

struct jk_cpus {
        int fd;
        char *text;
        size_t text_size;
        uint64_t ns_per_tick;
        uint64_t readings;
        struct cpu *cpus; /* by number */
        size_t n_cpus, cpus_capacity;
        struct jk_frequency *frequency;
        struct jk_temperature *temperature;
};

/* ---- the parser ---- */

static const char *
skip_blanks(const char *p, const char *end)
{
        while (p < end && *p == ' ')
                p++;
        return p;
}

/* A number: what follows it, or NULL. More than 64 bits wrap, as the kernel's counters would. */
static const char *
parse_number(const char *p, const char *end, uint64_t *ret_value)
{
        uint64_t value = 0;
        const char *start = p;

        for (; p < end && *p >= '0' && *p <= '9'; p++)
                value = value * 10 + (uint64_t)(*p - '0');
        if (p == start)
                return NULL;

        *ret_value = value;
        return p;
}

enum jk_cpu_line
jk_cpu_stat_line(const char **text, const char *end, uint32_t *ret_cpu, uint64_t *ret_ticks)
{
        const char *p = *text, *line_end = memchr(p, '\n', (size_t)(end - p));
        uint64_t ticks[JK_CPU_TIMES] = { 0 }, number = 0;
        int n = 0;

        if (!line_end)
                return JK_CPU_LINE_CUT;
        *text = line_end + 1;
        if (line_end - p < 4 || memcmp(p, "cpu", 3) != 0)
                return JK_CPU_LINE_OTHER;
        if (p[3] == ' ')
                return JK_CPU_LINE_SUM;

        p = parse_number(p + 3, line_end, &number);
        while (p && n < JK_CPU_TIMES && (p = skip_blanks(p, line_end)) < line_end)
                if ((p = parse_number(p, line_end, &ticks[n])))
                        n++;
        if (!p || n < 4 || number > JK_CPU_NUMBER_MAX) /* idle is the fourth, and there since 2.4 */
                return JK_CPU_LINE_SUM;

        *ret_cpu = (uint32_t)number;
        memcpy(ret_ticks, ticks, sizeof ticks);
        return JK_CPU_LINE_CPU;
}

/* ---- opening ---- */

int
jk_cpus_open(const struct jk_root *proc_root, const struct jk_root *sys_root,
             struct jk_cpus **ret_cpus, struct jk_error *err)
{
        struct jk_cpus *cpus = calloc(1, sizeof *cpus);
        long configured = sysconf(_SC_NPROCESSORS_CONF), hz = sysconf(_SC_CLK_TCK);

        if (!cpus)
                return jk_fail(err, ENOMEM, "CPUs: out of memory");

        cpus->ns_per_tick = (uint64_t)JK_NS_PER_S / (uint64_t)(hz > 0 ? hz : 100);
        cpus->text_size = 1024 + 128 * (size_t)(configured > 0 ? configured : 1);
        cpus->text = malloc(cpus->text_size);
        cpus->fd = jk_root_open_file(proc_root, "proc/stat");
        if (cpus->fd < 0 || !cpus->text || jk_frequency_open(sys_root, &cpus->frequency) < 0 ||
            jk_temperature_open(sys_root, &cpus->temperature) < 0) {
                int r = cpus->fd < 0 ? cpus->fd : -ENOMEM;

                jk_cpus_close(cpus);
                return jk_fail(err, r, "%s/proc/stat: %m; mount proc there, or give another --root",
                               proc_root->path);
        }

        *ret_cpus = cpus;
        return 0;
}

void
jk_cpus_close(struct jk_cpus *cpus)
{
        if (!cpus)
                return;

        if (cpus->fd >= 0)
                close(cpus->fd);
        jk_frequency_close(cpus->frequency);
        jk_temperature_close(cpus->temperature);
        free(cpus->text);
        free(cpus->cpus);
        free(cpus);
}

/* ---- reading ---- */

static uint64_t
advance(uint64_t *mark, uint64_t now)
{
        uint64_t before = *mark;

        if (now < before && before - now < STEP_BACK_TICKS)
                return 0;

        *mark = now;
        return now < before ? 0 : now - before;
}

static struct cpu *
find_cpu(struct jk_cpus *cpus, uint32_t number)
{
        if (jk_array_grow(&cpus->cpus, &cpus->cpus_capacity, number + 1) < 0)
                return NULL;
        if (number >= cpus->n_cpus)
                cpus->n_cpus = number + 1;

        return &cpus->cpus[number];
}

static void
fill(const struct jk_cpus *cpus, struct cpu *cpu, const uint64_t *ticks,
     struct jk_cpu_reading *reading)
{
        uint64_t delta[JK_CPU_TIMES];

        for (int i = 0; i < JK_CPU_TIMES; i++)
                delta[i] = advance(&cpu->ticks[i], ticks[i]) * cpus->ns_per_tick;

        /* guest time is inside user and nice already */
        reading->busy_ns = delta[JK_CPU_USER] + delta[JK_CPU_NICE] + delta[JK_CPU_SYSTEM];
        reading->idle_ns = delta[JK_CPU_IDLE] + delta[JK_CPU_IOWAIT];
        reading->irq_ns = delta[JK_CPU_IRQ];
        reading->softirq_ns = delta[JK_CPU_SOFTIRQ];
        reading->steal_ns = delta[JK_CPU_STEAL];
}

static int
add_online(struct jk_cpus *cpus, struct jk_sample *sample, uint32_t number, const uint64_t *ticks)
{
        struct jk_cpu_reading *reading = jk_sample_add_cpu(sample);
        struct cpu *cpu = find_cpu(cpus, number);
        bool baseline;

        if (!reading || !cpu)
                return -ENOMEM;

        reading->cpu = number;
        reading->online = true;
        baseline = !cpu->online;
        if (baseline)
                memcpy(cpu->ticks, ticks, sizeof cpu->ticks);
        else
                fill(cpus, cpu, ticks, reading);
        cpu->known = cpu->online = true;
        cpu->seen_in = cpus->readings;

        if (baseline || reading->busy_ns > 0)
                reading->frequency_seen =
                        jk_frequency_read(cpus->frequency, number, &reading->frequency_khz) == 0;
        reading->temperature_seen =
                jk_temperature_of(cpus->temperature, number, &reading->temperature_mc);
        return 0;
}

static int
add_offline(struct jk_cpus *cpus, struct jk_sample *sample)
{
        for (size_t i = 0; i < cpus->n_cpus; i++) {
                struct cpu *cpu = &cpus->cpus[i];
                struct jk_cpu_reading *reading;

                if (!cpu->known || cpu->seen_in == cpus->readings)
                        continue;
                if (cpu->online)
                        jk_frequency_forget(cpus->frequency, (uint32_t)i);
                cpu->online = false;

                reading = jk_sample_add_cpu(sample);
                if (!reading)
                        return -ENOMEM;
                reading->cpu = (uint32_t)i;
        }
        return 0;
}

/* All cpu lines, with a buffer that grows until they fit. */
static ssize_t
read_stat(struct jk_cpus *cpus)
{
        for (;;) {
                ssize_t n = pread(cpus->fd, cpus->text, cpus->text_size, 0);
                char *grown;

                if (n < 0)
                        return -errno;
                if ((size_t)n < cpus->text_size || memmem(cpus->text, (size_t)n, "\nintr ", 6))
                        return n;

                grown = realloc(cpus->text, cpus->text_size * 2);
                if (!grown)
                        return -ENOMEM;
                cpus->text = grown;
                cpus->text_size *= 2;
        }
}

int
jk_cpus_read(struct jk_cpus *cpus, struct jk_sample *sample, struct jk_error *err)
{
        ssize_t length = read_stat(cpus);
        const char *p = cpus->text, *end = p + length;
        enum jk_cpu_line line;
        int r = 0;

        if (length < 0)
                return jk_fail(err, (int)length, "proc/stat: cannot read: %m");

        cpus->readings++;
        jk_frequency_begin(cpus->frequency);
        jk_temperature_begin(cpus->temperature);
        do {
                uint64_t ticks[JK_CPU_TIMES];
                uint32_t number;

                line = jk_cpu_stat_line(&p, end, &number, ticks);
                if (line == JK_CPU_LINE_CPU)
                        r = add_online(cpus, sample, number, ticks);
        } while (r == 0 && (line == JK_CPU_LINE_CPU || line == JK_CPU_LINE_SUM));

        if (r == 0)
                r = add_offline(cpus, sample);
        if (r < 0)
                return jk_fail(err, r, "proc/stat: out of memory");
        if (sample->n_cpus == 0)
                return jk_fail(err, EBADMSG,
                               "proc/stat: has no line for a CPU; is it a proc file system?");

        sample->flags |= JK_SAMPLE_CPUS;
        return 0;
}
