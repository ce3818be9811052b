/* SPDX-License-Identifier: Apache-2.0
 *
 * The frequency of CPUs: see frequency.h. Descriptors stay open. Before Linux 5.18, reading
 * scaling_cur_freq could sleep 10 ms per CPU, so a tick reads for so long and no longer, and the
 * next goes on where it stopped.
 */
#include "activity/frequency.h"

#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/clock.h"

#define BUDGET_NS          (2 * JK_NS_PER_MS)
#define CPU_MAX            8192 /* CONFIG_NR_CPUS of x86 */
#define CALIBRATION_MIN_NS (100 * JK_NS_PER_MS)

enum { APERF, MPERF, TSC, N_EVENTS };

static const char *const event_names[N_EVENTS] = { "aperf", "mperf", "tsc" };

enum cpu_state { UNTRIED, BY_COUNTERS, BY_POLICY, NO_SOURCE };

/* CPUs that share a cpufreq policy share its file. */
struct policy {
        int fd;
        ino_t inode;
        dev_t device;
        uint64_t read_in; /* tick */
        uint32_t khz;     /* 0: never read */
};

struct cpu {
        enum cpu_state state;
        int fds[2]; /* APERF (leads the group), MPERF */
        uint64_t aperf, mperf;
        uint32_t khz;
        size_t policy;
};

struct jk_frequency {
        const struct jk_root *root;
        uint32_t pmu;
        uint64_t events[N_EVENTS];
        bool has_counters;
        size_t n_fds, fds_max;

        int tsc_fd;
        uint64_t tsc_start;
        int64_t tsc_start_ns;
        double tsc_khz;

        struct cpu *cpus; /* by number */
        size_t n_cpus, cpus_capacity;
        struct policy *policies;
        size_t n_policies, policies_capacity;

        uint64_t tick;
        int64_t deadline_ns;
        uint32_t first, next; /* CPU that this tick began with, and the next one will */
};

uint32_t
jk_frequency_of_counters(uint64_t aperf, uint64_t mperf, double tsc_khz)
{
        double khz = mperf > 0 ? tsc_khz * (double)aperf / (double)mperf : 0;

        return khz > 0 && khz < UINT32_MAX ? (uint32_t)(khz + 0.5) : 0;
}

/* ---- APERF and MPERF ---- */

static int
open_event(const struct jk_frequency *frequency, int event, uint32_t cpu, int group)
{
        struct perf_event_attr attributes = {
                .size = sizeof attributes,
                .type = frequency->pmu,
                .config = frequency->events[event],
                .read_format = PERF_FORMAT_GROUP,
        };
        long fd = syscall(SYS_perf_event_open, &attributes, -1, (int)cpu, group,
                          PERF_FLAG_FD_CLOEXEC);

        return fd < 0 ? -errno : (int)fd;
}

/* A group's counters: 0 or a negative errno. */
static int
read_group(int fd, uint64_t *ret_values, size_t n)
{
        uint64_t values[1 + N_EVENTS];
        size_t wanted = (1 + n) * sizeof *values;
        ssize_t got = read(fd, values, wanted);

        if (got != (ssize_t)wanted || values[0] != n)
                return got < 0 ? -errno : -EIO;

        for (size_t i = 0; i < n; i++)
                ret_values[i] = values[1 + i];
        return 0;
}

static int
find_events(struct jk_frequency *frequency)
{
        uint64_t type;
        int r = jk_root_read_u64(frequency->root, "sys/bus/event_source/devices/msr/type", &type);

        for (int i = 0; r == 0 && i < N_EVENTS; i++) {
                char path[96], text[64];
                unsigned long long config;
                ssize_t n;

                snprintf(path, sizeof path, "sys/bus/event_source/devices/msr/events/%s",
                         event_names[i]);
                n = jk_root_read(frequency->root, path, text, sizeof text);
                if (n < 0 || sscanf(text, "event=%llx", &config) != 1)
                        return n < 0 ? (int)n : -EINVAL;
                frequency->events[i] = config;
        }

        frequency->pmu = (uint32_t)type;
        return r;
}

