/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks: how the activity of tasks can be seen here, and what stands in the way of seeing it
 * better.
 */
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "activity/activity.h"
#include "activity/enclaves.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "cmd/checks.h"
#include "workload/epc.h"

/* ---- collectors ---- */

static void
check_collector(struct jk_diagnosis *diagnosis, const struct jk_activity_env *env,
                const struct jk_collector_ops *ops, bool best)
{
        struct jk_collector *collector;
        struct jk_error err = { 0 };

        if (ops->open(env, &collector, &err) < 0) {
                jk_diagnosis_message(diagnosis, "activity", ops->name,
                                     best ? JK_CHECK_LIMITED : JK_CHECK_MISSING, err.message);
                return;
        }

        jk_diagnosis_add(diagnosis, "activity", ops->name, JK_CHECK_OK, "%s",
                         ops->describe(collector));
        diagnosis->tasks_seen = true;
        ops->close(collector);
}

static void
check_collectors(struct jk_diagnosis *diagnosis, struct jk_cgroups *cgroups)
{
        const struct jk_activity_env env = {
                .proc_root = diagnosis->root,
                .cgroups = cgroups,
                .counters = true,
        };

        for (size_t i = 0; jk_collector_list[i]; i++)
                check_collector(diagnosis, &env, jk_collector_list[i], i == 0);
}

static void
check_cgroups(struct jk_diagnosis *diagnosis, const struct jk_cgroups *cgroups)
{
        if (jk_cgroups_mode(cgroups) == JK_CGROUP_NONE) {
                jk_diagnosis_add(diagnosis, "activity", "cgroups", JK_CHECK_LIMITED,
                                 "no cgroup file system: all tasks count as one group");
                jk_diagnosis_remedy(diagnosis, "mount -t cgroup2 none /sys/fs/cgroup");
        } else {
                jk_diagnosis_add(diagnosis, "activity", "cgroups", JK_CHECK_OK, "%s, /%s",
                                 jk_cgroups_describe(cgroups), jk_cgroups_mount(cgroups));
        }
}

/* ---- what eBPF and perf ask for ---- */

static void
check_btf(struct jk_diagnosis *diagnosis)
{
        if (jk_root_exists(diagnosis->root, "sys/kernel/btf/vmlinux")) {
                jk_diagnosis_add(diagnosis, "activity", "BTF", JK_CHECK_OK,
                                 "the kernel describes its types");
        } else {
                jk_diagnosis_add(diagnosis, "activity", "BTF", JK_CHECK_LIMITED,
                                 "the kernel does not describe its types, so eBPF cannot be used");
                jk_diagnosis_remedy(diagnosis, "use a kernel with CONFIG_DEBUG_INFO_BTF=y");
        }
}

/* Effective capabilities of this process; all of them if they cannot be read. */
static uint64_t
effective_capabilities(void)
{
        jk_autofclose FILE *file = fopen("/proc/self/status", "re");
        unsigned long long effective = ~0ULL;
        char line[256];

        while (file && fgets(line, sizeof line, file))
                if (sscanf(line, "CapEff: %llx", &effective) == 1)
                        break;

        return effective;
}

