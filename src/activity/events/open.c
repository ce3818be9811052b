/* SPDX-License-Identifier: Apache-2.0
 *
 * Events on CPUs, by perf_event_open(2): see events.h.
 */
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "activity/events/events.h"

const struct jk_event_code *
jk_event_code(const struct jk_counted *event, int cpu)
{
        for (size_t i = 0; i < event->n_codes; i++)
                if (event->codes[i].everywhere ||
                    (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &event->codes[i].cpus)))
                        return &event->codes[i];

        return NULL;
}

int
jk_event_open(const struct jk_counted *event, int cpu, uint64_t read_format, bool disabled,
              int group_fd)
{
        const struct jk_event_code *code = jk_event_code(event, cpu);
        struct perf_event_attr attr = {
                .size = sizeof attr,
                .read_format = read_format,
                .disabled = disabled,
        };
        long fd;

        if (!code)
                return -ENOENT;
        attr.type = code->type;
        attr.config = code->configs[0];
        attr.config1 = code->configs[1];
        attr.config2 = code->configs[2];
        fd = syscall(SYS_perf_event_open, &attr, -1, cpu, group_fd, PERF_FLAG_FD_CLOEXEC);
        return fd < 0 ? -errno : (int)fd;
}

const char *
jk_event_why_not(int code)
{
        switch (code < 0 ? -code : code) {
        case EACCES:
        case EPERM:
                return "not permitted; run as root, grant CAP_PERFMON, or sysctl "
                       "kernel.perf_event_paranoid=0";
        case ENOENT:
        case EOPNOTSUPP:
        case ENODEV:
        case ENXIO:
                return "this CPU does not count it, or the machine has no counters (a virtual one "
                       "needs a PMU: QEMU: -cpu host,pmu=on)";
        case EINVAL:
                return "the kernel takes no such number; see perf list";
        case EMFILE:
        case ENFILE:
                return "too many open files; raise LimitNOFILE= or count fewer events";
        case EBUSY:
                return "somebody else has the counters to himself";
        case ENOSYS:
                return "the kernel has no perf events; use one with CONFIG_PERF_EVENTS=y";
        default:
                return strerror(code < 0 ? -code : code);
        }
}