/* The TSC's rate, against the clock. */
static void
calibrate(struct jk_frequency *frequency, uint32_t cpu)
{
        int64_t now = jk_monotonic_ns();
        uint64_t tsc = 0;

        if (frequency->tsc_fd < 0) {
                frequency->tsc_fd = open_event(frequency, TSC, cpu, -1);
                frequency->tsc_start_ns = now;
                if (frequency->tsc_fd < 0 ||
                    read_group(frequency->tsc_fd, &frequency->tsc_start, 1) < 0)
                        frequency->has_counters = false;
                return;
        }

        if (now - frequency->tsc_start_ns < CALIBRATION_MIN_NS ||
            read_group(frequency->tsc_fd, &tsc, 1) < 0 || tsc <= frequency->tsc_start)
                return;
        frequency->tsc_khz = (double)(tsc - frequency->tsc_start) * 1e6 /
                             (double)(now - frequency->tsc_start_ns);
}

static int
open_counters(struct jk_frequency *frequency, struct cpu *cpu, uint32_t number)
{
        jk_autoclose int leader = -1;
        int follower;

        if (!frequency->has_counters || frequency->n_fds + 2 > frequency->fds_max)
                return -EMFILE;

        leader = open_event(frequency, APERF, number, -1);
        if (leader < 0)
                return leader;
        follower = open_event(frequency, MPERF, number, leader);
        if (follower < 0)
                return follower;

        cpu->fds[0] = jk_steal_fd(&leader);
        cpu->fds[1] = follower;
        cpu->aperf = cpu->mperf = 0;
        cpu->khz = 0;
        frequency->n_fds += 2;
        return 0;
}

static int
read_counters(struct jk_frequency *frequency, struct cpu *cpu, uint32_t *ret_khz)
{
        uint64_t values[2] = { 0 };
        uint32_t khz;
        int r = read_group(cpu->fds[0], values, 2);

        if (r < 0)
                return r;

        khz = jk_frequency_of_counters(values[0] - cpu->aperf, values[1] - cpu->mperf,
                                       frequency->tsc_khz);
        cpu->aperf = values[0];
        cpu->mperf = values[1];
        if (khz == 0)
                return -ENODATA; /* not calibrated yet, or did not run */

        *ret_khz = khz;
        return 0;
}

/* ---- cpufreq ---- */

static int
open_policy(struct jk_frequency *frequency, struct cpu *cpu, uint32_t number)
{
        jk_autoclose int fd = -1;
        struct stat found;
        char path[96];
        int r;

        snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%u/cpufreq/scaling_cur_freq",
                 number);
        fd = jk_root_open_file(frequency->root, path);
        if (fd < 0)
                return fd;
        if (fstat(fd, &found) < 0)
                return -errno;

        for (size_t i = 0; i < frequency->n_policies; i++) {
                const struct policy *policy = &frequency->policies[i];

                if (policy->inode == found.st_ino && policy->device == found.st_dev) {
                        cpu->policy = i;
                        return 0;
                }
        }

        if (frequency->n_fds + 1 > frequency->fds_max)
                return -EMFILE;
        r = jk_array_grow(&frequency->policies, &frequency->policies_capacity,
                          frequency->n_policies + 1);
        if (r < 0)
                return r;

        cpu->policy = frequency->n_policies++;
        frequency->policies[cpu->policy] = (struct policy){ .fd = jk_steal_fd(&fd),
                                                            .inode = found.st_ino,
                                                            .device = found.st_dev };
        frequency->n_fds++;
        return 0;
}

static int
read_policy(struct jk_frequency *frequency, struct policy *policy, uint32_t *ret_khz)
{
        uint64_t khz;
        int r;

        if (policy->read_in != frequency->tick) {
                r = jk_fd_read_u64(policy->fd, &khz);
                if (r < 0)
                        return r;
                policy->khz = khz < UINT32_MAX ? (uint32_t)khz : 0;
                policy->read_in = frequency->tick;
        }
        if (policy->khz == 0)
                return -ENODATA;

        *ret_khz = policy->khz;
        return 0;
}

/* ---- both ---- */