static void
check_capabilities(struct jk_diagnosis *diagnosis)
{
        static const struct {
                int number;
                const char *name, *what;
        } rows[] = {
                { CAP_BPF, "CAP_BPF", "eBPF" },
                { CAP_PERFMON, "CAP_PERFMON", "eBPF, RAPL by perf, hardware counters" },
                { CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", "RAPL by powercap" },
                { CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "bytes read and written, without eBPF" },
        };
        uint64_t effective = effective_capabilities();
        jk_autotext struct jk_text missing = { 0 };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (!(effective >> rows[i].number & 1))
                        jk_text_printf(&missing, "%s%s (%s)", missing.length ? ", " : "",
                                       rows[i].name, rows[i].what);

        if (missing.length == 0) {
                jk_diagnosis_add(diagnosis, "activity", "capabilities", JK_CHECK_OK,
                                 "all that are needed");
        } else {
                jk_diagnosis_add(diagnosis, "activity", "capabilities", JK_CHECK_LIMITED,
                                 "not there: %s", missing.data ? missing.data : "");
                jk_diagnosis_remedy(diagnosis, "run as root, or grant them");
        }
}

/* Nothing to say where there is no SGX. */
static void
check_enclaves(struct jk_diagnosis *diagnosis, struct jk_cgroups *cgroups)
{
        struct jk_epc *epc = NULL;

        if (!jk_enclaves_exist(diagnosis->root))
                return;
        if (!(effective_capabilities() >> CAP_SYS_PTRACE & 1)) {
                jk_diagnosis_add(diagnosis, "activity", "enclaves", JK_CHECK_LIMITED,
                                 "the kernel has its SGX driver, but which tasks hold an enclave "
                                 "cannot be seen");
                jk_diagnosis_remedy(diagnosis, "run as root, or grant CAP_SYS_PTRACE");
                return;
        }

        (void)jk_epc_open(cgroups, &epc);
        jk_diagnosis_add(diagnosis, "activity", "enclaves", JK_CHECK_OK,
                         "tasks that hold one are marked; %s",
                         epc ? "their memory is read by cgroup"
                             : "their memory is not known: it takes cgroup v2 and a kernel whose "
                               "controller misc counts sgx_epc");
        jk_epc_close(epc);
}

/* perf_event_paranoid(5): above 0 the machine-wide events that RAPL and counters need are only for
 * those with CAP_PERFMON (or CAP_SYS_ADMIN). */
static void
check_paranoid(struct jk_diagnosis *diagnosis)
{
        uint64_t effective = effective_capabilities();
        bool allowed = effective >> CAP_PERFMON & 1 || effective >> CAP_SYS_ADMIN & 1;
        int64_t level;

        if (jk_root_read_i64(diagnosis->root, "proc/sys/kernel/perf_event_paranoid", &level) < 0) {
                jk_diagnosis_add(diagnosis, "activity", "perf", JK_CHECK_LIMITED,
                                 "the kernel has no perf events");
                jk_diagnosis_remedy(diagnosis, "use a kernel with CONFIG_PERF_EVENTS=y");
        } else if (level <= 0 || allowed) {
                jk_diagnosis_add(diagnosis, "activity", "perf", JK_CHECK_OK,
                                 "allowed (perf_event_paranoid is %lld)", (long long)level);
        } else {
                jk_diagnosis_add(diagnosis, "activity", "perf", JK_CHECK_LIMITED,
                                 "machine-wide events are not allowed: perf_event_paranoid is %lld",
                                 (long long)level);
                jk_diagnosis_remedy(diagnosis, "run as root, grant CAP_PERFMON, or sysctl "
                                               "kernel.perf_event_paranoid=0");
        }
}

/* Whether the CPU counts cycles for us: a counter on ourselves is opened, which is allowed nearly
 * everywhere. */
static void
check_counters(struct jk_diagnosis *diagnosis)
{
        struct perf_event_attr attr = {
                .type = PERF_TYPE_HARDWARE,
                .size = sizeof attr,
                .config = PERF_COUNT_HW_CPU_CYCLES,
                .disabled = 1,
                .exclude_kernel = 1,
                .exclude_hv = 1,
        };
        jk_autoclose int fd =
                (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

        if (fd >= 0) {
                jk_diagnosis_add(diagnosis, "activity", "counters", JK_CHECK_OK,
                                 "the CPU counts cycles");
                return;
        }
        if (errno == EACCES || errno == EPERM) {
                jk_diagnosis_add(diagnosis, "activity", "counters", JK_CHECK_LIMITED,
                                 "not allowed to look for hardware counters");
                jk_diagnosis_remedy(diagnosis, "run as root");
                return;
        }

        jk_diagnosis_add(diagnosis, "activity", "counters", JK_CHECK_LIMITED,
                         "no hardware counters; tasks are weighed by CPU time alone");
        if (jk_cpu_flag(diagnosis->root, "hypervisor"))
                jk_diagnosis_remedy(diagnosis, "give the virtual machine a PMU (QEMU: -cpu "
                                               "host,pmu=on)");
}

void
jk_check_activity(struct jk_diagnosis *diagnosis)
{
        struct jk_cgroups *cgroups;
        struct jk_error err;

        if (jk_cgroups_open(diagnosis->root, &cgroups, &err) < 0) {
                jk_diagnosis_message(diagnosis, "activity", "cgroups", JK_CHECK_MISSING,
                                     err.message);
        } else {
                check_collectors(diagnosis, cgroups);
                check_cgroups(diagnosis, cgroups);
                check_enclaves(diagnosis, cgroups);
                jk_cgroups_close(cgroups);
        }

        check_btf(diagnosis);
        check_capabilities(diagnosis);
        check_paranoid(diagnosis);
        check_counters(diagnosis);
}
