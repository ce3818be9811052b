/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/bpfstats.h"

#ifdef BENCH_BPF

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/cleanup.h"

static struct {
        unsigned int last_id_before;
        bool enabled;
} stats;

void
bpfstats_start(bool enable)
{
        unsigned int id = 0;

        while (bpf_prog_get_next_id(id, &id) == 0)
                stats.last_id_before = id;
        if (!enable)
                return;
        stats.enabled = bpf_enable_stats(BPF_STATS_RUN_TIME) >= 0;
        if (!stats.enabled)
                fprintf(stderr, "bench-tick: no BPF run-time statistics: %s\n", strerror(errno));
}

static bool
info_of(unsigned int id, struct bpf_prog_info *ret_info)
{
        __u32 length = sizeof *ret_info;
        jk_autoclose int fd = bpf_prog_get_fd_by_id(id);

        memset(ret_info, 0, sizeof *ret_info);
        return fd >= 0 && bpf_obj_get_info_by_fd(fd, ret_info, &length) == 0;
}

void
bpfstats_print(FILE *out)
{
        unsigned int id = stats.last_id_before;
        struct bpf_prog_info info;
        const char *separator = "";

        while (stats.enabled && bpf_prog_get_next_id(id, &id) == 0) {
                if (!info_of(id, &info) || info.run_cnt == 0)
                        continue;
                fprintf(out, "%s{\"name\": \"%s\", \"runs\": %llu, \"ns_per_run\": %.1f}",
                        separator, info.name, (unsigned long long)info.run_cnt,
                        (double)info.run_time_ns / (double)info.run_cnt);
                separator = ", ";
        }
}

#else

void
bpfstats_start(bool enable)
{
        if (enable)
                fprintf(stderr, "bench-tick: built without BPF\n");
}

void
bpfstats_print(FILE *out)
{
        (void)out;
}

#endif