int
jk_frequency_open(const struct jk_root *sys_root, struct jk_frequency **ret_frequency)
{
        struct jk_frequency *frequency = calloc(1, sizeof *frequency);
        struct rlimit limit;

        if (!frequency)
                return -ENOMEM;

        frequency->root = sys_root;
        frequency->tsc_fd = -1;
        frequency->fds_max = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur / 2 : 256;
        frequency->has_counters = jk_root_is_host(sys_root) && find_events(frequency) == 0;
        *ret_frequency = frequency;
        return 0;
}

static void
close_counters(struct jk_frequency *frequency, struct cpu *cpu)
{
        close(cpu->fds[0]);
        close(cpu->fds[1]);
        frequency->n_fds -= 2;
}

void
jk_frequency_close(struct jk_frequency *frequency)
{
        if (!frequency)
                return;

        for (size_t i = 0; i < frequency->n_cpus; i++)
                if (frequency->cpus[i].state == BY_COUNTERS)
                        close_counters(frequency, &frequency->cpus[i]);
        for (size_t i = 0; i < frequency->n_policies; i++)
                close(frequency->policies[i].fd);
        jk_cleanup_close(&frequency->tsc_fd);
        free(frequency->cpus);
        free(frequency->policies);
        free(frequency);
}

void
jk_frequency_begin(struct jk_frequency *frequency)
{
        frequency->tick++;
        frequency->first = frequency->next;
        frequency->next = 0;
        frequency->deadline_ns = jk_monotonic_ns() + BUDGET_NS;
}

/* The CPU's place in the table, with its source opened; NULL if memory ran out. */
static struct cpu *
find_cpu(struct jk_frequency *frequency, uint32_t number)
{
        struct cpu *cpu;

        if (number >= CPU_MAX ||
            jk_array_grow(&frequency->cpus, &frequency->cpus_capacity, number + 1) < 0)
                return NULL;
        if (number >= frequency->n_cpus)
                frequency->n_cpus = number + 1;

        cpu = &frequency->cpus[number];
        if (cpu->state != UNTRIED)
                return cpu;

        if (frequency->has_counters)
                calibrate(frequency, number);
        if (open_counters(frequency, cpu, number) == 0)
                cpu->state = BY_COUNTERS;
        else if (open_policy(frequency, cpu, number) == 0)
                cpu->state = BY_POLICY;
        else
                cpu->state = NO_SOURCE;
        return cpu;
}

/* Whether this CPU's turn is in this tick: the budget is not used up, and if it was in the last
 * tick, the CPUs that were left out come first. */
static bool
has_turn(struct jk_frequency *frequency, uint32_t number)
{
        if (frequency->next != 0 || number < frequency->first)
                return false;
        if (jk_monotonic_ns() < frequency->deadline_ns)
                return true;

        frequency->next = number;
        return false;
}

static int
last_known(const struct jk_frequency *frequency, const struct cpu *cpu, uint32_t *ret_khz)
{
        uint32_t khz = cpu->state == BY_POLICY ? frequency->policies[cpu->policy].khz : cpu->khz;

        if (khz == 0)
                return -EAGAIN;

        *ret_khz = khz;
        return 0;
}

int
jk_frequency_read(struct jk_frequency *frequency, uint32_t number, uint32_t *ret_khz)
{
        struct cpu *cpu = find_cpu(frequency, number);
        int r;

        if (!cpu)
                return -ENOMEM;
        if (cpu->state == NO_SOURCE)
                return -ENOENT;
        if (!has_turn(frequency, number))
                return last_known(frequency, cpu, ret_khz);
        if (cpu->state == BY_POLICY)
                return read_policy(frequency, &frequency->policies[cpu->policy], ret_khz);

        if (frequency->tsc_khz == 0)
                calibrate(frequency, number);
        r = read_counters(frequency, cpu, ret_khz);
        if (r == 0)
                cpu->khz = *ret_khz;
        return r;
}

void
jk_frequency_forget(struct jk_frequency *frequency, uint32_t number)
{
        struct cpu *cpu;

        if (number >= frequency->n_cpus)
                return;

        cpu = &frequency->cpus[number];
        if (cpu->state == BY_COUNTERS)
                close_counters(frequency, cpu);
        cpu->state = UNTRIED;
}
